//! What was seen, overlaid by what was decided since.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::overlap::overlaps;
use crate::resource::file::Node;
use crate::resource::texts::{self, TextFile};
use crate::resource::{Change, Identity, Query, RemotePath, Resource, State, Touch, Want};

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
    /// Something opaque would have run: all that was known is in doubt until that is forgotten.
    clouded: bool,
    /// How often `-v` was given (`debug: verbosity`).
    pub verbosity: u8,
    strays: Mutex<Vec<Resource>>,
    /// What stood here before something was decided or put in doubt, where that is to be forgotten again.
    before: Vec<(Resource, Option<Seen>)>,
    remembers: bool,
}

/// What was decided and set aside.
#[derive(Debug, Default)]
pub struct Aside {
    now: Vec<(Resource, Option<Seen>)>,
    before: Vec<(Resource, Option<Seen>)>,
    doubtful: Vec<Resource>,
    clouded: bool,
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

    /// The files of [`Resource::Texts`], with everything that was decided about files laid over them:
    /// what earlier tasks changed, made and removed. Ordered by pattern, then by name.
    ///
    /// # Errors
    /// Says why the files could not be listed. A single file that could not be read is in the list
    /// and says so itself.
    pub fn texts(&self, on: &Resource) -> Result<Vec<TextFile>, String> {
        let Resource::Texts(patterns) = on else {
            return Err(format!("{on} is no question about texts"));
        };
        let mut files = match self.get(on) {
            State::Texts(files) => files.clone(),
            State::Refused(why) => return Err(format!("cannot read {on}: {why}")),
            _ => Vec::new(),
        };
        for (at, seen) in self.seen.iter().filter(|(_, seen)| seen.decided) {
            if let Resource::File(path) = at {
                lay(&mut files, patterns, path, &seen.state);
            }
        }
        texts::order(patterns, &mut files);
        Ok(files)
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
        // What was decided stays laid over it until that is forgotten.
        let known = self.before.iter_mut().find(|(on, _)| *on == query.on);
        if let Some((on, before)) = known {
            *before = Some(seen.clone());
            if self.seen.get(on).is_some_and(|s| s.decided) {
                return;
            }
        }
        self.seen.insert(query.on, seen);
    }

    /// From now on what is decided can be forgotten again.
    pub fn remember(&mut self) {
        self.remembers = true;
    }

    /// Takes back all that was decided since: the host is as it was seen.
    pub fn forget_decided(&mut self) {
        for (on, before) in std::mem::take(&mut self.before).into_iter().rev() {
            match before {
                Some(seen) => self.seen.insert(on, seen),
                None => self.seen.remove(&on),
            };
        }
        if std::mem::take(&mut self.clouded) {
            for seen in self.seen.values_mut() {
                seen.provisional = false;
            }
        }
    }

    /// Takes back all that was decided, as [`Observed::forget_decided`] does, and returns it: whoever
    /// asks for tasks that will not see it must not be answered by it.
    pub fn set_aside(&mut self) -> Aside {
        let now = |(on, _): &(Resource, _)| (on.clone(), self.seen.get(on).cloned());
        let doubtful = self
            .seen
            .iter()
            .filter(|(_, s)| self.clouded && s.provisional);
        let aside = Aside {
            now: self.before.iter().map(now).collect(),
            before: self.before.clone(),
            doubtful: doubtful.map(|(on, _)| on.clone()).collect(),
            clouded: self.clouded,
        };
        self.forget_decided();
        aside
    }

    /// Brings back what was set aside.
    pub fn bring_back(&mut self, aside: Aside) {
        for (on, now) in aside.now {
            match now {
                Some(seen) => self.seen.insert(on, seen),
                None => self.seen.remove(&on),
            };
        }
        for on in aside.doubtful {
            if let Some(seen) = self.seen.get_mut(&on) {
                seen.provisional = true;
            }
        }
        self.before = aside.before;
        self.clouded = aside.clouded;
    }

