//! Drift on real hosts: made by hand, found in one trip, told once for all hosts, corrected under limits.

#[path = "e2e/mod.rs"]
mod e2e;

use std::process::{Command, Output};

use e2e::{Bench, Json, PALISADE, output, up};

const SITE: &str = r#"
- name: application
  hosts: all
  become: false
  tasks:
    - name: Configure it
      copy: {dest: /etc/app.conf, content: "port = 80\nmode = safe\n", mode: "0640"}
      notify: reload it
    - name: Say who it is
      copy: {dest: /etc/who, content: "I am {{ inventory_hostname }} at {{ ansible_host }}\n"}
      tags: who
    - name: Folders
      file: {path: "/srv/{{ item }}", state: directory, mode: "0750"}
      loop: [one, two]
  handlers:
    - name: reload it
      shell: echo reloaded >>/srv/reloads
"#;

fn drift(bench: &Bench, options: &[&str]) -> Output {
    let mut command = Command::new(PALISADE);
    command
        .args(["drift", "-i"])
        .arg(bench.path("inventory.ini"));
    command.args(options).arg(bench.path("site.yml"));
    bench.surround(&mut command);
    output(&mut command)
}

#[track_caller]
fn ended(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}\n{err}");
    said
}

#[track_caller]
fn json(bench: &Bench, options: &[&str], code: i32) -> Json {
    let options = [options, &["--format", "json"]].concat();
    serde_json::from_str(&ended(&drift(bench, &options), code)).unwrap()
}

fn entry<'a>(report: &'a Json, on: &str) -> &'a Json {
    let all = report["entries"].as_array().unwrap();
    let found = all.iter().find(|e| e["on"] == on && e["kind"] == "differs");
    found.unwrap_or_else(|| panic!("nothing about {on}: {report:#}"))
}

fn files(bench: &Bench) -> Vec<String> {
    let hosts = bench.lab.hosts().unwrap();
    let script =
        "cat /etc/app.conf /etc/who /srv/reloads; stat -c %a,%Y /etc/app.conf /etc/who /srv/two";
    let of = |host: &str| {
        format!(
            "{:?} {}",
            bench.lab.changes(host).unwrap(),
            bench.on(host, script)
        )
    };
    hosts.iter().map(|h| of(&h.name)).collect()
}

#[test]
fn hand_made_drift_is_found_once_masked_and_corrected_under_limits() {
    let Some(bench) = up("a", 4) else { return };
    let site = bench.write("site.yml", SITE);
    bench.run(&site, &[]).expect(0);

    // Nothing differs, and that takes one round trip, facts included.
    let report = json(&bench, &[], 0);
    for host in report["hosts"].as_array().unwrap() {
        assert_eq!(host["round_trips"], 1, "{host}");
        assert_eq!(host["standing"], "same", "{host}");
    }

    for host in ["lab1", "lab2", "lab3"] {
        let script = "echo by hand >>/etc/app.conf; echo I am $H >/etc/who; chmod 700 /srv/two";
        bench.on(host, &script.replace("$H", host));
    }
    let before = files(&bench);
    let journals = bench.journals().len();
    let report = json(&bench, &[], 3);
    assert_eq!(entry(&report, "/etc/app.conf")["range"], "lab[1-3]");
    assert_eq!(entry(&report, "/srv/two")["item"], "two");
    let who = entry(&report, "/etc/who");
    assert_eq!(who["range"], "lab[1-3]");
    assert_eq!(who["before"], "I am ‹inventory_hostname›\n");
    assert_eq!(
        who["after"],
        "I am ‹inventory_hostname› at ‹ansible_host›\n"
    );
    assert_eq!(who["values"]["lab2"]["inventory_hostname"], "lab2");
    assert_eq!(report["summary"]["drifted"], 3);
    assert_eq!(report["summary"]["distinct"], 3, "{report:#}");
    let shown = ended(&drift(&bench, &["-v"]), 3);
    assert!(shown.contains("lab3: ‹"), "{shown}");

    // More hosts than may be: nothing is touched.
    for limit in ["2", "50%", "0"] {
        let report = json(&bench, &["--fix", "--max-drift", limit], 8);
        assert_eq!(report["fix"]["hosts"], 3, "{limit}");
        assert!(report["fix"]["halted"].is_u64(), "{limit}");
    }
    assert_eq!(files(&bench), before, "looking changes nothing");
    assert_eq!(bench.journals().len(), journals, "and is not recorded");

    // One path, and the handler that its change asks for.
    let options = ["--fix", "--only", "/etc/app.conf", "--max-drift", "75%"];
    let report = json(&bench, &options, 0);
    assert_eq!(report["summary"]["differences"], 3, "{report:#}");
    for host in ["lab1", "lab2", "lab3"] {
        assert_eq!(
            bench.on(host, "cat /etc/app.conf"),
            "port = 80\nmode = safe"
        );
        assert_eq!(bench.on(host, "cat /etc/who"), format!("I am {host}"));
        assert_eq!(bench.on(host, "stat -c %a /srv/two"), "700");
        assert_eq!(bench.on(host, "wc -l </srv/reloads"), "2");
    }
    assert_eq!(bench.on("lab4", "wc -l </srv/reloads"), "1");

    // Tasks of a tag, then the rest.
    ended(&drift(&bench, &["--fix", "--only", "who"]), 0);
    assert_eq!(bench.on("lab1", "stat -c %a /srv/two"), "700");
    let text = ended(&drift(&bench, &["--fix"]), 0);
    assert!(
        text.contains("fixed lab[1-3] /srv/two mode 0700 → 0750"),
        "{text}"
    );
    assert!(
        text.contains("3 changed, 3 of 3 hosts as the playbook says"),
        "{text}"
    );
    json(&bench, &[], 0);
}

#[test]
fn a_fix_stays_guarded_and_a_lost_host_hides_nobody() {
    let Some(bench) = up("b", 2) else { return };
    bench.write(
        "site.yml",
        r#"
- hosts: all
  gather_facts: false
  tasks:
    - name: Only they come in
      lineinfile: {path: /etc/ssh/sshd_config, line: AllowUsers nobody}
    - name: Say hello
      copy: {dest: /etc/motd, content: "hello\n"}
"#,
    );
    let before = bench.on("lab1", "sha256sum /etc/ssh/sshd_config");
    let output = drift(&bench, &["--fix", "-l", "lab1"]);
    let text = ended(&output, 2);
    assert!(text.contains("failed lab1 Only they come in"), "{text}");
    assert_eq!(bench.on("lab1", "sha256sum /etc/ssh/sshd_config"), before);

    bench.write(
        "site.yml",
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - copy: {dest: /etc/motd, content: \"hello\\n\"}\n",
    );
    let mut inventory = std::fs::read_to_string(bench.path("inventory.ini")).unwrap();
    inventory.push_str("\n[gone]\nlab9 ansible_host=127.0.0.1 ansible_port=1\n");
    bench.write("inventory.ini", &inventory);
    let report = json(&bench, &[], 4);
    assert_eq!(report["summary"]["unreachable"], 1);
    assert_eq!(entry(&report, "/etc/motd")["kind"], "differs");
    let line = ended(&drift(&bench, &["--format", "nagios"]), 2);
    assert!(
        line.starts_with("DRIFT CRITICAL - unreachable: lab9, "),
        "{line}"
    );
    // Those that were reached are corrected; that one was not is still said.
    let report = json(&bench, &["--fix", "--max-drift", "2"], 4);
    assert_eq!(bench.on("lab2", "cat /etc/motd"), "hello");
    assert_eq!(report["hosts"][2]["standing"], "unreachable", "{report:#}");
}
