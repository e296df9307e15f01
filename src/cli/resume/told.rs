//! What is said of what is left of a run: where it goes on, and what is pending.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::{messages, recorded};
use crate::inventory::fold::fold;
use crate::journal::find;
use crate::journal::pending::{Pending, pending};
use crate::journal::read::{self, Recorded};

use super::Resuming;

/// Journals looked at to find the last run of the same playbook.
const LOOKED_AT: usize = 200;

/// What there is to go on with, in words.
pub(super) fn told(recorded: &Recorded, resuming: &Resuming) -> String {
    let mut out = format!(
        "resuming {} ({})",
        recorded.run,
        recorded::of(&recorded.about)
    );
    let hosts: Vec<&str> = resuming.hosts.iter().map(String::as_str).collect();
    out.push_str(&format!(" on {}", fold(&hosts)));
    let known = resuming.resumed.known.iter();
    let known = known.filter(|(host, _)| resuming.hosts.contains(*host));
    let ended: usize = known.map(|(_, k)| k.ended.len()).sum();
    if ended > 0 {
        out.push_str(&format!("; commands that ended are not run again: {ended}"));
    }
    for line in lines(&resuming.carried) {
        out.push_str(&format!("\npending {line}"));
    }
    out
}

/// Pending handlers, the same ones of many hosts in a line.
pub fn lines(all: &[Pending]) -> Vec<String> {
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in all {
        by_name.entry(&one.name).or_default().push(&one.host);
    }
    let line = |(name, hosts): (&str, Vec<&str>)| format!("on {}: {name}", fold(&hosts));
    by_name.into_iter().map(line).collect()
}

/// What the last run of the same playbooks left pending; it is said, and stays pending.
pub fn carried(runs: &Path, about: &Value) -> Vec<Pending> {
    let playbooks = about.get("playbooks");
    let mine = |p: &PathBuf| {
        read::head(p)
            .is_ok_and(|a| a.get("playbooks") == playbooks && a["undoes"] == about["undoes"])
    };
    let last = find::all(runs).into_iter().take(LOOKED_AT).find(mine);
    let Some(last) = last.filter(|p| !find::is_under_way(p)) else {
        return Vec::new();
    };
    let Ok(recorded) = read::read(&last) else {
        return Vec::new();
    };
    let found = pending(&recorded);
    for line in lines(&found) {
        let run = &recorded.run;
        messages::say(&format!(
            "warning: still pending {line} (`palisade resume {run}` runs it)"
        ));
    }
    found
}
