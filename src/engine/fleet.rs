//! What is known of every host: its variables by origin, shared by all that run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};

use crate::source::Mapping;
use crate::vars::{Hosts, Layer, Scope, SearchPath, Var, Vars};

use super::event::HostName;

/// The variables of one host that change while a run goes on.
#[derive(Clone, Default)]
struct HostVars {
    /// Levels 3 to 10, lowest first; shared between hosts of the same groups.
    inventory: Vec<Layer>,
    /// Facts by their whole names, from which the layer is made: both hold the same values, because facts
    /// are what a host takes most memory for.
    facts: Arc<Vec<(String, Var)>>,
    /// Level 11: `ansible_facts` and `ansible_*`.
    fact_layer: Layer,
    /// Level 18.
    included: Layer,
    /// Level 19: set_fact and register.
    set: Layer,
    /// Names, groups: what no playbook can override.
    magic: Layer,
    /// Play-level variables (12 to 15), set while a play runs.
    play: Vec<Layer>,
    /// Level 2 of the play that runs.
    defaults: Vec<Layer>,
    /// Names registered or set from something that was not run, in check mode.
    uncertain: BTreeSet<String>,
}

/// All hosts of a run.
pub(super) struct Fleet {
    hosts: RwLock<BTreeMap<HostName, HostVars>>,
    order: RwLock<Vec<HostName>>,
    /// Level 22.
    extra: Layer,
    search: Arc<SearchPath>,
    /// So that scopes can hand out the fleet itself.
    me: std::sync::Weak<Fleet>,
}

/// The undoing of an assignment that was made ahead of its proof.
pub(super) struct Before {
    name: String,
    value: Option<Var>,
}

impl Fleet {
    pub(super) fn new(extra: Layer, search: Arc<SearchPath>) -> Arc<Fleet> {
        Arc::new_cyclic(|me| Fleet {
            hosts: RwLock::default(),
            order: RwLock::default(),
            extra,
            search,
            me: me.clone(),
        })
    }

    /// Adds a host, or gives one new inventory variables.
    pub(super) fn add(&self, host: &HostName, inventory: Vec<Layer>, magic: Vars) {
        let Ok(mut hosts) = self.hosts.write() else {
            return;
        };
        let known = hosts.contains_key(host);
        let vars = hosts.entry(Arc::clone(host)).or_default();
        vars.inventory = inventory;
        vars.magic = Arc::new(magic);
        drop(hosts);
        if !known && let Ok(mut order) = self.order.write() {
            order.push(Arc::clone(host));
        }
    }

    pub(super) fn contains(&self, host: &str) -> bool {
        self.hosts.read().is_ok_and(|h| h.contains_key(host))
    }

    fn with<T>(&self, host: &str, read: impl FnOnce(&HostVars) -> T) -> Option<T> {
        self.hosts.read().ok()?.get(host).map(read)
    }

    fn change(&self, host: &str, write: impl FnOnce(&mut HostVars)) {
        if let Ok(mut hosts) = self.hosts.write()
            && let Some(vars) = hosts.get_mut(host)
        {
            write(vars);
        }
    }

    /// Puts the variables of a play in place for a host.
    pub(super) fn begin_play(&self, host: &str, defaults: Vec<Layer>, play: Vec<Layer>) {
        self.change(host, |vars| {
            vars.defaults = defaults;
            vars.play = play;
        });
    }

    /// Adds to what is visible for the rest of the play: a role that was included publicly.
    pub(super) fn add_role(&self, host: &str, defaults: &Layer, role_vars: &Layer) {
        self.change(host, |vars| {
            vars.defaults.push(Arc::clone(defaults));
            vars.play.push(Arc::clone(role_vars));
        });
    }

    pub(super) fn set_magic(&self, host: &str, more: Vars) {
        self.change(host, |vars| Arc::make_mut(&mut vars.magic).extend(more));
    }

    /// Sets a registered or set_fact variable; returns what undoes it.
    pub(super) fn set(&self, host: &str, name: &str, value: Var) -> Before {
        let mut before = Before {
            name: name.to_owned(),
            value: None,
        };
        self.change(host, |vars| {
            vars.uncertain.remove(name);
            before.value = Arc::make_mut(&mut vars.set).insert(name.to_owned(), value);
        });
        before
    }

    pub(super) fn restore(&self, host: &str, before: Before) {
        self.change(host, |vars| {
            let set = Arc::make_mut(&mut vars.set);
            match before.value {
                Some(value) => set.insert(before.name, value),
                None => set.remove(&before.name),
            };
        });
    }

    /// Notes that a variable says what would be, not what is.
    pub(super) fn doubt(&self, host: &str, name: &str) {
        self.change(host, |vars| {
            vars.uncertain.insert(name.to_owned());
        });
    }

