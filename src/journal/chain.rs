//! Changes of one thing that follow from one another, and what is undone of them as one.

use super::read::{Entry, What};
use super::reverse::Reversal;
use crate::resource::file::{FileState, Node};
use crate::resource::hash::INLINE_LIMIT;
use crate::resource::unit::UnitState;
use crate::resource::{Content, Digest, Resource, State, written};

/// A change that can be taken back.
pub(super) struct Link<'a> {
    pub entry: &'a Entry,
    on: &'a Resource,
    before: State,
    after: State,
    options: &'a [(String, String)],
}

impl Link<'_> {
    pub(super) fn is_kick(&self) -> bool {
        matches!(&self.after, State::Unit(u) if u.kick.is_some())
    }

    pub(super) fn is_change(&self) -> bool {
        match (&self.before, &self.after) {
            (State::Unit(a), State::Unit(b)) => {
                (a.running, a.enabled, a.masked, &a.levels)
                    != (b.running, b.enabled, b.masked, &b.levels)
            }
            (a, b) => !a.same(b),
        }
    }
}

/// The change of an entry; the error is why there is no way back, nothing where none is needed.
pub(super) fn link(entry: &Entry) -> Result<Option<Link<'_>>, String> {
    let What::Change {
        on,
        before,
        after,
        options,
        hidden,
        ..
    } = &entry.what
    else {
        return Ok(None);
    };
    if *hidden {
        return Err("it may not be shown (no_log), so what was there before is not kept".into());
    }
    if on.is_none() && entry.on == "package index" {
        return Ok(None);
    }
    let (Some(on), Some(before), Some(after)) = (on, before, after) else {
        return Err("what was there before is not recorded".into());
    };
    let why = match (before, after) {
        (State::File(file), State::Absent) => match &file.node {
            Node::Dir if !options.iter().any(|(name, _)| name == EMPTY) => {
                Some("what was in a directory is not kept")
            }
            Node::Other(_) => Some("special files are not made again"),
            _ => None,
        },
        (State::User(user), State::Absent)
            if !user.password.as_deref().is_some_and(written::is_locked) =>
        {
            Some("the password of an account is not kept")
        }
        (State::Group(group), State::Absent) if !group.members.is_empty() => {
            Some("who was in a group is not brought back")
        }
        _ => None,
    };
    match why {
        Some(why) => Err(why.into()),
        None => Ok(Some(Link {
            entry,
            on,
            before: before.clone(),
            after: after.clone(),
            options,
        })),
    }
}

/// The option of a change that removes a directory only if nothing is in it.
pub const EMPTY: &str = "empty";

/// Adds a change to the chain that it continues, or begins one.
pub(super) fn add<'a>(chains: &mut Vec<(Resource, Vec<Link<'a>>)>, link: Link<'a>) {
    let last = chains.iter_mut().rev().find(|(on, _)| on == link.on);
    if let Some((_, chain)) = last
        && let Some(previous) = chain.last()
        && joins(&previous.after, &link.before)
    {
        chain.push(link);
        known(chain);
        return;
    }
    chains.push((link.on.clone(), vec![link]));
}

/// A content that one step of a chain saw is what the steps beside it left, unless they changed it: who
/// only changes a mode does not look at the content.
fn known(chain: &mut [Link<'_>]) {
    for n in (1..chain.len()).rev() {
        let (earlier, later) = chain.split_at_mut(n);
        let (Some(previous), Some(link)) = (earlier.last_mut(), later.first_mut()) else {
            return;
        };
        let kept = (!alters_bytes(previous), !alters_bytes(link));
        share(&mut previous.after, &mut link.before);
        if kept.0 {
            share(&mut previous.before, &mut previous.after);
        }
        if kept.1 {
            share(&mut link.before, &mut link.after);
        }
    }
}

fn file_of(state: &mut State) -> Option<&mut FileState> {
    match state {
        State::File(file) => Some(file),
        _ => None,
    }
}

/// The content of a file that one of the two states knows is known to both.
fn share(a: &mut State, b: &mut State) {
    let (Some(a), Some(b)) = (file_of(a), file_of(b)) else {
        return;
    };
    match (&mut a.node, &mut b.node) {
        (Node::File(a @ None), Node::File(b)) => a.clone_from(b),
        (Node::File(a), Node::File(b @ None)) => b.clone_from(a),
        _ => {}
    }
}

fn alters_bytes(link: &Link<'_>) -> bool {
    let node = |s: &State| s.file().map(|f| f.node.clone());
    node(&link.before) != node(&link.after)
}

/// Whether a state is the one that a later change saw.
fn joins(after: &State, before: &State) -> bool {
    match (after, before) {
        (State::File(a), State::File(b)) => {
            let nodes = match (&a.node, &b.node) {
                (Node::File(x), Node::File(y)) => x.is_none() || y.is_none() || x == y,
                (x, y) => x == y,
            };
            let same = |x: &crate::resource::file::Owner, y| x.same(y);
            nodes
                && (a.mode == b.mode || a.is_link())
                && same(&a.owner, &b.owner)
                && same(&a.group, &b.group)
        }
        (State::Unit(a), State::Unit(b)) => {
            (a.running, a.enabled, a.masked) == (b.running, b.enabled, b.masked)
        }
        (State::Package(a), State::Package(b)) => a.version.is_some() == b.version.is_some(),
        (State::User(_), State::User(_))
        | (State::Group(_), State::Group(_))
        | (State::Mount(_), State::Mount(_)) => true,
        (a, b) => a == b,
    }
}

type Refused<'a> = (&'a Entry, String);

