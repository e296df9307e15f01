//! What must not go wrong when things go wrong: killed controllers, cut cables, full disks, two runs at
//! once, files changed meanwhile, odd shells and servers. Nothing is torn, everything ends, and the next
//! run converges.

#[path = "e2e/mod.rs"]
mod e2e;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use e2e::{Bench, Run, Running, output, until, up};

/// A peer that is silent is given up after three seconds.
const ALERT: &[&str] = &[
    "--ssh-extra-args",
    "-o ServerAliveInterval=1 -o ServerAliveCountMax=2",
];

/// Every file says in each of its lines which version it is, and has as many lines as it should. The
/// last one is too large to travel in a script.
const VERSIONS: &str = "
- hosts: all
  gather_facts: false
  vars:
    sizes: {a: 1, b: 10, c: 100, d: 1000, e: 3, f: 30, g: 300, h: 20000}
  tasks:
    - name: small
      copy:
        content: \"{{ ('version ' ~ version ~ '\\n') * item.value }}\"
        dest: /srv/at/{{ item.key }}
        mode: '0640'
        owner: deploy
      loop: '{{ sizes | dict2items }}'
    - name: line
      lineinfile: {path: /srv/at/line, regexp: '^version', line: 'version {{ version }}', create: true}
    - name: marker
      command: touch /srv/at/made.{{ version }}
      args: {creates: '/srv/at/made.{{ version }}'}
";

