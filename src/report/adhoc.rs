//! One action on many hosts: `exec` groups equal outputs, `ansible` prints each host's.

use std::io::Write;

use crate::engine::Event;
use crate::engine::event::{HostName, Outcome, Recap, Status, TaskRef};
use crate::inventory::fold::fold;
use crate::source::{Mask, Value};

use super::Reporter;
use super::group::{Detail, Groups, Told, tell};
use super::notices::Notices;
use super::text::{json_line, json_pretty, result, safe, sorted, unified};

/// How results are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Hosts with equal output once, like `dshbak -c`.
    Grouped,
    /// Ansible's: a heading and the output of each host.
    Minimal,
    /// Ansible's `-o`: one line a host.
    OneLine,
}

/// Actions whose result is what a program printed.
const PROGRAMS: &[&str] = &["command", "shell", "raw", "script"];

pub struct AdHoc<W: Write + Send> {
    out: W,
    mask: Mask,
    notices: Notices,
    layout: Layout,
    detail: Detail,
    groups: Groups,
    hosts: usize,
}

impl<W: Write + Send> AdHoc<W> {
    pub fn new(out: W, mask: Mask, notices: Notices, layout: Layout, detail: Detail) -> AdHoc<W> {
        AdHoc {
            out,
            mask,
            notices,
            layout,
            detail,
            groups: Groups::default(),
            hosts: 0,
        }
    }

    fn line(&mut self, code: &str, text: &str) {
        let text = safe(text, &self.mask);
        // A closed pipe ends the report, not the run.
        let _ = match self.detail.colour && !code.is_empty() {
            true => writeln!(self.out, "\x1b[{code}m{text}\x1b[0m"),
            false => writeln!(self.out, "{text}"),
        };
    }

    fn ended(&mut self, host: &HostName, task: &TaskRef, outcome: &Outcome) {
        match self.layout {
            Layout::Grouped => {
                let told = self.output(task, outcome);
                self.groups.add(host, told);
            }
            Layout::Minimal => self.minimal(host, task, outcome),
            Layout::OneLine => self.one_line(host, task, outcome),
        }
    }

    /// What a host said, to be told with others that said the same.
    fn output(&self, task: &TaskRef, outcome: &Outcome) -> Told {
        let quiet = Detail {
            verbosity: 0,
            ..self.detail
        };
        let mut told = tell(task, outcome, None, &self.mask, &quiet);
        let program = PROGRAMS.contains(&task.action.as_str());
        let failed = matches!(outcome.status, Status::Failed | Status::Ignored);
        if let Some(code) = outcome
            .result
            .get("rc")
            .and_then(Value::as_i64)
            .filter(|_| program)
        {
            told.what = format!("rc={code}");
        }
        if task.no_log || outcome.diagnostic.is_some() {
            return told;
        }
        if program && outcome.result.get("rc").is_some() {
            told.body.clear();
            for key in ["stdout", "stderr"] {
                let text = outcome
                    .result
                    .get(key)
                    .and_then(Value::as_str)
                    .unwrap_or("");
                let text = safe(text.trim_end(), &self.mask);
                told.body.extend(text.lines().map(str::to_owned));
            }
        } else if !failed && !outcome.shown && self.detail.verbosity > 0 || self.is_query(outcome) {
            let value = sorted(Value::Mapping(shown(result(task, outcome, &self.mask))));
            let text = safe(&json_pretty(&value), &self.mask);
            told.body = text.lines().map(str::to_owned).collect();
        }
        told
    }

    /// Nothing was changed and nothing printed: the result itself is what was asked for.
    fn is_query(&self, outcome: &Outcome) -> bool {
        outcome.status == Status::Ok && !outcome.shown
    }

    fn tell_groups(&mut self) {
        for group in self.groups.take() {
            let names: Vec<&str> = group.hosts.iter().map(AsRef::as_ref).collect();
            let told = &group.told;
            let (status, what) = (told.status.word(), told.what.clone());
            let head = format!("{} {status} {what}", fold(&names));
            let code = match told.status {
                Status::Ok => "1;32",
                Status::Changed => "1;33",
                Status::Skipped => "1;36",
                _ => "1;31",
            };
            self.line(code, head.trim_end());
            if group.varied
                && let Some(first) = names.first()
            {
                self.line("2", &format!("on {first}:"));
            }
            // The body is safe already, and may be coloured.
            for line in &told.body {
                let _ = writeln!(self.out, "{line}");
            }
            if self.hosts > 1 && !told.body.is_empty() {
                self.line("", "");
            }
        }
    }

    fn minimal(&mut self, host: &HostName, task: &TaskRef, outcome: &Outcome) {
        if self.detail.diff && !task.no_log {
            for change in &outcome.changes {
                let side = |word: &str, text: &str| match text.is_empty() {
                    true => word.to_owned(),
                    false => format!("{word}: {}", change.title),
                };
                let (before, after) =
                    (side("before", &change.before), side("after", &change.after));
                let text = unified(change, &before, &after);
                if !text.is_empty() {
                    self.line("", &text);
                }
            }
        }
        let map = result(task, outcome, &self.mask);
        let (state, code) = match outcome.status {
            Status::Changed => ("CHANGED", "0;33"),
            Status::Ok => ("SUCCESS", "0;32"),
            Status::Skipped | Status::Unknown => ("SKIPPED", "0;36"),
            Status::Failed | Status::Ignored | Status::Unreachable => ("FAILED", "0;31"),
        };
        let program = PROGRAMS.contains(&task.action.as_str()) && map.contains_key("rc");
        if program {
            let text = |key: &str| {
                map.get(key)
                    .and_then(Value::as_str)
                    .unwrap_or("")
                    .to_owned()
            };
            let code_number = map.get("rc").and_then(Value::as_i64).unwrap_or(-1);
            let mut body = format!("{}{}", text("stdout"), text("stderr"));
            if state == "FAILED" {
                body.push_str(&text("msg"));
            } else {
                body.push('\n');
            }
            let head = format!("{host} | {state} | rc={code_number} >>");
            return self.line(code, format!("{head}\n{body}").trim_end_matches('\n'));
        }
        let mark = if state == "FAILED" { "!" } else { "" };
        let json = json_pretty(&sorted(Value::Mapping(shown(map))));
        self.line(code, &format!("{host} | {state}{mark} => {json}"));
    }

