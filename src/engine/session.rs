//! Connections and shells of hosts, and the exchange of one script for one reply.
//!
//! One link a host, one shell for each user on it, opened when first needed. Requests to one host
//! take their turn; at most `forks` hosts are spoken to at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Semaphore};

use crate::action::{Done, Step};
use crate::host::shell::{Launch, Prompt, Shell};
use crate::host::{Deadlines, ErrorKind, HostError, Link};
use crate::journal::Journal;
use crate::resource::apply::{Apply, ApplyOptions, RunContext, StepOutcome as Applied};
use crate::resource::{Identity, Query, State, launch, prelude, reply};
use crate::source::Secret;

use super::event::{Event, HostName, TaskRef, TrafficTotal};
use super::settings::{Settings, Way};
use super::target::Targets;
use super::verdict::Raw;

/// Seconds to wait for another run that holds a host before failing.
const LOCK_WAIT: u32 = 300;

/// A script that says nothing for this long is given up: a host that hangs does not hold the run.
/// Tasks that may take longer say so with `timeout`, or run with `async`.
const LONGEST_REQUEST: Duration = Duration::from_secs(6 * 3600);

/// One file that takes longer to send than this is given up.
const LONGEST_UPLOAD: Duration = Duration::from_secs(3600);

/// Questions only read: a host that does not answer them in this time hangs.
const LONGEST_PROBE: Duration = Duration::from_secs(180);

/// How often, and how far apart, a host is asked for a session while it still counts one that was
/// closed: two seconds, which is longer than a shell takes to end.
const ROOM_TRIES: usize = 40;
const ROOM_WAIT: Duration = Duration::from_millis(50);

/// A step with the circumstances it is carried out in.
pub(super) struct Work {
    step: Step,
    context: RunContext,
    task: TaskRef,
}

impl Work {
    pub(super) fn new(step: &Step, settings: &Settings, task: &TaskRef) -> Work {
        let context = RunContext {
            environment: settings.environment.clone(),
            timeout: settings.timeout.map(|t| t.as_secs().max(1)),
            must_succeed: true,
        };
        Work {
            step: step.clone(),
            context,
            task: task.clone(),
        }
    }
}

/// Whose task is carried out where, and as whom.
pub(super) struct Errand<'a> {
    pub subject: &'a HostName,
    pub to: &'a HostName,
    pub way: &'a Way,
    pub password: Option<Secret>,
}

/// What came of a step.
pub(super) enum StepOutcome {
    Done(Done),
    Failed(Box<Raw>),
    NotRun,
}

/// What came of an exchange.
pub(super) struct Exchange {
    pub outcomes: Vec<StepOutcome>,
    pub answers: Vec<(Query, State)>,
    pub me: Identity,
}

/// All connections of a run.
pub(super) struct Sessions {
    targets: Targets,
    journal: Journal,
    hosts: std::sync::Mutex<BTreeMap<HostName, Arc<Mutex<Session>>>>,
    permits: Semaphore,
    events: tokio::sync::mpsc::UnboundedSender<Event>,
    waiting: Duration,
    round_trips: AtomicU64,
    connections: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

#[derive(Default)]
struct Session {
    link: Option<Arc<dyn Link>>,
    shells: BTreeMap<Way, Open>,
}

struct Open {
    shell: Shell,
    hello: prelude::Hello,
    /// The functions that changes need are there.
    loaded: bool,
    /// What opened it, for the channels that uploads take.
    password: Option<Secret>,
}

impl Sessions {
    pub(super) fn new(
        targets: Targets,
        journal: Journal,
        forks: usize,
        waiting: Duration,
        events: tokio::sync::mpsc::UnboundedSender<Event>,
    ) -> Sessions {
        Sessions {
            targets,
            journal,
            hosts: std::sync::Mutex::default(),
            permits: Semaphore::new(forks.max(1)),
            events,
            waiting,
            round_trips: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }
    }

    fn session(&self, host: &HostName) -> Arc<Mutex<Session>> {
        match self.hosts.lock() {
            Ok(mut hosts) => Arc::clone(hosts.entry(host.clone()).or_default()),
            Err(_) => Arc::default(),
        }
    }

