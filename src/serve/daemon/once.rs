//! One job, once and now.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::super::news::news;
use super::super::notify::{self, Message, Told};
use super::super::run::{About, Run};
use super::super::schedule::Schedule;
use super::carry::{carry_out, settled, summary};
use super::{Daemon, Wish};

/// One job, once and now: its run, and what was news in it. Nothing if it runs already.
pub async fn once(daemon: &mut Daemon, schedule: &Schedule, name: &str) -> Result<Run, String> {
    let job = schedule.jobs.iter().find(|j| j.name == name);
    let job = job.ok_or_else(|| format!("the schedule has no job `{name}`"))?;
    for secret in &schedule.secrets {
        daemon.mask.add(secret.reveal());
    }
    let (mut memory, known, said) = daemon.shelf.load(name);
    if let Some(said) = said {
        (daemon.say)(&format!("warning: {said}"));
    }
    let held = match daemon.shelf.lock(Some(name)) {
        Ok(Some(held)) => Ok(held),
        Ok(None) => return Err(format!("`{name}` runs already")),
        Err(e) => Err(format!("cannot lock it: {e}")),
    };
    let now = Timestamp::now();
    let about = About::new(name, now);
    let (to, wishes) = mpsc::unbounded_channel();
    let watching = tokio::spawn(watch(to, job.timing.timeout));
    let run = carry_out(
        &daemon.program,
        (&schedule.dir, &daemon.env),
        job,
        about,
        held,
        wishes,
    )
    .await;
    watching.abort();
    (daemon.say)(&daemon.mask.apply(&summary(&run)));
    let (run, unkept) = settled(daemon.past.clone(), run).await;
    if let Some(why) = unkept {
        (daemon.say)(&format!("warning: this run is not in the history: {why}"));
    }
    let (known, news) = news(&known, &run);
    memory.heeded = Some(now);
    memory.failures = if run.is_broken() {
        memory.failures.saturating_add(1)
    } else {
        0
    };
    if let Err(e) = daemon.shelf.save(name, &memory, &known) {
        (daemon.say)(&format!("warning: what it remembers is not written: {e}"));
    }
    let topics = news.topics();
    let body = daemon.mask.apply(&news.json(&run).to_string()).into_owned();
    // One that cannot be told keeps nobody else waiting.
    let mut workers = tokio::task::JoinSet::new();
    for target in &schedule.targets {
        if !job.notify.contains(&target.name) || !topics.iter().any(|t| target.topics.contains(t)) {
            continue;
        }
        let (to, inbox) = mpsc::channel(1);
        let message = Message {
            run: run.id.clone(),
            body: body.clone(),
        };
        let _ = to.send(message).await;
        drop(to);
        let (say, mask) = (Arc::clone(&daemon.say), daemon.mask.clone());
        let told = move |told: Told| {
            if let Some(why) = told.failed {
                say(&mask.apply(&format!("warning: {} was not told: {why}", told.target)));
            }
        };
        let work = notify::work(target.clone(), schedule.dir.clone(), inbox, told);
        workers.spawn(work);
    }
    while workers.join_next().await.is_some() {}
    Ok(run)
}

/// Hands signals, and the end of its time, to a run.
async fn watch(to: mpsc::UnboundedSender<Wish>, timeout: jiff::SignedDuration) {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    );
    let (Ok(mut int), Ok(mut term)) = kinds else {
        return;
    };
    let timeout = Duration::try_from(timeout).unwrap_or(Duration::MAX);
    let mut late = false;
    loop {
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
            () = tokio::time::sleep(timeout), if !late => late = true,
        }
        let _ = to.send(Wish::Ask { late });
    }
}
