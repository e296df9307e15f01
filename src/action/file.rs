//! Files, directories and links: their type, owner, group, mode and times.
//!
//! Changed when something is made, removed or given other attributes; `touch` always is, unless times
//! are preserved. Differs from Ansible's: times are written as UTC; with `recurse`, what symbolic links
//! lead to is left alone.

use crate::choices;
use crate::resource::file::{FileState, Meta};
use crate::resource::{Change, Query, RemotePath, Resource, State, Want};
use crate::result;
use crate::source::Mapping;

use super::put::failure;
use super::{ArgError, Decision, Failure, Observed, Spec, Task, links, place, strptime};

choices! {
    pub(crate) enum FileKind {
        File = "file",
        Directory = "directory",
        Link = "link",
        Hard = "hard",
        Touch = "touch",
        Absent = "absent",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The path it is about.
        path: RemotePath = required, aka ["dest", "name"];
        /// What it should be; what it is already, where this is not given.
        state: Option<FileKind>;
        /// What a link leads to, or the file that gets another name.
        src: Option<String>;
        /// Give the attributes to everything below a directory.
        recurse: bool = "false";
        /// Make links to what is not there, and replace what is in the way.
        force: bool = "false";
        /// Work on what a symbolic link leads to.
        follow: bool = "true";
        /// `preserve`, `now`, or a time; `preserve` by default, `now` with `state: touch`.
        modification_time: Option<String>;
        /// How `modification_time` is written.
        modification_time_format: String = "'%Y%m%d%H%M.%S'";
        /// `preserve`, `now`, or a time; `preserve` by default, `now` with `state: touch`.
        access_time: Option<String>;
        /// How `access_time` is written.
        access_time_format: String = "'%Y%m%d%H%M.%S'";
    } with attrs
}

pub(crate) static SPEC: Spec = Spec {
    name: "file",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Makes, removes and sets attributes of files, directories and links",
    notes: "Changed when something is made, removed or given other attributes; touch always is.",
    examples: r#"
- name: Only the owner reads it
  file:
    path: /etc/foo.conf
    owner: foo
    mode: u=rw,g=r,o=
- name: A place for data
  file:
    path: /srv/data
    state: directory
    mode: "0755"
- name: A link
  file:
    src: /opt/app-1.2
    dest: /opt/app
    state: link
- name: No trace of it
  file:
    path: /etc/old.conf
    state: absent
"#,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    if let Some(kind) = args.state {
        args.fits(kind)
            .map_err(|(name, message)| ArgError::new(name, message))?;
    }
    args.times(FileKind::File)
        .map_err(|e| ArgError::new("modification_time", e))?;
    Ok(Box::new(args))
}

/// What a time is to be set to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Time {
    Now,
    At(f64),
}

impl Args {
    /// The rules between `state` and what else is given.
    fn fits(&self, kind: FileKind) -> Result<(), (&'static str, &'static str)> {
        if self.recurse && kind != FileKind::Directory {
            return Err(("recurse", "recurse option requires state to be 'directory'"));
        }
        if self.src.is_some() && !matches!(kind, FileKind::Link | FileKind::Hard) {
            return Err(("src", "src option requires state to be 'link' or 'hard'"));
        }
        Ok(())
    }

    fn path(&self, seen: &Observed) -> RemotePath {
        let path = place::expand(seen, &self.path);
        // A hard link into a directory takes the name of its source.
        let folder = place::peek(seen, &path).is_some_and(FileState::is_dir);
        match (&self.src, self.state) {
            (Some(src), Some(FileKind::Hard)) if folder => {
                path.join(src.trim_end_matches('/').rsplit('/').next().unwrap_or(src))
            }
            _ => path,
        }
    }

    /// The state that is wanted, where none is given: what the path is.
    fn kind(&self, seen: &Observed) -> FileKind {
        self.state.unwrap_or_else(|| {
            match place::peek(seen, &place::expand(seen, &self.path)).map(place::kind) {
                Some("directory") => FileKind::Directory,
                Some("link") => FileKind::Link,
                Some("hard") => FileKind::Hard,
                None if self.recurse => FileKind::Directory,
                _ => FileKind::File,
            }
        })
    }

