//! `palisade explain`: why a variable has its value, and why a task did what it did.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::{Args, Subcommand};

use crate::engine::Event;
use crate::engine::event::{Outcome, Status, TaskRef};
use crate::plan::{Play, Task, list};
use crate::report::Reporter;
use crate::source::escape::escape;
use crate::source::{Diagnostic, Kind, Mask, Node, Value, suggest};
use crate::vars::{Layer, Var};

use super::exit::Exit;
use super::options::{Becoming, Common, Connections, Inventories, Showing, Values};
use super::playbook::{self, Compiled, PlaybookArgs};
use super::run::{self, RUNS, Running};
use super::terminal::AtTerminal;
use super::{fill_all, messages, recorded};

const EXAMPLES: &str = "\
Examples:
  palisade explain var http_port --host web1 -i hosts
  palisade explain var http_port --host web1 -i hosts site.yml     with what the playbook defines
  palisade explain task 'Configure nginx' --host web1 -i hosts site.yml
  palisade explain task nginx/conf --host web1 --run 20261121-2011";

/// Options of `palisade explain`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Subcommand, Clone, Debug)]
pub enum What {
    /// Every definition of a variable for a host, the one that wins first
    Var(Box<VarArgs>),
    /// Why a task ran, was skipped or changed something on a host, without changing anything
    Task(Box<TaskArgs>),
}

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

#[derive(Args, Clone, Debug, Default)]
pub struct TaskArgs {
    /// A part of its name, `role/name`, `play/role/name`, or the place it is written at (site.yml:12)
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// The host that it is for
    #[arg(long, value_name = "HOST")]
    host: String,
    /// The playbooks; they are run in check mode, up to their end
    #[arg(value_name = "PLAYBOOK", required_unless_present = "run")]
    playbooks: Vec<PathBuf>,
    /// What it did in this run, out of its record
    #[arg(long, value_name = "RUN", conflicts_with = "playbooks")]
    run: Option<String>,
    #[command(flatten)]
    pub who: Inventories,
    #[command(flatten)]
    pub values: Values,
    #[command(flatten)]
    pub connections: Connections,
    #[command(flatten)]
    pub becoming: Becoming,
}

/// A value is shown up to this many characters.
const SHOWN: usize = 200;

pub fn run(args: &mut ExplainArgs) -> Exit {
    let told = match &mut args.what {
        What::Var(args) => {
            let filled = super::fill_inventory(&mut args.who, &mut args.values);
            match filled {
                Some(exit) => return exit,
                None => var(args),
            }
        }
        What::Task(args) => match &args.run {
            Some(run) => recorded_task(args, run),
            None => match fill_all(&mut **args) {
                Some(exit) => return exit,
                None => task(args),
            },
        },
    };
    match told {
        Ok(text) => {
            messages::print(&text);
            Exit::Fine
        }
        Err(mistakes) => {
            messages::show(&mistakes);
            Exit::Start
        }
    }
}

/// One definition: what kind it is of, where it stands, and what it says.
struct Definition {
    kind: &'static str,
    place: String,
    value: String,
    /// It counts for one task only, or only once something was run.
    only: Option<String>,
}

fn compiled(playbook: &PlaybookArgs) -> Result<Compiled, Vec<Diagnostic>> {
    let compiled = playbook::compile(playbook)?;
    messages::show(&compiled.warnings);
    Ok(compiled)
}

fn no_host(compiled: &Compiled, host: &str) -> Option<Diagnostic> {
    let names: Vec<&str> = compiled
        .inventory
        .hosts()
        .iter()
        .map(|h| h.name.as_str())
        .collect();
    if names.contains(&host) {
        return None;
    }
    let mistake = Diagnostic::bare(format!("the inventory has no host `{host}`"));
    Some(match suggest::nearest(host, names) {
        Some(near) => mistake.hint(format!("did you mean `{near}`?")),
        None => mistake,
    })
}

