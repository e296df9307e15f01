//! Plan and apply: what is kept is what is done, on every host that is still as it was.

#[path = "e2e/mod.rs"]
mod e2e;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use e2e::{Bench, Json, PALISADE, Run, output, up};

/// A palisade with these words, in the project's surroundings.
fn palisade(bench: &Bench, words: &[&str]) -> std::process::Output {
    let mut command = Command::new(PALISADE);
    command.args(words);
    bench.surround(&mut command);
    output(&mut command)
}

fn said(output: &std::process::Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Plans what `play.yml` would do; the plan as JSON, where there is one.
fn plan(bench: &Bench, text: &str, words: &[&str]) -> (i32, String, Option<Json>) {
    bench.write("play.yml", text);
    let _ = std::fs::remove_file(bench.path("plan.json"));
    let all = [&["plan", "play.yml", "-i", "inventory.ini"], words].concat();
    let output = palisade(bench, &all);
    let kept = std::fs::read_to_string(bench.path("plan.json")).ok();
    let kept = kept.map(|text| serde_json::from_str(&text).unwrap());
    (output.status.code().unwrap_or(-1), said(&output), kept)
}

const OUT: &[&str] = &["--out", "plan.json"];

fn apply(bench: &Bench, words: &[&str]) -> Run {
    let all = [&["apply", "plan.json", "--json"], words].concat();
    let mut command = Command::new(PALISADE);
    command.args(all);
    bench.surround(&mut command);
    Run::of(&output(&mut command))
}

fn reset(bench: &Bench, hosts: &[&str]) {
    let hosts: Vec<String> = hosts.iter().map(|h| (*h).to_owned()).collect();
    bench.lab.reset(&hosts).unwrap();
}

/// The last line of an apply.
fn last(run: &Run) -> Json {
    let found = run.events.iter().find(|e| e["event"] == "apply");
    found.cloned().unwrap_or_else(|| panic!("{run}"))
}

/// All that a host's files are now, as far as runs of these tests touch them.
fn state(bench: &Bench, host: &str) -> String {
    let script = "find /srv /etc/motd /etc/issue /etc/passwd /etc/group /run/said /run/told \
                  -exec stat -c '%n %F %a %u:%g' {} + 2>/dev/null | sort; \
                  find /srv /etc/motd /etc/issue /etc/passwd /etc/group /run/said /run/told -type f \
                  -exec sha256sum {} + 2>/dev/null | sort";
    bench.on(host, script)
}

/// Files by template, copy, lineinfile and loop, an account, commands, and handlers in between.
const CHANGES: &str = "
- hosts: all
  name: base
  gather_facts: false
  tasks:
    - {name: motd, template: {src: motd.j2, dest: /etc/motd}, notify: say}
    - {name: folder, file: {path: /srv/a/b, state: directory, mode: '0750'}}
    - {name: many, copy: {content: \"{{ item }}\\n\", dest: '/srv/a/b/{{ item }}', mode: '0640'}, loop: [one, two]}
    - {name: tree, copy: {src: tree/, dest: /srv/tree/}}
    - {name: line, lineinfile: {path: /srv/a/b/one, line: second}}
    - meta: flush_handlers
    - {name: people, group: {name: people, gid: 4242}}
    - {name: ann, user: {name: ann, uid: 4243, group: people, shell: /bin/sh, create_home: false}}
    - {name: owned, file: {path: /srv/a/b/two, owner: ann, group: people}}
    - {name: stamp, command: touch stamp, args: {chdir: /srv, creates: /srv/stamp}, notify: told}
    - {name: feed, shell: 'cat >/srv/fed; echo $WORD >>/srv/fed', args: {stdin: fed}, environment: {WORD: 'a {{ ''{{'' }} b'}}
    - {name: quiet, command: 'true', register: r, changed_when: r.rc != 0, notify: never}
    - {name: gone, file: {path: /etc/issue, state: absent}}
  handlers:
    - {name: say, shell: echo said >>/run/said}
    - {name: told, shell: cat /run/said >/run/told}
    - {name: never, shell: echo never >>/run/said}
- hosts: all
  name: second
  gather_facts: false
  serial: 1
  tasks:
    - {name: last, copy: {content: 'z', dest: /srv/last}}
";

fn files(bench: &Bench) {
    bench.write("motd.j2", "welcome to {{ inventory_hostname }}\n");
    bench.write("tree/x/y", "y\n");
    let bytes: Vec<u8> = (0..=255).cycle().take(3 * 1024 * 1024).collect();
    std::fs::write(bench.path("tree/large"), bytes).unwrap();
}

#[test]
fn what_is_applied_is_what_a_run_would_have_done_and_only_once() {
    let Some(bench) = up("a", 2) else { return };
    files(&bench);
    let before = state(&bench, "lab1");
    bench.play(CHANGES, &[]).expect(0);
    let direct = ["lab1", "lab2"].map(|h| state(&bench, h));
    assert_ne!(before, direct[0]);
    reset(&bench, &["lab1", "lab2"]);
    bench.on("lab1", "rm -f /run/said /run/told");
    bench.on("lab2", "rm -f /run/said /run/told");
    assert_eq!(state(&bench, "lab1"), before);

    let (code, text, kept) = plan(
        &bench,
        CHANGES,
        &["--out", "plan.json", "--detailed-exitcode"],
    );
    assert_eq!(code, 2, "{text}");
    assert_eq!(state(&bench, "lab1"), before, "planning changes nothing");
    let kept = kept.unwrap();
    let mode = bench.path("plan.json").metadata().unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert_eq!(kept["plays"][1]["serial"], 1);
    let addresses: BTreeSet<&str> = kept["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["address"].as_str().unwrap())
        .collect();
    assert!(addresses.contains("base/many#one"), "{addresses:?}");
    assert!(text.contains("runs 6 commands on 2 hosts"), "{text}");

    let run = apply(&bench, &[]).expect(0);
    assert_eq!(["lab1", "lab2"].map(|h| state(&bench, h)), direct, "{run}");
    let left = last(&run);
    assert_eq!(left["left_alone"].as_array().unwrap().len(), 0, "{run}");

    let again = apply(&bench, &[]).expect(0);
    assert_eq!(again.count("lab1", "changed"), 0, "{again}");
    assert_eq!(last(&again)["nothing_to_do"].as_array().unwrap().len(), 2);
    assert_eq!(state(&bench, "lab1"), direct[0], "nothing ran again");
}

const PLAIN: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: motd, copy: {content: \"new\\n\", dest: /etc/motd}, notify: say}
    - {name: folder, file: {path: /srv/a, state: directory}}
    - {name: sysadmin, user: {name: ann, create_home: false}}
  handlers:
    - {name: say, shell: echo said >>/run/said}
";

#[test]
fn a_host_that_somebody_changed_is_left_alone_and_the_others_are_not() {
    let Some(bench) = up("b", 2) else { return };
    let (code, text, _) = plan(&bench, PLAIN, OUT);
    assert_eq!(code, 0, "{text}");
    let before = state(&bench, "lab2");
    bench.on("lab1", "echo mine >>/etc/motd; chmod 700 /etc/motd");
    let stale = state(&bench, "lab1");

    let looked = apply(&bench, &["--check"]).expect(6);
    assert_eq!(state(&bench, "lab2"), before, "{looked}");
    let run = apply(&bench, &[]).expect(6);
    assert_eq!(state(&bench, "lab1"), stale, "{run}");
    assert_eq!(bench.on("lab2", "cat /etc/motd /run/said"), "new\nsaid");
    let left = last(&run)["left_alone"].clone();
    assert_eq!(left[0]["host"], "lab1");
    assert_eq!(left[0]["on"], "/etc/motd");
    assert_eq!(
        left[0]["why"],
        "its content is another, its mode is 0700 now, not 0644"
    );
    assert_eq!(left.as_array().unwrap().len(), 1);

    // What is left is planned anew, and then there is nothing more.
    plan(&bench, PLAIN, OUT);
    apply(&bench, &[]).expect(0);
    let (code, text, kept) = plan(
        &bench,
        PLAIN,
        &["--out", "plan.json", "--detailed-exitcode"],
    );
    assert_eq!(
        (code, kept.unwrap()["steps"].as_array().unwrap().len()),
        (0, 0),
        "{text}"
    );

    // An apply is a run like any other, and is taken back like one.
    let mut undo = Command::new(PALISADE);
    undo.args(["undo", "--json"]);
    bench.surround(&mut undo);
    Run::of(&output(&mut undo)).expect(0);
    bench.on("lab1", "rm /run/said");
    assert_eq!(state(&bench, "lab1"), stale);
}

#[test]
fn secrets_are_never_clear_and_damaged_plans_are_refused() {
    let Some(bench) = up("c", 1) else { return };
    bench.write("pass", "vaultword\n");
    let vaulted = {
        let secret = palisade::source::Secret::new("vaultword");
        palisade::source::vault::encrypt(b"token: hunter2hunter\n", &secret, None, &[3; 32])
    };
    bench.write("secret.yml", &vaulted);
    let bytes = palisade::source::Secret::new("vaultword");
    let bytes = palisade::source::vault::encrypt(b"\xff\xfebytes of a key", &bytes, None, &[4; 32]);
    bench.write("files/key.bin", &bytes);
    let play = "
- hosts: all
  gather_facts: false
  vars_files: [secret.yml]
  tasks:
    - {name: hidden, no_log: true, copy: {content: 'LOGWORD', dest: /srv/hidden, mode: '0600'}}
    - {name: from vault, copy: {content: 'key={{ token }}', dest: /srv/key, mode: '0600'}}
    - {name: fed, shell: cat >/srv/fed, args: {stdin: '{{ token }}'}}
    - {name: ann, user: {name: ann, password: $6$salt$HASHWORD, create_home: false}}
    - {name: bytes, copy: {src: key.bin, dest: /srv/bytes, mode: '0600'}}
    - {name: open, copy: {content: 'open', dest: /srv/open}}
";
    let with: &[&str] = &["--out", "plan.json", "--vault-password-file", "pass"];
    let (code, text, kept) = plan(&bench, play, with);
    assert_eq!(code, 0, "{text}");
    let file = std::fs::read_to_string(bench.path("plan.json")).unwrap();
    for word in ["LOGWORD", "hunter2", "HASHWORD", "vaultword"] {
        assert!(
            !file.contains(word) && !text.contains(word),
            "{word}: {text}{file}"
        );
    }
    let sealed = kept.unwrap()["steps"]
        .to_string()
        .matches("ANSIBLE_VAULT")
        .count();
    assert_eq!(sealed, 5, "{file}");

    // Damaged, and of a version nobody knows.
    let path = bench.path("plan.json");
    let refused = |text: &str, why: &str| {
        std::fs::write(&path, text).unwrap();
        let output = palisade(
            &bench,
            &["apply", "plan.json", "--vault-password-file", "pass"],
        );
        let said = said(&output);
        assert!(
            output.status.code() == Some(1) && said.contains(why),
            "{why}: {said}"
        );
        assert!(said.contains("hint: "), "{said}");
    };
    refused(
        &file.replace("/srv/open", "/srv/evil"),
        "is not as it was written",
    );
    refused(&file[..file.len() - 40], "ends too early");
    refused(
        &file.replacen("\"palisade_plan\": 1", "\"palisade_plan\": 2", 1),
        "version 2",
    );
    std::fs::write(&path, &file).unwrap();

    // The record of how it was made names the file with the password; another one does not open it.
    bench.write("other", "wrong\n");
    let output = palisade(
        &bench,
        &["apply", "plan.json", "--vault-password-file", "other"],
    );
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert_eq!(bench.on("lab1", "ls /srv"), "");
    let run = apply(&bench, &[]).expect(0);
    let there = bench.on(
        "lab1",
        "cat /srv/hidden /srv/key /srv/fed /srv/open; grep ann /etc/shadow",
    );
    assert!(
        there.starts_with("LOGWORDkey=hunter2hunterhunter2hunter"),
        "{there}"
    );
    assert!(there.contains("$6$salt$HASHWORD"), "{there}");
    for word in ["LOGWORD", "hunter2", "HASHWORD"] {
        assert!(!run.stdout.contains(word), "{word}: {run}");
    }
    let again = apply(&bench, &[]).expect(0);
    assert_eq!(again.count("lab1", "changed"), 0, "{again}");

    // Without a password nothing is kept, unless such tasks are left out by name.
    reset(&bench, &["lab1"]);
    let play = play.replace("  vars_files: [secret.yml]\n", "  vars: {token: x}\n");
    bench.write("files/key.bin", "clear");
    let (code, text, kept) = plan(&bench, &play, OUT);
    assert!(
        code == 1 && kept.is_none() && text.contains("--leave-out-secrets"),
        "{text}"
    );
    let (code, text, kept) = plan(
        &bench,
        &play,
        &["--out", "plan.json", "--leave-out-secrets"],
    );
    let kept = kept.unwrap();
    assert_eq!(
        (code, kept["unknown"].as_array().unwrap().len()),
        (0, 2),
        "{text}"
    );
    assert_eq!(kept["steps"].as_array().unwrap().len(), 4, "{text}");
}

/// Whether the tool `age` is here; what is compared with it is skipped loudly elsewhere.
fn has_age() -> bool {
    let found = Command::new("age").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped in part: there is no `age` (Debian's package age)");
    }
    found
}

#[test]
fn secrets_are_sealed_for_keys_and_opened_by_whom_they_are_for() {
    let Some(bench) = up("e", 1) else { return };
    const SECRET: &str =
        "AGE-SECRET-KEY-1Y3N7A9QC9UCEL0V403Q4FULGHH0K7P780CKMHX2AC58GQM8FJ7ZQPJR8LD";
    const PUBLIC: &str = "age1hppca99w8dpsvpxp43sgxr4duzw542s5yqas0wn20kzscyjfsezq0sztn7";
    let key = || palisade::host::keygen::ed25519().unwrap();
    let (ann, other) = (key(), key());
    bench.write("key.txt", &format!("# public key: {PUBLIC}\n{SECRET}\n"));
    bench.write("ann", &ann.private);
    bench.write("other", &other.private);
    std::fs::set_permissions(
        bench.path("ann"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    bench.write(
        "team.txt",
        &format!("# the team\n{} ann@home\n", ann.public),
    );
    let play = "
- hosts: all
  name: web
  gather_facts: false
  tasks:
    - {name: hidden, no_log: true, copy: {content: 'LOGWORD', dest: /srv/hidden, mode: '0600'}}
    - {name: open, copy: {content: 'open', dest: /srv/open}}
";
    // Without anything to seal it for, it says what would.
    let (code, text, _) = plan(&bench, play, OUT);
    assert!(code == 1 && text.contains("--recipient KEY"), "{text}");
    let (code, text, _) = plan(&bench, play, &["--recipient", PUBLIC]);
    assert!(code == 5 && text.contains("--out"), "{text}");
    let (code, text, kept) = plan(&bench, play, &["--out", "plan.json", "--recipient", SECRET]);
    assert!(
        code == 1 && kept.is_none() && text.contains("age-keygen -y"),
        "{text}"
    );
    assert!(!text.contains(&SECRET[20..]), "{text}");

    let with: &[&str] = &[
        "--out",
        "plan.json",
        "--recipient",
        PUBLIC,
        "--recipients-file",
        "team.txt",
    ];
    let (code, text, kept) = plan(&bench, play, with);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("1 task holds secrets, sealed for 2 keys of age"),
        "{text}"
    );
    let kept = kept.unwrap();
    assert!(!kept.to_string().contains("LOGWORD"), "{kept}");
    assert_eq!(kept["sealing"]["scheme"], "age");
    assert_eq!(kept["sealing"]["recipients"][0], PUBLIC);
    assert_eq!(kept["sealing"]["recipients"][1], ann.public.as_str());
    let schema = palisade(&bench, &["schema", "plan"]);
    members(&kept, &serde_json::from_slice(&schema.stdout).unwrap());

    // The tool opens what is sealed, by either key.
    let sealed = kept["steps"][0]["sealed"].as_str().unwrap();
    bench.write("sealed.age", sealed);
    for key in ["key.txt", "ann"].iter().filter(|_| has_age()) {
        let mut age = Command::new("age");
        age.current_dir(bench.dir.path());
        let opened = output(age.args(["-d", "-i", key, "sealed.age"]));
        let opened = said(&opened);
        assert!(
            opened.contains("/srv/hidden") && opened.contains("LOGWORD"),
            "{opened}"
        );
    }

    // It is shown without a key, and done with one.
    let shown = said(&palisade(&bench, &["show", "plan.json"]));
    assert!(
        shown.contains("sealed for 2 keys of age") && !shown.contains("LOGWORD"),
        "{shown}"
    );
    let refused = |words: &[&str], why: &str| {
        let output = palisade(&bench, &[&["apply", "plan.json"], words].concat());
        let said = said(&output);
        assert!(
            output.status.code() == Some(1) && said.contains(why),
            "{why}: {said}"
        );
        assert!(
            said.contains("hint: ") && !said.contains("LOGWORD"),
            "{said}"
        );
        assert_eq!(bench.on("lab1", "ls /srv"), "", "{said}");
    };
    refused(&[], "no identity was given");
    refused(&["--identity", "other"], &other.public);
    refused(&["--identity", "team.txt"], "it is a public key");
    refused(&["--identity", "nowhere"], "cannot read the identity");
    let run = apply(&bench, &["--identity", "other", "--identity", "ann"]).expect(0);
    assert_eq!(bench.on("lab1", "cat /srv/hidden /srv/open"), "LOGWORDopen");
    assert!(!run.stdout.contains("LOGWORD"), "{run}");

    // Both keys of the environment; a vault's password does not come before them.
    reset(&bench, &["lab1"]);
    bench.write("pass", "vaultword\n");
    let words = ["--vault-password-file", "pass"];
    let mut command = Command::new(PALISADE);
    command.args([
        "plan",
        "play.yml",
        "-i",
        "inventory.ini",
        "--out",
        "plan.json",
    ]);
    command
        .args(words)
        .env("PALISADE_RECIPIENTS_FILE", "team.txt");
    bench.surround(&mut command);
    let planned = output(&mut command);
    assert!(planned.status.success(), "{}", said(&planned));
    let file = std::fs::read_to_string(bench.path("plan.json")).unwrap();
    assert!(
        file.contains(&ann.public) && !file.contains("ANSIBLE_VAULT"),
        "{file}"
    );
    // Whoever applies it need not have that password.
    std::fs::remove_file(bench.path("pass")).unwrap();
    let mut command = Command::new(PALISADE);
    command
        .args(["apply", "plan.json", "--json"])
        .env("PALISADE_IDENTITY", "ann");
    bench.surround(&mut command);
    Run::of(&output(&mut command)).expect(0);
    assert_eq!(bench.on("lab1", "cat /srv/hidden"), "LOGWORD");
}

#[test]
fn plans_are_as_the_schema_says_and_show_what_is_unknown() {
    let Some(bench) = up("d", 2) else { return };
    files(&bench);
    let play = "
- hosts: all
  name: web
  gather_facts: false
  tasks:
    - {name: asks, shell: hostname, register: r}
    - {name: needs, copy: {content: '{{ r.stdout }}', dest: /srv/x}}
    - {name: elsewhere, command: 'true', delegate_to: lab1}
    - {name: again, command: 'true', register: a, until: a.rc == 0, retries: 2}
    - {name: sshd, lineinfile: {path: /etc/ssh/sshd_config, line: LoginGraceTime 44, insertbefore: BOF}}
    - {name: fails, fail: {msg: nope}, when: inventory_hostname == 'lab2'}
";
    let (code, text, kept) = plan(&bench, play, OUT);
    assert_eq!(code, 2, "{text}");
    let kept = kept.unwrap();
    assert_eq!(kept["hosts"][1]["state"], "failed");
    let unknown: BTreeSet<&str> = kept["unknown"]
        .as_array()
        .unwrap()
        .iter()
        .map(|u| u["task"].as_str().unwrap())
        .collect();
    assert_eq!(unknown, BTreeSet::from(["needs", "again"]), "{text}");
    let shown = said(&palisade(&bench, &["show", "plan.json"]));
    for line in [
        "1 change may cut access on lab1",
        "2 tasks unknown until run",
        "1 host without a plan",
        "+LoginGraceTime 44",
        "lab2: fails: nope",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let json = palisade(&bench, &["show", "plan.json", "--json"]);
    let json: Json = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["reach"]["may_cut_access"]["hosts"][0], "lab1");

    // Only the host with a plan is changed, under a guard.
    let run = apply(&bench, &[]).expect(0);
    assert!(
        bench.on("lab1", "sshd -T").contains("logingracetime 44"),
        "{run}"
    );
    assert!(!bench.on("lab2", "sshd -T").contains("logingracetime 44"));
    let stages = run.events.iter().filter(|e| e["event"] == "guard");
    assert!(stages.clone().any(|e| e["stage"] == "confirmed"), "{run}");

    reset(&bench, &["lab1", "lab2"]);
    let (_, _, second) = plan(&bench, CHANGES, OUT);
    let schema = palisade(&bench, &["schema", "plan"]);
    let schema = String::from_utf8(schema.stdout).unwrap();
    bench.write("schema.json", &schema);
    for plan in [kept, second.unwrap()] {
        members(&plan, &serde_json::from_str(&schema).unwrap());
        bench.write("one.json", &plan.to_string());
        let script = "import json, jsonschema\n\
                      v = jsonschema.Draft202012Validator(json.load(open('schema.json')))\n\
                      v.check_schema(v.schema)\n\
                      v.validate(json.load(open('one.json')))";
        let mut python = Command::new("python3");
        python
            .args(["-c", "import jsonschema"])
            .stderr(Stdio::null());
        if !python.status().is_ok_and(|s| s.success()) {
            eprintln!("skipped in part: python3 has no jsonschema");
            return;
        }
        let mut python = Command::new("python3");
        python.current_dir(bench.dir.path()).args(["-c", script]);
        let checked = output(&mut python);
        assert!(checked.status.success(), "{}", said(&checked));
    }
}

/// Every member that a plan has is one that the schema knows, and it has all that are required: what is
/// checked where there is no validator.
fn members(plan: &Json, schema: &Json) {
    let check = |value: &Json, of: &Json| {
        let known = of["properties"].as_object().unwrap();
        for key in value.as_object().unwrap().keys() {
            assert!(known.contains_key(key), "{key}");
        }
        for key in of["required"].as_array().unwrap() {
            assert!(value.get(key.as_str().unwrap()).is_some(), "{key}");
        }
    };
    check(plan, schema);
    for step in plan["steps"].as_array().unwrap() {
        check(step, &schema["$defs"]["step"]);
    }
}

/// Both commands are counted, and one waits until it is let go.
const WAITS: &str = "
- hosts: all
  name: base
  gather_facts: false
  tasks:
    - {name: one, copy: {content: \"one\\n\", dest: /srv/file}}
    - {name: two, lineinfile: {path: /srv/file, line: two}, notify: told}
    - {name: before, shell: echo before >>/run/said}
    - {name: waits, shell: 'echo waits >>/run/said; until [ -e /run/go ]; do sleep 0.1; done'}
    - {name: three, lineinfile: {path: /srv/file, line: three}}
    - {name: after, copy: {content: 'z', dest: /srv/after}}
  handlers:
    - {name: told, shell: echo told >>/run/said}
";

#[test]
fn an_apply_that_was_stopped_is_gone_on_with() {
    let Some(bench) = up("f", 2) else { return };
    let (code, text, _) = plan(&bench, WAITS, OUT);
    assert_eq!(code, 0, "{text}");
    let mut command = Command::new(PALISADE);
    command.args(["apply", "plan.json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    bench.surround(&mut command);
    let mut child = command.spawn().unwrap();
    let waits = |host| bench.on(host, "cat /run/said 2>/dev/null || :") == "before\nwaits";
    let limit = std::time::Duration::from_secs(30);
    let begun = e2e::until(limit, || ["lab1", "lab2"].into_iter().all(waits));
    assert!(begun, "the command did not begin");
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let mut heard = String::new();
    let mut errors = std::io::BufReader::new(child.stderr.take().unwrap());
    while !heard.contains("stopping") {
        assert_ne!(
            std::io::BufRead::read_line(&mut errors, &mut heard).unwrap(),
            0,
            "{heard}"
        );
    }
    for host in ["lab1", "lab2"] {
        bench.on(host, "touch /run/go");
    }
    let stopped = child.wait_with_output().unwrap();
    let shown = said(&stopped);
    assert_eq!(stopped.status.code(), Some(130), "{shown}");
    assert!(shown.contains("again: palisade resume"), "{shown}");
    assert_eq!(
        bench.on("lab1", "cat /srv/file; ls /srv"),
        "one\ntwo\nfile",
        "{shown}"
    );

    // By itself it leaves hosts alone that are half-way, and says what goes on with them.
    let output = palisade(&bench, &["apply", "plan.json"]);
    let again = said(&output);
    assert_eq!(output.status.code(), Some(6), "{again}");
    assert!(again.contains("`palisade resume 2"), "{again}");

    // Another file of this name is not what was applied.
    let kept = std::fs::read_to_string(bench.path("plan.json")).unwrap();
    plan(&bench, PLAIN, OUT);
    let other = palisade(&bench, &["resume"]);
    assert_eq!(other.status.code(), Some(1), "{}", said(&other));
    assert!(said(&other).contains("is another plan"), "{}", said(&other));
    bench.write("plan.json", &kept);

    let resumed = palisade(&bench, &["resume"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    for host in ["lab1", "lab2"] {
        let there = bench.on(host, "cat /srv/file /srv/after /run/said");
        assert_eq!(
            there,
            "one\ntwo\nthree\nzbefore\nwaits\ntold",
            "{}",
            said(&resumed)
        );
    }
    let over = palisade(&bench, &["apply", "plan.json"]);
    assert_eq!(over.status.code(), Some(0), "{}", said(&over));
    assert_eq!(bench.on("lab1", "wc -l </run/said"), "3", "{}", said(&over));
}
