//! Events to what the history keeps of a run: a letter for each task of each host, and what there is
//! to tell of some.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use crate::engine::Event;
use crate::engine::event::{GuardStage, HostName, Outcome, Recap, Status as Ended, TaskRef};
use crate::history::{Difference, Found, Kind, Stand, Status, Task, digest};
use crate::source::Mask;

use super::super::Reporter;
use super::super::group::{self, Detail};
use super::super::text::{place, safe, unified};
use super::Gathered;

/// Differences of one run are kept up to so many bytes; of what comes behind, what it is about.
const MOST_BODIES: usize = 64 * 1024 * 1024;

/// Of one difference so many lines are kept.
const MOST_LINES: usize = 400;

/// A task by its play and its place in it.
type Key = (usize, Arc<[usize]>);

#[derive(Default)]
struct Host {
    /// How tasks went, by their numbers; the last word counts.
    cells: Vec<(usize, Status)>,
    found: BTreeMap<usize, Found>,
    lost: Option<String>,
    /// A failure was not the end of it.
    rescued: bool,
}

/// Gathers what a run leaves to the history, behind whatever shows it.
pub struct Fold {
    mask: Mask,
    plays: BTreeMap<usize, String>,
    numbers: HashMap<Key, usize>,
    /// By their numbers, with what they are ordered by.
    tasks: Vec<(Key, Task)>,
    hosts: BTreeMap<HostName, Host>,
    differences: BTreeMap<String, Difference>,
    bytes: usize,
}

/// What a run's gatherer is asked for when the run has ended.
pub type Slot = Arc<Mutex<Fold>>;

/// Shows events as another reporter does, and gathers them.
pub struct Keeper {
    inner: Box<dyn Reporter>,
    fold: Slot,
}

impl Keeper {
    pub fn new(inner: Box<dyn Reporter>, mask: Mask) -> (Keeper, Slot) {
        let fold = Arc::new(Mutex::new(Fold::new(mask)));
        let slot = Arc::clone(&fold);
        (Keeper { inner, fold }, slot)
    }
}

impl Reporter for Keeper {
    fn event(&mut self, event: &Event) {
        self.inner.event(event);
        if let Ok(mut fold) = self.fold.lock() {
            fold.event(event);
        }
    }

    fn tick(&mut self) {
        self.inner.tick();
    }

    fn hide(&mut self) {
        self.inner.hide();
    }
}

impl Fold {
    pub fn new(mask: Mask) -> Fold {
        Fold {
            mask,
            plays: BTreeMap::new(),
            numbers: HashMap::new(),
            tasks: Vec::new(),
            hosts: BTreeMap::new(),
            differences: BTreeMap::new(),
            bytes: 0,
        }
    }

