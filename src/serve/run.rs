//! What a job's run found: folded from what the child process prints.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::schedule::Verb;

/// How a host, or a run as a whole, ended; the worst is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Fine,
    /// It was made so.
    Changed,
    /// Nobody knows, because somebody ended the run.
    Stopped,
    /// It was looked at, and something of it could not be known.
    Unknown,
    Drift,
    Unreachable,
    Failed,
}

impl Status {
    pub const ALL: [Status; 7] = [
        Status::Fine,
        Status::Changed,
        Status::Stopped,
        Status::Unknown,
        Status::Drift,
        Status::Unreachable,
        Status::Failed,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Status::Fine => "fine",
            Status::Changed => "changed",
            Status::Stopped => "stopped",
            Status::Unknown => "unknown",
            Status::Drift => "drift",
            Status::Unreachable => "unreachable",
            Status::Failed => "failed",
        }
    }

    pub fn of(word: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|s| s.word() == word)
    }
}

/// One host in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRun {
    pub status: Status,
    /// What differs, is done, or does not hold.
    pub findings: BTreeSet<String>,
    /// So many more were not kept.
    pub more: usize,
    pub why: Option<String>,
}

impl HostRun {
    fn new(status: Status) -> HostRun {
        HostRun {
            status,
            findings: BTreeSet::new(),
            more: 0,
            why: None,
        }
    }
}

/// One run of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub id: String,
    pub job: String,
    pub verb: &'static str,
    pub started: Timestamp,
    pub ended: Timestamp,
    pub exit: Option<i32>,
    pub status: Status,
    /// Why it did not come to its end.
    pub why: Option<String>,
    pub hosts: BTreeMap<String, HostRun>,
}

impl Run {
    /// Whether the job itself is at fault, and not some of its hosts: it is then tried less often.
    pub fn is_broken(&self) -> bool {
        if self.status == Status::Stopped {
            return false;
        }
        let bad = |h: &HostRun| matches!(h.status, Status::Failed | Status::Unreachable);
        self.why.is_some() || !self.hosts.is_empty() && self.hosts.values().all(bad)
    }

    pub fn count(&self, status: Status) -> usize {
        self.hosts.values().filter(|h| h.status == status).count()
    }

    pub fn seconds(&self) -> f64 {
        self.ended.duration_since(self.started).as_secs_f64()
    }

    pub fn json(&self, full: bool) -> Json {
        let hosts: serde_json::Map<String, Json> = self
            .hosts
            .iter()
            .map(|(name, h)| {
                let mut host = json!({"status": h.status.word(), "why": h.why});
                if full {
                    host["findings"] = h.findings.iter().cloned().collect();
                    host["more"] = h.more.into();
                }
                (name.clone(), host)
            })
            .collect();
        json!({
            "id": self.id, "job": self.job, "verb": self.verb, "status": self.status.word(),
            "started": self.started.to_string(), "ended": self.ended.to_string(),
            "seconds": self.seconds(), "exit": self.exit, "why": self.why, "hosts": hosts,
        })
    }
}

/// How a child process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exited {
    Code(i32),
    Signal(i32),
    /// It was ended because it took too long.
    Late,
    /// We were asked to end, and asked it.
    Stopped,
    NotStarted(String),
}

/// What of a host is kept: a host that differs everywhere is one sentence, not a book.
const MOST_FINDINGS: usize = 200;
/// Of one finding, message or reason.
const LONGEST: usize = 500;
/// More lines of its mistakes say nothing new.
const MOST_MISTAKES: usize = 20;

/// Reads what a child prints, a line at a time.
#[derive(Debug)]
pub struct Fold {
    verb: Verb,
    hosts: BTreeMap<String, HostRun>,
    mistakes: Vec<String>,
    came_to_its_end: bool,
    document: String,
}

/// A report of controls is one document, held until it is whole.
const LONGEST_DOCUMENT: usize = 256 * 1024 * 1024;

impl Fold {
    pub fn new(verb: Verb) -> Fold {
        Fold {
            verb,
            hosts: BTreeMap::new(),
            mistakes: Vec::new(),
            came_to_its_end: false,
            document: String::new(),
        }
    }

    /// A line of its output.
    pub fn line(&mut self, line: &str) {
        if self.verb.has_document() {
            if self.document.len() + line.len() < LONGEST_DOCUMENT {
                self.document.push_str(line);
                self.document.push('\n');
            }
            return;
        }
        if let Ok(event) = serde_json::from_str::<Json>(line) {
            self.event(&event);
        }
    }

