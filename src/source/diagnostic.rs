//! A mistake of the user's: what, where, and what to write instead.

use super::{Code, Span};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// One mistake. Messages are lower-case, without a final full stop, and state what was found.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Its kind, where it has a page.
    pub code: Option<Code>,
    pub message: String,
    /// The place; absent only for what was not written in a file (an option, a missing file).
    pub span: Option<Span>,
    pub hints: Vec<String>,
    /// Further places that matter, each with a word on why: where it was included from, declared first.
    pub notes: Vec<(Span, String)>,
}

impl Diagnostic {
    pub fn error(span: &Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code: None,
            message: message.into(),
            span: Some(span.clone()),
            hints: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub fn warning(span: &Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(span, message)
        }
    }

    /// A mistake that stands in no file.
    pub fn bare(message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code: None,
            message: message.into(),
            span: None,
            hints: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[must_use]
    pub fn code(mut self, code: Code) -> Diagnostic {
        self.code = Some(code);
        self
    }

    /// Of a kind, unless it is of a narrower one already.
    #[must_use]
    pub fn or_code(mut self, code: Code) -> Diagnostic {
        self.code.get_or_insert(code);
        self
    }

    /// Gives a kind to all that are of none.
    pub fn label(found: &mut [Diagnostic], code: Code) {
        for diagnostic in found {
            diagnostic.code.get_or_insert(code);
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hints.push(hint.into());
        self
    }

    #[must_use]
    pub fn note(mut self, span: &Span, note: impl Into<String>) -> Diagnostic {
        self.notes.push((span.clone(), note.into()));
        self
    }
}
