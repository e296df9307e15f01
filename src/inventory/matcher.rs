//! One name against a name, a wildcard or a regular expression.

use crate::source::pyre::{PyFlags, PyRegex};
use crate::source::{Code, Diagnostic, Span};

pub(super) enum Matcher<'a> {
    Name(&'a str),
    Glob(Vec<char>),
    Regex(Box<PyRegex>),
}

impl<'a> Matcher<'a> {
    pub(super) fn new(text: &'a str, span: &Span) -> Result<Matcher<'a>, Diagnostic> {
        if let Some(source) = text.strip_prefix('~') {
            return PyRegex::new(&format!(r"\A(?:{source})"), PyFlags::default())
                .map(|r| Matcher::Regex(Box::new(r)))
                .map_err(|e| {
                    Diagnostic::error(span, format!("not a regular expression: {e}"))
                        .code(Code::Pattern)
                });
        }
        Ok(if text.contains(['*', '?', '[']) {
            Matcher::Glob(text.chars().collect())
        } else {
            Matcher::Name(text)
        })
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Matcher::Name(own) => *own == name,
            Matcher::Glob(glob) => glob_matches(glob, &name.chars().collect::<Vec<_>>()),
            Matcher::Regex(regex) => regex.is_match(name).unwrap_or(false),
        }
    }
}

/// `*`, `?`, `[abc]`, `[!a-c]` over a whole name. One place to go back to is enough: the last star's.
fn glob_matches(glob: &[char], name: &[char]) -> bool {
    let (mut g, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match glob.get(g) {
            Some('*') => {
                star = Some((g + 1, n));
                g += 1;
                continue;
            }
            None if n == name.len() => return true,
            None => None,
            Some(_) if n == name.len() => None,
            Some('?') => Some(1),
            Some('[') => class(&glob[g..], name[n]),
            Some(c) => (*c == name[n]).then_some(1),
        };
        match (step, &mut star) {
            (Some(width), _) => {
                g += width;
                n += 1;
            }
            (None, Some((back, from))) if *from < name.len() => {
                *from += 1;
                (g, n) = (*back, *from);
            }
            (None, _) => return false,
        }
    }
}

/// How much of a glob a bracket expression takes, if it matches. An open bracket is itself.
fn class(glob: &[char], c: char) -> Option<usize> {
    let negated = glob.get(1) == Some(&'!');
    let first = 1 + usize::from(negated);
    let close = glob.iter().skip(first + 1).position(|c| *c == ']');
    let Some(close) = close.map(|at| at + first + 1) else {
        return (c == '[').then_some(1);
    };
    let set = &glob[first..close];
    let mut at = 0;
    let mut hit = false;
    while at < set.len() {
        if set.get(at + 1) == Some(&'-') && at + 2 < set.len() {
            hit |= (set[at]..=set[at + 2]).contains(&c);
            at += 3;
        } else {
            hit |= set[at] == c;
            at += 1;
        }
    }
    (hit != negated).then_some(close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        let matches = |glob: &str, name: &str| {
            let matcher = Matcher::new(glob, &Span::outside("test")).unwrap();
            matcher.matches(name)
        };
        assert!(matches("a*b*c", "aXbYbZc"));
        assert!(!matches("a*b", "abc"));
        assert!(matches("[]a]x", "]x"));
        assert!(matches("[x", "[x"));
        assert!(matches("?[!a-c]", "zd"));
        assert!(!matches("?[!a-c]", "zb"));
        assert!(matches("*", ""));
        let hard = format!("{}b", "a*".repeat(5000));
        assert!(!matches(&hard, &"a".repeat(10_000)));
    }
}
