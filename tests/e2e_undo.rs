//! The way back: what a run changed is as before, what somebody else changed since is left alone.

#[path = "e2e/mod.rs"]
mod e2e;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use e2e::{Bench, Json, PALISADE, Run, output, up};
use palisade::lab::changes::Difference;

/// `palisade undo`, of the last run unless the words say otherwise.
fn undo(bench: &Bench, words: &[&str]) -> Run {
    let mut command = Command::new(PALISADE);
    command.arg("undo").args(words).arg("--json");
    bench.surround(&mut command);
    Run::of(&output(&mut command))
}

/// What the undo listed under this name.
fn listed(run: &Run, what: &str) -> Vec<String> {
    let line = run
        .events
        .iter()
        .find(|e| e["event"] == "undo")
        .expect("a last line");
    let text = |v: &Json| v.as_str().unwrap_or_default().to_owned();
    let of = |v: &Json| {
        format!(
            "{} {} {}",
            text(&v["host"]),
            text(&v["on"]),
            text(&v["why"])
        )
    };
    line[what].as_array().unwrap().iter().map(of).collect()
}

/// What of a host's files is not as it was made, without what tools leave behind by themselves.
fn tree(bench: &Bench, host: &str) -> BTreeSet<String> {
    // Copies that account tools make, the numbers given away, and the guard's own record.
    let noise = |d: &Difference| {
        let path = d.path.to_string_lossy();
        let own = path.starts_with("/var/lib/palisade") || path.starts_with("/run");
        own || path.starts_with("/etc/") && (path.ends_with('-') || path.contains("/.pwd"))
            || path.starts_with("/etc/sub")
            // What systemctl tells an init script of the same name.
            || path.starts_with("/etc/rc")
            || path == "/etc/systemd/system/sysinit.target.wants"
    };
    let changes = bench.lab.changes(host).unwrap().into_iter();
    let lines = changes.filter(|d| !noise(d));
    lines
        .map(|d| format!("{:?} {}", d.kind, d.path.display()))
        .collect()
}

/// What an overlay does not tell: bytes, modes and owners of what it calls changed.
fn state(bench: &Bench, host: &str) -> (BTreeSet<String>, String) {
    let script = "for f in /etc/motd /etc/issue.net /etc/passwd /etc/group /etc/shadow /etc/issue \
                  /etc/ssh/sshd_config; do [ ! -e $f ] || { stat -c '%n %a %u:%g' $f; sha256sum <$f; }; done";
    (tree(bench, host), bench.on(host, script))
}

