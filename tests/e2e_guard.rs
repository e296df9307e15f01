//! Changes that may cut access: confirmed over a new login, or put back, never both and never neither.

#[path = "e2e/mod.rs"]
mod e2e;

use std::process::Stdio;
use std::time::Duration;

use e2e::{Bench, Run, Running, until, up};

/// A change to the SSH server's configuration, and the handler that has it read.
fn sshd(line: &str) -> String {
    format!(
        "
- hosts: all
  gather_facts: false
  tasks:
    - name: sshd
      lineinfile: {{path: /etc/ssh/sshd_config, line: '{line}', insertbefore: BOF}}
      notify: read it
    - name: beside
      copy: {{content: x, dest: /srv/beside}}
  handlers:
    - name: read it
      shell: kill -HUP $(cat /run/sshd.pid)
"
    )
}

/// What nobody can foresee: a command that has the server keep everybody out.
fn shut(more: &str) -> String {
    format!(
        "
- hosts: all
  gather_facts: false
  tasks:
    - name: cut
      guard: true
      shell: sed -i '1i AllowUsers nobody' /etc/ssh/sshd_config
{more}"
    )
}

/// What a change to any file is, for the user of sudo.
fn file(path: &str, line: &str) -> String {
    format!(
        "
- hosts: all
  gather_facts: false
  tasks:
    - name: cut
      lineinfile: {{path: {path}, line: '{line}', insertbefore: BOF, create: true}}
"
    )
}

/// Stages of guards, in order.
fn stages(run: &Run, host: &str) -> Vec<String> {
    let mine = run
        .events
        .iter()
        .filter(|e| e["event"] == "guard" && e["host"] == host);
    mine.map(|e| e["stage"].as_str().unwrap().to_owned())
        .collect()
}

/// How the guards of a host ended, by their names on it; exactly one end each.
fn ends(bench: &Bench, host: &str) -> String {
    bench.on(host, "cd /var/lib/palisade/guard && ls -d */armed */committed */reverting */reverted | cut -d/ -f2 | sort | tr '\\n' ' '")
}

fn reachable(bench: &Bench) -> bool {
    let play = "- {hosts: all, gather_facts: false, tasks: [{ping: }]}";
    bench.play(play, &[]).code == Some(0)
}

#[test]
fn a_good_change_is_confirmed_by_a_new_login_after_its_handler() {
    let Some(bench) = up("a", 2) else { return };
    let run = bench.play(&sshd("LoginGraceTime 44"), &[]).expect(0);
    for host in ["lab1", "lab2"] {
        assert_eq!(stages(&run, host), ["armed", "confirmed"], "{run}");
        assert_eq!(ends(&bench, host), "committed");
        // Nothing is left that could put it back, and no copies of keys.
        let left = bench.on(
            host,
            "ls /etc/cron.d /etc/systemd/system | grep palisade; ls -d /var/lib/palisade/guard/*/files",
        );
        assert_eq!(left, "");
        assert!(bench.on(host, "sshd -T").contains("logingracetime 44"));
    }
    // Confirmed means that the server has read it: the handler and what follows it came before.
    let names: Vec<_> = run
        .events
        .iter()
        .filter(|e| e["host"] == "lab1" && (e["event"] == "ended" || e["event"] == "guard"))
        .map(|e| e["stage"].as_str().or(e["task"]["name"].as_str()).unwrap())
        .collect();
    assert_eq!(names, ["armed", "sshd", "beside", "read it", "confirmed"]);
    let again = bench.play(&sshd("LoginGraceTime 44"), &[]).expect(0);
    assert_eq!(stages(&again, "lab1"), Vec::<String>::new());
    again.unchanged();
}

#[test]
fn a_change_that_passes_its_check_and_keeps_people_out_is_put_back_on_the_first_host_and_tried_on_no_other()
 {
    let Some(bench) = up("b", 3) else { return };
    let before = bench.on("lab1", "sha256sum /etc/ssh/sshd_config");
    let handler = "
      notify: read it
  handlers:
    - name: read it
      shell: kill -HUP $(cat /run/sshd.pid)
";
    let run = bench.play(&shut(handler), &[]).expect(9);
    let hosts = ["lab1", "lab2", "lab3"];
    let put_back: Vec<_> = hosts
        .iter()
        .filter(|h| !stages(&run, h).is_empty())
        .collect();
    assert_eq!(put_back.len(), 1, "{run}");
    assert_eq!(stages(&run, put_back[0]), ["armed", "reverted"]);
    assert_eq!(ends(&bench, put_back[0]), "reverted");
    for host in hosts {
        assert_eq!(bench.on(host, "sha256sum /etc/ssh/sshd_config"), before);
        assert_eq!(run.count(host, "failed"), 1, "{run}");
    }
    assert!(reachable(&bench));
}

