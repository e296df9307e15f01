//! A report as one page for a browser.

mod controls;
mod grid;

use std::fmt::Write as _;

use crate::hardening::result::Score;
use crate::hardening::{Report, Severity, Verdict};
use crate::inventory::fold::fold;

use super::super::page::{self, Head, esc, plural, when};
use super::Point;
use super::view::{profiles, sections};

const STYLE: &str = include_str!("audit.css");
const SCRIPT: &str = include_str!("audit.js");

/// Runs before this one that are drawn: a quarter of daily audits.
const MOST_POINTS: usize = 90;

/// The page. `history` are earlier runs, oldest first.
pub fn render(report: &Report, history: &[Point]) -> String {
    let sections = sections(report);
    let (title, heading) = (title(report), profiles(report));
    let head = head(report, &title, &heading);
    let mut page = head.begin();
    summary(&mut page, report, history);
    troubles(&mut page, report);
    grid::write(&mut page, report, &sections);
    controls::write(&mut page, report, &sections);
    waivers(&mut page, report);
    let footer = format!(
        "Made by {} {} from one report; the same as JSON, CSV, SARIF, JUnit, XCCDF and OSCAL with \
         <code>--report</code>.",
        esc(&report.tool),
        esc(&report.version)
    );
    head.end(&mut page, &footer);
    page
}

fn what(report: &Report) -> &'static str {
    match report.mode.as_str() {
        "audit" => "Audit",
        "harden" => "Hardening",
        _ => "Hardening, checked only",
    }
}

fn title(report: &Report) -> String {
    format!(
        "{} of {} host{} by {}: {}%",
        what(report),
        report.hosts.len(),
        plural(report.hosts.len()),
        profiles(report),
        report.score().percent()
    )
}

fn head<'a>(report: &Report, title: &'a str, heading: &'a str) -> Head<'a> {
    let titles: Vec<_> = report
        .profiles
        .iter()
        .map(|p| format!("{} {}", p.title, p.version).trim().to_owned())
        .collect();
    let hosts = report.hosts.len();
    let sub = format!(
        "{} controls on {hosts} host{} · <time datetime=\"{}\">{}</time> · {:.1} s",
        report.controls.len(),
        plural(hosts),
        esc(&report.started),
        esc(&when(&report.started)),
        report.seconds,
    );
    Head {
        title,
        kind: what(report),
        heading,
        sub: vec![esc(&titles.join(" · ")), sub],
        skip: ("controls", "To the controls"),
        style: STYLE,
        script: SCRIPT,
    }
}

/// A verdict as a class of the page.
fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fixed => "fixed",
        Verdict::Fail => "fail",
        Verdict::Waived => "waived",
        Verdict::Error => "error",
        Verdict::Unknown => "unknown",
        Verdict::Manual => "manual",
        Verdict::NotApplicable => "na",
    }
}

fn counted(score: Score) -> [(Verdict, usize); 8] {
    [
        (Verdict::Pass, score.pass),
        (Verdict::Fixed, score.fixed),
        (Verdict::Fail, score.fail),
        (Verdict::Error, score.error),
        (Verdict::Unknown, score.unknown),
        (Verdict::Waived, score.waived),
        (Verdict::Manual, score.manual),
        (Verdict::NotApplicable, score.not_applicable),
    ]
}

fn summary(page: &mut String, report: &Report, history: &[Point]) {
    let score = report.score();
    page.push_str("<section class=\"cards\" aria-label=\"Summary\">\n<div class=\"card score\">\n");
    let shares = (score.percent(), score.percent_with_waivers());
    page::ring(page, grid::heat(score), shares, "hold");
    let waivers = match score.waived {
        0 => String::new(),
        _ => format!(
            "<p class=\"small\">{}% if waived ones held</p>",
            score.percent_with_waivers()
        ),
    };
    let _ = writeln!(
        page,
        "<div><h2>Score</h2><p>{} of {} judged hold</p>{waivers}</div>\n</div>",
        score.good(),
        score.judged()
    );
    page.push_str("<div class=\"card\">\n<h2>Verdicts</h2>\n");
    bar(page, score, "bar");
    page::legend(page, &counted(score).map(|(v, n)| (class(v), n, v.word())));
    page.push_str("</div>\n");
    severities(page, report);
    trend(page, report, history);
    page.push_str("</section>\n");
}

/// All verdicts side by side, each as long as it is frequent.
fn bar(page: &mut String, score: Score, class_name: &str) {
    let counts = counted(score).map(|(verdict, count)| (class(verdict), count));
    page::bar(page, class_name, &counts);
}