fn var(args: &VarArgs) -> Result<String, Vec<Diagnostic>> {
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
        let mistake = Diagnostic::bare(text);
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

fn text(node: &Node) -> String {
    match &node.kind {
        Kind::Str(text) => text.to_string(),
        _ => crate::source::values::python_str(&node.to_value()),
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

/// What was seen of a task on a host.
#[derive(Default)]
struct Seen {
    ended: Vec<(TaskRef, Option<String>, Outcome)>,
    /// The last task that ended badly.
    failed: Option<String>,
    lost: Option<String>,
}

struct Watcher {
    host: String,
    seen: Arc<Mutex<Seen>>,
}

impl Reporter for Watcher {
    fn event(&mut self, event: &Event) {
        let Ok(mut seen) = self.seen.lock() else {
            return;
        };
        match event {
            Event::Ended {
                host,
                task,
                outcome,
            } if **host == *self.host => {
                if outcome.status == Status::Failed {
                    seen.failed = Some(task.name.clone());
                }
                seen.ended.push((task.clone(), None, outcome.clone()));
            }
            Event::Item {
                host,
                task,
                label,
                outcome,
                ..
            } if **host == *self.host => {
                let label = Some(label.clone());
                seen.ended.push((task.clone(), label, outcome.clone()));
            }
            Event::Unreachable { host, message, .. } if **host == *self.host => {
                seen.lost = Some(message.clone());
            }
            _ => {}
        }
    }
}

/// Whether an address names a task: by a part of its name, with its role and play, or by its place.
fn is_named(address: &str, play: &str, role: Option<&str>, name: &str, place: &str) -> bool {
    let (address, _) = address.split_once('#').unwrap_or((address, ""));
    let role = role.unwrap_or_default();
    let full = format!("{play}/{role}/{name}");
    name.to_lowercase().contains(&address.to_lowercase())
        || format!("{role}/{name}") == address
        || full == address
        || full.replace("//", "/") == address
        || place == address
        || place
            .strip_prefix(address)
            .is_some_and(|r| r.starts_with(':'))
}

fn task(args: &TaskArgs) -> Result<String, Vec<Diagnostic>> {
    let mut who = args.who.clone();
    who.limit = Some(args.host.clone());
    let playbook = PlaybookArgs {
        playbooks: args.playbooks.clone(),
        check: true,
        common: Common {
            who,
            values: args.values.clone(),
            connections: args.connections.clone(),
            becoming: args.becoming.clone(),
            showing: Showing::default(),
            ..Common::default()
        },
        ..PlaybookArgs::default()
    };
    let mut compiled = compiled(&playbook)?;
    if let Some(mistake) = no_host(&compiled, &args.host) {
        return Err(vec![mistake]);
    }
    let one = |d: Diagnostic| vec![d];
    let limit = run::limit(&mut compiled, &playbook).map_err(one)?;
    let options = playbook::options(&playbook, &compiled.project).map_err(one)?;
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let mask = compiled.project.mask.clone();
    let plays = compiled.plan.plays.clone();
    let reporter = Box::new(Watcher {
        host: args.host.clone(),
        seen: Arc::clone(&seen),
    });
    let ended = run::carry_out(Running {
        args: &playbook,
        compiled,
        limit,
        options,
        prompts: Layer::default(),
        reporter,
        terminal: AtTerminal::default(),
    });
    messages::show(&ended.summary.mistakes);
    let Ok(seen) = seen.lock() else {
        return Ok(String::new());
    };
    said(args, &plays, &seen, &mask)
}

fn said(
    args: &TaskArgs,
    plays: &[Arc<Play>],
    seen: &Seen,
    mask: &Mask,
) -> Result<String, Vec<Diagnostic>> {
    let play = |t: &TaskRef| plays.get(t.play).map(|p| play_name(p)).unwrap_or_default();
    let item = args.address.split_once('#').map(|(_, item)| item);
    let named = |(t, label, _): &&(TaskRef, Option<String>, Outcome)| {
        let place = t.span.to_string();
        is_named(&args.address, &play(t), t.role.as_deref(), &t.name, &place)
            && match (item, label) {
                (None, label) => label.is_none(),
                (Some(item), label) => label.as_deref() == Some(item),
            }
    };
    let found: Vec<_> = seen.ended.iter().filter(named).collect();
    if found.is_empty() {
        let why = match (&seen.lost, &seen.failed) {
            (Some(lost), _) => format!("{} was not reached: {lost}", args.host),
            (None, Some(failed)) => format!(
                "no task on {} that is called `{}` was come to; `{failed}` failed before",
                args.host, args.address
            ),
            (None, None) => format!("no task on {} is called `{}`", args.host, args.address),
        };
        return Err(vec![Diagnostic::bare(why).hint(
            "handlers run only where they are notified; `palisade playbook … --list-tasks` lists tasks",
        )]);
    }
    let mut out = String::new();
    for (t, label, outcome) in found {
        let place = t.span.to_string();
        let role = t.role.as_ref().map(|r| format!("{r}/")).unwrap_or_default();
        let item = label.as_ref().map(|l| format!("#{l}")).unwrap_or_default();
        let address = format!("{}/{role}{}{item}", play(t), t.name);
        let _ = writeln!(out, "{}  {}", escape(&address), escape(&place));
        for line in why(outcome) {
            let _ = writeln!(out, "  {}", escape(&mask.apply(&line)));
        }
        for line in around(plays, t) {
            let _ = writeln!(out, "  {}", escape(&line));
        }
    }
    Ok(out)
}

fn play_name(play: &Play) -> String {
    let name = play.name.as_ref().and_then(Node::as_str);
    name.or(play.hosts.as_str()).unwrap_or_default().to_owned()
}

/// Why a task came to what it came to.
fn why(outcome: &Outcome) -> Vec<String> {
    let word = |key: &str| outcome.result.get(key).and_then(Value::as_str);
    let mut out = Vec::new();
    match outcome.status {
        Status::Skipped => out.push(match (outcome.result.get("false_condition"), word("msg")) {
            (Some(condition), _) => format!(
                "skipped: `when: {}` does not hold",
                crate::source::values::python_str(condition)
            ),
            (None, Some(msg)) => format!("skipped: {msg}"),
            (None, None) => format!("skipped: {}", word("skip_reason").unwrap_or("it says so")),
        }),
        Status::Ok => out.push("ok: it is as the task says, so there is nothing to do".into()),
        Status::Changed => {
            out.push("would change:".into());
            for change in &outcome.changes {
                out.push(format!("  {}: {}", change.title, change.summary));
            }
        }
        Status::Failed | Status::Ignored => {
            out.push(format!(
                "fails: {}",
                word("msg").unwrap_or("without a word")
            ));
        }
        Status::Unknown => out.push(format!(
            "unknown: {}",
            word("msg").unwrap_or("only running it would tell")
        )),
        Status::Unreachable => out.push("the host was not reached".into()),
    }
    out.extend(outcome.warnings.iter().map(|w| format!("warning: {w}")));
    out
}

/// What is written around a task: conditions, tags, what it notifies, what notifies it.
fn around(plays: &[Arc<Play>], of: &TaskRef) -> Vec<String> {
    let place = of.span.to_string();
    let mut out = Vec::new();
    let Some(play) = plays.get(of.play) else {
        return out;
    };
    let mut tasks: Vec<&Task> = Vec::new();
    for items in [&play.pre_tasks, &play.tasks, &play.post_tasks] {
        list::each(items, &mut |task| tasks.push(task));
    }
    tasks.extend(play.handlers.iter().map(|h| &*h.task));
    let Some(me) = tasks.iter().find(|t| t.span.to_string() == place) else {
        return out;
    };
    for node in &me.keywords.when {
        out.push(format!("when: {}  ({})", text(node), node.span));
    }
    if !me.keywords.tags.is_empty() {
        let tags: Vec<&str> = me.keywords.tags.iter().map(String::as_str).collect();
        out.push(format!("tags: {}", tags.join(", ")));
    }
    for node in me.notify.iter().chain(&me.keywords.notify) {
        out.push(format!("notifies: {}  ({})", text(node), node.span));
    }
    let handler = play
        .handlers
        .iter()
        .find(|h| h.task.span.to_string() == place);
    if let Some(handler) = handler {
        let mut names: Vec<String> = handler.listen.iter().map(text).collect();
        names.extend(handler.task.name.as_ref().map(text));
        for task in &tasks {
            let asks = |n: &&Node| names.iter().any(|name| text(n).contains(name.as_str()));
            if task
                .notify
                .iter()
                .chain(&task.keywords.notify)
                .any(|n| asks(&n))
            {
                out.push(format!(
                    "notified by: {}  ({})",
                    list::title(task),
                    task.span
                ));
            }
        }
    }
    out
}

/// What a task did in a run that is recorded.
fn recorded_task(args: &TaskArgs, run: &str) -> Result<String, Vec<Diagnostic>> {
    let state = run::state_dir().unwrap_or_default();
    let recorded = recorded::named(&state.join(RUNS), run).map_err(|d| vec![d])?;
    let ends = super::shown::Ends::new(&state);
    let mut out = String::new();
    for entry in recorded.entries.iter().filter(|e| e.subject == args.host) {
        if !is_named(&args.address, "", None, &entry.task, &entry.place) {
            continue;
        }
        let handler = if entry.handler { " (handler)" } else { "" };
        let _ = writeln!(
            out,
            "{}{handler}  {}\n  {}: {}: {}",
            escape(&entry.task),
            escape(&entry.place),
            entry.outcome.word(),
            escape(&entry.on),
            ends.of(entry).0
        );
        for place in &entry.notify {
            let _ = writeln!(out, "  notifies: {}", escape(place));
        }
        if entry.handler {
            let asks = recorded
                .entries
                .iter()
                .filter(|e| e.subject == args.host && e.notify.contains(&entry.place));
            for by in asks {
                let _ = writeln!(
                    out,
                    "  notified by: {}  ({})",
                    escape(&by.task),
                    escape(&by.place)
                );
            }
        }
    }
    if out.is_empty() {
        let text = format!(
            "no task `{}` changed anything on {} in the run {}",
            args.address, args.host, recorded.run
        );
        let hint =
            "what was as it should be is not recorded; with a playbook, check mode tells of it";
        return Err(vec![Diagnostic::bare(text).hint(hint)]);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_tasks() {
        let named = |address: &str| is_named(address, "web", Some("nginx"), "Conf", "r/t.yml:3:5");
        for address in [
            "conf",
            "nginx/Conf",
            "web/nginx/Conf",
            "r/t.yml:3",
            "r/t.yml:3:5",
            "Conf#a",
        ] {
            assert!(named(address), "{address}");
        }
        assert!(!named("web/Conf") && !named("x"));
        assert!(is_named("web/Conf", "web", None, "Conf", ""));
    }
}
