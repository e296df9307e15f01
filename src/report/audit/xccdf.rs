//! A report as XCCDF 1.2: a benchmark of the audited controls with one result for each host, which
//! `oscap` and what is built on it read.
//!
//! A waived finding is informational and its message says that it does not hold: XCCDF counts anything
//! better as compliance. Its `override` would say it better, but `oscap` then asks for one at every
//! result.

use std::collections::BTreeSet;

use crate::hardening::result::{ControlInfo, Finding, HostReport};
use crate::hardening::{Report, Severity, Verdict};

use super::super::xml::Xml;
use super::view::{Section, cut, ended, lines, named, profiles, sections, waived, waiver};

/// The name space of the checklist language, and of our own words in it.
const XCCDF: &str = "http://checklists.nist.gov/xccdf/1.2";
const OURS: &str = "urn:palisade:audit";

/// Bytes of one message.
const MOST_IN_MESSAGE: usize = 16 * 1024;

const BENCHMARK: &str = "xccdf_palisade_benchmark_audit";
const PROFILE: &str = "xccdf_palisade_profile_audited";

pub fn render(report: &Report) -> String {
    let mut xml = Xml::new();
    xml.open(
        "Benchmark",
        &[
            ("xmlns", XCCDF),
            ("id", BENCHMARK),
            ("xml:lang", "en"),
            ("resolved", "true"),
        ],
    );
    let day = report.started.get(..10).unwrap_or("1970-01-01");
    xml.leaf("status", &[("date", day)], "accepted");
    let title = format!("{} of {}", report.mode, profiles(report));
    xml.leaf("title", &[], &title);
    xml.leaf("description", &[], &description(report));
    xml.leaf("version", &[("update", "urn:palisade")], &report.version);
    xml.open(
        "metadata",
        &[("xmlns:dc", "http://purl.org/dc/elements/1.1/")],
    );
    xml.leaf("dc:creator", &[], &report.tool);
    xml.leaf("dc:date", &[], day);
    xml.close();
    xml.open("Profile", &[("id", PROFILE)]);
    xml.leaf("title", &[], &profiles(report));
    for control in &report.controls {
        let id = rule_id(control);
        xml.leaf("select", &[("idref", &id), ("selected", "true")], "");
    }
    xml.close();
    for section in &sections(report) {
        group(&mut xml, report, section);
    }
    let mut taken = BTreeSet::new();
    for host in &report.hosts {
        result(&mut xml, report, host, &test_id(host, &mut taken));
    }
    xml.end()
}

fn description(report: &Report) -> String {
    let mut said: Vec<String> = report
        .profiles
        .iter()
        .map(|p| format!("{} {} {}", p.title, p.version, p.level))
        .collect();
    for w in &report.waivers {
        said.push(format!("{} on {} {}", w.control, w.hosts, waived(w)));
    }
    said.join("\n")
}

fn group(xml: &mut Xml, report: &Report, section: &Section) {
    let id = format!("xccdf_palisade_group_{}", word(&section.number));
    xml.open("Group", &[("id", &id)]);
    xml.leaf("title", &[], &section.label());
    for control in section
        .controls
        .iter()
        .filter_map(|at| report.controls.get(*at))
    {
        rule(xml, control);
    }
    xml.close();
}

fn rule(xml: &mut Xml, control: &ControlInfo) {
    let id = rule_id(control);
    let severity = severity(control.severity);
    xml.open(
        "Rule",
        &[("id", &id), ("severity", severity), ("selected", "true")],
    );
    xml.leaf("title", &[], &control.title);
    if let Some(manual) = &control.manual {
        xml.leaf("description", &[], manual);
    }
    if let Some(impact) = &control.impact {
        xml.leaf("warning", &[("category", "functionality")], impact);
    }
    for (standard, ids) in &control.references {
        for id in ids {
            let href = format!("urn:palisade:reference:{}", word(standard));
            xml.leaf("reference", &[("href", &href)], id);
        }
    }
    xml.leaf("rationale", &[], &control.rationale);
    for number in &control.numbers {
        let system = format!("urn:palisade:profile:{}", word(&number.profile));
        xml.leaf("ident", &[("system", &system)], &number.number);
    }
    if let Some(fix) = &control.fix {
        xml.leaf("fixtext", &[], fix);
    }
    xml.open("check", &[("system", OURS)]);
    xml.leaf("check-content-ref", &[("href", &control.id)], "");
    xml.close();
    xml.close();
}

