//! One host's way through a section of a play.
//!
//! The runner decides as far ahead as what was observed allows, queues the steps, and exchanges one
//! script with the host when it needs an answer or a verdict: the queued steps, then the questions of
//! every task that lies ahead. A failure takes back everything that was decided behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::action::Observed;
use crate::plan::RoleNames;
use crate::resource::Query;
use crate::resource::apply::FULL;

use super::context::Context;
use super::cursor::{Cursor, Position};
use super::doing::Doing;
use super::event::{HostName, Recap};
use super::play::PlayRun;
use super::prepare::Prepared;
use super::rendezvous::Place;
use super::sending::{StepOutcome, Work, few};
use super::session::{Errand, Exchange};
use super::settings::Way;
use super::verdict::Raw;

/// Whether a host still takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Live,
    Failed,
    /// `end_host`, `end_play`: done, and not failed.
    Ended,
    Unreachable,
    /// Something was to come, and the run was stopped before it.
    Stopped,
}

pub(super) struct Runner {
    pub ctx: Arc<Context>,
    pub play: Arc<PlayRun>,
    pub host: HostName,
    pub section: usize,
    pub cursor: Cursor,
    /// The host as each of its shells sees it.
    pub seen: BTreeMap<Way, Observed>,
    /// Tasks decided and not yet settled, in order.
    pub queue: Vec<Doing>,
    pub prepared: BTreeMap<(Position, usize), Prepared>,
    /// Handlers asked for, by index.
    pub notified: BTreeSet<usize>,
    /// Handlers that were asked for and have not come to their end.
    pub due: BTreeSet<usize>,
    /// Tasks of which a command's result is that of the run that is resumed.
    pub recalled: BTreeSet<Position>,
    /// The item of a loop that is carried out by itself.
    pub item: usize,
    /// Items that were found changed meanwhile, once.
    pub conflicts: BTreeSet<(Position, usize)>,
    /// Bytes that the queued steps bring into a script.
    pub weight: usize,
    /// Nothing is begun before what is queued has its verdict.
    pub hold: bool,
    /// Tasks that turned out to need the host to themselves.
    pub alone: BTreeSet<Position>,
    /// The cursor before it came to its end.
    pub end: Cursor,
    /// The place of the task that is carried out by itself, and whether it fails for every host.
    pub at: Place,
    pub fatal: bool,
    /// Failures elsewhere that this host has taken for its own.
    pub struck: BTreeSet<Place>,
    /// The roles of the play, those included so far too.
    pub roles: RoleNames,
    pub tally: Recap,
    pub life: Life,
    pub started: bool,
    /// The entry of the section's list that the last task belongs to.
    pub entry: (usize, Option<usize>),
    /// The list behind this one, where this one only gathers facts: what needs none of them is asked
    /// about in the same trip.
    pub next: Option<Cursor>,
    /// What may cut access is being changed.
    pub guard: Option<super::guard::Armed>,
    /// What was put back together and is tried apart.
    pub again: Option<super::divide::Again>,
    /// Entries of the section's list that were put back for good.
    pub guilty: BTreeSet<super::divide::Place>,
    /// Where the host stood before the task that is carried out by itself.
    pub here: Cursor,
}

/// What the runner needs to go on.
pub(super) enum Next {
    /// An exchange: queued steps, and these questions.
    Exchange(Way, Vec<Query>),
    /// The next task is carried out by itself.
    Solo,
    Done,
}

/// What came of looking at an item.
pub(super) enum Looked {
    Decided,
    Asks(Vec<Query>),
    /// A verdict that is still out is needed.
    Waits,
    Solo,
}

