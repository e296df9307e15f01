//! Copying a directory: each entry becomes a change of its own, so that only what differs is written.

use crate::resource::file::{FileState, Node};
use crate::resource::{Change, Content, LocalEntry, Query, RemotePath, Resource, State, Want};
use crate::result;

use super::arg::Mode;
use super::attrs::Attrs;
use super::put::Put;
use super::{Decision, Failure, Observed, place};

/// Where the directory is that is copied.
pub(crate) enum From {
    Controller(Resource),
    Host { follow: bool },
}

/// An entry to be.
struct Entry {
    /// Relative to the directory.
    below: String,
    what: What,
    /// Permissions it had, where they matter.
    mode: Option<u32>,
}

enum What {
    Dir,
    File {
        content: Content,
        from: Option<RemotePath>,
    },
    Link(String),
}

/// The directory that takes the entries: `src` without a final slash goes along itself.
fn base(put: &Put<'_>, src: &str, seen: &Observed) -> Result<RemotePath, Failure> {
    let dest = RemotePath::new(put.dest).map_err(Failure::new)?;
    let dest = place::expand(seen, &dest);
    Ok(match put.name {
        Some(name) if !src.ends_with('/') => dest.join(name),
        _ => dest,
    })
}

fn host_path(src: &str, seen: &Observed) -> Result<RemotePath, Failure> {
    let path = RemotePath::new(src).map_err(Failure::new)?;
    Ok(place::expand(seen, &path))
}

pub(crate) fn reads(put: &Put<'_>, src: &str, from: From, seen: &Observed) -> Vec<Query> {
    let Ok(base) = base(put, src, seen) else {
        return Vec::new();
    };
    let mut queries = vec![Query::meta(place::file(&base))];
    queries.extend(place::ask_ancestors(&base));
    queries.extend(put.attrs.lookups(None, &seen.me));
    let want = put.attrs.want().and(Want::DIGEST);
    if let (From::Host { follow }, Ok(path)) = (&from, host_path(src, seen)) {
        let tree = Resource::Tree(path);
        queries.push(Query::new(tree.clone(), Want::META.and(Want::DIGEST)));
        if let Some(State::Tree(tree)) = seen.peek(&tree) {
            let links = tree.entries.iter().filter(|(_, s)| *follow && s.is_link());
            let ask = |p: &RemotePath| Query::new(Resource::Target(p.clone()), want);
            queries.extend(links.map(|(path, _)| ask(path)));
        }
    }
    for entry in entries(src, &from, seen).unwrap_or_default() {
        let path = base.join(&entry.below);
        let present = place::peek(seen, &path);
        let differs = match (&entry.what, present.map(|p| &p.node)) {
            (What::File { content, .. }, Some(Node::File(is))) => is.as_ref() != Some(content),
            _ => false,
        };
        let want = if differs {
            want.and(Want::CONTENT)
        } else {
            want
        };
        queries.push(Query::new(place::file(&path), want));
        if let Some(present) = present {
            queries.extend(put.attrs.lookups(Some(present), &seen.me));
        }
    }
    queries
}

/// The entries to be, parents before what is in them. Nothing is known before the source was seen.
fn entries(src: &str, from: &From, seen: &Observed) -> Result<Vec<Entry>, Failure> {
    let mut entries = match from {
        From::Controller(on) => match seen.peek(on) {
            Some(State::LocalTree(tree)) => tree.iter().map(local_entry).collect(),
            _ => Vec::new(),
        },
        From::Host { follow } => {
            let top = host_path(src, seen)?;
            match seen.peek(&Resource::Tree(top.clone())) {
                Some(State::Tree(tree)) if tree.truncated => {
                    return Err(Failure::new(format!("{top} holds too many entries")));
                }
                Some(State::Tree(tree)) => tree
                    .entries
                    .iter()
                    .filter_map(|(path, state)| host_entry(&top, path, state, *follow, seen))
                    .collect(),
                _ => Vec::new(),
            }
        }
    };
    entries.sort_by(|a, b| a.below.cmp(&b.below));
    Ok(entries)
}

fn local_entry((below, entry): &(String, LocalEntry)) -> Entry {
    let (what, mode) = match entry {
        LocalEntry::Dir => (What::Dir, None),
        LocalEntry::Link(target) => (What::Link(target.clone()), None),
        LocalEntry::File { content, mode } => {
            let content = content.clone();
            (
                What::File {
                    content,
                    from: None,
                },
                Some(*mode),
            )
        }
    };
    Entry {
        below: below.clone(),
        what,
        mode,
    }
}

