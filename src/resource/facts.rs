//! Facts: what a host says of itself, under Ansible's names and in its shapes.
//!
//! One section of shell text gathers everything with a handful of processes: one `grep` reads all
//! files of /proc, /sys and /etc, the shell's own tests say what exists, and `ip`, `date`, `tr` (the
//! environment) and `stat -f` answer the rest. Nothing else runs on the host; all reading of it is
//! done here, by parsers that take any rubbish. Facts are data. The names at the top are a closed
//! set; a network interface adds one of its own only where that means nothing else.
//!
//! # Differences from Ansible's, on purpose
//!
//! - Nothing is executed for a fact's sake: no python, `lspci`, `lsblk`, `dmidecode`, `ethtool`, `vgs`,
//!   `capsh`, `facter`. So `devices.*.host` is empty, interfaces have no `features`, `lvm` is `N/A`,
//!   and DMI values are those of /sys.
//! - `python` knows the version of `python3` by the name of its file: `3.11`, no more.
//! - `env` is what the login gave the shell.
//! - The default route is the one in the kernel's main table; rules of policy routing are not asked.
//! - `user_id` is who the shell is, whatever `LOGNAME` says.
//! - A name of an interface that would be a variable of another meaning (`host`, `env`) gives no fact
//!   of its own; the interface is listed in `interfaces` all the same.

mod addresses;
mod answer;
mod clock;
mod device;
mod distribution;
mod hardware;
mod local;
mod manager;
mod network;
mod platform;
mod subset;
mod system;
mod virtualization;

use serde_yaml::{Mapping, Value};

use self::answer::Answer;
use self::subset::Group;
use super::reply::Record;
use super::script::{Script, place};
use super::{Query, Resource, State};

pub use self::subset::{NAMES, unknown_subset};

/// What is to be gathered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// `all`, `min`, `network`, `!hardware`, … as `gather_subset` takes them.
    pub subset: Vec<String>,
    /// Where local facts are (`/etc/ansible/facts.d`).
    pub fact_path: String,
    /// Seconds a slow question may take.
    pub timeout: u32,
}

impl Default for Request {
    fn default() -> Request {
        Request {
            subset: vec!["all".into()],
            fact_path: "/etc/ansible/facts.d".into(),
            timeout: 10,
        }
    }
}

/// Facts by name, without the `ansible_` prefix.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Facts(pub Mapping);

/// Lines read of one file: a host with more routes or mounts than this has none beyond.
const MAX_LINES: usize = 8192;
/// Bytes of one local fact.
const MAX_LOCAL: usize = 1024 * 1024;
/// Local facts read.
const MAX_LOCAL_FILES: usize = 256;
/// Bytes of an answer: what is longer is no answer but an attack.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

const SCRIPT: &str = include_str!("facts/facts.sh");

pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    for query in queries {
        script.ask(&text(query));
    }
}

fn request(query: &Query) -> Option<&Request> {
    match &query.on {
        Resource::Facts(request) => Some(request),
        _ => None,
    }
}

/// The blocks of the script that the wanted groups need.
fn text(query: &Query) -> String {
    let Some(request) = request(query) else {
        return ":".into();
    };
    let wanted = subset::select(&request.subset);
    let mut keep = true;
    let mut out = String::new();
    for line in SCRIPT.lines() {
        if let Some(groups) = line.strip_prefix("#+") {
            keep = groups.is_empty()
                || groups
                    .split_whitespace()
                    .any(|g| g == "files" || wanted.iter().any(|w| w.name() == g));
        } else if keep {
            out.push_str(line);
            out.push('\n');
        }
    }
    super::prelude::sent(&out)
        .replace("@TIMEOUT@", &request.timeout.clamp(1, 3600).to_string())
        .replace("@PATH@", &place(&request.fact_path))
        .replace("@LINES@", &MAX_LINES.to_string())
        .replace("@BYTES@", &MAX_LOCAL.to_string())
        .replace("@FILES@", &MAX_LOCAL_FILES.to_string())
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let mut states = Vec::with_capacity(queries.len());
    for (query, record) in queries.iter().zip(records) {
        let Some(request) = request(query) else {
            return Err("an answer about facts to another question".into());
        };
        if record.payload.len() > MAX_ANSWER {
            states.push(State::Refused("its facts are too long".into()));
            continue;
        }
        states.push(State::Facts(facts(request, &record.payload)));
    }
    Ok(states)
}

fn facts(request: &Request, payload: &[u8]) -> Facts {
    let answer = Answer::read(payload);
    let wanted = subset::select(&request.subset);
    let has = |group: Group| wanted.contains(&group);
    let mut out = Mapping::new();
    if has(Group::Network) {
        // First, so that whatever follows stands over a name that an interface chose.
        network::read(&answer, &mut out);
    }
    if has(Group::Platform) {
        platform::read(&answer, &mut out);
    }
    if has(Group::Distribution) {
        distribution::read(&answer, &mut out);
    }
    if has(Group::Hardware) {
        hardware::read(&answer, &mut out);
        device::read(&answer, &mut out);
    }
    if has(Group::Virtual) {
        virtualization::read(&answer, &mut out);
    }
    if has(Group::DateTime) {
        clock::read(&answer, &mut out);
    }
    if has(Group::Local) {
        put(&mut out, "local", local::read(&answer));
    }
    for group in &wanted {
        system::read(*group, &answer, &mut out);
    }
    put(&mut out, "gather_subset", request.subset.clone());
    put(&mut out, "module_setup", true);
    Facts(out)
}

fn put(map: &mut Mapping, name: &str, value: impl Into<Value>) {
    map.insert(Value::from(name), value.into());
}

/// A mapping of these entries.
fn mapping<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let mut map = Mapping::new();
    for (name, value) in entries {
        put(&mut map, name, value);
    }
    Value::Mapping(map)
}
