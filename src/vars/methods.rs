//! Methods of Python's strings, lists and mappings.

use std::sync::Arc;

use super::context::Ctx;
use super::error::{Fail, Res};
use super::object::{Args, Object};
use super::ops;
use super::ops::hashable;
use super::value::{Dict, Items, Key, Val};

/// Whether a method belongs to the data an object stands for rather than to the object.
pub(in crate::vars) fn of_plain(object: &dyn Object, name: &str) -> Option<bool> {
    let mapping = matches!(object.type_name(), "HostVarsVars" | "HostVars" | "dict");
    Some(mapping && matches!(name, "keys" | "values" | "items" | "get")).filter(|yes| *yes)
}

/// Whether a method changes its list or mapping.
pub(in crate::vars) fn mutates(value: &Val, name: &str) -> bool {
    match value {
        Val::List(_) => matches!(
            name,
            "append" | "extend" | "insert" | "pop" | "remove" | "clear" | "sort" | "reverse"
        ),
        Val::Dict(_) => {
            matches!(
                name,
                "update"
                    | "pop"
                    | "popitem"
                    | "setdefault"
                    | "clear"
                    | "__setitem__"
                    | "__delitem__"
            )
        }
        _ => false,
    }
}

pub(in crate::vars) fn unknown(value: &Val, name: &str) -> Fail {
    Fail::error(format!("{} has no method `{name}`", value.described()))
}

pub(in crate::vars) fn text_of(value: Option<&Val>, of: &str) -> Res<Arc<str>> {
    match value {
        Some(Val::Str(s)) => Ok(Arc::clone(s)),
        Some(other) => Err(Fail::error(format!(
            "`{of}` needs a string, not {}",
            other.described()
        ))),
        None => Err(Fail::error(format!("`{of}` needs a string"))),
    }
}

pub(in crate::vars) fn call(ctx: &mut Ctx<'_>, value: &Val, name: &str, args: Args) -> Res<Val> {
    match value {
        Val::Str(text) => {
            let args = ctx.inputs(args)?;
            super::string::call(text, name, args)
        }
        Val::Dict(items) => mapping(ctx, value, &items.get(), name, args),
        Val::List(_) | Val::Tuple(_) => {
            let items = value.seq().unwrap_or_default();
            let [one] = args.bind(name, ["value"])?;
            match (name, one) {
                ("index", Some(one)) => items
                    .iter()
                    .position(|v| *v == one)
                    .map(Val::from)
                    .ok_or_else(|| Fail::error(format!("{} is not in the list", one.repr()))),
                ("count", Some(one)) => Ok(Val::from(items.iter().filter(|v| **v == one).count())),
                ("copy", None) => Ok(Val::List(Items::live(items.to_vec()))),
                _ => Err(unknown(value, name)),
            }
        }
        Val::Int(i) if name == "bit_length" => Ok(Val::Int(i64::from(64 - i.leading_zeros()))),
        Val::Float(f) if name == "is_integer" => Ok(Val::Bool(f.fract() == 0.0)),
        other => Err(unknown(other, name)),
    }
}

fn mapping(ctx: &mut Ctx<'_>, value: &Val, items: &Dict, name: &str, args: Args) -> Res<Val> {
    Ok(match name {
        "get" => {
            let [key, default] = args.bind("get", ["key", "default"])?;
            let key = key.ok_or_else(|| Fail::error("`get` needs a key"))?;
            let key = ctx.force(key)?;
            let found = match key.as_str() {
                Some(key) => items.get(&Key(key)),
                None => items.get(&key),
            };
            match found.cloned() {
                Some(found) => ctx.force(found)?,
                None => default.unwrap_or(Val::None),
            }
        }
        "keys" => Val::list(items.keys().cloned().collect()),
        "values" => Val::list(items.values().cloned().collect()),
        "items" => {
            let pairs = items
                .iter()
                .map(|(k, v)| Val::Tuple(Arc::new(vec![k.clone(), v.clone()])));
            Val::list(pairs.collect())
        }
        "copy" => Val::Dict(Items::live(items.clone())),
        "has_key" | "__contains__" => {
            let [key] = args.bind(name, ["key"])?;
            Val::Bool(key.is_some_and(|k| items.contains_key(&k)))
        }
        _ => match items.get(&Key(name)) {
            Some(callee) => {
                let callee = ctx.force(callee.clone())?;
                return ctx.invoke(&callee, args);
            }
            None => return Err(unknown(value, name)),
        },
    })
}

