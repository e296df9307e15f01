//! Variables that are what they are: names, groups, the run itself.

use std::collections::BTreeSet;
use std::path::Path;

use crate::inventory::Inventory;
use crate::plan::RoleNames;
use crate::source::{Mapping, Value};
use crate::vars::{Var, Vars};

use super::event::HostName;
use super::options::Options;
use super::play::absolute;

/// The version of Ansible's language that playbooks may ask for.
pub(super) const ANSIBLE: (u64, u64, u64) = (2, 19, 0);

fn text(s: &str) -> Var {
    Var::data(&Value::from(s))
}

fn list<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Var {
    let items: Vec<Value> = items.into_iter().map(|s| Value::from(s.as_ref())).collect();
    Var::data(&Value::Sequence(items))
}

/// What is the same for every host of a run.
pub(super) fn of_run(inventory: &Inventory, options: &Options, limit: Option<&str>) -> Vars {
    let mut vars = Vars::new();
    let mut groups = Mapping::new();
    for (name, hosts) in inventory.groups() {
        let hosts: Vec<Value> = hosts.iter().map(|h| Value::from(h.as_str())).collect();
        groups.insert(name.to_string().into(), Value::Sequence(hosts));
    }
    vars.insert("groups".into(), Var::data(&Value::Mapping(groups)));
    vars.insert(
        "ansible_check_mode".into(),
        Var::data(&options.check.into()),
    );
    vars.insert("ansible_diff_mode".into(), Var::data(&options.diff.into()));
    vars.insert("ansible_forks".into(), Var::data(&options.forks.into()));
    vars.insert(
        "ansible_verbosity".into(),
        Var::data(&options.verbosity.into()),
    );
    let (major, minor, revision) = ANSIBLE;
    let version = crate::result! {
        "full" => format!("{major}.{minor}.{revision}"),
        "string" => format!("{major}.{minor}.{revision}"),
        "major" => major, "minor" => minor, "revision" => revision,
    };
    vars.insert(
        "ansible_version".into(),
        Var::data(&Value::Mapping(version)),
    );
    let split = |tags: &[String]| -> Vec<String> {
        let words = tags.iter().flat_map(|t| t.split(','));
        words
            .map(|t| t.trim().to_owned())
            .filter(|t| !t.is_empty())
            .collect()
    };
    let tags = Some(split(&options.tags)).filter(|t| !t.is_empty());
    vars.insert(
        "ansible_run_tags".into(),
        list(tags.unwrap_or_else(|| vec!["all".to_owned()])),
    );
    vars.insert("ansible_skip_tags".into(), list(split(&options.skip_tags)));
    vars.insert("ansible_playbook_python".into(), text(""));
    vars.insert("ansible_config_file".into(), Var::data(&Value::Null));
    let sources = inventory.sources().iter().map(|s| absolute(Path::new(s)));
    vars.insert("ansible_inventory_sources".into(), list(sources));
    if let Some(limit) = limit {
        vars.insert("ansible_limit".into(), text(limit));
    }
    vars
}

/// What a host is called, and where it stands in the inventory.
pub(super) fn of_host(inventory: &Inventory, name: &str) -> Vars {
    let mut vars = Vars::new();
    vars.insert("inventory_hostname".into(), text(name));
    let short = match name.parse::<std::net::IpAddr>() {
        Ok(_) => name,
        Err(_) => name.split('.').next().unwrap_or(name),
    };
    vars.insert("inventory_hostname_short".into(), text(short));
    let groups = inventory.groups_of(name);
    vars.insert(
        "group_names".into(),
        list(groups.iter().filter(|g| ***g != *"all")),
    );
    if let Some(host) = inventory.host(name)
        && let Some(dir) = host.dir()
    {
        vars.insert("inventory_dir".into(), text(&absolute(&dir)));
        let file = absolute(host.span.path());
        vars.insert("inventory_file".into(), text(&file));
    }
    vars
}

/// Which hosts still take part: `live` of the batch, and those of `all` that are in other batches.
pub(super) fn of_live(live: &[HostName], batch: &[HostName], all: &[HostName]) -> Vars {
    let names = ["ansible_play_batch", "play_hosts"];
    let mut vars: Vars = names
        .iter()
        .map(|n| ((*n).to_owned(), list(live)))
        .collect();
    let here = |h: &&HostName| live.contains(h) || !batch.contains(h);
    vars.insert("ansible_play_hosts".into(), list(all.iter().filter(here)));
    vars
}

/// Variables that tell of other hosts: who looks at them waits for those first.
pub(super) const OF_OTHERS: &[&str] = &[
    "hostvars",
    "ansible_play_hosts",
    "ansible_play_batch",
    "play_hosts",
];

/// What a play and its batch add.
pub(super) fn of_play(
    name: &str,
    dir: &Path,
    all: &[super::event::HostName],
    batch: &[super::event::HostName],
    roles: &RoleNames,
) -> Vars {
    let mut vars = Vars::new();
    vars.insert("playbook_dir".into(), text(&absolute(dir)));
    vars.insert("ansible_play_name".into(), text(name));
    vars.insert("ansible_play_hosts_all".into(), list(all));
    vars.insert("ansible_play_hosts".into(), list(all));
    vars.insert("ansible_play_batch".into(), list(batch));
    vars.insert("play_hosts".into(), list(batch));
    vars.extend(of_roles(roles));
    vars
}

/// Which roles a play has, by itself and by includes so far.
pub(super) fn of_roles(roles: &RoleNames) -> Vars {
    let all: BTreeSet<&String> = roles.direct.iter().chain(&roles.dependencies).collect();
    let mut vars = Vars::new();
    vars.insert("ansible_role_names".into(), list(all));
    for name in ["ansible_play_role_names", "role_names"] {
        vars.insert(name.into(), list(&roles.direct));
    }
    let dependencies = list(&roles.dependencies);
    vars.insert("ansible_dependent_role_names".into(), dependencies);
    vars
}
