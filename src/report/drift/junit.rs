//! A report as JUnit's XML, which continuous integration shows: a suite for each play, a test for each task.
//! What nobody knows is an error, or skipped where that was asked for; it never passes.

use std::collections::BTreeMap;

use super::super::xml::Xml;
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

fn counts<'a>(cases: impl Iterator<Item = &'a Case<'a>>) -> [String; 4] {
    let mut all = [0usize; 4];
    for case in cases {
        all[0] += 1;
        match case.came {
            Came::Passed => {}
            Came::Failed => all[1] += 1,
            Came::Error(_) => all[2] += 1,
            Came::Skipped(_) => all[3] += 1,
        }
    }
    all.map(|n| n.to_string())
}

fn document(report: &Report, suites: &[(String, Vec<Case<'_>>)]) -> String {
    let mut xml = Xml::new();
    let seconds = format!("{:.3}", report.seconds);
    let [tests, failures, errors, skipped] = counts(suites.iter().flat_map(|(_, c)| c));
    let name = format!("palisade drift {}", report.playbooks.join(" "));
    xml.open(
        "testsuites",
        &[
            ("name", &name),
            ("tests", &tests),
            ("failures", &failures),
            ("errors", &errors),
            ("skipped", &skipped),
            ("time", &seconds),
        ],
    );
    for (at, (name, cases)) in suites.iter().enumerate() {
        let [tests, failures, errors, skipped] = counts(cases.iter());
        xml.open(
            "testsuite",
            &[
                ("id", &at.to_string()),
                ("name", name),
                ("timestamp", report.started.trim_end_matches('Z')),
                ("tests", &tests),
                ("failures", &failures),
                ("errors", &errors),
                ("skipped", &skipped),
                ("time", "0"),
            ],
        );
        for case in cases {
            self::case(&mut xml, report, name, case);
        }
        xml.close();
    }
    xml.end()
}

fn case(xml: &mut Xml, report: &Report, suite: &str, case: &Case<'_>) {
    let at = case.task.map_or("", |t| &t.at);
    let mut attributes = vec![("classname", suite), ("name", &case.name), ("time", "0")];
    let file = at.rsplitn(3, ':').last().unwrap_or(at);
    let line = at.rsplit(':').nth(1).unwrap_or("0");
    if !at.is_empty() {
        attributes.extend([("file", file), ("line", line)]);
    }
    xml.open("testcase", &attributes);
    let body: Vec<String> = case.entries.iter().map(|e| said(report, e)).collect();
    let body = body.join("\n");
    let hosts = |kinds: &[Kind]| {
        let of = case.entries.iter().filter(|e| kinds.contains(&e.kind));
        let mut all: Vec<usize> = of.flat_map(|e| e.hosts.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        report.range(&all)
    };
    match case.came {
        Came::Passed => {}
        Came::Skipped(why) => xml.leaf("skipped", &[("message", why)], ""),
        Came::Failed => {
            let message = format!("{} differ", hosts(&[Kind::Differs]));
            xml.leaf(
                "failure",
                &[("type", "drift"), ("message", &message)],
                &body,
            );
        }
        Came::Error(kind) => {
            let message = format!("{}: {}", kind.word(), hosts(&[kind]));
            xml.leaf(
                "error",
                &[("type", kind.word()), ("message", &message)],
                &body,
            );
        }
    }
    xml.close();
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
