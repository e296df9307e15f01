//! What came of an audit: the one model that every report is made from.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Severity;
use super::select::{Chosen, Selection};

/// How a control stands on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It did not hold, and does now.
    Fixed,
    /// It does not hold.
    Fail,
    /// It does not hold, and somebody said that it need not.
    Waived,
    /// Nobody knows: a task of it could not be carried out.
    Error,
    /// Nobody knows: what it depends on is not known without changing the host, or the host was lost.
    Unknown,
    /// A person must look.
    Manual,
    /// It is not about this host.
    NotApplicable,
}

impl Verdict {
    pub const ALL: [Verdict; 8] = [
        Verdict::Pass,
        Verdict::Fixed,
        Verdict::Fail,
        Verdict::Waived,
        Verdict::Error,
        Verdict::Unknown,
        Verdict::Manual,
        Verdict::NotApplicable,
    ];

    /// The word of reports for people.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fixed => "fixed",
            Verdict::Fail => "fail",
            Verdict::Waived => "waived",
            Verdict::Error => "error",
            Verdict::Unknown => "unknown",
            Verdict::Manual => "manual",
            Verdict::NotApplicable => "not applicable",
        }
    }

    /// Whether it counts towards a score: what a machine judges and is about this host.
    pub fn is_judged(self) -> bool {
        !matches!(self, Verdict::Manual | Verdict::NotApplicable)
    }

    pub fn is_good(self) -> bool {
        matches!(self, Verdict::Pass | Verdict::Fixed)
    }

    /// Whether it calls for somebody: nothing that is unknown is fine.
    pub fn is_finding(self) -> bool {
        matches!(self, Verdict::Fail | Verdict::Error | Verdict::Unknown)
    }
}

/// One task's answer, kept so that a verdict can be checked by somebody else.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    pub task: String,
    /// Where the task is written.
    pub at: String,
    pub status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What was observed.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    pub observed: serde_json::Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
}

/// How something is, and how it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub on: String,
    pub before: String,
    pub after: String,
    pub summary: String,
}

/// How one control stands on one host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    pub control: String,
    pub verdict: Verdict,
    /// Why, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The waiver that covers it, by its place in the report's list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiver: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// How one host stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostReport {
    pub host: String,
    /// Why nothing or not all is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
    pub score: Score,
    /// In the order of the report's controls.
    pub findings: Vec<Finding>,
    /// Handlers that failed, and other trouble that belongs to no control.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trouble: Vec<String>,
    pub round_trips: u64,
}

impl HostReport {
    /// Whether a finding only repeats that the host was lost.
    pub fn says_nothing(&self, finding: &Finding) -> bool {
        self.lost.is_some() && finding.verdict == Verdict::Unknown && finding.evidence.is_empty()
    }
}

/// A control as a report tells of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ControlInfo {
    pub id: String,
    /// Where it is written.
    pub at: String,
    pub title: String,
    #[serde(serialize_with = "severity_word")]
    pub severity: Severity,
    pub rationale: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manual: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    pub references: BTreeMap<String, Vec<String>>,
    pub numbers: Vec<NumberInfo>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NumberInfo {
    pub profile: String,
    pub number: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileInfo {
    pub id: String,
    pub title: String,
    pub version: String,
    pub level: String,
    pub sections: BTreeMap<String, String>,
}

/// A waiver as a report tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaiverInfo {
    pub control: String,
    pub hosts: String,
    pub reason: String,
    pub owner: String,
    pub expires: String,
    /// The first moment at which it does not hold any more, RFC 3339.
    pub ends: String,
    pub expired: bool,
    /// Findings that it covers.
    pub covers: usize,
}

/// How many of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    pub pass: usize,
    pub fixed: usize,
    pub fail: usize,
    pub waived: usize,
    pub error: usize,
    pub unknown: usize,
    pub manual: usize,
    pub not_applicable: usize,
}

