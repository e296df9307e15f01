//! What the actions that rewrite one text file share: finding it, reading it, putting it back.
//!
//! Such an action differs from the next only in its arguments and in one function from text to text.

use crate::resource::file::{FileState, Node};
use crate::resource::{Change, Content, Query, RemotePath, State, Want};

use super::attrs::Attrs;
use super::{Decision, Failure, Observed, place};

/// Which file is edited, and how it is put back.
pub(crate) struct Edit<'a> {
    pub(crate) path: &'a RemotePath,
    pub(crate) attrs: &'a Attrs,
    /// Make the file, and the directories above it, where it is not there.
    pub(crate) create: bool,
    pub(crate) backup: bool,
    pub(crate) validate: Option<&'a str>,
    pub(crate) encoding: Option<&'a str>,
}

/// The file as it was found.
pub(crate) struct Found {
    /// Where it really is.
    pub(crate) path: RemotePath,
    pub(crate) state: Option<FileState>,
    pub(crate) text: String,
    pub(crate) coding: Coding,
}

/// How bytes are text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Utf8,
    /// One character a byte, because the task says so.
    Latin1,
    /// The file is not UTF-8: one character a byte, and what the task says is bytes of UTF-8, so
    /// that nothing that is not edited is altered.
    Bytes,
}

/// What came of an edit.
pub(crate) struct Edited {
    pub(crate) decision: Decision,
    pub(crate) text_changed: bool,
    /// Owner, group, mode or their relatives change.
    pub(crate) attrs_changed: bool,
    /// The name the old file is kept under.
    pub(crate) backup: Option<String>,
}

impl Coding {
    /// Text of the task's as it is compared with text of the file's.
    pub(crate) fn word(self, text: &str) -> String {
        match self {
            Coding::Utf8 | Coding::Latin1 => text.to_owned(),
            Coding::Bytes => text.bytes().map(char::from).collect(),
        }
    }

    pub(crate) fn words(self, text: Option<&String>) -> Option<String> {
        text.map(|t| self.word(t))
    }

    fn bytes(self, text: &str) -> Result<Vec<u8>, Failure> {
        if self == Coding::Utf8 {
            return Ok(text.as_bytes().to_vec());
        }
        let byte = |c: char| {
            u8::try_from(u32::from(c))
                .map_err(|_| Failure::new(format!("`{c}` cannot be written in this encoding")))
        };
        text.chars().map(byte).collect()
    }
}

impl Edit<'_> {
    fn want(&self) -> Want {
        self.attrs.want().and(Want::DIGEST).and(Want::CONTENT)
    }

    pub(crate) fn reads(&self, seen: &Observed) -> Vec<Query> {
        let path = place::expand(seen, self.path);
        let mut queries = place::trail(seen, &path, true, self.want());
        let end = place::resolve(seen, &path, true);
        if place::is_missing(seen, &end) && self.create {
            queries.extend(place::ask_ancestors(&end));
            queries.extend(self.attrs.lookups(None, &seen.me));
        }
        if let Some(state) = place::peek(seen, &end) {
            queries.extend(self.attrs.lookups(Some(state), &seen.me));
        }
        queries
    }

    /// The file and its text; a file that is not there is empty.
    pub(crate) fn open(&self, seen: &Observed) -> Result<Found, Failure> {
        let path = place::resolve(seen, &place::expand(seen, self.path), true);
        let state = place::look(seen, &path)?.cloned();
        let (text, coding) = match &state {
            None => (String::new(), self.coding(&[])?),
            Some(state) if state.is_dir() => {
                let mut failure = Failure::new(format!("Path {path} is a directory !"));
                failure.result = crate::result! { "rc" => 256 };
                return Err(failure);
            }
            Some(state) => {
                let bytes = state.content().and_then(|c| c.bytes.as_deref());
                let bytes = bytes.ok_or_else(|| {
                    Failure::new(format!(
                        "{path} is too large, or no file, to be edited as text"
                    ))
                })?;
                let coding = self.coding(bytes)?;
                let text = match coding {
                    Coding::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
                    _ => bytes.iter().map(|b| char::from(*b)).collect(),
                };
                (text, coding)
            }
        };
        Ok(Found {
            path,
            state,
            text,
            coding,
        })
    }

    fn coding(&self, bytes: &[u8]) -> Result<Coding, Failure> {
        let name = self
            .encoding
            .unwrap_or("utf-8")
            .to_lowercase()
            .replace('_', "-");
        match name.as_str() {
            "utf-8" | "utf8" | "ascii" | "us-ascii" => Ok(match std::str::from_utf8(bytes) {
                Ok(_) => Coding::Utf8,
                Err(_) => Coding::Bytes,
            }),
            "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" => Ok(Coding::Latin1),
            _ => Err(Failure::new(format!("unknown encoding `{name}`"))),
        }
    }

    /// The change that puts the edited text in place, with the attributes asked for.
    pub(crate) fn close(
        &self,
        seen: &Observed,
        found: &Found,
        text: Option<&str>,
    ) -> Result<Edited, Failure> {
        let mut decision = Decision::default();
        let Some(text) = text else {
            return Ok(Edited::unchanged(decision));
        };
        let content = Content::new(found.coding.bytes(text)?);
        let text_changed = match &found.state {
            Some(state) => state.content() != Some(&content),
            None => true,
        };
        let base = match &found.state {
            Some(state) => state.clone(),
            None => {
                place::make_ancestors(seen, &found.path, &Attrs::default(), &mut decision)?;
                FileState::fresh(Node::File(None), &seen.me)
            }
        };
        let mut after = self.attrs.settle(seen, base.clone())?;
        let attrs_changed = !base.same(&after);
        if text_changed {
            after.node = Node::File(Some(content));
        }
        let options = self.attrs.options(found.state.as_ref(), &after);
        let before = found.state.clone().map_or(State::Absent, State::File);
        let mut change = Change::new(place::file(&found.path), before, State::File(after));
        change.how.options = options;
        change.how.unsafe_writes = self.attrs.unsafe_writes;
        let mut backup = None;
        if text_changed {
            change.how.validate = self.validate.map(str::to_owned);
            backup = found.state.as_ref().filter(|_| self.backup);
            change.how.backup = backup.map(|old| place::backup_name(&found.path, old));
        }
        let backup = backup.and(change.how.backup.clone());
        decision.set(change);
        Ok(Edited {
            decision,
            text_changed,
            attrs_changed,
            backup,
        })
    }
}

impl Edited {
    fn unchanged(decision: Decision) -> Edited {
        Edited {
            decision,
            text_changed: false,
            attrs_changed: false,
            backup: None,
        }
    }

    /// The message of an edit, with a word on attributes that change too.
    pub(crate) fn message(&self, of_text: &str) -> String {
        const ATTRS: &str = "ownership, perms or SE linux context changed";
        match (self.attrs_changed, of_text.is_empty()) {
            (false, _) => of_text.to_owned(),
            (true, true) => ATTRS.to_owned(),
            (true, false) => format!("{of_text} and {ATTRS}"),
        }
    }
}