    pub fn event(&mut self, event: &Event) {
        match event {
            Event::PlayStarted { play, hosts } => {
                let name = safe(&play.name, &self.mask);
                self.plays.insert(play.index, name);
                for host in hosts {
                    self.hosts.entry(host.clone()).or_default();
                }
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
                ..
            } => {
                let said = safe(message, &self.mask);
                if let Some(task) = task {
                    let number = self.number(task);
                    self.tell(host, number, Status::Unreachable, Some(said.clone()), None);
                }
                self.hosts.entry(host.clone()).or_default().lost = Some(said);
            }
            Event::Guard {
                host,
                stage: GuardStage::Reverted { why } | GuardStage::Lost { why },
                tasks,
            } => {
                for task in tasks {
                    let number = self.number(task);
                    let said = safe(&format!("put back: {why}"), &self.mask);
                    self.tell(host, number, Status::Failed, Some(said), None);
                }
            }
            Event::RunEnded { recap, .. } => recap.iter().for_each(|one| self.recap(one)),
            Event::RunStarted { .. }
            | Event::PlaySkipped { .. }
            | Event::TaskStarted { .. }
            | Event::Item { .. }
            | Event::Retry { .. }
            | Event::Polled { .. }
            | Event::Guard { .. }
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

    fn recap(&mut self, one: &Recap) {
        if let Some(host) = self.hosts.get_mut(one.host.as_str()) {
            host.rescued = one.failed == 0 && one.reverted == 0 && one.locked_out == 0;
        }
    }

    fn number(&mut self, task: &TaskRef) -> usize {
        let key = (task.play, Arc::clone(&task.position));
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = self.tasks.len();
        let name = safe(&task.name, &self.mask);
        let play = self.plays.get(&task.play).map_or("", String::as_str);
        let role = task.role.as_deref().map(|r| safe(r, &self.mask));
        let words = [Some(play), role.as_deref(), Some(&name)];
        let words: Vec<&str> = words
            .into_iter()
            .flatten()
            .filter(|w| !w.is_empty())
            .collect();
        let known = Task {
            address: words.join("/"),
            place: place(&task.span),
            name: match &role {
                Some(role) => format!("{role} : {name}"),
                None => name,
            },
        };
        self.tasks.push((key.clone(), known));
        self.numbers.insert(key, number);
        number
    }

    fn ended(&mut self, host: &HostName, task: &TaskRef, outcome: &Outcome) {
        let number = self.number(task);
        let status = status(outcome.status);
        if !status.is_told() {
            if let Some(host) = self.hosts.get_mut(host) {
                host.cells.push((number, status));
            }
            return;
        }
        let told = group::tell(task, outcome, None, &self.mask, &Detail::default());
        let message = match told.body.is_empty() {
            true => None,
            false => Some(told.body.join("\n")),
        };
        let difference = match task.no_log || outcome.changes.is_empty() {
            true => None,
            false => Some(self.difference(outcome)),
        };
        self.tell(host, number, status, message, difference);
    }

    fn tell(
        &mut self,
        host: &HostName,
        task: usize,
        status: Status,
        message: Option<String>,
        difference: Option<String>,
    ) {
        let host = self.hosts.entry(host.clone()).or_default();
        host.cells.push((task, status));
        let found = Found {
            task,
            status,
            message,
            difference,
        };
        // A handler that runs twice is told by what went worse.
        match host.found.get(&task) {
            Some(before) if before.status > status => {}
            _ => drop(host.found.insert(task, found)),
        }
    }

    /// Keeps what an outcome changes, once for all hosts on which it is the same; its digest.
    fn difference(&mut self, outcome: &Outcome) -> String {
        let mask = &self.mask;
        let ends: Vec<[String; 4]> = outcome
            .changes
            .iter()
            .map(|c| {
                [&c.title, &c.before, &c.after, &c.summary].map(|t| mask.apply(t).into_owned())
            })
            .collect();
        let digest = digest(ends.iter().flatten().map(String::as_str));
        if self.differences.contains_key(&digest) {
            return digest;
        }
        let titles: Vec<String> = ends.iter().map(|[t, ..]| safe(t, mask)).collect();
        let mut body = String::new();
        for change in outcome.changes.iter().filter(|c| !holds_secrets(c)) {
            let title = safe(&change.title, mask);
            body.push_str(&safe(&unified(change, &title, &title), mask));
        }
        let body = match self.bytes > MOST_BODIES {
            true => String::new(),
            false => short(&body),
        };
        self.bytes += body.len();
        let difference = Difference {
            title: titles.join(", "),
            summary: group::changes(outcome, mask),
            body,
        };
        self.differences.insert(digest.clone(), difference);
        digest
    }

    /// All that was gathered; nothing is left.
    pub fn take(&mut self) -> Gathered {
        let tasks = std::mem::take(&mut self.tasks);
        self.numbers.clear();
        let mut order: Vec<usize> = (0..tasks.len()).collect();
        order.sort_by(|a, b| tasks[*a].0.cmp(&tasks[*b].0));
        let mut places = vec![0; tasks.len()];
        for (place, number) in order.iter().enumerate() {
            places[*number] = place;
        }
        let hosts = std::mem::take(&mut self.hosts);
        let hosts = hosts
            .into_iter()
            .map(|(name, host)| stand(&name, host, &places));
        Gathered {
            hosts: hosts.collect(),
            tasks: addressed(order.iter().map(|n| tasks[*n].1.clone())),
            differences: std::mem::take(&mut self.differences),
        }
    }
}

/// Tasks of one address are told apart by their order.
fn addressed(tasks: impl Iterator<Item = Task>) -> Vec<Task> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let number = |mut task: Task| {
        let count = seen.entry(task.address.clone()).or_default();
        *count += 1;
        if *count > 1 {
            task.address = format!("{} ({count})", task.address);
        }
        task
    };
    tasks.map(number).collect()
}

fn stand(name: &str, host: Host, places: &[usize]) -> Stand {
    let mut cells: Vec<Option<Status>> = vec![None; places.len()];
    for (number, status) in host.cells {
        let cell = &mut cells[places[number]];
        *cell = (*cell).max(Some(status));
    }
    let mut found: Vec<Found> = host.found.into_values().collect();
    for one in &mut found {
        one.task = places[one.task];
    }
    found.sort_by_key(|f| f.task);
    let state = match (&host.lost, host.rescued) {
        (Some(_), _) => Status::Unreachable,
        (None, false) => Stand::worst(&cells),
        (None, true) => {
            let left = cells.iter().flatten().filter(|s| s.kind() != Kind::Trouble);
            Stand::worst(&left.map(|s| Some(*s)).collect::<Vec<_>>())
        }
    };
    Stand {
        host: name.to_owned(),
        state,
        message: host.lost,
        cells,
        found,
    }
}

fn status(ended: Ended) -> Status {
    match ended {
        Ended::Ok => Status::Ok,
        Ended::Changed => Status::Changed,
        Ended::Skipped => Status::Skipped,
        Ended::Failed => Status::Failed,
        Ended::Ignored => Status::Ignored,
        Ended::Unknown => Status::Unknown,
        Ended::Unreachable => Status::Unreachable,
    }
}

/// What is secret whoever writes it: files of passwords, and private keys.
fn holds_secrets(change: &crate::engine::event::Diff) -> bool {
    let key = |text: &str| text.contains("PRIVATE KEY-----");
    change.title.contains("/etc/shadow")
        || change.title.contains("/etc/gshadow")
        || key(&change.before)
        || key(&change.after)
}

fn short(body: &str) -> String {
    let lines = body.lines().count();
    if lines <= MOST_LINES {
        return body.to_owned();
    }
    let head: Vec<&str> = body.lines().take(MOST_LINES).collect();
    let more = lines - MOST_LINES;
    format!("{}\n… {more} lines more\n", head.join("\n"))
}
