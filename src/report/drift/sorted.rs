//! A report in the order of its playbook and of its hosts' names, however the hosts ran.

use std::cmp::Ordering;

use crate::inventory::fold::natural;

use super::alike::Group;
use super::model::{Entry, Fix, Kind, Report, Variant};
use super::own::Own;

/// Groups as entries. `keeps` says of which hosts it is so after all.
pub(super) fn entries(
    groups: Vec<Group>,
    owns: &[&Own],
    keeps: &dyn Fn(Kind, usize, Option<usize>) -> bool,
) -> Vec<Entry> {
    groups
        .into_iter()
        .filter_map(|group| entry(group, owns, keeps))
        .collect()
}

fn entry(
    group: Group,
    owns: &[&Own],
    keeps: &dyn Fn(Kind, usize, Option<usize>) -> bool,
) -> Option<Entry> {
    let said = group.said;
    let texts: Vec<&str> = [&said.on, &said.summary, &said.before, &said.after]
        .into_iter()
        .map(AsRef::as_ref)
        .chain(said.item.as_deref())
        .collect();
    let mut variants = Vec::new();
    for mut same in group.same {
        // Their own values are those of the first of them, who said it first.
        let first = same.hosts.first().copied();
        let values = first.map_or(Vec::new(), |h| owns[h].used(&texts).collect());
        same.hosts.retain(|h| keeps(said.kind, *h, said.task));
        if !same.hosts.is_empty() {
            let hosts = same.hosts;
            variants.push(Variant { hosts, values });
        }
    }
    let entry = Entry {
        kind: said.kind,
        task: said.task,
        item: said.item.map(Into::into),
        on: said.on.into(),
        summary: said.summary.into(),
        before: said.before.into(),
        after: said.after.into(),
        hosts: variants
            .iter()
            .flat_map(|v| v.hosts.iter().copied())
            .collect(),
        variants: Vec::new(),
        sample: None,
    };
    let first = variants.first()?;
    // Of one host, of many that say the same, and of failures of which one is shown, nothing needs a mask.
    if variants.len() == 1 || said.kind.is_trouble() {
        let sample = first.hosts.first().copied();
        return Some(Entry {
            hosts: entry.hosts.clone(),
            sample: sample.filter(|_| variants.len() > 1),
            ..entry.of(first)
        });
    }
    Some(Entry { variants, ..entry })
}

/// Puts tasks, hosts and entries in order. `order` has the tasks as they are written.
pub(super) fn arrange(report: &mut Report, entries: &mut [Entry], order: &[usize]) {
    let tasks = inverse(order);
    let mut hosts: Vec<usize> = (0..report.hosts.len()).collect();
    hosts.sort_by(|a, b| natural(&report.hosts[*a].host, &report.hosts[*b].host));
    let places = inverse(&hosts);
    report.tasks = order.iter().map(|t| report.tasks[*t].clone()).collect();
    report.hosts = hosts.iter().map(|h| report.hosts[*h].clone()).collect();
    rank(entries, &tasks, &places);
    if let Some(Fix { entries, left, .. }) = &mut report.fix {
        rank(entries, &tasks, &places);
        renumber(left, &places);
    }
}

/// Where each went.
fn inverse(order: &[usize]) -> Vec<usize> {
    let mut at = vec![0; order.len()];
    for (new, old) in order.iter().enumerate() {
        at[*old] = new;
    }
    at
}

fn renumber(hosts: &mut Vec<usize>, places: &[usize]) {
    for host in hosts.iter_mut() {
        *host = places[*host];
    }
    hosts.sort_unstable();
    hosts.dedup();
}

fn rank(entries: &mut [Entry], tasks: &[usize], places: &[usize]) {
    for entry in entries.iter_mut() {
        entry.task = entry.task.map(|t| tasks[t]);
        renumber(&mut entry.hosts, places);
        entry.sample = entry.sample.map(|h| places[h]);
        for variant in &mut entry.variants {
            renumber(&mut variant.hosts, places);
        }
        entry.variants.sort_by(|a, b| a.hosts.cmp(&b.hosts));
    }
    entries.sort_by(before);
}

/// What failed comes last: what is printed last is what is seen.
fn before(a: &Entry, b: &Entry) -> Ordering {
    let key = |e: &Entry| (e.kind, e.task);
    key(a)
        .cmp(&key(b))
        .then_with(|| a.hosts.first().cmp(&b.hosts.first()))
        .then_with(|| (&a.item, &a.on).cmp(&(&b.item, &b.on)))
        .then_with(|| (&a.before, &a.after).cmp(&(&b.before, &b.after)))
}
