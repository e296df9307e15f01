//! Installs, upgrades and removes Debian's packages.
//!
//! Changed when packages change; refreshing the list alone counts only where the task does nothing
//! else. All packages of a task go into one `apt-get`. Differs from Ansible's: no aptitude and no
//! Python on the host; `force_apt_get` and `auto_install_module_deps` mean nothing.

use crate::choices;
use crate::resource::change::How;
use crate::resource::package::{IndexState, Manager, UpgradeState};
use crate::resource::{Change, Query, RemotePath, Resource, State};
use crate::source::{Mapping, Value};

use super::packages::{self, Spec as Package, Wish, Work};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Step, Task, ran};

choices! {
    pub(crate) enum AptState {
        Absent = "absent" | "removed",
        BuildDep = "build-dep",
        Latest = "latest",
        Present = "present" | "installed",
        Fixed = "fixed",
    }
}

choices! {
    pub(crate) enum Upgrade {
        Dist = "dist",
        Full = "full",
        No = "no" | "False" | "false",
        Safe = "safe",
        Yes = "yes" | "True" | "true",
    }
}

crate::args! {
    #[expect(dead_code, reason = "Ansible takes more than there is a use for here")]
    pub(crate) struct Args {
        /// The packages; `name=1.2*`, `name>=1.2` and `name/release` choose a version.
        name: Vec<String> = "[]", aka ["package", "pkg"];
        /// How they should be.
        state: AptState = "present";
        /// A package file on the host, or its URL.
        deb: Option<String>;
        /// Refresh the list of what there is first.
        update_cache: Option<bool>, aka ["update-cache"];
        /// A list that is younger than this many seconds is not refreshed.
        cache_valid_time: u64 = "0";
        /// How often a refresh is tried.
        update_cache_retries: u64 = "5";
        /// The longest pause between two tries, in seconds.
        update_cache_retry_max_delay: u64 = "12";
        /// Bring all packages up to date.
        upgrade: Upgrade = "no";
        /// Prefer this release.
        default_release: Option<String>, aka ["default-release"];
        /// Install what is recommended too; by apt's own setting where it is not given.
        install_recommends: Option<bool>, aka ["install-recommends"];
        /// Remove configuration files too.
        purge: bool = "false";
        /// Remove what was installed for others and is not needed any more.
        autoremove: bool = "false";
        /// Remove package files that cannot be downloaded any more.
        autoclean: bool = "false";
        /// Remove all package files that were kept.
        clean: bool = "false";
        /// Only bring up to date what is installed.
        only_upgrade: bool = "false";
        /// Do what apt warns of: unauthenticated packages, downgrades, removals of essential ones.
        force: bool = "false";
        /// Install packages that no key vouches for.
        allow_unauthenticated: bool = "false", aka ["allow-unauthenticated"];
        /// Install older versions than are there.
        allow_downgrade: bool = "false", aka ["allow-downgrade", "allow_downgrades", "allow-downgrades"];
        /// Change packages that are held.
        allow_change_held_packages: bool = "false";
        /// Fail rather than remove packages on the way.
        fail_on_autoremove: bool = "false";
        /// Options of dpkg's, comma separated.
        dpkg_options: String = "force-confdef,force-confold";
        /// Seconds to wait for another apt.
        lock_timeout: u64 = "60";
        /// What services are told that ask whether they may start: 101 keeps them from it.
        policy_rc_d: Option<i64>;
        /// Taken; `apt-get` is what is used anyway.
        force_apt_get: bool = "false";
        /// Taken; nothing is needed on the host.
        auto_install_module_deps: bool = "true";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "apt",
    collection: "ansible.builtin",
    aliases: &["apt-get"],
    summary: "Installs, upgrades and removes Debian's packages",
    notes: "Changed when packages change; refreshing the list alone counts where the task does \
            nothing else.",
    examples: "
- name: Two packages, from a list not older than an hour
  apt:
    name: [nginx, openssl]
    update_cache: true
    cache_valid_time: 3600
- name: A version
  apt:
    name: foo=1.0*
- name: Everything up to date
  apt:
    upgrade: dist
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
    super::place::exclusive(&[
        ("name", !args.name.is_empty()),
        ("deb", args.deb.is_some()),
        ("upgrade", !matches!(args.upgrade, Upgrade::No)),
    ])?;
    if args.deb.as_deref().is_some_and(|d| d.contains("://")) {
        return Ok(Box::new(args));
    }
    if let Some(deb) = &args.deb {
        RemotePath::new(deb).map_err(|e| ArgError::new("deb", e))?;
    }
    Ok(Box::new(args))
}

const INDEX: Resource = Resource::PackageIndex(Manager::Apt);

/// What else a task may do, by the name the resource has for it.
fn upgrade(how: &str) -> Resource {
    Resource::PackageUpgrade {
        manager: Manager::Apt,
        how: how.to_owned(),
    }
}

impl Args {
    fn specs(&self) -> Vec<Package> {
        if let Some(deb) = self.deb.as_ref().filter(|d| !d.contains("://")) {
            return vec![Package {
                name: deb.clone(),
                version: None,
                release: None,
                preferred: false,
            }];
        }
        self.name
            .iter()
            .filter(|n| *n != "*")
            .map(|n| {
                let mut package = Package::read(n);
                if package.release.is_none() {
                    package.release.clone_from(&self.default_release);
                    package.preferred = package.release.is_some();
                }
                package
            })
            .collect()
    }

    fn wish(&self) -> Wish {
        match self.state {
            AptState::Absent => Wish::Absent,
            AptState::Latest => Wish::Latest,
            // A file is wanted as it is.
            _ if self.deb.is_some() => Wish::Latest,
            _ => Wish::Present,
        }
    }

    /// The upgrade it asks for.
    fn everything(&self) -> Option<&'static str> {
        let all = self.state == AptState::Latest && self.name.iter().any(|n| n == "*");
        match self.upgrade {
            Upgrade::Dist | Upgrade::Full => Some("dist"),
            Upgrade::Safe | Upgrade::Yes => Some("safe"),
            Upgrade::No => all.then_some("safe"),
        }
    }

    /// What is done besides packages that are named.
    fn chores(&self) -> Vec<String> {
        let mut chores: Vec<String> = Vec::new();
        if self.clean {
            chores.push("clean".into());
        }
        chores.extend(self.everything().map(str::to_owned));
        match self.state {
            AptState::Fixed => chores.push("fixed".into()),
            AptState::BuildDep => chores.push(format!("build-dep {}", self.name.join(" "))),
            _ => {}
        }
        if self.name.is_empty() && self.deb.is_none() && self.everything().is_none() {
            if self.autoclean {
                chores.push("autoclean".into());
            }
            if self.autoremove {
                chores.push("autoremove".into());
            }
        }
        chores
    }

    fn packages(&self) -> Vec<Package> {
        match self.state {
            AptState::BuildDep => Vec::new(),
            _ => self.specs(),
        }
    }

    fn wants_index(&self) -> bool {
        self.update_cache.unwrap_or(self.cache_valid_time > 0)
    }

    fn how(&self) -> How {
        let mut options: Vec<(String, String)> = Vec::new();
        let mut put = |key: &str, value: &str| options.push((key.to_owned(), value.to_owned()));
        for option in self
            .dpkg_options
            .split(',')
            .map(str::trim)
            .filter(|o| !o.is_empty())
        {
            put("flag", "-o");
            put("flag", &format!("Dpkg::Options::=--{option}"));
        }
        for (kind, flag, given) in [
            (
                "flag",
                "--allow-unauthenticated",
                self.allow_unauthenticated || self.force,
            ),
            (
                "flag",
                "--allow-downgrades",
                self.allow_downgrade || self.force,
            ),
            ("flag", "--allow-remove-essential", self.force),
            (
                "flag",
                "--allow-change-held-packages",
                self.allow_change_held_packages || self.force,
            ),
            ("flag", "--auto-remove", self.autoremove),
            ("install", "--only-upgrade", self.only_upgrade),
            ("install", "--no-remove", self.fail_on_autoremove),
            ("remove", "--purge", self.purge),
        ] {
            if given {
                put(kind, flag);
            }
        }
        if let Some(recommends) = self.install_recommends {
            put("install", "-o");
            let word = if recommends { "yes" } else { "no" };
            put("install", &format!("APT::Install-Recommends={word}"));
        }
        if let Some(release) = &self.default_release {
            put("install", "-t");
            put("install", release);
        }
        if let Some(status) = self.policy_rc_d {
            put("policy_rc_d", &status.to_string());
        }
        put("lock_timeout", &self.lock_timeout.to_string());
        put("retries", &self.update_cache_retries.to_string());
        put("max_delay", &self.update_cache_retry_max_delay.to_string());
        How {
            options,
            ..How::default()
        }
    }

    /// Refreshes the list where it is due. Says whether it will be, and how old it will be then.
    fn refresh(&self, seen: &Observed, decision: &mut Decision) -> Result<(bool, i64), Failure> {
        let index = match seen.get(&INDEX) {
            State::Index(index) => index.clone(),
            State::Refused(why) => return Err(Failure::new(why.clone())),
            _ => IndexState::default(),
        };
        let valid = i64::try_from(self.cache_valid_time).unwrap_or(i64::MAX);
        let due = self.wants_index() && index.refreshed.saturating_add(valid) < index.now.max(1);
        if !due {
            return Ok((false, index.refreshed));
        }
        let after = IndexState {
            refreshed: index.now.max(1),
            now: index.now,
        };
        let mut change = Change::new(INDEX, State::Index(index), State::Index(after.clone()));
        change.how = self.how();
        decision.set(change);
        Ok((true, after.refreshed))
    }

    /// Adds an upgrade, a cleaning or the like; says whether it has anything to do.
    fn chore(
        &self,
        seen: &Observed,
        how: &str,
        stale: bool,
        decision: &mut Decision,
    ) -> Result<bool, Failure> {
        let on = upgrade(how);
        let before = match seen.get(&on) {
            State::Upgrade(state) => state.clone(),
            State::Refused(why) => return Err(Failure::new(why.clone())),
            _ => UpgradeState::default(),
        };
        let busy = !before.pending.is_empty();
        if busy || (stale && self.everything() == Some(how)) {
            let after = State::Upgrade(UpgradeState::default());
            let mut before = before;
            if !busy {
                // What the new list will bring is not known; that something is tried is.
                before.pending.push(String::new());
            }
            let mut change = Change::new(on, State::Upgrade(before), after);
            change.how = self.how();
            decision.set(change);
        }
        Ok(busy)
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        let mut queries = vec![Query::meta(INDEX)];
        queries.extend(self.chores().iter().map(|how| Query::meta(upgrade(how))));
        queries.extend(packages::reads(&self.packages(), Manager::Apt, self.wish()));
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let mut decision = Decision::default();
        let (updated, time) = self.refresh(seen, &mut decision)?;
        let mut changed = false;
        let chores = self.chores();
        for how in &chores {
            changed |= self.chore(seen, how, updated, &mut decision)?;
        }
        let specs = self.packages();
        let work = Work {
            manager: Manager::Apt,
            specs: &specs,
            wish: self.wish(),
            purge: self.purge,
            only_upgrade: self.only_upgrade,
            unhold: self.allow_change_held_packages || self.force,
            stale: updated,
            how: self.how(),
        };
        changed |= work.decide(seen, &mut decision)?;
        let url = self.deb.as_ref().filter(|d| d.contains("://"));
        if let Some(url) = url {
            let how = self.how();
            let flags: Vec<&str> = how
                .options
                .iter()
                .filter(|(k, _)| k == "flag" || k == "install")
                .map(|(_, v)| v.as_str())
                .collect();
            decision.run(crate::resource::apt::install_url(
                url,
                &flags,
                self.lock_timeout,
            ));
        }
        decision.result =
            crate::result! { "cache_updated" => updated, "cache_update_time" => time };
        let only_index = specs.is_empty() && chores.is_empty() && url.is_none();
        if url.is_none() {
            decision.changed = Some(changed || (only_index && updated));
        }
        Ok(decision)
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        let mut result = decision.result.clone();
        let (mut printed, mut complained) = (String::new(), String::new());
        for (step, done) in decision.steps.iter().zip(done) {
            match (step, done) {
                (Step::Set(change), Done::Set(said)) if change.on != INDEX => {
                    printed.push_str(&ran::text(&said.output));
                    complained.push_str(&ran::text(&said.errors));
                }
                (_, Done::Ran(ran)) => {
                    let text = ran::text(&ran.stdout);
                    if ran.rc != 0 {
                        let message = ran::text(&ran.stderr).trim().to_owned();
                        return Err(Failure { message, result });
                    }
                    result.insert("changed".into(), (!text.starts_with("unchanged")).into());
                    printed.push_str(&text);
                    complained.push_str(&ran::text(&ran.stderr));
                }
                _ => {}
            }
        }
        if !printed.is_empty() {
            if decision.changed == Some(false) && did_something(&printed) {
                result.insert("changed".into(), true.into());
            }
            if self.everything().is_some() {
                result.insert("msg".into(), printed.as_str().into());
            }
            ran::put_output(&mut result, &printed, &complained);
            result.insert("diff".into(), Value::Mapping(Mapping::new()));
        }
        Ok(result)
    }
}

/// Whether apt says that it changed packages.
fn did_something(output: &str) -> bool {
    let count = |line: &str| {
        let numbers = line
            .split(|c: char| !c.is_ascii_digit())
            .filter(|n| !n.is_empty());
        numbers.take(3).any(|n| n != "0")
    };
    let sums = |l: &&str| l.contains(" newly installed") && l.contains(" to remove");
    output.lines().filter(sums).any(count)
}

#[cfg(test)]
mod tests {
    use super::did_something;

    #[test]
    fn apt_says_whether_it_did_anything() {
        let none = "0 upgraded, 0 newly installed, 0 to remove and 12 not upgraded.\n";
        assert!(!did_something(none));
        assert!(did_something(&none.replacen('0', "2", 1)));
    }
}
