//! Where on a host something lands: home expanded, links followed, parents found, results described.
//!
//! Changes always name the path that is really written. A link that is to be followed is seen first,
//! then where it leads is asked in the next round, so that undoing later does not depend on the link.

use crate::resource::file::{FileState, Node};
use crate::resource::{Change, Identity, Query, RemotePath, Resource, State, Want};
use crate::source::{Mapping, Value};

use super::attrs::Attrs;
use super::{Decision, Failure, Observed};

/// Links that lead to links are followed this far; there are four rounds of questions in all.
const HOPS: usize = 3;

/// The path with `~` replaced by the home of the login.
pub(crate) fn expand(seen: &Observed, path: &RemotePath) -> RemotePath {
    let home = || RemotePath::new(&seen.me.home);
    let expanded = match path.as_str() {
        "~" => home(),
        text => match text.strip_prefix("~/") {
            Some(rest) => home().map(|h| h.join(rest)),
            None => return path.clone(),
        },
    };
    expanded.unwrap_or_else(|_| path.clone())
}

pub(crate) fn file(path: &RemotePath) -> Resource {
    Resource::File(path.clone())
}

/// Where a link leads.
fn next(path: &RemotePath, state: Option<&State>) -> Option<RemotePath> {
    let state = state?.file()?;
    let Node::Link { target } = &state.node else {
        return None;
    };
    let real = state.meta.as_ref().and_then(|m| m.real_path.as_deref());
    let real = real.and_then(|r| RemotePath::new(r).ok());
    Some(real.unwrap_or_else(|| path.parent().join(target))).filter(|p| p != path)
}

/// The questions that find out what a path is, and where it leads if it is a link.
pub(crate) fn trail(seen: &Observed, path: &RemotePath, follow: bool, want: Want) -> Vec<Query> {
    let mut at = path.clone();
    let mut queries = vec![Query::new(file(&at), want)];
    for _ in 0..HOPS {
        match next(&at, seen.peek(&file(&at))) {
            Some(to) if follow => at = to,
            _ => break,
        }
        queries.push(Query::new(file(&at), want));
    }
    queries
}

/// The path itself, or the end of its trail of links as far as that has been seen.
pub(crate) fn resolve(seen: &Observed, path: &RemotePath, follow: bool) -> RemotePath {
    let mut at = path.clone();
    for _ in 0..HOPS {
        match next(&at, seen.peek(&file(&at))) {
            Some(to) if follow => at = to,
            _ => break,
        }
    }
    at
}

/// What is at a path; `None` where nothing is.
pub(crate) fn look<'a>(
    seen: &'a Observed,
    path: &RemotePath,
) -> Result<Option<&'a FileState>, Failure> {
    match seen.get(&file(path)) {
        State::File(state) => Ok(Some(state)),
        State::Refused(words) => Err(Failure::new(format!("cannot read {path}: {words}"))),
        _ => Ok(None),
    }
}

/// What is at a path, as far as it was asked already.
pub(crate) fn peek<'a>(seen: &'a Observed, path: &RemotePath) -> Option<&'a FileState> {
    seen.peek(&file(path))?.file()
}

/// Whether a path was asked for and nothing is there.
pub(crate) fn is_missing(seen: &Observed, path: &RemotePath) -> bool {
    seen.peek(&file(path)).is_some_and(State::is_absent)
}

/// The directories above a path, nearest first, without the root.
pub(crate) fn ancestors(path: &RemotePath) -> Vec<RemotePath> {
    let mut all = Vec::new();
    let mut at = path.parent();
    while at.as_str() != "/" && at.as_str() != "." && at.as_str() != "~" {
        let up = at.parent();
        all.push(at);
        at = up;
    }
    all
}

pub(crate) fn ask_ancestors(path: &RemotePath) -> impl Iterator<Item = Query> {
    ancestors(path).into_iter().map(|p| Query::meta(file(&p)))
}

/// The directories above a path that are not there, outermost first.
pub(crate) fn missing_ancestors(seen: &Observed, path: &RemotePath) -> Vec<RemotePath> {
    let mut missing: Vec<_> = ancestors(path)
        .into_iter()
        .take_while(|p| seen.get(&file(p)).is_absent())
        .collect();
    missing.reverse();
    missing
}

/// A new directory: one in a directory with the setgid bit takes over its group and the bit.
pub(crate) fn new_directory(parent: Option<&FileState>, me: &Identity) -> FileState {
    let mut state = FileState::fresh(Node::Dir, me);
    if let Some(parent) = parent.filter(|p| p.is_dir() && p.mode & 0o2000 != 0) {
        state.mode |= 0o2000;
        state.group = parent.group.clone();
    }
    state
}

