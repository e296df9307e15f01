//! Failures: what catches them, on this host and on others.

use std::sync::Arc;

use super::cursor::{Fate, Position};
use super::runner::{Life, Runner};

impl Runner {
    /// A task failed on this host: goes to what catches it.
    pub(super) fn fail(&mut self) {
        self.prepared.clear();
        self.strike();
        match self.cursor.fail() {
            Fate::Rescued | Fate::Always { rescued: true } => {
                self.tally.rescued += 1;
                self.tally.failed = self.tally.failed.saturating_sub(1);
            }
            Fate::Always { rescued: false } => {}
            Fate::Out => self.life = Life::Failed,
        }
    }

    /// If the task at hand must not fail anywhere, it has failed for all.
    pub(super) fn strike(&mut self) {
        if std::mem::take(&mut self.fatal) {
            self.play.strike(&self.at);
            self.struck.insert(self.at.clone());
        }
    }

    /// A task failed on another host, and so on this one.
    pub(super) fn fall(&mut self) {
        self.prepared.clear();
        if self.cursor.fail() == Fate::Out {
            self.life = Life::Failed;
        }
    }

    /// Whether the last task failed on another host, and so on this one.
    pub(super) async fn falls_at_the_end(&mut self) -> bool {
        if !self.play.linear {
            return false;
        }
        let place = (self.section, Position::from(vec![usize::MAX]));
        let play = Arc::clone(&self.play);
        play.meet.wait(&self.host, &place).await;
        let falls = play.strikes_anew(&place, &mut self.struck);
        if falls {
            self.cursor = std::mem::take(&mut self.end);
            self.fall();
        }
        falls
    }
}
