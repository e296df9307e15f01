//! Methods of Python's strings.

use std::sync::Arc;

use super::error::{Fail, Res};
use super::methods::{text_of, unknown};
use super::object::Args;
use super::ops;
use super::value::Val;

pub(in crate::vars) fn call(text: &str, name: &str, args: Args) -> Res<Val> {
    let value = Val::from(text);
    Ok(match name {
        "upper" => Val::from(text.to_uppercase()),
        "lower" | "casefold" => Val::from(text.to_lowercase()),
        "capitalize" => Val::from(capitalize(text)),
        "title" => Val::from(title(text)),
        "swapcase" => Val::from(
            text.chars()
                .flat_map(|c| {
                    let both: Vec<char> = if c.is_uppercase() {
                        c.to_lowercase().collect()
                    } else {
                        c.to_uppercase().collect()
                    };
                    both
                })
                .collect::<String>(),
        ),
        "strip" | "lstrip" | "rstrip" => {
            let [set] = args.bind(name, ["chars"])?;
            let set: Option<Vec<char>> = match set {
                None | Some(Val::None) => None,
                Some(set) => Some(text_of(Some(&set), name)?.chars().collect()),
            };
            let drop = |c: char| set.as_ref().map_or(c.is_whitespace(), |s| s.contains(&c));
            Val::from(match name {
                "strip" => text.trim_matches(drop),
                "lstrip" => text.trim_start_matches(drop),
                _ => text.trim_end_matches(drop),
            })
        }
        "split" | "rsplit" => {
            let [sep, max] = args.bind(name, ["sep", "maxsplit"])?;
            let max = max
                .and_then(|m| m.integer())
                .and_then(|m| usize::try_from(m).ok());
            Val::list(split(text, sep.as_ref(), max, name == "rsplit")?)
        }
        "splitlines" => {
            let [keep] = args.bind(name, ["keepends"])?;
            Val::list(lines(text, keep.is_some_and(|k| k.truth())))
        }
        "join" => {
            let [items] = args.bind(name, ["iterable"])?;
            let items = items
                .and_then(|i| i.seq())
                .ok_or_else(|| Fail::error("`join` needs a list"))?;
            let mut parts = Vec::new();
            for item in items.iter() {
                parts.push(text_of(Some(item), "join")?);
            }
            Val::from(parts.join(text))
        }
        "replace" => {
            let [old, new, count] = args.bind(name, ["old", "new", "count"])?;
            let (old, new) = (text_of(old.as_ref(), name)?, text_of(new.as_ref(), name)?);
            match count
                .and_then(|c| c.integer())
                .and_then(|c| usize::try_from(c).ok())
            {
                Some(count) => Val::from(text.replacen(&*old, &new, count)),
                None => Val::from(text.replace(&*old, &new)),
            }
        }
        "startswith" | "endswith" => {
            let [what] = args.bind(name, ["prefix"])?;
            let what = what.unwrap_or(Val::None);
            let options = match what.seq() {
                Some(items) => items.to_vec(),
                None => vec![what],
            };
            let mut found = false;
            for option in &options {
                let option = text_of(Some(option), name)?;
                found |= if name == "startswith" {
                    text.starts_with(&*option)
                } else {
                    text.ends_with(&*option)
                };
            }
            Val::Bool(found)
        }
        "removeprefix" | "removesuffix" => {
            let [what] = args.bind(name, ["affix"])?;
            let what = text_of(what.as_ref(), name)?;
            let rest = if name == "removeprefix" {
                text.strip_prefix(&*what)
            } else {
                text.strip_suffix(&*what)
            };
            Val::from(rest.unwrap_or(text))
        }
        "find" | "rfind" | "index" | "rindex" | "count" => return search(text, name, args),
        "ljust" | "rjust" | "center" | "zfill" => return pad(text, name, args),
        "partition" | "rpartition" => {
            let [sep] = args.bind(name, ["sep"])?;
            let sep = text_of(sep.as_ref(), name)?;
            let parts = if name == "partition" {
                text.split_once(&*sep).map(|(a, b)| [a, &*sep, b])
            } else {
                text.rsplit_once(&*sep).map(|(a, b)| [a, &*sep, b])
            };
            let parts = parts.unwrap_or(if name == "partition" {
                [text, "", ""]
            } else {
                ["", "", text]
            });
            Val::Tuple(Arc::new(parts.into_iter().map(Val::from).collect()))
        }
        "format" => Val::from(super::format::method(text, &args)?),
        "encode" | "decode" | "expandtabs" | "translate" | "__str__" => value,
        "isdigit" | "isnumeric" | "isdecimal" => all(text, char::is_numeric),
        "isalpha" => all(text, char::is_alphabetic),
        "isalnum" => all(text, char::is_alphanumeric),
        "isspace" => all(text, char::is_whitespace),
        "isascii" => Val::Bool(text.is_ascii()),
        "isupper" => {
            Val::Bool(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase))
        }
        "islower" => {
            Val::Bool(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase))
        }
        "istitle" => Val::Bool(text.chars().any(char::is_alphabetic) && title(text) == text),
        "isidentifier" => Val::Bool(
            text.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && text.chars().all(|c| c.is_alphanumeric() || c == '_'),
        ),
        _ => return Err(unknown(&value, name)),
    })
}

