//! What a code means: its page, as plain text for a terminal.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use crate::source::code::{AREAS, Code};
use crate::source::{Diagnostic, suggest};

use super::super::messages;

/// All codes with their titles, by area.
pub(super) fn list() -> String {
    let mut out = String::new();
    for (digits, area) in AREAS {
        let mut codes = Code::ALL
            .iter()
            .filter(|c| c.number()[1..].starts_with(digits))
            .peekable();
        if codes.peek().is_some() {
            let gap = if out.is_empty() { "" } else { "\n" };
            // Writing to a string does not fail.
            let _ = writeln!(out, "{gap}{area}");
        }
        for code in codes {
            let _ = writeln!(out, "  {code}  {}", code.title());
        }
    }
    out
}

/// The pages of some codes, an empty line between them.
pub(super) fn explain(codes: &[String]) -> Result<String, Vec<Diagnostic>> {
    let mut found = Vec::new();
    let mut mistakes = Vec::new();
    for text in codes {
        match Code::named(text) {
            Some(code) => found.push(code),
            None => mistakes.push(unknown(text)),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let bold = messages::coloured(std::io::stdout().is_terminal());
    let pages: Vec<String> = found.iter().map(|c| plain(c.page(), bold)).collect();
    Ok(pages.join("\n"))
}

fn unknown(text: &str) -> Diagnostic {
    let mistake = Diagnostic::bare(format!("there is no code `{text}`"));
    let words = ["var", "task"].into_iter();
    let known = Code::ALL.iter().map(|c| c.number()).chain(words);
    let mistake = match suggest::nearest(text, known) {
        Some(near) => mistake.hint(format!("did you mean `{near}`?")),
        None => mistake,
    };
    mistake.hint("`palisade explain --list` lists all codes")
}

/// Markdown as a terminal shows it: no fences, what they hold indented, links by their words.
fn plain(page: &str, bold: bool) -> String {
    let mut out = String::new();
    let mut fenced = false;
    for line in page.lines() {
        let title = line.trim_start_matches('#').trim_start();
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            let _ = writeln!(out, "{}", format!("    {line}").trim_end());
        } else if line.starts_with('#') && bold {
            let _ = writeln!(out, "\x1b[1m{title}\x1b[0m");
        } else if line.starts_with('#') {
            let _ = writeln!(out, "{title}");
        } else {
            let _ = writeln!(out, "{}", unlinked(line));
        }
    }
    out
}

/// `[words](place)` as its words.
fn unlinked(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, words, after)) = rest.split_once('[').and_then(|(before, link)| {
        let (words, target) = link.split_once("](")?;
        let (_, after) = target.split_once(')')?;
        Some((before, words, after))
    }) {
        out.push_str(before);
        out.push_str(words);
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_plain_text() {
        let page =
            "# P1: a `b`\n\nSee [P2](P2.md), [3].\n\n```yaml wrong\n- [x](y)\n\n```\n\nEnd.\n";
        let text = "P1: a `b`\n\nSee P2, [3].\n\n    - [x](y)\n\n\nEnd.\n";
        assert_eq!(plain(page, false), text);
        assert!(plain(page, true).starts_with("\x1b[1mP1: a `b`\x1b[0m\n"));
    }

    #[test]
    fn an_unknown_code_is_answered_with_the_nearest() {
        let mistakes = explain(&["P9104".into()]).unwrap_err();
        assert!(mistakes[0].hints[0].contains("P0104"), "{mistakes:?}");
        let mistakes = explain(&["vra".into()]).unwrap_err();
        assert!(mistakes[0].hints[0].contains("`var`"), "{mistakes:?}");
    }

    #[test]
    fn the_list_names_every_code_under_its_area() {
        let list = list();
        for code in Code::ALL {
            assert!(
                list.contains(&format!("\n  {code}  {}\n", code.title())),
                "{code}"
            );
        }
        assert!(list.starts_with("the language\n"));
    }
}
