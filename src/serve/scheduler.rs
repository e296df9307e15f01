//! What to do next: a function of how things are, the time, and what happened. It looks at no clock,
//! starts nothing and waits for nothing, so that years of it are tested in a second.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::{SignedDuration, Timestamp};

use super::schedule::{Breaker, Timing};

/// All jobs, and what holds for all of them.
#[derive(Clone, Debug)]
pub struct State {
    pub jobs: BTreeMap<String, JobState>,
    pub breaker: Breaker,
    pub at_once: usize,
    /// Nothing is begun any more.
    pub stopping: bool,
    /// Makes jitter another one on each machine.
    pub seed: u64,
}

#[derive(Clone, Debug)]
pub struct JobState {
    pub timing: Timing,
    /// The moment of the calendar that comes next, and with jitter.
    pub due: Option<Timestamp>,
    pub begins: Option<Timestamp>,
    /// The last moment that was heeded.
    pub heeded: Option<Timestamp>,
    pub running: Option<Running>,
    /// In a row.
    pub failures: u32,
    pub paused_until: Option<Timestamp>,
    /// Moments at which it was still running, or paused.
    pub skipped: u64,
    /// No schedule has it any more; it is gone when it has ended.
    pub leaves: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Running {
    pub since: Timestamp,
    /// When it is asked to end, or asked again.
    pub ask_at: Timestamp,
    pub asked: u8,
    /// It was asked because it took too long.
    pub late: bool,
}

/// What a job remembers from earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub heeded: Option<Timestamp>,
    pub failures: u32,
    pub paused_until: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub enum Event {
    /// Time passed.
    Time,
    Ended {
        job: String,
        failed: bool,
    },
    /// The schedule is this from now on.
    Schedule {
        jobs: Vec<(String, Timing, Memory)>,
        breaker: Breaker,
        at_once: usize,
    },
    /// Somebody wants an end.
    Stop,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// `missed` moments before this one were slept through.
    Start {
        job: String,
        due: Timestamp,
        missed: u32,
    },
    /// The first time in order, the second time at once.
    Ask {
        job: String,
        late: bool,
    },
    Kill {
        job: String,
    },
    Skipped {
        job: String,
        paused: bool,
    },
    Paused {
        job: String,
        until: Timestamp,
        failures: u32,
    },
    Resumed {
        job: String,
    },
    /// Nothing runs, and nothing will.
    Done,
}

/// An orderly end lets steps under way come to theirs.
const ORDERLY: SignedDuration = SignedDuration::from_secs(60);
/// Whoever was asked twice says its last words within five seconds.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(10);
/// Pauses double until they are as long as this.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(24);
/// Moments that were missed are counted so far.
const MOST_MISSED: u32 = 1000;

impl State {
    pub fn new(seed: u64) -> State {
        State {
            jobs: BTreeMap::new(),
            breaker: Breaker {
                after: 1,
                pause: SignedDuration::ZERO,
            },
            at_once: 1,
            stopping: false,
            seed,
        }
    }

    /// When something happens by itself, at the latest.
    pub fn wakes(&self) -> Option<Timestamp> {
        let full = self.running() >= self.at_once;
        let of = |job: &JobState| match job.running {
            Some(running) => Some(running.ask_at).into_iter().chain(job.due).min(),
            None if self.stopping || full => None,
            None => match job.paused_until {
                Some(_) => job.due,
                None => job.begins,
            },
        };
        self.jobs.values().filter_map(of).min()
    }