    fn one_line(&mut self, host: &HostName, task: &TaskRef, outcome: &Outcome) {
        let map = result(task, outcome, &self.mask);
        let (state, code) = match outcome.status {
            Status::Changed => ("CHANGED", "0;33"),
            Status::Ok => ("SUCCESS", "0;32"),
            Status::Skipped | Status::Unknown => ("SKIPPED", "0;36"),
            Status::Failed | Status::Ignored | Status::Unreachable => ("FAILED", "0;31"),
        };
        if PROGRAMS.contains(&task.action.as_str()) && map.contains_key("rc") {
            let text = |key: &str| {
                let text = map.get(key).and_then(Value::as_str).unwrap_or("");
                text.replace('\n', "\\n").replace('\r', "\\r")
            };
            let rc = map.get("rc").and_then(Value::as_i64).unwrap_or(-1);
            let mut line = format!("{host} | {state} | rc={rc} | (stdout) {}", text("stdout"));
            if !text("stderr").is_empty() {
                line.push_str(&format!(" (stderr) {}", text("stderr")));
            }
            return self.line(code, &line);
        }
        let mark = if state == "FAILED" { "!" } else { "" };
        let json = json_line(&sorted(Value::Mapping(shown(map))));
        self.line(code, &format!("{host} | {state}{mark} => {json}"));
    }

    fn unreachable(&mut self, host: &HostName, message: &str, hint: Option<&str>) {
        if self.layout == Layout::Grouped {
            let status = Status::Unreachable;
            let mut body: Vec<String> = safe(message, &self.mask)
                .lines()
                .map(str::to_owned)
                .collect();
            body.extend(hint.map(|h| format!("hint: {}", safe(h, &self.mask))));
            let told = Told {
                status,
                delegated: None,
                what: String::new(),
                body,
            };
            return self.groups.add(host, told);
        }
        let value = sorted(Value::Mapping(crate::result! {
            "changed" => false, "msg" => self.mask.apply(message).into_owned(),
            "unreachable" => true,
        }));
        let text = match self.layout {
            Layout::OneLine => format!("{host} | UNREACHABLE!: {}", message.replace('\n', "\\n")),
            _ => format!("{host} | UNREACHABLE! => {}", json_pretty(&value)),
        };
        self.line("1;31", &text);
    }

    fn end(&mut self, recap: &[Recap]) {
        self.tell_groups();
        let bad = recap
            .iter()
            .filter(|r| r.failed + r.unreachable > 0)
            .count();
        if self.layout == Layout::Grouped && bad > 0 && recap.len() > 1 {
            self.notices
                .say(&format!("{bad} of {} hosts failed", recap.len()));
        }
    }
}

/// A result without what only the engine needs.
fn shown(mut map: crate::source::Mapping) -> crate::source::Mapping {
    map.retain(|k, _| !matches!(k.as_str(), Some("failed" | "warnings" | "deprecations")));
    map
}

impl<W: Write + Send> Reporter for AdHoc<W> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::PlayStarted { hosts, .. } => self.hosts = hosts.len(),
            Event::PlaySkipped { play } => {
                let pattern = safe(&play.name, &self.mask);
                self.notices.warn(&format!("no hosts matched: {pattern}"));
            }
            Event::Ended {
                host,
                task,
                outcome,
            } => {
                if !task.no_log {
                    for warning in &outcome.warnings {
                        self.notices.warn(warning);
                    }
                }
                self.ended(host, task, outcome);
            }
            Event::Unreachable {
                host,
                message,
                hint,
                ..
            } => {
                self.unreachable(host, message, hint.as_deref());
            }
            Event::Guard { host, stage, tasks } => self.notices.guard(host, stage, tasks),
            Event::Stopping { host, heard } => self.notices.stopping(host, *heard),
            Event::Output { .. } => {}
            Event::Interrupted { at_once } => self.notices.interrupted(*at_once),
            Event::NotRun { host, tasks } => {
                self.notices.not_run(host, tasks);
            }
            Event::Warning { diagnostic } => self.notices.diagnostic(diagnostic),
            Event::RunEnded {
                recap,
                seconds,
                traffic,
                ..
            } => {
                self.notices.end();
                self.end(recap);
                if self.detail.verbosity >= 2 {
                    for line in super::recap::traffic(recap, *seconds, traffic) {
                        self.notices.say(&line);
                    }
                }
            }
            Event::Waiting {
                host,
                what,
                seconds,
            } => {
                if self.layout == Layout::Grouped && *seconds >= 30 && seconds % 30 < 10 {
                    self.notices
                        .say(&format!("waiting for {host}: {what}, {seconds} s"));
                }
            }
            Event::RunStarted { .. }
            | Event::TaskStarted { .. }
            | Event::Item { .. }
            | Event::Retry { .. }
            | Event::Polled { .. }
            | Event::Connected { .. }
            | Event::Included { .. }
            | Event::Notified { .. }
            | Event::Pending { .. }
            | Event::Left { .. }
            | Event::PlayEnded { .. } => {}
        }
        let _ = self.out.flush();
    }
}
