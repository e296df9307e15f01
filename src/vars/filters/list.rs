//! Filters on lists, and those that apply other filters and tests.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Call, given, needs, string};
use crate::vars::context::{Ctx, ITEMS};
use crate::vars::error::{Fail, Res, undefined};
use crate::vars::object::Args;
use crate::vars::ops;
use crate::vars::tree::Binary;
use crate::vars::value::Val;

pub(super) const FILTERS: &[(&str, Call)] = &[
    ("length", length),
    ("count", length),
    ("list", |ctx, v, _| Ok(Val::list(ctx.iterate(&v)?))),
    ("first", |ctx, v, _| edge(ctx, &v, "first")),
    ("last", |ctx, v, _| edge(ctx, &v, "last")),
    ("join", join),
    ("reverse", reverse),
    ("sort", sort),
    ("unique", unique),
    ("min", |ctx, v, args| extreme(ctx, "min", &v, args)),
    ("max", |ctx, v, args| extreme(ctx, "max", &v, args)),
    ("sum", sum),
    ("map", map),
    ("select", |ctx, v, args| {
        choose(ctx, "select", &v, args, false, true)
    }),
    ("reject", |ctx, v, args| {
        choose(ctx, "reject", &v, args, false, false)
    }),
    ("selectattr", |ctx, v, args| {
        choose(ctx, "selectattr", &v, args, true, true)
    }),
    ("rejectattr", |ctx, v, args| {
        choose(ctx, "rejectattr", &v, args, true, false)
    }),
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
    ("random", random),
    ("shuffle", shuffle),
    ("attr", |ctx, v, args| {
        let [name] = args.bind("attr", ["name"])?;
        let name = name.map_or(Arc::from(""), |n| string(&n));
        ctx.attr(&v, &name, || name.to_string())
    }),
];

fn length(ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    Ok(Val::from(match &value {
        Val::Str(s) => s.chars().count(),
        Val::Int(_) | Val::Bool(_) | Val::Float(_) | Val::None => {
            return Err(needs("length", "something with a length", &value));
        }
        Val::Dict(items) => items.get().len(),
        other => ctx.iterate(other)?.len(),
    }))
}

fn edge(ctx: &mut Ctx<'_>, value: &Val, which: &str) -> Res<Val> {
    let items = ctx.iterate(value)?;
    let found = if which == "first" {
        items.first()
    } else {
        items.last()
    };
    Ok(found
        .cloned()
        .unwrap_or_else(|| Val::missing(which, format!("`{which}`: there is nothing in the list"))))
}

/// A dotted attribute, or an index, of a value: `user.name`, `0`.
pub(in crate::vars) fn dig(ctx: &mut Ctx<'_>, value: &Val, path: &Val) -> Res<Val> {
    let Some(text) = path.as_str() else {
        return ctx.item(value, path, || path.repr());
    };
    let mut at = value.clone();
    for part in text.split('.') {
        at = match part.parse::<i64>() {
            Ok(index) => ctx.item(&at, &Val::Int(index), || text.to_owned())?,
            Err(_) => ctx.item(&at, &Val::from(part), || text.to_owned())?,
        };
    }
    Ok(at)
}

fn must(value: Val) -> Res<Val> {
    match value {
        Val::Undefined(missing) => Err(undefined(&missing)),
        value => Ok(value),
    }
}

fn join(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [sep, attribute] = args.bind("join", ["d", "attribute"])?;
    let sep = sep.map_or(Arc::from(""), |s| string(&s));
    let mut out = String::new();
    for (i, item) in ctx.iterate(&value)?.into_iter().enumerate() {
        if i > 0 {
            out.push_str(&sep);
        }
        let item = match &attribute {
            Some(path) => dig(ctx, &item, path)?,
            None => item,
        };
        let item = must(item)?;
        item.write_text(&mut out);
        if out.len() > crate::vars::context::TEXT {
            return Err(Fail::error("`join`: the text would be too long"));
        }
    }
    Ok(Val::from(out))
}

fn reverse(ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    if let Val::Str(s) = &value {
        return Ok(Val::from(s.chars().rev().collect::<String>()));
    }
    let mut items = ctx.iterate(&value)?;
    items.reverse();
    Ok(Val::list(items))
}

