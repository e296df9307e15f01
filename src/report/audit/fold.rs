//! Events to a report: what came of each task, control by control, host by host.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::engine::Event;
use crate::engine::event::{Diff, GuardStage, HostName, Outcome, Recap, Status, TaskRef};
use crate::hardening::result::{
    ControlInfo, Difference, Evidence, FORMAT, Finding, HostReport, ProfileInfo, Score, WaiverInfo,
};
use crate::hardening::{Library, Report, Selection, Verdict, Waivers, play};
use crate::source::{Mask, Value};

use super::super::text::{result, safe};

/// Of one task's observed values so many bytes are kept: enough to judge by, small enough for a fleet.
const MOST_OBSERVED: usize = 4 * 1024;

/// Of each end of a difference so many bytes are kept.
const MOST_SHOWN: usize = 4 * 1024;

/// Keys of results that say how a task went, not what was observed.
const NO_EVIDENCE: [&str; 12] = [
    "changed",
    "failed",
    "diff",
    "backup",
    "backup_file",
    "invocation",
    "msg",
    "skipped",
    "skip_reason",
    "false_condition",
    "warnings",
    "results",
];

/// What is audited, by what, when.
pub struct Subject {
    pub library: Arc<Library>,
    pub selection: Arc<Selection>,
    pub waivers: Waivers,
    pub mode: String,
    pub now: Timestamp,
    /// Changes are made: what changed is fixed.
    pub fixes: bool,
    pub mask: Mask,
}

/// What is known of a control on a host so far.
#[derive(Default)]
struct Standing {
    verdict: Option<Verdict>,
    why: Option<String>,
    evidence: Vec<Evidence>,
}

#[derive(Default)]
struct Host {
    controls: BTreeMap<String, Standing>,
    lost: Option<String>,
    trouble: Vec<String>,
    round_trips: u64,
    /// Tasks of it may be carried out once more.
    again: bool,
}

pub struct Fold {
    subject: Subject,
    hosts: BTreeMap<HostName, Host>,
    order: Vec<HostName>,
    seconds: f64,
    stopped: bool,
}

impl Fold {
    pub fn new(subject: Subject) -> Fold {
        Fold {
            subject,
            hosts: BTreeMap::new(),
            order: Vec::new(),
            seconds: 0.0,
            stopped: false,
        }
    }

    pub fn event(&mut self, event: &Event) {
        match event {
            Event::PlayStarted { hosts, .. } => {
                for host in hosts {
                    if !self.hosts.contains_key(host) {
                        self.hosts.insert(host.clone(), Host::default());
                        self.order.push(host.clone());
                    }
                }
            }
            Event::Ended {
                host,
                task,
                outcome,
            } => self.ended(host, task, outcome),
            Event::Unreachable { host, message, .. } => {
                let said = safe(message, &self.subject.mask);
                self.hosts.entry(host.clone()).or_default().lost = Some(said);
            }
            Event::Guard { host, stage, tasks } => self.guard(host, stage, tasks),
            Event::RunEnded {
                recap,
                seconds,
                stopped,
                ..
            } => {
                self.seconds = *seconds;
                self.stopped = *stopped;
                for one in recap {
                    self.recap(one);
                }
            }
            Event::RunStarted { .. }
            | Event::PlaySkipped { .. }
            | Event::TaskStarted { .. }
            | Event::Item { .. }
            | Event::Retry { .. }
            | Event::Polled { .. }
            | Event::Output { .. }
            | Event::Interrupted { .. }
            | Event::Stopping { .. }
            | Event::NotRun { .. }
            | Event::Waiting { .. }
            | Event::Connected { .. }
            | Event::Included { .. }
            | Event::Notified { .. }
            | Event::Pending { .. }
            | Event::Warning { .. }
            | Event::Left { .. }
            | Event::PlayEnded { .. } => {}
        }
    }

    /// What was put back does not hold, whatever its tasks said when they made it.
    fn guard(&mut self, host: &HostName, stage: &GuardStage, tasks: &[TaskRef]) {
        let (verdict, why) = match stage {
            GuardStage::Armed { .. }
            | GuardStage::Confirmed
            | GuardStage::UnderWay { .. }
            | GuardStage::WasReverted { .. } => return,
            GuardStage::Divided { .. } => {
                self.hosts.entry(host.clone()).or_default().again = true;
                return;
            }
            GuardStage::Reverted { why } => (
                Verdict::Fail,
                format!("it was put back, because no new login came in with it: {why}"),
            ),
            GuardStage::Left { .. } => (
                Verdict::Unknown,
                "nobody confirmed it, and the host puts itself back".to_owned(),
            ),
            GuardStage::Lost { why } => (
                Verdict::Unknown,
                format!("no new login comes in with it: {why}"),
            ),
        };
        let why = safe(&why, &self.subject.mask);
        for task in tasks {
            let Some(control) = self.subject.library.at(&task.span) else {
                continue;
            };
            let known = self.hosts.entry(host.clone()).or_default();
            let standing = known.controls.entry(control.id.clone()).or_default();
            standing.verdict = Some(verdict);
            standing.why = Some(why.clone());
        }
    }

