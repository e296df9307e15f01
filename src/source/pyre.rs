//! Python's regular expressions, because that is what people wrote: lookaround, backreferences,
//! `\Z`, `$` before a final line feed, `\g<name>` in replacements.
//!
//! Matching takes bounded time: a pattern that backtracks too much is an error, not a hang.

use std::sync::Arc;

use fancy_regex::{Regex, RegexBuilder};

/// Backtracking steps one match may take: some 100 ms, and far beyond what honest patterns need.
const BACKTRACK: usize = 1_000_000;
/// Bytes a replacement may yield.
const LONGEST: usize = 256 * 1024 * 1024;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PyFlags {
    pub ignorecase: bool,
    pub multiline: bool,
    pub dotall: bool,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct PyRegex {
    /// For texts that do not end with a line feed, where `$` is simply the end.
    plain: Regex,
    /// For those that do; absent where it makes no difference.
    exact: Option<Regex>,
    names: Arc<Vec<Option<String>>>,
}

/// Where the groups of a match are, the whole match first. In bytes.
#[derive(Clone, Debug)]
pub struct PyMatch {
    pub spans: Vec<Option<(usize, usize)>>,
    names: Arc<Vec<Option<String>>>,
}

impl PyMatch {
    pub fn start(&self) -> usize {
        self.spans[0].map_or(0, |s| s.0)
    }

    pub fn end(&self) -> usize {
        self.spans[0].map_or(0, |s| s.1)
    }

    /// The text of a group by number.
    pub fn group<'t>(&self, text: &'t str, number: usize) -> Option<&'t str> {
        let (start, end) = (*self.spans.get(number)?)?;
        text.get(start..end)
    }

    /// The number of a named group.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| n.as_deref() == Some(name))
    }

    /// Fills in a replacement: `\1`, `\g<1>`, `\g<name>`, `\n`.
    pub fn expand(&self, text: &str, template: &str) -> Result<String, String> {
        let mut out = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(i) = rest.find('\\') {
            out.push_str(&rest[..i]);
            rest = &rest[i + 1..];
            let Some(c) = rest.chars().next() else {
                return Err("the replacement ends with a lone backslash".into());
            };
            rest = &rest[c.len_utf8()..];
            match c {
                'g' => {
                    let named = rest.strip_prefix('<').and_then(|r| r.split_once('>'));
                    let Some((name, after)) = named else {
                        return Err("`\\g` in a replacement needs `<name>`".into());
                    };
                    rest = after;
                    let number = name.parse().ok().or_else(|| self.number(name));
                    let number = number.filter(|n| *n < self.spans.len());
                    let number =
                        number.ok_or_else(|| format!("the pattern has no group `{name}`"))?;
                    out.push_str(self.group(text, number).unwrap_or(""));
                }
                '0' => out.push('\0'),
                '1'..='9' => {
                    let mut number = c.to_digit(10).unwrap_or(0) as usize;
                    if let Some(d) = rest.chars().next().and_then(|d| d.to_digit(10)) {
                        number = number * 10 + d as usize;
                        rest = &rest[1..];
                    }
                    if number >= self.spans.len() {
                        return Err(format!("the pattern has no group {number}"));
                    }
                    out.push_str(self.group(text, number).unwrap_or(""));
                }
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                'f' => out.push('\u{c}'),
                'v' => out.push('\u{b}'),
                'a' => out.push('\u{7}'),
                'b' => out.push('\u{8}'),
                '\\' => out.push('\\'),
                c if c.is_ascii_alphabetic() => {
                    return Err(format!("`\\{c}` means nothing in a replacement"));
                }
                c => {
                    out.push('\\');
                    out.push(c);
                }
            }
        }
        out.push_str(rest);
        Ok(out)
    }
}

impl PyRegex {
    pub fn new(pattern: &str, flags: PyFlags) -> Result<PyRegex, String> {
        let multiline = flags.multiline || inline_multiline(pattern);
        let (plain, dollar) = translate(pattern, if multiline { "$" } else { r"\z" })?;
        let build = |pattern: &str| {
            let mut builder = RegexBuilder::new(pattern);
            builder
                .case_insensitive(flags.ignorecase)
                .multi_line(multiline)
                .dot_matches_new_line(flags.dotall)
                .backtrack_limit(BACKTRACK);
            builder
                .build()
                .map_err(|e| format!("`{pattern}` is not a regular expression: {e}"))
        };
        let exact = if dollar && !multiline {
            Some(build(&translate(pattern, r"(?=\n?\z)")?.0)?)
        } else {
            None
        };
        let plain = build(&plain)?;
        let names = plain
            .capture_names()
            .map(|n| n.map(str::to_owned))
            .collect();
        Ok(PyRegex {
            plain,
            exact,
            names: Arc::new(names),
        })
    }

