//! The text of PAM's stacks: lines of type, control, module and arguments.

use std::fmt::Write as _;

/// One line of a stack.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) line: usize,
    /// `auth`, `account`, `password` or `session`.
    pub(crate) kind: String,
    /// A missing module is not complained of (`-session`).
    pub(crate) quiet: bool,
    pub(crate) control: String,
    /// The module without the folder it is in.
    pub(crate) module: String,
    pub(crate) arguments: Vec<String>,
}

/// Reads one line; `None` for comments and `@include`.
pub(crate) fn entry(line: usize, text: &str) -> Option<Entry> {
    let text = text.trim();
    let quiet = text.starts_with('-');
    let (kind, rest) = text
        .trim_start_matches('-')
        .split_once(char::is_whitespace)?;
    if !["auth", "account", "password", "session"].contains(&kind) {
        return None;
    }
    let (control, rest) = control(rest)?;
    let mut words = words(rest).into_iter();
    let module = words.next()?;
    let module = module.rsplit('/').next().unwrap_or(&module).to_owned();
    Some(Entry {
        line,
        kind: kind.to_owned(),
        quiet,
        control,
        module,
        arguments: words.collect(),
    })
}

/// `required`, or `[success=1 default=ignore]`, and what stands behind it.
pub(crate) fn control(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let end = match text.starts_with('[') {
        true => text.find(']')? + 1,
        false => text.find(char::is_whitespace)?,
    };
    Some((text[..end].to_owned(), &text[end..]))
}

/// Arguments; one in brackets may have blanks.
fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() && !rest.starts_with('#') {
        let end = match rest.starts_with('[') {
            true => rest.find(']').map_or(rest.len(), |e| e + 1),
            false => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        out.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    out
}

/// The lines of a file that call modules.
pub(crate) fn entries(text: &str) -> Vec<Entry> {
    let lines = text.lines().enumerate();
    lines.filter_map(|(at, line)| entry(at, line)).collect()
}

/// What an argument is about: `minlen` of `minlen=14`.
pub(crate) fn name(argument: &str) -> &str {
    argument.split('=').next().unwrap_or(argument)
}

/// A line with other arguments; what stands before them stays as it is written.
pub(crate) fn with_arguments(line: &str, entry: &Entry, arguments: &[String]) -> String {
    let module = line
        .find(entry.module.as_str())
        .map(|at| at + entry.module.len());
    let mut out = match module {
        Some(end) => line[..end].to_owned(),
        None => written(&entry.kind, &entry.control, &entry.module),
    };
    for argument in arguments {
        let _ = write!(out, " {argument}");
    }
    out
}

/// A new line.
pub(crate) fn written(kind: &str, control: &str, module: &str) -> String {
    format!("{kind}\t{control}\t\t\t{module}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let line = "password\t[success=2 default=ignore]\tpam_unix.so obscure [a b] x=1 # c";
        let read = entry(0, line).expect("an entry");
        assert_eq!(read.control, "[success=2 default=ignore]");
        assert_eq!(read.arguments, ["obscure", "[a b]", "x=1"]);
        assert_eq!(
            entry(0, "-auth required /lib/security/pam_x.so")
                .expect("an entry")
                .module,
            "pam_x.so"
        );
        assert_eq!(
            (entry(0, "@include common-auth"), entry(0, "# auth a b")),
            (None, None)
        );
        let changed = with_arguments(line, &read, &["yescrypt".into()]);
        assert_eq!(
            changed,
            "password\t[success=2 default=ignore]\tpam_unix.so yescrypt"
        );
    }
}
