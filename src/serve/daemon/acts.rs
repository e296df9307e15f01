//! What becomes of an event: runs begin and end, and what is new in them is told.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::super::news::{News, news};
use super::super::notify::{Message, Told};
use super::super::run::{About, Run};
use super::super::scheduler::{Act, Event, State, step};
use super::carry::{carry_out, settled, summary};
use super::{Hearer, Inbox, Loop, Wish, lock};

impl Loop {
    pub(super) fn happened(&mut self, event: Event) {
        let state = std::mem::replace(&mut self.state, State::new(0));
        let (state, acts) = step(state, Timestamp::now(), event);
        self.state = state;
        for act in acts {
            self.act(act);
        }
        let mut board = lock(&self.daemon.board);
        board.stopping = self.state.stopping;
        for job in &mut board.jobs {
            if let Some(state) = self.state.jobs.get(&job.name) {
                job.next = state.begins;
                job.running_since = state.running.map(|r| r.since);
                job.failures = state.failures;
                job.paused_until = state.paused_until;
                job.skipped = state.skipped;
            }
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Start {
                job,
                due: _,
                missed,
            } => {
                if missed > 0 {
                    self.say(&format!(
                        "{job}: {missed} more moments were missed, and are not made up for"
                    ));
                }
                self.save(&job);
                self.start(&job);
            }
            Act::Ask { job, late } => {
                if late {
                    self.say(&format!(
                        "{job}: took longer than its timeout, and is asked to end"
                    ));
                }
                self.wish(&job, Wish::Ask { late });
            }
            Act::Kill { job } => {
                self.say(&format!("{job}: does not end, and is killed"));
                self.wish(&job, Wish::Kill);
            }
            Act::Skipped { job, paused } => {
                // Every few seconds of a pause is no news.
                if !paused {
                    self.say(&format!("{job}: still runs; this time is skipped"));
                }
            }
            Act::Paused {
                job,
                until,
                failures,
            } => {
                let text = format!(
                    "{job}: failed {failures} times in a row; paused until {}",
                    short(until)
                );
                self.trouble(&text);
            }
            Act::Resumed { job } => self.say(&format!("{job}: works again")),
            Act::Done => self.done = true,
        }
    }

    fn wish(&self, job: &str, wish: Wish) {
        if let Some(to) = self.wishes.get(job) {
            let _ = to.send(wish);
        }
    }

    fn save(&self, job: &str) {
        let (Some(state), Some(known)) = (self.state.jobs.get(job), self.known.get(job)) else {
            return;
        };
        if let Err(e) = self.daemon.shelf.save(job, &state.memory(), known) {
            self.trouble(&format!("{job}: what it remembers is not written: {e}"));
        }
    }

    fn start(&mut self, name: &str) {
        let Some(job) = self.schedule.jobs.iter().find(|j| j.name == name).cloned() else {
            return;
        };
        let (to, wishes) = mpsc::unbounded_channel();
        self.wishes.insert(name.to_owned(), to);
        let started = Timestamp::now();
        let about = About::new(&job.name, started);
        self.say(&format!("{name}: begins"));
        let (program, dir, env) = (
            self.daemon.program.clone(),
            self.schedule.dir.clone(),
            self.daemon.env.clone(),
        );
        let held = self.daemon.shelf.lock(Some(name));
        let (past, back) = (self.daemon.past.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let held = match held {
                Ok(Some(held)) => Ok(held),
                Ok(None) => Err("a run of it that another program began has not ended".to_owned()),
                Err(e) => Err(format!("cannot lock it: {e}")),
            };
            let run = carry_out(&program, (&dir, &env), &job, about, held, wishes).await;
            let (run, unkept) = settled(past, run).await;
            let _ = back.send(Inbox::Ended(Box::new(run), unkept));
        });
    }

    pub(super) fn ended(&mut self, run: Run, unkept: Option<String>) {
        let name = run.job.clone();
        self.wishes.remove(&name);
        self.say(&summary(&run));
        if let Some(why) = unkept {
            lock(&self.daemon.board).counters.history_failures += 1;
            self.trouble(&format!("{name}: this run is not in the history: {why}"));
        }
        let run = Arc::new(run);
        lock(&self.daemon.board).ran(&run);
        let known = self.known.remove(&name).unwrap_or_default();
        let (known, news) = news(&known, &run);
        self.known.insert(name.clone(), known);
        let failed = run.is_broken();
        self.happened(Event::Ended {
            job: name.clone(),
            failed,
        });
        if !news.topics().is_empty() {
            self.say(&format!("news: {}", news.line(&name)));
            self.spread(&run, &news);
        }
        self.save(&name);
    }

    /// Hands news to everybody who wants to hear it.
    fn spread(&self, run: &Run, news: &News) {
        let job = self.schedule.jobs.iter().find(|j| j.name == run.job);
        let names = job.map(|j| j.notify.clone()).unwrap_or_default();
        let body = self
            .daemon
            .mask
            .apply(&news.json(run).to_string())
            .into_owned();
        let topics = news.topics();
        for hearer in &self.hearers {
            let Hearer { target, to } = hearer;
            let wanted = topics.iter().any(|t| target.topics.contains(t));
            if !wanted || !names.contains(&target.name) {
                continue;
            }
            let message = Message {
                run: run.id.clone(),
                body: body.clone(),
            };
            if to.try_send(message).is_err() {
                self.told(&Told {
                    target: target.name.clone(),
                    run: run.id.clone(),
                    failed: Some("too much news waits for it already".into()),
                });
            }
        }
    }

    pub(super) fn told(&self, told: &Told) {
        let mut board = lock(&self.daemon.board);
        let counts = board.counters.told.entry(told.target.clone()).or_default();
        match &told.failed {
            None => counts.0 += 1,
            Some(_) => counts.1 += 1,
        }
        drop(board);
        if let Some(why) = &told.failed {
            self.trouble(&format!(
                "{} was not told of {}: {why}",
                told.target, told.run
            ));
        }
    }
}

/// A moment for the log.
fn short(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