    fn running(&self) -> usize {
        self.jobs.values().filter(|j| j.running.is_some()).count()
    }
}

/// One step: what things are like after it, and what is to be done.
pub fn step(mut state: State, now: Timestamp, event: Event) -> (State, Vec<Act>) {
    let mut acts = Vec::new();
    match event {
        Event::Time => {}
        Event::Ended { job, failed } => ended(&mut state, now, &job, failed, &mut acts),
        Event::Schedule {
            jobs,
            breaker,
            at_once,
        } => {
            (state.breaker, state.at_once) = (breaker, at_once);
            replace(&mut state, now, jobs);
        }
        Event::Stop => {
            state.stopping = true;
            for (name, job) in &mut state.jobs {
                if let Some(running) = &mut job.running {
                    running.ask(name, now, &mut acts);
                }
            }
        }
    }
    pass(&mut state, now, &mut acts);
    if state.stopping && state.running() == 0 {
        acts.push(Act::Done);
    }
    (state, acts)
}

impl Running {
    /// Asks, more urgently each time.
    fn ask(&mut self, job: &str, now: Timestamp, acts: &mut Vec<Act>) {
        self.asked = self.asked.saturating_add(1);
        let job = job.to_owned();
        let late = self.late;
        let (act, patience) = match self.asked {
            1 => (Act::Ask { job, late }, ORDERLY),
            2 => (Act::Ask { job, late }, AT_ONCE),
            _ => (Act::Kill { job }, AT_ONCE),
        };
        acts.push(act);
        self.ask_at = later(now, patience);
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Jitter: the same for the same moment, so that a restart does not roll the dice again.
fn jitter(seed: u64, name: &str, due: Timestamp, most: SignedDuration) -> SignedDuration {
    let Ok(most) = u64::try_from(most.as_millis()) else {
        return SignedDuration::ZERO;
    };
    let mut hasher = DefaultHasher::new();
    (seed, name, due.as_second()).hash(&mut hasher);
    let part = hasher.finish() % (most + 1);
    SignedDuration::from_millis(i64::try_from(part).unwrap_or(0))
}

impl JobState {
    fn due_after(&mut self, name: &str, after: Timestamp, seed: u64) {
        self.due = self.timing.next(after);
        self.begins = self
            .due
            .map(|due| later(due, jitter(seed, name, due, self.timing.jitter)));
    }

    pub fn memory(&self) -> Memory {
        Memory {
            heeded: self.heeded,
            failures: self.failures,
            paused_until: self.paused_until,
        }
    }
}

fn ended(state: &mut State, now: Timestamp, name: &str, failed: bool, acts: &mut Vec<Act>) {
    let (breaker, stopping) = (state.breaker, state.stopping);
    let Some(job) = state.jobs.get_mut(name) else {
        return;
    };
    job.running = None;
    if job.leaves {
        state.jobs.remove(name);
        return;
    }
    if stopping {
        return;
    }
    if !failed {
        if job.failures >= breaker.after {
            acts.push(Act::Resumed { job: name.into() });
        }
        (job.failures, job.paused_until) = (0, None);
        return;
    }
    job.failures = job.failures.saturating_add(1);
    if let Some(doublings) = job.failures.checked_sub(breaker.after) {
        let doubled = breaker
            .pause
            .checked_mul(1_i32.checked_shl(doublings.min(30)).unwrap_or(i32::MAX));
        let pause = doubled.unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
        let until = later(now, pause);
        job.paused_until = Some(until);
        acts.push(Act::Paused {
            job: name.into(),
            until,
            failures: job.failures,
        });
    }
}

fn replace(state: &mut State, now: Timestamp, jobs: Vec<(String, Timing, Memory)>) {
    let mut old = std::mem::take(&mut state.jobs);
    for (name, timing, memory) in jobs {
        let known = old.remove(&name);
        let is_new = known.is_none();
        let same = known
            .as_ref()
            .is_some_and(|k| k.timing.text() == timing.text() && k.timing.zone == timing.zone);
        let mut job = known.unwrap_or_else(|| JobState {
            timing: timing.clone(),
            due: None,
            begins: None,
            heeded: memory.heeded,
            running: None,
            failures: memory.failures,
            paused_until: memory.paused_until,
            skipped: 0,
            leaves: false,
        });
        job.leaves = false;
        let jittered = job.timing.jitter == timing.jitter;
        job.timing = timing;
        if !same || !jittered {
            // What was missed before the program began is done now; what a change of the schedule would
            // have wanted earlier is not.
            let missed = memory
                .heeded
                .filter(|h| is_new && job.timing.catch_up && *h < now);
            job.due_after(&name, missed.unwrap_or(now), state.seed);
            if job.due.is_some_and(|due| due < now) {
                let by = jitter(state.seed, &name, now, job.timing.jitter);
                job.begins = Some(later(now, by));
            }
        }
        state.jobs.insert(name, job);
    }
    for (name, mut job) in old {
        if job.running.is_some() {
            job.leaves = true;
            state.jobs.insert(name, job);
        }
    }
}

/// What has come due since.
fn pass(state: &mut State, now: Timestamp, acts: &mut Vec<Act>) {
    let mut free = state.at_once.saturating_sub(state.running());
    let (seed, stopping) = (state.seed, state.stopping);
    for (name, job) in &mut state.jobs {
        if let Some(running) = &mut job.running {
            if running.ask_at <= now {
                running.late |= running.asked == 0;
                running.ask(name, now, acts);
            }
            if job.due.is_some_and(|due| due <= now) {
                job.skip(name, now, seed, acts, false);
            }
            continue;
        }
        if stopping || job.leaves {
            continue;
        }
        // The clock was put back: what was far away is nearer now.
        if job
            .due
            .is_some_and(|due| due > now && job.timing.next(now).is_some_and(|n| n < due))
        {
            job.due_after(name, now, seed);
        }
        if job.paused_until.is_some_and(|until| until > now) {
            if job.due.is_some_and(|due| due <= now) {
                job.skip(name, now, seed, acts, true);
            }
            continue;
        }
        job.paused_until = None;
        let (Some(due), Some(begins)) = (job.due, job.begins) else {
            continue;
        };
        if begins > now || free == 0 {
            continue;
        }
        free -= 1;
        let missed = job.timing.missed(due, now);
        job.heeded = Some(now);
        job.running = Some(Running {
            since: now,
            ask_at: later(now, job.timing.timeout),
            asked: 0,
            late: false,
        });
        job.due_after(name, now, seed);
        acts.push(Act::Start {
            job: name.clone(),
            due,
            missed,
        });
    }
}

impl JobState {
    fn skip(&mut self, name: &str, now: Timestamp, seed: u64, acts: &mut Vec<Act>, paused: bool) {
        self.skipped += 1;
        self.heeded = Some(now);
        self.due_after(name, now, seed);
        acts.push(Act::Skipped {
            job: name.into(),
            paused,
        });
    }
}

impl Timing {
    /// Moments after this one that have passed as well.
    fn missed(&self, due: Timestamp, now: Timestamp) -> u32 {
        let mut at = due;
        for count in 0..MOST_MISSED {
            match self.next(at) {
                Some(next) if next <= now => at = next,
                _ => return count,
            }
        }
        MOST_MISSED
    }
}
