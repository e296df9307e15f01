//! How a run is asked to end before its time: in order, or at once.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;

use crate::host::{ErrorKind, HostError};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    #[default]
    GoOn,
    /// Steps under way come to their end; none is begun.
    InOrder,
    /// Nothing is waited for.
    AtOnce,
}

/// The wish of whoever watches a run.
#[derive(Debug, Default)]
pub struct Stop {
    wish: watch::Sender<Wish>,
}

impl Stop {
    /// Asks once for an orderly end, the second time for one at once.
    pub fn ask(&self) {
        self.wish.send_modify(|wish| {
            *wish = match wish {
                Wish::GoOn => Wish::InOrder,
                Wish::InOrder | Wish::AtOnce => Wish::AtOnce,
            };
        });
    }

    pub fn is_asked(&self) -> bool {
        *self.wish.borrow() >= Wish::InOrder
    }

    pub fn is_at_once(&self) -> bool {
        *self.wish.borrow() >= Wish::AtOnce
    }

    /// Returns when somebody asks for an end.
    pub async fn asked(&self) {
        self.comes_to(Wish::InOrder).await;
    }

    /// Returns when somebody asks for an end at once.
    pub async fn at_once(&self) {
        self.comes_to(Wish::AtOnce).await;
    }

    async fn comes_to(&self, least: Wish) {
        // The sender is here, so waiting cannot end for want of one.
        let _ = self.wish.subscribe().wait_for(|wish| *wish >= least).await;
    }

    /// Sleeps, but not beyond the run.
    pub async fn sleep(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.asked() => {}
        }
    }

    /// Work of which nothing has happened yet if it is given up.
    pub(super) async fn unless<T>(
        &self,
        work: impl Future<Output = Result<T, HostError>>,
    ) -> Result<T, HostError> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.at_once() => Err(nothing_begun()),
        }
    }
}

pub(super) fn nothing_begun() -> HostError {
    HostError::new(ErrorKind::Stopped, "the run was stopped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn once_is_in_order_and_twice_is_at_once() {
        let stop = Stop::default();
        assert!(!stop.is_asked());
        stop.ask();
        assert!(stop.is_asked() && !stop.is_at_once());
        stop.asked().await;
        assert_eq!(stop.unless(async { Ok(1) }).await, Ok(1));
        stop.ask();
        assert!(stop.is_at_once());
        let waits = stop.unless(std::future::pending::<Result<(), HostError>>());
        assert_eq!(waits.await.unwrap_err().kind, ErrorKind::Stopped);
    }
}
