//! A report as SARIF 2.1.0, which code scanning shows: a rule for each control, a result for each way in
//! which it does not hold, with the hosts in its message.
//!
//! One result a host would drown a fleet, and GitHub keeps 5,000 of them. A result is told apart from
//! others by its control and reason, not by its hosts, so that it stays the same alert while hosts
//! come and go.

use serde_json::{Value as Json, json};

use crate::hardening::result::ControlInfo;
use crate::hardening::{Report, Severity, Verdict};
use crate::inventory::fold::fold;

use super::view::{Group, cut, groups, lines, profiles, waived, waiver};

/// GitHub keeps so many results of a run.
const MOST_RESULTS: usize = 5_000;

/// GitHub shows so many tags of a rule, and refuses a file with more than 20.
const MOST_TAGS: usize = 10;

/// Bytes of one message. With [`MOST_RESULTS`] a file stays far below the 10 MB that GitHub takes
/// compressed.
const MOST_IN_MESSAGE: usize = 4 * 1024;

pub fn render(report: &Report) -> String {
    let mut results = Vec::new();
    for (at, control) in report.controls.iter().enumerate() {
        for group in groups(report, at) {
            if group.finding.verdict.is_finding() || group.finding.verdict == Verdict::Waived {
                let waived = group.finding.verdict == Verdict::Waived;
                let order = (waived, std::cmp::Reverse(control.severity), at);
                results.push((order, result(report, (at, control), &group)));
            }
        }
    }
    results.sort_by_key(|(order, _)| *order);
    let left = results.len().saturating_sub(MOST_RESULTS);
    let results: Vec<Json> = results
        .into_iter()
        .take(MOST_RESULTS)
        .map(|(_, r)| r)
        .collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": report.tool,
                "version": report.version,
                "semanticVersion": report.version,
                "rules": report.controls.iter().map(rule).collect::<Vec<_>>(),
            }},
            "automationDetails": {"id": format!("palisade/{}/", profiles(report))},
            "invocations": [invocation(report, left)],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    crate::source::escape::escape_json(&text).into_owned() + "\n"
}

fn invocation(report: &Report, left: usize) -> Json {
    let note = |text: String| json!({"level": "error", "message": {"text": text}});
    let mut notes: Vec<Json> = Vec::new();
    for host in &report.hosts {
        for said in host.lost.iter().chain(&host.trouble) {
            notes.push(note(format!("{}: {said}", host.host)));
        }
    }
    if left > 0 {
        notes.push(note(format!(
            "{left} results of lower severity are left out"
        )));
    }
    json!({
        "executionSuccessful": notes.is_empty(),
        "startTimeUtc": report.started,
        "toolExecutionNotifications": notes,
    })
}

fn rule(control: &ControlInfo) -> Json {
    let mut help = vec![control.rationale.clone()];
    help.extend(
        control
            .impact
            .iter()
            .map(|t| format!("What may stop working: {t}")),
    );
    help.extend(control.fix.iter().map(|t| format!("To do: {t}")));
    let numbers = control.numbers.iter();
    let asked: Vec<_> = numbers
        .map(|n| format!("{} {}", n.profile, n.number))
        .collect();
    help.push(format!("Asked for by {}.", asked.join(", ")));
    let named =
        |(standard, ids): (&String, &Vec<String>)| format!("{standard}: {}", ids.join(", "));
    help.extend(control.references.iter().map(named));
    let mut tags = vec!["security".to_owned(), control.area().to_owned()];
    tags.extend(
        control
            .numbers
            .iter()
            .map(|n| format!("{}:{}", n.profile, n.number)),
    );
    tags.truncate(MOST_TAGS);
    json!({
        "id": control.id,
        "name": control.id,
        "shortDescription": {"text": control.title},
        "fullDescription": {"text": control.rationale},
        "help": {"text": help.join("\n\n")},
        "defaultConfiguration": {"level": level(control.severity)},
        "properties": {
            "tags": tags,
            "precision": "very-high",
            "problem.severity": level(control.severity),
            "security-severity": score(control.severity),
        },
    })
}

fn result(report: &Report, (at, control): (usize, &ControlInfo), group: &Group<'_>) -> Json {
    let finding = group.finding;
    let hosts = fold(&group.names());
    let word = match finding.verdict {
        Verdict::Error => "could not be judged on",
        Verdict::Unknown => "is not known on",
        _ => "does not hold on",
    };
    let mut message = vec![format!("{}: {word} {hosts}", control.title)];
    message.extend(finding.why.clone());
    message.extend(lines(finding));
    let (path, line) = place(&control.at);
    let mut result = json!({
        "ruleId": control.id,
        "ruleIndex": at,
        "kind": "fail",
        "level": level(control.severity),
        "message": {"text": cut(&message.join("\n"), MOST_IN_MESSAGE)},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": path},
            "region": {"startLine": line},
        }}],
        "partialFingerprints": {"palisade/v1": fingerprint(control, group)},
        "properties": {
            "verdict": finding.verdict.word(),
            "hosts": group.hosts.len(),
        },
    });
    if let Some(waiver) = waiver(report, finding)
        && finding.verdict == Verdict::Waived
    {
        result["suppressions"] = json!([{
            "kind": "external",
            "status": "accepted",
            "justification": waived(waiver),
        }]);
    }
    result
}

/// The control and why, whatever the hosts.
fn fingerprint(control: &ControlInfo, group: &Group<'_>) -> String {
    let finding = group.finding;
    let on: Vec<_> = finding
        .evidence
        .iter()
        .flat_map(|e| &e.differences)
        .map(|d| (&d.on, &d.summary))
        .collect();
    let text = serde_json::to_string(&(&control.id, &finding.why, on)).unwrap_or_default();
    super::view::named(&text)[..32].to_owned()
}

/// `modules/sshd/ciphers.yml:1:1` as a path and a line.
fn place(at: &str) -> (String, usize) {
    let mut parts = at.rsplitn(3, ':');
    let numbers = (parts.next(), parts.next(), parts.next());
    let (path, line) = match numbers {
        (Some(_), Some(line), Some(path)) => (path, line.parse().unwrap_or(1)),
        _ => (at, 1),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let written: String = path
        .chars()
        .map(|c| match plain(c) {
            true => c.to_string(),
            false => {
                let mut bytes = [0; 4];
                let bytes = c.encode_utf8(&mut bytes).bytes();
                bytes.map(|b| format!("%{b:02X}")).collect()
            }
        })
        .collect();
    (written, line.max(1))
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "note",
        Severity::Medium => "warning",
        Severity::High | Severity::Critical => "error",
    }
}

/// GitHub's bands: over 9.0 is critical, from 7.0 high, from 4.0 medium.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "3.0",
        Severity::Medium => "5.5",
        Severity::High => "8.0",
        Severity::Critical => "9.5",
    }
}
