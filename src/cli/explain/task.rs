//! Why a task ran, was skipped or changed something on a host: out of a check, or out of a run's record.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::Args;

use crate::engine::Event;
use crate::engine::event::{Outcome, Status, TaskRef};
use crate::plan::{Play, Task, list};
use crate::report::Reporter;
use crate::source::escape::escape;
use crate::source::{Diagnostic, Mask, Node, Value};
use crate::vars::Layer;

use super::super::options::{Becoming, Common, Connections, Inventories, Showing, Values};
use super::super::playbook::{self, PlaybookArgs};
use super::super::run::{self, RUNS, Running};
use super::super::terminal::AtTerminal;
use super::super::{messages, recorded, shown};
use super::{compiled, no_host, text};

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
    pub(super) run: Option<String>,
    #[command(flatten)]
    pub who: Inventories,
    #[command(flatten)]
    pub values: Values,
    #[command(flatten)]
    pub connections: Connections,
    #[command(flatten)]
    pub becoming: Becoming,
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

pub(super) fn task(args: &TaskArgs) -> Result<String, Vec<Diagnostic>> {
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
pub(super) fn recorded_task(args: &TaskArgs, run: &str) -> Result<String, Vec<Diagnostic>> {
    let state = run::state_dir().unwrap_or_default();
    let recorded = recorded::named(&state.join(RUNS), run).map_err(|d| vec![d])?;
    let ends = shown::Ends::new(&state);
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
