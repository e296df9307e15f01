//! The lines of a run's file, as they are read.

use serde_json::Value;

use crate::resource::{Digest, Resource, Run, State, written};

/// One step, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub number: u64,
    /// The line of the file.
    pub line: usize,
    pub host: String,
    /// The host whose task it was, where another one carried it out.
    pub subject: String,
    pub task: String,
    pub place: String,
    pub handler: bool,
    pub guarded: bool,
    pub lenient: bool,
    pub by: By,
    /// The method and the user that it became.
    pub r#as: Option<(String, String)>,
    pub notify: Vec<String>,
    /// What it was about, in words.
    pub on: String,
    pub what: What,
    pub outcome: Outcome,
    /// The guard it was done under.
    pub guard: Option<String>,
    /// The token of its script, where that had files sent ahead.
    pub token: Option<String>,
    /// What tells a command from others.
    pub key: Option<String>,
    /// What a command said.
    pub said: Option<Said>,
}

/// How a host was reached, as far as somebody said so.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct By {
    /// Empty where that is SSH.
    pub connection: String,
    pub user: Option<String>,
    pub port: Option<u16>,
}

#[derive(Clone, Debug)]
pub enum What {
    Change {
        /// `None` where such a thing cannot be changed back.
        on: Option<Resource>,
        before: Option<State>,
        after: Option<State>,
        options: Vec<(String, String)>,
        /// Nothing of it was recorded, because it may not be shown.
        hidden: bool,
        /// A password was set, of which nothing is recorded.
        password: bool,
    },
    Run {
        changes: bool,
        /// What was run, where it may be run again.
        again: Option<Run>,
    },
}

impl Default for What {
    fn default() -> What {
        What::Run {
            changes: false,
            again: None,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Failed,
    NotRun,
    /// It was done, and a guard put it back.
    Reverted,
    /// Nobody heard of its end.
    #[default]
    Unknown,
}

/// What a command said when it had ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    pub rc: i32,
    pub out: Text,
    pub err: Text,
    pub start: f64,
    pub end: f64,
}

/// What was printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    Here(String),
    /// Too much for a line: it is kept by its digest.
    Kept(Digest),
}

impl Default for Text {
    fn default() -> Text {
        Text::Here(String::new())
    }
}

/// What is noted beside steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A change asked for handlers: their places and names.
    Notified {
        host: String,
        by: String,
        handlers: Vec<(String, String)>,
    },
    /// A handler came to its end, or is not needed any more.
    Handled {
        host: String,
        handler: String,
        word: String,
    },
    /// A task came to its end.
    Task {
        host: String,
        place: String,
        word: String,
    },
    /// A guard came to its end.
    Guard { id: String, word: String },
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
            Outcome::NotRun => "not run",
            Outcome::Reverted => "reverted",
            Outcome::Unknown => "unknown",
        }
    }

    /// Whether it may have happened.
    pub fn is_possible(self) -> bool {
        matches!(self, Outcome::Done | Outcome::Unknown)
    }
}

pub(super) fn outcome(word: &str) -> Outcome {
    match word {
        "done" => Outcome::Done,
        "failed" => Outcome::Failed,
        "not run" => Outcome::NotRun,
        _ => Outcome::Unknown,
    }
}

pub(super) fn word(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

pub(super) fn entry(value: &Value) -> Option<Entry> {
    let flag = |key: &str| value.get(key).and_then(Value::as_bool).unwrap_or(false);
    let get = |key: &str| value.get(key).filter(|v| !v.is_null());
    let what = match get("before") {
        Some(before) => What::Change {
            on: get("what").and_then(written::read_resource),
            before: written::read_state(before),
            after: get("after").and_then(written::read_state),
            options: get("options")
                .and_then(|v| serde_json::from_value(v.clone()).ok())
                .unwrap_or_default(),
            hidden: before == "hidden",
            password: get("password").is_some(),
        },
        None => What::Run {
            changes: flag("changes"),
            again: get("run").and_then(written::read_run),
        },
    };
    let notify = value.get("notify").and_then(Value::as_array);
    let notify = notify.into_iter().flatten().filter_map(Value::as_str);
    Some(Entry {
        number: value.get("intent")?.as_u64()?,
        line: 0,
        subject: match word(value, "for") {
            subject if subject.is_empty() => word(value, "host"),
            subject => subject,
        },
        host: word(value, "host"),
        task: word(value, "task"),
        place: word(value, "place"),
        handler: flag("handler"),
        guarded: flag("guarded"),
        lenient: flag("lenient"),
        by: get("by").map(by).unwrap_or_default(),
        r#as: get("as").map(|v| (word(v, "method"), word(v, "user"))),
        notify: notify.map(str::to_owned).collect(),
        on: word(value, "on"),
        what,
        outcome: Outcome::Unknown,
        guard: get("guard").and_then(Value::as_str).map(str::to_owned),
        token: get("token").and_then(Value::as_str).map(str::to_owned),
        key: get("key").and_then(Value::as_str).map(str::to_owned),
        said: None,
    })
}

pub(super) fn said(value: &Value) -> Option<Said> {
    let text = |key: &str| match value.get(key)? {
        Value::String(text) => Some(Text::Here(text.clone())),
        kept => {
            let digest = Digest::parse(kept.get("kept")?.as_str()?)?;
            Some(Text::Kept(digest))
        }
    };
    let seconds = |key: &str| value.get(key).and_then(Value::as_f64).unwrap_or_default();
    Some(Said {
        rc: value.get("rc")?.as_i64()?.try_into().ok()?,
        out: text("out")?,
        err: text("err")?,
        start: seconds("start"),
        end: seconds("end"),
    })
}

pub(super) fn note(value: &Value) -> Option<Note> {
    let has = |key: &str| value.get(key).is_some_and(Value::is_string);
    let (host, is) = (word(value, "host"), word(value, "is"));
    if has("notified") {
        return Some(Note::Notified {
            host: word(value, "notified"),
            by: word(value, "by"),
            handlers: serde_json::from_value(value.get("handlers")?.clone()).ok()?,
        });
    }
    if has("handled") {
        return Some(Note::Handled {
            host,
            handler: word(value, "handled"),
            word: is,
        });
    }
    if has("task") {
        return Some(Note::Task {
            host,
            place: word(value, "task"),
            word: is,
        });
    }
    has("guard").then(|| Note::Guard {
        id: word(value, "guard"),
        word: is,
    })
}

fn by(value: &Value) -> By {
    let port = value.get("port").and_then(Value::as_u64);
    let user = value.get("user").and_then(Value::as_str);
    By {
        connection: word(value, "connection"),
        user: user.map(str::to_owned),
        port: port.and_then(|p| p.try_into().ok()),
    }
}
