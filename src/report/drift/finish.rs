//! From what was told to a report: how each host stands, and what is said of whom.

use std::collections::{BTreeSet, HashSet};

use crate::engine::event::HostName;

use super::alike::Alike;
use super::fold::{Fixing, Fold, Host};
use super::model::{Fix, HostInfo, Kind, Report, Standing};
use super::own::Own;
use super::sorted;

impl Fold {
    /// How many hosts take part.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// Hosts that differ and could be looked at to the end, and those that could not.
    pub fn drifted(&self) -> (Vec<HostName>, Vec<HostName>) {
        let mut sides = (Vec::new(), Vec::new());
        for host in self.counted() {
            match (host.standing, host.differences) {
                (_, 0) => {}
                (Standing::Differs, _) => sides.0.push(host.host),
                _ => sides.1.push(host.host),
            }
        }
        sides
    }

    /// How hosts stand after the look.
    fn counted(&self) -> Vec<HostInfo> {
        let counts = self.found.counts(self.hosts.len());
        let of = |(h, host): (usize, &Host)| {
            let [differences, unknown] = counts[h];
            let standing = match () {
                () if host.recap.unreachable > 0 => Standing::Unreachable,
                () if host.recap.failed > 0 => Standing::Failed,
                () if self.stopped && self.fixing.is_none() => Standing::Stopped,
                () if differences > 0 => Standing::Differs,
                () if unknown > 0 => Standing::Unknown,
                () => Standing::Same,
            };
            HostInfo {
                host: self.names[h].clone(),
                standing,
                why: host.why.clone(),
                differences,
                unknown,
                fixed: 0,
                round_trips: host.recap.round_trips,
            }
        };
        self.hosts.iter().enumerate().map(of).collect()
    }

    /// From now on what happens is a fix of these hosts. `left` differ too and are left alone.
    pub fn fix(&mut self, hosts: &[HostName], left: &[HostName], halted: Option<usize>) {
        let indices = |names: &[HostName]| -> Vec<usize> {
            names
                .iter()
                .filter_map(|n| self.index.get(n).copied())
                .collect()
        };
        let fix = Fix {
            hosts: hosts.len(),
            halted,
            left: indices(left),
            ..Fix::default()
        };
        self.fixing = Some(Fixing {
            fix,
            hosts: indices(hosts).into_iter().collect(),
            alike: Alike::default(),
            reverted: HashSet::new(),
        });
    }

    /// The report of all that happened.
    pub fn finish(mut self) -> Report {
        let mut hosts = self.counted();
        let (found, dropped) = std::mem::take(&mut self.found).take();
        let owns: Vec<&Own> = self.hosts.iter().map(|h| &h.own).collect();
        // A failure that was rescued is none.
        let keeps = |kind: Kind, h: usize, _: Option<usize>| {
            kind != Kind::Failed || self.hosts[h].recap.failed > 0
        };
        let mut entries = sorted::entries(found, &owns, &keeps);
        let fixing = self.fixing.take();
        let fix = fixing.map(|f| fixed(f, &self.hosts, self.stopped, &mut hosts));
        let mut report = Report {
            started: self.subject.now.to_string(),
            seconds: self.seconds,
            playbooks: self.subject.playbooks,
            plays: self.plays,
            tasks: self.tasks,
            hosts,
            entries: Vec::new(),
            stopped: self.stopped,
            dropped,
            fix,
        };
        // In the order of the playbook, whichever host came to a task first.
        let order: Vec<usize> = self.places.into_values().collect();
        sorted::arrange(&mut report, &mut entries, &order);
        report.entries = entries;
        report
    }
}

/// What came of a fix; hosts stand as it left them.
fn fixed(fixing: Fixing, known: &[Host], stopped: bool, hosts: &mut [HostInfo]) -> Fix {
    let (groups, _) = fixing.alike.take();
    let owns: Vec<&Own> = known.iter().map(|h| &h.own).collect();
    let gone = &fixing.reverted;
    let keeps = |kind: Kind, h: usize, t: Option<usize>| match kind {
        Kind::Failed => known[h].fixing.failed > 0,
        Kind::Fixed => !t.is_some_and(|t| gone.contains(&(h, t))),
        _ => true,
    };
    let entries = sorted::entries(groups, &owns, &keeps);
    for entry in entries.iter().filter(|e| e.kind == Kind::Fixed) {
        for h in &entry.hosts {
            hosts[*h].fixed += 1;
        }
    }
    let put_back: BTreeSet<usize> = gone.iter().map(|(host, _)| *host).collect();
    for h in &fixing.hosts {
        let recap = &known[*h].fixing;
        hosts[*h].standing = match () {
            () if fixing.fix.halted.is_some() => Standing::Differs,
            () if recap.unreachable > 0 => Standing::Unreachable,
            () if recap.failed > 0 => Standing::Failed,
            () if stopped => Standing::Stopped,
            () if put_back.contains(h) => Standing::Differs,
            () if recap.unknown > 0 => Standing::Unknown,
            () => Standing::Fixed,
        };
    }
    Fix {
        entries,
        ..fixing.fix
    }
}
