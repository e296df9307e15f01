//! Equal outcomes of many hosts as one: what a fleet did, in as many lines as there are differences.

use std::collections::HashMap;

use crate::engine::event::{Diff, HostName, Outcome, Status, TaskRef};
use crate::source::values::python_str;
use crate::source::{Code, Mask, Value, render};

use super::text::{counts, json_pretty, result, safe, unified};

/// Changes of one task named in its line; of more, the number is said.
const MOST_CHANGES: usize = 4;

/// Last lines shown of what a failed command printed.
const TAIL: usize = 12;

/// Failed items of a loop shown.
const MOST_ITEMS: usize = 5;

/// How much is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Detail {
    pub colour: bool,
    pub ascii: bool,
    pub diff: bool,
    pub verbosity: u8,
}

/// What is said of a task on a host. Hosts of which the same is said are told together. All of it is
/// safe to print.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Told {
    pub status: Status,
    pub delegated: Option<HostName>,
    /// What was changed, in a few words; empty where there is nothing to say.
    pub what: String,
    /// Lines below, for people.
    pub body: Vec<String>,
}

/// Told things with the hosts they are told of, in the order they came.
#[derive(Default)]
pub struct Groups {
    keys: HashMap<Told, usize>,
    groups: Vec<Group>,
}

pub struct Group {
    pub told: Told,
    pub hosts: Vec<HostName>,
    /// Messages differ in numbers or names; those of the first host are shown.
    pub varied: bool,
}

impl Groups {
    pub fn add(&mut self, host: &HostName, told: Told) {
        let key = Told {
            body: loosely(&told, host),
            ..told.clone()
        };
        match self.keys.get(&key) {
            Some(at) => {
                let group = &mut self.groups[*at];
                group.varied |= group.told != told;
                group.hosts.push(host.clone());
            }
            None => {
                self.keys.insert(key, self.groups.len());
                self.groups.push(Group {
                    told,
                    hosts: vec![host.clone()],
                    varied: false,
                });
            }
        }
    }

    /// Failures last: what is printed last is what is seen.
    pub fn take(&mut self) -> Vec<Group> {
        self.keys.clear();
        let mut groups = std::mem::take(&mut self.groups);
        groups.sort_by_key(|g| rank(g.told.status));
        groups
    }
}

fn rank(status: Status) -> u8 {
    match status {
        Status::Skipped => 0,
        Status::Ok => 1,
        Status::Changed => 2,
        Status::Unknown => 3,
        Status::Ignored => 4,
        Status::Failed => 5,
        Status::Unreachable => 6,
    }
}

/// Messages of failures are equal if they differ only in numbers and the host's own name: process
/// ids, addresses and times.
fn loosely(told: &Told, host: &str) -> Vec<String> {
    let failure = matches!(
        told.status,
        Status::Failed | Status::Ignored | Status::Unreachable
    );
    if !failure {
        return told.body.clone();
    }
    let loose = |line: &String| {
        let mut out = String::with_capacity(line.len());
        for c in line.replace(host, "@").chars() {
            match c.is_ascii_digit() {
                true if out.ends_with('#') => {}
                true => out.push('#'),
                false => out.push(c),
            }
        }
        out
    };
    told.body.iter().map(loose).collect()
}

/// What is to be said of an outcome. `label` is that of a loop's item.
pub fn tell(
    task: &TaskRef,
    outcome: &Outcome,
    label: Option<&str>,
    mask: &Mask,
    detail: &Detail,
) -> Told {
    let delegated = outcome.delegated.clone();
    let status = outcome.status;
    if task.no_log {
        let what = match status {
            Status::Changed if !outcome.changes.is_empty() => "(hidden by no_log)",
            _ => "",
        };
        let body = match status {
            Status::Failed | Status::Ignored => vec!["(hidden by no_log)".to_owned()],
            _ => Vec::new(),
        };
        return Told {
            status,
            delegated,
            what: what.to_owned(),
            body,
        };
    }
    let mut body = Vec::new();
    let mut what = changes(outcome, mask);
    if let Some(label) = label {
        what = safe(&format!("({label})"), mask);
    }
    match status {
        Status::Failed | Status::Ignored => failure(outcome, mask, detail, &mut body),
        Status::Unknown => body.extend(reason(outcome, mask)),
        Status::Skipped if detail.verbosity > 0 => {
            if let Some(why) = outcome.result.get("skip_reason").and_then(Value::as_str) {
                what = safe(&format!("({})", lowered(why)), mask);
            }
        }
        _ => {}
    }
    if outcome.diagnostic.is_none() {
        mark(&mut body, outcome.code);
    }
    if outcome.shown && !matches!(status, Status::Failed | Status::Ignored) {
        shown(task, outcome, mask, &mut body);
    } else if detail.verbosity > 2 {
        let value = Value::Mapping(result(task, outcome, mask));
        push(&mut body, &json_pretty(&value), mask);
    } else if detail.verbosity > 0 && matches!(status, Status::Ok | Status::Changed) {
        printed(outcome, mask, &mut body);
    }
    if detail.diff && label.is_none() {
        for change in &outcome.changes {
            difference(change, mask, detail, &mut body);
        }
    }
    Told {
        status,
        delegated,
        what,
        body,
    }
}

fn lowered(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or(String::new(), |c| c.to_lowercase().chain(chars).collect())
}

/// `/etc/ssh/sshd_config +2 -1, /etc/motd new file +3`
pub(super) fn changes(outcome: &Outcome, mask: &Mask) -> String {
    let all = &outcome.changes;
    let mut parts: Vec<String> = all.iter().take(MOST_CHANGES).map(one_change).collect();
    if all.len() > MOST_CHANGES {
        parts.push(format!("and {} more", all.len() - MOST_CHANGES));
    }
    safe(&parts.join(", "), mask)
}

