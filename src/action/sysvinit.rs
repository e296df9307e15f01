//! Starts, stops and enables a service by its init script.
//!
//! Changed as `service` is, which it is the same as: the host's own manager is used.

use crate::resource::unit::Scope;
use crate::resource::{Query, State};
use crate::result;
use crate::source::{Mapping, Value};

use super::units::{Service, Want};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Step, Task, ran};

crate::args! {
    pub(crate) struct Args {
        /// The service.
        name: String = required, aka ["service"];
        /// How it should be.
        state: Option<Want>;
        /// Whether it starts at boot.
        enabled: Option<bool>;
        /// Seconds between stop and start of a restart.
        sleep: u64 = "1";
        /// Text in the process list that says it runs, where the init script cannot tell.
        pattern: Option<String>;
        /// The runlevels that `enabled` is about, instead of those of the host's own tool.
        runlevels: Vec<String> = "[]";
        /// Arguments of the init script.
        arguments: Option<String>, aka ["args"];
        /// Taken; what an init script leaves running holds nothing up here.
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
    let level = |l: &String| matches!(l.as_bytes(), [b'0'..=b'9' | b'S']);
    if let Some(wrong) = args.runlevels.iter().find(|l| !level(l)) {
        let message = format!("`{wrong}` is no runlevel");
        return Err(ArgError::new("runlevels", message));
    }
    if args.daemonize && args.state.is_none() {
        return Err(ArgError::new("daemonize", "there is nothing to start"));
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
            scripts: true,
            pattern: self.pattern.clone(),
            runlevels: self.runlevels.clone(),
            options,
            ..Service::default()
        }
    }

    /// What was done, for each thing that was asked for.
    fn status(&self, decision: &Decision, said: Option<(&str, &str)>) -> Mapping {
        let change = decision.steps.iter().find_map(|step| match step {
            Step::Set(change) => match (&change.before, &change.after) {
                (State::Unit(before), State::Unit(after)) => Some((before, after)),
                _ => None,
            },
            _ => None,
        });
        // The tools that enable say on stderr what they say, the script on stdout.
        let (out, err) = said.unwrap_or_default();
        let part = |done: bool, out: &str, err: &str| -> Mapping {
            let mut map = result! { "changed" => done };
            for (key, value) in [
                ("rc", Value::from(0)),
                ("stdout", out.into()),
                ("stderr", err.into()),
            ] {
                map.insert(key.into(), if done { value } else { Value::Null });
            }
            map
        };
        let mut status = Mapping::new();
        let done = change.is_some_and(|(b, a)| b.enabled != a.enabled || b.levels != a.levels);
        let mut map = part(done, "", err);
        if !self.runlevels.is_empty() {
            let levels = self.runlevels.iter().map(|l| l.as_str().into());
            map.insert("runlevels".into(), Value::Sequence(levels.collect()));
        }
        status.insert("enabled".into(), Value::Mapping(map));
        if let Some(state) = self.state {
            let done = change.is_some_and(|(b, a)| b.running != a.running || a.kick.is_some());
            status.insert(state.word().into(), Value::Mapping(part(done, out, "")));
        }
        status
    }

    fn result(&self, decision: &Decision, said: Option<(&str, &str)>) -> Mapping {
        let status = Value::Mapping(self.status(decision, said));
        result! { "name" => self.name.as_str(), "status" => status }
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        self.service().reads()
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let mut decision = self.service().decide(seen)?;
        if let Some(pattern) = &self.pattern
            && seen
                .get(&crate::resource::Resource::Process(pattern.clone()))
                .is_absent()
        {
            let message = "Unable to determine if service is up, assuming it is down";
            decision.warnings.push(message.into());
        }
        decision.result = self.result(&decision, None);
        Ok(decision)
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        let said = done.iter().find_map(|d| match d {
            Done::Set(said) => Some((ran::text(&said.output), ran::text(&said.errors))),
            _ => None,
        });
        let said = said.as_ref().map(|(out, err)| (out.as_str(), err.as_str()));
        Ok(self.result(decision, said))
    }
}
