//! Filters on text.

use std::sync::Arc;

use super::{Call, given, needs, string};
use crate::vars::context::{Ctx, TEXT};
use crate::vars::error::{Fail, Res};
use crate::vars::object::Args;
use crate::vars::string as strings;
use crate::vars::value::{Dict, Val};

pub(super) const FILTERS: &[(&str, Call)] = &[
    ("lower", |_, v, _| Ok(Val::from(string(&v).to_lowercase()))),
    ("upper", |_, v, _| Ok(Val::from(string(&v).to_uppercase()))),
    ("capitalize", |_, v, _| {
        Ok(Val::from(strings::capitalize(&string(&v))))
    }),
    ("title", |_, v, _| Ok(Val::from(title(&string(&v))))),
    ("string", |_, v, _| Ok(Val::Str(string(&v)))),
    ("safe", |_, v, _| Ok(Val::Str(string(&v)))),
    ("trim", trim),
    ("replace", replace),
    ("indent", indent),
    ("center", center),
    ("truncate", truncate),
    ("wordcount", wordcount),
    ("wordwrap", wordwrap),
    ("format", |_, v, args| {
        Ok(Val::from(crate::vars::format::filter(&string(&v), &args)?))
    }),
    ("split", split),
    ("quote", quote),
    ("comment", comment),
    ("pprint", |_, v, _| Ok(Val::from(v.repr()))),
];

/// Jinja's `title`: words as whitespace, dashes and brackets part them.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    for c in text.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        start = c.is_whitespace() || "-({[<".contains(c);
    }
    out
}

fn trim(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [chars] = args.bind("trim", ["chars"])?;
    let text = string(&value);
    Ok(match given(chars) {
        Some(chars) => {
            let set: Vec<char> = string(&chars).chars().collect();
            Val::from(text.trim_matches(|c| set.contains(&c)))
        }
        None => Val::from(text.trim()),
    })
}

fn replace(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [old, new, count] = args.bind("replace", ["old", "new", "count"])?;
    let (Some(old), Some(new)) = (old, new) else {
        return Err(Fail::error("`replace` needs what to replace and what by"));
    };
    let (text, old, new) = (string(&value), string(&old), string(&new));
    if new.len().saturating_mul(text.len()) > TEXT && new.len() > old.len() * 64 {
        return Err(Fail::error("`replace`: the text would be too long"));
    }
    let count = given(count)
        .and_then(|c| c.integer())
        .and_then(|c| usize::try_from(c).ok());
    Ok(Val::from(match count {
        Some(count) => text.replacen(&*old, &new, count),
        None => text.replace(&*old, &new),
    }))
}

fn indent(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [width, first, blank] = args.bind("indent", ["width", "first", "blank"])?;
    let text = string(&value);
    let pad = match width {
        None => "    ".to_owned(),
        Some(Val::Str(pad)) => pad.to_string(),
        Some(width) => {
            let width = width
                .integer()
                .ok_or_else(|| needs("indent", "a width", &width))?;
            " ".repeat(usize::try_from(width).unwrap_or(0).min(1000))
        }
    };
    let (first, blank) = (
        first.is_some_and(|v| v.truth()),
        blank.is_some_and(|v| v.truth()),
    );
    let mut out = String::with_capacity(text.len() + pad.len() * 8);
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let wanted = if i == 0 {
            first
        } else {
            blank || !line.is_empty()
        };
        if wanted {
            out.push_str(&pad);
        }
        out.push_str(line);
    }
    Ok(Val::from(out))
}

fn center(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [width] = args.bind("center", ["width"])?;
    let width = width.and_then(|w| w.integer()).unwrap_or(80);
    let width = usize::try_from(width).unwrap_or(0).min(TEXT / 64);
    let text = string(&value);
    let missing = width.saturating_sub(text.chars().count());
    let left = missing / 2 + (missing & width & 1);
    Ok(Val::from(format!(
        "{}{text}{}",
        " ".repeat(left),
        " ".repeat(missing - left)
    )))
}

fn truncate(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [length, kill, end, leeway] =
        args.bind("truncate", ["length", "killwords", "end", "leeway"])?;
    let text: Vec<char> = string(&value).chars().collect();
    let count = |v: Option<Val>, or: i64| {
        usize::try_from(given(v).and_then(|v| v.integer()).unwrap_or(or)).unwrap_or(0)
    };
    let (length, leeway) = (count(length, 255), count(leeway, 5));
    let end = end.map_or(Arc::from("..."), |e| string(&e));
    if text.len() <= length + leeway {
        return Ok(Val::from(text.into_iter().collect::<String>()));
    }
    let keep = length.saturating_sub(end.chars().count());
    let cut: String = text[..keep].iter().collect();
    let cut = if kill.is_some_and(|k| k.truth()) {
        cut
    } else {
        cut.rsplit_once(' ')
            .map_or(cut.clone(), |(a, _)| a.to_owned())
    };
    Ok(Val::from(format!("{cut}{end}")))
}

