//! What an undo left alone, could not do, or cannot do: for people, and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::engine::Event;
use crate::engine::event::Status;
use crate::inventory::fold;
use crate::journal::reverse::Irreversible;
use crate::report::Reporter;
use crate::source::Value;
use crate::source::escape::escape;

/// Something that is not as the run left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub host: String,
    pub task: String,
    pub on: String,
    pub why: String,
    /// Where the task stands that changed it.
    pub place: String,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub left: Vec<Left>,
    /// What could not be put back.
    pub failed: Vec<Left>,
}

/// Hands events on, and notes what is told at the end.
pub(super) struct Watcher {
    pub inner: Box<dyn Reporter>,
    pub seen: Arc<Mutex<Seen>>,
}

impl Reporter for Watcher {
    fn event(&mut self, event: &Event) {
        if let Event::Ended {
            host,
            task,
            outcome,
        } = event
            && let Ok(mut seen) = self.seen.lock()
        {
            let word = |key: &str| {
                let text = outcome.result.get(key).and_then(Value::as_str);
                text.unwrap_or_default().to_owned()
            };
            let left = || Left {
                host: host.to_string(),
                task: task.name.clone(),
                on: word("on"),
                why: word("msg"),
                place: task.span.to_string(),
            };
            if outcome.result.get("left_alone").is_some() {
                seen.left.push(left());
            }
            if outcome.status == Status::Ignored {
                seen.failed.push(left());
            }
        }
        self.inner.event(event);
    }

    fn tick(&mut self) {
        self.inner.tick();
    }

    fn hide(&mut self) {
        self.inner.hide();
    }
}

/// A heading, and a line for each thing with the hosts that it is so on.
fn list(heading: &str, lines: BTreeMap<String, Vec<&str>>) -> String {
    let mut out = String::new();
    if lines.is_empty() {
        return out;
    }
    let _ = writeln!(out, "{heading}");
    for (line, hosts) in lines {
        let _ = writeln!(out, "  {}: {}", fold::fold(&hosts), escape(&line));
    }
    out
}

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
    list("left alone, because it is not as the run left it:", lines)
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
