//! YAML written so that Ansible, and we, read back the same values: block style, YAML 1.1 rules.

use std::fmt::Write as _;

use super::values::float_text;
use super::{Kind, Node, scalar};

/// A tree as a YAML document, in the order it has.
pub fn yaml(node: &Node) -> String {
    let mut out = String::new();
    match &node.kind {
        Kind::Seq(items) if !items.is_empty() => sequence(&mut out, items, 0),
        Kind::Map(entries) if !entries.is_empty() => mapping(&mut out, entries, 0),
        _ => {
            inline(&mut out, node, 0);
            out.push('\n');
        }
    }
    out
}

fn mapping(out: &mut String, entries: &[(Node, Node)], indent: usize) {
    for (n, (key, value)) in entries.iter().enumerate() {
        if n > 0 || !out.ends_with("- ") {
            out.push_str(&" ".repeat(indent));
        }
        inline(out, key, indent);
        out.push(':');
        match &value.kind {
            Kind::Map(inner) if !inner.is_empty() => {
                out.push('\n');
                mapping(out, inner, indent + 2);
            }
            Kind::Seq(items) if !items.is_empty() => {
                out.push('\n');
                sequence(out, items, indent);
            }
            _ => {
                out.push(' ');
                inline(out, value, indent);
                out.push('\n');
            }
        }
    }
}

fn sequence(out: &mut String, items: &[Node], indent: usize) {
    for (n, item) in items.iter().enumerate() {
        if n > 0 || !out.ends_with("- ") {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str("- ");
        match &item.kind {
            Kind::Map(inner) if !inner.is_empty() => mapping(out, inner, indent + 2),
            Kind::Seq(inner) if !inner.is_empty() => sequence(out, inner, indent + 2),
            _ => {
                inline(out, item, indent);
                out.push('\n');
            }
        }
    }
}

/// A scalar, an empty collection, or a key.
fn inline(out: &mut String, node: &Node, indent: usize) {
    match &node.kind {
        Kind::Null => out.push_str("null"),
        Kind::Bool(b) => {
            let _ = write!(out, "{b}");
        }
        Kind::Int(i) => {
            let _ = write!(out, "{i}");
        }
        Kind::Float(f) => out.push_str(&float(*f)),
        Kind::Str(text) => string(out, text),
        Kind::Unsafe(text) => {
            out.push_str("!unsafe ");
            quoted(out, text);
        }
        Kind::Vault(text) => {
            out.push_str("!vault |");
            for line in text.lines() {
                let _ = write!(out, "\n{}{line}", " ".repeat(indent + 2));
            }
        }
        Kind::Seq(_) => out.push_str("[]"),
        Kind::Map(_) => out.push_str("{}"),
    }
}

/// YAML 1.1 wants a dot and a signed exponent, and has names of its own for what is no number.
fn float(f: f64) -> String {
    if f.is_nan() {
        return ".nan".into();
    }
    if f.is_infinite() {
        return if f > 0.0 { ".inf" } else { "-.inf" }.into();
    }
    let text = float_text(f);
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
        _ => text,
    }
}

fn string(out: &mut String, text: &str) {
    if plain(text) {
        out.push_str(text);
    } else {
        quoted(out, text);
    }
}

/// Whether text without quotes is read as this text.
fn plain(text: &str) -> bool {
    let mut chars = text.chars();
    let (Some(first), second) = (chars.next(), chars.next()) else {
        return false;
    };
    let opens = match first {
        '-' => second.is_none_or(char::is_whitespace),
        first => "?:,[]{}#&*!|>'\"%@`=<~".contains(first),
    };
    let broken = text.contains(": ") || text.contains(" #") || text.ends_with(':');
    let marker = text.starts_with("---") || text.starts_with("...");
    let blank = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    let odd = text.chars().any(special);
    let dated = text
        .bytes()
        .take(5)
        .map(|b| b.is_ascii_digit())
        .eq([true, true, true, true, false])
        && text.as_bytes()[4] == b'-';
    !opens
        && !dated
        && !broken
        && !marker
        && !blank
        && !odd
        && matches!(scalar::resolve(text), Kind::Str(_))
}

/// Characters that YAML does not show as they are, or breaks lines at.
fn special(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

fn quoted(out: &mut String, text: &str) {
    if !text.chars().any(special) {
        let _ = write!(out, "'{}'", text.replace('\'', "''"));
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if special(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::yaml::parse_one;
    use super::super::{File, Value};
    use super::*;

    fn back(node: &Node) -> (String, Value) {
        let text = yaml(node);
        let (read, found) = parse_one(&File::new("t.yml", text.as_str()));
        assert!(found.is_empty(), "{text}\n{found:?}");
        (text, read.to_value())
    }

    #[test]
    fn the_layout_is_pyyamls() {
        let text =
            "a:\n- 1\n- - x\n  - 'yes'\n- b: c\n  d: {}\ne:\n  f: []\n  'no': '0644'\n  s: 12h\n";
        let (node, _) = parse_one(&File::new("t.yml", text));
        assert_eq!(back(&node).0, text);
    }

    #[test]
    fn marked_strings_keep_their_mark() {
        let text = "a: !unsafe '{{ x }}'\nb: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n";
        let (node, _) = parse_one(&File::new("t.yml", text));
        assert_eq!(back(&node).0, text);
    }

    proptest! {
        #[test]
        fn strings_are_read_back(text in r#"[-a-z0-9.:#'"\\ \n\t,\[\]{}&*!|>%@`=<~?_é☃\u{85}\u{7f}\u{2028}]{0,12}"#) {
            let span = super::super::Span::outside("test");
            let node = Node::new(
                Kind::Map(vec![(Node::str("k", span.clone()), Node::str(&text, span.clone()))]),
                span,
            );
            let (_, value) = back(&node);
            prop_assert_eq!(value.get("k").and_then(Value::as_str), Some(text.as_str()));
        }

        #[test]
        fn numbers_are_read_back(f in any::<f64>().prop_filter("a number", |f| f.is_finite())) {
            let node = Node::new(Kind::Float(f), super::super::Span::outside("test"));
            prop_assert_eq!(back(&node).1.as_f64(), Some(f));
        }
    }
}
