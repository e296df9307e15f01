//! What can be rendered before the run: names of imports, tags.
//!
//! Extra variables, the play's, the roles' and those of blocks and imports are known by then; facts, the
//! inventory and results are not.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::playbook::{is_template, scalar};
use crate::source::{Code, Diagnostic, Files, Mask, Node, Value};

use crate::vars::{Hosts, Outside, Scope, Templar, TemplarOptions, TemplateError, Var, Vars};

use super::compile::{CompileOptions, Compiler};
use super::place::Place;

/// The templates of a compiler, which asks nothing of the world outside.
pub(in crate::plan) fn templar(files: &Files, options: &CompileOptions) -> Templar {
    Templar::new(TemplarOptions {
        files: files.clone(),
        outside: Arc::new(Nothing),
        vault: Arc::new(options.vault.clone()),
        mask: Mask::default(),
        lenient: true,
    })
}

impl Compiler {
    /// A name that must be known by now.
    pub(in crate::plan) fn known_text(
        &self,
        node: &Node,
        place: &Place,
    ) -> Result<String, Diagnostic> {
        let text = scalar(node).unwrap_or_default();
        if !is_template(&text) {
            return Ok(text);
        }
        let rendered = self.templar.text(node, &self.scope(place));
        rendered.map_err(|error| {
            let why = match error {
                TemplateError::Undefined { name, .. } => {
                    format!("`{name}` is not known before the run")
                }
                TemplateError::Pending | TemplateError::Unknown(_) => {
                    "it is not known before the run".to_owned()
                }
                TemplateError::Other(diagnostic) => diagnostic.message,
            };
            Diagnostic::error(
                &node.span,
                format!("an import needs its name ahead, but {why}"),
            )
            .code(Code::NeededAhead)
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
        let scope = self.scope(place);
        let mut out = BTreeSet::new();
        for tag in tags {
            let node = Node::str(tag, crate::source::Span::outside("a tag"));
            match self.templar.value(&node, &scope) {
                Ok(Value::Sequence(items)) => {
                    out.extend(
                        items
                            .iter()
                            .filter_map(|item| item.as_str().map(str::to_owned)),
                    );
                }
                Ok(Value::String(text)) => {
                    out.extend(text.split(',').map(|tag| tag.trim().to_owned()));
                }
                _ => {
                    out.insert(tag.clone());
                }
            }
        }
        out
    }

    /// The variables that are known at a place, the strongest first.
    fn scope(&self, place: &Place) -> Scope {
        let role = place.role();
        let mut layers = vec![Arc::clone(&self.options.extra_vars)];
        layers.extend(role.map(|role| Arc::clone(&role.params)));
        layers.extend(place.keywords.vars.iter().rev().cloned());
        layers.extend(role.map(|role| Arc::clone(&role.vars)));
        layers.push(Arc::clone(&place.stage.vars));
        layers.extend(role.map(|role| Arc::clone(&role.defaults)));
        let mut magic = Vars::new();
        let mut put = |name: &str, text: String| {
            magic.insert(name.to_owned(), Var::data(&Value::String(text)));
        };
        put("playbook_dir", shown(&place.stage.dir));
        if let Some(role) = role {
            put("role_path", shown(&role.dir));
            put("role_name", role.name.clone());
            put("ansible_role_name", role.name.clone());
        }
        layers.push(Arc::new(magic));
        Scope::new(layers, Arc::new(Nobody), Arc::clone(&place.search))
    }
}

/// The folder as a name that leads back to it, wherever it is joined to.
fn shown(dir: &Path) -> String {
    let here = dir.as_os_str().is_empty();
    if here {
        ".".to_owned()
    } else {
        dir.display().to_string()
    }
}

/// No host is known before the run.
struct Nobody;

impl Hosts for Nobody {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn scope(&self, _: &str) -> Option<Arc<Scope>> {
        None
    }
}

/// Compiling asks nothing of the world: the same files make the same plan.
struct Nothing;

/// What every question is answered with.
const REFUSED: &str = "this is not known before the run";

impl Outside for Nothing {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn pipe(&self, _: &str) -> Result<String, String> {
        Err(REFUSED.into())
    }

    fn url(&self, _: &str) -> Result<String, String> {
        Err(REFUSED.into())
    }

    fn now(&self) -> f64 {
        0.0
    }

    fn random(&self, length: usize) -> Vec<u8> {
        vec![0; length]
    }

    fn keep(&self, _: &Path, _: &mut dyn FnMut() -> String) -> Result<String, String> {
        Err(REFUSED.into())
    }
}
