//! Groups within groups: who is above, who is below, and what always holds.

use std::collections::BTreeSet;

use super::MAX_NESTING;
use super::model::{ALL, Group, Host, Inventory, UNGROUPED};

impl Inventory {
    /// These groups and all groups above them.
    pub(super) fn ancestry(&self, groups: &[usize]) -> BTreeSet<usize> {
        let mut seen: BTreeSet<usize> = groups.iter().copied().collect();
        let mut todo: Vec<usize> = groups.to_vec();
        while let Some(group) = todo.pop() {
            for parent in &self.groups[group].parents {
                if seen.insert(*parent) {
                    todo.push(*parent);
                }
            }
        }
        seen
    }

    /// All hosts of a group in inventory order: its own, then its children's, level by level.
    pub(super) fn members(&self, group: usize) -> Vec<usize> {
        let mut order = vec![group];
        let mut seen_groups = BTreeSet::from([group]);
        let mut at = 0;
        while at < order.len() {
            for child in &self.groups[order[at]].children {
                if seen_groups.insert(*child) {
                    order.push(*child);
                }
            }
            at += 1;
        }
        let mut seen = vec![false; self.hosts.len()];
        let mut hosts = Vec::new();
        for host in order.iter().flat_map(|g| &self.groups[*g].hosts) {
            if !std::mem::replace(&mut seen[*host], true) {
                hosts.push(*host);
            }
        }
        hosts
    }

    /// Restores what holds for every inventory: each group is under `all`, hosts without a group are
    /// in `ungrouped` and no others are, depths are distances from `all`.
    pub(super) fn settle(&mut self) {
        for group in 1..self.groups.len() {
            if self.groups[group].parents.is_empty() {
                self.link(ALL, group);
            }
        }
        for host in 0..self.hosts.len() {
            if self.hosts[host].implicit {
                continue;
            }
            let own = &mut self.hosts[host].groups;
            let grouped = own.iter().any(|g| *g != ALL && *g != UNGROUPED);
            if grouped && own.contains(&UNGROUPED) {
                own.retain(|g| *g != UNGROUPED);
            } else if !grouped && !own.contains(&UNGROUPED) {
                own.push(UNGROUPED);
                self.groups[UNGROUPED].hosts.push(host);
            }
        }
        let hosts = &self.hosts;
        let left = &mut self.groups[UNGROUPED].hosts;
        left.retain(|h| hosts[*h].groups.contains(&UNGROUPED));
        self.measure();
    }

    /// The depth of a group is its longest distance from `all`. Parents before children (Kahn).
    fn measure(&mut self) {
        let mut waiting: Vec<usize> = self.groups.iter().map(|g| g.parents.len()).collect();
        let mut ready = vec![ALL];
        self.groups[ALL].depth = 0;
        for group in &mut self.groups[1..] {
            group.depth = 1;
        }
        while let Some(group) = ready.pop() {
            let below = self.groups[group].depth + 1;
            for child in self.groups[group].children.clone() {
                self.groups[child].depth = self.groups[child].depth.max(below);
                waiting[child] -= 1;
                if waiting[child] == 0 {
                    ready.push(child);
                }
            }
        }
    }

    /// A group that is in more groups than can be shown.
    pub(super) fn too_deep(&self) -> Option<&Group> {
        self.groups.iter().find(|g| g.depth > MAX_NESTING)
    }

    /// Names that are both a host's and a group's: legal, and rarely meant.
    pub(super) fn ambiguous(&self) -> Vec<&Host> {
        let both = |h: &&Host| self.group_index.contains_key(h.name.as_str());
        self.hosts.iter().filter(both).collect()
    }
}
