//! `palisade undo`: takes back what a run changed.
//!
//! It is a run itself: planned out of the journal, shown, made under the same guards, and recorded, so
//! that an undo can be undone.

mod play;
mod told;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use clap::Args;

use crate::hardening::control::id_of;
use crate::journal::contents;
use crate::journal::read::{Entry, Recorded};
use crate::journal::reverse::{self, Irreversible, Reverse};
use crate::source::{Code, Diagnostic};

use super::exit::Exit;
use super::face::Face;
use super::left::{Seen, Watcher};
use super::options::Common;
use super::playbook::{self, PlaybookArgs};
use super::resume::Resuming;
use super::run::{self, CONTENTS, RUNS, Running};
use super::terminal::AtTerminal;
use super::{messages, recorded, reporters};

const EXAMPLES: &str = "\
Examples:
  palisade undo                        take back the last run that changed something
  palisade undo --check                only show what that would change
  palisade undo 20261121-2011 --host web3
  palisade undo --only sshd_ciphers    one control of a harden, one task, or one path

Only what is still as the run left it is put back; the rest is left alone and listed (exit code 6).
What the run was called with (inventory, user, key) is taken from its record unless it is given.";

/// Options of `palisade undo`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct UndoArgs {
    /// The run, or the beginning of its name; without one, the last that changed something
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// Only on these hosts
    #[arg(long, value_name = "PATTERN")]
    host: Option<String>,
    /// Only this task, control or path, and what is below it; `*` stands for anything; may be repeated
    #[arg(long, value_name = "TASK|PATH")]
    only: Vec<String>,
    /// Only show what would change
    #[arg(short = 'C', long)]
    check: bool,
    /// The undo that this one goes on with.
    #[arg(skip)]
    resumes: Option<Arc<Resuming>>,
    /// Who logs in was said on the command line.
    #[arg(skip)]
    has_user: bool,
    /// What changes is always shown, so this does nothing
    #[arg(short = 'D', long, hide = true)]
    diff: bool,
    #[command(flatten)]
    pub common: Common,
}

impl UndoArgs {
    /// Takes back the same run again, in going on with an undo that did not come to its end.
    pub fn goes_on(&mut self, run: &str, check: bool, resumes: Arc<Resuming>) {
        self.run = Some(run.to_owned());
        self.check |= check;
        self.resumes = Some(resumes);
    }
}

pub fn run(args: &mut UndoArgs) -> Exit {
    let wrong = |mistakes: &[Diagnostic]| {
        messages::show(mistakes);
        Exit::Start
    };
    let Some(dir) = run::state_dir() else {
        return wrong(&[Diagnostic::bare(
            "there is no home, and so no record of runs",
        )]);
    };
    let recorded = match find(&dir.join(RUNS), args.run.as_deref()) {
        Ok(recorded) => recorded,
        Err(mistake) => return wrong(&[mistake]),
    };
    args.has_user = args.common.connections.user.is_some();
    let (who, values) = (&mut args.common.who, &mut args.common.values);
    recorded::fill(&recorded.about, who, values, &mut args.common.connections);
    if args.host.is_some() {
        args.common.who.limit.clone_from(&args.host);
    }
    if let Some(exit) = super::fill_all(args) {
        return exit;
    }
    match take_back(args, &dir.join(CONTENTS), &recorded) {
        Ok(exit) => exit,
        Err(mistakes) => wrong(&mistakes),
    }
}

/// The run of this name, or the last that changed something.
fn find(dir: &Path, name: Option<&str>) -> Result<Recorded, Diagnostic> {
    match name {
        Some(name) => recorded::named(dir, name),
        None => {
            recorded::last(dir, |recorded| reverse::changed(&recorded.entries)).ok_or_else(|| {
                Diagnostic::bare("no run that changed something is recorded").code(Code::NoSuchRun)
            })
        }
    }
}

/// Whether a step is one that these patterns name.
fn is_named(entry: &Entry, only: &[String]) -> bool {
    let control = control_of(&entry.place).unwrap_or_default();
    let area = control.split('_').next().unwrap_or_default();
    let bare = entry.on.rsplit(' ').next().unwrap_or_default();
    let names = [&*entry.task, &*entry.on, &*control, area, bare];
    only.iter().any(|pattern| {
        let below = entry.on.strip_prefix(pattern.trim_end_matches('/'));
        pattern.starts_with('/') && below.is_some_and(|b| b.starts_with('/'))
            || names.iter().any(|n| !n.is_empty() && matches(pattern, n))
    })
}

