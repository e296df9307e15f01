//! What a value is, and how it compares.

use super::Call;
use crate::vars::context::Ctx;
use crate::vars::error::{Fail, Res};
use crate::vars::object::Args;
use crate::vars::ops;
use crate::vars::tree::Compare;
use crate::vars::value::Val;

pub(super) const TESTS: &[(&str, Call)] = &[
    ("defined", |ctx, v, _| Ok(!ctx.force(v)?.is_undefined())),
    ("undefined", |ctx, v, _| Ok(ctx.force(v)?.is_undefined())),
    ("none", |_, v, _| Ok(matches!(v, Val::None))),
    ("boolean", |_, v, _| Ok(matches!(v, Val::Bool(_)))),
    ("true", |_, v, _| Ok(matches!(v, Val::Bool(true)))),
    ("false", |_, v, _| Ok(matches!(v, Val::Bool(false)))),
    ("integer", |_, v, _| Ok(matches!(v, Val::Int(_)))),
    ("float", |_, v, _| Ok(matches!(v, Val::Float(_)))),
    ("number", |_, v, _| {
        Ok(matches!(v, Val::Int(_) | Val::Float(_) | Val::Bool(_)))
    }),
    ("string", |_, v, _| Ok(matches!(v, Val::Str(_)))),
    ("mapping", |_, v, _| Ok(matches!(v, Val::Dict(_)))),
    ("sequence", |_, v, _| {
        Ok(matches!(
            v,
            Val::List(_) | Val::Tuple(_) | Val::Str(_) | Val::Dict(_)
        ))
    }),
    ("iterable", |_, v, _| {
        Ok(matches!(
            v,
            Val::List(_) | Val::Tuple(_) | Val::Str(_) | Val::Dict(_)
        ))
    }),
    ("callable", |_, v, _| {
        Ok(matches!(&v, Val::Object(o) if o.callable()))
    }),
    ("escaped", |_, _, _| Ok(false)),
    ("sameas", same),
    ("even", |_, v, _| Ok(whole(&v)? % 2 == 0)),
    ("odd", |_, v, _| Ok(whole(&v)? % 2 != 0)),
    ("divisibleby", |_, v, args| {
        let [by] = args.bind("divisibleby", ["num"])?;
        match whole(&by.unwrap_or(Val::None))? {
            0 => Err(Fail::error("division by zero")),
            by => Ok(whole(&v)? % by == 0),
        }
    }),
    ("lower", |_, v, _| {
        Ok(cased(&v.text(), char::is_uppercase, char::is_lowercase))
    }),
    ("upper", |_, v, _| {
        Ok(cased(&v.text(), char::is_lowercase, char::is_uppercase))
    }),
    ("filter", |_, v, _| {
        Ok(crate::vars::filters::find(&v.text()).is_some())
    }),
    ("test", |_, v, _| Ok(super::find(&v.text()).is_some())),
    ("eq", |_, v, args| against(Compare::Eq, &v, args)),
    ("==", |_, v, args| against(Compare::Eq, &v, args)),
    ("equalto", |_, v, args| against(Compare::Eq, &v, args)),
    ("ne", |_, v, args| against(Compare::Ne, &v, args)),
    ("!=", |_, v, args| against(Compare::Ne, &v, args)),
    ("lt", |_, v, args| against(Compare::Lt, &v, args)),
    ("<", |_, v, args| against(Compare::Lt, &v, args)),
    ("lessthan", |_, v, args| against(Compare::Lt, &v, args)),
    ("le", |_, v, args| against(Compare::Le, &v, args)),
    ("<=", |_, v, args| against(Compare::Le, &v, args)),
    ("gt", |_, v, args| against(Compare::Gt, &v, args)),
    (">", |_, v, args| against(Compare::Gt, &v, args)),
    ("greaterthan", |_, v, args| against(Compare::Gt, &v, args)),
    ("ge", |_, v, args| against(Compare::Ge, &v, args)),
    (">=", |_, v, args| against(Compare::Ge, &v, args)),
    ("in", |_, v, args| against(Compare::In, &v, args)),
    ("truthy", truthy),
    ("falsy", |ctx, v, args| Ok(!truthy(ctx, v, args)?)),
    ("nan", nan),
    ("isnan", nan),
];

fn against(op: Compare, value: &Val, args: Args) -> Res<bool> {
    let [other] = args.bind("comparison", ["other"])?;
    let other = other.ok_or_else(|| Fail::error("there is nothing to compare with"))?;
    ops::compare(op, value, &other)
}

fn whole(value: &Val) -> Res<i64> {
    value
        .integer()
        .ok_or_else(|| Fail::error(format!("an integer is needed, not {}", value.described())))
}

fn cased(text: &str, not: impl Fn(char) -> bool, is: impl Fn(char) -> bool) -> bool {
    text.chars().any(&is) && !text.chars().any(&not)
}

fn same(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<bool> {
    let [other] = args.bind("sameas", ["other"])?;
    let other = other.unwrap_or(Val::None);
    Ok(value.type_name() == other.type_name() && value == other)
}

fn truthy(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<bool> {
    let [convert] = args.bind("truthy", ["convert_bool"])?;
    if convert.is_some_and(|c| c.truth())
        && let Val::Str(s) = &value
    {
        match s.to_lowercase().as_str() {
            "no" | "off" | "0" | "false" | "n" | "f" => return Ok(false),
            _ => {}
        }
    }
    Ok(value.truth())
}

fn nan(_ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<bool> {
    match value.number() {
        Some(number) => Ok(number.is_nan()),
        None => Err(Fail::error(format!(
            "a number is needed, not {}",
            value.described()
        ))),
    }
}
