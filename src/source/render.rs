//! A diagnostic as plain text: what, where, the line with the place underlined, and what to write instead.

use std::fmt::Write as _;

use super::{Diagnostic, Severity, Span, escape::escape};

/// Columns of source shown; of a longer line, the part around the place.
const WIDTH: usize = 100;
/// Columns kept before the place when a long line is cut.
const BEFORE: usize = 40;
/// Columns of one line of a message, which may quote what was written.
const LONGEST: usize = 400;
/// A tab, shown.
const TAB: &str = "    ";

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const BLUE: &str = "\x1b[1;34m";
const RESET: &str = "\x1b[0m";

/// All diagnostics, an empty line between them. Readable without colour; safe for a terminal.
pub fn render_all(diagnostics: &[Diagnostic], colour: bool) -> String {
    let texts: Vec<String> = diagnostics.iter().map(|d| render(d, colour)).collect();
    texts.join("\n")
}

/// One diagnostic, each line ended.
pub fn render(diagnostic: &Diagnostic, colour: bool) -> String {
    let paint = |code: &'static str| if colour { (code, RESET) } else { ("", "") };
    let (word, code) = match diagnostic.severity {
        Severity::Error => ("error", RED),
        Severity::Warning => ("warning", YELLOW),
    };
    let ((on, off), (bold, plain)) = (paint(code), paint(BOLD));
    let kind = diagnostic.code.map(|c| format!("[{c}]"));
    let mut out = format!(
        "{on}{word}{}{off}{bold}: {}{plain}\n",
        kind.unwrap_or_default(),
        indented(&diagnostic.message)
    );
    if let Some(span) = &diagnostic.span {
        place(&mut out, span, '^', paint(code), paint(BLUE));
    }
    for (span, note) in &diagnostic.notes {
        out.push_str(&format!("note: {}\n", indented(note)));
        place(&mut out, span, '-', paint(BLUE), paint(BLUE));
    }
    for hint in &diagnostic.hints {
        out.push_str(&format!("hint: {}\n", indented(hint)));
    }
    out
}

