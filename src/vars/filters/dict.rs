//! Filters on mappings.

use std::sync::Arc;

use super::{Call, given, needs, string};
use crate::vars::context::Ctx;
use crate::vars::error::{Fail, Res, undefined};
use crate::vars::object::Args;
use crate::vars::ops::hashable;
use crate::vars::value::{Dict, Val};

pub(super) const FILTERS: &[(&str, Call)] = &[
    ("combine", combine),
    ("dict2items", dict2items),
    ("items2dict", items2dict),
    ("dictsort", dictsort),
    ("items", |_, v, _| match v.map() {
        Some(map) => Ok(Val::list(
            map.iter()
                .map(|(k, v)| pair(k.clone(), v.clone()))
                .collect(),
        )),
        None => Err(needs("items", "a mapping", &v)),
    }),
    ("extract", extract),
    ("subelements", subelements),
    ("rekey_on_member", rekey),
];

fn pair(a: Val, b: Val) -> Val {
    Val::Tuple(Arc::new(vec![a, b]))
}

fn combine(ctx: &mut Ctx<'_>, value: Val, mut args: Args) -> Res<Val> {
    let recursive = args.pop("recursive").is_some_and(|v| v.truth());
    let lists = args
        .pop("list_merge")
        .map_or(Arc::from("replace"), |l| string(&l));
    if let Some((name, _)) = args.named.first() {
        return Err(Fail::error(format!("`combine` has no argument `{name}`")));
    }
    let mut maps = Vec::new();
    for given in std::iter::once(value).chain(args.pos) {
        gather(&given, &mut maps)?;
    }
    let mut out = Dict::new();
    for map in maps {
        out = merge(ctx, out, &map, recursive, &lists)?;
    }
    Ok(Val::dict(out))
}

fn gather(value: &Val, maps: &mut Vec<Arc<Dict>>) -> Res<()> {
    if let Some(map) = value.map() {
        maps.push(map);
        return Ok(());
    }
    match value {
        Val::Undefined(missing) => Err(undefined(missing)),
        other => match other.seq() {
            Some(items) => items.iter().try_for_each(|v| gather(v, maps)),
            None => Err(needs("combine", "mappings", other)),
        },
    }
}

fn merge(
    ctx: &mut Ctx<'_>,
    mut base: Dict,
    more: &Dict,
    recursive: bool,
    lists: &str,
) -> Res<Dict> {
    if !recursive && lists == "replace" {
        base.extend(more.iter().map(|(k, v)| (k.clone(), v.clone())));
        return Ok(base);
    }
    for (key, value) in more {
        let merged = match (base.get(key), value) {
            (Some(Val::Dict(old)), Val::Dict(new)) if recursive => {
                let (old, new) = (old.get(), new.get());
                Val::dict(ctx.deeper(|ctx| merge(ctx, (*old).clone(), &new, recursive, lists))?)
            }
            (Some(old @ Val::List(_)), Val::List(_)) => {
                let (old, new) = (
                    old.seq().unwrap_or_default(),
                    value.seq().unwrap_or_default(),
                );
                lists_merged(&old, &new, lists)?
            }
            _ => value.clone(),
        };
        base.insert(key.clone(), merged);
    }
    Ok(base)
}

fn lists_merged(old: &[Val], new: &[Val], how: &str) -> Res<Val> {
    let join = |a: &[Val], b: &[Val]| a.iter().chain(b).cloned().collect::<Vec<_>>();
    let without = |a: &[Val], b: &[Val]| -> Vec<Val> {
        a.iter().filter(|v| !b.contains(v)).cloned().collect()
    };
    Ok(Val::list(match how {
        "replace" => new.to_vec(),
        "keep" => old.to_vec(),
        "append" => join(old, new),
        "prepend" => join(new, old),
        "append_rp" => join(&without(old, new), new),
        "prepend_rp" => join(new, &without(old, new)),
        other => {
            return Err(Fail::error(format!(
                "`combine` knows no list_merge `{other}`"
            )));
        }
    }))
}

fn dict2items(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [key, name] = args.bind("dict2items", ["key_name", "value_name"])?;
    let key = key.unwrap_or(Val::from("key"));
    let name = name.unwrap_or(Val::from("value"));
    let map = value
        .map()
        .ok_or_else(|| needs("dict2items", "a mapping", &value))?;
    let item = |(k, v): (&Val, &Val)| {
        Val::dict(Dict::from_iter([
            (key.clone(), k.clone()),
            (name.clone(), v.clone()),
        ]))
    };
    Ok(Val::list(map.iter().map(item).collect()))
}