    fn recap(&mut self, recap: &Recap) {
        if let Some(host) = self.hosts.get_mut(recap.host.as_str()) {
            host.round_trips = recap.round_trips;
        }
    }

    fn ended(&mut self, host: &HostName, task: &TaskRef, outcome: &Outcome) {
        let subject = &self.subject;
        let message = self.message(outcome);
        let control = subject.library.at(&task.span).filter(|_| !task.handler);
        let Some(control) = control else {
            let bad = matches!(outcome.status, Status::Failed | Status::Unreachable);
            let bad = bad || (outcome.status == Status::Unknown && subject.fixes);
            if bad && let Some(known) = self.hosts.get_mut(host) {
                let why = message.unwrap_or_else(|| outcome.status.word().into());
                known.trouble.push(format!("{}: {why}", task.name));
            }
            return;
        };
        let judges = matches!(task.action.as_str(), "assert" | "fail");
        let verdict = match outcome.status {
            Status::Ok | Status::Ignored if control.manual.is_some() => Verdict::Manual,
            Status::Ok | Status::Ignored => Verdict::Pass,
            Status::Changed if subject.fixes => Verdict::Fixed,
            Status::Changed => Verdict::Fail,
            Status::Skipped => Verdict::NotApplicable,
            Status::Failed if judges || outcome.result.get("finding").is_some() => Verdict::Fail,
            Status::Failed => Verdict::Error,
            Status::Unknown | Status::Unreachable => Verdict::Unknown,
        };
        let skipped = outcome
            .result
            .get("false_condition")
            .and_then(Value::as_str);
        let why = match verdict {
            Verdict::NotApplicable => match skipped {
                Some(c) => Some(
                    play::reason(control, c)
                        .unwrap_or_else(|| format!("`{}` does not hold", c.trim())),
                ),
                // The action itself found that it is not about this host.
                None => {
                    let said = outcome.result.get("skip_reason").and_then(Value::as_str);
                    said.map(|text| safe(text, &subject.mask))
                }
            },
            Verdict::Fail | Verdict::Fixed => {
                message.clone().filter(|_| outcome.changes.is_empty())
            }
            _ => message.clone(),
        };
        let evidence = (verdict != Verdict::NotApplicable && control.manual.is_none())
            .then(|| self.evidence(task, outcome, message));
        let id = control.id.clone();
        let known = self.hosts.entry(host.clone()).or_default();
        let again = known.again;
        let standing = known.controls.entry(id).or_default();
        if let Some(new) = evidence.as_ref().filter(|_| again) {
            standing
                .evidence
                .retain(|old| (&old.at, &old.task) != (&new.at, &new.task));
        }
        standing.evidence.extend(evidence);
        if standing.verdict.is_none_or(|v| weight(verdict) > weight(v)) {
            standing.verdict = Some(verdict);
            standing.why = why;
        }
    }

    fn message(&self, outcome: &Outcome) -> Option<String> {
        let said = outcome.diagnostic.as_ref().map(|d| d.message.clone());
        let said = said.or_else(|| first_failure(&outcome.result));
        let text = said?;
        let text = text.trim();
        (!text.is_empty()).then(|| safe(text, &self.subject.mask))
    }

    fn evidence(&self, task: &TaskRef, outcome: &Outcome, message: Option<String>) -> Evidence {
        let mask = &self.subject.mask;
        let mut observed = result(task, outcome, mask);
        observed.retain(|k, _| !k.as_str().is_some_and(|k| NO_EVIDENCE.contains(&k)));
        let observed = match observed.is_empty() {
            true => Json::Null,
            false => serde_json::to_value(&observed).unwrap_or(Json::Null),
        };
        let text = observed.to_string();
        let observed = match text.len() > MOST_OBSERVED {
            true => Json::String(cut(&text, MOST_OBSERVED)),
            false => observed,
        };
        let difference = |d: &Diff| Difference {
            on: safe(&d.title, mask),
            before: cut(&mask.apply(&d.before), MOST_SHOWN),
            after: cut(&mask.apply(&d.after), MOST_SHOWN),
            summary: safe(&d.summary, mask),
        };
        let open = !task.no_log;
        Evidence {
            task: safe(&task.name, mask),
            at: task.span.to_string(),
            status: outcome.status.word(),
            message: message.filter(|_| open),
            observed,
            differences: outcome
                .changes
                .iter()
                .filter(|_| open)
                .map(difference)
                .collect(),
        }
    }

