//! Starts, stops and enables a service by its init script.
//!
//! Changed as `service` is, which it is the same as: the host's own manager is used.

use crate::resource::Query;
use crate::resource::unit::Scope;
use crate::source::Mapping;

use super::units::{Service, Want};
use super::{ArgError, Decision, Failure, Observed, Spec, Task};

crate::args! {
    #[expect(dead_code, reason = "Ansible takes more than there is a use for here")]
    pub(crate) struct Args {
        /// The service.
        name: String = required, aka ["service"];
        /// How it should be.
        state: Option<Want>;
        /// Whether it starts at boot.
        enabled: Option<bool>;
        /// Seconds between stop and start of a restart.
        sleep: u64 = "1";
        /// Taken; whether a service runs is asked of its init script.
        pattern: Option<String>;
        /// Taken; the runlevels are those of the host's own tool.
        runlevels: Vec<String> = "[]";
        /// Arguments of the init script.
        arguments: Option<String>, aka ["args"];
        /// Taken; nothing of it stays with the shell anyway.
        daemonize: bool = "false";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "sysvinit",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Starts, stops and enables a service by its init script",
    notes: "Changed as `service` is.",
    examples: "
- name: Apache runs
  sysvinit:
    name: apache2
    state: started
    enabled: true
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    if args.state.is_none() && args.enabled.is_none() {
        return Err(ArgError::new("", "one of state, enabled must be given"));
    }
    Ok(Box::new(args))
}

impl Args {
    fn service(&self) -> Service {
        let mut options = vec![("sleep".to_owned(), self.sleep.to_string())];
        options.extend(self.arguments.clone().map(|a| ("arguments".to_owned(), a)));
        Service {
            name: Some(self.name.clone()),
            scope: Scope::System,
            state: self.state,
            enabled: self.enabled,
            options,
            ..Service::default()
        }
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        self.service().reads()
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        self.service().decide(seen)
    }
}
