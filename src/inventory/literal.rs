//! Python literals: how values in an INI inventory get their type.
//!
//! `5` is a number, `True` a boolean, `['a', 1]` a list; whatever is no literal is text. Sets and
//! tuples become lists.

use std::sync::Arc;

use super::MAX_NESTING;
use crate::source::{Kind, Node, Span};

/// The value a text stands for.
pub(super) fn evaluate(text: &str, span: &Span) -> Node {
    let mut parser = Parser {
        rest: text.trim_start_matches([' ', '\t']),
        span,
        depth: 0,
    };
    parser
        .whole()
        .unwrap_or_else(|| Node::str(text, span.clone()))
}

struct Parser<'a> {
    rest: &'a str,
    span: &'a Span,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn node(&self, kind: Kind) -> Node {
        Node::new(kind, self.span.clone())
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\x0c']);
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A value or a bare tuple, then nothing but a comment.
    fn whole(&mut self) -> Option<Node> {
        let first = self.value()?;
        let node = if self.eat(",") {
            let mut items = vec![first];
            while !self.ended() {
                items.push(self.value()?);
                if !self.eat(",") {
                    break;
                }
            }
            self.node(Kind::Seq(items))
        } else {
            first
        };
        self.ended().then_some(node)
    }

    fn ended(&mut self) -> bool {
        self.skip();
        let rest = self.rest.trim_end_matches(['\n', '\r']);
        rest.is_empty() || rest.starts_with('#')
    }

    fn value(&mut self) -> Option<Node> {
        if self.depth > MAX_NESTING {
            return None;
        }
        self.skip();
        self.depth += 1;
        let node = match self.rest.chars().next()? {
            '[' => self.list("[", "]").map(|(items, _)| Kind::Seq(items)),
            '(' => self.list("(", ")").map(|(mut items, comma)| {
                if items.len() == 1 && !comma {
                    items.remove(0).kind
                } else {
                    Kind::Seq(items)
                }
            }),
            '{' => self.braces(),
            '0'..='9' | '.' | '+' | '-' => self.number(),
            '"' | '\'' => self.strings(),
            _ => self.word(),
        };
        self.depth -= 1;
        node.map(|kind| self.node(kind))
    }

    /// Items between brackets, and whether the last was followed by a comma.
    fn list(&mut self, open: &str, close: &str) -> Option<(Vec<Node>, bool)> {
        self.eat(open).then_some(())?;
        let mut items = Vec::new();
        loop {
            if self.eat(close) {
                let comma = !items.is_empty();
                return Some((items, comma));
            }
            items.push(self.value()?);
            if self.eat(",") {
                continue;
            }
            return self.eat(close).then_some((items, false));
        }
    }

    fn braces(&mut self) -> Option<Kind> {
        self.eat("{").then_some(())?;
        if self.eat("}") {
            return Some(Kind::Map(Vec::new()));
        }
        let first = self.value()?;
        if self.eat(":") {
            let mut entries = vec![(first, self.value()?)];
            while self.eat(",") {
                if self.eat("}") {
                    return Some(Kind::Map(entries));
                }
                let key = self.value()?;
                self.eat(":").then_some(())?;
                entries.push((key, self.value()?));
            }
            return self.eat("}").then_some(Kind::Map(entries));
        }
        let mut items = vec![first];
        while self.eat(",") {
            if self.eat("}") {
                return Some(Kind::Seq(items));
            }
            items.push(self.value()?);
        }
        self.eat("}").then_some(Kind::Seq(items))
    }

    /// `True`, `None`, a string with a prefix, `set()`.
    fn word(&mut self) -> Option<Kind> {
        let end = self
            .rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let kind = match word {
            "True" => Kind::Bool(true),
            "False" => Kind::Bool(false),
            "None" => Kind::Null,
            "set" => {
                self.rest = rest;
                return (self.eat("(") && self.eat(")")).then(|| Kind::Seq(Vec::new()));
            }
            _ => return self.strings(),
        };
        self.rest = rest;
        Some(kind)
    }

    fn number(&mut self) -> Option<Kind> {
        let negative = self.eat("-");
        if !negative {
            self.eat("+");
        }
        self.skip();
        let mut end = 0;
        let bytes = self.rest.as_bytes();
        while let Some(b) = bytes.get(end) {
            let exponent = end > 0 && matches!(bytes[end - 1], b'e' | b'E');
            let hexadecimal = bytes.get(1).is_some_and(|b| matches!(b, b'x' | b'X'));
            let sign = matches!(b, b'+' | b'-') && exponent && !hexadecimal;
            if !(b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_') || sign) {
                break;
            }
            end += 1;
        }
        let (digits, rest) = self.rest.split_at(end);
        let kind = number(digits, negative)?;
        self.rest = rest;
        Some(kind)
    }

    /// One or more adjacent string literals.
    fn strings(&mut self) -> Option<Kind> {
        let mut text = String::new();
        let mut any = false;
        loop {
            self.skip();
            let quote = self.rest.find(['"', '\'']).filter(|at| {
                let prefix = self.rest[..*at].to_ascii_lowercase();
                matches!(prefix.as_str(), "" | "r" | "u" | "b" | "br" | "rb")
            });
            let Some(at) = quote else { break };
            let raw = self.rest[..at].contains(['r', 'R']);
            self.rest = string(&self.rest[at..], raw, &mut text)?;
            any = true;
        }
        any.then(|| Kind::Str(Arc::from(text)))
    }
}

