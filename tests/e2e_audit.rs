//! `palisade audit` and `harden` as people and scripts use them: verdicts over a fleet, waivers, exit codes.

#[path = "e2e/mod.rs"]
mod e2e;

use std::process::Command;

use e2e::{Bench, Json, PALISADE, output, up};

const PROFILE: &str = "
id: own
title: Our own
levels:
  low: {title: low}
  high: {title: high, includes: low}
sections: {'1': Files, '2': Kernel}
parameters: {palisade_own_mode: '0600'}
rules:
  1.1: {level: low, control: own_secret}
  1.2: {level: high, control: own_marker}
  2.1: {level: low, control: own_people}
  2.2: {level: low, control: own_never}
";

const CONTROLS: [(&str, &str); 4] = [
    (
        "secret",
        "severity: high
parameters: {palisade_own_mode: {default: '0644', why: because}}
tasks:
- {name: closed, file: {path: /srv/secret, state: file, mode: '{{ palisade_own_mode }}'}}
",
    ),
    (
        "marker",
        "severity: low
tasks:
- {name: there, copy: {dest: /srv/marker, content: x}}
- {name: next, copy: {dest: /srv/next, content: x}}
",
    ),
    ("people", "severity: medium\nmanual: Look at the people.\n"),
    (
        "never",
        "severity: low
needs:
- {that: \"inventory_hostname == 'nobody'\", why: only nobody has it}
tasks:
- {name: never, fail: {msg: never}}
",
    ),
];

fn project(letters: &str, count: usize) -> Option<Bench> {
    let bench = up(letters, count)?;
    bench.write("modules/profiles/own.yml", PROFILE);
    for (name, rest) in CONTROLS {
        let text = format!("id: own_{name}\ntitle: T {name}\nrationale: R\n{rest}");
        bench.write(&format!("modules/own/{name}.yml"), &text);
    }
    for n in 1..=count {
        bench.on(
            &format!("lab{n}"),
            "touch /srv/secret; chmod 600 /srv/secret",
        );
    }
    Some(bench)
}

struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Said {
    fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }
}