    /// Carries out steps on a host and asks it questions, in one round trip once the shell is open.
    pub(super) async fn exchange(
        &self,
        errand: Errand<'_>,
        work: Vec<Work>,
        queries: &[Query],
    ) -> Result<Exchange, HostError> {
        let to = errand.to;
        let session = self.session(to);
        let mut session = session.lock().await;
        let _permit = self.permits.acquire().await;
        let asked = self.request(&errand, &work, queries, &mut session);
        let what = work
            .first()
            .map_or_else(|| "facts and states".to_owned(), |w| w.task.name.clone());
        let result = self.telling(to, &what, asked).await;
        if result.as_ref().is_err_and(|e| e.kind != ErrorKind::Become) {
            self.close(&mut session).await;
        }
        result
    }

    /// Says from time to time that something is being waited for.
    async fn telling<T>(&self, host: &HostName, what: &str, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(self.waiting) => {
                    let seconds = began.elapsed().as_secs();
                    let event = Event::Waiting { host: host.clone(), what: what.to_owned(), seconds };
                    let _ = self.events.send(event);
                }
            }
        }
    }

    async fn request(
        &self,
        errand: &Errand<'_>,
        work: &[Work],
        queries: &[Query],
        session: &mut Session,
    ) -> Result<Exchange, HostError> {
        let Errand { to, way, .. } = errand;
        let way = *way;
        let token = token();
        // Questions alone need not know the host: they go out with the shell's own first words.
        let is_first = work.is_empty() && !queries.is_empty() && !session.shells.contains_key(way);
        let mut first = is_first.then(|| {
            let hello = prelude::Hello::default();
            compose(&token, true, work, queries, &hello).0
        });
        let text = first.as_mut().map(|apply| apply.script());
        self.open(errand, session, text).await?;
        let Session { link, shells } = session;
        let (Some(link), Some(open)) = (link.as_ref(), shells.get_mut(way)) else {
            return Err(HostError::new(ErrorKind::Lost, "the shell is gone"));
        };
        let me = open.hello.me.clone();
        if work.is_empty() && queries.is_empty() {
            return Ok(Exchange {
                outcomes: Vec::new(),
                answers: Vec::new(),
                me,
            });
        }
        let loaded = open.loaded || work.is_empty();
        let (mut apply, mut refused) = match first {
            Some(first) => (first, Vec::new()),
            None => compose(&token, loaded, work, queries, &open.hello),
        };
        let entries = self.begin(to, work).await;
        let (link, secret) = (Arc::clone(link), open.password.clone());
        let mut sent = 0;
        let mut uploaded = upload_all(&link, way, secret.as_ref(), &apply, &mut sent).await;
        if refuses(&uploaded) && !link.is_lost() {
            // A host that allows one session at a time: the shell makes room, and is opened anew.
            if let Some(open) = shells.remove(way) {
                open.shell.close().await;
            }
            for _ in 0..ROOM_TRIES {
                uploaded = upload_all(&link, way, secret.as_ref(), &apply, &mut sent).await;
                if uploaded.is_ok() {
                    uploaded = self.open(errand, session, None).await;
                }
                if !refuses(&uploaded) || link.is_lost() {
                    break;
                }
                tokio::time::sleep(ROOM_WAIT).await;
            }
        }
        let Some(open) = session.shells.get_mut(way).filter(|_| uploaded.is_ok()) else {
            for entry in &entries {
                self.journal.outcome(*entry, "not run");
            }
            self.journal.flush().await;
            let gone = HostError::new(ErrorKind::Lost, "the shell is gone");
            return Err(uploaded.err().unwrap_or(gone));
        };
        if loaded && !open.loaded && !work.is_empty() {
            (apply, refused) = compose(&token, false, work, queries, &open.hello);
        }
        let limit = if work.is_empty() {
            LONGEST_PROBE
        } else {
            deadline(work)
        };
        let answer = match is_first {
            true => open.shell.first_reply(Some(limit)).await,
            false => open.shell.request(apply.script(), Some(limit)).await,
        };
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        open.loaded |= !work.is_empty();
        let bytes = match answer {
            Ok(bytes) => bytes,
            Err(error) => {
                self.journal.unknown(&entries).await;
                return Err(error);
            }
        };
        let wrong = |m: String| HostError::new(ErrorKind::Protocol, m);
        let records = reply::records(&bytes).map_err(wrong)?;
        let read = apply.read(&records, true).map_err(wrong)?;
        let mut outcomes: Vec<StepOutcome> = read.steps.into_iter().map(outcome).collect();
        outcomes.extend(
            refused
                .into_iter()
                .map(|raw| StepOutcome::Failed(Box::new(raw))),
        );
        while outcomes.len() < work.len() {
            outcomes.push(StepOutcome::NotRun);
        }
        self.end(&entries, &outcomes).await;
        Ok(Exchange {
            outcomes,
            answers: read.answers.unwrap_or_default(),
            me,
        })
    }

    /// The intents are on disk before a byte of them leaves.
    async fn begin(&self, to: &HostName, work: &[Work]) -> Vec<u64> {
        let mut entries = Vec::new();
        for one in work {
            let place = one.task.span.to_string();
            let entry = match &one.step {
                Step::Set(change) => self.journal.change(to, &one.task.name, &place, change),
                Step::Run(_) => self.journal.run(to, &one.task.name, &place),
                Step::Control(_) => continue,
            };
            entries.push(entry);
        }
        if !entries.is_empty() {
            self.journal.sync().await;
        }
        entries
    }

    async fn end(&self, entries: &[u64], outcomes: &[StepOutcome]) {
        for (entry, outcome) in entries.iter().zip(outcomes) {
            let word = match outcome {
                StepOutcome::Done(_) => "done",
                StepOutcome::Failed(_) => "failed",
                StepOutcome::NotRun => "not run",
            };
            self.journal.outcome(*entry, word);
        }
        if !entries.is_empty() {
            self.journal.flush().await;
        }
    }

    /// Connects and opens the shell of this user, unless both are there. A shell that is opened
    /// here has been sent `first`.
    async fn open(
        &self,
        errand: &Errand<'_>,
        session: &mut Session,
        first: Option<&str>,
    ) -> Result<(), HostError> {
        let Errand {
            subject,
            to,
            way,
            password,
        } = errand;
        if session.link.as_ref().is_some_and(|l| l.is_lost()) {
            self.close(session).await;
        }
        if session.shells.contains_key(*way) {
            return Ok(());
        }
        let began = Instant::now();
        let fresh = session.link.is_none();
        let link = match &session.link {
            Some(link) => Arc::clone(link),
            None => {
                let link: Arc<dyn Link> = Arc::from(self.targets.connect(subject, to).await?);
                self.connections.fetch_add(1, Ordering::Relaxed);
                session.link = Some(Arc::clone(&link));
                link
            }
        };
        let token = token();
        let launch = launching(way, password.as_ref(), &token, "sh")?;
        let text = prelude::prelude(&token);
        let deadlines = Deadlines::default();
        let (shell, hello) =
            Shell::open(link.as_ref(), &launch, &text, &token, &deadlines, first).await?;
        let no_shell = |m: String| HostError::new(ErrorKind::NoShell, m);
        let hello = prelude::hello(&hello.text).map_err(no_shell)?;
        session.shells.insert(
            (*way).clone(),
            Open {
                shell,
                hello,
                loaded: false,
                password: password.clone(),
            },
        );
        if fresh {
            let seconds = began.elapsed().as_secs_f64();
            let _ = self.events.send(Event::Connected {
                host: HostName::clone(to),
                seconds,
            });
        }
        Ok(())
    }

    /// Streams a file of the host's into a file of ours.
    pub(super) async fn download(
        &self,
        errand: Errand<'_>,
        from: &str,
        size: u64,
        file: std::fs::File,
    ) -> Result<(), HostError> {
        let session = self.session(errand.to);
        let mut session = session.lock().await;
        let _permit = self.permits.acquire().await;
        self.open(&errand, &mut session, None).await?;
        let Some(link) = session.link.clone() else {
            return Err(HostError::new(ErrorKind::Lost, "the connection is gone"));
        };
        let line = crate::resource::launch::reading(from);
        let launch = launching(errand.way, errand.password.as_ref(), &token(), &line)?;
        let mut file = tokio::fs::File::from_std(file);
        let deadlines = Deadlines::default();
        let time = Some(LONGEST_UPLOAD);
        let limit = size.saturating_add(1);
        let done = crate::host::transfer::download(
            link.as_ref(),
            &launch,
            &mut file,
            limit,
            &deadlines,
            time,
        )
        .await?;
        tokio::io::AsyncWriteExt::flush(&mut file)
            .await
            .map_err(|e| HostError::new(ErrorKind::Unreachable, e.to_string()))?;
        match done.status {
            0 => Ok(()),
            _ => Err(HostError::new(ErrorKind::Unreachable, done.stderr)),
        }
    }

    /// Ends a host's connection: the next exchange makes a new one.
    pub(super) async fn forget(&self, host: &HostName) {
        let session = self.session(host);
        let mut session = session.lock().await;
        self.close(&mut session).await;
    }

    async fn close(&self, session: &mut Session) {
        session.shells.clear();
        if let Some(link) = session.link.take() {
            let traffic = link.traffic();
            self.sent.fetch_add(traffic.sent, Ordering::Relaxed);
            self.received.fetch_add(traffic.received, Ordering::Relaxed);
            link.close().await;
        }
    }

    /// Ends all connections.
    pub(super) async fn close_all(&self) -> TrafficTotal {
        let all: Vec<_> = self
            .hosts
            .lock()
            .map(|h| h.values().cloned().collect())
            .unwrap_or_default();
        let mut closing = tokio::task::JoinSet::new();
        for session in all {
            let mut session = session.lock().await;
            session.shells.clear();
            if let Some(link) = session.link.take() {
                let traffic = link.traffic();
                self.sent.fetch_add(traffic.sent, Ordering::Relaxed);
                self.received.fetch_add(traffic.received, Ordering::Relaxed);
                closing.spawn(async move { link.close().await });
            }
        }
        while closing.join_next().await.is_some() {}
        TrafficTotal {
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            round_trips: self.round_trips.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
        }
    }
}

