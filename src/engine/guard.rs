//! Guarded changes: armed before they are made, confirmed over a new login, else put back.
//!
//! A guard spans the change, the handlers it notifies and the confirmation ([`super::confirm`]). It is armed
//! over a connection of its own, which proves that a new login comes in and becomes who it must before
//! anything is touched.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::action::Step;
use crate::host::HostError;
use crate::resource::file::Node;
use crate::resource::guard::{self, Answer, Entry, Guard};
use crate::resource::{Change, Content, Resource, State, access};
use crate::source::{Code, Secret};

use super::canary;
use super::cursor::{Cursor, Position};
use super::divide::Place;
use super::event::{Event, GuardStage, HostName, TaskRef};
use super::runner::Runner;
use super::sending::{Work, token};
use super::settings::{Settings, Way};
use super::verdict::Raw;

/// A copy of everything, and questions to whoever reads it.
const ARMING: Duration = Duration::from_secs(60);

/// A guard that is armed.
pub(super) struct Armed {
    pub guard: Guard,
    pub to: HostName,
    pub way: Way,
    pub password: Option<Secret>,
    pub since: Instant,
    pub time: Duration,
    pub tasks: Vec<TaskRef>,
    /// The entries of the play's list that they belong to, and where the first of them was begun.
    pub entries: BTreeSet<Place>,
    pub before: Cursor,
    /// The guarded tasks, by number.
    pub ids: BTreeSet<usize>,
    /// Handlers that they notified: these run before the confirmation.
    pub handlers: BTreeSet<usize>,
    /// Handlers that others notified: these wait for their own time.
    pub held: BTreeSet<usize>,
    /// Something guarded has no verdict: it is not confirmed.
    pub doubtful: bool,
}

impl Armed {
    /// Its name on the host.
    pub(super) fn id(&self) -> &str {
        &self.guard.id
    }
}

/// What is to be done under a guard, and the change that it is.
pub(super) type Wanted<'a> = (TaskRef, Option<&'a Change>);

/// Contents up to this size are looked at before they are written.
const MOST_LOOKED_AT: u64 = 64 * 1024;

