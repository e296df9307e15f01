//! What is wrong with text that is not YAML, in words that say what to write instead.

use std::sync::Arc;

use granit_parser::{ErrorKind, ScanError};

use super::yaml::MAX_DEPTH;
use super::{Code, Diagnostic, File, Span};

/// Text that is not looked at further: too much of it, or bytes that text does not contain.
pub(super) fn unreadable(file: &Arc<File>, limit: usize) -> Option<Diagnostic> {
    if file.text.len() > limit {
        let text = format!("the file is larger than {limit} bytes");
        return Some(Diagnostic::error(&Span::new(file, 0, 0), text).code(Code::Bounds));
    }
    let bad = |c: char| match c {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        c => c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'),
    };
    let at = file.text.find(bad)?;
    let found = file.text[at..].chars().next()?;
    let span = Span::new(file, at, at + found.len_utf8());
    let text = format!(
        "a control character (U+{:04X}) is not allowed here",
        u32::from(found)
    );
    let diagnostic = Diagnostic::error(&span, text);
    Some(match found {
        '\0' => diagnostic.hint("if the file was saved as UTF-16, save it as UTF-8"),
        _ => diagnostic.hint(format!(
            "remove it, or write it in a double-quoted string as \"\\x{:02x}\"",
            u32::from(found)
        )),
    })
}

/// A syntax error of the parser's, with the likeliest cause.
pub(super) fn diagnose(file: &Arc<File>, error: &ScanError) -> Diagnostic {
    let at = error
        .marker()
        .byte_offset()
        .unwrap_or(0)
        .min(file.text.len());
    let at = (0..=at)
        .rev()
        .find(|i| file.text.is_char_boundary(*i))
        .unwrap_or(0);
    let (number, _) = file.position(u32::try_from(at).unwrap_or(u32::MAX));
    if let Some(diagnostic) = certain(file, error.kind(), at) {
        return diagnostic;
    }
    // The parser notices a mistake where it can no longer go on: often on the line after it.
    let previous = (1..number).rev().find(|n| !blank(file.line(*n)));
    for n in std::iter::once(number).chain(previous) {
        if let Some(diagnostic) = likely(file, n) {
            return diagnostic;
        }
    }
    let diagnostic = Diagnostic::error(&word_at(file, at), message(error.kind()));
    match error.kind() {
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::SimpleKeyExpected
        | ErrorKind::InvalidSimpleKey
        | ErrorKind::ExpectedDocumentStart => indentation(file, number, previous, diagnostic),
        _ => diagnostic,
    }
}

/// A diagnostic of decrypted text: what it says in general, without the words it quotes.
pub(super) fn without_content(diagnostic: &mut Diagnostic) {
    let words = diagnostic.message.split('`').enumerate();
    let kept: Vec<&str> = words
        .map(|(n, w)| if n % 2 == 0 { w } else { "…" })
        .collect();
    diagnostic.message = kept.join("`");
    diagnostic
        .hints
        .retain(|hint| !hint.contains(['`', '"', '\'']));
}

