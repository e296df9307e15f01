//! `palisade plan` and `palisade apply`: what a run would do, kept in a file, and done later.
//!
//! Planning is a run in check mode whose decided steps are gathered. Applying is a run of a play that is
//! made of them: each host is looked at first, and changed only where it is as it was.

mod apply;
mod gather;
mod keys;
mod play;
pub mod schema;
mod seal;
pub mod shown;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::Args;
use serde_json::Value as Json;

use crate::journal::ahead::{PlayOf, Saved, Standing, VERSION};
use crate::plan::list;
use crate::report::footer::Footer;
use crate::source::files::plain;
use crate::source::{Diagnostic, Mask, Node};
use crate::vars::{Layer, Scope, SearchPath};

use super::exit::Exit;
use super::face::Face;
use super::playbook::{self, Compiled, PlaybookArgs};
use super::run::{self, Ended, Running};
use super::terminal::AtTerminal;
use super::{messages, outputs, prompts, recorded, reporters};

pub(super) use apply::read;
pub use apply::{ApplyArgs, apply};
use gather::{Gathered, Gatherer};
use seal::{Sealer, Secrets};

const EXAMPLES: &str = "\
Examples:
  palisade plan site.yml -i inventory.yml                   show what a run would do
  palisade plan site.yml -i inventory.yml --out plan.json   and keep it
  palisade show plan.json                                   look at it again
  palisade apply plan.json                                  do exactly that, and nothing else
  palisade plan site.yml -i hosts --detailed-exitcode       0 nothing, 1 error, 2 changes
  palisade plan site.yml -i hosts --out plan.json --recipient age1…   secrets for a key of age

The file is its owner's alone. What is secret in it (no_log, vaults, passwords) is sealed for the
recipients that are given, else with the first vault password. `palisade schema plan` describes it.";

/// Options of `palisade plan`: those of `palisade playbook`, and what becomes of the plan.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct PlanArgs {
    /// Keep the plan in this file, for `palisade apply`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit with 0 where nothing would change, 1 after any error, 2 where something would change
    #[arg(long)]
    detailed_exitcode: bool,
    /// Leave tasks that hold secrets out of the file where nothing is given to seal them
    #[arg(long)]
    leave_out_secrets: bool,
    #[command(flatten)]
    sealed_for: keys::For,
    #[command(flatten)]
    pub playbook: PlaybookArgs,
}

/// `palisade plan`.
pub fn run(args: &PlanArgs) -> Exit {
    let exit = match plan(args) {
        Ok(exit) => exit,
        Err(mistakes) => {
            messages::tell(&mistakes, args.playbook.common.showing.json);
            Exit::Start
        }
    };
    match exit {
        // 2 is for changes alone then.
        Exit::Failed | Exit::Unreachable if args.detailed_exitcode => Exit::Start,
        Exit::Findings if args.detailed_exitcode => Exit::Failed,
        Exit::Findings => Exit::Fine,
        other => other,
    }
}

fn plan(args: &PlanArgs) -> Result<Exit, Vec<Diagnostic>> {
    let one = |d: Diagnostic| vec![d];
    let mut playbook = args.playbook.clone();
    playbook.check = true;
    playbook.diff = true;
    let missing = playbook::unreadable(&playbook);
    if !missing.is_empty() {
        return Err(missing);
    }
    if let Some(out) = &args.out {
        writable(out).map_err(one)?;
    }
    let recipients = match args.out {
        Some(_) => args.sealed_for.recipients().map_err(one)?,
        None => Vec::new(),
    };
    let mut compiled = playbook::compile(&playbook)?;
    messages::tell(&compiled.warnings, playbook.common.showing.json);
    if compiled.inventory.hosts().is_empty() && playbook.common.who.inventory.is_empty() {
        messages::say("warning: there is no inventory; name one with -i (only localhost is known)");
    }
    let limit = run::limit(&mut compiled, &playbook).map_err(one)?;
    let mut options = playbook::options(&playbook, &compiled.project).map_err(one)?;
    options.plans = true;
    let asked = prompts::ask(&compiled).map_err(one)?;
    let (vault, mask) = (
        compiled.project.vault.clone(),
        compiled.project.mask.clone(),
    );
    let settings: Vec<PlayOf> = compiled
        .plan
        .plays
        .iter()
        .map(|p| of_play(p, &compiled))
        .collect();
    let gathered = Arc::new(Mutex::new(Gathered::default()));
    let reporter = Box::new(gatherer(&playbook, &compiled, &gathered, &mask));
    let ended = run::carry_out(Running {
        args: &playbook,
        compiled,
        limit,
        options,
        prompts: asked,
        reporter,
        terminal: AtTerminal::default(),
    });
    let Ok(mut gathered) = gathered.lock() else {
        return Ok(Exit::Internal);
    };
    if gathered.stopped || !ended.summary.mistakes.is_empty() {
        messages::say("there is no plan: the run that makes it did not come to its end");
        return Ok(Face::Palisade.exit(&ended, false));
    }
    let mut saved = of_run(&playbook, &gathered, settings);
    let drafts = gathered.steps();
    let secrets = match (args.leave_out_secrets, &args.out) {
        (false, Some(_)) => Secrets::Refuse,
        _ => Secrets::LeaveOut,
    };
    let keeps = args.out.is_some();
    let hidden: Vec<_> = drafts
        .iter()
        .filter(|d| d.secret && !keeps)
        .map(|d| d.step.clone())
        .collect();
    match keeps {
        true => {
            let sealer = Sealer::of(&recipients, &vault);
            seal::fill(&mut saved, drafts, sealer, secrets).map_err(one)?;
        }
        // What is only shown needs no seal.
        false => saved.steps = drafts.into_iter().map(|d| d.step).collect(),
    }
    for step in &mut saved.steps {
        if hidden.contains(step) {
            (step.change, step.run) = (None, None);
            step.environment.clear();
        }
    }
    show(args, &saved, &mask);
    if let Some(out) = &args.out {
        let (text, _) = saved.text();
        outputs::write(out, &text).map_err(|e| {
            let text = format!("the plan {} was not written: {e}", out.display());
            one(Diagnostic::bare(text))
        })?;
        if !playbook.common.showing.json {
            messages::say(&format!(
                "kept in {0}: `palisade apply {0}` does it",
                out.display()
            ));
        }
    }
    Ok(exit(&saved, &ended))
}

