//! A report as JUnit's XML, which continuous integration shows: a suite for each host, a test for each
//! control. Waived is skipped with its reason, never passed.

use crate::hardening::result::{ControlInfo, Finding, HostReport, Score};
use crate::hardening::{Report, Verdict};

use super::super::xml::Xml;
use super::view::{lines, profiles, waived, waiver};

pub fn render(report: &Report) -> String {
    let mut xml = Xml::new();
    let score = report.score();
    let seconds = format!("{:.3}", report.seconds);
    let name = format!("palisade {} {}", report.mode, profiles(report));
    let [tests, failures, errors, skipped] = counts(score);
    xml.open(
        "testsuites",
        &[
            ("name", &name),
            ("tests", &tests),
            ("failures", &failures),
            ("errors", &errors),
            ("skipped", &skipped),
            ("time", &seconds),
        ],
    );
    for (at, host) in report.hosts.iter().enumerate() {
        suite(&mut xml, report, host, at);
    }
    xml.end()
}

fn counts(score: Score) -> [String; 4] {
    let skipped = score.waived + score.manual + score.not_applicable;
    [
        score.judged() + score.manual + score.not_applicable,
        score.fail,
        score.error + score.unknown,
        skipped,
    ]
    .map(|n| n.to_string())
}

fn suite(xml: &mut Xml, report: &Report, host: &HostReport, at: usize) {
    let [tests, failures, errors, skipped] = counts(host.score);
    xml.open(
        "testsuite",
        &[
            ("id", &at.to_string()),
            ("name", &host.host),
            ("hostname", &host.host),
            ("timestamp", report.started.trim_end_matches('Z')),
            ("tests", &tests),
            ("failures", &failures),
            ("errors", &errors),
            ("skipped", &skipped),
            ("time", &format!("{:.3}", report.seconds)),
        ],
    );
    xml.open("properties", &[]);
    let mut property = |name: &str, value: &str| {
        xml.leaf("property", &[("name", name), ("value", value)], "");
    };
    property("palisade.version", &report.version);
    property("palisade.profiles", &profiles(report));
    property("palisade.score", &host.score.percent().to_string());
    for w in &report.waivers {
        let text = format!("{} on {} {}", w.control, w.hosts, waived(w));
        property("palisade.waiver", &text);
    }
    xml.close();
    for (control, finding) in report.controls.iter().zip(&host.findings) {
        case(xml, report, host, (control, finding));
    }
    let trouble: Vec<_> = host.lost.iter().chain(&host.trouble).cloned().collect();
    if !trouble.is_empty() {
        xml.leaf("system-err", &[], &trouble.join("\n"));
    }
    xml.close();
}

fn case(
    xml: &mut Xml,
    report: &Report,
    host: &HostReport,
    (control, finding): (&ControlInfo, &Finding),
) {
    let name = match control.label() == control.id {
        true => format!("{}: {}", control.id, control.title),
        false => format!("{} {}: {}", control.label(), control.id, control.title),
    };
    xml.open(
        "testcase",
        &[("classname", &host.host), ("name", &name), ("time", "0")],
    );
    let why = finding.why.clone().unwrap_or_default();
    let mut body = vec![control.rationale.clone()];
    body.extend(lines(finding));
    body.extend(control.fix.iter().map(|f| format!("to do: {f}")));
    let body = body.join("\n");
    let severity = control.severity.word();
    match finding.verdict {
        Verdict::Fail => {
            let message = match why.is_empty() {
                true => &control.title,
                false => &why,
            };
            xml.leaf(
                "failure",
                &[("type", severity), ("message", message)],
                &body,
            );
        }
        Verdict::Error | Verdict::Unknown => {
            let word = finding.verdict.word();
            xml.leaf("error", &[("type", word), ("message", &why)], &body);
        }
        Verdict::Waived => {
            let text = waiver(report, finding).map(waived).unwrap_or(why);
            xml.leaf("skipped", &[("message", &text)], "");
        }
        Verdict::Manual => {
            let text = control.manual.clone().unwrap_or_default();
            xml.leaf(
                "skipped",
                &[("message", &format!("a person must look: {text}"))],
                "",
            );
        }
        Verdict::NotApplicable => {
            xml.leaf(
                "skipped",
                &[("message", &format!("not applicable: {why}"))],
                "",
            );
        }
        Verdict::Fixed => xml.leaf("system-out", &[], &format!("fixed\n{body}")),
        Verdict::Pass => {}
    }
    xml.close();
}
