//! `schedule.yml`: which jobs there are, when, and who hears of them.

mod hearers;
mod reading;

use std::path::PathBuf;

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::source::vault::Keyring;
use crate::source::{Files, Secret};

use super::calendar::Calendar;

pub use reading::read;

/// What jobs do, in the words of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Drift,
    /// `drift --fix`
    Fix,
    Audit,
    Harden,
    Playbook,
}

impl Verb {
    const ALL: [(&str, Verb); 5] = [
        ("drift", Verb::Drift),
        ("drift --fix", Verb::Fix),
        ("audit", Verb::Audit),
        ("harden", Verb::Harden),
        ("playbook", Verb::Playbook),
    ];

    pub fn word(self) -> &'static str {
        let found = Verb::ALL.iter().find(|(_, v)| *v == self);
        found.map_or("", |(word, _)| word)
    }

    /// Whether it only looks: a difference is then what somebody wants to hear of.
    pub fn only_looks(self) -> bool {
        matches!(self, Verb::Drift | Verb::Audit)
    }

    /// Whether it prints one document at its end, and not a line for each event.
    pub fn has_document(self) -> bool {
        self != Verb::Playbook
    }

    /// Whether it is about controls.
    pub fn is_of_controls(self) -> bool {
        matches!(self, Verb::Audit | Verb::Harden)
    }
}

/// When something is done, again and again.
#[derive(Clone, Debug)]
pub struct Timing {
    pub calendars: Vec<Calendar>,
    pub zone: TimeZone,
    pub jitter: SignedDuration,
    pub timeout: SignedDuration,
    /// What was missed is done once, later.
    pub catch_up: bool,
}

impl Timing {
    /// The first moment of any of its expressions that is later than this.
    pub fn next(&self, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let all = self.calendars.iter();
        all.filter_map(|c| c.next(after, &self.zone)).min()
    }

    /// The expressions as they are written.
    pub fn text(&self) -> String {
        let all: Vec<&str> = self.calendars.iter().map(Calendar::text).collect();
        all.join("; ")
    }
}

#[derive(Clone, Debug)]
pub struct Job {
    pub name: String,
    pub verb: Verb,
    /// The words behind `palisade`.
    pub words: Vec<String>,
    pub timing: Timing,
    /// Names of those who hear of it.
    pub notify: Vec<String>,
}

/// Where news goes.
#[derive(Clone, Debug)]
pub enum Way {
    Webhook {
        url: Secret,
        /// What bodies are signed with.
        secret: Option<Secret>,
        /// Certificates of the only authorities that are trusted, in PEM.
        authorities: Option<Vec<u8>>,
    },
    Command(Vec<String>),
}

/// What news is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    Drift,
    Failure,
    Recovery,
}

impl Topic {
    pub const ALL: [Topic; 3] = [Topic::Drift, Topic::Failure, Topic::Recovery];

    pub fn word(self) -> &'static str {
        match self {
            Topic::Drift => "drift",
            Topic::Failure => "failure",
            Topic::Recovery => "recovery",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Target {
    pub name: String,
    pub way: Way,
    pub topics: Vec<Topic>,
}

/// When a job that fails again and again is left alone for a while.
#[derive(Clone, Copy, Debug)]
pub struct Breaker {
    pub after: u32,
    pub pause: SignedDuration,
}

#[derive(Clone, Debug)]
pub struct Schedule {
    pub path: PathBuf,
    /// Its folder, where jobs run and relative paths begin.
    pub dir: PathBuf,
    pub breaker: Breaker,
    /// Jobs that may run at the same time.
    pub at_once: usize,
    pub targets: Vec<Target>,
    pub jobs: Vec<Job>,
    /// Secrets that must not be printed.
    pub secrets: Vec<Secret>,
}

/// What a schedule may look at beside its own text.
pub struct Outside<'a> {
    pub files: &'a Files,
    pub env: &'a dyn Fn(&str) -> Option<String>,
    pub vault: &'a Keyring,
    /// What the command line would say of a job's words.
    pub refuses: &'a dyn Fn(&[String]) -> Option<String>,
}

/// `1h30m`, `90s`, `2d`, or a number of seconds.
pub fn duration(text: &str) -> Option<SignedDuration> {
    let text = text.trim();
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().map(SignedDuration::from_secs);
    }
    let mut total = SignedDuration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..]
            .bytes()
            .take_while(u8::is_ascii_alphabetic)
            .count();
        let seconds = match &rest[digits..digits + unit] {
            "s" | "sec" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => 86400,
            "w" => 7 * 86400,
            _ => return None,
        };
        let part = SignedDuration::from_secs(number.checked_mul(seconds)?);
        total = total.checked_add(part)?;
        rest = rest[digits + unit..].trim_start();
    }
    Some(total)
}

/// A job's name as part of a file's name or an address.
pub fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if c.is_alphanumeric() {
            // Letters beyond ASCII keep names apart.
            out.push_str(&format!("u{:x}", u32::from(c)));
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_end_matches('-').to_owned()
}
