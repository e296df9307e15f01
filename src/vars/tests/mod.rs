//! Tests (`x is …`): Jinja's own and those of `ansible.builtin`.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::context::Ctx;
use super::error::Res;
use super::object::Args;
use super::value::Val;

mod kind;
mod matching;
mod path;
mod result;
mod version;

pub(in crate::vars) type Call = fn(&mut Ctx<'_>, Val, Args) -> Res<bool>;

#[derive(Clone, Copy)]
pub(in crate::vars) struct Test {
    pub call: Call,
    /// Whether it takes undefined and unrendered values as they are.
    pub lenient: bool,
}

const LENIENT: &[&str] = &["defined", "undefined"];

static TABLE: LazyLock<HashMap<&'static str, Test>> = LazyLock::new(|| {
    let families = [
        kind::TESTS,
        matching::TESTS,
        path::TESTS,
        result::TESTS,
        version::TESTS,
    ];
    let all = families.into_iter().flatten();
    all.map(|(name, call)| {
        (
            *name,
            Test {
                call: *call,
                lenient: LENIENT.contains(name),
            },
        )
    })
    .collect()
});

/// A test by name, with or without `ansible.builtin.`.
pub(in crate::vars) fn find(name: &str) -> Option<Test> {
    let name = name.strip_prefix("ansible.builtin.").unwrap_or(name);
    TABLE.get(name).copied()
}

pub(in crate::vars) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.keys().copied()
}