fn severities(page: &mut String, report: &Report) {
    page.push_str(
        "<div class=\"card\">\n<h2>What does not hold</h2>\n<table class=\"severities\">\n",
    );
    page.push_str(
        "<thead><tr><th scope=\"col\">Severity</th><th scope=\"col\">Controls</th>\
         <th scope=\"col\">Hosts</th></tr></thead>\n<tbody>\n",
    );
    for severity in Severity::ALL.into_iter().rev() {
        let mut controls = 0;
        let mut hosts = std::collections::BTreeSet::new();
        for (at, control) in report.controls.iter().enumerate() {
            if control.severity != severity {
                continue;
            }
            let failing = |h: &&crate::hardening::result::HostReport| {
                let finding = h.findings.get(at);
                finding.is_some_and(|f| f.verdict.is_finding() && !h.says_nothing(f))
            };
            let on: Vec<_> = report.hosts.iter().filter(failing).collect();
            controls += usize::from(!on.is_empty());
            hosts.extend(on.into_iter().map(|h| h.host.as_str()));
        }
        let quiet = if controls == 0 {
            " class=\"quiet\""
        } else {
            ""
        };
        let _ = writeln!(
            page,
            "<tr{quiet}><th scope=\"row\"><span class=\"sev {severity}\">{severity}</span></th>\
             <td>{controls}</td><td>{}</td></tr>",
            hosts.len()
        );
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
}

/// The score of earlier runs as a line, this one its end.
fn trend(page: &mut String, report: &Report, history: &[Point]) {
    if history.is_empty() {
        return;
    }
    let skipped = history.len().saturating_sub(MOST_POINTS - 1);
    let now = Point::of(report);
    let points: Vec<&Point> = history.iter().skip(skipped).chain([&now]).collect();
    let x = |at: usize| at * 200 / (points.len() - 1);
    let line: Vec<String> = points
        .iter()
        .enumerate()
        .map(|(at, p)| format!("{},{}", x(at), 100 - p.percent))
        .collect();
    let first = points[0];
    let change = match now.percent.cmp(&first.percent) {
        std::cmp::Ordering::Less => format!("−{}", first.percent - now.percent),
        std::cmp::Ordering::Equal => "±0".to_owned(),
        std::cmp::Ordering::Greater => format!("+{}", now.percent - first.percent),
    };
    let _ = writeln!(
        page,
        "<div class=\"card trend\">\n<h2>Trend</h2>\n\
         <svg viewBox=\"-2 -6 206 112\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"score of {} runs, from {} to {} percent\">\
         <path class=\"axis\" d=\"M0 0H200M0 50H200M0 100H200\"/><polyline points=\"{}\"/>\
         <path class=\"end\" d=\"M200 {}h0\"/></svg>\n\
         <p class=\"small\">{change} points since {} ({} runs)</p>\n</div>",
        points.len(),
        first.percent,
        now.percent,
        line.join(" "),
        100 - now.percent,
        esc(first.started.get(..10).unwrap_or_default()),
        points.len(),
    );
}

/// What was not asked, and what went wrong beside the controls.
fn troubles(page: &mut String, report: &Report) {
    let mut said: std::collections::BTreeMap<String, Vec<&str>> = std::collections::BTreeMap::new();
    for host in &report.hosts {
        let lost = host.lost.iter().map(|t| format!("not reached: {t}"));
        for text in lost.chain(host.trouble.iter().cloned()) {
            said.entry(text).or_default().push(&host.host);
        }
    }
    let expired = report.waivers.iter().filter(|w| w.expired);
    let expired = expired.map(|w| {
        (
            w.control.clone(),
            format!("its waiver expired with {}", w.expires),
        )
    });
    let said = said.into_iter().map(|(text, hosts)| (fold(&hosts), text));
    let all: Vec<(String, String)> = said.chain(expired).collect();
    if all.is_empty() {
        return;
    }
    page.push_str("<section class=\"alerts\" aria-label=\"Trouble\">\n<ul>\n");
    for (who, text) in all {
        let _ = writeln!(page, "<li><b>{}</b> {}</li>", esc(&who), esc(&text));
    }
    page.push_str("</ul>\n</section>\n");
}

fn waivers(page: &mut String, report: &Report) {
    if report.waivers.is_empty() {
        return;
    }
    page.push_str(
        "<section id=\"waivers\">\n<h2>Waivers</h2>\n<div class=\"scroll\"><table class=\"waivers\">\n\
         <thead><tr><th scope=\"col\">Control</th><th scope=\"col\">Hosts</th><th scope=\"col\">Reason</th>\
         <th scope=\"col\">Owner</th><th scope=\"col\">Until</th><th scope=\"col\">Covers</th></tr></thead>\n\
         <tbody>\n",
    );
    for waiver in &report.waivers {
        let (class, word) = match waiver.expired {
            true => (" class=\"expired\"", " <b>expired</b>"),
            false => ("", ""),
        };
        let _ = writeln!(
            page,
            "<tr{class}><th scope=\"row\"><code>{}</code></th><td>{}</td><td>{}</td><td>{}</td>\
             <td>{}{word}</td><td>{}</td></tr>",
            esc(&waiver.control),
            esc(&waiver.hosts),
            esc(&waiver.reason),
            esc(&waiver.owner),
            esc(&waiver.expires),
            waiver.covers,
        );
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
}
