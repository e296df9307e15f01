//! A role's `meta/main.yml`: what it depends on.

use crate::source::{Code, Diagnostic, Node};

use super::keyword;
use super::role::{self, RoleEntry};

#[derive(Clone, Debug, Default)]
pub struct Meta {
    pub dependencies: Vec<RoleEntry>,
    /// Whether using it twice with the same parameters runs it twice.
    pub allow_duplicates: bool,
    pub collections: Vec<String>,
    /// Declared for other tools; read by nobody here.
    pub argument_specs: Option<Node>,
}

/// Everything else in the file (`galaxy_info`, …) is for other tools.
pub fn parse(node: &Node, out: &mut Vec<Diagnostic>) -> Meta {
    if node.as_map().is_none() {
        if !node.is_null() {
            let text = format!("a role's meta must be a mapping, not {}", node.type_name());
            out.push(Diagnostic::error(&node.span, text).code(Code::Shape));
        }
        return Meta::default();
    }
    let names = |key: &str| node.get(key).map(super::list).unwrap_or_default();
    Meta {
        dependencies: node
            .get("dependencies")
            .map(|list| role::parse_list(list, out))
            .unwrap_or_default(),
        allow_duplicates: node.get("allow_duplicates").and_then(keyword::boolean) == Some(true),
        collections: names("collections")
            .iter()
            .filter_map(super::scalar)
            .collect(),
        argument_specs: node.get("argument_specs").cloned(),
    }
}
