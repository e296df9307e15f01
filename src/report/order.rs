//! Tasks in the order they are written, though hosts come to them at different times.
//!
//! Hosts run freely; people read task by task. A task is told when no host can add to it any more:
//! all have gone past it, or are out.

use std::collections::{BTreeMap, BTreeSet};
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
    hosts: Vec<HostName>,
    blocks: BTreeMap<Position, Block>,
    at: BTreeMap<HostName, Position>,
    out: BTreeSet<HostName>,
}

impl Order {
    /// A play begins: these hosts take part.
    pub fn begin(&mut self, hosts: &[HostName]) {
        self.hosts = hosts.to_vec();
        self.blocks.clear();
        self.at.clear();
        self.out.clear();
    }

    /// Takes an event of a task; returns what can be told now.
    pub fn take(&mut self, event: &Event) -> Vec<Block> {
        match event {
            Event::TaskStarted { task } => {
                self.block(task);
            }
            Event::Ended { host, task, .. } => {
                self.block(task).events.push(event.clone());
                self.at.insert(host.clone(), Arc::clone(&task.position));
            }
            Event::Item { task, .. } | Event::Retry { task, .. } => {
                self.block(task).events.push(event.clone());
            }
            Event::Included { hosts, task, .. } => {
                self.block(task).events.push(event.clone());
                for host in hosts {
                    self.at.insert(host.clone(), Arc::clone(&task.position));
                }
            }
            Event::Left { host, .. } => {
                self.out.insert(host.clone());
            }
            Event::Unreachable { task, .. } => {
                if let Some(task) = task {
                    self.block(task).events.push(event.clone());
                }
            }
            Event::RunStarted { .. }
            | Event::PlayStarted { .. }
            | Event::PlaySkipped { .. }
            | Event::Waiting { .. }
            | Event::Connected { .. }
            | Event::Notified { .. }
            | Event::Warning { .. }
            | Event::PlayEnded { .. }
            | Event::RunEnded { .. } => {}
        }
        self.ready()
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
        let live: Vec<&HostName> = self
            .hosts
            .iter()
            .filter(|h| !self.out.contains(*h))
            .collect();
        let mut told = Vec::new();
        while let Some(first) = self.blocks.first_key_value().map(|(p, _)| Arc::clone(p)) {
            let passed = |h: &&HostName| self.at.get(*h).is_some_and(|at| *at >= first);
            if !live.iter().all(passed) {
                break;
            }
            told.extend(self.blocks.remove(&first).map(|b| self.sorted(b)));
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
                | Event::Unreachable { host, .. } => Some(host),
                Event::Included { hosts, .. } => hosts.first(),
                _ => None,
            };
            host.and_then(|h| self.hosts.iter().position(|x| x == h))
                .unwrap_or(usize::MAX)
        };
        block.events.sort_by_key(rank);
        block
    }
}
