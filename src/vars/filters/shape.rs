//! Filters that cut lists up, and put several together.

use std::sync::Arc;

use super::list::{dig, must, order};
use super::{Call, given};
use crate::vars::context::{Ctx, ITEMS};
use crate::vars::error::{Fail, Res};
use crate::vars::object::Args;
use crate::vars::value::Val;

pub(super) const FILTERS: &[(&str, Call)] = &[
    ("batch", batch),
    ("slice", slice),
    ("groupby", groupby),
    ("flatten", flatten),
    ("zip", |ctx, v, args| zip(ctx, v, args, false)),
    ("zip_longest", |ctx, v, args| zip(ctx, v, args, true)),
    ("product", product),
    ("permutations", |ctx, v, args| {
        arrange(ctx, "permutations", &v, args)
    }),
    ("combinations", |ctx, v, args| {
        arrange(ctx, "combinations", &v, args)
    }),
];

fn batch(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [size, fill] = args.bind("batch", ["linecount", "fill_with"])?;
    let size = size
        .and_then(|s| s.integer())
        .and_then(|s| usize::try_from(s).ok());
    let size = size
        .filter(|s| *s > 0)
        .ok_or_else(|| Fail::error("`batch` needs a size"))?;
    let items = ctx.iterate(&value)?;
    let fill = given(fill);
    let batches = items.chunks(size).map(|chunk| {
        let mut chunk = chunk.to_vec();
        if let Some(fill) = &fill {
            chunk.resize(size.min(ITEMS), fill.clone());
        }
        Val::list(chunk)
    });
    Ok(Val::list(batches.collect()))
}

fn slice(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [count, fill] = args.bind("slice", ["slices", "fill_with"])?;
    let count = count
        .and_then(|s| s.integer())
        .and_then(|s| usize::try_from(s).ok());
    let count = count.filter(|s| (1..=ITEMS).contains(s));
    let count = count.ok_or_else(|| Fail::error("`slice` needs a count"))?;
    let items = ctx.iterate(&value)?;
    let (each, more) = (items.len() / count, items.len() % count);
    let fill = given(fill);
    let (mut out, mut from) = (Vec::new(), 0);
    for i in 0..count {
        let size = each + usize::from(i < more);
        let mut part = items[from..from + size].to_vec();
        from += size;
        if let Some(fill) = &fill
            && i >= more
            && more > 0
        {
            part.push(fill.clone());
        }
        out.push(Val::list(part));
    }
    Ok(Val::list(out))
}

fn groupby(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [attribute, default, sensitive] =
        args.bind("groupby", ["attribute", "default", "case_sensitive"])?;
    let path = attribute.ok_or_else(|| Fail::error("`groupby` needs an attribute"))?;
    let sensitive = sensitive.is_some_and(|v| v.truth());
    let mut keyed = Vec::new();
    for item in ctx.iterate(&value)? {
        let found = match (dig(ctx, &item, &path)?, given(default.clone())) {
            (Val::Undefined(_), Some(default)) => default,
            (found, _) => must(found)?,
        };
        let sort_key = match &found {
            Val::Str(s) if !sensitive => Val::from(s.to_lowercase()),
            _ => found.clone(),
        };
        keyed.push((vec![sort_key], found, item));
    }
    let mut failed = None;
    keyed.sort_by(|(a, ..), (b, ..)| order(a, b, &mut failed));
    if let Some(failed) = failed {
        return Err(failed);
    }
    let mut groups: Vec<(Vec<Val>, Val, Vec<Val>)> = Vec::new();
    for (sort_key, found, item) in keyed {
        match groups.last_mut() {
            Some((key, _, items)) if *key == sort_key => items.push(item),
            _ => groups.push((sort_key, found, vec![item])),
        }
    }
    let pair = |(_, found, items)| Val::Tuple(Arc::new(vec![found, Val::list(items)]));
    Ok(Val::list(groups.into_iter().map(pair).collect()))
}

fn flatten(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [levels, skip] = args.bind("flatten", ["levels", "skip_nulls"])?;
    let levels = given(levels).and_then(|l| l.integer());
    let skip = skip.is_none_or(|v| v.truth());
    let mut out = Vec::new();
    let items = ctx.iterate(&value)?;
    spread(ctx, items, levels, skip, &mut out)?;
    Ok(Val::list(out))
}

