//! What is queued: verdicts come in, what stands behind a failure is taken back, and what has all its
//! verdicts is settled.

use std::sync::Arc;

use crate::action::Done;

use super::doing::{Doing, ItemState};
use super::event::{Event, Status};
use super::runner::{Life, Runner};

impl Runner {
    /// Something waits for a verdict that nobody is going to give: a mistake of ours, which must end
    /// this host's run rather than go round for ever.
    pub(super) fn stuck(&mut self) {
        let text =
            "a result that is not known yet is needed: please report this, with the playbook";
        self.queue.clear();
        let mut ahead = self.cursor.clone();
        let mut result = crate::source::Mapping::new();
        result.insert("msg".into(), text.into());
        result.insert("failed".into(), true.into());
        if let Some(task) = ahead.next() {
            let layers = self.layers(&task, &ahead);
            let name = self.describe(&task, &ahead, &layers);
            let outcome = super::event::Outcome::new(Status::Failed, result.into());
            self.ctx.tell(Event::Ended {
                host: self.host.clone(),
                task: name,
                outcome,
            });
        }
        self.tally.failed += 1;
        self.life = Life::Failed;
    }

    /// Whether anything queued may have changed more than it says.
    pub(super) fn opaque(&self, keys: &[(usize, usize)]) -> bool {
        !keys.is_empty()
    }

    pub(super) fn done(&mut self, d: usize, i: usize, result: Done) {
        let Some(item) = self.queue.get_mut(d).and_then(|q| q.items.get_mut(i)) else {
            return;
        };
        let ItemState::Waiting {
            action,
            decision,
            done,
        } = &mut item.state
        else {
            return;
        };
        done.push(result);
        if done.len() < decision.steps.len() {
            return;
        }
        let raw = super::prepare::conclude(action.as_ref(), decision, done);
        self.end_item(d, i, raw);
    }

    /// Somebody changed what was seen before we did: asks anew, once. A second time is a failure.
    pub(super) fn look_again(&mut self, d: usize, i: usize) -> bool {
        let Some(doing) = self.queue.get(d) else {
            return false;
        };
        if !self.conflicts.insert((Arc::clone(&doing.place), i)) {
            return false;
        }
        self.go_back(d, i);
        if let Some(doing) = self.queue.get_mut(d) {
            doing.items.truncate(i);
        }
        true
    }

    /// Whether the step before, if there was one, is what stopped the script.
    pub(super) fn stands(&self, last: Option<(usize, usize)>) -> bool {
        last.is_some_and(|(d, i)| self.has_failed(d, i))
    }

    /// Whether an item has its verdict, and it is a failure (ignored or not).
    pub(super) fn has_failed(&self, d: usize, i: usize) -> bool {
        let item = self.queue.get(d).and_then(|q| q.items.get(i));
        item.is_some_and(|item| match &item.state {
            ItemState::Ended(ended) => {
                matches!(
                    ended.outcome.status,
                    Status::Failed | Status::Ignored | Status::Unknown
                )
            }
            ItemState::Waiting { .. } => false,
        })
    }

    /// Takes back whatever was decided behind a failed item.
    pub(super) fn go_back(&mut self, d: usize, i: usize) {
        for doing in self.queue.drain(d + 1..).rev().collect::<Vec<_>>() {
            self.take_back(doing);
        }
        if let Some(doing) = self.queue.get_mut(d) {
            doing.items.truncate(i + 1);
            self.cursor = doing.after.clone();
        }
        self.seen.clear();
        self.prepared.clear();
    }

    pub(super) fn take_back(&mut self, doing: Doing) {
        for before in doing.assigned.into_iter().rev() {
            self.ctx.fleet.restore(&self.host, before);
        }
        self.notified.extend(doing.handler);
        self.prepared.clear();
    }

    /// Ends the tasks at the front of the queue that have all their verdicts.
    pub(super) fn settle(&mut self) {
        while self.queue.first().is_some_and(Doing::is_ended) {
            let doing = self.queue.remove(0);
            self.end_task(doing);
            if self.life != Life::Live {
                return;
            }
        }
    }
}
