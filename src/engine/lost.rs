//! Hosts that are lost, and runs that are stopped: what is known of what was under way.

use crate::host::{ErrorKind, HostError};
use crate::source::Code;

use super::doing::ItemState;
use super::event::{Event, Outcome, Status, TaskRef};
use super::runner::{Life, Runner};

impl Runner {
    /// The host does not answer: whatever was under way has no verdict.
    pub(super) fn lose_queue(&mut self, error: &HostError, keys: &[(usize, usize)]) {
        let index = keys.first().map_or(0, |(d, _)| *d);
        let doing = self.queue.get(index);
        let task = doing.map(|d| d.name.clone());
        let ignore = doing.is_some_and(|d| d.settings.ignore_unreachable);
        let more = keys.iter().filter(|(d, _)| *d > index).map(|(d, _)| d);
        let more = more.collect::<std::collections::BTreeSet<_>>().len();
        if let Some(armed) = &mut self.guard {
            armed.doubtful |= !keys.is_empty();
        }
        self.queue.clear();
        self.lose(error, !keys.is_empty(), task, ignore, more);
    }

    /// The verdicts of the first steps were seen, those of `rest` were not.
    pub(super) fn lose_rest(&mut self, error: &HostError, rest: &[(usize, usize)]) {
        let first = rest.first().map_or(0, |(d, _)| *d);
        let ended = self.queue.iter().take(first).count();
        self.tell_ended(first);
        self.settle();
        // What was settled went from the front.
        let gone = ended.min(first);
        let rest: Vec<_> = rest.iter().map(|(d, i)| (d - gone, *i)).collect();
        if self.life == Life::Live {
            self.lose_queue(error, &rest);
        }
    }

    /// The host was asked to begin no further step, and these were not begun.
    pub(super) fn stop_at(&mut self, rest: &[(usize, usize)]) {
        let first = rest.first().map_or(0, |(d, _)| *d);
        let waits = self.queue.iter().skip(first).filter(|d| d.waiting() > 0);
        let names = waits.map(|d| d.name.clone()).collect();
        self.queue.truncate(first + 1);
        if let Some(doing) = self.queue.last_mut() {
            // Of a loop that had begun, what was done stands.
            let done = |s: &ItemState| matches!(s, ItemState::Ended(_));
            doing.items.retain(|item| done(&item.state));
            let count = doing.items.len();
            if let Some(list) = &mut doing.list {
                list.truncate(count);
            }
            if count == 0 {
                self.queue.pop();
            }
        }
        self.settle();
        self.not_run(names);
    }

    /// Says what was decided, and is not done because the run was stopped.
    pub(super) fn not_run(&mut self, tasks: Vec<TaskRef>) {
        self.queue.clear();
        self.life = Life::Stopped;
        if !tasks.is_empty() {
            let host = self.host.clone();
            self.ctx.tell(Event::NotRun { host, tasks });
        }
    }

    /// Tells the items of a loop that have their verdicts, where the loop will not come to its end.
    fn tell_ended(&self, d: usize) {
        let Some(doing) = self.queue.get(d) else {
            return;
        };
        for item in &doing.items {
            if let (Some(value), ItemState::Ended(ended)) = (&item.value, &item.state) {
                let (task, name) = (&doing.task, &doing.name);
                self.tell_item(
                    task,
                    name,
                    &doing.layers,
                    &item.layer,
                    value,
                    &ended.outcome,
                );
            }
        }
    }

    /// A host is lost: unreachable where nothing was started, unknown where something was. `more` is
    /// how many tasks were sent together with this one.
    pub(super) fn lose(
        &mut self,
        error: &HostError,
        started: bool,
        task: Option<TaskRef>,
        ignore: bool,
        more: usize,
    ) {
        use crate::host::ErrorKind::{Become, Deadline, Lost, Protocol, Stopped};
        if error.kind == Stopped {
            return self.not_run(task.filter(|_| started).into_iter().collect());
        }
        let (host, message) = (self.host.clone(), error.message.clone());
        let mut result = crate::source::Mapping::new();
        let status = match (error.kind, task.is_some()) {
            // The host answered: it is the user that could not be become.
            (Become, true) => Status::Failed,
            (Lost | Deadline | Protocol, true) if started => Status::Unknown,
            _ => Status::Unreachable,
        };
        let text = match (status, more) {
            (Status::Unknown, 0) => format!("no verdict was seen: {message}"),
            (Status::Unknown, n) => format!(
                "no verdict was seen, nor of the {n} tasks that were sent with it: {message}"
            ),
            (Status::Failed, _) if error.hint.is_some() => {
                format!("{message}; {}", error.hint.as_deref().unwrap_or_default())
            }
            _ => message.clone(),
        };
        result.insert("msg".into(), text.into());
        result.insert("changed".into(), false.into());
        match (status, task) {
            (Status::Unreachable, task) => {
                self.tally.unreachable += 1;
                let hint = error.hint.clone();
                self.ctx.tell(Event::Unreachable {
                    host,
                    task,
                    message,
                    hint,
                    code: Some(code(error.kind)),
                });
            }
            (status, Some(task)) => {
                let key = if status == Status::Failed {
                    "failed"
                } else {
                    "unknown"
                };
                result.insert(key.into(), true.into());
                match status {
                    Status::Failed => self.tally.failed += 1,
                    _ => {
                        self.tally.unknown += 1;
                        self.tally.unseen += 1;
                    }
                }
                if let Some(hint) = &error.hint {
                    result.insert("hint".into(), hint.clone().into());
                }
                let mut outcome = Outcome::new(status, result.into());
                outcome.code = Some(code(error.kind));
                self.ctx.tell(Event::Ended {
                    host,
                    task,
                    outcome,
                });
            }
            (_, None) => {}
        }
        match status {
            Status::Failed => self.fail(),
            _ if ignore => self.seen.clear(),
            _ => {
                self.life = Life::Unreachable;
                self.strike();
            }
        }
    }
}

/// What kind of failure it is that something between us and a host did not work.
fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Unreachable | ErrorKind::Stopped => Code::Unreachable,
        ErrorKind::HostKey => Code::HostKey,
        ErrorKind::HostKeyChanged => Code::HostKeyChanged,
        ErrorKind::Auth => Code::Login,
        ErrorKind::Become => Code::Become,
        ErrorKind::Lost | ErrorKind::Deadline => Code::NoVerdict,
        ErrorKind::NoShell | ErrorKind::Protocol => Code::NoShell,
    }
}
