//! Playbooks as they were written: plays, blocks, tasks, handlers and roles, with their places.
//!
//! Parsing looks at one file at a time and knows which word may stand where. What a file pulls in,
//! what is inherited and whether arguments fit is the plan's business. Whatever is wrong becomes a
//! diagnostic, and parsing goes on, so that one look finds as many mistakes as it can.

pub mod block;
pub mod keyword;
pub mod known;
pub mod meta;
pub mod play;
pub mod role;
pub mod task;

pub use block::Block;
pub use keyword::{Given, Keyword, On};
pub use meta::Meta;
pub use play::{Entry, Play, PlaybookImport};
pub use role::RoleEntry;
pub use task::{Arg, Invocation, Item, Task, Verb};

use crate::source::{Kind, Node};

/// Whether a string holds template syntax.
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// Whether anything in a value has to be rendered or decrypted before it is known.
pub fn is_dynamic(node: &Node) -> bool {
    match &node.kind {
        Kind::Str(text) => is_template(text),
        Kind::Vault(_) => true,
        Kind::Seq(items) => items.iter().any(is_dynamic),
        Kind::Map(entries) => entries.iter().any(|(k, v)| is_dynamic(k) || is_dynamic(v)),
        _ => false,
    }
}

/// A scalar as text, for names: `name: 123` names something `123`.
pub fn scalar(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Str(text) | Kind::Unsafe(text) => Some(text.to_string()),
        Kind::Int(number) => Some(number.to_string()),
        Kind::Float(number) => Some(number.to_string()),
        Kind::Bool(true) => Some("True".into()),
        Kind::Bool(false) => Some("False".into()),
        _ => None,
    }
}

/// A value that may be given alone or as a list, as a list.
pub fn list(node: &Node) -> Vec<Node> {
    match &node.kind {
        Kind::Null => Vec::new(),
        Kind::Seq(items) => items.clone(),
        _ => vec![node.clone()],
    }
}