/// The time a script of steps may take: as long as its steps may, and some.
fn deadline(work: &[Work]) -> Duration {
    let limits: Option<Vec<u64>> = work.iter().map(|w| w.context.timeout).collect();
    match limits {
        Some(limits) => {
            let sum = limits
                .into_iter()
                .fold(u64::from(LOCK_WAIT) + 60, u64::saturating_add);
            Duration::from_secs(sum).min(LONGEST_REQUEST)
        }
        None => LONGEST_REQUEST,
    }
}

/// How a command line is started as the user of this way.
fn launching(
    way: &Way,
    password: Option<&Secret>,
    token: &str,
    line: &str,
) -> Result<Launch, HostError> {
    let Some(who) = &way.r#become else {
        return Ok(Launch::plain(line));
    };
    let how = launch::Become {
        method: &who.method,
        user: &who.user,
        exe: who.exe.as_deref(),
        flags: who.flags.as_deref(),
        has_password: password.is_some(),
    };
    let started =
        launch::becoming(how, token, line).map_err(|m| HostError::new(ErrorKind::Become, m))?;
    let prompt = started
        .prompt
        .zip(password)
        .map(|(token, password)| Prompt {
            token,
            password: password.clone(),
        });
    Ok(Launch {
        command: started.command,
        prompt,
        ready: started.ready,
        pty: started.pty,
        denied: Vec::new(),
    })
}

