//! Filters with regular expressions.

use std::sync::Arc;

use super::{Call, given, string};
use crate::source::pyre::{PyFlags, PyMatch, PyRegex, escape};
use crate::vars::context::{Ctx, TEXT};
use crate::vars::error::{Fail, Res};
use crate::vars::object::Args;
use crate::vars::value::Val;

pub(super) const FILTERS: &[(&str, Call)] = &[
    ("regex_replace", replace),
    ("regex_search", search),
    ("regex_findall", findall),
    ("regex_escape", escape_),
];

impl Ctx<'_> {
    pub(in crate::vars) fn regex(&self, pattern: &str, flags: PyFlags) -> Res<Arc<PyRegex>> {
        self.engine.regex(pattern, flags)
    }
}

fn flags(ignorecase: Option<Val>, multiline: Option<Val>) -> PyFlags {
    PyFlags {
        ignorecase: ignorecase.is_some_and(|v| v.truth()),
        multiline: multiline.is_some_and(|v| v.truth()),
        dotall: false,
    }
}

fn replace(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [pattern, by, ignorecase, multiline, count, must] = args.bind(
        "regex_replace",
        [
            "pattern",
            "replacement",
            "ignorecase",
            "multiline",
            "count",
            "mandatory_count",
        ],
    )?;
    let text = string(&value);
    let pattern = pattern.map_or(Arc::from(""), |p| string(&p));
    let by = by.map_or(Arc::from(""), |b| string(&b));
    let regex = ctx.regex(&pattern, flags(ignorecase, multiline))?;
    let count = given(count).and_then(|c| c.integer()).unwrap_or(0);
    let count = usize::try_from(count).unwrap_or(0);
    let (out, replaced) = regex.replace_all(&text, &by, count).map_err(Fail::error)?;
    if out.len() > TEXT {
        return Err(Fail::error("`regex_replace`: the text would be too long"));
    }
    match given(must).and_then(|m| m.integer()) {
        Some(must) if must != 0 && usize::try_from(must) != Ok(replaced) => Err(Fail::error(
            format!("`{pattern}` was to be replaced {must} times, and was {replaced} times"),
        )),
        _ => Ok(Val::from(out)),
    }
}

fn search(ctx: &mut Ctx<'_>, value: Val, mut args: Args) -> Res<Val> {
    let flags = flags(args.pop("ignorecase"), args.pop("multiline"));
    let text = string(&value);
    let mut pos = args.pos.into_iter();
    let pattern = pos.next().or_else(|| args.named.pop().map(|(_, v)| v));
    let pattern = pattern.ok_or_else(|| Fail::error("`regex_search` needs a pattern"))?;
    let regex = ctx.regex(&string(&pattern), flags)?;
    let mut wanted = Vec::new();
    for group in pos {
        let group = string(&group);
        let name = group.strip_prefix("\\g<").and_then(|g| g.strip_suffix('>'));
        let name = name.or_else(|| group.strip_prefix('\\'));
        wanted.push(
            name.ok_or_else(|| Fail::error("unknown group: write `\\\\1` or `\\\\g<name>`"))?
                .to_owned(),
        );
    }
    let Some(found) = regex.captures(&text).map_err(Fail::error)? else {
        return Ok(Val::None);
    };
    if wanted.is_empty() {
        return Ok(Val::from(found.group(&text, 0).unwrap_or("")));
    }
    let mut out = Vec::new();
    for name in wanted {
        let number = name.parse().ok().or_else(|| found.number(&name));
        let number = number.filter(|n| *n < found.spans.len());
        let number =
            number.ok_or_else(|| Fail::error(format!("the pattern has no group `{name}`")))?;
        out.push(found.group(&text, number).map_or(Val::None, Val::from));
    }
    Ok(Val::list(out))
}

fn findall(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [pattern, multiline, ignorecase] =
        args.bind("regex_findall", ["regex", "multiline", "ignorecase"])?;
    let text = string(&value);
    let pattern = pattern.ok_or_else(|| Fail::error("`regex_findall` needs a pattern"))?;
    let regex = ctx.regex(&string(&pattern), flags(ignorecase, multiline))?;
    let group = |m: &PyMatch, n: usize| Val::from(m.group(&text, n).unwrap_or(""));
    let found = regex.all(&text).map_err(Fail::error)?;
    ctx.burn(found.len())?;
    let found = found.iter().map(|m| match regex.groups() {
        0 => group(m, 0),
        1 => group(m, 1),
        n => Val::Tuple(Arc::new((1..=n).map(|i| group(m, i)).collect())),
    });
    Ok(Val::list(found.collect()))
}

fn escape_(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [kind] = args.bind("regex_escape", ["re_type"])?;
    let text = string(&value);
    match given(kind).map(|k| string(&k)).as_deref() {
        None | Some("python") => Ok(Val::from(escape(&text))),
        Some("posix_basic") => {
            let mut out = String::new();
            for c in text.chars() {
                if "].[^$*\\".contains(c) {
                    out.push('\\');
                }
                out.push(c);
            }
            Ok(Val::from(out))
        }
        Some(other) => Err(Fail::error(format!(
            "`regex_escape` knows no type `{other}`"
        ))),
    }
}
