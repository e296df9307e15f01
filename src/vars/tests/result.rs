//! What a task's result says.

use super::Call;
use crate::vars::error::{Fail, Res};
use crate::vars::value::{Key, Val};

pub(super) const TESTS: &[(&str, Call)] = &[
    ("failed", |_, v, _| failed(&v)),
    ("failure", |_, v, _| failed(&v)),
    ("succeeded", |_, v, _| Ok(!failed(&v)?)),
    ("success", |_, v, _| Ok(!failed(&v)?)),
    ("successful", |_, v, _| Ok(!failed(&v)?)),
    ("changed", |_, v, _| changed(&v)),
    ("change", |_, v, _| changed(&v)),
    ("skipped", |_, v, _| flag(&v, "skipped", "skipped")),
    ("skip", |_, v, _| flag(&v, "skipped", "skip")),
    ("unreachable", |_, v, _| {
        flag(&v, "unreachable", "unreachable")
    }),
    ("reachable", |_, v, _| {
        Ok(!flag(&v, "unreachable", "reachable")?)
    }),
    ("timedout", |_, v, _| {
        let period = field(&v, "timedout", "timedout")?;
        Ok(match &period {
            Some(Val::Dict(items)) => items.get().get(&Key("period")).is_some_and(Val::truth),
            Some(other) => other.truth(),
            None => false,
        })
    }),
    ("finished", |_, v, _| progress(&v, "finished")),
    ("started", |_, v, _| progress(&v, "started")),
];

fn field(value: &Val, name: &str, test: &str) -> Res<Option<Val>> {
    match value.map() {
        Some(map) => Ok(map.get(&Key(name)).cloned()),
        None => Err(Fail::error(format!(
            "`{test}` needs the result of a task, not {}",
            value.described()
        ))),
    }
}

fn flag(value: &Val, name: &str, test: &str) -> Res<bool> {
    Ok(field(value, name, test)?.is_some_and(|v| v.truth()))
}

fn failed(value: &Val) -> Res<bool> {
    flag(value, "failed", "failed")
}

fn changed(value: &Val) -> Res<bool> {
    if let Some(own) = field(value, "changed", "changed")? {
        return Ok(own.truth());
    }
    // The result of a loop has changed when an item has.
    let results = field(value, "results", "changed")?.and_then(|r| r.seq());
    Ok(results.is_some_and(|items| {
        items.iter().any(|i| {
            i.map()
                .is_some_and(|m| m.get(&Key("changed")).is_some_and(Val::truth))
        })
    }))
}

/// A result without the field belongs to a task that was not asynchronous: it has started and ended.
fn progress(value: &Val, name: &str) -> Res<bool> {
    Ok(field(value, name, name)?.is_none_or(|v| v.truth()))
}
