//! A report as metrics, for the textfile collector of Prometheus' node exporter.
//!
//! Only what does not hold has a series of its own: series cost memory for as long as they are kept.

use std::fmt::Write as _;

use crate::hardening::Report;
use crate::source::escape::escape;

use super::view::{cut, profiles, sections};

/// Labels are keys of a data base, not texts.
const MOST_IN_LABEL: usize = 256;

pub fn render(report: &Report) -> String {
    let mut text = String::new();
    let profile = profiles(report);
    head(
        &mut text,
        "palisade_audit_info",
        "What was audited, and by which version.",
    );
    let labels = [
        ("version", report.version.as_str()),
        ("mode", &report.mode),
        ("profile", &profile),
    ];
    line(&mut text, "palisade_audit_info", &labels, 1.0);
    let name = "palisade_audit_timestamp_seconds";
    head(&mut text, name, "When the audit began.");
    line(&mut text, name, &[], seconds(&report.started));
    let name = "palisade_audit_duration_seconds";
    head(&mut text, name, "How long it took.");
    line(&mut text, name, &[], report.seconds);
    hosts(&mut text, report);
    findings(&mut text, report);
    waivers(&mut text, report);
    text
}

fn hosts(text: &mut String, report: &Report) {
    let name = "palisade_audit_host_reached";
    head(text, name, "Whether the host answered.");
    for host in &report.hosts {
        let reached = f64::from(u8::from(host.lost.is_none()));
        line(text, name, &[("host", &host.host)], reached);
    }
    let name = "palisade_audit_score_ratio";
    head(
        text,
        name,
        "The part of the judged controls that holds; waived ones do not.",
    );
    for host in &report.hosts {
        let ratio = ratio(host.score.good(), host.score.judged());
        line(text, name, &[("host", &host.host)], ratio);
    }
    let name = "palisade_audit_section_score_ratio";
    head(text, name, "The same by section.");
    for section in sections(report) {
        let label = section.label();
        for host in &report.hosts {
            let score = section.score(host);
            if score.judged() > 0 {
                let labels = [("host", host.host.as_str()), ("section", &label)];
                line(text, name, &labels, ratio(score.good(), score.judged()));
            }
        }
    }
    let name = "palisade_audit_controls";
    head(text, name, "Controls by verdict.");
    for host in &report.hosts {
        let score = host.score;
        let all = [
            ("pass", score.pass),
            ("fixed", score.fixed),
            ("fail", score.fail),
            ("waived", score.waived),
            ("error", score.error),
            ("unknown", score.unknown),
            ("manual", score.manual),
            ("not_applicable", score.not_applicable),
        ];
        for (verdict, count) in all {
            let labels = [("host", host.host.as_str()), ("verdict", verdict)];
            line(text, name, &labels, count as f64);
        }
    }
}

fn findings(text: &mut String, report: &Report) {
    let name = "palisade_audit_finding";
    head(
        text,
        name,
        "1 for each control that does not hold, or of which nobody knows.",
    );
    for host in &report.hosts {
        for (control, finding) in report.controls.iter().zip(&host.findings) {
            // Of a lost host nothing is known; that is said once.
            if !finding.verdict.is_finding() || host.says_nothing(finding) {
                continue;
            }
            let labels = [
                ("host", host.host.as_str()),
                ("control", &control.id),
                ("number", control.label()),
                ("severity", control.severity.word()),
                ("verdict", finding.verdict.word()),
            ];
            line(text, name, &labels, 1.0);
        }
    }
}

fn waivers(text: &mut String, report: &Report) {
    if report.waivers.is_empty() {
        return;
    }
    let name = "palisade_audit_waiver_end_timestamp_seconds";
    head(text, name, "When a waiver ends.");
    for waiver in &report.waivers {
        let labels = [
            ("control", waiver.control.as_str()),
            ("hosts", &waiver.hosts),
            ("owner", &waiver.owner),
        ];
        line(text, name, &labels, seconds(&waiver.ends));
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    match whole {
        0 => 1.0,
        _ => part as f64 / whole as f64,
    }
}

pub(in crate::report) fn seconds(moment: &str) -> f64 {
    let moment = moment.parse::<jiff::Timestamp>();
    moment.map_or(0.0, |m| m.as_millisecond() as f64 / 1000.0)
}

pub(in crate::report) fn head(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

pub(in crate::report) fn line(text: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    let label = |(name, value): &(&str, &str)| format!("{name}=\"{}\"", quoted(value));
    let labels: Vec<_> = labels.iter().map(label).collect();
    let labels = match labels.is_empty() {
        true => String::new(),
        false => format!("{{{}}}", labels.join(",")),
    };
    let _ = writeln!(text, "{name}{labels} {value}");
}

fn quoted(text: &str) -> String {
    let text = escape(&cut(text, MOST_IN_LABEL)).into_owned();
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