/// Causes that the parser itself is sure of.
fn certain(file: &Arc<File>, kind: &ErrorKind, at: usize) -> Option<Diagnostic> {
    let here = || word_at(file, at);
    Some(match kind {
        ErrorKind::RecursionLimitExceeded => {
            Diagnostic::error(&here(), format!("nested deeper than {MAX_DEPTH} levels"))
                .code(Code::Bounds)
        }
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::DocumentIndicatorInQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent => {
            let at = open_quote(file, at);
            Diagnostic::error(&Span::new(file, at, at + 1), "this quote is not closed")
                .hint("close it, or write a quote inside the string as `''` or `\\\"`")
        }
        ErrorKind::UnclosedFlowCollection { open } => {
            let close = if *open == '[' { ']' } else { '}' };
            let span = Span::new(file, at, at + 1);
            Diagnostic::error(&span, format!("this `{open}` has no `{close}`"))
        }
        ErrorKind::UnknownAnchor => {
            let name = here();
            let written = &file.text[name.start as usize..name.end as usize];
            Diagnostic::error(
                &name,
                format!("no anchor for `{written}` stands before this"),
            )
            .hint("text that starts with `*` must be quoted")
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart => tab(file, file.position(at as u32).0)
            .unwrap_or_else(|| Diagnostic::error(&here(), "a tab is not allowed here"))
            .hint("use spaces"),
        ErrorKind::UnknownQuotedScalarEscape => {
            Diagnostic::error(&here(), "unknown escape in a double-quoted string")
                .hint("write `\\\\` for a backslash, or use single quotes")
        }
        ErrorKind::UnexpectedCharacter { character } => {
            Diagnostic::error(&here(), format!("a value cannot start with `{character}`"))
                .hint("quote the whole value")
        }
        _ => return None,
    })
}

/// The quote that opens the string which goes wrong at an offset: the last one that starts a value.
fn open_quote(file: &File, at: usize) -> usize {
    let text = &file.text;
    if text[at..].starts_with(['"', '\'']) {
        return at;
    }
    let opens = |i: &usize| {
        text[..*i]
            .chars()
            .next_back()
            .is_none_or(|c| " \t\n[{,".contains(c))
    };
    text[..at]
        .rmatch_indices(['"', '\''])
        .map(|(i, _)| i)
        .find(opens)
        .unwrap_or(at)
}

/// Causes that can be seen on a line.
fn likely(file: &Arc<File>, number: usize) -> Option<Diagnostic> {
    if let Some(diagnostic) = tab(file, number) {
        return Some(diagnostic.hint("use spaces"));
    }
    let line = file.line(number);
    let start = line_start(file, number);
    let body = line.trim_start_matches([' ', '-']);
    let indent = line.len() - body.len();
    let (value_at, value) = match body.find(": ") {
        Some(at) if !body.starts_with(['"', '\'', '{', '[']) => {
            let rest = &body[at + 1..];
            let value = rest.trim_start();
            (indent + at + 1 + rest.len() - value.len(), value.trim_end())
        }
        _ => (indent, body.trim_end()),
    };
    let span = Span::new(file, start + value_at, start + value_at + value.len());
    if value.starts_with("{{") || value.starts_with("{%") {
        let text = format!("a value cannot start with an unquoted `{}`", &value[..2]);
        let hint = format!("quote the whole value: \"{}\"", value.replace('"', "'"));
        return Some(Diagnostic::error(&span, text).hint(hint));
    }
    if let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let close = value[1..]
            .find(quote)
            .map(|at| at + 2)
            .filter(|at| *at < value.len())?;
        let rest = value[close..].trim_start();
        if !rest.starts_with(['#', ':', ',', ']', '}', quote]) && !value.ends_with('\\') {
            let span = Span::new(
                file,
                start + value_at + close,
                start + value_at + value.len(),
            );
            return Some(
                Diagnostic::error(&span, "text after the closing quote")
                    .hint("quote the whole value; the other kind of quote can stand inside it"),
            );
        }
        return None;
    }
    if value_at > indent && value.contains(": ") && !value.starts_with(['{', '[']) {
        let at = value_at + value.find(": ")?;
        let span = Span::new(file, start + at, start + at + 1);
        let hint = format!("quote the whole value: '{}'", value.replace('\'', "''"));
        return Some(Diagnostic::error(&span, "`: ` inside an unquoted value").hint(hint));
    }
    let (key, rest) = body.split_once(':')?;
    let named = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || "_.-".contains(c));
    if named && !rest.is_empty() && !rest.starts_with([' ', '/', ':', '\r']) {
        let at = start + indent + key.len();
        let hint = format!("write `{key}: {}`", rest.trim_end());
        return Some(
            Diagnostic::error(&Span::new(file, at, at + 1), "no space after `:`").hint(hint),
        );
    }
    None
}

/// A tab among the blanks a line starts with.
fn tab(file: &Arc<File>, number: usize) -> Option<Diagnostic> {
    let line = file.line(number);
    let blanks = line.len() - line.trim_start().len();
    let at = line[..blanks].find('\t')?;
    let start = line_start(file, number) + at;
    Some(Diagnostic::error(
        &Span::new(file, start, start + 1),
        "a tab is used for indentation",
    ))
}

fn indentation(
    file: &Arc<File>,
    number: usize,
    previous: Option<usize>,
    diagnostic: Diagnostic,
) -> Diagnostic {
    let width = |n: usize| file.line(n).len() - file.line(n).trim_start_matches(' ').len();
    let Some(before) = previous.filter(|n| width(*n) != width(number)) else {
        return diagnostic.hint("check the indentation of this line and the one before");
    };
    let start = line_start(file, before);
    let end = start + file.line(before).len();
    let text = format!("this line has {} before it", spaces(width(before)));
    diagnostic
        .hint(format!(
            "this line has {} before it; check the indentation",
            spaces(width(number))
        ))
        .note(&Span::new(file, start + width(before), end), text)
}

fn spaces(n: usize) -> String {
    match n {
        0 => "no spaces".into(),
        1 => "1 space".into(),
        n => format!("{n} spaces"),
    }
}

fn message(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::MappingValueNotAllowed => "a mapping cannot start here".into(),
        ErrorKind::InvalidIndentation => "this line is indented wrongly".into(),
        ErrorKind::ExpectedBlockMappingKey => "expected a `key: value` line here".into(),
        ErrorKind::BlockSequenceEntryNotAllowed => "a list item cannot start here".into(),
        ErrorKind::ExpectedBlockSequenceEntry => "expected a list item, `- …`, here".into(),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            "expected `:` after this key".into()
        }
        ErrorKind::ExpectedDocumentStart => "expected the end of the document here".into(),
        ErrorKind::ExpectedFlowMappingSeparator => "expected `,` or `}` here".into(),
        ErrorKind::ExpectedFlowSequenceSeparator => "expected `,` or `]` here".into(),
        ErrorKind::MisplacedFlowCollectionEnd => "this bracket closes nothing".into(),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            format!("`{close}` does not close `{open}`")
        }
        ErrorKind::InvalidColonPlacement => "this `:` does not belong here".into(),
        other => other.to_string(),
    }
}

fn blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

fn line_start(file: &File, number: usize) -> usize {
    file.line_start(number)
}

/// From an offset to the end of the word there, on one line; at the end of the text, the last line's.
fn word_at(file: &Arc<File>, at: usize) -> Span {
    let rest = &file.text[at..];
    let len = rest
        .find([' ', '\t', '\n', '\r', ','])
        .unwrap_or(rest.len());
    let len = if len == 0 {
        rest.chars().next().map_or(0, char::len_utf8)
    } else {
        len
    };
    Span::new(file, at, at + if rest.starts_with('\n') { 0 } else { len })
}
