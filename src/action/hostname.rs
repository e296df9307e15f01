//! Sets the host's name: the one in use and the one that is kept.
//!
//! Changed when either differs. How it is kept is decided by what the host has (`hostnamectl` where
//! systemd runs, the files elsewhere), whatever `use` says.

use crate::resource::{Change, Query, Resource, State};
use crate::result;
use crate::source::Mapping;

use super::{ArgError, Decision, Failure, Observed, Spec, Task};

crate::choices! {
    pub(crate) enum Strategy {
        Alpine = "alpine",
        Debian = "debian",
        FreeBsd = "freebsd",
        Generic = "generic",
        MacOs = "macos" | "macosx" | "darwin",
        OpenBsd = "openbsd",
        OpenRc = "openrc",
        RedHat = "redhat",
        Sles = "sles",
        Solaris = "solaris",
        Systemd = "systemd",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The name.
        name: String = required;
        /// Which way of setting it to use; any of Linux is the host's own.
        r#use: Option<Strategy>;
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "hostname",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Sets the host's name",
    notes: "Changed when the name in use or the name that is kept differs.",
    examples: "
- name: This is web01
  hostname:
    name: web01
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

/// The longest name a Linux kernel takes.
const LONGEST: usize = 64;

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    let others = [
        Strategy::FreeBsd,
        Strategy::MacOs,
        Strategy::OpenBsd,
        Strategy::Solaris,
    ];
    if let Some(other) = args.r#use.filter(|u| others.contains(u)) {
        let message = format!(
            "`use: {}` is a way of systems that are not Linux",
            other.word()
        );
        return Err(ArgError::new("use", message));
    }
    let sound = |c: char| !c.is_whitespace() && !c.is_control() && c != '/';
    if args.name.is_empty() || args.name.len() > LONGEST || !args.name.chars().all(sound) {
        let message = format!("`{}` cannot be a hostname", args.name.escape_debug());
        return Err(ArgError::new("name", message));
    }
    Ok(Box::new(args))
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        vec![Query::meta(Resource::Hostname)]
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let before = match seen.get(&Resource::Hostname) {
            State::Hostname(state) => state.clone(),
            State::Refused(why) => return Err(Failure::new(why.clone())),
            _ => return Err(Failure::new("the host does not say what it is called")),
        };
        let mut after = before.clone();
        after.current.clone_from(&self.name);
        after.permanent.clone_from(&self.name);
        let (short, domain) = self.name.split_once('.').unwrap_or((&self.name, ""));
        let facts = result! {
            "ansible_hostname" => short, "ansible_nodename" => self.name.as_str(),
            "ansible_fqdn" => self.name.as_str(), "ansible_domain" => domain,
        };
        let mut decision = Decision::ok(result! {
            "name" => self.name.as_str(), "ansible_facts" => facts.clone(),
        });
        decision.facts = Some(facts);
        let ends = (State::Hostname(before), State::Hostname(after));
        decision.set(Change::new(Resource::Hostname, ends.0, ends.1));
        Ok(decision)
    }
}
