//! Carries out what the scheduler decides: clock, child processes, signals, and who is told.

mod acts;
mod carry;
mod once;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::source::{Diagnostic, Mask};

use super::board::{Board, JobBoard};
use super::keep::Shelf;
use super::news::Known;
use super::notify::{self, MOST_WAITING, Message, Told};
use super::past::Past;
use super::run::Run;
use super::schedule::{Schedule, Target, slug};
use super::scheduler::{Event, Memory, State};

pub use carry::summary;
pub use once::once;

/// The clock is looked at this often: a machine that slept does not say so.
const LOOK: Duration = Duration::from_secs(5);
/// News under way at the end gets this long.
const LAST_NEWS: Duration = Duration::from_secs(10);

/// Said of a schedule with a mistake, until one without comes.
const REFUSED: &str = "the new schedule is wrong, and the old one goes on";

/// What the daemon works with.
pub struct Daemon {
    /// The program that carries jobs out: our own.
    pub program: PathBuf,
    /// What it finds in its environment beside what we found there.
    pub env: Vec<(String, String)>,
    pub shelf: Shelf,
    /// Reads the schedule again.
    pub read: Box<dyn Fn() -> Result<Schedule, Vec<Diagnostic>> + Send>,
    /// Shows mistakes in a schedule that was read again.
    pub show: Box<dyn Fn(&[Diagnostic]) + Send>,
    /// Says one line of the log.
    pub say: Arc<dyn Fn(&str) + Send + Sync>,
    pub past: Past,
    pub board: Arc<Mutex<Board>>,
    pub mask: Mask,
    pub seed: u64,
}

/// What comes in beside signals and time.
enum Inbox {
    /// A run, and why it is not in the history.
    Ended(Box<Run>, Option<String>),
    /// Runs of a job that the history had.
    Read(String, Result<Vec<Run>, String>),
    Told(Told),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// Ask it to end, because it took too long or because we end.
    Ask {
        late: bool,
    },
    Kill,
}

/// One that hears of jobs, and the way to whoever tells it.
struct Hearer {
    target: Target,
    to: mpsc::Sender<Message>,
}

struct Loop {
    daemon: Daemon,
    schedule: Schedule,
    state: State,
    known: BTreeMap<String, Known>,
    wishes: BTreeMap<String, mpsc::UnboundedSender<Wish>>,
    hearers: Vec<Hearer>,
    workers: tokio::task::JoinSet<()>,
    inbox: mpsc::UnboundedSender<Inbox>,
    done: bool,
}

pub(super) fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    // Whoever panicked while it wrote left at worst an older number.
    board
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs jobs until somebody wants an end.
pub async fn run(daemon: Daemon, schedule: Schedule) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut int = signal(SignalKind::interrupt())?;
    let mut term = signal(SignalKind::terminate())?;
    let mut hup = signal(SignalKind::hangup())?;
    let (inbox, mut came) = mpsc::unbounded_channel();
    let mut this = Loop {
        state: State::new(daemon.seed),
        known: BTreeMap::new(),
        wishes: BTreeMap::new(),
        hearers: Vec::new(),
        workers: tokio::task::JoinSet::new(),
        done: false,
        schedule: schedule.clone(),
        daemon,
        inbox,
    };
    this.take(schedule);
    while !this.done {
        tokio::select! {
            () = tokio::time::sleep(this.pause()) => this.happened(Event::Time),
            _ = int.recv() => this.stop(),
            _ = term.recv() => this.stop(),
            _ = hup.recv() => this.reload(),
            Some(one) = came.recv() => match one {
                Inbox::Ended(run, unkept) => this.ended(*run, unkept),
                Inbox::Read(job, runs) => this.read(&job, runs),
                Inbox::Told(told) => this.told(&told),
            },
        }
    }
    // Workers end when nothing more can come to them.
    this.hearers.clear();
    let rest = async { while this.workers.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(LAST_NEWS, rest).await;
    while let Ok(Inbox::Told(told)) = came.try_recv() {
        this.told(&told);
    }
    Ok(())
}

impl Loop {
    fn say(&self, text: &str) {
        (self.daemon.say)(&self.daemon.mask.apply(text));
    }

    /// Says what went wrong, and shows it on the page.
    fn trouble(&self, text: &str) {
        self.say(&format!("warning: {text}"));
        let text = self.daemon.mask.apply(text).into_owned();
        lock(&self.daemon.board).trouble(Timestamp::now(), text);
    }