const CHANGES: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: motd, copy: {content: \"new\\n\", dest: /etc/motd, mode: '0600'}}
    - {name: folder, file: {path: /srv/a/b, state: directory, mode: '0750'}}
    - {name: fresh, copy: {content: \"x\\n\", dest: /srv/a/b/file}, notify: say}
    - {name: line, lineinfile: {path: /srv/a/b/file, line: second}}
    - {name: owned, file: {path: /etc/issue.net, owner: games, mode: '0400'}}
    - {name: linked, file: {src: /etc/motd, dest: /srv/link, state: link}}
    - {name: gone, file: {path: /etc/issue, state: absent}}
    - {name: people, group: {name: people, gid: 4242}}
    - {name: ann, user: {name: ann, uid: 4243, group: people, shell: /bin/sh}}
    - {name: games, user: {name: games, shell: /bin/false}}
    - {name: opaque, command: 'true'}
  handlers:
    - {name: say, shell: echo said >>/run/said}
";

#[test]
fn everything_is_as_before_and_an_undo_can_be_undone() {
    let Some(bench) = up("a", 2) else { return };
    let hosts = ["lab1", "lab2"];
    let before = hosts.map(|h| state(&bench, h));
    bench.play(CHANGES, &[]).expect(0);
    let changed = hosts.map(|h| state(&bench, h));
    assert_ne!(before, changed);

    let shown = undo(&bench, &["--check"]).expect(0);
    assert_eq!(shown.count("lab1", "changed"), 10, "{shown}");
    assert_eq!(hosts.map(|h| state(&bench, h)), changed);

    let back = undo(&bench, &[]).expect(0);
    assert_eq!(hosts.map(|h| state(&bench, h)), before, "{back}");
    // The handler ran after the change, and after it was taken back.
    assert_eq!(bench.on("lab1", "cat /run/said"), "said\nsaid");
    let never = listed(&back, "irreversible");
    assert_eq!(never.len(), 2, "{never:?}");
    assert!(never[0].starts_with("lab1 command "), "{never:?}");

    // The undo is the last run now.
    let again = undo(&bench, &[]).expect(0);
    assert_eq!(
        hosts.map(|h| tree(&bench, h)),
        changed.map(|c| c.0),
        "{again}"
    );
    assert_eq!(bench.on("lab2", "cat /srv/a/b/file"), "x\nsecond");
}

#[test]
fn what_somebody_changed_since_is_left_alone_and_named() {
    let Some(bench) = up("b", 2) else { return };
    let before = state(&bench, "lab2");
    bench.play(CHANGES, &[]).expect(0);
    bench.on(
        "lab1",
        "echo mine >>/etc/motd; touch /srv/a/mine; chmod 700 /srv/a/b",
    );
    let back = undo(&bench, &[]);
    let left = listed(&back, "left_alone");
    assert_eq!(
        left,
        [
            "lab1 /srv/a/b its mode is 0700 now, not 0750",
            "lab1 /etc/motd its content is another"
        ],
        "{back}"
    );
    // A directory that is not empty is not removed; all else was put back.
    assert_eq!(back.code, Some(2), "{back}");
    assert_eq!(
        bench.on("lab1", "cat /etc/motd; ls -A /srv /srv/a"),
        "new\nmine\n/srv:\na\n\n/srv/a:\nb\nmine"
    );
    assert_eq!(state(&bench, "lab2"), before);
}

#[test]
fn one_path_one_task_one_host() {
    let Some(bench) = up("c", 2) else { return };
    bench.play(CHANGES, &[]).expect(0);
    undo(&bench, &["--only", "/srv/a/b", "--host", "lab1"]).expect(0);
    assert_eq!(bench.on("lab1", "ls -A /srv/a; cat /etc/motd"), "new");
    assert_eq!(bench.on("lab2", "cat /srv/a/b/file"), "x\nsecond");
    // Runs are named by how they begin; the first of these is of the playbook.
    let mut runs = bench.journals();
    runs.sort();
    let name = runs[0].file_stem().unwrap().to_str().unwrap().to_owned();
    undo(&bench, &[&name, "--only", "line", "--host", "lab2"]).expect(0);
    assert_eq!(bench.on("lab2", "cat /srv/a/b/file"), "x");
    // What came first is taken out of what came later.
    bench.play(CHANGES, &[]).expect(0);
    let run = undo(&bench, &[&name, "--only", "fresh", "--host", "lab2"]).expect(0);
    assert_eq!(bench.on("lab2", "cat /srv/a/b/file"), "second", "{run}");
    let none = undo(&bench, &["--only", "no such task"]);
    assert_eq!(none.code, Some(1), "{none}");
}

#[test]
fn the_way_back_is_guarded_as_the_way_there_was() {
    let Some(bench) = up("d", 1) else { return };
    let play = "
- hosts: all
  gather_facts: false
  tasks:
    - name: sshd
      lineinfile: {path: /etc/ssh/sshd_config, line: LoginGraceTime 44, insertbefore: BOF}
      notify: read it
  handlers:
    - {name: read it, shell: kill -HUP $(cat /run/sshd.pid)}
";
    let before = state(&bench, "lab1");
    bench.play(play, &[]).expect(0);
    assert!(bench.on("lab1", "sshd -T").contains("logingracetime 44"));
    let back = undo(&bench, &[]).expect(0);
    let guards = back.events.iter().filter(|e| e["event"] == "guard");
    let stages: Vec<_> = guards.map(|e| e["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["armed", "confirmed"], "{back}");
    assert_eq!(state(&bench, "lab1"), before);
}

#[test]
fn what_was_not_kept_is_said_and_secrets_are_not_kept() {
    let Some(bench) = up("e", 1) else { return };
    let play = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: open, copy: {content: new, dest: /etc/motd}}
    - {name: hidden, no_log: true, copy: {content: secret, dest: /etc/issue.net}}
    - {name: folder, file: {path: /etc/skel, state: absent}}
";
    bench.on("lab1", "echo WORD >/etc/issue.net");
    bench.play(play, &["--no-undo-data"]).expect(0);
    let back = undo(&bench, &[]).expect(6);
    let never = listed(&back, "irreversible");
    assert_eq!(
        never,
        [
            "lab1 /etc/skel what was in a directory is not kept",
            "lab1 /etc/issue.net it may not be shown (no_log), so what was there before is not kept",
            "lab1 /etc/motd its old content is not kept",
        ],
        "{back}"
    );
    // Nothing but when it was looked for what is old.
    let kept = std::fs::read_dir(bench.path("state/palisade/contents")).unwrap();
    let kept: Vec<_> = kept.flatten().map(|e| e.file_name()).collect();
    assert_eq!(kept, ["looked"]);
    let kept = "- {hosts: all, gather_facts: false, tasks: [{copy: {content: b, dest: /etc/issue.net}, no_log: true}]}";
    bench.play(kept, &[]).expect(0);
    let found = Command::new("grep")
        .args(["-rE", "WORD|secret"])
        .arg(bench.path("state"))
        .output()
        .unwrap();
    assert!(found.stdout.is_empty(), "{found:?}");
}

/// A part of `tests/undo/actions.yml`: tasks by action.
type Tasks = BTreeMap<String, Vec<serde_yaml::Value>>;

/// What is not taken back, and why.
#[derive(serde::Deserialize)]
struct Never {
    why: String,
    #[serde(default)]
    tasks: Vec<serde_yaml::Value>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
struct Actions {
    reversible: Tasks,
    irreversible: BTreeMap<String, Never>,
    changes_nothing: Vec<String>,
}

impl Actions {
    fn read() -> Actions {
        serde_yaml::from_str(include_str!("undo/actions.yml")).unwrap()
    }

    /// A play of all tasks, each named by its action and a number.
    fn play(&self) -> String {
        let never = self.irreversible.iter();
        let never = never.flat_map(|(action, of)| of.tasks.iter().map(move |t| (action, t)));
        let all = self.reversible.iter();
        let all = all.flat_map(|(action, tasks)| tasks.iter().map(move |t| (action, t)));
        let named = |(n, (action, task)): (usize, (&String, &serde_yaml::Value))| {
            let mut task = task.clone();
            task["name"] = format!("{action} {n}").into();
            assert!(
                task.get(action.as_str()).is_some(),
                "{action} is by another"
            );
            task
        };
        let tasks: Vec<_> = all.chain(never).enumerate().map(named).collect();
        let tasks = serde_json::to_string(&tasks).unwrap();
        format!("[{{hosts: all, gather_facts: false, tasks: {tasks}}}]")
    }
}

#[test]
fn of_every_action_it_is_known_whether_it_is_taken_back() {
    let actions = Actions::read();
    let named = actions.reversible.keys().chain(actions.irreversible.keys());
    let mut named: Vec<&str> = named
        .chain(&actions.changes_nothing)
        .map(String::as_str)
        .collect();
    named.sort_unstable();
    let mut all: Vec<&str> = palisade::action::ACTIONS.iter().map(|s| s.name).collect();
    all.sort_unstable();
    assert_eq!(named, all, "tests/undo/actions.yml: each action once");
    let silent = actions
        .irreversible
        .iter()
        .find(|(_, never)| never.why.is_empty());
    assert!(
        silent.is_none(),
        "no reason: {silent:?}",
        silent = silent.map(|s| s.0)
    );
}

#[test]
fn after_every_action_the_host_is_as_before_once_it_is_undone() {
    if !std::path::Path::new("/var/cache/palisade-tests/complete").exists() {
        eprintln!("skipped: packages were not fetched (tests/install-deps)");
        return;
    }
    let Some(bench) = up("g", 0) else { return };
    if !bench.systemd() {
        return;
    }
    bench.shelf("sd1");
    let prepare = [
        include_str!("controls/functions"),
        include_str!("undo/prepare"),
    ]
    .concat();
    bench.on("sd1", &prepare);
    bench.write("page.j2", "#!/bin/sh\n{{ 1 + 1 }}\n");
    bench.write("made.sh", "touch /srv/by-script\n");
    bench.write("folder/deeper/file", "x\n");
    let look = || -> BTreeSet<String> {
        let seen = bench.on("sd1", include_str!("undo/look"));
        seen.lines().map(str::to_owned).collect()
    };
    let (before, was) = (look(), tree(&bench, "sd1"));
    let actions = Actions::read();
    // What is guarded is tested elsewhere.
    let run = bench.play(&actions.play(), &["--guard", "off"]).expect(0);
    let changed = run.with("changed");
    let idle = actions.reversible.iter().find(|(action, tasks)| {
        let of = |line: &&String| line.starts_with(&format!("sd1 /{action} "));
        changed.iter().filter(of).count() != tasks.len()
    });
    assert!(idle.is_none(), "{idle:?} changed nothing: {changed:#?}");

    let back = undo(&bench, &["--guard", "off"]);
    let why = format!(
        "left alone: {:#?}, failed: {:#?}",
        listed(&back, "left_alone"),
        listed(&back, "failed")
    );
    assert_eq!(back.code, Some(0), "{why} {back}");
    let never = listed(&back, "irreversible");
    for (action, of) in &actions.irreversible {
        let why = &of.why;
        let said = never.iter().filter(|n| n.ends_with(why.as_str())).count();
        assert!(said >= of.tasks.len(), "{action}: {never:#?}");
    }
    let stays = |line: &&String| line.contains("/srv/by-") || line.contains("/srv/unpacked");
    let now = look();
    let of = |a: &BTreeSet<String>, b: &BTreeSet<String>| -> Vec<String> {
        a.difference(b).filter(|l| !stays(l)).cloned().collect()
    };
    let (lost, more) = (of(&before, &now), of(&now, &before));
    assert!(
        lost.is_empty() && more.is_empty(),
        "lost: {lost:#?}, more: {more:#?} {why}"
    );
    let now = tree(&bench, "sd1");
    assert_eq!((of(&was, &now), of(&now, &was)), (vec![], vec![]));
}

#[test]
fn services_kernel_parameters_and_hardening_on_a_host_with_systemd() {
    let Some(bench) = up("f", 0) else { return };
    if !bench.systemd() {
        return;
    }
    let services = "systemctl is-enabled cron; systemctl is-active cron; \
                    systemctl is-enabled apt-daily.timer; sysctl -n vm.swappiness";
    let (before, was) = (bench.on("sd1", services), state(&bench, "sd1"));
    let play = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: swap, sysctl: {name: vm.swappiness, value: '33'}}
    - {name: unit, copy: {dest: /etc/systemd/system/x.service, content: \"[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n\"}}
    - {name: x runs, systemd: {name: x, state: started, enabled: true, daemon_reload: true}}
    - {name: cron, service: {name: cron, state: started, enabled: true}}
    - {name: masked, systemd: {name: apt-daily.timer, masked: true}}
";
    bench.play(play, &[]).expect(0);
    assert_eq!(
        bench.on("sd1", "systemctl is-active x cron"),
        "active\nactive"
    );
    let back = undo(&bench, &[]).expect(0);
    assert_eq!(bench.on("sd1", services), before, "{back}");
    assert_eq!(
        bench.on(
            "sd1",
            "systemctl is-active x; systemctl show -P LoadState x"
        ),
        "inactive\nnot-found"
    );

    let ids = "sshd_ciphers,sshd_macs,sshd_config_mode,accounts_umask";
    let harden = |verb: &str, code: i32| -> Json {
        let mut command = Command::new(PALISADE);
        command.args([verb, "strict", "--json", "--only", ids, "-i"]);
        command.arg(bench.path("inventory.ini"));
        bench.surround(&mut command);
        let out = output(&mut command);
        assert_eq!(out.status.code(), Some(code), "{out:?}");
        serde_json::from_slice(&out.stdout).unwrap()
    };
    let failing = |report: &Json| -> BTreeSet<String> {
        let all = report["hosts"][0]["findings"].as_array().unwrap().iter();
        let bad = all.filter(|f| f["verdict"] == "fail");
        bad.map(|f| f["control"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = failing(&harden("audit", 3));
    assert_eq!(first.len(), 4, "{first:?}");
    harden("harden", 0);
    let one = undo(&bench, &["--only", "sshd_ciphers"]).expect(0);
    assert_eq!(one.count("sd1", "changed"), 2, "{one}");
    let audit = failing(&harden("audit", 3));
    assert_eq!(audit, BTreeSet::from(["sshd_ciphers".to_owned()]));
    // That one again, then all of them.
    undo(&bench, &[]).expect(0);
    harden("audit", 0);
    let mut runs = bench.journals();
    runs.sort();
    let of = |p: &std::path::Path| std::fs::read_to_string(p).unwrap();
    let hardened = runs
        .iter()
        .find(|p| of(p).contains("\"of\":[\"strict\"]"))
        .unwrap();
    let name = hardened.file_stem().unwrap().to_str().unwrap();
    let back = undo(&bench, &[name]).expect(0);
    assert_eq!(failing(&harden("audit", 3)), first, "{back}");
    let now: BTreeSet<_> = state(&bench, "sd1").0;
    assert_eq!(
        now.difference(&was.0).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
}
