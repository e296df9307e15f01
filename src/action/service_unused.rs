//! Sees to it that a service nobody uses is gone: its packages removed, or its units masked.
//!
//! A service is gone when none of its packages is installed, or when none of its units can start.
//! Packages that other installed packages need stay, and their units are stopped and masked instead:
//! removing blindly takes half a host with it. With `in_use: keep` what runs is not touched: the task
//! fails, and a person decides.

use crate::choices;
use crate::resource::change::How;
use crate::resource::package::{MANAGERS, Manager, NEEDED, PackageState};
use crate::resource::unit::{Scope, ServiceManager, UnitState};
use crate::resource::{Change, Query, Resource, State};
use crate::result;
use crate::source::{Mapping, Value};

use super::packages::{Spec as Package, Wish, Work};
use super::{ArgError, Decision, Failure, Observed, Spec, Task, units};

choices! {
    pub(crate) enum InUse {
        Stop = "stop",
        Keep = "keep",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The packages that bring it, under any of the names distributions have for them.
        packages: Vec<String> = "[]", aka ["package"];
        /// Its units: services, and the sockets and paths that start them.
        units: Vec<String> = "[]", aka ["unit"];
        /// Remove packages that nothing else needs; else units are only masked.
        remove: bool = "true";
        /// What to do about a unit that runs: stop it, or keep everything as it is and fail, because
        /// a person has to say whether somebody needs it.
        in_use: InUse = "stop";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "service_unused",
    collection: "palisade",
    aliases: &[],
    summary: "Sees to it that a service nobody uses is gone: not installed, or masked",
    notes: "Changed when packages are removed or units masked. A package that another installed package \
            needs stays, with its units masked.",
    examples: "
- name: Nobody is told of services on the local network
  service_unused:
    packages: [avahi-daemon, avahi]
    units: [avahi-daemon.service, avahi-daemon.socket]
- name: Files are not offered over rsync's own protocol
  service_unused:
    units: [rsync.service]
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    if args.packages.is_empty() && args.units.is_empty() {
        return Err(ArgError::new("", "one of packages, units must be given"));
    }
    Ok(Box::new(args))
}

fn package(manager: Manager, name: &str) -> Resource {
    Resource::Package {
        manager,
        name: name.to_owned(),
    }
}

/// Installed under its own name; what only others provide is not it.
fn is_installed(state: &PackageState) -> bool {
    state.version.is_some() && state.providers.is_empty()
}

impl Args {
    /// The packages that are there, with the manager that answered.
    fn installed<'a>(&'a self, seen: &'a Observed) -> Vec<(Manager, &'a str, &'a PackageState)> {
        let mut found = Vec::new();
        for manager in MANAGERS {
            for name in &self.packages {
                if let Some(State::Package(state)) = seen.peek(&package(manager, name))
                    && is_installed(state)
                {
                    found.push((manager, name.as_str(), state));
                }
            }
        }
        found
    }

    /// The units that could start or run.
    fn alive<'a>(&'a self, seen: &'a Observed) -> Vec<(&'a str, &'a UnitState)> {
        let state = |name: &'a String| match seen.get(&units::resource(name, Scope::System)) {
            State::Unit(unit) => Some((name.as_str(), unit)),
            _ => None,
        };
        let starts =
            |u: &UnitState| u.running || (u.exists && !u.masked && u.enabled == Some(true));
        let states = self.units.iter().filter_map(state);
        states.filter(|(_, u)| starts(u)).collect()
    }

    /// The installed packages that are needed, and by whom: not counting each other.
    fn needed(&self, installed: &[(Manager, &str, &PackageState)]) -> Vec<String> {
        let ours = |name: &String| installed.iter().any(|(_, own, _)| own == name);
        let others = |(_, name, state): &(Manager, &str, &PackageState)| {
            let by: Vec<_> = state
                .needed_by
                .iter()
                .filter(|n| !ours(n))
                .cloned()
                .collect();
            (!by.is_empty()).then(|| format!("{name} is needed by {}", by.join(", ")))
        };
        installed.iter().filter_map(others).collect()
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let mut queries: Vec<Query> = self
            .units
            .iter()
            .map(|name| Query::meta(units::resource(name, Scope::System)))
            .collect();
        let of = |m: Manager| {
            self.packages
                .iter()
                .map(move |n| Query::meta(package(m, n)))
        };
        queries.extend(MANAGERS.into_iter().flat_map(of));
        // Who needs a package is only worth asking where it may be removed.
        if self.remove {
            let there = self.installed(seen);
            queries.extend(
                there
                    .iter()
                    .map(|(m, n, _)| Query::new(package(*m, n), NEEDED)),
            );
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let installed = self.installed(seen);
        let alive = self.alive(seen);
        let running = alive.iter().filter(|(_, u)| u.running);
        let running: Vec<Value> = running.map(|(n, _)| (*n).into()).collect();
        let names: Vec<Value> = installed.iter().map(|(_, n, _)| (*n).into()).collect();
        let starting: Vec<Value> = alive.iter().map(|(n, _)| (*n).into()).collect();
        let mut decision = Decision::ok(result! {
            "installed" => Value::Sequence(names),
            "active" => Value::Sequence(starting),
        });
        // Without units to judge by, a package that is there is one that is used.
        let dead = !self.units.is_empty() && alive.is_empty();
        if installed.is_empty() && alive.is_empty() || dead {
            return Ok(decision);
        }
        if self.in_use == InUse::Keep && !running.is_empty() {
            let message = format!("{} is in use here", alive[0].0);
            decision
                .result
                .insert("in_use".into(), Value::Sequence(running));
            return Err(Failure::finding(message, decision.result));
        }
        let needed = self.needed(&installed);
        if self.remove && needed.is_empty() && !installed.is_empty() {
            return remove(&installed, seen, decision);
        }
        if alive.is_empty() {
            let why = match needed.is_empty() {
                true => format!("{} is installed", installed[0].1),
                false => needed.join("; "),
            };
            let message = format!("{why}, and it has no unit that could be masked");
            return Err(Failure::finding(message, decision.result));
        }
        if !needed.is_empty() {
            decision
                .result
                .insert("msg".into(), needed.join("; ").into());
        }
        for (name, unit) in alive {
            mask(name, unit, &mut decision);
        }
        Ok(decision)
    }
}

