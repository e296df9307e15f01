//! A run that has had enough: more hosts failed than it was allowed, so nothing further is begun anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use crate::inventory::fold::fold;
use crate::source::{Code, Diagnostic};

use super::event::{HostName, TaskRef};

/// How many hosts may fail in the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxFail {
    Hosts(usize),
    /// Of the hosts of the run.
    Percent(u8),
}

impl std::fmt::Display for MaxFail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MaxFail::Hosts(n) => write!(f, "{n}"),
            MaxFail::Percent(p) => write!(f, "{p}%"),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    /// The task that failed last on a host.
    last: BTreeMap<HostName, TaskRef>,
    failed: BTreeSet<HostName>,
    /// The host whose failure was too many.
    by: Option<HostName>,
    begun: BTreeSet<HostName>,
    /// Hosts for which something was to come.
    cut: BTreeSet<HostName>,
}

/// Counts failures over a run.
#[derive(Debug)]
pub(super) struct Halt {
    limit: Option<MaxFail>,
    hosts: usize,
    state: Mutex<State>,
}

impl Halt {
    pub(super) fn new(limit: Option<MaxFail>, hosts: usize) -> Halt {
        Halt {
            limit,
            hosts,
            state: Mutex::default(),
        }
    }

    /// A task failed on a host; it may be rescued yet.
    pub(super) fn note(&self, host: &HostName, task: &TaskRef) {
        if let Ok(mut state) = self.state.lock() {
            state.last.insert(host.clone(), task.clone());
        }
    }

    pub(super) fn begins(&self, host: &HostName) {
        if let Ok(mut state) = self.state.lock() {
            state.begun.insert(host.clone());
        }
    }

    /// A host is out, for failure or because it does not answer.
    pub(super) fn failed(&self, host: &HostName) {
        let (Some(limit), Ok(mut state)) = (self.limit, self.state.lock()) else {
            return;
        };
        state.failed.insert(host.clone());
        if state.by.is_none() && is_over(limit, state.failed.len(), self.hosts) {
            state.by = Some(host.clone());
        }
    }

    /// Something was to come on these hosts, and does not.
    pub(super) fn cut<'a>(&self, hosts: impl IntoIterator<Item = &'a HostName>) {
        if let Ok(mut state) = self.state.lock() {
            state.cut.extend(hosts.into_iter().cloned());
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.limit.is_some() && self.state.lock().is_ok_and(|s| s.by.is_some())
    }

    /// What ended the run, and what was not done for it.
    pub(super) fn said(&self) -> Option<Diagnostic> {
        let (limit, state) = (self.limit?, self.state.lock().ok()?);
        let by = state.by.as_ref()?;
        let count = match state.failed.len() {
            1 => "1 host".to_owned(),
            n => format!("{n} hosts"),
        };
        let text = match state.last.get(by) {
            Some(task) => {
                let name = &task.name;
                let text = format!(
                    "`{name}` failed on {by}, which ended the run: {count} failed, and --max-fail is {limit}"
                );
                Diagnostic::error(&task.span, text).code(Code::MaxFail)
            }
            None => Diagnostic::bare(format!(
                "{by} does not answer, which ended the run: {count} failed, and --max-fail is {limit}"
            )).code(Code::MaxFail),
        };
        let list = |begun: bool| {
            let hosts = state.cut.difference(&state.failed);
            let hosts = hosts.filter(|h| state.begun.contains(*h) == begun);
            hosts.map(|h| &**h).collect::<Vec<_>>()
        };
        let (stopped, never) = (list(true), list(false));
        let mut text = text;
        if !never.is_empty() {
            text = text.hint(format!("not begun: {}", fold(&never)));
        }
        if !stopped.is_empty() {
            text = text.hint(format!("not done to the end: {}", fold(&stopped)));
        }
        Some(text)
    }
}

fn is_over(limit: MaxFail, failed: usize, hosts: usize) -> bool {
    match limit {
        MaxFail::Hosts(n) => failed > n,
        MaxFail::Percent(p) => failed * 100 > hosts * usize::from(p),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_so_many_is_too_many() {
        assert!(is_over(MaxFail::Hosts(0), 1, 10) && !is_over(MaxFail::Hosts(1), 1, 10));
        assert!(is_over(MaxFail::Percent(10), 2, 10) && !is_over(MaxFail::Percent(10), 1, 10));
        assert!(is_over(MaxFail::Percent(0), 1, 1000));
        let halt = Halt::new(Some(MaxFail::Hosts(0)), 3);
        assert!(!halt.is_on() && halt.said().is_none());
        let hosts: Vec<HostName> = ["a", "b", "c"].map(HostName::from).to_vec();
        halt.begins(&hosts[0]);
        halt.begins(&hosts[1]);
        halt.failed(&hosts[0]);
        halt.cut(&hosts);
        assert!(halt.is_on());
        let said = halt.said().unwrap();
        assert!(said.message.starts_with("a does not answer"), "{said:?}");
        assert_eq!(said.hints, ["not begun: c", "not done to the end: b"]);
    }

    #[test]
    fn without_a_limit_nothing_halts() {
        let halt = Halt::new(None, 1);
        halt.failed(&HostName::from("a"));
        assert!(!halt.is_on());
    }
}