/// The control that a task stands in, by its file.
fn control_of(place: &str) -> Option<String> {
    let end = place.find(".yml:")?;
    let path = Path::new(&place[..end + 4]);
    path.components()
        .any(|c| c.as_os_str() == "modules")
        .then(|| id_of(path))?
}

/// `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// What there is to take back.
fn plan(args: &UndoArgs, kept: &Path, recorded: &Recorded) -> Result<Reverse, Diagnostic> {
    let wanted = |entry: &Entry| args.only.is_empty() || is_named(entry, &args.only);
    if !recorded.entries.iter().any(wanted) {
        let text = format!("nothing in the run {} is called that", recorded.run);
        return Err(Diagnostic::bare(text));
    }
    let has = |digest: &_| contents::has(kept, digest);
    Ok(reverse::reverse(&recorded.entries, &wanted, &has))
}

fn take_back(args: &UndoArgs, kept: &Path, recorded: &Recorded) -> Result<Exit, Vec<Diagnostic>> {
    let mut reverse = plan(args, kept, recorded).map_err(|d| vec![d])?;
    let run = &recorded.run;
    let playbook = recorded::playbook(&recorded.about);
    let entries = recorded.entries.iter();
    let places: BTreeMap<u64, String> = entries.map(|e| (e.number, e.place.clone())).collect();
    let title = format!("undo of {run} ({})", recorded::of(&recorded.about));
    let with = play::With {
        places: &places,
        name: &title,
        contents: &kept.display().to_string(),
        has_user: args.has_user,
    };
    let built = play::build(&reverse, &with);
    let playbook = PlaybookArgs {
        playbooks: vec![playbook],
        built: Some(Arc::new(built)),
        undoes: Some(run.clone()),
        resumes: args.resumes.clone(),
        check: args.check,
        diff: true,
        common: args.common.clone(),
        ..PlaybookArgs::default()
    };
    let mut compiled = playbook::compile(&playbook)?;
    messages::tell(&compiled.warnings, args.common.showing.json);
    let dir = playbook.playbooks[0].parent().unwrap_or(Path::new(""));
    for play in &mut compiled.plan.plays {
        if let Some(play) = Arc::get_mut(play) {
            play.dir = dir.to_path_buf();
        }
    }
    let limit = run::limit(&mut compiled, &playbook).map_err(|d| vec![d])?;
    if let Some(limit) = &limit {
        let within = |i: &Irreversible| limit.iter().any(|h| **h == *i.host);
        reverse.irreversible.retain(within);
    }
    let plain = !args.common.showing.json;
    if plain {
        messages::print(&told::irreversible(&reverse.irreversible));
    }
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let mut exit = Exit::Fine;
    if reverse.reversals.is_empty() {
        messages::say("there is nothing to put back");
        if !reverse.irreversible.is_empty() {
            exit = Exit::Stale;
        }
    } else {
        let mut options = playbook::options(&playbook, &compiled.project).map_err(|d| vec![d])?;
        options.goes_on = true;
        let mask = compiled.project.mask.clone();
        let inner = reporters::playbook(&playbook, Face::Palisade, &compiled.plan, &mask);
        let reporter = Box::new(Watcher {
            inner,
            seen: Arc::clone(&seen),
        });
        let ended = run::carry_out(Running {
            args: &playbook,
            compiled,
            limit,
            options,
            prompts: crate::vars::Layer::default(),
            reporter,
            terminal: AtTerminal::default(),
        });
        exit = Face::Palisade.exit(&ended, false);
    }
    let Ok(seen) = seen.lock() else {
        return Ok(Exit::Internal);
    };
    match plain {
        true => messages::print(&told::left(&seen.left)),
        false => messages::print(&told::json(run, &seen, &reverse.irreversible)),
    }
    Ok(match exit {
        Exit::Fine if !seen.failed.is_empty() => Exit::Failed,
        Exit::Fine if !seen.left.is_empty() => Exit::Stale,
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_tasks_controls_and_what_is_below_a_path() {
        assert!(matches("sshd_*", "sshd_ciphers") && matches("*", "") && matches("a*c", "abc"));
        assert!(!matches("sshd", "sshd_ciphers") && !matches("a*c", "ab"));
        let control = control_of("modules/sshd/ciphers.yml:20:5");
        assert_eq!(control.as_deref(), Some("sshd_ciphers"));
        assert_eq!(control_of("site.yml:3:5"), None);
    }
}
