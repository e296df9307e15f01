//! `vars_prompt`: questions of plays, asked before anything is connected to.

use std::io::IsTerminal as _;
use std::sync::Arc;

use crate::plan::Prompt;
use crate::playbook::scalar;
use crate::source::{Diagnostic, File, Kind, Node, Span, Value};
use crate::vars::{Hosts, Layer, Scope, SearchPath, Var, Vars};

use super::messages;
use super::playbook::Compiled;
use super::terminal;

/// Attempts at typing the same twice.
const MOST_ATTEMPTS: usize = 5;

/// Asks what is not given with `-e`; the answers by name.
pub fn ask(compiled: &Compiled) -> Result<Layer, Diagnostic> {
    let mut answers = Vars::new();
    for prompt in compiled.plan.plays.iter().flat_map(|p| &p.vars_prompt) {
        let given = compiled.project.extra.contains_key(&prompt.name);
        if given || answers.contains_key(&prompt.name) {
            continue;
        }
        if let Some(answer) = answer(prompt, compiled)? {
            if prompt.private {
                compiled.project.mask.add(&answer);
            }
            let answer = encrypted(prompt, answer, compiled)?;
            answers.insert(prompt.name.clone(), Var::data(&Value::from(answer)));
        }
    }
    Ok(Arc::new(answers))
}

fn answer(prompt: &Prompt, compiled: &Compiled) -> Result<Option<String>, Diagnostic> {
    let text = |node: &Option<Node>| {
        let node = node.as_ref()?;
        let rendered = compiled.project.templar.text(node, &scope(compiled)).ok();
        rendered.or_else(|| scalar(node))
    };
    let default = text(&prompt.default);
    if !std::io::stdin().is_terminal() {
        messages::say(
            "warning: nobody is at a terminal to be asked; defaults of vars_prompt are used",
        );
        return Ok(default);
    }
    let question = text(&prompt.prompt).unwrap_or_else(|| prompt.name.clone());
    let question = crate::source::escape::escape(&question).into_owned();
    let line = match &default {
        Some(default) if !prompt.private => format!("{question} [{default}]: "),
        _ => format!("{question}: "),
    };
    for _ in 0..MOST_ATTEMPTS {
        let first = terminal::ask(&line, !prompt.private);
        if prompt.confirm {
            let again = terminal::ask(&format!("confirm {line}"), !prompt.private);
            if first != again {
                messages::say("the two do not match");
                continue;
            }
        }
        return Ok(match first {
            Some(typed) if typed.is_empty() => default.or(Some(typed)),
            other => other,
        });
    }
    let text = format!("`{}` was not typed the same twice", prompt.name);
    Err(Diagnostic::error(&prompt.span, text))
}

pub(super) fn scope(compiled: &Compiled) -> Scope {
    let layers = vec![Arc::clone(&compiled.project.extra)];
    Scope::new(layers, Arc::new(Nobody), Arc::new(SearchPath::default()))
}

/// No host is known while questions are asked.
struct Nobody;

impl Hosts for Nobody {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn scope(&self, _: &str) -> Option<Arc<Scope>> {
        None
    }
}

/// `encrypt`: the answer as a password hash.
fn encrypted(prompt: &Prompt, answer: String, compiled: &Compiled) -> Result<String, Diagnostic> {
    let Some(scheme) = &prompt.encrypt else {
        return Ok(answer);
    };
    let scheme = scheme.trim_end_matches("_crypt");
    let salt = match (&prompt.salt, prompt.salt_size) {
        (Some(salt), _) => format!(", salt={}", quoted(salt)),
        (None, Some(size)) => format!(", salt_size={size}"),
        (None, None) => String::new(),
    };
    let template = format!("{{{{ palisade_typed | password_hash('{scheme}'{salt}) }}}}");
    let file = File::new("vars_prompt", template.as_str());
    let node = Node::new(
        Kind::Str(template.as_str().into()),
        Span::new(&file, 0, template.len()),
    );
    let mut typed = Vars::new();
    typed.insert("palisade_typed".into(), Var::data(&Value::from(answer)));
    let layers = vec![Arc::new(typed)];
    let scope = Scope::new(layers, Arc::new(Nobody), Arc::new(SearchPath::default()));
    compiled.project.templar.text(&node, &scope).map_err(|e| {
        let mistake = e.diagnostic();
        Diagnostic::error(&prompt.span, format!("cannot encrypt: {}", mistake.message))
    })
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace(['\\', '\''], ""))
}
