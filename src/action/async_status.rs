//! Says how a job is that `async` started, or removes what is left of it.
//!
//! A job that ended gives the result of its task, changed or failed as that was. Results of jobs are known
//! to the run that started them; of a job of another run only what its steps printed can be told.

use crate::choices;
use crate::resource::{Query, job};
use crate::source::Mapping;

use super::{
    ArgError, Control, Decision, Done, Failure, Job, Observed, Spec, Step, Task, controlled,
};

choices! {
    pub(crate) enum Mode {
        Status = "status",
        Cleanup = "cleanup",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The job: `ansible_job_id` in the result of the task that started it.
        jid: String = required;
        /// Ask how it is, or remove what is left of it.
        mode: Mode = "status";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "async_status",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Says how a job is that `async` started",
    notes: "Changed as the task of the job is, once it ended. The login and `become` must be those of \
            the task that started it.",
    examples: "
- name: Wait for it
  async_status:
    jid: '1795269563.1107'
- name: Leave nothing behind
  async_status:
    jid: '1795269563.1107'
    mode: cleanup
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    if !job::is_id(&args.jid) {
        let message = format!("`{}` is no id of a job", args.jid);
        return Err(ArgError::new("jid", message)
            .hint("it is `ansible_job_id` in what the task that started it registered"));
    }
    Ok(Box::new(args))
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        Vec::new()
    }

    fn decide(&self, _: &Observed) -> Result<Decision, Failure> {
        let job = Job {
            id: self.jid.clone(),
            clean: self.mode == Mode::Cleanup,
        };
        Ok(Decision {
            steps: vec![Step::Control(Control::Job(job))],
            ..Decision::default()
        })
    }

    fn conclude(&self, _: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        Ok(controlled(done))
    }
}
