//! `palisade report`: a run, or all of some time, as a page, as JSON or as a table.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::history::{Filter, Run, Store};
use crate::report::history::view::{Job, Told};
use crate::report::history::{csv, html, json};
use crate::source::Diagnostic;

use super::exit::Exit;
use super::past::{Past, find, said};
use super::{messages, outputs};

const EXAMPLES: &str = "\
Examples:
  palisade report -o report.html                         the last run
  palisade report 20261121-2310 -o report.html           a run, by the beginning of its name
  palisade report --since 7d -o week.html                every job: how it stands, and how it went
  palisade report --since 7d --job 'drift site.yml' --format csv
  palisade report --format json | jq '.jobs[0].run'

Exit codes: 0 it is written, 1 it is not.";

/// Options of `palisade report`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// The run: its name, the beginning of it, or `last`
    #[arg(value_name = "RUN", conflicts_with_all = ["since", "job"])]
    run: Option<String>,
    /// The form; where it is not given, the file's name says it
    #[arg(long, value_name = "FORM")]
    format: Option<Form>,
    /// Write it to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    past: Past,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Html,
    Json,
    Csv,
}

/// Runs of a job that are drawn before the last one: a quarter of daily ones, four days of hourly ones.
const MOST_POINTS: u64 = 400;

/// Runs that are read for a report of some time.
const MOST_RUNS: u64 = 20_000;

/// Prints or writes a report.
pub fn run(args: &ReportArgs) -> Exit {
    match carry_out(args) {
        Ok(()) => Exit::Fine,
        Err(mistake) => {
            messages::show(&[mistake]);
            Exit::Start
        }
    }
}

fn carry_out(args: &ReportArgs) -> Result<(), Diagnostic> {
    let form = form(args)?;
    let mut store = args.past.open()?;
    let told = match args.past.since.is_some() || args.past.job.is_some() {
        true => over(&mut store, args)?,
        false => single(&mut store, args.run.as_deref().unwrap_or("last"))?,
    };
    let text = match form {
        Form::Html => html::render(&told),
        Form::Json => json::render(&told),
        Form::Csv => csv::render(&told),
    };
    let Some(path) = &args.output else {
        messages::print(&text);
        return Ok(());
    };
    outputs::write(path, &text).map_err(|e| {
        Diagnostic::bare(format!(
            "the report {} was not written: {e}",
            path.display()
        ))
    })?;
    messages::say(&format!("{}: {}", path.display(), summary(&told)));
    Ok(())
}

fn form(args: &ReportArgs) -> Result<Form, Diagnostic> {
    let named = args.output.as_ref().and_then(|p| p.extension()?.to_str());
    match (args.format, named, &args.output) {
        (Some(Form::Html), _, None) | (None, _, None) if std::io::stdout().is_terminal() => {
            let hint = "--output report.html writes it, --format csv is for reading here";
            Err(Diagnostic::bare("a page is nothing to read in a terminal").hint(hint))
        }
        (Some(form), ..) => Ok(form),
        (None, Some("json"), _) => Ok(Form::Json),
        (None, Some("csv"), _) => Ok(Form::Csv),
        (None, ..) => Ok(Form::Html),
    }
}

fn summary(told: &Told) -> String {
    let runs = match told.runs.len() {
        1 => "1 run".to_owned(),
        n => format!("{n} runs"),
    };
    format!("{} ({runs})", told.about)
}

fn single(store: &mut Store, word: &str) -> Result<Told, Diagnostic> {
    let run = find(store, word)?;
    Ok(Told {
        about: run.of.clone(),
        single: true,
        jobs: vec![job(store, &run)?],
        runs: vec![run],
    })
}

fn over(store: &mut Store, args: &ReportArgs) -> Result<Told, Diagnostic> {
    let filter = Filter {
        job: args.past.job.clone(),
        since: args.past.since,
        most: Some(MOST_RUNS),
        ..Filter::default()
    };
    let runs = store.runs(&filter).map_err(said)?;
    let mut jobs: Vec<Job> = Vec::new();
    for run in runs.iter().filter(|r| r.ended.is_some()) {
        if jobs.iter().all(|j| j.sheet.run.job != run.job) {
            jobs.push(job(store, run)?);
        }
    }
    if jobs.is_empty() {
        return Err(Diagnostic::bare("the history has no such runs")
            .hint("`palisade history` lists those that there are"));
    }
    for job in &mut jobs {
        job.trend
            .retain(|p| args.past.since.is_none_or(|s| p.started >= s));
    }
    let first = runs
        .last()
        .map(|r| r.started.strftime("%Y-%m-%d").to_string());
    let about = match (&args.past.job, args.past.since) {
        (Some(job), _) => job.clone(),
        (None, _) => format!("Runs since {}", first.unwrap_or_default()),
    };
    Ok(Told {
        about,
        single: false,
        jobs,
        runs,
    })
}

/// A job by one of its runs, with those before it.
fn job(store: &mut Store, run: &Run) -> Result<Job, Diagnostic> {
    let sheet = store.sheet(&run.name).map_err(said)?;
    let sheet = sheet.ok_or_else(|| Diagnostic::bare("the run has just been removed"))?;
    let filter = Filter {
        job: Some(run.job.clone()),
        most: Some(MOST_POINTS),
        ..Filter::default()
    };
    let mut trend = store.trend(&filter).map_err(said)?;
    trend.retain(|p| p.started <= run.started);
    let news = store.news(&run.name).map_err(said)?;
    Ok(Job {
        sheet,
        trend,
        news: Some(news),
    })
}
