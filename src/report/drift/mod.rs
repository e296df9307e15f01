//! Drift: events folded into one [`Report`], in which the same difference on many hosts is one entry, and the
//! report in all forms that people and machines read.
//!
//! The fold ([`Collector`]) shows progress while hosts are asked. Everything else is a function of the report:
//! one file a form.

mod alike;
pub mod diff;
mod finish;
pub mod fold;
pub mod human;
pub mod json;
pub mod junit;
pub mod model;
pub mod nagios;
pub mod own;
pub mod prometheus;
mod sorted;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::engine::Event;

use super::Reporter;
use super::footer::Footer;
use super::notices::Notices;
use super::text::title;

pub use fold::{Fold, Subject};
pub use model::Report;

/// A form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    #[default]
    Human,
    Diff,
    Json,
    Junit,
    Prometheus,
    Nagios,
}

impl Form {
    pub const ALL: [Form; 6] = [
        Form::Human,
        Form::Diff,
        Form::Json,
        Form::Junit,
        Form::Prometheus,
        Form::Nagios,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Form::Human => "human",
            Form::Diff => "diff",
            Form::Json => "json",
            Form::Junit => "junit",
            Form::Prometheus => "prometheus",
            Form::Nagios => "nagios",
        }
    }
}

/// What is shown, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    pub colour: bool,
    pub ascii: bool,
    /// From 1 on, each host's own values are shown.
    pub verbosity: u8,
    /// What nobody can know without running it is no finding.
    pub unknown_is_fine: bool,
}

/// A report in a form.
pub fn written(report: &Report, form: Form, look: Look) -> String {
    match form {
        Form::Human => human::render(report, look),
        Form::Diff => diff::render(report, look),
        Form::Json => json::render(report),
        Form::Junit => junit::render(report, look),
        Form::Prometheus => prometheus::render(report),
        Form::Nagios => nagios::render(report, look),
    }
}

/// Where what was found is put once the run has ended.
pub type Slot = Arc<Mutex<Option<Fold>>>;

/// Shows progress, and folds what happens into a report.
pub struct Collector {
    fold: Option<Fold>,
    footer: Footer,
    notices: Notices,
    warned: BTreeSet<String>,
    slot: Slot,
}

impl Collector {
    pub fn new(fold: Fold, footer: Footer, notices: Notices, slot: Slot) -> Collector {
        Collector {
            fold: Some(fold),
            footer,
            notices,
            warned: BTreeSet::new(),
            slot,
        }
    }
}

impl Reporter for Collector {
    fn event(&mut self, event: &Event) {
        self.footer.note(event);
        let (notices, warned) = (&mut self.notices, &mut self.warned);
        self.footer.aside(|| match event {
            Event::Warning { diagnostic } => notices.diagnostic(diagnostic),
            Event::Interrupted { at_once } => notices.interrupted(*at_once),
            Event::Guard { host, stage, tasks } => notices.guard(host, stage, tasks),
            Event::Stopping { host, heard } => notices.stopping(host, *heard),
            Event::NotRun { host, tasks } => notices.not_run(host, tasks),
            Event::Pending { host, handlers } => notices.pending(host, handlers),
            Event::Ended {
                host,
                task,
                outcome,
            } if !task.no_log => {
                for warning in &outcome.warnings {
                    if warned.insert(warning.clone()) {
                        notices.warn(&format!("{warning} ({host}, {})", title(task)));
                    }
                }
            }
            _ => {}
        });
        if let Some(fold) = &mut self.fold {
            fold.event(event);
        }
        if let Event::RunEnded { .. } = event {
            self.footer.clear();
            self.notices.end();
            if let Ok(mut slot) = self.slot.lock() {
                *slot = self.fold.take();
            }
        }
    }

    fn tick(&mut self) {
        if let Some(line) = self.footer.tick() {
            self.notices.say(&line);
        }
    }

    fn hide(&mut self) {
        self.footer.hide();
    }
}

/// Whether an entry's two ends are a file's content, and what patch calls it.
fn is_content(entry: &model::Entry) -> bool {
    let content = ["content", "new file", "removed file"];
    entry.on.starts_with('/') && content.iter().any(|w| entry.summary.starts_with(w))
}