/// Each file of the host is whole: one version, all of its lines.
const WHOLE: &str = r#"cd /srv/at 2>/dev/null || exit 0
for f in a:1 b:10 c:100 d:1000 e:3 f:30 g:300 h:20000 line:1; do
  n=${f#*:} f=${f%%:*}; [ -e $f ] || continue
  [ $(sort -u $f | wc -l) = 1 ] || echo "$f is mixed"
  [ $(wc -l <$f) = $n ] || echo "$f is cut: $(wc -l <$f) lines"
  [ $f = line ] || [ $(stat -c %a:%U $f) = 640:deploy ] || echo "$f has wrong ends: $(stat -c %a:%U $f)"
done"#;

#[track_caller]
fn assert_whole(bench: &Bench, host: &str) {
    assert_eq!(bench.on(host, WHOLE), "", "{host}");
}

/// Nothing of ours stays on a host whose session has ended.
#[track_caller]
fn assert_no_temporaries(bench: &Bench, host: &str) {
    let look =
        "find /srv /etc /tmp /var/tmp /root /home /run /mnt -name '.*palisade*' ! -name '*.lock'";
    assert!(
        until(Duration::from_secs(10), || bench.on(host, look).is_empty()),
        "{}",
        bench.on(host, look)
    );
}

fn made(bench: &Bench, hosts: &[&str]) {
    for host in hosts {
        bench.on(host, "mkdir -p /srv/at");
    }
}

#[test]
fn a_controller_killed_anywhere_leaves_whole_files_and_a_run_that_converges() {
    let Some(bench) = up("a", 3) else { return };
    let hosts = ["lab1", "lab2", "lab3"];
    made(&bench, &hosts);
    let play = bench.write("versions.yml", VERSIONS);
    let began = Instant::now();
    bench.run(&play, &["-e", "version=0"]).expect(0);
    let whole = began.elapsed();
    let lines = std::fs::read_to_string(&bench.journals()[0])
        .unwrap()
        .lines()
        .count();
    for n in 1..=24 {
        let version = format!("version={n}");
        let before = bench.journals().len();
        let mut command = bench.palisade(&play, &["-e", &version]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut run = Running(command.spawn().unwrap());
        let from = Instant::now();
        let mut ended = || run.0.try_wait().unwrap().is_some();
        if n % 2 == 0 {
            // At a step: when so many lines of the journal are written.
            let at = lines * n / 24;
            until(whole * 3, || {
                let runs = bench.journals();
                let newest = runs.iter().max().filter(|_| runs.len() > before);
                let text = newest.and_then(|p| std::fs::read_to_string(p).ok());
                text.is_some_and(|t| t.lines().count() >= at) || ended()
            });
        } else {
            let share = whole * u32::try_from(n).unwrap() / 24;
            until(whole * 3, || from.elapsed() >= share || ended());
        }
        drop(run);
        for host in hosts {
            assert_whole(&bench, host);
        }
    }
    for host in hosts {
        // What was sent ahead of a script that never came lies beside its file, for its owner only.
        let odd = r"find /srv /etc /tmp /var/tmp /root /run -name '.*palisade*' ! -name '*.lock' \
            ! \( -path '/srv/at/.h.palisade.*' -perm 600 \)";
        assert!(until(Duration::from_secs(10), || bench
            .on(host, odd)
            .is_empty()));
        bench.on(host, "rm -f /srv/at/.h.palisade.*");
    }
    bench.run(&play, &["-e", "version=99"]).expect(0);
    bench
        .run(&play, &["-e", "version=99"])
        .expect(0)
        .unchanged();
    for host in hosts {
        assert_whole(&bench, host);
        assert_eq!(bench.on(host, "cat /srv/at/line"), "version 99");
    }
    for journal in bench.journals() {
        let text = std::fs::read_to_string(journal).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        assert!(
            whole
                .lines()
                .all(|l| serde_json::from_str::<e2e::Json>(l).is_ok()),
            "{text}"
        );
    }
}

#[test]
fn a_host_that_was_never_there_does_not_hold_the_others() {
    let Some(bench) = up("b", 3) else { return };
    made(&bench, &["lab1", "lab2", "lab3"]);
    let play = bench.write("versions.yml", VERSIONS);
    bench.lab.cut("lab2").unwrap();
    let began = Instant::now();
    let run = bench.run(&play, &["-e", "version=1", "-T", "2"]).expect(4);
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(run.count("lab2", "unreachable"), 1);
    assert!(!run.unreachable("lab2").is_empty());
    for host in ["lab1", "lab3"] {
        assert_eq!(
            (run.count(host, "changed"), run.count(host, "failed")),
            (3, 0),
            "{run}"
        );
    }
    bench.lab.heal("lab2").unwrap();
    let again = bench.run(&play, &["-e", "version=1"]).expect(0);
    assert_eq!(
        (
            again.count("lab1", "changed"),
            again.count("lab2", "changed")
        ),
        (0, 3)
    );
}

/// The first host waits in a command until it is let go; the others do not.
const WAITS: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - name: before
      copy: {content: x, dest: /srv/before}
    - name: waits
      command: sh -c 'touch /srv/begun; until [ -e /srv/go ]; do sleep 0.02; done; touch /srv/over'
      args: {creates: /srv/over}
    - name: after
      copy: {content: x, dest: /srv/after}
";

/// Starts the run and waits until the first host is inside its command; then `fault` happens.
fn while_waiting(bench: &Bench, fault: impl FnOnce()) -> (Run, Duration) {
    let play = bench.write("waits.yml", WAITS);
    bench.on("lab2", "touch /srv/go");
    bench.on("lab1", "rm -f /srv/go /srv/begun /srv/over /srv/after");
    let mut command = bench.palisade(&play, ALERT);
    command
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let begun = until(Duration::from_secs(30), || {
        !bench.on("lab1", "ls /srv/begun 2>/dev/null").is_empty()
            || child.try_wait().unwrap().is_some()
    });
    assert!(begun);
    fault();
    let from = Instant::now();
    let run = Run::of(&child.wait_with_output().unwrap());
    (run, from.elapsed())
}

#[track_caller]
fn assert_unknown(bench: &Bench, run: &Run, took: Duration) {
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_eq!(run.code, Some(4), "{run}");
    assert_eq!(run.count("lab1", "unknown"), 1, "{run}");
    assert_eq!(run.count("lab2", "changed"), 3, "{run}");
    assert!(
        run.with("unknown").contains("lab1 /waits "),
        "{:?}",
        run.words()
    );
    let newest = bench.journals().into_iter().max().unwrap();
    let text = std::fs::read_to_string(newest).unwrap();
    let lines: Vec<e2e::Json> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let intent = lines
        .iter()
        .find(|l| l["host"] == "lab1" && l["task"] == "waits")
        .unwrap();
    let of = |l: &&e2e::Json| l["outcome"].is_u64() && l["outcome"] == intent["intent"];
    let outcome = lines.iter().find(of).expect("every intent has an outcome");
    assert_eq!(outcome["is"], "unknown", "{text}");
}

#[test]
fn a_cable_cut_in_the_middle_is_noticed_and_the_verdict_is_unknown() {
    let Some(bench) = up("c", 2) else { return };
    let (run, took) = while_waiting(&bench, || bench.lab.cut("lab1").unwrap());
    assert_unknown(&bench, &run, took);
    bench.lab.heal("lab1").unwrap();
    bench.on("lab1", "touch /srv/go");
    let play = bench.path("waits.yml");
    bench.run(&play, &[]).expect(0);
    bench.run(&play, &[]).expect(0).unchanged();
    assert_eq!(bench.on("lab1", "cat /srv/after"), "x");
}

#[test]
fn a_cable_that_is_mended_in_time_changes_nothing() {
    let Some(bench) = up("d", 2) else { return };
    let (run, _) = while_waiting(&bench, || {
        bench.lab.cut("lab1").unwrap();
        bench.on("lab1", "touch /srv/go");
        assert!(until(Duration::from_secs(10), || !bench
            .on("lab1", "ls /srv/over 2>/dev/null")
            .is_empty()));
        bench.lab.heal("lab1").unwrap();
    });
    let run = run.expect(0);
    assert_eq!(
        (
            run.count("lab1", "changed"),
            run.count("lab1", "unreachable")
        ),
        (3, 0)
    );
}

#[test]
fn a_frozen_host_is_given_up_and_goes_on_later() {
    let Some(bench) = up("e", 2) else { return };
    if bench.lab.freeze("lab1").is_err() {
        eprintln!("skipped: no control group can be written");
        return;
    }
    bench.lab.thaw("lab1").unwrap();
    let (run, took) = while_waiting(&bench, || bench.lab.freeze("lab1").unwrap());
    assert_unknown(&bench, &run, took);
    bench.lab.thaw("lab1").unwrap();
    bench.on("lab1", "touch /srv/go");
    bench.run(&bench.path("waits.yml"), &[]).expect(0);
}

#[test]
fn a_server_that_dies_is_no_success() {
    let Some(bench) = up("f", 2) else { return };
    let (run, took) = while_waiting(&bench, || bench.lab.kill_server("lab1").unwrap());
    assert_unknown(&bench, &run, took);
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let Some(bench) = up("g", 1) else { return };
    bench.lab.disk("lab1", "32k", "/mnt/disk").unwrap();
    bench.on("lab1", "echo old >/mnt/disk/file");
    let before = bench.on(
        "lab1",
        "cd /mnt/disk; ls -A; stat -c '%i %Y %a' file; cat file",
    );
    for lines in [5000, 20000] {
        let text = format!(
            "- hosts: lab1\n  gather_facts: false\n  tasks:\n    - name: large\n      copy:\n        \
             content: \"{{{{ 'some text\\n' * {lines} }}}}\"\n        dest: /mnt/disk/file\n"
        );
        let run = bench.play(&text, &[]).expect(2);
        let said = run.result("lab1", "large")["msg"]
            .as_str()
            .unwrap_or_default();
        assert!(said.to_lowercase().contains("no space left on"), "{said}");
        assert!(said.contains("/mnt/disk"), "{said}");
        assert_eq!(
            bench.on(
                "lab1",
                "cd /mnt/disk; ls -A; stat -c '%i %Y %a' file; cat file"
            ),
            before
        );
        assert_no_temporaries(&bench, "lab1");
    }
    // The disk of the host's own temporary files is full: files elsewhere can still be written.
    bench.lab.disk("lab1", "4k", "/tmp").unwrap();
    bench.on("lab1", "head -c 100000 /dev/zero >/tmp/filled");
    let text = "
- hosts: lab1
  gather_facts: false
  tasks:
    - copy: {content: new, dest: /srv/file}
    - name: who
      command: id -un
";
    let run = bench.play(text, &[]).expect(0);
    assert_eq!(run.result("lab1", "who")["stdout"], "root");
    assert_eq!(bench.on("lab1", "cat /srv/file"), "new");
}

#[test]
fn what_cannot_be_written_says_so_and_stays() {
    let Some(bench) = up("h", 1) else { return };
    bench.on(
        "lab1",
        "mkdir /mnt/ro; echo old >/mnt/ro/file; chmod 755 /mnt/ro",
    );
    let text = "
- hosts: lab1
  gather_facts: false
  tasks:
    - name: refused
      copy: {content: new, dest: /mnt/ro/file}
";
    let run = bench.play(text, &["-e", "ansible_user=deploy"]).expect(2);
    let said = run.result("lab1", "refused")["msg"]
        .as_str()
        .unwrap_or_default();
    assert!(
        said.contains("/mnt/ro") && said.to_lowercase().contains("writ"),
        "{said}"
    );
    assert_eq!(
        bench.on("lab1", "ls -A /mnt/ro; cat /mnt/ro/file"),
        "file\nold"
    );

    let mount = "mount -t tmpfs none /mnt/ro && echo old >/mnt/ro/file && mount -o remount,ro /mnt/ro && echo yes";
    if bench.on("lab1", mount) == "yes" {
        let run = bench.play(text, &[]).expect(2);
        let said = run.result("lab1", "refused")["msg"]
            .as_str()
            .unwrap_or_default();
        assert!(
            said.contains("/mnt/ro") && said.contains("Read-only file system"),
            "{said}"
        );
        assert_eq!(bench.on("lab1", "cat /mnt/ro/file"), "old");
    }
}

#[test]
fn a_host_without_a_place_for_temporary_files_works() {
    let Some(bench) = up("i", 1) else { return };
    let text = "
- hosts: lab1
  gather_facts: false
  tasks:
    - name: file
      copy: {content: \"{{ 'text\\n' * 40000 }}\", dest: /srv/mine/file}
    - name: said
      shell: echo out; echo err >&2
    - name: script
      script: say.sh one
";
    bench.write("say.sh", "#!/bin/sh\necho said $1\n");
    bench.on(
        "lab1",
        "mkdir -p /srv/mine; chown deploy /srv/mine; chmod 500 /home/deploy",
    );
    for state in ["chmod 755 /tmp /var/tmp", "rm -rf /tmp /var/tmp"] {
        bench.on("lab1", state);
        bench.on("lab1", "rm -f /srv/mine/file");
        let run = bench.play(text, &["-e", "ansible_user=deploy"]).expect(0);
        assert_eq!(run.result("lab1", "said")["stdout"], "out");
        assert_eq!(run.result("lab1", "said")["stderr"], "err");
        assert_eq!(run.result("lab1", "script")["stdout"], "said one\n");
        assert_eq!(bench.on("lab1", "wc -l </srv/mine/file"), "40000");
        assert_eq!(
            bench.on("lab1", "ls -A /srv/mine /srv"),
            "/srv:\nmine\n\n/srv/mine:\nfile"
        );
    }
}

#[test]
fn two_runs_at_once_take_turns() {
    let Some(bench) = up("j", 2) else { return };
    made(&bench, &["lab1", "lab2"]);
    let play = bench.write("versions.yml", VERSIONS);
    for round in 0..3 {
        let start = |n: u32| {
            let mut command = bench.palisade(&play, &["-e", &format!("version={n}")]);
            command
                .arg("--json")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        let runs = [start(round * 2 + 1), start(round * 2 + 2)];
        for run in runs {
            let run = Run::of(&run.wait_with_output().unwrap());
            if run.code != Some(0) {
                // One that was overtaken twice, or while it looked, says so.
                assert_eq!(run.code, Some(2), "{run}");
                let words = ["conflict", "it changed while it was being read"];
                assert!(words.iter().any(|w| run.stdout.contains(w)), "{run}");
            }
        }
        for host in ["lab1", "lab2"] {
            assert_whole(&bench, host);
            assert_no_temporaries(&bench, host);
        }
    }
    bench.run(&play, &["-e", "version=50"]).expect(0);
    bench
        .run(&play, &["-e", "version=50"])
        .expect(0)
        .unchanged();
}

#[test]
fn a_file_changed_between_look_and_write_is_not_lost() {
    let Some(bench) = up("k", 1) else { return };
    // The validating command is the racer: it comes after the look and before the write.
    let text = "
- hosts: lab1
  gather_facts: false
  tasks:
    - name: line
      lineinfile:
        path: /srv/file
        line: ours
        create: true
        validate: /srv/racer %s
";
    let racer = |script: &str| {
        let text =
            format!("printf '#!/bin/sh\\n%s\\n' '{script}' >/srv/racer; chmod 755 /srv/racer");
        bench.on("lab1", &text);
    };
    // Once: seen, asked again, written with what the other one wrote.
    racer("[ -e /srv/once ] || echo theirs >>/srv/file; touch /srv/once");
    bench.on("lab1", "echo first >/srv/file");
    let run = bench.play(text, &[]).expect(0);
    assert_eq!(run.count("lab1", "changed"), 1);
    assert_eq!(bench.on("lab1", "cat /srv/file"), "first\ntheirs\nours");
    // Always: given up, and what the other one wrote stands.
    racer("date +%s.%N >>/srv/file");
    bench.on("lab1", "echo first >/srv/file");
    let run = bench.play(text, &[]).expect(2);
    let said = run.result("lab1", "line")["msg"]
        .as_str()
        .unwrap_or_default();
    assert!(said.contains("/srv/file"), "{said}");
    assert!(
        said.contains("meanwhile") || said.contains("conflict"),
        "{said}"
    );
    let now = bench.on("lab1", "cat /srv/file");
    assert!(now.starts_with("first\n") && !now.contains("ours"), "{now}");
    assert!(now.lines().count() >= 2, "{now}");
    assert_no_temporaries(&bench, "lab1");
}

/// A user with this shell, who may log in with the lab's key.
fn with_shell(bench: &Bench, user: &str, shell: &str) {
    let made = bench.on(
        "lab1",
        &format!(
            "useradd -m -p '*' -s {shell} {user} && mkdir -m 700 /home/{user}/.ssh && \
             cp /root/.ssh/authorized_keys /home/{user}/.ssh/ && chown -R {user} /home/{user}/.ssh && \
             id -un {user}"
        ),
    );
    assert_eq!(made, user);
}

const SMALL: &str = "
- hosts: lab1
  gather_facts: false
  tasks:
    - name: said
      shell: echo \"it's $0\" && printf 'a\\tb'
    - name: file
      copy: {content: \"it's 100% $HOME `x` \\\\ \\n\", dest: '~/file', mode: '0600'}
";

#[test]
fn any_login_shell_will_do() {
    let Some(bench) = up("m", 1) else { return };
    let shells = [
        "/bin/bash",
        "/bin/dash",
        "/bin/sh",
        "/bin/zsh",
        "/bin/ksh",
        "/bin/mksh",
        "/usr/bin/fish",
        "/bin/tcsh",
        "/bin/rbash",
        "/usr/bin/busybox-ash",
    ];
    bench.on(
        "lab1",
        "printf '#!/bin/sh\\nexec busybox ash \"$@\"\\n' >/usr/bin/busybox-ash; \
        chmod 755 /usr/bin/busybox-ash; echo /usr/bin/busybox-ash >>/etc/shells",
    );
    for (n, shell) in shells.iter().enumerate() {
        if bench
            .on("lab1", &format!("ls {shell} 2>/dev/null"))
            .is_empty()
        {
            eprintln!("skipped: {shell} is not installed");
            continue;
        }
        let user = format!("user{n}");
        with_shell(&bench, &user, shell);
        // Start-up files that talk.
        bench.on("lab1", &format!(
            "cd /home/{user}; for f in .bashrc .profile .zshenv .kshrc .cshrc .config/fish/config.fish; do \
             mkdir -p $(dirname $f); printf 'echo \"welcome [sudo] password for root:\"\\n' >$f; done"
        ));
        let who = format!("ansible_user={user}");
        let began = Instant::now();
        let run = bench.play(SMALL, &["-e", &who]).expect(0);
        assert!(began.elapsed() < Duration::from_secs(10), "{shell}");
        assert_eq!(
            run.result("lab1", "said")["stdout"],
            "it's /bin/sh\na\tb",
            "{shell}"
        );
        let file = bench.on("lab1", &format!("cat /home/{user}/file"));
        assert_eq!(file, "it's 100% $HOME `x` \\", "{shell}");
        bench
            .play(
                SMALL.split("    - name: file").next().unwrap(),
                &["-e", &who],
            )
            .expect(0);
    }
}

#[test]
fn a_login_that_gives_no_shell_says_why_and_soon() {
    let Some(bench) = up("n", 1) else { return };
    with_shell(&bench, "nobash", "/usr/sbin/nologin");
    with_shell(&bench, "leaves", "/bin/bash");
    with_shell(&bench, "becomes", "/bin/bash");
    with_shell(&bench, "sftponly", "/bin/bash");
    with_shell(&bench, "waits", "/bin/bash");
    with_shell(&bench, "asks", "/bin/bash");
    bench.on("lab1", "echo 'echo not today; exit 3' >/home/leaves/.bashrc; \
        echo 'exec echo something else' >/home/becomes/.bashrc; \
        echo 'exec sleep 1000' >/home/waits/.bashrc; \
        echo 'echo Do you agree; read answer; [ \"$answer\" = yes ] || exec cat >/dev/null' >/home/asks/.bashrc; \
        printf 'Match User sftponly\\n ForceCommand internal-sftp\\n' >/etc/ssh/sshd_config.d/s.conf");
    bench.lab.restart(&[]).unwrap();
    for (user, says) in [
        ("nobash", "not available"),
        ("leaves", "not today"),
        ("becomes", "something else"),
        ("sftponly", "shell"),
        ("waits", "did not answer within 3s"),
        ("asks", "did not answer within 3s: Do you agree"),
    ] {
        let began = Instant::now();
        let run = bench
            .play(SMALL, &["-T", "3", "-e", &format!("ansible_user={user}")])
            .expect(4);
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "{user}: {:?}",
            began.elapsed()
        );
        assert!(
            run.unreachable("lab1").contains(says),
            "{user}: {}",
            run.unreachable("lab1")
        );
    }
}

#[test]
fn servers_that_allow_little_are_enough() {
    let Some(bench) = up("o", 1) else { return };
    made(&bench, &["lab1"]);
    bench.on(
        "lab1",
        "sed -i '/MaxStartups/d' /etc/ssh/sshd_config; \
        printf 'MaxSessions 1\\nMaxStartups 1:100:1\\n' >/etc/ssh/sshd_config.d/few.conf",
    );
    bench.lab.restart(&[]).unwrap();
    let play = bench.write("versions.yml", VERSIONS);
    let run = bench
        .run(&play, &["-e", "version=1", "-e", "ansible_user=root"])
        .expect(0);
    assert_eq!(run.count("lab1", "changed"), 3);
    assert_whole(&bench, "lab1");
    // Four at once: three are refused at first, and come again.
    let start = |_| {
        let mut command = bench.palisade(&play, &["-e", "version=1"]);
        command
            .arg("--json")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let runs: Vec<_> = (0..4).map(start).collect();
    for run in runs {
        Run::of(&run.wait_with_output().unwrap())
            .expect(0)
            .unchanged();
    }
}

#[test]
fn a_check_writes_nothing_anywhere() {
    let Some(bench) = up("p", 1) else { return };
    let small = bench.busybox();
    let play = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/webserver.yml");
    let hosts = if small {
        vec!["lab1", "bb1"]
    } else {
        vec!["lab1"]
    };
    let state = |host: &str| {
        let changes = bench.lab.changes(host).unwrap();
        format!(
            "{changes:?} {}",
            bench.on(host, "ls -A /tmp /var/tmp /run/lock /dev/shm")
        )
    };
    for host in &hosts {
        let before = state(host);
        bench.run(&play, &["--check", "-l", host]).expect(0);
        assert_eq!(state(host), before, "{host}");
    }
    assert!(bench.journals().is_empty());
}

#[test]
fn fifty_hosts_of_which_one_is_gone() {
    let Some(bench) = up("q", 50) else { return };
    bench.lab.cut("lab17").unwrap();
    let play = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/quickstart.yml");
    let mut command = bench.palisade(&play, &["-T", "5", "--json"]);
    let run = Run::of(&output(&mut command)).expect(4);
    assert_eq!(run.hosts().len(), 50);
    for host in run.hosts() {
        let gone = host == "lab17";
        assert_eq!(
            run.count(&host, "unreachable"),
            u64::from(gone),
            "{host} {run}"
        );
        assert_eq!(run.count(&host, "failed"), 0, "{host} {run}");
        assert!(gone || run.count(&host, "changed") >= 9, "{host} {run}");
    }
    bench.lab.heal("lab17").unwrap();
    bench.run(&play, &["-l", "lab17"]).expect(0);
    bench.run(&play, &[]).expect(0).unchanged();
}