    /// Modification and access time to be.
    fn times(&self, kind: FileKind) -> Result<[(&'static str, Option<Time>); 2], String> {
        let usual = (kind == FileKind::Touch).then_some(Time::Now);
        let read = |given: &Option<String>, format: &str| match given.as_deref() {
            None => Ok(usual),
            Some("preserve" | "") => Ok(None),
            Some("now") => Ok(Some(Time::Now)),
            Some(text) => strptime::parse(text, format).map(|t| Some(Time::At(t))),
        };
        Ok([
            (
                "mtime",
                read(&self.modification_time, &self.modification_time_format)?,
            ),
            ("atime", read(&self.access_time, &self.access_time_format)?),
        ])
    }

    /// Adds the change that gives a path these attributes and times.
    pub(super) fn adjust(
        &self,
        seen: &Observed,
        path: &RemotePath,
        before: Option<&FileState>,
        fresh: FileState,
        decision: &mut Decision,
    ) -> Result<FileState, Failure> {
        let kind = self.kind(seen);
        let mut after = self.attrs.settle(seen, fresh)?;
        let times = self.times(kind).map_err(Failure::new)?;
        let present = before.and_then(|b| b.meta.clone());
        let mut meta = after.meta.clone().unwrap_or_default();
        let mut options = self.attrs.options(before, &after);
        for (name, time) in times {
            let (is, slot) = match name {
                "mtime" => (present.as_ref().map(|m| m.mtime), &mut meta.mtime),
                _ => (present.as_ref().map(|m| m.atime), &mut meta.atime),
            };
            match time {
                None => *slot = is.unwrap_or_default(),
                Some(Time::At(at)) => {
                    *slot = at;
                    if is != Some(at) {
                        options.push((name.to_owned(), at.to_string()));
                    }
                }
                // A file that is made is touched by being made.
                Some(Time::Now) if before.is_none() => {}
                Some(Time::Now) => options.push((name.to_owned(), "now".to_owned())),
            }
        }
        let given = times.iter().any(|(_, t)| matches!(t, Some(Time::At(_))));
        if given {
            after.meta = Some(Meta {
                size: present.map_or(0, |m| m.size),
                ..meta
            });
        }
        let before = before.cloned().map_or(State::Absent, State::File);
        let mut change = Change::new(place::file(path), before, State::File(after.clone()));
        change.how.options = options;
        decision.set(change);
        Ok(after)
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let path = place::expand(seen, &self.path);
        let want = self.attrs.want();
        let first = Query::new(place::file(&path), want);
        if self.state.is_none() && seen.peek(&first.on).is_none() {
            return vec![first];
        }
        let path = self.path(seen);
        let mut queries = vec![first];
        match self.kind(seen) {
            FileKind::Link | FileKind::Hard => queries.extend(links::reads(self, &path, seen)),
            FileKind::Absent => {
                if place::peek(seen, &path).is_some_and(FileState::is_file) {
                    let want = Want::META.and(Want::DIGEST).and(Want::CONTENT);
                    queries.push(Query::new(place::file(&path), want));
                }
            }
            _ => {
                queries.extend(place::trail(seen, &path, self.follow, want));
                let at = place::resolve(seen, &path, self.follow);
                if place::is_missing(seen, &at) {
                    queries.extend(place::ask_ancestors(&at));
                    queries.extend(self.attrs.lookups(None, &seen.me));
                }
                if let Some(state) = place::peek(seen, &at) {
                    queries.extend(self.attrs.lookups(Some(state), &seen.me));
                }
                queries.extend(self.tree_reads(seen, &at));
            }
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let kind = self.kind(seen);
        self.fits(kind)
            .map_err(|(_, message)| Failure::new(message))?;
        let path = self.path(seen);
        match kind {
            FileKind::Link => links::symbolic(self, &path, seen),
            FileKind::Hard => links::hard(self, &path, seen),
            FileKind::Absent => absent(&path, seen),
            FileKind::File => self.file(seen, &path),
            FileKind::Touch => self.touch(seen, &path),
            FileKind::Directory => self.directory(seen, &path),
        }
    }
}

impl Args {
    fn file(&self, seen: &Observed, path: &RemotePath) -> Result<Decision, Failure> {
        let at = place::resolve(seen, path, self.follow);
        let state = place::look(seen, &at)?;
        let kind = state.map_or("absent", place::kind);
        let Some(state) = state.filter(|_| matches!(kind, "file" | "hard")) else {
            let message = format!("file ({at}) is {kind}, cannot continue");
            let result = result! { "path" => at.as_str(), "state" => kind };
            return Err(failure(message, result));
        };
        let mut decision = Decision::default();
        let after = self.adjust(seen, &at, Some(state), state.clone(), &mut decision)?;
        decision.result = result! { "path" => at.as_str() };
        decision.result.extend(place::describe(&after));
        Ok(decision)
    }

    fn touch(&self, seen: &Observed, path: &RemotePath) -> Result<Decision, Failure> {
        let at = place::resolve(seen, path, self.follow);
        let state = place::look(seen, &at)?;
        let mut decision = Decision::default();
        let fresh = match state {
            Some(state) => state.clone(),
            None => {
                if place::missing_ancestors(seen, &at).contains(&at.parent()) {
                    let result = result! { "path" => at.as_str() };
                    return Err(failure("Error, could not touch target.", result));
                }
                let empty = crate::resource::Content::new(Vec::new());
                FileState::fresh(crate::resource::file::Node::File(Some(empty)), &seen.me)
            }
        };
        let after = self.adjust(seen, &at, state, fresh, &mut decision)?;
        decision.result = result! { "dest" => path.as_str() };
        decision.result.extend(place::describe(&after));
        Ok(decision)
    }

    fn directory(&self, seen: &Observed, path: &RemotePath) -> Result<Decision, Failure> {
        let at = place::resolve(seen, path, self.follow);
        let state = place::look(seen, &at)?;
        let mut decision = Decision::default();
        let after = match state {
            Some(state) if state.is_dir() => {
                self.adjust(seen, &at, Some(state), state.clone(), &mut decision)?
            }
            Some(state) => {
                let kind = place::kind(state);
                let message = format!("{at} already exists as a {kind}");
                return Err(failure(message, result! { "path" => at.as_str() }));
            }
            None => {
                let parent = place::make_ancestors(seen, &at, &self.attrs, &mut decision)?;
                let fresh = place::new_directory(parent.as_ref(), &seen.me);
                self.adjust(seen, &at, None, fresh, &mut decision)?
            }
        };
        if self.recurse && state.is_some() {
            self.recurse(seen, &at, &mut decision)?;
        }
        decision.result = result! { "path" => at.as_str() };
        decision.result.extend(place::describe(&after));
        Ok(decision)
    }

    fn tree_reads(&self, seen: &Observed, at: &RemotePath) -> Vec<Query> {
        let directory = self.kind(seen) == FileKind::Directory;
        if !self.recurse || !directory || place::is_missing(seen, at) {
            return Vec::new();
        }
        let tree = Resource::Tree(at.clone());
        let mut queries = vec![Query::new(tree.clone(), self.attrs.want())];
        if let Some(State::Tree(tree)) = seen.peek(&tree) {
            for (_, state) in &tree.entries {
                for query in self.attrs.lookups(Some(state), &seen.me) {
                    if !queries.contains(&query) {
                        queries.push(query);
                    }
                }
            }
        }
        queries
    }

    /// Gives the attributes to everything below a directory, each entry a change of its own.
    fn recurse(
        &self,
        seen: &Observed,
        at: &RemotePath,
        decision: &mut Decision,
    ) -> Result<(), Failure> {
        let State::Tree(tree) = seen.get(&Resource::Tree(at.clone())) else {
            return Ok(());
        };
        if tree.truncated {
            return Err(Failure::new(format!(
                "{at} holds too many entries to recurse into"
            )));
        }
        for (path, state) in &tree.entries {
            self.adjust(seen, path, Some(state), state.clone(), decision)?;
        }
        Ok(())
    }
}

/// Removes what is at a path, a directory with all that is in it.
fn absent(path: &RemotePath, seen: &Observed) -> Result<Decision, Failure> {
    let mut decision = Decision::default();
    if let Some(state) = place::look(seen, path)? {
        let before = State::File(state.clone());
        decision.set(Change::new(place::file(path), before, State::Absent));
    }
    decision.result = result! { "path" => path.as_str(), "state" => "absent" };
    Ok(decision)
}