/// The script of these steps and questions, and what cannot be sent.
fn compose(
    token: &str,
    loaded: bool,
    work: &[Work],
    queries: &[Query],
    hello: &prelude::Hello,
) -> (Apply, Vec<Raw>) {
    let mut apply = Apply::new(ApplyOptions {
        token: token.to_owned(),
        loaded,
        lock_wait: LOCK_WAIT,
    });
    for one in work {
        let added = match &one.step {
            Step::Set(change) => apply.change(change, hello),
            Step::Run(run) => {
                let mut context = one.context.clone();
                context.must_succeed = !run.judged;
                apply.run(run, &context)
            }
            Step::Control(_) => continue,
        };
        if let Err(error) = added {
            // What cannot be sent fails by itself; what lies behind it is not carried out.
            let raw = Raw {
                failed: Some(error.to_string()),
                ..Raw::default()
            };
            return (apply, vec![raw]);
        }
    }
    apply.probe(queries);
    (apply, Vec::new())
}

/// Whether nothing was started.
fn refuses(result: &Result<(), HostError>) -> bool {
    result
        .as_ref()
        .is_err_and(|e| e.kind == ErrorKind::Unreachable)
}

/// Sends the files that do not fit into the script, from the `sent`th on.
async fn upload_all(
    link: &Arc<dyn Link>,
    way: &Way,
    password: Option<&Secret>,
    apply: &Apply,
    sent: &mut usize,
) -> Result<(), HostError> {
    while let Some(upload) = apply.uploads().get(*sent) {
        let launch = launching(way, password, &token(), &upload.command)?;
        upload_one(link.as_ref(), &launch, upload).await?;
        *sent += 1;
    }
    Ok(())
}

