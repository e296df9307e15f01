//! Lists as sets: order of first appearance is kept.

use std::collections::HashSet;

use super::{Call, needs};
use crate::vars::context::Ctx;
use crate::vars::error::Res;
use crate::vars::object::Args;
use crate::vars::value::Val;

pub(super) const FILTERS: &[(&str, Call)] = &[
    ("union", |ctx, a, args| {
        two(ctx, "union", a, args, |a, b| dedup(a.iter().chain(b)))
    }),
    ("intersect", |ctx, a, args| {
        two(ctx, "intersect", a, args, |a, b| {
            let b: HashSet<&Val> = b.iter().collect();
            dedup(a.iter().filter(|v| b.contains(v)))
        })
    }),
    ("difference", |ctx, a, args| {
        two(ctx, "difference", a, args, |a, b| {
            let b: HashSet<&Val> = b.iter().collect();
            dedup(a.iter().filter(|v| !b.contains(v)))
        })
    }),
    ("symmetric_difference", |ctx, a, args| {
        two(ctx, "symmetric_difference", a, args, |a, b| {
            let (x, y): (HashSet<&Val>, HashSet<&Val>) = (a.iter().collect(), b.iter().collect());
            dedup(a.iter().chain(b).filter(|v| x.contains(v) != y.contains(v)))
        })
    }),
];

/// The values without repetition.
pub(in crate::vars) fn dedup<'v>(values: impl Iterator<Item = &'v Val>) -> Vec<Val> {
    let mut seen = HashSet::new();
    values.filter(|v| seen.insert(*v)).cloned().collect()
}

fn two(
    ctx: &mut Ctx<'_>,
    name: &str,
    a: Val,
    args: Args,
    both: impl FnOnce(&[Val], &[Val]) -> Vec<Val>,
) -> Res<Val> {
    let [b] = args.bind(name, ["b"])?;
    let b = b.ok_or_else(|| needs(name, "a second list", &Val::None))?;
    let (a, b) = (ctx.iterate(&a)?, ctx.iterate(&b)?);
    Ok(Val::list(both(&a, &b)))
}
