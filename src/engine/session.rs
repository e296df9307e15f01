//! Connections and shells of hosts, and the exchange of one script for one reply.
//!
//! One link a host, one shell for each user on it, opened when first needed. Requests to one host
//! take their turn; at most `forks` hosts are spoken to at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};

use crate::host::shell::Shell;
use crate::host::{Deadlines, ErrorKind, HostError, Link};
use crate::journal::Journal;
use crate::resource::apply::Apply;
use crate::resource::{Identity, Query, State, has_moved, prelude, reply};
use crate::source::Secret;

use super::event::{Event, HostName};
use super::options::Options;
use super::sending::{
    StepOutcome, Work, compose, deadline, halt, outcome, refuses, token, upload_all,
};
use super::settings::Way;
use super::stop::{Stop, nothing_begun};
use super::target::Targets;
use super::under::Under;
use super::verdict::Raw;

/// Seconds to wait for another run that holds a host before failing.
pub(super) const LOCK_WAIT: u32 = 300;

/// Questions only read: a host that does not answer them in this time hangs.
const LONGEST_PROBE: Duration = Duration::from_secs(180);

/// How often, and how far apart, a host is asked for a session while it still counts one that was
/// closed: two seconds, which is longer than a shell takes to end.
const ROOM_TRIES: usize = 40;
const ROOM_WAIT: Duration = Duration::from_millis(50);

/// Whose task is carried out where, and as whom.
pub(super) struct Errand<'a> {
    pub subject: &'a HostName,
    pub to: &'a HostName,
    pub way: &'a Way,
    pub password: Option<Secret>,
    /// The guard it is done under, by its name on the host.
    pub guard: Option<&'a str>,
}

/// What came of an exchange.
pub(super) struct Exchange {
    pub outcomes: Vec<StepOutcome>,
    pub answers: Vec<(Query, State)>,
    pub me: Identity,
    /// What cut it short. The outcomes are those that were heard of before.
    pub lost: Option<HostError>,
}

/// All connections of a run.
pub(super) struct Sessions {
    pub targets: Targets,
    pub journal: Journal,
    pub hosts: std::sync::Mutex<BTreeMap<HostName, Arc<Mutex<Session>>>>,
    /// Guards that this run armed, or told of.
    pub guards: std::sync::Mutex<BTreeSet<String>>,
    pub permits: Semaphore,
    pub events: tokio::sync::mpsc::UnboundedSender<Event>,
    pub waiting: Duration,
    pub live: bool,
    pub stop: Arc<Stop>,
    /// Tokens of scripts that the run that is resumed did not see the end of, by host.
    dead: BTreeMap<HostName, Vec<String>>,
    pub deadlines: Deadlines,
    pub round_trips: AtomicU64,
    pub connections: AtomicU64,
    pub sent: AtomicU64,
    pub received: AtomicU64,
}

#[derive(Default)]
pub(super) struct Session {
    pub link: Option<Arc<dyn Link>>,
    pub shells: BTreeMap<Way, Open>,
}

pub(super) struct Open {
    pub shell: Shell,
    pub hello: prelude::Hello,
    /// The functions that changes need are there.
    pub loaded: bool,
    /// What opened it, for the channels that uploads take.
    pub password: Option<Secret>,
}

impl Sessions {
    pub(super) fn new(
        targets: Targets,
        journal: Journal,
        options: &Options,
        stop: Arc<Stop>,
        patience: Option<Duration>,
        events: tokio::sync::mpsc::UnboundedSender<Event>,
    ) -> Sessions {
        Sessions {
            targets,
            journal,
            hosts: std::sync::Mutex::default(),
            guards: std::sync::Mutex::default(),
            permits: Semaphore::new(options.forks.max(1)),
            events,
            waiting: options.waiting,
            live: options.live,
            stop,
            dead: options
                .resumed
                .as_ref()
                .map(|r| r.dead())
                .unwrap_or_default(),
            deadlines: match patience {
                Some(hello) => Deadlines {
                    hello,
                    ..Deadlines::default()
                },
                None => Deadlines::default(),
            },
            round_trips: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }
    }

    pub(super) fn session(&self, host: &HostName) -> Arc<Mutex<Session>> {
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
        let turn = async { Ok((session.lock().await, self.permits.acquire().await)) };
        let (mut session, _permit) = self.stop.unless(turn).await?;
        let under = Under::new(&work);
        let asked = self.request(&errand, &under, queries, &mut session);
        let result = self.telling(to, || under.what(), asked).await;
        let broken = match &result {
            Ok(exchange) => exchange.lost.is_some(),
            Err(error) => error.kind != ErrorKind::Become,
        };
        if broken {
            self.close(&mut session).await;
        }
        result
    }