impl Runner {
    pub(super) fn new(
        ctx: &Arc<Context>,
        play: &Arc<PlayRun>,
        host: &HostName,
        tally: Recap,
    ) -> Runner {
        Runner {
            ctx: Arc::clone(ctx),
            play: Arc::clone(play),
            host: Arc::clone(host),
            section: 0,
            cursor: Cursor::default(),
            seen: BTreeMap::new(),
            queue: Vec::new(),
            prepared: BTreeMap::new(),
            notified: BTreeSet::new(),
            due: BTreeSet::new(),
            recalled: BTreeSet::new(),
            item: 0,
            conflicts: BTreeSet::new(),
            weight: 0,
            hold: false,
            alone: BTreeSet::new(),
            end: Cursor::default(),
            at: (0, Position::from(Vec::new())),
            fatal: false,
            struck: BTreeSet::new(),
            roles: play.play.role_names.clone(),
            tally,
            life: Life::Live,
            started: true,
            entry: (0, None),
            next: None,
            guard: None,
            again: None,
            guilty: BTreeSet::new(),
            here: Cursor::default(),
        }
    }

    pub(super) fn place(&self, position: &Position) -> Place {
        (self.section, Arc::clone(position))
    }

    /// Runs a list of items to its end, or until the host is out.
    pub(super) async fn run(&mut self, cursor: Cursor) {
        self.cursor = cursor;
        // Places count from the beginning of a list: another list's are other places.
        self.prepared.clear();
        self.alone.clear();
        self.conflicts.clear();
        while self.life == Life::Live {
            if self.guard.is_some() {
                self.mind_guard().await;
                if self.life != Life::Live {
                    break;
                }
            }
            if self.ctx.stopping() || self.is_halted() {
                let waiting = self.queue.iter().filter(|d| d.waiting() > 0);
                let names = waiting.map(|d| d.name.clone()).collect();
                self.not_run(names);
                break;
            }
            if self.play.has_ended() {
                self.life = Life::Ended;
                break;
            }
            match self.advance() {
                Next::Exchange(way, queries) => self.exchange(&way, queries).await,
                Next::Solo => self.solo().await,
                Next::Done if self.falls_at_the_end().await => {}
                Next::Done => break,
            }
            // Let other hosts have the thread between long stretches of deciding.
            tokio::task::yield_now().await;
        }
        if self.life == Life::Live && self.cursor.is_out() {
            self.life = Life::Failed;
        }
        if self.guard.is_some() {
            self.queue.clear();
            self.mind_guard().await;
        }
        self.stop_dividing();
    }

    /// Whether enough other hosts have failed that nothing more is begun here. What is being changed under a
    /// guard comes to its end, and so does a host that has nothing further to do.
    fn is_halted(&self) -> bool {
        self.ctx.halt.is_on()
            && self.guard.is_none()
            && !self.cursor.in_handlers()
            && (!self.queue.is_empty() || self.cursor.clone().next().is_some())
    }

    /// Whether what is queued is as much as one script should bring.
    fn is_full(&self) -> bool {
        self.weight >= FULL && self.queue.iter().any(|d| d.waiting() > 0)
    }

    /// Decides as far as possible.
    fn advance(&mut self) -> Next {
        loop {
            if self.is_full() {
                return self.flush();
            }
            if self.queue.last().is_none_or(Doing::is_complete) {
                if self.hold && !self.queue.is_empty() {
                    return self.flush();
                }
                let before = self.cursor.clone();
                let Some(task) = self.cursor.next() else {
                    return if self.queue.is_empty() {
                        self.end = before;
                        Next::Done
                    } else {
                        self.flush()
                    };
                };
                match self.begin(&task, &before) {
                    Looked::Decided => {}
                    Looked::Solo => {
                        self.cursor = before;
                        return if self.queue.is_empty() {
                            Next::Solo
                        } else {
                            self.flush()
                        };
                    }
                    Looked::Asks(_) | Looked::Waits => {
                        self.cursor = before;
                        return self.flush();
                    }
                }
            }
            while self.queue.last().is_some_and(|d| !d.is_complete()) && !self.is_full() {
                match self.look() {
                    Looked::Decided => {}
                    Looked::Asks(queries) => {
                        let way = self.queue.last().map(|d| d.settings.way.clone());
                        let way = way.unwrap_or_default();
                        let queries = self.gather(&way, queries);
                        return Next::Exchange(way, queries);
                    }
                    Looked::Waits => return self.flush(),
                    Looked::Solo => {
                        if let Some(doing) = self.queue.pop() {
                            self.alone.insert(Arc::clone(&doing.place));
                            self.cursor = doing.before.clone();
                            self.take_back(doing);
                        }
                        break;
                    }
                }
            }
            self.settle();
            if self.life != Life::Live {
                return Next::Done;
            }
        }
    }