/// The changes among these by their number, with the bytes of those that come from a file of ours.
async fn at_hand(wanted: &[Wanted<'_>]) -> Vec<(usize, Change)> {
    let mut out = Vec::new();
    for (n, (_, change)) in wanted.iter().enumerate() {
        let Some(mut change) = change.cloned() else {
            continue;
        };
        if let State::File(file) = &mut change.after
            && let Node::File(Some(content)) = &mut file.node
            && content.bytes.is_none()
            && content.size <= MOST_LOOKED_AT
            && let Some(path) = &content.source
            && let Ok(bytes) = tokio::fs::read(path).await
        {
            *content = Content::new(bytes);
        }
        out.push((n, change));
    }
    out
}

/// Which change was not done, and why, where no guard was armed.
fn judged(armed: Result<String, HostError>) -> Result<(), (usize, Box<Raw>)> {
    let text = match armed.map(|said| Answer::of(&said)) {
        Ok(Answer::Armed) => return Ok(()),
        Ok(Answer::Refused(n, why)) => return Err((n, Box::new(refused(&why)))),
        Ok(Answer::Other(said)) => format!("no guard could be armed: {said}"),
        Err(error) => format!(
            "it may cut access, and was not tried: a new login could not arm its guard: {}",
            error.message.trim()
        ),
    };
    let raw = Raw {
        failed: Some(text),
        code: Some(Code::GuardNotArmed),
        ..Raw::default()
    };
    Err((0, Box::new(raw)))
}

/// What would keep people out is a finding: whoever wrote it must decide.
fn refused(why: &str) -> Raw {
    let mut raw = Raw {
        failed: Some(format!("not done, because it would keep us out: {why}")),
        code: Some(Code::GuardRefused),
        ..Raw::default()
    };
    raw.result.insert("finding".into(), true.into());
    raw
}

impl Runner {
    /// Whether a step needs a guard that is not there yet.
    pub(super) fn needs_guard(&self, settings: &Settings, to: &HostName, step: &Step) -> bool {
        if self.ctx.options.guard.is_none() || settings.guard == Some(false) {
            return false;
        }
        let login = self.seen.get(&settings.way).map(|o| o.me.login.as_str());
        let cuts = match step {
            Step::Set(change) => {
                settings.guard == Some(true) || access::cuts(change, login.unwrap_or_default())
            }
            Step::Run(run) => settings.guard == Some(true) && run.changes && !run.read_only,
            Step::Control(_) => false,
        };
        cuts && self.ctx.sessions.targets.is_ssh(to)
    }

    /// How many of the queued steps go out now, where not all do: the time of a guard is for what may cut
    /// access, so what comes before goes out before it is armed, and what may take long, after it has ended.
    /// None of them is that the guard must end first.
    pub(super) fn cut_for_guard(&self, keys: &[(usize, usize)], work: &[Work]) -> Option<usize> {
        let needs = |n: usize| {
            let settings = self.queue.get(keys[n].0).map(|q| &q.settings);
            settings.is_some_and(|s| self.needs_guard(s, &self.host, &work[n].step))
        };
        // An item's steps stay together.
        let start = |n: usize| keys.iter().position(|k| *k == keys[n]).unwrap_or(n);
        let end = |n: usize| n + keys[n..].iter().take_while(|k| **k == keys[n]).count();
        let first = start((0..work.len()).find(|n| needs(*n))?);
        if first > 0 && self.guard.is_none() {
            return Some(first);
        }
        let soon = |n: &usize| {
            needs(*n)
                || work[*n]
                    .change()
                    .is_some_and(|c| matches!(c.on, Resource::File(_) | Resource::Target(_)))
        };
        let last = (0..work.len())
            .take_while(soon)
            .filter(|n| needs(*n))
            .last()?;
        let cut = match self.too_many((0..work.len()).filter(|n| needs(*n)), keys) {
            Some(n) => end(last).min(start(n)),
            None => end(last),
        };
        Some(cut).filter(|cut| *cut < work.len())
    }

    /// The first of these steps that would bring more under one guard than may be together.
    fn too_many(
        &self,
        mut needs: impl Iterator<Item = usize>,
        keys: &[(usize, usize)],
    ) -> Option<usize> {
        let again = self.again.as_ref()?;
        let armed = self.guard.as_ref().map(|armed| armed.entries.clone());
        let mut entries = armed.unwrap_or_default();
        needs.find(|n| {
            let doing = self.queue.get(keys[*n].0).filter(|d| !d.name.handler);
            entries.extend(doing.map(|d| self.entry_of(&d.place)));
            entries.len() > again.at_once
        })
    }

    /// Arms a guard where something queued needs one; the error is what may not be done, and why.
    pub(super) async fn arm_for(
        &mut self,
        keys: &[(usize, usize)],
        work: &[Work],
    ) -> Result<(), (usize, usize, Box<Raw>)> {
        let host = self.host.clone();
        let needs = |(d, _): &(usize, usize), w: &Work| {
            let settings = self.queue.get(*d).map(|q| &q.settings);
            settings.is_some_and(|s| self.needs_guard(s, &host, &w.step))
        };
        let pairs = keys.iter().zip(work);
        let guarded: Vec<_> = pairs.filter(|(k, w)| needs(k, w)).collect();
        let Some(((d, _), _)) = guarded.first() else {
            return Ok(());
        };
        let Some(doing) = self.queue.get(*d) else {
            return Ok(());
        };
        let (settings, before) = (doing.settings.clone(), doing.before.clone());
        let wanted: Vec<Wanted<'_>> = guarded
            .iter()
            .map(|(_, w)| (w.task.clone(), w.change()))
            .collect();
        let armed = self.arm(&settings, &host, &before, &wanted).await;
        armed.map_err(|(n, raw)| {
            let ((d, i), _) = guarded[n];
            (*d, *i, raw)
        })?;
        for ((d, _), _) in &guarded {
            if let Some(doing) = self.queue.get(*d) {
                let (id, name, place) = (doing.task.id, doing.name.clone(), doing.place.clone());
                self.under_guard(id, &name, &place);
            }
        }
        Ok(())
    }

    /// Arms a guard, unless one is armed. The error is which of these may not be done, and why.
    pub(super) async fn arm(
        &mut self,
        settings: &Settings,
        to: &HostName,
        before: &Cursor,
        wanted: &[Wanted<'_>],
    ) -> Result<(), (usize, Box<Raw>)> {
        let Some(time) = self.ctx.options.guard.filter(|_| self.guard.is_none()) else {
            return Ok(());
        };
        let failed = |text: String| {
            Box::new(Raw {
                failed: Some(text),
                ..Raw::default()
            })
        };
        let ctx = Arc::clone(&self.ctx);
        let host = self.host.clone();
        let tasks: Vec<_> = wanted.iter().map(|(task, _)| canary::key(task)).collect();
        let waiting = ctx.canary.enter(&host, &tasks);
        let what = "a new login on the hosts that go first";
        let turn = ctx.sessions.telling_what(&host, what, waiting).await;
        turn.map_err(|shut| {
            (
                shut.task,
                failed(format!("it may cut access, and {}", shut.why)),
            )
        })?;
        let login = self.seen.get(&settings.way).map(|o| o.me.login.clone());
        let guard = Guard {
            id: token(),
            nonce: token(),
            seconds: time.as_secs(),
            login: login.unwrap_or_default(),
        };
        let (numbers, changes): (Vec<usize>, Vec<_>) = at_hand(wanted).await.into_iter().unzip();
        let changes: Vec<&Change> = changes.iter().collect();
        let errand = self.errand(to, settings);
        let script = |entry: Entry<'_>| guard::arm(&guard, &changes, entry);
        let armed = ctx.sessions.anew_by(&errand, None, ARMING, script).await;
        if let Err((n, raw)) = judged(armed) {
            let why = (numbers.get(n).copied().unwrap_or_default(), raw);
            if self.again.is_none() {
                ctx.canary.gave_up(&host);
            }
            return Err(why);
        }
        ctx.sessions.knows(&guard.id);
        self.guard = Some(Armed {
            guard,
            to: to.clone(),
            way: settings.way.clone(),
            password: settings.password.clone(),
            since: Instant::now(),
            time,
            tasks: Vec::new(),
            entries: BTreeSet::new(),
            before: before.clone(),
            ids: BTreeSet::new(),
            handlers: BTreeSet::new(),
            held: BTreeSet::new(),
            doubtful: false,
        });
        let seconds = time.as_secs();
        self.tell_guard(GuardStage::Armed { seconds }, Vec::new());
        Ok(())
    }

    /// Notes that a task is under the guard.
    pub(super) fn under_guard(&mut self, id: usize, task: &TaskRef, place: &Position) {
        let entry = self.entry_of(place);
        if let Some(armed) = &mut self.guard {
            // A handler runs for others.
            armed.entries.extend((!task.handler).then_some(entry));
            if armed.ids.insert(id) {
                armed.tasks.push(task.clone());
            }
        }
    }

    pub(super) fn tell_guard(&self, stage: GuardStage, tasks: Vec<TaskRef>) {
        let host = self.host.clone();
        self.ctx.tell(Event::Guard { host, stage, tasks });
    }
}
