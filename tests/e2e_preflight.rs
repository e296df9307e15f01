//! What would keep this very login out is refused before anything is changed, and says why.

#[path = "e2e/mod.rs"]
mod e2e;

use e2e::{Bench, Run, up};

/// What must be as it was after a refusal.
const PRINT: &str = "sha256sum /etc/ssh/sshd_config /etc/ssh/sshd_config.d/* /etc/sudoers /etc/sudoers.d/* \
    /root/.ssh/* /etc/nftables.conf 2>&1; stat -c %a /etc/sudoers; ls /var/lib/palisade/guard";

fn play(task: &str) -> String {
    format!("- hosts: all\n  gather_facts: false\n  tasks:\n    - name: cut\n      {task}\n")
}

/// One line before all others of sshd's configuration.
fn sshd(line: &str) -> String {
    play(&format!(
        "lineinfile: {{path: /etc/ssh/sshd_config, line: '{line}', insertbefore: BOF}}"
    ))
}

fn stages(run: &Run) -> Vec<&str> {
    let guards = run.events.iter().filter(|e| e["event"] == "guard");
    guards.filter_map(|e| e["stage"].as_str()).collect()
}

/// A task that is refused with these words, and leaves nothing behind.
fn refused(bench: &Bench, play: &str, options: &[&str], words: &[&str]) {
    let before = bench.on("lab1", PRINT);
    let run = bench.play(play, options);
    assert_eq!(run.code, Some(2), "{play}\n{run}");
    let said = run.result("lab1", "cut")["msg"].as_str().unwrap();
    for word in words {
        assert!(said.contains(word), "{play}: {said}");
    }
    assert_eq!(stages(&run), Vec::<&str>::new(), "{run}");
    assert_eq!(run.count("lab1", "reverted"), 0);
    assert_eq!(bench.on("lab1", PRINT), before, "{play}");
}

#[test]
fn a_server_that_would_not_take_this_user_key_address_or_port_is_not_configured_so() {
    let Some(bench) = up("a", 1) else { return };
    for (line, words) in [
        ("AllowUsers nobody", &["AllowUsers nobody", "root"][..]),
        ("AllowUsers root@192.0.2.1", &["AllowUsers"]),
        ("DenyUsers r*t", &["DenyUsers"]),
        ("AllowGroups nogroup", &["AllowGroups"]),
        ("DenyGroups root", &["DenyGroups"]),
        ("PermitRootLogin no", &["logs in as root", "ansible_user"]),
        ("PubkeyAuthentication no", &["PubkeyAuthentication"]),
        (
            "AuthenticationMethods publickey,password",
            &["AuthenticationMethods"],
        ),
        ("PubkeyAcceptedAlgorithms rsa-sha2-512", &["ssh-ed25519"]),
        (
            "AuthorizedKeysFile /etc/ssh/nobodys_keys",
            &["AuthorizedKeysFile"],
        ),
        ("Port 2222", &["port 22", "2222"]),
        (
            "NoSuchOption yes",
            &["would not start", "NoSuchOption", "/etc/ssh/sshd_config"],
        ),
    ] {
        refused(&bench, &sshd(line), &[], words);
    }
    let drop_in =
        play("copy: {dest: /etc/ssh/sshd_config.d/00-x.conf, content: \"AllowUsers nobody\\n\"}");
    refused(&bench, &drop_in, &[], &["AllowUsers"]);
    let matched = "lineinfile: {path: /etc/ssh/sshd_config, line: \"Match Address *\\n  PubkeyAuthentication no\"}";
    refused(&bench, &play(matched), &[], &["PubkeyAuthentication"]);
    for task in [
        "file: {path: /root/.ssh/authorized_keys, state: absent}",
        "file: {path: /root/.ssh, state: absent}",
        "copy: {dest: /root/.ssh/authorized_keys, content: ''}",
    ] {
        refused(
            &bench,
            &play(task),
            &[],
            &["the key that palisade logs in with"],
        );
    }
}

