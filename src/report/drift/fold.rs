//! Events to a report: what differs, what nobody knows, what failed, host by host.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::engine::Event;
use crate::engine::event::{Diff, GuardStage, HostName, Outcome, Recap, Status, TaskRef};
use crate::source::{Mask, Value};

use super::super::group::{Detail, tell};
use super::alike::{Alike, Said};
use super::model::{Fix, Kind, TaskInfo};
use super::own::Own;

/// What stands for a difference that `no_log` hides.
const HIDDEN: &str = "(hidden by no_log)";

/// What is looked at, when, and what is known of hosts before.
pub struct Subject {
    pub playbooks: Vec<String>,
    pub now: Timestamp,
    pub mask: Mask,
    /// Of each host, variables whose value no other host has.
    pub own: BTreeMap<String, Vec<(String, String)>>,
}

/// A host, as far as it is known.
#[derive(Default)]
pub(super) struct Host {
    pub(super) own: Own,
    pub(super) why: Option<String>,
    pub(super) recap: Recap,
    pub(super) fixing: Recap,
}

/// What is done to hosts that differ.
pub(super) struct Fixing {
    pub(super) fix: Fix,
    pub(super) hosts: BTreeSet<usize>,
    pub(super) alike: Alike,
    /// What was put back, by host and task.
    pub(super) reverted: HashSet<(usize, usize)>,
}

pub struct Fold {
    pub(super) subject: Subject,
    pub(super) hosts: Vec<Host>,
    pub(super) names: Vec<HostName>,
    pub(super) index: HashMap<HostName, usize>,
    pub(super) plays: Vec<String>,
    pub(super) tasks: Vec<TaskInfo>,
    /// Where tasks stand in their plays, and which they are.
    pub(super) places: BTreeMap<(usize, Arc<[usize]>), usize>,
    pub(super) found: Alike,
    /// Loops whose items were told one by one.
    pub(super) looped: HashSet<(usize, usize)>,
    pub(super) seconds: f64,
    pub(super) stopped: bool,
    pub(super) fixing: Option<Fixing>,
}

impl Fold {
    pub fn new(subject: Subject) -> Fold {
        Fold {
            subject,
            hosts: Vec::new(),
            names: Vec::new(),
            index: HashMap::new(),
            plays: Vec::new(),
            tasks: Vec::new(),
            places: BTreeMap::new(),
            found: Alike::default(),
            looped: HashSet::new(),
            seconds: 0.0,
            stopped: false,
            fixing: None,
        }
    }