/// A message of several lines keeps them, indented below the first.
fn indented(text: &str) -> String {
    let text = escape(text.trim_end());
    let lines = text.split('\n').map(|line| match line.len() > LONGEST {
        true => format!("{}…", first_columns(line, LONGEST)),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n    ")
}

type Paint = (&'static str, &'static str);

/// `--> path:line:column` and the line. Decrypted text is not shown, and a file without text has no lines.
fn place(out: &mut String, span: &Span, mark: char, caret: Paint, gutter: Paint) {
    let (line, column) = span.position();
    let path = span.path().display().to_string();
    let path = escape(&path);
    let ((on, off), (mark_on, mark_off)) = (gutter, caret);
    // Writing to a string does not fail.
    let _ = match (span.file.hidden, span.file.text.is_empty()) {
        (true, _) => writeln!(out, " {on}-->{off} {path}:{line}"),
        (false, true) => writeln!(out, " {on}-->{off} {path}"),
        (false, false) => {
            let number = line.to_string();
            let pad = " ".repeat(number.len());
            let (text, blank, marks) = shown(span, line);
            let marks = mark.to_string().repeat(marks);
            writeln!(
                out,
                "{pad}{on}-->{off} {path}:{line}:{column}\n{pad} {on}|{off}"
            )
            .and_then(|()| writeln!(out, "{on}{number} |{off} {text}"))
            .and_then(|()| {
                let blank = " ".repeat(blank);
                writeln!(out, "{pad} {on}|{off} {blank}{mark_on}{marks}{mark_off}")
            })
        }
    };
}

/// The line of a span as it is shown, the columns before the place, and the columns of the place.
fn shown(span: &Span, number: usize) -> (String, usize, usize) {
    let line = span.file.line(number);
    let start = (span.start as usize)
        .saturating_sub(span.file.line_start(number))
        .min(line.len());
    let end = (span.end as usize)
        .saturating_sub(span.file.line_start(number))
        .min(line.len());
    let split = |at: usize| {
        (0..=at)
            .rev()
            .find(|i| line.is_char_boundary(*i))
            .unwrap_or(0)
    };
    let (start, end) = (split(start), split(end.max(start)));
    let (mut before, rest) = (visible(&line[..start]), visible(&line[start..]));
    let marks = width(&visible(line[start..end].trim_end())).max(1);
    if width(&before) + width(&rest) > WIDTH && width(&before) > BEFORE {
        before = format!("…{}", last_columns(&before, BEFORE));
    }
    let room = WIDTH.saturating_sub(width(&before));
    let rest = if width(&rest) > room {
        format!("{}…", first_columns(&rest, room))
    } else {
        rest
    };
    let blank = width(&before);
    let marks = marks.min(width(&rest).max(1));
    (
        format!("{before}{rest}").trim_end().to_owned(),
        blank,
        marks,
    )
}

fn visible(text: &str) -> String {
    escape(text).replace('\t', TAB)
}

fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn first_columns(text: &str, room: usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += columns(*c);
        used <= room
    };
    text.chars().take_while(fits).collect()
}

fn last_columns(text: &str, room: usize) -> String {
    let reversed: String = text.chars().rev().collect();
    first_columns(&reversed, room).chars().rev().collect()
}

/// Columns a character takes: two for East Asian and pictographs, none for combining marks.
fn columns(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x200b..=0x200d | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f => 0,
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 => 2,
        0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 => 2,
        0x1f300..=0x1f64f | 0x1f680..=0x1f6ff | 0x1f900..=0x1f9ff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Code, File};
    use super::*;

    fn span(text: &str, part: &str) -> Span {
        let at = text.find(part).unwrap();
        Span::new(&File::new("site.yml", text), at, at + part.len())
    }

    #[test]
    fn the_place_is_underlined() {
        let text = "- hosts: all\n  tusks: []\n";
        let found = Diagnostic::error(&span(text, "tusks"), "unknown keyword `tusks`")
            .code(Code::UnknownKeyword)
            .note(&span(text, "hosts"), "in this play")
            .hint("did you mean `tasks`?");
        let expected = "\
error[P0104]: unknown keyword `tusks`
 --> site.yml:2:3
  |
2 |   tusks: []
  |   ^^^^^
note: in this play
 --> site.yml:1:3
  |
1 | - hosts: all
  |   -----
hint: did you mean `tasks`?
";
        assert_eq!(render(&found, false), expected);
        let coloured = render(&found, true);
        assert!(coloured.starts_with("\x1b[1;31merror[P0104]\x1b[0m\x1b[1m: "));
    }

    fn lines(span: &Span) -> (String, String) {
        let text = render(&Diagnostic::error(span, "m"), false);
        let mut lines = text.lines().skip(3).map(str::to_owned);
        (lines.next().unwrap(), lines.next().unwrap())
    }

    #[test]
    fn columns_are_those_of_the_terminal() {
        let (source, marks) = lines(&span("\tä: 漢字 x\n", "x"));
        assert_eq!(
            (source.as_str(), marks.as_str()),
            ("1 |     ä: 漢字 x", "  |             ^")
        );
        let (source, marks) = lines(&span("a: \x1b[31m b\n", "b"));
        assert_eq!(
            (source.as_str(), marks.as_str()),
            ("1 | a: \\x1b[31m b", "  |             ^")
        );
    }

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let text = format!("{}HERE{}\n", "a".repeat(5000), "b".repeat(5000));
        let (source, marks) = lines(&span(&text, "HERE"));
        assert!(source.chars().count() < 120 && source.contains("…aaa") && source.ends_with("b…"));
        assert_eq!(marks.find('^'), source.replace('…', ".").find("HERE"));
    }

    #[test]
    fn a_long_message_is_cut_and_a_message_of_lines_is_indented() {
        let text = render(&Diagnostic::bare(format!("a\n{}", "b".repeat(9999))), false);
        assert_eq!(text, format!("error: a\n    {}…\n", "b".repeat(LONGEST)));
    }

    #[test]
    fn a_span_of_many_lines_marks_its_first() {
        let (source, marks) = lines(&span("k: |\n  a\n  b\n", "a\n  b"));
        assert_eq!((source.as_str(), marks.as_str()), ("2 |   a", "  |   ^"));
    }

    #[test]
    fn decrypted_text_is_not_shown() {
        let file = File::secret("vault.yml", "password: hunter2\n");
        let text = render(&Diagnostic::error(&Span::new(&file, 10, 17), "m"), false);
        assert_eq!(text, "error: m\n --> vault.yml:1\n");
    }

    #[test]
    fn what_stands_in_no_file_has_no_line() {
        let text = render(
            &Diagnostic::error(&Span::outside("option `-e`"), "m"),
            false,
        );
        assert_eq!(text, "error: m\n --> option `-e`\n");
        assert_eq!(
            render(&Diagnostic::bare("m").hint("h"), false),
            "error: m\nhint: h\n"
        );
    }
}
