//! What can be rendered before the run: names of imports, tags.
//!
//! Extra variables, the play's, the roles' and those of blocks and imports are known by then; facts, the
//! inventory and results are not.

use std::collections::BTreeSet;

use crate::playbook::{is_template, scalar};
use crate::source::{Diagnostic, Node};
use crate::vars::Var;

use super::place::Place;

/// Variables in variables; a cycle ends here.
const MAX_DEPTH: usize = 16;

impl super::Compiler {
    /// A name that must be known by now.
    pub(in crate::plan) fn known_text(
        &self,
        node: &Node,
        place: &Place,
    ) -> Result<String, Diagnostic> {
        let text = scalar(node).unwrap_or_default();
        self.render(&text, place, 0).map_err(|name| {
            let why = match name {
                Some(name) => format!("`{name}` is not known before the run"),
                None => "its template cannot be rendered before the run".to_owned(),
            };
            Diagnostic::error(
                &node.span,
                format!("an import needs its name ahead, but {why}"),
            )
        })
    }

    /// Tags with those that are templates rendered; one that cannot be is left as it is.
    pub(in crate::plan) fn known_tags(
        &self,
        tags: &BTreeSet<String>,
        place: &Place,
    ) -> BTreeSet<String> {
        if !tags.iter().any(|tag| is_template(tag)) {
            return tags.clone();
        }
        let mut out = BTreeSet::new();
        for tag in tags {
            match self.render_list(tag, place) {
                Some(words) => out.extend(words),
                None => {
                    out.insert(tag.clone());
                }
            }
        }
        out
    }

    fn render_list(&self, text: &str, place: &Place) -> Option<Vec<String>> {
        if let Some(name) = lone_name(text)
            && let Some(Var::Template(node)) = self.variable(name, place)
            && let Some(items) = node.as_seq()
        {
            return Some(items.iter().filter_map(scalar).collect());
        }
        let text = self.render(text, place, 0).ok()?;
        Some(text.split(',').map(|tag| tag.trim().to_owned()).collect())
    }

    /// The text with plain names filled in; or the name that is not known.
    fn render(&self, text: &str, place: &Place, depth: usize) -> Result<String, Option<String>> {
        if !is_template(text) {
            return Ok(text.to_owned());
        }
        if depth > MAX_DEPTH || text.contains("{%") || text.contains("{#") {
            return Err(None);
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (inside, after) = after.split_once("}}").ok_or(None)?;
            out.push_str(before);
            let name = inside.trim_matches(['-', '+', ' ', '\t', '\n']);
            out.push_str(&self.value(name, place, depth)?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(&self, name: &str, place: &Place, depth: usize) -> Result<String, Option<String>> {
        match name {
            "playbook_dir" => return Ok(shown(&place.stage.dir)),
            "role_path" if place.role().is_some() => {
                return place.role().map(|role| shown(&role.dir)).ok_or(None);
            }
            "role_name" | "ansible_role_name" if place.role().is_some() => {
                return place.role().map(|role| role.name.clone()).ok_or(None);
            }
            _ => {}
        }
        if !crate::playbook::keyword::is_variable_name(name) {
            return Err(None);
        }
        match self.variable(name, place) {
            Some(Var::Template(node)) => {
                let text = scalar(&node).ok_or(None)?;
                self.render(&text, place, depth + 1)
            }
            _ => Err(Some(name.to_owned())),
        }
    }

    fn variable(&self, name: &str, place: &Place) -> Option<Var> {
        if let Some(found) = self.options.extra_vars.get(name) {
            return Some(found.clone());
        }
        let role = place.role();
        let layers = role.map(|r| &r.params).into_iter();
        let layers = layers.chain(place.keywords.vars.iter().rev());
        let layers = layers.chain(role.map(|r| &r.vars));
        let layers = layers
            .chain([&place.stage.vars])
            .chain(role.map(|r| &r.defaults));
        layers
            .into_iter()
            .find_map(|layer| layer.get(name).cloned())
    }
}

/// The folder as a name that leads back to it.
fn shown(dir: &std::path::Path) -> String {
    // Names of files are joined to the folder they are asked from, which this must survive.
    match dir.to_str() {
        Some("") | None => ".".to_owned(),
        Some(text) => text.to_owned(),
    }
}

/// `{{ name }}` and nothing else.
fn lone_name(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    crate::playbook::keyword::is_variable_name(name).then_some(name)
}
