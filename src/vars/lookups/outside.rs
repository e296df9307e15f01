//! Lookups of the world outside: environment, commands, URLs, passwords.

use std::path::PathBuf;
use std::sync::Arc;

use super::Ask;
use crate::vars::context::Ctx;
use crate::vars::error::{Fail, Res};
use crate::vars::value::Val;

pub(super) fn env(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let default = ask
        .options
        .get(&crate::vars::value::Key("default"))
        .cloned();
    let one = |term: &Val| match ctx.engine.outside.env(&term.text()) {
        Some(value) => Val::from(value),
        None => default.clone().unwrap_or(Val::from("")),
    };
    Ok(ask.terms.iter().map(one).collect())
}

pub(super) fn pipe(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let one = |term: &Val| {
        let output = ctx.engine.outside.pipe(&term.text()).map_err(Fail::error)?;
        Ok(Val::from(output.trim_end()))
    };
    ask.terms.iter().map(one).collect()
}

pub(super) fn lines(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let mut out = Vec::new();
    for term in &ask.terms {
        let output = ctx.engine.outside.pipe(&term.text()).map_err(Fail::error)?;
        out.extend(output.lines().map(Val::from));
    }
    Ok(out)
}

pub(super) fn url(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let split = ask.flag("split_lines", true);
    let mut out = Vec::new();
    for term in &ask.terms {
        let body = ctx.engine.outside.url(&term.text()).map_err(Fail::error)?;
        if split {
            out.extend(body.lines().map(Val::from));
        } else {
            out.push(Val::from(body));
        }
    }
    Ok(out)
}

pub(super) fn random_choice(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    if ask.terms.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = ctx.engine.outside.random(8);
    let number = bytes.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let i = usize::try_from(number % ask.terms.len() as u64).unwrap_or(0);
    Ok(vec![ask.terms[i].clone()])
}

/// Longer passwords are a mistake.
const LONGEST: usize = 4096;

/// `path length=20 chars=ascii_letters,digits`: kept in the file, made if it is not there.
pub(super) fn password(ctx: &mut Ctx<'_>, mut ask: Ask) -> Res<Vec<Val>> {
    let mut out = Vec::new();
    for term in ask.terms.clone() {
        let path = ask.inline(&term.text());
        let length = ask
            .option("length")
            .and_then(|l| l.text().parse().ok())
            .unwrap_or(20usize);
        let chars = alphabet(ask.option("chars"));
        if chars.is_empty() || length > LONGEST {
            return Err(Fail::error(
                "`password` needs characters to choose from, and a length",
            ));
        }
        let outside = Arc::clone(&ctx.engine.outside);
        let mut make = || generate(&chars, length, |n| outside.random(n));
        let text = if path == "/dev/null" {
            make()
        } else {
            let path = PathBuf::from(&path);
            let path = if path.is_absolute() {
                path
            } else {
                let base = ctx.scope.search.bases.last().cloned().unwrap_or_default();
                base.join(path)
            };
            ctx.engine
                .outside
                .keep(&path, &mut make)
                .map_err(Fail::error)?
        };
        // A kept password may have its salt beside it.
        let text = text.trim_end_matches('\n');
        let text = text.split(" salt=").next().unwrap_or(text).to_owned();
        ctx.engine.mask.add(&text);
        match ask
            .option("encrypt")
            .map(|e| e.text())
            .filter(|e| !e.is_empty())
        {
            Some(kind) => {
                let hash = crate::vars::filters::find("password_hash")
                    .ok_or_else(|| Fail::error("`password_hash` is missing"))?;
                let args = crate::vars::object::Args {
                    pos: vec![Val::Str(kind)],
                    named: Vec::new(),
                };
                out.push((hash.call)(ctx, Val::from(text), args)?);
            }
            None => out.push(Val::from(text)),
        }
    }
    Ok(out)
}

/// Characters drawn without bias: bytes beyond the last full multiple are drawn again.
fn generate(chars: &[char], length: usize, random: impl Fn(usize) -> Vec<u8>) -> String {
    let mut out = String::new();
    let whole = 256 / chars.len().min(256) * chars.len().min(256);
    let mut made = 0;
    for _ in 0..64 {
        for byte in random(length.max(16)) {
            if usize::from(byte) < whole && made < length {
                out.push(chars[usize::from(byte) % chars.len()]);
                made += 1;
            }
        }
        if made == length {
            break;
        }
    }
    out
}

fn alphabet(chars: Option<&Val>) -> Vec<char> {
    let lower: String = ('a'..='z').collect();
    let upper: String = ('A'..='Z').collect();
    let digits: String = ('0'..='9').collect();
    let punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    let words: Vec<String> = match chars {
        None => vec!["ascii_letters".into(), "digits".into(), ".,:-_".into()],
        Some(value) => match value.seq() {
            Some(items) => items.iter().map(|i| i.text().to_string()).collect(),
            None => {
                let text = value.text();
                let comma = text.contains(",,");
                let mut words: Vec<String> = text
                    .replace(",,", ",")
                    .split(',')
                    .filter(|w| !w.is_empty())
                    .map(str::to_owned)
                    .collect();
                if comma {
                    words.push(",".into());
                }
                words
            }
        },
    };
    let mut out: Vec<char> = Vec::new();
    for word in words {
        let set = match word.as_str() {
            "ascii_letters" => format!("{lower}{upper}"),
            "ascii_lowercase" => lower.clone(),
            "ascii_uppercase" => upper.clone(),
            "digits" => digits.clone(),
            "hexdigits" => "0123456789abcdefABCDEF".into(),
            "octdigits" => "01234567".into(),
            "punctuation" => punctuation.into(),
            other => other.into(),
        };
        for c in set.chars() {
            if !out.contains(&c) {
                out.push(c);
            }
        }
    }
    out
}
