//! Blocks: tasks that share keywords, a rescue and an end.

use crate::source::{Code, Diagnostic, Node, Span};

use super::keyword::{self, Given, On};
use super::task::{self, Item};

#[derive(Clone, Debug)]
pub struct Block {
    pub span: Span,
    pub given: Given,
    pub body: Vec<Item>,
    pub rescue: Vec<Item>,
    pub always: Vec<Item>,
}

/// A mapping with `block` in it.
pub(in crate::playbook) fn parse(node: &Node, on: On, out: &mut Vec<Diagnostic>) -> Block {
    let mut block = Block {
        span: node.span.clone(),
        given: Given::default(),
        body: Vec::new(),
        rescue: Vec::new(),
        always: Vec::new(),
    };
    for (key, value) in node.as_map().unwrap_or_default() {
        let name = super::scalar(key).unwrap_or_default();
        let part = match name.as_str() {
            "block" => &mut block.body,
            "rescue" => &mut block.rescue,
            "always" => &mut block.always,
            _ => {
                match keyword::find(&name) {
                    Some(word) if word.stands_on(On::Block) => {
                        block.given.add(word, &key.span, value, out)
                    }
                    Some(word) => out.push(keyword::misplaced(word, On::Block, &key.span)),
                    None => out.push(unknown(&name, key)),
                }
                continue;
            }
        };
        *part = task::parse_list(value, &name, on, out);
    }
    block
}

fn unknown(name: &str, key: &Node) -> Diagnostic {
    if super::known::is_action(name) {
        let text = format!("a block cannot have an action of its own, but has `{name}`");
        return Diagnostic::error(&key.span, text)
            .code(Code::MisplacedKeyword)
            .hint("put it into the block as a task");
    }
    keyword::unknown(name, On::Block, &key.span)
}
