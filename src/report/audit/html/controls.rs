//! Every control, what calls for somebody first: how it stands on which hosts, and by what evidence.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::hardening::result::{ControlInfo, Evidence, Score};
use crate::hardening::{Report, Severity, Verdict};
use crate::inventory::fold::fold;

use super::super::view::{Group, Section, diff, groups, rank, waived, waiver};
use super::page::difference_line;
use super::{bar, class, esc, plural};

/// Of what was observed on the hosts of a group so many variants are shown; JSON has them all.
const MOST_VARIANTS: usize = 3;

/// How a heading names what stands below it.
const HEADINGS: [(Verdict, &str); 8] = [
    (Verdict::Fail, "Does not hold"),
    (Verdict::Error, "Could not be judged"),
    (Verdict::Unknown, "Not known"),
    (Verdict::Waived, "Waived"),
    (Verdict::Manual, "A person must look"),
    (Verdict::Fixed, "Fixed"),
    (Verdict::Pass, "Holds"),
    (Verdict::NotApplicable, "Not applicable"),
];

struct Row<'a> {
    at: usize,
    control: &'a ControlInfo,
    groups: Vec<Group<'a>>,
    section: Option<usize>,
}

impl Row<'_> {
    /// The worst there is on hosts that answered; of the others nothing is known, which is said once.
    fn worst(&self) -> Option<Verdict> {
        let answered = |g: &&Group<'_>| !is_lost(g);
        let group = self.groups.iter().find(answered);
        group.or(self.groups.first()).map(|g| g.finding.verdict)
    }
}

/// Whether it is open on paper.
fn calls(verdict: Verdict) -> bool {
    verdict.is_finding() || matches!(verdict, Verdict::Waived | Verdict::Fixed)
}

fn is_lost(group: &Group<'_>) -> bool {
    group.finding.evidence.is_empty() && group.hosts.iter().all(|h| h.lost.is_some())
}

pub(super) fn write(page: &mut String, report: &Report, sections: &[Section]) {
    let row = |(at, control)| Row {
        at,
        control,
        groups: groups(report, at),
        section: sections.iter().position(|s| s.controls.contains(&at)),
    };
    let mut rows: Vec<Row<'_>> = report.controls.iter().enumerate().map(row).collect();
    rows.sort_by_key(|r| {
        let worst = r.worst();
        let severity = worst.filter(|v| v.is_finding()).map(|_| r.control.severity);
        (
            worst.map_or(u8::MAX, rank),
            std::cmp::Reverse(severity),
            r.at,
        )
    });
    page.push_str("<section id=\"controls\">\n<h2>Controls</h2>\n");
    filters(page, report, sections);
    for (verdict, heading) in HEADINGS {
        let some: Vec<&Row<'_>> = rows.iter().filter(|r| r.worst() == Some(verdict)).collect();
        if some.is_empty() {
            continue;
        }
        let _ = writeln!(
            page,
            "<div class=\"part {0}\">\n<h3><span class=\"dot {0}\"></span>{heading} <span class=\"count\">{1}</span></h3>",
            class(verdict),
            some.len()
        );
        for row in some {
            control(page, report, row);
        }
        page.push_str("</div>\n");
    }
    page.push_str("</section>\n");
}

/// Shown by the script, which is what makes them work.
fn filters(page: &mut String, report: &Report, sections: &[Section]) {
    page.push_str(
        "<form class=\"filters\" hidden>\n<input type=\"search\" name=\"text\" aria-label=\"Search in controls\" \
         placeholder=\"Search titles, ids, evidence …\">\n\
         <select name=\"host\" aria-label=\"Host\"><option value=\"\">All hosts</option>",
    );
    for (at, host) in report.hosts.iter().enumerate() {
        let _ = write!(page, "<option value=\"{at}\">{}</option>", esc(&host.host));
    }
    page.push_str("</select>\n<select name=\"section\" aria-label=\"Section\"><option value=\"\">All sections</option>");
    for (at, section) in sections.iter().enumerate() {
        let _ = write!(
            page,
            "<option value=\"{at}\">{}</option>",
            esc(&section.label())
        );
    }
    page.push_str("</select>\n<fieldset><legend>Severity</legend>");
    for severity in Severity::ALL.into_iter().rev() {
        let _ = write!(
            page,
            "<label><input type=\"checkbox\" name=\"severity\" value=\"{severity}\" checked>{severity}</label>"
        );
    }
    page.push_str("</fieldset>\n<fieldset><legend>Verdict</legend>");
    let score = report.score();
    for (verdict, _) in super::counted(score).into_iter().filter(|(_, n)| *n > 0) {
        let _ = write!(
            page,
            "<label><input type=\"checkbox\" name=\"verdict\" value=\"{}\" checked>{}</label>",
            letter(verdict),
            verdict.word()
        );
    }
    page.push_str(
        "</fieldset>\n<button type=\"reset\">Reset</button>\n\
         <output name=\"shown\" aria-live=\"polite\"></output>\n</form>\n",
    );
}

/// A verdict in one character, one for each host, for the script to filter by.
fn letter(verdict: Verdict) -> char {
    match verdict {
        Verdict::Pass => 'p',
        Verdict::Fixed => 'x',
        Verdict::Fail => 'f',
        Verdict::Waived => 'w',
        Verdict::Error => 'e',
        Verdict::Unknown => 'u',
        Verdict::Manual => 'm',
        Verdict::NotApplicable => 'n',
    }
}

