//! Plays, and playbooks pulled in between them.

use crate::source::{Code, Diagnostic, Kind, Node, Span};

use super::keyword::{self, Given, On};
use super::role::{self, RoleEntry};
use super::task::{self, Arg, Item};
use super::{is_template, scalar};

/// One entry of a playbook.
#[derive(Clone, Debug)]
pub enum Entry {
    Play(Box<Play>),
    Import(Box<PlaybookImport>),
}

#[derive(Clone, Debug)]
pub struct Play {
    pub span: Span,
    pub hosts: Node,
    pub given: Given,
    pub roles: Vec<RoleEntry>,
    pub pre_tasks: Vec<Item>,
    pub tasks: Vec<Item>,
    pub post_tasks: Vec<Item>,
    pub handlers: Vec<Item>,
}

/// `import_playbook`.
#[derive(Clone, Debug)]
pub struct PlaybookImport {
    pub span: Span,
    pub file: Node,
    pub given: Given,
    pub vars: Vec<Arg>,
}

/// The plays of a file.
pub fn parse(node: &Node, out: &mut Vec<Diagnostic>) -> Vec<Entry> {
    match &node.kind {
        Kind::Seq(items) => items
            .iter()
            .filter_map(|item| parse_entry(item, out))
            .collect(),
        Kind::Null => {
            out.push(Diagnostic::error(&node.span, "this playbook is empty").code(Code::Shape));
            Vec::new()
        }
        Kind::Map(_) => {
            let error =
                Diagnostic::error(&node.span, "a playbook is a list of plays, not a mapping")
                    .code(Code::Shape);
            out.push(error.hint("begin the play with `- `, as in `- hosts: all`"));
            Vec::new()
        }
        _ => {
            let text = format!("a playbook is a list of plays, not {}", node.type_name());
            out.push(Diagnostic::error(&node.span, text).code(Code::Shape));
            Vec::new()
        }
    }
}

