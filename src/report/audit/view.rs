//! What several forms need of a report: findings put together over hosts that say the same, sections,
//! and evidence as lines.

use std::collections::BTreeMap;

use sha2::Digest as _;

use crate::hardening::profile::{in_order, is_within};
use crate::hardening::result::{ControlInfo, Evidence, Finding, HostReport, Score, WaiverInfo};
use crate::hardening::{Report, Verdict};
use crate::source::escape::escape;

/// Lines of one difference in forms that are not the whole record: JSON is.
const MOST_LINES: usize = 40;

/// Hosts on which a control stands alike, for the same reason.
pub struct Group<'a> {
    /// The control's place in the report.
    pub control: usize,
    /// That of the first host.
    pub finding: &'a Finding,
    pub hosts: Vec<&'a HostReport>,
    /// The hosts' places in the report.
    pub places: Vec<usize>,
}

impl Group<'_> {
    pub fn names(&self) -> Vec<&str> {
        self.hosts.iter().map(|h| h.host.as_str()).collect()
    }
}

/// A part of the first profile: a section where it has some, else an area of the library.
pub struct Section {
    pub number: String,
    pub title: String,
    /// Places in the report's list of controls.
    pub controls: Vec<usize>,
}

impl Section {
    pub fn score(&self, host: &HostReport) -> Score {
        let mut score = Score::default();
        for finding in self.controls.iter().filter_map(|at| host.findings.get(*at)) {
            score.add(finding.verdict);
        }
        score
    }

    pub fn label(&self) -> String {
        format!("{} {}", self.number, self.title).trim().to_owned()
    }
}

/// How one control stands, worst first. What was observed does not tell groups apart: times and
/// numbers of files differ on every host.
pub fn groups(report: &Report, control: usize) -> Vec<Group<'_>> {
    let mut found: BTreeMap<(u8, String), Group<'_>> = BTreeMap::new();
    for (place, host) in report.hosts.iter().enumerate() {
        let Some(finding) = host.findings.get(control) else {
            continue;
        };
        let group = found
            .entry((rank(finding.verdict), likeness(finding)))
            .or_insert_with(|| Group {
                control,
                finding,
                hosts: Vec::new(),
                places: Vec::new(),
            });
        group.hosts.push(host);
        group.places.push(place);
    }
    found.into_values().collect()
}

fn likeness(finding: &Finding) -> String {
    if finding.verdict == Verdict::Pass {
        return String::new();
    }
    let said = |e: &Evidence| (e.task.clone(), e.message.clone(), e.differences.clone());
    let all: Vec<_> = finding.evidence.iter().map(said).collect();
    serde_json::to_string(&(&finding.why, finding.waiver, all)).unwrap_or_default()
}

/// What calls for somebody comes first.
pub fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 0,
        Verdict::Error => 1,
        Verdict::Unknown => 2,
        Verdict::Waived => 3,
        Verdict::Manual => 4,
        Verdict::Fixed => 5,
        Verdict::Pass => 6,
        Verdict::NotApplicable => 7,
    }
}

/// The sections of a report, in order; none is empty.
pub fn sections(report: &Report) -> Vec<Section> {
    let mut found: BTreeMap<(u8, Vec<(String, u64)>), Section> = BTreeMap::new();
    for (at, control) in report.controls.iter().enumerate() {
        let (named, number, title) = place(report, control);
        found
            .entry((u8::from(!named), in_order(&number)))
            .or_insert_with(|| Section {
                number,
                title,
                controls: Vec::new(),
            })
            .controls
            .push(at);
    }
    found.into_values().collect()
}

fn place(report: &Report, control: &ControlInfo) -> (bool, String, String) {
    for profile in &report.profiles {
        let mine = control.numbers.iter().find(|n| n.profile == profile.id);
        let Some(number) = mine else { continue };
        let inside = |s: &&String| is_within(&number.number, s);
        let shortest = profile
            .sections
            .keys()
            .filter(inside)
            .min_by_key(|s| s.len());
        if let Some(section) = shortest {
            return (true, section.clone(), profile.sections[section].clone());
        }
    }
    (false, control.area().to_owned(), String::new())
}

/// The waiver that a finding names.
pub fn waiver<'a>(report: &'a Report, finding: &Finding) -> Option<&'a WaiverInfo> {
    report.waivers.get(finding.waiver?)
}

/// `waived until 2027-03-31 by ops@example.org: replaced in spring`
pub fn waived(waiver: &WaiverInfo) -> String {
    let word = match waiver.expired {
        true => "waiver expired with",
        false => "waived until",
    };
    format!(
        "{word} {} by {}: {}",
        waiver.expires, waiver.owner, waiver.reason
    )
}

/// The evidence of a finding as lines of text, each safe to show; differences as unified diffs.
pub fn lines(finding: &Finding) -> Vec<String> {
    let mut lines = Vec::new();
    for evidence in &finding.evidence {
        if let Some(message) = &evidence.message
            && finding.why.as_ref() != Some(message)
        {
            lines.push(format!("{}: {message}", evidence.task));
        }
        for difference in &evidence.differences {
            let head = format!("{} {}", difference.on, difference.summary);
            lines.push(head.trim().to_owned());
            lines.extend(diff(&difference.before, &difference.after));
        }
    }
    lines
}

/// A unified diff without its heads, of so many lines at most. It has no context: that may be what other
/// controls would have put there.
pub fn diff(before: &str, after: &str) -> Vec<String> {
    let diff = similar::TextDiff::from_lines(before, after);
    let text = diff.unified_diff().context_radius(0).to_string();
    let mut lines: Vec<String> = text
        .lines()
        .filter(|l| !l.starts_with("@@"))
        .map(|l| escape(l).into_owned())
        .collect();
    let more = lines.len().saturating_sub(MOST_LINES);
    if more > 0 {
        lines.truncate(MOST_LINES);
        lines.push(format!("… {more} lines more"));
    }
    lines
}

/// When the run ended.
pub fn ended(report: &Report) -> jiff::Timestamp {
    let began: jiff::Timestamp = report.started.parse().unwrap_or_default();
    let lasted = jiff::SignedDuration::try_from_secs_f64(report.seconds).unwrap_or_default();
    began.checked_add(lasted).unwrap_or(began)
}

/// `cis_debian12 l1-server, strict`
pub fn profiles(report: &Report) -> String {
    let name = |p: &crate::hardening::result::ProfileInfo| match p.level.as_str() {
        "all" => p.id.clone(),
        level => format!("{} {level}", p.id),
    };
    let names: Vec<_> = report.profiles.iter().map(name).collect();
    names.join(", ")
}

/// A name for a text, the same for the same text.
pub fn named(text: &str) -> String {
    hex::encode(sha2::Sha256::digest(text.as_bytes()))
}

/// A text of so many bytes at most.
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}
