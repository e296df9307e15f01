//! One run of a job, from its start to its end.

use std::path::Path;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::host::child::{Child, Exit, Line};

use super::super::fold::Fold;
use super::super::past::Past;
use super::super::run::{About, Exited, Run, Status};
use super::super::schedule::Job;
use super::Wish;

/// A run in one line of the log.
pub fn summary(run: &Run) -> String {
    let mut parts = Vec::new();
    for status in Status::ALL.into_iter().rev() {
        let hosts: Vec<&str> = run
            .hosts
            .iter()
            .filter(|(_, h)| h.status == status)
            .map(|(n, _)| n.as_str())
            .collect();
        if !hosts.is_empty() {
            parts.push(format!(
                "{} {}",
                crate::inventory::fold::fold(&hosts),
                status.word()
            ));
        }
    }
    if let Some(why) = &run.why {
        parts.push(why.clone());
    }
    if parts.is_empty() {
        parts.push("no hosts".into());
    }
    format!(
        "{}: {}, {:.1} s: {}",
        run.job,
        run.status.word(),
        run.seconds(),
        parts.join("; ")
    )
}

/// One run of a job, from its start to its end.
pub(super) async fn carry_out(
    program: &Path,
    dir: (&Path, &[(String, String)]),
    job: &Job,
    about: About,
    held: Result<std::fs::File, String>,
    mut wishes: mpsc::UnboundedReceiver<Wish>,
) -> Run {
    let mut fold = Fold::new(job.verb);
    let started = held.and_then(|held| {
        let child = Child::start(program, &job.words, dir, held);
        child.map_err(|e| format!("cannot run {}: {e}", program.display()))
    });
    let mut child = match started {
        Ok(child) => child,
        Err(why) => return fold.end(&about, &Exited::NotStarted(why), Timestamp::now()),
    };
    let mut asked = None;
    loop {
        tokio::select! {
            line = child.line() => match line {
                Some(Line::Out(text)) => fold.line(&text),
                Some(Line::Err(text)) => fold.mistake(&text),
                None => break,
            },
            Some(wish) = wishes.recv() => heed(&child, wish, &mut asked),
        }
    }
    let exit = loop {
        tokio::select! {
            exit = child.end() => break exit,
            Some(wish) = wishes.recv() => heed(&child, wish, &mut asked),
        }
    };
    let exited = match (asked, exit) {
        (Some(true), _) => Exited::Late,
        (Some(false), Ok(Exit::Code(code))) if fold_is_whole(code) => Exited::Code(code),
        (Some(false), _) => Exited::Stopped,
        (None, Ok(Exit::Code(code))) => Exited::Code(code),
        (None, Ok(Exit::Signal(signal))) => Exited::Signal(signal),
        (None, Err(e)) => Exited::NotStarted(format!("cannot wait for it: {e}")),
    };
    fold.end(&about, &exited, Timestamp::now())
}

/// The run under its name in the history, and why it is not there.
pub(super) async fn settled(past: Past, run: Run) -> (Run, Option<String>) {
    let mut kept = run.clone();
    let done = tokio::task::spawn_blocking(move || {
        let done = past.settle(&mut kept);
        (kept, done.err())
    });
    done.await.unwrap_or_else(|e| (run, Some(e.to_string())))
}

/// Whether a run that was asked to end came to its own end all the same.
fn fold_is_whole(code: i32) -> bool {
    matches!(code, 0 | 3)
}

fn heed(child: &Child, wish: Wish, asked: &mut Option<bool>) {
    match wish {
        Wish::Ask { late } => {
            asked.get_or_insert(late);
            child.ask();
        }
        Wish::Kill => {
            asked.get_or_insert(false);
            child.kill();
        }
    }
}
