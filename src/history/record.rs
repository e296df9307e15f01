//! What a run leaves to the history.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::status::{Kind, Status};

/// Of a message so much is kept.
pub(super) const MOST_MESSAGE: usize = 1024;

/// Of a difference so much is kept: what is longer is read on the host.
pub(super) const MOST_BODY: usize = 32 * 1024;

/// A run in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Unlike that of any other run; that of its journal where it has one.
    pub name: String,
    /// The verb: `playbook`, `drift`, `audit`, …
    pub command: String,
    /// What runs are compared by: the job of a schedule, or the command with what it was of.
    pub job: String,
    /// What it was of, for people: `site.yml`.
    pub of: String,
    /// Who ran it: `deploy@ops1`.
    pub who: String,
    /// It only looked.
    pub dry: bool,
    pub started: Timestamp,
    /// Nothing while it goes on, or if nobody saw its end.
    pub ended: Option<Timestamp>,
    pub exit: Option<u8>,
    pub counts: Counts,
}

/// Hosts by how they stood, and results by what they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub hosts: u64,
    /// Hosts as they should be.
    pub good: u64,
    /// Hosts that differed.
    pub differing: u64,
    /// Those of them that do no longer, because the run corrected them.
    pub fixed: u64,
    /// Hosts of which something is not known.
    pub unknown: u64,
    /// Hosts on which something failed.
    pub failed: u64,
    pub unreachable: u64,
    /// Results that differed, over all hosts.
    pub differences: u64,
}

/// A run with all that came of it.
#[derive(Clone, Debug)]
pub struct Record {
    pub run: Run,
    /// In the order of the run.
    pub tasks: Vec<Task>,
    pub hosts: Vec<Stand>,
    /// By their digests.
    pub differences: BTreeMap<String, Difference>,
}

/// A task or a control.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Task {
    /// `play/role/task`, or a control's id: the same from run to run.
    pub address: String,
    pub name: String,
    /// Where it is written.
    pub place: String,
}

/// How a host stood in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    pub host: String,
    pub state: Status,
    /// Why it could not be reached.
    pub message: Option<String>,
    /// For each task of the run how it went; nothing where it did not come to this host.
    pub cells: Vec<Option<Status>>,
    /// What there is to tell of some of them.
    pub found: Vec<Found>,
}

/// What there is to tell of one task on one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// By its place in the list of tasks.
    pub task: usize,
    pub status: Status,
    pub message: Option<String>,
    /// By its digest.
    pub difference: Option<String>,
}

/// How something is, and how it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs: a path, `user deploy`.
    pub title: String,
    /// In one line: `mode 0644 → 0600`.
    pub summary: String,
    /// As a unified difference, where there is one.
    pub body: String,
}

/// A name for texts, the same for the same texts.
pub fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        // With its length before it, so that no two lists of texts are one text.
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    // Half of it is far from every accident, and is half of every index.
    hex::encode(&hash.finalize()[..16])
}

impl Record {
    /// Counts hosts and results.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            hosts: self.hosts.len() as u64,
            ..Counts::default()
        };
        for host in &self.hosts {
            let count = match host.state.kind() {
                _ if host.state == Status::Unreachable => &mut counts.unreachable,
                Kind::Good | Kind::Quiet => &mut counts.good,
                Kind::Differs => &mut counts.differing,
                Kind::Unknown => &mut counts.unknown,
                Kind::Trouble => &mut counts.failed,
            };
            *count += 1;
            counts.fixed += u64::from(host.is_fixed());
            let differs = |f: &&Found| f.status.kind() == Kind::Differs;
            counts.differences += host.found.iter().filter(differs).count() as u64;
        }
        counts
    }
}

impl Run {
    /// What became of hosts that differed and were not corrected.
    pub fn differ(&self) -> &'static str {
        let corrects = matches!(self.command.as_str(), "drift --fix" | "harden");
        match self.dry || corrects {
            true => "differ",
            false => "changed",
        }
    }
}

impl Stand {
    /// Whether it differed, and the run made it right.
    pub fn is_fixed(&self) -> bool {
        let left = matches!(self.state, Status::Differs | Status::Fail);
        let differed = self.state.kind() == Kind::Differs && !left;
        differed && self.cells.contains(&Some(Status::Fixed))
    }

    /// The worst of its cells. A host on which nothing was judged is as it should be.
    pub fn worst(cells: &[Option<Status>]) -> Status {
        let worst = cells.iter().flatten().copied().max();
        let judged = worst.filter(|w| w.kind() != Kind::Quiet);
        judged.unwrap_or(Status::Ok)
    }
}

/// A text of so many bytes at most.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_knows_where_one_text_ends() {
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
        assert_eq!(digest(["ab", "c"]), digest(["ab", "c"]));
    }
}
