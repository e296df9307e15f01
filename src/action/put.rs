//! What `copy` and `template` share: bytes that become a file at a path, or in a directory there.

use crate::resource::file::{FileState, Node};
use crate::resource::{Change, Content, Query, RemotePath, Resource, State, Want};
use crate::result;
use crate::source::{Mapping, Value};

use super::arg::Mode;
use super::attrs::Attrs;
use super::{Decision, Failure, Observed, place};

/// Where it goes and how.
pub(crate) struct Put<'a> {
    /// As it was written: a final slash says that it is a directory.
    pub(crate) dest: &'a str,
    /// The name it gets in a directory; nothing where it has none and so needs a file's path.
    pub(crate) name: Option<&'a str>,
    pub(crate) attrs: &'a Attrs,
    pub(crate) directory_mode: Option<&'a Mode>,
    pub(crate) force: bool,
    pub(crate) follow: bool,
    pub(crate) backup: bool,
    pub(crate) validate: Option<&'a str>,
}

/// What goes there.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) content: Content,
    /// Its permissions, where it is a file that has some.
    pub(crate) mode: Option<u32>,
    /// It lies on the host itself.
    pub(crate) remote: Option<RemotePath>,
    /// What results call it.
    pub(crate) shown: String,
    /// Its md5, where the bytes are not at hand to tell.
    pub(crate) md5: Option<String>,
}

