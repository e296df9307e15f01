//! Ctrl-C: once, and what is under way comes to its end while nothing further begins; twice, and it is
//! said what is unknown.

#[path = "e2e/mod.rs"]
mod e2e;

use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use e2e::{Bench, Json, Run, until, up};
use rustix::process::{Pid, Signal, kill_process};

/// One script, whose second step waits in its validator until it is let go.
const STEPS: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - name: before
      copy: {content: x, dest: /srv/before}
    - name: waits
      copy: {content: x, dest: /srv/waits, validate: /usr/bin/waits %s}
    - name: after
      copy: {content: x, dest: /srv/after}
    - name: large
      copy: {content: \"{{ 'y' * 100000 }}\", dest: /srv/large}
    - name: many
      copy: {content: x, dest: '/srv/{{ item }}'}
      loop: [one, two]
";

const WAITER: &str = "#!/bin/sh
touch /run/begun; until [ -e /run/go ]; do sleep 0.02; done
";

/// A run that can be heard while it goes on.
struct Going {
    child: Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
    heard: Vec<String>,
}

impl Going {
    /// Starts it and waits until the first host is inside its step.
    fn start(bench: &Bench, hosts: &[&str], options: &[&str]) -> Going {
        Going::start_by(bench, hosts, options, &[])
    }

    /// The same, started by a program.
    fn start_by(bench: &Bench, hosts: &[&str], options: &[&str], by: &[&str]) -> Going {
        let play = bench.write("steps.yml", STEPS);
        for host in hosts {
            bench.put(host, "/usr/bin/waits", WAITER);
            bench.on(host, "chmod 755 /usr/bin/waits");
        }
        let mut command = bench.palisade(&play, options);
        command.arg("--json");
        if let [program, words @ ..] = by {
            let mut outer = Command::new(program);
            outer.args(words).arg(command.get_program());
            outer.args(command.get_args());
            bench.surround(&mut outer);
            command = outer;
        }
        command.stdout(Stdio::piped());
        command.stderr(std::fs::File::create(bench.path("said")).unwrap());
        let mut child = command.spawn().unwrap();
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let begun = until(Duration::from_secs(30), || {
            !bench.on("lab1", "ls /run/begun 2>/dev/null").is_empty()
        });
        assert!(begun);
        Going {
            child,
            lines,
            heard: Vec::new(),
        }
    }

    fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Reads on to an event of this name.
    fn event(&mut self, name: &str) -> Json {
        loop {
            let line = self.lines.next().expect("it ended").unwrap();
            let json: Json = serde_json::from_str(&line).unwrap();
            self.heard.push(line);
            if json["event"] == name {
                return json;
            }
        }
    }

    fn end(mut self, bench: &Bench) -> Run {
        self.heard.extend(self.lines.map(Result::unwrap));
        let status = self.child.wait().unwrap();
        Run::of(&std::process::Output {
            status,
            stdout: self.heard.join("\n").into_bytes(),
            stderr: std::fs::read(bench.path("said")).unwrap(),
        })
    }
}

/// The names of tasks that were not run on the host.
fn not_run(run: &Run, host: &str) -> Vec<String> {
    let of = run.events.iter().filter(|e| e["event"] == "not_run");
    let tasks = of
        .filter(|e| e["host"] == host)
        .flat_map(|e| e["tasks"].as_array().unwrap());
    tasks
        .map(|t| t["name"].as_str().unwrap().to_owned())
        .collect()
}

/// What the newest journal says became of a task on a host.
fn noted(bench: &Bench, host: &str, task: &str) -> String {
    let newest = bench.journals().into_iter().max().unwrap();
    let text = std::fs::read_to_string(newest).unwrap();
    let lines: Vec<Json> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let of = |l: &&Json| l["host"] == host && l["task"] == task;
    let intent = lines.iter().find(of).expect("an intent")["intent"].clone();
    let outcome = lines.iter().find(|l| l["outcome"] == intent);
    outcome.expect("an outcome")["is"].as_str().unwrap().into()
}

#[test]
fn after_ctrl_c_no_further_step_of_a_sent_script_begins() {
    let Some(bench) = up("a", 1) else { return };
    let mut going = Going::start(&bench, &["lab1"], &[]);
    going.interrupt();
    assert_eq!(going.event("stopping")["heard"], true);
    bench.on("lab1", "touch /run/go");
    let run = going.end(&bench).expect(130);
    assert_eq!(bench.on("lab1", "ls -A /srv"), "before\nwaits");
    assert_eq!(run.count("lab1", "changed"), 2, "{run}");
    for what in ["failed", "unknown", "unreachable"] {
        assert_eq!(run.count("lab1", what), 0, "{run}");
    }
    assert_eq!(not_run(&run, "lab1"), ["after", "large", "many"]);
    assert_eq!(noted(&bench, "lab1", "waits"), "done");
    assert_eq!(noted(&bench, "lab1", "many"), "not run");
    // What is left to do is done by the next run.
    let again = bench.run(&bench.path("steps.yml"), &[]).expect(0);
    assert_eq!(again.count("lab1", "changed"), 3, "{again}");
}

#[test]
fn a_terminal_that_is_closed_stops_a_run_as_ctrl_c_does() {
    let Some(bench) = up("e", 1) else { return };
    let mut going = Going::start(&bench, &["lab1"], &[]);
    going.signal(Signal::HUP);
    assert_eq!(going.event("stopping")["heard"], true);
    bench.on("lab1", "touch /run/go");
    let run = going.end(&bench).expect(129);
    assert_eq!(not_run(&run, "lab1"), ["after", "large", "many"]);
    assert_eq!(noted(&bench, "lab1", "waits"), "done");
    // Who says that it shall go on without a terminal is believed.
    bench.on("lab1", "rm /run/go /run/begun /srv/waits");
    let ignoring = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"];
    let going = Going::start_by(&bench, &["lab1"], &[], &ignoring);
    going.signal(Signal::HUP);
    bench.on("lab1", "touch /run/go");
    going.end(&bench).expect(0);
    assert_eq!(noted(&bench, "lab1", "many"), "done");
}

#[test]
fn ctrl_c_reaches_a_shell_of_another_user() {
    let Some(bench) = up("b", 1) else { return };
    if !std::path::Path::new("/usr/bin/sudo").exists() {
        eprintln!("skipped: sudo is not installed");
        return;
    }
    let mut going = Going::start(&bench, &["lab1"], &["-e", "ansible_user=deploy", "-b"]);
    going.interrupt();
    assert_eq!(going.event("stopping")["heard"], true);
    bench.on("lab1", "touch /run/go");
    let run = going.end(&bench).expect(130);
    assert_eq!(not_run(&run, "lab1"), ["after", "large", "many"]);
    assert_eq!(bench.on("lab1", "ls -A /srv"), "before\nwaits");
}

#[test]
fn a_second_ctrl_c_leaves_at_once_and_says_what_is_unknown() {
    let Some(bench) = up("c", 2) else { return };
    bench.on("lab2", "touch /run/go");
    let mut going = Going::start(&bench, &["lab1", "lab2"], &[]);
    // The other host has come to its end.
    let other = until(Duration::from_secs(30), || {
        !bench.on("lab2", "ls /srv/two 2>/dev/null").is_empty()
    });
    assert!(other);
    going.interrupt();
    going.event("stopping");
    let from = Instant::now();
    going.interrupt();
    let run = going.end(&bench).expect(130);
    assert!(
        from.elapsed() < Duration::from_secs(5),
        "{:?}",
        from.elapsed()
    );
    assert_eq!(run.count("lab1", "changed"), 1, "{run}");
    assert_eq!(run.count("lab1", "unknown"), 1, "{run}");
    assert!(run.with("unknown").contains("lab1 /waits "), "{run}");
    let said = run.result("lab1", "waits")["msg"].as_str().unwrap();
    assert!(
        said.contains("nor of the 3 tasks that were sent with it"),
        "{said}"
    );
    assert_eq!(run.count("lab2", "changed"), 5, "{run}");
    assert_eq!(noted(&bench, "lab1", "before"), "done");
    for task in ["waits", "after", "many"] {
        assert_eq!(noted(&bench, "lab1", task), "unknown", "{task}");
    }
    bench.on("lab1", "touch /run/go");
}

#[test]
fn a_host_that_cannot_be_told_to_stop_says_so_and_finishes_what_it_was_sent() {
    let Some(bench) = up("d", 1) else { return };
    bench.on(
        "lab1",
        "printf 'MaxSessions 1\\n' >/etc/ssh/sshd_config.d/few.conf",
    );
    bench.lab.restart(&[]).unwrap();
    let mut going = Going::start(&bench, &["lab1"], &[]);
    going.interrupt();
    assert_eq!(going.event("stopping")["heard"], false);
    bench.on("lab1", "touch /run/go");
    let run = going.end(&bench).expect(130);
    assert_eq!(run.count("lab1", "changed"), 5, "{run}");
    assert!(not_run(&run, "lab1").is_empty(), "{run}");
}
