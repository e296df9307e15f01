//! The variables of a host from inventory and vars files: precedence levels 3 to 10.

use std::path::Path;

use super::group_vars::Beside;
use super::model::{ALL, Inventory};
use crate::vars::{Layer, Var, Vars};

impl Inventory {
    /// The layers of a host, lowest precedence first. Layers of groups are shared between their hosts.
    /// A playbook's folder counts once [`Inventory::beside_playbook`] has read it.
    pub fn layers(&self, host: &str, playbook_dir: Option<&Path>) -> Vec<Layer> {
        let Some(index) = self.host_index.get(host).copied() else {
            return Vec::new();
        };
        let groups = self.merge_order(&self.hosts[index].groups);
        let playbook: Vec<&Beside> = playbook_dir
            .and_then(|dir| self.beside_playbooks.get(dir))
            .map(|b| &**b)
            .into_iter()
            .collect();
        let sources: Vec<&Beside> = self.beside_sources.iter().map(|b| &**b).collect();
        let mut layers = Vec::new();
        let mut push = |layer: Option<&Layer>| {
            layers.extend(layer.filter(|l| !l.is_empty()).cloned());
        };
        push(Some(&self.groups[ALL].vars));
        for group in &groups {
            push(Some(&self.groups[*group].vars));
        }
        for beside in sources.iter().chain(&playbook) {
            push(beside.group("all"));
        }
        for beside in sources.iter().chain(&playbook) {
            for group in &groups {
                push(beside.group(&self.groups[*group].name));
            }
        }
        push(Some(&self.hosts[index].vars));
        for beside in sources.iter().chain(&playbook) {
            push(beside.host(host));
        }
        layers
    }

    /// The variables of a host in one map: for showing them.
    pub fn vars_of(&self, host: &str, playbook_dir: Option<&Path>) -> Vars {
        flatten(&self.layers(host, playbook_dir))
    }

    /// One variable of a host, without merging all of them.
    pub fn var_of(&self, host: &str, name: &str, playbook_dir: Option<&Path>) -> Option<Var> {
        let layers = self.layers(host, playbook_dir);
        layers.iter().rev().find_map(|l| l.get(name).cloned())
    }

    /// The variables of a group alone, from the inventory and from files beside it.
    pub fn vars_of_group(&self, group: &str) -> Vars {
        let Some(index) = self.group_index.get(group) else {
            return Vars::new();
        };
        let own = std::iter::once(&self.groups[*index].vars);
        let beside = self.beside_sources.iter().filter_map(|b| b.group(group));
        flatten(&own.chain(beside).cloned().collect::<Vec<_>>())
    }

    /// The variables of a host alone, none of its groups'.
    pub fn vars_of_host_alone(&self, host: &str) -> Vars {
        let own = self.host(host).map(|h| &h.vars);
        let beside = self.beside_sources.iter().filter_map(|b| b.host(host));
        flatten(&own.into_iter().chain(beside).cloned().collect::<Vec<_>>())
    }

    /// These groups and those above them, `all` left out, in the order their variables are merged:
    /// by depth, then `ansible_group_priority`, then name.
    fn merge_order(&self, groups: &[usize]) -> Vec<usize> {
        let mut order: Vec<usize> = self.ancestry(groups).into_iter().collect();
        order.retain(|g| *g != ALL);
        order.sort_by_key(|g| {
            let group = &self.groups[*g];
            (group.depth, group.priority, &group.name)
        });
        order
    }
}

fn flatten(layers: &[Layer]) -> Vars {
    let entries = layers.iter().flat_map(|l| l.iter());
    entries.map(|(k, v)| (k.clone(), v.clone())).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::LoadEnv;
    use super::*;
    use crate::source::Files;
    use crate::source::vault::Keyring;

    fn project() -> Files {
        Files::map([
            (
                "inv/hosts",
                "[all:vars]\na=3\nb=3\nc=3\nd=3\ne=3\nf=3\ng=3\n[web]\nw1 f=8 g=8 h=8\nw2\n[web:vars]\na=33\n",
            ),
            ("inv/group_vars/all.yml", "b: 4\nc: 4\nd: 4\ne: 4\n"),
            ("play/group_vars/all.yml", "c: 5\nd: 5\ne: 5\n"),
            ("inv/group_vars/web/one.yml", "d: 0\ne: 6\n"),
            ("inv/group_vars/web/two.yml", "d: 6\n"),
            ("inv/group_vars/web.yml", "d: not read\n"),
            ("inv/group_vars/stranger.yml", "{broken"),
            ("play/group_vars/web", "e: 7\n"),
            ("inv/host_vars/w1.json", "{\"g\": 9, \"h\": 9}"),
            ("play/host_vars/w1.yaml", "h: 10\n"),
        ])
    }

    #[test]
    fn each_level_beats_the_one_below() {
        let files = project();
        let env = LoadEnv {
            files: &files,
            run_script: &|_, _| Err("none".into()),
            vault: &Keyring::default(),
        };
        let (mut inventory, found) = Inventory::load(&["inv/hosts".into()], &env);
        assert!(found.is_empty(), "{found:?}");
        let play = Path::new("play");
        assert!(inventory.beside_playbook(play, &env).is_empty());
        let vars = inventory.vars_of("w1", Some(play));
        for (name, level) in [
            ("a", 33),
            ("b", 4),
            ("c", 5),
            ("d", 6),
            ("e", 7),
            ("f", 8),
            ("g", 9),
            ("h", 10),
        ] {
            let Some(Var::Template(node)) = vars.get(name) else {
                panic!("no {name}")
            };
            assert_eq!(node.to_value().as_i64(), Some(level), "{name}");
        }
        let (one, two) = (
            inventory.layers("w1", Some(play)),
            inventory.layers("w2", Some(play)),
        );
        assert!(Arc::ptr_eq(&one[0], &two[0]) && Arc::ptr_eq(&one[4], &two[4]));
    }
}
