//! Python's regular expressions in the words of `grep -E`, as far as those reach: for looking on the host
//! whether a text is there. What matched is told apart here.

/// The pattern for `grep -E`, and whether case does not matter.
///
/// # Errors
/// Names what no `grep` can be asked for.
pub(crate) fn extended(pattern: &str) -> Result<(String, bool), String> {
    let (mut rest, mut caseless) = (pattern, false);
    while let Some(flags) = rest.strip_prefix("(?") {
        let Some((letters, after)) = flags.split_once(')') else {
            break;
        };
        if letters.is_empty() || !letters.bytes().all(|b| b"iams".contains(&b)) {
            break;
        }
        caseless |= letters.contains('i');
        rest = after;
    }
    let mut out = String::new();
    // Whether what stands before can be repeated, so that a `?` behind it only says "as little".
    let mut repeated = false;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let mut now_repeated = false;
        rest = match c {
            '\\' => escape(after, &mut out)?,
            '[' => class(after, &mut out)?,
            '(' => group(after, &mut out)?,
            '?' | '+' if repeated => match c {
                '?' => after,
                _ => return Err("a repetition that gives nothing back".into()),
            },
            '*' | '+' | '?' => {
                now_repeated = true;
                out.push(c);
                after
            }
            '{' => match bounds(after) {
                Some((text, after)) => {
                    now_repeated = true;
                    out.push_str(&text);
                    after
                }
                None => {
                    out.push_str("\\{");
                    after
                }
            },
            '}' => {
                out.push_str("\\}");
                after
            }
            c => {
                out.push(c);
                after
            }
        };
        repeated = now_repeated;
    }
    Ok((out, caseless))
}

const DIGIT: &str = "0-9";
const SPACE: &str = "[:space:]";
const WORD: &str = "[:alnum:]_";

fn escape<'a>(rest: &'a str, out: &mut String) -> Result<&'a str, String> {
    let c = rest.chars().next().ok_or("a backslash at the end")?;
    match c {
        'd' => out.push_str(&format!("[{DIGIT}]")),
        'D' => out.push_str(&format!("[^{DIGIT}]")),
        's' => out.push_str(&format!("[{SPACE}]")),
        'S' => out.push_str(&format!("[^{SPACE}]")),
        'w' => out.push_str(&format!("[{WORD}]")),
        'W' => out.push_str(&format!("[^{WORD}]")),
        'b' | 'B' => out.extend(['\\', c]),
        't' => out.push('\t'),
        'r' => out.push('\r'),
        c if c.is_ascii_alphanumeric() => return Err(format!("`\\{c}`")),
        c if ".[]{}()*+?^$|\\".contains(c) => out.extend(['\\', c]),
        c => out.push(c),
    }
    Ok(&rest[c.len_utf8()..])
}

fn group<'a>(rest: &'a str, out: &mut String) -> Result<&'a str, String> {
    out.push('(');
    let Some(kind) = rest.strip_prefix('?') else {
        return Ok(rest);
    };
    if let Some(after) = kind.strip_prefix(':') {
        return Ok(after);
    }
    if let Some((_, after)) = kind.strip_prefix("P<").and_then(|k| k.split_once('>')) {
        return Ok(after);
    }
    let shown: String = kind.chars().take(2).collect();
    Err(format!("`(?{shown}`"))
}

/// `{2}`, `{2,}`, `{2,3}`, `{,3}`; a brace that is none of them is a brace.
fn bounds(rest: &str) -> Option<(String, &str)> {
    let (inside, after) = rest.split_once('}')?;
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    match inside.split_once(',') {
        Some((least, most)) if digits(least) && digits(most) && inside != "," => {
            let least = if least.is_empty() { "0" } else { least };
            Some((format!("{{{least},{most}}}"), after))
        }
        None if digits(inside) && !inside.is_empty() => Some((format!("{{{inside}}}"), after)),
        _ => None,
    }
}

/// A class in brackets: `]` goes first in it and `-` last, because nothing is escaped there.
fn class<'a>(rest: &'a str, out: &mut String) -> Result<&'a str, String> {
    let (negated, mut rest) = match rest.strip_prefix('^') {
        Some(rest) => ("^", rest),
        None => ("", rest),
    };
    let (mut first, mut middle, mut last) = ("", String::new(), String::new());
    let mut begun = false;
    loop {
        let c = rest.chars().next().ok_or("a class without its end")?;
        rest = &rest[c.len_utf8()..];
        match c {
            ']' if begun => break,
            ']' => first = "]",
            '\\' => {
                let e = rest.chars().next().ok_or("a backslash at the end")?;
                rest = &rest[e.len_utf8()..];
                match e {
                    'd' => middle.push_str(DIGIT),
                    's' => middle.push_str(SPACE),
                    'w' => middle.push_str(WORD),
                    't' => middle.push('\t'),
                    'r' => middle.push('\r'),
                    ']' => first = "]",
                    '^' | '-' => last.push(e),
                    e if e.is_ascii_alphanumeric() => return Err(format!("`\\{e}` in a class")),
                    e => middle.push(e),
                }
            }
            '-' if !begun || rest.starts_with(']') => last.push('-'),
            '[' => last.push('['),
            c => middle.push(c),
        }
        begun = true;
    }
    // A `-` is last, whatever else is kept for the end.
    let dash = if last.contains('-') { "-" } else { "" };
    let last = last.replace('-', "");
    // Alone, `^` would turn the class around.
    if negated.is_empty() && first.is_empty() && middle.is_empty() && last.starts_with('^') {
        out.push_str(&if dash.is_empty() && last.len() == 1 {
            "\\^".to_owned()
        } else {
            format!("[{dash}{last}]")
        });
        return Ok(rest);
    }
    out.push_str(&format!("[{negated}{first}{middle}{last}{dash}]"));
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::extended;

    #[test]
    fn what_grep_knows_is_said_in_its_words() {
        let of = |pattern: &str| extended(pattern).map(|(text, _)| text);
        for (python, grep) in [
            (r"(?P<x>local)(?:host)", "(local)(host)"),
            (r"\d+\.\d{2,3}?", r"[0-9]+\.[0-9]{2,3}"),
            (r"a.*?b+?", "a.*b+"),
            (r"[\w.-]+@[^\]x]", "[[:alnum:]_.-]+@[^]x]"),
            (r"x\-y\/z \{a}", r"x-y/z \{a\}"),
            ("{x}{2}", r"\{x\}{2}"),
            (r"[\^\-]", "[-^]"),
            (r"[[]", "[[]"),
        ] {
            assert_eq!(of(python).as_deref(), Ok(grep), "{python}");
        }
        assert_eq!(extended("(?i)ready"), Ok(("ready".into(), true)));
        for wrong in [r"a(?=b)", r"(a)\1", r"(?<!x)y", "a*+", "[a"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