fn host_entry(
    top: &RemotePath,
    path: &RemotePath,
    state: &FileState,
    follow: bool,
    seen: &Observed,
) -> Option<Entry> {
    let below = path
        .as_str()
        .strip_prefix(top.as_str())?
        .trim_start_matches('/');
    let end = Resource::Target(path.clone());
    let state = match seen.peek(&end).and_then(State::file) {
        Some(end) if follow && state.is_link() && end.is_file() => end,
        _ => state,
    };
    let what = match &state.node {
        Node::Dir => What::Dir,
        Node::Link { target } => What::Link(target.clone()),
        Node::File(content) => What::File {
            content: content.clone()?,
            from: Some(path.clone()),
        },
        Node::Other(_) => return None,
    };
    Some(Entry {
        below: below.to_owned(),
        what,
        mode: Some(state.mode),
    })
}

pub(crate) fn decide(
    put: &Put<'_>,
    src: &str,
    from: From,
    seen: &Observed,
) -> Result<Decision, Failure> {
    let base = base(put, src, seen)?;
    let remote = matches!(from, From::Host { .. });
    let mut decision = Decision::default();
    let top = place::look(seen, &base)?;
    if top.is_some_and(FileState::is_file) {
        let message = format!("cannot copy a directory to {base}: it is a file");
        return Err(Failure::new(message));
    }
    let directory = put.directory_attrs();
    let mut made = top.cloned();
    if top.is_none() {
        place::make_ancestors(seen, &base, &directory, &mut decision)?;
        let after = directory.settle(seen, place::new_directory(None, &seen.me))?;
        made = Some(after.clone());
        decision.set(Change::new(
            place::file(&base),
            State::Absent,
            State::File(after),
        ));
    }
    for entry in entries(src, &from, seen)? {
        let path = base.join(&entry.below);
        if let Some(change) = entry.change(put, &directory, remote, &path, seen)? {
            decision.set(change);
        }
    }
    decision.result = if remote {
        let dest = if src.ends_with('/') {
            put.dest
        } else {
            base.as_str()
        };
        let nothing = || crate::source::Value::Null;
        result! { "dest" => dest, "src" => src, "checksum" => nothing(), "md5sum" => nothing() }
    } else {
        let dest = format!("{}/", put.dest.trim_end_matches('/'));
        result! { "dest" => dest, "src" => src }
    };
    if let Some(made) = made.filter(|_| remote) {
        decision.result.extend(place::describe(&made));
    }
    Ok(decision)
}

impl Entry {
    fn change(
        &self,
        put: &Put<'_>,
        directory: &Attrs,
        remote: bool,
        path: &RemotePath,
        seen: &Observed,
    ) -> Result<Option<Change>, Failure> {
        let present = place::look(seen, path)?;
        let before = || present.cloned().map_or(State::Absent, State::File);
        // On the host modes go along; owner and group are ours unless they are given.
        let owner_only = Attrs {
            mode: None,
            ..put.attrs.clone()
        };
        let mut options = Vec::new();
        let after = match &self.what {
            What::Dir => match present {
                Some(state) if state.is_dir() && remote => {
                    owner_only.settle(seen, state.clone())?
                }
                Some(state) if state.is_dir() => directory.settle(seen, state.clone())?,
                Some(_) => return Err(Failure::new(format!("{path} is not a directory"))),
                None => {
                    let mut fresh = place::new_directory(None, &seen.me);
                    fresh.mode = self.mode.filter(|_| remote).unwrap_or(fresh.mode);
                    if remote {
                        owner_only.settle(seen, fresh)?
                    } else {
                        directory.settle(seen, fresh)?
                    }
                }
            },
            What::Link(target) => {
                let target = target.clone();
                FileState::fresh(Node::Link { target }, &seen.me)
            }
            What::File { content, from } => {
                if present.is_some_and(FileState::is_dir) {
                    return Err(Failure::new(format!("{path} is a directory")));
                }
                let replaces = present.filter(|s| s.is_file());
                if replaces.is_some() && !put.force {
                    return Ok(None);
                }
                let differs = replaces.and_then(FileState::content) != Some(content);
                let mut base = match replaces {
                    Some(state) => state.clone(),
                    None => FileState::fresh(Node::File(None), &seen.me),
                };
                let mut attrs = put.attrs.clone();
                if remote {
                    attrs = owner_only;
                    base.mode = self.mode.filter(|_| differs).unwrap_or(base.mode);
                } else if attrs.mode == Some(Mode::Preserve) {
                    attrs.mode = self.mode.map(Mode::Bits);
                }
                let mut after = attrs.settle(seen, base)?;
                if differs {
                    after.node = Node::File(Some(content.clone()));
                    let from = from.as_ref().filter(|_| content.bytes.is_none());
                    options.extend(from.map(|f| ("copy_from".to_owned(), f.to_string())));
                }
                after
            }
        };
        let mut change = Change::new(place::file(path), before(), State::File(after));
        change.how.options = options;
        change.how.unsafe_writes = put.attrs.unsafe_writes;
        if let (true, Some(old)) = (put.backup, present.filter(|s| s.is_file()))
            && !change.before.same(&change.after)
        {
            change.how.backup = Some(place::backup_name(path, old));
        }
        Ok(Some(change))
    }
}
