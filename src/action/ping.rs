//! Tries whether a host can be worked with, and answers `pong`. Never changed.
//!
//! Differs from Ansible's: nothing is checked but the shell, because nothing else is needed.

use crate::resource::{Query, RemotePath, Resource};
use crate::result;
use crate::source::Mapping;

use super::{ArgError, Decision, Failure, Observed, Spec, Task};

crate::args! {
    pub(crate) struct Args {
        /// What to answer; `crash` makes the task fail.
        data: String = "pong";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "ping",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Tries whether a host can be worked with",
    notes: "Never changed.",
    examples: "
- name: Is it there?
  ping:
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    Ok(Box::new(Args::read(map)?))
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        // Something must be asked, or nobody would find out that a host does not answer.
        RemotePath::new("/")
            .map(|root| Query::meta(Resource::File(root)))
            .into_iter()
            .collect()
    }

    fn decide(&self, _: &Observed) -> Result<Decision, Failure> {
        if self.data == "crash" {
            return Err(Failure::new("boom"));
        }
        Ok(Decision::ok(result! { "ping" => self.data.clone() }))
    }
}