#[test]
fn without_a_handler_the_server_reads_what_was_written_before_it_is_confirmed() {
    let Some(bench) = up("c", 1) else { return };
    let run = bench.play(&shut(""), &[]).expect(9);
    assert_eq!(stages(&run, "lab1"), ["armed", "reverted"], "{run}");
    // Which tasks were under the guard is said, also to people.
    assert_eq!(
        run.events
            .iter()
            .find(|e| e["stage"] == "reverted")
            .unwrap()["tasks"][0]["name"],
        "cut"
    );
    assert!(reachable(&bench));
}

#[test]
fn sudo_that_is_broken_is_put_back() {
    let Some(bench) = up("d", 1) else { return };
    let play = "
- hosts: all
  gather_facts: false
  tasks:
  - copy: {dest: /etc/sudoers.d/zz, content: \"deploy ALL=(ALL) !ALL\\n\", mode: '0440'}
";
    let run = bench
        .play(play, &["-e", "ansible_user=deploy", "-b"])
        .expect(9);
    assert_eq!(stages(&run, "lab1"), ["armed", "reverted"], "{run}");
    // Soon: the shell that is root already is asked, not the timer.
    assert!(run.ended()["seconds"].as_f64().unwrap() < 30.0, "{run}");
    let play = "- {hosts: all, gather_facts: false, become: true, tasks: [{ping: }]}";
    bench.play(play, &["-e", "ansible_user=deploy"]).expect(0);
}

#[test]
fn a_login_that_pam_refuses_is_put_back() {
    let Some(bench) = up("e", 1) else { return };
    if !bench.on("lab1", "sshd -T").contains("usepam yes") {
        return;
    }
    let run = bench
        .play(
            &file("/etc/pam.d/sshd", "account required pam_deny.so"),
            &[],
        )
        .expect(9);
    assert_eq!(stages(&run, "lab1"), ["armed", "reverted"], "{run}");
    assert!(reachable(&bench));
}

#[test]
fn a_login_whose_shell_is_taken_away_gets_it_back() {
    let Some(bench) = up("f", 1) else { return };
    let play = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: cut, user: {name: root, shell: /usr/sbin/nologin}}
";
    let run = bench.play(play, &[]).expect(9);
    assert_eq!(stages(&run, "lab1"), ["armed", "reverted"], "{run}");
    assert!(reachable(&bench));
}

#[test]
fn a_guard_that_is_switched_off_by_name_is_off() {
    let Some(bench) = up("g", 1) else { return };
    let play = file("/etc/ssh/sshd_config", "# a comment");
    let run = bench.play(&play, &["--guard", "off"]).expect(0);
    assert_eq!(stages(&run, "lab1"), Vec::<String>::new());
    let play = play
        .replace("line: '# a comment'", "line: '# another'")
        .replace("  tasks:", "  guard: off\n  tasks:");
    let run = bench.play(&play, &[]).expect(0);
    assert_eq!(stages(&run, "lab1"), Vec::<String>::new());
    // And one that is on by name guards whatever the task does.
    let play = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: cut, guard: true, shell: 'echo AllowUsers nobody >>/etc/ssh/sshd_config'}
";
    let run = bench.play(play, &[]).expect(9);
    assert_eq!(stages(&run, "lab1"), ["armed", "reverted"], "{run}");
}

/// A handler of the change that waits until it is let go.
const HELD: &str = "
      notify: held
  handlers:
    - name: held
      shell: 'touch /run/held; until [ -e /run/go ]; do sleep 0.05; done'
";

