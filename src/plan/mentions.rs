//! Names: which variables and handlers a play mentions, which it defines, and which are nowhere.
//!
//! A name is reported as undefined only where nothing that is known during the run alone could define
//! it: a file of variables whose name is a template, an include of a name that is one, a fact.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::playbook::{self, Arg, Given, is_template, scalar};
use crate::source::{Code, Diagnostic, Node, suggest};
use crate::vars::{Layer, SearchPath};

use super::compile::{Compiler, Pass};
use super::{Call, Handler, Keywords, Loop, Role};

/// Variables that are always there, beside those that begin with `ansible_`.
const MAGIC: [&str; 19] = [
    "environment",
    "gather_subset",
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "item",
    "module_setup",
    "omit",
    "play_hosts",
    "playbook_dir",
    "role_name",
    "role_names",
    "role_path",
    "undef",
    "vars",
];

/// Actions that add variables of their own making to a host.
const TELLING: [&str; 9] = [
    "add_host",
    "gather_facts",
    "getent",
    "include_vars",
    "package_facts",
    "service_facts",
    "setup",
    "mount_facts",
    "group_by",
];

/// What a play was seen to mention and define.
#[derive(Debug, Default)]
pub(in crate::plan) struct Mentions {
    /// How deep we are in looking ahead.
    pub(in crate::plan) depth: usize,
    /// Handlers that includes would bring.
    pub(in crate::plan) handlers: Vec<Arc<Handler>>,
    /// Something is only known during the run: what is missing may come from there.
    pub(in crate::plan) open: bool,
    /// The same, for variables only.
    pub(in crate::plan) vars_open: bool,
    /// Handlers are being looked at, which may never run.
    pub(in crate::plan) maybe: bool,
    /// Handlers that have mistakes of their own and so are not in the plan.
    pub(in crate::plan) broken: Vec<Node>,
    defined: BTreeSet<String>,
    /// Names that live on after the play: results and facts.
    pub(in crate::plan) lasting: BTreeSet<String>,
    used: Vec<Used>,
    pub(in crate::plan) notified: Vec<Node>,
}

/// A value that will be rendered.
#[derive(Debug)]
struct Used {
    node: Node,
    condition: bool,
    /// Whether nothing but the end of the play before it keeps it from being rendered.
    certain: bool,
    /// Conditions that ask whether something is defined.
    guards: Vec<String>,
}

impl Mentions {
    /// From here on, a missing name is no proof of a mistake.
    pub(in crate::plan) fn give_up(&mut self) {
        self.open = true;
    }

    pub(in crate::plan) fn define(&mut self, name: impl Into<String>) {
        self.defined.insert(name.into());
    }

    pub(in crate::plan) fn define_all(&mut self, layer: &Layer) {
        self.defined.extend(layer.keys().cloned());
    }

    pub(in crate::plan) fn role(&mut self, role: &Arc<Role>) {
        for layer in [&role.defaults, &role.vars, &role.params] {
            self.define_all(layer);
        }
    }

    /// What keywords define.
    pub(in crate::plan) fn given(&mut self, given: &Given) {
        let vars = given.get("vars").and_then(Node::as_map).unwrap_or_default();
        self.defined
            .extend(vars.iter().filter_map(|(key, _)| scalar(key)));
        if let Some(name) = given.get("register").and_then(scalar) {
            self.lasting.insert(name);
        }
        let names = given.get("notify").map(playbook::list).unwrap_or_default();
        self.notified.extend(names);
    }

    pub(in crate::plan) fn looping(&mut self, looping: &Loop) {
        self.define(looping.var.clone());
        self.defined.extend(looping.index_var.clone());
        if is_template(&looping.var) {
            self.vars_open = true;
        }
    }

    /// What an action defines: `set_fact` its arguments, others what they find.
    pub(in crate::plan) fn action(&mut self, name: &str, args: &[Arg]) {
        if name == "set_fact" || name == "add_host" {
            self.lasting.extend(args.iter().map(|arg| arg.name.clone()));
            self.vars_open |= args.iter().any(|arg| is_template(&arg.name));
        }
        if name == "include_vars" {
            self.vars_open = true;
        }
        if TELLING.contains(&name) {
            self.lasting
                .extend(["packages".to_owned(), "services".to_owned()]);
            self.vars_open |= name == "getent";
        }
    }

    /// A value of a task or a block.
    pub(in crate::plan) fn uses(&mut self, node: &Node, condition: bool, keywords: &Keywords) {
        if !condition && !playbook::is_dynamic(node) {
            return;
        }
        let guards = keywords.when.iter().filter_map(Node::as_str);
        self.used.push(Used {
            node: node.clone(),
            condition,
            certain: !self.maybe && self.depth == 0 && keywords.when.is_empty(),
            guards: guards
                .filter(|text| text.contains("defined"))
                .map(str::to_owned)
                .collect(),
        });
    }

    /// What was mentioned last is rendered whatever happens.
    pub(in crate::plan) fn last_is_certain(&mut self) {
        let certain = !self.maybe && self.depth == 0;
        if let Some(used) = self.used.last_mut() {
            used.certain = certain;
        }
    }

