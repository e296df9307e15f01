//! The way back: what a run changed, host by host, in reverse order.
//!
//! Changes of one thing that follow from one another are undone as one, so that what the run wrote in
//! between is not written again. Where only some of them are to be undone, and they are of a text, their
//! lines are taken out of it; other things are undone from the end on only.

use std::collections::{BTreeMap, BTreeSet};

pub use super::chain::EMPTY;
use super::chain::{Link, add, link, of_chain};
use super::read::{By, Entry, What};
use crate::resource::unit::{Kick, UnitState};
use crate::resource::{Digest, Resource, Run, State};

/// One thing on one host, from how the run left it to how it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Reversal {
    pub host: String,
    pub on: Resource,
    /// How the run left it: nothing else is touched.
    pub left: State,
    pub to: State,
    /// Texts as they were after and before each change whose lines are taken out, the last one first.
    pub patches: Vec<(Option<Digest>, Option<Digest>)>,
    /// The tasks that changed it, in their order.
    pub tasks: Vec<String>,
    pub by: By,
    pub r#as: Option<(String, String)>,
    /// The places of the handlers that they asked for.
    pub notify: BTreeSet<String>,
    pub guarded: bool,
    /// Options of the changes, as far as they matter to the way back.
    pub options: Vec<(String, String)>,
    /// The first of the steps that it takes back.
    pub first: u64,
}

/// What tells a service to read what was put back.
#[derive(Clone, Debug, PartialEq)]
pub struct Again {
    pub host: String,
    pub task: String,
    pub place: String,
    pub by: By,
    pub r#as: Option<(String, String)>,
    pub what: Told,
    pub lenient: bool,
    pub number: u64,
    handler: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    Kick(Resource, Kick),
    Run(Box<Run>),
}

/// What stays as it is, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Irreversible {
    pub task: String,
    pub on: String,
    pub why: String,
    pub host: String,
    /// Where the task stands.
    pub place: String,
}

/// How a run is taken back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reverse {
    /// By host; within one, in the order in which they are undone.
    pub reversals: Vec<Reversal>,
    /// What is done again afterwards, by host and in its order.
    pub again: Vec<Again>,
    pub irreversible: Vec<Irreversible>,
}

/// The way back of what is `wanted`; `has` tells which contents are kept.
pub fn reverse(
    entries: &[Entry],
    wanted: &dyn Fn(&Entry) -> bool,
    has: &dyn Fn(&Digest) -> bool,
) -> Reverse {
    let mut hosts: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        hosts.entry(&entry.host).or_default().push(entry);
    }
    let mut out = Reverse::default();
    for entries in hosts.values() {
        of_host(entries, wanted, has, &mut out);
    }
    out.irreversible.sort();
    out.irreversible.dedup();
    out
}