    /// A line of its errors: one mistake as JSON, or plain text.
    pub fn mistake(&mut self, line: &str) {
        let parsed = serde_json::from_str::<Json>(line).ok();
        let text = match &parsed {
            Some(json) if json["severity"] == "warning" => return,
            Some(json) => {
                let message = json["message"].as_str().unwrap_or(line);
                match (json["path"].as_str(), json["line"].as_u64()) {
                    (Some(path), Some(n)) => format!("{path}:{n}: {message}"),
                    _ => message.to_owned(),
                }
            }
            None => line.trim_start_matches("error: ").to_owned(),
        };
        if !text.trim().is_empty()
            && !text.starts_with("warning: ")
            && self.mistakes.len() < MOST_MISTAKES
        {
            self.mistakes.push(cut(&text));
        }
    }

    fn host(&mut self, event: &Json) -> Option<&mut HostRun> {
        let name = event["host"].as_str()?;
        let name = crate::source::escape::escape(name).into_owned();
        Some(
            self.hosts
                .entry(name)
                .or_insert_with(|| HostRun::new(Status::Fine)),
        )
    }

    fn event(&mut self, event: &Json) {
        match event["event"].as_str() {
            Some("ended" | "item") => self.outcome(event),
            Some("unreachable") => {
                let why = cut(event["message"].as_str().unwrap_or("unreachable"));
                if let Some(host) = self.host(event) {
                    host.why = Some(why);
                    host.status = Status::Unreachable;
                }
            }
            Some("run_ended") => {
                self.came_to_its_end = true;
                for counts in event["recap"].as_array().into_iter().flatten() {
                    self.recap(counts);
                }
            }
            _ => {}
        }
    }

    fn outcome(&mut self, event: &Json) {
        let title = cut(event["task"]["name"].as_str().unwrap_or("a task"));
        match event["status"].as_str() {
            Some("changed") => {
                // What a loop did stands in its items.
                let changes = event["changes"].as_array().into_iter().flatten();
                let titles: Vec<String> = changes
                    .filter_map(|c| c["title"].as_str())
                    .map(|t| format!("{title}: {}", cut(t)))
                    .collect();
                let is_item = event["event"] == "item";
                let Some(host) = self.host(event) else { return };
                for title in titles.iter().cloned() {
                    host.add(title);
                }
                if titles.is_empty()
                    && !is_item
                    && !host.findings.iter().any(|f| f.starts_with(&title))
                {
                    host.add(title);
                }
            }
            Some("failed") if event["event"] == "ended" => {
                let message = event["result"]["msg"].as_str().unwrap_or("failed");
                let why = format!("{title}: {}", cut(message));
                if let Some(host) = self.host(event) {
                    host.why.get_or_insert(why);
                }
            }
            _ => {}
        }
    }

    fn recap(&mut self, counts: &Json) {
        let some = |what: &str| {
            counts[what].as_u64().unwrap_or(0) > 0 || counts[what].as_bool().unwrap_or(false)
        };
        let only_looks = self.verb.only_looks();
        let status = if some("locked_out") || some("failed") || some("reverted") {
            Status::Failed
        } else if some("unreachable") {
            Status::Unreachable
        } else if some("changed") && only_looks {
            Status::Drift
        } else if some("unknown") {
            Status::Unknown
        } else if some("changed") {
            Status::Changed
        } else {
            Status::Fine
        };
        let Some(host) = self.host(counts) else {
            return;
        };
        host.status = status;
        if matches!(status, Status::Fine | Status::Changed | Status::Drift) {
            host.why = None;
        }
    }

    /// A report in one piece, of differences or of controls.
    fn report(&mut self) {
        let document = std::mem::take(&mut self.document);
        let Ok(report) = serde_json::from_str::<Json>(&document) else {
            return;
        };
        self.came_to_its_end = true;
        for of in report["hosts"].as_array().into_iter().flatten() {
            let Some(name) = of["host"].as_str() else {
                continue;
            };
            let host = match self.verb.is_of_controls() {
                true => self.of_controls(of),
                false => stood(of),
            };
            self.hosts.insert(plain(name), host);
        }
        self.differences(&report["entries"]);
        self.differences(&report["fix"]["entries"]);
    }

    /// How a host stands by an audit: what does not hold is a finding.
    fn of_controls(&self, of: &Json) -> HostRun {
        let mut host = HostRun::new(Status::Fine);
        for finding in of["findings"].as_array().into_iter().flatten() {
            let control = cut(finding["control"].as_str().unwrap_or_default());
            let status = match finding["verdict"].as_str() {
                Some("fail") if self.verb.only_looks() => Status::Drift,
                Some("fail" | "error") => Status::Failed,
                Some("unknown") => Status::Unknown,
                Some("fixed") => Status::Changed,
                _ => continue,
            };
            host.status = host.status.max(status);
            host.add(control);
        }
        if let Some(lost) = of["lost"].as_str() {
            host.status = Status::Unreachable;
            host.why = Some(cut(lost));
        } else if let Some(trouble) = of["trouble"][0].as_str() {
            host.status = Status::Failed;
            host.why = Some(cut(trouble));
        }
        host
    }

