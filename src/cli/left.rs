//! What a run that the program made itself left alone, because it is not as it has to be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use crate::engine::Event;
use crate::engine::event::{Outcome, Status, TaskRef};
use crate::inventory::fold;
use crate::report::Reporter;
use crate::source::Value;
use crate::source::escape::escape;

/// Something that is not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub host: String,
    pub task: String,
    pub on: String,
    pub why: String,
    /// Where the task stands that changed it, or is to.
    pub place: String,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub left: Vec<Left>,
    /// What could not be done, and held nothing else up.
    pub failed: Vec<Left>,
    /// Hosts that failed for another reason than that something was left alone.
    pub broken: BTreeSet<String>,
    /// Hosts on which nothing was to do.
    pub nothing: BTreeSet<String>,
}

impl Seen {
    fn ended(&mut self, host: &str, task: &TaskRef, outcome: &Outcome) {
        let result = &outcome.result;
        let word = |of: &Value, key: &str| {
            let text = of.get(key).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let left = |on, why| Left {
            host: host.to_owned(),
            task: task.name.clone(),
            on,
            why,
            place: task.span.to_string(),
        };
        let is_left = result.get("left_alone").is_some();
        if is_left {
            let all = result.get("differs").and_then(Value::as_sequence);
            match all {
                Some(all) => {
                    let each = all.iter().map(|d| left(word(d, "on"), word(d, "why")));
                    self.left.extend(each);
                }
                None => self
                    .left
                    .push(left(word(result, "on"), word(result, "msg"))),
            }
        }
        if result.get("nothing").is_some() {
            self.nothing.insert(host.to_owned());
        }
        if outcome.status == Status::Ignored {
            self.failed
                .push(left(word(result, "on"), word(result, "msg")));
        }
        if outcome.status == Status::Failed && !is_left {
            self.broken.insert(host.to_owned());
        }
    }
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
            seen.ended(host, task, outcome);
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
pub(super) fn list(heading: &str, lines: BTreeMap<String, Vec<&str>>) -> String {
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
