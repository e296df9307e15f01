//! What is new in a run: somebody hears of a difference once, and once more when it is gone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::run::{Run, Status};
use super::schedule::Topic;

/// How a job's hosts were when somebody last heard of them. Hosts that are fine are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub hosts: BTreeMap<String, Trouble>,
    /// Why the job itself does not work.
    pub broken: bool,
}

/// What is wrong with a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// What differs. It stays known while a host is out of reach.
    pub drift: BTreeSet<String>,
    /// What the last run made right. What is made right by every run is no news every time.
    pub fixed: BTreeSet<String>,
    pub failed: bool,
    pub unreachable: bool,
}

impl Trouble {
    fn is_none(&self) -> bool {
        *self == Trouble::default()
    }

    fn is_fine(&self) -> bool {
        self.drift.is_empty() && !self.failed && !self.unreachable
    }
}

/// What somebody should hear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Hosts with differences that were not there before, and which.
    pub drift: BTreeMap<String, Vec<String>>,
    /// Hosts with differences that nobody had heard of and that were made right, and which.
    pub fixed: BTreeMap<String, Vec<String>>,
    /// Hosts that fail or are out of reach, and why.
    pub failures: BTreeMap<String, String>,
    /// Hosts with which everything is fine again.
    pub recovered: Vec<String>,
    /// The job itself does not work any more.
    pub broken: Option<String>,
    /// It works again.
    pub mended: bool,
}

impl News {
    pub fn topics(&self) -> Vec<Topic> {
        let mut all = Vec::new();
        if !self.drift.is_empty() || !self.fixed.is_empty() {
            all.push(Topic::Drift);
        }
        if !self.failures.is_empty() || self.broken.is_some() {
            all.push(Topic::Failure);
        }
        if !self.recovered.is_empty() || self.mended {
            all.push(Topic::Recovery);
        }
        all
    }

    /// In one line.
    pub fn line(&self, job: &str) -> String {
        let names = |hosts: &mut dyn Iterator<Item = &String>| {
            let all: Vec<&str> = hosts.map(String::as_str).collect();
            crate::inventory::fold::fold(&all)
        };
        let mut parts = Vec::new();
        if let Some(why) = &self.broken {
            parts.push(format!("does not work: {why}"));
        }
        if !self.drift.is_empty() {
            parts.push(format!("drift on {}", names(&mut self.drift.keys())));
        }
        if !self.fixed.is_empty() {
            parts.push(format!("drift fixed on {}", names(&mut self.fixed.keys())));
        }
        if !self.failures.is_empty() {
            parts.push(format!("trouble with {}", names(&mut self.failures.keys())));
        }
        if self.mended {
            parts.push("works again".into());
        }
        if !self.recovered.is_empty() {
            parts.push(format!("{} fine again", names(&mut self.recovered.iter())));
        }
        format!("{job}: {}", parts.join("; "))
    }

    /// What a program is told.
    pub fn json(&self, run: &Run) -> Json {
        json!({
            "palisade": env!("CARGO_PKG_VERSION"), "format": 1,
            "events": self.topics().iter().map(|t| t.word()).collect::<Vec<_>>(),
            "job": run.job, "verb": run.verb, "run": run.id,
            "started": run.started.to_string(), "ended": run.ended.to_string(),
            "status": run.status.word(), "text": self.line(&run.job),
            "drift": self.drift, "fixed": self.fixed, "failures": self.failures, "recovered": self.recovered,
            "broken": self.broken, "mended": self.mended,
        })
    }
}

/// What of a run is news to whoever knew this, and what is known now.
pub fn news(known: &Known, run: &Run) -> (Known, News) {
    let mut news = News::default();
    let mut now = known.clone();
    if run.status == Status::Stopped {
        return (now, news);
    }
    match (&run.why, known.broken) {
        (Some(why), false) => news.broken = Some(why.clone()),
        (None, true) => news.mended = true,
        _ => {}
    }
    now.broken = run.why.is_some();
    for (name, host) in &run.hosts {
        let before = known.hosts.get(name).cloned().unwrap_or_default();
        let mut after = before.clone();
        after.unreachable = host.status == Status::Unreachable;
        after.failed = host.status == Status::Failed;
        if !after.unreachable {
            after.drift = match host.status {
                Status::Drift => host.findings.clone(),
                // What was not looked at to its end may differ as before.
                Status::Failed | Status::Unknown => &before.drift | &drift_of(run, host),
                _ => BTreeSet::new(),
            };
        }
        after.fixed = match host.status {
            Status::Fixed => host.findings.clone(),
            _ => BTreeSet::new(),
        };
        let heard = &before.drift | &before.fixed;
        let fixed: Vec<String> = after.fixed.difference(&heard).cloned().collect();
        if !fixed.is_empty() {
            news.fixed.insert(name.clone(), fixed);
        }
        let fresh: Vec<String> = after.drift.difference(&before.drift).cloned().collect();
        if !fresh.is_empty() {
            news.drift.insert(name.clone(), fresh);
        }
        if after.failed && !before.failed || after.unreachable && !before.unreachable {
            let why = host
                .why
                .clone()
                .unwrap_or_else(|| host.status.word().into());
            news.failures.insert(name.clone(), why);
        }
        if after.is_fine() && !before.is_fine() {
            news.recovered.push(name.clone());
        }
        if after.is_none() {
            now.hosts.remove(name);
        } else {
            now.hosts.insert(name.clone(), after);
        }
    }
    // A host that the inventory has no more is nobody's trouble; a broken run says nothing of any.
    if run.why.is_none() {
        now.hosts.retain(|name, _| run.hosts.contains_key(name));
    }
    (now, news)
}

fn drift_of(run: &Run, host: &super::run::HostRun) -> BTreeSet<String> {
    let looks = run.verb == "drift" || run.verb == "audit";
    if looks {
        host.findings.clone()
    } else {
        BTreeSet::new()
    }
}
