//! What people see: one host scrolls, a fleet is grouped by equal outcome, thousands are summed up.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::engine::Event;
use crate::engine::event::{HostName, Outcome, Status, TaskRef};
use crate::inventory::fold::fold;
use crate::source::{Code, Mask};

use super::Reporter;
use super::folds::Folds;
use super::footer::{Footer, Progress};
use super::group::{self, Detail, Group, Groups, Told, tell};
use super::notices::Notices;
use super::order::{Block, Order};
use super::text::{safe, title};

/// From so many hosts on, only failures and the summary are told.
pub const FLEET: usize = 1000;

/// Hosts that are lost at about the same time, and for the same reason, are told together.
const GATHER: Duration = Duration::from_secs(1);

/// How a run is shown.
#[derive(Clone, Debug, Default)]
pub struct Look {
    pub detail: Detail,
    pub progress: Progress,
    /// Whether stderr is a terminal that can be drawn on.
    pub terminal: bool,
    /// The command that was given, without `--limit`.
    pub command: Option<String>,
    /// Tasks of each play, for the progress bar.
    pub tasks: Vec<usize>,
    pub folds: Folds,
}

pub struct Human<W: Write + Send> {
    pub(super) out: W,
    pub(super) mask: Mask,
    pub(super) look: Look,
    pub(super) order: Order,
    pub(super) footer: Footer,
    pub(super) notices: Notices,
    pub(super) hosts: usize,
    pub(super) check: bool,
    pub(super) stopped: bool,
    pub(super) lost: Groups,
    pub(super) lost_since: Option<Instant>,
    pub(super) warned: BTreeSet<String>,
    /// The section that is open, counted from 1.
    pub(super) section: Option<usize>,
    pub(super) sections: usize,
}

impl<W: Write + Send> Human<W> {
    pub fn new(out: W, mask: Mask, notices: Notices, look: Look) -> Human<W> {
        let ascii = look.detail.ascii;
        let footer = Footer::new(look.progress, look.terminal, ascii, look.tasks.clone());
        Human {
            out,
            mask,
            look,
            order: Order::default(),
            footer,
            notices,
            hosts: 0,
            check: false,
            stopped: false,
            lost: Groups::default(),
            lost_since: None,
            warned: BTreeSet::new(),
            section: None,
            sections: 0,
        }
    }

    /// Ends the section of the play before, and begins one.
    fn fold(&mut self, title: &str) -> String {
        let before = self.unfold();
        self.sections += 1;
        self.section = Some(self.sections);
        before + &self.look.folds.open(self.sections, title)
    }

    pub(super) fn unfold(&mut self) -> String {
        let closed = self.section.take().map(|n| self.look.folds.close(n));
        closed.unwrap_or_default()
    }

