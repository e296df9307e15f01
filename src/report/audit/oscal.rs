//! A report as OSCAL assessment results, version 1.1.3: a finding for each control, an observation for
//! each way in which it stands, the hosts as inventory items, waivers as accepted risks.
//!
//! Identifiers are made from what they identify, so that the same report gives the same document.

use serde_json::{Value as Json, json};
use sha1::{Digest as _, Sha1};

use crate::hardening::result::{ControlInfo, HostReport, WaiverInfo};
use crate::hardening::{Report, Verdict};
use crate::inventory::fold::fold;

use super::view::{Group, cut, groups, lines, profiles, waived};

const VERSION: &str = "1.1.3";

/// The name space of our own properties.
const OURS: &str = "urn:palisade:audit";

/// Bytes of one text.
const MOST_IN_TEXT: usize = 16 * 1024;

pub fn render(report: &Report) -> String {
    let names = Names {
        run: serde_json::to_string(&(&report.started, &report.mode, profiles(report)))
            .unwrap_or_default(),
    };
    let plan = names.of("plan", "");
    let document = json!({"assessment-results": {
        "uuid": names.of("document", ""),
        "metadata": {
            "title": line(&format!("{} by {}", report.mode, profiles(report))),
            "last-modified": report.started,
            "version": report.started,
            "oscal-version": VERSION,
        },
        "import-ap": {"href": format!("#{plan}")},
        "results": [result(report, &names)],
        "back-matter": {"resources": [{
            "uuid": plan,
            "title": line(&profiles(report)),
            "description": "What was asked for: profiles of the palisade hardening library.",
        }]},
    }});
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    crate::source::escape::escape_json(&text).into_owned() + "\n"
}

/// Makes identifiers.
struct Names {
    run: String,
}

impl Names {
    /// A UUID of version 5: the digest of a name.
    fn of(&self, kind: &str, name: &str) -> String {
        let text = serde_json::to_string(&(OURS, &self.run, kind, name)).unwrap_or_default();
        let mut id: [u8; 16] = [0; 16];
        id.copy_from_slice(&Sha1::digest(text.as_bytes())[..16]);
        id[6] = id[6] & 0x0f | 0x50;
        id[8] = id[8] & 0x3f | 0x80;
        let hex = hex::encode(id);
        format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }
}

fn result(report: &Report, names: &Names) -> Json {
    let mut observations = Vec::new();
    let mut findings = Vec::new();
    for (at, control) in report.controls.iter().enumerate() {
        let groups = groups(report, at);
        let mut related = Vec::new();
        for (nth, group) in groups.iter().enumerate() {
            let id = names.of("observation", &format!("{} {nth}", control.id));
            related.push(json!({"observation-uuid": id}));
            observations.push(observation(report, (control, group), names, &id));
        }
        if let Some(worst) = groups.first() {
            findings.push(finding(report, (control, worst, &groups), names, related));
        }
    }
    let ids: Vec<Json> = report
        .controls
        .iter()
        .map(|c| json!({"control-id": word(&c.id)}))
        .collect();
    let score = report.score();
    let items: Vec<Json> = report.hosts.iter().map(|h| item(h, names)).collect();
    let risks: Vec<Json> = report
        .waivers
        .iter()
        .enumerate()
        .map(|w| risk(w, names))
        .collect();
    let mut result = json!({
        "uuid": names.of("result", ""),
        "title": line(&profiles(report)),
        "description": format!(
            "{} controls on {} hosts; {}% of what a machine judges holds, {}% with what is waived.",
            report.controls.len(),
            report.hosts.len(),
            score.percent(),
            score.percent_with_waivers()
        ),
        "start": report.started,
        "end": super::view::ended(report).to_string(),
        "props": [property("score", &score.percent().to_string())],
        "reviewed-controls": {"control-selections": [
            if ids.is_empty() { json!({"include-all": {}}) } else { json!({"include-controls": ids}) }
        ]},
    });
    // The schema allows no empty lists.
    let mut put = |name: &str, list: Vec<Json>| {
        if !list.is_empty() {
            result[name] = list.into();
        }
    };
    put("observations", observations);
    put("risks", risks);
    put("findings", findings);
    if !items.is_empty() {
        result["local-definitions"] = json!({"inventory-items": items});
    }
    result
}

fn item(host: &HostReport, names: &Names) -> Json {
    let mut item = json!({
        "uuid": names.of("host", &host.host),
        "description": text(&host.host),
        "props": [
            property("score", &host.score.percent().to_string()),
            property("host", &host.host),
        ],
    });
    let said: Vec<_> = host.lost.iter().chain(&host.trouble).cloned().collect();
    if !said.is_empty() {
        item["remarks"] = text(&said.join("\n")).into();
    }
    item
}

