//! Python's regular expressions over fancy-regex, for the actions that edit text.
//!
//! What is written for Python means the same here: `$` stands before a final line end, braces that are
//! no repetition and brackets within a class are letters, `\Z` is the very end.

use fancy_regex::{Captures, Regex};

/// A pattern in Python's syntax.
#[derive(Clone, Debug)]
pub(crate) struct PyRegex {
    regex: Regex,
}

/// `re.MULTILINE` and `re.DOTALL`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) multiline: bool,
    pub(crate) dotall: bool,
}

impl PyRegex {
    pub(crate) fn new(pattern: &str, flags: Flags) -> Result<PyRegex, String> {
        let multiline = flags.multiline || inline_flag(pattern, 'm');
        let mut text = translate(pattern, multiline);
        if flags.multiline {
            text.insert_str(0, "(?m)");
        }
        if flags.dotall {
            text.insert_str(0, "(?s)");
        }
        match Regex::new(&text) {
            Ok(regex) => Ok(PyRegex { regex }),
            Err(e) => Err(format!("`{pattern}` is not a regular expression: {e}")),
        }
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text).unwrap_or(false)
    }

    pub(crate) fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t, str>> {
        self.regex.captures(text).ok().flatten()
    }

    /// `re.subn`: the text with every match replaced, and how many there were.
    pub(crate) fn replace_all(&self, text: &str, with: &str) -> Result<(String, usize), String> {
        let (mut out, mut count, mut last) = (String::new(), 0, 0);
        for captures in self.regex.captures_iter(text) {
            let captures = captures.map_err(|e| e.to_string())?;
            let Some(whole) = captures.get(0) else {
                continue;
            };
            out.push_str(&text[last..whole.start()]);
            out.push_str(&expand(with, &captures)?);
            last = whole.end();
            count += 1;
        }
        out.push_str(&text[last..]);
        Ok((out, count))
    }
}

/// Whether `(?m)` or the like stands at the start of a pattern.
pub(crate) fn inline_flag(pattern: &str, flag: char) -> bool {
    let flags = pattern.strip_prefix("(?").and_then(|r| r.split_once(')'));
    flags.is_some_and(|(f, _)| f.chars().all(|c| c.is_ascii_lowercase()) && f.contains(flag))
}

/// `match.expand`: `\1`, `\g<1>`, `\g<name>` and the escapes of a Python string.
pub(crate) fn expand(template: &str, captures: &Captures<'_, str>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    let group = |name: &str| -> Result<String, String> {
        let found = match name.parse::<usize>() {
            Ok(number) if number < captures.len() => captures.get(number),
            Ok(number) => return Err(format!("invalid group reference {number}")),
            Err(_) => captures.name(name),
        };
        Ok(found.map_or(String::new(), |m| m.as_str().to_owned()))
    };
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(letter) = rest.chars().next() else {
            return Err("bad escape (end of pattern)".into());
        };
        if letter.is_ascii_digit() && letter != '0' {
            let digits = rest
                .chars()
                .take(2)
                .take_while(char::is_ascii_digit)
                .count();
            out.push_str(&group(&rest[..digits])?);
            rest = &rest[digits..];
            continue;
        }
        if letter == 'g' {
            let name = rest.strip_prefix("g<").and_then(|r| r.split_once('>'));
            let (name, after) = name.ok_or("missing group name after \\g")?;
            out.push_str(&group(name)?);
            rest = after;
            continue;
        }
        rest = &rest[letter.len_utf8()..];
        match letter {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'a' => out.push('\u{7}'),
            'f' => out.push('\u{c}'),
            'v' => out.push('\u{b}'),
            'b' => out.push('\u{8}'),
            '0' => out.push('\0'),
            '\\' => out.push('\\'),
            c if c.is_ascii_alphabetic() => return Err(format!("bad escape \\{c}")),
            c => out.extend(['\\', c]),
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// A pattern in the syntax of fancy-regex.
fn translate(pattern: &str, multiline: bool) -> String {
    let chars: Vec<char> = pattern.chars().collect();
    let mut out = String::with_capacity(pattern.len() + 8);
    let (mut i, mut class) = (0, None);
    while let Some(&c) = chars.get(i) {
        match (c, class) {
            ('\\', _) => {
                i += 1;
                escape(chars.get(i).copied().unwrap_or('\\'), &mut out);
            }
            ('[', None) => {
                out.push('[');
                if chars.get(i + 1) == Some(&'^') {
                    out.push('^');
                    i += 1;
                }
                class = Some(i + 1);
                if chars.get(i + 1) == Some(&']') {
                    out.push_str("\\]");
                    i += 1;
                }
            }
            (']', Some(_)) => {
                out.push(']');
                class = None;
            }
            ('[' | '&' | '~', Some(_)) => out.extend(['\\', c]),
            (_, Some(_)) => out.push(c),
            ('$', None) if !multiline => out.push_str(r"(?=\n?\z)"),
            ('{', None) if !is_repetition(&chars[i..]) => out.push_str("\\{"),
            ('}', None) if !closes_repetition(&chars[..i]) => out.push_str("\\}"),
            _ => out.push(c),
        }
        i += 1;
    }
    out
}

fn escape(c: char, out: &mut String) {
    match c {
        'Z' => out.push_str(r"\z"),
        c if c.is_ascii_alphanumeric() => out.extend(['\\', c]),
        c if r"\.+*?()|[]{}^$#&-~/".contains(c) => out.extend(['\\', c]),
        c => out.push(c),
    }
}

/// Whether `{…` is `{2}`, `{2,}`, `{,3}` or `{2,3}`.
fn is_repetition(rest: &[char]) -> bool {
    let Some(end) = rest.iter().position(|c| *c == '}') else {
        return false;
    };
    let inner = &rest[1..end];
    inner.iter().any(char::is_ascii_digit)
        && inner.iter().all(|c| c.is_ascii_digit() || *c == ',')
        && inner.iter().filter(|c| **c == ',').count() <= 1
}

fn closes_repetition(before: &[char]) -> bool {
    let open = before.iter().rposition(|c| *c == '{');
    open.is_some_and(|at| {
        let mut whole = before[at..].to_vec();
        whole.push('}');
        is_repetition(&whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regex(pattern: &str) -> PyRegex {
        PyRegex::new(pattern, Flags::default()).expect("a pattern")
    }

    #[test]
    fn patterns_mean_what_they_mean_in_python() {
        assert!(regex("^a$").is_match("a\n"));
        assert!(!regex(r"^a\Z").is_match("a\n"));
        assert!(regex("{{ x }}").is_match("{{ x }}"));
        assert!(regex("^a{2,3}$").is_match("aaa"));
        assert!(regex("[[]x[]]").is_match("[x]"));
        assert!(regex(r"\<x\>").is_match("<x>"));
        assert!(regex(r"^(?P<k>\w+)=(?!b)").is_match("a=c"));
        assert!(PyRegex::new("(", Flags::default()).is_err());
    }

    #[test]
    fn templates_are_expanded_as_python_does() {
        let sub = |p: &str, t: &str, with: &str| regex(p).replace_all(t, with);
        let ok = |text: &str, n| Ok((text.to_owned(), n));
        assert_eq!(sub("(a)(b)", "abab", r"\2\g<1>"), ok("baba", 2));
        assert_eq!(sub("(?P<x>a)", "a", r"\g<x>\n"), ok("a\n", 1));
        assert!(sub("a", "a", r"\1").is_err());
    }
}
