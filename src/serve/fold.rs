//! What a job's run found, folded from what the child process prints.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::run::{About, Exited, HostRun, Run, Status};
use super::schedule::Verb;

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
            None => match labelled(line) {
                ("warning", _) => return,
                (_, text) => text.to_owned(),
            },
        };
        if !text.trim().is_empty() && self.mistakes.len() < MOST_MISTAKES {
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
                Some("fixed") => Status::Fixed,
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

/// How a host stands by a look for differences.
fn stood(of: &Json) -> HostRun {
    let mut host = HostRun::new(match of["standing"].as_str() {
        Some("differs") => Status::Drift,
        Some("fixed") => Status::Fixed,
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

/// A plain line of errors: `error` or `warning`, with or without a code, and what it says.
fn labelled(line: &str) -> (&str, &str) {
    match line.split_once(": ") {
        Some((label, text)) => match label.split('[').next() {
            Some(word @ ("error" | "warning")) => (word, text),
            _ => ("", line),
        },
        None => ("", line),
    }
}
