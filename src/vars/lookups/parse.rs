//! Lookups that read one value out of a file: INI and CSV.

use super::{Ask, file};
use crate::source::pyre::PyFlags;
use crate::vars::context::Ctx;
use crate::vars::error::{Fail, Res};
use crate::vars::value::Val;

fn text(ctx: &mut Ctx<'_>, of: &str, name: &str) -> Res<String> {
    let path = file::find(ctx, "files", name)
        .ok_or_else(|| Fail::error(format!("`{of}`: there is no file `{name}`")))?;
    let file = ctx
        .engine
        .files
        .text(&path)
        .map_err(|d| Fail::error(d.message))?;
    Ok(file.text.clone())
}

/// `lookup('ini', 'key section=name file=x.ini')`.
pub(super) fn ini(ctx: &mut Ctx<'_>, mut ask: Ask) -> Res<Vec<Val>> {
    let mut out = Vec::new();
    for term in ask.terms.clone() {
        let key = ask.inline(&term.text());
        let name = ask.text("file", "ansible.ini");
        let section = ask.text("section", "global");
        let content = text(ctx, "ini", &name)?;
        let properties = &*ask.text("type", "ini") == "properties";
        let pairs = section_of(&content, (!properties).then_some(&*section));
        if ask.flag("re", false) {
            let regex = ctx.regex(&key, PyFlags::default())?;
            for (k, v) in pairs {
                if regex.match_start(k).map_err(Fail::error)?.is_some() {
                    out.push(Val::from(v));
                }
            }
            continue;
        }
        let cased = ask.flag("case_sensitive", false);
        let same = |k: &str| {
            if cased {
                k == key
            } else {
                k.eq_ignore_ascii_case(&key)
            }
        };
        match pairs.into_iter().rev().find(|(k, _)| same(k)) {
            Some((_, value)) => out.push(Val::from(value)),
            None => out.push(Val::Str(ask.text("default", ""))),
        }
    }
    Ok(out)
}

fn section_of<'t>(content: &'t str, section: Option<&str>) -> Vec<(&'t str, &'t str)> {
    let (mut inside, mut pairs) = (section.is_none(), Vec::new());
    for line in content.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            inside = section.is_none_or(|s| s == name.trim());
        } else if inside {
            let (key, value) = line.split_once(['=', ':']).unwrap_or((line, ""));
            pairs.push((key.trim(), value.trim()));
        }
    }
    pairs
}

/// `lookup('csvfile', 'key file=x.csv delimiter=, col=1')`.
pub(super) fn csvfile(ctx: &mut Ctx<'_>, mut ask: Ask) -> Res<Vec<Val>> {
    let mut out = Vec::new();
    for term in ask.terms.clone() {
        let key = ask.inline(&term.text());
        let content = text(ctx, "csvfile", &ask.text("file", "ansible.csv"))?;
        let delimiter = match &*ask.text("delimiter", "TAB") {
            "TAB" | "\\t" => '\t',
            other => other.chars().next().unwrap_or('\t'),
        };
        let column = |name: &str, or: usize| {
            ask.option(name)
                .and_then(|c| c.text().parse().ok())
                .unwrap_or(or)
        };
        let (col, key_col) = (column("col", 1), column("keycol", 0));
        let rows = content.lines().map(|l| fields(l, delimiter));
        let row = rows
            .into_iter()
            .find(|r| r.get(key_col).is_some_and(|k| *k == key));
        match (row, ask.option("default")) {
            (Some(row), _) => match row.get(col) {
                Some(cell) => out.push(Val::from(cell.as_str())),
                None => return Err(Fail::error(format!("`csvfile`: there is no column {col}"))),
            },
            (None, Some(default)) => out.push(default.clone()),
            (None, None) => {}
        }
    }
    Ok(out)
}

fn fields(line: &str, delimiter: char) -> Vec<String> {
    let (mut out, mut quoted) = (vec![String::new()], false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let last = out.len() - 1;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                out[last].push('"');
            }
            '"' => quoted = !quoted,
            c if c == delimiter && !quoted => out.push(String::new()),
            c => out[last].push(c),
        }
    }
    out
}
