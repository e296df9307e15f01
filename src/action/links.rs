//! Symbolic and hard links, as the `file` action makes them.

use crate::resource::file::{FileState, Node};
use crate::resource::{Change, Query, RemotePath, Resource, State, Want};
use crate::result;
use crate::source::Value;

use super::file::{Args, FileKind};
use super::put::failure;
use super::{Decision, Failure, Observed, place};

/// What a link leads to, seen from where the link stands.
fn target(args: &Args, path: &RemotePath, seen: &Observed) -> Option<RemotePath> {
    let present = place::peek(seen, path);
    let folder = match present {
        Some(state) if state.is_dir() => path.clone(),
        _ => path.parent(),
    };
    let kept = match present.map(|p| &p.node) {
        Some(Node::Link { target }) => Some(target.clone()),
        _ => None,
    };
    args.src.clone().or(kept).map(|src| folder.join(&src))
}

pub(super) fn reads(args: &Args, path: &RemotePath, seen: &Observed) -> Vec<Query> {
    let hard = args.state == Some(FileKind::Hard);
    let mut want = args.attrs.want();
    if hard {
        // Which names are the same file shows only in what is there.
        want = want.and(Want::REAL);
    }
    let all = want.and(Want::DIGEST).and(Want::CONTENT);
    let mut queries = vec![Query::new(
        place::file(path),
        if hard { want.and(Want::DIGEST) } else { want },
    )];
    queries.push(Query::meta(place::file(&path.parent())));
    if let Some(target) = target(args, path, seen) {
        let want = if hard { want.and(Want::DIGEST) } else { want };
        queries.extend(place::trail(seen, &target, true, want));
        let end = place::resolve(seen, &target, true);
        queries.extend(args.attrs.lookups(place::peek(seen, &end), &seen.me));
    }
    match place::peek(seen, path) {
        Some(state) if state.is_dir() && args.force => {
            queries.push(Query::meta(Resource::Tree(path.clone())));
        }
        // What is replaced is kept for taking the change back.
        Some(state) if state.is_file() && args.force && args.src.is_some() => {
            queries.push(Query::new(place::file(path), all));
        }
        _ => {}
    }
    if let Some(state) = place::peek(seen, path) {
        queries.extend(args.attrs.lookups(Some(state), &seen.me));
    }
    queries
}

fn refuse_missing_parent(path: &RemotePath, seen: &Observed) -> Result<(), Failure> {
    if !seen.get(&place::file(&path.parent())).is_absent() {
        return Ok(());
    }
    let message = format!("Error while linking: no directory {}", path.parent());
    Err(failure(message, result! { "path" => path.as_str() }))
}

pub(super) fn symbolic(
    args: &Args,
    path: &RemotePath,
    seen: &Observed,
) -> Result<Decision, Failure> {
    let state = place::look(seen, path)?;
    let present = state.and_then(|s| match &s.node {
        Node::Link { target } => Some(target.clone()),
        _ => None,
    });
    let here = || result! { "path" => path.as_str() };
    let Some(src) = args.src.clone().or_else(|| present.clone()) else {
        return Err(failure("src is required for creating new symlinks", here()));
    };
    let leads = target(args, path, seen).unwrap_or_else(|| path.parent());
    let end = place::resolve(seen, &leads, true);
    let reached = place::look(seen, &end)?;
    if !args.force && args.src.is_some() && reached.is_none() {
        let message = format!(
            "src file does not exist, use 'force=yes' if you really want to create the link: {leads}"
        );
        let result = result! { "path" => path.as_str(), "src" => src };
        return Err(failure(message, result));
    }
    let mut decision = Decision::default();
    let mut here_now = state.filter(|s| s.is_link()).cloned();
    if present.as_ref() != Some(&src) {
        clear_the_way(args, path, state, seen, &mut decision)?;
        if state.is_none() {
            refuse_missing_parent(path, seen)?;
        }
        let before = state.filter(|s| !s.is_dir()).cloned();
        let mut link = FileState::fresh(
            Node::Link {
                target: src.clone(),
            },
            &seen.me,
        );
        if !args.follow {
            link = args.attrs.settle(seen, link)?;
            link.mode = 0o777;
        }
        let before = before.map_or(State::Absent, State::File);
        decision.set(Change::new(place::file(path), before, State::File(link)));
        here_now = None;
    } else if let (false, Some(state)) = (args.follow, state) {
        let after = args.adjust(seen, path, Some(state), state.clone(), &mut decision)?;
        here_now = Some(after);
    }
    // Attributes are those of what it leads to.
    match reached {
        Some(reached) if args.follow => {
            args.adjust(seen, &end, Some(reached), reached.clone(), &mut decision)?;
        }
        None if args.follow && (args.attrs.mode.is_some() || args.attrs.owner.is_some()) => {
            let warning = format!("{path} leads nowhere, so its attributes cannot be set");
            decision.warnings.push(warning);
        }
        _ => {}
    }
    let fresh = FileState::fresh(
        Node::Link {
            target: src.clone(),
        },
        &seen.me,
    );
    let told = args.src.clone().or_else(|| present.filter(|_| args.follow));
    let told = told.map_or(Value::Null, Value::from);
    decision.result = result! { "dest" => path.as_str(), "src" => told };
    if reached.is_some() {
        decision
            .result
            .extend(place::describe(&here_now.unwrap_or(fresh)));
    }
    Ok(decision)
}