/// What is undone of the changes of one thing.
pub(super) fn of_chain<'a>(
    on: &Resource,
    links: &[Link<'a>],
    wanted: &dyn Fn(&Entry) -> bool,
    has: &dyn Fn(&Digest) -> bool,
) -> Result<Option<Reversal>, Refused<'a>> {
    let chosen: Vec<usize> = (0..links.len())
        .filter(|n| wanted(links[*n].entry))
        .collect();
    let (Some(&first), Some(&last), Some(end)) = (chosen.first(), chosen.last(), links.last())
    else {
        return Ok(None);
    };
    let mut patches = Vec::new();
    let mut to = links[first].before.clone();
    let whole = last + 1 == links.len() && chosen.len() == last + 1 - first;
    if whole {
        if let Some(missing) = missing(&to, &end.after, has) {
            return Err((links[first].entry, missing));
        }
    } else {
        for n in chosen.iter().rev() {
            let link = &links[*n];
            patches.push(patch(link, links.get(n + 1), has).map_err(|why| (link.entry, why))?);
        }
        to = end.after.clone();
    }
    if patches.is_empty() && to.same(&end.after) {
        return Ok(None);
    }
    let picked = || chosen.iter().map(|n| &links[*n]);
    let mut tasks: Vec<String> = Vec::new();
    for link in picked() {
        if !tasks.contains(&link.entry.task) {
            tasks.push(link.entry.task.clone());
        }
    }
    Ok(Some(Reversal {
        host: end.entry.host.clone(),
        on: on.clone(),
        left: unkicked(end.after.clone()),
        to: unkicked(to),
        patches,
        tasks,
        by: end.entry.by.clone(),
        r#as: end.entry.r#as.clone(),
        notify: picked().flat_map(|l| l.entry.notify.clone()).collect(),
        guarded: picked().any(|l| l.entry.guarded),
        options: picked().flat_map(|l| l.options.to_vec()).collect(),
        first: links[first].entry.number,
    }))
}

fn unkicked(state: State) -> State {
    match state {
        State::Unit(unit) => State::Unit(UnitState { kick: None, ..unit }),
        other => other,
    }
}

/// The bytes that a state speaks of.
fn bytes(state: &State) -> Option<&Content> {
    match state {
        State::File(file) => file.content(),
        State::Content(content) => Some(content),
        _ => None,
    }
}

/// Why the bytes of a state cannot be brought back, where they have to be.
fn missing(to: &State, left: &State, has: &dyn Fn(&Digest) -> bool) -> Option<String> {
    let size = match to {
        State::File(file) if file.is_file() => {
            let known = file.content();
            let same = left.file().is_some_and(|l| l.node == file.node);
            if same || known.is_some_and(|c| has(&c.digest)) {
                return None;
            }
            known.map_or_else(|| file.meta.as_ref().map_or(0, |m| m.size), |c| c.size)
        }
        State::Content(content) if !has(&content.digest) => content.size,
        _ => return None,
    };
    Some(match size > INLINE_LIMIT {
        true => "its old content was larger than 1 MiB, and is not kept".into(),
        false => "its old content is not kept".into(),
    })
}

/// The text before and after a change in the midst of others.
fn patch(
    link: &Link<'_>,
    next: Option<&Link<'_>>,
    has: &dyn Fn(&Digest) -> bool,
) -> Result<(Option<Digest>, Option<Digest>), String> {
    let later = |next: &Link<'_>| {
        format!(
            "`{}` of the same run changed it again: undo both",
            next.entry.task
        )
    };
    let texts = [&link.before, &link.after].map(|state| match state {
        State::Absent => Some(None),
        state => bytes(state).map(|c| Some(c.digest)),
    });
    let [Some(before), Some(after)] = texts else {
        return Err(next.map_or_else(|| "something else changed it too".into(), later));
    };
    // What was removed and made again has no lines to take out.
    if before == after || link.after.is_absent() {
        return Err(next.map_or_else(|| "something else changed it too".into(), later));
    }
    let kept = |digest: &Option<Digest>| digest.as_ref().is_none_or(has);
    match kept(&before) && (next.is_none() || kept(&after)) {
        true => Ok((after.filter(|_| next.is_some()), before)),
        false => Err("its old content is not kept".into()),
    }
}
