//! `palisade playbook`: compiles playbooks and carries them out.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;

use crate::engine::event::HostName;
use crate::engine::{Event, Job, Options, Summary};
use crate::inventory::Inventory;
use crate::journal::Journal;
use crate::plan::{CompileOptions, Compiler, Plan};
use crate::report::Reporter;
use crate::source::{Diagnostic, Severity};
use crate::vars::Layer;

use super::exit::Exit;
use super::options::{Becoming, Connections, Inventories, Showing, Values};
use super::setup::{self, Project};
use super::{messages, reporters};

/// Options of `palisade playbook`, in the spelling of `ansible-playbook`.
#[derive(Args, Clone, Debug, Default)]
pub struct PlaybookArgs {
    /// Playbooks to run, in order
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    #[command(flatten)]
    pub who: Inventories,
    #[command(flatten)]
    pub values: Values,
    #[command(flatten)]
    pub connections: Connections,
    #[command(flatten)]
    pub becoming: Becoming,
    #[command(flatten)]
    pub showing: Showing,
    /// Only tasks with these tags
    #[arg(short, long)]
    pub tags: Vec<String>,
    /// Not tasks with these tags
    #[arg(long)]
    pub skip_tags: Vec<String>,
    /// Only say what would change
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show what changes in files
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// Run handlers even on hosts that fail
    #[arg(long)]
    pub force_handlers: bool,
    /// Forget facts of earlier runs; none are kept, so this does nothing
    #[arg(long)]
    pub flush_cache: bool,
    /// Begin at the task of this name
    #[arg(long, value_name = "NAME")]
    pub start_at_task: Option<String>,
    /// Ask before each task
    #[arg(long)]
    pub step: bool,
    /// List the hosts and end
    #[arg(long)]
    pub list_hosts: bool,
    /// List the tasks and end
    #[arg(long)]
    pub list_tasks: bool,
    /// List the tags and end
    #[arg(long)]
    pub list_tags: bool,
    /// Check the playbooks and end
    #[arg(long)]
    pub syntax_check: bool,
    /// Where Ansible would look for modules; palisade has its own
    #[arg(short = 'M', long, value_name = "PATH", hide = true)]
    pub module_path: Option<String>,
}

/// A project read and compiled, before any connection.
pub struct Compiled {
    pub project: Project,
    pub inventory: Inventory,
    pub plan: Plan,
    pub compiler: Arc<Compiler>,
    pub warnings: Vec<Diagnostic>,
}

/// Reads and compiles everything; every mistake that can be found is in the error.
pub fn compile(args: &PlaybookArgs) -> Result<Compiled, Vec<Diagnostic>> {
    let project = Project::new(&args.values)?;
    let (mut inventory, mut found) = project.inventory(&args.who);
    for playbook in &args.playbooks {
        let dir = playbook.parent().map(PathBuf::from).unwrap_or_default();
        found.extend(inventory.beside_playbook(&dir, &project.env()));
    }
    let options = CompileOptions {
        tags: args.tags.clone(),
        skip_tags: args.skip_tags.clone(),
        roles_path: roles_path(),
        extra_vars: Arc::clone(&project.extra),
        inventory_vars: Some(known_vars(&inventory, &args.playbooks)),
        keep_repeats: args.list_tasks,
        vault: project.vault.clone(),
        ..CompileOptions::default()
    };
    let compiler = Arc::new(Compiler::new(project.files.clone(), options));
    let (plan, more) = compiler.compile(&args.playbooks);
    found.extend(more);
    if found.iter().any(|d| d.severity == Severity::Error) {
        return Err(found);
    }
    Ok(Compiled {
        project,
        inventory,
        plan,
        compiler,
        warnings: found,
    })
}

fn roles_path() -> Vec<PathBuf> {
    match std::env::var_os("ANSIBLE_ROLES_PATH") {
        Some(list) => std::env::split_paths(&list).collect(),
        None => Vec::new(),
    }
}

/// Every name that the inventory defines for any host.
fn known_vars(inventory: &Inventory, playbooks: &[PathBuf]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for playbook in playbooks {
        let dir = playbook.parent().map(PathBuf::from).unwrap_or_default();
        for host in inventory.hosts() {
            for layer in inventory.layers(host.name.as_str(), Some(&dir)) {
                names.extend(layer.keys().cloned());
            }
        }
    }
    names
}

/// `palisade playbook`.
pub fn run(args: &PlaybookArgs) -> Exit {
    let compiled = match compile(args) {
        Ok(compiled) => compiled,
        Err(mistakes) => {
            messages::show(&mistakes);
            return Exit::Start;
        }
    };
    messages::show(&compiled.warnings);
    if args.syntax_check {
        return Exit::Fine;
    }
    let options = match options(args, &compiled.project) {
        Ok(options) => options,
        Err(mistake) => {
            messages::show(&[mistake]);
            return Exit::Start;
        }
    };
    let reporter = reporters::choose(&args.showing, &compiled.project.mask, args.diff);
    let prompts = Layer::default();
    exit(&carry_out(args, compiled, options, prompts, reporter))
}