    fn regex(&self, text: &str) -> &Regex {
        match &self.exact {
            Some(exact) if text.ends_with('\n') => exact,
            _ => &self.plain,
        }
    }

    /// The names of the groups, the whole match first.
    pub fn names(&self) -> &[Option<String>] {
        &self.names
    }

    /// How many groups there are, the whole match not counted.
    pub fn groups(&self) -> usize {
        self.names.len().saturating_sub(1)
    }

    /// `re.search`, as yes or no.
    pub fn is_match(&self, text: &str) -> Result<bool, String> {
        self.regex(text).is_match(text).map_err(|e| slow(&e))
    }

    /// `re.search`, as the place of the match.
    pub fn find(&self, text: &str) -> Result<Option<(usize, usize)>, String> {
        let found = self.regex(text).find(text).map_err(|e| slow(&e))?;
        Ok(found.map(|m| (m.start(), m.end())))
    }

    /// `re.search`.
    pub fn captures(&self, text: &str) -> Result<Option<PyMatch>, String> {
        self.captures_from(text, 0)
    }

    /// `re.match`: the match has to be at the start.
    pub fn match_start(&self, text: &str) -> Result<Option<PyMatch>, String> {
        Ok(self.captures(text)?.filter(|m| m.start() == 0))
    }

    pub fn captures_from(&self, text: &str, from: usize) -> Result<Option<PyMatch>, String> {
        let found = self
            .regex(text)
            .captures_from_pos(text, from)
            .map_err(|e| slow(&e))?;
        Ok(found.map(|c| PyMatch {
            spans: (0..self.names.len())
                .map(|i| c.get(i).map(|m| (m.start(), m.end())))
                .collect(),
            names: Arc::clone(&self.names),
        }))
    }

    /// `re.finditer`.
    pub fn all(&self, text: &str) -> Result<Vec<PyMatch>, String> {
        let (mut out, mut from) = (Vec::new(), 0);
        while from <= text.len() {
            let Some(found) = self.captures_from(text, from)? else {
                break;
            };
            from = if found.end() > found.start() {
                found.end()
            } else {
                found.end() + text[found.end()..].chars().next().map_or(1, char::len_utf8)
            };
            out.push(found);
        }
        Ok(out)
    }

    /// `re.subn`: the new text and how often it was replaced. A count of 0 means every time.
    pub fn replace_all(
        &self,
        text: &str,
        template: &str,
        count: usize,
    ) -> Result<(String, usize), String> {
        self.replace_with(text, count, |found| found.expand(text, template))
    }

    /// `re.subn` with a function.
    pub fn replace_with(
        &self,
        text: &str,
        count: usize,
        mut make: impl FnMut(&PyMatch) -> Result<String, String>,
    ) -> Result<(String, usize), String> {
        let mut out = String::with_capacity(text.len());
        let (mut from, mut done, mut replaced) = (0, 0, 0);
        while from <= text.len() && (count == 0 || replaced < count) {
            let Some(found) = self.captures_from(text, from)? else {
                break;
            };
            out.push_str(&text[done..found.start()]);
            out.push_str(&make(&found)?);
            if out.len() > LONGEST {
                return Err(format!("the text would be longer than {LONGEST} bytes"));
            }
            done = found.end();
            replaced += 1;
            from = if found.end() > found.start() {
                found.end()
            } else {
                found.end() + text[found.end()..].chars().next().map_or(1, char::len_utf8)
            };
        }
        out.push_str(&text[done..]);
        Ok((out, replaced))
    }
}

fn slow(error: &fancy_regex::Error) -> String {
    match error {
        fancy_regex::Error::RuntimeError(_) => {
            "the regular expression backtracks too much on this text".into()
        }
        other => other.to_string(),
    }
}

/// Escapes what is special in a pattern, as Python's `re.escape` does.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn inline_multiline(pattern: &str) -> bool {
    let flags = pattern.strip_prefix("(?").and_then(|p| p.split_once(')'));
    flags.is_some_and(|(f, _)| f.chars().all(|c| "aiLmsux".contains(c)) && f.contains('m'))
}

