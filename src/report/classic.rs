//! Ansible's default text, which scripts read: `TASK [..] ***`, `ok: [host]`, `PLAY RECAP`.

use std::io::Write;

use crate::engine::Event;
use crate::engine::event::{Diff, Outcome, Recap, Status, TaskRef};
use crate::source::escape::escape;
use crate::source::{Mapping, Mask, Value};

use super::Reporter;
use super::order::{Block, Order};

/// The width that banners are filled to when there is no terminal.
const WIDTH: usize = 79;

pub struct Classic<W: Write + Send> {
    out: W,
    mask: Mask,
    order: Order,
    colour: bool,
    verbosity: u8,
    diff: bool,
}

impl<W: Write + Send> Classic<W> {
    pub fn new(out: W, mask: Mask, colour: bool, verbosity: u8, diff: bool) -> Classic<W> {
        Classic {
            out,
            mask,
            order: Order::default(),
            colour,
            verbosity,
            diff,
        }
    }

    fn line(&mut self, colour: Option<&str>, text: &str) {
        let masked = self.mask.apply(text);
        let shown = escape(&masked);
        let written = match colour.filter(|_| self.colour) {
            Some(code) => writeln!(self.out, "\x1b[{code}m{shown}\x1b[0m"),
            None => writeln!(self.out, "{shown}"),
        };
        // A closed pipe ends the report, not the run.
        let _ = written;
    }

    fn banner(&mut self, text: &str) {
        let stars = WIDTH.saturating_sub(text.chars().count() + 1).max(3);
        self.line(None, &format!("\n{text} {}", "*".repeat(stars)));
    }

    fn block(&mut self, block: &Block) {
        let shown = block
            .events
            .iter()
            .any(|e| !matches!(e, Event::Notified { .. }));
        if !shown {
            return;
        }
        let title = title(&block.task);
        let kind = if block.task.handler {
            "RUNNING HANDLER"
        } else {
            "TASK"
        };
        self.banner(&format!("{kind} [{title}]"));
        if self.verbosity >= 2 {
            let place = format!("task path: {}", block.task.span);
            self.line(None, &place);
        }
        for event in &block.events {
            self.task_event(event);
        }
    }

    fn task_event(&mut self, event: &Event) {
        match event {
            Event::Item {
                host,
                task,
                label,
                outcome,
                ..
            } => {
                self.result(host, task, Some(label), outcome);
            }
            Event::Ended {
                host,
                task,
                outcome,
            } => {
                let loops = outcome
                    .result
                    .get("results")
                    .is_some_and(Value::is_sequence);
                // A loop's items were told already.
                if !loops || outcome.diagnostic.is_some() {
                    self.result(host, task, None, outcome);
                } else if outcome.status == Status::Skipped {
                    self.line(Some("0;36"), &format!("skipping: [{host}] "));
                } else if outcome.status == Status::Ignored {
                    self.line(Some("0;36"), "...ignoring");
                }
            }
            Event::Retry {
                host, task, left, ..
            } => {
                let text = format!(
                    "FAILED - RETRYING: [{host}]: {} ({left} retries left).",
                    title(task)
                );
                self.line(Some("1;30"), &text);
            }
            Event::Included { hosts, what, .. } => {
                let hosts: Vec<&str> = hosts.iter().map(AsRef::as_ref).collect();
                self.line(
                    Some("0;36"),
                    &format!("included: {what} for {}", hosts.join(", ")),
                );
            }
            Event::Unreachable { host, message, .. } => {
                let result = crate::result! {
                    "changed" => false, "msg" => message.clone(), "unreachable" => true,
                };
                let json = self.json(&Value::Mapping(result), 0);
                self.line(
                    Some("1;31"),
                    &format!("fatal: [{host}]: UNREACHABLE! => {json}"),
                );
            }
            _ => {}
        }
    }

    fn result(&mut self, host: &str, task: &TaskRef, label: Option<&str>, outcome: &Outcome) {
        if self.diff && !task.no_log {
            for change in &outcome.changes {
                self.show_diff(change);
            }
        }
        let host = match &outcome.delegated {
            Some(to) => format!("{host} -> {to}"),
            None => host.to_owned(),
        };
        let item = match label {
            Some(_) if task.no_log => " => (item=(censored due to no_log))".to_owned(),
            Some(label) => format!(" => (item={label})"),
            None => String::new(),
        };
        let (word, colour) = match outcome.status {
            Status::Ok => ("ok", "0;32"),
            Status::Changed => ("changed", "0;33"),
            Status::Skipped | Status::Unknown if outcome.status == Status::Skipped => {
                ("skipping", "0;36")
            }
            Status::Unknown => ("skipping", "0;36"),
            Status::Failed | Status::Ignored => {
                let word = if label.is_some() { "failed" } else { "fatal" };
                let mark = if label.is_some() { "" } else { ": FAILED!" };
                let json = self.shown(task, outcome, 0);
                self.line(
                    Some("0;31"),
                    &format!("{word}: [{host}]{mark}{item} => {json}"),
                );
                if outcome.status == Status::Ignored && label.is_none() {
                    self.line(Some("0;36"), "...ignoring");
                }
                return;
            }
            Status::Skipped | Status::Unreachable => ("skipping", "0;36"),
        };
        let wordy = task.action == "debug" || self.verbosity > 0;
        let text = match wordy && outcome.status != Status::Skipped {
            true => {
                let indent = if task.action == "debug" || self.verbosity > 0 {
                    4
                } else {
                    0
                };
                format!(
                    "{word}: [{host}]{item} => {}",
                    self.shown(task, outcome, indent)
                )
            }
            false => format!("{word}: [{host}]{item}"),
        };
        let tail = if outcome.status == Status::Skipped {
            " "
        } else {
            ""
        };
        self.line(
            Some(colour),
            &format!("{text}{tail}").replace(" => (item", " => (item"),
        );
    }

