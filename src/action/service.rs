//! Starts, stops and enables a service, whatever manages services on the host.
//!
//! Changed when it is started, stopped, enabled or disabled, and whenever it is restarted or reloaded.

use crate::choices;
use crate::resource::unit::{Scope, ServiceManager, UnitState};
use crate::resource::{Query, Resource, State};
use crate::source::{Mapping, Value};

use super::units::{self, Service, Want};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task};

choices! {
    pub(crate) enum Use {
        Auto = "auto" | "service",
        Systemd = "systemd" | "ansible.builtin.systemd" | "systemd_service",
        Sysvinit = "sysvinit" | "ansible.builtin.sysvinit",
        OpenRc = "openrc",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The service.
        name: String = required;
        /// How it should be; `restarted` and `reloaded` always do something.
        state: Option<Want>;
        /// Whether it starts at boot.
        enabled: Option<bool>;
        /// Seconds between stop and start of a restart, for init scripts.
        sleep: Option<u64>;
        /// Text in the process list that says it runs; not heeded where systemd runs, which knows better.
        pattern: Option<String>;
        /// The runlevel to enable it in, for OpenRC.
        runlevel: String = "default";
        /// Arguments of the init script.
        arguments: Option<String>, aka ["args"];
        /// What must manage services on the host; `auto` and `service` are whatever it has.
        r#use: Use = "auto";
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
            scripts: false,
            pattern: None,
            runlevels: Vec::new(),
            options: options.into_iter().flatten().collect(),
        }
    }
}

impl Args {
    fn by_systemd(&self, seen: &Observed) -> bool {
        match seen.peek(&units::resource(&self.name, Scope::System)) {
            Some(State::Unit(unit)) => unit.manager == ServiceManager::Systemd,
            _ => true,
        }
    }

    /// Whether the host manages the service in the way the task takes for granted.
    fn suits(&self, unit: &UnitState) -> Result<(), Failure> {
        let generated = ("UnitFileState".to_owned(), "generated".to_owned());
        let manager = unit.manager;
        let scripts = match manager {
            ServiceManager::Systemd => unit.properties.contains(&generated),
            ServiceManager::Sysv | ServiceManager::Offline => true,
            ServiceManager::OpenRc => false,
        };
        let (fits, wanted) = match self.r#use {
            Use::Auto => (true, ""),
            Use::Systemd => {
                let fits = matches!(manager, ServiceManager::Systemd | ServiceManager::Offline);
                (fits, "systemd")
            }
            Use::Sysvinit => (scripts, "an init script"),
            Use::OpenRc => (manager == ServiceManager::OpenRc, "OpenRC"),
        };
        if !fits {
            let message = format!("{} is not managed by {wanted} on this host", self.name);
            return Err(Failure::new(message));
        }
        Ok(())
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let mut queries = self.service().reads();
        // Where systemd runs it is not heeded: systemd knows what runs.
        let pattern = self.pattern.clone().filter(|_| !self.by_systemd(seen));
        queries.extend(pattern.map(Resource::Process).map(Query::meta));
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let on = units::resource(&self.name, Scope::System);
        let unit = match seen.get(&on) {
            State::Unit(unit) => Some(unit),
            _ => None,
        };
        unit.map_or(Ok(()), |unit| self.suits(unit))?;
        let by_systemd = self.by_systemd(seen);
        let mut service = self.service();
        service.pattern = self.pattern.clone().filter(|_| !by_systemd);
        let mut decision = service.decide(seen)?;
        if self.pattern.is_some() && by_systemd {
            let message = "`pattern` is ignored: systemd knows whether a service runs";
            decision.warnings.push(message.into());
        }
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
