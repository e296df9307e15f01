//! Becoming another user by sudo, su and doas: with and without a password, files of any size, and what
//! is said when it is not allowed. Soon, never after a deadline.

#[path = "e2e/mod.rs"]
mod e2e;

use std::path::Path;
use std::time::{Duration, Instant};

use e2e::{Bench, Run, up};
use palisade::lab::ADMIN_PASSWORD;

const ROOT_PASSWORD: &str = "the password of root";

/// One file that travels in a script, one over a channel of its own, and a command that is fed.
const WHO: &str = "
- hosts: lab1
  gather_facts: false
  become: true
  tasks:
    - name: who
      command: id -un
      register: who
    - name: small
      copy: {content: \"{{ who.stdout }}\\n\", dest: /etc/small, mode: '0600'}
    - name: large
      copy: {src: large.bin, dest: /etc/large}
    - name: fed
      command: {cmd: wc -c, stdin: \"{{ 'x' * 300000 }}\"}
";

fn bench(letters: &str) -> Option<(Bench, Vec<&'static str>)> {
    let bench = up(letters, 1)?;
    bench.on("lab1", &format!("echo 'root:{ROOT_PASSWORD}' | chpasswd"));
    let doas =
        "printf 'permit admin\\npermit nopass deploy\\n' >/etc/doas.conf; chmod 600 /etc/doas.conf";
    bench.on("lab1", doas);
    bench.write("admin", ADMIN_PASSWORD);
    bench.write("root", ROOT_PASSWORD);
    bench.write("wrong", "not-the-password-of-anybody");
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n * 7 % 256) as u8).collect();
    std::fs::write(bench.path("large.bin"), bytes).unwrap();
    let there = |m: &&str| Path::new("/usr/bin").join(m).exists();
    let methods: Vec<_> = ["sudo", "su", "doas"].into_iter().filter(there).collect();
    Some((bench, methods))
}

fn become_root(bench: &Bench, user: &str, method: &str, password: Option<&str>) -> (Run, Duration) {
    let play = bench.write("who.yml", WHO);
    let who = format!("ansible_user={user}");
    let mut options = vec!["-e", &who, "--become-method", method];
    if let Some(file) = password {
        options.extend(["--become-password-file", file]);
    }
    let began = Instant::now();
    (bench.run(&play, &options), began.elapsed())
}

#[test]
fn files_of_any_size_arrive_however_root_is_become() {
    let Some((bench, methods)) = bench("a") else {
        return;
    };
    let sum = bench.on("lab1", "true; sha256sum </dev/null >/dev/null; echo ok");
    assert_eq!(sum, "ok");
    for method in methods {
        let with = if method == "su" { "root" } else { "admin" };
        for (user, password) in [("admin", Some(with)), ("deploy", None)] {
            if (user, method) == ("deploy", "su") {
                continue;
            }
            bench.on("lab1", "rm -f /etc/small /etc/large");
            let run = become_root(&bench, user, method, password).0.expect(0);
            assert_eq!(run.result("lab1", "who")["stdout"], "root", "{method}");
            assert_eq!(run.result("lab1", "fed")["stdout"], "300001", "{method}");
            assert_eq!(bench.on("lab1", "stat -c %U:%a /etc/small"), "root:600");
            let there = bench.on("lab1", "stat -c %U:%s /etc/large");
            assert_eq!(there, "root:3000000", "{method}");
            assert_eq!(
                bench.on("lab1", "find / -xdev -name '.*palisade*' ! -name '*.lock'"),
                ""
            );
        }
    }
}

#[test]
fn a_refusal_is_said_at_once_and_clearly() {
    let Some((bench, methods)) = bench("b") else {
        return;
    };
    for method in &methods {
        let (run, took) = become_root(&bench, "admin", method, Some("wrong"));
        let run = run.expect(2);
        let said = run.result("lab1", "who")["msg"].as_str().unwrap();
        assert_eq!(said, "the become password is wrong", "{method}");
        // Programs themselves wait some seconds after a wrong password.
        assert!(took < Duration::from_secs(8), "{method}: {took:?}");

        let (run, took) = become_root(&bench, "admin", method, None);
        let run = run.expect(2);
        let said = run.result("lab1", "who")["msg"].as_str().unwrap();
        assert!(
            said.contains("needs a password, and none was given"),
            "{method}: {said}"
        );
        assert!(said.contains("--ask-become-pass"), "{method}: {said}");
        assert!(took < Duration::from_secs(5), "{method}: {took:?}");
    }
    // Nobody may any more.
    bench.on(
        "lab1",
        "rm -f /etc/sudoers.d/*; printf 'root ALL=(ALL) ALL\\n' >/etc/sudoers; : >/etc/doas.conf; \
         printf 'auth required pam_deny.so\\n' >/etc/pam.d/su",
    );
    for method in methods {
        let (run, took) = become_root(&bench, "admin", method, Some("admin"));
        let run = run.expect(2);
        let said = run.result("lab1", "who")["msg"].as_str().unwrap();
        assert!(
            said.starts_with("not allowed to become the other user: "),
            "{said}"
        );
        assert!(said.contains("doas.conf"), "{said}");
        assert!(!run.stdout.contains(ADMIN_PASSWORD));
        assert!(took < Duration::from_secs(8), "{method}: {took:?}");
    }
}
