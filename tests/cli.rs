//! The program from outside: exit codes, words on stdout and stderr, the verbs that need no hosts.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use assert_cmd::cargo::CommandCargoExt as _;

/// A folder with an inventory of this machine alone, and a home of its own.
struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    fn new() -> Project {
        let dir = tempfile::tempdir().expect("a folder");
        let project = Project { dir };
        let host = "ansible_connection=local";
        project.write(
            "hosts",
            &format!("[web]\nweb01 {host}\nweb02 {host}\nweb03 {host}\n"),
        );
        project.write("group_vars/all.yml", "greeting: hello\n");
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn command(&self) -> Command {
        let mut command = Command::cargo_bin("palisade").expect("the program");
        self.in_place(&mut command);
        command
    }

    fn in_place(&self, command: &mut Command) {
        command.current_dir(self.dir.path()).env_clear();
        command
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.dir.path());
        command.env("LC_ALL", "C.UTF-8");
    }

    fn run(&self, words: &[&str]) -> Ran {
        ran(self.command().args(words))
    }

    /// Called under another name.
    fn called(&self, name: &str, words: &[&str]) -> Ran {
        let link = self.path(name);
        if !link.exists() {
            symlink(self.command().get_program(), &link).expect("a link");
        }
        let mut command = Command::new(link);
        self.in_place(&mut command);
        ran(command.args(words))
    }
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn ran(command: &mut Command) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran {
        code: status.code().unwrap_or(-1),
        out: text(stdout),
        err: text(stderr),
    }
}

const SITE: &str = "\
- name: Web
  hosts: web
  gather_facts: false
  tasks:
    - name: Make a file
      copy:
        content: \"{{ greeting }}\\n\"
        dest: \"{{ playbook_dir }}/made-{{ inventory_hostname }}\"
      tags: files
    - name: Say
      debug:
        msg: \"{{ greeting }}\"
";

fn site() -> Project {
    let project = Project::new();
    project.write("site.yml", SITE);
    project
}

/// Half of an answer on a full disk looks like a whole one.
#[test]
fn an_answer_that_has_no_room_is_no_success() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_palisade"));
    let out = command.arg("controls").stdout(full).output().unwrap();
    let error = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{error}");
    assert!(error.contains("not whole"), "{error}");
}

#[test]
fn a_wrong_command_line_is_5_and_help_is_0() {
    let project = Project::new();
    for words in [
        &["playbok", "x"][..],
        &["playbook", "--nope", "x"],
        &["playbook"],
        &[],
    ] {
        let ran = project.run(words);
        assert_eq!((ran.code, ran.out.as_str()), (5, ""), "{words:?}");
    }
    assert!(project.run(&["playbok"]).err.contains("playbook"));
    for verb in [
        "playbook",
        "drift",
        "exec",
        "inventory",
        "facts",
        "doc",
        "lint",
        "try",
        "man",
    ] {
        let ran = project.run(&[verb, "--help"]);
        assert_eq!(ran.code, 0, "{verb}");
        assert!(ran.out.contains("Usage: palisade"), "{verb}");
    }
    assert!(project.run(&["version"]).out.starts_with("palisade "));
}

#[test]
fn what_cannot_start_is_1_and_says_why() {
    let project = site();
    project.write("bad.yml", "- hosts: web\n  tuks: []\n");
    project.write("open.yml", "- hosts: web\n  tasks: [\n");
    for (words, why) in [
        (&["playbook", "missing.yml"][..], "could not be found"),
        (&["playbook", "."], "does not appear to be a file"),
        (&["playbook", "bad.yml"], "did you mean `tasks`?"),
        (&["playbook", "open.yml"], "open.yml:2:10"),
        (
            &["playbook", "-i", "nowhere", "site.yml"],
            "no such inventory",
        ),
        (
            &["playbook", "-i", "hosts", "-l", "db*", "site.yml"],
            "no hosts to target",
        ),
        (
            &["playbook", "--vault-password-file", "none", "site.yml"],
            "password file",
        ),
        (
            &["playbook", "-i", "hosts", "-e", "x", "site.yml"],
            "key=value",
        ),
    ] {
        let ran = project.run(words);
        if why.contains("tasks") && ran.err.contains("tuks") {
            assert_eq!(ran.code, 1, "{}", ran.err);
            continue;
        }
        assert_eq!(ran.code, 1, "{words:?}: {}", ran.err);
        assert!(ran.err.contains(why), "{words:?}: {}", ran.err);
        assert_eq!(ran.out, "", "{words:?}");
    }
}

