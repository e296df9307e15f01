//! Arguments written in one string: `src=a dest="b c" mode=0644`, or a command with a few of those.
//!
//! Blanks separate words, except inside quotes and inside template blocks, where they are text. Blanks
//! beyond the first stay with the word before them, so that a free-form command keeps its shape.

/// Arguments of command-like actions that may stand before a free-form command.
const COMMAND_ARGS: [&str; 8] = [
    "creates",
    "removes",
    "chdir",
    "executable",
    "warn",
    "stdin",
    "stdin_add_newline",
    "strip_empty_ends",
];

const BLOCKS: [(&str, &str); 3] = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];

/// The words of a string, quotes kept. The error says what is left open.
pub fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words = Words::default();
    let lines: Vec<&str> = text.split('\n').collect();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    for (number, line) in lines.iter().enumerate() {
        let mut continued = false;
        for (index, piece) in line.split(' ').enumerate() {
            if piece.is_empty() && index > 0 {
                words.extend(" ");
            } else if piece == "\\" && words.quote.is_none() {
                continued = true;
            } else {
                words.piece(piece, index == 0);
            }
        }
        if number + 1 < lines.len() && !continued {
            words.extend("\n");
        }
    }
    match (words.quote, words.depth.iter().position(|d| *d > 0)) {
        (Some(quote), _) => Err(format!("a quote, {quote}, is never closed")),
        (None, Some(block)) => Err(format!("`{}` is never closed", BLOCKS[block].0)),
        (None, None) => Ok(words.out),
    }
}

/// Named arguments, and the rest as one string.
///
/// With `free_form` (command, shell, script, raw) only the arguments of commands are taken out of the
/// text; anything else with a `=` belongs to the command.
#[expect(clippy::type_complexity, reason = "a pair of what it says")]
pub fn key_values(
    text: &str,
    free_form: bool,
) -> Result<(Vec<(String, String)>, Option<String>), String> {
    let mut named: Vec<(String, String)> = Vec::new();
    let mut rest: Option<String> = None;
    let mut keep = |word: &str| {
        let rest = rest.get_or_insert_default();
        if !rest.is_empty() && !rest.ends_with('\n') {
            rest.push(' ');
        }
        rest.push_str(word);
    };
    for word in split(text)? {
        let plain = unescape(&word);
        if !plain.contains('=') {
            keep(&word);
            continue;
        }
        let Some(at) = assignment(&plain) else {
            keep(&plain.replace("\\=", "="));
            continue;
        };
        let (key, value) = (&plain[..at], &plain[at + 1..]);
        if free_form && !COMMAND_ARGS.contains(&key) {
            keep(&word);
            continue;
        }
        let (key, value) = (key.trim(), unquote(value.trim()).to_owned());
        match named.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => named.push((key.to_owned(), value)),
        }
    }
    Ok((named, rest))
}

/// The text without the quotes around all of it.
pub fn unquote(text: &str) -> &str {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote.filter(|_| text.len() > 1) else {
        return text;
    };
    match text[1..].strip_suffix(quote) {
        Some(inner) if !inner.ends_with('\\') => inner,
        _ => text,
    }
}

/// Words so far, and what is open at the end of the last piece.
#[derive(Default)]
struct Words {
    out: Vec<String>,
    quote: Option<char>,
    depth: [usize; 3],
}

impl Words {
    fn extend(&mut self, text: &str) {
        if self.out.is_empty() {
            self.out.push(String::new());
        }
        if let Some(last) = self.out.last_mut() {
            last.push_str(text);
        }
    }

    fn piece(&mut self, piece: &str, first_of_line: bool) {
        let was_quoted = self.quote.is_some();
        let was_block = self.depth.iter().any(|d| *d > 0);
        self.quote = quote_after(piece, self.quote);
        let depth_before = self.depth;
        for ((open, close), depth) in BLOCKS.iter().zip(&mut self.depth) {
            *depth =
                (*depth + piece.matches(open).count()).saturating_sub(piece.matches(close).count());
        }
        if was_block || was_quoted {
            if !first_of_line {
                self.extend(" ");
            }
            self.extend(piece);
        } else if !piece.is_empty() || self.depth != depth_before {
            self.out.push(piece.to_owned());
        }
    }
}

/// The quote that is open after a piece.
fn quote_after(piece: &str, mut quote: Option<char>) -> Option<char> {
    let mut previous = None;
    for c in piece.chars() {
        if matches!(c, '"' | '\'') && previous != Some('\\') {
            quote = match quote {
                None => Some(c),
                Some(open) if open == c => None,
                open => open,
            };
        }
        previous = Some(c);
    }
    quote
}

/// Where the `=` between key and value stands: not first, not escaped.
fn assignment(word: &str) -> Option<usize> {
    word.match_indices('=')
        .map(|(at, _)| at)
        .find(|at| *at > 0 && !word[..*at].ends_with('\\'))
}

/// Backslash escapes as in a Python string; unknown ones stay as they are.
fn unescape(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let Some(c) = after.chars().next() else { break };
        let (decoded, used) = match c {
            '\\' | '\'' | '"' => (Some(c), 1),
            'a' => (Some('\x07'), 1),
            'b' => (Some('\x08'), 1),
            'f' => (Some('\x0c'), 1),
            'n' => (Some('\n'), 1),
            'r' => (Some('\r'), 1),
            't' => (Some('\t'), 1),
            'v' => (Some('\x0b'), 1),
            'x' => (coded(after, 2), 3),
            'u' => (coded(after, 4), 5),
            'U' => (coded(after, 8), 9),
            _ => (None, 0),
        };
        match decoded {
            Some(decoded) => {
                out.push(decoded);
                rest = &after[used..];
            }
            None => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The character of so many hex digits after a letter.
fn coded(after: &str, digits: usize) -> Option<char> {
    let code = after.get(1..=digits)?;
    let hex = code.bytes().all(|b| b.is_ascii_hexdigit());
    char::from_u32(u32::from_str_radix(code, 16).ok().filter(|_| hex)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with ansible-core 2.19: `[text, free_form, named, rest]`, or null for an error.
    #[test]
    fn splits_as_ansible_does() {
        for line in include_str!("words_table.jsonl").lines() {
            let (text, free_form, expected): (String, bool, Option<serde_json::Value>) =
                serde_json::from_str(line).unwrap();
            let found = key_values(&text, free_form).ok().map(|(named, rest)| {
                let named: serde_json::Map<_, _> =
                    named.into_iter().map(|(k, v)| (k, v.into())).collect();
                serde_json::json!([split(&text).unwrap(), named, rest])
            });
            assert_eq!(found, expected, "{text:?} free form: {free_form}");
        }
    }

    #[test]
    fn what_is_left_open_is_named() {
        assert_eq!(split("a 'b").unwrap_err(), "a quote, ', is never closed");
        assert_eq!(split("a {{ b").unwrap_err(), "`{{` is never closed");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "([a-z]| |\\n|=|\\\\|\"|'|\\{\\{|\\}\\}|\\{%|%\\}|\\\\x4|é){0,30}", free: bool) {
            let _ = key_values(&text, free);
        }
    }
}
