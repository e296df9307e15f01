//! Versions and their order.

use std::cmp::Ordering;

use super::Call;
use crate::vars::context::Ctx;
use crate::vars::error::{Fail, Res};
use crate::vars::object::Args;
use crate::vars::value::Val;

pub(super) const TESTS: &[(&str, Call)] = &[("version", version), ("version_compare", version)];

fn version(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<bool> {
    let [other, operator, strict, kind] =
        args.bind("version", ["version", "operator", "strict", "version_type"])?;
    let (a, b) = (value.text(), other.map_or("".into(), |o| o.text()));
    if a.is_empty() || b.is_empty() {
        return Err(Fail::error(
            "`version` needs two versions, and one is empty",
        ));
    }
    let strict = strict.is_some_and(|s| s.truth());
    let kind = kind
        .filter(|k| !matches!(k, Val::None))
        .map(|k| k.text().to_string());
    let order = match kind.as_deref() {
        None if strict => digits(&a)?.cmp(&digits(&b)?),
        None | Some("loose") => compare(&a, &b),
        Some("strict") => digits(&a)?.cmp(&digits(&b)?),
        Some("semver" | "semantic") => semver(&a, &b)?,
        Some("pep440") => compare(&a, &b),
        Some(other) => {
            return Err(Fail::error(format!(
                "`version` knows no version_type `{other}`"
            )));
        }
    };
    let operator = operator.map_or("eq".into(), |o| o.text());
    Ok(match &*operator {
        "==" | "=" | "eq" => order.is_eq(),
        "!=" | "<>" | "ne" => order.is_ne(),
        "<" | "lt" => order.is_lt(),
        "<=" | "le" => order.is_le(),
        ">" | "gt" => order.is_gt(),
        ">=" | "ge" => order.is_ge(),
        other => {
            return Err(Fail::error(format!(
                "`version` knows no operator `{other}`"
            )));
        }
    })
}

#[derive(PartialEq, Eq, Debug)]
enum Part {
    Number(u64),
    Word(String),
}

/// Numbers and words of a version; dots part, other signs are words.
fn parts(text: &str) -> Vec<Part> {
    let (mut out, mut rest) = (Vec::new(), text);
    let kind = |c: char| {
        if c.is_ascii_digit() {
            0
        } else if c.is_ascii_lowercase() {
            1
        } else if c == '.' {
            2
        } else {
            3
        }
    };
    while let Some(first) = rest.chars().next() {
        let k = kind(first);
        let end = rest.find(|c| kind(c) != k).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        match k {
            0 => out.push(run.parse().map_or(Part::Word(run.to_owned()), Part::Number)),
            2 => {}
            _ => out.push(Part::Word(run.to_owned())),
        }
        rest = after;
    }
    out
}

/// Compares loosely, as Python's `LooseVersion` does; a word sorts before a number.
pub(in crate::vars) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    for (x, y) in a.iter().zip(&b) {
        let order = match (x, y) {
            (Part::Number(x), Part::Number(y)) => x.cmp(y),
            (Part::Word(x), Part::Word(y)) => x.cmp(y),
            (Part::Word(_), Part::Number(_)) => Ordering::Less,
            (Part::Number(_), Part::Word(_)) => Ordering::Greater,
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

fn digits(text: &str) -> Res<Vec<u64>> {
    let wrong = || Fail::error(format!("`{text}` is not a strict version"));
    let mut out = text
        .split('.')
        .map(|p| p.parse().map_err(|_| wrong()))
        .collect::<Res<Vec<u64>>>()?;
    if !(2..=3).contains(&out.len()) {
        return Err(wrong());
    }
    out.resize(3, 0);
    Ok(out)
}

fn semver(a: &str, b: &str) -> Res<Ordering> {
    let read = |text: &str| -> Res<(Vec<u64>, Option<String>)> {
        let wrong = || Fail::error(format!("`{text}` is not a semantic version"));
        let core = text.split('+').next().unwrap_or(text);
        let (core, pre) = match core.split_once('-') {
            Some((core, pre)) => (core, Some(pre.to_owned())),
            None => (core, None),
        };
        let numbers: Res<Vec<u64>> = core
            .split('.')
            .map(|p| p.parse().map_err(|_| wrong()))
            .collect();
        let numbers = numbers?;
        if numbers.len() == 3 {
            Ok((numbers, pre))
        } else {
            Err(wrong())
        }
    };
    let ((a, pre_a), (b, pre_b)) = (read(a)?, read(b)?);
    Ok(a.cmp(&b).then_with(|| match (pre_a, pre_b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(x), Some(y)) => compare(&x, &y),
    }))
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn versions_compare_by_their_numbers() {
        assert!(compare("1.10", "1.9").is_gt());
        assert!(compare("22.04", "22.04.1").is_lt());
        assert!(compare("2.9.0rc1", "2.9.0").is_gt());
    }
}
