//! How a guard ends: confirmed over a new login, or put back, which the host does by itself.
//!
//! Nothing on a connection that is open already proves anything: the old server process and the firewall's
//! own memory let it in still. The host keeps the change at one rename only, and says how it stands.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::host::ErrorKind;
use crate::resource::guard::{self, Stage};

use super::anew::LOOK;
use super::canary;
use super::event::{GuardStage, HostName};
use super::guard::Armed;
use super::runner::{Life, Runner};
use super::session::Errand;

/// Before the host's own time is over nobody tries to confirm any more: the two never meet on purpose.
const MARGIN: Duration = Duration::from_secs(10);

/// A service that reads its configuration anew may refuse for a moment.
const RETRY: Duration = Duration::from_secs(1);

/// A server reads its configuration anew in less.
const REREAD: Duration = Duration::from_millis(300);

/// Refused so often by a server that answers, nobody will be let in.
const REFUSALS: u32 = 5;

/// Putting back takes no longer than this, also on a host that is busy.
const PUTTING_BACK: Duration = Duration::from_secs(120);

/// What is said instead of a stage where the SSH server would not start again.
const WRONG: &str = "wrong: ";

/// How a guard ended.
enum End {
    Confirmed,
    Reverted(String),
    Lost(String),
}

/// What is not as it was although it was put back, in words.
fn otherwise(said: &str) -> String {
    let paths: Vec<_> = said.lines().skip(1).map(str::trim).collect();
    match paths.is_empty() {
        true => String::new(),
        false => format!("; not as they were: {}", paths.join(", ")),
    }
}

impl Runner {
    /// Brings the guard to its end, once everything under it has its verdict: first the handlers that
    /// it notified, then the confirmation. Says whether there is anything to run before.
    pub(super) async fn mind_guard(&mut self) {
        let idle = self.queue.is_empty();
        let Some(armed) = self.guard.as_mut().filter(|_| idle) else {
            return;
        };
        let due: BTreeSet<usize> = armed
            .handlers
            .intersection(&self.notified)
            .copied()
            .collect();
        if self.life == Life::Live && !due.is_empty() && !armed.doubtful {
            // What it runs asks one by one: nothing that comes after may be begun before the confirmation.
            self.hold = true;
            if armed.held.is_empty() {
                armed.held = self.notified.difference(&due).copied().collect();
                self.notified = due;
                self.cursor.push_handlers(self.play.handler_items());
            }
            return;
        }
        if let Some(armed) = self.guard.take() {
            self.notified.extend(armed.held.iter().copied());
            self.end_guard(armed).await;
        }
    }

    async fn end_guard(&mut self, armed: Armed) {
        let tasks = armed.tasks.clone();
        let keys: Vec<_> = tasks.iter().map(canary::key).collect();
        if self.ctx.stopping() {
            let left = armed.time.saturating_sub(armed.since.elapsed()).as_secs();
            self.ctx.canary.shut("the run was stopped");
            return self.tell_guard(GuardStage::Left { seconds: left }, tasks);
        }
        let sessions = Arc::clone(&self.ctx.sessions);
        let host = self.host.clone();
        let what = "a new login to confirm what may cut access";
        let end = sessions
            .telling_what(&host, what, self.decide_guard(&armed))
            .await;
        match end {
            End::Confirmed => {
                self.ctx.sessions.journal.guard(armed.id(), "confirmed");
                self.acquit(&armed.entries);
                self.ctx.canary.passed(&host, &keys, self.again.is_some());
                self.tell_guard(GuardStage::Confirmed, tasks);
            }
            End::Reverted(why) => {
                self.ctx.sessions.journal.guard(armed.id(), "reverted");
                self.drop_due(&armed.handlers, "reverted");
                self.seen.clear();
                self.prepared.clear();
                if self.ctx.options.goes_on {
                    let live = self.life == Life::Live && !self.play.has_ended();
                    if live && armed.entries.len() > 1 {
                        self.tell_guard(GuardStage::Divided { why }, tasks);
                        return self.divide(&armed.entries, armed.before);
                    }
                    let why = format!("{host} was put back");
                    self.ctx
                        .canary
                        .shut_out(&host, &keys, &why, self.again.is_some());
                    self.found_guilty(&armed.entries);
                } else {
                    self.ctx.canary.shut(&format!("{host} was put back"));
                    self.life = Life::Failed;
                }
                self.tally.reverted += 1;
                self.tally.failed += 1;
                self.tell_guard(GuardStage::Reverted { why }, tasks);
            }
            End::Lost(why) => {
                self.ctx.sessions.journal.guard(armed.id(), "lost");
                self.ctx
                    .canary
                    .shut(&format!("{host} may not be reachable any more"));
                self.tally.locked_out += 1;
                self.tally.unreachable += 1;
                self.tell_guard(GuardStage::Lost { why }, tasks);
                self.life = Life::Unreachable;
            }
        }
    }

