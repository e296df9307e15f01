//! A pattern of the user's as the text-editing actions use it: a match that takes too long is
//! remembered and fails the task afterwards, so that it never counts as "does not match".

use std::cell::RefCell;

use crate::source::pyre::{PyFlags, PyMatch, PyRegex};

use super::{ArgError, Failure};

/// A compiled pattern, and what went wrong while it was used.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: PyRegex,
    multiline: bool,
    trouble: RefCell<Option<String>>,
}

impl Pattern {
    pub(crate) fn new(pattern: &str, flags: PyFlags) -> Result<Pattern, Failure> {
        Ok(Pattern {
            regex: PyRegex::new(pattern, flags).map_err(Failure::new)?,
            multiline: inline_multiline(pattern),
            trouble: RefCell::default(),
        })
    }

    /// Searched line by line, as most patterns are.
    pub(crate) fn line(pattern: &str) -> Result<Pattern, Failure> {
        Pattern::new(pattern, PyFlags::default())
    }

    /// Refuses an argument that is no pattern.
    pub(crate) fn check(
        name: &str,
        pattern: Option<&String>,
        flags: PyFlags,
    ) -> Result<(), ArgError> {
        let tried = pattern.map_or(Ok(()), |p| PyRegex::new(p, flags).map(|_| ()));
        tried.map_err(|e| ArgError::new(name, e))
    }

    /// Whether it says of itself that `^` and `$` stand at lines: `(?m)`.
    pub(crate) fn is_multiline(&self) -> bool {
        self.multiline
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.noted(self.regex.is_match(text)).unwrap_or(false)
    }

    pub(crate) fn captures(&self, text: &str) -> Option<PyMatch> {
        self.noted(self.regex.captures(text)).flatten()
    }

    /// The text with every match replaced, and how many there were.
    pub(crate) fn replace_all(&self, text: &str, with: &str) -> Result<(String, usize), String> {
        self.regex.replace_all(text, with, 0)
    }

    fn noted<T>(&self, outcome: Result<T, String>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                self.trouble.borrow_mut().get_or_insert(error);
                None
            }
        }
    }

    /// What went wrong, once all is done.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        match self.trouble.borrow().as_ref() {
            Some(error) => Err(Failure::new(error.clone())),
            None => Ok(()),
        }
    }
}

fn inline_multiline(pattern: &str) -> bool {
    let flags = pattern.strip_prefix("(?").and_then(|r| r.split_once(')'));
    flags.is_some_and(|(f, _)| f.chars().all(|c| c.is_ascii_lowercase()) && f.contains('m'))
}