/// Makes the missing directories above a path, each with these attributes.
pub(crate) fn make_ancestors(
    seen: &Observed,
    path: &RemotePath,
    attrs: &Attrs,
    decision: &mut Decision,
) -> Result<Option<FileState>, Failure> {
    let missing = missing_ancestors(seen, path);
    let mut parent = match missing.first() {
        Some(first) => peek(seen, &first.parent()).cloned(),
        None => peek(seen, &path.parent()).cloned(),
    };
    if let Some(file) = parent.as_ref().filter(|p| p.is_file()) {
        let at = missing.first().unwrap_or(path).parent();
        let message = format!("{at} is a {}, so nothing can be below it", kind(file));
        return Err(Failure::new(message));
    }
    for directory in missing {
        let after = attrs.settle(seen, new_directory(parent.as_ref(), &seen.me))?;
        let change = Change::new(file(&directory), State::Absent, State::File(after.clone()));
        decision.set(change);
        parent = Some(after);
    }
    Ok(parent)
}

/// Permissions as results spell them: `0644`, `02755`.
pub(crate) fn mode_text(mode: u32) -> String {
    format!("0{mode:03o}")
}

/// What results say of a file: owner, group, mode, type, size.
pub(crate) fn describe(state: &FileState) -> Mapping {
    let mut map = Mapping::new();
    let mut put = |key: &str, value: Value| {
        map.insert(key.into(), value);
    };
    put("mode", mode_text(state.mode).into());
    put("state", kind(state).into());
    for (name, id, owner) in [
        ("owner", "uid", &state.owner),
        ("group", "gid", &state.group),
    ] {
        let word = owner.word();
        if !word.is_empty() {
            put(name, word.into());
        }
        if let Some(number) = owner.id {
            put(id, number.into());
        }
    }
    let size = match state.content() {
        Some(content) => Some(content.size),
        None => match (&state.meta, &state.node) {
            (Some(meta), _) => Some(meta.size),
            (None, Node::Link { target }) => Some(target.len() as u64),
            (None, _) => None,
        },
    };
    if let Some(size) = size {
        put("size", size.into());
    }
    map
}

/// The word for what a path is: `file`, `hard`, `directory`, `link`.
pub(crate) fn kind(state: &FileState) -> &'static str {
    match &state.node {
        Node::Dir => "directory",
        Node::Link { .. } => "link",
        _ if state.meta.as_ref().is_some_and(|m| m.links > 1) => "hard",
        _ => "file",
    }
}

/// The name the old file is kept under: its path and the first digits of its digest. A name that
/// says what is in it rather than when it was made is the same whenever it is decided.
pub(crate) fn backup_name(path: &RemotePath, old: &FileState) -> String {
    let digest = old.content().map(|c| c.digest.to_string());
    let mark = digest.as_deref().and_then(|d| d.get(..8)).unwrap_or("old");
    format!("{path}.{mark}~")
}

/// Refuses a `validate` command that does not say where the file goes.
pub(crate) fn check_validate(validate: Option<&str>) -> Result<(), super::ArgError> {
    match validate {
        Some(command) if !command.contains("%s") => Err(super::ArgError::new(
            "validate",
            format!("argument `validate` must contain %s: {command}"),
        )
        .hint("%s stands for the file before it is put in place")),
        _ => Ok(()),
    }
}

/// Refuses two arguments that exclude each other.
pub(crate) fn exclusive(pairs: &[(&str, bool)]) -> Result<(), super::ArgError> {
    let given: Vec<_> = pairs.iter().filter(|(_, g)| *g).map(|(n, _)| *n).collect();
    match given.as_slice() {
        [first, second, ..] => Err(super::ArgError::new(
            second,
            format!("arguments `{first}` and `{second}` are mutually exclusive"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_through_what_was_seen() {
        let path = |p: &str| RemotePath::new(p).expect("a path");
        let link = |target: &str| {
            let target = target.to_owned();
            State::File(FileState::fresh(
                Node::Link { target },
                &Identity::default(),
            ))
        };
        let mut seen = Observed::default();
        let (a, b) = (path("/x/a"), path("/x/b"));
        seen.put(Query::meta(file(&a)), link("b"));
        assert_eq!(resolve(&seen, &a, true), b);
        assert_eq!(resolve(&seen, &a, false), a);
        seen.put(Query::meta(file(&b)), link("/y"));
        assert_eq!(resolve(&seen, &a, true), path("/y"));
        assert_eq!(trail(&seen, &a, true, Want::META).len(), 3);
    }

    #[test]
    fn ancestors_end_below_the_root() {
        let path = RemotePath::new("/a/b/c").expect("a path");
        let names: Vec<_> = ancestors(&path).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["/a/b", "/a"]);
    }
}
