//! Runs for machines: everything that the history holds of them.
//!
//! `{"palisade": VERSION, "format": 1, "jobs": […], "runs": […]}`. A job has its `run`, its `tasks`, its
//! `hosts` (`host`, `state`, `message`, `cells` (one for each task: a status, or null where it did not
//! come to this host), `found`), the `differences` by their digests, the `trend`, and what is `new`.
//! Within a format fields are only added.

use serde_json::{Value, json};

use crate::history::{Counts, Entry, Point, Run, Stand};
use crate::source::escape::escape_json;

use super::view::{Job, Told};

/// A change that breaks a reader makes it larger.
pub const FORMAT: u32 = 1;

/// The document.
pub fn render(told: &Told) -> String {
    let document = json!({
        "palisade": env!("CARGO_PKG_VERSION"), "format": FORMAT,
        "jobs": told.jobs.iter().map(job).collect::<Vec<_>>(),
        "runs": told.runs.iter().map(run).collect::<Vec<_>>(),
    });
    format!("{}\n", escape_json(&document.to_string()))
}

/// Counts of hosts, and of what differed.
pub fn counts(counts: &Counts) -> Value {
    json!({
        "hosts": counts.hosts, "good": counts.good, "differing": counts.differing, "fixed": counts.fixed,
        "unknown": counts.unknown, "failed": counts.failed, "unreachable": counts.unreachable,
        "differences": counts.differences,
    })
}

/// A run in short.
pub fn run(run: &Run) -> Value {
    json!({
        "run": run.name, "command": run.command, "job": run.job, "of": run.of, "who": run.who,
        "checked_only": run.dry, "started": run.started.to_string(),
        "ended": run.ended.map(|t| t.to_string()), "exit": run.exit, "counts": counts(&run.counts),
    })
}

/// Something told of a host.
pub fn entry(entry: &Entry) -> Value {
    json!({
        "run": entry.run, "command": entry.command, "of": entry.of, "who": entry.who,
        "checked_only": entry.dry, "started": entry.started.to_string(), "host": entry.host,
        "task": entry.task.name, "address": entry.task.address, "place": entry.task.place,
        "status": entry.status.word(), "message": entry.message, "on": entry.title,
        "summary": entry.summary, "difference": entry.difference,
    })
}

fn host(stand: &Stand) -> Value {
    let cells = stand.cells.iter().map(|c| c.map(|c| c.word()));
    let found = stand.found.iter().map(|f| {
        json!({
            "task": f.task, "status": f.status.word(), "message": f.message,
            "difference": f.difference,
        })
    });
    json!({
        "host": stand.host, "state": stand.state.word(), "message": stand.message,
        "cells": cells.collect::<Vec<_>>(), "found": found.collect::<Vec<_>>(),
    })
}

fn job(job: &Job) -> Value {
    let sheet = &job.sheet;
    let tasks = sheet
        .tasks
        .iter()
        .map(|t| json!({ "address": t.address, "name": t.name, "place": t.place }));
    let differences = sheet.differences.iter().map(|(digest, d)| {
        let value = json!({ "on": d.title, "summary": d.summary, "body": d.body });
        (digest.clone(), value)
    });
    let point = |p: &Point| json!({ "run": p.run, "started": p.started.to_string(), "counts": counts(&p.counts) });
    let new = job.news.as_ref().map(|n| {
        json!({
            "appeared": n.appeared.iter().map(entry).collect::<Vec<_>>(),
            "gone": n.gone.iter().map(entry).collect::<Vec<_>>(),
            "lost": n.lost, "back": n.back, "first": n.first,
        })
    });
    json!({
        "run": run(&sheet.run), "tasks": tasks.collect::<Vec<_>>(),
        "hosts": sheet.hosts.iter().map(host).collect::<Vec<_>>(),
        "differences": differences.collect::<serde_json::Map<_, _>>(),
        "trend": job.trend.iter().map(point).collect::<Vec<_>>(), "new": new,
    })
}