/// Refuses to replace what is no link, or takes it away where that is asked for.
fn clear_the_way(
    args: &Args,
    path: &RemotePath,
    state: Option<&FileState>,
    seen: &Observed,
    decision: &mut Decision,
) -> Result<(), Failure> {
    let Some(state) = state.filter(|s| !s.is_link()) else {
        return Ok(());
    };
    let here = || result! { "path" => path.as_str() };
    if !args.force {
        let kind = place::kind(state);
        let message = format!("refusing to convert from {kind} to symlink for {path}");
        return Err(failure(message, here()));
    }
    if !state.is_dir() {
        return Ok(());
    }
    if let State::Tree(tree) = seen.get(&Resource::Tree(path.clone()))
        && !tree.entries.is_empty()
    {
        let message = format!("the directory {path} is not empty, refusing to convert it");
        return Err(failure(message, here()));
    }
    let before = State::File(state.clone());
    decision.set(Change::new(place::file(path), before, State::Absent));
    Ok(())
}

pub(super) fn hard(args: &Args, path: &RemotePath, seen: &Observed) -> Result<Decision, Failure> {
    let state = place::look(seen, path)?;
    let ends = |src: &str| result! { "dest" => path.as_str(), "src" => src };
    let Some(src) = &args.src else {
        let linked = state.filter(|s| s.is_file());
        let linked =
            linked.ok_or_else(|| Failure::new("src is required for creating new hardlinks"))?;
        let mut decision = Decision::default();
        let after = args.adjust(seen, path, Some(linked), linked.clone(), &mut decision)?;
        decision.result = result! { "dest" => path.as_str() };
        decision.result.extend(place::describe(&after));
        return Ok(decision);
    };
    let leads = target(args, path, seen).unwrap_or_else(|| path.parent());
    let end = place::resolve(seen, &leads, true);
    let Some(origin) = place::look(seen, &end)? else {
        return Err(failure("src does not exist", ends(src)));
    };
    let inode = |s: &FileState| s.meta.as_ref().map(|m| (m.device, m.inode));
    let real = |s: &FileState| s.meta.as_ref().and_then(|m| m.real_path.clone());
    let same = state.is_some_and(|s| {
        // One that check mode has made knows what it is another name of.
        let foreseen = !s.is_link() && real(s).as_deref() == Some(end.as_str());
        foreseen || inode(s).is_some() && inode(s) == inode(origin)
    });
    let mut decision = Decision::default();
    let after = if same {
        args.adjust(seen, path, state, origin.clone(), &mut decision)?
    } else {
        let kind = state.map_or("absent", place::kind);
        let message = match kind {
            "hard" | "directory" => "Cannot link, different hard link exists at destination",
            _ => "Cannot link, file exists at destination",
        };
        if !args.force && !matches!(kind, "absent" | "link") || kind == "directory" {
            return Err(failure(message, ends(src)));
        }
        if state.is_none() {
            refuse_missing_parent(path, seen)?;
        }
        let mut after = args.attrs.settle(seen, origin.clone())?;
        let mut meta = origin.meta.clone().unwrap_or_default();
        meta.links = meta.links.max(1) + 1;
        meta.real_path = Some(end.to_string());
        after.meta = Some(meta);
        let before = state.cloned().map_or(State::Absent, State::File);
        let mut change = Change::new(place::file(path), before, State::File(after.clone()));
        let option = ("hard_link_to".to_owned(), end.to_string());
        change.how.options.push(option);
        decision.set(change);
        after
    };
    decision.result = ends(src);
    decision.result.extend(place::describe(&after));
    decision.result.insert("state".into(), "hard".into());
    Ok(decision)
}
