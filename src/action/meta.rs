//! Tells the run itself to do something. Never changed.

use crate::resource::Query;
use crate::source::Mapping;

use super::{ArgError, Control, Decision, Failure, Meta, Observed, Spec, Step, Task};

crate::choices! {
    pub(crate) enum Word {
        ClearFacts = "clear_facts",
        ClearHostErrors = "clear_host_errors",
        EndBatch = "end_batch",
        EndHost = "end_host",
        EndPlay = "end_play",
        EndRole = "end_role",
        FlushHandlers = "flush_handlers",
        Noop = "noop",
        RefreshInventory = "refresh_inventory",
        ResetConnection = "reset_connection",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// What to do.
        free_form: Word = required, aka ["_raw_params"];
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "meta",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Tells the run itself to do something",
    notes: "Never changed.",
    examples: r##"
- name: Handlers that were notified so far run now
  meta: flush_handlers
- name: Nothing more for this host
  meta: end_host
"##,
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
        let meta = match self.free_form {
            Word::ClearFacts => Meta::ClearFacts,
            Word::ClearHostErrors => Meta::ClearHostErrors,
            Word::EndBatch => Meta::EndBatch,
            Word::EndHost => Meta::EndHost,
            Word::EndPlay => Meta::EndPlay,
            Word::EndRole => Meta::EndRole,
            Word::FlushHandlers => Meta::FlushHandlers,
            Word::Noop => Meta::Noop,
            Word::RefreshInventory => Meta::RefreshInventory,
            Word::ResetConnection => Meta::ResetConnection,
        };
        Ok(Decision {
            steps: vec![Step::Control(Control::Meta(meta))],
            ..Decision::default()
        })
    }
}
