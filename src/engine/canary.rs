//! Who goes first: what may cut access is changed on a few hosts before all others.
//!
//! The gate knows tasks by their places, which are the same on all hosts. Whoever needs a task that was not
//! confirmed on as many hosts as are to go first goes first with it, if not as many are already on their
//! way; everybody else waits. Nobody who is on the way waits for anybody at the gate, so it always opens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;

use super::event::{HostName, TaskRef};

/// A task by its play and its place in it.
pub(super) type Key = (usize, Arc<[usize]>);

pub(super) fn key(task: &TaskRef) -> Key {
    (task.play, Arc::clone(&task.position))
}

#[derive(Clone, Debug, Default)]
struct State {
    /// Hosts that are changing something nobody has confirmed yet.
    under_way: BTreeSet<HostName>,
    /// On how many hosts a task was confirmed.
    passed: BTreeMap<Key, usize>,
    /// Tasks that are tried nowhere else, and why.
    shut: BTreeMap<Key, String>,
    /// Why nothing is tried any more.
    all: Option<String>,
}

/// Why somebody may not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shut {
    pub why: String,
    /// Which of the tasks it is about, by its place in the list.
    pub task: usize,
}

#[derive(Debug)]
pub(super) struct Gate {
    first: usize,
    state: watch::Sender<State>,
}

impl Gate {
    /// `first` hosts go first; none is that nobody waits.
    pub(super) fn new(first: usize) -> Gate {
        Gate {
            first,
            state: watch::Sender::default(),
        }
    }

    /// Waits for the turn of a host with these tasks; the error is why there is none.
    pub(super) async fn enter(&self, host: &HostName, tasks: &[Key]) -> Result<(), Shut> {
        let mut watching = self.state.subscribe();
        loop {
            let mut turn = None;
            self.state.send_if_modified(|state| {
                turn = self.turn(state, host, tasks);
                false
            });
            if let Some(turn) = turn {
                return turn;
            }
            // The sender is here, so this cannot end for want of one.
            let _ = watching.changed().await;
        }
    }

    fn turn(&self, state: &mut State, host: &HostName, tasks: &[Key]) -> Option<Result<(), Shut>> {
        let shut = |why: &String, task| {
            let why = why.clone();
            Some(Err(Shut { why, task }))
        };
        if let Some(why) = &state.all {
            return shut(why, 0);
        }
        for (n, task) in tasks.iter().enumerate() {
            if let Some(why) = state.shut.get(task) {
                return shut(why, n);
            }
        }
        let proven = |t: &Key| state.passed.get(t).is_some_and(|n| *n >= self.first);
        if self.first == 0 || tasks.iter().all(proven) {
            return Some(Ok(()));
        }
        let on_the_way = state.under_way.contains(host);
        (on_the_way || state.under_way.len() < self.first).then(|| {
            state.under_way.insert(host.clone());
            Ok(())
        })
    }

    /// It went well. `stays` is that the host has more to try before it is another's turn.
    pub(super) fn passed(&self, host: &HostName, tasks: &[Key], stays: bool) {
        self.state.send_modify(|state| {
            if !stays {
                state.under_way.remove(host);
            }
            for task in tasks {
                *state.passed.entry(task.clone()).or_default() += 1;
            }
        });
    }

    /// Nothing was changed after all, or it was put back and is tried in another way.
    pub(super) fn gave_up(&self, host: &HostName) {
        self.state.send_modify(|state| {
            state.under_way.remove(host);
        });
    }

    /// These did not go well: nobody else tries them.
    pub(super) fn shut_out(&self, host: &HostName, tasks: &[Key], why: &str, stays: bool) {
        self.state.send_modify(|state| {
            if !stays {
                state.under_way.remove(host);
            }
            for task in tasks {
                let first = state.shut.entry(task.clone());
                first.or_insert_with(|| why.to_owned());
            }
        });
    }

    /// It did not go well: nobody else may change anything that may cut access.
    pub(super) fn shut(&self, why: &str) {
        self.state.send_modify(|state| {
            state.all.get_or_insert_with(|| why.to_owned());
        });
    }

    /// A host is gone without a word: if it was on its way, nobody knows how that ended.
    pub(super) fn lost(&self, host: &HostName) {
        let gone = |state: &State| state.under_way.contains(host);
        if gone(&self.state.borrow()) {
            self.shut(&format!("nobody knows what became of {host}"));
            self.gave_up(host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(n: usize) -> Key {
        (0, Arc::from([n]))
    }

    #[tokio::test]
    async fn others_wait_for_the_first_and_stay_out_if_it_fails() {
        let gate = Arc::new(Gate::new(1));
        let (a, b) = (HostName::from("a"), HostName::from("b"));
        assert_eq!(gate.enter(&a, &[task(1)]).await, Ok(()));
        let waiting = {
            let (gate, b) = (Arc::clone(&gate), b.clone());
            tokio::spawn(async move { gate.enter(&b, &[task(1)]).await })
        };
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        gate.passed(&a, &[task(1)], false);
        assert_eq!(waiting.await.unwrap(), Ok(()));
        gate.shut("a was put back");
        assert!(gate.enter(&b, &[task(1)]).await.is_err());
    }

    #[tokio::test]
    async fn one_task_that_failed_keeps_nobody_from_another() {
        let gate = Gate::new(1);
        let (a, b) = (HostName::from("a"), HostName::from("b"));
        assert_eq!(gate.enter(&a, &[task(1), task(2)]).await, Ok(()));
        gate.shut_out(&a, &[task(2)], "a was put back", false);
        let shut = gate.enter(&b, &[task(1), task(2)]).await.unwrap_err();
        assert_eq!((shut.task, shut.why.as_str()), (1, "a was put back"));
        assert_eq!(gate.enter(&b, &[task(1)]).await, Ok(()));
    }

    #[tokio::test]
    async fn one_that_changes_nothing_lets_another_go_first() {
        let gate = Gate::new(1);
        let (a, b) = (HostName::from("a"), HostName::from("b"));
        assert_eq!(gate.enter(&a, &[task(1)]).await, Ok(()));
        gate.gave_up(&a);
        assert_eq!(gate.enter(&b, &[task(1)]).await, Ok(()));
        gate.lost(&b);
        assert!(gate.enter(&a, &[task(1)]).await.is_err());
    }
}