fn observation(
    report: &Report,
    (control, group): (&ControlInfo, &Group<'_>),
    names: &Names,
    id: &str,
) -> Json {
    let finding = group.finding;
    let mut said = vec![format!(
        "{} on {}",
        finding.verdict.word(),
        fold(&group.names())
    )];
    said.extend(finding.why.clone());
    said.extend(lines(finding));
    let subject = |h: &&HostReport| json!({"subject-uuid": names.of("host", &h.host), "type": "inventory-item"});
    let method = match finding.verdict {
        Verdict::Manual => "EXAMINE",
        _ => "TEST",
    };
    let mut observation = json!({
        "uuid": id,
        "title": line(&control.title),
        "description": text(&said.join("\n")),
        "props": [property("verdict", finding.verdict.word())],
        "methods": [method],
        "subjects": group.hosts.iter().map(subject).collect::<Vec<_>>(),
        "collected": report.started,
    });
    let seen = finding.evidence.iter().filter(|e| !e.observed.is_null());
    let evidence: Vec<Json> = seen
        .map(|e| {
            json!({
                "description": text(&format!("{} ({})", e.task, e.at)),
                "remarks": text(&format!("on {}: {}", group.hosts[0].host, e.observed)),
            })
        })
        .collect();
    if !evidence.is_empty() {
        observation["relevant-evidence"] = evidence.into();
    }
    observation
}

fn finding(
    report: &Report,
    (control, worst, groups): (&ControlInfo, &Group<'_>, &[Group<'_>]),
    names: &Names,
    related: Vec<Json>,
) -> Json {
    let all_good = groups.iter().all(|g| {
        let verdict = g.finding.verdict;
        verdict.is_good() || verdict == Verdict::NotApplicable
    });
    let judged = groups.iter().any(|g| g.finding.verdict.is_good());
    let (state, reason) = match (all_good && judged, worst.finding.verdict) {
        (true, _) => ("satisfied", "pass"),
        (false, Verdict::Fail | Verdict::Waived) => ("not-satisfied", "fail"),
        (false, _) => ("not-satisfied", "other"),
    };
    let said: Vec<String> = groups
        .iter()
        .map(|g| format!("{} on {}", g.finding.verdict.word(), fold(&g.names())))
        .collect();
    let mut finding = json!({
        "uuid": names.of("finding", &control.id),
        "title": line(&control.title),
        "description": text(&control.rationale),
        "props": [
            property("severity", control.severity.word()),
            property("number", control.label()),
            property("verdict", worst.finding.verdict.word()),
        ],
        "target": {
            "type": "objective-id",
            "target-id": word(&control.id),
            "status": {"state": state, "reason": reason, "remarks": text(&said.join("\n"))},
        },
        "related-observations": related,
    });
    let mut waivers: Vec<usize> = groups.iter().filter_map(|g| g.finding.waiver).collect();
    waivers.sort_unstable();
    waivers.dedup();
    let risks: Vec<Json> = waivers
        .iter()
        .filter(|at| report.waivers.get(**at).is_some())
        .map(|at| json!({"risk-uuid": names.of("waiver", &at.to_string())}))
        .collect();
    if !risks.is_empty() {
        finding["related-risks"] = risks.into();
    }
    finding
}

fn risk((at, waiver): (usize, &WaiverInfo), names: &Names) -> Json {
    json!({
        "uuid": names.of("waiver", &at.to_string()),
        "title": line(&format!("{} need not hold on {}", waiver.control, waiver.hosts)),
        "description": text(&waiver.reason),
        "statement": text(&waived(waiver)),
        "props": [property("owner", &waiver.owner)],
        "status": if waiver.expired { "open" } else { "deviation-approved" },
        "deadline": waiver.ends,
    })
}

fn property(name: &str, value: &str) -> Json {
    json!({"name": name, "ns": OURS, "value": line(value)})
}

/// A text of one line, which is never empty.
fn line(said: &str) -> String {
    let said = text(said).replace(char::is_whitespace, " ");
    match said.trim() {
        "" => "-".into(),
        said => said.into(),
    }
}

/// A text for people, bounded. Markup would be read as such, so what begins it is written out.
fn text(text: &str) -> String {
    let text = crate::source::escape::escape(&cut(text, MOST_IN_TEXT)).into_owned();
    text.replace('<', "\\<")
}

/// An id as OSCAL's tokens are.
fn word(id: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.' => c,
        _ => '_',
    };
    let word: String = id.chars().map(plain).collect();
    match word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        true => word,
        false => format!("_{word}"),
    }
}