/// Calls a method that changes a live container.
pub(in crate::vars) fn mutate(ctx: &mut Ctx<'_>, value: &Val, name: &str, args: Args) -> Res<Val> {
    ctx.burn(1)?;
    let broken = || Fail::error("a value was left broken");
    match value {
        Val::List(Items::Live(cell)) => {
            let extra = match (name, args.pos.first()) {
                ("extend", Some(more)) => {
                    let more = ctx.force(more.clone())?;
                    ctx.iterate(&more)?
                }
                _ => Vec::new(),
            };
            let mut guard = cell.write().map_err(|_| broken())?;
            let items = Arc::make_mut(&mut guard);
            if items.len() + extra.len() > super::context::ITEMS {
                return Err(Fail::error("the list grows too long"));
            }
            change_list(items, name, args, extra)
        }
        Val::Dict(Items::Live(cell)) => {
            let mut more = Dict::new();
            if name == "update" {
                if let Some(given) = args.pos.first() {
                    let given = ctx.force(given.clone())?;
                    more.extend(pairs(ctx, &given)?);
                }
                more.extend(
                    args.named
                        .iter()
                        .map(|(n, v)| (Val::Str(Arc::clone(n)), v.clone())),
                );
            }
            let mut guard = cell.write().map_err(|_| broken())?;
            change_dict(Arc::make_mut(&mut guard), name, args, more)
        }
        other => Err(unknown(other, name)),
    }
}

/// A mapping's pairs, or those of a list of pairs.
pub(in crate::vars) fn pairs(ctx: &mut Ctx<'_>, value: &Val) -> Res<Dict> {
    if let Some(map) = value.map() {
        return Ok((*map).clone());
    }
    let mut out = Dict::new();
    for pair in ctx.iterate(value)? {
        let pair = ctx.force(pair)?;
        match pair.seq().as_deref().map(Vec::as_slice) {
            Some([key, value]) => {
                let key = ctx.force(key.clone())?;
                hashable(&key)?;
                out.insert(key, value.clone());
            }
            _ => return Err(Fail::error("a mapping is made of pairs")),
        }
    }
    Ok(out)
}

fn change_list(items: &mut Vec<Val>, name: &str, args: Args, extra: Vec<Val>) -> Res<Val> {
    match name {
        "extend" => items.extend(extra),
        "clear" => items.clear(),
        "reverse" => items.reverse(),
        "append" => {
            let [value] = args.bind("append", ["object"])?;
            items.push(value.ok_or_else(|| Fail::error("`append` needs a value"))?);
        }
        "insert" => {
            let [at, value] = args.bind("insert", ["index", "object"])?;
            let at = at
                .and_then(|i| ops::index(&i, items.len()))
                .unwrap_or(0)
                .min(items.len());
            items.insert(at, value.unwrap_or(Val::None));
        }
        "pop" => {
            let [at] = args.bind("pop", ["index"])?;
            let at = ops::index(&at.unwrap_or(Val::Int(-1)), items.len());
            return match at.filter(|i| *i < items.len()) {
                Some(at) => Ok(items.remove(at)),
                None => Err(Fail::error("`pop` from beyond the list")),
            };
        }
        "remove" => {
            let [value] = args.bind("remove", ["value"])?;
            let at = items.iter().position(|v| Some(v) == value.as_ref());
            items.remove(at.ok_or_else(|| Fail::error("`remove`: the value is not in the list"))?);
        }
        _ => {
            let reverse = args
                .named
                .iter()
                .any(|(n, v)| &**n == "reverse" && v.truth());
            let mut failed = None;
            items.sort_by(|a, b| {
                a.compare(b).unwrap_or_else(|e| {
                    failed = Some(e);
                    std::cmp::Ordering::Equal
                })
            });
            if let Some(failed) = failed {
                return Err(failed);
            }
            if reverse {
                items.reverse();
            }
        }
    }
    Ok(Val::None)
}

fn change_dict(items: &mut Dict, name: &str, args: Args, more: Dict) -> Res<Val> {
    match name {
        "update" => items.extend(more),
        "clear" => items.clear(),
        "popitem" => {
            return match items.pop() {
                Some((k, v)) => Ok(Val::Tuple(Arc::new(vec![k, v]))),
                None => Err(Fail::error("`popitem` from an empty mapping")),
            };
        }
        _ => {
            let [key, value] = args.bind(name, ["key", "default"])?;
            let key = key.ok_or_else(|| Fail::error(format!("`{name}` needs a key")))?;
            hashable(&key)?;
            match name {
                "__setitem__" => {
                    items.insert(key, value.unwrap_or(Val::None));
                }
                "setdefault" => {
                    let value = value.unwrap_or(Val::None);
                    return Ok(items.entry(key).or_insert(value).clone());
                }
                _ => {
                    return match (items.shift_remove(&key), value) {
                        (Some(found), _) | (None, Some(found)) => Ok(found),
                        (None, None) => Err(Fail::error(format!(
                            "`{name}`: the mapping has no key {}",
                            key.repr()
                        ))),
                    };
                }
            }
        }
    }
    Ok(Val::None)
}
