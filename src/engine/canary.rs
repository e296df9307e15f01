//! Who goes first: what may cut access is changed on a few hosts before all others.

use tokio::sync::watch;

#[derive(Clone, Debug, Default)]
struct State {
    begun: usize,
    passed: usize,
    /// Why nobody else may.
    shut: Option<String>,
}

/// A gate that opens once as many hosts came through as were to go first, and shuts for good where one
/// did not.
#[derive(Debug)]
pub(super) struct Gate {
    first: usize,
    state: watch::Sender<State>,
}

/// How a host came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// As one of the first.
    First,
    Later,
}

impl Gate {
    /// `first` hosts go first; none is that nobody waits.
    pub(super) fn new(first: usize) -> Gate {
        Gate {
            first,
            state: watch::Sender::default(),
        }
    }

    /// Waits for its turn; the error is why there is none.
    pub(super) async fn enter(&self) -> Result<Pass, String> {
        let mut watching = self.state.subscribe();
        loop {
            let mut pass = None;
            self.state.send_if_modified(|state| {
                pass = match &state.shut {
                    Some(why) => Some(Err(why.clone())),
                    None if state.begun < self.first => {
                        state.begun += 1;
                        Some(Ok(Pass::First))
                    }
                    None if state.passed >= self.first => Some(Ok(Pass::Later)),
                    None => None,
                };
                false
            });
            if let Some(pass) = pass {
                return pass;
            }
            // The sender is here, so this cannot end for want of one.
            let _ = watching.changed().await;
        }
    }

    /// It went well.
    pub(super) fn passed(&self, pass: Pass) {
        if pass == Pass::First {
            self.state.send_modify(|state| state.passed += 1);
        }
    }

    /// Nothing was changed after all: somebody else goes first.
    pub(super) fn gave_up(&self, pass: Pass) {
        if pass == Pass::First {
            self.state.send_modify(|state| state.begun -= 1);
        }
    }

    /// It did not go well: nobody else may.
    pub(super) fn shut(&self, why: &str) {
        self.state.send_modify(|state| {
            state.shut.get_or_insert_with(|| why.to_owned());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn others_wait_for_the_first_and_stay_out_if_it_fails() {
        let gate = std::sync::Arc::new(Gate::new(1));
        assert_eq!(gate.enter().await, Ok(Pass::First));
        let waiting = {
            let gate = std::sync::Arc::clone(&gate);
            tokio::spawn(async move { gate.enter().await })
        };
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        gate.passed(Pass::First);
        assert_eq!(waiting.await.unwrap(), Ok(Pass::Later));
        gate.shut("web1 was put back");
        assert_eq!(gate.enter().await, Err("web1 was put back".into()));
    }

    #[tokio::test]
    async fn one_that_changes_nothing_lets_another_go_first() {
        let gate = Gate::new(1);
        assert_eq!(gate.enter().await, Ok(Pass::First));
        gate.gave_up(Pass::First);
        assert_eq!(gate.enter().await, Ok(Pass::First));
    }
}
