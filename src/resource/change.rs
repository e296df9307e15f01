//! A change is a value.

use super::{Resource, State};

/// A resource, its state before, its state after. Equal ends are no change and are never made.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub on: Resource,
    pub before: State,
    pub after: State,
    /// How to make it, where that is more than the two ends say.
    pub how: How,
}

/// Circumstances of making a change that are no part of either end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct How {
    /// A command that must accept the new file before it is put in place; `%s` is its path.
    pub validate: Option<String>,
    /// Keep the old file beside the new one, under this name.
    pub backup: Option<String>,
    /// Write in place where a rename is impossible (a bind-mounted file).
    pub unsafe_writes: bool,
    /// Options of the tool that makes it, as an action gives them (`--purge`, `--force`). For a
    /// file: `mtime` and `atime` (see [`How::time`]); `copy_from`, a path on the host whose bytes
    /// the new file gets where `after` holds none; `hard_link_to`, a path on the host that it
    /// becomes another name of; `empty`, a directory is removed only if nothing is in it.
    pub options: Vec<(String, String)>,
    /// A value that must never be shown (a password hash): replaces both ends in diffs.
    pub secret: bool,
}

impl How {
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// What a file's `mtime` or `atime` is to be set to: `now`, or seconds since 1970. These are the
    /// options of those names.
    pub fn time(&self, which: &str) -> Option<&str> {
        self.option(which)
    }
}

/// What a change makes stale among the other observations of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Only what overlaps it by name: the same path, its parent, what lies below it.
    Overlap,
    /// It may have changed anything (a package ran its scripts).
    Everything,
}

impl Change {
    pub fn new(on: Resource, before: State, after: State) -> Change {
        Change {
            on,
            before,
            after,
            how: How::default(),
        }
    }

    /// The change that takes this one back.
    #[must_use]
    pub fn undo(&self) -> Change {
        let (before, after) = (self.after.clone(), self.before.clone());
        Change {
            on: self.on.clone(),
            before,
            after,
            how: self.how.clone(),
        }
    }

    /// Whether the two ends say the same, so that nothing needs doing. Times and the number
    /// of names are part of neither end; a change that sets them says so in its options.
    pub fn is_empty(&self) -> bool {
        let more = ["mtime", "atime", "hard_link_to"];
        self.before.same(&self.after) && more.iter().all(|o| self.how.option(o).is_none())
    }

    pub fn touches(&self) -> Touch {
        match &self.on {
            Resource::Package { .. }
            | Resource::PackageIndex(_)
            | Resource::PackageUpgrade { .. }
            | Resource::Unit { .. }
            | Resource::Archive(_) => Touch::Everything,
            _ => Touch::Overlap,
        }
    }
}

impl State {
    /// Equality of what matters: a state that was decided has no times and no inode.
    pub fn same(&self, other: &State) -> bool {
        match (self, other) {
            (State::File(a), State::File(b)) => a.same(b),
            (a, b) => a == b,
        }
    }
}
