//! Facts of this machine, by a shell of its own.

use std::io::Write;
use std::process::{Command, Stdio};

use palisade::resource::facts::Request;
use palisade::resource::prelude::prelude;
use palisade::resource::reply::records;
use palisade::resource::{Probe, Query, Resource, State};
use palisade::source::Mapping;

const NONCE: &str = "0123456789abcdef0123456789abcdef";

fn query(request: Request) -> Query {
    Query::meta(Resource::Facts(request))
}

/// Everything a shell is told: who it is to be, and the questions.
pub(crate) fn text(request: Request) -> String {
    let probe = Probe::new(&[query(request)]);
    format!(
        "{}{{ {}\n}} </dev/null\npl_end 1 $?\n",
        prelude(NONCE),
        probe.script.text()
    )
}

/// The bytes a shell answers the questions with: records, as the reader of a probe gets them.
pub(crate) fn ask(words: &[&str], request: Request) -> Vec<u8> {
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let sent = text(request);
    let writer = std::thread::spawn(move || stdin.write_all(sent.as_bytes()));
    let out = child.wait_with_output().unwrap().stdout;
    writer.join().unwrap().unwrap();
    let find = |mark: &str| out.windows(mark.len()).position(|w| w == mark.as_bytes());
    let hello = find(&format!("\u{1}HELLO {NONCE}")).unwrap();
    let start = hello + out[hello..].iter().position(|b| *b == b'\n').unwrap() + 1;
    let end = find(&format!("\n\u{1}END {NONCE}")).unwrap();
    out[start..end].to_vec()
}

/// What the records tell.
pub(crate) fn read(request: Request, bytes: &[u8]) -> Mapping {
    let states = Probe::new(&[query(request)])
        .read(&records(bytes).unwrap())
        .unwrap();
    match &states[0].1 {
        State::Facts(facts) => facts.0.clone(),
        other => panic!("{other:?}"),
    }
}
