//! Shell text: the only place where it is put together, and the only quoting there is.

use std::fmt::Write as _;

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
    /// The body runs in a subshell with no standard input.
    pub fn ask(&mut self, body: &str) -> usize {
        let n = self.records;
        self.records += 1;
        let _ = writeln!(
            self.text,
            "_v=$({{ {body}\n}} 2>/dev/null; _s=$?; printf x; exit $_s)"
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

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}