fn number(digits: &str, negative: bool) -> Option<Kind> {
    let lower = digits.to_ascii_lowercase();
    let misplaced = lower.starts_with('_') || lower.ends_with('_') || lower.contains("__");
    if misplaced || !lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let plain: String = lower.chars().filter(|c| *c != '_').collect();
    let sign = |n: i128| i64::try_from(if negative { -n } else { n }).ok();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = plain.strip_prefix(prefix) {
            return sign(i128::from_str_radix(rest, radix).ok()?).map(Kind::Int);
        }
    }
    if plain.bytes().all(|b| b.is_ascii_digit()) {
        let octal = plain.len() > 1 && plain.starts_with('0') && plain.contains(|c| c != '0');
        return (!octal)
            .then(|| plain.parse().ok().and_then(sign).map(Kind::Int))
            .flatten();
    }
    let allowed = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'+' | b'-');
    if plain == "." || !plain.bytes().all(allowed) {
        return None;
    }
    let float: f64 = plain.parse().ok()?;
    Some(Kind::Float(if negative { -float } else { float }))
}

/// Reads one quoted string; what follows it.
fn string<'a>(text: &'a str, raw: bool, out: &mut String) -> Option<&'a str> {
    let quote = &text[..1];
    let triple = quote.repeat(3);
    let close = if text.starts_with(&triple) {
        triple.as_str()
    } else {
        quote
    };
    let mut rest = &text[close.len()..];
    loop {
        if let Some(after) = rest.strip_prefix(close) {
            return Some(after);
        }
        let mut chars = rest.chars();
        let c = chars.next()?;
        rest = chars.as_str();
        if c == '\n' && close.len() == 1 {
            return None;
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        if raw {
            out.push('\\');
            let next = chars.next()?;
            out.push(next);
            rest = chars.as_str();
        } else {
            rest = escape(rest, out)?;
        }
    }
}

/// What a backslash and the text after it stand for; what follows.
fn escape<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    let mut chars = text.chars();
    let c = chars.next()?;
    let rest = chars.as_str();
    let simple = match c {
        '\n' => return Some(rest),
        '\\' | '\'' | '"' => Some(c),
        'a' => Some('\x07'),
        'b' => Some('\x08'),
        'f' => Some('\x0c'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0b'),
        _ => None,
    };
    if let Some(c) = simple {
        out.push(c);
        return Some(rest);
    }
    let coded = |digits: &str, radix| {
        let code = u32::from_str_radix(digits, radix).ok()?;
        char::from_u32(code)
    };
    let width = match c {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        'N' => return None,
        '0'..='7' => {
            let octal = text
                .bytes()
                .take(3)
                .take_while(|b| (b'0'..=b'7').contains(b));
            let (digits, rest) = text.split_at(octal.count());
            out.push(coded(digits, 8)?);
            return Some(rest);
        }
        _ => {
            out.push('\\');
            out.push(c);
            return Some(rest);
        }
    };
    let digits = rest.get(..width)?;
    out.push(coded(digits, 16)?);
    rest.get(width..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        let value = evaluate(text, &Span::outside("test")).to_value();
        serde_json::to_string(&value).unwrap()
    }

    #[test]
    fn literals_get_their_type_and_the_rest_stays_text() {
        for (text, expected) in [
            ("5", "5"),
            ("-5", "-5"),
            ("0x1f", "31"),
            ("1_000", "1000"),
            ("0644", "\"0644\""),
            ("00", "0"),
            ("1.5", "1.5"),
            ("1e3", "1000.0"),
            ("True", "true"),
            ("true", "\"true\""),
            ("yes", "\"yes\""),
            ("None", "null"),
            ("1,2", "[1,2]"),
            ("1,", "[1]"),
            ("(1)", "1"),
            ("(1,)", "[1]"),
            ("{1, 2}", "[1,2]"),
            ("{'a': [1, None]}", r#"{"a":[1,null]}"#),
            ("[1, 'x', ]", r#"[1,"x"]"#),
            ("5 # five", "5"),
            ("'a' \"b\"", "\"ab\""),
            (r"'a\tb\d\x41'", r#""a\tb\\dA""#),
            (r"r'\n'", r#""\\n""#),
            ("1.2.3.4", "\"1.2.3.4\""),
            ("a b", "\"a b\""),
            ("[1, 2", "\"[1, 2\""),
            ("1 2", "\"1 2\""),
            ("--5", "\"--5\""),
            ("f'x'", "\"f'x'\""),
            ("{{ x }}", "\"{{ x }}\""),
            ("", "\"\""),
            ("1e", "\"1e\""),
            ("set()", "[]"),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_text() {
        let deep = "[".repeat(100_000);
        assert!(evaluate(&deep, &Span::outside("test")).as_str().is_some());
    }
}
