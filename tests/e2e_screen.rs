//! What a person at a terminal sees while a run goes on.

#[path = "e2e/mod.rs"]
mod e2e;

use std::io::Read;
use std::process::{Command, Stdio};

use e2e::{Bench, Running, up};

const TALKS: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: waits, shell: 'echo first word; while [ ! -e /run/go ]; do sleep 0.1; done; echo last word'}
    - {name: secret, shell: 'echo hidden word; while [ -e /run/go ]; do sleep 0.1; done', no_log: true}
";

/// Under a terminal of its own, by util-linux's `script`.
fn on_a_terminal(bench: &Bench) -> Option<Running> {
    let playbook = bench.write("talks.yml", TALKS);
    let run = bench.palisade(&playbook, &[]);
    let words = std::iter::once(run.get_program()).chain(run.get_args());
    let words: Vec<String> = words
        .map(|w| format!("'{}'", w.to_str().unwrap()))
        .collect();
    let line = format!("stty cols 120 rows 40; {}", words.join(" "));
    let mut command = Command::new("timeout");
    command.args(["60", "script", "-qfec", &line, "/dev/null"]);
    bench.surround(&mut command);
    command.env("TERM", "xterm").stdout(Stdio::piped());
    match command.spawn() {
        Ok(child) => Some(Running(child)),
        Err(e) => {
            eprintln!("skipped: no `script` here: {e}");
            None
        }
    }
}

#[test]
fn what_a_command_prints_is_seen_while_it_runs() {
    let Some(bench) = up("v", 1) else { return };
    let Some(mut running) = on_a_terminal(&bench) else {
        return;
    };
    let mut out = running.0.stdout.take().unwrap();
    let (mut seen, mut piece) = (String::new(), [0; 4096]);
    loop {
        let count = out.read(&mut piece).unwrap();
        assert!(count > 0, "it ended without a word: {seen}");
        seen.push_str(&String::from_utf8_lossy(&piece[..count]));
        if seen.contains("first word") {
            break;
        }
    }
    assert!(!seen.contains("last word"), "{seen}");
    bench.on("lab1", "touch /run/go");
    loop {
        let count = out.read(&mut piece).unwrap();
        assert!(count > 0, "it ended without its last word: {seen}");
        seen.push_str(&String::from_utf8_lossy(&piece[..count]));
        // The footer names the task that is not to be told of any further.
        if seen.contains("secret") {
            break;
        }
    }
    bench.on("lab1", "rm /run/go");
    out.read_to_string(&mut seen).unwrap();
    assert!(running.0.wait().unwrap().success(), "{seen}");
    assert!(
        seen.contains("last word") && seen.contains("changed"),
        "{seen}"
    );
    assert!(!seen.contains("hidden word"), "{seen}");
}
