//! Every host by every task, at a glance. Hosts that went alike are one row, tasks of which there is
//! nothing to tell one column.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::history::{Kind, Sheet, Stand, Status};
use crate::inventory::fold::fold;

use super::super::view::Row;
use super::{class, esc, plural, word};

/// Rows that people still look at; whoever wants more reads them by a program.
const MOST_ROWS: usize = 200;

/// Columns, for the same reason.
const MOST_COLUMNS: usize = 150;

/// With so few tasks, each has its column.
const FEW: usize = 24;

/// Hosts whose cells are the same.
struct Hosts<'a> {
    first: &'a Stand,
    names: Vec<&'a str>,
}

pub(super) fn write(page: &mut String, sheet: &Sheet, rows: &[Row<'_>], number: usize) {
    if sheet.tasks.is_empty() || sheet.hosts.is_empty() {
        return;
    }
    let mut columns: Vec<usize> = rows.iter().take(MOST_COLUMNS).map(|r| r.at).collect();
    if sheet.tasks.len() <= FEW {
        columns = (0..sheet.tasks.len()).collect();
    }
    columns.sort_unstable();
    let left = sheet.tasks.len() - columns.len();
    page.push_str(
        "<section class=\"matrix\">\n<h2>Hosts and tasks</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"Hosts and tasks\"><table class=\"grid\">\n<thead><tr><th scope=\"col\">Host</th>",
    );
    for at in &columns {
        let task = &sheet.tasks[*at];
        let name = match rows.iter().any(|r| r.at == *at) {
            true => format!("<a href=\"#t{number}-{at}\">{}</a>", esc(&task.name)),
            false => esc(&task.name),
        };
        let _ = write!(
            page,
            "<th scope=\"col\" class=\"up\" title=\"{}\"><span>{name}</span></th>",
            esc(&task.address)
        );
    }
    if left > 0 {
        let _ = write!(
            page,
            "<th scope=\"col\" class=\"up\"><span>{left} more task{}</span></th>",
            plural(left)
        );
    }
    page.push_str("<th class=\"rest\"></th></tr></thead>\n<tbody>\n");
    let mut all = together(sheet, &columns);
    let more = all.split_off(all.len().min(MOST_ROWS));
    for hosts in &all {
        row(page, sheet, hosts, &columns, number);
    }
    if !more.is_empty() {
        let names: usize = more.iter().map(|h| h.names.len()).sum();
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{names} more host{}</th><td class=\"wide\" colspan=\"{}\">in {} more rows, none \
             worse than these; JSON and CSV have them</td></tr>",
            plural(names),
            columns.len() + usize::from(left > 0) + 1,
            more.len()
        );
    }
    page.push_str("</tbody>\n</table></div>\n<p class=\"small key\">");
    let mut seen: Vec<Status> = sheet
        .hosts
        .iter()
        .flat_map(|h| h.cells.iter().flatten())
        .copied()
        .collect();
    seen.sort_unstable();
    seen.dedup();
    for status in seen {
        let _ = write!(
            page,
            "<span><i class=\"cell {}\">{}</i> {}</span> ",
            class(status, sheet.run.dry),
            sign(status),
            word(status, sheet.run.dry)
        );
    }
    page.push_str("</p>\n</section>\n");
}

/// Hosts whose columns and state are the same, the worst first.
fn together<'a>(sheet: &'a Sheet, columns: &[usize]) -> Vec<Hosts<'a>> {
    let mut all: BTreeMap<(Status, Vec<Option<Status>>), Hosts<'a>> = BTreeMap::new();
    for host in &sheet.hosts {
        let cells = columns
            .iter()
            .map(|at| host.cells.get(*at).copied().flatten());
        let hosts = all
            .entry((host.state, cells.collect()))
            .or_insert_with(|| Hosts {
                first: host,
                names: Vec::new(),
            });
        hosts.names.push(&host.host);
    }
    let mut all: Vec<Hosts<'_>> = all.into_values().collect();
    all.sort_by_key(|h| {
        let told = h.first.found.len();
        (std::cmp::Reverse((h.first.state, told)), h.names[0])
    });
    all
}