fn wordcount(_ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    let text = string(&value);
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    Ok(Val::from(words.filter(|w| !w.is_empty()).count()))
}

fn wordwrap(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [width, long, joined, hyphens] = args.bind(
        "wordwrap",
        [
            "width",
            "break_long_words",
            "wrapstring",
            "break_on_hyphens",
        ],
    )?;
    let width = usize::try_from(width.and_then(|w| w.integer()).unwrap_or(79))
        .unwrap_or(79)
        .max(1);
    let long = long.is_none_or(|v| v.truth());
    let _ = hyphens;
    let joined = given(joined).map_or(Arc::from("\n"), |j| string(&j));
    let text = string(&value);
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let mut current = String::new();
        for word in line.split_whitespace() {
            let mut word: String = word.to_owned();
            loop {
                let used = current.chars().count();
                let size = word.chars().count();
                let space = usize::from(used > 0);
                if used + space + size <= width {
                    if space == 1 {
                        current.push(' ');
                    }
                    current.push_str(&word);
                    break;
                }
                if used > 0 && (size <= width || !long) {
                    lines.push(std::mem::take(&mut current));
                    continue;
                }
                if !long {
                    current.push_str(&word);
                    break;
                }
                let room = width.saturating_sub(used + space);
                if room == 0 {
                    lines.push(std::mem::take(&mut current));
                    continue;
                }
                if space == 1 {
                    current.push(' ');
                }
                current.extend(word.chars().take(room));
                word = word.chars().skip(room).collect();
                lines.push(std::mem::take(&mut current));
            }
        }
        lines.push(current);
    }
    Ok(Val::from(lines.join(&joined)))
}

fn split(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [sep, max] = args.bind("split", ["sep", "maxsplit"])?;
    let max = max
        .and_then(|m| m.integer())
        .and_then(|m| usize::try_from(m).ok());
    let Val::Str(text) = &value else {
        return Err(needs("split", "a string", &value));
    };
    Ok(Val::list(strings::split(text, sep.as_ref(), max, false)?))
}

/// Quotes for a POSIX shell, as Python's `shlex.quote` does.
fn quote(_ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    let text = match &value {
        Val::None => Arc::from(""),
        other => string(other),
    };
    let safe = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    Ok(if text.is_empty() {
        Val::from("''")
    } else if text.chars().all(safe) {
        Val::Str(text)
    } else {
        Val::from(format!("'{}'", text.replace('\'', "'\"'\"'")))
    })
}

/// Text as a comment of some language.
fn comment(_ctx: &mut Ctx<'_>, value: Val, mut args: Args) -> Res<Val> {
    let style = match args.pos.first() {
        Some(style) => string(style),
        None => args.pop("style").map_or(Arc::from("plain"), |s| string(&s)),
    };
    let (open, line, close): (&str, &str, &str) = match &*style {
        "plain" => ("", "# ", ""),
        "erlang" => ("", "% ", ""),
        "c" => ("", "// ", ""),
        "cblock" => ("/*", " * ", " */"),
        "xml" => ("<!--", " - ", "-->"),
        other => return Err(Fail::error(format!("`comment` knows no style `{other}`"))),
    };
    let named: Dict = args
        .named
        .into_iter()
        .map(|(n, v)| (Val::Str(n), v))
        .collect();
    let option = |name: &str, or: &str| {
        named
            .get(&crate::vars::value::Key(name))
            .map_or(or.to_owned(), |v| string(v).to_string())
    };
    let count = |name: &str| {
        let n = named
            .get(&crate::vars::value::Key(name))
            .and_then(Val::integer)
            .unwrap_or(1);
        usize::try_from(n).unwrap_or(0).min(1000)
    };
    let decoration = option("decoration", line);
    let begin = option("beginning", open);
    let end = option("end", close);
    let newline = option("newline", "\n");
    let prefix = option("prefix", decoration.trim_end());
    let postfix = option("postfix", decoration.trim_end());
    let (before, after) = (count("prefix_count"), count("postfix_count"));
    let mut out = String::new();
    if !begin.is_empty() {
        out.push_str(&begin);
        out.push_str(&newline);
    }
    if !prefix.is_empty() {
        out.push_str(&format!("{prefix}{newline}").repeat(before));
    }
    let body = string(&value).replace('\n', &format!("{newline}{decoration}"));
    let body = format!("{decoration}{body}").replace(
        &format!("{decoration}{newline}"),
        &format!("{}{newline}", decoration.trim_end()),
    );
    out.push_str(&body);
    if !postfix.is_empty() {
        out.push_str(&format!("{newline}{postfix}").repeat(after));
    }
    if !end.is_empty() {
        out.push_str(&newline);
        out.push_str(&end);
    }
    Ok(Val::from(out))
}
