//! A control that keeps people out is left undone alone: whatever was changed together with it is done.

#[path = "e2e/mod.rs"]
mod e2e;

use std::collections::BTreeMap;
use std::process::Command;

use e2e::{Bench, Json, PALISADE, output, up};

fn harden(bench: &Bench, words: &[&str], code: i32) -> Json {
    let mut command = Command::new(PALISADE);
    command.arg("harden").args(words).arg("--json");
    command.arg("-i").arg(bench.path("inventory.ini"));
    bench.surround(&mut command);
    let run = output(&mut command);
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(code), "{text}{said}");
    serde_json::from_str(&text).unwrap()
}

/// The verdicts of a host, with their reasons.
fn verdicts(report: &Json, host: usize) -> BTreeMap<String, (String, String)> {
    let all = report["hosts"][host]["findings"].as_array().unwrap();
    let text = |v: &Json| v.as_str().unwrap_or_default().to_owned();
    let of = |f: &Json| (text(&f["control"]), (text(&f["verdict"]), text(&f["why"])));
    all.iter().map(of).collect()
}

#[test]
fn of_controls_that_were_put_back_together_only_the_guilty_one_is_left_undone_on_every_host() {
    let Some(bench) = up("a", 2) else { return };
    let mut rules = String::new();
    for n in 1..=6 {
        let task = match n {
            4 => "shell: \"sed -i '1i AllowUsers nobody' /etc/ssh/sshd_config\"".to_owned(),
            n => {
                format!("copy: {{dest: /etc/security/limits.d/own{n}.conf, content: \"# {n}\\n\"}}")
            }
        };
        let text = format!(
            "id: own_c{n}\ntitle: C{n}\nseverity: low\nrationale: R\nguard: access\ntasks:\n- name: t{n}\n  {task}\n"
        );
        bench.write(&format!("modules/own/c{n}.yml"), &text);
        rules += &format!("  {n}: {{control: own_c{n}}}\n");
    }
    bench.write(
        "modules/profiles/own.yml",
        &format!("id: own\ntitle: own\nrules:\n{rules}"),
    );
    let modules = bench.path("modules");
    let words = ["own", "--modules", modules.to_str().unwrap()];
    let report = harden(&bench, &words, 9);
    let mut tried = 0;
    for host in 0..2 {
        let found = verdicts(&report, host);
        for n in [1, 2, 3, 5, 6] {
            assert_eq!(found[&format!("own_c{n}")].0, "fixed", "{found:#?}");
        }
        let (verdict, why) = &found["own_c4"];
        assert!(["fail", "error"].contains(&verdict.as_str()), "{found:#?}");
        tried += usize::from(why.contains("no new login came in"));
        assert!(why.contains("put back"), "{found:#?}");
    }
    // What kept people out of one host is tried on no other.
    assert_eq!(tried, 1, "{report:#}");
    for host in ["lab1", "lab2"] {
        assert_eq!(bench.on(host, "grep -c nobody /etc/ssh/sshd_config"), "0");
        assert_eq!(
            bench.on(host, "cat /etc/security/limits.d/own6.conf"),
            "# 6"
        );
    }
}

#[test]
fn who_logs_in_as_root_is_told_so_and_everything_else_is_done() {
    let Some(bench) = up("b", 1) else { return };
    let only = [
        "strict",
        "--only",
        "sshd_root_login,sshd_login_grace,sshd_auth_tries,sshd_max_sessions",
    ];
    let report = harden(&bench, &only, 3);
    let found = verdicts(&report, 0);
    let (verdict, why) = &found["sshd_root_login"];
    assert_eq!(verdict, "fail", "{found:#?}");
    assert!(why.contains("palisade logs in as root here"), "{why}");
    let good = |v: &str| ["fixed", "pass"].contains(&v);
    let rest = found.iter().filter(|(id, _)| *id != "sshd_root_login");
    assert!(rest.clone().count() > 0);
    assert!(
        rest.clone().all(|(_, (verdict, _))| good(verdict)),
        "{found:#?}"
    );
    assert!(!bench.on("lab1", "ls /var/lib/palisade/guard").is_empty());
    let reverted = bench.on(
        "lab1",
        "ls -d /var/lib/palisade/guard/*/reverted 2>/dev/null",
    );
    assert_eq!(reverted, "");
}
