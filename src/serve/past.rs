//! Runs in the history: what children wrote there is found again, what they could not write is added.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{self, Counts, Filter, Hits, Kind, Place, Record, Sheet, Store};

use super::run::{HostRun, Run, Status};
use super::schedule::Verb;

/// The history as pages see it. Every question opens it anew: a database that was away for a while is
/// there again, and whoever else writes is not kept waiting.
#[derive(Clone, Debug)]
pub struct Past {
    place: Option<Place>,
    /// Who runs jobs here: `palisade@ops1`.
    who: String,
}

impl Past {
    /// Without a place nothing is kept.
    pub fn new(place: Option<Place>, who: String) -> Past {
        Past { place, who }
    }

    fn open(&self) -> Result<Option<Store>, String> {
        let store = self.place.as_ref().map(Store::open);
        store.transpose().map_err(|e| e.to_string())
    }

    /// The last runs of a job, oldest first.
    pub fn last(&self, job: &str, most: usize) -> Result<Vec<Run>, String> {
        let Some(mut store) = self.open()? else {
            return Ok(Vec::new());
        };
        let filter = Filter {
            job: Some(job.to_owned()),
            most: Some(most as u64),
            ..Filter::default()
        };
        let mut all = Vec::new();
        for run in store.runs(&filter).map_err(|e| e.to_string())? {
            // What goes on, and what was killed, has no end.
            if run.job != job || run.ended.is_none() {
                continue;
            }
            let sheet = store.sheet(&run.name).map_err(|e| e.to_string())?;
            all.extend(sheet.as_ref().map(of_sheet));
        }
        all.reverse();
        Ok(all)
    }

    /// A run by its name.
    pub fn find(&self, name: &str) -> Result<Option<Run>, String> {
        let Some(mut store) = self.open()? else {
            return Ok(None);
        };
        match store.find(name).map_err(|e| e.to_string())? {
            Hits::One(run) if run.name == name => {
                let sheet = store.sheet(&run.name).map_err(|e| e.to_string())?;
                Ok(sheet.as_ref().map(of_sheet))
            }
            _ => Ok(None),
        }
    }

    /// Gives a run the name that it has in the history, or writes it there.
    pub fn settle(&self, run: &mut Run) -> Result<(), String> {
        let Some(mut store) = self.open()? else {
            return Ok(());
        };
        let filter = Filter {
            job: Some(run.job.clone()),
            since: Some(run.started),
            most: Some(1),
            ..Filter::default()
        };
        let found = store.runs(&filter).map_err(|e| e.to_string())?;
        match found.into_iter().find(|r| r.job == run.job) {
            Some(found) => {
                run.id = found.name;
                Ok(())
            }
            None => store.record(&self.record(run)).map_err(|e| e.to_string()),
        }
    }

    fn record(&self, run: &Run) -> Record {
        let mut tasks: BTreeMap<&str, usize> = BTreeMap::new();
        for finding in run.hosts.values().flat_map(|h| &h.findings) {
            let next = tasks.len();
            tasks.entry(finding).or_insert(next);
        }
        let hosts = run.hosts.iter().map(|(name, host)| {
            let state = state(host.status);
            let found: Vec<history::Found> = host
                .findings
                .iter()
                .map(|finding| history::Found {
                    task: tasks[finding.as_str()],
                    status: state,
                    message: None,
                    difference: None,
                })
                .collect();
            let mut cells = vec![None; tasks.len()];
            for one in &found {
                cells[one.task] = Some(state);
            }
            history::Stand {
                host: name.clone(),
                state,
                message: host.why.clone(),
                cells,
                found,
            }
        });
        let hosts: Vec<history::Stand> = hosts.collect();
        let mut list = vec![String::new(); tasks.len()];
        for (finding, place) in &tasks {
            list[*place] = (*finding).to_owned();
        }
        let task = |name: String| history::Task {
            address: name.clone(),
            name,
            place: String::new(),
        };
        let mut record = Record {
            run: history::Run {
                name: run.id.clone(),
                command: run.verb.to_owned(),
                job: run.job.clone(),
                of: run.why.clone().unwrap_or_default(),
                who: self.who.clone(),
                dry: matches!(run.verb, "drift" | "audit"),
                started: run.started,
                ended: Some(run.ended),
                exit: run.exit.and_then(|e| u8::try_from(e).ok()),
                counts: Counts::default(),
            },
            tasks: list.into_iter().map(task).collect(),
            hosts,
            differences: BTreeMap::new(),
        };
        record.run.counts = record.counts();
        record
    }
}

fn state(status: Status) -> history::Status {
    match status {
        Status::Fine => history::Status::Ok,
        Status::Changed | Status::Drift => history::Status::Changed,
        Status::Fixed => history::Status::Fixed,
        Status::Stopped | Status::Unknown => history::Status::Unknown,
        Status::Unreachable => history::Status::Unreachable,
        Status::Failed => history::Status::Failed,
    }
}

