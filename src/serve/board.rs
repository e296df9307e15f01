//! How everything stands, for whoever looks: written by the daemon, read by pages and metrics.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::run::{Run, Status};

/// Runs of each job that are at hand; older ones are in the history.
pub const MOST_RUNS: usize = 60;
/// What went wrong lately, for the page.
const MOST_TROUBLES: usize = 20;

/// One job.
#[derive(Clone, Debug)]
pub struct JobBoard {
    pub name: String,
    pub slug: String,
    pub verb: &'static str,
    /// What it runs, as on the command line.
    pub words: String,
    pub calendar: String,
    pub zone: TimeZone,
    pub next: Option<Timestamp>,
    pub running_since: Option<Timestamp>,
    pub failures: u32,
    pub paused_until: Option<Timestamp>,
    pub skipped: u64,
    /// The newest last.
    pub runs: VecDeque<Arc<Run>>,
}

impl JobBoard {
    pub fn last(&self) -> Option<&Arc<Run>> {
        self.runs.back()
    }

    /// Puts earlier runs before those that are there already.
    pub fn before(&mut self, earlier: Vec<Run>) {
        for run in earlier.into_iter().rev() {
            let known = self.runs.iter().any(|r| r.id == run.id);
            if !known && self.runs.len() < MOST_RUNS {
                self.runs.push_front(Arc::new(run));
            }
        }
    }

    pub fn push(&mut self, run: Arc<Run>) {
        if self.runs.len() == MOST_RUNS {
            self.runs.pop_front();
        }
        self.runs.push_back(run);
    }
}

/// Counts since the program began.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// By job and status.
    pub runs: BTreeMap<(String, &'static str), u64>,
    pub seconds: BTreeMap<String, f64>,
    /// By target: told, and given up.
    pub told: BTreeMap<String, (u64, u64)>,
    pub history_failures: u64,
    pub reloads: (u64, u64),
}

#[derive(Clone, Debug)]
pub struct Board {
    pub schedule: String,
    pub began: Timestamp,
    pub jobs: Vec<JobBoard>,
    pub counters: Counters,
    /// When, and what.
    pub troubles: VecDeque<(Timestamp, String)>,
    pub stopping: bool,
}

impl Board {
    pub fn new(schedule: String, began: Timestamp) -> Board {
        Board {
            schedule,
            began,
            jobs: Vec::new(),
            counters: Counters::default(),
            troubles: VecDeque::new(),
            stopping: false,
        }
    }

    pub fn job(&self, slug: &str) -> Option<&JobBoard> {
        self.jobs.iter().find(|j| j.slug == slug)
    }

    pub fn run(&self, id: &str) -> Option<&Arc<Run>> {
        let mut all = self.jobs.iter().flat_map(|j| &j.runs);
        all.find(|r| r.id == id)
    }

    pub fn trouble(&mut self, now: Timestamp, text: String) {
        if self.troubles.len() == MOST_TROUBLES {
            self.troubles.pop_front();
        }
        self.troubles.push_back((now, text));
    }

    /// What is said of it no longer holds.
    pub fn over(&mut self, begins: &str) {
        self.troubles.retain(|(_, text)| !text.starts_with(begins));
    }

    /// Counts a run, and shows it.
    pub fn ran(&mut self, run: &Arc<Run>) {
        let counters = &mut self.counters;
        let key = (run.job.clone(), run.status.word());
        *counters.runs.entry(key).or_default() += 1;
        *counters.seconds.entry(run.job.clone()).or_default() += run.seconds();
        if let Some(job) = self.jobs.iter_mut().find(|j| j.name == run.job) {
            job.push(Arc::clone(run));
        }
    }

    /// The worst of every host, by the last run of every job that tells of it.
    pub fn hosts(&self) -> BTreeMap<&str, Status> {
        let mut all: BTreeMap<&str, Status> = BTreeMap::new();
        for run in self.jobs.iter().filter_map(|j| j.last()) {
            for (name, host) in &run.hosts {
                let worst = all.entry(name).or_insert(Status::Fine);
                *worst = (*worst).max(host.status);
            }
        }
        all
    }
}
