//! Generated scripts, run by real shells: what is asked, written and run does what it says.
//!
//! A small driver stands in for `host::shell`: it keeps one shell open, sends a request and reads up
//! to its trailer.

#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests run real shells"
)]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use palisade::resource::apply::{Apply, ApplyOptions, Reply, RunContext, StepOutcome};
use palisade::resource::file::{FileState, Node};
use palisade::resource::prelude::{hello, prelude};
use palisade::resource::program::Ran;
use palisade::resource::reply::{Record, records};
use palisade::resource::{
    Change, Content, Exec, Hello, Probe, Query, RemotePath, Resource, Run, State, Want,
};

const NONCE: &str = "0123456789abcdef0123456789abcdef";

/// The shells of this machine, each as the words that start it reading its standard input.
fn shells() -> Vec<Vec<&'static str>> {
    let all: [(&str, &[&str]); 6] = [
        ("/usr/bin/dash", &["dash"]),
        ("/usr/bin/bash", &["bash", "--posix"]),
        ("/usr/bin/busybox", &["busybox", "sh"]),
        ("/usr/bin/ksh", &["ksh"]),
        ("/usr/bin/mksh", &["mksh"]),
        ("/usr/bin/zsh", &["zsh", "--emulate", "sh"]),
    ];
    all.iter()
        .filter(|(path, _)| Path::new(path).exists())
        .map(|(_, w)| w.to_vec())
        .collect()
}

struct Shell {
    child: Child,
    hello: Hello,
    sequence: u32,
    loaded: bool,
    name: String,
}

impl Shell {
    fn open(words: &[&str]) -> Shell {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        Shell::start(command, words.join(" "))
    }

    fn start(mut command: Command, name: String) -> Shell {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(prelude(NONCE).as_bytes())
            .unwrap();
        let mut shell = Shell {
            child,
            hello: Hello::default(),
            sequence: 0,
            loaded: false,
            name,
        };
        let text = shell.until(&format!("\n\u{1}HELLO {NONCE} "), true);
        shell.hello = hello(std::str::from_utf8(&text).unwrap()).unwrap();
        shell
    }

    /// Reads up to and including the line that begins with `mark`; gives what stands before it, or
    /// the line itself.
    fn until(&mut self, mark: &str, line: bool) -> Vec<u8> {
        let out = self.child.stdout.as_mut().unwrap();
        let mut got = Vec::new();
        let mut buffer = [0; 65536];
        loop {
            let from = got.len().saturating_sub(buffer.len() + 200);
            let found = got[from..]
                .windows(mark.len())
                .rposition(|w| w == mark.as_bytes());
            if let Some(at) = found.map(|at| at + from)
                && let Some(end) = got[at + mark.len()..].iter().position(|b| *b == b'\n')
            {
                let end = at + mark.len() + end;
                return if line {
                    got[at + mark.len()..end].to_vec()
                } else {
                    got[..at].to_vec()
                };
            }
            let n = out.read(&mut buffer).unwrap();
            assert!(
                n > 0,
                "{} ended: {}",
                self.name,
                String::from_utf8_lossy(&got)
            );
            got.extend_from_slice(&buffer[..n]);
        }
    }

    fn ask(&mut self, body: &str) -> Vec<Record> {
        self.sequence += 1;
        let text = format!("{{ {body}\n}} </dev/null\npl_end {} $?\n", self.sequence);
        self.child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let reply = self.until(&format!("\n\u{1}END {NONCE} {} ", self.sequence), false);
        records(&reply)
            .unwrap_or_else(|e| panic!("{}: {e}: {}", self.name, String::from_utf8_lossy(&reply)))
    }

    fn probe(&mut self, queries: &[Query]) -> Vec<State> {
        let probe = Probe::new(queries);
        let records = self.ask(probe.script.text());
        let answers = probe.read(&records).unwrap();
        queries
            .iter()
            .map(|q| answers.iter().find(|(a, _)| a == q).unwrap().1.clone())
            .collect()
    }

    fn apply(&mut self) -> Apply {
        let token = format!("t{:030}x{}", std::process::id(), self.sequence);
        let options = ApplyOptions {
            token,
            loaded: self.loaded,
            lock_wait: 5,
        };
        self.loaded = true;
        Apply::new(options)
    }

    fn send(&mut self, mut apply: Apply) -> Reply {
        for upload in apply.uploads() {
            let mut child = Command::new("sh")
                .args(["-c", &upload.command])
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            let bytes = upload.content.bytes.clone().unwrap();
            child.stdin.take().unwrap().write_all(&bytes).unwrap();
            assert!(child.wait().unwrap().success());
        }
        let script = apply.script().to_owned();
        let records = self.ask(&script);
        apply.read(&records, true).unwrap()
    }

    fn set(&mut self, change: &Change) -> StepOutcome {
        let mut apply = self.apply();
        apply.change(change, &self.hello.clone()).unwrap();
        self.send(apply).steps.remove(0)
    }

    fn run(&mut self, run: &Run, context: &RunContext) -> Ran {
        let mut apply = self.apply();
        apply.run(run, context).unwrap();
        match self.send(apply).steps.remove(0) {
            StepOutcome::Ran(ran) => ran,
            other => panic!("{}: {other:?}", self.name),
        }
    }

