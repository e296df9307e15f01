//! What `ansible-inventory` shows: `--list`, `--host`, `--graph`, as JSON, YAML or a tree of names.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value as Json};

use super::model::{ALL, Inventory};
use crate::source::values::python_str;
use crate::source::{Kind, Node, Span, emit};
use crate::vars::{Var, Vars};

/// A group with many parents is drawn under each, and so is all below it: bounds what that adds up to.
const MAX_GRAPH: usize = 64 * 1024 * 1024;

/// What to show of the variables.
#[derive(Clone, Copy, Debug, Default)]
pub struct Show<'a> {
    /// The folder whose `group_vars` count as the playbook's.
    pub playbook_dir: Option<&'a Path>,
    /// Variables of groups stay with the groups, instead of being merged into each host.
    pub export: bool,
}

/// `--list`: groups with hosts and children, and the variables of each host under `_meta`.
pub fn list(inventory: &Inventory, show: Show<'_>) -> String {
    let mut groups = Map::new();
    let mut seen = HashSet::new();
    list_group(inventory, show, (ALL, 0), &mut seen, &mut groups);
    let mut hostvars = Map::new();
    for host in inventory.members(ALL) {
        let name = inventory.hosts[host].name.as_str();
        let vars = vars_of(inventory, name, show);
        if !vars.is_empty() {
            hostvars.insert(name.to_owned(), json_vars(&vars));
        }
    }
    let mut meta = Map::new();
    meta.insert("hostvars".into(), Json::Object(hostvars));
    meta.insert("profile".into(), "inventory_legacy".into());
    groups.insert("_meta".into(), Json::Object(meta));
    json_text(&Json::Object(groups))
}

fn list_group(
    inventory: &Inventory,
    show: Show<'_>,
    (group, depth): (usize, usize),
    seen: &mut HashSet<usize>,
    out: &mut Map<String, Json>,
) {
    let own = &inventory.groups[group];
    let mut body = Map::new();
    let hosts = own.hosts.iter().filter(|_| group != ALL);
    let hosts: Vec<Json> = hosts
        .map(|h| inventory.hosts[*h].name.as_str().into())
        .collect();
    let children = own.children.iter();
    let children: Vec<Json> = children
        .map(|c| (*inventory.groups[*c].name).into())
        .collect();
    for (key, names) in [("hosts", hosts), ("children", children)] {
        if !names.is_empty() {
            body.insert(key.into(), Json::Array(names));
        }
    }
    if show.export {
        let vars = group_vars(inventory, group);
        if !vars.is_empty() {
            body.insert("vars".into(), json_vars(&vars));
        }
    }
    if !body.is_empty() {
        out.insert(own.name.to_string(), Json::Object(body));
    }
    for child in inventory.children(group, depth) {
        if seen.insert(*child) {
            list_group(inventory, show, (*child, depth + 1), seen, out);
        }
    }
}

/// `--host NAME`: its variables, or `None` if there is no such host.
pub fn host(inventory: &Inventory, name: &str, show: Show<'_>) -> Option<String> {
    inventory.host(name)?;
    Some(json_text(&json_vars(&vars_of(inventory, name, show))))
}

/// `--graph`: the tree below a group, with variables if asked for; `None` if there is no such group.
pub fn graph(inventory: &Inventory, top: &str, vars: bool, show: Show<'_>) -> Option<String> {
    let group = *inventory.group_index.get(top)?;
    let mut out = String::new();
    graph_group(inventory, group, 0, vars.then_some(show), &mut out);
    Some(out)
}

fn graph_group(
    inventory: &Inventory,
    group: usize,
    depth: usize,
    show: Option<Show<'_>>,
    out: &mut String,
) {
    let own = &inventory.groups[group];
    graph_line(out, depth, &format!("@{}:", own.name));
    for child in inventory.children(group, depth) {
        if out.len() > MAX_GRAPH {
            return;
        }
        graph_group(inventory, *child, depth + 1, show, out);
    }
    for host in own.hosts.iter().filter(|_| group != ALL) {
        let name = inventory.hosts[*host].name.as_str();
        graph_line(out, depth + 1, name);
        if let Some(show) = show {
            graph_vars(out, depth + 2, &vars_of(inventory, name, show));
        }
    }
    if show.is_some() {
        graph_vars(out, depth + 1, &group_vars(inventory, group));
    }
}

fn graph_vars(out: &mut String, depth: usize, vars: &[(String, Node)]) {
    for (name, value) in vars {
        let text = python_str(&value.to_value());
        graph_line(out, depth, &format!("{{{name} = {text}}}"));
    }
}

fn graph_line(out: &mut String, depth: usize, text: &str) {
    out.push_str(&"  |".repeat(depth));
    out.push_str(if depth > 0 { "--" } else { "" });
    out.push_str(text);
    out.push('\n');
}

/// `--list --yaml`: an inventory that can be read again.
pub fn yaml(inventory: &Inventory, show: Show<'_>) -> String {
    let mut seen = Seen::default();
    let body = yaml_group(inventory, show, (ALL, 0), &mut seen);
    emit::yaml(&map(body
        .map(|b| ("all".to_owned(), b))
        .into_iter()
        .collect()))
}