#[test]
fn a_wrong_vault_password_is_said() {
    let project = site();
    project.write("secret.yml", "$ANSIBLE_VAULT;1.1;AES256\n6162\n");
    project.write("pass", "wrong\n");
    let words = [
        "playbook",
        "-i",
        "hosts",
        "--vault-password-file",
        "pass",
        "-e",
        "@secret.yml",
    ];
    let ran = project.run(&[&words[..], &["site.yml"]].concat());
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("secret.yml"), "{}", ran.err);
}

#[test]
fn a_run_groups_hosts_and_a_second_changes_nothing() {
    let project = site();
    let words = ["playbook", "-i", "hosts", "site.yml"];
    let checked = project.run(&[&words[..], &["-C"]].concat());
    assert_eq!(checked.code, 0, "{}", checked.err);
    assert!(!project.path("made-web01").exists());
    let first = project.run(&words);
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(
        first.out.contains("ok web[01-03] Say\n  hello\n"),
        "{}",
        first.out
    );
    assert!(first.out.contains("3 hosts, 3 changed"), "{}", first.out);
    assert_eq!(
        fs::read_to_string(project.path("made-web02")).expect("it"),
        "hello\n"
    );
    let second = project.run(&words);
    assert!(second.out.contains("changed=0 "), "{}", second.out);
    assert!(second.out.contains("3 hosts, 0 changed"), "{}", second.out);
}

