//! One playbook through one of the two tools, and what came of it as a text.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::{Bench, HOSTS};
use crate::outcome::Outcome;
use crate::playbook::{Playbook, root};

/// How often a playbook is given to ansible-core when it trips over itself.
const TRIES: usize = 3;

const LOST: &str = "Task failed: [Errno 2] No such file or directory";

pub(crate) struct Ansible {
    bin: PathBuf,
    version: String,
}

impl Ansible {
    pub(crate) fn find() -> Option<Ansible> {
        let bin = PathBuf::from(std::env::var_os("PALISADE_ANSIBLE")?);
        let bin = std::fs::canonicalize(bin).ok()?;
        let said = Command::new(bin.join("ansible-playbook"))
            .arg("--version")
            .output()
            .ok()?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let version = said.split(['[', ']']).nth(1)?.to_owned();
        Some(Ansible { bin, version })
    }
}

/// What one run printed and how it ended.
struct Ran {
    outcome: Outcome,
    code: i32,
    errors: String,
}

/// Through ansible-core, twice, on fresh hosts. Now and then it loses its own temporary folder on
/// the controller; then it is asked once more.
pub(crate) fn live(
    bench: &Bench,
    playbook: &Playbook,
    ansible: &Ansible,
) -> Result<String, String> {
    for _ in 0..TRIES {
        let (outcome, lost) = twice(bench, playbook, ansible)?;
        if !lost {
            return Ok(outcome);
        }
    }
    Err("ansible-core lost its temporary folder again and again".to_owned())
}

fn twice(bench: &Bench, playbook: &Playbook, ansible: &Ansible) -> Result<(String, bool), String> {
    bench.reset();
    let program = ansible.bin.join("ansible-playbook");
    let first = run(bench, playbook, &program, &["-v"]);
    if first.outcome.is_empty() {
        return Err(first.errors);
    }
    let files = files(bench);
    let second = run(bench, playbook, &program, &["-v"]);
    let lost = [&first, &second]
        .iter()
        .any(|run| run.errors.contains(LOST));
    let outcome = format!("# {}\n{}", ansible.version, shown(&first, &files, &second));
    Ok((outcome, lost))
}

/// Through palisade: a prediction, two runs; and what is wrong with that.
pub(crate) fn palisade(bench: &Bench, playbook: &Playbook) -> Vec<String> {
    bench.reset();
    let program = bench.palisade.clone();
    let check = run(bench, playbook, &program, &["-v", "--check"]);
    let touched = files(bench);
    let first = run(bench, playbook, &program, &["-v"]);
    let made = files(bench);
    let second = run(bench, playbook, &program, &["-v"]);
    let mut wrong = playbook.judge(&shown(&first, &made, &second));
    if !wrong.is_empty() && !first.errors.is_empty() {
        wrong.push(format!("palisade said: {}", first.errors));
    }
    if !touched.is_empty() {
        wrong.push(format!("--check changed files:\n{touched}"));
    }
    if !playbook.unpredictable {
        wrong.extend(check.outcome.mispredicts(&first.outcome));
    }
    wrong
}

fn run(bench: &Bench, playbook: &Playbook, program: &Path, words: &[&str]) -> Ran {
    let own = bench.own();
    let mut command = Command::new(program);
    command
        .args(words)
        .arg("-i")
        .arg(bench.inventory())
        .arg("-i")
        .arg(root().join("groups.ini"))
        .args(["-e", &format!("out={}", bench.out().display())])
        .args(&playbook.args)
        .arg(&playbook.file)
        .current_dir(&playbook.folder)
        .env("ANSIBLE_HOME", &own)
        .env("ANSIBLE_SSH_CONTROL_PATH_DIR", own.join("cp"))
        .env("ANSIBLE_CONFIG", root().join("ansible.cfg"))
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC");
    let done = bench.command(&mut command);
    let places = [
        (bench.out(), "{OUT}"),
        (own, "{OWN}"),
        (playbook.folder.clone(), "{HERE}"),
    ];
    let mut text = String::from_utf8_lossy(&done.stdout).into_owned();
    if let Some(raw) = std::env::var_os("PALISADE_RAW") {
        let name = playbook.name.replace('/', "-");
        let program = if program.starts_with(bench.own().parent().unwrap()) {
            "palisade"
        } else {
            "ansible"
        };
        let both = format!("{text}\n{}", String::from_utf8_lossy(&done.stderr));
        let _ = std::fs::write(Path::new(&raw).join(format!("{name}.{program}")), both);
    }
    for (path, short) in places {
        text = text.replace(&*path.to_string_lossy(), short);
    }
    Ran {
        outcome: Outcome::read(&text),
        code: done.status.code().unwrap_or(-1),
        errors: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

fn shown(first: &Ran, files: &str, second: &Ran) -> String {
    format!(
        "{}exit {}\n{files}second run\n{}exit {}\n",
        first.outcome.text(),
        first.code,
        second.outcome.brief(),
        second.code
    )
}

/// What is on the hosts and in the controller's folder that was not there.
fn files(bench: &Bench) -> String {
    let mut text = String::new();
    let lists = HOSTS.map(|h| (h, bench.tree(h)));
    let fetched = ("here", bench.fetched());
    for (place, lines) in lists.into_iter().chain([fetched]) {
        for line in lines {
            text.push_str(&format!("{place}:{line}\n"));
        }
    }
    text
}
