//! A report as a unified difference, which patch, delta and editors read.
//!
//! What is no file's content stands in lines that begin with `#`, which they pass over.

use crate::source::escape::escape;

use super::super::text::unified;
use super::human::{ends, what};
use super::model::{Entry, Kind, Report};
use super::{Look, is_content};

pub fn render(report: &Report, look: Look) -> String {
    let mut text = String::new();
    for entry in &report.entries {
        match look.verbosity > 0 && entry.varies() {
            // As it is on each host.
            true => {
                for variant in &entry.variants {
                    one(&mut text, report, &entry.of(variant));
                }
            }
            false => one(&mut text, report, entry),
        }
    }
    text
}

fn one(text: &mut String, report: &Report, entry: &Entry) {
    let mut note = |line: &str| text.push_str(format!("# {}", escape(line)).trim_end_matches(' '));
    let at = report
        .task(entry)
        .map_or(String::new(), |t| format!(" ({})", t.at));
    let mut head = format!(
        "{} {}: {}{at}",
        entry.kind.word(),
        report.range(&entry.hosts),
        report.title(entry),
    );
    let patch = entry.kind == Kind::Differs && is_content(entry);
    if entry.varies() {
        head.push_str(" (‹…› is each host's own value; -v shows them)");
    }
    note(&head.replace('\n', " "));
    text.push('\n');
    match patch {
        true => hunks(text, entry),
        false => comment(text, entry),
    }
}

fn hunks(text: &mut String, entry: &Entry) {
    let name = entry.on.trim_start_matches('/');
    let header = |side: &str, there: bool| match there {
        true => format!("{side}/{name}"),
        false => "/dev/null".to_owned(),
    };
    let from = header("a", !entry.summary.starts_with("new file"));
    let to = header("b", !entry.summary.starts_with("removed file"));
    let whole = unified(
        &ends(entry),
        &from.replace('\n', " "),
        &to.replace('\n', " "),
    );
    let shown = escape(&whole);
    if shown != whole {
        text.push_str("# control characters are written out: this one is for reading\n");
    }
    text.push_str(&shown);
    if !shown.is_empty() && !shown.ends_with('\n') {
        text.push('\n');
    }
}

fn comment(text: &mut String, entry: &Entry) {
    let line = what(entry);
    let lines = match line.is_empty() {
        true => escape(&entry.summary).into_owned(),
        false => line,
    };
    for line in lines.lines() {
        text.push_str(format!("#   {line}").trim_end());
        text.push('\n');
    }
}