fn all(text: &str, test: impl Fn(char) -> bool) -> Val {
    Val::Bool(!text.is_empty() && text.chars().all(test))
}

pub(in crate::vars) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| {
        c.to_uppercase()
            .chain(chars.as_str().to_lowercase().chars())
            .collect()
    })
}

/// Python's `str.title`: a letter after anything that is no letter is a capital.
pub(in crate::vars) fn title(text: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphabetic();
    }
    out
}

pub(in crate::vars) fn split(
    text: &str,
    sep: Option<&Val>,
    max: Option<usize>,
    from_end: bool,
) -> Res<Vec<Val>> {
    let sep = match sep {
        None | Some(Val::None) => None,
        Some(sep) => Some(text_of(Some(sep), "split")?),
    };
    let limit = max.map_or(usize::MAX, |m| m.saturating_add(1));
    Ok(match sep {
        Some(sep) if sep.is_empty() => return Err(Fail::error("`split` by an empty separator")),
        Some(sep) if from_end => {
            let mut parts: Vec<Val> = text.rsplitn(limit, &*sep).map(Val::from).collect();
            parts.reverse();
            parts
        }
        Some(sep) => text.splitn(limit, &*sep).map(Val::from).collect(),
        None if from_end && max.is_some() => {
            let mut parts = Vec::new();
            let mut rest = text.trim_end();
            while !rest.is_empty() {
                if parts.len() + 1 == limit {
                    parts.push(Val::from(rest));
                    break;
                }
                match rest.rfind(char::is_whitespace) {
                    Some(i) => {
                        parts.push(Val::from(rest[i..].trim_start()));
                        rest = rest[..i].trim_end();
                    }
                    None => {
                        parts.push(Val::from(rest));
                        break;
                    }
                }
            }
            parts.reverse();
            parts
        }
        None => {
            let mut parts = Vec::new();
            let mut rest = text.trim_start();
            while !rest.is_empty() {
                if parts.len() + 1 == limit {
                    parts.push(Val::from(rest));
                    break;
                }
                match rest.find(char::is_whitespace) {
                    Some(i) => {
                        parts.push(Val::from(&rest[..i]));
                        rest = rest[i..].trim_start();
                    }
                    None => {
                        parts.push(Val::from(rest));
                        break;
                    }
                }
            }
            parts
        }
    })
}

fn lines(text: &str, keep: bool) -> Vec<Val> {
    text.split_inclusive('\n')
        .map(|line| {
            if keep {
                Val::from(line)
            } else {
                let line = line.strip_suffix('\n').unwrap_or(line);
                Val::from(line.strip_suffix('\r').unwrap_or(line))
            }
        })
        .collect()
}

fn search(text: &str, name: &str, args: Args) -> Res<Val> {
    let [what, start, end] = args.bind(name, ["sub", "start", "end"])?;
    let what = text_of(what.as_ref(), name)?;
    let chars: Vec<char> = text.chars().collect();
    let edge = |v: Option<Val>, or: usize| match v {
        None | Some(Val::None) => or,
        Some(v) => ops::index(&v, chars.len()).unwrap_or(0).min(chars.len()),
    };
    let (from, to) = (edge(start, 0), edge(end, chars.len()));
    let part: String = chars
        .get(from..to.max(from))
        .unwrap_or(&[])
        .iter()
        .collect();
    if name == "count" {
        return Ok(Val::from(part.matches(&*what).count()));
    }
    let at = if name.starts_with('r') {
        part.rfind(&*what)
    } else {
        part.find(&*what)
    };
    match at {
        Some(i) => Ok(Val::from(from + part[..i].chars().count())),
        None if name.ends_with("find") => Ok(Val::Int(-1)),
        None => Err(Fail::error(format!(
            "`{name}`: {} is not in the text",
            Val::Str(what).repr()
        ))),
    }
}

fn pad(text: &str, name: &str, args: Args) -> Res<Val> {
    let [width, fill] = args.bind(name, ["width", "fillchar"])?;
    let width = width.and_then(|w| w.integer()).unwrap_or(0);
    let width = usize::try_from(width).unwrap_or(0);
    if width > super::context::TEXT {
        return Err(Fail::error(format!("`{name}`: the text would be too long")));
    }
    let fill = match fill {
        Some(fill) => text_of(Some(&fill), name)?.chars().next().unwrap_or(' '),
        None => ' ',
    };
    let missing = width.saturating_sub(text.chars().count());
    let run = |n: usize| std::iter::repeat_n(fill, n).collect::<String>();
    Ok(Val::from(match name {
        "ljust" => format!("{text}{}", run(missing)),
        "rjust" => format!("{}{text}", run(missing)),
        "zfill" => {
            let (sign, digits) = match text.strip_prefix(['-', '+']) {
                Some(digits) => (&text[..1], digits),
                None => ("", text),
            };
            format!("{sign}{}{digits}", "0".repeat(missing))
        }
        _ => {
            // Python puts the odd one out on the left when the width is odd too.
            let left = missing / 2 + (missing & width & 1);
            format!("{}{text}{}", run(left), run(missing - left))
        }
    }))
}
