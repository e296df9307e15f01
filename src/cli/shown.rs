//! One run as it was recorded: its steps, the same ones of many hosts once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::inventory::fold::fold;
use crate::journal::contents;
use crate::journal::pending::pending;
use crate::journal::read::{Entry, Recorded, What};
use crate::resource::file::Node;
use crate::resource::{Change, Content, State, describe, written};
use crate::source::escape::{escape, escape_json};

use super::logs::when;
use super::recorded::{self, word};
use super::resume;
use super::run::CONTENTS;

/// A content larger than this is not read to say in a line what changed of it.
const MOST_READ: u64 = 1024 * 1024;

/// What changes were, with what is kept of the contents they replaced.
pub(super) struct Ends {
    kept: PathBuf,
}

impl Ends {
    pub(super) fn new(state: &Path) -> Ends {
        Ends {
            kept: state.join(CONTENTS),
        }
    }

    /// A step in a line, and its two ends.
    pub(super) fn of(&self, entry: &Entry) -> (String, Value, Value) {
        let What::Change {
            on,
            before,
            after,
            hidden,
            ..
        } = &entry.what
        else {
            let said = entry.said.as_ref().map(|s| format!(", rc {}", s.rc));
            return (
                format!("ran{}", said.unwrap_or_default()),
                Value::Null,
                Value::Null,
            );
        };
        let (Some(on), Some(before), Some(after)) = (on, before, after) else {
            let text = if *hidden { "(hidden)" } else { "changed" };
            return (text.to_owned(), Value::Null, Value::Null);
        };
        let ends = [before, after].map(|s| json!(written::state(s)));
        let change = Change::new(on.clone(), self.filled(before), self.filled(after));
        let told = describe::describe(&change);
        let mut summary = escape(&told.summary).into_owned();
        for (word, state) in [("from", before), ("to", after)] {
            if let Some(digest) = digest(state) {
                let _ = write!(summary, " {word} {}", &digest[..12]);
            }
        }
        let [from, to] = ends;
        (summary, from, to)
    }

    /// The state with the bytes that are kept of it.
    fn filled(&self, state: &State) -> State {
        let mut state = state.clone();
        if let State::File(file) = &mut state
            && let Node::File(Some(content)) = &mut file.node
            && content.bytes.is_none()
            && content.size <= MOST_READ
            && let Ok(bytes) = std::fs::read(contents::place(&self.kept, &content.digest))
        {
            *content = Content::new(bytes);
        }
        state
    }
}

fn digest(state: &State) -> Option<String> {
    match state {
        State::File(file) => file.content().map(|c| c.digest.to_string()),
        _ => None,
    }
}

/// What a run did.
pub(super) fn run(recorded: &Recorded, ends: &Ends, under_way: bool, json: bool) -> String {
    let about = &recorded.about;
    let pending = pending(recorded);
    if json {
        let steps = recorded.entries.iter().map(|e| step(e, ends));
        let pending = pending
            .iter()
            .map(|p| json!({ "host": p.host, "handler": p.name }));
        let all = json!({
            "run": recorded.run, "about": about, "end": recorded.end, "hosts": recorded.hosts,
            "under_way": under_way, "torn": recorded.torn,
            "steps": steps.collect::<Vec<_>>(), "pending": pending.collect::<Vec<_>>(),
        });
        return format!("{}\n", escape_json(&all.to_string()));
    }
    let end = match (&recorded.end, under_way) {
        (_, true) => "under way",
        (Some(end), _) => end,
        (None, _) => "killed",
    };
    let mut out = format!(
        "run {} · {} · {} · {end}\n",
        recorded.run,
        when(word(about, "when")),
        escape(word(about, "who"))
    );
    let words = recorded::words(about, "words").join(" ");
    let _ = writeln!(
        out,
        "palisade {} (in {})",
        escape(&words),
        escape(word(about, "directory"))
    );
    for (key, text) in [("undoes", "takes back"), ("resumes", "goes on with")] {
        if !word(about, key).is_empty() {
            let _ = writeln!(out, "{text} {}", word(about, key));
        }
    }
    steps(recorded, ends, &mut out);
    let mut by_word: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (host, word) in &recorded.hosts {
        by_word.entry(word).or_default().push(host);
    }
    for (word, hosts) in by_word {
        let _ = writeln!(out, "{word}: {}", escape(&fold(&hosts)));
    }
    for line in resume::lines(&pending) {
        let _ = writeln!(out, "pending {}", escape(&line));
    }
    out
}

/// The steps in the order of the first host that did each.
fn steps(recorded: &Recorded, ends: &Ends, out: &mut String) {
    let mut order: Vec<(String, String)> = Vec::new();
    let mut hosts: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    for entry in &recorded.entries {
        let mut line = format!("{}: {}", escape(&entry.on), ends.of(entry).0);
        match entry.outcome.word() {
            "done" => {}
            word => line = format!("{word}: {line}"),
        }
        let handler = if entry.handler { " (handler)" } else { "" };
        let title = format!(
            "{}{handler} · {}",
            escape(&entry.task),
            escape(&entry.place)
        );
        let key = (title, line);
        let of = hosts.entry(key.clone()).or_insert_with(|| {
            order.push(key);
            Vec::new()
        });
        of.push(&entry.host);
    }
    let mut last = String::new();
    for (title, line) in order {
        if title != last {
            let _ = writeln!(out, "{title}");
            last.clone_from(&title);
        }
        let on = hosts
            .get(&(title, line.clone()))
            .map(|h| fold(h))
            .unwrap_or_default();
        let _ = writeln!(out, "    {}: {line}", escape(&on));
    }
}

fn step(entry: &Entry, ends: &Ends) -> Value {
    let (summary, before, after) = ends.of(entry);
    json!({
        "host": entry.host, "for": entry.subject, "task": entry.task, "place": entry.place,
        "handler": entry.handler, "on": entry.on, "what": summary, "before": before, "after": after,
        "outcome": entry.outcome.word(), "notify": entry.notify,
    })
}
