//! Paths as text.

use super::{Call, given, string};
use crate::vars::context::Ctx;
use crate::vars::error::{Fail, Res};
use crate::vars::object::Args;
use crate::vars::value::Val;
use std::sync::Arc;

pub(super) const FILTERS: &[(&str, Call)] = &[
    ("basename", |_, v, _| Ok(Val::from(base(&string(&v))))),
    ("dirname", |_, v, _| Ok(Val::from(dir(&string(&v))))),
    ("splitext", |_, v, _| {
        let text = string(&v);
        let (root, ext) = splitext(&text);
        Ok(Val::Tuple(Arc::new(vec![Val::from(root), Val::from(ext)])))
    }),
    ("normpath", |_, v, _| Ok(Val::from(norm(&string(&v))))),
    ("realpath", |ctx, v, _| {
        Ok(Val::from(absolute(ctx, &string(&v))))
    }),
    ("expanduser", |ctx, v, _| {
        ctx.impure = true;
        let text = string(&v);
        let rest = text
            .strip_prefix('~')
            .filter(|r| r.is_empty() || r.starts_with('/'));
        Ok(match (rest, ctx.engine.outside.env("HOME")) {
            (Some(rest), Some(home)) => Val::from(format!("{home}{rest}")),
            _ => v,
        })
    }),
    ("expandvars", expandvars),
    ("relpath", relpath),
    ("path_join", path_join),
    ("commonpath", commonpath),
    ("fileglob", |ctx, v, _| {
        ctx.impure = true;
        let found = crate::vars::lookups::file::glob(ctx, &string(&v));
        Ok(Val::list(found.into_iter().map(Val::from).collect()))
    }),
    ("win_basename", |_, v, _| {
        let text = string(&v);
        Ok(Val::from(text.rsplit(['\\', '/']).next().unwrap_or("")))
    }),
    ("win_dirname", |_, v, _| {
        let text = string(&v);
        let cut = text.rfind(['\\', '/']).unwrap_or(0);
        Ok(Val::from(&text[..cut]))
    }),
    ("win_splitdrive", |_, v, _| {
        let text = string(&v);
        let cut = if text.as_bytes().get(1) == Some(&b':') {
            2
        } else {
            0
        };
        let parts = vec![Val::from(&text[..cut]), Val::from(&text[cut..])];
        Ok(Val::Tuple(Arc::new(parts)))
    }),
];

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or("")
}

fn dir(path: &str) -> &str {
    let head = &path[..path.rfind('/').map_or(0, |i| i + 1)];
    let trimmed = head.trim_end_matches('/');
    if trimmed.is_empty() { head } else { trimmed }
}

fn splitext(path: &str) -> (&str, &str) {
    let start = path.rfind('/').map_or(0, |i| i + 1);
    let name = &path[start..];
    let leading = name.len() - name.trim_start_matches('.').len();
    match name[leading..].rfind('.') {
        Some(i) => path.split_at(start + leading + i),
        None => (path, ""),
    }
}

/// Python's `normpath`.
pub(in crate::vars) fn norm(path: &str) -> String {
    let root = if path.starts_with("//") && !path.starts_with("///") {
        "//"
    } else if path.starts_with('/') {
        "/"
    } else {
        ""
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => {
                parts.pop();
            }
            ".." if !root.is_empty() => {}
            other => parts.push(other),
        }
    }
    let text = format!("{root}{}", parts.join("/"));
    if text.is_empty() { ".".into() } else { text }
}

fn absolute(ctx: &mut Ctx<'_>, path: &str) -> String {
    ctx.impure = true;
    if path.starts_with('/') {
        return std::path::Path::new(path)
            .canonicalize()
            .map_or_else(|_| norm(path), |p| p.to_string_lossy().into_owned());
    }
    let here = ctx.engine.outside.env("PWD").unwrap_or_else(|| "/".into());
    norm(&format!("{here}/{path}"))
}

fn expandvars(ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    ctx.impure = true;
    let regex = ctx.regex(r"\$(\w+|\{[^}]*\})", Default::default())?;
    let text = string(&value);
    let outside = Arc::clone(&ctx.engine.outside);
    let expanded = regex.replace_with(&text, 0, |found| {
        let name = found.group(&text, 1).unwrap_or("").trim_matches(['{', '}']);
        let whole = found.group(&text, 0).unwrap_or("");
        Ok(outside.env(name).unwrap_or_else(|| whole.to_owned()))
    });
    Ok(Val::from(expanded.map_err(Fail::error)?.0))
}

fn relpath(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [start] = args.bind("relpath", ["start"])?;
    let target = norm(&lexical(ctx, &string(&value)));
    let start = given(start).map_or_else(|| ".".into(), |s| string(&s));
    let start = norm(&lexical(ctx, &start));
    let split = |p: &str| {
        p.split('/')
            .filter(|s| !s.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (to, from) = (split(&target), split(&start));
    let common = to.iter().zip(&from).take_while(|(a, b)| a == b).count();
    let mut parts = vec!["..".to_owned(); from.len() - common];
    parts.extend(to[common..].iter().cloned());
    Ok(Val::from(if parts.is_empty() {
        ".".into()
    } else {
        parts.join("/")
    }))
}

fn lexical(ctx: &mut Ctx<'_>, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    ctx.impure = true;
    let here = ctx.engine.outside.env("PWD").unwrap_or_else(|| "/".into());
    format!("{here}/{path}")
}

fn path_join(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let mut parts = match &value {
        Val::Str(_) => vec![value.clone()],
        other => ctx.iterate(other)?,
    };
    parts.extend(args.pos);
    let mut out = String::new();
    for part in parts {
        let part = string(&part);
        if part.starts_with('/') {
            out.clear();
        } else if !out.is_empty() && !out.ends_with('/') {
            out.push('/');
        }
        out.push_str(&part);
    }
    Ok(Val::from(out))
}

fn commonpath(ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    let paths: Vec<String> = ctx
        .iterate(&value)?
        .iter()
        .map(|p| string(p).to_string())
        .collect();
    let absolute = paths.first().is_some_and(|p| p.starts_with('/'));
    if paths.iter().any(|p| p.starts_with('/') != absolute) {
        return Err(Fail::error(
            "`commonpath`: absolute and relative paths have nothing in common",
        ));
    }
    let split = |p: &String| {
        let parts = p.split('/').filter(|s| !s.is_empty() && *s != ".");
        parts.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut lists = paths.iter().map(split);
    let mut common = lists.next().unwrap_or_default();
    for list in lists {
        let same = common.iter().zip(&list).take_while(|(a, b)| a == b).count();
        common.truncate(same);
    }
    Ok(Val::from(format!(
        "{}{}",
        if absolute { "/" } else { "" },
        common.join("/")
    )))
}