fn control(page: &mut String, report: &Report, row: &Row<'_>) {
    let info = row.control;
    let findings = || report.hosts.iter().filter_map(|h| h.findings.get(row.at));
    let letters: String = findings().map(|f| letter(f.verdict)).collect();
    let mut score = Score::default();
    findings().for_each(|f| score.add(f.verdict));
    let section = row.section.map(|s| s.to_string()).unwrap_or_default();
    let number = match info.label() == info.id {
        true => String::new(),
        false => format!("<span class=\"number\">{}</span> ", esc(info.label())),
    };
    let tally = match (row.worst(), report.hosts.len()) {
        (_, 1) | (None, _) => String::new(),
        (Some(worst), all) => {
            let same = findings().filter(|f| f.verdict == worst).count();
            format!("{same} of {all} hosts")
        }
    };
    let _ = write!(
        page,
        "<details class=\"control\" id=\"c-{id}\" data-severity=\"{severity}\" data-section=\"{section}\" \
         data-verdicts=\"{letters}\"{told}>\n<summary><span class=\"sev {severity}\">{severity}</span>\
         <span class=\"title\">{number}{title} <code>{id}</code></span>\
         <span class=\"tally\">{tally}</span>",
        id = esc(&info.id),
        told = match row.worst().is_some_and(calls) {
            true => " data-told",
            false => "",
        },
        severity = info.severity,
        title = esc(&info.title),
    );
    if report.hosts.len() > 1 {
        bar(page, score, "mini");
    }
    let _ = writeln!(
        page,
        "</summary>\n<div class=\"body\">\n<p>{}</p>",
        esc(&info.rationale)
    );
    for (head, text) in [
        ("May stop working", &info.impact),
        ("To look at", &info.manual),
        ("To do", &info.fix),
    ] {
        if let Some(text) = text {
            let _ = writeln!(page, "<p><b>{head}:</b> {}</p>", esc(text));
        }
    }
    for group in &row.groups {
        stand(page, report, group);
    }
    references(page, info);
    page.push_str("</div>\n</details>\n");
}

fn references(page: &mut String, info: &ControlInfo) {
    let numbers = info.numbers.iter();
    let mut said: Vec<String> = numbers
        .map(|n| format!("<b>{}</b> {}", esc(&n.profile), esc(&n.number)))
        .collect();
    let named = |(standard, ids): (&String, &Vec<String>)| {
        format!("<b>{}</b> {}", esc(standard), esc(&ids.join(", ")))
    };
    said.extend(info.references.iter().map(named));
    if !said.is_empty() {
        let _ = writeln!(page, "<p class=\"refs\">{}</p>", said.join(" · "));
    }
}

/// How it stands on hosts that are alike.
fn stand(page: &mut String, report: &Report, group: &Group<'_>) {
    let finding = group.finding;
    let hosts: Vec<String> = group.places.iter().map(ToString::to_string).collect();
    let count = match group.hosts.len() {
        1 => String::new(),
        n => format!(" <span class=\"small\">{n} host{}</span>", plural(n)),
    };
    let _ = writeln!(
        page,
        "<div class=\"stand {}\" data-hosts=\"{}\">\n<h4><span class=\"word\">{}</span> {}{count}</h4>",
        class(finding.verdict),
        hosts.join(" "),
        finding.verdict.word(),
        esc(&fold(&group.names())),
    );
    if let Some(why) = &finding.why {
        let _ = writeln!(page, "<p>{}</p>", esc(why));
    }
    if let Some(waiver) = waiver(report, finding) {
        let _ = writeln!(page, "<p class=\"small\">{}</p>", esc(&waived(waiver)));
    }
    for evidence in &finding.evidence {
        differences(page, finding.why.as_deref(), evidence);
    }
    observed(page, group);
    page.push_str("</div>\n");
}

fn differences(page: &mut String, why: Option<&str>, evidence: &Evidence) {
    let message = evidence.message.as_deref().filter(|m| Some(*m) != why);
    if message.is_none() && evidence.differences.is_empty() {
        return;
    }
    let _ = writeln!(
        page,
        "<p class=\"task\">{} <span>{}</span></p>",
        esc(&evidence.task),
        esc(&evidence.at)
    );
    if let Some(message) = message {
        let _ = writeln!(page, "<p>{}</p>", esc(message));
    }
    for difference in &evidence.differences {
        let _ = write!(
            page,
            "<p class=\"on\"><code>{}</code> {}</p>\n<pre>",
            esc(&difference.on),
            esc(&difference.summary)
        );
        for line in diff(&difference.before, &difference.after) {
            difference_line(page, &line);
        }
        page.push_str("</pre>\n");
    }
}

/// What was seen there, one host for each variant.
fn observed(page: &mut String, group: &Group<'_>) {
    let mut seen = BTreeSet::new();
    let mut left = 0;
    for host in &group.hosts {
        let mine = host.findings.get(group.control);
        let all: Vec<_> = mine
            .iter()
            .flat_map(|f| &f.evidence)
            .filter(|e| !e.observed.is_null())
            .map(|e| (e.task.as_str(), &e.observed))
            .collect();
        let text = serde_json::to_string(&all).unwrap_or_default();
        if all.is_empty() || !seen.insert(text) {
            continue;
        }
        let most = match group.finding.verdict {
            Verdict::Pass => 1,
            _ => MOST_VARIANTS,
        };
        if seen.len() > most {
            left += 1;
            continue;
        }
        let _ = write!(
            page,
            "<details class=\"observed\"><summary>Observed on {}</summary>\n<pre>",
            esc(&host.host)
        );
        for (task, value) in all {
            let text = match value.as_str() {
                Some(text) => text.to_owned(),
                None => serde_json::to_string_pretty(value).unwrap_or_default(),
            };
            let _ = writeln!(page, "<b>{}</b>\n{}", esc(task), esc(&text));
        }
        page.push_str("</pre></details>\n");
    }
    if left > 0 {
        let _ = writeln!(
            page,
            "<p class=\"small\">{left} more observed otherwise; the JSON has all.</p>"
        );
    }
}