    fn shown(&self, task: &TaskRef, outcome: &Outcome, indent: usize) -> String {
        if task.no_log {
            let text = "the output has been hidden due to the fact that 'no_log: true' was specified for this result";
            let changed = outcome.status == Status::Changed;
            let map = crate::result! { "censored" => text, "changed" => changed };
            return self.json(&Value::Mapping(map), indent);
        }
        let mut map = outcome.result.as_mapping().cloned().unwrap_or_default();
        if task.action == "debug" && self.verbosity < 3 {
            for key in ["changed", "failed", "skipped"] {
                map.shift_remove(key);
            }
        }
        if outcome.status != Status::Failed {
            map.shift_remove("failed");
        } else {
            map.shift_remove("failed");
        }
        sorted(&mut map);
        self.json(&Value::Mapping(map), indent)
    }

    fn json(&self, value: &Value, indent: usize) -> String {
        let text = match indent {
            0 => serde_json::to_string(value).map(|t| spaced(&t)),
            _ => pretty(value),
        };
        text.unwrap_or_else(|_| "{}".into())
    }

    fn show_diff(&mut self, change: &Diff) {
        if change.before == change.after {
            return;
        }
        let diff = similar::TextDiff::from_lines(&change.before, &change.after);
        let before = format!("before: {}", change.title);
        let after = format!("after: {}", change.title);
        let text = diff
            .unified_diff()
            .context_radius(3)
            .header(&before, &after)
            .to_string();
        for line in text.lines() {
            let colour = match line.as_bytes().first() {
                Some(b'+') => Some("0;32"),
                Some(b'-') => Some("0;31"),
                Some(b'@') => Some("0;36"),
                _ => None,
            };
            self.line(colour, line);
        }
        self.line(None, "");
    }

    fn recap(&mut self, recap: &[Recap]) {
        self.banner("PLAY RECAP");
        for host in recap {
            let colour = match host {
                h if h.failed > 0 || h.unreachable > 0 => "0;31",
                h if h.changed > 0 => "0;33",
                _ => "0;32",
            };
            let mut text = format!(
                "{:<26} : ok={:<4} changed={:<4} unreachable={:<4} failed={:<4} skipped={:<4} rescued={:<4} ignored={:<4}",
                host.host,
                host.ok,
                host.changed,
                host.unreachable,
                host.failed,
                host.skipped,
                host.rescued,
                host.ignored
            );
            if host.unknown > 0 {
                text = format!("{}unknown={}", text, host.unknown);
            }
            self.line(Some(colour), &text);
        }
        self.line(None, "");
    }
}

/// `role : name`, or the name alone.
pub fn title(task: &TaskRef) -> String {
    match &task.role {
        Some(role) => format!("{role} : {}", task.name),
        None => task.name.clone(),
    }
}

fn sorted(map: &mut Mapping) {
    let mut pairs: Vec<_> = std::mem::take(map).into_iter().collect();
    pairs.sort_by(|(a, _), (b, _)| a.as_str().cmp(&b.as_str()));
    map.extend(pairs);
}

/// One-line JSON with the spaces that Python puts after commas and colons.
fn spaced(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 8);
    let (mut inside, mut escaped) = (false, false);
    for c in json.chars() {
        out.push(c);
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            ',' | ':' if !inside => out.push(' '),
            _ => {}
        }
    }
    out
}

fn pretty(value: &Value) -> Result<String, serde_json::Error> {
    let mut out = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, format);
    serde::Serialize::serialize(value, &mut serializer)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

impl<W: Write + Send> Reporter for Classic<W> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::PlayStarted { play, hosts } => {
                let blocks = self.order.finish();
                blocks.iter().for_each(|b| self.block(b));
                self.order.begin(hosts);
                self.banner(&format!("PLAY [{}]", play.name));
            }
            Event::PlaySkipped { play } => {
                self.banner(&format!("PLAY [{}]", play.name));
                self.line(Some("0;36"), "skipping: no hosts matched");
            }
            Event::PlayEnded { .. } => {
                for block in self.order.finish() {
                    self.block(&block);
                }
            }
            Event::RunEnded { recap, .. } => {
                self.recap(recap);
                let _ = self.out.flush();
            }
            Event::Unreachable {
                host,
                task: None,
                message,
                ..
            } => {
                let text = format!("fatal: [{host}]: UNREACHABLE! => {message}");
                self.line(Some("1;31"), &text);
            }
            Event::TaskStarted { .. }
            | Event::Item { .. }
            | Event::Ended { .. }
            | Event::Retry { .. }
            | Event::Included { .. }
            | Event::Left { .. }
            | Event::Unreachable { .. } => {
                for block in self.order.take(event) {
                    self.block(&block);
                }
            }
            Event::RunStarted { .. }
            | Event::Waiting { .. }
            | Event::Connected { .. }
            | Event::Notified { .. }
            | Event::Warning { .. } => {}
        }
    }
}
