//! What a run left undone: handlers that were asked for, hosts that did not end well, and commands that
//! need not, or must not, be run again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::contents;
use super::read::{Entry, Note, Outcome, Recorded, Said, What};
use crate::resource::Ran;

/// A handler that was asked for and did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pending {
    pub host: String,
    /// Where the handler is written.
    pub handler: String,
    pub name: String,
    /// Where the task is written that asked for it.
    pub by: String,
}

/// One thing that bears on handlers, in the order of lines.
enum Line<'a> {
    Step(&'a Entry),
    Note(&'a Note),
}

/// The handlers that a run left. Where nobody knows whether a change was made, its handlers are among
/// them: one that runs once too often does less harm than one that never does.
pub fn pending(recorded: &Recorded) -> Vec<Pending> {
    let steps = recorded.entries.iter().map(|e| (e.line, Line::Step(e)));
    let notes = recorded
        .notes
        .iter()
        .map(|(n, note)| (*n, Line::Note(note)));
    let mut all: Vec<(usize, Line<'_>)> = steps.chain(notes).collect();
    all.sort_by_key(|(line, _)| *line);
    // By host and handler: who asked for it; by host and task: what it may have asked for.
    let mut due: BTreeMap<(&str, &str), Pending> = BTreeMap::new();
    let mut open: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for (_, one) in &all {
        match one {
            Line::Step(entry) => {
                if entry.handler {
                    names.insert(&entry.place, &entry.task);
                }
                let changes = !matches!(entry.what, What::Run { changes: false, .. });
                if changes && entry.outcome.is_possible() {
                    let asked = open.entry((&entry.subject, &entry.place)).or_default();
                    asked.extend(entry.notify.iter().map(String::as_str));
                }
            }
            Line::Note(Note::Notified { host, by, handlers }) => {
                for (handler, name) in handlers {
                    names.insert(handler, name);
                    due.insert(
                        (host, handler),
                        Pending {
                            host: host.clone(),
                            handler: handler.clone(),
                            name: name.clone(),
                            by: by.clone(),
                        },
                    );
                }
            }
            Line::Note(Note::Handled {
                host,
                handler,
                word,
            }) if word != "failed" && word != "unknown" => {
                due.remove(&(host.as_str(), handler.as_str()));
                for ((of, _), asked) in &mut open {
                    if of == host {
                        asked.remove(handler.as_str());
                    }
                }
            }
            Line::Note(Note::Task { host, place, .. }) => {
                // What it asked for was noted before.
                open.remove(&(host.as_str(), place.as_str()));
            }
            Line::Note(Note::Handled { .. } | Note::Guard { .. }) => {}
        }
    }
    for ((host, by), handlers) in open {
        for handler in handlers {
            due.entry((host, handler)).or_insert_with(|| Pending {
                host: host.to_owned(),
                handler: handler.to_owned(),
                name: names.get(handler).unwrap_or(&handler).to_string(),
                by: by.to_owned(),
            });
        }
    }
    due.into_values().collect()
}

/// The hosts of a run that did not end well: they failed, were lost, or the run ended before they did.
pub fn unwell(recorded: &Recorded) -> Vec<String> {
    let ended = recorded.hosts.iter();
    let mut all: BTreeSet<&str> = ended
        .filter(|(_, word)| *word != "ok")
        .map(|(host, _)| host.as_str())
        .collect();
    if recorded.end.as_deref() != Some("done") {
        // Nobody said how the others ended.
        let hosts = recorded.about.get("hosts").and_then(Value::as_array);
        all.extend(hosts.into_iter().flatten().filter_map(Value::as_str));
        all.extend(recorded.entries.iter().map(|e| e.subject.as_str()));
        let well = |host: &str| recorded.hosts.get(host).is_some_and(|word| word == "ok");
        all.retain(|host| !well(host));
    }
    all.into_iter().map(str::to_owned).collect()
}

/// What is known of a host's commands.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Results of commands that ended, by the place of the task and the command's key.
    pub ended: BTreeMap<(String, String), Vec<Ran>>,
    /// Commands of which nobody knows whether they ended.
    pub open: BTreeSet<(String, String)>,
    /// Tokens of scripts whose end nobody saw, and that had files sent ahead.
    pub dead: Vec<String>,
}

/// What is known of commands after these runs, each of which goes on with the one before it.
pub fn known(runs: &[Recorded], kept: &Path) -> BTreeMap<String, Known> {
    let mut out: BTreeMap<String, Known> = BTreeMap::new();
    for recorded in runs {
        let mut verdicts: BTreeMap<(&str, &str), Vec<(usize, &str)>> = BTreeMap::new();
        for (line, note) in &recorded.notes {
            if let Note::Task { host, place, word } = note {
                let of = verdicts.entry((host, place)).or_default();
                of.push((*line, word));
            }
        }
        for entry in &recorded.entries {
            if let (Some(token), Outcome::Unknown | Outcome::NotRun) = (&entry.token, entry.outcome)
            {
                let dead = &mut out.entry(entry.host.clone()).or_default().dead;
                if !dead.contains(token) {
                    dead.push(token.clone());
                }
            }
        }
        for entry in recorded.entries.iter().filter(|e| !e.handler) {
            let Some(key) = &entry.key else {
                continue;
            };
            let of_task = verdicts.get(&(entry.subject.as_str(), entry.place.as_str()));
            let mut after = of_task.into_iter().flatten();
            let verdict = after.find(|(line, _)| *line > entry.line).map(|(_, w)| *w);
            let known = out.entry(entry.subject.clone()).or_default();
            let at = (entry.place.clone(), key.clone());
            let good = matches!(verdict, Some("ok" | "changed" | "ignored"));
            match (entry.outcome, &entry.said) {
                (Outcome::Done, Some(said)) if good || verdict.is_none() && said.rc == 0 => {
                    known.open.remove(&at);
                    if let Some(ran) = ran(said, kept) {
                        known.ended.entry(at).or_default().push(ran);
                    }
                }
                (Outcome::Unknown, _) if !good => {
                    known.open.insert(at);
                }
                (Outcome::Done | Outcome::Failed, _) => {
                    known.open.remove(&at);
                }
                (Outcome::Unknown | Outcome::NotRun | Outcome::Reverted, _) => {}
            }
        }
    }
    out
}

fn ran(said: &Said, kept: &Path) -> Option<Ran> {
    use super::read::Text;
    let bytes = |text: &Text| match text {
        Text::Here(text) => Some(text.clone().into_bytes()),
        Text::Kept(digest) => {
            let bytes = std::fs::read(contents::place(kept, digest)).ok()?;
            (crate::resource::Digest::of(&bytes) == *digest).then_some(bytes)
        }
    };
    Some(Ran {
        rc: said.rc,
        stdout: bytes(&said.out)?,
        stderr: bytes(&said.err)?,
        start: said.start,
        end: said.end,
        ..Ran::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::read::read;
    use super::super::{Journal, Meant};
    use super::*;
    use crate::resource::{Change, Exec, RemotePath, Resource, Run, State};

    fn meant<'a>(place: &'a str, notify: &'a [String]) -> Meant<'a> {
        Meant {
            host: "h",
            task: "t",
            place,
            notify,
            ..Meant::default()
        }
    }

    /// What is read of a run that wrote this.
    fn of(write: impl FnOnce(&Journal)) -> (Recorded, tempfile::TempDir) {
        let home = tempfile::tempdir().unwrap();
        let about = serde_json::json!({ "hosts": ["h", "i"], "salt": "x" });
        let kept = home.path().join("kept");
        let journal = Journal::begin(home.path(), "r", &about, Some(&kept), None).unwrap();
        write(&journal);
        journal.write(true).unwrap();
        (read(journal.path().unwrap()).unwrap(), home)
    }

    fn file() -> Change {
        let on = Resource::File(RemotePath::new("/x").unwrap());
        Change::new(on, State::Absent, State::Absent)
    }

    #[test]
    fn a_handler_is_pending_from_the_change_on_until_it_has_run() {
        let asks = ["s:9".to_owned()];
        let names = |r: &Recorded| -> Vec<_> { pending(r).into_iter().map(|p| p.name).collect() };
        // Killed right after the change, or before its outcome: nobody knows better.
        let change = |j: &Journal| j.change(&meant("s:1", &asks), &file());
        let (r, _d) = of(|j| assert_eq!(change(j), 0));
        assert_eq!(names(&r), ["s:9"]);
        let told = |j: &Journal| {
            let n = change(j);
            j.outcome(n, "done");
            j.notified("h", "s:1", &[("s:9".into(), "reload".into())]);
            j.task("h", "s:1", "changed");
        };
        let (r, _d) = of(told);
        assert_eq!(names(&r), ["reload"]);
        assert_eq!(unwell(&r), ["h", "i"]);
        let (r, _d) = of(|j| {
            told(j);
            j.handled("h", "s:9", "failed");
        });
        assert_eq!(names(&r), ["reload"]);
        let (r, _d) = of(|j| {
            told(j);
            j.handled("h", "s:9", "changed");
            j.host("h", "ok");
        });
        assert_eq!(names(&r), Vec::<String>::new());
        assert_eq!(unwell(&r), ["i"]);
        let (r, _d) = of(|j| {
            j.host("h", "failed");
            j.end("done");
        });
        assert_eq!(unwell(&r), ["h"]);
        // The task itself said that nothing changed, or the step was not done.
        let (r, _d) = of(|j| {
            change(j);
            j.task("h", "s:1", "ok");
        });
        assert_eq!(names(&r), Vec::<String>::new());
        let (r, _d) = of(|j| {
            let n = change(j);
            j.outcome(n, "not run");
        });
        assert_eq!(names(&r), Vec::<String>::new());
    }

    #[test]
    fn what_a_guard_put_back_asks_for_nothing_and_was_not_done() {
        let asks = ["s:9".to_owned()];
        let under = |word: Option<&'static str>| {
            of(|j| {
                let meant = Meant {
                    guard: Some("g"),
                    ..meant("s:1", &asks)
                };
                let n = j.change(&meant, &file());
                j.outcome(n, "done");
                if let Some(word) = word {
                    j.guard("g", word);
                }
            })
            .0
        };
        let put_back = under(Some("reverted"));
        assert_eq!(put_back.entries[0].outcome, Outcome::Reverted);
        assert_eq!(pending(&put_back), []);
        assert_eq!(under(Some("confirmed")).entries[0].outcome, Outcome::Done);
        assert_eq!(under(None).entries[0].outcome, Outcome::Unknown);
    }

    #[test]
    fn commands_that_ended_are_known_and_those_that_may_have_are_told_apart() {
        let run = |text: &str| Run {
            changes: true,
            ..Run::new(Exec::Argv(vec![text.into()]))
        };
        let long = vec![b'y'; 20_000];
        let done = |rc, stdout: &[u8]| Ran {
            rc,
            stdout: stdout.to_vec(),
            ..Ran::default()
        };
        let (r, home) = of(|j| {
            let n = j.run(&meant("s:1", &[]), &run("a"));
            j.ran(n, &done(0, b"said"));
            let n = j.run(&meant("s:2", &[]), &run("b"));
            j.ran(n, &done(1, b""));
            j.task("h", "s:2", "failed");
            j.run(&meant("s:3", &[]), &run("c"));
            let n = j.run(&meant("s:4", &[]), &run("d"));
            j.ran(n, &done(0, &long));
            let hidden = Meant {
                hidden: true,
                ..meant("s:5", &[])
            };
            let n = j.run(&hidden, &run("e"));
            j.ran(n, &done(0, b"password"));
        });
        let known = known(&[r], &home.path().join("kept"));
        let of = &known["h"];
        let places: Vec<_> = of.ended.keys().map(|(place, _)| place.as_str()).collect();
        assert_eq!(places, ["s:1", "s:4"]);
        assert_eq!(of.ended.values().nth(1).unwrap()[0].stdout, long);
        let open: Vec<_> = of.open.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(open, ["s:3"]);
    }
}
