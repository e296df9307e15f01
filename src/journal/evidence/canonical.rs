//! JSON of which there is one text only, as RFC 8785 has it: keys sorted, no spaces, numbers and
//! escapes in one spelling.

use serde_json::Value as Json;

/// Larger integers are not the same in every reader, so they are written as strings.
const LARGEST: u64 = 1 << 53;

/// The one text of a value.
pub fn canonical(value: &Json) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Json, text: &mut String) {
    match value {
        Json::Null | Json::Bool(_) => text.push_str(&value.to_string()),
        Json::String(said) => string(said, text),
        Json::Number(number) => {
            if let Some(n) = number.as_u64().or(number.as_i64().map(i64::unsigned_abs)) {
                match n <= LARGEST {
                    true => text.push_str(&number.to_string()),
                    false => string(&number.to_string(), text),
                }
            } else {
                text.push_str(&float(number.as_f64().unwrap_or_default()));
            }
        }
        Json::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            text.push('{');
            for (at, (key, item)) in entries.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                string(key, text);
                text.push(':');
                write(item, text);
            }
            text.push('}');
        }
    }
}

/// serde_json escapes what RFC 8785 escapes, and nothing else.
fn string(said: &str, text: &mut String) {
    text.push_str(&Json::String(said.to_owned()).to_string());
}

/// As ECMAScript writes numbers.
fn float(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 {
        return "0".into();
    }
    if (1e-6..1e21).contains(&size) {
        return format!("{number}");
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, power)) if !power.starts_with('-') => format!("{digits}e+{power}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_has_one_text() {
        let value = json!({
            "\u{20ac}": 1.0, "\r": "\u{1b}\u{7f}é\"\\\n", "1": [1e21, 1e-7, 0.000_001, -0.0, 333_333_333.333_333_3],
            "\u{1f600}": {"b": null, "a": true}, "\u{fb33}": u64::MAX,
        });
        assert_eq!(
            canonical(&value),
            "{\"\\r\":\"\\u001b\u{7f}é\\\"\\\\\\n\",\"1\":[1e+21,1e-7,0.000001,0,333333333.3333333],\
             \"\u{20ac}\":1,\"\u{1f600}\":{\"a\":true,\"b\":null},\"\u{fb33}\":\"18446744073709551615\"}"
        );
    }
}
