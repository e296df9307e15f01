//! Data as Python prints it, because that is what people's templates and files have always held.

use std::fmt::Write as _;

use super::{Number, Value};

/// `str(value)`: a string as it is, everything else as [`python_repr`].
pub fn python_str(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => python_repr(value),
    }
}

/// `repr(value)`: `True`, `None`, `[1, 'a']`, `{'a': 1}`.
pub fn python_repr(value: &Value) -> String {
    let mut out = String::new();
    write_repr(&mut out, value);
    out
}

fn write_repr(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => out.push_str(&number_text(number)),
        Value::String(text) => write_quoted(out, text),
        Value::Sequence(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n > 0 { ", " } else { "" });
                write_repr(out, item);
            }
            out.push(']');
        }
        Value::Mapping(map) => {
            out.push('{');
            for (n, (key, item)) in map.iter().enumerate() {
                out.push_str(if n > 0 { ", " } else { "" });
                write_repr(out, key);
                out.push_str(": ");
                write_repr(out, item);
            }
            out.push('}');
        }
        Value::Tagged(tagged) => write_repr(out, &tagged.value),
    }
}

fn number_text(number: &Number) -> String {
    if let Some(i) = number.as_i64() {
        return i.to_string();
    }
    if let Some(u) = number.as_u64() {
        return u.to_string();
    }
    float_text(number.as_f64().unwrap_or(f64::NAN))
}

/// A float: the shortest digits that read back, with an exponent below 1e-4 and from 1e16 on.
pub fn float_text(f: f64) -> String {
    if f.is_nan() {
        return "nan".into();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf".into() } else { "-inf".into() };
    }
    if f == 0.0 || (1e-4..1e16).contains(&f.abs()) {
        return format!("{f:?}");
    }
    let text = format!("{f:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(rest) => ('-', rest),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// Single quotes, unless the text has some and no double ones.
fn write_quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for c in text.chars() {
        let code = u32::from(c);
        // Writing to a string does not fail.
        let _ = match c {
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            c if c == quote => write!(out, "\\{c}"),
            c if printable(c) => out.write_char(c),
            _ if code < 0x100 => write!(out, "\\x{code:02x}"),
            _ if code < 0x1_0000 => write!(out, "\\u{code:04x}"),
            _ => write!(out, "\\U{code:08x}"),
        };
    }
    out.push(quote);
}

/// Python's `str.isprintable`, for what is assigned: no controls, formats, private use, odd blanks.
fn printable(c: char) -> bool {
    if c == ' ' {
        return true;
    }
    let format = matches!(c, '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}');
    !(c.is_control() || c.is_whitespace() || format || u32::from(c) >= 0xe0000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_python_prints() {
        // Left: JSON. Right: CPython 3.11's repr of it.
        let table = [
            ("null", "None"),
            (
                "[true, false, 1, -2, 1.0, 0.1]",
                "[True, False, 1, -2, 1.0, 0.1]",
            ),
            (
                "[1e15, 1e16, 1.5e300, 0.0001, 0.00001, 123456789.25]",
                "[1000000000000000.0, 1e+16, 1.5e+300, 0.0001, 1e-05, 123456789.25]",
            ),
            (
                r#"{"a": [1, {"b": null}], "c d": {}}"#,
                "{'a': [1, {'b': None}], 'c d': {}}",
            ),
            (
                r#"["it's", "say \"x\"", "'\"", "a\\b\n\t\u001b\u00e9\u00a0\u202e\ue000"]"#,
                r#"["it's", 'say "x"', '\'"', 'a\\b\n\t\x1bé\xa0\u202e\ue000']"#,
            ),
            ("18446744073709551615", "18446744073709551615"),
        ];
        for (json, expected) in table {
            assert_eq!(python_repr(&serde_json::from_str(json).unwrap()), expected);
        }
        assert_eq!(python_str(&Value::from("it's")), "it's");
        assert_eq!(python_str(&Value::from(vec!["a"])), "['a']");
        assert_eq!(float_text(-1e-7), "-1e-07");
    }
}
