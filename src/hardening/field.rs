//! Reading mappings of a module file: each field once, whatever is wrong with a place.

use std::collections::BTreeSet;

use crate::source::{Diagnostic, Kind, Node, suggest};

/// A mapping whose fields are taken one by one; what nobody takes is a mistake.
pub(crate) struct Fields<'a> {
    node: &'a Node,
    what: &'static str,
    known: BTreeSet<&'static str>,
}

impl<'a> Fields<'a> {
    /// `what` is what the mapping is, as in "a control".
    pub(crate) fn of(
        node: &'a Node,
        what: &'static str,
        out: &mut Vec<Diagnostic>,
    ) -> Option<Fields<'a>> {
        if node.as_map().is_none() {
            let text = format!("{what} is a mapping, not {}", node.type_name());
            out.push(Diagnostic::error(&node.span, text));
            return None;
        }
        Some(Fields {
            node,
            what,
            known: BTreeSet::new(),
        })
    }

    pub(crate) fn get(&mut self, name: &'static str) -> Option<&'a Node> {
        self.known.insert(name);
        self.node.get(name).filter(|n| !n.is_null())
    }

    pub(crate) fn text(&mut self, name: &'static str, out: &mut Vec<Diagnostic>) -> Option<String> {
        let node = self.get(name)?;
        match node.as_str() {
            Some(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            _ => {
                let text = format!("`{name}` is a text, not {}", node.type_name());
                out.push(Diagnostic::error(&node.span, text));
                None
            }
        }
    }

    pub(crate) fn needed(&mut self, name: &'static str, out: &mut Vec<Diagnostic>) -> String {
        if self.get(name).is_none() {
            let text = format!("{} has no `{name}`", self.what);
            out.push(Diagnostic::error(&self.node.span, text));
            return String::new();
        }
        self.text(name, out).unwrap_or_default()
    }

    /// A list of words; one word stands for a list of it.
    pub(crate) fn words(&mut self, name: &'static str, out: &mut Vec<Diagnostic>) -> Vec<String> {
        self.get(name).map_or_else(Vec::new, |n| words(n, out))
    }

    pub(crate) fn list(&mut self, name: &'static str, out: &mut Vec<Diagnostic>) -> &'a [Node] {
        match self.get(name) {
            None => &[],
            Some(node) => node.as_seq().unwrap_or_else(|| {
                let text = format!("`{name}` is a list, not {}", node.type_name());
                out.push(Diagnostic::error(&node.span, text));
                &[]
            }),
        }
    }

    pub(crate) fn map(
        &mut self,
        name: &'static str,
        out: &mut Vec<Diagnostic>,
    ) -> &'a [(Node, Node)] {
        match self.get(name) {
            None => &[],
            Some(node) => node.as_map().unwrap_or_else(|| {
                let text = format!("`{name}` is a mapping, not {}", node.type_name());
                out.push(Diagnostic::error(&node.span, text));
                &[]
            }),
        }
    }

    /// Says which fields nobody knows.
    pub(crate) fn finish(self, out: &mut Vec<Diagnostic>) {
        for (key, _) in self.node.as_map().unwrap_or_default() {
            let name = key.as_str().unwrap_or_default();
            if self.known.contains(name) {
                continue;
            }
            let text = format!("{} has no field `{name}`", self.what);
            let error = Diagnostic::error(&key.span, text);
            out.push(match suggest::nearest(name, self.known.iter().copied()) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        }
    }
}

/// Words of a list, or one; numbers count as their text (`5.1`).
pub(crate) fn words(node: &Node, out: &mut Vec<Diagnostic>) -> Vec<String> {
    let one = |node: &Node, out: &mut Vec<Diagnostic>| {
        let word = scalar(node);
        if word.is_none() {
            let text = format!("this is a word, not {}", node.type_name());
            out.push(Diagnostic::error(&node.span, text));
        }
        word
    };
    match node.as_seq() {
        Some(items) => items.iter().filter_map(|n| one(n, out)).collect(),
        None => one(node, out).into_iter().collect(),
    }
}

/// A text or a number as it was written: `2.10` is no number here.
pub(crate) fn scalar(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Str(text) | Kind::Unsafe(text) => Some(text.to_string()),
        Kind::Int(_) | Kind::Float(_) => {
            let (from, to) = (node.span.start as usize, node.span.end as usize);
            node.span.file.text.get(from..to).map(str::to_owned)
        }
        _ => None,
    }
}
