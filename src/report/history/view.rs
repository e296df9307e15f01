//! What forms need of a run: tasks with what there is to tell of them, worst first, hosts that say the
//! same together.

use std::collections::BTreeMap;

use crate::history::{Difference, Found, Kind, Point, Run, Sheet, Stand, Status, Task};

/// What a report tells: one job, or several, each by its last run.
pub struct Told {
    /// What the page is about, for people: `site.yml`, `the last 7 days`.
    pub about: String,
    /// A single run was asked for.
    pub single: bool,
    pub jobs: Vec<Job>,
    /// All runs that fit, the newest first.
    pub runs: Vec<Run>,
}

/// A job by its last run, or by the one that was asked for.
pub struct Job {
    pub sheet: Sheet,
    /// Oldest first, this run its end.
    pub trend: Vec<Point>,
    /// What is new in this run, where there is one to compare it with.
    pub news: Option<crate::history::News>,
}

/// A task with what was told of it.
pub struct Row<'a> {
    pub at: usize,
    pub task: &'a Task,
    pub groups: Vec<Group<'a>>,
}

/// Hosts of which the same was told.
pub struct Group<'a> {
    pub status: Status,
    pub message: Option<&'a str>,
    pub difference: Option<&'a Difference>,
    pub hosts: Vec<&'a str>,
}

impl Row<'_> {
    pub fn worst(&self) -> Status {
        let all = self.groups.iter().map(|g| g.status);
        all.max().unwrap_or(Status::Ok)
    }

    pub fn count(&self, kind: Kind) -> usize {
        let some = self.groups.iter().filter(|g| g.status.kind() == kind);
        some.map(|g| g.hosts.len()).sum()
    }

    pub fn of(&self, status: Status) -> usize {
        let some = self.groups.iter().filter(|g| g.status == status);
        some.map(|g| g.hosts.len()).sum()
    }

    pub fn hosts(&self) -> usize {
        self.groups.iter().map(|g| g.hosts.len()).sum()
    }
}

/// What makes something told of two hosts the same. Messages differ in numbers and names, which are the
/// host's own.
type Likeness<'a> = (std::cmp::Reverse<Status>, Option<&'a str>, String);

/// Tasks of which anything was told, the worst first; then those on most hosts.
pub fn rows(sheet: &Sheet) -> Vec<Row<'_>> {
    let mut all: BTreeMap<usize, BTreeMap<Likeness<'_>, Group<'_>>> = BTreeMap::new();
    for host in &sheet.hosts {
        for found in &host.found {
            let group = all
                .entry(found.task)
                .or_default()
                .entry(likeness(host, found))
                .or_insert_with(|| Group {
                    status: found.status,
                    message: found.message.as_deref(),
                    difference: found
                        .difference
                        .as_ref()
                        .and_then(|d| sheet.differences.get(d)),
                    hosts: Vec::new(),
                });
            group.hosts.push(&host.host);
        }
    }
    let mut rows: Vec<Row<'_>> = all
        .into_iter()
        .filter_map(|(at, groups)| {
            let mut groups: Vec<Group<'_>> = groups.into_values().collect();
            groups.sort_by_key(|g| {
                (
                    std::cmp::Reverse(g.status),
                    std::cmp::Reverse(g.hosts.len()),
                )
            });
            let task = sheet.tasks.get(at)?;
            Some(Row { at, task, groups })
        })
        .collect();
    rows.sort_by_key(|r| {
        let worst = std::cmp::Reverse(r.worst().kind());
        (worst, std::cmp::Reverse(r.hosts()), r.at)
    });
    rows
}

fn likeness<'a>(host: &Stand, found: &'a Found) -> Likeness<'a> {
    let loose = |c: char| if c.is_ascii_digit() { '#' } else { c };
    let message = found.message.as_deref().unwrap_or_default();
    let message = message
        .replace(&host.host, "@")
        .chars()
        .map(loose)
        .collect();
    (
        std::cmp::Reverse(found.status),
        found.difference.as_deref(),
        message,
    )
}

/// How long it took, for people.
pub fn lasted(run: &Run) -> String {
    let Some(ended) = run.ended else {
        return "has not ended".into();
    };
    let seconds = ended.duration_since(run.started).as_secs_f64();
    match seconds {
        s if s < 90.0 => format!("{s:.1} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
