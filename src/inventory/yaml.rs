//! The YAML inventory: groups with `hosts`, `children` and `vars`, as nested mappings.

use std::path::PathBuf;

use super::model::{Inventory, Refusal};
use super::{MAX_MISTAKES, MAX_NESTING, ini, range};
use crate::source::{Diagnostic, Node, suggest};
use crate::vars::Var;

const KEYS: [&str; 3] = ["hosts", "children", "vars"];

struct Reader<'a> {
    inventory: &'a mut Inventory,
    path: PathBuf,
    diagnostics: Vec<Diagnostic>,
    /// How many groups the current one is nested in.
    depth: usize,
}

/// Reads a mapping of groups into the inventory.
pub(super) fn read(inventory: &mut Inventory, root: &Node) -> Vec<Diagnostic> {
    let mut reader = Reader {
        inventory,
        path: root.span.path().to_owned(),
        diagnostics: Vec::new(),
        depth: 0,
    };
    for (name, body) in root.as_map().unwrap_or_default() {
        reader.group(name, body);
    }
    reader.diagnostics.truncate(MAX_MISTAKES);
    reader.diagnostics
}

/// The name of a variable as text: numbers are names too.
pub(super) fn key(node: &Node) -> Option<String> {
    use crate::source::Kind;
    match &node.kind {
        Kind::Str(s) | Kind::Unsafe(s) => Some(s.to_string()),
        Kind::Int(i) => Some(i.to_string()),
        Kind::Float(f) => Some(f.to_string()),
        Kind::Bool(b) => Some(if *b { "True" } else { "False" }.into()),
        _ => None,
    }
}

impl Reader<'_> {
    fn error(&mut self, node: &Node, message: String) {
        self.diagnostics
            .push(Diagnostic::error(&node.span, message));
    }

    fn not_text(&mut self, what: &str, name: &Node) {
        let text = format!("a {what} is named by text, not by {}", name.type_name());
        let found = Diagnostic::error(&name.span, text).hint("put it in quotes");
        self.diagnostics.push(found);
    }

    fn warning(&mut self, node: &Node, message: String) -> &mut Diagnostic {
        self.diagnostics
            .push(Diagnostic::warning(&node.span, message));
        let last = self.diagnostics.len() - 1;
        &mut self.diagnostics[last]
    }

    fn group(&mut self, name: &Node, body: &Node) -> Option<usize> {
        let Some(text) = name.as_str().filter(|n| !n.is_empty()).map(str::to_owned) else {
            self.not_text("group", name);
            return None;
        };
        if self.depth >= MAX_NESTING {
            self.error(
                name,
                format!("groups are nested more than {MAX_NESTING} deep"),
            );
            return None;
        }
        if body.as_map().is_none() && !body.is_null() {
            let text = format!("{text} is {}, not a group: it is skipped", body.type_name());
            self.warning(name, text)
                .hints
                .push("a group is a mapping with `hosts`, `children`, `vars`".into());
            return None;
        }
        let group = self.inventory.group(&text);
        self.depth += 1;
        for (section, content) in body.as_map().unwrap_or_default() {
            let section_name = key(section).unwrap_or_default();
            match section_name.as_str() {
                "hosts" => self.hosts(group, content),
                "children" => self.children(group, content),
                "vars" => self.vars(group, content),
                other => {
                    let near = suggest::nearest(other, KEYS).map(str::to_owned);
                    let text = format!("a group has no `{other}`: it is skipped");
                    let warning = self.warning(section, text);
                    warning.hints.push(match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "it has `hosts`, `children` and `vars`".into(),
                    });
                }
            }
        }
        self.depth -= 1;
        Some(group)
    }

    /// The entries of a section: a mapping, or one name alone.
    fn entries(&mut self, what: &str, content: &Node) -> Vec<(Node, Node)> {
        if let Some(entries) = content.as_map() {
            return entries.to_vec();
        }
        if content.is_null() {
            return Vec::new();
        }
        if content.as_str().is_some() && what != "vars" {
            return vec![(content.clone(), Node::null(content.span.clone()))];
        }
        let text = format!("`{what}` is a mapping, not {}", content.type_name());
        let mut found = Diagnostic::error(&content.span, text);
        if content.as_seq().is_some() && what != "vars" {
            found = found.hint("write each name as a key: `name:`, not `- name`");
        }
        self.diagnostics.push(found);
        Vec::new()
    }

    fn children(&mut self, group: usize, content: &Node) {
        for (name, body) in self.entries("children", content) {
            let Some(child) = self.group(&name, &body) else {
                continue;
            };
            if self.inventory.add_child(group, child) == Err(Refusal::Loop) {
                let [child, parent] = [child, group].map(|g| self.inventory.groups[g].name.clone());
                self.error(
                    &name,
                    format!("{child} cannot be in {parent}, which is in it"),
                );
            }
        }
    }

    fn vars(&mut self, group: usize, content: &Node) {
        for (name, value) in self.entries("vars", content) {
            match key(&name) {
                Some(name) => self
                    .inventory
                    .set_group_var(group, &name, Var::Template(value)),
                None => self.error(&name, "a variable is named by text".into()),
            }
        }
    }

    fn hosts(&mut self, group: usize, content: &Node) {
        for (name, body) in self.entries("hosts", content) {
            let Some(pattern) = name.as_str().filter(|n| !n.is_empty()).map(str::to_owned) else {
                self.not_text("host", &name);
                continue;
            };
            self.host(group, &name, &pattern, &body);
            if self.diagnostics.len() >= MAX_MISTAKES {
                return;
            }
        }
    }

    fn host(&mut self, group: usize, name: &Node, pattern: &str, body: &Node) {
        if body.as_map().is_none() && !body.is_null() {
            let text = format!(
                "the variables of {pattern} are a mapping, not {}",
                body.type_name()
            );
            self.error(body, text);
        }
        let (base, port) = range::split_port(pattern);
        let names = match ini::expand(base) {
            Ok(names) => names,
            Err(error) => return self.error(name, error.message()),
        };
        let mut vars = Vec::new();
        for (key_node, value) in body.as_map().unwrap_or_default() {
            match key(key_node) {
                Some(key) => vars.push((key, value)),
                None => self.error(key_node, "a variable is named by text".into()),
            }
        }
        if !self.inventory.claim(names.len().saturating_mul(vars.len())) {
            return self.error(name, ini::too_much());
        }
        for one in &names {
            let added = self
                .inventory
                .host_in(one, group, port, &name.span, Some(&self.path));
            let Ok(host) = added else {
                return self.error(name, ini::too_many());
            };
            for (key, value) in &vars {
                let var = Var::Template((*value).clone());
                self.inventory.set_host_var(host, key, var);
            }
        }
    }
}