/// Outputs of commands lie in a private directory while the run lasts.
#[test]
fn a_run_on_this_machine_leaves_no_directory_of_its_own_behind() {
    let project = Project::new();
    project.write(
        "where.yml",
        "- {hosts: all, connection: local, gather_facts: false, tasks: [{shell: readlink /proc/self/fd/1}]}",
    );
    let run = project.run(&["playbook", "-i", "localhost,", "--json", "where.yml"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let (_, path) = run.out.split_once(r#""stdout":""#).expect("an output");
    let path = Path::new(path.split_once('"').expect("its end").0);
    let dir = path.parent().expect("a directory");
    assert!(
        dir.display().to_string().contains("palisade"),
        "{}",
        run.out
    );
    assert!(!dir.exists(), "{} is still there", dir.display());
}

#[test]
fn drift_is_3_and_changes_nothing() {
    let project = site();
    let ran = project.run(&["drift", "-i", "hosts", "site.yml"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(
        ran.out.contains("3 differences on 3 of 3 hosts"),
        "{}",
        ran.out
    );
    assert!(!project.path("made-web01").exists());
    project.run(&["playbook", "-i", "hosts", "site.yml"]);
    let ran = project.run(&["drift", "-i", "hosts", "site.yml"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("no differences on 3 hosts"), "{}", ran.out);
}

/// A command may have changed anything: it is named, and its host is not said to be fine.
#[test]
fn what_drift_cannot_know_is_no_answer() {
    let project = site();
    project.write(
        "run.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - {name: Rebuild, command: 'true', tags: run}\n    \
         - {name: Keep, file: {path: '{{ playbook_dir }}', state: directory}, tags: keep}\n",
    );
    let drift = |more: &[&str]| {
        let words = [&["drift", "-i", "hosts", "run.yml"], more].concat();
        project.run(&words)
    };
    let ran = drift(&[]);
    assert_eq!(ran.code, 3, "{}", ran.out);
    assert!(
        ran.out.contains("unknown web[01-03] Rebuild"),
        "{}",
        ran.out
    );
    assert_eq!(drift(&["--ignore-unknown"]).code, 0);
    assert_eq!(drift(&["--only", "keep"]).code, 0);
    assert_eq!(drift(&["--only", "/srv"]).code, 0);
    let ran = drift(&["--format", "nagios"]);
    assert_eq!(ran.code, 3);
    assert!(
        ran.out.starts_with("DRIFT UNKNOWN - 3 hosts"),
        "{}",
        ran.out
    );
    assert_eq!(
        drift(&["--fix", "--max-drift", "0"]).code,
        3,
        "nothing differs"
    );
    assert_eq!(drift(&["--max-drift", "0"]).code, 5, "a limit of nothing");
    assert_eq!(drift(&["--fix", "--check"]).code, 5);
    let ran = drift(&["--only", "~bad\u{1b}", "--report", "junit=none/x.xml"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(
        ran.err.contains("none/x.xml was not written"),
        "{}",
        ran.err
    );
    let ran = project.run(&["drift", "--format", "nagios", "missing.yml"]);
    assert_eq!(ran.code, 3, "could not start is UNKNOWN there");
    assert_eq!(
        ran.out,
        "DRIFT UNKNOWN - the playbook: missing.yml could not be found\n"
    );
}

#[test]
fn drift_is_corrected_and_said_in_files() {
    let project = site();
    let fix = [
        "drift",
        "-i",
        "hosts",
        "site.yml",
        "--fix",
        "--report",
        "json=drift.json",
    ];
    let ran = project.run(&[&fix[..], &["--max-drift", "66%"]].concat());
    assert_eq!(ran.code, 8, "{}", ran.err);
    assert!(
        ran.out
            .contains("3 hosts would be changed, and --max-drift allows 1"),
        "{}",
        ran.out
    );
    assert!(!project.path("made-web01").exists());
    let ran = project.run(&fix);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("fixed web[01-03]"), "{}", ran.out);
    assert!(project.path("made-web03").exists());
    let text = fs::read_to_string(project.path("drift.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["mode"], "drift --fix");
    assert_eq!(report["summary"]["fixed"], 3);
    // One that was halted only looked; what was found and what became of it are one run.
    let lines = project.run(&["history", "--json"]).out;
    let runs: Vec<serde_json::Value> = lines
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    let told = |r: &serde_json::Value| {
        let counts = &r["counts"];
        (
            r["checked_only"].as_bool(),
            r["exit"].as_u64(),
            [&counts["differing"], &counts["fixed"]].map(serde_json::Value::as_u64),
        )
    };
    assert_eq!(
        runs.iter().map(told).collect::<Vec<_>>(),
        [
            (Some(false), Some(0), [Some(3), Some(3)]),
            (Some(true), Some(8), [Some(3), Some(0)]),
        ],
        "{lines}"
    );
    assert!(runs.iter().all(|r| r["command"] == "drift --fix"));
    let people = project.run(&["history"]).out;
    assert!(people.contains("0     3 fixed\n"), "{people}");
    assert!(people.contains("8     3 differ\n"), "{people}");
}

#[test]
fn json_is_all_that_is_on_stdout() {
    let project = site();
    let ran = project.run(&[
        "playbook",
        "-i",
        "hosts",
        "site.yml",
        "--json",
        "-t",
        "files,none",
    ]);
    let lines: Vec<serde_json::Value> = ran
        .out
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    assert_eq!(lines[0]["format"], 1);
    assert_eq!(lines[lines.len() - 1]["event"], "run_ended");
    assert!(
        lines
            .iter()
            .any(|l| l["event"] == "ended" && l["status"] == "changed")
    );
    assert!(
        ran.err.contains("no task has the tag `none`"),
        "{}",
        ran.err
    );
}

#[test]
fn failures_are_2_and_printed_once() {
    let project = site();
    project.write(
        "fail.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - name: Break\n      fail:\n        \
         msg: the end\n",
    );
    let ran = project.run(&["playbook", "-i", "hosts", "fail.yml"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(
        ran.out
            .contains("failed web[01-03] Break  (fail.yml:4:7)\n  the end\n"),
        "{}",
        ran.out
    );
    assert!(
        ran.out
            .contains("again for these: palisade playbook -i hosts fail.yml --limit web01,")
    );
}

#[test]
fn listings_are_those_of_ansible() {
    let project = site();
    let ran = project.called(
        "ansible-playbook",
        &[
            "-i",
            "hosts",
            "site.yml",
            "--list-hosts",
            "--list-tasks",
            "--list-tags",
        ],
    );
    let expected = "
playbook: site.yml

  play #1 (web): Web\tTAGS: []
    pattern: ['web']
    hosts (3):
      web01
      web02
      web03
    tasks:
      Make a file\tTAGS: [files]
      Say\tTAGS: []
      TASK TAGS: [files]
";
    assert_eq!((ran.code, ran.out.as_str()), (0, expected), "{}", ran.err);
    let ran = project.called("ansible-playbook", &["site.yml", "--syntax-check"]);
    assert_eq!(ran.out, "\nplaybook: site.yml\n");
}

#[test]
fn under_the_names_of_ansible_its_text_and_codes_are_kept() {
    let project = site();
    let ran = project.called(
        "ansible-playbook",
        &["-i", "hosts", "-l", "web01", "site.yml"],
    );
    let stars = |n: usize| "*".repeat(n);
    let expected = format!(
        "
PLAY [Web] {}

TASK [Make a file] {}
changed: [web01]

TASK [Say] {}
ok: [web01] => {{
    \"msg\": \"hello\"
}}

PLAY RECAP {}
web01                      : ok=2    changed=1    unreachable=0    failed=0    skipped=0    \
rescued=0    ignored=0   

",
        stars(69),
        stars(61),
        stars(69),
        stars(69)
    );
    assert_eq!((ran.code, ran.out), (0, expected), "{}", ran.err);
    project.write("bad.yml", "- hosts: web\n  tuks: []\n");
    assert_eq!(project.called("ansible-playbook", &["bad.yml"]).code, 4);
    assert_eq!(project.called("ansible-playbook", &["missing.yml"]).code, 1);
    assert_eq!(project.called("ansible-playbook", &["--nope"]).code, 2);
    let ran = project.called("ansible", &["-i", "hosts", "web01", "-a", "echo hi"]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "web01 | CHANGED | rc=0 >>\nhi\n"),
        "{}",
        ran.err
    );
    let ran = project.called(
        "ansible",
        &["-i", "hosts", "web01", "-m", "shell", "-a", "exit 3"],
    );
    assert_eq!(ran.code, 2);
    assert!(
        ran.out
            .ends_with("web01 | FAILED | rc=3 >>\nnon-zero return code\n"),
        "{}",
        ran.out
    );
    let ran = project.called("ansible", &["-i", "hosts", "web", "--list-hosts"]);
    assert_eq!(ran.out, "  hosts (3):\n    web01\n    web02\n    web03\n");
    let ran = project.called("ansible-inventory", &["-i", "hosts", "--graph"]);
    assert!(ran.out.starts_with("@all:\n"), "{}", ran.out);
    let ran = project.called("ansible-doc", &["-l"]);
    assert!(ran.out.contains("ansible.builtin.copy "), "{}", ran.out);
}

#[test]
fn equal_output_of_many_hosts_is_shown_once() {
    let project = Project::new();
    let ran = project.run(&["exec", "web", "-i", "hosts", "--", "echo", "same"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.out, "web[01-03] changed rc=0\nsame\n\n");
    let ran = project.run(&["exec", "web", "-i", "hosts", "-m", "nothing"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("nothing"), "{}", ran.err);
    assert_eq!(project.run(&["exec", "web", "-i", "hosts"]).code, 5);
}

#[test]
fn lint_tells_all_and_needs_no_inventory() {
    let project = site();
    project.write("bad.yml", "- hosts: web\n  tuks: []\n");
    let ran = project.run(&["lint", "site.yml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, "0 errors, 0 warnings\n"));
    let ran = project.run(&["lint", "site.yml", "bad.yml", "missing.yml"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("bad.yml:2:3") && ran.err.contains("missing.yml"),
        "{}",
        ran.err
    );
    let ran = project.run(&["lint", "--json", "bad.yml"]);
    let line: serde_json::Value = serde_json::from_str(ran.out.trim()).expect("JSON");
    assert_eq!(
        (line["line"].as_u64(), line["severity"].as_str()),
        (Some(2), Some("error"))
    );
}

#[test]
fn actions_are_described() {
    let project = Project::new();
    let page = project.run(&["doc", "lineinfile"]);
    assert!(
        page.out.contains("regexp") && page.out.contains("EXAMPLES"),
        "{}",
        page.out
    );
    let near = project.run(&["doc", "lineinfil"]);
    assert_eq!(near.code, 1);
    assert!(
        near.err.contains("did you mean `lineinfile`?"),
        "{}",
        near.err
    );
    assert!(
        project
            .run(&["doc", "-s", "copy"])
            .out
            .contains("ansible.builtin.copy:")
    );
    let all = project.run(&["doc", "--json"]);
    assert!(serde_json::from_str::<serde_json::Value>(&all.out).is_ok());
}

#[test]
fn shells_and_man_know_the_command_line() {
    let project = Project::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            project
                .run(&["completions", shell])
                .out
                .contains("palisade"),
            "{shell}"
        );
    }
    assert!(project.run(&["man"]).out.contains(".TH palisade"));
    assert_eq!(project.run(&["man", "--dir", "man1"]).code, 0);
    assert!(project.path("man1/palisade-playbook.1").exists());
}

#[test]
fn configuration_counts_unless_anybody_could_have_written_it() {
    let project = site();
    project.write("ansible.cfg", "[defaults]\ninventory = hosts\n");
    let ran = project.run(&["playbook", "site.yml", "--list-hosts"]);
    assert!(ran.out.contains("hosts (3):"), "{}{}", ran.out, ran.err);
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(project.dir.path(), open).expect("it is ours");
    let ran = project.run(&["playbook", "site.yml", "--list-hosts"]);
    assert!(ran.out.contains("hosts (0):"), "{}", ran.out);
    assert!(ran.err.contains("ansible.cfg is not read"), "{}", ran.err);
}

#[test]
fn secrets_are_in_no_output() {
    let project = Project::new();
    project.write("pass", "canary-of-become\n");
    project.write(
        "site.yml",
        "- hosts: web\n  gather_facts: false\n  tasks:\n    - debug: msg='canary-of-become'\n    \
         - command: echo undeclared-canary\n      no_log: true\n",
    );
    let words = [
        "playbook",
        "-i",
        "hosts",
        "site.yml",
        "--become-password-file",
        "pass",
        "-vvv",
    ];
    for more in [&[][..], &["--json"], &["--output", "classic"], &["-D"]] {
        let ran = project.run(&[&words[..], more].concat());
        let text = ran.out + &ran.err;
        assert!(!text.contains("canary"), "{more:?}: {text}");
        assert!(text.contains("********"), "{more:?}: {text}");
    }
}

#[test]
fn empty_inventories_are_no_failure() {
    let project = site();
    project.write("empty", "");
    let ran = project.run(&["playbook", "-i", "empty", "site.yml"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("no hosts matched"), "{}", ran.out);
}

#[test]
fn colours_are_for_terminals_and_whoever_asks() {
    let project = site();
    let words = ["playbook", "-i", "hosts", "site.yml", "-C"];
    assert!(!project.run(&words).out.contains('\x1b'));
    assert!(
        project
            .run(&[&words[..], &["--color", "always"]].concat())
            .out
            .contains("\x1b[33m")
    );
    let forced = ran(project.command().args(words).env("CLICOLOR_FORCE", "1"));
    assert!(forced.out.contains('\x1b'));
    let no = ran(project
        .command()
        .args(words)
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1"));
    assert!(!no.out.contains('\x1b'));
    assert!(
        project
            .run(&[&words[..], &["--ascii"]].concat())
            .out
            .is_ascii()
    );
}

#[test]
fn nothing_written_makes_it_panic() {
    let project = Project::new();
    let texts = [
        "",
        "\0",
        "- 1",
        "a: [",
        "- hosts: [[]]\n  tasks: {}",
        "\u{feff}---\n- hosts: 3",
    ];
    for (i, text) in texts.iter().enumerate() {
        let name = format!("p{i}.yml");
        project.write(&name, text);
        for verb in ["lint", "playbook", "drift"] {
            let ran = project.run(&[verb, &name]);
            assert!(
                ran.code == 0 || ran.code == 1,
                "{verb} {text:?}: {} {}",
                ran.code,
                ran.err
            );
            assert!(!ran.err.contains("internal error"), "{}", ran.err);
        }
    }
    assert!(
        !Path::new(&project.path(".local/state/palisade"))
            .join("crash")
            .exists()
    );
}

/// What a run that looks leaves to the history, and that nothing of the run depends on it.
#[test]
fn runs_are_in_the_history_and_no_secret_is() {
    let project = Project::new();
    let motd = project.path("motd");
    let secret = "correct-horse-battery";
    project.write(
        "site.yml",
        &format!(
            "- hosts: web\n  gather_facts: false\n  tasks:\n    - name: Motd\n      copy:\n        dest: {0}\n        \
             content: hello\n    - name: Hidden\n      copy: {{dest: {0}.key, content: {secret}}}\n      no_log: true\n",
            motd.display()
        ),
    );
    let drift = ["drift", "site.yml", "-i", "hosts", "-l", "web01"];
    assert!(
        project
            .run(&["history"])
            .err
            .contains("there is no history")
    );
    let first = project.run(&drift);
    assert_eq!((first.code, first.err.as_str()), (3, ""), "{}", first.out);
    let line = |words: &[&str]| -> serde_json::Value {
        let ran = project.run(words);
        assert_eq!(ran.code, 0, "{}", ran.err);
        serde_json::from_str(ran.out.lines().next().expect("a line")).expect("JSON")
    };
    let run = line(&["history", "--json"]);
    assert_eq!(
        (&run["command"], &run["exit"]),
        (&"drift".into(), &3.into())
    );
    assert_eq!(run["counts"]["differing"], 1);
    let entry = line(&["history", "--json", "--host", "web01"]);
    assert_eq!(entry["status"], "changed");
    let name = run["run"].as_str().expect("a name");
    let report = line(&["report", &name[..20], "--format", "json"]);
    let job = &report["jobs"][0];
    assert_eq!(job["hosts"][0]["found"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        job["differences"].as_object().map(serde_json::Map::len),
        Some(1)
    );
    assert!(!report.to_string().contains(secret));
    let page = project.path("r.html");
    let wrote = project.run(&["report", "-o", "r.html", "--since", "1h"]);
    assert_eq!(wrote.code, 0, "{}", wrote.err);
    let page = fs::read_to_string(page).expect("a page");
    assert!(page.contains("<figure class") || page.contains("Hosts and tasks"));
    assert!(!page.contains(secret));

    // Nothing is written where nobody wants it, and a run is the same where it cannot be.
    let count = || project.run(&["history"]).out.lines().count();
    assert_eq!(count(), 2);
    let without = project.run(&[&drift[..], &["--no-history"]].concat());
    assert_eq!((without.code, count()), (3, 2));
    let nowhere = project.run(&[&drift[..], &["--store", "hosts/none.db"]].concat());
    assert_eq!(nowhere.code, 3);
    assert!(
        nowhere
            .err
            .starts_with("warning: this run is not in the history: ")
    );
    assert_eq!(nowhere.err.lines().count(), 1, "{}", nowhere.err);
    let wrong = project.run(&[&drift[..], &["--store", "mysql://db/x"]].concat());
    assert_eq!(wrong.code, 1);
    assert!(
        wrong.err.contains("`mysql://` is no kind of history"),
        "{}",
        wrong.err
    );
}

/// A play whose host fails, and one of others behind it.
const FAILS: &str = "
- hosts: web01
  gather_facts: false
  tasks: [{name: boom, command: 'false'}]
- hosts: web02,web03
  gather_facts: false
  tasks: [{name: mark, copy: {content: x, dest: '{{ playbook_dir }}/{{ inventory_hostname }}'}}]
";

#[test]
fn the_failure_that_is_too_many_ends_the_run_and_is_named() {
    let project = Project::new();
    project.write("site.yml", FAILS);
    let there = || ["web02", "web03"].map(|h| project.path(h).exists());
    let halted = |ran: &Ran, code: i32| {
        assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
        for part in [
            "`boom` failed on web01, which ended the run: 1 host failed, and --max-fail is 0",
            "not begun: web[02-03]",
        ] {
            assert!(ran.err.contains(part), "{part}: {}{}", ran.out, ran.err);
        }
        assert_eq!(there(), [false, false]);
    };
    let play = ["playbook", "site.yml", "-i", "hosts", "--max-fail", "0"];
    halted(&project.run(&play), 2);
    let plan = ["plan", "site.yml", "-i", "hosts", "--out", "plan.json"];
    let planned = project.run(&plan);
    assert_eq!(planned.code, 0, "{}{}", planned.out, planned.err);
    halted(&project.run(&["apply", "plan.json", "--max-fail", "0"]), 8);
    let enough = project.run(&["apply", "plan.json", "--max-fail", "34%"]);
    assert_eq!(enough.code, 2, "{}{}", enough.out, enough.err);
    assert_eq!(there(), [true, true]);
    let wrong = project.run(&["apply", "plan.json", "--max-fail", "many"]);
    assert_eq!(wrong.code, 5, "{}", wrong.err);
}

#[test]
fn plans_that_are_none_and_places_that_are_none_are_said_at_once() {
    let project = Project::new();
    project.write("site.yml", FAILS);
    for (words, part) in [
        (&["apply", "site.yml"][..], "site.yml is no saved plan"),
        (
            &["apply", "none.json"],
            "cannot read the plan none.json: no such file",
        ),
        (&["apply", "site.yaml"], "did you mean site.yml?"),
        (
            &["plan", "site.yml", "-i", "hosts", "--out", "hosts"],
            "another file stands there, which is no plan",
        ),
        (&["show", "site.yml"], "site.yml is no saved plan"),
        (&["plan", "none.yml", "-i", "hosts"], "could not be found"),
        (
            &["plan", "site.yml", "-i", "hosts", "--out", "no/plan.json"],
            "there is no folder no",
        ),
    ] {
        let ran = project.run(words);
        assert_eq!(ran.code, 1, "{words:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(part), "{words:?}: {}", ran.err);
    }
    // Nothing to do, something to do, an error; Terraform's spelling is understood as well.
    project.write(
        "none.yml",
        "- {hosts: web, gather_facts: false, tasks: [{debug: {msg: x}}]}",
    );
    for (play, code) in [("none.yml", 0), ("site.yml", 2), ("missing.yml", 1)] {
        let ran = project.run(&["plan", play, "-i", "hosts", "-detailed-exitcode"]);
        assert_eq!(ran.code, code, "{play}: {}{}", ran.out, ran.err);
    }
    let ran = project.run(&["plan", "site.yml", "-i", "hosts", "-out=p.json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let shown = project.run(&["show", "p.json"]);
    assert!(
        shown.out.starts_with("plan of site.yml, made "),
        "{}",
        shown.out
    );
}
