//! Filters: Jinja's own and those of `ansible.builtin`, a file a family.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::context::Ctx;
use super::error::{Fail, Res};
use super::object::Args;
use super::value::Val;

mod bcrypt;
mod choose;
mod dict;
mod encode;
mod hash;
mod list;
mod number;
mod path;
mod random;
mod regex;
pub(in crate::vars) mod set;
mod shape;
mod text;
pub(in crate::vars) mod time;
mod web;
pub(in crate::vars) mod yaml;
mod yaml_out;

/// What lookups share with filters.
pub(in crate::vars) mod combine_lists {
    pub(in crate::vars) use super::dict::subelements_of;
    pub(in crate::vars) use super::shape::cross;
}

pub(in crate::vars) type Call = fn(&mut Ctx<'_>, Val, Args) -> Res<Val>;

#[derive(Clone, Copy)]
pub(in crate::vars) struct Filter {
    pub call: Call,
    /// Whether it takes undefined and unrendered values as they are.
    pub lenient: bool,
}

/// Filters that look at what is undefined.
const LENIENT: &[&str] = &["default", "d", "mandatory"];

static TABLE: LazyLock<HashMap<&'static str, Filter>> = LazyLock::new(|| {
    let families: [&[(&'static str, Call)]; 14] = [
        choose::FILTERS,
        dict::FILTERS,
        encode::FILTERS,
        hash::FILTERS,
        list::FILTERS,
        number::FILTERS,
        path::FILTERS,
        random::FILTERS,
        regex::FILTERS,
        set::FILTERS,
        shape::FILTERS,
        text::FILTERS,
        time::FILTERS,
        web::FILTERS,
    ];
    let all = families.into_iter().flatten().chain(yaml::FILTERS);
    all.map(|(name, call)| {
        (
            *name,
            Filter {
                call: *call,
                lenient: LENIENT.contains(name),
            },
        )
    })
    .collect()
});

/// A filter by name, with or without `ansible.builtin.`.
pub(in crate::vars) fn find(name: &str) -> Option<Filter> {
    let name = name.strip_prefix("ansible.builtin.").unwrap_or(name);
    TABLE.get(name).copied()
}

pub(in crate::vars) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.keys().copied()
}

/// A string argument, numbers and the like written out.
pub(in crate::vars) fn string(value: &Val) -> std::sync::Arc<str> {
    value.text()
}

pub(in crate::vars) fn needs(filter: &str, what: &str, value: &Val) -> Fail {
    Fail::error(format!(
        "`{filter}` needs {what}, not {}",
        value.described()
    ))
}

/// An optional argument that counts only when it is given and not None.
pub(in crate::vars) fn given(value: Option<Val>) -> Option<Val> {
    value.filter(|v| !matches!(v, Val::None))
}

/// Ansible's idea of a boolean in text.
pub(in crate::vars) fn truthy(value: &Val) -> bool {
    match value {
        Val::Str(s) => {
            matches!(
                s.to_lowercase().as_str(),
                "yes" | "on" | "1" | "true" | "y" | "t" | "1.0"
            )
        }
        other => other.truth(),
    }
}
