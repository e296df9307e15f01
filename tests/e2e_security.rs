//! What hosts, and people, may try: text that looks like a template, names that look like options or
//! commands, output without end, prompts that are not ours, files that eat memory. And what must be
//! seen nowhere: secrets.

#[path = "e2e/mod.rs"]
mod e2e;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use e2e::{Bench, PALISADE, Run, Running, output, until, up};
use palisade::lab::ADMIN_PASSWORD;

/// Every way of asking for something to be done on the controller, as a host would put it.
fn wicked(bench: &Bench) -> Vec<String> {
    let at = bench.path("pwned").display().to_string();
    [
        "{{ lookup('pipe', 'touch AT') }}",
        "{% for x in [lookup('pipe','touch AT')] %}{{ x }}{% endfor %}",
        "{# a comment #}",
        "#jinja2: variable_start_string:'[%'",
        "${AT}$(touch AT)`touch AT`",
        "' or lookup('pipe', 'touch AT') or '",
        "{{",
        "!unsafe {{ 1 }}",
    ]
    .iter()
    .map(|w| w.replace("AT", &at))
    .collect()
}

#[test]
fn text_of_hosts_stays_text_wherever_it_goes() {
    let Some(bench) = up("a", 2) else { return };
    let wicked = wicked(&bench);
    let json = serde_json::to_string(&wicked).unwrap();
    bench.put("lab1", "/etc/ansible/facts.d/bad.fact", &json);
    let text = "
- hosts: lab1
  tasks:
    - name: facts
      debug: {var: ansible_local.bad}
    - name: stdout
      command: cat /etc/ansible/facts.d/bad.fact
      register: out
    - name: slurped
      slurp: {src: /etc/ansible/facts.d/bad.fact}
      register: slurped
    - name: set
      set_fact:
        given: '{{ out.stdout | from_json }}'
        joined: \"{{ ansible_local.bad | join('|') }}\"
        decoded: '{{ slurped.content | b64decode | from_json }}'
        mixed: \"{{ 'a ' ~ ansible_local.bad[0] ~ ' b' }}\"
        formatted: \"{{ '%s' | format(ansible_local.bad[0]) }}\"
    - name: each
      debug: {msg: '{{ item }}'}
      loop: '{{ given }}'
    - name: '{{ given[0] }}'
      debug: {msg: named}
    - name: template
      template: {src: t.j2, dest: /srv/template}
    - name: copy
      copy: {content: \"{{ given | join('\\n') }}\", dest: /srv/copy}
    - name: when
      debug: {msg: '{{ given[5] }}'}
      when: given[5] == ansible_local.bad[5] and joined is defined
    - name: assert
      assert:
        that:
          - decoded == given
          - given == ansible_local.bad
          - mixed == 'a ' ~ given[0] ~ ' b'
          - formatted == given[0]
    - name: command
      command: printf '%s' \"{{ given[4] }}\"
    - name: argv
      command: {argv: [printf, '%s', '{{ given[0] }}']}
    - name: path
      file: {path: '/srv/{{ given[2] }}', state: touch}
- hosts: lab2
  gather_facts: false
  tasks:
    - name: other
      debug: {msg: \"{{ hostvars['lab1'].ansible_local.bad[0] }} {{ hostvars.lab1.given[0] }}\"}
    - name: copied
      copy: {content: \"{{ hostvars.lab1.out.stdout }}\", dest: /srv/other}
";
    bench.write("t.j2", "{% for x in given %}{{ x }}\n{% endfor %}");
    for wave in ["200", "1"] {
        let play = bench.write("play.yml", text);
        let mut command = bench.palisade(&play, &["--json", "--diff", "-vvv"]);
        let run = Run::of(&output(command.env("PALISADE_WAVE", wave))).expect(0);
        assert!(!bench.path("pwned").exists(), "a lookup ran");
        assert_eq!(bench.on("lab1", "ls /srv/../tmp"), "");
        assert_eq!(
            run.result("lab1", "facts")["ansible_local.bad"],
            serde_json::json!(wicked)
        );
        let said: Vec<_> = run
            .events
            .iter()
            .filter(|e| e["event"] == "item" && e["task"]["name"] == "each")
            .collect();
        assert_eq!(said.len(), wicked.len());
        for (event, wicked) in said.iter().zip(&wicked) {
            assert_eq!(event["result"]["msg"], **wicked);
        }
        assert!(
            run.events.iter().any(|e| e["task"]["name"] == wicked[0]),
            "a name is data too"
        );
        assert_eq!(bench.on("lab1", "cat /srv/template"), wicked.join("\n"));
        assert_eq!(bench.on("lab1", "cat /srv/copy"), wicked.join("\n"));
        assert_eq!(run.result("lab1", "when")["msg"], *wicked[5]);
        assert_eq!(run.result("lab1", "command")["stdout"], *wicked[4]);
        assert_eq!(run.result("lab1", "argv")["stdout"], *wicked[0]);
        let both = format!("{0} {0}", wicked[0]);
        assert_eq!(run.result("lab2", "other")["msg"], *both);
        assert_eq!(bench.on("lab2", "cat /srv/other"), json);
    }
}

#[test]
fn a_condition_made_of_a_hosts_text_is_not_evaluated() {
    let Some(bench) = up("b", 1) else { return };
    let at = bench.path("pwned");
    for condition in [
        "'{{ r.stdout }}' == 'x'",
        "{{ r.stdout }} == 'x'",
        "r.stdout",
    ] {
        let text = format!(
            "
- hosts: lab1
  gather_facts: false
  tasks:
    - command:
        argv: [printf, \"' == '' or lookup('pipe', 'touch {}') or '\"]
      register: r
    - name: condition
      debug: {{msg: no}}
      when: {}
",
            at.display(),
            serde_json::to_string(condition).unwrap()
        );
        let run = bench.play(&text, &[]);
        assert!(!at.exists(), "the text was evaluated: {condition}");
        assert!(matches!(run.code, Some(1 | 2)), "{condition}: {run}");
        if condition != "r.stdout" {
            let said = format!("{}{}", run.stdout, run.stderr);
            assert!(
                said.contains("embedded template in condition"),
                "{condition}: {run}"
            );
        }
    }
}

fn files_below(dir: &Path) -> Vec<String> {
    let found = Command::new("find")
        .arg(dir)
        .args(["-mindepth", "1", "-printf", "%P %l\\n"])
        .output();
    let text = String::from_utf8_lossy(&found.unwrap().stdout).into_owned();
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    lines.sort();
    lines
}

#[test]
fn what_is_fetched_lands_below_its_directory_only() {
    let Some(bench) = up("c", 1) else { return };
    bench.on("lab1", r"mkdir -p '/srv/a b' && printf one >'/srv/a b/x' && cd /srv && printf two >'..\..\evil' && \
        printf three >'$(id)' && ln -s /etc/shadow link && printf four >-rf");
    let text = r"
- hosts: lab1
  gather_facts: false
  tasks:
    - fetch: {src: '{{ item }}', dest: fetched}
      loop: ['/srv/a b/x', '/srv/..\..\evil', '/srv/$(id)', '/srv/-rf', '/srv/../srv/a b/../a b/x']
    - fetch: {src: /srv/../../../../../srv/-rf, dest: fetched/, flat: true}
    - name: missing
      fetch: {src: /srv/none, dest: fetched, fail_on_missing: false}
";
    bench.write("outside/keep", "kept");
    bench.play(text, &[]).expect(0);
    let found = files_below(bench.dir.path());
    let ours = [
        "fetched",
        "outside",
        "state",
        "data",
        "play.yml",
        "inventory.ini",
    ];
    for line in &found {
        let top = line.split(['/', ' ']).next().unwrap();
        assert!(ours.contains(&top), "{line} in {found:?}");
    }
    let fetched = files_below(&bench.path("fetched"));
    assert!(
        fetched.iter().any(|f| f.trim_end() == "lab1/srv/a b/x"),
        "{fetched:?}"
    );
    assert!(
        fetched
            .iter()
            .any(|f| f.trim_end() == r"lab1/srv/..\..\evil"),
        "{fetched:?}"
    );
    // A link planted on the way out is not followed.
    std::fs::remove_dir_all(bench.path("fetched")).unwrap();
    std::fs::create_dir_all(bench.path("fetched/lab1")).unwrap();
    std::os::unix::fs::symlink(bench.path("outside"), bench.path("fetched/lab1/srv")).unwrap();
    let run = bench.play(text, &[]);
    assert_ne!(run.code, Some(0), "{run}");
    assert_eq!(files_below(&bench.path("outside")), ["keep "]);
}

/// Runs and measures: the run, its largest resident size in KiB, its time.
fn measured(command: &mut Command) -> (Output, u64, Duration) {
    let out = tempfile::tempfile().unwrap();
    let err = tempfile::tempfile().unwrap();
    command
        .stdout(out.try_clone().unwrap())
        .stderr(err.try_clone().unwrap());
    let began = Instant::now();
    let mut child = Running(command.spawn().unwrap());
    let status = PathBuf::from(format!("/proc/{}/status", child.0.id()));
    let mut most = 0;
    let mut code = None;
    let ended = until(Duration::from_secs(90), || {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok());
        most = most.max(kib.unwrap_or(0));
        code = child.0.try_wait().unwrap();
        code.is_some()
    });
    assert!(ended, "it did not end");
    let read = |mut file: std::fs::File| {
        use std::io::{Read, Seek};
        file.rewind().unwrap();
        let mut bytes = Vec::new();
        file.take(64 << 20).read_to_end(&mut bytes).unwrap();
        bytes
    };
    let output = Output {
        status: code.unwrap(),
        stdout: read(out),
        stderr: read(err),
    };
    (output, most, began.elapsed())
}

#[test]
fn a_command_that_prints_for_ever_is_cut_and_the_others_go_on() {
    let Some(bench) = up("d", 2) else { return };
    let text = "
- hosts: all
  gather_facts: false
  tasks:
    - name: one line
      shell: head -c 100000000 /dev/zero | tr '\\0' x
      register: flood
      when: inventory_hostname == 'lab1'
      ignore_errors: true
    - name: kept
      debug: {msg: '{{ flood.stdout | default(\"\") | length }}'}
    - name: after
      command: echo after
";
    let play = bench.write("play.yml", text);
    let (output, most, _) = measured(&mut bench.palisade(&play, &["--json"]));
    let run = Run::of(&output);
    assert!(most < 200 * 1024, "{most} KiB");
    assert!(run.code.is_some(), "{}", run.stderr);
    assert_eq!(run.result("lab2", "after")["stdout"], "after");
    assert_eq!(run.result("lab1", "kept")["msg"], 16 << 20);
    let said = run.result("lab1", "one line")["stdout"].as_str().unwrap();
    assert!(said.len() < 1100 << 10 && said.ends_with(" KiB more are not shown]"));
    let cut = run.result("lab1", "one line");
    assert_eq!(cut["output_truncated"], true);
    assert!(
        cut["warnings"][0].as_str().unwrap().contains("was cut"),
        "{}",
        cut["warnings"]
    );
    // What never ends is ended, by its time or by how much it is; people are told of both.
    let text = "
- hosts: all
  gather_facts: false
  tasks:
    - name: for ever
      shell: while :; do echo y; done
      timeout: 2
      when: inventory_hostname == 'lab1'
      ignore_errors: true
    - name: fast
      shell: \"trap '' TERM; yes\"
      when: inventory_hostname == 'lab1'
    - name: after
      command: echo after
";
    let play = bench.write("play.yml", text);
    let (output, most, took) = measured(&mut bench.palisade(&play, &["--json"]));
    let run = Run::of(&output).expect(2);
    // A debug build's own pages are some 40 MiB of it.
    assert!(
        most < 300 * 1024 && took < Duration::from_secs(30),
        "{most} KiB {took:?}"
    );
    assert_eq!(run.count("lab1", "failed"), 1);
    let fast = run.result("lab1", "fast");
    assert!(
        fast["msg"]
            .as_str()
            .unwrap()
            .contains("printed without end"),
        "{}",
        fast["msg"]
    );
    assert_eq!(fast["output_truncated"], true);
    assert_eq!(run.result("lab2", "after")["stdout"], "after");
    let left = bench.on("lab1", "du -sk /dev/shm | cut -f1; pgrep -x yes");
    assert_eq!(left, "0");
    let human = output_text(&mut bench.palisade(&play, &["-l", "lab1"]));
    assert!(human.contains("the output was cut"), "{human}");
    assert!(human.contains("printed without end"), "{human}");
}

/// What people see.
fn output_text(command: &mut Command) -> String {
    let output = output(command);
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// No byte that a terminal acts on.
#[track_caller]
fn assert_harmless(what: &str, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|e| panic!("{what}: not UTF-8: {e}"));
    let bad = text.chars().find(|c| {
        (c.is_control() && !"\n\t".contains(*c))
            || ('\u{202a}'..='\u{202e}').contains(c)
            || ('\u{2066}'..='\u{2069}').contains(c)
            || ('\u{2028}'..='\u{2029}').contains(c)
    });
    assert_eq!(bad, None, "{what}: {text}");
}

#[test]
fn nothing_a_host_says_reaches_the_terminal_raw() {
    let Some(bench) = up("e", 1) else { return };
    let escapes = r"\033]52;c;ZXZpbA==\007\033[2J\033[31mred\033]8;;http://x\033\\\\x\r\302\233\302\2050;31m\342\200\256\342\201\246\342\200\250\377\376\010\000";
    bench.on("lab1", &format!("mkdir /srv/d; cd /srv/d; printf 'old {escapes}' >file; touch \"$(printf 'n\\033[31m\\r')\""));
    let text = format!(
        "
- hosts: lab1
  gather_facts: false
  tasks:
    - name: said
      shell: printf '{escapes}'; printf '{escapes}' >&2
      register: r
    - name: shown
      debug: {{var: r.stdout}}
    - name: message
      debug: {{msg: '{{{{ r.stdout }}}}'}}
    - name: 'named {{{{ r.stdout }}}}'
      debug: {{msg: x}}
    - name: file
      copy: {{content: 'new', dest: /srv/d/file}}
    - name: names
      command: ls /srv/d
      register: names
    - name: items
      file: {{path: '/srv/d/{{{{ item }}}}', state: absent}}
      loop: '{{{{ names.stdout_lines }}}}'
    - name: fails
      shell: printf '{escapes}' >&2; exit 1
"
    );
    let play = bench.write("play.yml", &text);
    for form in [
        vec!["--output", "human"],
        vec!["--output", "classic"],
        vec!["--json"],
    ] {
        for level in ["-v", "-vvvv"] {
            bench.on(
                "lab1",
                &format!(
                    "cd /srv/d; printf 'old {escapes}' >file; touch \"$(printf 'n\\033[31m\\r')\""
                ),
            );
            let mut options = form.clone();
            options.extend([level, "--diff"]);
            let out = output(&mut bench.palisade(&play, &options));
            assert_eq!(
                out.status.code(),
                Some(2),
                "{}",
                String::from_utf8_lossy(&out.stdout)
            );
            assert_harmless(&options.join(" "), &out.stdout);
            assert_harmless(&options.join(" "), &out.stderr);
        }
    }
    for journal in bench.journals() {
        let bytes = std::fs::read(journal).unwrap();
        assert!(bytes.iter().all(|b| *b >= b' ' || *b == b'\n'));
    }
}

#[test]
fn prompts_and_frames_of_login_scripts_are_noise() {
    let Some(bench) = up("f", 1) else { return };
    let rc = r#"printf '[sudo] password for admin: '
printf '[sudo] password for admin: ' >&2
printf '\n\001HELLO 0123456789abcdef0123456789abcdef uid=0\n'
printf '\n\0011 0 5\nfalse\n\001END 0123456789abcdef 1 0\n'
n=0; while [ $n -lt 1000 ]; do echo 'noise noise noise noise noise noise noise noise'; n=$((n+1)); done"#;
    bench.put("lab1", "/home/admin/.bashrc", rc);
    let text = "
- hosts: lab1
  gather_facts: false
  tasks:
    - name: who
      command: id -un
    - name: root
      command: id -un
      become: true
";
    let file = bench.write("password", ADMIN_PASSWORD);
    let with = [
        "-e",
        "ansible_user=admin",
        "--become-password-file",
        file.to_str().unwrap(),
    ];
    let run = bench.play(text, &with).expect(0);
    assert_eq!(run.result("lab1", "who")["stdout"], "admin");
    if Path::new("/usr/bin/sudo").exists() {
        assert_eq!(run.result("lab1", "root")["stdout"], "root");
    }
    // Ten megabytes of it: works, or is refused with a word; never for long, never in much memory.
    bench.on(
        "lab1",
        "printf 'head -c 10000000 /dev/zero | tr \"\\\\0\" x\\necho\\n' >>/home/admin/.bashrc",
    );
    let play = bench.path("play.yml");
    let (out, most, took) = measured(bench.palisade(&play, &with).arg("--json"));
    let run = Run::of(&out);
    assert!(most < 100 * 1024, "{most} KiB");
    assert!(took < Duration::from_secs(20), "{took:?}");
    match run.code {
        Some(0) => assert_eq!(run.result("lab1", "who")["stdout"], "admin"),
        _ => assert!(
            run.unreachable("lab1").contains("login scripts print"),
            "{run}"
        ),
    }
}

/// Secrets, each of which may be in one place only. None is a word that anything else would say.
const CANARIES: &[(&str, &str)] = &[
    ("become password", ADMIN_PASSWORD),
    ("no_log argument", "Cnr0NologArgument7f31aa9c5e"),
    ("no_log output", "Cnr1NologOutputb4d2ee8810f"),
    ("no_log item", "Cnr2NologItem90c37b6fd21e"),
    ("vault variable", "Cnr3VaultVar'iable\"5a8e0d"),
    ("environment", "Cnr4Environment1c6fb07e93"),
    ("password argument", "Cnr5UserPassword8d2f61ab0e"),
];

const SECRETS: &str = r#"
- hosts: all
  gather_facts: false
  vars_files: [vault.yml]
  tasks:
    - name: environment
      shell: test -n "$SECRET" && sleep 0.3
      environment: {SECRET: "{{ in_environment }}"}
      changed_when: false
      no_log: true
    - name: template
      template: {src: secret.j2, dest: /srv/secret, mode: '0600'}
      no_log: true
    - name: vaulted
      copy: {content: "{{ vaulted }}\n", dest: /srv/vaulted, mode: '0600'}
    - name: shown by mistake
      debug: {msg: "it is {{ vaulted }}"}
    - name: said by a command
      command: cat /srv/vaulted
      check_mode: false
      changed_when: false
      failed_when: false
    - name: argument
      copy: {content: "{{ argument }}\n", dest: /srv/argument}
      no_log: true
      register: hidden
    - name: output
      shell: cat /srv/output; sleep 0.2
      no_log: true
      changed_when: true
    - name: items
      lineinfile: {path: /srv/items, line: "{{ item }}", create: true}
      loop: ["{{ in_item }}", other]
      no_log: true
    - name: failed
      command: sh -c 'cat /srv/output; cat /srv/output >&2; exit 1'
      no_log: true
      ignore_errors: true
    - name: retried
      command: sh -c 'cat /srv/output; exit 1'
      no_log: true
      ignore_errors: true
      until: false
      retries: 1
      delay: 0
    - block:
        - name: in a block
          copy: {src: "/nonexistent/{{ argument }}", dest: /srv/never}
          no_log: true
      rescue:
        - name: rescued
          debug: {msg: rescued}
    - name: wrong argument
      file: {path: "relative/{{ argument }}", state: "{{ argument }}"}
      no_log: true
      ignore_errors: true
    - name: skipped
      command: "echo {{ argument }}"
      when: argument == 'x'
      no_log: true
    - name: password
      user: {name: deploy, password: "{{ password_of_user }}"}
      no_log: true
"#;

/// The ways in which a secret could be written.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let plain = secret.as_bytes().to_vec();
    let json = serde_json::to_string(secret)
        .unwrap()
        .trim_matches('"')
        .as_bytes()
        .to_vec();
    let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
    let encode = |text: &[u8]| {
        let mut child = Command::new("base64");
        child
            .arg("-w0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = child.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text).unwrap();
        child.wait_with_output().unwrap().stdout
    };
    // Without the ends, which depend on what is around it.
    let base64 = encode(&plain);
    let middle = base64[..base64.len() - 4].to_vec();
    vec![plain, json, hex.into_bytes(), middle]
}

#[track_caller]
fn assert_no_canary(where_: &str, bytes: &[u8]) {
    for (name, secret) in CANARIES {
        for form in forms(secret) {
            let found = bytes.windows(form.len()).any(|w| w == form);
            assert!(
                !found,
                "the {name} is in {where_}: {}",
                String::from_utf8_lossy(bytes)
            );
        }
    }
}

/// Command lines and environments of everything that runs on this machine, but for tests and shells
/// that carry the canaries on purpose.
fn command_lines() -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        if !entry
            .file_name()
            .to_string_lossy()
            .starts_with(|c: char| c.is_ascii_digit())
        {
            continue;
        }
        all.extend(std::fs::read(entry.path().join("cmdline")).unwrap_or_default());
        all.push(b'\n');
    }
    all
}

/// A project full of secrets.
fn secrets(bench: &Bench) -> PathBuf {
    let of = |name: &str| CANARIES.iter().find(|(n, _)| *n == name).unwrap().1;
    let vars = format!(
        "argument: {:?}\nin_item: {:?}\nin_environment: {:?}\npassword_of_user: {:?}\n",
        of("no_log argument"),
        of("no_log item"),
        of("environment"),
        of("password argument")
    );
    bench.write("group_vars/all.yml", &vars);
    bench.write("secret.j2", "{{ argument }} {{ in_item }}\n");
    bench.write("vault-password", "open sesame\n");
    let plain = serde_json::json!({ "vaulted": of("vault variable") });
    bench.write("vault.yml", &vault("open sesame", &format!("{plain}\n")));
    bench.write("password", of("become password"));
    for host in bench.lab.hosts().unwrap() {
        bench.put(
            &host.name,
            "/srv/output",
            &format!("{}\n", of("no_log output")),
        );
    }
    bench.write("secrets.yml", SECRETS)
}

/// A vault of format 1.1, made by hand: palisade reads them, and `openssl` is everywhere.
fn vault(password: &str, plain: &str) -> String {
    use aes::cipher::{KeyIvInit, StreamCipher};
    use hmac::{KeyInit, Mac};
    let salt = [7u8; 32];
    let mut keys = [0u8; 80];
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password.as_bytes(), &salt, 10_000, &mut keys);
    let mut bytes = plain.as_bytes().to_vec();
    let pad = 16 - bytes.len() % 16;
    bytes.extend(std::iter::repeat_n(u8::try_from(pad).unwrap(), pad));
    let mut cipher =
        ctr::Ctr128BE::<aes::Aes256>::new_from_slices(&keys[..32], &keys[64..]).unwrap();
    cipher.apply_keystream(&mut bytes);
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&keys[32..64]).unwrap();
    mac.update(&bytes);
    let tag = mac.finalize().into_bytes();
    let inner = format!(
        "{}\n{}\n{}",
        hex::encode(salt),
        hex::encode(tag),
        hex::encode(&bytes)
    );
    let outer = hex::encode(inner);
    let lines: Vec<&str> = outer
        .as_bytes()
        .chunks(80)
        .map(|l| std::str::from_utf8(l).unwrap())
        .collect();
    format!("$ANSIBLE_VAULT;1.1;AES256\n{}\n", lines.join("\n"))
}

