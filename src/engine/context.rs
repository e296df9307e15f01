//! What every host of a run shares.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use crate::plan::compile::Compiler;
use crate::source::Files;
use crate::vars::Templar;

use super::event::Event;
use super::fleet::Fleet;
use super::options::Options;
use super::session::Sessions;
use super::stop::Stop;

pub(super) struct Context {
    pub templar: Arc<Templar>,
    pub compiler: Arc<Compiler>,
    pub files: Files,
    pub fleet: Arc<Fleet>,
    pub sessions: Arc<Sessions>,
    pub options: Options,
    pub events: UnboundedSender<Event>,
    /// Whether somebody asked the run to stop: nothing new is started then.
    pub stop: Arc<Stop>,
    pub asker: super::asker::Asker,
    /// Who goes first where access may be cut.
    pub canary: super::canary::Gate,
    /// When enough hosts have failed.
    pub halt: super::halt::Halt,
    /// What goes on by itself on the hosts.
    pub jobs: super::job::Jobs,
}

impl Context {
    /// Tells whoever listens; a run does not end because nobody does.
    pub(super) fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    pub(super) fn stopping(&self) -> bool {
        self.stop.is_asked()
    }
}