fn parse_entry(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Entry> {
    let Some(map) = node.as_map() else {
        let text = format!("a play must be a mapping, not {}", node.type_name());
        out.push(Diagnostic::error(&node.span, text).code(Code::Shape));
        return None;
    };
    let imports = |name: &str| {
        matches!(
            name,
            "import_playbook"
                | "ansible.builtin.import_playbook"
                | "ansible.legacy.import_playbook"
        )
    };
    let import = map.iter().find(|(k, _)| k.as_str().is_some_and(imports));
    match import {
        Some((_, file)) => parse_import(node, map, file, out).map(Entry::Import),
        None => parse_play(node, map, out).map(|play| Entry::Play(Box::new(play))),
    }
}

fn parse_import(
    node: &Node,
    map: &[(Node, Node)],
    file: &Node,
    out: &mut Vec<Diagnostic>,
) -> Option<Box<PlaybookImport>> {
    let mut import = PlaybookImport {
        span: node.span.clone(),
        file: file.clone(),
        given: Given::default(),
        vars: Vec::new(),
    };
    for (key, value) in map {
        let name = scalar(key).unwrap_or_default();
        if name.ends_with("import_playbook") {
            continue;
        }
        match name.as_str() {
            "vars" => import.vars = pairs(value, out),
            "name" | "tags" | "when" => {
                if let Some(word) = keyword::find(&name) {
                    import.given.add(word, &key.span, value, out);
                }
            }
            _ => {
                let text = format!("`{name}` cannot stand on an import of a playbook");
                let error = Diagnostic::error(&key.span, text).code(Code::MisplacedKeyword);
                out.push(error.hint("only `name`, `when`, `tags` and `vars` can"));
            }
        }
    }
    if scalar(file).is_none() {
        let text = format!(
            "the name of a playbook must be a string, not {}",
            file.type_name()
        );
        out.push(Diagnostic::error(&file.span, text).code(Code::KeywordValue));
        return None;
    }
    Some(Box::new(import))
}

fn parse_play(node: &Node, map: &[(Node, Node)], out: &mut Vec<Diagnostic>) -> Option<Play> {
    let mut play = Play {
        span: node.span.clone(),
        hosts: Node::null(node.span.clone()),
        given: Given::default(),
        roles: Vec::new(),
        pre_tasks: Vec::new(),
        tasks: Vec::new(),
        post_tasks: Vec::new(),
        handlers: Vec::new(),
    };
    if node.get("hosts").is_none() && looks_like_task(map) {
        out.push(missing_hosts(node, map));
        return None;
    }
    for (key, value) in map {
        let name = scalar(key).unwrap_or_default();
        match name.as_str() {
            "roles" => play.roles = role::parse_list(value, out),
            "pre_tasks" => play.pre_tasks = task::parse_list(value, &name, On::Task, out),
            "tasks" => play.tasks = task::parse_list(value, &name, On::Task, out),
            "post_tasks" => play.post_tasks = task::parse_list(value, &name, On::Task, out),
            "handlers" => play.handlers = task::parse_list(value, &name, On::Handler, out),
            _ => match keyword::find(&name) {
                Some(word) if word.stands_on(On::Play) => {
                    play.given.add(word, &key.span, value, out)
                }
                Some(word) => out.push(keyword::misplaced(word, On::Play, &key.span)),
                None => out.push(unknown(&name, key)),
            },
        }
    }
    let hosts = node.get("hosts").filter(|h| !h.is_null());
    match hosts {
        Some(hosts) => play.hosts = hosts.clone(),
        None => {
            out.push(missing_hosts(node, map));
            return None;
        }
    }
    if hosts.and_then(Node::as_seq).is_some_and(<[_]>::is_empty) {
        out.push(Diagnostic::error(&play.hosts.span, "`hosts` names no hosts").code(Code::NoHosts));
    }
    Some(play)
}

fn unknown(name: &str, key: &Node) -> Diagnostic {
    if super::known::is_action(name) {
        let text = format!("a play cannot have an action of its own, but has `{name}`");
        return Diagnostic::error(&key.span, text)
            .code(Code::MisplacedKeyword)
            .hint("put it under `tasks:`");
    }
    keyword::unknown(name, On::Play, &key.span)
}

/// A list of tasks in place of a playbook is the usual reason for a play without hosts.
fn missing_hosts(node: &Node, map: &[(Node, Node)]) -> Diagnostic {
    let at = map.first().map_or(&node.span, |(key, _)| &key.span);
    let error = Diagnostic::error(at, "this play has no `hosts`").code(Code::NoHosts);
    let task = map
        .iter()
        .filter_map(|(k, _)| k.as_str())
        .any(super::known::is_action);
    if task {
        error.hint("this looks like a list of tasks; a playbook is a list of plays")
    } else {
        error.hint("name the hosts it is for, as in `hosts: all`")
    }
}

fn looks_like_task(map: &[(Node, Node)]) -> bool {
    let mut keys = map.iter().filter_map(|(key, _)| key.as_str());
    keys.any(|key| key == "block" || super::known::is_action(key))
}

/// The variables of a mapping, with the places of their names.
pub fn pairs(node: &Node, out: &mut Vec<Diagnostic>) -> Vec<Arg> {
    let Some(map) = node.as_map() else {
        if !node.is_null() {
            let text = format!("`vars` must be a mapping, not {}", node.type_name());
            out.push(Diagnostic::error(&node.span, text).code(Code::KeywordValue));
        }
        return Vec::new();
    };
    let mut args = Vec::with_capacity(map.len());
    for (key, value) in map {
        let name = scalar(key).unwrap_or_default();
        if is_template(&name) || !keyword::is_variable_name(&name) {
            let text = format!("`{name}` cannot be the name of a variable");
            let hint = "letters, digits and `_`, not beginning with a digit";
            out.push(
                Diagnostic::error(&key.span, text)
                    .code(Code::VariableName)
                    .hint(hint),
            );
            continue;
        }
        args.push(Arg {
            name,
            at: key.span.clone(),
            value: value.clone(),
        });
    }
    args
}
