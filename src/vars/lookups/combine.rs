//! Lookups that only rearrange their terms.

use std::sync::Arc;

use super::Ask;
use crate::vars::context::{Ctx, ITEMS};
use crate::vars::error::{Fail, Res, undefined};
use crate::vars::filters::combine_lists::{cross, subelements_of};
use crate::vars::value::{Dict, Val};

/// The term's members if it is a list, else itself.
fn members(ctx: &mut Ctx<'_>, value: Val) -> Res<Vec<Val>> {
    match ctx.force(value)? {
        Val::Undefined(missing) => Err(undefined(&missing)),
        value @ (Val::List(_) | Val::Tuple(_)) => Ok(value.seq().unwrap_or_default().to_vec()),
        value => Ok(vec![value]),
    }
}

pub(super) fn list(_ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    Ok(ask.terms)
}

/// Flattens one level.
pub(super) fn items(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let mut out = Vec::new();
    for term in ask.terms {
        out.extend(members(ctx, term)?);
    }
    Ok(out)
}

/// Flattens all levels.
pub(super) fn flattened(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let mut out = Vec::new();
    for term in ask.terms {
        spread(ctx, term, &mut out)?;
    }
    Ok(out)
}

fn spread(ctx: &mut Ctx<'_>, value: Val, out: &mut Vec<Val>) -> Res<()> {
    match ctx.force(value)? {
        Val::Undefined(missing) => Err(undefined(&missing)),
        Val::None => Ok(()),
        value @ (Val::List(_) | Val::Tuple(_)) => {
            let items = value.seq().unwrap_or_default();
            ctx.deeper(|ctx| items.iter().try_for_each(|v| spread(ctx, v.clone(), out)))
        }
        value => {
            out.push(value);
            Ok(())
        }
    }
}

pub(super) fn indexed_items(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let items = items(ctx, ask)?;
    let pair = |(i, v)| Val::Tuple(Arc::new(vec![Val::from(i), v]));
    Ok(items.into_iter().enumerate().map(pair).collect())
}

pub(super) fn dict(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let mut out = Vec::new();
    for term in ask.terms {
        let term = ctx.force(term)?;
        let maps = match term.seq() {
            Some(items) => items.to_vec(),
            None => vec![term],
        };
        for map in maps {
            let map = ctx.force(map)?;
            let Some(items) = map.map() else {
                let what = map.described();
                return Err(Fail::error(format!("`dict` needs a mapping, not {what}")));
            };
            out.extend(items.iter().map(|(k, v)| {
                let pair = [
                    (Val::from("key"), k.clone()),
                    (Val::from("value"), v.clone()),
                ];
                Val::dict(Dict::from_iter(pair))
            }));
        }
    }
    Ok(out)
}

pub(super) fn together(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let mut lists = Vec::new();
    for term in ask.terms {
        lists.push(members(ctx, term)?);
    }
    if lists.is_empty() {
        return Err(Fail::error("`together` needs at least one list"));
    }
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    let row = |i: usize| {
        let row = lists.iter().map(|l| l.get(i).cloned().unwrap_or(Val::None));
        Val::list(row.collect())
    };
    Ok((0..longest).map(row).collect())
}

pub(super) fn nested(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let mut lists = Vec::new();
    for term in ask.terms {
        lists.push(members(ctx, term)?);
    }
    if lists.is_empty() {
        return Err(Fail::error("`nested` needs at least one list"));
    }
    Ok(cross(&lists)?.into_iter().map(Val::list).collect())
}

pub(super) fn subelements(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let mut terms = ask.terms.into_iter();
    let (Some(list), Some(key)) = (terms.next(), terms.next()) else {
        return Err(Fail::error("`subelements` needs a list and a key"));
    };
    let skip = match terms.next() {
        Some(options) => {
            let options = ctx.force(options)?;
            let map = options.map();
            map.and_then(|m| m.get(&crate::vars::value::Key("skip_missing")).cloned())
                .is_some_and(|v| crate::vars::filters::truthy(&v))
        }
        None => false,
    };
    let (list, key) = (ctx.force(list)?, ctx.force(key)?);
    let found = subelements_of(ctx, &list, &key, skip)?;
    // Unlike the filter, the lookup leaves the list out of the item it came from.
    let last = key.text();
    let last = last.rsplit('.').next().unwrap_or("");
    let without = |pair: Val| match pair.seq().as_deref().map(Vec::as_slice) {
        Some([item, one]) => {
            let mut map = (*item.map().unwrap_or_default()).clone();
            map.shift_remove(&crate::vars::value::Key(last));
            Val::Tuple(Arc::new(vec![Val::dict(map), one.clone()]))
        }
        _ => pair,
    };
    Ok(found.into_iter().map(without).collect())
}

/// `start=1 end=10 stride=2 format=web%02d`, `count=3`, `5`, `2-10/2`, `4:host%02d`.
pub(super) fn sequence(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let mut out = Vec::new();
    let terms = if ask.terms.is_empty() {
        vec![Val::from("")]
    } else {
        ask.terms
    };
    for term in terms {
        let mut one = Ask {
            name: Arc::clone(&ask.name),
            terms: Vec::new(),
            options: ask.options.clone(),
            folder: None,
        };
        let short = one.inline(&term.text());
        let number = |text: &str| {
            let (base, digits) = match text.get(..2) {
                Some("0x") => (16, &text[2..]),
                _ if text.len() > 1 && text.starts_with('0') => (8, &text[1..]),
                _ => (10, text),
            };
            i64::from_str_radix(digits, base)
                .map_err(|_| Fail::error(format!("`sequence` cannot read `{text}`")))
        };
        let option = |name: &str| one.option(name).map(|v| number(&v.text())).transpose();
        let mut format = one.text("format", "%d").to_string();
        let (mut start, mut end, mut stride) = (
            option("start")?.unwrap_or(1),
            option("end")?,
            option("stride")?,
        );
        if let Some(count) = option("count")? {
            let stride = stride.unwrap_or(1);
            end = Some(if count == 0 {
                start - stride.signum()
            } else {
                start + (count - 1) * stride
            });
            if count == 0 {
                continue;
            }
        }
        if !short.is_empty() {
            let (range, shape) = short.split_once(':').unwrap_or((&short, "%d"));
            format = shape.to_owned();
            let (range, step) = range
                .split_once('/')
                .map_or((range, None), |(r, s)| (r, Some(s)));
            stride = step.map(number).transpose()?;
            match range.split_once('-') {
                Some((from, to)) => {
                    start = number(from)?;
                    end = Some(number(to)?);
                }
                None => end = Some(number(range)?),
            }
        }
        let Some(end) = end else {
            return Err(Fail::error("`sequence` needs `end` or `count`"));
        };
        let stride = stride.unwrap_or(1);
        if stride == 0 || (end - start) / stride > ITEMS as i64 {
            return Err(Fail::error("`sequence` is endless or too long"));
        }
        if (stride > 0 && end < start) || (stride < 0 && end > start) {
            let hint = "give a stride in the direction of the end";
            return Err(Fail::hinted(
                format!("`sequence` does not get from {start} to {end}"),
                hint,
            ));
        }
        let mut i = start;
        while (stride > 0 && i <= end) || (stride < 0 && i >= end) {
            ctx.burn(1)?;
            out.push(Val::from(crate::vars::format::percent(
                &format,
                &Val::Int(i),
            )?));
            i += stride;
        }
    }
    Ok(out)
}