    fn pause(&self) -> Duration {
        let until = self
            .state
            .wakes()
            .map(|at| at.duration_since(Timestamp::now()));
        let until = until.map(|d| Duration::try_from(d).unwrap_or(Duration::ZERO));
        // A little later than sooner: a clock is read in whole microseconds.
        until.map_or(LOOK, |d| (d + Duration::from_millis(1)).min(LOOK))
    }

    fn stop(&mut self) {
        let running: Vec<&str> = self.wishes.keys().map(String::as_str).collect();
        let text = match running.is_empty() {
            true => "stopping".to_owned(),
            false => format!("stopping; waiting for {}", running.join(", ")),
        };
        self.say(&text);
        self.happened(Event::Stop);
    }

    fn reload(&mut self) {
        match (self.daemon.read)() {
            Ok(schedule) => {
                self.say(&format!("{} is read again", schedule.path.display()));
                let mut board = lock(&self.daemon.board);
                board.counters.reloads.0 += 1;
                board.over(REFUSED);
                drop(board);
                self.take(schedule);
            }
            Err(mistakes) => {
                (self.daemon.show)(&mistakes);
                lock(&self.daemon.board).counters.reloads.1 += 1;
                let first = mistakes.first().map(|d| match &d.span {
                    Some(span) => format!("{span}: {}", d.message),
                    None => d.message.clone(),
                });
                let first = first.unwrap_or_default();
                lock(&self.daemon.board).over(REFUSED);
                self.trouble(&format!("{REFUSED}: {first}"));
            }
        }
    }

    /// Goes on with this schedule.
    fn take(&mut self, schedule: Schedule) {
        for secret in &schedule.secrets {
            self.daemon.mask.add(secret.reveal());
        }
        let mut jobs = Vec::new();
        for job in &schedule.jobs {
            let mut memory = Memory::default();
            if !self.known.contains_key(&job.name) {
                let (remembered, known, said) = self.daemon.shelf.load(&job.name);
                memory = remembered;
                self.known.insert(job.name.clone(), known);
                if let Some(said) = said {
                    self.trouble(&said);
                }
            }
            jobs.push((job.name.clone(), job.timing.clone(), memory));
        }
        self.hearers = schedule
            .targets
            .iter()
            .map(|t| self.hearer(t.clone(), &schedule.dir))
            .collect();
        self.pin_up(&schedule);
        let (breaker, at_once) = (schedule.breaker, schedule.at_once);
        self.schedule = schedule;
        self.happened(Event::Schedule {
            jobs,
            breaker,
            at_once,
        });
    }

    fn hearer(&mut self, target: Target, dir: &Path) -> Hearer {
        let (to, inbox) = mpsc::channel(MOST_WAITING);
        let back = self.inbox.clone();
        let told = move |told| {
            let _ = back.send(Inbox::Told(told));
        };
        let work = notify::work(target.clone(), dir.to_path_buf(), inbox, told);
        self.workers.spawn(work);
        Hearer { target, to }
    }

    /// Puts the jobs of a schedule on the board, with the runs that are known of them.
    fn pin_up(&mut self, schedule: &Schedule) {
        let old = std::mem::take(&mut lock(&self.daemon.board).jobs);
        let mut jobs = Vec::new();
        for job in &schedule.jobs {
            let known = old
                .iter()
                .find(|o| o.name == job.name)
                .map(|o| o.runs.clone());
            let runs = known.unwrap_or_else(|| {
                self.look_back(&job.name);
                VecDeque::new()
            });
            jobs.push(JobBoard {
                name: job.name.clone(),
                slug: slug(&job.name),
                verb: job.verb.word(),
                words: self.daemon.mask.apply(&job.words.join(" ")).into_owned(),
                calendar: job.timing.text(),
                zone: job.timing.zone.clone(),
                next: None,
                running_since: None,
                failures: 0,
                paused_until: None,
                skipped: 0,
                runs,
            });
        }
        lock(&self.daemon.board).jobs = jobs;
    }

    /// Asks the history for the last runs of a job: a database is asked where it can take its time.
    fn look_back(&self, job: &str) {
        let (past, job, back) = (self.daemon.past.clone(), job.to_owned(), self.inbox.clone());
        tokio::task::spawn_blocking(move || {
            let runs = past.last(&job, super::board::MOST_RUNS);
            let _ = back.send(Inbox::Read(job, runs));
        });
    }

    fn read(&self, job: &str, runs: Result<Vec<Run>, String>) {
        match runs {
            Ok(runs) => {
                let mut board = lock(&self.daemon.board);
                if let Some(job) = board.jobs.iter_mut().find(|j| j.name == job) {
                    job.before(runs);
                }
            }
            Err(why) => self.trouble(&format!("earlier runs of {job} are not shown: {why}")),
        }
    }
}
