//! The same small playbooks through ansible-core and through palisade, on hosts that begin alike.
//!
//! What ansible-core did with `playbooks/AREA/NAME.yml` stands in `expected/AREA/NAME.txt`: every
//! result, the recap, the exit code, the files of the hosts afterwards, and a second run. Every
//! test run compares palisade with all of that, its own prediction (`--check`) included.
//!
//! - `PALISADE_ANSIBLE=DIR` (with `ansible-playbook` in it): a few playbooks, others on every day,
//!   go through ansible-core anew, which shows that the recordings are true.
//! - `PALISADE_RECORD=1` beside it: record those that have no recording; `=all`: all of them.
//! - `PALISADE_ONLY=TEXT`: only playbooks whose path contains the text.
//!
//! A comment at the head of a playbook can say:
//! - `# args: --tags x`: further arguments of both commands.
//! - `# check: why`: predicting cannot work here, as a task needs what an earlier one has made.
//! - `# differs: why`: palisade does otherwise on purpose; `NAME.palisade.txt` says how.
//!
//! Needs root and namespaces; says so and passes where they are missing.

mod bench;
mod outcome;
mod playbook;
mod run;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bench::Bench;
use playbook::{Playbook, all};
use run::{Ansible, live, palisade};

/// How many labs of three hosts work at the same time.
const BENCHES: usize = 2;

/// How many recordings are made anew in a run, each of which takes ansible-core some seconds.
const SAMPLE: usize = 8;

#[test]
fn palisade_does_what_ansible_does() {
    if let Err(e) = palisade::lab::able() {
        eprintln!("skipped: {e}");
        return;
    }
    let ansible = Ansible::find();
    let playbooks = all();
    let wrong = each(&playbooks, |bench, playbook| {
        let record = std::env::var("PALISADE_RECORD").unwrap_or_default();
        let missing = !record.is_empty() && !playbook.expected().exists();
        if missing || record == "all" {
            let ansible = ansible
                .as_ref()
                .expect("PALISADE_ANSIBLE names ansible-core");
            match live(bench, playbook, ansible) {
                Ok(outcome) => playbook.record(&outcome),
                Err(e) => return vec![e],
            }
        }
        palisade(bench, playbook)
    });
    assert!(
        wrong.is_empty(),
        "{} of {} differ\n{}",
        wrong.len(),
        playbooks.len(),
        wrong.join("\n")
    );
}

#[test]
fn recordings_are_what_ansible_does_now() {
    if let Err(e) = palisade::lab::able() {
        eprintln!("skipped: {e}");
        return;
    }
    let Some(ansible) = Ansible::find() else {
        eprintln!("skipped: PALISADE_ANSIBLE does not name a folder with ansible-playbook");
        return;
    };
    let sample = sample(all());
    let wrong = each(&sample, |bench, playbook| {
        let now = match live(bench, playbook, &ansible) {
            Ok(now) => now,
            Err(e) => return vec![e],
        };
        playbook.compare("recorded", &playbook.recorded(), "ansible-core now", &now)
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_are_enough_playbooks() {
    if std::env::var_os("PALISADE_ONLY").is_none() {
        assert!(all().len() >= 150, "{} playbooks", all().len());
    }
}

/// Some of them, others on every day, so that each has its turn.
fn sample(playbooks: Vec<Playbook>) -> Vec<Playbook> {
    let day = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |t| t.as_secs() / 86_400);
    let step = playbooks.len().div_ceil(SAMPLE).max(1);
    let first = usize::try_from(day).unwrap_or(0) % step;
    playbooks.into_iter().skip(first).step_by(step).collect()
}

/// Does it with each playbook on some bench, and gives what was wrong, in the playbooks' order.
fn each(
    playbooks: &[Playbook],
    work: impl Fn(&Bench, &Playbook) -> Vec<String> + Sync,
) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..BENCHES.min(playbooks.len()) {
            scope.spawn(|| {
                let bench = Bench::up(Path::new(env!("CARGO_BIN_EXE_palisade")));
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(playbook) = playbooks.get(index) else {
                        break;
                    };
                    let found = work(&bench, playbook);
                    if !found.is_empty() {
                        let text = format!("=== {}\n{}", playbook.name, found.join("\n"));
                        wrong
                            .lock()
                            .expect("no thread panicked")
                            .push((index, text));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().expect("no thread panicked");
    wrong.sort();
    wrong.into_iter().map(|(_, text)| text).collect()
}