#[test]
fn secrets_are_seen_nowhere_but_where_they_belong() {
    let Some(bench) = up("g", 2) else { return };
    if !Path::new("/usr/bin/sudo").exists() {
        eprintln!("skipped: sudo is not installed");
        return;
    }
    let play = secrets(&bench);
    let password = bench.path("password").display().to_string();
    let vault = bench.path("vault-password").display().to_string();
    let mut number = 0;
    let levels = ["", "-v", "-vv", "-vvv", "-vvvv", "-vvvvv"];
    for form in [
        vec!["--output", "human"],
        vec!["--output", "classic"],
        vec!["--json"],
    ] {
        for (level, mode) in levels
            .iter()
            .zip(["--check", "--diff", "", "-CD", "-D", "-CD"])
        {
            let mut options = form.clone();
            options.extend([*level, mode].into_iter().filter(|o| !o.is_empty()));
            options.extend([
                "-b",
                "-e",
                "ansible_user=admin",
                "--become-password-file",
                &password,
            ]);
            options.extend(["--vault-password-file", &vault]);
            let mut command = bench.palisade(&play, &options);
            let out = tempfile::tempfile().unwrap();
            command
                .stdout(out.try_clone().unwrap())
                .stderr(out.try_clone().unwrap());
            if number == 0 {
                bench.lab.cut("lab2").unwrap();
                command.args(["-T", "1"]);
            }
            let mut run = Running(command.spawn().unwrap());
            let mut code = None;
            until(Duration::from_secs(60), || {
                assert_no_canary("a command line", &command_lines());
                code = run.0.try_wait().unwrap();
                code.is_some()
            });
            let code = code.and_then(|c| c.code());
            let said = {
                use std::io::{Read, Seek};
                let mut out = out;
                out.rewind().unwrap();
                let mut bytes = Vec::new();
                out.read_to_end(&mut bytes).unwrap();
                bytes
            };
            let text = String::from_utf8_lossy(&said);
            assert_eq!(
                code,
                Some(if number == 0 { 4 } else { 0 }),
                "{options:?} {text}"
            );
            assert_no_canary(&format!("the output of {options:?}"), &said);
            if number == 0 {
                bench.lab.heal("lab2").unwrap();
            }
            number += 1;
        }
    }
    let state = Command::new("find")
        .arg(bench.path("state"))
        .args(["-type", "f"])
        .output()
        .unwrap();
    let state = String::from_utf8_lossy(&state.stdout).into_owned();
    assert!(state.lines().count() >= 9, "{state}");
    for file in state.lines() {
        assert_no_canary(file, &std::fs::read(file).unwrap());
    }
    // On the host they are in the files they were meant for, and in no other.
    let look = "grep -rlaE 'Cnr[0-9]' /srv /etc /tmp /var/tmp /var/log /root /home /run /dev/shm 2>/dev/null | sort";
    let expected = "/etc/shadow\n/srv/argument\n/srv/items\n/srv/output\n/srv/secret\n/srv/vaulted";
    let found = bench.on("lab1", look).replace("/etc/shadow-\n", "");
    assert_eq!(found, expected);
    assert_eq!(
        bench.on("lab1", "cat /srv/vaulted"),
        "Cnr3VaultVar'iable\"5a8e0d"
    );
}

