//! What was seen, overlaid by what was decided since.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::overlap::overlaps;
use crate::resource::{Change, Identity, Query, Resource, State, Touch, Want};

/// One answer: how much was asked, and what it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub want: Want,
    pub state: State,
    /// Something opaque happened since: this may no longer be so.
    pub provisional: bool,
    /// It was decided, not asked.
    pub decided: bool,
}

/// A host as a task sees it. Looking at something that was not asked is remembered as a mistake of
/// the action's, and answers [`State::Absent`].
#[derive(Debug, Default)]
pub struct Observed {
    seen: BTreeMap<Resource, Seen>,
    pub me: Identity,
    /// The host's name in the inventory: the only name of it that may become part of a path here.
    pub host: String,
    /// Whether diffs are wanted, so that contents are worth asking for before they are replaced.
    pub diff: bool,
    /// Nothing is carried out: what was decided stays laid over what is asked.
    pub check: bool,
    /// Something opaque would have run: whatever is asked from now on may turn out otherwise.
    clouded: bool,
    /// How often `-v` was given (`debug: verbosity`).
    pub verbosity: u8,
    strays: Mutex<Vec<Resource>>,
}

impl Observed {
    pub fn new(me: Identity) -> Observed {
        Observed {
            me,
            ..Observed::default()
        }
    }

    /// How a resource is. Name it in `reads` first.
    pub fn get(&self, on: &Resource) -> &State {
        match self.seen.get(on) {
            Some(seen) => &seen.state,
            None => {
                self.strays.lock().map(|mut s| s.push(on.clone())).ok();
                &State::Absent
            }
        }
    }

    /// How a resource is, where it was seen at all: for `reads`, which may ask in rounds.
    pub fn peek(&self, on: &Resource) -> Option<&State> {
        self.seen.get(on).map(|seen| &seen.state)
    }

    /// Whether what is known of a resource may no longer be so.
    pub fn is_provisional(&self, on: &Resource) -> bool {
        self.seen.get(on).is_some_and(|seen| seen.provisional)
    }

    /// Whether a question is already answered.
    pub fn answers(&self, query: &Query) -> bool {
        // What is decided in check mode never becomes real.
        let enough = |s: &Seen| match s.decided {
            true => self.check || !query.want.has(Want::REAL),
            false => s.want.has(query.want),
        };
        self.seen.get(&query.on).is_some_and(enough)
    }

    pub fn put(&mut self, query: Query, state: State) {
        let seen = Seen {
            want: query.want,
            state,
            provisional: false,
            decided: false,
        };
        self.seen.insert(query.on, seen);
    }

    /// Overlays a state that was decided but not yet seen.
    pub fn decide(&mut self, on: Resource, state: State) {
        let seen = Seen {
            want: Want(u16::MAX),
            state,
            provisional: false,
            decided: true,
        };
        self.seen.insert(on, seen);
    }

    /// Lays the end of a change over what was seen, and drops what it made stale.
    pub fn overlay(&mut self, change: &Change) {
        match change.touches() {
            Touch::Everything => self.opaque(),
            Touch::Overlap if self.check => self.predict(change),
            Touch::Overlap => self
                .seen
                .retain(|on, seen| !overlaps(change, on, &seen.state)),
        }
        if let (Resource::File(path), State::File(file)) = (&change.on, &change.after)
            && !file.is_link()
        {
            self.decide(Resource::Target(path.clone()), change.after.clone());
        }
        self.decide(change.on.clone(), change.after.clone());
    }

    /// Something ran whose effects nobody can tell.
    pub fn opaque(&mut self) {
        if self.check {
            self.clouded = true;
            for seen in self.seen.values_mut() {
                seen.provisional = true;
            }
        } else {
            self.seen.clear();
        }
    }

    /// In check mode the host is as before: what a removal takes with it is gone all the same.
    fn predict(&mut self, change: &Change) {
        for (on, seen) in &mut self.seen {
            if !overlaps(change, on, &seen.state) {
                continue;
            }
            match (on, &change.after) {
                (Resource::File(_) | Resource::Target(_), State::Absent) => {
                    seen.state = State::Absent;
                    seen.decided = true;
                }
                _ => seen.provisional = true,
            }
        }
    }

    pub fn entry(&self, on: &Resource) -> Option<&Seen> {
        self.seen.get(on)
    }

    pub fn remove(&mut self, on: &Resource) {
        self.seen.remove(on);
    }

    pub fn retain(&mut self, keep: impl FnMut(&Resource, &mut Seen) -> bool) {
        self.seen.retain(keep);
    }

    pub fn clear(&mut self) {
        self.seen.clear();
    }

    /// What was looked at without having been asked for: a mistake in an action.
    pub fn strays(&self) -> Vec<Resource> {
        self.strays.lock().map(|s| s.clone()).unwrap_or_default()
    }
}
