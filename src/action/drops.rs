//! What the actions share that edit one setting over several files: a main file and its folder of
//! drop-ins. They are read in one question, edited as texts, and only what became another is written.

use crate::resource::file::{FileState, Node};
use crate::resource::texts::TextFile;
use crate::resource::{Change, Content, Query, RemotePath, Resource, State, Want};
use crate::source::{Mapping, Value};

use super::attrs::Attrs;
use super::{Decision, Failure, Observed, place};

/// The files of one question, as they are edited.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    pub(crate) files: Vec<Drop>,
}

/// One file of them.
#[derive(Debug)]
pub(crate) struct Drop {
    pub(crate) path: RemotePath,
    /// The file as it was found; `None` for a new one.
    found: Option<TextFile>,
    pub(crate) text: String,
    /// It is not UTF-8: each character is one byte.
    bytes: bool,
    before: String,
    /// Permissions of a new one.
    mode: u32,
}

/// What is asked about: the files, and the directories above one that may be made.
pub(crate) fn reads(on: &Resource, own: Option<&RemotePath>) -> Vec<Query> {
    let mut queries = vec![Query::new(on.clone(), Want::META.and(Want::CONTENT))];
    if let Some(own) = own {
        queries.extend(place::ask_ancestors(own));
    }
    queries
}

impl Drops {
    /// The files as they are, with what was decided laid over them.
    pub(crate) fn open(seen: &Observed, on: &Resource) -> Result<Drops, Failure> {
        let mut drops = Drops::default();
        drops.add(seen, on)?;
        Ok(drops)
    }

    /// Adds the files of another question.
    pub(crate) fn add(&mut self, seen: &Observed, on: &Resource) -> Result<(), Failure> {
        for file in seen.texts(on)? {
            if self.files.iter().any(|f| f.path == file.path) {
                continue;
            }
            file.text()?;
            let raw = file.file.content().and_then(|c| c.bytes.as_deref());
            let raw = raw.unwrap_or_default();
            let (text, bytes) = match std::str::from_utf8(raw) {
                Ok(text) => (text.to_owned(), false),
                Err(_) => (raw.iter().map(|b| char::from(*b)).collect(), true),
            };
            self.files.push(Drop {
                path: file.path.clone(),
                before: text.clone(),
                text,
                bytes,
                mode: file.file.mode,
                found: Some(file),
            });
        }
        Ok(())
    }

    pub(crate) fn get(&self, path: &str) -> Option<&Drop> {
        self.files.iter().find(|f| f.path.as_str() == path)
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.get(path).map(|f| f.text.as_str())
    }

    /// Gives a file a text; one that is not there is made, with this mode.
    pub(crate) fn set(&mut self, path: &RemotePath, text: String, mode: u32) {
        if let Some(file) = self.files.iter_mut().find(|f| &f.path == path) {
            file.text = text;
            return;
        }
        self.files.push(Drop {
            path: path.clone(),
            found: None,
            text,
            bytes: false,
            before: String::new(),
            mode,
        });
    }

    /// The paths that became others.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &Drop> {
        self.files.iter().filter(|f| f.text != f.before)
    }

    /// Whether nothing became another.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.changed().next().is_none()
    }

    /// Adds the changes to a decision: first what is new, then what is edited, so that nothing is
    /// taken from one file before it stands in another.
    pub(crate) fn close(
        &self,
        seen: &Observed,
        validate: Option<&str>,
        decision: &mut Decision,
    ) -> Result<(), Failure> {
        let mut changed: Vec<&Drop> = self.changed().collect();
        changed.sort_by_key(|f| f.found.is_some());
        for file in changed {
            let content = Content::new(file.raw()?);
            let (on, before, after) = match &file.found {
                Some(found) => {
                    let mut after = found.file.clone();
                    after.meta = None;
                    after.node = Node::File(Some(content));
                    let before = State::File(found.file.clone());
                    (found.target().clone(), before, after)
                }
                None => {
                    place::make_ancestors(seen, &file.path, &Attrs::default(), decision)?;
                    let mut after = FileState::fresh(Node::File(Some(content)), &seen.me);
                    after.mode = file.mode;
                    (file.path.clone(), State::Absent, after)
                }
            };
            let mut change = Change::new(place::file(&on), before, State::File(after));
            change.how.validate = validate.map(str::to_owned);
            decision.set(change);
        }
        Ok(())
    }
}

impl Drop {
    /// The path that is written.
    pub(crate) fn target(&self) -> &RemotePath {
        self.found.as_ref().map_or(&self.path, TextFile::target)
    }

    fn raw(&self) -> Result<Vec<u8>, Failure> {
        if !self.bytes {
            return Ok(self.text.as_bytes().to_vec());
        }
        let byte = |c: char| {
            let message = format!("{} is not UTF-8, so `{c}` cannot be put into it", self.path);
            u8::try_from(u32::from(c)).map_err(|_| Failure::new(message))
        };
        self.text.chars().map(byte).collect()
    }
}

/// A text with one line in place of another, or without it. Lines are counted from 0.
pub(crate) fn with_line(text: &str, at: usize, line: Option<&str>) -> String {
    let mut out = String::with_capacity(text.len());
    for (number, old) in text.split_inclusive('\n').enumerate() {
        match (number == at, line) {
            (false, _) => out.push_str(old),
            (true, Some(line)) => {
                out.push_str(line);
                out.push('\n');
            }
            (true, None) => {}
        }
    }
    out
}

/// A text with a line put before the line of that number, or at the end.
pub(crate) fn insert_line(text: &str, at: Option<usize>, line: &str) -> String {
    let mut out = String::with_capacity(text.len() + line.len() + 1);
    let mut put = false;
    for (number, old) in text.split_inclusive('\n').enumerate() {
        if at == Some(number) {
            put = true;
            out.push_str(line);
            out.push('\n');
        }
        out.push_str(old);
    }
    if !put {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// A line as a comment, so that a person sees what stood there.
pub(crate) fn commented(line: &str) -> String {
    format!("# {}", line.trim_end_matches(['\n', '\r']))
}

/// A place in a file as people write it.
pub(crate) fn at(path: &RemotePath, line: usize) -> String {
    format!("{path}:{}", line + 1)
}

/// Places as a result has them.
pub(crate) fn places(found: impl IntoIterator<Item = String>) -> Value {
    Value::Sequence(found.into_iter().map(Value::from).collect())
}

/// Puts a key into a result where there is something to say.
pub(crate) fn say(result: &mut Mapping, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        result.insert(key.into(), value.into());
    }
}
