//! Ansible's default text, which scripts read: `TASK [..] ***`, `ok: [host]`, `PLAY RECAP`.

use std::collections::BTreeSet;
use std::io::Write;

use crate::engine::Event;
use crate::engine::event::{Diff, HostName, Outcome, Recap, Status, TaskRef};
use crate::source::{Mask, Span, Value};

use super::order::{Block, Order};
use super::text::{json_line, json_pretty, place, result, safe, sorted, title, unified};
use super::{Reporter, notices::Notices};

/// The width that headings are filled to where there is no terminal.
const WIDTH: usize = 79;

/// Messages shown once are remembered up to this many; beyond it they are shown again.
const MOST_REMEMBERED: usize = 10_000;

/// Actions that Ansible carries out on the controller in part: their failures are worded as theirs.
const PLUGINS: &[&str] = &[
    "assemble",
    "assert",
    "copy",
    "debug",
    "dnf",
    "fail",
    "fetch",
    "gather_facts",
    "group_by",
    "include_vars",
    "package",
    "pause",
    "raw",
    "reboot",
    "script",
    "service",
    "set_fact",
    "set_stats",
    "template",
    "unarchive",
    "validate_argument_spec",
    "wait_for_connection",
];

/// Facts are many, so they are not shown unless asked for by themselves.
const QUIET: &[&str] = &["gather_facts", "setup"];

const GREEN: &str = "0;32";
const YELLOW: &str = "0;33";
const RED: &str = "0;31";
const CYAN: &str = "0;36";
const GREY: &str = "1;30";

pub struct Classic<W: Write + Send> {
    out: W,
    mask: Mask,
    order: Order,
    notices: Notices,
    told: BTreeSet<String>,
    colour: bool,
    verbosity: u8,
    diff: bool,
}

impl<W: Write + Send> Classic<W> {
    pub fn new(out: W, mask: Mask, colour: bool, verbosity: u8, diff: bool) -> Classic<W> {
        let notices = Notices::ansible(mask.clone());
        let (order, told) = (Order::default(), BTreeSet::new());
        Classic {
            out,
            mask,
            order,
            notices,
            told,
            colour,
            verbosity,
            diff,
        }
    }

    fn line(&mut self, colour: Option<&str>, text: &str) {
        let shown = safe(text, &self.mask);
        // A closed pipe ends the report, not the run.
        let _ = match colour.filter(|_| self.colour) {
            Some(code) => writeln!(self.out, "\x1b[{code}m{shown}\x1b[0m"),
            None => writeln!(self.out, "{shown}"),
        };
    }

    fn banner(&mut self, text: &str) {
        let stars = WIDTH.saturating_sub(text.chars().count()).max(3);
        self.line(None, &format!("\n{text} {}", "*".repeat(stars)));
    }

