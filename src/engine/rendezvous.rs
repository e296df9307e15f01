//! Where hosts wait for each other.
//!
//! Hosts run freely. A task that couples them (`run_once`, `delegate_to`, `hostvars`, a failure
//! limit) waits until every other host of the batch has come as far. The host that is furthest
//! behind never waits, so the run always goes on.

use std::collections::BTreeMap;
use std::sync::Mutex;

use tokio::sync::Notify;

use super::cursor::Position;
use super::event::HostName;
use crate::source::Value;

/// How far a host has come: a section of the play, and the place in it.
pub(super) type Place = (usize, Position);

#[derive(Default)]
pub(super) struct Rendezvous {
    places: Mutex<BTreeMap<HostName, Option<Place>>>,
    /// How far hosts had come that take no further part.
    left: Mutex<BTreeMap<HostName, Place>>,
    shared: Mutex<BTreeMap<Place, Shared>>,
    moved: Notify,
}

/// What one host did for all (`run_once`).
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub result: Value,
    pub failed: bool,
    pub facts: Option<crate::source::Mapping>,
    pub vars: Vec<(String, Value)>,
}

impl Rendezvous {
    pub(super) fn new(hosts: &[HostName]) -> Rendezvous {
        let start: Place = (0, Position::from(Vec::new()));
        let places = hosts
            .iter()
            .map(|h| (h.clone(), Some(start.clone())))
            .collect();
        Rendezvous {
            places: Mutex::new(places),
            ..Rendezvous::default()
        }
    }

    /// A host has settled everything before this place.
    pub(super) fn reach(&self, host: &HostName, place: &Place) {
        if let Ok(mut places) = self.places.lock() {
            places.insert(host.clone(), Some(place.clone()));
        }
        self.moved.notify_waiters();
    }

    /// A host takes no further part.
    pub(super) fn leave(&self, host: &HostName) {
        if let Ok(mut places) = self.places.lock()
            && let Some(Some(place)) = places.insert(host.clone(), None)
            && let Ok(mut left) = self.left.lock()
        {
            left.insert(host.clone(), place);
        }
        self.moved.notify_waiters();
    }

    /// Waits until every other host has come to this place, gone past it, or left.
    pub(super) async fn wait(&self, host: &HostName, place: &Place) {
        self.reach(host, place);
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if self.behind(place).is_empty() {
                return;
            }
            moved.await;
        }
    }

    /// The hosts that are not yet there.
    pub(super) fn behind(&self, place: &Place) -> Vec<HostName> {
        let Ok(places) = self.places.lock() else {
            return Vec::new();
        };
        let late = places
            .iter()
            .filter(|(_, at)| at.as_ref().is_some_and(|at| at < place));
        late.map(|(host, _)| host.clone()).collect()
    }

    /// Hosts that still take part, of those given, in their order.
    pub(super) fn live(&self, hosts: &[HostName]) -> Vec<HostName> {
        let Ok(places) = self.places.lock() else {
            return Vec::new();
        };
        let here = |h: &&HostName| places.get(*h).is_some_and(Option::is_some);
        hosts.iter().filter(here).cloned().collect()
    }

    /// Hosts that took part at a place, of those given: who went further and left since did.
    pub(super) fn present(&self, hosts: &[HostName], place: &Place) -> Vec<HostName> {
        let live = self.live(hosts);
        let Ok(left) = self.left.lock() else {
            return live;
        };
        let here = |h: &&HostName| live.contains(h) || left.get(*h).is_some_and(|at| at >= place);
        hosts.iter().filter(here).cloned().collect()
    }

    /// Tells all who wait what one host did for them.
    pub(super) fn share(&self, place: &Place, shared: Shared) {
        if let Ok(mut all) = self.shared.lock() {
            all.insert(place.clone(), shared);
        }
        self.moved.notify_waiters();
    }

    /// What was done for all at this place, if it was.
    pub(super) fn done(&self, place: &Place) -> Option<Shared> {
        self.shared.lock().ok()?.get(place).cloned()
    }

    /// What was done for all at this place, once `by` has done it; `None` if it left without.
    pub(super) async fn shared(&self, place: &Place, by: &HostName) -> Option<Shared> {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if let Some(shared) = self.done(place) {
                return Some(shared);
            }
            let gone = self
                .places
                .lock()
                .is_ok_and(|p| p.get(by).is_none_or(Option::is_none));
            if gone {
                return None;
            }
            moved.await;
        }
    }
}