    /// The report of all that happened.
    pub fn finish(self) -> Report {
        let subject = &self.subject;
        let chosen = &subject.selection.chosen;
        let mut covers = vec![0; subject.waivers.list.len()];
        let mut hosts = Vec::new();
        for name in &self.order {
            let Some(host) = self.hosts.get(name) else {
                continue;
            };
            let mut score = Score::default();
            let mut findings = Vec::new();
            for one in chosen {
                let mut finding = self.finding(host, &one.control.id);
                if let Some((at, holds)) = subject.waivers.find(one, name, subject.now) {
                    waive(&mut finding, &subject.waivers, at, holds, &mut covers);
                }
                score.add(finding.verdict);
                findings.push(finding);
            }
            hosts.push(HostReport {
                host: name.to_string(),
                lost: host.lost.clone(),
                score,
                findings,
                trouble: host.trouble.clone(),
                round_trips: host.round_trips,
            });
        }
        let waivers = subject.waivers.list.iter().zip(covers);
        let waiver = |(w, covers): (&crate::hardening::waiver::Waiver, usize)| WaiverInfo {
            control: w.control.clone(),
            hosts: w.hosts.clone(),
            reason: w.reason.clone(),
            owner: w.owner.clone(),
            expires: w.expires.clone(),
            ends: w.ends.to_string(),
            expired: subject.now >= w.ends,
            covers,
        };
        Report {
            tool: "palisade".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            format: FORMAT,
            mode: subject.mode.clone(),
            started: subject.now.to_string(),
            seconds: self.seconds,
            profiles: ProfileInfo::all(&subject.selection),
            controls: chosen.iter().map(ControlInfo::of).collect(),
            waivers: waivers.map(waiver).collect(),
            hosts,
        }
    }

    fn finding(&self, host: &Host, id: &str) -> Finding {
        let known = host.controls.get(id);
        let verdict = known.and_then(|s| s.verdict);
        let (verdict, why) = match (verdict, &host.lost) {
            (Some(verdict), _) => (verdict, known.and_then(|s| s.why.clone())),
            (None, Some(_)) => (Verdict::Unknown, Some("the host was not reached".into())),
            (None, None) if self.stopped => (Verdict::Unknown, Some("the run was stopped".into())),
            (None, None) => {
                let why = host.trouble.first().cloned();
                (Verdict::Unknown, why.or(Some("it was not asked".into())))
            }
        };
        Finding {
            control: id.to_owned(),
            verdict,
            why,
            waiver: None,
            evidence: known.map(|s| s.evidence.clone()).unwrap_or_default(),
        }
    }
}

/// Lays a waiver over a finding. An expired one is said, and waives nothing.
fn waive(finding: &mut Finding, all: &Waivers, at: usize, holds: bool, covers: &mut [usize]) {
    if !finding.verdict.is_finding() && finding.verdict != Verdict::Manual {
        return;
    }
    finding.waiver = Some(at);
    covers[at] += 1;
    let waiver = &all.list[at];
    if !holds {
        let text = format!(
            "its waiver ended with {} ({})",
            waiver.expires, waiver.owner
        );
        let before = finding
            .why
            .take()
            .map(|w| format!("; {w}"))
            .unwrap_or_default();
        finding.why = Some(text + &before);
    } else if finding.verdict == Verdict::Fail {
        finding.verdict = Verdict::Waived;
        finding.why = Some(waiver.reason.clone());
    }
}

/// What is worse wins: that something does not hold is certain, whatever else could not be asked.
fn weight(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::NotApplicable => 0,
        Verdict::Manual => 1,
        Verdict::Pass => 2,
        Verdict::Fixed => 3,
        Verdict::Waived => 4,
        Verdict::Unknown => 5,
        Verdict::Error => 6,
        Verdict::Fail => 7,
    }
}

/// What a failed task said; of a loop, its first failed item.
fn first_failure(result: &Value) -> Option<String> {
    let failed = |r: &&Value| r.get("failed").and_then(Value::as_bool) == Some(true);
    let items = result.get("results").and_then(Value::as_sequence);
    let item = items.and_then(|all| all.iter().find(failed));
    let said = |v: &Value| v.get("msg").and_then(Value::as_str).map(str::to_owned);
    item.and_then(said).or_else(|| said(result))
}

fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}… [{} bytes more]", &text[..end], text.len() - end)
}
