//! A report as JUnit's XML, which continuous integration shows: a suite for each host, a test for each
//! control. Waived is skipped with its reason, never passed.

use crate::hardening::result::{ControlInfo, Finding, HostReport, Score};
use crate::hardening::{Report, Verdict};

use super::super::junit::{Came, Counts, Junit, Why};
use super::view::{lines, profiles, waived, waiver};

pub fn render(report: &Report) -> String {
    let name = format!("palisade {} {}", report.mode, profiles(report));
    let (counts, took) = (counts(report.score()), report.seconds);
    let mut xml = Junit::new(name, counts, took, &report.started);
    for host in &report.hosts {
        suite(&mut xml, report, host);
    }
    xml.end()
}

fn counts(score: Score) -> Counts {
    Counts {
        tests: score.judged() + score.manual + score.not_applicable,
        failures: score.fail,
        errors: score.error + score.unknown,
        skipped: score.waived + score.manual + score.not_applicable,
    }
}

fn suite(xml: &mut Junit, report: &Report, host: &HostReport) {
    let name = host.host.as_str();
    xml.suite(name, Some(name), counts(host.score), Some(report.seconds));
    let (profiles, score) = (profiles(report), host.score.percent().to_string());
    let waivers = report.waivers.iter();
    let waivers: Vec<String> = waivers
        .map(|w| format!("{} on {} {}", w.control, w.hosts, waived(w)))
        .collect();
    let mut properties = vec![
        ("palisade.version", report.version.as_str()),
        ("palisade.profiles", &profiles),
        ("palisade.score", &score),
    ];
    properties.extend(waivers.iter().map(|w| ("palisade.waiver", w.as_str())));
    xml.properties(&properties);
    for (control, finding) in report.controls.iter().zip(&host.findings) {
        case(xml, report, host, (control, finding));
    }
    let trouble: Vec<String> = host.lost.iter().chain(&host.trouble).cloned().collect();
    xml.close(&trouble);
}

fn case(
    xml: &mut Junit,
    report: &Report,
    host: &HostReport,
    (control, finding): (&ControlInfo, &Finding),
) {
    let name = match control.label() == control.id {
        true => format!("{}: {}", control.id, control.title),
        false => format!("{} {}: {}", control.label(), control.id, control.title),
    };
    let why = finding.why.clone().unwrap_or_default();
    let mut body = vec![control.rationale.clone()];
    body.extend(lines(finding));
    body.extend(control.fix.iter().map(|f| format!("to do: {f}")));
    let body = body.join("\n");
    let skipped = match finding.verdict {
        Verdict::Waived => waiver(report, finding).map_or_else(|| why.clone(), waived),
        Verdict::Manual => {
            let text = control.manual.clone().unwrap_or_default();
            format!("a person must look: {text}")
        }
        _ => format!("not applicable: {why}"),
    };
    let fixed = format!("fixed\n{body}");
    let because = |kind, message| Why {
        kind,
        message,
        body: &body,
    };
    let came = match finding.verdict {
        Verdict::Fail if why.is_empty() => {
            Came::Failed(because(control.severity.word(), &control.title))
        }
        Verdict::Fail => Came::Failed(because(control.severity.word(), &why)),
        Verdict::Error | Verdict::Unknown => Came::Error(because(finding.verdict.word(), &why)),
        Verdict::Waived | Verdict::Manual | Verdict::NotApplicable => Came::Skipped(&skipped),
        Verdict::Fixed => Came::Said(&fixed),
        Verdict::Pass => Came::Passed,
    };
    xml.case(&host.host, &name, None, &came);
}