fn palisade(bench: &Bench, verb: &str, options: &[&str]) -> Said {
    let mut command = Command::new(PALISADE);
    command.arg(verb).arg("-i").arg(bench.path("inventory.ini"));
    command
        .arg("--modules")
        .arg(bench.path("modules"))
        .args(options);
    bench.surround(&mut command);
    let output = output(&mut command);
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    Said {
        code: output.status.code().unwrap(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

#[test]
fn what_does_not_hold_is_said_once_for_all_hosts_and_mended_by_the_same_definition() {
    let Some(bench) = project("a", 3) else { return };
    bench.on("lab1", "chmod 666 /srv/secret");
    bench.on("lab3", "chmod 666 /srv/secret");
    let said = palisade(&bench, "audit", &["own"]);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    assert!(
        said.stdout.contains("fail 1.1 lab[1,3] T secret (high)"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("mode 0666 → 0600"), "{}", said.stdout);
    assert!(
        !said.stdout.contains("T marker"),
        "it is of a higher level: {}",
        said.stdout
    );
    assert_eq!(bench.on("lab1", "stat -c %a /srv/secret"), "666");
    let report = palisade(&bench, "audit", &["own", "--level", "high", "--json"]).json();
    let score = &report["hosts"][1]["score"];
    let counts =
        |s: &Json| ["pass", "fail", "manual", "not_applicable"].map(|k| s[k].as_u64().unwrap());
    assert_eq!(counts(score), [1, 1, 1, 1], "{report:#}");
    let never = &report["hosts"][0]["findings"][3];
    assert_eq!(
        (never["control"].as_str(), never["why"].as_str()),
        (Some("own_never"), Some("only nobody has it"))
    );
    let evidence = &report["hosts"][0]["findings"][0]["evidence"][0];
    assert_eq!(
        evidence["differences"][0]["before"], "mode: 0666\n",
        "{evidence:#}"
    );
    assert!(
        evidence["at"].as_str().unwrap().contains("own/secret.yml:"),
        "{evidence:#}"
    );
    // Looked at first, then mended, then nothing is left to do.
    let would = palisade(&bench, "harden", &["own:high", "--check", "--diff"]);
    assert_eq!(would.code, 3, "{}", would.stdout);
    assert_eq!(bench.on("lab1", "ls /srv"), "secret");
    let done = palisade(&bench, "harden", &["own:high"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout.contains("fixed 1.1 lab[1,3] T secret"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.contains("fixed 1.2 lab[1-3] T marker"),
        "{}",
        done.stdout
    );
    let again = palisade(&bench, "harden", &["own:high", "--json"]).json();
    for host in again["hosts"].as_array().unwrap() {
        assert_eq!(
            (&host["score"]["fixed"], &host["score"]["fail"]),
            (&0.into(), &0.into()),
            "{host:#}"
        );
        assert_eq!(host["score"]["pass"], 2);
    }
    assert_eq!(palisade(&bench, "audit", &["own:high"]).code, 0);
}

#[test]
fn a_waiver_waives_until_its_day_is_over_and_is_told_all_the_same() {
    let Some(bench) = project("b", 2) else { return };
    bench.on("lab1", "chmod 666 /srv/secret");
    let waiver = |day: &str, hosts: &str| {
        let text = format!(
            "- {{control: '1.1', hosts: {hosts}, reason: the old printer, owner: ops@example.org, expires: {day}}}\n"
        );
        bench.write("waivers.yml", &text).display().to_string()
    };
    let valid = waiver("2999-01-01", "lab1");
    let said = palisade(&bench, "audit", &["own", "--waivers", &valid]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    for part in [
        "waived 1.1 lab1",
        "the old printer",
        "ops@example.org",
        "50% (100% with waivers)",
    ] {
        assert!(
            said.stdout.contains(part),
            "`{part}` is not in {}",
            said.stdout
        );
    }
    let elsewhere = waiver("2999-01-01", "lab2");
    assert_eq!(
        palisade(&bench, "audit", &["own", "--waivers", &elsewhere]).code,
        3
    );
    let over = waiver("2020-01-01", "all");
    let said = palisade(&bench, "audit", &["own", "--waivers", &over]);
    assert_eq!(said.code, 3, "{}", said.stdout);
    assert!(
        said.stdout.contains("its waiver ended with 2020-01-01"),
        "{}",
        said.stdout
    );
    let nameless = bench.write("bad.yml", "- {control: own_secret, expires: 2999-01-01}\n");
    let said = palisade(
        &bench,
        "audit",
        &["own", "--waivers", &nameless.display().to_string()],
    );
    assert_eq!(said.code, 1);
    assert!(
        said.stderr.contains("bad.yml:1:3") && said.stderr.contains("`reason`"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_policy_names_profiles_hosts_values_and_waivers() {
    let Some(bench) = project("h", 2) else { return };
    bench.on("lab1", "chmod 644 /srv/secret");
    let policy = |text: &str| bench.write("harden.yml", text).display().to_string();
    let own = policy(
        "name: Ours\nhosts: lab1\nprofiles: [own:high]\nparameters: {palisade_own_mode: '0640'}
skip: [own_people]
waivers:
- {control: own_marker, hosts: lab1, reason: not yet, owner: ops@example.org, expires: 2999-01-01}\n",
    );
    let report = palisade(&bench, "audit", &[&own, "--json"]).json();
    assert_eq!(report["hosts"].as_array().unwrap().len(), 1, "{report:#}");
    let verdict = |n: usize| report["hosts"][0]["findings"][n]["verdict"].clone();
    assert_eq!((verdict(0), verdict(1)), ("fail".into(), "waived".into()));
    assert_eq!(
        report["controls"].as_array().unwrap().len(),
        3,
        "{report:#}"
    );
    let done = palisade(&bench, "harden", &[&own, "--only", "own_secret"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert_eq!(bench.on("lab1", "stat -c %a /srv/secret"), "640");
    assert_eq!(bench.on("lab2", "stat -c %a /srv/secret"), "600");
    for (text, part) in [
        ("profiles: [owm]\n", "did you mean `own`?"),
        ("profile: [own]\n", "did you mean `profiles`?"),
        (
            "profiles: [own]\nparameters: {palisade_own_mod: 1}\n",
            "did you mean `palisade_own_mode`?",
        ),
    ] {
        let said = palisade(&bench, "audit", &[&policy(text)]);
        assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(part), "{}", said.stderr);
    }
}

/// The policy that is shipped, as the README runs it.
#[test]
fn the_policy_that_is_shipped_holds_after_it_was_applied() {
    let Some(bench) = project("i", 1) else { return };
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/harden.yml");
    let run = |verb: &str, more: &[&str]| {
        let only = ["--only", "banner,cron,clients,sshd,permissions_shadow"];
        let options = [
            &[policy, "--become", "--json", "--canary", "1"],
            &only[..],
            more,
        ]
        .concat();
        palisade(&bench, verb, &options)
    };
    let done = run("harden", &[]);
    let second = run("harden", &[]);
    let count = |said: &Said, key: &str| said.json()["hosts"][0]["score"][key].clone();
    assert_ne!(count(&done, "fixed"), Json::from(0), "{}", done.stderr);
    assert_eq!(count(&second, "fixed"), Json::from(0), "{}", second.stdout);
    assert_eq!(count(&second, "fail"), Json::from(0), "{}", second.stdout);
    assert_eq!(run("audit", &[]).code, 0);
}

#[test]
fn slips_of_the_pen_are_named_before_anything_is_connected_to() {
    let Some(bench) = project("c", 0) else { return };
    for (options, part) in [
        (&["owm"][..], "did you mean `own`?"),
        (&["own:hihg"][..], "its levels are low, high"),
        (
            &["own", "--only", "own_secrt"][..],
            "did you mean `own_secret`?",
        ),
        (
            &["own", "--section", "9"][..],
            "no profile has the section `9`",
        ),
        (
            &["own", "--only", "own_secret", "--skip", "own"][..],
            "nothing is left to audit",
        ),
    ] {
        let said = palisade(&bench, "audit", options);
        assert_eq!(said.code, 1, "{options:?} {}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(part), "{options:?}: {}", said.stderr);
    }
}

#[test]
fn a_host_that_is_not_reached_passes_nothing() {
    let Some(bench) = project("d", 2) else { return };
    bench.lab.kill_server("lab2").unwrap();
    let said = palisade(&bench, "audit", &["own", "--json"]);
    assert_eq!(said.code, 4, "{}", said.stderr);
    let report = said.json();
    let lost = report["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|h| h["host"] == "lab2")
        .unwrap();
    assert_eq!(
        (&lost["score"]["pass"], &lost["score"]["unknown"]),
        (&0.into(), &3.into()),
        "{lost:#}"
    );
    assert!(lost["lost"].is_string());
}

#[test]
fn the_exit_code_follows_the_severity_that_was_asked_for() {
    let Some(bench) = project("e", 1) else { return };
    let low = &["own:high", "--skip", "own_secret"];
    let with = |more: &[&str]| palisade(&bench, "audit", &[low, more].concat()).code;
    assert_eq!(with(&[]), 3);
    assert_eq!(with(&["--fail-on", "medium"]), 0);
    assert_eq!(with(&["--fail-on", "never"]), 0);
    assert_eq!(with(&["--fail-on", "low"]), 3);
}

#[test]
fn what_one_control_would_mend_makes_no_other_one_hold() {
    let Some(bench) = project("f", 1) else { return };
    let twin = "id: own_twin\ntitle: T twin\nrationale: R\nseverity: low\ntasks:
- {name: there, copy: {dest: /srv/marker, content: x}}\n";
    bench.write("modules/own/twin.yml", twin);
    let profile = PROFILE.replace("  2.2:", "  1.3: {level: low, control: own_twin}\n  2.2:");
    bench.write("modules/profiles/own.yml", &profile);
    let report = palisade(&bench, "audit", &["own:high", "--json"]).json();
    let findings = report["hosts"][0]["findings"].as_array().unwrap();
    for id in ["own_marker", "own_twin"] {
        let finding = findings.iter().find(|f| f["control"] == id).unwrap();
        assert_eq!(finding["verdict"], "fail", "{finding:#}");
    }
}
