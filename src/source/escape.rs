//! Text that may go to a terminal: nothing in it moves the cursor, rings or reorders what is read.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with every character that a terminal would act on written out, like `\x1b`.
///
/// Line feeds and tabs stay. Backslashes stay too: this is for reading, not for reading back.
pub fn escape(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(acts) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        push(&mut out, c);
    }
    Cow::Owned(out)
}

/// The same for bytes: what is not UTF-8 is written out byte by byte.
pub fn escape_bytes(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return escape(text);
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push(&mut out, c));
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    Cow::Owned(out)
}

/// JSON text in which every such character is written as `\uXXXX`, which says the same. They occur in
/// its strings only.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    if !json.contains(acts) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        // All of them are in the basic plane. Writing to a string does not fail.
        let _ = match acts(c) {
            true => write!(out, "\\u{:04x}", u32::from(c)),
            false => out.write_char(c),
        };
    }
    Cow::Owned(out)
}

fn push(out: &mut String, c: char) {
    let code = u32::from(c);
    // Writing to a string does not fail.
    let _ = match code {
        _ if !acts(c) => out.write_char(c),
        0..=0xff => write!(out, "\\x{code:02x}"),
        _ => write!(out, "\\u{{{code:x}}}"),
    };
}

/// Control characters (C0, DEL, C1), bidirectional controls, and the line ends of Unicode.
fn acts(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_written_out() {
        assert_eq!(escape("a\tb\nü {{ x }} \\"), "a\tb\nü {{ x }} \\");
        assert_eq!(escape("\x1b]52;c;eA==\x07"), "\\x1b]52;c;eA==\\x07");
        assert_eq!(escape("a\rb\x7f\u{9b}31m"), "a\\x0db\\x7f\\x9b31m");
        assert_eq!(
            escape("\u{202e}gpj\u{2066}\u{2028}"),
            "\\u{202e}gpj\\u{2066}\\u{2028}"
        );
        assert_eq!(escape_bytes(b"ok\xff\xc3(\x00"), "ok\\xff\\xc3(\\x00");
        assert!(matches!(escape("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn escaped_json_says_the_same() {
        let value = serde_json::json!({ "a\u{9b}": "\u{7f}\u{202e}\u{2028}\x1b é\n" });
        let text = value.to_string();
        let safe = escape_json(&text);
        assert!(!safe.contains(acts));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&safe).unwrap(),
            value
        );
    }

    proptest::proptest! {
        #[test]
        fn nothing_acting_is_left(bytes: Vec<u8>) {
            proptest::prop_assert!(!escape_bytes(&bytes).contains(acts));
        }
    }
}
