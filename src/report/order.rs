//! Tasks in the order they are written, though hosts come to them at different times.
//!
//! Hosts run freely; people read task by task. A task is told when no host can add to it any more:
//! all have gone past it, or are out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::engine::Event;
use crate::engine::event::{HostName, TaskRef};

type Position = Arc<[usize]>;

/// A task and everything that happened in it, in the order of hosts.
#[derive(Clone, Debug)]
pub struct Block {
    pub task: TaskRef,
    pub events: Vec<Event>,
}

/// Collects events of a play into blocks.
#[derive(Default)]
pub struct Order {
    /// Where each host stands in the order of the play.
    rank: HashMap<HostName, usize>,
    blocks: BTreeMap<Position, Block>,
    /// The last task that each host that still takes part has passed; `None` is before the first.
    at: HashMap<HostName, Option<Position>>,
    /// How many of them stand where: the smallest is what everybody has passed.
    standing: BTreeMap<Option<Position>, usize>,
}

impl Order {
    /// A play begins: these hosts take part.
    pub fn begin(&mut self, hosts: &[HostName]) {
        self.rank = hosts.iter().cloned().zip(0..).collect();
        self.at = hosts.iter().map(|h| (h.clone(), None)).collect();
        self.standing = BTreeMap::from([(None, self.at.len())]);
        self.standing.retain(|_, n| *n > 0);
        self.blocks.clear();
    }

    /// Takes an event of a task; returns what can be told now.
    pub fn take(&mut self, event: &Event) -> Vec<Block> {
        match event {
            Event::TaskStarted { task } => {
                self.block(task);
            }
            Event::Ended { host, task, .. } => {
                self.block(task).events.push(event.clone());
                self.passed(host, task);
            }
            Event::Item { task, .. } | Event::Retry { task, .. } | Event::Polled { task, .. } => {
                self.block(task).events.push(event.clone());
            }
            // More of a loop may come: the host has passed it when it has come to the next task.
            Event::Included {
                task,
                label: Some(_),
                ..
            } => {
                self.block(task).events.push(event.clone());
            }
            Event::Included { hosts, task, .. } => {
                self.block(task).events.push(event.clone());
                for host in hosts {
                    self.passed(host, task);
                }
            }
            Event::Left { host, .. } => self.left(host),
            Event::Unreachable { task, .. } => {
                if let Some(task) = task {
                    self.block(task).events.push(event.clone());
                }
            }
            Event::RunStarted { .. }
            | Event::PlayStarted { .. }
            | Event::PlaySkipped { .. }
            | Event::Stopping { .. }
            | Event::Output { .. }
            | Event::Interrupted { .. }
            | Event::Guard { .. }
            | Event::NotRun { .. }
            | Event::Waiting { .. }
            | Event::Connected { .. }
            | Event::Notified { .. }
            | Event::Pending { .. }
            | Event::Warning { .. }
            | Event::PlayEnded { .. }
            | Event::RunEnded { .. } => {}
        }
        self.ready()
    }

    fn passed(&mut self, host: &HostName, task: &TaskRef) {
        // Who is out stands nowhere, whatever is still heard of it.
        if let Some(at) = self.at.get_mut(host) {
            let now = Some(Arc::clone(&task.position));
            let before = std::mem::replace(at, now.clone());
            self.depart(&before);
            *self.standing.entry(now).or_default() += 1;
        }
    }

    fn left(&mut self, host: &HostName) {
        if let Some(before) = self.at.remove(host) {
            self.depart(&before);
        }
    }

    fn depart(&mut self, from: &Option<Position>) {
        if let Some(count) = self.standing.get_mut(from) {
            *count -= 1;
            if *count == 0 {
                self.standing.remove(from);
            }
        }
    }

    fn block(&mut self, task: &TaskRef) -> &mut Block {
        let fresh = || Block {
            task: task.clone(),
            events: Vec::new(),
        };
        self.blocks
            .entry(Arc::clone(&task.position))
            .or_insert_with(fresh)
    }

    /// Blocks that every host that still takes part has passed.
    fn ready(&mut self) -> Vec<Block> {
        let lowest = self.standing.first_key_value().map(|(at, _)| at.clone());
        let mut told = Vec::new();
        while let Some(first) = self.blocks.first_entry() {
            let waits = lowest
                .as_ref()
                .is_some_and(|at| at.as_ref() < Some(first.key()));
            if waits {
                break;
            }
            let block = first.remove();
            told.push(self.sorted(block));
        }
        told
    }

    /// The play has ended: everything that is left.
    pub fn finish(&mut self) -> Vec<Block> {
        let blocks = std::mem::take(&mut self.blocks);
        blocks.into_values().map(|b| self.sorted(b)).collect()
    }

    /// Results in the order of the play's hosts; each host's own in the order they came.
    fn sorted(&self, mut block: Block) -> Block {
        let rank = |event: &Event| {
            let host = match event {
                Event::Ended { host, .. }
                | Event::Item { host, .. }
                | Event::Retry { host, .. }
                | Event::Polled { host, .. }
                | Event::Unreachable { host, .. } => Some(host),
                Event::Included { hosts, .. } => hosts.first(),
                _ => None,
            };
            host.and_then(|h| self.rank.get(h).copied())
                .unwrap_or(usize::MAX)
        };
        block.events.sort_by_key(rank);
        block
    }
}