    /// The script of steps that go on by themselves, its parts that do not fit into it sent ahead, and
    /// the intents in the journal.
    pub(super) async fn apart(
        &self,
        errand: Errand<'_>,
        work: &[Work],
    ) -> Result<Result<(Apply, Vec<u64>), Box<Raw>>, HostError> {
        let session = self.session(errand.to);
        let turn = async { Ok((session.lock().await, self.permits.acquire().await)) };
        let (mut session, _permit) = self.stop.unless(turn).await?;
        let opening = self.open(&errand, &mut session, None);
        self.stop.unless(opening).await?;
        let Session { link, shells } = &mut *session;
        let (Some(link), Some(open)) = (link.as_ref(), shells.get_mut(errand.way)) else {
            return Err(HostError::new(ErrorKind::Lost, "the shell is gone"));
        };
        let token = token();
        let (apply, refused) = compose(&token, true, work, &[], (None, &[]), &open.hello);
        if let Some(raw) = refused.into_iter().next() {
            return Ok(Err(Box::new(raw)));
        }
        let sent = (!apply.uploads().is_empty()).then_some(token.as_str());
        let entries = self.begin(&errand, work, sent).await?;
        let mut sent = 0;
        let sending = upload_all(link, errand.way, open.password.as_ref(), &apply, &mut sent);
        self.stop.unless(sending).await?;
        Ok(Ok((apply, entries)))
    }