/// What is compared: an attribute, or the value; text without regard to case unless asked for.
fn key(ctx: &mut Ctx<'_>, item: &Val, attribute: Option<&Val>, sensitive: bool) -> Res<Val> {
    let value = match attribute {
        Some(path) => must(dig(ctx, item, path)?)?,
        None => must(item.clone())?,
    };
    Ok(match &value {
        Val::Str(s) if !sensitive => Val::from(s.to_lowercase()),
        _ => value,
    })
}

fn sort(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [reverse, sensitive, attribute] =
        args.bind("sort", ["reverse", "case_sensitive", "attribute"])?;
    let sensitive = sensitive.is_some_and(|v| v.truth());
    let paths: Vec<Option<Val>> = match given(attribute) {
        Some(Val::Str(s)) => s.split(',').map(|p| Some(Val::from(p.trim()))).collect(),
        other => vec![other],
    };
    let mut keyed = Vec::new();
    for item in ctx.iterate(&value)? {
        let mut keys = Vec::with_capacity(paths.len());
        for path in &paths {
            keys.push(key(ctx, &item, path.as_ref(), sensitive)?);
        }
        keyed.push((keys, item));
    }
    let backwards = reverse.is_some_and(|v| v.truth());
    let mut failed = None;
    keyed.sort_by(|(a, _), (b, _)| {
        let order = order(a, b, &mut failed);
        if backwards { order.reverse() } else { order }
    });
    match failed {
        Some(failed) => Err(failed),
        None => Ok(Val::list(keyed.into_iter().map(|(_, v)| v).collect())),
    }
}

fn order(a: &[Val], b: &[Val], failed: &mut Option<Fail>) -> Ordering {
    for (x, y) in a.iter().zip(b) {
        match x.compare(y) {
            Ok(Ordering::Equal) => {}
            Ok(other) => return other,
            Err(error) => {
                failed.get_or_insert(error);
                return Ordering::Equal;
            }
        }
    }
    Ordering::Equal
}

fn unique(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [sensitive, attribute] = args.bind("unique", ["case_sensitive", "attribute"])?;
    let sensitive = sensitive.is_some_and(|v| v.truth());
    let attribute = given(attribute);
    let mut seen = std::collections::HashSet::new();
    let mut out = Vec::new();
    for item in ctx.iterate(&value)? {
        if seen.insert(key(ctx, &item, attribute.as_ref(), sensitive)?) {
            out.push(item);
        }
    }
    Ok(Val::list(out))
}

