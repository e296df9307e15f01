//! Filters that choose: `default`, `ternary`, `mandatory`, `bool`.

use super::{Call, given, needs};
use crate::vars::context::Ctx;
use crate::vars::error::{Fail, Res, undefined};
use crate::vars::object::Args;
use crate::vars::value::Val;

pub(super) const FILTERS: &[(&str, Call)] = &[
    ("default", default),
    ("d", default),
    ("mandatory", mandatory),
    ("ternary", ternary),
    ("bool", bool_),
    ("type_debug", type_debug),
];

fn default(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [instead, boolean] = args.bind("default", ["default_value", "boolean"])?;
    let value = ctx.force(value)?;
    let absent = match &value {
        Val::Undefined(_) => true,
        other => boolean.is_some_and(|b| b.truth()) && !other.truth(),
    };
    if !absent {
        return Ok(value);
    }
    Ok(instead.unwrap_or(Val::from("")))
}

fn mandatory(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [message] = args.bind("mandatory", ["msg"])?;
    match (ctx.force(value)?, given(message)) {
        (Val::Undefined(_), Some(message)) => Err(Fail::error(message.text().to_string())),
        (Val::Undefined(missing), None) => Err(undefined(&missing)),
        (value, _) => Ok(value),
    }
}

fn ternary(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [yes, no, none] = args.bind("ternary", ["true_val", "false_val", "none_val"])?;
    if let (Val::None, Some(none)) = (&value, none) {
        return Ok(none);
    }
    let chosen = if value.truth() { yes } else { no };
    chosen.ok_or_else(|| Fail::error("`ternary` needs a value for true and one for false"))
}

fn bool_(_ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    Ok(match &value {
        Val::Bool(_) => value,
        Val::None => Val::Bool(false),
        Val::Str(s) => match s.to_lowercase().as_str() {
            "yes" | "on" | "1" | "true" | "y" | "t" => Val::Bool(true),
            "no" | "off" | "0" | "false" | "n" | "f" | "" => Val::Bool(false),
            _ => Val::Bool(false),
        },
        Val::Int(i) => Val::Bool(*i == 1),
        Val::Float(f) => Val::Bool((*f - 1.0).abs() < f64::EPSILON),
        Val::List(_) | Val::Dict(_) | Val::Tuple(_) => Val::Bool(false),
        other => return Err(needs("bool", "a scalar", other)),
    })
}

fn type_debug(_ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    Ok(Val::from(value.type_name()))
}