    /// Whether anything that was looked up is doubtful.
    pub(super) fn doubts(&self, host: &str, looked_up: &BTreeSet<String>) -> bool {
        self.with(host, |vars| !vars.uncertain.is_disjoint(looked_up))
            .unwrap_or(false)
    }

    pub(super) fn include(&self, host: &str, vars: Vars) {
        self.change(host, |v| Arc::make_mut(&mut v.included).extend(vars));
    }

    /// Adds facts by their whole names, each in place of what had its name.
    pub(super) fn add_facts(&self, host: &str, facts: &Mapping) {
        self.change(host, |vars| {
            let known = Arc::make_mut(&mut vars.facts);
            for (name, value) in facts {
                let Some(name) = name.as_str() else {
                    continue;
                };
                let value = Var::data(value);
                match known.iter_mut().find(|(n, _)| n == name) {
                    Some((_, old)) => *old = value,
                    None => known.push((name.to_owned(), value)),
                }
            }
            vars.fact_layer = Arc::new(fact_vars(&vars.facts));
        });
    }

    pub(super) fn clear_facts(&self, host: &str) {
        self.change(host, |vars| {
            vars.facts = Arc::default();
            vars.fact_layer = Layer::default();
        });
    }

    /// A scope for a task: layers of the task itself lie between those of the host.
    pub(super) fn scope(&self, host: &str, task: &TaskLayers, search: &Arc<SearchPath>) -> Scope {
        let mut layers = Vec::with_capacity(24);
        let vars = self.with(host, HostVars::clone).unwrap_or_default();
        layers.extend(task.item.iter().cloned());
        layers.push(vars.magic);
        layers.push(Arc::clone(&self.extra));
        layers.extend(task.params.iter().rev().cloned());
        layers.push(vars.set);
        layers.push(vars.included);
        layers.extend(task.vars.iter().rev().cloned());
        layers.extend(task.role_vars.iter().cloned());
        if !task.without_play {
            layers.extend(vars.play.iter().rev().cloned());
        }
        if !task.without_facts {
            layers.push(vars.fact_layer);
        }
        layers.extend(vars.inventory.iter().rev().cloned());
        layers.extend(task.role_defaults.iter().cloned());
        if !task.without_play {
            layers.extend(vars.defaults.iter().rev().cloned());
        }
        Scope::new(layers, self.hosts(), Arc::clone(search))
    }

    fn hosts(&self) -> Arc<dyn Hosts> {
        match self.me.upgrade() {
            Some(me) => me,
            None => Arc::new(Nobody),
        }
    }
}

/// The layers of a task, by the place they have among those of the host.
#[derive(Clone, Default)]
pub(super) struct TaskLayers {
    /// Loop variables and other values of this moment: above everything.
    pub item: Vec<Layer>,
    /// Levels 20 and 21, lowest first.
    pub params: Vec<Layer>,
    /// Levels 16 and 17, lowest first.
    pub vars: Vec<Layer>,
    /// The task's own role, before other roles of the play.
    pub role_vars: Vec<Layer>,
    pub role_defaults: Vec<Layer>,
    /// A host's facts do not choose how it is connected to.
    pub without_facts: bool,
    /// What a play gives its hosts is not seen by others (`hostvars`).
    pub without_play: bool,
}

/// A fact's name in `ansible_facts`: without prefix, except this one's.
fn bare(name: &str) -> &str {
    match name {
        "ansible_local" => name,
        _ => name.strip_prefix("ansible_").unwrap_or(name),
    }
}

/// `ansible_facts`, and each fact by itself.
fn fact_vars(facts: &[(String, Var)]) -> Vars {
    let mut vars = Vars::new();
    for (name, value) in facts {
        vars.insert(name.clone(), value.clone());
    }
    let all = Var::mapping(facts.iter().map(|(name, value)| (bare(name), value)));
    vars.insert("ansible_facts".into(), all);
    vars
}

impl Hosts for Fleet {
    fn names(&self) -> Vec<String> {
        self.order
            .read()
            .map(|o| o.iter().map(ToString::to_string).collect())
            .unwrap_or_default()
    }

    fn scope(&self, host: &str) -> Option<Arc<Scope>> {
        if !self.contains(host) {
            return None;
        }
        let layers = TaskLayers {
            without_play: true,
            ..TaskLayers::default()
        };
        Some(Arc::new(self.scope(host, &layers, &self.search)))
    }
}

/// No hosts at all, for a fleet that is being taken down.
struct Nobody;

impl Hosts for Nobody {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn scope(&self, _: &str) -> Option<Arc<Scope>> {
        None
    }
}
