//! Executable inventories: what a script prints for `--list`, and for `--host NAME`.
//!
//! The script is the user's own, so its strings are templates, as in a file. Marked exceptions:
//! `{"__ansible_unsafe": text}` is never a template, `{"__ansible_vault": text}` is a vaulted string.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::load::LoadEnv;
use super::model::{Inventory, Refusal};
use super::{MAX_SCRIPT_OUTPUT, ini};
use crate::source::{Code, Diagnostic, File, Kind, Node, Span};
use crate::vars::Var;

struct Reader<'a> {
    inventory: &'a mut Inventory,
    path: &'a Path,
    /// The first byte of the output: messages about it name the script.
    span: Span,
    hosts: Vec<usize>,
    diagnostics: Vec<Diagnostic>,
}

/// Runs a script and reads what it prints into the inventory.
pub(super) fn read(inventory: &mut Inventory, path: &Path, env: &LoadEnv<'_>) -> Vec<Diagnostic> {
    let mut reader = Reader {
        inventory,
        path,
        span: Span::outside(&path.display().to_string()),
        hosts: Vec::new(),
        diagnostics: Vec::new(),
    };
    if let Err(diagnostic) = reader.list(env) {
        reader.diagnostics.push(diagnostic);
    }
    reader.diagnostics
}

/// The output of one call of the script, as a mapping.
fn call(path: &Path, args: &[&str], env: &LoadEnv<'_>) -> Result<Map<String, Json>, Diagnostic> {
    let shown = format!("{} {}", path.display(), args.join(" "));
    let text = (env.run_script)(path, args).map_err(|why| {
        Diagnostic::bare(format!("inventory script {shown}: {why}")).code(Code::InventoryScript)
    })?;
    if text.len() > MAX_SCRIPT_OUTPUT {
        let text = format!("inventory script {shown} printed more than {MAX_SCRIPT_OUTPUT} bytes");
        return Err(Diagnostic::bare(text).code(Code::InventoryScript));
    }
    if text.trim().is_empty() && args[0] == "--host" {
        return Ok(Map::new());
    }
    match serde_json::from_str(&text) {
        Ok(Json::Object(map)) => Ok(map),
        Ok(_) => Err(Diagnostic::bare(format!(
            "inventory script {shown} printed JSON that is not an object"
        ))
        .code(Code::InventoryScript)),
        Err(error) => {
            let file = File::new(format!("<output of {shown}>"), text);
            let before = file
                .text
                .split_inclusive('\n')
                .take(error.line().saturating_sub(1));
            let start = before.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
            let span = Span::new(&file, start, start + 1);
            let text = error.to_string();
            let why = text.split(" at line ").next().unwrap_or(&text);
            Err(Diagnostic::error(&span, format!("not JSON: {why}")).code(Code::InventoryScript))
        }
    }
}