/// A run of the history as pages show it.
fn of_sheet(sheet: &Sheet) -> Run {
    let verbs = [
        Verb::Drift,
        Verb::Fix,
        Verb::Audit,
        Verb::Harden,
        Verb::Playbook,
    ];
    let verb = verbs
        .map(Verb::word)
        .into_iter()
        .find(|w| *w == sheet.run.command);
    let hosts: BTreeMap<String, HostRun> = sheet
        .hosts
        .iter()
        .map(|stand| (stand.host.clone(), of_stand(sheet, stand)))
        .collect();
    let exit = sheet.run.exit.map(i32::from);
    let why = match exit {
        Some(0 | 2 | 3 | 4 | 6 | 9 | 10) => None,
        Some(130 | 143) => None,
        Some(1) if hosts.is_empty() => Some(sheet.run.of.clone()),
        Some(code) => Some(format!("it ended with exit code {code}")),
        None if hosts.is_empty() => Some(sheet.run.of.clone()),
        None => None,
    };
    let worst = hosts
        .values()
        .map(|h| h.status)
        .max()
        .unwrap_or(Status::Fine);
    let status = match exit {
        _ if why.is_some() => Status::Failed,
        Some(130 | 143) => Status::Stopped,
        _ => worst,
    };
    Run {
        id: sheet.run.name.clone(),
        job: sheet.run.job.clone(),
        verb: verb.unwrap_or("run"),
        started: sheet.run.started,
        ended: sheet.run.ended.unwrap_or(sheet.run.started),
        exit,
        status,
        why,
        hosts,
    }
}

fn of_stand(sheet: &Sheet, stand: &history::Stand) -> HostRun {
    // What hardening left as it was failed; what a look for drift left differs still.
    let differs = match stand.state {
        _ if sheet.run.dry => Status::Drift,
        _ if stand.is_fixed() => Status::Fixed,
        history::Status::Differs => Status::Drift,
        history::Status::Fail => Status::Failed,
        _ => Status::Changed,
    };
    let status = match stand.state.kind() {
        _ if stand.state == history::Status::Unreachable => Status::Unreachable,
        Kind::Unknown if sheet.run.exit != Some(0) => Status::Unknown,
        Kind::Good | Kind::Quiet | Kind::Unknown => Status::Fine,
        Kind::Differs => differs,
        Kind::Trouble => Status::Failed,
    };
    let mut findings = BTreeSet::new();
    let mut why = stand.message.clone();
    for found in &stand.found {
        let name = sheet.tasks.get(found.task).map_or("", |t| t.name.as_str());
        let title = found
            .difference
            .as_ref()
            .and_then(|d| sheet.differences.get(d));
        match found.status.kind() {
            Kind::Differs => {
                findings.insert(match title {
                    Some(title) => format!("{name}: {}", title.title),
                    None => name.to_owned(),
                });
            }
            Kind::Trouble if why.is_none() => {
                let message = found.message.as_deref().unwrap_or("failed");
                why = Some(format!("{name}: {message}"));
            }
            _ => {}
        }
    }
    HostRun {
        status,
        findings,
        more: 0,
        why,
    }
}

/// The name of whoever runs jobs on this machine.
pub fn who(user: Option<&str>, machine: Option<&str>) -> String {
    format!(
        "{}@{}",
        user.unwrap_or("palisade"),
        machine.unwrap_or("localhost")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn run(id: &str, started: &str, status: Status) -> Run {
        let mut host = HostRun {
            status,
            findings: BTreeSet::new(),
            more: 0,
            why: None,
        };
        if status == Status::Drift {
            host.findings.insert("message: /etc/motd".into());
        }
        let started: Timestamp = started.parse().unwrap();
        Run {
            id: id.into(),
            job: "Watch".into(),
            verb: "drift",
            started,
            ended: started,
            exit: Some(if status == Status::Drift { 3 } else { 0 }),
            status,
            why: None,
            hosts: BTreeMap::from([("web1".into(), host)]),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let past = Past::new(Some(Place::File(dir.path().join("h.db"))), "me@here".into());
        let mut first = run("a", "2026-11-21T03:00:00Z", Status::Fine);
        let mut second = run("b", "2026-11-21T04:00:00Z", Status::Drift);
        past.settle(&mut first).unwrap();
        past.settle(&mut second).unwrap();
        assert_eq!(past.last("Watch", 10).unwrap(), [first, second.clone()]);
        assert_eq!(past.last("Watch", 1).unwrap(), [second.clone()]);
        assert_eq!(past.last("other", 10).unwrap(), []);
        assert_eq!(past.find("b").unwrap(), Some(second));
        assert_eq!(past.find("nothing").unwrap(), None);
        // Whoever wrote it first gave it its name.
        let mut again = run("mine", "2026-11-21T04:00:00Z", Status::Drift);
        past.settle(&mut again).unwrap();
        assert_eq!(again.id, "b");
    }

    #[test]
    fn why_a_run_did_not_begin_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let past = Past::new(Some(Place::File(dir.path().join("h.db"))), "me@here".into());
        let mut broken = run("a", "2026-11-21T03:00:00Z", Status::Fine);
        broken.hosts.clear();
        (broken.exit, broken.status) = (Some(1), Status::Failed);
        broken.why = Some("site.yml:2: unknown action".into());
        past.settle(&mut broken).unwrap();
        assert_eq!(past.last("Watch", 10).unwrap(), [broken]);
    }
}