    async fn decide_guard(&self, armed: &Armed) -> End {
        let errand = Errand {
            subject: &self.host,
            to: &armed.to,
            way: &armed.way,
            password: armed.password.clone(),
            guard: None,
        };
        let why = match armed.doubtful {
            true => "what it changed has no verdict".to_owned(),
            false => match self.confirm(armed, &errand).await {
                Ok(()) => return End::Confirmed,
                Err(why) => why,
            },
        };
        // The old connection may still be good enough to ask for it at once.
        let sessions = &self.ctx.sessions;
        let script = guard::revert(&armed.guard);
        sessions.in_shell(&errand, &script).await;
        let look = guard::confirm(&armed.guard, false);
        let end = (armed.since + armed.time).max(Instant::now()) + PUTTING_BACK;
        let mut last = End::Lost(why.clone());
        loop {
            last = match sessions.anew(&errand, &look).await {
                Ok(said) => match Stage::of(&said) {
                    Some(Stage::Reverted) => return End::Reverted(why + &otherwise(&said)),
                    // The rename was made, and its answer was lost.
                    Some(Stage::Committed) => return End::Confirmed,
                    // A login comes in, whatever it is that has not ended.
                    Some(Stage::Reverting) => End::Reverted(format!(
                        "{why}; something that was begun is still under way"
                    )),
                    Some(Stage::Armed | Stage::Again) => last,
                    None => End::Lost(format!("the guard is not there: {}", said.trim())),
                },
                Err(error) => End::Lost(error.message),
            };
            if Instant::now() >= end {
                return last;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Confirms by the login that the next run will use, once one came in from each of the hosts that were
    /// named for it; the error is why it could not.
    async fn confirm(&self, armed: &Armed, errand: &Errand<'_>) -> Result<(), String> {
        let others = self.ctx.options.confirm_also.iter();
        for from in others.filter(|from| **from != armed.to) {
            let script = guard::ready(&armed.guard);
            let come = self.come_in(armed, errand, Some(from), &script).await;
            come.map_err(|why| format!("from {from}: {why}"))?;
        }
        let script = guard::confirm(&armed.guard, true);
        self.come_in(armed, errand, None, &script).await
    }

    /// Logs in anew until the guard answers that it is well.
    async fn come_in(
        &self,
        armed: &Armed,
        errand: &Errand<'_>,
        from: Option<&HostName>,
        script: &str,
    ) -> Result<(), String> {
        let limit = armed.since + armed.time.saturating_sub(MARGIN).max(armed.time / 2);
        let mut refusals = 0;
        loop {
            let sessions = &self.ctx.sessions;
            let said = sessions.anew_by(errand, from, LOOK, |_| script.to_owned());
            let why = match said.await {
                Ok(said) => match Stage::of(&said) {
                    Some(Stage::Committed) => return Ok(()),
                    Some(Stage::Armed) if from.is_some() => return Ok(()),
                    Some(Stage::Reverted | Stage::Reverting) => {
                        return Err("the time for a confirmation was over".into());
                    }
                    Some(Stage::Again) if Instant::now() < limit => {
                        tokio::time::sleep(REREAD).await;
                        continue;
                    }
                    Some(Stage::Again) => "the SSH server does not read its configuration".into(),
                    _ if said.starts_with(WRONG) => return Err(said.trim().to_owned()),
                    _ => format!("the guard is not there: {}", said.trim()),
                },
                Err(error) => {
                    // Whoever answers and says no has read the new configuration.
                    let refused = matches!(
                        error.kind,
                        ErrorKind::Auth
                            | ErrorKind::Become
                            | ErrorKind::HostKey
                            | ErrorKind::HostKeyChanged
                    );
                    refusals += u32::from(refused);
                    error.message
                }
            };
            if refusals >= REFUSALS || Instant::now() >= limit || self.ctx.stopping() {
                return Err(why);
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}
