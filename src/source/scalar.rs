//! What an unquoted word means: PyYAML's YAML 1.1 rules, which people's files are written for.

use std::sync::Arc;

use super::Kind;

/// The value of a plain scalar. What is nothing else is a string; timestamps stay strings too.
pub(super) fn resolve(text: &str) -> Kind {
    let first = text.bytes().next().unwrap_or(b'~');
    match first {
        b'~' if text.is_empty() || text == "~" => Kind::Null,
        b'n' | b'N' if matches!(text, "null" | "Null" | "NULL") => Kind::Null,
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' => {
            boolean(text).map_or_else(|| string(text), Kind::Bool)
        }
        b'-' | b'+' | b'.' | b'0'..=b'9' => float(text)
            .or_else(|| integer(text))
            .unwrap_or_else(|| string(text)),
        _ => string(text),
    }
}

fn string(text: &str) -> Kind {
    Kind::Str(Arc::from(text))
}

/// `yes`, `No`, `TRUE`, …: three capitalisations each; a single `y` or `n` is a string.
pub(super) fn boolean(text: &str) -> Option<bool> {
    Some(match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => true,
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => false,
        _ => return None,
    })
}

/// An integer: decimal, `0755` octal, `0x` hex, `0b` binary, base 60 with colons; `_` separates digits.
///
/// A number that does not fit 64 bits keeps its digits as a string: nothing is lost by that, while a
/// floating-point number would round.
pub(super) fn integer(text: &str) -> Option<Kind> {
    let (negative, digits) = sign(text);
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let (radix, body) = if let Some(body) = digits.strip_prefix("0b") {
        (2, body)
    } else if let Some(body) = digits.strip_prefix("0x") {
        (16, body)
    } else if digits == "0" {
        (10, digits)
    } else if let Some(body) = digits.strip_prefix('0') {
        (
            8,
            if body.bytes().all(|b| b == b'_') && !body.is_empty() {
                "0"
            } else {
                body
            },
        )
    } else if digits.contains(':') {
        return sexagesimal(digits).map(|n| Kind::Int(if negative { -n } else { n }));
    } else {
        (10, digits)
    };
    let valid = match radix {
        10 => plain(body) && !body.starts_with('_'),
        _ => body
            .bytes()
            .all(|b| b == b'_' || (b as char).is_digit(radix)),
    };
    let body: String = body.chars().filter(|c| *c != '_').collect();
    if !valid || body.is_empty() {
        return None;
    }
    let signed = if negative { format!("-{body}") } else { body };
    Some(i64::from_str_radix(&signed, radix).map_or_else(|_| string(text), Kind::Int))
}

/// `12:30:45` is 45045.
fn sexagesimal(digits: &str) -> Option<i64> {
    let mut parts = digits.split(':');
    let head = parts.next()?;
    let first = head.as_bytes().first()?;
    if !(b'1'..=b'9').contains(first) || !head.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return None;
    }
    let mut total: i64 = head.replace('_', "").parse().ok()?;
    for part in parts {
        total = total
            .checked_mul(60)?
            .checked_add(i64::from(sixty(part)?))?;
    }
    Some(total)
}

/// One place of base 60: one or two digits below 60.
fn sixty(part: &str) -> Option<u8> {
    let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    part.parse().ok().filter(|n| digits && *n < 60)
}

/// A float: it needs a dot, and an exponent needs its sign, so `1e3` and `1.0e3` are strings.
pub(super) fn float(text: &str) -> Option<Kind> {
    let (negative, body) = sign(text);
    let signed = |f: f64| Some(Kind::Float(if negative { -f } else { f }));
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Kind::Float(f64::NAN));
    }
    if matches!(body, ".inf" | ".Inf" | ".INF") {
        return signed(f64::INFINITY);
    }
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], &body[at + 1..]),
        None => (body, ""),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let starts = |s: &str| s.bytes().next().is_some_and(|b| b.is_ascii_digit());
    let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or("");
    let exponent_fits = body.len() == mantissa.len()
        || (!unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()));
    if !exponent_fits || !digits(fraction) {
        return None;
    }
    if whole.contains(':') {
        return float_sexagesimal(whole, fraction)
            .filter(|_| body.len() == mantissa.len())
            .and_then(signed);
    }
    let fits = if whole.is_empty() {
        body.len() == text.len() && starts(fraction)
    } else {
        starts(whole) && digits(whole)
    };
    if !fits {
        return None;
    }
    body.replace('_', "").parse::<f64>().ok().and_then(signed)
}

/// `1:30.5` is 90.5.
fn float_sexagesimal(whole: &str, fraction: &str) -> Option<f64> {
    let mut parts = whole.split(':');
    let head = parts.next()?;
    let fits = head.bytes().next().is_some_and(|b| b.is_ascii_digit());
    let mut total: f64 = head.replace('_', "").parse().ok().filter(|_| fits)?;
    for part in parts {
        total = total * 60.0 + f64::from(sixty(part)?);
    }
    let fraction: f64 = format!("0.{}0", fraction.replace('_', "")).parse().ok()?;
    Some(total + fraction)
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kind and its text, in one word.
    fn show(text: &str) -> String {
        match resolve(text) {
            Kind::Null => "null".into(),
            Kind::Bool(b) => format!("bool {b}"),
            Kind::Int(i) => format!("int {i}"),
            Kind::Float(f) => format!("float {f:?}"),
            _ => "str".into(),
        }
    }

    #[test]
    fn words_mean_what_pyyaml_says() {
        // Made with PyYAML 6.0.3: yaml.safe_load of each text.
        let table = include_str!("scalar_table.txt");
        for line in table.lines().filter(|l| !l.starts_with('#')) {
            let (text, expected) = line.split_once('\t').unwrap();
            assert_eq!(show(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_number_beyond_64_bits_keeps_its_digits() {
        assert!(
            matches!(resolve("123456789012345678901"), Kind::Str(s) if &*s == "123456789012345678901")
        );
    }
}
