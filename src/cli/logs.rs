//! `palisade log`: the runs that are recorded, and who changed what on a host.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::inventory::fold::fold;
use crate::journal::find;
use crate::journal::pending::{pending, unwell};
use crate::journal::read::{Entry, Note, Recorded, What};
use crate::source::Diagnostic;
use crate::source::escape::{escape, escape_json};

use super::exit::Exit;
use super::messages;
use super::recorded::{self, word};
use super::resume::{Later, is_unfinished};
use super::run::{RUNS, state_dir};
use super::shown::{self, Ends};

const EXAMPLES: &str = "\
Examples:
  palisade log                                         the last runs, the newest first
  palisade log --host web03 --path /etc/ssh/sshd_config    who changed this, when, from what to what
  palisade log -n 0 --format json                      all of them, for programs
  palisade show 20261121-2011                          what one of them did";

/// Runs that are listed where nobody says how many.
const SHOWN: usize = 20;

/// Options of `palisade log`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct LogArgs {
    /// Only what concerns this host
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Who changed this path, or what is below it; also a thing by its name, as in `service ssh`
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// How many are listed (20); 0 is all
    #[arg(short = 'n', long, value_name = "N")]
    number: Option<usize>,
    /// How they are listed
    #[arg(long, value_name = "FORM", default_value = "human")]
    format: Form,
}

/// Who reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    #[default]
    Human,
    /// One JSON object a line
    Json,
}

pub fn run(args: &LogArgs) -> Exit {
    let Some(state) = state_dir() else {
        let text = "there is no home, and so no record of runs";
        messages::show(&[Diagnostic::bare(text)]);
        return Exit::Start;
    };
    let most = match args.number.unwrap_or(SHOWN) {
        0 => usize::MAX,
        n => n,
    };
    let dir = state.join(RUNS);
    let text = match &args.path {
        Some(path) => changes(args, &state, path, most),
        None => runs(args, &dir, most),
    };
    if text.is_empty() {
        messages::say(match find::all(&dir).is_empty() {
            true => "no runs are recorded",
            false => "nothing of that is recorded",
        });
    }
    messages::print(&text);
    Exit::Fine
}

fn runs(args: &LogArgs, dir: &std::path::Path, most: usize) -> String {
    let mut later = Later::default();
    let mut lines = Vec::new();
    for recorded in recorded::readable(dir) {
        let concerns = args
            .host
            .as_ref()
            .is_none_or(|h| hosts(&recorded).contains(h.as_str()));
        if concerns && lines.len() < most {
            let under_way = find::is_under_way(&dir.join(format!("{}.jsonl", recorded.run)));
            lines.push(line(&recorded, &later, under_way));
        }
        if lines.len() >= most {
            break;
        }
        later.note(&recorded);
    }
    match args.format {
        Form::Json => lines
            .iter()
            .map(|l| format!("{}\n", escape_json(&l.to_string())))
            .collect(),
        Form::Human => table(&lines),
    }
}

/// The hosts that a run did anything on, or that came to an end in it.
pub(super) fn hosts(recorded: &Recorded) -> BTreeSet<&str> {
    let steps = recorded.entries.iter().map(|e| e.host.as_str());
    let ends = recorded.hosts.keys().map(String::as_str);
    steps.chain(ends).collect()
}

fn line(recorded: &Recorded, later: &Later, under_way: bool) -> Value {
    let about = &recorded.about;
    let run = &recorded.run;
    let changed = recorded
        .notes
        .iter()
        .filter(|(_, note)| matches!(note, Note::Task { word, .. } if word == "changed"));
    let failed = recorded
        .hosts
        .values()
        .filter(|w| *w == "failed" || *w == "unreachable");
    let state = match (later.undone(run), later.resumed(run)) {
        _ if under_way => "under way".to_owned(),
        (Some(by), _) => format!("undone by {by}"),
        (None, Some(by)) => format!("resumed by {by}"),
        (None, None) if is_unfinished(recorded) && !later.is_over(recorded) => {
            match recorded.end.as_deref() {
                None => "unfinished (killed)".to_owned(),
                Some("stopped") => "unfinished (stopped)".to_owned(),
                Some(_) if unwell(recorded).is_empty() => "handlers pending".to_owned(),
                Some(_) => "unfinished".to_owned(),
            }
        }
        (None, None) => match recorded.end.as_deref() {
            Some("done") if unwell(recorded).is_empty() => "done".to_owned(),
            Some("done") => "failed".to_owned(),
            Some(end) => end.to_owned(),
            None => "killed".to_owned(),
        },
    };
    json!({
        "run": run,
        "when": word(about, "when"),
        "who": word(about, "who"),
        "command": word(about, "command"),
        "of": recorded::of(about),
        "words": about.get("words"),
        "directory": word(about, "directory"),
        "hosts": hosts(recorded),
        "changed": changed.count(),
        "failed": failed.count(),
        "pending": pending(recorded).len(),
        "state": state,
    })
}

