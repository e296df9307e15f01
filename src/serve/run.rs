//! What a job's run found.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value as Json, json};

/// How a host, or a run as a whole, ended; the worst is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Fine,
    /// It was made so.
    Changed,
    /// It differed, and was made right.
    Fixed,
    /// Nobody knows, because somebody ended the run.
    Stopped,
    /// It was looked at, and something of it could not be known.
    Unknown,
    Drift,
    Unreachable,
    Failed,
}

impl Status {
    pub const ALL: [Status; 8] = [
        Status::Fine,
        Status::Changed,
        Status::Fixed,
        Status::Stopped,
        Status::Unknown,
        Status::Drift,
        Status::Unreachable,
        Status::Failed,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Status::Fine => "fine",
            Status::Changed => "changed",
            Status::Fixed => "fixed",
            Status::Stopped => "stopped",
            Status::Unknown => "unknown",
            Status::Drift => "drift",
            Status::Unreachable => "unreachable",
            Status::Failed => "failed",
        }
    }

    pub fn of(word: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|s| s.word() == word)
    }
}

/// One host in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRun {
    pub status: Status,
    /// What differs, is done, or does not hold.
    pub findings: BTreeSet<String>,
    /// So many more were not kept.
    pub more: usize,
    pub why: Option<String>,
}

impl HostRun {
    pub(super) fn new(status: Status) -> HostRun {
        HostRun {
            status,
            findings: BTreeSet::new(),
            more: 0,
            why: None,
        }
    }
}

/// One run of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub id: String,
    pub job: String,
    pub verb: &'static str,
    pub started: Timestamp,
    pub ended: Timestamp,
    pub exit: Option<i32>,
    pub status: Status,
    /// Why it did not come to its end.
    pub why: Option<String>,
    pub hosts: BTreeMap<String, HostRun>,
}

impl Run {
    /// Whether the job itself is at fault, and not some of its hosts: it is then tried less often.
    pub fn is_broken(&self) -> bool {
        if self.status == Status::Stopped {
            return false;
        }
        let bad = |h: &HostRun| matches!(h.status, Status::Failed | Status::Unreachable);
        self.why.is_some() || !self.hosts.is_empty() && self.hosts.values().all(bad)
    }

    pub fn count(&self, status: Status) -> usize {
        self.hosts.values().filter(|h| h.status == status).count()
    }

    pub fn seconds(&self) -> f64 {
        self.ended.duration_since(self.started).as_secs_f64()
    }

    pub fn json(&self, full: bool) -> Json {
        let hosts: serde_json::Map<String, Json> = self
            .hosts
            .iter()
            .map(|(name, h)| {
                let mut host = json!({"status": h.status.word(), "why": h.why});
                if full {
                    host["findings"] = h.findings.iter().cloned().collect();
                    host["more"] = h.more.into();
                }
                (name.clone(), host)
            })
            .collect();
        json!({
            "id": self.id, "job": self.job, "verb": self.verb, "status": self.status.word(),
            "started": self.started.to_string(), "ended": self.ended.to_string(),
            "seconds": self.seconds(), "exit": self.exit, "why": self.why, "hosts": hosts,
        })
    }
}

/// How a child process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exited {
    Code(i32),
    Signal(i32),
    /// It was ended because it took too long.
    Late,
    /// We were asked to end, and asked it.
    Stopped,
    NotStarted(String),
}

/// What of a host is kept: a host that differs everywhere is one sentence, not a book.
const MOST_FINDINGS: usize = 200;

/// Which run it is.
#[derive(Clone, Debug)]
pub struct About {
    pub id: String,
    pub job: String,
    pub started: Timestamp,
}

impl About {
    /// A run of a job that begins now: no two have one name, because a job runs once at a time.
    pub fn new(job: &str, started: Timestamp) -> About {
        let when = started.strftime("%Y%m%d-%H%M%S-%6f");
        About {
            id: format!("{when}-{}", super::schedule::slug(job)),
            job: job.to_owned(),
            started,
        }
    }
}

impl HostRun {
    pub(super) fn add(&mut self, finding: String) {
        if self.findings.contains(&finding) {
            return;
        }
        if self.findings.len() < MOST_FINDINGS {
            self.findings.insert(finding);
        } else {
            self.more += 1;
        }
    }
}
