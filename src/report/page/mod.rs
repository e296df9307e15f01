//! What pages for a browser share: nothing is loaded from elsewhere, nothing needs a script.
//!
//! Whatever came from hosts is escaped where it enters a page. Should an escape ever be missed, the
//! page's own policy still allows no script and no style but its own two, which it names by digest.

pub(super) mod plot;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

pub(super) use super::xml::content as esc;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// How a page begins. Texts of `sub` are markup already.
pub(super) struct Head<'a> {
    pub(super) title: &'a str,
    /// Over the heading, in few words.
    pub(super) kind: &'a str,
    pub(super) heading: &'a str,
    pub(super) sub: Vec<String>,
    /// Where somebody without a mouse may jump to: its id, and what it is.
    pub(super) skip: (&'a str, &'a str),
    /// Beside what all pages have.
    pub(super) style: &'a str,
    pub(super) script: &'a str,
}

impl Head<'_> {
    pub(super) fn begin(&self) -> String {
        let policy = format!(
            "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
            digest(&self.style()),
            digest(&self.script())
        );
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n\
             <a class=\"skip\" href=\"#{to}\">{what}</a>\n<header>\n\
             <p class=\"kind\">{kind}</p>\n<h1>{heading}</h1>\n",
            title = esc(self.title),
            style = self.style(),
            to = self.skip.0,
            what = esc(self.skip.1),
            kind = esc(self.kind),
            heading = esc(self.heading),
        );
        for line in &self.sub {
            let _ = writeln!(page, "<p class=\"sub\">{line}</p>");
        }
        page.push_str("</header>\n<main>\n");
        page
    }

    /// `footer` is markup already.
    pub(super) fn end(&self, page: &mut String, footer: &str) {
        let _ = writeln!(
            page,
            "</main>\n<footer>{footer}</footer>\n<script>{}</script>\n</body>\n</html>",
            self.script()
        );
    }

    fn style(&self) -> String {
        format!("{STYLE}{}", self.style)
    }

    fn script(&self) -> String {
        format!("{}{SCRIPT}", self.script)
    }
}

fn digest(text: &str) -> String {
    format!(
        "'sha256-{}'",
        STANDARD.encode(Sha256::digest(text.as_bytes()))
    )
}

/// `2026-11-21 12:00 UTC`, of RFC 3339 in UTC.
pub(super) fn when(time: &str) -> String {
    let short = time.get(..16).unwrap_or(time).replace('T', " ");
    format!("{short} UTC")
}

pub(super) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// The class of a share's colour. The number stands beside it, so that nobody needs to see colours.
pub(super) fn heat(percent: usize) -> &'static str {
    match percent {
        100.. => "h5",
        90..=99 => "h4",
        75..=89 => "h3",
        50..=74 => "h2",
        25..=49 => "h1",
        _ => "h0",
    }
}

/// A share as a ring; a second, larger share may lie below it.
pub(super) fn ring(page: &mut String, class: &str, (percent, with): (usize, usize), says: &str) {
    // A circle of this radius is 100 long.
    let _ = writeln!(
        page,
        "<svg class=\"ring {class}\" viewBox=\"0 0 36 36\" role=\"img\" aria-label=\"{percent} percent {}\">\
         <circle class=\"track\" cx=\"18\" cy=\"18\" r=\"15.9155\"/>\
         <circle class=\"with\" cx=\"18\" cy=\"18\" r=\"15.9155\" stroke-dasharray=\"{with} 100\"/>\
         <circle class=\"value\" cx=\"18\" cy=\"18\" r=\"15.9155\" stroke-dasharray=\"{percent} 100\"/>\
         <text x=\"18\" y=\"18\">{percent}%</text></svg>",
        esc(says)
    );
}

/// Counts side by side, each as long as it is large, by their classes.
pub(super) fn bar(page: &mut String, class: &str, counts: &[(&str, usize)]) {
    let all: usize = counts.iter().map(|(_, n)| n).sum();
    let _ = write!(
        page,
        "<svg class=\"{class}\" viewBox=\"0 0 {} 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
        all.max(1)
    );
    let mut at = 0;
    for (class, count) in counts.iter().filter(|(_, n)| *n > 0) {
        let _ = write!(
            page,
            "<rect class=\"{class}\" x=\"{at}\" width=\"{count}\" height=\"1\"/>"
        );
        at += count;
    }
    page.push_str("</svg>\n");
}

/// What a bar's colours mean, with the numbers.
pub(super) fn legend(page: &mut String, counts: &[(&str, usize, &str)]) {
    page.push_str("<ul class=\"legend\">\n");
    for (class, count, word) in counts.iter().filter(|(_, n, _)| *n > 0) {
        let _ = writeln!(
            page,
            "<li><span class=\"dot {class}\"></span><b>{count}</b> {word}</li>"
        );
    }
    page.push_str("</ul>\n");
}

/// One line of a unified difference.
pub(super) fn difference_line(page: &mut String, line: &str) {
    let (tag, mark) = match line.chars().next() {
        Some('+') => ("ins", "+"),
        Some('-') => ("del", "-"),
        _ => ("span", ""),
    };
    let text = line.strip_prefix(mark).unwrap_or(line);
    let _ = writeln!(page, "<{tag}>{mark}{}</{tag}>", esc(text));
}
