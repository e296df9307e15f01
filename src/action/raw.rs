//! Hands a line to the login shell as it is.
//!
//! Changed whenever it ran. Check mode does not run it and does not know what it would do.

use crate::resource::Query;
use crate::resource::program::{Exec, Run};
use crate::source::Mapping;

use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task, ran};

crate::args! {
    pub(crate) struct Args {
        /// The line.
        free_form: String = required, aka ["_raw_params", "cmd"];
        /// A shell to run it with instead of the login's.
        executable: Option<String>;
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "raw",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Hands a line to the login shell as it is",
    notes: "Changed whenever it ran.",
    examples: "
- name: Python, for a tool that needs it
  raw: dnf install -y python3 python3-libdnf
- name: With another shell
  raw: cat < /tmp/*txt
  args:
    executable: /bin/bash
",
    params: Args::params,
    free_form: Some("free_form"),
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
        let mut decision = Decision::default();
        decision.run(Run::new(Exec::Raw {
            text: self.free_form.clone(),
            executable: self.executable.clone(),
        }));
        Ok(decision)
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        plain(decision, done)
    }
}

/// The result of `raw` or `script`: output as it came, without times.
pub(crate) fn plain(decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
    let mut map = decision.result.clone();
    let Some(ran) = ran::ran(done) else {
        return Ok(map);
    };
    ran::put_output(&mut map, &ran::text(&ran.stdout), &ran::text(&ran.stderr));
    map.insert("rc".into(), ran.rc.into());
    if ran.rc == 0 && ran.not_started.is_none() {
        return Ok(map);
    }
    let mut failure = ran::failed(map, ran);
    if let Some(why) = &ran.not_started {
        failure.message = format!("{}: {why}", failure.message);
    }
    Err(failure)
}
