//! Waits until the host can be reached and worked with.
//!
//! Never changed.

use crate::resource::Query;
use crate::source::Mapping;

use super::{ArgError, Control, Decision, Done, Failure, Observed, Spec, Step, Task};

crate::args! {
    pub(crate) struct Args {
        /// Seconds one try may take.
        connect_timeout: u64 = "5";
        /// Seconds to wait before the first.
        delay: u64 = "0";
        /// Seconds between two.
        sleep: u64 = "1";
        /// Seconds after which it fails.
        timeout: u64 = "600";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "wait_for_connection",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Waits until the host can be reached and worked with",
    notes: "Never changed.",
    examples: "
- name: It is back within five minutes
  wait_for_connection:
    delay: 60
    timeout: 300
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: true,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    Ok(Box::new(Args::read(map)?))
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        Vec::new()
    }

    fn decide(&self, _: &Observed) -> Result<Decision, Failure> {
        let mut decision = Decision::ok(crate::result! { "elapsed" => 0 });
        decision
            .steps
            .push(Step::Control(Control::WaitForConnection {
                connect_timeout: self.connect_timeout,
                delay: self.delay,
                sleep: self.sleep,
                timeout: self.timeout,
            }));
        Ok(decision)
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        Ok(controlled(decision, done))
    }
}

/// The result with what the engine adds to it.
pub(crate) fn controlled(decision: &Decision, done: &[Done]) -> Mapping {
    let mut result = decision.result.clone();
    for done in done {
        if let Done::Controlled(more) = done {
            result.extend(more.clone());
        }
    }
    result
}
