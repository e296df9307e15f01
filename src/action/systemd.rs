//! Starts, stops, enables and masks a systemd unit; has systemd read its files anew.
//!
//! Changed when the unit is started, stopped, enabled, disabled, masked or unmasked, and whenever it is
//! restarted or reloaded. Where systemd is installed but does not run, units can still be enabled and
//! masked, and services that have an init script started.

use crate::choices;
use crate::resource::Query;
use crate::resource::unit;
use crate::source::Mapping;

use super::units::{self, Service, Want};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task};

choices! {
    pub(crate) enum Scope {
        System = "system",
        User = "user",
        Global = "global",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The unit; `.service` where it has no ending.
        name: Option<String>, aka ["service", "unit"];
        /// How it should be; `restarted` and `reloaded` always do something.
        state: Option<Want>;
        /// Whether it starts at boot.
        enabled: Option<bool>;
        /// Whether it is kept from starting at all.
        masked: Option<bool>;
        /// Have systemd read its files first.
        daemon_reload: bool = "false", aka ["daemon-reload"];
        /// Have systemd execute itself anew first.
        daemon_reexec: bool = "false", aka ["daemon-reexec"];
        /// Whose manager it is: the system's, the login's, or every user's.
        scope: Scope = "system";
        /// Do not wait until it is done.
        no_block: bool = "false";
        /// Replace links that are in the way.
        force: bool = "false";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "systemd",
    collection: "ansible.builtin",
    aliases: &["systemd_service"],
    summary: "Starts, stops, enables and masks a systemd unit",
    notes: "Changed when the unit is started, stopped, enabled, disabled, masked or unmasked, and \
            whenever it is restarted or reloaded.",
    examples: "
- name: Cron runs with the configuration there is now
  systemd:
    name: crond
    state: restarted
    daemon_reload: true
- name: It starts at boot
  systemd_service:
    name: httpd
    enabled: true
    masked: false
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    let asks = args.state.is_some() || args.enabled.is_some() || args.masked.is_some();
    if !asks && !args.daemon_reload && !args.daemon_reexec {
        let names = "state, enabled, masked, daemon_reload, daemon_reexec";
        return Err(ArgError::new("", format!("one of {names} must be given")));
    }
    if asks && args.name.is_none() {
        return Err(ArgError::new("", "argument `name` is missing"));
    }
    if args.scope == Scope::Global && args.state.is_some() {
        return Err(ArgError::new(
            "state",
            "with `scope: global` nothing can be started or stopped",
        ));
    }
    Ok(Box::new(args))
}

impl Args {
    fn service(&self) -> Service {
        let flags = [("no_block", self.no_block), ("force", self.force)];
        let given = flags.iter().filter(|(_, given)| *given);
        Service {
            name: self.name.clone(),
            scope: match self.scope {
                Scope::System => unit::Scope::System,
                Scope::User => unit::Scope::User,
                Scope::Global => unit::Scope::Global,
            },
            state: self.state,
            enabled: self.enabled,
            masked: self.masked,
            reload: self.daemon_reload,
            reexec: self.daemon_reexec,
            scripts: false,
            pattern: None,
            runlevels: Vec::new(),
            options: given
                .map(|(name, _)| ((*name).to_owned(), String::new()))
                .collect(),
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

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        units::conclude(decision, done)
    }
}
