//! Carries out what the scheduler decides: clock, child processes, signals, and who is told.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::host::child::{Child, Exit, Line};
use crate::source::{Diagnostic, Mask};

use super::board::{Board, JobBoard};
use super::keep::Shelf;
use super::news::{Known, news};
use super::notify::{self, MOST_WAITING, Message, Told};
use super::past::Past;
use super::run::{About, Exited, Fold, Run};
use super::schedule::{Job, Schedule, Target, slug};
use super::scheduler::{Act, Event, Memory, State, step};

/// The clock is looked at this often: a machine that slept does not say so.
const LOOK: Duration = Duration::from_secs(5);
/// News under way at the end gets this long.
const LAST_NEWS: Duration = Duration::from_secs(10);

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
                lock(&self.daemon.board).counters.reloads.0 += 1;
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
                self.trouble(&format!(
                    "the new schedule is wrong, and the old one goes on: {first}"
                ));
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

    fn happened(&mut self, event: Event) {
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

    fn ended(&mut self, run: Run, unkept: Option<String>) {
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
    fn spread(&self, run: &Run, news: &super::news::News) {
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

    fn told(&self, told: &Told) {
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

/// A run in one line of the log.
pub fn summary(run: &Run) -> String {
    use super::run::Status;
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
async fn carry_out(
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
async fn settled(past: Past, run: Run) -> (Run, Option<String>) {
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
        notify::work(target.clone(), schedule.dir.clone(), inbox, told).await;
    }
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