fn spread(
    ctx: &mut Ctx<'_>,
    items: Vec<Val>,
    levels: Option<i64>,
    skip: bool,
    out: &mut Vec<Val>,
) -> Res<()> {
    for item in items {
        ctx.burn(1)?;
        match &item {
            Val::None if skip => {}
            Val::Str(s) if skip && (&**s == "None" || &**s == "null") => {}
            Val::List(_) | Val::Tuple(_) if levels.is_none_or(|l| l > 0) => {
                let inner = item.seq().unwrap_or_default().to_vec();
                ctx.deeper(|ctx| spread(ctx, inner, levels.map(|l| l - 1), skip, out))?;
            }
            _ => out.push(item),
        }
    }
    Ok(())
}

fn zip(ctx: &mut Ctx<'_>, value: Val, mut args: Args, longest: bool) -> Res<Val> {
    let fill = args.pop("fillvalue").unwrap_or(Val::None);
    let mut lists = vec![ctx.iterate(&value)?];
    for other in &args.pos {
        lists.push(ctx.iterate(other)?);
    }
    let lengths = lists.iter().map(Vec::len);
    let length = if longest {
        lengths.max()
    } else {
        lengths.min()
    }
    .unwrap_or(0);
    let row = |i: usize| {
        let row = lists
            .iter()
            .map(|l| l.get(i).cloned().unwrap_or(fill.clone()));
        Val::Tuple(Arc::new(row.collect()))
    };
    Ok(Val::list((0..length).map(row).collect()))
}

/// Every way of taking one of each list.
pub(in crate::vars) fn cross(lists: &[Vec<Val>]) -> Res<Vec<Vec<Val>>> {
    let total = lists.iter().try_fold(1usize, |n, l| n.checked_mul(l.len()));
    let cells = total.and_then(|t| t.checked_mul(lists.len().max(1)));
    if cells.is_none_or(|c| c > ITEMS) {
        return Err(Fail::error(format!(
            "more than {ITEMS} items in all combinations"
        )));
    }
    let mut rows = vec![Vec::new()];
    for list in lists {
        rows = rows
            .iter()
            .flat_map(|row: &Vec<Val>| {
                list.iter().map(move |item| {
                    let mut row = row.clone();
                    row.push(item.clone());
                    row
                })
            })
            .collect();
    }
    Ok(rows)
}

fn product(ctx: &mut Ctx<'_>, value: Val, mut args: Args) -> Res<Val> {
    let repeat = args.pop("repeat").and_then(|r| r.integer()).unwrap_or(1);
    let mut lists = vec![ctx.iterate(&value)?];
    for other in &args.pos {
        lists.push(ctx.iterate(other)?);
    }
    let times = usize::try_from(repeat).unwrap_or(0).min(64);
    let lists: Vec<Vec<Val>> = std::iter::repeat_n(lists, times).flatten().collect();
    let rows = cross(&lists)?;
    Ok(Val::list(
        rows.into_iter().map(|r| Val::Tuple(Arc::new(r))).collect(),
    ))
}

fn arrange(ctx: &mut Ctx<'_>, of: &str, value: &Val, args: Args) -> Res<Val> {
    let [size] = args.bind(of, ["r"])?;
    let items = ctx.iterate(value)?;
    let size = match given(size).and_then(|s| s.integer()) {
        Some(size) => usize::try_from(size).unwrap_or(0),
        None => items.len(),
    };
    let mut out = Vec::new();
    if size <= items.len() {
        pick(
            ctx,
            &items,
            size,
            of == "combinations",
            &mut Vec::new(),
            &mut out,
        )?;
    }
    Ok(Val::list(out))
}

fn pick(
    ctx: &mut Ctx<'_>,
    items: &[Val],
    size: usize,
    ordered: bool,
    chosen: &mut Vec<usize>,
    out: &mut Vec<Val>,
) -> Res<()> {
    ctx.burn(1)?;
    if chosen.len() == size {
        if (out.len() + 1) * size.max(1) > ITEMS {
            return Err(Fail::error(format!(
                "more than {ITEMS} items in all arrangements"
            )));
        }
        ctx.burn(size)?;
        out.push(Val::Tuple(Arc::new(
            chosen.iter().map(|i| items[*i].clone()).collect(),
        )));
        return Ok(());
    }
    let from = if ordered {
        chosen.last().map_or(0, |i| i + 1)
    } else {
        0
    };
    for i in from..items.len() {
        if ordered || !chosen.contains(&i) {
            chosen.push(i);
            ctx.deeper(|ctx| pick(ctx, items, size, ordered, chosen, out))?;
            chosen.pop();
        }
    }
    Ok(())
}
