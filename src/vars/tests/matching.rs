//! What a text matches and what a list contains.

use std::collections::HashSet;

use super::Call;
use crate::source::pyre::PyFlags;
use crate::vars::context::Ctx;
use crate::vars::error::{Fail, Res};
use crate::vars::object::Args;
use crate::vars::ops;
use crate::vars::value::Val;

pub(super) const TESTS: &[(&str, Call)] = &[
    ("match", |ctx, v, args| matching(ctx, &v, args, "match")),
    ("search", |ctx, v, args| matching(ctx, &v, args, "search")),
    ("regex", |ctx, v, args| matching(ctx, &v, args, "regex")),
    ("contains", |ctx, v, args| {
        let [item] = args.bind("contains", ["item"])?;
        let item = item.ok_or_else(|| Fail::error("`contains` needs a value"))?;
        let _ = ctx;
        ops::contains(&v, &item)
    }),
    ("subset", |ctx, v, args| subset(ctx, v, args, false)),
    ("issubset", |ctx, v, args| subset(ctx, v, args, false)),
    ("superset", |ctx, v, args| subset(ctx, v, args, true)),
    ("issuperset", |ctx, v, args| subset(ctx, v, args, true)),
    ("any", |ctx, v, _| {
        Ok(ctx.iterate(&v)?.iter().any(Val::truth))
    }),
    ("all", |ctx, v, _| {
        Ok(ctx.iterate(&v)?.iter().all(Val::truth))
    }),
    ("uri", |ctx, v, args| uri(ctx, &v, args, "uri")),
    ("url", |ctx, v, args| {
        let text = v.text();
        let rest = scheme(&text).map_or(&*text, |(_, rest)| rest);
        let host = rest
            .strip_prefix("//")
            .is_some_and(|r| !r.is_empty() && !r.starts_with('/'));
        Ok(host && uri(ctx, &v, args, "url")?)
    }),
    ("urn", |_, v, _| {
        Ok(v.text().to_lowercase().starts_with("urn:"))
    }),
    ("vault_encrypted", |_, v, _| {
        Ok(v.text().starts_with("$ANSIBLE_VAULT;"))
    }),
];

/// Any text can be an address; where schemes are named, it has one of them.
fn uri(ctx: &mut Ctx<'_>, value: &Val, args: Args, how: &str) -> Res<bool> {
    let [schemes] = args.bind(how, ["schemes"])?;
    let Some(schemes) = schemes.filter(Val::truth) else {
        return Ok(matches!(value, Val::Str(_)));
    };
    let text = value.text();
    let own = scheme(&text).map_or("", |(scheme, _)| scheme);
    Ok(ctx.iterate(&schemes)?.iter().any(|s| *s.text() == *own))
}

fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let first = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    (first
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)))
    .then_some((scheme, rest))
}

fn matching(ctx: &mut Ctx<'_>, value: &Val, args: Args, how: &str) -> Res<bool> {
    let [pattern, ignorecase, multiline, kind] =
        args.bind(how, ["pattern", "ignorecase", "multiline", "match_type"])?;
    let flags = PyFlags {
        ignorecase: ignorecase.is_some_and(|v| v.truth()),
        multiline: multiline.is_some_and(|v| v.truth()),
        dotall: false,
    };
    let pattern = pattern.map_or("".into(), |p| p.text());
    let regex = ctx.regex(&pattern, flags)?;
    let text = value.text();
    let kind = kind.map(|k| k.text().to_string());
    let start = how == "match" || kind.as_deref() == Some("match");
    let whole = kind.as_deref() == Some("fullmatch");
    if whole {
        let regex = ctx.regex(&format!("(?:{pattern})\\Z"), flags)?;
        return Ok(regex.match_start(&text).map_err(Fail::error)?.is_some());
    }
    if start {
        return Ok(regex.match_start(&text).map_err(Fail::error)?.is_some());
    }
    regex.is_match(&text).map_err(Fail::error)
}

fn subset(ctx: &mut Ctx<'_>, value: Val, args: Args, reverse: bool) -> Res<bool> {
    let [other] = args.bind("subset", ["other"])?;
    let other = other.ok_or_else(|| Fail::error("a second list is needed"))?;
    let (a, b) = (ctx.iterate(&value)?, ctx.iterate(&other)?);
    let (small, large) = if reverse { (b, a) } else { (a, b) };
    let large: HashSet<&Val> = large.iter().collect();
    Ok(small.iter().all(|v| large.contains(v)))
}