    fn knows(&self, name: &str) -> bool {
        self.defined.contains(name)
            || self.lasting.contains(name)
            || name.starts_with("ansible_")
            || MAGIC.contains(&name)
    }
}

impl Pass<'_> {
    /// Files of variables that a play reads: their names, or that they are not known.
    pub(in crate::plan) fn define_vars_files(&mut self, entries: &[Node], search: &SearchPath) {
        for entry in entries {
            for node in playbook::list(entry) {
                let name = scalar(&node).filter(|name| !is_template(name));
                let file = name.and_then(|name| {
                    let below = |base: &std::path::PathBuf| super::path::join(base, &name);
                    let mut places = search.bases.iter().map(below);
                    places.find(|file| self.compiler.store.files.is_file(file))
                });
                let read = file.map(|file| self.compiler.store.node(&file));
                match read.as_ref().and_then(|read| read.value.as_ref()) {
                    Some(node) => self.mentions.define_all(&super::keywords::layer(node)),
                    None => self.mentions.vars_open = true,
                }
            }
        }
    }

    /// Names that nothing defines.
    pub(in crate::plan) fn check_names(&mut self) {
        let used = std::mem::take(&mut self.mentions.used);
        let Some(inventory) = &self.compiler.options.inventory_vars else {
            return;
        };
        if self.mentions.open || self.mentions.vars_open {
            return;
        }
        let extra = &self.compiler.options.extra_vars;
        for mention in used {
            for name in self.compiler.names(&mention.node, mention.condition) {
                let known = self.mentions.knows(&name)
                    || inventory.contains(&name)
                    || extra.contains_key(&name);
                if known || mention.guards.iter().any(|guard| guard.contains(&name)) {
                    continue;
                }
                let at = place(&mention.node, &name);
                let text = format!("`{name}` is not defined anywhere");
                let diagnostic = match mention.certain {
                    true => Diagnostic::error(&at, text),
                    false => Diagnostic::warning(&at, text),
                };
                let diagnostic = diagnostic.code(Code::Undefined);
                let near = self.mentions.defined.iter().chain(&self.mentions.lasting);
                let near = near
                    .chain(inventory)
                    .chain(extra.keys())
                    .map(String::as_str);
                self.out.push(match suggest::nearest(&name, near) {
                    Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                    None => diagnostic,
                });
            }
        }
    }

    /// Notifications that reach nobody.
    pub(in crate::plan) fn check_notified(&mut self, handlers: &[Arc<Handler>]) {
        let mut names: Vec<String> = Vec::new();
        let mut open = self.mentions.open;
        let brought = std::mem::take(&mut self.mentions.handlers);
        for handler in handlers.iter().chain(&brought) {
            let own = handler.task.name.as_ref().and_then(scalar);
            if let (Some(name), Some(role)) = (&own, &handler.task.role) {
                names.push(format!("{} : {name}", role.name));
            }
            names.extend(own);
            names.extend(handler.listen.iter().filter_map(scalar));
            let dynamic = matches!(
                &handler.task.call,
                Call::IncludeTasks(_) | Call::IncludeRole(_)
            );
            open |= dynamic && self.mentions.open;
        }
        names.extend(self.mentions.broken.iter().filter_map(scalar));
        open |= names.iter().any(|name| is_template(name));
        for node in std::mem::take(&mut self.mentions.notified) {
            let Some(name) = scalar(&node).filter(|name| !is_template(name)) else {
                continue;
            };
            if names.contains(&name) {
                continue;
            }
            let text = format!("no handler is called `{name}`");
            let diagnostic = match open {
                true => Diagnostic::warning(&node.span, text).code(Code::UnknownHandler),
                false => Diagnostic::error(&node.span, text).code(Code::UnknownHandler),
            };
            self.out.push(
                match suggest::nearest(&name, names.iter().map(String::as_str)) {
                    Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                    None => diagnostic,
                },
            );
        }
    }
}

/// Where a name stands in a value: in the first string that mentions it.
fn place(node: &Node, name: &str) -> crate::source::Span {
    find(node, name).unwrap_or_else(|| node.span.clone())
}

fn find(node: &Node, name: &str) -> Option<crate::source::Span> {
    if let Some(items) = node.as_seq() {
        return items.iter().find_map(|item| find(item, name));
    }
    if let Some(entries) = node.as_map() {
        return entries.iter().find_map(|(_, value)| find(value, name));
    }
    let text = node.as_str()?;
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let (at, _) = text.match_indices(name).find(|(at, _)| {
        let before = text[..*at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(|c| word(c) || c == '.') && !after.is_some_and(word)
    })?;
    Some(node.place(at..at + name.len()))
}

impl Compiler {
    /// Variables that a value cannot do without.
    fn names(&self, node: &Node, condition: bool) -> BTreeSet<String> {
        match condition {
            true => self.templar.condition_names(node),
            false => self.templar.names(node),
        }
    }
}
