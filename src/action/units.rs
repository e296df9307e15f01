//! What `service`, `systemd` and `sysvinit` share: from what is wanted of a service to a change.

use crate::choices;
use crate::resource::change::How;
use crate::resource::unit::{self, Kick, Scope, ServiceManager, UnitState};
use crate::resource::{Change, Query, Resource, State};
use crate::result;
use crate::source::{Mapping, Value};

use super::{Decision, Done, Failure, Observed, ran};

choices! {
    pub(crate) enum Want {
        Reloaded = "reloaded",
        Restarted = "restarted",
        Started = "started" | "running",
        Stopped = "stopped",
    }
}

/// What is wanted of a service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Service {
    pub(crate) name: Option<String>,
    pub(crate) scope: Scope,
    pub(crate) state: Option<Want>,
    pub(crate) enabled: Option<bool>,
    pub(crate) masked: Option<bool>,
    pub(crate) reload: bool,
    pub(crate) reexec: bool,
    /// Text that the command line of its process holds, instead of asking how it is.
    pub(crate) pattern: Option<String>,
    /// Whether it starts at boot is a matter of its init script alone.
    pub(crate) scripts: bool,
    /// The runlevels that `enabled` is about, instead of the host's own.
    pub(crate) runlevels: Vec<String>,
    pub(crate) options: Vec<(String, String)>,
}

/// `cron` and `cron.service` are one service.
pub(crate) fn resource(name: &str, scope: Scope) -> Resource {
    Resource::Unit {
        name: name.strip_suffix(".service").unwrap_or(name).to_owned(),
        scope,
    }
}

/// The runlevels that init scripts are started in unless they say otherwise.
const USUAL: &str = "2345";

impl Service {
    fn on(&self, name: &str) -> Resource {
        resource(name, self.scope)
    }

    pub(crate) fn reads(&self) -> Vec<Query> {
        let units = self.name.iter().map(|n| Query::meta(self.on(n)));
        let process = self.pattern.clone().map(Resource::Process);
        units.chain(process.map(Query::meta)).collect()
    }

    pub(crate) fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let mut decision = Decision::default();
        for (verb, wanted) in [("reexec", self.reexec), ("reload", self.reload)] {
            if wanted {
                decision.run(unit::daemon(self.scope, verb));
            }
        }
        decision.changed = Some(false);
        decision.result.insert(
            "name".into(),
            self.name.clone().map_or(Value::Null, Value::from),
        );
        let Some(name) = &self.name else {
            decision
                .result
                .insert("status".into(), Value::Mapping(Mapping::new()));
            return Ok(decision);
        };
        let mut before = match seen.get(&self.on(name)) {
            State::Unit(unit) => UnitState {
                kick: None,
                ..unit.clone()
            },
            State::Refused(why) => return Err(Failure::new(why.clone())),
            _ => UnitState::default(),
        };
        // Files that were just put there are only known once they are read.
        let only_reloads = self.reload && self.masked.is_none();
        if !before.exists && !only_reloads && !before.masked {
            let message = format!("Could not find the requested service {name}: host");
            return Err(Failure {
                message,
                result: result! { "name" => name.as_str() },
            });
        }
        if let Some(pattern) = &self.pattern {
            before.running = !seen.get(&Resource::Process(pattern.clone())).is_absent();
        }
        if self.scripts && self.enabled.is_some() {
            before.enabled = Some(!before.levels.is_empty());
        }
        self.tell(&before, &mut decision.result);
        let after = self.after(&before);
        let mut change = Change::new(self.on(name), State::Unit(before), State::Unit(after));
        change.how = How {
            options: {
                let mut options = self.options.clone();
                options.extend(self.scripts.then(|| ("scripts".to_owned(), String::new())));
                options
            },
            ..How::default()
        };
        decision.changed = Some(!change.is_empty());
        decision.set(change);
        Ok(decision)
    }

    fn after(&self, before: &UnitState) -> UnitState {
        let mut after = before.clone();
        // What is not there yet is when systemd has read its files.
        after.exists = true;
        if let Some(masked) = self.masked {
            after.masked = masked;
        }
        if let (Some(enabled), false) = (self.enabled, self.runlevels.is_empty()) {
            let named = |l: &char| self.runlevels.iter().any(|r| r.contains(*l));
            let others = before.levels.chars().filter(|l| !named(l));
            let named = self.runlevels.iter().flat_map(|r| r.chars());
            let mut levels: Vec<char> = match enabled {
                true => others.chain(named).collect(),
                false => others.collect(),
            };
            levels.sort_unstable();
            levels.dedup();
            after.levels = levels.into_iter().collect();
        } else if let Some(enabled) = self.enabled
            && (before.enabled.is_some()
                || before.manager != ServiceManager::Systemd
                || !before.exists)
        {
            after.enabled = Some(enabled);
            if self.scripts && before.enabled != after.enabled {
                after.levels = if enabled { USUAL } else { "" }.to_owned();
            }
        }
        match self.state {
            Some(Want::Started) => after.running = true,
            Some(Want::Stopped) => after.running = false,
            Some(Want::Restarted) => (after.running, after.kick) = (true, Some(Kick::Restart)),
            Some(Want::Reloaded) => {
                after.kick = before.running.then_some(Kick::Reload);
                after.running = true;
            }
            None => {}
        }
        after
    }

    fn tell(&self, before: &UnitState, result: &mut Mapping) {
        if let Some(state) = self.state {
            let word = if state == Want::Stopped {
                "stopped"
            } else {
                "started"
            };
            result.insert("state".into(), word.into());
        }
        if let Some(enabled) = self.enabled {
            result.insert("enabled".into(), enabled.into());
        }
        let pairs = before.properties.iter();
        let status: Mapping = pairs
            .map(|(k, v)| (Value::from(k.as_str()), Value::from(v.as_str())))
            .collect();
        result.insert("status".into(), Value::Mapping(status));
    }
}

/// The result; a program that failed (reading the files anew) fails the task.
pub(crate) fn conclude(decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
    for done in done {
        if let Done::Ran(run) = done
            && run.rc != 0
        {
            let message = ran::text(&run.stderr).trim().to_owned();
            return Err(Failure {
                message,
                result: decision.result.clone(),
            });
        }
    }
    Ok(decision.result.clone())
}
