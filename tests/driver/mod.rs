//! Drives a real shell as `host::shell` does: keeps it open, sends a request, reads up to its trailer.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of this"
)]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use palisade::resource::apply::{Apply, ApplyOptions, Reply, RunContext, StepOutcome};
use palisade::resource::file::{FileState, Node};
use palisade::resource::prelude::{hello, prelude};
use palisade::resource::program::Ran;
use palisade::resource::reply::{Record, records};
use palisade::resource::{
    Change, Content, Exec, Hello, Probe, Query, RemotePath, Resource, Run, State,
};

pub const NONCE: &str = "0123456789abcdef0123456789abcdef";

/// The shells of this machine, each as the words that start it reading its standard input.
pub fn shells() -> Vec<Vec<&'static str>> {
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

pub struct Shell {
    pub child: Child,
    pub hello: Hello,
    pub sequence: u32,
    pub loaded: bool,
    pub name: String,
}

impl Shell {
    pub fn open(words: &[&str]) -> Shell {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        Shell::start(command, words.join(" "))
    }

    pub fn start(mut command: Command, name: String) -> Shell {
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
    pub fn until(&mut self, mark: &str, line: bool) -> Vec<u8> {
        let out = self.child.stdout.as_mut().unwrap();
        let mut got = Vec::new();
        let mut buffer = [0; 65536];
        loop {
            let from = got.len().saturating_sub(buffer.len() + 200);
            // Every mark has this byte second.
            let is_mark = |i: &usize| got[*i + 1] == 1 && got[*i..].starts_with(mark.as_bytes());
            let found = (from..got.len().saturating_sub(1)).rev().find(is_mark);
            if let Some(at) = found
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

    pub fn ask(&mut self, body: &str) -> Vec<Record> {
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

    pub fn probe(&mut self, queries: &[Query]) -> Vec<State> {
        let probe = Probe::new(queries);
        let records = self.ask(probe.script.text());
        let answers = probe.read(&records).unwrap();
        queries
            .iter()
            .map(|q| answers.iter().find(|(a, _)| a == q).unwrap().1.clone())
            .collect()
    }

    pub fn apply(&mut self) -> Apply {
        let token = format!("t{:030}x{}", std::process::id(), self.sequence);
        let options = ApplyOptions {
            token,
            loaded: self.loaded,
            lock_wait: 5,
        };
        self.loaded = true;
        Apply::new(options)
    }

    pub fn send(&mut self, mut apply: Apply) -> Reply {
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

    pub fn set(&mut self, change: &Change) -> StepOutcome {
        let mut apply = self.apply();
        apply.change(change, &self.hello.clone()).unwrap();
        self.send(apply).steps.remove(0)
    }

    pub fn run(&mut self, run: &Run, context: &RunContext) -> Ran {
        let mut apply = self.apply();
        apply.run(run, context).unwrap();
        match self.send(apply).steps.remove(0) {
            StepOutcome::Ran(ran) => ran,
            other => panic!("{}: {other:?}", self.name),
        }
    }

    pub fn file(&self, bytes: &[u8]) -> FileState {
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
pub static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

pub fn each_shell(mut test: impl FnMut(&mut Shell, &Path)) {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for words in shells() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        test(&mut Shell::open(&words), &path);
    }
}

pub fn at(path: &Path) -> Resource {
    Resource::File(RemotePath::new(path.to_str().unwrap()).unwrap())
}

pub fn names(dir: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    names.sort();
    names
}

pub fn argv(words: &[&str]) -> Run {
    Run::new(Exec::Argv(words.iter().map(|w| (*w).into()).collect()))
}

pub fn sh(text: &str) -> Run {
    Run::new(Exec::Shell {
        text: text.into(),
        executable: None,
    })
}
