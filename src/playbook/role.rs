//! Entries of `roles:` and of a role's dependencies.

use crate::source::{Code, Diagnostic, Kind, Node, Span};

use super::keyword::{self, Given, On};
use super::task::Arg;
use super::{is_template, scalar};

/// One use of a role.
#[derive(Clone, Debug)]
pub struct RoleEntry {
    pub name: Node,
    pub span: Span,
    pub given: Given,
    /// What is neither keyword nor name: parameters of the role.
    pub params: Vec<Arg>,
}

/// A list of entries: a name, or a mapping with `role` or `name`.
pub fn parse_list(node: &Node, out: &mut Vec<Diagnostic>) -> Vec<RoleEntry> {
    match &node.kind {
        Kind::Null => Vec::new(),
        Kind::Seq(items) => items.iter().filter_map(|item| parse(item, out)).collect(),
        _ => {
            let text = format!("roles must be a list, not {}", node.type_name());
            out.push(Diagnostic::error(&node.span, text).code(Code::Shape));
            Vec::new()
        }
    }
}

fn parse(node: &Node, out: &mut Vec<Diagnostic>) -> Option<RoleEntry> {
    let mut entry = RoleEntry {
        name: node.clone(),
        span: node.span.clone(),
        given: Given::default(),
        params: Vec::new(),
    };
    if scalar(node).is_some() {
        return Some(entry);
    }
    let Some(map) = node.as_map() else {
        let text = format!(
            "a role must be a name or a mapping, not {}",
            node.type_name()
        );
        out.push(Diagnostic::error(&node.span, text).code(Code::Shape));
        return None;
    };
    let Some(name) = node
        .get("role")
        .or_else(|| node.get("name"))
        .or_else(|| node.get("src"))
    else {
        let error = Diagnostic::error(&node.span, "this role has no name").code(Code::Shape);
        out.push(error.hint("write `role: name`"));
        return None;
    };
    entry.name = name.clone();
    if scalar(name).is_none() {
        let text = format!(
            "the name of a role must be a string, not {}",
            name.type_name()
        );
        out.push(Diagnostic::error(&name.span, text).code(Code::Shape));
        return None;
    }
    for (key, value) in map {
        let word = scalar(key).unwrap_or_default();
        match keyword::find(&word) {
            _ if matches!(word.as_str(), "role" | "name" | "src" | "scm" | "version") => {}
            Some(k) if k.stands_on(On::Role) => entry.given.add(k, &key.span, value, out),
            // Ansible takes every other word as a parameter, `hosts` and `order` too.
            _ if is_template(&word) => {
                let text = "the name of a parameter cannot be a template";
                out.push(Diagnostic::error(&key.span, text).code(Code::Shape));
            }
            _ => entry.params.push(Arg {
                name: word,
                at: key.span.clone(),
                value: value.clone(),
            }),
        }
    }
    Some(entry)
}
