//! Calendar expressions: what systemd calls `OnCalendar`, and the five fields of cron.
//!
//! An expression is about the time on a wall clock. Where the clock is put forward, what stands in the
//! hour that does not exist happens once, at its end; where it is put back, what stands in the hour that
//! comes twice happens in the first. An expression that is about every hour (`*:0/5`) is about time that
//! passes instead: nothing is added and nothing left out.

mod cron;
mod field;
mod search;
mod systemd;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::source::{Code, Diagnostic, Node};

/// Moments that come again and again.
#[derive(Clone, Debug)]
pub struct Calendar {
    text: String,
    days: Days,
    /// Bit n is the nth hour, minute and second.
    hours: u64,
    minutes: u64,
    seconds: u64,
    zone: Option<TimeZone>,
}

/// Which days.
#[derive(Clone, Debug)]
struct Days {
    /// First, last, step; none are all.
    years: Vec<(i16, i16, i16)>,
    months: u64,
    dates: u64,
    /// Counted from the end of the month: 1 is its last day.
    from_end: u64,
    /// Bit 0 is Sunday.
    weekdays: u64,
    /// Of cron's two fields for days one is enough, where both say something.
    either: bool,
}

/// What is wrong with an expression, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub at: usize,
    pub len: usize,
    pub text: String,
    pub hint: Option<String>,
}

impl Wrong {
    fn new(at: usize, len: usize, text: impl Into<String>) -> Wrong {
        Wrong {
            at,
            len,
            text: text.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Wrong {
        self.hint = Some(hint.into());
        self
    }
}

pub(super) const EXAMPLES: &str =
    "as in `daily`, `*:0/15`, `Mon..Fri 03:00`, `*-*-01 04:00`, or cron's `0 3 * * 1-5`";

/// Hours of a day, minutes of an hour, seconds of a minute: all of them.
const ALL_HOURS: u64 = (1 << 24) - 1;
const ALL_SIXTY: u64 = (1 << 60) - 1;
const ALL_WEEKDAYS: u64 = (1 << 7) - 1;
const ALL_MONTHS: u64 = ((1 << 13) - 1) & !1;
const ALL_DATES: u64 = ((1 << 32) - 1) & !1;

impl Calendar {
    /// Reads an expression, in either language: five words without a colon are cron's.
    pub fn parse(text: &str) -> Result<Calendar, Wrong> {
        let words = field::words(text);
        if words.is_empty() {
            return Err(Wrong::new(0, text.len(), "there is no calendar expression").hint(EXAMPLES));
        }
        let is_cron = words.len() == 5 && !text.contains(':') || text.trim().starts_with('@');
        let calendar = match is_cron {
            true => cron::parse(text, &words)?,
            false => systemd::parse(text, &words)?,
        };
        if calendar
            .civil_from(jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0))
            .is_none()
        {
            return Err(Wrong::new(
                0,
                text.len(),
                "there is no such day, in any year",
            ));
        }
        Ok(calendar)
    }

    /// Reads the expression that stands in a node.
    pub fn read(node: &Node) -> Result<Calendar, Diagnostic> {
        // `12:30` is a number of YAML's, and no expression is one: what counts is what was written.
        let Some(text) = crate::hardening::field::scalar(node) else {
            let text = format!("a calendar expression is a text, not {}", node.type_name());
            return Err(Diagnostic::error(&node.span, text)
                .code(Code::Calendar)
                .hint(EXAMPLES));
        };
        Calendar::parse(&text).map_err(|wrong| {
            let mut span = node.span.clone();
            let (from, to) = (span.start as usize, span.end as usize);
            // Inside quotes, or folded: only where the text stands as it is can its part be shown.
            let inside = span.file.text.get(from..to).and_then(|s| s.find(&text));
            if let Some(begins) = inside {
                let at = from + begins + wrong.at;
                span = crate::source::Span::new(&node.span.file, at, at + wrong.len.max(1));
            }
            let error = Diagnostic::error(&span, wrong.text).code(Code::Calendar);
            match wrong.hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The time zone that it names itself.
    pub fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    /// Whether a moment is one of these, apart from hours that the clock leaves out.
    pub fn is_at(&self, moment: Timestamp, zone: &TimeZone) -> bool {
        let zone = self.zone.as_ref().unwrap_or(zone);
        let local = zone.to_datetime(moment);
        local.subsec_nanosecond() == 0 && self.civil_from(local) == Some(local)
    }

    /// In systemd's words, one line each: cron's "one of both" is two.
    pub fn on_calendar(&self) -> Vec<String> {
        systemd::written(self)
    }

    fn every_hour(&self) -> bool {
        self.hours == ALL_HOURS
    }
}
