//! The way back as a play: a task for each thing, for all hosts on which it is taken back alike.

use std::collections::{BTreeMap, BTreeSet};

use crate::action::put_back;
use crate::cli::made::{self, Hosts, Made, Merged};
use crate::hardening::play::Built;
use crate::journal::read::By;
use crate::journal::reverse::{Again, Reverse, Told};
use crate::source::{Kind, Node, Span};

/// The name of this machine in a journal where a task said that it runs here.
const HERE: &str = "@here";

fn host(name: &str) -> String {
    match name {
        HERE => "localhost".into(),
        other => other.into(),
    }
}

/// What is known beside the way back itself.
pub(super) struct With<'a> {
    /// Where the tasks stood that are taken back, by their steps.
    pub places: &'a BTreeMap<u64, String>,
    pub name: &'a str,
    pub contents: &'a str,
    /// Somebody says who logs in.
    pub has_user: bool,
}

/// The plays that take a run back: one for all hosts that were reached alike.
pub(super) fn build(reverse: &Reverse, with: &With<'_>) -> Built {
    let known: BTreeSet<&str> = reverse.again.iter().map(|a| a.place.as_str()).collect();
    let mut plays: Hosts<&By> = BTreeMap::new();
    for r in &reverse.reversals {
        let notify = r.notify.iter().filter(|n| known.contains(n.as_str()));
        let ends = (&r.left, &r.to);
        let change = put_back::back(&r.on, ends, &r.patches, &r.options, with.contents);
        let step = Made {
            name: named(&r.tasks),
            place: with.places.get(&r.first).cloned().unwrap_or_default(),
            argument: ("change", change),
            r#as: r.r#as.clone(),
            notify: notify.cloned().collect(),
            guard: r.guarded.then_some(true),
            ..blank()
        };
        let hosts = plays.entry(&r.by).or_default();
        hosts.entry(host(&r.host)).or_default().0.push(step);
    }
    for again in &reverse.again {
        let hosts = plays.entry(&again.by).or_default();
        let steps = hosts.entry(host(&again.host)).or_default();
        steps.1.push(told(again));
    }
    let at = Span::outside("undo");
    let plays = plays.into_iter().map(|(by, hosts)| play(by, hosts, with));
    Built {
        playbook: Node::new(Kind::Seq(plays.collect()), at),
        defaults: Vec::new(),
    }
}

/// What cannot be put back holds nothing else up.
fn blank() -> Made {
    Made {
        action: "palisade.put_back",
        ignores: true,
        ..Made::default()
    }
}

/// Names of tasks that are said in full; a file may be written by dozens.
const SAID: usize = 3;

fn named(tasks: &[String]) -> String {
    let first = tasks[..tasks.len().min(SAID)].join(", ");
    match tasks.len().saturating_sub(SAID) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn play(by: &By, by_host: BTreeMap<String, (Vec<Made>, Vec<Made>)>, with: &With<'_>) -> Node {
    let hosts: BTreeSet<String> = by_host.keys().cloned().collect();
    let (mut tasks, mut handlers) = (Merged::default(), Merged::default());
    for (host, (mine, told)) in by_host {
        tasks.add(&host, mine);
        handlers.add(&host, told);
    }
    let nodes = |merged: &Merged<Made>| {
        let all = merged.steps.iter();
        all.map(|(step, on)| made::task(step, on, &hosts)).collect()
    };
    let play = made::Play {
        name: with.name,
        hosts: &hosts,
        connection: (!by.connection.is_empty()).then_some(by.connection.as_str()),
        user: by.user.as_deref().filter(|_| !with.has_user),
        port: by.port,
        tasks: nodes(&tasks),
        handlers: nodes(&handlers),
        more: Vec::new(),
    };
    made::play(play, &Span::outside("undo"))
}

fn told(again: &Again) -> Made {
    let change = match &again.what {
        Told::Kick(on, kick) => put_back::tell(on, *kick),
        Told::Run(run) => put_back::again(run, again.lenient),
    };
    Made {
        name: again.task.clone(),
        place: again.place.clone(),
        argument: ("change", change),
        r#as: again.r#as.clone(),
        listen: Some(again.place.clone()),
        ..blank()
    }
}
