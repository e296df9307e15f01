//! What later runs say of earlier ones, and whether anything of one is left to go on with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::recorded::{self, word};
use crate::journal::find;
use crate::journal::pending::{pending, unwell};
use crate::journal::read::{self, Recorded};

/// What a run was of, the plan that it applied, whether it went on with another one, and its hosts.
struct Other {
    of: Value,
    plan: String,
    goes_on: bool,
    hosts: BTreeSet<String>,
}

/// What later runs say of earlier ones.
#[derive(Default)]
pub struct Later {
    undone: BTreeMap<String, String>,
    resumed: BTreeMap<String, String>,
    /// What others were of, and on which hosts.
    others: Vec<Other>,
}

impl Later {
    /// Takes a run in; earlier ones are asked about afterwards.
    pub fn note(&mut self, recorded: &Recorded) {
        let about = &recorded.about;
        for (key, map) in [("undoes", &mut self.undone), ("resumes", &mut self.resumed)] {
            if !word(about, key).is_empty() {
                map.insert(word(about, key).to_owned(), recorded.run.clone());
            }
        }
        let hosts = recorded::words(about, "hosts").into_iter().collect();
        self.others.push(Other {
            of: subject(about),
            plan: word(about, "applies").to_owned(),
            goes_on: !word(about, "resumes").is_empty(),
            hosts,
        });
    }

    pub fn undone(&self, run: &str) -> Option<&str> {
        self.undone.get(run).map(String::as_str)
    }

    pub fn resumed(&self, run: &str) -> Option<&str> {
        self.resumed.get(run).map(String::as_str)
    }

    /// Whether what a run left undone was the matter of a later one, which took over what was pending.
    pub fn is_over(&self, recorded: &Recorded) -> bool {
        let of = subject(&recorded.about);
        let left = unwell(recorded);
        // A plan that is applied again leaves hosts alone that are half-way.
        let plan = word(&recorded.about, "applies");
        let same = |other: &Other| {
            other.of == of
                && (plan.is_empty() || plan != other.plan || other.goes_on)
                && left.iter().all(|host| other.hosts.contains(host))
        };
        self.resumed.contains_key(&recorded.run) || self.others.iter().any(same)
    }
}

/// What a run was of; another of the same does the same again.
fn subject(about: &Value) -> Value {
    let keys = ["playbooks", "undoes", "tags", "skip_tags", "start_at"];
    keys.map(|key| about.get(key).cloned().unwrap_or_default())
        .to_vec()
        .into()
}

/// The run that went on with this one.
pub(super) fn resumed_by(runs: &Path, run: &str) -> Option<String> {
    let later = find::all(runs).into_iter();
    let mut later = later.take_while(|p| find::name(p).as_str() > run);
    let goes_on = |p: &PathBuf| read::head(p).is_ok_and(|a| word(&a, "resumes") == run);
    later.find(goes_on).map(|p| find::name(&p))
}

/// Whether there is anything to go on with.
pub fn is_unfinished(recorded: &Recorded) -> bool {
    let command = word(&recorded.about, "command");
    let can = [
        "playbook",
        "ansible-playbook",
        "harden",
        "apply",
        "drift",
        "undo",
        "resume",
    ];
    // An apply that ended well has no handlers of its own pending: they are of one that did not.
    let has_pending = || command != "apply" && !pending(recorded).is_empty();
    can.contains(&command) && (!unwell(recorded).is_empty() || has_pending())
}
