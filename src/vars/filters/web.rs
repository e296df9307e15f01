//! URLs and markup.

use std::sync::Arc;

use super::{Call, given, needs, string};
use crate::vars::context::Ctx;
use crate::vars::error::Res;
use crate::vars::object::Args;
use crate::vars::value::{Dict, Val};

pub(super) const FILTERS: &[(&str, Call)] = &[
    ("escape", |_, v, _| Ok(Val::from(escape(&string(&v))))),
    ("e", |_, v, _| Ok(Val::from(escape(&string(&v))))),
    ("forceescape", |_, v, _| Ok(Val::from(escape(&string(&v))))),
    ("striptags", striptags),
    ("urlencode", urlencode),
    ("urldecode", urldecode),
    ("urlsplit", urlsplit),
    ("urlize", urlize),
    ("xmlattr", xmlattr),
];

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    out
}

fn striptags(_ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    let (mut out, mut inside) = (String::new(), false);
    for c in string(&value).chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    let words: Vec<&str> = out.split_whitespace().collect();
    let text = words.join(" ");
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#34;", "\"");
    Ok(Val::from(
        text.replace("&#39;", "'")
            .replace("&quot;", "\"")
            .replace("&amp;", "&"),
    ))
}

fn percent(text: &str, safe: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        let c = char::from(b);
        if c.is_ascii_alphanumeric() || "_.-~".contains(c) || safe.contains(c) {
            out.push(c);
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

fn urlencode(ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    let pairs: Vec<(Val, Val)> = match (&value, value.map()) {
        (_, Some(map)) => map.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        (Val::List(_) | Val::Tuple(_), _) => {
            let items = ctx.iterate(&value)?;
            let pair = |v: Val| {
                let items = v.seq().filter(|s| s.len() == 2);
                items
                    .map(|s| (s[0].clone(), s[1].clone()))
                    .ok_or_else(|| needs("urlencode", "text, a mapping or pairs", &v))
            };
            items.into_iter().map(pair).collect::<Res<_>>()?
        }
        _ => return Ok(Val::from(percent(&string(&value), "/"))),
    };
    let one = |(k, v): &(Val, Val)| {
        let part = |v: &Val| percent(&string(v), " ").replace(' ', "+");
        format!("{}={}", part(k), part(v))
    };
    Ok(Val::from(
        pairs.iter().map(one).collect::<Vec<_>>().join("&"),
    ))
}

fn urldecode(_ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    let text = string(&value).replace('+', " ");
    Ok(Val::from(unpercent(&text)))
}

fn unpercent(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut i) = (Vec::with_capacity(bytes.len()), 0);
    while i < bytes.len() {
        let code = (bytes[i] == b'%')
            .then(|| {
                text.get(i + 1..i + 3)
                    .and_then(|h| u8::from_str_radix(h, 16).ok())
            })
            .flatten();
        match code {
            Some(code) => {
                out.push(code);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn urlsplit(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [query] = args.bind("urlsplit", ["query"])?;
    let url = string(&value);
    let (rest, fragment) = url.split_once('#').unwrap_or((&url, ""));
    let (rest, query_part) = rest.split_once('?').unwrap_or((rest, ""));
    let scheme = rest.split_once(':').filter(|(s, _)| {
        s.starts_with(|c: char| c.is_ascii_alphabetic())
            && s.chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    let (scheme, rest) = scheme.unwrap_or(("", rest));
    let (netloc, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let (user, host) = netloc
        .rsplit_once('@')
        .map_or((None, netloc), |(u, h)| (Some(u), h));
    let (username, password) = match user.map(|u| u.split_once(':').unwrap_or((u, ""))) {
        Some((name, pass)) => {
            let pass = user
                .is_some_and(|u| u.contains(':'))
                .then(|| Val::from(pass));
            (Val::from(name), pass.unwrap_or(Val::None))
        }
        None => (Val::None, Val::None),
    };
    let (host, port) = match host.strip_prefix('[').and_then(|h| h.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':').unwrap_or("")),
        None => host.split_once(':').unwrap_or((host, "")),
    };
    let none_or = |text: &str| {
        if text.is_empty() {
            Val::None
        } else {
            Val::from(text)
        }
    };
    let all = Dict::from_iter([
        (Val::from("fragment"), Val::from(fragment)),
        (Val::from("hostname"), none_or(&host.to_lowercase())),
        (Val::from("netloc"), Val::from(netloc)),
        (Val::from("password"), password),
        (Val::from("path"), Val::from(path)),
        (Val::from("port"), port.parse().map_or(Val::None, Val::Int)),
        (Val::from("query"), Val::from(query_part)),
        (Val::from("scheme"), Val::from(scheme.to_lowercase())),
        (Val::from("username"), username),
    ]);
    match given(query).filter(|q| q.truth()) {
        Some(part) => match all.get(&part) {
            Some(found) => Ok(found.clone()),
            None => Err(crate::vars::error::Fail::error(format!(
                "`urlsplit` knows no part `{}`",
                part.text()
            ))),
        },
        None => Ok(Val::dict(all)),
    }
}

fn urlize(_ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    let text = escape(&string(&value));
    let word = |w: &str| {
        if w.starts_with("http://") || w.starts_with("https://") {
            format!("<a href=\"{w}\" rel=\"noopener\">{w}</a>")
        } else if w.starts_with("www.") {
            format!("<a href=\"https://{w}\" rel=\"noopener\">{w}</a>")
        } else {
            w.to_owned()
        }
    };
    Ok(Val::from(
        text.split(' ').map(word).collect::<Vec<_>>().join(" "),
    ))
}

fn xmlattr(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [space] = args.bind("xmlattr", ["autospace"])?;
    let map = value
        .map()
        .ok_or_else(|| needs("xmlattr", "a mapping", &value))?;
    let parts: Vec<String> = map
        .iter()
        .filter(|(_, v)| !matches!(v, Val::None | Val::Undefined(_)))
        .map(|(k, v)| format!("{}=\"{}\"", escape(&string(k)), escape(&string(v))))
        .collect();
    let text = parts.join(" ");
    let space = space.is_none_or(|s| s.truth()) && !text.is_empty();
    Ok(Val::Str(Arc::from(if space {
        format!(" {text}")
    } else {
        text
    })))
}