/// Whether anything would be done, where all went well.
fn exit(saved: &Saved, ended: &Ended) -> Exit {
    match Face::Palisade.exit(ended, false) {
        Exit::Fine if !saved.steps.is_empty() || !saved.unknown.is_empty() => Exit::Findings,
        other => other,
    }
}

/// A plan takes minutes to make: where it cannot be written is said before.
fn writable(out: &Path) -> Result<(), Diagnostic> {
    let shown = out.display();
    let cannot = |why: String| Diagnostic::bare(format!("cannot write the plan {shown}: {why}"));
    let there = out.metadata();
    match &there {
        Ok(meta) if meta.is_dir() => return Err(cannot("it is a folder".into())),
        Ok(meta) if meta.is_file() && meta.len() > 0 && !is_plan(out) => {
            let hint = "name another file, or remove this one";
            return Err(cannot("another file stands there, which is no plan".into()).hint(hint));
        }
        // What is no regular file is written to as it is.
        Ok(meta) if !meta.is_file() => return Ok(()),
        _ => {}
    }
    let dir = match out.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    if !dir.is_dir() {
        return Err(cannot(format!("there is no folder {}", dir.display())));
    }
    tempfile::NamedTempFile::new_in(dir).map_err(|e| {
        // The error names a file that nobody asked for.
        let why = e
            .raw_os_error()
            .map_or(e, std::io::Error::from_raw_os_error);
        cannot(format!(
            "no file can be made in {}: {}",
            dir.display(),
            plain(&why)
        ))
    })?;
    Ok(())
}

/// Whether a plan would be replaced by another one.
fn is_plan(path: &Path) -> bool {
    let mut head = [0; 64];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut head));
    read.is_ok_and(|n| crate::journal::ahead::begins(&head[..n]))
}

fn gatherer(
    args: &PlaybookArgs,
    compiled: &Compiled,
    gathered: &Arc<Mutex<Gathered>>,
    mask: &Mask,
) -> Gatherer {
    let detail = reporters::detail(&args.common.showing, true);
    let tasks = list::plays(&compiled.plan)
        .iter()
        .map(|p| p.tasks.len())
        .collect();
    let draws = reporters::draws(&args.common.showing);
    Gatherer {
        footer: Footer::new(args.common.showing.progress, draws, detail.ascii, tasks),
        notices: reporters::notices(&args.common.showing, Face::Palisade, mask),
        mask: mask.clone(),
        gathered: Arc::clone(gathered),
    }
}

fn of_run(args: &PlaybookArgs, gathered: &Gathered, mut plays: Vec<PlayOf>) -> Saved {
    for (play, name) in plays.iter_mut().zip(gathered.plays()) {
        play.name.clone_from(name);
    }
    Saved {
        version: VERSION,
        palisade: env!("CARGO_PKG_VERSION").into(),
        made: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        about: recorded::called(args),
        plays,
        hosts: gathered.hosts(),
        unknown: gathered.unknown(),
        ..Saved::default()
    }
}

/// What a play says of batches and of failures.
fn of_play(play: &crate::plan::Play, compiled: &Compiled) -> PlayOf {
    let layers: Vec<Layer> = vec![Arc::clone(&compiled.project.extra), Arc::clone(&play.vars)];
    let outer = prompts::scope(compiled);
    let scope = Scope::new(layers, outer.hosts.clone(), Arc::new(SearchPath::default()));
    let value = |node: &Option<Node>| {
        let value = compiled
            .project
            .templar
            .value(node.as_ref()?, &scope)
            .ok()?;
        serde_json::to_value(&value)
            .ok()
            .filter(|v| *v != Json::Null)
    };
    PlayOf {
        name: String::new(),
        serial: value(&play.serial),
        max_fail_percentage: value(&play.max_fail_percentage),
        any_errors_fatal: value(&play.any_errors_fatal),
    }
}

fn show(args: &PlanArgs, saved: &Saved, mask: &Mask) {
    let showing = &args.playbook.common.showing;
    let detail = reporters::detail(showing, true);
    let text = match showing.json {
        true => shown::json(saved),
        false => mask.apply(&shown::human(saved, &detail)).into_owned(),
    };
    messages::print(&text);
}

/// Hosts without a plan, said where a plan is used.
fn without(saved: &Saved) -> Vec<String> {
    let lost = saved.hosts.iter().filter(|h| h.state != Standing::Planned);
    lost.map(|h| h.name.clone()).collect()
}
