//! Splitting a line of an INI inventory into words, as a POSIX shell would: quotes, backslashes, `#`.

/// A word and the bytes of the line it was made from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What is wrong with a line: the message and the byte it is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unclosed(pub(super) usize);

/// The words of a line. A `#` ends it, also within a word, but not within quotes.
pub(super) fn words(line: &str) -> Result<Vec<Word>, Unclosed> {
    let mut out = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        if quote.is_none() && (c == '#' || c.is_ascii_whitespace()) {
            out.extend(word.take());
            if c == '#' {
                break;
            }
            continue;
        }
        let current = word.get_or_insert_with(|| Word {
            text: String::new(),
            start: at,
            end,
        });
        current.end = end;
        match (c, quote) {
            (c, Some((open, _))) if c == open => quote = None,
            ('\\', None | Some(('"', _))) => {
                let Some((next_at, next)) = chars.next() else {
                    return Err(Unclosed(at));
                };
                if quote.is_some() && next != '"' && next != '\\' {
                    current.text.push('\\');
                }
                current.text.push(next);
                current.end = next_at + next.len_utf8();
            }
            ('"' | '\'', None) => quote = Some((c, at)),
            _ => current.text.push(c),
        }
    }
    if let Some((_, at)) = quote {
        return Err(Unclosed(at));
    }
    out.extend(word);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        words(line).unwrap().into_iter().map(|w| w.text).collect()
    }

    #[test]
    fn quotes_escapes_and_comments() {
        assert_eq!(
            texts(r#"a x="b c" y='d "e"'  # z"#),
            ["a", "x=b c", "y=d \"e\""]
        );
        assert_eq!(texts(r#"a\ b "c\d\"" q=a#b z"#), ["a b", "c\\d\"", "q=a"]);
        assert_eq!(texts("a ''"), ["a", ""]);
        assert_eq!(words("a x='b"), Err(Unclosed(4)));
        assert_eq!(words("a\\"), Err(Unclosed(1)));
        let word = &words("a  x=1").unwrap()[1];
        assert_eq!((word.start, word.end), (3, 6));
    }
}