pub fn options(args: &PlaybookArgs, project: &Project) -> Result<Options, Diagnostic> {
    Ok(Options {
        check: args.check,
        diff: args.diff,
        forks: args.connections.forks.max(1),
        wave: wave(),
        force_handlers: args.force_handlers,
        start_at: args.start_at_task.clone(),
        step: args.step,
        verbosity: args.showing.verbose,
        connection: setup::connection(&args.connections, &args.becoming, &project.mask)?,
        ..Options::default()
    })
}

/// A number nobody chose, for `order: shuffle`.
fn seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(1, |d| d.as_secs() ^ u64::from(d.subsec_nanos()))
}

/// `PALISADE_WAVE` sets how many tasks are asked about at once: 1 is one task at a time.
fn wave() -> usize {
    let given = std::env::var("PALISADE_WAVE")
        .ok()
        .and_then(|w| w.parse().ok());
    given
        .filter(|w| *w > 0)
        .unwrap_or(crate::engine::options::WAVE)
}

/// Runs a compiled project, with a reporter in a thread of its own.
pub fn carry_out(
    args: &PlaybookArgs,
    compiled: Compiled,
    options: Options,
    prompts: Layer,
    mut reporter: Box<dyn Reporter>,
) -> Summary {
    let Compiled {
        project,
        mut inventory,
        plan,
        compiler,
        ..
    } = compiled;
    let limit = match &args.who.limit {
        Some(limit) => match inventory.limit(limit, &project.env()) {
            Ok(selection) => {
                messages::show(&selection.warnings);
                let hosts: Vec<HostName> = selection
                    .hosts
                    .iter()
                    .map(|h| Arc::from(h.as_str()))
                    .collect();
                Some(hosts)
            }
            Err(mistake) => {
                return Summary {
                    mistakes: vec![mistake],
                    ..Summary::default()
                };
            }
        },
        None => None,
    };
    let journal = match options.check {
        true => Journal::none(),
        false => begin_journal(args),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => {
            let mistake = Diagnostic::bare(format!("cannot start: {e}"));
            return Summary {
                mistakes: vec![mistake],
                ..Summary::default()
            };
        }
    };
    let (events, mut inbox) = tokio::sync::mpsc::unbounded_channel::<Event>();
    let telling = std::thread::spawn(move || {
        while let Some(event) = inbox.blocking_recv() {
            reporter.event(&event);
        }
    });
    let stop = Arc::new(AtomicBool::new(false));
    let job = Job {
        plan,
        playbooks: args
            .playbooks
            .iter()
            .map(|p| p.display().to_string())
            .collect(),
        inventory,
        limit,
        limit_text: args.who.limit.clone(),
        templar: Arc::clone(&project.templar),
        compiler,
        dialer: Arc::new(setup::dialer(&args.connections)),
        files: project.files.clone(),
        extra: Arc::clone(&project.extra),
        prompts,
        options,
        mask: project.mask.clone(),
        journal,
        terminal: Arc::new(super::terminal::AtTerminal),
        seed: seed(),
        events,
    };
    let summary = runtime.block_on(async {
        let watching = tokio::spawn(watch(Arc::clone(&stop)));
        let summary = crate::engine::run(job, stop).await;
        watching.abort();
        summary
    });
    drop(runtime);
    let _ = telling.join();
    summary
}

/// The first Ctrl-C ends the run in order; the second ends it at once.
async fn watch(stop: Arc<AtomicBool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    loop {
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
        }
        if stop.swap(true, Ordering::Relaxed) {
            messages::say("stopped at once: what was under way has no verdict");
            super::leave(Exit::Interrupted);
        }
        messages::say("stopping: steps under way are finished first; again to stop at once");
    }
}

fn begin_journal(args: &PlaybookArgs) -> Journal {
    let Some(dir) = state_dir() else {
        return Journal::none();
    };
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = since.map_or(0, |d| d.as_nanos());
    let run = format!("{seconds}-{}", std::process::id());
    let playbooks: Vec<String> = args
        .playbooks
        .iter()
        .map(|p| p.display().to_string())
        .collect();
    let about = serde_json::json!({ "playbooks": playbooks });
    match Journal::begin(&dir.join("runs"), &run, &about) {
        Ok(journal) => journal,
        Err(e) => {
            messages::say(&format!(
                "warning: this run is not recorded: {}: {e}",
                dir.display()
            ));
            Journal::none()
        }
    }
}

/// `$XDG_STATE_HOME/palisade`, by default below `~/.local/state`.
fn state_dir() -> Option<PathBuf> {
    let base = match std::env::var_os("XDG_STATE_HOME") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        _ => std::env::home_dir()?.join(".local/state"),
    };
    Some(base.join("palisade"))
}

/// The exit code that a summary means.
pub fn exit(summary: &Summary) -> Exit {
    messages::show(&summary.mistakes);
    let any = |f: &dyn Fn(&crate::engine::event::Recap) -> bool| summary.recap.iter().any(f);
    if summary.stopped {
        Exit::Interrupted
    } else if summary.unknown || any(&|r| r.unreachable > 0) {
        Exit::Unreachable
    } else if any(&|r| r.failed > 0) {
        Exit::Failed
    } else if !summary.mistakes.is_empty() {
        Exit::Start
    } else {
        Exit::Fine
    }
}
