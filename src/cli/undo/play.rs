//! The way back as a play: a task for each thing, for all hosts on which it is taken back alike.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::action::put_back;
use crate::hardening::play::Built;
use crate::journal::read::By;
use crate::journal::reverse::{Again, Reverse, Told};
use crate::source::{File, Kind, Node, Span};

/// A task for some hosts. Two that differ in nothing but their hosts are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    name: String,
    /// Where the task stood that is taken back.
    place: String,
    change: String,
    r#as: Option<(String, String)>,
    notify: Vec<String>,
    listen: Option<String>,
    guarded: bool,
}

/// Steps in an order in which each host has its own.
type Steps = Vec<(Arc<Step>, BTreeSet<String>)>;

/// The name of this machine in a journal where a task said that it runs here.
const HERE: &str = "@here";

fn host(name: &str) -> String {
    match name {
        HERE => "localhost".into(),
        other => other.into(),
    }
}

/// What some hosts do, by their names: what is put back, and what services are told.
type Hosts = BTreeMap<String, (Vec<Step>, Vec<Step>)>;

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
    let mut plays: BTreeMap<&By, Hosts> = BTreeMap::new();
    for r in &reverse.reversals {
        let notify = r.notify.iter().filter(|n| known.contains(n.as_str()));
        let ends = (&r.left, &r.to);
        let step = Step {
            name: named(&r.tasks),
            place: with.places.get(&r.first).cloned().unwrap_or_default(),
            change: put_back::back(&r.on, ends, &r.patches, &r.options, with.contents),
            r#as: r.r#as.clone(),
            notify: notify.cloned().collect(),
            listen: None,
            guarded: r.guarded,
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

/// Names of tasks that are said in full; a file may be written by dozens.
const SAID: usize = 3;

fn named(tasks: &[String]) -> String {
    let first = tasks[..tasks.len().min(SAID)].join(", ");
    match tasks.len().saturating_sub(SAID) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn play(by: &By, by_host: Hosts, with: &With<'_>) -> Node {
    let hosts: BTreeSet<String> = by_host.keys().cloned().collect();
    let (mut tasks, mut handlers) = (Steps::new(), Steps::new());
    for (host, (mine, told)) in by_host {
        merge(&mut tasks, &host, mine);
        merge(&mut handlers, &host, told);
    }
    let at = Span::outside("undo");
    let nodes = |steps: &Steps| {
        let all = steps.iter().map(|(step, on)| task(step, on, &hosts));
        Node::new(Kind::Seq(all.collect()), at.clone())
    };
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut entries = vec![
        ("name", text(with.name, &at)),
        ("hosts", text(&names.join(","), &at)),
        ("gather_facts", Node::new(Kind::Bool(false), at.clone())),
        ("tasks", nodes(&tasks)),
        ("handlers", nodes(&handlers)),
    ];
    // What the inventory says of them wins over all of these.
    if !by.connection.is_empty() {
        entries.push(("connection", text(&by.connection, &at)));
    }
    if let Some(user) = by.user.as_ref().filter(|_| !with.has_user) {
        entries.push(("remote_user", text(user, &at)));
    }
    if let Some(port) = by.port {
        entries.push(("port", Node::new(Kind::Int(port.into()), at.clone())));
    }
    map(&at, entries)
}

fn told(again: &Again) -> Step {
    Step {
        name: again.task.clone(),
        place: again.place.clone(),
        change: match &again.what {
            Told::Kick(on, kick) => put_back::tell(on, *kick),
            Told::Run(run) => put_back::again(run, again.lenient),
        },
        r#as: again.r#as.clone(),
        notify: Vec::new(),
        listen: Some(again.place.clone()),
        guarded: false,
    }
}

/// Lays the steps of a host into those of others, in its own order.
fn merge(steps: &mut Steps, host: &str, mine: Vec<Step>) {
    let mut from = 0;
    for step in mine {
        let found = steps[from..].iter().position(|(s, _)| **s == step);
        match found {
            Some(at) => {
                from += at;
                steps[from].1.insert(host.to_owned());
            }
            None => steps.insert(from, (Arc::new(step), BTreeSet::from([host.to_owned()]))),
        }
        from += 1;
    }
}

fn task(step: &Step, on: &BTreeSet<String>, all: &BTreeSet<String>) -> Node {
    let at = place(&step.place);
    let yes = |yes: bool| Node::new(Kind::Bool(yes), at.clone());
    let list = |items: &[String]| {
        let items = items.iter().map(|i| text(i, &at)).collect();
        Node::new(Kind::Seq(items), at.clone())
    };
    let change = map(&at, vec![("change", text(&step.change, &at))]);
    let mut entries = vec![
        ("name", text(&step.name, &at)),
        ("palisade.put_back", change),
        // What cannot be put back holds nothing else up.
        ("ignore_errors", yes(true)),
        ("become", yes(step.r#as.is_some())),
    ];
    if let Some((method, user)) = &step.r#as {
        entries.push(("become_method", text(method, &at)));
        entries.push(("become_user", text(user, &at)));
    }
    if !step.notify.is_empty() {
        entries.push(("notify", list(&step.notify)));
    }
    if let Some(place) = &step.listen {
        entries.push(("listen", list(std::slice::from_ref(place))));
    }
    if step.guarded {
        entries.push(("guard", yes(true)));
    }
    if on != all {
        // JSON's strings are strings of the template language too.
        let names = serde_json::json!(on).to_string();
        let names = names.replace("{{", "{ {");
        entries.push(("when", text(&format!("inventory_hostname in {names}"), &at)));
    }
    map(&at, entries)
}

/// Where a task stands that is no longer at hand, from `site.yml:3:5`.
fn place(text: &str) -> Span {
    let mut parts = text.rsplitn(3, ':');
    let mut number = || parts.next()?.parse::<u16>().ok().map(usize::from);
    let (Some(column), Some(line), Some(path)) = (number(), number(), parts.next()) else {
        return Span::outside(text);
    };
    // Of its text only how far it is to that place is known.
    let lead = "\n".repeat(line.saturating_sub(1)) + &" ".repeat(column.saturating_sub(1));
    let end = lead.len();
    Span::new(&File::new(path, lead), end, end)
}

/// Text that is no template, whatever it says.
fn text(text: &str, at: &Span) -> Node {
    let plain = text
        .replace("{{", "{ {")
        .replace("{%", "{ %")
        .replace("{#", "{ #");
    Node::str(&plain, at.clone())
}

fn map(at: &Span, entries: Vec<(&str, Node)>) -> Node {
    let entry = |(key, value): (&str, Node)| (Node::str(key, at.clone()), value);
    Node::new(
        Kind::Map(entries.into_iter().map(entry).collect()),
        at.clone(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str) -> Step {
        Step {
            name: name.into(),
            place: String::new(),
            change: String::new(),
            r#as: None,
            notify: Vec::new(),
            listen: None,
            guarded: false,
        }
    }

    #[test]
    fn a_place_is_said_as_it_was_recorded() {
        for text in ["site.yml:3:5", "modules/a:b.yml:120:1", "nowhere"] {
            let said = place(text).to_string();
            assert!(
                said.starts_with(text) && said.len() <= text.len() + 4,
                "{said}"
            );
        }
        assert_eq!(place("site.yml:3:5").to_string(), "site.yml:3:5");
    }

    #[test]
    fn each_host_keeps_its_order() {
        let mut steps = Steps::new();
        for (host, mine) in [("a", "123"), ("b", "135"), ("c", "42"), ("d", "31")] {
            let mine = mine.chars().map(|c| step(&c.to_string())).collect();
            merge(&mut steps, host, mine);
        }
        let of = |host: &str| -> String {
            let mine = steps.iter().filter(|(_, on)| on.contains(host));
            mine.map(|(s, _)| s.name.as_str()).collect()
        };
        for (host, mine) in [("a", "123"), ("b", "135"), ("c", "42"), ("d", "31")] {
            assert_eq!(of(host), mine);
        }
        assert!(steps.len() <= 6, "{steps:?}");
    }
}