/// Names that mean something to a shell, to an option parser, or to a careless program.
const NAMES: &[&str] = &[
    "-rf",
    "--",
    ";id",
    "$(touch pwned)",
    "`touch pwned`",
    "{a,b}",
    "*",
    "~root",
    "\u{a0}",
    " lead",
    "%h",
    "=x",
    "a'b\"c",
    "a\\nb",
    "#x",
    "&",
    "|cat",
    "é\u{301}",
];

#[test]
fn names_are_only_names() {
    let Some(bench) = up("h", 1) else { return };
    let small = bench.busybox();
    let text = r#"
- hosts: all
  gather_facts: false
  tasks:
    - name: directory
      file: {path: "/srv/n/{{ item }}", state: directory}
      loop: "{{ names }}"
    - name: copy
      copy: {content: "{{ item }}", dest: "/srv/n/{{ item }}/{{ item }}"}
      loop: "{{ names }}"
    - name: line
      lineinfile: {path: "/srv/n/{{ item }}/line", line: "x{{ item }}y", create: true}
      loop: "{{ names[:-1] }}"
    - name: link
      file: {path: "/srv/n/{{ item }}/link", src: "{{ item }}", state: link}
      loop: "{{ names }}"
    - name: stat
      stat: {path: "/srv/n/{{ item }}/{{ item }}"}
      register: stats
      loop: "{{ names }}"
    - name: argv
      command:
        argv: [printf, "%s", "{{ item }}"]
        chdir: "/srv/n/{{ item }}"
        expand_argument_vars: false
      register: said
      changed_when: false
      loop: "{{ names }}"
    - name: verdict
      assert:
        that:
          - stats.results | map(attribute='stat.size') | list == sizes
          - said.results | map(attribute='stdout') | list == names
        quiet: true
  vars:
    sizes: "{{ lengths }}"
"#;
    let mut names: Vec<String> = NAMES.iter().map(ToString::to_string).collect();
    names.push("line\nbreak".into());
    let lengths: Vec<usize> = names.iter().map(String::len).collect();
    let vars = serde_json::json!({ "names": names, "lengths": lengths });
    let vars = bench.write("vars.json", &vars.to_string());
    let extra = format!("@{}", vars.display());
    for host in bench.lab.hosts().unwrap() {
        bench.on(&host.name, "mkdir -p /srv/n");
    }
    let first = bench.play(text, &["-e", &extra]).expect(0);
    assert_eq!(first.hosts().len(), 1 + usize::from(small));
    bench.play(text, &["-e", &extra]).expect(0).unchanged();
    for host in first.hosts() {
        let all = bench.on(&host, "find / -xdev -name '*pwned*' 2>/dev/null");
        assert!(
            all.lines()
                .all(|l| l.contains("(touch pwned)") || l.contains("`touch pwned`")),
            "{all}"
        );
        let count = bench.on(&host, "ls -A /srv/n | tr '\\n' ' ' | wc -w; find /srv/n -mindepth 1 -maxdepth 1 -print0 | tr -cd '\\000' | wc -c");
        assert!(count.ends_with(&names.len().to_string()), "{count}");
    }
    let removal = "
- hosts: all
  gather_facts: false
  tasks:
    - file: {path: '/srv/n/{{ item }}', state: absent}
      loop: '{{ names }}'
";
    bench.play(removal, &["-e", &extra]).expect(0);
    for host in first.hosts() {
        assert_eq!(bench.on(&host, "ls -A /srv/n"), "");
        assert_eq!(
            bench.on(&host, "ls -d /srv /etc /root"),
            "/etc\n/root\n/srv"
        );
    }
}

