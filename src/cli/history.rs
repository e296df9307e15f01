//! `palisade history`: runs, what was told of a host, how hosts stand.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use crate::history::{Entry, Filter, Keep, Kind, Run, Standing, Status, Store};
use crate::inventory::fold::fold;
use crate::report::history::json;
use crate::source::Diagnostic;
use crate::source::escape::{escape, escape_json};

use super::exit::Exit;
use super::messages;
use super::past::{Past, age, said};

const EXAMPLES: &str = "\
Examples:
  palisade history                               the last runs
  palisade history --since 7d --job 'drift site.yml'
  palisade history --host web3                   what was found and changed there
  palisade history --standing                    how every host stands by the last run of every job
  palisade history --keep 30d                    remove runs that began longer ago

Exit codes: 0 it is said or done, 1 there is no such history.";

/// Options of `palisade history`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct HistoryArgs {
    /// What was told of this host, instead of runs
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// How every host stands by the last run of every job
    #[arg(long, conflicts_with = "host")]
    standing: bool,
    /// Remove runs that began longer ago; without it 90 days are kept
    #[arg(long, value_name = "AGE", value_parser = age, conflicts_with_all = ["host", "standing"])]
    keep: Option<Duration>,
    /// No more than so many, the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 30)]
    most: u64,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    past: Past,
}

/// Says what the history holds.
pub fn run(args: &HistoryArgs) -> Exit {
    match carry_out(args) {
        Ok(()) => Exit::Fine,
        Err(mistake) => {
            messages::show(&[mistake]);
            Exit::Start
        }
    }
}

fn carry_out(args: &HistoryArgs) -> Result<(), Diagnostic> {
    let mut store = args.past.open()?;
    if let Some(age) = args.keep {
        return removed(&mut store, age);
    }
    let filter = Filter {
        job: args.past.job.clone(),
        host: args.host.clone(),
        since: args.past.since,
        most: Some(args.most),
    };
    let text = if args.standing {
        let mut all = store.standing().map_err(said)?;
        all.retain(|s| args.past.job.as_ref().is_none_or(|job| s.job == *job));
        match args.json {
            true => lines(all.iter().map(stood)),
            false => standing(&all),
        }
    } else if args.host.is_some() {
        let all = store.entries(&filter).map_err(said)?;
        match args.json {
            true => lines(all.iter().map(json::entry)),
            false => entries(&all),
        }
    } else {
        let all = store.runs(&filter).map_err(said)?;
        match args.json {
            true => lines(all.iter().map(json::run)),
            false => runs(&all),
        }
    };
    if text.is_empty() {
        messages::say("the history has nothing of that");
    }
    messages::print(&text);
    Ok(())
}

fn removed(store: &mut Store, age: Duration) -> Result<(), Diagnostic> {
    let keep = Keep {
        age,
        runs: u64::MAX,
        rows: u64::MAX,
    };
    let mut gone = 0;
    loop {
        match store.prune(&keep, Timestamp::now()).map_err(said)? {
            0 => break,
            some => gone += some,
        }
    }
    let s = if gone == 1 { "" } else { "s" };
    messages::say(&format!("{gone} run{s} removed"));
    Ok(())
}

fn lines(all: impl Iterator<Item = serde_json::Value>) -> String {
    all.map(|v| format!("{}\n", escape_json(&v.to_string())))
        .collect()
}

fn stood(one: &Standing) -> serde_json::Value {
    serde_json::json!({
        "job": one.job, "host": one.host, "state": one.state.word(),
        "checked_only": one.dry, "since": one.since.to_string(), "run": one.run, "started": one.started.to_string(),
    })
}

fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

/// Rows with their columns below each other; the last one as long as it is.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |at: usize| {
        rows.iter()
            .map(|r| r[at].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        let _ = writeln!(text, "{}", escape(line.trim_end()));
    }
    text
}

fn head(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

fn runs(all: &[Run]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut rows = vec![head(&["RUN", "BEGAN (UTC)", "WHAT", "BY", "EXIT", "HOSTS"])];
    for run in all {
        let c = run.counts;
        let words = [
            (c.good, "ok"),
            (c.fixed, "fixed"),
            (c.differing.saturating_sub(c.fixed), run.differ()),
            (c.unknown, "unknown"),
            (c.failed, "failed"),
            (c.unreachable, "unreachable"),
        ];
        let words = words.iter().filter(|(n, _)| *n > 0);
        let words: Vec<String> = words.map(|(n, word)| format!("{n} {word}")).collect();
        let check = match run.dry && run.command == "playbook" {
            true => " --check",
            false => "",
        };
        rows.push(vec![
            run.name.clone(),
            time(run.started),
            format!("{}{check} {}", run.command, run.of),
            run.who.clone(),
            run.exit
                .map(|e| e.to_string())
                .unwrap_or_else(|| "-".into()),
            words.join(", "),
        ]);
    }
    table(&rows)
}

fn entries(all: &[Entry]) -> String {
    let mut text = String::new();
    let mut last = "";
    for entry in all {
        if entry.run != last {
            let _ = writeln!(
                text,
                "{}  {} {}  by {}  ({})",
                time(entry.started),
                escape(&entry.command),
                escape(&entry.of),
                escape(&entry.who),
                escape(&entry.run)
            );
            last = &entry.run;
        }
        let word = word(entry.status, entry.dry);
        let what = entry.summary.as_deref().or(entry.message.as_deref());
        let what = what.and_then(|w| w.lines().next()).unwrap_or_default();
        let line = format!("  {word:11} {}  {what}", entry.task.name);
        let _ = writeln!(text, "{}", escape(line.trim_end()));
    }
    text
}

/// What a run that only looks calls changed was not: it differs.
fn word(status: Status, dry: bool) -> &'static str {
    match dry && status == Status::Changed {
        true => "differs",
        false => status.word(),
    }
}

/// Hosts that stand alike together, what calls for somebody last.
fn standing(all: &[Standing]) -> String {
    let mut text = String::new();
    let mut groups: std::collections::BTreeMap<_, Vec<&str>> = Default::default();
    for one in all {
        let kind = one.state.kind();
        let since = match kind {
            Kind::Good => String::new(),
            _ => format!(" since {}", time(one.since)),
        };
        let key = (one.job.as_str(), kind, word(one.state, one.dry), since);
        groups.entry(key).or_default().push(&one.host);
    }
    let mut last = "";
    for ((job, _, word, since), hosts) in &groups {
        if *job != last {
            let _ = writeln!(text, "{}", escape(job));
            last = job;
        }
        let line = format!("  {word:11} {}{since}", fold(hosts));
        let _ = writeln!(text, "{}", escape(&line));
    }
    text
}