impl Score {
    pub fn add(&mut self, verdict: Verdict) {
        let count = match verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Fixed => &mut self.fixed,
            Verdict::Fail => &mut self.fail,
            Verdict::Waived => &mut self.waived,
            Verdict::Error => &mut self.error,
            Verdict::Unknown => &mut self.unknown,
            Verdict::Manual => &mut self.manual,
            Verdict::NotApplicable => &mut self.not_applicable,
        };
        *count += 1;
    }

    pub fn good(&self) -> usize {
        self.pass + self.fixed
    }

    /// All that count, those that are waived too.
    pub fn judged(&self) -> usize {
        self.good() + self.fail + self.waived + self.error + self.unknown
    }

    /// Whole percent of what holds, rounded down so that only everything is 100.
    pub fn percent(&self) -> usize {
        percent(self.good(), self.judged())
    }

    /// The same with waived ones counted as if they held.
    pub fn percent_with_waivers(&self) -> usize {
        percent(self.good() + self.waived, self.judged())
    }
}

fn percent(part: usize, whole: usize) -> usize {
    (part * 100).checked_div(whole).unwrap_or(100)
}

/// An audit, or what came of hardening.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `palisade`, and its version.
    pub tool: String,
    pub version: String,
    /// Of this shape: fields are only added within a format.
    pub format: u32,
    /// `audit`, `harden`, or `harden --check`.
    pub mode: String,
    /// RFC 3339, UTC.
    pub started: String,
    pub seconds: f64,
    pub profiles: Vec<ProfileInfo>,
    pub controls: Vec<ControlInfo>,
    pub waivers: Vec<WaiverInfo>,
    pub hosts: Vec<HostReport>,
}

/// The number in every report. A change that breaks a reader makes it larger.
pub const FORMAT: u32 = 1;

impl Report {
    pub fn score(&self) -> Score {
        let mut score = Score::default();
        for finding in self.hosts.iter().flat_map(|h| &h.findings) {
            score.add(finding.verdict);
        }
        score
    }

    /// The worst severity of what was found.
    pub fn worst(&self) -> Option<Severity> {
        let found = |f: &&Finding| f.verdict.is_finding();
        let all = self
            .hosts
            .iter()
            .flat_map(|h| h.findings.iter().filter(found));
        all.filter_map(|f| self.control(&f.control))
            .map(|c| c.severity)
            .max()
    }

    pub fn control(&self, id: &str) -> Option<&ControlInfo> {
        self.controls.iter().find(|c| c.id == id)
    }
}

impl ControlInfo {
    pub fn of(chosen: &Chosen) -> ControlInfo {
        let control = &chosen.control;
        let number = |n: &super::select::Number| NumberInfo {
            profile: n.profile.clone(),
            number: n.number.clone(),
        };
        ControlInfo {
            id: control.id.clone(),
            at: control.span.to_string(),
            title: control.title.clone(),
            severity: control.severity,
            rationale: control.rationale.clone(),
            impact: control.impact.clone(),
            manual: control.manual.clone(),
            fix: control.fix.clone(),
            references: control.references.clone(),
            numbers: chosen.numbers.iter().map(number).collect(),
        }
    }

    pub fn area(&self) -> &str {
        self.id.split('_').next().unwrap_or_default()
    }

    /// Its first number, or its id.
    pub fn label(&self) -> &str {
        self.numbers.first().map_or(&self.id, |n| n.number.as_str())
    }
}

impl ProfileInfo {
    pub fn all(selection: &Selection) -> Vec<ProfileInfo> {
        let info = |l: &super::select::Level| ProfileInfo {
            id: l.profile.id.clone(),
            title: l.profile.title.clone(),
            version: l.profile.version.clone(),
            level: l.level.clone(),
            sections: l.profile.sections.clone(),
        };
        selection.profiles.iter().map(info).collect()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's shape")]
fn severity_word<S: serde::Serializer>(severity: &Severity, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(severity.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_everything_is_a_hundred_percent() {
        let mut score = Score::default();
        (0..399).for_each(|_| score.add(Verdict::Pass));
        score.add(Verdict::Fail);
        score.add(Verdict::Manual);
        score.add(Verdict::NotApplicable);
        assert_eq!((score.judged(), score.percent()), (400, 99));
        score.fail = 0;
        score.add(Verdict::Waived);
        assert_eq!((score.percent(), score.percent_with_waivers()), (99, 100));
        assert_eq!(Score::default().percent(), 100);
    }
}