fn result(xml: &mut Xml, report: &Report, host: &HostReport, id: &str) {
    let end = format!("{:.0}", ended(report));
    xml.open(
        "TestResult",
        &[
            ("id", id),
            ("start-time", &seconds(&report.started)),
            ("end-time", &end),
            ("test-system", "cpe:/a:palisade:palisade"),
            ("version", &report.version),
        ],
    );
    xml.leaf("benchmark", &[("href", "#"), ("id", BENCHMARK)], "");
    xml.leaf(
        "title",
        &[],
        &format!("{} by {}", host.host, profiles(report)),
    );
    for said in host.lost.iter().chain(&host.trouble) {
        xml.leaf("remark", &[], said);
    }
    xml.leaf("profile", &[("idref", PROFILE)], "");
    xml.leaf("target", &[], &host.host);
    for (control, finding) in report.controls.iter().zip(&host.findings) {
        rule_result(xml, report, (control, finding), &end);
    }
    let percent = host.score.percent().to_string();
    xml.leaf(
        "score",
        &[
            ("system", "urn:palisade:scoring:percent"),
            ("maximum", "100"),
        ],
        &percent,
    );
    xml.close();
}

fn rule_result(
    xml: &mut Xml,
    report: &Report,
    (control, finding): (&ControlInfo, &Finding),
    end: &str,
) {
    let id = rule_id(control);
    let severity = severity(control.severity);
    xml.open(
        "rule-result",
        &[
            ("idref", &id),
            ("severity", severity),
            ("time", end),
            ("weight", "1.0"),
        ],
    );
    xml.leaf("result", &[], verdict(finding.verdict));
    let waiver = waiver(report, finding).map(|w| format!("does not hold; {}", waived(w)));
    let mut said: Vec<String> = waiver.into_iter().chain(finding.why.clone()).collect();
    said.extend(lines(finding));
    if !said.is_empty() {
        let kind = match finding.verdict.is_finding() {
            true => "error",
            false => "info",
        };
        let text = cut(&said.join("\n"), MOST_IN_MESSAGE);
        xml.leaf("message", &[("severity", kind)], &text);
    }
    for evidence in finding.evidence.iter().filter(|e| !e.observed.is_null()) {
        let text = format!("observed by \"{}\": {}", evidence.task, evidence.observed);
        xml.leaf(
            "message",
            &[("severity", "info")],
            &cut(&text, MOST_IN_MESSAGE),
        );
    }
    xml.open("check", &[("system", OURS)]);
    xml.leaf("check-content-ref", &[("href", &control.id)], "");
    xml.close();
    xml.close();
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fixed => "fixed",
        Verdict::Fail => "fail",
        Verdict::Waived => "informational",
        Verdict::Error => "error",
        Verdict::Unknown => "unknown",
        Verdict::Manual => "notchecked",
        Verdict::NotApplicable => "notapplicable",
    }
}

/// XCCDF knows nothing above high.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High | Severity::Critical => "high",
    }
}

fn rule_id(control: &ControlInfo) -> String {
    format!("xccdf_palisade_rule_{}", word(&control.id))
}

/// The id of a host's result: its name, and where two names come out alike, more.
fn test_id(host: &HostReport, taken: &mut BTreeSet<String>) -> String {
    let mut id = format!("xccdf_palisade_testresult_{}", word(&host.host));
    if !taken.insert(id.clone()) {
        id = format!("{id}_{}", &named(&host.host)[..16]);
        taken.insert(id.clone());
    }
    id
}

/// A text as a part of an id.
fn word(text: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.' => c,
        _ => '_',
    };
    text.chars().map(plain).collect()
}

/// A moment in whole seconds, as schemas of dates like it.
fn seconds(moment: &str) -> String {
    let moment: jiff::Timestamp = moment.parse().unwrap_or_default();
    format!("{moment:.0}")
}
