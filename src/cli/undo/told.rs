//! What an undo left alone, could not do, or cannot do: for people, and for programs.

use std::collections::BTreeMap;

use serde_json::json;

use crate::cli::left::{Left, Seen, list};
use crate::journal::reverse::Irreversible;
use crate::source::Code;

/// What there is no way back from.
pub(super) fn irreversible(all: &[Irreversible]) -> String {
    let mut lines: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for one in all {
        let line = format!("{}, {}: {}", one.on, one.task, one.why);
        lines.entry(line).or_default().push(&one.host);
    }
    list("cannot be undone:", lines)
}

/// What was left alone.
pub(super) fn left(all: &[Left]) -> String {
    let mut lines: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for one in all {
        let line = format!("{}, {}: {}", one.on, one.task, one.why);
        lines.entry(line).or_default().push(&one.host);
    }
    let heading = "left alone, because it is not as the run left it";
    list(&format!("{heading} [{}]:", Code::NotAsItWas), lines)
}

/// The same as a line of JSON.
pub(super) fn json(run: &str, seen: &Seen, irreversible: &[Irreversible]) -> String {
    let left = |left: &[Left]| -> Vec<_> {
        let line = |l: &Left| {
            json!({
                "host": l.host, "task": l.task, "at": l.place, "on": l.on, "why": l.why,
            })
        };
        left.iter().map(line).collect()
    };
    let never = |i: &Irreversible| {
        json!({
            "host": i.host, "task": i.task, "at": i.place, "on": i.on, "why": i.why,
        })
    };
    let value = json!({
        "event": "undo", "run": run,
        "left_alone": left(&seen.left),
        "failed": left(&seen.failed),
        "irreversible": irreversible.iter().map(never).collect::<Vec<_>>(),
    });
    format!(
        "{}\n",
        crate::source::escape::escape_json(&value.to_string())
    )
}
