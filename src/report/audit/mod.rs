//! Audits: events folded into one [`Report`], and the report in all forms that people and machines read.
//!
//! The fold ([`Collector`]) shows progress while the run goes on. Everything else is a function of the
//! report: one file a form.

pub mod csv;
pub mod fold;
pub mod html;
pub mod human;
pub mod junit;
pub mod oscal;
pub mod prometheus;
pub mod sarif;
pub mod view;
pub mod xccdf;

use std::sync::{Arc, Mutex};

use crate::engine::Event;
use crate::hardening::Report;
use crate::source::escape::escape_json;

use super::Reporter;
use super::footer::Footer;
use super::notices::Notices;

pub use fold::{Fold, Subject};

/// A form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    #[default]
    Human,
    Json,
    Csv,
    Junit,
    Sarif,
    Html,
    Prometheus,
    Xccdf,
    Oscal,
}

impl Form {
    pub const ALL: [Form; 9] = [
        Form::Human,
        Form::Json,
        Form::Csv,
        Form::Junit,
        Form::Sarif,
        Form::Html,
        Form::Prometheus,
        Form::Xccdf,
        Form::Oscal,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Form::Human => "human",
            Form::Json => "json",
            Form::Csv => "csv",
            Form::Junit => "junit",
            Form::Sarif => "sarif",
            Form::Html => "html",
            Form::Prometheus => "prometheus",
            Form::Xccdf => "xccdf",
            Form::Oscal => "oscal",
        }
    }
}

/// One run in short, for the trend of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub started: String,
    pub percent: usize,
}

impl Point {
    pub fn of(report: &Report) -> Point {
        Point {
            started: report.started.clone(),
            percent: report.score().percent(),
        }
    }
}

/// What a form may use beside the report.
#[derive(Clone, Debug, Default)]
pub struct With {
    /// For people at a terminal.
    pub look: human::Look,
    /// Earlier runs of the same kind, oldest first.
    pub history: Vec<Point>,
}

/// A report in a form.
pub fn written(report: &Report, form: Form, with: &With) -> String {
    match form {
        Form::Human => human::render(report, with.look),
        Form::Json => {
            let text = serde_json::to_string_pretty(report).unwrap_or_default();
            escape_json(&text).into_owned() + "\n"
        }
        Form::Csv => csv::render(report),
        Form::Junit => junit::render(report),
        Form::Sarif => sarif::render(report),
        Form::Html => html::render(report, &with.history),
        Form::Prometheus => prometheus::render(report),
        Form::Xccdf => xccdf::render(report),
        Form::Oscal => oscal::render(report),
    }
}

/// Where a report is put once the run has ended.
pub type Slot = Arc<Mutex<Option<Report>>>;

/// Shows progress, and folds what happens into a report.
pub struct Collector {
    fold: Option<Fold>,
    footer: Footer,
    notices: Notices,
    slot: Slot,
}

impl Collector {
    pub fn new(subject: Subject, footer: Footer, notices: Notices, slot: Slot) -> Collector {
        Collector {
            fold: Some(Fold::new(subject)),
            footer,
            notices,
            slot,
        }
    }
}

impl Reporter for Collector {
    fn event(&mut self, event: &Event) {
        self.footer.note(event);
        let notices = &mut self.notices;
        self.footer.aside(|| match event {
            Event::Warning { diagnostic } => notices.diagnostic(diagnostic),
            Event::Interrupted { at_once } => notices.interrupted(*at_once),
            Event::Guard { host, stage, tasks } => notices.guard(host, stage, tasks),
            Event::Stopping { host, heard } => notices.stopping(host, *heard),
            Event::Pending { host, handlers } => notices.pending(host, handlers),
            _ => {}
        });
        if let Some(fold) = &mut self.fold {
            fold.event(event);
        }
        if let Event::RunEnded { .. } = event {
            self.footer.clear();
            self.notices.end();
            let report = self.fold.take().map(Fold::finish);
            if let Ok(mut slot) = self.slot.lock() {
                *slot = report;
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
