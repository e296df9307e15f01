//! What a run that goes on with another one knows of it: handlers that are pending, and commands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::action::{Decision, Done, Step};
use crate::journal::pending::{Known, Pending};
use crate::plan::{Play, Task};
use crate::resource::{Ran, Run};

use super::cursor::Position;
use super::event::{HostName, TaskRef};
use super::runner::Runner;
use super::verdict::Raw;

/// What is known of the run that is resumed.
#[derive(Debug, Default)]
pub struct Resumed {
    pub run: String,
    /// Commands of which nobody knows whether they ended are run again.
    pub repeat: bool,
    pub known: BTreeMap<String, Known>,
    pending: Mutex<BTreeMap<String, Vec<Pending>>>,
    /// By task and command, the places in the run that have taken one of its results.
    taken: Mutex<BTreeMap<(String, String, String), BTreeSet<(Position, usize)>>>,
}

impl Resumed {
    pub fn new(run: String, known: BTreeMap<String, Known>, pending: Vec<Pending>) -> Resumed {
        let mut by_host: BTreeMap<String, Vec<Pending>> = BTreeMap::new();
        for one in pending {
            by_host.entry(one.host.clone()).or_default().push(one);
        }
        Resumed {
            run,
            known,
            pending: Mutex::new(by_host),
            ..Resumed::default()
        }
    }

    /// Tokens of scripts that nobody saw the end of, by host.
    pub(super) fn dead(&self) -> BTreeMap<HostName, Vec<String>> {
        let of =
            |(host, known): (&String, &Known)| (HostName::from(host.as_str()), known.dead.clone());
        self.known.iter().map(of).collect()
    }

    /// Handlers that are still pending on a host and of which this is so; they are no more afterwards.
    fn take(&self, host: &str, is: impl Fn(&Pending) -> bool) -> Vec<Pending> {
        let Ok(mut all) = self.pending.lock() else {
            return Vec::new();
        };
        let Some(of) = all.get_mut(host) else {
            return Vec::new();
        };
        of.extract_if(.., |p| is(p)).collect()
    }

    /// The result of a command that ended, for one place in the run. There are as many as it was run.
    fn ended(&self, host: &str, place: &str, key: &str, at: (&Position, usize)) -> Option<Ran> {
        let known = self.known.get(host)?;
        let all = known.ended.get(&(place.to_owned(), key.to_owned()))?;
        let mut taken = self.taken.lock().ok()?;
        let by = taken.entry((host.to_owned(), place.to_owned(), key.to_owned()));
        let by = by.or_default();
        let me = (Arc::clone(at.0), at.1);
        if !by.contains(&me) && by.len() >= all.len() {
            return None;
        }
        by.insert(me);
        all.last().cloned()
    }

    fn is_open(&self, host: &str, place: &str, key: &str) -> bool {
        let known = self.known.get(host);
        known.is_some_and(|k| k.open.contains(&(place.to_owned(), key.to_owned())))
    }
}

/// Where tasks of the sections behind this one are written.
fn behind(play: &Play, section: usize) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    let sections = [&play.pre_tasks, &play.tasks, &play.post_tasks];
    for items in sections.into_iter().skip(section + 1) {
        crate::plan::list::each(items, &mut |task| {
            places.insert(task.span.to_string());
        });
    }
    places
}

impl Runner {
    /// What is known of an item whose commands ended in the run that is resumed, or must not be run
    /// again because nobody knows whether they did. `guided` is that it was asked whether they are
    /// needed.
    pub(super) fn recall(
        &mut self,
        (task, name, item): (&Task, &TaskRef, usize),
        action: &dyn crate::action::Task,
        decision: &Decision,
        guided: bool,
    ) -> Option<Raw> {
        let resumed = self.ctx.options.resumed.clone()?;
        let commands = commands(decision)?;
        if name.handler {
            return None;
        }
        let place = task.span.to_string();
        let journal = &self.ctx.sessions.journal;
        let keys: Vec<String> = commands.iter().map(|run| journal.key(run)).collect();
        let hosts: Vec<&str> = match task.keywords.run_once.is_some() {
            true => resumed.known.keys().map(String::as_str).collect(),
            false => vec![&*self.host],
        };
        for host in hosts {
            let ended = |key: &String| resumed.ended(host, &place, key, (&name.position, item));
            let all: Option<Vec<Done>> = keys.iter().map(|k| ended(k).map(Done::Ran)).collect();
            if let Some(done) = all {
                self.recalled.insert(Arc::clone(&name.position));
                return Some(super::prepare::conclude(action, decision, &done));
            }
        }
        let tells = commands.iter().all(|run| run.tells);
        let open = keys.iter().any(|k| resumed.is_open(&self.host, &place, k));
        (open && !guided && !tells && !resumed.repeat).then(|| Raw {
            failed: Some(format!(
                "nobody knows whether this command came to its end in the run {}: look at the host, then \
                 run it again with `palisade resume --repeat`",
                resumed.run
            )),
            ..Raw::default()
        })
    }

    /// A task that had asked for handlers in the run that is resumed is done: now they have their time.
    pub(super) fn resume_notified_by(&mut self, place: &str) {
        self.resume_notified(|p| p.by == place);
    }

    /// A section came to its end: whatever is pending and was not asked for by a later one is due.
    pub(super) fn resume_rest(&mut self, section: usize) {
        if self.ctx.options.resumed.is_some() {
            let later = behind(&self.play.play, section);
            self.resume_notified(|p| !later.contains(&p.by));
        }
    }

    fn resume_notified(&mut self, is: impl Fn(&Pending) -> bool) {
        let Some(resumed) = self.ctx.options.resumed.clone() else {
            return;
        };
        let play = Arc::clone(&self.play);
        let here = |p: &Pending| is(p) && play.handler_at(&p.handler, &p.name).is_some();
        for one in resumed.take(&self.host, here) {
            if let Some(index) = play.handler_at(&one.handler, &one.name) {
                self.notified.insert(index);
                self.due.insert(index);
                self.tell_notified(one.name.clone());
            }
        }
    }
}

/// The commands that a decision comes to, if it is nothing else and they change something.
fn commands(decision: &Decision) -> Option<Vec<&Run>> {
    let all: Option<Vec<&Run>> = decision.steps.iter().map(command).collect();
    all.filter(|runs| !runs.is_empty())
}

fn command(step: &Step) -> Option<&Run> {
    match step {
        Step::Run(run) if run.changes && !run.read_only => Some(run),
        _ => None,
    }
}
