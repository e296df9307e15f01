//! Starts, stops and enables a service, whatever manages services on the host.
//!
//! Changed when it is started, stopped, enabled or disabled, and whenever it is restarted or reloaded.

use crate::resource::Query;
use crate::resource::unit::Scope;
use crate::source::{Mapping, Value};

use super::units::{self, Service, Want};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task};

crate::args! {
    #[expect(dead_code, reason = "Ansible takes more than there is a use for here")]
    pub(crate) struct Args {
        /// The service.
        name: String = required;
        /// How it should be; `restarted` and `reloaded` always do something.
        state: Option<Want>;
        /// Whether it starts at boot.
        enabled: Option<bool>;
        /// Seconds between stop and start of a restart, for init scripts.
        sleep: Option<u64>;
        /// Taken; whether a service runs is asked of its manager, not of the process list.
        pattern: Option<String>;
        /// The runlevel to enable it in, for OpenRC.
        runlevel: String = "default";
        /// Arguments of the init script.
        arguments: Option<String>, aka ["args"];
        /// Taken; the manager is the one the host has.
        r#use: String = "auto";
        /// Have systemd read its files first.
        daemon_reload: bool = "false", aka ["daemon-reload"];
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "service",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Starts, stops and enables a service",
    notes: "Changed when it is started, stopped, enabled or disabled, and whenever it is restarted \
            or reloaded.",
    examples: "
- name: The web server runs, also after a boot
  service:
    name: httpd
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
        let pair = |key: &str, value: Option<String>| value.map(|v| (key.to_owned(), v));
        let options = [
            pair("sleep", self.sleep.map(|s| s.to_string())),
            pair("arguments", self.arguments.clone()),
            pair("runlevel", Some(self.runlevel.clone())),
        ];
        Service {
            name: Some(self.name.clone()),
            scope: Scope::System,
            state: self.state,
            enabled: self.enabled,
            masked: None,
            reload: self.daemon_reload,
            reexec: false,
            options: options.into_iter().flatten().collect(),
        }
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        self.service().reads()
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let mut decision = self.service().decide(seen)?;
        if decision
            .result
            .get("status")
            .and_then(Value::as_mapping)
            .is_some_and(Mapping::is_empty)
        {
            decision.result.shift_remove("status");
        }
        Ok(decision)
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        units::conclude(decision, done)
    }
}
