//! A report as JSON.
//!
//! | field | what |
//! |---|---|
//! | `tool`, `version`, `format` | within a format, fields are only added |
//! | `mode` | `drift` or `drift --fix` |
//! | `started`, `seconds`, `stopped`, `playbooks` | |
//! | `summary` | `hosts`, `drifted`, `differences`, `distinct`, `unknown`, `failed`, `unreachable`, `fixed` |
//! | `hosts` | a list of `host`, `standing`, `why`, `differences`, `unknown`, `fixed`, `round_trips` |
//! | `entries` | a list, see below |
//! | `fix` | null, or `hosts` (that would be changed), `halted` (the limit, or null), `left`, `seconds`, `entries` |
//!
//! An entry has `kind` (`differs`, `follows`, `unknown`, `failed`, `unreachable`; of a fix also `fixed` and
//! `reverted`), `task` (`play`, `name`, `role`, `action`, `at`; or null), `item`, `on`, `summary`, `before`, `after`,
//! `hosts`, `range`, and `values`: for each host what stands in the place of `‹name›`, where hosts differ in
//! what is their own.

use serde_json::{Map, Value as Json, json};

use crate::source::escape::escape_json;

use super::model::{Counts, Entry, FORMAT, HostInfo, Report};

pub fn render(report: &Report) -> String {
    let text = serde_json::to_string_pretty(&value(report)).unwrap_or_default();
    escape_json(&text).into_owned() + "\n"
}

pub fn value(report: &Report) -> Json {
    let Counts {
        hosts,
        drifted,
        differences,
        distinct,
        unknown,
        failed,
        unreachable,
        fixed,
    } = report.counts();
    let names = |all: &[usize]| all.iter().map(|h| report.name(*h)).collect::<Json>();
    let entries = |all: &[Entry]| all.iter().map(|e| entry(report, e)).collect::<Json>();
    let fix = report.fix.as_ref().map(|fix| {
        json!({
            "hosts": fix.hosts, "halted": fix.halted, "left": names(&fix.left),
            "seconds": fix.seconds, "entries": entries(&fix.entries),
        })
    });
    json!({
        "tool": "palisade", "version": env!("CARGO_PKG_VERSION"), "format": FORMAT,
        "mode": if report.fix.is_some() { "drift --fix" } else { "drift" },
        "started": report.started, "seconds": report.seconds, "stopped": report.stopped,
        "playbooks": report.playbooks,
        "summary": {
            "hosts": hosts, "drifted": drifted, "differences": differences, "distinct": distinct,
            "unknown": unknown, "failed": failed, "unreachable": unreachable, "fixed": fixed,
        },
        "hosts": report.hosts.iter().map(host).collect::<Json>(),
        "entries": entries(&report.entries),
        "fix": fix,
    })
}

fn host(host: &HostInfo) -> Json {
    json!({
        "host": &*host.host, "standing": host.standing.word(), "why": host.why,
        "differences": host.differences, "unknown": host.unknown, "fixed": host.fixed,
        "round_trips": host.round_trips,
    })
}

fn entry(report: &Report, entry: &Entry) -> Json {
    let task = report.task(entry).map(|t| {
        json!({
            "play": report.plays.get(t.play), "name": t.name, "role": t.role,
            "action": t.action, "at": t.at,
        })
    });
    let mut values = Map::new();
    for variant in entry.variants.iter().filter(|_| entry.varies()) {
        let own: Map<String, Json> = variant
            .values
            .iter()
            .map(|(name, value)| (name.clone(), Json::from(value.as_str())))
            .collect();
        for host in &variant.hosts {
            values.insert(report.name(*host).to_owned(), Json::Object(own.clone()));
        }
    }
    let names: Json = entry.hosts.iter().map(|h| report.name(*h)).collect();
    json!({
        "kind": entry.kind.word(), "task": task, "item": entry.item, "on": entry.on,
        "summary": entry.summary, "before": entry.before, "after": entry.after,
        "hosts": names, "range": report.range(&entry.hosts), "values": values,
    })
}