    /// Sends what is queued, and uses the trip to ask what lies ahead.
    fn flush(&mut self) -> Next {
        let way = self
            .queue
            .iter()
            .find(|d| d.waiting() > 0)
            .map(|d| d.settings.way.clone());
        let way = way.unwrap_or_default();
        let queries = self.gather(&way, Vec::new());
        Next::Exchange(way, queries)
    }

    /// One script there, one reply back.
    async fn exchange(&mut self, way: &Way, mut queries: Vec<Query>) {
        self.weight = 0;
        few(&mut queries);
        let mut work = Vec::new();
        let mut keys = Vec::new();
        for d in 0..self.queue.len() {
            let doing = &self.queue[d];
            if doing.waiting() > 0 {
                let notify = self.asks_for(&doing.task, &doing.layers);
                self.queue[d].settings.notify = notify;
            }
        }
        for (d, doing) in self.queue.iter().enumerate() {
            for (i, item) in doing.items.iter().enumerate() {
                for step in item.steps() {
                    work.push(Work::new(step, &doing.settings, &doing.name));
                    keys.push((d, i));
                }
            }
        }
        if work.is_empty() && queries.is_empty() {
            return self.stuck();
        }
        if let Some(cut) = self.cut_for_guard(&keys, &work) {
            if cut == 0 {
                return self.retreat();
            }
            let (d, i) = keys[cut - 1];
            self.go_back(d, i);
            keys.truncate(cut);
            work.truncate(cut);
        }
        if let Err((d, i, raw)) = self.arm_for(&keys, &work).await {
            self.end_item(d, i, *raw);
            self.go_back(d, i);
            self.hold = true;
            return self.settle();
        }
        let password = self.queue.iter().find_map(|d| d.settings.password.clone());
        let password = password.filter(|_| way.r#become.is_some());
        let errand = Errand {
            subject: &self.host,
            to: &self.host,
            way,
            password,
            guard: self.guard.as_ref().map(|armed| armed.id()),
        };
        let answer = self.ctx.sessions.exchange(errand, work, &queries).await;
        let Exchange {
            outcomes,
            answers,
            me,
            lost,
        } = match answer {
            Ok(exchange) => exchange,
            Err(error) => return self.lose_queue(&error, &keys),
        };
        self.tally.round_trips += 1;
        let opaque = self.opaque(&keys);
        let observed = self.observed(way);
        observed.me = me;
        for (query, state) in answers {
            observed.put(query, state);
        }
        if opaque {
            // What was seen through other shells may no longer be so.
            self.seen.retain(|other, _| other == way);
        }
        let mut stopped = None;
        let mut last = None;
        let heard = outcomes.len();
        for (n, (&(d, i), outcome)) in keys.iter().zip(outcomes).enumerate() {
            match outcome {
                StepOutcome::Done(done) => self.done(d, i, done),
                StepOutcome::Failed(raw) => {
                    if raw.result.contains_key("conflict") && self.look_again(d, i) {
                        break;
                    }
                    self.end_item(d, i, *raw);
                }
                StepOutcome::NotRun if self.ctx.stopping() && !self.stands(last) => {
                    return self.stop_at(&keys[n..]);
                }
                // Nothing was before it that could have stopped the script, but the guard's own time.
                StepOutcome::NotRun if last.is_none() && self.guard.is_some() => {
                    let over = "not begun: the time of its guard was over when it arrived";
                    let raw = Raw {
                        failed: Some(over.to_owned()),
                        ..Raw::default()
                    };
                    self.end_item(d, i, raw);
                }
                // Whatever stopped the script is the one before.
                StepOutcome::NotRun => {
                    stopped = last;
                    break;
                }
            }
            last = Some((d, i));
            if self.has_failed(d, i) {
                stopped = last;
                break;
            }
        }
        if let Some((d, i)) = stopped {
            self.go_back(d, i);
        } else if let Some(error) = lost.filter(|_| heard < keys.len()) {
            return self.lose_rest(&error, &keys[heard..]);
        }
        self.hold = false;
        self.settle();
    }
}