    fn block(&mut self, block: &Block) {
        if block.events.is_empty() {
            return;
        }
        let kind = if block.task.handler {
            "RUNNING HANDLER"
        } else {
            "TASK"
        };
        self.banner(&format!("{kind} [{}]", title(&block.task)));
        if self.verbosity >= 2 {
            self.line(
                Some(GREY),
                &format!("task path: {}", path_and_line(&block.task.span)),
            );
        }
        let mut events = block.events.iter().peekable();
        while let Some(event) = events.next() {
            let Event::Included {
                hosts, what, label, ..
            } = event
            else {
                self.task_event(event);
                continue;
            };
            // Hosts that include the same are told in one line.
            let mut all: Vec<HostName> = hosts.clone();
            let same = |e: &&Event| matches!(e, Event::Included { what: w, label: l, .. } if w == what && l == label);
            while let Some(Event::Included { hosts, .. }) = events.next_if(same) {
                all.extend(hosts.iter().cloned());
            }
            let item = label
                .as_ref()
                .map_or(String::new(), |l| format!(" => (item={l})"));
            self.line(
                Some(CYAN),
                &format!("included: {what} for {}{item}", all.join(", ")),
            );
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
            } => self.ended(host, task, outcome),
            Event::Retry {
                host, task, left, ..
            } => {
                let text = format!(
                    "FAILED - RETRYING: [{host}]: {} ({left} retries left).",
                    title(task)
                );
                self.line(Some(GREY), &text);
            }
            Event::Polled {
                host, job, ended, ..
            } => {
                let text = match ended {
                    None => format!("ASYNC POLL on {host}: jid={job} started=True finished=False"),
                    Some(true) => format!("ASYNC OK on {host}: jid={job}"),
                    Some(false) => format!("ASYNC FAILED on {host}: jid={job}"),
                };
                self.line(Some(GREY), &text);
            }
            Event::Unreachable { host, message, .. } => self.unreachable(host, message),
            _ => {}
        }
    }

    fn ended(&mut self, host: &HostName, task: &TaskRef, outcome: &Outcome) {
        let results = outcome.result.get("results").and_then(Value::as_sequence);
        // A loop's items were told already.
        let Some(results) = results.filter(|_| task_loops(outcome)) else {
            self.differences(task, outcome);
            self.result(host, task, None, outcome);
            if outcome.status == Status::Ignored {
                self.line(Some(CYAN), "...ignoring");
            }
            return;
        };
        self.differences(task, outcome);
        match outcome.status {
            Status::Skipped => {
                let mut why = match results.is_empty() {
                    true => crate::result! {
                        "changed" => false, "skipped_reason" => "No items in the list",
                    },
                    false => crate::result! { "changed" => false, "msg" => "All items skipped" },
                };
                if task.action == "debug" {
                    why.shift_remove("changed");
                }
                let tail = match self.verbosity {
                    0 => String::new(),
                    _ => format!(" => {}", json_line(&Value::Mapping(why))),
                };
                self.line(Some(CYAN), &format!("skipping: [{host}]{tail}"));
            }
            Status::Ignored => self.line(Some(CYAN), "...ignoring"),
            _ => {}
        }
    }

    fn differences(&mut self, task: &TaskRef, outcome: &Outcome) {
        if !self.diff || task.no_log {
            return;
        }
        for change in &outcome.changes {
            self.show_diff(change);
        }
    }

    fn unreachable(&mut self, host: &str, message: &str) {
        let result = sorted(Value::Mapping(crate::result! {
            "changed" => false, "msg" => self.mask.apply(message).into_owned(),
            "unreachable" => true,
        }));
        let json = json_line(&result);
        self.line(
            Some("1;31"),
            &format!("fatal: [{host}]: UNREACHABLE! => {json}"),
        );
    }

    fn result(&mut self, host: &str, task: &TaskRef, label: Option<&str>, outcome: &Outcome) {
        let host = match &outcome.delegated {
            Some(to) if outcome.status != Status::Skipped && **to != *host => {
                format!("{host} -> {to}")
            }
            _ => host.to_owned(),
        };
        let item = match label {
            Some(_) if task.no_log => "(item=(censored due to no_log))".to_owned(),
            Some(label) => format!("(item={label})"),
            None => String::new(),
        };
        if !task.no_log {
            for warning in &outcome.warnings {
                self.notices.warn(warning);
            }
        }
        let (word, colour) = match outcome.status {
            Status::Ok => ("ok", GREEN),
            Status::Changed => ("changed", YELLOW),
            Status::Failed | Status::Ignored => {
                self.error(task, outcome);
                let json = self.json(task, outcome, false);
                let text = match label {
                    Some(_) => format!("failed: [{host}] {item} => {json}"),
                    None => format!("fatal: [{host}]: FAILED! => {json}"),
                };
                return self.line(Some(RED), &text);
            }
            // Ansible has no word for it; a task that check mode cannot run, it skips.
            Status::Unknown if outcome.result.get("skipped").is_none() => ("unknown", RED),
            Status::Skipped | Status::Unknown | Status::Unreachable => ("skipping", CYAN),
        };
        let quiet = QUIET.contains(&task.action.as_str()) && !task.no_log;
        let mut text = format!("{word}: [{host}]");
        if !item.is_empty() {
            text.push_str(&format!(" => {item}"));
            text.push_str(if word == "skipping" { " " } else { "" });
        }
        if (self.verbosity > 0 || outcome.shown || word == "unknown") && !quiet {
            let json = self.json(task, outcome, outcome.shown || self.verbosity > 2);
            text.push_str(&format!(" => {json}"));
        }
        self.line(Some(colour), &text);
    }

    fn json(&self, task: &TaskRef, outcome: &Outcome, pretty: bool) -> String {
        let mut map = result(task, outcome, &self.mask);
        let mut hidden = vec!["failed", "skipped", "warnings", "deprecations", "exception"];
        if task.action == "debug" && outcome.status != Status::Failed {
            hidden.extend([
                "changed",
                "ansible_loop_var",
                "ansible_index_var",
                "skip_reason",
            ]);
        }
        let item = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
        let items = [item("ansible_loop_var"), item("ansible_index_var")];
        if task.action == "debug" && outcome.shown {
            hidden.extend(items.iter().flatten().map(String::as_str));
        }
        if self.verbosity < 3 {
            hidden.extend(["invocation", "diff"]);
        }
        map.retain(|key, _| !key.as_str().is_some_and(|k| hidden.contains(&k)));
        let value = sorted(Value::Mapping(map));
        if pretty {
            json_pretty(&value)
        } else {
            json_line(&value)
        }
    }

    /// What went wrong and where the task is written; the same is said once.
    fn error(&mut self, task: &TaskRef, outcome: &Outcome) {
        let whose = if PLUGINS.contains(&task.action.as_str()) {
            "Action"
        } else {
            "Module"
        };
        let message = match outcome.message() {
            _ if task.no_log => "the output has been hidden".to_owned(),
            Some(text) if outcome.diagnostic.is_some() => text.to_owned(),
            Some(text) => format!("{whose} failed: {text}"),
            None => format!("{whose} failed"),
        };
        let span = match &outcome.diagnostic {
            Some(mistake) if !task.no_log => mistake.span.as_ref().unwrap_or(&task.span),
            _ => &task.span,
        };
        let text = format!("[ERROR]: Task failed: {message}\n{}", excerpt(span));
        if self.told.len() < MOST_REMEMBERED && self.told.insert(text.clone()) {
            self.line(Some(RED), &text);
        }
    }

    fn show_diff(&mut self, change: &Diff) {
        let heading = |word: &str, side: &str| match side.is_empty() {
            true => word.to_owned(),
            false => format!("{word}: {}", change.title),
        };
        let (before, after) = (
            heading("before", &change.before),
            heading("after", &change.after),
        );
        let text = unified(change, &before, &after);
        if text.is_empty() {
            return;
        }
        for line in text.lines() {
            let colour = match line.as_bytes().first() {
                Some(b'+') => Some(GREEN),
                Some(b'-') => Some(RED),
                Some(b'@') => Some(CYAN),
                _ => None,
            };
            self.line(colour, line);
        }
        self.line(None, "");
    }

    fn recap(&mut self, recap: &[Recap]) {
        self.banner("PLAY RECAP");
        let mut hosts: Vec<&Recap> = recap
            .iter()
            .filter(|r| super::recap::took_part(r))
            .collect();
        hosts.sort_by(|a, b| a.host.cmp(&b.host));
        for host in hosts {
            let colour = match host {
                h if h.failed > 0 || h.unreachable > 0 => RED,
                h if h.changed > 0 => YELLOW,
                _ => GREEN,
            };
            let counts = super::recap::columns_of_ansible(host);
            let text = format!("{:<26} : {counts}", host.host);
            self.line(Some(colour), &text);
        }
        self.line(None, "");
    }
}

