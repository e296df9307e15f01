//! Fails with a message.

use crate::resource::Query;
use crate::source::{Mapping, Value};

use super::{ArgError, Decision, Failure, Observed, Spec, Task, arg};

crate::args! {
    pub(crate) struct Args {
        /// Why.
        msg: Value = "Failed as requested from task";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "fail",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Fails with a message",
    notes: "Never changed.",
    examples: r##"
- name: This needs a swap partition
  fail:
    msg: there is no swap on this host
"##,
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
        Vec::new()
    }

    fn decide(&self, _: &Observed) -> Result<Decision, Failure> {
        let message = arg::text(&self.msg);
        let message = message.unwrap_or_else(|| crate::source::values::python_repr(&self.msg));
        Err(Failure {
            message,
            result: crate::result! { "msg" => self.msg.clone() },
        })
    }
}