    pub fn event(&mut self, event: &Event) {
        match event {
            Event::PlayStarted { play, hosts } => {
                if self.plays.len() <= play.index {
                    self.plays.resize(play.index + 1, String::new());
                }
                self.plays[play.index] = self.subject.mask.apply(&play.name).into_owned();
                for host in hosts {
                    self.host(host);
                }
            }
            Event::Item {
                host,
                task,
                label,
                outcome,
                ..
            } => {
                let (h, t) = (self.host(host), self.task(task));
                self.looped.insert((h, t));
                self.outcome(h, (t, task), Some(label), outcome);
            }
            Event::Ended {
                host,
                task,
                outcome,
            } => self.ended(host, task, outcome),
            Event::Unreachable {
                host,
                task,
                message,
                hint,
                ..
            } => self.lost(host, task.as_ref(), message, hint.as_deref()),
            Event::Guard { host, stage, tasks } => self.guard(host, stage, tasks),
            Event::RunEnded {
                recap,
                seconds,
                stopped,
                ..
            } => self.end(recap, *seconds, *stopped),
            Event::RunStarted { .. }
            | Event::PlaySkipped { .. }
            | Event::TaskStarted { .. }
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

    fn host(&mut self, name: &HostName) -> usize {
        if let Some(index) = self.index.get(name) {
            return *index;
        }
        let mut own = Own::default();
        own.name("inventory_hostname", name);
        for (variable, value) in self.subject.own.get(&**name).into_iter().flatten() {
            own.value(variable, value);
        }
        let short = name.split('.').next().unwrap_or(name);
        if short.parse::<u8>().is_err() {
            own.name("inventory_hostname_short", short);
        }
        let index = self.hosts.len();
        self.hosts.push(Host {
            own,
            ..Host::default()
        });
        self.names.push(name.clone());
        self.index.insert(name.clone(), index);
        index
    }

    fn task(&mut self, task: &TaskRef) -> usize {
        let place = (task.play, Arc::clone(&task.position));
        let next = self.tasks.len();
        let index = *self.places.entry(place).or_insert(next);
        if index == next {
            self.tasks.push(TaskInfo {
                play: task.play,
                name: self.subject.mask.apply(&task.name).into_owned(),
                role: task.role.clone(),
                action: task.action.clone(),
                at: task.span.to_string(),
                handler: task.handler,
                hosts: 0,
                skipped: 0,
            });
        }
        index
    }

    fn ended(&mut self, host: &HostName, task: &TaskRef, outcome: &Outcome) {
        let (h, t) = (self.host(host), self.task(task));
        let facts = outcome.result.get("ansible_facts");
        if let Some(facts) = facts.and_then(Value::as_mapping) {
            self.hosts[h].own.learn(facts);
        }
        if self.fixing.is_none() {
            self.tasks[t].hosts += 1;
            self.tasks[t].skipped += usize::from(outcome.status == Status::Skipped);
        }
        let told = self.looped.remove(&(h, t));
        // A loop that failed before its first item has only itself to tell.
        if !told {
            self.outcome(h, (t, task), None, outcome);
        }
    }

    fn outcome(
        &mut self,
        h: usize,
        (t, task): (usize, &TaskRef),
        label: Option<&str>,
        outcome: &Outcome,
    ) {
        let fixes = self.fixing.is_some();
        if !self.heeds(h) {
            return;
        }
        let kind = match outcome.status {
            Status::Ok | Status::Skipped | Status::Ignored | Status::Unreachable => return,
            Status::Changed | Status::Unknown if task.handler => Kind::Follows,
            Status::Changed if fixes => Kind::Fixed,
            Status::Changed => Kind::Differs,
            Status::Unknown => Kind::Unknown,
            Status::Failed => Kind::Failed,
        };
        let mask = self.subject.mask.clone();
        let item = label
            .filter(|_| !task.no_log)
            .map(|l| mask.apply(l).into_owned());
        let said = Said {
            item: item.map(Cow::Owned),
            ..Said::of(kind, Some(t), Cow::default())
        };
        let tells = matches!(kind, Kind::Differs | Kind::Fixed | Kind::Follows);
        if task.no_log && tells {
            let summary = HIDDEN.into();
            return self.put(h, &Said { summary, ..said });
        }
        if tells && !outcome.changes.is_empty() {
            for change in &outcome.changes {
                let Diff {
                    title,
                    before,
                    after,
                    summary,
                } = change;
                let said = Said {
                    on: mask.apply(title),
                    summary: mask.apply(summary),
                    before: mask.apply(before),
                    after: mask.apply(after),
                    ..said.clone()
                };
                self.put(h, &said);
            }
            return;
        }
        let summary = match tells {
            true => String::new(),
            false => {
                let told = tell(task, outcome, None, &mask, &Detail::default());
                told.body.join("\n")
            }
        };
        if kind == Kind::Failed {
            let first = summary.lines().next().unwrap_or_default();
            let why = format!("{}: {first}", mask.apply(&task.name));
            self.hosts[h].why.get_or_insert(why);
        }
        let summary = summary.into();
        self.put(h, &Said { summary, ..said });
    }

    /// Who is only looked at once more, while others are fixed, has been told of.
    fn heeds(&self, host: usize) -> bool {
        let fixing = self.fixing.as_ref();
        fixing.is_none_or(|f| f.hosts.contains(&host))
    }

    fn put(&mut self, host: usize, said: &Said<'_>) {
        let own = &self.hosts[host].own;
        match &mut self.fixing {
            Some(fixing) => fixing.alike.add(host, own, said),
            None => self.found.add(host, own, said),
        }
    }

    fn lost(&mut self, host: &HostName, task: Option<&TaskRef>, message: &str, hint: Option<&str>) {
        let h = self.host(host);
        let t = task.map(|task| self.task(task));
        if !self.heeds(h) {
            return;
        }
        let mask = &self.subject.mask;
        let mut text = mask.apply(message).into_owned();
        let hint = hint.map(|hint| mask.apply(hint));
        self.hosts[h].why = Some(text.clone());
        if let Some(hint) = hint {
            text.push_str(&format!("\nhint: {hint}"));
        }
        let summary = text.into();
        self.put(h, &Said::of(Kind::Unreachable, t, summary));
    }

    /// What was put back is not fixed, whatever its task said when it was made.
    fn guard(&mut self, host: &HostName, stage: &GuardStage, tasks: &[TaskRef]) {
        let why = match stage {
            GuardStage::Armed { .. }
            | GuardStage::Confirmed
            | GuardStage::Divided { .. }
            | GuardStage::UnderWay { .. }
            | GuardStage::WasReverted { .. } => return,
            GuardStage::Reverted { why } => {
                format!("it was put back, because no new login came in with it: {why}")
            }
            GuardStage::Left { .. } => {
                "nobody confirmed it, and the host puts itself back".to_owned()
            }
            GuardStage::Lost { why } => format!("no new login comes in with it: {why}"),
        };
        let h = self.host(host);
        let why = self.subject.mask.apply(&why).into_owned();
        for task in tasks {
            let t = self.task(task);
            if let Some(fixing) = &mut self.fixing {
                fixing.reverted.insert((h, t));
                let summary = why.as_str().into();
                self.put(h, &Said::of(Kind::Reverted, Some(t), summary));
            }
        }
    }

    fn end(&mut self, recap: &[Recap], seconds: f64, stopped: bool) {
        self.stopped |= stopped;
        for one in recap {
            let host = self.index.get(one.host.as_str()).copied();
            let Some(host) = host.and_then(|h| self.hosts.get_mut(h)) else {
                continue;
            };
            match self.fixing {
                Some(_) => host.fixing = one.clone(),
                None => host.recap = one.clone(),
            }
        }
        match &mut self.fixing {
            Some(fixing) => fixing.fix.seconds = seconds,
            None => self.seconds = seconds,
        }
    }
}
