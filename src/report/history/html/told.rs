//! What there is to tell, task by task: on which hosts, and the difference once for all of them.

use std::fmt::Write as _;

use crate::history::{Kind, Sheet, Status};
use crate::inventory::fold::fold;

use super::super::super::page::{self, difference_line};
use super::super::view::{Group, Row};
use super::{class, esc, plural, word};

/// Of one task so many variants are shown, those on most hosts; JSON has them all.
const MOST_GROUPS: usize = 12;

/// Lines of one difference.
const MOST_LINES: usize = 60;

/// What all differences of a page may come to, so that a browser still opens it.
const MOST_TEXT: usize = 4 * 1024 * 1024;

pub(super) fn write(page: &mut String, sheet: &Sheet, rows: &[Row<'_>], number: usize) {
    if rows.is_empty() {
        page.push_str("<h2>Nothing to tell</h2>\n<p>All is as it should be on all hosts that were reached.</p>\n");
        return;
    }
    let _ = writeln!(
        page,
        "<h2>What was found</h2>\n<form class=\"filters\" hidden>\n<input type=\"search\" name=\"text\" \
         aria-label=\"Search\" placeholder=\"Search tasks, hosts, differences …\">\n\
         <output name=\"shown\" aria-live=\"polite\"></output>\n</form>\n<div class=\"part\">"
    );
    let end = page.len() + MOST_TEXT;
    for row in rows {
        task(page, sheet, row, (number, end));
    }
    page.push_str("</div>\n");
}

fn task(page: &mut String, sheet: &Sheet, row: &Row<'_>, (number, end): (usize, usize)) {
    let dry = sheet.run.dry;
    let worst = row.worst();
    let all = sheet.hosts.len();
    let count = row.hosts();
    let _ = write!(
        page,
        "<details class=\"control\" id=\"t{number}-{at}\" data-told>\n<summary><span class=\"sev {class}\">{word}</span>\
         <span class=\"title\">{name} <code>{place}</code></span><span class=\"tally\">{count} of {all} host{s}</span>",
        at = row.at,
        class = class(worst, dry),
        word = word(worst, dry),
        name = esc(&row.task.name),
        place = esc(&row.task.place),
        s = plural(all),
    );
    if all > 1 {
        let differs = class(Status::Changed, dry);
        let left = row.of(Status::Differs) + row.of(Status::Fail);
        let counts = [
            ("error", row.count(Kind::Trouble)),
            ("differs", left),
            (differs, row.count(Kind::Differs) - left),
            ("unknown", row.count(Kind::Unknown)),
            ("waived", row.count(Kind::Quiet)),
            ("pass", all - count),
        ];
        page::bar(page, "mini", &counts);
    }
    let _ = writeln!(
        page,
        "</summary>\n<div class=\"body\">\n<p class=\"task\"><span>{}</span></p>",
        esc(&row.task.address)
    );
    for one in row.groups.iter().take(MOST_GROUPS) {
        group(page, one, dry, end);
    }
    let more = row.groups.get(MOST_GROUPS..).unwrap_or_default();
    if !more.is_empty() {
        let hosts: usize = more.iter().map(|g| g.hosts.len()).sum();
        let _ = writeln!(
            page,
            "<p class=\"small\">{} more variants on {hosts} host{}; JSON has them.</p>",
            more.len(),
            plural(hosts)
        );
    }
    page.push_str("</div>\n</details>\n");
}

fn group(page: &mut String, group: &Group<'_>, dry: bool, end: usize) {
    let count = match group.hosts.len() {
        1 => String::new(),
        n => format!(" <span class=\"small\">{n} hosts</span>"),
    };
    let _ = writeln!(
        page,
        "<div class=\"stand {}\">\n<h4><span class=\"word\">{}</span> {}{count}</h4>",
        class(group.status, dry),
        word(group.status, dry),
        esc(&fold(&group.hosts)),
    );
    if let Some(message) = group.message {
        let _ = writeln!(page, "<p>{}</p>", esc(message));
    }
    if let Some(difference) = group.difference {
        let _ = writeln!(
            page,
            "<p class=\"on\"><code>{}</code></p>",
            esc(&difference.summary)
        );
        if page.len() < end {
            body(page, &difference.body);
        } else if !difference.body.is_empty() {
            page.push_str(
                "<p class=\"small\">JSON has the difference: the page would be too large.</p>\n",
            );
        }
    }
    page.push_str("</div>\n");
}

fn body(page: &mut String, text: &str) {
    if text.is_empty() {
        return;
    }
    page.push_str("<pre>");
    // What it is of stands above it.
    let lines = || {
        text.lines()
            .filter(|l| !l.starts_with("--- ") && !l.starts_with("+++ "))
    };
    for line in lines().take(MOST_LINES) {
        difference_line(page, line);
    }
    let more = lines().count().saturating_sub(MOST_LINES);
    if more > 0 {
        let _ = writeln!(page, "<span>… {more} lines more</span>");
    }
    page.push_str("</pre>\n");
}
