//! From a place in a string to the place in the file that it was written at.

use std::ops::Range;

use super::{Kind, Node, Span};

impl Node {
    /// The place of a part of this string, given in bytes of its value.
    ///
    /// Exact for what is written on one line and for literal blocks (`|`). For the rest (folded text,
    /// decrypted vaults, unusual escapes) it is the place of the whole string.
    pub fn place(&self, part: Range<usize>) -> Span {
        let (Kind::Str(value) | Kind::Unsafe(value)) = &self.kind else {
            return self.span.clone();
        };
        let (start, end) = (self.span.start as usize, self.span.end as usize);
        let written = self.span.file.text.get(start..end).unwrap_or("");
        let find = |at: usize| offset(written, value, at.min(value.len()));
        match (find(part.start), find(part.end)) {
            (Some(from), Some(to)) => Span::new(&self.span.file, start + from, start + to),
            _ => self.span.clone(),
        }
    }
}

/// Where in the written text a byte of the value stands.
fn offset(written: &str, value: &str, at: usize) -> Option<usize> {
    if written == value {
        return Some(at);
    }
    match written.bytes().next()? {
        b'\'' if !written.contains('\n') => single(written, at),
        b'"' if !written.contains('\n') => double(written, at),
        _ => block(written, value, at),
    }
}

/// In single quotes, `''` is one character.
fn single(written: &str, at: usize) -> Option<usize> {
    let (mut from, mut done) = (1, 0);
    while done < at {
        let rest = written.get(from..)?;
        let c = rest.chars().next()?;
        from += if rest.starts_with("''") {
            2
        } else {
            c.len_utf8()
        };
        done += c.len_utf8();
    }
    (done == at).then_some(from)
}

/// In double quotes, an escape of one letter is one byte; the others are not followed.
fn double(written: &str, at: usize) -> Option<usize> {
    let (mut from, mut done) = (1, 0);
    while done < at {
        let mut chars = written.get(from..)?.chars();
        let c = chars.next()?;
        if c == '\\' {
            if !r#"0abtnvfre "/\"#.contains(chars.next()?) {
                return None;
            }
            from += 2;
            done += 1;
        } else {
            from += c.len_utf8();
            done += c.len_utf8();
        }
    }
    (done == at).then_some(from)
}

/// A literal block: its lines are those of the value, each after the same indentation.
fn block(written: &str, value: &str, at: usize) -> Option<usize> {
    let number = value[..at].matches('\n').count();
    let line_start = value[..at].rfind('\n').map_or(0, |i| i + 1);
    let line = value[line_start..].split('\n').next()?;
    let mut from = 0;
    for (n, text) in written.split('\n').enumerate() {
        if n == number {
            let text = text.trim_end_matches('\r');
            let indent = text.len().checked_sub(line.len())?;
            let same = text.ends_with(line) && text[..indent].trim().is_empty();
            return same.then_some(from + indent + at - line_start);
        }
        from += text.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{File, yaml};

    /// What is underlined for `{{ x }}` inside the value of `k`.
    fn underlined(text: &str) -> (usize, usize, String) {
        let (node, diagnostics) = yaml::parse_one(&File::new("t.yml", text));
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        let value = node.get("k").unwrap();
        let at = value.as_str().unwrap().find("{{ x }}").unwrap();
        let span = value.place(at..at + 7);
        let (line, column) = span.position();
        (
            line,
            column,
            text[span.start as usize..span.end as usize].to_owned(),
        )
    }

    #[test]
    fn a_part_of_a_string_has_its_own_place() {
        let x = || "{{ x }}".to_owned();
        assert_eq!(underlined("k: é{{ x }}b"), (1, 5, x()));
        assert_eq!(underlined("k: 'it''s {{ x }}'"), (1, 11, x()));
        assert_eq!(underlined(r#"k: "a\n\"{{ x }}""#), (1, 10, x()));
        assert_eq!(
            underlined("k: |\n    one\n\n      two {{ x }}\n"),
            (4, 11, x())
        );
        assert_eq!(underlined("k: >-\n  one {{ x }}\n"), (2, 7, x()));
    }

    #[test]
    fn what_cannot_be_followed_is_the_whole_string() {
        assert_eq!(underlined(r#"k: "\u00e9{{ x }}""#).1, 4);
        assert_eq!(underlined("k: >-\n  one\n  two {{ x }}\n").0, 2);
    }
}