fn table(lines: &[Value]) -> String {
    let mut rows =
        vec![["RUN", "WHEN", "COMMAND", "HOSTS", "CHANGED", "FAILED", ""].map(str::to_owned)];
    for line in lines {
        let text = |key: &str| escape(word(line, key)).into_owned();
        let hosts = line["hosts"].as_array();
        let hosts: Vec<&str> = hosts
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let command = match (word(line, "command"), word(line, "of")) {
            (_, of) if of.starts_with("undo of") || of.starts_with("resume of") => of.to_owned(),
            (command, of) => format!("{command} {of}"),
        };
        rows.push([
            text("run"),
            when(word(line, "when")),
            escape(&command).into_owned(),
            brief(&hosts),
            line["changed"].to_string(),
            line["failed"].to_string(),
            text("state"),
        ]);
    }
    match lines.is_empty() {
        true => String::new(),
        false => columns(&rows),
    }
}

/// Hosts in few words.
fn brief(hosts: &[&str]) -> String {
    const MOST: usize = 30;
    let folded = fold(hosts);
    match folded.chars().count() > MOST {
        true => format!("{} hosts", hosts.len()),
        false => escape(&folded).into_owned(),
    }
}

/// A time in the local zone, to the minute.
pub(super) fn when(text: &str) -> String {
    let Ok(time) = text.parse::<jiff::Timestamp>() else {
        return String::new();
    };
    let local = time.to_zoned(jiff::tz::TimeZone::system());
    local.strftime("%Y-%m-%d %H:%M").to_string()
}

/// Rows as columns, of which the last is as long as it is.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |n: usize| rows.iter().map(|r| r[n].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Every change of a path, the newest first.
fn changes(args: &LogArgs, state: &std::path::Path, path: &str, most: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    let ends = Ends::new(state);
    for recorded in recorded::readable(&state.join(RUNS)) {
        let mine = recorded
            .entries
            .iter()
            .filter(|e| concerns(e, args.host.as_deref(), path));
        let mine: Vec<&Entry> = mine.collect();
        for entry in mine.into_iter().rev() {
            if count == most {
                return out;
            }
            count += 1;
            let (summary, from, to) = ends.of(entry);
            match args.format {
                Form::Human => out.push_str(&told(&recorded, entry, &summary)),
                Form::Json => {
                    let line = json!({
                        "run": recorded.run, "when": word(&recorded.about, "when"),
                        "who": word(&recorded.about, "who"), "host": entry.host,
                        "task": entry.task, "place": entry.place, "on": entry.on,
                        "what": summary, "before": from, "after": to,
                        "outcome": entry.outcome.word(), "words": recorded.about.get("words"),
                    });
                    let _ = writeln!(out, "{}", escape_json(&line.to_string()));
                }
            }
        }
    }
    out
}

fn concerns(entry: &Entry, host: Option<&str>, path: &str) -> bool {
    let below = entry.on.strip_prefix(path.trim_end_matches('/'));
    matches!(entry.what, What::Change { .. })
        && host.is_none_or(|h| entry.host == h)
        && below.is_some_and(|b| b.is_empty() || b.starts_with('/'))
}

fn told(recorded: &Recorded, entry: &Entry, summary: &str) -> String {
    let about = &recorded.about;
    let doubt = match entry.outcome.word() {
        "done" => String::new(),
        word => format!(" ({word})"),
    };
    let mut out = format!(
        "{}  {}  {}  {}: {summary}{doubt}\n",
        when(word(about, "when")),
        escape(&entry.host),
        escape(word(about, "who")),
        escape(&entry.on),
    );
    let _ = writeln!(
        out,
        "    run {} ({}), {} at {}",
        recorded.run,
        escape(&recorded::of(about)),
        escape(&entry.task),
        escape(&entry.place),
    );
    out
}

/// What the run of this name did, for `palisade show`.
pub fn show(name: &str, json: bool) -> Exit {
    let dir = state_dir().unwrap_or_default();
    match recorded::named(&dir.join(RUNS), name) {
        Ok(recorded) => {
            let under_way =
                find::is_under_way(&dir.join(RUNS).join(format!("{}.jsonl", recorded.run)));
            messages::print(&shown::run(&recorded, &Ends::new(&dir), under_way, json));
            Exit::Fine
        }
        Err(mistake) => {
            messages::show(&[mistake]);
            Exit::Start
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        assert_eq!(
            columns(&[row("RUN", ""), row("long one", "x")]),
            "RUN\nlong one  x\n"
        );
    }

    #[test]
    fn a_path_is_itself_and_what_is_below_it() {
        let entry = |on: &str| Entry {
            on: on.into(),
            host: "h".into(),
            what: What::Change {
                on: None,
                before: None,
                after: None,
                options: Vec::new(),
                hidden: false,
                password: false,
            },
            ..Entry::default()
        };
        assert!(concerns(&entry("/etc/a"), None, "/etc/"));
        assert!(concerns(&entry("/etc"), Some("h"), "/etc"));
        assert!(!concerns(&entry("/etcetera"), None, "/etc"));
        assert!(!concerns(&entry("/etc"), Some("i"), "/etc"));
        assert!(concerns(&entry("service ssh"), None, "service ssh"));
    }
}
