//! What people and machines see: reporters turn events into text.
//!
//! A reporter is a fold over [`Event`]s that writes to an output it is given. It names no resource
//! kind. Everything that came from a host is escaped, every secret masked.

pub mod adhoc;
pub mod audit;
pub mod classic;
pub mod drift;
mod ending;
pub mod folds;
pub mod footer;
pub mod group;
pub mod history;
pub mod human;
pub mod json;
mod junit;
pub mod notices;
pub mod order;
mod page;
pub mod recap;
mod stopped;
pub mod text;
mod xml;

#[cfg(test)]
mod tests;

use crate::engine::Event;
use crate::source::{Code, Diagnostic, Severity};

/// Turns events into output.
pub trait Reporter: Send {
    fn event(&mut self, event: &Event);

    /// Called several times a second while nothing happens: time passes.
    fn tick(&mut self) {}

    /// Takes away what is drawn: somebody is about to be asked something.
    fn hide(&mut self) {}
}

/// A mistake or warning as one line of JSON.
pub fn diagnostic(diagnostic: &Diagnostic) -> serde_json::Value {
    let place = diagnostic
        .span
        .as_ref()
        .map(|s| (s.path().display().to_string(), s.position()));
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    serde_json::json!({
        "event": "warning", "severity": severity,
        "code": diagnostic.code.map(Code::number), "message": diagnostic.message,
        "path": place.as_ref().map(|p| p.0.clone()), "line": place.as_ref().map(|p| p.1.0),
        "column": place.as_ref().map(|p| p.1.1), "hints": diagnostic.hints,
    })
}