/// Removes packages as one transaction; their maintainer scripts stop the services.
fn remove(
    installed: &[(Manager, &str, &PackageState)],
    seen: &Observed,
    mut decision: Decision,
) -> Result<Decision, Failure> {
    let Some((manager, _, _)) = installed.first().copied() else {
        return Ok(decision);
    };
    let specs: Vec<Package> = installed.iter().map(|(_, n, _)| Package::read(n)).collect();
    let work = Work {
        manager,
        specs: &specs,
        wish: Wish::Absent,
        purge: false,
        only_upgrade: false,
        unhold: false,
        stale: false,
        how: How::default(),
    };
    work.decide(seen, &mut decision)?;
    Ok(decision)
}

/// Stops a unit and keeps it from starting. A file of the administrator's own stands where the mask
/// would go, so such a unit is disabled.
fn mask(name: &str, before: &UnitState, decision: &mut Decision) {
    let before = UnitState {
        kick: None,
        ..before.clone()
    };
    let mut after = before.clone();
    let fragment = before.properties.iter().find(|(k, _)| k == "FragmentPath");
    let own = fragment.is_some_and(|(_, path)| path.starts_with("/etc/systemd/system/"));
    let systemd = matches!(
        before.manager,
        ServiceManager::Systemd | ServiceManager::Offline
    );
    after.running = false;
    if systemd && !own {
        after.masked = true;
    } else {
        after.enabled = Some(false);
    }
    let on = units::resource(name, Scope::System);
    decision.set(Change::new(on, State::Unit(before), State::Unit(after)));
}
