//! Hosts and groups as a graph, grown by the readers and by `add_host` and `group_by`.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::group_vars::Beside;
use super::{MAX_GROUPS, MAX_HOSTS, MAX_NESTING, MAX_VALUES};
use crate::source::{Kind, Node, Span};
use crate::vars::{Layer, Var};

/// The name of a host as the inventory says it. Not necessarily a name that resolves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Arc<str>);

impl HostName {
    pub fn new(name: &str) -> HostName {
        HostName(Arc::from(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first dot: `inventory_hostname_short`.
    pub fn short(&self) -> &str {
        self.0.split('.').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for HostName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    pub name: HostName,
    /// Where it was named first.
    pub span: Span,
    /// `inventory_file`: the file it was named in first, or the `-i` list.
    pub file: Option<PathBuf>,
    /// Named in a `-i` list, not in a file.
    pub listed: bool,
    /// Not in any inventory: `localhost`, used without being named.
    pub implicit: bool,
    pub(super) vars: Layer,
    pub(super) groups: Vec<usize>,
}

impl Host {
    /// `inventory_dir`; none for hosts of a `-i` list.
    pub fn dir(&self) -> Option<PathBuf> {
        self.file
            .as_ref()
            .filter(|_| !self.listed)?
            .parent()
            .map(PathBuf::from)
    }
}

/// A group.
#[derive(Clone, Debug)]
pub struct Group {
    pub name: Arc<str>,
    pub(super) vars: Layer,
    pub(super) children: Vec<usize>,
    pub(super) parents: Vec<usize>,
    pub(super) hosts: Vec<usize>,
    pub(super) priority: i64,
    pub(super) depth: usize,
}

/// All hosts and groups of a run, with their variables.
#[derive(Clone, Debug)]
pub struct Inventory {
    pub(super) hosts: Vec<Host>,
    pub(super) groups: Vec<Group>,
    pub(super) host_index: HashMap<HostName, usize>,
    pub(super) group_index: HashMap<Arc<str>, usize>,
    /// The `-i` values, in order: `ansible_inventory_sources`.
    pub(super) sources: Vec<String>,
    /// `group_vars/` and `host_vars/` beside each source, in order of the sources.
    pub(super) beside_sources: Vec<Arc<Beside>>,
    /// The same beside each playbook.
    pub(super) beside_playbooks: BTreeMap<PathBuf, Arc<Beside>>,
    /// How many values were given to hosts and groups.
    pub(super) values: usize,
}

/// The indices of the two groups every inventory has.
pub(super) const ALL: usize = 0;
pub(super) const UNGROUPED: usize = 1;

/// Names that mean this machine: used without being in the inventory, they connect locally.
pub(super) const LOCALHOST: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Why the graph cannot grow as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    TooManyHosts,
    Loop,
}

impl Default for Inventory {
    fn default() -> Inventory {
        let mut inventory = Inventory {
            hosts: Vec::new(),
            groups: Vec::new(),
            host_index: HashMap::new(),
            group_index: HashMap::new(),
            sources: Vec::new(),
            beside_sources: Vec::new(),
            beside_playbooks: BTreeMap::new(),
            values: 0,
        };
        let all = inventory.group("all");
        let ungrouped = inventory.group("ungrouped");
        inventory.link(all, ungrouped);
        inventory.settle();
        inventory
    }
}

impl Inventory {
    /// All hosts in the order they were named.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    pub fn host(&self, name: &str) -> Option<&Host> {
        self.host_index.get(name).map(|i| &self.hosts[*i])
    }

    pub fn has_group(&self, name: &str) -> bool {
        self.group_index.contains_key(name)
    }

    /// The groups a host is in, directly or through their parents, without `all`: `group_names`.
    pub fn groups_of(&self, host: &str) -> Vec<Arc<str>> {
        let Some(index) = self.host_index.get(host) else {
            return Vec::new();
        };
        let mut names: Vec<Arc<str>> = self
            .ancestry(&self.hosts[*index].groups)
            .into_iter()
            .filter(|g| *g != ALL)
            .map(|g| Arc::clone(&self.groups[g].name))
            .collect();
        names.sort();
        names
    }

    /// Every group with the names of all its hosts, those of its children included: `groups`.
    pub fn groups(&self) -> BTreeMap<Arc<str>, Vec<HostName>> {
        let names = |g: usize| {
            let members = self.members(g).into_iter();
            members.map(|h| self.hosts[h].name.clone()).collect()
        };
        let entries = self.groups.iter().enumerate();
        entries
            .map(|(i, g)| (Arc::clone(&g.name), names(i)))
            .collect()
    }

    /// Adds a host while a run goes on (`add_host`), or more groups and variables to a known one.
    /// Whether anything is new. `group_vars/` of new groups are read by [`Inventory::read_beside`].
    pub fn add_host(&mut self, name: &str, groups: &[&str], vars: Vec<(String, Var)>) -> bool {
        let span = Span::outside("add_host");
        let before = self.hosts.len();
        let Ok(host) = self.host_in(name, ALL, None, &span, None) else {
            return false;
        };
        let mut new = self.hosts.len() > before;
        for group in groups {
            let group = self.group(group);
            new |= self.enter(host, group);
        }
        new |= !vars.is_empty();
        Arc::make_mut(&mut self.hosts[host].vars).extend(vars);
        self.settle();
        new
    }

    /// Puts a known host into a group that may be new (`group_by`), itself put into `parents`.
    pub fn group_host(&mut self, host: &str, group: &str, parents: &[&str]) -> bool {
        let Some(host) = self.host_index.get(host).copied() else {
            return false;
        };
        let group = self.group(group);
        for parent in parents {
            let parent = self.group(parent);
            self.link(parent, group);
        }
        let new = self.enter(host, group);
        self.settle();
        new
    }

    /// The host of that name; `localhost` and its addresses exist without being named.
    pub fn host_or_implicit(&mut self, name: &str) -> Option<&Host> {
        if !self.host_index.contains_key(name) {
            if !LOCALHOST.contains(&name) {
                return None;
            }
            if let Some(named) = LOCALHOST.iter().find(|n| self.host_index.contains_key(**n)) {
                return self.host(named);
            }
            let span = Span::outside("implicit localhost");
            let local = Node::str("local", span.clone());
            let host = Host {
                name: HostName::new(name),
                span,
                file: None,
                listed: false,
                implicit: true,
                vars: Arc::new([("ansible_connection".to_owned(), Var::Template(local))].into()),
                groups: vec![ALL],
            };
            self.host_index.insert(host.name.clone(), self.hosts.len());
            self.hosts.push(host);
        }
        self.host(name)
    }

    /// The group of that name, made if it is new.
    pub(super) fn group(&mut self, name: &str) -> usize {
        if let Some(index) = self.group_index.get(name) {
            return *index;
        }
        let name: Arc<str> = Arc::from(name);
        self.groups.push(Group {
            name: Arc::clone(&name),
            vars: Layer::default(),
            children: Vec::new(),
            parents: Vec::new(),
            hosts: Vec::new(),
            priority: 1,
            depth: 0,
        });
        self.group_index.insert(name, self.groups.len() - 1);
        self.groups.len() - 1
    }

    /// The host of that name, made if it is new, put into a group.
    pub(super) fn host_in(
        &mut self,
        name: &str,
        group: usize,
        port: Option<i64>,
        span: &Span,
        file: Option<&PathBuf>,
    ) -> Result<usize, Refusal> {
        let host = match self.host_index.get(name) {
            Some(index) => *index,
            None => {
                if self.hosts.len() >= MAX_HOSTS {
                    return Err(Refusal::TooManyHosts);
                }
                let mut vars = BTreeMap::new();
                if let Some(port) = port {
                    let node = Node::new(Kind::Int(port), span.clone());
                    vars.insert("ansible_port".to_owned(), Var::Template(node));
                }
                let name = HostName::new(name);
                self.host_index.insert(name.clone(), self.hosts.len());
                self.hosts.push(Host {
                    name,
                    span: span.clone(),
                    file: file.cloned(),
                    listed: false,
                    implicit: false,
                    vars: Arc::new(vars),
                    groups: Vec::new(),
                });
                self.hosts.len() - 1
            }
        };
        if std::mem::take(&mut self.hosts[host].implicit) {
            self.hosts[host].groups.clear();
        }
        self.enter(host, group);
        Ok(host)
    }

    /// Puts a host into a group; whether it was not in it before.
    fn enter(&mut self, host: usize, group: usize) -> bool {
        if self.hosts[host].groups.contains(&group) {
            return false;
        }
        self.hosts[host].groups.push(group);
        self.groups[group].hosts.push(host);
        true
    }

    /// Whether there is room for so many more values, which are counted as given.
    pub(super) fn claim(&mut self, values: usize) -> bool {
        self.values = self.values.saturating_add(values);
        self.values <= MAX_VALUES && self.groups.len() <= MAX_GROUPS
    }

    /// The children of a group that is itself so deep; none where it is too deep to go on.
    pub(super) fn children(&self, group: usize, depth: usize) -> &[usize] {
        if depth < MAX_NESTING {
            &self.groups[group].children
        } else {
            &[]
        }
    }

    pub(super) fn set_host_var(&mut self, host: usize, name: &str, var: Var) {
        Arc::make_mut(&mut self.hosts[host].vars).insert(name.to_owned(), var);
    }

    /// Sets a variable of a group; `ansible_group_priority` says when it is merged and is no variable.
    pub(super) fn set_group_var(&mut self, group: usize, name: &str, var: Var) {
        if name == "ansible_group_priority" {
            if let Var::Template(node) = &var {
                let text = node.as_str().and_then(|s| s.trim().parse().ok());
                self.groups[group].priority = match node.kind {
                    Kind::Int(i) => i,
                    _ => text.unwrap_or(self.groups[group].priority),
                };
            }
            return;
        }
        Arc::make_mut(&mut self.groups[group].vars).insert(name.to_owned(), var);
    }

    /// Makes one group the child of another.
    pub(super) fn add_child(&mut self, parent: usize, child: usize) -> Result<(), Refusal> {
        // What has no children cannot be above anything.
        let inner = !self.groups[child].children.is_empty();
        if parent == child || (inner && self.ancestry(&[parent]).contains(&child)) {
            return Err(Refusal::Loop);
        }
        self.link(parent, child);
        Ok(())
    }

    pub(super) fn link(&mut self, parent: usize, child: usize) {
        if parent != child && !self.groups[parent].children.contains(&child) {
            self.groups[parent].children.push(child);
            self.groups[child].parents.push(parent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[Arc<str>]) -> Vec<&str> {
        list.iter().map(|n| &**n).collect()
    }

    #[test]
    fn a_host_leaves_ungrouped_when_it_gets_a_group() {
        let mut inventory = Inventory::default();
        assert!(inventory.add_host("a", &[], vec![]));
        assert_eq!(names(&inventory.groups_of("a")), ["ungrouped"]);
        assert!(inventory.add_host("a", &["web"], vec![]));
        assert_eq!(names(&inventory.groups_of("a")), ["web"]);
        assert!(!inventory.add_host("a", &["web"], vec![]));
        assert!(inventory.group_host("a", "os_debian", &["os"]));
        assert_eq!(names(&inventory.groups_of("a")), ["os", "os_debian", "web"]);
        assert_eq!(inventory.groups()["os"], [HostName::new("a")]);
        assert!(inventory.groups()["ungrouped"].is_empty());
    }

    #[test]
    fn depth_is_the_longest_way_and_loops_are_refused() {
        let mut inventory = Inventory::default();
        let (a, b, c) = (
            inventory.group("a"),
            inventory.group("b"),
            inventory.group("c"),
        );
        inventory.add_child(a, b).unwrap();
        inventory.add_child(b, c).unwrap();
        inventory.add_child(a, c).unwrap();
        assert_eq!(inventory.add_child(c, a), Err(Refusal::Loop));
        inventory.settle();
        assert_eq!(inventory.groups[c].depth, 3);
    }

    #[test]
    fn localhost_needs_no_inventory_and_is_in_no_group() {
        let mut inventory = Inventory::default();
        assert!(inventory.host_or_implicit("elsewhere").is_none());
        assert!(inventory.host_or_implicit("localhost").unwrap().implicit);
        assert!(inventory.groups()["all"].is_empty());
        inventory.add_host("127.0.0.1", &[], vec![]);
        assert_eq!(
            inventory.host_or_implicit("::1").unwrap().name.as_str(),
            "localhost"
        );
    }
}
