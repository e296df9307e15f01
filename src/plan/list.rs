//! What `--list-tasks` and `--list-tags` show, as data.

use std::collections::BTreeSet;

use crate::playbook::scalar;
use crate::source::{Kind, Node};

use super::{Call, Item, Plan, Play, Task};

/// A play of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPlay {
    pub name: String,
    /// The host pattern, parts joined by commas.
    pub hosts: String,
    pub tags: BTreeSet<String>,
    pub tasks: Vec<ListedTask>,
    /// The tags of its tasks.
    pub task_tags: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTask {
    pub id: usize,
    /// The role of a task that has a name.
    pub role: Option<String>,
    pub name: String,
    pub tags: BTreeSet<String>,
}

impl ListedTask {
    /// `role : name`, as Ansible shows it.
    pub fn title(&self) -> String {
        match &self.role {
            Some(role) => format!("{role} : {}", self.name),
            None => self.name.clone(),
        }
    }
}

/// Every play with the tasks that would run. `meta` tasks are not listed.
pub fn plays(plan: &Plan) -> Vec<ListedPlay> {
    plan.plays.iter().map(|play| listed(play)).collect()
}

fn listed(play: &Play) -> ListedPlay {
    let mut tasks = Vec::new();
    for section in [&play.pre_tasks, &play.tasks, &play.post_tasks] {
        shown(section, &mut tasks);
    }
    let hosts = hosts(&play.hosts);
    ListedPlay {
        name: play
            .name
            .as_ref()
            .and_then(scalar)
            .unwrap_or_else(|| hosts.clone()),
        hosts,
        tags: play.tags.clone(),
        task_tags: tasks
            .iter()
            .flat_map(|task| task.tags.iter().cloned())
            .collect(),
        tasks,
    }
}

/// As Ansible lists them: what blocks have for a rescue or an end is left out.
fn shown(items: &[Item], into: &mut Vec<ListedTask>) {
    for item in items {
        match item {
            Item::Task(task) if is_meta(task) => {}
            Item::Task(task) => into.push(entry(task)),
            Item::Block(block) => shown(&block.body, into),
        }
    }
}

/// Every task in order, those of rescues and ends too.
pub fn each<'a>(items: &'a [Item], visit: &mut dyn FnMut(&'a Task)) {
    for item in items {
        match item {
            Item::Task(task) => visit(task),
            Item::Block(block) => {
                for part in [&block.body, &block.rescue, &block.always] {
                    each(part, visit);
                }
            }
        }
    }
}

fn entry(task: &Task) -> ListedTask {
    ListedTask {
        id: task.id,
        role: task
            .role
            .as_ref()
            .filter(|_| task.name.is_some())
            .map(|role| role.name.clone()),
        name: title(task),
        tags: task.keywords.tags.clone(),
    }
}

/// The name of a task; one without a name is called by its action.
pub fn title(task: &Task) -> String {
    let name = task
        .name
        .as_ref()
        .and_then(scalar)
        .filter(|name| !name.is_empty());
    name.unwrap_or_else(|| task.action.clone())
}

/// Whether it is a word to the engine, of which there is nothing to list, count or tell.
pub fn is_meta(task: &Task) -> bool {
    matches!(&task.call, Call::Action { spec, .. } if spec.name == "meta")
}

fn hosts(node: &Node) -> String {
    match &node.kind {
        Kind::Seq(items) => items
            .iter()
            .filter_map(scalar)
            .collect::<Vec<_>>()
            .join(","),
        _ => scalar(node).unwrap_or_default(),
    }
}
