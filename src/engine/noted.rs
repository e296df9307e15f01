//! What is written down when tasks, handlers and hosts come to their ends.

use std::collections::BTreeSet;

use crate::plan::Task;

use super::event::{Event, Status, TaskRef};
use super::runner::{Life, Runner};

impl Life {
    /// The word for how a host ended, where the run came to its end.
    pub(super) fn word(self) -> &'static str {
        match self {
            Life::Live | Life::Ended => "ok",
            Life::Failed => "failed",
            Life::Unreachable => "unreachable",
            Life::Stopped => "stopped",
        }
    }
}

impl Runner {
    pub(super) fn tell_notified(&self, handler: String) {
        let host = self.host.clone();
        self.ctx.tell(Event::Notified { host, handler });
    }

    /// A task came to its end: what it was asked for by is no more pending, and what it had asked for
    /// in a run that is resumed is.
    pub(super) fn note_end(&mut self, task: &Task, name: &TaskRef, place: &str, status: Status) {
        self.ctx
            .sessions
            .journal
            .task(&self.host, place, status.word());
        if !name.handler {
            return self.resume_notified_by(place);
        }
        if let Some(index) = self.play.handler(task) {
            if !matches!(status, Status::Failed | Status::Unknown) {
                self.due.remove(&index);
            }
            let journal = &self.ctx.sessions.journal;
            journal.handled(&self.host, place, status.word());
        }
    }

    /// Handlers are no more needed: what asked for them is not so any more, or they came to their end.
    pub(super) fn drop_due(&mut self, handlers: &BTreeSet<usize>, word: &str) {
        for index in handlers {
            if self.due.remove(index)
                && let Some(place) = self.play.place_of(*index)
            {
                self.ctx.sessions.journal.handled(&self.host, &place, word);
            }
        }
    }

    /// Handlers that were begun and told no end by themselves: those that include others, and those
    /// that one host ran for all.
    pub(super) fn end_handlers(&mut self) {
        let ended = match self.life {
            Life::Live => self.due.difference(&self.notified).copied().collect(),
            // Whoever ends a play on purpose wants nothing more of it.
            Life::Ended => self.due.clone(),
            Life::Failed | Life::Unreachable | Life::Stopped => return,
        };
        self.drop_due(&ended, "ok");
    }

    /// Says which handlers were asked for and will not run any more.
    pub(super) fn tell_pending(&self) {
        let name = |index: &usize| self.play.handler_name(*index, &self.ctx, &self.host);
        let handlers: Vec<String> = self.due.iter().map(name).collect();
        if !handlers.is_empty() && !self.ctx.options.check {
            let host = self.host.clone();
            self.ctx.tell(Event::Pending { host, handlers });
        }
    }
}