impl Put<'_> {
    /// The path as written, or in the directory that it names.
    fn landing(&self, seen: &Observed) -> Result<RemotePath, Failure> {
        let dest = RemotePath::new(self.dest).map_err(Failure::new)?;
        let dest = place::expand(seen, &dest);
        let end = place::resolve(seen, &dest, true);
        let folder =
            self.dest.ends_with('/') || place::peek(seen, &end).is_some_and(FileState::is_dir);
        match self.name {
            Some(name) if folder => Ok(dest.join(name)),
            None if folder => Err(Failure::new("can not use content with a dir as dest")),
            _ => Ok(dest),
        }
    }

    /// Where it is written: the landing, or where that leads.
    pub(crate) fn at(&self, seen: &Observed) -> Result<RemotePath, Failure> {
        Ok(place::resolve(seen, &self.landing(seen)?, self.follow))
    }

    fn want(&self) -> Want {
        self.attrs.want().and(Want::DIGEST)
    }

    /// The questions about the place, given what is to come there as far as that is known.
    pub(crate) fn reads(&self, seen: &Observed, source: Option<&Source>) -> Vec<Query> {
        let (Ok(dest), Ok(landing)) = (RemotePath::new(self.dest), self.landing(seen)) else {
            return Vec::new();
        };
        let dest = place::expand(seen, &dest);
        let mut queries = place::trail(seen, &dest, true, self.want());
        if landing != dest {
            queries.extend(place::trail(seen, &landing, self.follow, self.want()));
        }
        let at = place::resolve(seen, &landing, self.follow);
        match place::peek(seen, &at) {
            Some(state) => {
                let same = source.is_none_or(|s| state.content() == Some(&s.content));
                if state.is_file() && !same && self.force {
                    let want = self.want().and(Want::CONTENT);
                    queries.push(Query::new(place::file(&at), want));
                }
                queries.extend(self.attrs.lookups(Some(state), &seen.me));
            }
            None if place::is_missing(seen, &at) => {
                queries.extend(self.attrs.lookups(None, &seen.me));
                if self.dest.ends_with('/') {
                    queries.extend(place::ask_ancestors(&at));
                } else {
                    queries.push(Query::meta(place::file(&at.parent())));
                }
            }
            None => {}
        }
        queries
    }

    pub(crate) fn decide(&self, seen: &Observed, source: &Source) -> Result<Decision, Failure> {
        let at = self.at(seen)?;
        let state = place::look(seen, &at)?;
        let checksum = || source.content.sha1().map_or(Value::Null, Value::from);
        if let Some(state) = state {
            if state.is_dir() {
                return Err(Failure::new(format!("{at} is a directory")));
            }
            if !self.force {
                let shown = source.shown.clone();
                return Ok(Decision::ok(result! {
                    "dest" => at.as_str(), "src" => shown,
                }));
            }
        }
        let mut decision = Decision::default();
        if state.is_none() {
            self.make_room(seen, &at, &mut decision)
                .map_err(|mut failure| {
                    failure.result.insert("checksum".into(), checksum());
                    failure
                })?;
        }
        let replaces = state.filter(|s| s.is_file());
        let alters = replaces.is_none_or(|s| s.content() != Some(&source.content));
        let after = self.after(seen, replaces, source, alters)?;
        let before = state.cloned().map_or(State::Absent, State::File);
        let mut change = Change::new(place::file(&at), before, State::File(after.clone()));
        change.how.unsafe_writes = self.attrs.unsafe_writes;
        change.how.options = self.attrs.options(state, &after);
        decision.result = result! { "dest" => at.as_str(), "checksum" => checksum() };
        // The host's own file is told of as one that is copied, whether that was needed or not.
        let copied = alters || source.remote.is_some();
        if copied {
            let md5 = source.content.md5().or_else(|| source.md5.clone());
            let told = result! {
                "md5sum" => md5.map_or(Value::Null, Value::from), "src" => source.shown.as_str(),
            };
            decision.result.extend(told);
        } else {
            decision.result.insert("path".into(), at.as_str().into());
        }
        if alters {
            change.how.validate = self.validate.map(str::to_owned);
            if let Some(old) = replaces.filter(|_| self.backup) {
                let name = place::backup_name(&at, old);
                decision
                    .result
                    .insert("backup_file".into(), name.clone().into());
                change.how.backup = Some(name);
            }
            if let (None, Some(from)) = (&source.content.bytes, &source.remote) {
                let option = ("copy_from".to_owned(), from.to_string());
                change.how.options.push(option);
            }
        }
        decision.result.extend(place::describe(&after));
        decision.set(change);
        Ok(decision)
    }

    /// The file as it will be.
    fn after(
        &self,
        seen: &Observed,
        replaces: Option<&FileState>,
        source: &Source,
        alters: bool,
    ) -> Result<FileState, Failure> {
        let mut base = match replaces {
            Some(state) => state.clone(),
            None => FileState::fresh(Node::File(None), &seen.me),
        };
        // A copy made on the host over a file that is there brings its own mode and our owner.
        if let (Some(_), Some(mode), true, Some(_)) =
            (&source.remote, source.mode, alters, replaces)
        {
            base = FileState::fresh(base.node, &seen.me);
            base.mode = mode;
        }
        let mut attrs = self.attrs.clone();
        if attrs.mode == Some(Mode::Preserve) {
            attrs.mode = source.mode.map(Mode::Bits);
        }
        let mut after = attrs.settle(seen, base)?;
        if alters {
            after.node = Node::File(Some(source.content.clone()));
        }
        Ok(after)
    }

    /// Attributes of directories that are made.
    pub(crate) fn directory_attrs(&self) -> Attrs {
        Attrs {
            mode: self.directory_mode.cloned(),
            attributes: None,
            ..self.attrs.clone()
        }
    }

    /// The directory it goes into: made where a final slash asks for it, else it must be there.
    fn make_room(
        &self,
        seen: &Observed,
        at: &RemotePath,
        decision: &mut Decision,
    ) -> Result<(), Failure> {
        if self.dest.ends_with('/') {
            place::make_ancestors(seen, at, &self.directory_attrs(), decision)?;
            return Ok(());
        }
        let parent = at.parent();
        let message = match seen.get(&place::file(&parent)) {
            State::File(state) if state.is_dir() || state.is_link() => return Ok(()),
            State::File(_) => format!("Destination directory {parent} is not a directory"),
            State::Refused(words) => {
                format!("Destination directory {parent} is not accessible: {words}")
            }
            _ => format!("Destination directory {parent} does not exist"),
        };
        Err(Failure::new(message))
    }
}

/// What a file of the controller's answered: its content, and its mode where that was asked.
pub(crate) fn local(
    seen: &Observed,
    on: &Resource,
    shown: &str,
) -> Result<Option<Source>, Failure> {
    let (content, mode) = match seen.get(on) {
        State::Content(content) => (Some(content.clone()), None),
        State::File(state) => (state.content().cloned(), Some(state.mode)),
        State::LocalTree(_) => return Ok(None),
        State::Refused(words) => return Err(Failure::new(words.clone())),
        _ => (None, None),
    };
    let content = content.ok_or_else(|| {
        Failure::new(format!(
            "Could not find or access '{shown}' on the controller; \
             if it is on the host, see the remote_src option"
        ))
    })?;
    Ok(Some(Source {
        content,
        mode,
        remote: None,
        shown: shown.to_owned(),
        md5: None,
    }))
}

/// Adds what a failure found out.
pub(crate) fn failure(message: impl Into<String>, result: Mapping) -> Failure {
    Failure {
        message: message.into(),
        result,
    }
}