/// Whether the outcome is that of a loop, put together from its items.
fn task_loops(outcome: &Outcome) -> bool {
    let all = outcome.result.get("results").and_then(Value::as_sequence);
    let item = |r: &Value| r.get("ansible_loop_var").is_some();
    all.is_some_and(|r| match r.first() {
        Some(first) => item(first),
        None => outcome.status == Status::Skipped,
    })
}

fn path_and_line(span: &Span) -> String {
    let text = place(span);
    text.rsplit_once(':')
        .map_or(text.clone(), |(path, _)| path.to_owned())
}

/// The place, the two lines before it, and a mark below the column.
fn excerpt(span: &Span) -> String {
    let (line, column) = span.position();
    let mut out = format!("Origin: {}\n\n", place(span));
    if span.file.hidden || span.file.text.is_empty() {
        return out;
    }
    let width = line.to_string().len();
    for number in line.saturating_sub(2).max(1)..=line {
        out.push_str(&format!("{number:>width$} {}\n", span.file.line(number)));
    }
    out.push_str(&format!(
        "{}^ column {column}\n",
        " ".repeat(width + column)
    ));
    out
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
                self.line(Some(CYAN), "skipping: no hosts matched");
            }
            Event::PlayEnded { .. } => {
                for block in self.order.finish() {
                    self.block(&block);
                }
            }
            Event::RunEnded {
                recap,
                seconds,
                traffic,
                ..
            } => {
                self.notices.end();
                self.recap(recap);
                if self.verbosity >= 2 {
                    for line in super::recap::traffic(recap, *seconds, traffic) {
                        self.notices.say(&line);
                    }
                }
            }
            Event::Unreachable {
                host,
                task: None,
                message,
                ..
            } => {
                self.unreachable(host, message);
            }
            Event::TaskStarted { .. }
            | Event::Item { .. }
            | Event::Ended { .. }
            | Event::Retry { .. }
            | Event::Polled { .. }
            | Event::Included { .. }
            | Event::Left { .. }
            | Event::Unreachable { .. } => {
                for block in self.order.take(event) {
                    self.block(&block);
                }
            }
            Event::Notified { host, handler } => {
                if self.verbosity >= 2 {
                    self.line(
                        Some(GREY),
                        &format!("NOTIFIED HANDLER {handler} for {host}"),
                    );
                }
            }
            Event::Guard { host, stage, tasks } => self.notices.guard(host, stage, tasks),
            Event::Stopping { host, heard } => self.notices.stopping(host, *heard),
            Event::Output { .. } => {}
            Event::Interrupted { at_once } => self.notices.interrupted(*at_once),
            Event::Pending { host, handlers } => self.notices.pending(host, handlers),
            Event::NotRun { host, tasks } => {
                self.notices.not_run(host, tasks);
            }
            Event::Warning { diagnostic } => self.notices.diagnostic(diagnostic),
            Event::RunStarted { .. } | Event::Waiting { .. } | Event::Connected { .. } => {}
        }
        let _ = self.out.flush();
    }
}
