//! A report as JUnit's XML, which continuous integration shows: a suite for each play, a test for each task.
//! What nobody knows is an error, or skipped where that was asked for; it never passes.

use std::collections::BTreeMap;

use super::super::junit::{self, Counts, Junit, Why};
use super::Look;
use super::human::{ends, what};
use super::model::{Entry, Kind, Report, TaskInfo};
use crate::report::text::unified;

/// What came of a test, and what is said of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    Passed,
    Skipped(&'static str),
    Failed,
    Error(Kind),
}

struct Case<'a> {
    task: Option<&'a TaskInfo>,
    name: String,
    came: Came,
    entries: Vec<&'a Entry>,
}

pub fn render(report: &Report, look: Look) -> String {
    let mut suites: BTreeMap<usize, Vec<Case<'_>>> = BTreeMap::new();
    let mut of: BTreeMap<usize, Vec<&Entry>> = BTreeMap::new();
    let mut lost = Vec::new();
    for entry in &report.entries {
        match (entry.kind, entry.task) {
            (Kind::Unreachable, _) | (_, None) => lost.push(entry),
            (_, Some(task)) => of.entry(task).or_default().push(entry),
        }
    }
    for (index, task) in report.tasks.iter().enumerate() {
        let entries = of.remove(&index).unwrap_or_default();
        let trouble = entries.iter().any(|e| e.kind == Kind::Failed);
        // Handlers are no wishes of their own.
        if task.handler && !trouble {
            continue;
        }
        let came = came(task, &entries, look);
        suites.entry(task.play).or_default().push(Case {
            task: Some(task),
            name: task.title(),
            came,
            entries,
        });
    }
    let reached = Case {
        task: None,
        name: "all hosts are reached".into(),
        came: match lost.is_empty() {
            true => Came::Passed,
            false => Came::Error(Kind::Unreachable),
        },
        entries: lost,
    };
    let mut all: Vec<(String, Vec<Case<'_>>)> = vec![("hosts".into(), vec![reached])];
    for (play, cases) in suites {
        let name = report.plays.get(play).cloned().unwrap_or_default();
        all.push((name, cases));
    }
    document(report, &all)
}

fn came(task: &TaskInfo, entries: &[&Entry], look: Look) -> Came {
    let has = |kind: Kind| entries.iter().any(|e| e.kind == kind);
    if has(Kind::Failed) {
        Came::Error(Kind::Failed)
    } else if has(Kind::Differs) {
        Came::Failed
    } else if has(Kind::Unknown) && look.unknown_is_fine {
        Came::Skipped("unknown: nobody can say without running it")
    } else if has(Kind::Unknown) {
        Came::Error(Kind::Unknown)
    } else if task.hosts > 0 && task.skipped == task.hosts {
        Came::Skipped("skipped on all hosts")
    } else {
        Came::Passed
    }
}

fn counts<'a>(cases: impl Iterator<Item = &'a Case<'a>>) -> Counts {
    let mut all = Counts::default();
    for case in cases {
        all.tests += 1;
        match case.came {
            Came::Passed => {}
            Came::Failed => all.failures += 1,
            Came::Error(_) => all.errors += 1,
            Came::Skipped(_) => all.skipped += 1,
        }
    }
    all
}

fn document(report: &Report, suites: &[(String, Vec<Case<'_>>)]) -> String {
    let name = format!("palisade drift {}", report.playbooks.join(" "));
    let all = counts(suites.iter().flat_map(|(_, c)| c));
    let mut xml = Junit::new(name, all, report.seconds, &report.started);
    for (name, cases) in suites {
        xml.suite(name, None, counts(cases.iter()), None);
        for case in cases {
            self::case(&mut xml, report, name, case);
        }
        xml.close(&[]);
    }
    xml.end()
}

fn case(xml: &mut Junit, report: &Report, suite: &str, case: &Case<'_>) {
    let at = case.task.map_or("", |t| &t.at);
    let file = at.rsplitn(3, ':').last().unwrap_or(at);
    let line = at.rsplit(':').nth(1).unwrap_or("0");
    let body: Vec<String> = case.entries.iter().map(|e| said(report, e)).collect();
    let body = body.join("\n");
    let hosts = |kinds: &[Kind]| {
        let of = case.entries.iter().filter(|e| kinds.contains(&e.kind));
        let mut all: Vec<usize> = of.flat_map(|e| e.hosts.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        report.range(&all)
    };
    let message = match case.came {
        Came::Failed => format!("{} differ", hosts(&[Kind::Differs])),
        Came::Error(kind) => format!("{}: {}", kind.word(), hosts(&[kind])),
        Came::Passed | Came::Skipped(_) => String::new(),
    };
    let because = |kind| Why {
        kind,
        message: &message,
        body: &body,
    };
    let came = match case.came {
        Came::Passed => junit::Came::Passed,
        Came::Skipped(why) => junit::Came::Skipped(why),
        Came::Failed => junit::Came::Failed(because("drift")),
        Came::Error(kind) => junit::Came::Error(because(kind.word())),
    };
    let place = (!at.is_empty()).then_some((file, line));
    xml.case(suite, &case.name, place, &came);
}

/// An entry in lines.
fn said(report: &Report, entry: &Entry) -> String {
    let head = format!("{} {}", entry.kind.word(), report.range(&entry.hosts));
    let item = entry
        .item
        .as_ref()
        .map_or(String::new(), |i| format!(" ({i})"));
    match entry.on.is_empty() {
        true => format!("{head}{item}: {}", entry.summary),
        false => {
            let text = unified(&ends(entry), &entry.on, &entry.on);
            format!("{head}{item}: {}\n{text}", what(entry))
        }
    }
}