fn row(page: &mut String, sheet: &Sheet, hosts: &Hosts<'_>, columns: &[usize], number: usize) {
    let names = esc(&fold(&hosts.names));
    let count = match hosts.names.len() {
        1 => String::new(),
        n => format!(" <span class=\"count\">{n}</span>"),
    };
    let state = hosts.first.state;
    let dry = sheet.run.dry;
    let left = sheet.tasks.len() - columns.len();
    let nothing = hosts.first.cells.iter().all(Option::is_none);
    let lost = match nothing && state == Status::Unreachable {
        true => " class=\"lost\"",
        false => "",
    };
    let _ = write!(
        page,
        "<tr{lost}><th scope=\"row\" title=\"{names}\"><span class=\"dot {}\"></span><span class=\"who\">{names}</span>{count}</th>",
        class(state, dry)
    );
    if !lost.is_empty() {
        let columns = columns.len() + usize::from(left > 0);
        let _ = writeln!(
            page,
            "<td colspan=\"{columns}\">not reached</td><td class=\"rest\"></td></tr>"
        );
        return;
    }
    for at in columns {
        match hosts.first.cells.get(*at).copied().flatten() {
            None => page.push_str("<td class=\"cell none\"></td>"),
            Some(status) => cell(page, sheet, hosts, (*at, status), number),
        }
    }
    if left > 0 {
        let rest = hosts.first.cells.iter().enumerate();
        let rest = rest.filter(|(at, _)| columns.binary_search(at).is_err());
        let (mut good, mut ran) = (0, 0);
        for status in rest.filter_map(|(_, c)| *c) {
            ran += 1;
            good += usize::from(status.kind() == Kind::Good);
        }
        let title = format!(
            "{good} ok, {} skipped, {} not come to",
            ran - good,
            left - ran
        );
        let class = if ran == 0 { "none" } else { "pass" };
        let _ = write!(
            page,
            "<td class=\"cell {class}\" title=\"{title}\">{good}</td>"
        );
    }
    page.push_str("<td class=\"rest\"></td></tr>\n");
}

fn cell(
    page: &mut String,
    sheet: &Sheet,
    hosts: &Hosts<'_>,
    (at, status): (usize, Status),
    number: usize,
) {
    let dry = sheet.run.dry;
    let found = hosts.first.found.iter().find(|f| f.task == at);
    let what = found.and_then(|f| f.difference.as_ref());
    let what = what
        .and_then(|d| sheet.differences.get(d))
        .map(|d| d.summary.as_str());
    let what = what
        .or(found.and_then(|f| f.message.as_deref()))
        .unwrap_or_default();
    let first = what.lines().next().unwrap_or_default();
    let title = format!("{}: {} {first}", sheet.tasks[at].name, word(status, dry));
    let sign = sign(status);
    let inner = match found {
        Some(_) => format!(
            "<a href=\"#t{number}-{at}\" aria-label=\"{}\">{sign}</a>",
            esc(title.trim())
        ),
        None => sign.to_owned(),
    };
    let _ = write!(
        page,
        "<td class=\"cell {}\" title=\"{}\">{inner}</td>",
        class(status, dry),
        esc(title.trim())
    );
}

/// A sign for whoever does not see colours.
fn sign(status: Status) -> &'static str {
    match status {
        Status::Ok | Status::Pass => "·",
        Status::Skipped | Status::NotApplicable => "–",
        Status::Manual => "☞",
        Status::Waived | Status::Ignored => "~",
        Status::Unknown => "?",
        Status::Fixed => "✓",
        Status::Changed | Status::Differs | Status::Fail => "≠",
        Status::Error | Status::Failed => "✕",
        Status::Unreachable => "⊘",
    }
}
