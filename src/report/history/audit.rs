//! An audit's report to what the history keeps of it: a control is what a task is for other runs.

use crate::engine::event::Diff;
use crate::hardening::result::{Evidence, Finding};
use crate::hardening::{Report, Verdict};
use crate::history::{Difference, Found, Kind, Stand, Status, Task, digest};

use super::super::text::unified;
use super::Gathered;

/// What an audit leaves to the history. A report is masked and safe to show already.
pub fn gather(report: &Report) -> Gathered {
    let task = |control: &crate::hardening::result::ControlInfo| Task {
        address: control.id.clone(),
        name: control.title.clone(),
        place: control.at.clone(),
    };
    let mut gathered = Gathered {
        tasks: report.controls.iter().map(task).collect(),
        ..Gathered::default()
    };
    for host in &report.hosts {
        let mut found = Vec::new();
        for (at, finding) in host.findings.iter().enumerate() {
            let status = status(finding.verdict);
            // That a host was lost is said once.
            if status.is_told() && !host.says_nothing(finding) {
                found.push(Found {
                    task: at,
                    status,
                    message: finding.why.clone(),
                    difference: difference(&mut gathered, finding),
                });
            }
        }
        let cells = host.findings.iter().map(|f| match host.says_nothing(f) {
            true => None,
            false => Some(status(f.verdict)),
        });
        let cells: Vec<Option<Status>> = cells.collect();
        let reached = cells.iter().any(Option::is_some);
        gathered.hosts.push(Stand {
            host: host.host.clone(),
            state: match (&host.lost, Stand::worst(&cells)) {
                (Some(_), _) if !reached => Status::Unreachable,
                (Some(_), worst) if worst.kind() != Kind::Trouble => Status::Unreachable,
                (_, worst) => worst,
            },
            message: host.lost.clone(),
            cells,
            found,
        });
    }
    gathered.hosts.sort_by(|a, b| a.host.cmp(&b.host));
    gathered
}

fn status(verdict: Verdict) -> Status {
    match verdict {
        Verdict::Pass => Status::Pass,
        Verdict::Fixed => Status::Fixed,
        Verdict::Fail => Status::Fail,
        Verdict::Waived => Status::Waived,
        Verdict::Error => Status::Error,
        Verdict::Unknown => Status::Unknown,
        Verdict::Manual => Status::Manual,
        Verdict::NotApplicable => Status::NotApplicable,
    }
}

fn difference(gathered: &mut Gathered, finding: &Finding) -> Option<String> {
    let all = || {
        finding
            .evidence
            .iter()
            .flat_map(|e: &Evidence| &e.differences)
    };
    all().next()?;
    let texts = all().flat_map(|d| [&d.on, &d.before, &d.after, &d.summary]);
    let name = digest(texts.map(String::as_str));
    let make = || {
        let mut body = String::new();
        for one in all() {
            let diff = Diff {
                title: one.on.clone(),
                before: one.before.clone(),
                after: one.after.clone(),
                summary: String::new(),
            };
            body.push_str(&unified(&diff, &one.on, &one.on));
        }
        let title = |d: &crate::hardening::result::Difference| d.on.clone();
        let summary = |d: &crate::hardening::result::Difference| {
            format!("{} {}", d.on, d.summary).trim_end().to_owned()
        };
        Difference {
            title: all().map(title).collect::<Vec<_>>().join(", "),
            summary: all().map(summary).collect::<Vec<_>>().join(", "),
            body,
        }
    };
    gathered
        .differences
        .entry(name.clone())
        .or_insert_with(make);
    Some(name)
}