fn extreme(ctx: &mut Ctx<'_>, which: &str, value: &Val, args: Args) -> Res<Val> {
    let [sensitive, attribute] = args.bind(which, ["case_sensitive", "attribute"])?;
    let sensitive = sensitive.is_none_or(|v| v.truth());
    let attribute = given(attribute);
    let mut best: Option<(Val, Val)> = None;
    for item in ctx.iterate(value)? {
        let key = key(ctx, &item, attribute.as_ref(), sensitive)?;
        let better = match &best {
            None => true,
            Some((so_far, _)) => {
                let order = key.compare(so_far)?;
                if which == "min" {
                    order.is_lt()
                } else {
                    order.is_gt()
                }
            }
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(
        || Val::missing(which, format!("`{which}`: there is nothing in the list")),
        |(_, v)| v,
    ))
}

fn sum(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [attribute, start] = args.bind("sum", ["attribute", "start"])?;
    let attribute = given(attribute);
    let mut total = start.unwrap_or(Val::Int(0));
    for item in ctx.iterate(&value)? {
        let item = match &attribute {
            Some(path) => must(dig(ctx, &item, path)?)?,
            None => must(item)?,
        };
        total = ops::binary(Binary::Add, &total, &item)?;
    }
    Ok(total)
}

fn map(ctx: &mut Ctx<'_>, value: Val, mut args: Args) -> Res<Val> {
    let items = ctx.iterate(&value)?;
    let mut out = Vec::with_capacity(items.len());
    if args.pos.is_empty() {
        let default = args.pop("default");
        let path = args.pop("attribute");
        let path = path.ok_or_else(|| Fail::error("`map` needs a filter, or `attribute=`"))?;
        for item in items {
            let found = dig(ctx, &item, &path)?;
            out.push(match (&found, &default) {
                (Val::Undefined(_), Some(default)) => default.clone(),
                _ => found,
            });
        }
        return Ok(Val::list(out));
    }
    let name = string(&args.pos.remove(0));
    let filter =
        super::find(&name).ok_or_else(|| Fail::error(format!("unknown filter `{name}`")))?;
    for item in items {
        ctx.burn(1)?;
        out.push(ctx.apply(&name, filter, item, args.clone())?);
    }
    Ok(Val::list(out))
}

fn choose(
    ctx: &mut Ctx<'_>,
    of: &str,
    value: &Val,
    mut args: Args,
    by_attribute: bool,
    wanted: bool,
) -> Res<Val> {
    let path = if by_attribute {
        if args.pos.is_empty() {
            return Err(Fail::error(format!("`{of}` needs an attribute")));
        }
        Some(args.pos.remove(0))
    } else {
        None
    };
    let test = if args.pos.is_empty() {
        None
    } else {
        let name = string(&args.pos.remove(0));
        let test = crate::vars::tests::find(&name);
        Some(test.ok_or_else(|| Fail::error(format!("unknown test `{name}`")))?)
    };
    let mut out = Vec::new();
    for item in ctx.iterate(value)? {
        ctx.burn(1)?;
        let subject = match &path {
            Some(path) => dig(ctx, &item, path)?,
            None => item.clone(),
        };
        let holds = match test {
            Some(test) => ctx.check(test, subject, args.clone())?,
            None => must(subject)?.truth(),
        };
        if holds == wanted {
            out.push(item);
        }
    }
    Ok(Val::list(out))
}

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
    if total.is_none_or(|t| t > ITEMS) {
        return Err(Fail::error(format!("more than {ITEMS} combinations")));
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
        if out.len() >= ITEMS {
            return Err(Fail::error(format!("more than {ITEMS} arrangements")));
        }
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

/// Random numbers: from a seed, the same each time; else from the outside.
struct Dice {
    state: Option<u64>,
}

impl Dice {
    fn new(ctx: &mut Ctx<'_>, seed: Option<Val>) -> Dice {
        let state = seed.map(|s| {
            s.text().bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| {
                (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
            })
        });
        ctx.impure |= state.is_none();
        Dice { state }
    }

    fn below(&mut self, ctx: &Ctx<'_>, limit: u64) -> u64 {
        let number = match &mut self.state {
            Some(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
            None => {
                let bytes = ctx.engine.outside.random(8);
                bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b))
            }
        };
        number % limit.max(1)
    }
}

fn random(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [end, start, step, seed] = match &value {
        Val::Int(_) => {
            let [start, step, seed] = args.bind("random", ["start", "step", "seed"])?;
            [Some(value.clone()), start, step, seed]
        }
        _ => {
            let [start, step, seed] = args.bind("random", ["start", "step", "seed"])?;
            [None, start, step, seed]
        }
    };
    let mut dice = Dice::new(ctx, given(seed));
    match end.and_then(|e| e.integer()) {
        Some(end) => {
            let start = given(start).and_then(|s| s.integer()).unwrap_or(0);
            let step = given(step).and_then(|s| s.integer()).unwrap_or(1).max(1);
            let count = u64::try_from((end - start + step - 1) / step).unwrap_or(0);
            if count == 0 {
                return Err(Fail::error("`random`: there is no number in that range"));
            }
            let n = i64::try_from(dice.below(ctx, count)).unwrap_or(0);
            Ok(Val::Int(start + n * step))
        }
        None => {
            let items = ctx.iterate(&value)?;
            if items.is_empty() {
                return edge(ctx, &value, "first");
            }
            let i = usize::try_from(dice.below(ctx, items.len() as u64)).unwrap_or(0);
            Ok(items[i].clone())
        }
    }
}

fn shuffle(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [seed] = args.bind("shuffle", ["seed"])?;
    let mut items = ctx.iterate(&value)?;
    let mut dice = Dice::new(ctx, given(seed));
    for i in (1..items.len()).rev() {
        let j = usize::try_from(dice.below(ctx, i as u64 + 1)).unwrap_or(0);
        items.swap(i, j);
    }
    Ok(Val::list(items))
}