#[test]
fn sudoers_and_rules_that_nobody_could_read_are_not_written() {
    let Some(bench) = up("b", 1) else { return };
    let deploy = ["-e", "ansible_user=deploy", "-b"];
    let wrong = play("copy: {dest: /etc/sudoers.d/zz, content: \"deploy ALL=(\\n\", mode: '0440'}");
    refused(&bench, &wrong, &deploy, &["visudo", "/etc/sudoers.d/zz"]);
    let open = play("file: {path: /etc/sudoers, mode: '0666'}");
    refused(&bench, &open, &deploy, &["/etc/sudoers", "can write to it"]);
    let script = "for p in libnftnl11 libnftables1 nftables; do \
                  dpkg -x /var/cache/palisade-tests/${p}_*.deb /mnt/nft; done 2>/dev/null; \
                  for d in /mnt/nft/*; do [ ! -d $d ] || cp -a $d/. ${d#/mnt/nft}/; done; nft list ruleset && echo works";
    if bench.on("lab1", script).contains("works") {
        let rules = play("copy: {dest: /etc/nftables.conf, content: \"table inet x {\\n\"}");
        refused(&bench, &rules, &[], &["nft", "/etc/nftables.conf"]);
    }
}

#[test]
fn what_keeps_only_others_out_is_done() {
    let Some(bench) = up("c", 1) else { return };
    for line in [
        "AllowUsers deploy root",
        "DenyUsers nobody",
        "Port 22",
        "Port 2222",
        "PermitRootLogin without-password",
        "AuthorizedKeysFile /nowhere/%u %h/.ssh/authorized_keys",
        "AuthenticationMethods publickey",
    ] {
        let run = bench.play(&sshd(line), &[]).expect(0);
        assert_eq!(stages(&run), ["armed", "confirmed"], "{line}: {run}");
    }
    let matched = "lineinfile: {path: /etc/ssh/sshd_config, line: \"Match User nobody\\n  PubkeyAuthentication no\"}";
    bench.play(&play(matched), &[]).expect(0);
    let good = play(
        "copy: {dest: /etc/sudoers.d/zz, content: \"deploy ALL=(ALL) NOPASSWD: ALL\\n\", mode: '0440'}",
    );
    bench
        .play(&good, &["-e", "ansible_user=deploy", "-b"])
        .expect(0);
}

#[test]
fn of_many_tasks_the_one_that_would_keep_us_out_fails_and_the_others_are_done() {
    let Some(bench) = up("d", 1) else { return };
    let line = |l: &str| {
        format!("lineinfile: {{path: /etc/ssh/sshd_config, line: '{l}', insertbefore: BOF}}")
    };
    let text = format!(
        "
- hosts: all
  gather_facts: false
  tasks:
    - {{name: one, {}}}
    - {{name: two, {}, ignore_errors: true}}
    - {{name: three, {}}}
",
        line("LoginGraceTime 41"),
        line("AllowUsers nobody"),
        line("MaxAuthTries 5"),
    );
    let run = bench.play(&text, &[]).expect(0);
    assert_eq!(
        run.with("ignored"),
        ["lab1 /two ".to_owned()].into(),
        "{run}"
    );
    assert!(
        stages(&run)
            .iter()
            .all(|s| ["armed", "confirmed"].contains(s)),
        "{run}"
    );
    let effective = bench.on("lab1", "sshd -T");
    assert!(effective.contains("logingracetime 41") && effective.contains("maxauthtries 5"));
    assert!(!effective.contains("allowusers"));
}

#[test]
fn plays_whose_hosts_go_step_by_step_have_one_host_go_first_too() {
    let Some(bench) = up("e", 3) else { return };
    let text = |line: &str| {
        format!(
            "
- hosts: all
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - name: cut
      guard: true
      notify: [read it, once]
      shell: sed -i '1i {line}' /etc/ssh/sshd_config
  handlers:
    - {{name: read it, shell: kill -HUP $(cat /run/sshd.pid)}}
    - {{name: once, run_once: true, shell: touch /run/once}}
"
        )
    };
    let run = bench.play(&text("LoginGraceTime 44"), &[]).expect(0);
    let guards = run.events.iter().filter(|e| e["event"] == "guard");
    let order: Vec<_> = guards.map(|e| e["stage"].as_str().unwrap()).collect();
    assert_eq!(order[..2], ["armed", "confirmed"], "{run}");
    assert_eq!(order.len(), 6, "{run}");
    let once = ["lab1", "lab2", "lab3"].map(|h| bench.on(h, "ls /run/once 2>/dev/null"));
    assert_eq!(once.iter().filter(|o| !o.is_empty()).count(), 1);
    let run = bench.play(&text("AllowUsers nobody"), &[]).expect(9);
    assert_eq!(stages(&run), ["armed", "reverted"], "{run}");
}