#[test]
fn names_of_accounts_that_are_none_are_refused() {
    let Some(bench) = up("i", 1) else { return };
    let before = bench.on("lab1", "cat /etc/passwd /etc/group; ls /home");
    for name in [
        "-rf",
        "a:b",
        "a\\nb:x:0:0::/:/bin/sh",
        "$(id);id",
        "a b",
        "../x",
    ] {
        for action in ["user", "group"] {
            let text = format!(
                "- hosts: lab1\n  gather_facts: false\n  tasks:\n    - name: t\n      {action}: {{name: \"{name}\"}}\n"
            );
            let run = bench.play(&text, &[]);
            assert!(matches!(run.code, Some(1 | 2)), "{action} {name}: {run}");
        }
    }
    assert_eq!(
        bench.on("lab1", "cat /etc/passwd /etc/group; ls /home"),
        before
    );
    // Neither is one that a connection is made with.
    for (what, value) in [
        ("ansible_user", "-oProxyCommand=x"),
        ("ansible_host", "-oProxyCommand=x"),
    ] {
        let play = bench.write(
            "p.yml",
            "- hosts: lab1\n  gather_facts: false\n  tasks: [{ping: }]\n",
        );
        let vars = serde_json::json!({ what: value }).to_string();
        let run = bench.run(&play, &["-e", &vars]);
        assert!(matches!(run.code, Some(1 | 2 | 4)), "{run}");
        assert!(
            format!("{}{}", run.stdout, run.stderr).contains("dash"),
            "{run}"
        );
    }
}

