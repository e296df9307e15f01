//! The end of a run: counts of hosts in Ansible's order, and what it cost.

use std::collections::BTreeMap;

use crate::engine::event::{Recap, TrafficTotal};
use crate::inventory::fold::fold;

/// More hosts than these are shown together where their counts are equal.
pub const MOST_SINGLE: usize = 20;

/// The counts as Ansible gives them: what check mode does not run, it skips.
pub fn columns_of_ansible(host: &Recap) -> String {
    let not_run = host.unknown.saturating_sub(host.unseen);
    let skipped = host.skipped + not_run;
    let mut text = columns(&Recap {
        skipped,
        ..host.clone()
    });
    if host.unseen > 0 {
        text.push_str(&format!("unknown={}", host.unseen));
    }
    text
}

/// `ok=3    changed=1    …`, padded as Ansible pads it.
pub fn columns(host: &Recap) -> String {
    format!(
        "ok={:<4} changed={:<4} unreachable={:<4} failed={:<4} skipped={:<4} rescued={:<4} \
         ignored={:<4}",
        host.ok,
        host.changed,
        host.unreachable,
        host.failed,
        host.skipped,
        host.rescued,
        host.ignored
    )
}

/// Whether anything at all happened on a host.
pub fn took_part(host: &Recap) -> bool {
    key(host).iter().any(|n| *n > 0)
}

/// One line of the recap: hosts and their counts.
pub struct Line {
    pub hosts: String,
    pub counts: Recap,
}

/// A line for each host, or for each set of hosts with equal counts.
pub fn lines(recap: &[Recap]) -> Vec<Line> {
    if recap.len() <= MOST_SINGLE {
        let mut all: Vec<&Recap> = recap.iter().filter(|r| took_part(r)).collect();
        all.sort_by(|a, b| crate::inventory::fold::natural(&a.host, &b.host));
        let line = |r: &Recap| Line {
            hosts: r.host.clone(),
            counts: r.clone(),
        };
        return all.into_iter().map(line).collect();
    }
    let mut groups: BTreeMap<[u64; 11], Vec<&str>> = BTreeMap::new();
    for host in recap.iter().filter(|r| took_part(r)) {
        groups.entry(key(host)).or_default().push(&host.host);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    // The many that are fine last, so that what matters is not scrolled away by them.
    groups.sort_by_key(|(_, hosts)| hosts.len());
    let line = |(k, hosts): ([u64; 11], Vec<&str>)| Line {
        hosts: fold(&hosts),
        counts: Recap {
            host: String::new(),
            ok: k[0],
            changed: k[1],
            unreachable: k[2],
            failed: k[3],
            skipped: k[4],
            rescued: k[5],
            ignored: k[6],
            unknown: k[7],
            unseen: k[8],
            round_trips: 0,
            reverted: k[9],
            locked_out: k[10],
        },
    };
    groups.into_iter().map(line).collect()
}

fn key(r: &Recap) -> [u64; 11] {
    [
        r.ok,
        r.changed,
        r.unreachable,
        r.failed,
        r.skipped,
        r.rescued,
        r.ignored,
        r.unknown,
        r.unseen,
        r.reverted,
        r.locked_out,
    ]
}

/// What it cost, for `-vv`.
pub fn traffic(recap: &[Recap], seconds: f64, total: &TrafficTotal) -> Vec<String> {
    let mut by_trips: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for host in recap {
        by_trips
            .entry(host.round_trips)
            .or_default()
            .push(&host.host);
    }
    let each = by_trips
        .into_iter()
        .map(|(trips, hosts)| format!("{}: {trips}", fold(&hosts)));
    let mut out = vec![format!(
        "round trips after login: {}",
        each.collect::<Vec<_>>().join(", ")
    )];
    out.push(format!(
        "{} connections, {} round trips, {} B sent, {} B received, {seconds:.2} s",
        total.connections, total.round_trips, total.sent, total.received
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: String, changed: u64) -> Recap {
        Recap {
            host: name,
            ok: 3,
            changed,
            ..Recap::default()
        }
    }

    #[test]
    fn many_hosts_with_equal_counts_are_one_line() {
        let mut all: Vec<Recap> = (1..=30).map(|n| host(format!("web{n:02}"), 1)).collect();
        all[6].failed = 1;
        let shown: Vec<String> = lines(&all).into_iter().map(|l| l.hosts).collect();
        assert_eq!(shown, ["web07", "web[01-06,08-30]"]);
        assert_eq!(lines(&all[..3]).len(), 3);
    }
}