/// Starts a run that shuts everybody out, and kills it once the change is made.
fn killed(bench: &Bench, host: &str, guard: &str) {
    let play = shut(HELD);
    let play = bench.write("held.yml", &play);
    let mut command = bench.palisade(&play, &["--guard", guard]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let run = Running(command.spawn().unwrap());
    let held = || !bench.on(host, "ls /run/held 2>/dev/null").is_empty();
    assert!(until(Duration::from_secs(30), held));
    drop(run);
    bench.on(host, "touch /run/go");
}

#[test]
fn a_controller_that_is_killed_leaves_a_host_that_puts_itself_back() {
    let Some(bench) = up("h", 1) else { return };
    let before = bench.on("lab1", "cat /etc/ssh/sshd_config");
    killed(&bench, "lab1", "20");
    assert!(
        bench
            .on("lab1", "cat /etc/ssh/sshd_config")
            .contains("nobody")
    );
    assert_eq!(ends(&bench, "lab1"), "armed");
    // Whoever comes in is told; whether it is put back already is a matter of time.
    let ping = "- {hosts: all, gather_facts: false, tasks: [{ping: }]}";
    let run = bench.play(ping, &[]).expect(0);
    let told = stages(&run, "lab1");
    assert!(
        told == ["under_way"] || told == ["was_reverted"],
        "{told:?} {run}"
    );
    // Nobody else may begin another one meanwhile.
    let run = bench
        .play(&file("/etc/ssh/sshd_config", "# other"), &[])
        .expect(2);
    let said = run.result("lab1", "cut")["msg"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(said.contains("another guarded change is"), "{said}");
    let back = || ends(&bench, "lab1") == "reverted";
    assert!(until(Duration::from_secs(60), back));
    assert_eq!(bench.on("lab1", "cat /etc/ssh/sshd_config"), before);
    // The next run tells, also people, until a later change under a guard was begun by somebody who was told.
    let run = bench.play(ping, &[]).expect(0);
    assert_eq!(stages(&run, "lab1"), ["was_reverted"], "{run}");
    let play = bench.write("ping.yml", ping);
    let people = Run::of(&e2e::output(&mut bench.palisade(&play, &[]))).expect(0);
    let id = bench.on("lab1", "ls /var/lib/palisade/guard | grep -v boot.sh");
    let words = format!("put itself back: it is not in effect (see /var/lib/palisade/guard/{id}/");
    assert!(people.stderr.contains(&words), "{people}");
    let run = bench
        .play(&file("/etc/ssh/sshd_config", "# other"), &[])
        .expect(0);
    let told = ["was_reverted", "armed", "confirmed"];
    assert_eq!(stages(&run, "lab1"), told, "{run}");
    let run = bench.play(ping, &[]).expect(0);
    assert_eq!(stages(&run, "lab1"), Vec::<String>::new(), "{run}");
}

#[test]
fn what_arrives_when_the_time_is_over_is_not_begun_because_nobody_would_put_it_back() {
    let Some(bench) = up("n", 1) else { return };
    let before = bench.on("lab1", "cat /etc/ssh/sshd_config");
    let play = shut(
        "; touch /run/held; until [ -e /run/go ]; do sleep 0.05; done
      notify: late
  handlers:
    - {name: late, shell: touch /srv/late}
",
    );
    let play = play.replace("sshd_config\n;", "sshd_config;");
    let play = bench.write("late.yml", &play);
    let mut command = bench.palisade(&play, &["--guard", "20"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut run = Running(command.spawn().unwrap());
    let over = || ends(&bench, "lab1") == "reverting";
    assert!(until(Duration::from_secs(120), over));
    bench.on("lab1", "touch /run/go");
    assert_eq!(run.0.wait().unwrap().code(), Some(9));
    let back = || ends(&bench, "lab1") == "reverted";
    assert!(until(Duration::from_secs(60), back));
    assert_eq!(bench.on("lab1", "cat /etc/ssh/sshd_config"), before);
    assert_eq!(bench.on("lab1", "ls /srv/late 2>/dev/null"), "");
}

#[test]
fn a_guard_whose_timer_was_killed_is_put_back_when_the_next_one_is_to_be_armed() {
    let Some(bench) = up("m", 1) else { return };
    let before = bench.on("lab1", "cat /etc/ssh/sshd_config");
    killed(&bench, "lab1", "600");
    let timer =
        "cd /var/lib/palisade/guard/*/ && kill -9 $(cat pid) && touch -d '10 minutes ago' armed";
    bench.on("lab1", timer);
    let other = file("/etc/ssh/sshd_config", "# other");
    let run = bench.play(&other, &[]).expect(2);
    let said = run.result("lab1", "cut")["msg"].to_string();
    assert!(said.contains("is being put back on this host"), "{said}");
    let back = || ends(&bench, "lab1") == "reverted";
    assert!(until(Duration::from_secs(60), back));
    assert_eq!(bench.on("lab1", "cat /etc/ssh/sshd_config"), before);
    bench.play(&other, &[]).expect(0);
    assert_eq!(ends(&bench, "lab1"), "committed reverted");
}

#[test]
fn a_host_that_boots_before_the_confirmation_puts_itself_back_before_anybody_can_be_kept_out() {
    let Some(bench) = up("i", 0) else { return };
    if !bench.systemd() {
        return;
    }
    let run = bench
        .play(&file("/etc/ssh/sshd_config", "LoginGraceTime 43"), &[])
        .expect(0);
    assert_eq!(stages(&run, "sd1"), ["armed", "confirmed"], "{run}");
    let before = bench.on("sd1", "cat /etc/ssh/sshd_config");
    killed(&bench, "sd1", "60");
    assert!(
        bench
            .on("sd1", "cat /etc/ssh/sshd_config")
            .contains("nobody")
    );
    let timers = bench.on(
        "sd1",
        "systemctl list-timers --all --no-legend | grep -c palisade-guard",
    );
    assert_eq!(timers, "1");
    bench.on("sd1", "touch /run/before; systemctl --no-block reboot");
    let up = || {
        let now = bench.try_on("sd1", "[ -e /run/before ] || systemctl is-active ssh");
        now.is_ok_and(|said| said == "active")
    };
    assert!(until(Duration::from_secs(60), up));
    assert_eq!(ends(&bench, "sd1"), "committed reverted");
    assert_eq!(bench.on("sd1", "cat /etc/ssh/sshd_config"), before);
    assert!(reachable(&bench));
}

#[test]
fn a_control_that_was_put_back_does_not_hold() {
    let Some(bench) = up("j", 1) else { return };
    bench.write(
        "modules/own/shut.yml",
        "id: own_shut
title: Nobody comes in
severity: high
rationale: R
guard: access
tasks:
- {name: shut, shell: sed -i '1i AllowUsers nobody' /etc/ssh/sshd_config}
",
    );
    bench.write(
        "modules/profiles/own.yml",
        "id: own\ntitle: own\nrules:\n  1: {control: own_shut}\n  2: {control: own_beside}\n",
    );
    bench.write(
        "modules/own/beside.yml",
        "id: own_beside
title: Something else
severity: low
rationale: R
tasks:
- {name: waits, command: {cmd: 'true', creates: /srv/never}, changed_when: false}
- {name: beside, copy: {dest: /srv/beside, content: x}}
",
    );
    let mut command = std::process::Command::new(e2e::PALISADE);
    command
        .args(["harden", "own", "--json", "--modules"])
        .arg(bench.path("modules"));
    command.arg("-i").arg(bench.path("inventory.ini"));
    bench.surround(&mut command);
    let run = e2e::output(&mut command);
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(9), "{text}{said}");
    let report: e2e::Json = serde_json::from_str(&text).unwrap();
    let finding = &report["hosts"][0]["findings"][0];
    assert_eq!(finding["verdict"], "fail", "{finding:#}");
    assert!(
        finding["why"].as_str().unwrap().contains("put back"),
        "{finding:#}"
    );
    // What cannot cut access is not left undone because of it.
    let other = &report["hosts"][0]["findings"][1];
    assert_eq!(other["verdict"], "fixed", "{other:#}");
    assert_eq!(bench.on("lab1", "cat /srv/beside"), "x");
}

#[test]
fn a_change_that_lets_in_only_this_machine_is_put_back_where_another_one_must_come_in_too() {
    let Some(bench) = up("l", 2) else { return };
    let also = ["-l", "lab1", "--confirm-also", "lab2"];
    let only_us = shut("").replace(
        "AllowUsers nobody",
        "AllowUsers root@'${SSH_CONNECTION%% *}'",
    );
    let run = bench.play(&only_us, &also).expect(9);
    assert_eq!(stages(&run, "lab1"), ["armed", "reverted"], "{run}");
    let why = run
        .events
        .iter()
        .find(|e| e["stage"] == "reverted")
        .unwrap();
    assert!(
        why["why"].as_str().unwrap().starts_with("from lab2: "),
        "{why}"
    );
    let everybody = shut("").replace("AllowUsers nobody", "AllowUsers root");
    let run = bench.play(&everybody, &also).expect(0);
    assert_eq!(stages(&run, "lab1"), ["armed", "confirmed"], "{run}");
    let run = bench.play(&everybody, &["--confirm-also", "nobody"]);
    assert_eq!(run.code, Some(1), "{run}");
}

#[test]
fn what_takes_long_behind_the_change_waits_until_it_is_confirmed() {
    let Some(bench) = up("k", 1) else { return };
    let play = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: first, shell: touch /run/first}
    - {name: cut, lineinfile: {path: /etc/ssh/sshd_config, line: LoginGraceTime 42, insertbefore: BOF}}
    - {name: long, shell: 'touch /run/held; until [ -e /run/go ]; do sleep 0.05; done'}
";
    let play = bench.write("long.yml", play);
    let mut command = bench.palisade(&play, &["--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut run = Running(command.spawn().unwrap());
    let held = || !bench.on("lab1", "ls /run/held 2>/dev/null").is_empty();
    assert!(until(Duration::from_secs(30), held));
    assert_eq!(ends(&bench, "lab1"), "committed");
    bench.on("lab1", "touch /run/go");
    assert!(run.0.wait().unwrap().success());
}
