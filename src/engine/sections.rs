//! One batch of hosts through the sections of a play.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::plan::{Item, Play, Task};

use super::context::Context;
use super::cursor::{Cursor, Position};
use super::event::{Event, HostName, PlayRef, Recap};
use super::play::PlayRun;
use super::rendezvous::Place;
use super::runner::{Life, Runner};

/// What a play is run with.
pub(super) struct Batch<'a> {
    pub play: &'a Arc<Play>,
    pub index: usize,
    pub name: &'a str,
    pub hosts: Vec<HostName>,
    pub all: Vec<HostName>,
    pub tallies: BTreeMap<HostName, Recap>,
    pub ended: Arc<AtomicBool>,
    /// Facts are gathered first.
    pub gather: Option<Arc<Task>>,
    pub force_handlers: bool,
    pub max_fail: Option<f64>,
    pub any_errors_fatal: bool,
}

/// Runs one batch of hosts through a play; returns how each of them ended.
pub(super) async fn run_batch(
    ctx: &Arc<Context>,
    batch: Batch<'_>,
) -> BTreeMap<HostName, (Life, Recap)> {
    let sections = [
        &batch.play.pre_tasks,
        &batch.play.tasks,
        &batch.play.post_tasks,
    ];
    let mut asked = false;
    for items in sections {
        crate::plan::list::each(items, &mut |task| {
            asked |= task.keywords.any_errors_fatal.is_some();
        });
    }
    let linear = asked || batch.any_errors_fatal || batch.max_fail.is_some();
    let run = Arc::new(PlayRun::of(&batch, linear));
    let play = PlayRef {
        index: batch.index,
        name: batch.name.to_owned(),
    };
    ctx.tell(Event::PlayStarted {
        play: play.clone(),
        hosts: batch.hosts.clone(),
    });
    let mut tasks = tokio::task::JoinSet::new();
    let mut ids = BTreeMap::new();
    for host in &batch.hosts {
        let tally = batch.tallies.get(host).cloned().unwrap_or_default();
        let runner = Runner::new(ctx, &run, host, tally);
        let (gather, force) = (batch.gather.clone(), batch.force_handlers);
        let handle = tasks.spawn(run_host(runner, gather, force));
        ids.insert(handle.id(), host.clone());
    }
    let mut ended = BTreeMap::new();
    while let Some(joined) = tasks.join_next_with_id().await {
        match joined {
            Ok((id, (life, recap))) => {
                if let Some(host) = ids.get(&id) {
                    ended.insert(host.clone(), (life, recap));
                }
            }
            Err(error) => {
                // One host's panic is that host's failure.
                let Some(host) = ids.get(&error.id()) else {
                    continue;
                };
                run.meet.leave(host);
                ctx.canary.lost(host);
                let start: Place = (0, Arc::from(Vec::new()));
                run.note_failure(host, &start);
                if run.any_errors_fatal {
                    run.strike(&start);
                }
                let message = "internal error: please report it, with what was run".to_owned();
                let mut recap = batch.tallies.get(host).cloned().unwrap_or_default();
                recap.failed += 1;
                let hint = None;
                ctx.tell(Event::Unreachable {
                    host: host.clone(),
                    task: None,
                    message,
                    hint,
                    code: None,
                });
                ended.insert(host.clone(), (Life::Failed, recap));
            }
        }
    }
    ctx.tell(Event::PlayEnded { play });
    ended
}

/// One host through the sections of a play.
async fn run_host(
    mut runner: Runner,
    gather: Option<Arc<Task>>,
    force_handlers: bool,
) -> (Life, Recap) {
    let play = Arc::clone(&runner.play.play);
    if !runner.ctx.halt.is_on() {
        runner.ctx.halt.begins(&runner.host);
    }
    runner.started = runner.ctx.options.start_at.is_none();
    let sections = [&play.pre_tasks, &play.tasks, &play.post_tasks];
    for (index, items) in sections.into_iter().enumerate() {
        let mut items = items.clone();
        if index == 0
            && let Some(gather) = &gather
        {
            items.insert(0, Item::Task(Arc::clone(gather)));
        }
        // Handlers run after each section that has anything in it.
        runner.section = index * 2;
        let gathers_only = index == 0 && gather.is_some() && play.pre_tasks.is_empty();
        runner.next = gathers_only.then(|| Cursor::new(Arc::from(play.tasks.clone())));
        runner.run(Cursor::new(Arc::from(items))).await;
        if matches!(runner.life, Life::Live | Life::Failed) {
            runner.resume_rest(index);
        }
        let flush = match runner.life {
            Life::Live => true,
            Life::Failed => force_handlers,
            Life::Ended | Life::Unreachable | Life::Stopped => false,
        };
        if flush && !runner.notified.is_empty() {
            let was = runner.life;
            runner.life = Life::Live;
            runner.section = index * 2 + 1;
            let mut cursor = Cursor::new(Arc::from(Vec::new()));
            cursor.push_handlers(runner.play.handler_items());
            runner.run(cursor).await;
            if runner.life == Life::Live {
                runner.life = was;
            }
        }
        runner.end_handlers();
        if runner.life != Life::Live {
            break;
        }
    }
    if runner.life == Life::Failed || runner.life == Life::Unreachable {
        runner.play.note_failure(&runner.host, &runner.at);
        runner.ctx.halt.failed(&runner.host);
    } else if runner.life == Life::Stopped && runner.ctx.halt.is_on() {
        runner.ctx.halt.cut([&runner.host]);
    }
    if runner.life == Life::Live {
        let end = (usize::MAX, Position::from(Vec::new()));
        runner.play.meet.reach(&runner.host, &end);
    }
    runner.play.meet.leave(&runner.host);
    runner.tell_pending();
    let play = PlayRef {
        index: runner.play.index,
        name: runner.play.name.clone(),
    };
    runner.ctx.tell(Event::Left {
        host: runner.host.clone(),
        play,
    });
    (runner.life, runner.tally)
}
