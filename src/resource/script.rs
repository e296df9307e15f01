//! Shell text: the only place where it is put together, and the only quoting there is.

use std::fmt::Write as _;

use super::RemotePath;

/// A word of shell text that stands for exactly these bytes, whatever they are.
///
/// # Panics
/// Never; a NUL byte cannot reach a command line and is refused where values enter.
pub fn quote(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:=,@%+".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    let mut out = String::with_capacity(word.len() + 2);
    out.push('\'');
    for part in word.split_inclusive('\'') {
        match part.strip_suffix('\'') {
            Some(before) => {
                out.push_str(before);
                out.push_str("'\\''");
            }
            None => out.push_str(part),
        }
    }
    out.push('\'');
    out
}

/// Splits a command line into words as a POSIX shell would, without expanding anything. `None` where
/// a quote is left open.
pub fn words(line: &str) -> Option<Vec<String>> {
    let mut out = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => out.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => match chars.next()? {
                            c @ ('"' | '\\' | '$' | '`') => word.push(c),
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c => word.get_or_insert_default().push(c),
        }
    }
    out.extend(word);
    Some(out)
}

/// A path as a word: `~` is expanded by the host, a relative path starts where the login started.
pub fn path_word(path: &RemotePath) -> String {
    place(path.as_str())
}

/// As [`path_word`], for text that was not read as a path (`chdir`).
pub fn place(text: &str) -> String {
    if text.starts_with('/') {
        return quote(text);
    }
    if let Some(rest) = text.strip_prefix('~') {
        let (user, below) = rest
            .split_once('/')
            .map_or((rest, None), |(u, b)| (u, Some(b)));
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
        if user.bytes().all(plain) {
            // Unquoted, so that the shell expands it.
            let home = if user.is_empty() {
                "\"$HOME\"".into()
            } else {
                format!("~{user}")
            };
            return match below {
                Some(below) => format!("{home}/{}", quote(below)),
                None => home,
            };
        }
    }
    format!("\"$pl_cwd\"/{}", quote(text))
}

/// A script that is growing. Every operation in it answers with one record, numbered from 0.
#[derive(Clone, Debug, Default)]
pub struct Script {
    text: String,
    records: usize,
}

impl Script {
    pub fn new() -> Script {
        Script::default()
    }

    /// Adds an operation that answers with its standard output, as one record. Returns its number.
    ///
    /// The body runs in a subshell with no standard input. (The `:` is for dash 0.5.12, which loses
    /// the redirections of a subshell that is all there is in braces with redirections.)
    pub fn ask(&mut self, body: &str) -> usize {
        let n = self.records;
        self.records += 1;
        if body == ":" {
            let _ = writeln!(self.text, "pl_r {n} 0 \"\"");
            return n;
        }
        let _ = writeln!(
            self.text,
            "_v=$({{ :\n{body}\n}} 2>/dev/null; _s=$?; printf x; exit $_s)"
        );
        let _ = writeln!(self.text, "pl_r {n} $? \"${{_v%x}}\"");
        n
    }

    /// Adds text that answers for itself by `pl_r N STATUS TEXT` (see the prelude). Returns its number.
    pub fn raw(&mut self, body: impl FnOnce(usize) -> String) -> usize {
        let n = self.records;
        self.records += 1;
        self.text.push_str(&body(n));
        self.text.push('\n');
        n
    }

    /// Adds text that answers with `count` records of its own, the first of which has the number it
    /// is given.
    pub fn several(&mut self, count: usize, body: impl FnOnce(usize) -> String) -> usize {
        let n = self.records;
        self.records += count;
        self.text.push_str(&body(n));
        self.text.push('\n');
        n
    }

    /// Adds text that does not answer.
    pub fn say(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Adds another script that began at this one's next number, its text wrapped.
    pub fn join(&mut self, other: &Script, wrap: impl FnOnce(&str) -> String) {
        debug_assert!(other.records >= self.records);
        self.records = other.records;
        if !other.text.is_empty() {
            let text = wrap(&other.text);
            self.say(&text);
        }
    }

    /// A script whose records are numbered from `first`, to be joined to another.
    pub fn after(first: usize) -> Script {
        Script {
            text: String::new(),
            records: first,
        }
    }

    /// The number the next record gets.
    pub fn next(&self) -> usize {
        self.records
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}
