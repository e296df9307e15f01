//! Filters on lists, and those that apply other filters and tests.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Call, given, needs, string};
use crate::vars::context::Ctx;
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

pub(super) fn edge(ctx: &mut Ctx<'_>, value: &Val, which: &str) -> Res<Val> {
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

pub(super) fn must(value: Val) -> Res<Val> {
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

pub(super) fn order(a: &[Val], b: &[Val], failed: &mut Option<Fail>) -> Ordering {
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
