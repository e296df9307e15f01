//! A report as a table: one row for each control on each host.

use crate::hardening::Report;
use crate::source::escape::escape;

use super::view::{cut, lines, waiver};

/// Of what was observed so much is put in a cell; spreadsheets refuse cells over 32,767 characters.
const MOST_IN_CELL: usize = 8 * 1024;

const HEAD: [&str; 14] = [
    "host",
    "profile",
    "number",
    "control",
    "title",
    "severity",
    "verdict",
    "why",
    "evidence",
    "observed",
    "waiver_reason",
    "waiver_owner",
    "waiver_expires",
    "waiver_expired",
];

/// The table, as RFC 4180 has it.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    row(&mut text, &HEAD.map(str::to_owned));
    for host in &report.hosts {
        for (control, finding) in report.controls.iter().zip(&host.findings) {
            let number = control.numbers.first();
            let waiver = waiver(report, finding);
            let observed: Vec<_> = finding.evidence.iter().map(|e| &e.observed).collect();
            let observed: Vec<String> = observed
                .iter()
                .filter(|o| !o.is_null())
                .map(ToString::to_string)
                .collect();
            let said = |pick: fn(&crate::hardening::result::WaiverInfo) -> String| {
                waiver.map(pick).unwrap_or_default()
            };
            let cells = [
                host.host.clone(),
                number.map(|n| n.profile.clone()).unwrap_or_default(),
                number.map(|n| n.number.clone()).unwrap_or_default(),
                control.id.clone(),
                control.title.clone(),
                control.severity.to_string(),
                finding.verdict.word().to_owned(),
                finding.why.clone().unwrap_or_default(),
                lines(finding).join("\n"),
                observed.join("\n"),
                said(|w| w.reason.clone()),
                said(|w| w.owner.clone()),
                said(|w| w.expires.clone()),
                said(|w| w.expired.to_string()),
            ];
            row(&mut text, &cells);
        }
    }
    text
}

/// A row of any table of ours.
pub(in crate::report) fn row(text: &mut String, cells: &[String]) {
    let cells: Vec<_> = cells.iter().map(|c| cell(c)).collect();
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// One cell. A spreadsheet computes what begins like a formula, so such a text gets an apostrophe.
fn cell(text: &str) -> String {
    let text = escape(&cut(text, MOST_IN_CELL)).into_owned();
    let computes = text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '%'])
        || text.starts_with(['\t', '\n']);
    let text = match computes {
        true => format!("'{text}"),
        false => text,
    };
    match text.contains(['"', ',', '\n', '\'', ';', '\t']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_cell_computes_or_ends_early() {
        assert_eq!(cell("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
        assert_eq!(cell(" \t+1"), "\"' \t+1\"");
        assert_eq!(cell("a\",\"b\r\n"), "\"a\"\",\"\"b\\x0d\n\"");
        assert_eq!(cell("5.1.4"), "5.1.4");
    }
}
