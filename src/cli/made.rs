//! Plays that the program makes itself: a task for each thing, for all hosts on which it is done alike.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::source::{File, Kind, Node, Span};

/// A task for some hosts. Two that differ in nothing but their hosts are one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Made {
    pub name: String,
    /// Where the task stands that it is made of.
    pub place: String,
    /// The action, and its one argument.
    pub action: &'static str,
    pub argument: (&'static str, String),
    /// The argument is the name of a variable.
    pub looked_up: bool,
    pub r#as: Option<(String, String)>,
    pub notify: Vec<String>,
    pub listen: Option<String>,
    pub guard: Option<bool>,
    pub environment: Vec<(String, String)>,
    pub timeout: Option<u64>,
    pub ignores: bool,
    pub hidden: bool,
    pub register: Option<String>,
    pub when: Option<String>,
    pub changed_when: Vec<String>,
    pub failed_when: Vec<String>,
}

/// Steps in an order in which each host has its own, each known by its digest too, so that most that
/// differ are told apart by a number.
#[derive(Debug)]
pub(super) struct Merged<T> {
    pub steps: Vec<(Arc<T>, BTreeSet<String>)>,
    keys: Vec<u64>,
}

impl<T> Default for Merged<T> {
    fn default() -> Merged<T> {
        Merged {
            steps: Vec::new(),
            keys: Vec::new(),
        }
    }
}

impl<T: Hash + PartialEq> Merged<T> {
    /// Lays the steps of a host into those of others, in its own order.
    pub(super) fn add(&mut self, host: &str, mine: Vec<T>) {
        let mut from = 0;
        for step in mine {
            let mut hasher = DefaultHasher::new();
            step.hash(&mut hasher);
            let key = hasher.finish();
            let rest = self.keys[from..].iter().zip(&self.steps[from..]);
            let found = rest
                .enumerate()
                .find(|(_, (k, (s, _)))| **k == key && **s == step);
            match found.map(|(at, _)| at) {
                Some(at) => {
                    from += at;
                    self.steps[from].1.insert(host.to_owned());
                }
                None => {
                    self.keys.insert(from, key);
                    let on = BTreeSet::from([host.to_owned()]);
                    self.steps.insert(from, (Arc::new(step), on));
                }
            }
            from += 1;
        }
    }
}

/// A task, where all hosts of its play are `all`.
pub(super) fn task(step: &Made, on: &BTreeSet<String>, all: &BTreeSet<String>) -> Node {
    let at = place(&step.place);
    let yes = |yes: bool| Node::new(Kind::Bool(yes), at.clone());
    let list = |items: &[String]| {
        let items = items.iter().map(|i| text(i, &at)).collect();
        Node::new(Kind::Seq(items), at.clone())
    };
    let (name, value) = &step.argument;
    // Nothing that is done may be a template; where to look it up may.
    let value = match step.looked_up {
        true => Node::str(value, at.clone()),
        false => text(value, &at),
    };
    let mut entries = vec![
        ("name", text(&step.name, &at)),
        (step.action, map(&at, vec![(name, value)])),
    ];
    if step.ignores {
        entries.push(("ignore_errors", yes(true)));
    }
    if step.hidden {
        entries.push(("no_log", yes(true)));
    }
    entries.push(("become", yes(step.r#as.is_some())));
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
    if let Some(guard) = step.guard {
        entries.push(("guard", yes(guard)));
    }
    if !step.environment.is_empty() {
        let pairs = step.environment.iter();
        let pairs = pairs.map(|(name, value)| (name.as_str(), exact(value, &at)));
        entries.push(("environment", map(&at, pairs.collect())));
    }
    if let Some(seconds) = step.timeout {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        entries.push(("timeout", Node::new(Kind::Int(seconds), at.clone())));
    }
    if let Some(name) = &step.register {
        entries.push(("register", text(name, &at)));
    }
    for (key, conditions) in [
        ("changed_when", &step.changed_when),
        ("failed_when", &step.failed_when),
    ] {
        if !conditions.is_empty() {
            entries.push((key, list(conditions)));
        }
    }
    let mut when: Vec<Node> = step.when.iter().map(|w| text(w, &at)).collect();
    if on != all {
        // JSON's strings are strings of the template language too.
        let names = serde_json::json!(on).to_string();
        when.push(text(&format!("inventory_hostname in {names}"), &at));
    }
    if !when.is_empty() {
        entries.push(("when", Node::new(Kind::Seq(when), at.clone())));
    }
    map(&at, entries)
}

/// A play of these tasks. How its hosts are reached is said below whatever an inventory says of them.
pub(super) struct Play<'a> {
    pub name: &'a str,
    pub hosts: &'a BTreeSet<String>,
    pub connection: Option<&'a str>,
    pub user: Option<&'a str>,
    pub port: Option<u16>,
    pub tasks: Vec<Node>,
    pub handlers: Vec<Node>,
    /// What else it says.
    pub more: Vec<(&'a str, Node)>,
}

pub(super) fn play(play: Play<'_>, at: &Span) -> Node {
    let seq = |items| Node::new(Kind::Seq(items), at.clone());
    let names: Vec<&str> = play.hosts.iter().map(String::as_str).collect();
    let mut entries = vec![
        ("name", text(play.name, at)),
        ("hosts", text(&names.join(","), at)),
        ("gather_facts", Node::new(Kind::Bool(false), at.clone())),
        ("tasks", seq(play.tasks)),
        ("handlers", seq(play.handlers)),
    ];
    if let Some(connection) = play.connection {
        entries.push(("connection", text(connection, at)));
    }
    if let Some(user) = play.user {
        entries.push(("remote_user", text(user, at)));
    }
    if let Some(port) = play.port {
        entries.push(("port", Node::new(Kind::Int(port.into()), at.clone())));
    }
    entries.extend(play.more);
    map(at, entries)
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
pub(super) fn text(text: &str, at: &Span) -> Node {
    let plain = text
        .replace("{{", "{ {")
        .replace("{%", "{ %")
        .replace("{#", "{ #");
    Node::str(&plain, at.clone())
}

/// Text that is never rendered, to the letter.
fn exact(text: &str, at: &Span) -> Node {
    Node::new(Kind::Unsafe(text.into()), at.clone())
}

pub(super) fn map(at: &Span, entries: Vec<(&str, Node)>) -> Node {
    let entry = |(key, value): (&str, Node)| (Node::str(key, at.clone()), value);
    Node::new(
        Kind::Map(entries.into_iter().map(entry).collect()),
        at.clone(),
    )
}

/// Steps by the places of what they belong to.
pub(super) type Hosts<K> = BTreeMap<K, BTreeMap<String, (Vec<Made>, Vec<Made>)>>;

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut merged = Merged::<String>::default();
        for (host, mine) in [("a", "123"), ("b", "135"), ("c", "42"), ("d", "31")] {
            merged.add(host, mine.chars().map(|c| c.to_string()).collect());
        }
        let of = |host: &str| -> String {
            let mine = merged.steps.iter().filter(|(_, on)| on.contains(host));
            mine.map(|(s, _)| s.as_str()).collect()
        };
        for (host, mine) in [("a", "123"), ("b", "135"), ("c", "42"), ("d", "31")] {
            assert_eq!(of(host), mine);
        }
        assert!(merged.steps.len() <= 6, "{merged:?}");
    }
}
