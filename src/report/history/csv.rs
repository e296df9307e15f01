//! Runs as a table: one row for each thing found. A host of which nothing is to be told has one row,
//! so that it is not missing.

use crate::history::{Found, Sheet, Stand};

use super::super::audit::csv::row;
use super::view::Told;

const HEAD: [&str; 15] = [
    "run",
    "command",
    "of",
    "job",
    "started",
    "who",
    "checked_only",
    "host",
    "host_state",
    "task",
    "address",
    "place",
    "status",
    "message",
    "difference",
];

/// The table, as RFC 4180 has it.
pub fn render(told: &Told) -> String {
    let mut text = String::new();
    row(&mut text, &HEAD.map(str::to_owned));
    for job in &told.jobs {
        for host in &job.sheet.hosts {
            if host.found.is_empty() {
                one(&mut text, &job.sheet, host, None);
            }
            for found in &host.found {
                one(&mut text, &job.sheet, host, Some(found));
            }
        }
    }
    text
}

fn one(text: &mut String, sheet: &Sheet, host: &Stand, found: Option<&Found>) {
    let run = &sheet.run;
    let task = found.and_then(|f| sheet.tasks.get(f.task));
    let difference = found.and_then(|f| sheet.differences.get(f.difference.as_ref()?));
    let message = found
        .and_then(|f| f.message.clone())
        .or(host.message.clone());
    let of_task = |pick: fn(&crate::history::Task) -> &String| task.map(pick).cloned();
    let cells = [
        Some(run.name.clone()),
        Some(run.command.clone()),
        Some(run.of.clone()),
        Some(run.job.clone()),
        Some(run.started.to_string()),
        Some(run.who.clone()),
        Some(run.dry.to_string()),
        Some(host.host.clone()),
        Some(host.state.word().to_owned()),
        of_task(|t| &t.name),
        of_task(|t| &t.address),
        of_task(|t| &t.place),
        found.map(|f| f.status.word().to_owned()),
        message,
        difference.map(|d| d.summary.clone()),
    ];
    row(text, &cells.map(Option::unwrap_or_default));
}