/// The title of a change and what happened to it; changed text is counted in lines.
pub fn one_change(change: &Diff) -> String {
    let lines = || match counts(change) {
        (0, 0) => String::new(),
        (added, 0) => format!("+{added}"),
        (0, removed) => format!("-{removed}"),
        (added, removed) => format!("+{added} -{removed}"),
    };
    let words = match change.summary.as_str() {
        "" | "changed" => lines(),
        "new file" | "removed file" => format!("{} {}", change.summary, lines()),
        summary => match summary.strip_prefix("content") {
            Some(rest) => format!("{}{rest}", lines()),
            None => summary.to_owned(),
        },
    };
    format!("{} {}", change.title, words.trim())
        .trim_end()
        .to_owned()
}

/// Lines of text from elsewhere, made safe.
fn push(body: &mut Vec<String>, text: &str, mask: &Mask) {
    body.extend(safe(text.trim_end(), mask).lines().map(str::to_owned));
}

fn reason(outcome: &Outcome, mask: &Mask) -> Vec<String> {
    let mut body = Vec::new();
    if let Some(text) = outcome.message() {
        push(&mut body, text, mask);
    }
    body
}

/// The kind of a failure, at the end of the line that tells it.
pub(super) fn mark(body: &mut [String], code: Option<Code>) {
    if let (Some(first), Some(code)) = (body.first_mut(), code) {
        first.push_str(&format!(" [{code}]"));
    }
}

fn failure(outcome: &Outcome, mask: &Mask, detail: &Detail, body: &mut Vec<String>) {
    if let Some(mistake) = &outcome.diagnostic {
        let text = render::render(mistake, detail.colour);
        body.extend(mask.apply(&text).lines().map(str::to_owned));
        return;
    }
    let items = outcome.result.get("results").and_then(Value::as_sequence);
    let failed: Vec<&Value> = items
        .into_iter()
        .flatten()
        .filter(|r| r.get("failed").and_then(Value::as_bool) == Some(true))
        .collect();
    if failed.is_empty() {
        return one_failure(&outcome.result, mask, body);
    }
    for item in failed.iter().take(MOST_ITEMS) {
        let name = item
            .get("ansible_loop_var")
            .and_then(Value::as_str)
            .unwrap_or("item");
        if let Some(value) = item.get(name) {
            push(body, &format!("item {}:", python_str(value)), mask);
        }
        one_failure(item, mask, body);
    }
    if failed.len() > MOST_ITEMS {
        body.push(format!("and {} more items", failed.len() - MOST_ITEMS));
    }
}

fn one_failure(result: &Value, mask: &Mask, body: &mut Vec<String>) {
    let text = |key: &str| {
        result
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or("")
            .trim_end()
    };
    let message = match text("msg") {
        "" => "failed without a message",
        message => message,
    };
    let code = result.get("rc").and_then(Value::as_i64);
    match code {
        Some(code) if message == "non-zero return code" => push(
            body,
            &format!("exit status {code}: {}", command(result)),
            mask,
        ),
        _ => push(body, message, mask),
    }
    for key in ["module_stderr", "stderr", "stdout"] {
        let output = text(key);
        if output.is_empty() || output == message {
            continue;
        }
        // Millions of lines are counted, not gathered.
        let all = output.lines().count();
        match all > TAIL {
            true => body.push(format!("{key} (last {TAIL} of {all} lines):")),
            false => body.push(format!("{key}:")),
        }
        let mut last: Vec<&str> = output.lines().rev().take(TAIL).collect();
        last.reverse();
        for line in last {
            push(body, &format!("  {line}"), mask);
        }
        break;
    }
}

fn command(result: &Value) -> String {
    match result.get("cmd") {
        Some(Value::Sequence(words)) => {
            let words: Vec<String> = words.iter().map(python_str).collect();
            words.join(" ")
        }
        Some(other) => python_str(other),
        None => "the command failed".to_owned(),
    }
}

/// A result that is what the task is for.
fn shown(task: &TaskRef, outcome: &Outcome, mask: &Mask, body: &mut Vec<String>) {
    let mut map = result(task, outcome, mask);
    map.retain(|k, _| {
        !matches!(
            k.as_str(),
            Some("changed" | "failed" | "skipped" | "item" | "ansible_loop_var")
        )
    });
    match map.get("msg") {
        Some(Value::String(text)) if map.len() == 1 => push(body, text, mask),
        _ => push(body, &json_pretty(&Value::Mapping(map)), mask),
    }
}

/// What a command printed, for `-v`.
fn printed(outcome: &Outcome, mask: &Mask, body: &mut Vec<String>) {
    for key in ["stdout", "stderr"] {
        if let Some(text) = outcome.result.get(key).and_then(Value::as_str) {
            push(body, text, mask);
        }
    }
}

fn difference(change: &Diff, mask: &Mask, detail: &Detail, body: &mut Vec<String>) {
    let title = safe(&change.title, mask);
    let text = unified(change, &title, &title);
    for line in safe(&text, mask).lines() {
        let code = match line.as_bytes().first() {
            Some(b'+') => "32",
            Some(b'-') => "31",
            Some(b'@') => "36",
            _ => "",
        };
        body.push(match detail.colour && !code.is_empty() {
            true => format!("\x1b[{code}m{line}\x1b[0m"),
            false => line.to_owned(),
        });
    }
}