    fn note(&mut self, on: &Resource) {
        if self.remembers {
            self.before.push((on.clone(), self.seen.get(on).cloned()));
        }
    }

    /// Overlays a state that was decided but not yet seen.
    pub fn decide(&mut self, on: Resource, state: State) {
        self.note(&on);
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

    /// In check mode the host is as before: what the removal of a path takes with it is gone all the same.
    fn predict(&mut self, change: &Change) {
        let is_path = matches!(
            change.on,
            Resource::File(_) | Resource::Target(_) | Resource::Tree(_)
        );
        for (on, seen) in &mut self.seen {
            if !overlaps(change, on, &seen.state) {
                continue;
            }
            if self.remembers {
                self.before.push((on.clone(), Some(seen.clone())));
            }
            match (on, &change.after) {
                (Resource::File(_) | Resource::Target(_), State::Absent) if is_path => {
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

/// Lays what was decided about one path over the files of a question.
fn lay(files: &mut Vec<TextFile>, patterns: &[String], path: &RemotePath, state: &State) {
    let State::File(decided) = state else {
        files.retain(|f| f.target() != path && &f.path != path);
        return;
    };
    let mut known = false;
    for file in files.iter_mut().filter(|f| f.target() == path) {
        known = true;
        let mut after = decided.clone();
        // Only its mode or owner was decided, or it stays as it was: the content is at hand.
        match (&file.file.node, &mut after.node) {
            (Node::File(Some(old)), Node::File(new))
                if new.as_ref().is_none_or(|new| new == old) =>
            {
                *new = Some(old.clone());
            }
            _ => file.refused = None,
        }
        file.file = after;
    }
    if decided.is_dir() || decided.is_link() {
        files.retain(|f| f.target() != path);
        return;
    }
    let matches = || patterns.iter().any(|p| texts::matches(p, path.as_str()));
    if !known && decided.is_file() && matches() {
        files.push(TextFile {
            path: path.clone(),
            real: None,
            file: decided.clone(),
            refused: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Content;
    use crate::resource::file::FileState;

    fn path(text: &str) -> RemotePath {
        RemotePath::new(text).expect("a path")
    }

    fn state(text: &str) -> FileState {
        let node = Node::File(Some(Content::new(text.as_bytes().to_vec())));
        FileState::fresh(node, &Identity::default())
    }

    fn names(seen: &Observed, on: &Resource) -> Vec<String> {
        let files = seen.texts(on).expect("texts");
        let word = |f: &TextFile| format!("{} {}", f.path, f.text().expect("text"));
        files.iter().map(word).collect()
    }

    #[test]
    fn decided_files_are_laid_over_texts() {
        let on = Resource::texts(["/x.conf", "/x.d/*.conf"]);
        let file = |at: &str, real: Option<&str>, text: &str| TextFile {
            path: path(at),
            real: real.map(path),
            file: state(text),
            refused: None,
        };
        let found = vec![
            file("/x.conf", None, "main"),
            file("/x.d/a.conf", None, "a"),
            file("/x.d/l.conf", Some("/y"), "linked"),
        ];
        let mut seen = Observed::default();
        seen.put(Query::meta(on.clone()), State::Texts(found));
        let mut closed = state("");
        (closed.node, closed.mode) = (Node::File(None), 0o600);
        let write = |at: &str, text: &str| (at.to_owned(), State::File(state(text)));
        for (at, state) in [
            write("/x.d/b.conf", "new"),
            write("/x.d/b.txt", "other"),
            write("/y", "changed"),
            ("/x.d/a.conf".into(), State::Absent),
            ("/x.conf".into(), State::File(closed)),
        ] {
            seen.decide(Resource::File(path(&at)), state);
        }
        let wanted = ["/x.conf main", "/x.d/b.conf new", "/x.d/l.conf changed"];
        assert_eq!(names(&seen, &on), wanted);
        assert_eq!(seen.texts(&on).expect("texts")[0].file.mode, 0o600);
    }
}