    fn file(&self, bytes: &[u8]) -> FileState {
        FileState::fresh(
            Node::File(Some(Content::new(bytes.to_vec()))),
            &self.hello.me,
        )
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

/// Shells take the same lock, so tests of one process take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn each_shell(mut test: impl FnMut(&mut Shell, &Path)) {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for words in shells() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        test(&mut Shell::open(&words), &path);
    }
}

fn at(path: &Path) -> Resource {
    Resource::File(RemotePath::new(path.to_str().unwrap()).unwrap())
}

fn names(dir: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    names.sort();
    names
}

fn argv(words: &[&str]) -> Run {
    Run::new(Exec::Argv(words.iter().map(|w| (*w).into()).collect()))
}

fn sh(text: &str) -> Run {
    Run::new(Exec::Shell {
        text: text.into(),
        executable: None,
    })
}

const NASTY: [&str; 12] = [
    "plain",
    "two words",
    "-rf",
    "--",
    "a'b\"c",
    "*",
    "$(id)`id`;id",
    "new\nline",
    "back\\slash",
    "ünï\u{a0}",
    " lead",
    "{a,b}~",
];

#[test]
fn paths_with_any_name_are_seen_as_they_are() {
    each_shell(|shell, dir| {
        let mut queries = Vec::new();
        for (i, name) in NASTY.iter().enumerate() {
            std::fs::write(dir.join(name), format!("{i}\0\u{1}\n{name}")).unwrap();
            queries.push(Query::new(at(&dir.join(name)), Want::CONTENT));
            queries.push(Query::new(
                at(&dir.join(format!("{name}.not"))),
                Want::DIGEST,
            ));
        }
        let states = shell.probe(&queries);
        for (i, name) in NASTY.iter().enumerate() {
            let file = states[2 * i]
                .file()
                .unwrap_or_else(|| panic!("{}: {name}", shell.name));
            let bytes = file.content().unwrap().bytes.as_deref().unwrap();
            assert_eq!(
                bytes,
                format!("{i}\0\u{1}\n{name}").as_bytes(),
                "{} {name}",
                shell.name
            );
            assert_eq!(states[2 * i + 1], State::Absent, "{} {name}", shell.name);
        }
    });
}

#[test]
fn a_new_file_is_written_and_seen() {
    each_shell(|shell, dir| {
        let contents = [
            &b"hello\nworld\n"[..],
            b"",
            b"no newline",
            b"\0\xff\x01%s\\n'\"\n",
            &[0xfe; 9000],
        ];
        for (i, bytes) in contents.into_iter().enumerate() {
            let path = dir.join(format!("{i} file"));
            let change = Change::new(at(&path), State::Absent, State::File(shell.file(bytes)));
            assert_eq!(
                shell.set(&change),
                StepOutcome::Done(vec![]),
                "{} {i}",
                shell.name
            );
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "{} {i}", shell.name);
            let seen = shell
                .probe(&[Query::new(at(&path), Want::DIGEST)])
                .remove(0);
            assert!(
                seen.same(&change.after),
                "{}: {seen:?} {:?}",
                shell.name,
                change.after
            );
            // The same again is not what was seen.
            let StepOutcome::Failed(failed) = shell.set(&change) else {
                panic!("no conflict")
            };
            assert!(failed.is_conflict(), "{}: {failed:?}", shell.name);
        }
        assert_eq!(names(dir).len(), 5, "{}: {:?}", shell.name, names(dir));
    });
}

#[test]
fn commands_run_and_tell() {
    each_shell(|shell, dir| {
        let none = RunContext::default();
        let ran = shell.run(&argv(&["printf", "%s|", "a b", "*", "", "-n"]), &none);
        assert_eq!(
            (ran.rc, ran.stdout.as_slice()),
            (0, &b"a b|*||-n|"[..]),
            "{}",
            shell.name
        );
        let ran = shell.run(
            &sh("echo out; echo err >&2; printf '\\0\\377'; exit 3"),
            &none,
        );
        assert_eq!(
            (ran.rc, ran.stdout, ran.stderr),
            (3, b"out\n\0\xff".to_vec(), b"err\n".to_vec()),
            "{}",
            shell.name
        );
        assert!(
            ran.end >= ran.start && ran.start > 1.0e9,
            "{}: {}",
            shell.name,
            ran.start
        );
        let ran = shell.run(&argv(&["no-such-tool"]), &none);
        let why = ran.not_started.as_deref();
        assert_eq!(why, Some("No such file or directory"), "{}", shell.name);
        let mut run = sh("cat; pwd; echo \"$A-$B\"");
        run.stdin = Some(Arc::from(&b"in\0put"[..]));
        run.chdir = Some(dir.to_str().unwrap().into());
        let context = RunContext {
            environment: vec![("A".into(), "x'y z".into()), ("B".into(), "$HOME".into())],
            ..RunContext::default()
        };
        let ran = shell.run(&run, &context);
        let want = format!("in\0put{}\nx'y z-$HOME\n", dir.display());
        assert_eq!(String::from_utf8_lossy(&ran.stdout), want, "{}", shell.name);
        let mut run = sh("echo");
        run.chdir = Some("/nowhere/at/all".into());
        let ran = shell.run(&run, &none);
        assert!(ran.not_started.is_some(), "{}: {}", shell.name, ran.rc);
    });
}
