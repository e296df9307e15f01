//! What a run's file says, line by line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{VERSION, is_whole};
use crate::resource::{Resource, Run, State, written};

/// A larger file is no run's: it would take more memory than the run itself did.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// A run as it was recorded.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    pub run: String,
    /// What the run was of.
    pub about: Value,
    /// In the order in which they were meant.
    pub entries: Vec<Entry>,
    /// The last line was not written to its end, and was dropped.
    pub torn: bool,
}

/// One step, and what came of it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub number: u64,
    pub host: String,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Failed,
    NotRun,
    /// Nobody heard of its end.
    Unknown,
}

impl Outcome {
    /// Whether it may have happened.
    pub fn is_possible(self) -> bool {
        matches!(self, Outcome::Done | Outcome::Unknown)
    }
}

/// Why a run's file cannot be read.
#[derive(Debug)]
pub enum Unreadable {
    Io(PathBuf, std::io::Error),
    TooLarge(PathBuf),
    /// Nothing, or no file of ours.
    NoRun(PathBuf),
    /// Written by a palisade that knows more.
    Newer(PathBuf, u64),
    /// Written by one that kept nothing of what was there before.
    Older(PathBuf),
    /// A line that is not the last is not as it was written.
    Damaged(PathBuf, usize),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Io(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Unreadable::TooLarge(path) => write!(f, "{} is too large", path.display()),
            Unreadable::NoRun(path) => write!(f, "{} is no record of a run", path.display()),
            Unreadable::Newer(path, version) => write!(
                f,
                "{} has version {version} of the format, and this palisade knows {VERSION}",
                path.display()
            ),
            Unreadable::Older(path) => write!(
                f,
                "{} is of an older palisade, which did not keep what was there before",
                path.display()
            ),
            Unreadable::Damaged(path, line) => {
                write!(f, "{}:{line} is damaged", path.display())
            }
        }
    }
}

/// Reads a run's file.
pub fn read(path: &Path) -> Result<Recorded, Unreadable> {
    let io = |e| Unreadable::Io(path.to_path_buf(), e);
    if path.metadata().map_err(io)?.len() > MOST_BYTES {
        return Err(Unreadable::TooLarge(path.to_path_buf()));
    }
    parse(&std::fs::read(path).map_err(io)?, path)
}

fn parse(bytes: &[u8], path: &Path) -> Result<Recorded, Unreadable> {
    let here = || path.to_path_buf();
    let (whole, tail) = match bytes.iter().rposition(|b| *b == b'\n') {
        Some(end) => bytes.split_at(end + 1),
        None => (&[][..], bytes),
    };
    let text = String::from_utf8_lossy(whole);
    let mut lines = text.lines();
    let first = lines.next().ok_or_else(|| Unreadable::NoRun(here()))?;
    let head: Value = serde_json::from_str(first).map_err(|_| Unreadable::NoRun(here()))?;
    match head.get("version").and_then(Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) if version > u64::from(VERSION) => {
            return Err(Unreadable::Newer(here(), version));
        }
        Some(_) => return Err(Unreadable::Older(here())),
        None => return Err(Unreadable::NoRun(here())),
    }
    if !is_whole(first) {
        return Err(Unreadable::Damaged(here(), 1));
    }
    let mut recorded = Recorded {
        run: word(&head, "run"),
        about: head.get("about").cloned().unwrap_or_default(),
        torn: !tail.is_empty(),
        ..Recorded::default()
    };
    let mut places = BTreeMap::new();
    let count = text.lines().count();
    for (n, line) in lines.enumerate().map(|(n, line)| (n + 2, line)) {
        let value = serde_json::from_str::<Value>(line).ok();
        let Some(value) = value.filter(|_| is_whole(line)) else {
            // A power cut may leave a last line whose bytes never came to disk.
            if n == count {
                recorded.torn = true;
                break;
            }
            return Err(Unreadable::Damaged(here(), n));
        };
        if let Some(number) = value.get("outcome").and_then(Value::as_u64) {
            let at: Option<&usize> = places.get(&number);
            if let Some(entry) = at.and_then(|at| recorded.entries.get_mut(*at)) {
                entry.outcome = outcome(&word(&value, "is"));
            }
        } else if let Some(entry) = entry(&value) {
            places.insert(entry.number, recorded.entries.len());
            recorded.entries.push(entry);
        }
    }
    Ok(recorded)
}

fn outcome(word: &str) -> Outcome {
    match word {
        "done" => Outcome::Done,
        "failed" => Outcome::Failed,
        "not run" => Outcome::NotRun,
        _ => Outcome::Unknown,
    }
}

fn word(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn entry(value: &Value) -> Option<Entry> {
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

/// The files of all runs, the newest first.
pub fn all(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "jsonl"));
    paths.sort();
    paths.reverse();
    paths
}

#[cfg(test)]
mod tests {
    use super::super::{Journal, Meant};
    use super::*;
    use crate::resource::{Change, RemotePath};

    /// A journal of two steps, of which the first is done.
    fn text() -> String {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::begin(home.path(), "r", &Value::Null, None).unwrap();
        let on = Resource::Sysctl("a.b".into());
        let state = |s: &str| State::Sysctl(s.into());
        let meant = Meant {
            host: "h",
            task: "t",
            ..Meant::default()
        };
        let first = journal.change(&meant, &Change::new(on, state("0"), state("1")));
        journal.outcome(first, "done");
        let on = Resource::File(RemotePath::new("/x").unwrap());
        journal.change(&meant, &Change::new(on, State::Absent, State::Absent));
        journal.write(true).unwrap();
        std::fs::read_to_string(journal.path().unwrap()).unwrap()
    }

    fn of(text: &str) -> Result<Recorded, Unreadable> {
        parse(text.as_bytes(), Path::new("r.jsonl"))
    }

    #[test]
    fn a_torn_tail_is_dropped_and_what_came_before_is_kept() {
        let text = text();
        let whole = of(&text).unwrap();
        assert_eq!(whole.entries.len(), 2);
        assert_eq!(whole.entries[0].outcome, Outcome::Done);
        assert_eq!(whole.entries[1].outcome, Outcome::Unknown);
        let first = text.find('\n').unwrap() + 1;
        for cut in first..text.len() {
            let some = of(&text[..cut]).unwrap();
            let lines = text[..cut].matches('\n').count();
            let entries = [0, 0, 1, 1, 2][lines];
            assert_eq!(some.entries.len(), entries, "cut at {cut}");
            assert_eq!(some.torn, !text[..cut].ends_with('\n'), "cut at {cut}");
        }
    }

    #[test]
    fn damage_in_the_middle_is_named_and_other_versions_are_refused() {
        let text = text();
        let flipped = text.replace("\"0\"", "\"2\"");
        assert!(matches!(of(&flipped), Err(Unreadable::Damaged(_, 2))));
        let newer = of("{\"version\":99,\"what\":\"ever\"}\n").unwrap_err();
        let said = "r.jsonl has version 99 of the format, and this palisade knows 2";
        assert_eq!(newer.to_string(), said);
        assert!(matches!(of("{\"version\":1}\n"), Err(Unreadable::Older(_))));
        assert!(matches!(of("x\n"), Err(Unreadable::NoRun(_))));
    }
}
