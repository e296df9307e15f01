//! Runs of other verbs than `playbook` are gone on with as well, and what cannot be is said.

use super::e2e::{Run, up};
use super::{FAILS, log, prepared_hosts, resume, verb};

/// The handler of what was changed before the failure has run, and the command before it only once.
const DONE: &str = "cat /etc/seen; echo; ls /etc/told; grep -c x /etc/ran";

const PLANNED: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: conf, copy: {content: new, dest: /etc/conf}, notify: [reload, told]}
    - {name: ran, command: \"sh -c 'echo x >>/etc/ran; echo words'\"}
    - {name: stands, command: test -e /etc/stands}
  handlers:
    - {name: reload, command: cp /etc/conf /etc/seen}
    - {name: told, command: touch /etc/told}
";

#[test]
fn an_apply_and_a_fix_are_gone_on_with() {
    let Some(bench) = up("rv", 2) else {
        return;
    };
    let hosts = prepared_hosts(&bench);
    let (good, bad) = (&hosts[0], &hosts[1]);
    bench.on(good, "touch /etc/stands");
    let site = bench.write("play.yml", PLANNED).display().to_string();
    let inventory = bench.path("inventory.ini").display().to_string();
    let planned = verb(
        &bench,
        &["plan", &site, "-i", &inventory, "--out", "plan.json"],
    );
    assert!(bench.path("plan.json").exists(), "{planned}");
    let applied = verb(&bench, &["apply", "plan.json"]).expect(2);
    let said = format!("pending on {bad}: reload, told; `palisade resume` runs what is pending");
    assert!(applied.stderr.contains(&said), "{applied}");
    let run = log(&bench)[0]["run"].as_str().unwrap().to_owned();
    bench.on(bad, "touch /etc/stands");
    let resumed = resume(&bench, &[]).expect(0);
    assert_eq!(resumed.hosts(), std::slice::from_ref(bad), "{resumed}");
    for host in &hosts {
        assert_eq!(bench.on(host, DONE), "new\n/etc/told\n1", "{host}");
    }
    let over = verb(&bench, &["resume", &run]).expect(1);
    assert!(over.stderr.contains("went on with the run"), "{over}");
    let nothing = verb(&bench, &["apply", "plan.json"]);
    assert!(!nothing.stderr.contains("pending"), "{nothing}");

    // What made hosts as a playbook says, where one of them failed.
    bench.on(bad, "rm /etc/stands");
    for host in &hosts {
        bench.on(host, "rm -f /etc/conf /etc/seen /etc/told /etc/ran");
    }
    let site = bench.write("fails.yml", FAILS).display().to_string();
    let fix = ["drift", &site, "-i", &inventory, "--fix"];
    let fixed: Run = verb(&bench, &fix);
    assert!(fixed.stderr.contains(&said), "{fixed}");
    bench.on(bad, "touch /etc/stands");
    resume(&bench, &[]).expect(0);
    assert_eq!(bench.on(bad, DONE), "new\n/etc/told\n1");
    assert_eq!(bench.on(bad, "cat /etc/used"), "words");

    misused(&bench, &inventory, &run);
}

/// What somebody asks for that is not there, or not to be had.
fn misused(bench: &super::e2e::Bench, inventory: &str, run: &str) {
    let said = |words: &[&str], wanted: &str| {
        let out = verb(bench, words).expect(1);
        assert!(out.stderr.contains(wanted), "{words:?}: {out}");
    };
    for command in ["show", "resume", "undo"] {
        said(&[command, "1999"], "no run `1999` is recorded");
        said(&[command, "20"], "runs begin with `20`");
    }
    let runs = bench.path("state/palisade/runs");
    let text = std::fs::read_to_string(runs.join(format!("{run}.jsonl"))).unwrap();
    let newer = runs.join("20010101-000000-000000.jsonl");
    std::fs::write(
        &newer,
        "{\"version\":99,\"run\":\"20010101-000000-000000\"}\n",
    )
    .unwrap();
    let damaged = runs.join("20020202-000000-000000.jsonl");
    std::fs::write(&damaged, text.replacen("\"host\"", "\"hosts\"", 1)).unwrap();
    for command in ["show", "resume", "undo"] {
        said(&[command, "2001"], "written by a newer palisade");
        said(&[command, "2002"], "is damaged");
    }
    // Neither keeps other runs from being listed; what nobody can read is set aside, once.
    let list = verb(bench, &["log"]).expect(0);
    assert!(
        list.stderr.contains("set aside as") && list.stdout.contains(run),
        "{list}"
    );
    assert!(newer.exists() && !damaged.exists());
    // What `exec` ran is not recorded.
    let exec = ["exec", "all", "-i", inventory, "--", "false"];
    verb(bench, &exec).expect(2);
    let exec = log(bench)[0]["run"].as_str().unwrap().to_owned();
    said(&["resume", &exec], "what `exec` ran is not recorded");
    // Somebody goes on with it already.
    let path = runs.join(format!("{exec}.jsonl"));
    let held = std::fs::File::open(&path).unwrap();
    held.lock().unwrap();
    said(&["resume", &exec], "still under way");
}