/// A run that must fail soon, in little memory, with a word and without a backtrace.
#[track_caller]
fn assert_refused(command: &mut Command, what: &str) -> String {
    let (out, most, took) = measured(command);
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    let short: String = text.chars().take(2000).collect();
    assert!(took < Duration::from_secs(4), "{what}: {took:?}");
    assert!(most < 300 * 1024, "{what}: {most} KiB");
    assert_eq!(out.status.code(), Some(1), "{what}: {short}");
    assert!(
        !text.contains("panicked") && !text.contains("RUST_BACKTRACE"),
        "{what}: {short}"
    );
    assert!(text.contains("error"), "{what}: {short}");
    assert!(
        text.len() < 100_000,
        "{what}: {} bytes of message",
        text.len()
    );
    short
}

#[test]
fn files_that_would_eat_memory_are_refused_soon() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let palisade = |inventory: &Path, playbook: &Path| {
        let mut command = Command::new(PALISADE);
        command
            .args(["playbook", "--list-hosts", "-i"])
            .arg(inventory)
            .arg(playbook);
        command.env("HOME", dir.path()).stdin(Stdio::null());
        command
    };
    let hosts = write("hosts", b"one ansible_connection=local\n");
    let play = write(
        "play.yml",
        b"- hosts: all\n  gather_facts: false\n  tasks: [{ping: }]\n",
    );
    let fine = output(&mut palisade(&hosts, &play));
    assert_eq!(fine.status.code(), Some(0), "{fine:?}");

    let mut bomb = String::from("a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n");
    for n in 1..12 {
        let item = format!("*a{}", n - 1);
        bomb += &format!("a{n}: &a{n} [{}]\n", vec![item; 9].join(","));
    }
    let mut merges = String::from("m0: &m0 {k: v}\n");
    for n in 1..12 {
        let item = format!("*m{}", n - 1);
        merges += &format!(
            "m{n}: &m{n} {{<<: [{}], k{n}: v}}\n",
            vec![item; 9].join(",")
        );
    }
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("bomb", bomb.into_bytes()),
        (
            "deep flow",
            [vec![b'['; 100_000], vec![b']'; 100_000]].concat(),
        ),
        ("deep map", "{a: ".repeat(100_000).into_bytes()),
        (
            "deep block",
            (0..3000)
                .map(|n| format!("{}a:\n", " ".repeat(n)))
                .collect::<String>()
                .into_bytes(),
        ),
        ("itself", b"a: &a [*a]\n".to_vec()),
        (
            "python",
            b"a: !!python/object/apply:os.system [id]\n".to_vec(),
        ),
        ("nul", b"a: b\0c\n".to_vec()),
    ];
    for (name, text) in &cases {
        let as_vars = write("vars.yml", text);
        let mut command = palisade(&hosts, &play);
        command.arg("-e").arg(format!("@{}", as_vars.display()));
        assert_refused(&mut command, &format!("{name} as variables"));
        let as_play = write("bad.yml", text);
        assert_refused(
            &mut palisade(&hosts, &as_play),
            &format!("{name} as a playbook"),
        );
        let as_inventory = write("inv.yml", text);
        assert_refused(
            &mut palisade(&as_inventory, &play),
            &format!("{name} as an inventory"),
        );
    }
    let merged = write("vars.yml", merges.as_bytes());
    let mut command = palisade(&hosts, &play);
    command.arg("-e").arg(format!("@{}", merged.display()));
    let (out, most, took) = measured(&mut command);
    assert!(matches!(out.status.code(), Some(0 | 1)), "{out:?}");
    assert!(
        most < 300 * 1024 && took < Duration::from_secs(4),
        "merges: {most} KiB {took:?}"
    );

    let line = vec![b'x'; 96 << 20];
    let huge = write("huge", &line);
    let said = assert_refused(
        &mut palisade(&huge, &play),
        "a line without end as an inventory",
    );
    assert!(said.contains("huge"), "{said}");
    let huge = write("huge.yml", &[b"a: ".to_vec(), line].concat());
    assert_refused(
        &mut palisade(&huge, &play),
        "a scalar without end as an inventory",
    );
    assert_refused(
        &mut palisade(&hosts, &huge),
        "a scalar without end as a playbook",
    );
    let template = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - debug: {{msg: \"{}\"}}\n",
        "{{ (".repeat(50_000)
    );
    let deep = write("deep.yml", template.as_bytes());
    assert_refused(&mut palisade(&hosts, &deep), "a template without end");
}