    /// Says from time to time what is being waited for, and since when.
    async fn telling<T>(
        &self,
        host: &HostName,
        what: impl Fn() -> (String, u64),
        work: impl Future<Output = T>,
    ) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(self.waiting) => {
                    let (what, seconds) = what();
                    let event = Event::Waiting { host: host.clone(), what, seconds };
                    let _ = self.events.send(event);
                }
            }
        }
    }

    /// The same for what is no step.
    pub(super) async fn telling_what<T>(
        &self,
        host: &HostName,
        what: &str,
        work: impl Future<Output = T>,
    ) -> T {
        let began = std::time::Instant::now();
        let what = || (what.to_owned(), began.elapsed().as_secs());
        self.telling(host, what, work).await
    }

    async fn request(
        &self,
        errand: &Errand<'_>,
        under: &Under<'_>,
        queries: &[Query],
        session: &mut Session,
    ) -> Result<Exchange, HostError> {
        let work = under.work;
        let Errand { to, way, .. } = errand;
        let way = *way;
        let token = token();
        // Questions alone need not know the host: they go out with the shell's own first words.
        let is_first = work.is_empty() && !queries.is_empty() && !session.shells.contains_key(way);
        let mut first = is_first.then(|| {
            let hello = prelude::Hello::default();
            compose(&token, true, work, queries, (None, &[]), &hello).0
        });
        let text = first.as_mut().map(|apply| apply.script());
        let opening = self.open(errand, session, text);
        self.stop.unless(opening).await?;
        let Session { link, shells } = session;
        let (Some(link), Some(open)) = (link.as_ref(), shells.get_mut(way)) else {
            return Err(HostError::new(ErrorKind::Lost, "the shell is gone"));
        };
        let me = open.hello.me.clone();
        let nothing = work.is_empty() && queries.is_empty();
        if nothing || self.stop.is_asked() && !work.is_empty() {
            return Ok(Exchange {
                outcomes: work.iter().map(|_| StepOutcome::NotRun).collect(),
                answers: Vec::new(),
                me,
                lost: None,
            });
        }
        let loaded = open.loaded || work.is_empty();
        let dead = self.dead.get(*to).map(Vec::as_slice).unwrap_or_default();
        let with = (errand.guard, dead);
        let (mut apply, mut refused) = match first {
            Some(first) => (first, Vec::new()),
            None => compose(&token, loaded, work, queries, with, &open.hello),
        };
        let sent_ahead = (!apply.uploads().is_empty()).then_some(token.as_str());
        let entries = self.begin(errand, work, sent_ahead).await?;
        let (link, secret) = (Arc::clone(link), open.password.clone());
        let mut sent = 0;
        let sending = upload_all(&link, way, secret.as_ref(), &apply, &mut sent);
        let mut uploaded = self.stop.unless(sending).await;
        if refuses(&uploaded) && !link.is_lost() {
            // A host that allows one session at a time: the shell makes room, and is opened anew.
            if let Some(open) = shells.remove(way) {
                open.shell.close().await;
            }
            for _ in 0..ROOM_TRIES {
                let sending = upload_all(&link, way, secret.as_ref(), &apply, &mut sent);
                uploaded = self.stop.unless(sending).await;
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
            (apply, refused) = compose(&token, false, work, queries, with, &open.hello);
        }
        let limit = if work.is_empty() {
            LONGEST_PROBE
        } else {
            deadline(work)
        };
        let body = (!is_first).then(|| apply.script().to_owned());
        let (bytes, answer) = self
            .answer(
                &link,
                (to, way),
                open,
                body.as_deref(),
                limit,
                (under, &apply),
            )
            .await;
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        open.loaded |= !work.is_empty();
        let wrong = |m: String| HostError::new(ErrorKind::Protocol, m);
        let records = reply::records(&bytes).map_err(wrong)?;
        drop(bytes);
        if let Err(error) = answer {
            let outcomes = self.heard(&apply, &records, &entries).await;
            return match outcomes.is_empty() {
                true => Err(error),
                false => Ok(Exchange {
                    outcomes,
                    answers: Vec::new(),
                    me,
                    lost: Some(error),
                }),
            };
        }
        let read = apply.read(&records, true).map_err(wrong)?;
        drop(records);
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
        let mut answers = read.answers.unwrap_or_default();
        if answers.iter().any(|(_, state)| has_moved(state)) {
            self.ask_again(open, &mut answers).await?;
        }
        Ok(Exchange {
            outcomes,
            answers,
            me,
            lost: None,
        })
    }

    /// Asks once more for what somebody wrote to while it was being read.
    async fn ask_again(
        &self,
        open: &mut Open,
        answers: &mut [(Query, State)],
    ) -> Result<(), HostError> {
        let moved = answers.iter().filter(|(_, state)| has_moved(state));
        let queries: Vec<Query> = moved.map(|(query, _)| query.clone()).collect();
        let (mut apply, _) = compose(&token(), true, &[], &queries, (None, &[]), &open.hello);
        let asked = open.shell.request(apply.script(), Some(LONGEST_PROBE));
        let bytes = self.stop.unless(asked).await?;
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        let wrong = |m: String| HostError::new(ErrorKind::Protocol, m);
        let records = reply::records(&bytes).map_err(wrong)?;
        let read = apply.read(&records, true).map_err(wrong)?;
        for (query, state) in read.answers.unwrap_or_default() {
            if let Some(answer) = answers.iter_mut().find(|(asked, _)| *asked == query) {
                answer.1 = state;
            }
        }
        Ok(())
    }

    /// Sends a script and takes its records as they come. A run that is asked to stop asks the shell
    /// not to begin another step, over a channel beside it; one that is to stop at once leaves. Without
    /// a `body` it went out when the shell was opened.
    async fn answer(
        &self,
        link: &Arc<dyn Link>,
        (host, way): (&HostName, &Way),
        open: &mut Open,
        body: Option<&str>,
        limit: Duration,
        (under, apply): (&Under<'_>, &Apply),
    ) -> (Vec<u8>, Result<(), HostError>) {
        let work = under.work;
        let mut bytes = Vec::new();
        let (pid, secret) = (open.hello.pid, open.password.clone());
        let mut told = work.is_empty();
        let answer = {
            let mut take = |record: &[u8]| {
                under.heard(apply, record);
                bytes.extend_from_slice(record);
            };
            let asked = open.shell.answer(body, Some(limit), &mut take);
            tokio::pin!(asked);
            loop {
                tokio::select! {
                    biased;
                    done = &mut asked => break done,
                    () = self.stop.at_once() => break Err(match work.is_empty() {
                        true => nothing_begun(),
                        false => HostError::new(ErrorKind::Lost, "the run was stopped at once"),
                    }),
                    () = self.stop.asked(), if !told => {
                        told = true;
                        let (link, way) = (Arc::clone(link), way.clone());
                        let telling = halt(link, way, secret.clone(), pid);
                        let (events, host) = (self.events.downgrade(), host.clone());
                        tokio::spawn(async move {
                            let heard = telling.await;
                            if let Some(events) = events.upgrade() {
                                let _ = events.send(Event::Stopping { host, heard });
                            }
                        });
                    }
                }
            }
        };
        (bytes, answer)
    }
}
