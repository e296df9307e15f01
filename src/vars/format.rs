//! `'%s' % x`, the `format` filter and `str.format`: the parser's crate knows both languages.

use minijinja::formatting::{FormatStyle, format as with};
use minijinja::value::{Kwargs, Value as Foreign};

use super::convert::to_minijinja;
use super::error::{Fail, Res};
use super::object::Args;
use super::value::Val;

/// `text % args`.
pub(in crate::vars) fn percent(text: &str, args: &Val) -> Res<String> {
    let args = match args {
        Val::Tuple(items) => items.iter().map(to_minijinja).collect(),
        other => vec![to_minijinja(other)],
    };
    run(FormatStyle::Printf, text, &args)
}

/// The `format` filter: `%` with its arguments spread out.
pub(in crate::vars) fn filter(text: &str, args: &Args) -> Res<String> {
    if !args.named.is_empty() {
        let map: Foreign = args
            .named
            .iter()
            .map(|(n, v)| (n.to_string(), to_minijinja(v)))
            .collect();
        return run(FormatStyle::Printf, text, &[map]);
    }
    let args: Vec<Foreign> = args.pos.iter().map(to_minijinja).collect();
    run(FormatStyle::Printf, text, &args)
}

/// `text.format(…)`.
pub(in crate::vars) fn method(text: &str, args: &Args) -> Res<String> {
    let mut all: Vec<Foreign> = args.pos.iter().map(to_minijinja).collect();
    if !args.named.is_empty() {
        let named = args.named.iter().map(|(n, v)| (&**n, to_minijinja(v)));
        all.push(Foreign::from(named.collect::<Kwargs>()));
    }
    run(FormatStyle::StrFormat, text, &all)
}

fn run(style: FormatStyle, text: &str, args: &[Foreign]) -> Res<String> {
    with(style, text, args).map_err(|e| {
        Fail::error(format!(
            "cannot format: {}",
            e.detail().unwrap_or("wrong arguments")
        ))
    })
}