    /// Writes lines that are safe already.
    pub(super) fn write(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let text = match self.look.detail.ascii {
            true => text
                .replace('·', "-")
                .replace('→', "->")
                .replace('…', "..."),
            false => text.to_owned(),
        };
        let out = &mut self.out;
        // A closed pipe ends the report, not the run.
        let _ = self
            .footer
            .aside(|| out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }

    pub(super) fn paint(&self, code: &str, text: &str) -> String {
        match self.look.detail.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    fn word(&self, status: Status) -> String {
        let (text, code) = match status {
            Status::Ok => (status.word(), "32"),
            Status::Changed => (status.word(), "33"),
            Status::Skipped => (status.word(), "36"),
            Status::Ignored => (status.word(), "33"),
            Status::Unknown => (status.word(), "35"),
            Status::Failed | Status::Unreachable => (status.word(), "1;31"),
        };
        self.paint(code, text)
    }

    fn block(&mut self, block: &Block) {
        let mut groups = Groups::default();
        let detail = self.look.detail;
        for event in &block.events {
            match event {
                Event::Ended {
                    host,
                    task,
                    outcome,
                } => {
                    self.warnings(host, task, outcome);
                    if self.is_told(outcome) {
                        groups.add(host, tell(task, outcome, None, &self.mask, &detail));
                    }
                }
                Event::Item {
                    host,
                    task,
                    label,
                    outcome,
                    ..
                } if outcome.shown && self.hosts < FLEET => {
                    groups.add(host, tell(task, outcome, Some(label), &self.mask, &detail));
                }
                Event::Retry {
                    host,
                    task,
                    left,
                    outcome,
                    ..
                } if detail.verbosity > 0 => {
                    let mut told = tell(task, outcome, None, &self.mask, &Detail::default());
                    (told.status, told.body) = (Status::Ignored, Vec::new());
                    told.what = format!("(failed, {left} more tries)");
                    groups.add(host, told);
                }
                _ => {}
            }
        }
        let mut text = String::new();
        for group in groups.take() {
            self.group(&block.task, &group, &mut text);
        }
        self.write(&text);
    }

    /// Whether an outcome is worth a line.
    fn is_told(&self, outcome: &Outcome) -> bool {
        let failure = matches!(outcome.status, Status::Failed | Status::Unknown);
        let quiet = matches!(outcome.status, Status::Ok | Status::Skipped) && !outcome.shown;
        match self.hosts {
            _ if failure => true,
            FLEET.. => false,
            0..=1 => true,
            _ => !quiet || self.look.detail.verbosity > 0,
        }
    }

    fn group(&self, task: &TaskRef, group: &Group, text: &mut String) {
        let Told {
            status,
            delegated,
            what,
            body,
        } = &group.told;
        let mut name = safe(&title(task), &self.mask);
        if task.handler {
            name.push_str(" (handler)");
        }
        if let Some(to) = delegated {
            name.push_str(&format!(" (on {})", safe(to, &self.mask)));
        }
        let mut line = self.word(*status);
        if self.hosts > 1 {
            line.push_str(&format!(" {}", self.paint("1", &folded(&group.hosts))));
            match what.is_empty() {
                true => line.push_str(&format!(" {name}")),
                false => line.push_str(&format!(" {what} {}", self.dim(&format!("· {name}")))),
            }
        } else {
            line.push_str(&format!(" {name}"));
            if !what.is_empty() {
                line.push_str(&format!(" {} {what}", self.dim("·")));
            }
        }
        let bad = matches!(status, Status::Failed | Status::Ignored);
        if bad {
            line.push_str(&format!("  {}", self.dim(&format!("({})", task.span))));
        }
        text.push_str(&line);
        text.push('\n');
        if group.varied
            && let Some(first) = group.hosts.first()
        {
            text.push_str(&format!("  {}\n", self.dim(&format!("on {first}:"))));
        }
        for line in body {
            text.push_str(format!("  {line}").trim_end());
            text.push('\n');
        }
    }

    pub(super) fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn warnings(&mut self, host: &HostName, task: &TaskRef, outcome: &Outcome) {
        if task.no_log {
            return;
        }
        for warning in &outcome.warnings {
            if self.warned.insert(warning.clone()) {
                let text = format!("{warning} ({host}, {})", title(task));
                self.footer.aside(|| self.notices.warn(&text));
            }
        }
    }

    fn lost(&mut self, host: &HostName, message: &str, hint: Option<&str>, code: Option<Code>) {
        let mut body: Vec<String> = safe(message, &self.mask)
            .lines()
            .map(str::to_owned)
            .collect();
        group::mark(&mut body, code);
        body.extend(hint.map(|h| format!("hint: {}", safe(h, &self.mask))));
        let status = Status::Unreachable;
        self.lost.add(
            host,
            Told {
                status,
                delegated: None,
                what: String::new(),
                body,
            },
        );
        self.lost_since.get_or_insert_with(Instant::now);
        if self.hosts == 1 {
            self.tell_lost();
        }
    }

    pub(super) fn tell_lost(&mut self) {
        self.lost_since = None;
        let mut text = String::new();
        for group in self.lost.take() {
            let hosts = self.paint("1", &folded(&group.hosts));
            text.push_str(&format!("{} {hosts}\n", self.word(Status::Unreachable)));
            if group.varied && group.hosts.len() > 1 {
                text.push_str(&format!(
                    "  {}\n",
                    self.dim(&format!("{}:", group.hosts[0]))
                ));
            }
            for line in &group.told.body {
                text.push_str(&format!("  {line}\n"));
            }
        }
        self.write(&text);
    }

    fn blocks(&mut self, blocks: &[Block]) {
        for block in blocks {
            self.block(block);
        }
    }

    fn play(&mut self, name: &str, hosts: &[HostName]) {
        self.hosts = hosts.len();
        self.order.begin(hosts);
        let name = safe(name, &self.mask);
        let who = match hosts {
            [one] => format!("{one}"),
            many => format!("{} ({} hosts)", folded(many), many.len()),
        };
        let who = safe(&who, &self.mask);
        let line = match name == who {
            true => format!("{}\n", self.paint("1", &format!("play {name}"))),
            false => format!(
                "{} {}\n",
                self.paint("1", &format!("play {name}:")),
                self.dim(&who)
            ),
        };
        let line = self.fold(&format!("play {name}")) + &line;
        self.write(&line);
    }
}

fn folded(hosts: &[HostName]) -> String {
    let names: Vec<&str> = hosts.iter().map(AsRef::as_ref).collect();
    crate::source::escape::escape(&fold(&names)).into_owned()
}

impl<W: Write + Send> Reporter for Human<W> {
    fn event(&mut self, event: &Event) {
        self.footer.note(event);
        match event {
            Event::RunStarted { check, .. } => self.check = *check,
            Event::PlayStarted { play, hosts } => {
                let rest = self.order.finish();
                self.blocks(&rest);
                self.play(&play.name, hosts);
            }
            Event::PlaySkipped { play } => {
                let name = safe(&play.name, &self.mask);
                let line = format!(
                    "{}: no hosts matched\n",
                    self.paint("1", &format!("play {name}"))
                );
                self.write(&line);
            }
            Event::Unreachable {
                host,
                message,
                hint,
                code,
                ..
            } => {
                self.lost(host, message, hint.as_deref(), *code);
                let blocks = self.order.take(event);
                self.blocks(&blocks);
            }
            Event::TaskStarted { .. }
            | Event::Item { .. }
            | Event::Ended { .. }
            | Event::Retry { .. }
            | Event::Polled { .. }
            | Event::Included { .. }
            | Event::Left { .. } => {
                let blocks = self.order.take(event);
                self.blocks(&blocks);
            }
            Event::PlayEnded { .. } => {
                let rest = self.order.finish();
                self.blocks(&rest);
                self.tell_lost();
            }
            Event::Stopping { host, heard } => {
                let Human {
                    footer, notices, ..
                } = self;
                footer.aside(|| notices.stopping(host, *heard));
            }
            Event::Output { text, .. } => {
                let Human {
                    footer, notices, ..
                } = self;
                footer.aside(|| notices.output(text));
            }
            Event::Interrupted { at_once } => {
                let Human {
                    footer, notices, ..
                } = self;
                footer.aside(|| notices.interrupted(*at_once));
            }
            Event::Guard { host, stage, tasks } => {
                let Human {
                    footer, notices, ..
                } = self;
                footer.aside(|| notices.guard(host, stage, tasks));
            }
            Event::NotRun { host, tasks } => self.notices.not_run(host, tasks),
            Event::Warning { diagnostic } => {
                let Human {
                    footer, notices, ..
                } = self;
                footer.aside(|| notices.diagnostic(diagnostic));
            }
            Event::RunEnded {
                recap,
                seconds,
                traffic,
                stopped,
            } => {
                self.stopped = *stopped;
                self.end(recap, *seconds, traffic);
            }
            Event::Pending { host, handlers } => self.notices.pending(host, handlers),
            Event::Waiting { .. } | Event::Connected { .. } | Event::Notified { .. } => {}
        }
        self.tick();
    }

    fn hide(&mut self) {
        self.footer.hide();
    }

    fn tick(&mut self) {
        if self.lost_since.is_some_and(|at| at.elapsed() >= GATHER) {
            self.tell_lost();
        }
        if let Some(line) = self.footer.tick() {
            let line = safe(&line, &self.mask);
            self.write(&format!("{line}\n"));
        }
    }
}
