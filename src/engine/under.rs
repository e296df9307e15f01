//! What of a script is under way, for whoever waits for it.

use std::time::Instant;

use crate::resource::apply::Apply;
use crate::resource::reply;

use super::sending::Work;

/// The steps of an exchange, and which of them is under way.
pub(super) struct Under<'a> {
    pub work: &'a [Work],
    /// How many have answered, and since when.
    answered: std::sync::Mutex<(usize, Instant)>,
}

impl<'a> Under<'a> {
    pub(super) fn new(work: &'a [Work]) -> Under<'a> {
        Under {
            work,
            answered: std::sync::Mutex::new((0, Instant::now())),
        }
    }

    pub(super) fn heard(&self, apply: &Apply, record: &[u8]) {
        let number = reply::number(record).map_or(0, |n| apply.answered(n));
        if let Ok(mut answered) = self.answered.lock()
            && number > answered.0
        {
            *answered = (number, Instant::now());
        }
    }

    /// What is being waited for, and for how many seconds.
    pub(super) fn what(&self) -> (String, u64) {
        let (number, since) = self.answered.lock().map_or((0, Instant::now()), |a| *a);
        let name = self.work.get(number).map(|w| w.task.name.clone());
        let name = name.unwrap_or_else(|| "facts and states".to_owned());
        (name, since.elapsed().as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::apply::{ApplyOptions, RunContext};
    use crate::resource::{Exec, Run};

    #[test]
    fn a_step_is_under_way_once_the_one_before_has_answered() {
        let mut apply = Apply::new(ApplyOptions {
            token: "t".into(),
            loaded: true,
            lock_wait: 1,
        });
        for _ in 0..2 {
            let run = Run::new(Exec::Argv(vec!["true".into()]));
            apply.run(&run, &RunContext::default()).unwrap();
        }
        let under = Under::new(&[]);
        let answered = |record: &[u8]| {
            under.heard(&apply, record);
            under.answered.lock().unwrap().0
        };
        assert_eq!(answered(b"out of frame"), 0);
        assert_eq!(answered(b"\n\x010 0 0\n"), 1);
        assert_eq!(answered(b"\n\x011 0 0\n"), 1, "its output");
        assert_eq!(answered(b"\n\x013 0 0\n"), 2);
        assert_eq!(under.what().0, "facts and states");
    }
}
