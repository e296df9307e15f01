//! Every definition of a variable for a host, the one that wins first.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::plan::{Play, Task, list};
use crate::source::escape::escape;
use crate::source::{Code, Diagnostic, Kind, Node, suggest};
use crate::vars::{Layer, Var};

use super::super::options::{Common, Inventories, Values};
use super::super::playbook::{Compiled, PlaybookArgs};
use super::{compiled, no_host, text};

#[derive(Args, Clone, Debug, Default)]
pub struct VarArgs {
    /// The variable
    #[arg(value_name = "NAME")]
    name: String,
    /// The host that it is for
    #[arg(long, value_name = "HOST")]
    host: String,
    /// Playbooks whose definitions count too
    #[arg(value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    #[command(flatten)]
    pub who: Inventories,
    #[command(flatten)]
    pub values: Values,
}

/// A value is shown up to this many characters.
const SHOWN: usize = 200;

/// One definition: what kind it is of, where it stands, and what it says.
struct Definition {
    kind: &'static str,
    place: String,
    value: String,
    /// It counts for one task only, or only once something was run.
    only: Option<String>,
}

pub(super) fn var(args: &VarArgs) -> Result<String, Vec<Diagnostic>> {
    let playbook = PlaybookArgs {
        playbooks: args.playbooks.clone(),
        common: Common {
            who: args.who.clone(),
            values: args.values.clone(),
            ..Common::default()
        },
        ..PlaybookArgs::default()
    };
    let mut compiled = compiled(&playbook)?;
    if let Some(mistake) = no_host(&compiled, &args.host) {
        return Err(vec![mistake]);
    }
    let found = definitions(&mut compiled, args);
    let mask = &compiled.project.mask;
    if found.is_empty() {
        let text = format!("nothing defines `{}` for {}", args.name, args.host);
        let mut names = BTreeSet::new();
        for layer in compiled.inventory.layers(&args.host, None) {
            names.extend(layer.keys().cloned());
        }
        let near = suggest::nearest(&args.name, names.iter().map(String::as_str));
        let mistake = Diagnostic::bare(text).code(Code::Undefined);
        return Err(vec![match near {
            Some(near) => mistake.hint(format!("did you mean `{near}`?")),
            None => mistake.hint("facts, `register` and `set_fact` are known only in a run"),
        }]);
    }
    let mut out = format!("{} for {}\n", args.name, args.host);
    let mut won = false;
    for one in found {
        let value: String = mask.apply(&one.value).chars().take(SHOWN).collect();
        let word = match (&one.only, won) {
            (Some(_), _) => "may win",
            (None, false) => "wins",
            (None, true) => "overridden",
        };
        won |= one.only.is_none();
        let only = one.only.map(|o| format!(", {o}")).unwrap_or_default();
        let _ = writeln!(
            out,
            "  {word:10}  {}  {}  ({}{only})",
            escape(&value),
            escape(&one.place),
            one.kind
        );
    }
    Ok(out)
}

/// All definitions, the highest precedence first.
fn definitions(compiled: &mut Compiled, args: &VarArgs) -> Vec<Definition> {
    let name = args.name.as_str();
    let mut low: Vec<Definition> = Vec::new();
    let dir = args.playbooks.first().and_then(|p| p.parent());
    let plays = plays(compiled, &args.host);
    let of = |kind, layers: &[Layer], out: &mut Vec<Definition>| {
        for layer in layers {
            out.extend(layer.get(name).map(|var| definition(kind, var)));
        }
    };
    for play in &plays {
        of("role defaults", &play.role_defaults, &mut low);
    }
    let inventory = compiled.inventory.layers(&args.host, dir);
    of("inventory", &inventory, &mut low);
    for play in &plays {
        of(
            "vars of the play",
            std::slice::from_ref(&play.vars),
            &mut low,
        );
        for node in &play.vars_files {
            let read = files(compiled, &play.dir, node);
            of("vars_files", &read, &mut low);
        }
        of("vars of a role", &play.role_vars, &mut low);
        low.extend(of_tasks(play, name));
    }
    of(
        "extra vars (-e)",
        std::slice::from_ref(&compiled.project.extra),
        &mut low,
    );
    // The same definition may be met by way of several plays.
    let mut seen = BTreeSet::new();
    low.reverse();
    low.retain(|d| {
        let place = std::path::absolute(&d.place).unwrap_or_default();
        seen.insert((place, d.value.clone(), d.only.clone()))
    });
    // What may win is told where it would.
    low
}

fn definition(kind: &'static str, var: &Var) -> Definition {
    let (place, value) = match var {
        Var::Template(node) => (node.span.to_string(), text(node)),
        other => ("(made here)".to_owned(), format!("{other:?}")),
    };
    Definition {
        kind,
        place,
        value,
        only: None,
    }
}

/// The plays that a host takes part in, as far as their patterns are plain.
fn plays(compiled: &mut Compiled, host: &str) -> Vec<Arc<Play>> {
    let mut found = Vec::new();
    for play in &compiled.plan.plays {
        let selected = play.hosts.as_str().map(|pattern| {
            let selected = compiled.inventory.select(pattern, &play.hosts.span);
            selected.is_ok_and(|s| s.hosts.iter().any(|h| h.as_str() == host))
        });
        if selected != Some(false) {
            found.push(Arc::clone(play));
        }
    }
    found
}

/// The files of variables that a play names plainly.
fn files(compiled: &Compiled, dir: &Path, node: &Node) -> Vec<Layer> {
    let names: Vec<&str> = match &node.kind {
        Kind::Seq(items) => items.iter().filter_map(Node::as_str).collect(),
        _ => node.as_str().into_iter().collect(),
    };
    let paths = names.iter().map(|name| dir.join(name));
    let first = paths
        .into_iter()
        .find(|p| compiled.project.files.is_file(p));
    let read = first.and_then(|p| compiled.project.templar.vars_file(&p).ok());
    let Some(Kind::Map(entries)) = read.map(|node| node.kind) else {
        return Vec::new();
    };
    let pairs = entries.into_iter().filter_map(|(key, value)| {
        let key = key.as_str()?.to_owned();
        Some((key, Var::Template(value)))
    });
    vec![Arc::new(pairs.collect())]
}

/// What tasks define for themselves, or set once they have run.
fn of_tasks(play: &Play, name: &str) -> Vec<Definition> {
    let mut found = Vec::new();
    for items in [&play.pre_tasks, &play.tasks, &play.post_tasks] {
        list::each(items, &mut |task| {
            let title = list::title(task);
            for layer in &task.keywords.vars {
                if let Some(var) = layer.get(name) {
                    let only = format!("for `{title}` only");
                    found.push(Definition {
                        only: Some(only),
                        ..definition("vars of a task", var)
                    });
                }
            }
            let sets = sets(task, name);
            if let Some(kind) = sets {
                found.push(Definition {
                    kind,
                    place: task.span.to_string(),
                    value: "?".into(),
                    only: Some(format!("once `{title}` has run")),
                });
            }
        });
    }
    found
}

fn sets(task: &Task, name: &str) -> Option<&'static str> {
    if task.register.as_deref() == Some(name) {
        return Some("register");
    }
    let crate::plan::Call::Action { spec, args } = &task.call else {
        return None;
    };
    let sets = spec.name == "set_fact" && args.iter().any(|(key, _)| key == name);
    sets.then_some("set_fact")
}