    /// What differs, each with the hosts on which it does.
    fn differences(&mut self, entries: &Json) {
        for entry in entries.as_array().into_iter().flatten() {
            let task = entry["task"]["name"].as_str().unwrap_or("a task");
            let on = entry["on"].as_str().unwrap_or_default();
            let finding = match on.is_empty() {
                true => cut(task),
                false => format!("{}: {}", cut(task), cut(on)),
            };
            let kind = entry["kind"].as_str();
            for name in entry["hosts"].as_array().into_iter().flatten() {
                let Some(host) = name.as_str().and_then(|n| self.hosts.get_mut(&plain(n))) else {
                    continue;
                };
                match kind {
                    Some("differs" | "fixed") => host.add(finding.clone()),
                    Some("failed" | "reverted") if host.why.is_none() => {
                        let what = entry["summary"].as_str().unwrap_or_default();
                        host.why = Some(format!("{}: {}", cut(task), cut(what)));
                    }
                    _ => {}
                }
            }
        }
    }

    /// What came of it all.
    pub fn end(mut self, about: &About, exited: &Exited, ended: Timestamp) -> Run {
        if self.verb.has_document() {
            self.report();
        }
        let said = self.mistakes.first().cloned();
        let with = |text: &str| match &said {
            Some(said) => format!("{text}: {said}"),
            None => text.to_owned(),
        };
        let (exit, why) = match exited {
            Exited::Code(code) => (
                Some(*code),
                match code {
                    0 | 2 | 3 | 4 | 6 | 9 | 10 if self.came_to_its_end => None,
                    8 => Some(
                        "more hosts differ than may be changed at once, and nothing was touched"
                            .into(),
                    ),
                    1 => Some(said.clone().unwrap_or_else(|| "it could not start".into())),
                    5 => Some(with("the command line is wrong")),
                    code => Some(with(&format!("it ended with exit code {code}"))),
                },
            ),
            Exited::Signal(signal) => (
                Some(128 + signal),
                Some(with(&format!("it was ended by signal {signal}"))),
            ),
            Exited::Late => (
                None,
                Some("it took longer than its timeout, and was ended".into()),
            ),
            Exited::Stopped => (None, None),
            Exited::NotStarted(why) => (None, Some(cut(why))),
        };
        // What it counts as nothing found is so because somebody asked for it by name.
        if *exited == Exited::Code(0) {
            let unknown = |h: &&mut HostRun| h.status == Status::Unknown;
            let all = self.hosts.values_mut();
            all.filter(unknown).for_each(|h| h.status = Status::Fine);
        }
        let worst = self.hosts.values().map(|h| h.status).max();
        let status = match (exited, &why) {
            (Exited::Stopped, _) => Status::Stopped,
            (_, Some(_)) => Status::Failed,
            (_, None) => worst.unwrap_or(Status::Fine),
        };
        Run {
            id: about.id.clone(),
            job: about.job.clone(),
            verb: self.verb.word(),
            started: about.started,
            ended,
            exit,
            status,
            why,
            hosts: self.hosts,
        }
    }
}

/// Which run it is.
#[derive(Clone, Debug)]
pub struct About {
    pub id: String,
    pub job: String,
    pub started: Timestamp,
}

impl About {
    /// A run of a job that begins now: no two have one name, because a job runs once at a time.
    pub fn new(job: &str, started: Timestamp) -> About {
        let when = started.strftime("%Y%m%d-%H%M%S-%6f");
        About {
            id: format!("{when}-{}", super::schedule::slug(job)),
            job: job.to_owned(),
            started,
        }
    }
}

impl HostRun {
    fn add(&mut self, finding: String) {
        if self.findings.contains(&finding) {
            return;
        }
        if self.findings.len() < MOST_FINDINGS {
            self.findings.insert(finding);
        } else {
            self.more += 1;
        }
    }
}

/// How a host stands by a look for differences.
fn stood(of: &Json) -> HostRun {
    let mut host = HostRun::new(match of["standing"].as_str() {
        Some("differs") => Status::Drift,
        Some("fixed") => Status::Changed,
        Some("stopped") => Status::Stopped,
        Some("unknown") => Status::Unknown,
        Some("failed") => Status::Failed,
        Some("unreachable") => Status::Unreachable,
        _ => Status::Fine,
    });
    host.why = of["why"].as_str().map(cut);
    host
}

/// A host's name as it may stand anywhere.
fn plain(name: &str) -> String {
    crate::source::escape::escape(name).into_owned()
}

/// Text of a host's as it may stand anywhere: escaped, and not endless.
fn cut(text: &str) -> String {
    let spaced = |c: char| {
        if c.is_control() && c != '\u{1b}' {
            ' '
        } else {
            c
        }
    };
    let short: String = text.chars().take(LONGEST).map(spaced).collect();
    crate::source::escape::escape(&short).into_owned()
}
