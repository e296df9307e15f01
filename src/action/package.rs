//! Installs and removes packages with whatever manager the host has.
//!
//! Changed when packages change. The manager is one of those that are known here, chosen by what the
//! host has; no fact of a host's can name another.

use crate::choices;
use crate::resource::change::How;
use crate::resource::package::{IndexState, MANAGERS, Manager};
use crate::resource::{Change, Query, Resource, State};
use crate::source::Mapping;

use super::packages::{self, Spec as Package, Wish, Work};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task, ran};

choices! {
    pub(crate) enum PackageWish {
        Present = "present" | "installed",
        Absent = "absent" | "removed",
        Latest = "latest",
    }
}

choices! {
    pub(crate) enum Use {
        Auto = "auto",
        Apt = "apt" | "ansible.builtin.apt",
        Dnf = "dnf" | "dnf4" | "dnf5" | "yum" | "ansible.builtin.dnf" | "ansible.builtin.dnf5",
        Apk = "apk" | "community.general.apk",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The packages.
        name: Vec<String> = required, aka ["pkg"];
        /// How they should be.
        state: PackageWish = "present";
        /// The manager; by default the host's.
        r#use: Use = "auto";
        /// Refresh the list of what there is first.
        update_cache: bool = "false", aka ["update-cache"];
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "package",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Installs and removes packages with whatever manager the host has",
    notes: "Changed when packages change.",
    examples: "
- name: A clock that is right
  package:
    name: ntpdate
    state: present
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let mut args = Args::read(map)?;
    args.name.retain(|n| !n.trim().is_empty());
    Ok(Box::new(args))
}

impl Args {
    fn specs(&self) -> Vec<Package> {
        self.name.iter().map(|n| Package::read(n)).collect()
    }

    fn wish(&self) -> Wish {
        match self.state {
            PackageWish::Present => Wish::Present,
            PackageWish::Absent => Wish::Absent,
            PackageWish::Latest => Wish::Latest,
        }
    }

    fn managers(&self) -> Vec<Manager> {
        match self.r#use {
            Use::Auto => MANAGERS.to_vec(),
            Use::Apt => vec![Manager::Apt],
            Use::Dnf => vec![Manager::Dnf],
            Use::Apk => vec![Manager::Apk],
        }
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        let specs = self.specs();
        let of = |m: Manager| {
            let mut queries = vec![Query::meta(Resource::PackageIndex(m))];
            queries.extend(packages::reads(&specs, m, self.wish()));
            queries
        };
        self.managers().into_iter().flat_map(of).collect()
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let index = |m: &Manager| match seen.get(&Resource::PackageIndex(*m)) {
            State::Index(index) => Some((*m, index.clone())),
            _ => None,
        };
        let Some((manager, index)) = self.managers().iter().find_map(index) else {
            return Err(Failure::new(
                "Could not detect which package manager to use. Try gathering \
                                     facts or setting the \"use\" option.",
            ));
        };
        let mut decision = Decision::default();
        let mut how = How::default();
        match (manager, self.state) {
            (Manager::Apt, _) => {
                for option in ["--force-confdef", "--force-confold"] {
                    how.options.push(("flag".into(), "-o".into()));
                    how.options
                        .push(("flag".into(), format!("Dpkg::Options::={option}")));
                }
            }
            (_, PackageWish::Latest) => how.options.push(("latest".into(), String::new())),
            _ => {}
        }
        if self.update_cache && index.refreshed < index.now {
            let after = IndexState {
                refreshed: index.now,
                now: index.now,
            };
            let on = Resource::PackageIndex(manager);
            decision.set(Change::new(on, State::Index(index), State::Index(after)));
        }
        let specs = self.specs();
        let work = Work {
            manager,
            specs: &specs,
            wish: self.wish(),
            purge: false,
            only_upgrade: false,
            unhold: false,
            stale: !decision.steps.is_empty(),
            how,
        };
        let changed = work.decide(seen, &mut decision)?;
        decision.changed = Some(changed);
        Ok(decision)
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        let mut result = decision.result.clone();
        let text: String = done
            .iter()
            .map(|d| match d {
                Done::Set(said) => ran::text(&said.output),
                _ => String::new(),
            })
            .collect();
        ran::put_output(&mut result, &text, "");
        Ok(result)
    }
}