#[derive(Default)]
struct Seen {
    groups: HashSet<usize>,
    hosts: HashSet<usize>,
}

fn yaml_group(
    inventory: &Inventory,
    show: Show<'_>,
    (group, depth): (usize, usize),
    seen: &mut Seen,
) -> Option<Node> {
    let own = &inventory.groups[group];
    let mut children = Vec::new();
    for child in inventory.children(group, depth) {
        let body = if seen.groups.insert(*child) {
            yaml_group(inventory, show, (*child, depth + 1), seen)
        } else {
            Some(map(Vec::new()))
        };
        children.extend(body.map(|b| (inventory.groups[*child].name.to_string(), b)));
    }
    let mut hosts = Vec::new();
    for host in own.hosts.iter().filter(|_| group != ALL) {
        let name = inventory.hosts[*host].name.as_str();
        let vars = if seen.hosts.insert(*host) {
            vars_of(inventory, name, show)
        } else {
            Vec::new()
        };
        hosts.push((name.to_owned(), map(vars)));
    }
    let vars = if show.export {
        group_vars(inventory, group)
    } else {
        Vec::new()
    };
    let mut body = Vec::new();
    for (key, entries) in [("children", children), ("hosts", hosts), ("vars", vars)] {
        if !entries.is_empty() {
            body.push((key.to_owned(), map(entries)));
        }
    }
    (!body.is_empty()).then(|| map(body))
}

/// A mapping with sorted keys.
fn map(mut entries: Vec<(String, Node)>) -> Node {
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    let span = Span::outside("inventory");
    let key = |k: String| Node::str(&k, span.clone());
    let entries = entries.into_iter().map(|(k, v)| (key(k), v)).collect();
    Node::new(Kind::Map(entries), span.clone())
}

fn vars_of(inventory: &Inventory, host: &str, show: Show<'_>) -> Vec<(String, Node)> {
    written(if show.export {
        inventory.vars_of_host_alone(host)
    } else {
        inventory.vars_of(host, show.playbook_dir)
    })
}

fn group_vars(inventory: &Inventory, group: usize) -> Vec<(String, Node)> {
    let own = &inventory.groups[group];
    let mut vars = written(inventory.vars_of_group(&own.name));
    if own.priority != 1 {
        let span = Span::outside("ansible_group_priority");
        let node = Node::new(Kind::Int(own.priority), span);
        vars.push(("ansible_group_priority".into(), node));
        vars.sort_by(|a, b| a.0.cmp(&b.0));
    }
    vars
}

/// Variables as they were written; what is data is shown as text that is no template.
fn written(vars: Vars) -> Vec<(String, Node)> {
    let node = |var| match var {
        Var::Template(node) => Some(node),
        Var::Data(_) | Var::Pending | Var::Unknown => None,
    };
    vars.into_iter()
        .filter_map(|(k, v)| Some((k, node(v)?)))
        .collect()
}

fn json_vars(vars: &[(String, Node)]) -> Json {
    Json::Object(vars.iter().map(|(k, v)| (k.clone(), json(v))).collect())
}

fn json(node: &Node) -> Json {
    let marked = |key: &str, text: &str| {
        let mut map = Map::new();
        map.insert(key.into(), text.into());
        Json::Object(map)
    };
    match &node.kind {
        Kind::Null => Json::Null,
        Kind::Bool(b) => (*b).into(),
        Kind::Int(i) => (*i).into(),
        Kind::Float(f) => (*f).into(),
        Kind::Str(s) => (**s).into(),
        Kind::Unsafe(s) => marked("__ansible_unsafe", s),
        Kind::Vault(s) => marked("__ansible_vault", s),
        Kind::Seq(items) => Json::Array(items.iter().map(json).collect()),
        Kind::Map(entries) => {
            let key = |k: &Node| super::yaml::key(k).unwrap_or_else(|| "null".into());
            Json::Object(entries.iter().map(|(k, v)| (key(k), json(v))).collect())
        }
    }
}

/// JSON with sorted keys, four blanks a level.
fn json_text(value: &Json) -> String {
    let mut out = String::new();
    write_json(&mut out, value, 0);
    out.push('\n');
    out
}

fn write_json(out: &mut String, value: &Json, depth: usize) {
    let line = |out: &mut String, depth: usize, first: bool| {
        out.push_str(if first { "\n" } else { ",\n" });
        out.push_str(&"    ".repeat(depth));
    };
    match value {
        Json::Array(items) if !items.is_empty() => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                line(out, depth + 1, n == 0);
                write_json(out, item, depth + 1);
            }
            line(out, depth, true);
            out.push(']');
        }
        Json::Object(map) if !map.is_empty() => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(k, _)| *k);
            out.push('{');
            for (n, (key, item)) in entries.into_iter().enumerate() {
                line(out, depth + 1, n == 0);
                let _ = write!(out, "{}: ", Json::from(key.as_str()));
                write_json(out, item, depth + 1);
            }
            line(out, depth, true);
            out.push('}');
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}
