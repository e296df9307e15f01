//! What a run's file says, line by line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use super::entry::{By, Entry, Note, Outcome, Said, Text, What};
use super::entry::{entry, note, outcome, said, word};
use super::{OLDEST, VERSION, parted, sum_of};

/// A larger file is no run's: it would take more memory than the run itself did.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// A first line is no longer: it names hosts, and a word for each option.
const MOST_HEAD: u64 = 16 * 1024 * 1024;

/// A run as it was recorded.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    pub run: String,
    /// What the run was of.
    pub about: Value,
    /// In the order in which they were meant.
    pub entries: Vec<Entry>,
    /// What was noted besides, by its line.
    pub notes: Vec<(usize, Note)>,
    /// How each host came to its end, as far as it did.
    pub hosts: BTreeMap<String, String>,
    /// How the run came to its end; nothing where it was killed.
    pub end: Option<String>,
    /// The last line was not written to its end, and was dropped.
    pub torn: bool,
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
    /// Written by one that knew less.
    Older(PathBuf, u64),
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
            Unreadable::Older(path, version) => write!(
                f,
                "{} has version {version} of the format, and this palisade knows {VERSION} only",
                path.display()
            ),
            Unreadable::Damaged(path, line) => {
                write!(f, "{}:{line} is damaged", path.display())
            }
        }
    }
}

impl Unreadable {
    /// What to do about it, where something is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Unreadable::Newer(..) => Some("it was written by a newer palisade: use that one"),
            Unreadable::Older(..) => Some("it was written by an older palisade: use that one"),
            Unreadable::TooLarge(_) | Unreadable::Io(..) => None,
            Unreadable::NoRun(_) | Unreadable::Damaged(..) => Some(
                "its whole lines can still be read by eye; runs after it are not touched by this",
            ),
        }
    }

    /// Whether the file is of no use to any palisade.
    pub fn is_corrupt(&self) -> bool {
        matches!(self, Unreadable::NoRun(_) | Unreadable::Damaged(..))
    }
}

/// The first line of a run's file, which says what it is of; cheap, because nothing else is read.
pub fn head(path: &Path) -> Result<Value, Unreadable> {
    use std::io::BufRead as _;
    let io = |e| Unreadable::Io(path.to_path_buf(), e);
    let file = std::fs::File::open(path).map_err(io)?;
    let mut line = String::new();
    let limited = std::io::Read::take(file, MOST_HEAD);
    std::io::BufReader::new(limited)
        .read_line(&mut line)
        .map_err(io)?;
    let recorded = parse(line.as_bytes(), path)?;
    Ok(recorded.about)
}

/// Reads a run's file.
pub fn read(path: &Path) -> Result<Recorded, Unreadable> {
    let io = |e| Unreadable::Io(path.to_path_buf(), e);
    if path.metadata().map_err(io)?.len() > MOST_BYTES {
        return Err(Unreadable::TooLarge(path.to_path_buf()));
    }
    parse(&std::fs::read(path).map_err(io)?, path)
}

pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Recorded, Unreadable> {
    let here = || path.to_path_buf();
    let (whole, tail) = match bytes.iter().rposition(|b| *b == b'\n') {
        Some(end) => bytes.split_at(end + 1),
        None => (&[][..], bytes),
    };
    let text = String::from_utf8_lossy(whole);
    let mut lines = text.lines();
    let first = lines.next().ok_or_else(|| Unreadable::NoRun(here()))?;
    let head: Value = serde_json::from_str(first).map_err(|_| Unreadable::NoRun(here()))?;
    let sum = sum_of(first, "");
    // The first line ends in the same way in all versions that have digests.
    if sum.is_none() && parted(first).is_some() {
        return Err(Unreadable::Damaged(here(), 1));
    }
    let mut last = match head.get("version").and_then(Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => sum,
        Some(version) if (u64::from(OLDEST)..u64::from(VERSION)).contains(&version) => {
            sum.map(|_| "")
        }
        Some(version) if version > u64::from(VERSION) => {
            return Err(Unreadable::Newer(here(), version));
        }
        Some(version) => return Err(Unreadable::Older(here(), version)),
        None => return Err(Unreadable::NoRun(here())),
    }
    .ok_or_else(|| Unreadable::Damaged(here(), 1))?;
    let chained = !last.is_empty();
    let mut recorded = Recorded {
        run: word(&head, "run"),
        about: head.get("about").cloned().unwrap_or_default(),
        torn: !tail.is_empty(),
        ..Recorded::default()
    };
    let mut places = BTreeMap::new();
    let count = text.lines().count();
    for (n, line) in lines.enumerate().map(|(n, line)| (n + 2, line)) {
        let sum = sum_of(line, last);
        let value = serde_json::from_str::<Value>(line).ok();
        let Some((value, sum)) = value.zip(sum) else {
            // A power cut may leave a last line whose bytes never came to disk.
            if n == count {
                recorded.torn = true;
                break;
            }
            return Err(Unreadable::Damaged(here(), n));
        };
        if chained {
            last = sum;
        }
        recorded.take(n, &value, &mut places);
    }
    recorded.judge_guards();
    Ok(recorded)
}

impl Recorded {
    /// Takes over what the line of this number says.
    fn take(&mut self, n: usize, value: &Value, places: &mut BTreeMap<u64, usize>) {
        if let Some(number) = value.get("outcome").and_then(Value::as_u64) {
            let at: Option<&usize> = places.get(&number);
            if let Some(entry) = at.and_then(|at| self.entries.get_mut(*at)) {
                entry.outcome = outcome(&word(value, "is"));
                entry.said = value.get("said").and_then(said);
            }
        } else if let Some(mut entry) = entry(value) {
            entry.line = n;
            places.insert(entry.number, self.entries.len());
            self.entries.push(entry);
        } else if let Some(note) = note(value) {
            self.notes.push((n, note));
        } else if let Some(end) = value.get("end").and_then(Value::as_str) {
            self.end = Some(end.to_owned());
        } else if let Some(host) = value.get("host").and_then(Value::as_str) {
            self.hosts.insert(host.to_owned(), word(value, "is"));
        }
    }

    /// What was done under a guard is so only if the guard was confirmed.
    fn judge_guards(&mut self) {
        let verdict = |(_, note): &(usize, Note)| match note {
            Note::Guard { id, word } => Some((id.clone(), word.clone())),
            Note::Notified { .. } | Note::Handled { .. } | Note::Task { .. } => None,
        };
        let verdicts: BTreeMap<String, String> = self.notes.iter().filter_map(verdict).collect();
        for entry in &mut self.entries {
            let Some(guard) = &entry.guard else {
                continue;
            };
            if !entry.outcome.is_possible() {
                continue;
            }
            entry.outcome = match verdicts.get(guard).map(String::as_str) {
                Some("confirmed") => entry.outcome,
                Some("reverted") => Outcome::Reverted,
                _ => Outcome::Unknown,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Journal, Meant};
    use super::*;
    use crate::resource::{Change, RemotePath, Resource, State};

    /// A journal of two steps, of which the first is done.
    fn text() -> String {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::begin(home.path(), "r", &Value::Null, None, None).unwrap();
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
        let said = "r.jsonl has version 99 of the format, and this palisade knows 4";
        assert_eq!(newer.to_string(), said);
        assert!(newer.hint().is_some_and(|h| h.contains("newer")));
        let older = of("{\"version\":1}\n").unwrap_err();
        assert!(matches!(older, Unreadable::Older(_, 1)) && !older.is_corrupt());
        assert!(matches!(of("x\n"), Err(Unreadable::NoRun(_))));
    }
}