impl Reader<'_> {
    fn list(&mut self, env: &LoadEnv<'_>) -> Result<(), Diagnostic> {
        let mut groups = call(self.path, &["--list"], env)?;
        let meta = groups.shift_remove("_meta");
        for (name, body) in &groups {
            self.group(name, body)?;
        }
        let vars = meta.as_ref().and_then(|m| m.get("hostvars"));
        let vars = vars.and_then(Json::as_object);
        for host in std::mem::take(&mut self.hosts) {
            let name = self.inventory.hosts[host].name.clone();
            let own = match vars {
                Some(all) => match all.get(name.as_str()) {
                    Some(Json::Object(own)) => own.clone(),
                    None | Some(Json::Null) => Map::new(),
                    Some(_) => {
                        let text = format!("the variables of {name} are not a mapping");
                        return Err(Diagnostic::error(&self.span, text).code(Code::InventoryScript));
                    }
                },
                None => call(self.path, &["--host", name.as_str()], env)?,
            };
            if !self.inventory.claim(own.len()) {
                return Err(
                    Diagnostic::error(&self.span, ini::too_much()).code(Code::InventoryScript)
                );
            }
            for (key, value) in &own {
                let var = Var::Template(node(value, &self.span));
                self.inventory.set_host_var(host, key, var);
            }
        }
        Ok(())
    }

    fn group(&mut self, name: &str, body: &Json) -> Result<(), Diagnostic> {
        let span = self.span.clone();
        let wrong = |what: &str, want: &str| {
            let text = format!("group {name}: {what} is not {want}");
            Err(Diagnostic::error(&span, text).code(Code::InventoryScript))
        };
        let group = self.inventory.group(name);
        let (hosts, vars, children) = match body {
            Json::Array(hosts) => (Some(hosts), None, None),
            Json::Object(map) => {
                if !["hosts", "vars", "children"]
                    .iter()
                    .any(|k| map.contains_key(*k))
                {
                    return self.sole(group, name, map);
                }
                let get = |key: &str| map.get(key).filter(|v| !v.is_null());
                let hosts = match get("hosts") {
                    None => None,
                    Some(Json::Array(hosts)) => Some(hosts),
                    Some(_) => return wrong("`hosts`", "a list"),
                };
                let vars = match get("vars") {
                    None => None,
                    Some(Json::Object(vars)) => Some(vars),
                    Some(_) => return wrong("`vars`", "a mapping"),
                };
                let children = match get("children") {
                    None => None,
                    Some(Json::Array(children)) => Some(children),
                    Some(_) => return wrong("`children`", "a list"),
                };
                (hosts, vars, children)
            }
            _ => return wrong("it", "a mapping or a list of hosts"),
        };
        for host in hosts.into_iter().flatten() {
            match host {
                Json::String(host) => self.host(host, group)?,
                Json::Number(host) => self.host(&host.to_string(), group)?,
                _ => return wrong("an entry of `hosts`", "a name"),
            }
        }
        for (key, value) in vars.into_iter().flatten() {
            let var = Var::Template(node(value, &self.span));
            self.inventory.set_group_var(group, key, var);
        }
        for child in children.into_iter().flatten() {
            let Json::String(child_name) = child else {
                return wrong("an entry of `children`", "a name");
            };
            let child = self.inventory.group(child_name);
            if self.inventory.add_child(group, child) == Err(Refusal::Loop) {
                let text = format!("{child_name} cannot be in {name}, which is in it");
                return Err(Diagnostic::error(&self.span, text).code(Code::InventoryScript));
            }
        }
        Ok(())
    }

    fn host(&mut self, name: &str, group: usize) -> Result<(), Diagnostic> {
        let path = self.path.to_owned();
        let added = self
            .inventory
            .host_in(name, group, None, &self.span, Some(&path));
        let host = added.map_err(|_| {
            Diagnostic::error(&self.span, ini::too_many()).code(Code::InventoryScript)
        })?;
        self.hosts.push(host);
        Ok(())
    }

    /// A group without any of its keys: a host of that name with these variables, which are data.
    fn sole(
        &mut self,
        group: usize,
        name: &str,
        vars: &Map<String, Json>,
    ) -> Result<(), Diagnostic> {
        if vars.is_empty() {
            return Ok(());
        }
        self.host(name, group)?;
        for (key, value) in vars {
            let var = Var::Template(untrusted(node(value, &self.span)));
            self.inventory.set_group_var(group, key, var);
        }
        Ok(())
    }
}

/// The node with all its strings kept from being templates.
fn untrusted(node: Node) -> Node {
    let kind = match node.kind {
        Kind::Str(text) => Kind::Unsafe(text),
        Kind::Seq(items) => Kind::Seq(items.into_iter().map(untrusted).collect()),
        Kind::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|(k, v)| (k, untrusted(v)))
                .collect(),
        ),
        other => other,
    };
    Node::new(kind, node.span)
}

/// JSON as a node.
fn node(value: &Json, span: &Span) -> Node {
    let kind = match value {
        Json::Null => Kind::Null,
        Json::Bool(b) => Kind::Bool(*b),
        Json::Number(n) => match n.as_i64() {
            Some(i) => Kind::Int(i),
            None => Kind::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(s) => Kind::Str(Arc::from(s.as_str())),
        Json::Array(items) => Kind::Seq(items.iter().map(|v| node(v, span)).collect()),
        Json::Object(map) => {
            let mark = |key: &str| match map.get(key) {
                Some(Json::String(text)) if map.len() == 1 => Some(Arc::from(text.as_str())),
                _ => None,
            };
            if let Some(text) = mark("__ansible_unsafe") {
                Kind::Unsafe(text)
            } else if let Some(text) = mark("__ansible_vault") {
                Kind::Vault(text)
            } else {
                let entry = |(k, v): (&String, &Json)| (Node::str(k, span.clone()), node(v, span));
                Kind::Map(map.iter().map(entry).collect())
            }
        }
    };
    Node::new(kind, span.clone())
}