fn of_host(
    entries: &[&Entry],
    wanted: &dyn Fn(&Entry) -> bool,
    has: &dyn Fn(&Digest) -> bool,
    out: &mut Reverse,
) {
    let mut chains: Vec<(Resource, Vec<Link<'_>>)> = Vec::new();
    let mut again = Vec::new();
    for entry in entries.iter().filter(|e| e.outcome.is_possible()) {
        let mut cannot = |why: String| {
            if wanted(entry) {
                out.irreversible.push(irreversible(entry, why));
            }
        };
        match &entry.what {
            What::Run { again: Some(_), .. } => again.extend(told(entry)),
            What::Run { changes: true, .. } => cannot("nobody knows what a command did".into()),
            What::Run { .. } => {}
            What::Change { .. } => match link(entry) {
                Ok(Some(link)) => {
                    if link.is_kick() {
                        again.extend(told(entry));
                    }
                    if link.is_change() {
                        add(&mut chains, link);
                    }
                }
                Ok(None) => {}
                Err(why) => cannot(why),
            },
        }
        if let What::Change { password: true, .. } = entry.what
            && wanted(entry)
        {
            let why = "passwords are not recorded, so the old one is not known".into();
            out.irreversible.push(irreversible(entry, why));
        }
    }
    let mut reversals = Vec::new();
    for (on, links) in &chains {
        match of_chain(on, links, wanted, has) {
            Ok(found) => reversals.extend(found),
            Err((entry, why)) => out.irreversible.push(irreversible(entry, why)),
        }
    }
    reversals.sort_by_key(|r| std::cmp::Reverse(r.first));
    // A service is told what its handlers told it, and what a task behind the change did.
    let needed = |a: &Again| {
        reversals.iter().any(|r| match a.handler {
            true => r.notify.contains(&a.place),
            false => r.first < a.number,
        })
    };
    let mut seen: Vec<Again> = Vec::new();
    for one in again {
        let known = |s: &Again| s.place == one.place && s.what == one.what;
        if needed(&one) && !seen.iter().any(known) {
            seen.push(one);
        }
    }
    // What a task did itself is asked for by what it came after.
    for one in seen.iter().filter(|a| !a.handler) {
        for reversal in reversals.iter_mut().filter(|r| r.first < one.number) {
            reversal.notify.insert(one.place.clone());
        }
    }
    out.reversals.extend(reversals);
    out.again.extend(seen);
}

fn irreversible(entry: &Entry, why: String) -> Irreversible {
    Irreversible {
        host: entry.host.clone(),
        task: entry.task.clone(),
        on: entry.on.clone(),
        why,
        place: entry.place.clone(),
    }
}

fn told(entry: &Entry) -> Option<Again> {
    let what = match &entry.what {
        What::Run { again, .. } => Told::Run(Box::new(again.clone()?)),
        What::Change { on, after, .. } => match after.as_ref()? {
            State::Unit(UnitState {
                kick: Some(kick), ..
            }) => Told::Kick(on.clone()?, *kick),
            _ => return None,
        },
    };
    Some(Again {
        host: entry.host.clone(),
        task: entry.task.clone(),
        place: entry.place.clone(),
        by: entry.by.clone(),
        r#as: entry.r#as.clone(),
        what,
        lenient: entry.lenient,
        number: entry.number,
        handler: entry.handler,
    })
}

/// Whether anything of a run may have changed something.
pub fn changed(entries: &[Entry]) -> bool {
    entries.iter().any(|e| match &e.what {
        _ if !e.outcome.is_possible() => false,
        What::Change { .. } => true,
        What::Run { changes, .. } => *changes,
    })
}

#[cfg(test)]
mod tests {
    use super::super::read::Outcome;
    use super::*;
    use crate::resource::file::{FileState, Node, Owner};
    use crate::resource::unit::Scope;
    use crate::resource::{Content, RemotePath};

    fn entry(number: u64, task: &str, on: Resource, before: State, after: State) -> Entry {
        Entry {
            number,
            host: "h".into(),
            task: task.into(),
            place: format!("site.yml:{number}:1"),
            handler: false,
            guarded: false,
            lenient: false,
            by: By::default(),
            r#as: None,
            notify: Vec::new(),
            on: on.to_string(),
            what: What::Change {
                on: Some(on),
                before: Some(before),
                after: Some(after),
                options: Vec::new(),
                hidden: false,
                password: false,
            },
            outcome: Outcome::Done,
            ..Entry::default()
        }
    }

    fn path(at: &str) -> Resource {
        Resource::File(RemotePath::new(at).unwrap())
    }

    fn file(mode: u32, text: Option<&str>) -> State {
        State::File(FileState {
            node: Node::File(text.map(|t| Content::new(t.as_bytes().to_vec()))),
            mode,
            owner: Owner::known(0, "root"),
            group: Owner::known(0, "root"),
            meta: None,
        })
    }

    fn of(entries: &[Entry], only: &str) -> Reverse {
        let wanted = |e: &Entry| only.is_empty() || e.task == only;
        reverse(entries, &wanted, &|_| true)
    }

    #[test]
    fn changes_that_follow_from_one_another_are_one_and_the_order_is_reversed() {
        let entries = [
            entry(
                0,
                "a",
                path("/x"),
                file(0o644, Some("1")),
                file(0o644, Some("2")),
            ),
            entry(1, "b", path("/y"), State::Absent, file(0o644, Some("y"))),
            entry(2, "c", path("/x"), file(0o644, None), file(0o600, None)),
        ];
        let out = of(&entries, "");
        let on: Vec<_> = out.reversals.iter().map(|r| r.on.to_string()).collect();
        assert_eq!(on, ["/y", "/x"]);
        let x = &out.reversals[1];
        assert!(x.left.same(&file(0o600, Some("2"))), "{:?}", x.left);
        assert!(x.to.same(&file(0o644, Some("1"))), "{:?}", x.to);
        assert_eq!(x.tasks, ["a", "c"]);
    }

    #[test]
    fn a_content_that_only_a_later_step_saw_is_brought_back() {
        let entries = [
            entry(0, "a", path("/x"), file(0o644, None), file(0o640, None)),
            entry(1, "b", path("/x"), file(0o640, None), file(0o600, None)),
            entry(
                2,
                "c",
                path("/x"),
                file(0o600, Some("1")),
                file(0o600, Some("2")),
            ),
            entry(3, "d", path("/x"), file(0o600, None), file(0o400, None)),
        ];
        let out = of(&entries, "");
        assert!(out.reversals[0].to.same(&file(0o644, Some("1"))));
        assert!(out.reversals[0].left.same(&file(0o400, Some("2"))));
    }

    #[test]
    fn what_was_not_done_is_not_undone_and_what_came_between_parts_a_chain() {
        let mut entries = [
            entry(
                0,
                "a",
                path("/x"),
                file(0o644, Some("1")),
                file(0o644, Some("2")),
            ),
            entry(
                1,
                "b",
                path("/x"),
                file(0o644, Some("3")),
                file(0o644, Some("4")),
            ),
            entry(2, "c", path("/y"), State::Absent, file(0o644, Some("y"))),
        ];
        entries[2].outcome = Outcome::NotRun;
        let out = of(&entries, "");
        let tasks: Vec<_> = out.reversals.iter().map(|r| r.tasks.concat()).collect();
        assert_eq!(tasks, ["b", "a"]);
    }

    #[test]
    fn one_of_several_is_taken_out_of_a_text_only() {
        let mut entries = vec![
            entry(0, "a", path("/x"), State::Absent, file(0o644, Some("1"))),
            entry(
                1,
                "b",
                path("/x"),
                file(0o644, Some("1")),
                file(0o644, Some("12")),
            ),
        ];
        let out = of(&entries, "a");
        assert_eq!(out.reversals[0].patches, [(Some(Digest::of(b"1")), None)]);
        assert_eq!(of(&entries, "b").reversals[0].patches, []);
        entries[1] = entry(
            1,
            "b",
            path("/x"),
            file(0o644, Some("1")),
            file(0o600, Some("1")),
        );
        assert_eq!(of(&entries, "a").reversals[0].patches.len(), 1);
        let out = of(&entries, "b");
        assert!(out.reversals[0].to.same(&file(0o644, Some("1"))));
    }

    #[test]
    fn a_service_is_told_again_by_handlers_of_what_is_undone() {
        let on = Resource::Unit {
            name: "x".into(),
            scope: Scope::System,
        };
        let unit = |kick| {
            State::Unit(UnitState {
                running: true,
                kick,
                ..UnitState::default()
            })
        };
        let mut entries = [
            entry(0, "a", path("/x"), State::Absent, file(0o644, Some("1"))),
            entry(1, "b", path("/y"), State::Absent, file(0o644, Some("1"))),
            entry(2, "h", on.clone(), unit(None), unit(Some(Kick::Reload))),
        ];
        entries[0].notify = vec!["site.yml:2:1".into()];
        entries[2].handler = true;
        let out = of(&entries, "a");
        assert_eq!(out.again[0].what, Told::Kick(on, Kick::Reload));
        assert_eq!(of(&entries, "b").again, []);
        // A task that does so itself is repeated for whatever came before it.
        entries[2].handler = false;
        let out = of(&entries, "b");
        assert_eq!(out.again.len(), 1);
        assert!(out.reversals[0].notify.contains("site.yml:2:1"));
    }

    #[test]
    fn what_there_is_no_way_back_from_says_why() {
        let mut dir = file(0o755, None);
        if let State::File(file) = &mut dir {
            file.node = Node::Dir;
        }
        let mut entries = vec![
            entry(0, "dir", path("/d"), dir, State::Absent),
            entry(1, "old", path("/x"), file(0o644, Some("1")), State::Absent),
            entry(2, "cmd", path("/z"), State::Absent, State::Absent),
        ];
        entries[2].what = What::Run {
            changes: true,
            again: None,
        };
        let out = reverse(&entries, &|_| true, &|_| false);
        let why: Vec<_> = out.irreversible.iter().map(|i| i.why.as_str()).collect();
        assert_eq!(
            why,
            [
                "nobody knows what a command did",
                "what was in a directory is not kept",
                "its old content is not kept"
            ]
        );
        assert_eq!(out.reversals, []);
    }
}