fn items2dict(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [key, name] = args.bind("items2dict", ["key_name", "value_name"])?;
    let key = key.unwrap_or(Val::from("key"));
    let name = name.unwrap_or(Val::from("value"));
    if !matches!(value, Val::List(_) | Val::Tuple(_)) {
        return Err(needs("items2dict", "a list of mappings", &value));
    }
    let mut out = Dict::new();
    for item in ctx.iterate(&value)? {
        let map = item
            .map()
            .ok_or_else(|| needs("items2dict", "a list of mappings", &item))?;
        match (map.get(&key), map.get(&name)) {
            (Some(k), Some(v)) => {
                hashable(k)?;
                out.insert(k.clone(), v.clone());
            }
            _ => {
                return Err(Fail::error(format!(
                    "`items2dict` needs `{}` and `{}` in every item",
                    key.text(),
                    name.text()
                )));
            }
        }
    }
    Ok(Val::dict(out))
}

fn dictsort(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [sensitive, by, reverse] = args.bind("dictsort", ["case_sensitive", "by", "reverse"])?;
    let sensitive = sensitive.is_some_and(|v| v.truth());
    let by_value = by.is_some_and(|b| &*b.text() == "value");
    let map = value
        .map()
        .ok_or_else(|| needs("dictsort", "a mapping", &value))?;
    let mut pairs: Vec<(Val, Val)> = map.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let key = |(k, v): &(Val, Val)| match if by_value { v } else { k } {
        Val::Str(s) if !sensitive => Val::from(s.to_lowercase()),
        other => other.clone(),
    };
    let mut failed = None;
    pairs.sort_by(|a, b| {
        key(a).compare(&key(b)).unwrap_or_else(|e| {
            failed = Some(e);
            std::cmp::Ordering::Equal
        })
    });
    if let Some(failed) = failed {
        return Err(failed);
    }
    if reverse.is_some_and(|v| v.truth()) {
        pairs.reverse();
    }
    Ok(Val::list(
        pairs.into_iter().map(|(k, v)| pair(k, v)).collect(),
    ))
}

fn extract(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [container, more] = args.bind("extract", ["container", "morekeys"])?;
    let container = container.ok_or_else(|| Fail::error("`extract` needs a container"))?;
    let mut keys = vec![value];
    if let Some(more) = given(more) {
        match more.seq() {
            Some(items) => keys.extend(items.iter().cloned()),
            None => keys.push(more),
        }
    }
    let mut at = container;
    for key in keys {
        at = ctx.item(&at, &key, || format!("[{}]", key.repr()))?;
    }
    Ok(at)
}

fn subelements(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [path, skip] = args.bind("subelements", ["subelements", "skip_missing"])?;
    let path = path.ok_or_else(|| Fail::error("`subelements` needs a key"))?;
    let skip = skip.is_some_and(|v| v.truth());
    Ok(Val::list(subelements_of(ctx, &value, &path, skip)?))
}

/// Each element of a list with each of its own elements.
pub(in crate::vars) fn subelements_of(
    ctx: &mut Ctx<'_>,
    value: &Val,
    path: &Val,
    skip: bool,
) -> Res<Vec<Val>> {
    let items: Vec<Val> = match value.map() {
        Some(map) => map.values().cloned().collect(),
        None => ctx.iterate(value)?,
    };
    let path: Vec<String> = match path.seq() {
        Some(parts) => parts.iter().map(|p| p.text().to_string()).collect(),
        None => path.text().split('.').map(str::to_owned).collect(),
    };
    let mut out = Vec::new();
    for item in items {
        let item = ctx.force(item)?;
        let mut at = item.clone();
        for part in &path {
            at = ctx.item(&at, &Val::from(part.as_str()), || part.clone())?;
        }
        match (&at, at.seq()) {
            (_, Some(inner)) => {
                out.extend(inner.iter().map(|v| pair(item.clone(), v.clone())));
            }
            (Val::Undefined(_), _) if skip => {}
            (Val::Undefined(missing), _) => return Err(undefined(missing)),
            (other, _) => return Err(needs("subelements", "a list under the key", other)),
        }
    }
    Ok(out)
}

fn rekey(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [key, duplicates] = args.bind("rekey_on_member", ["key", "duplicates"])?;
    let key = key.ok_or_else(|| Fail::error("`rekey_on_member` needs a key"))?;
    let overwrite = duplicates.is_some_and(|d| &*d.text() == "overwrite");
    let items: Vec<Val> = match value.map() {
        Some(map) => map.values().cloned().collect(),
        None => ctx.iterate(&value)?,
    };
    let mut out = Dict::new();
    for item in items {
        let map = item
            .map()
            .ok_or_else(|| needs("rekey_on_member", "mappings", &item))?;
        let name = map.get(&key).ok_or_else(|| {
            Fail::error(format!(
                "`rekey_on_member`: an item has no `{}`",
                key.text()
            ))
        })?;
        if out.insert(name.clone(), item.clone()).is_some() && !overwrite {
            return Err(Fail::error(format!(
                "`rekey_on_member`: {} is there twice",
                name.repr()
            )));
        }
    }
    Ok(Val::dict(out))
}