/// A Python pattern in the crate's dialect, and whether it has a `$`.
fn translate(pattern: &str, dollar: &str) -> Result<(String, bool), String> {
    let chars: Vec<char> = pattern.chars().collect();
    let (mut out, mut i, mut class, mut had) = (String::new(), 0, None, false);
    while i < chars.len() {
        let c = chars[i];
        let next = chars.get(i + 1).copied();
        match (class, c) {
            (_, '\\') => {
                let Some(n) = next else {
                    return Err(format!("`{pattern}` ends with a lone backslash"));
                };
                match n {
                    'Z' if class.is_none() => out.push_str(r"\z"),
                    'b' if class.is_some() => out.push_str(r"\x08"),
                    '0' => out.push_str(r"\x00"),
                    n if n.is_ascii_alphanumeric() => out.extend(['\\', n]),
                    n if class.is_some() && "[]^-&~\\".contains(n) => out.extend(['\\', n]),
                    n if class.is_some() => out.push(n),
                    n => out.push_str(&fancy_regex::escape(&n.to_string())),
                }
                i += 1;
            }
            (None, '[') => {
                out.push('[');
                if next == Some('^') {
                    out.push('^');
                    i += 1;
                }
                // A bracket that comes first is a member.
                if chars.get(i + 1) == Some(&']') {
                    out.push_str(r"\]");
                    i += 1;
                }
                class = Some(());
            }
            (Some(()), ']') => {
                out.push(']');
                class = None;
            }
            (Some(()), '[' | '&' | '~') => out.extend(['\\', c]),
            (Some(()), c) => out.push(c),
            (None, '$') => {
                had = true;
                out.push_str(dollar);
            }
            (None, '{') => {
                let count: String = chars[i + 1..].iter().take_while(|c| **c != '}').collect();
                let closed = i + 1 + count.chars().count() < chars.len();
                let numeric = !count.is_empty()
                    && count != ","
                    && count.chars().all(|c| c.is_ascii_digit() || c == ',')
                    && count.matches(',').count() <= 1;
                if closed && numeric {
                    if count.starts_with(',') {
                        out.push_str(&format!("{{0{count}}}"));
                    } else {
                        out.push_str(&format!("{{{count}}}"));
                    }
                    i += count.chars().count() + 1;
                } else {
                    out.push_str(r"\{");
                }
            }
            (None, '}') => out.push_str(r"\}"),
            (None, '(') if next == Some('?') => {
                let body: String = chars[i + 2..].iter().take_while(|c| **c != ')').collect();
                if body.starts_with('#') {
                    i += body.chars().count() + 2;
                } else if !body.is_empty() && body.chars().all(|c| "aiLmsux".contains(c)) {
                    let kept: String = body.chars().filter(|c| !"aLu".contains(*c)).collect();
                    if !kept.is_empty() {
                        out.push_str(&format!("(?{kept})"));
                    }
                    i += body.chars().count() + 2;
                } else {
                    out.push_str("(?");
                    i += 1;
                }
            }
            (None, c) => out.push(c),
        }
        i += 1;
    }
    Ok((out, had))
}

#[cfg(test)]
mod tests {
    use super::{PyFlags, PyRegex, escape};

    fn re(pattern: &str) -> PyRegex {
        PyRegex::new(pattern, PyFlags::default()).expect(pattern)
    }

    #[test]
    fn python_patterns_match_what_python_matches() {
        for (pattern, text, wanted) in [
            ("a$", "a\n", true),
            (r"a\Z", "a\n", false),
            ("[[:a]x", "[x", true),
            (r"\{{2}", "{{", true),
            ("{{ x }}", "{{ x }}", true),
            (r"(?P<q>['\x22]).*(?P=q)", "'a'", true),
            (r"(a)\1", "aa", true),
            ("(?<!b)a", "ba", false),
            (r"\<a\>", "<a>", true),
            (r"[]a]", "]", true),
            ("(?m)^b$", "a\nb\nc", true),
        ] {
            assert_eq!(
                re(pattern).is_match(text),
                Ok(wanted),
                "{pattern} on {text:?}"
            );
        }
    }

    #[test]
    fn replacements_follow_python() {
        let sub = |p: &str, r: &str, t: &str| re(p).replace_all(t, r, 0).expect("a text").0;
        assert_eq!(sub("x*", "-", "abxd"), "-a-b--d-");
        assert_eq!(sub("(?P<n>a)(b)?", r"\g<n>\2\g<0>", "ab a"), "abab aa");
        assert_eq!(sub("b", r"\n", "abc"), "a\nc");
        assert!(re("a").replace_all("a", r"\1", 0).is_err());
    }

    #[test]
    fn a_pattern_that_backtracks_without_end_is_refused() {
        let text = format!("{}\u{21}", "a".repeat(1_000_000));
        assert!(re(r"(a+)+\1$").is_match(&text).is_err());
        assert_eq!(re("(a+)+$").is_match(&text), Ok(false));
        assert_eq!(escape("a.b-c"), r"a\.b\-c");
    }
}