async fn upload_one(
    link: &dyn Link,
    launch: &Launch,
    upload: &crate::resource::apply::Upload,
) -> Result<(), HostError> {
    use crate::host::transfer::upload as stream;
    let deadlines = Deadlines::default();
    let sent = match (&upload.content.bytes, &upload.content.source) {
        (Some(bytes), _) => {
            stream(
                link,
                launch,
                &mut bytes.as_ref(),
                &deadlines,
                Some(LONGEST_UPLOAD),
            )
            .await?
        }
        (None, Some(path)) => {
            let mut file = tokio::fs::File::open(path).await.map_err(|e| {
                HostError::new(
                    ErrorKind::Unreachable,
                    format!("cannot read {}: {e}", path.display()),
                )
            })?;
            stream(link, launch, &mut file, &deadlines, Some(LONGEST_UPLOAD)).await?
        }
        (None, None) => {
            let text = "the bytes to send are not at hand";
            return Err(HostError::new(ErrorKind::Unreachable, text));
        }
    };
    // What went wrong with it is found again, and told, when the script looks at the file.
    let _ = sent;
    Ok(())
}

fn outcome(step: Applied) -> StepOutcome {
    match step {
        Applied::Done(said) => StepOutcome::Done(Done::Set(said)),
        Applied::Ran(ran) => StepOutcome::Done(Done::Ran(ran)),
        Applied::Failed(failed) => {
            let mut raw = Raw {
                failed: Some(said(&failed)),
                ..Raw::default()
            };
            raw.result.insert("rc".into(), failed.status.into());
            if failed.is_conflict() {
                raw.result.insert("conflict".into(), true.into());
            }
            if !failed.output.is_empty() {
                let text = String::from_utf8_lossy(&failed.output).into_owned();
                raw.result.insert("stdout".into(), text.into());
            }
            StepOutcome::Failed(Box::new(raw))
        }
        Applied::NotRun => StepOutcome::NotRun,
        Applied::Unknown => {
            let raw = Raw {
                unknown: true,
                ..Raw::default()
            };
            StepOutcome::Failed(Box::new(raw))
        }
    }
}

/// A failure in the host's words, or in ours where it had none.
fn said(failed: &crate::resource::apply::Failed) -> String {
    use crate::resource::apply::{INVALID, LOCKED};
    match (failed.message.trim(), failed.status) {
        ("", INVALID) => "failed to validate: the command said no, and nothing else".into(),
        ("", LOCKED) => "another run holds this host".into(),
        ("", status) => format!("failed with status {status}, without a word"),
        (words, INVALID) => format!("failed to validate: {words}"),
        (words, _) => words.to_owned(),
    }
}

/// 128 random bits in hexadecimal: nobody on a host can know it beforehand.
pub(super) fn token() -> String {
    let mut bytes = [0u8; 16];
    // The kernel's generator does not fail once it is seeded.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    hex::encode(bytes)
}
