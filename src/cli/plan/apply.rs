//! `palisade apply`: does what a saved plan holds, on every host that is still as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::Args;
use serde_json::json;

use super::{keys, play, seal, without};
use crate::cli::exit::Exit;
use crate::cli::face::Face;
use crate::cli::left::{Left, Seen, Watcher, list};
use crate::cli::options::Common;
use crate::cli::playbook::{self, Compiled, PlaybookArgs};
use crate::cli::resume::{self, Resuming};
use crate::cli::run::{self, Ended, Running};
use crate::cli::terminal::AtTerminal;
use crate::cli::{fill_all, messages, outputs, recorded, reporters, setup};
use crate::engine::event::Recap;
use crate::inventory::fold;
use crate::journal::ahead::{self, Saved, Sealing, Step, Unreadable};
use crate::journal::pending::unwell;
use crate::source::files::plain;
use crate::source::{Code, Diagnostic, Mask, suggest};

const EXAMPLES: &str = "\
Examples:
  palisade apply plan.json                       what the plan says, on every host that is as it was
  palisade apply plan.json -l 'web[01:05]'       on some of its hosts
  palisade apply plan.json --check               look which hosts are as they were
  palisade apply plan.json --vault-password-file ~/.vault   where it holds secrets
  palisade apply plan.json --identity key.txt    where they are sealed for a key of age or SSH

A host on which anything is no longer as it was when the plan was made is left alone entirely, and listed
with what differs (exit code 6). Whatever the plan was made with (inventory, user, key) is taken from it
unless it is given.";

/// Files of a folder that are looked at for one with a similar name.
const MOST_BESIDE: usize = 1000;

/// Options of `palisade apply`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct ApplyArgs {
    /// The file that `palisade plan --out` wrote
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Only look which hosts are as they were, and change nothing
    #[arg(short = 'C', long)]
    check: bool,
    /// Show what changes
    #[arg(short = 'D', long)]
    diff: bool,
    #[command(flatten)]
    opened_by: keys::By,
    /// The apply that this one goes on with.
    #[arg(skip)]
    resumes: Option<Arc<Resuming>>,
    #[command(flatten)]
    pub common: Common,
}

impl ApplyArgs {
    /// Goes on with an apply that did not come to its end.
    pub fn goes_on(&mut self, (check, diff): (bool, bool), resumes: Arc<Resuming>) {
        self.check |= check;
        self.diff |= diff;
        self.resumes = Some(resumes);
    }
}

/// Reads a plan; the mistake says what to do.
pub(in crate::cli) fn read(path: &Path) -> Result<(Saved, String), Diagnostic> {
    ahead::read(path).map_err(|error| {
        let shown = path.display();
        let said = match &error {
            Unreadable::Io(_, e) => format!("cannot read the plan {shown}: {}", plain(e)),
            other => other.to_string(),
        };
        let said = Diagnostic::bare(said).code(match error {
            Unreadable::Version(..) => Code::PlanVersion,
            Unreadable::Io(..) => Code::Unreadable,
            _ => Code::PlanUnreadable,
        });
        match (&error, error.hint()) {
            (Unreadable::Io(_, e), _) if e.kind() == ErrorKind::NotFound => {
                said.hint(match beside(path) {
                    Some(other) => format!("did you mean {}?", other.display()),
                    None => format!("`palisade plan site.yml --out {shown}` makes it"),
                })
            }
            (_, Some(hint)) => said.hint(hint),
            (_, None) => said,
        }
    })
}

/// A file beside it with a similar name.
fn beside(path: &Path) -> Option<PathBuf> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let all = std::fs::read_dir(dir).ok()?.take(MOST_BESIDE).flatten();
    let all = all.filter(|e| e.path().is_file());
    let names: Vec<String> = all
        .map(|e| e.file_name().to_string_lossy().into())
        .collect();
    let name = path.file_name()?.to_string_lossy();
    let other = suggest::nearest(&name, names.iter().map(String::as_str))?;
    Some(path.with_file_name(other))
}

/// `palisade apply`.
pub fn apply(args: &mut ApplyArgs) -> Exit {
    begin(args).unwrap_or_else(|mistakes| {
        messages::show(&mistakes);
        Exit::Start
    })
}

fn begin(args: &mut ApplyArgs) -> Result<Exit, Vec<Diagnostic>> {
    let one = |mistake: Diagnostic| vec![mistake];
    let (saved, id) = read(&args.plan).map_err(one)?;
    if let Some(resuming) = &args.resumes
        && recorded::word(&resuming.about, "applies") != id
    {
        let shown = args.plan.display();
        let text = format!(
            "{shown} is another plan than the run {} applied",
            resuming.run
        );
        let hint = format!("`palisade undo {}` takes back what that did", resuming.run);
        return Err(one(Diagnostic::bare(text).hint(hint)));
    }
    let identities = args.opened_by.identities(saved.sealing.as_ref());
    let identities = identities.map_err(one)?;
    let has_user = args.common.connections.user.is_some();
    let (who, values) = (&mut args.common.who, &mut args.common.values);
    let names_vaults = !values.vault_password_file.is_empty();
    recorded::fill(&saved.about, who, values, &mut args.common.connections);
    if !names_vaults && matches!(saved.sealing, Some(Sealing::Age { .. })) {
        // Whoever applies a plan by a key need not have the passwords of whoever made it.
        values.vault_password_file.retain(|path| path.exists());
    }
    if let Some(exit) = fill_all(args) {
        return Ok(exit);
    }
    // A password is asked for once, and needed for the plan and for the inventory.
    let keyring = setup::keyring(&args.common.values, &Mask::default()).map_err(one)?;
    args.common.values.keyring = Some(keyring.clone());
    let keys = seal::Keys {
        keyring: &keyring,
        identities: &identities,
    };
    carry_out(args, &saved, &id, keys, has_user)
}

fn args_of(args: &ApplyArgs, saved: &Saved, id: &str) -> PlaybookArgs {
    PlaybookArgs {
        playbooks: vec![recorded::playbook(&saved.about)],
        applies: Some((args.plan.clone(), id.to_owned())),
        check: args.check,
        diff: args.diff,
        resumes: args.resumes.clone(),
        common: args.common.clone(),
        ..PlaybookArgs::default()
    }
}

fn carry_out(
    args: &ApplyArgs,
    saved: &Saved,
    id: &str,
    keys: seal::Keys<'_>,
    has_user: bool,
) -> Result<Exit, Vec<Diagnostic>> {
    let hosts = play::hosts(saved);
    let done = done(saved, id);
    let with = play::With {
        keys,
        hosts: &hosts,
        done: &done,
        has_user,
        goes_on: args.resumes.is_some(),
    };
    let built = play::build(saved, &with).map_err(|d| vec![d])?;
    let is_empty = built.playbook.as_seq().is_none_or(<[_]>::is_empty);
    let mut playbook = args_of(args, saved, id);
    playbook.built = Some(Arc::new(built));
    let mut compiled = playbook::compile(&playbook)?;
    // A host that is in the plan and in no inventory is listed with those that are left alone.
    let mine = |d: &Diagnostic| {
        d.span
            .as_ref()
            .is_some_and(|s| s.path() == Path::new("plan"))
    };
    compiled.warnings.retain(|d| !mine(d));
    messages::tell(&compiled.warnings, args.common.showing.json);
    let dir = playbook.playbooks[0].parent().unwrap_or(Path::new(""));
    for play in &mut compiled.plan.plays {
        if let Some(play) = Arc::get_mut(play) {
            play.dir = dir.to_path_buf();
        }
    }
    let gone = gone(&hosts, &compiled);
    let limit = run::limit(&mut compiled, &playbook).map_err(|d| vec![d])?;
    let is_in = |host: &String| {
        limit
            .as_ref()
            .is_none_or(|l| l.iter().any(|h| **h == **host))
    };
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let mut exit = Exit::Fine;
    let mut ended = None;
    if !is_empty {
        let options = playbook::options(&playbook, &compiled.project).map_err(|d| vec![d])?;
        let mask = compiled.project.mask.clone();
        let inner = reporters::playbook(&playbook, Face::Palisade, &compiled.plan, &mask);
        let reporter = Box::new(Watcher {
            inner,
            seen: Arc::clone(&seen),
        });
        let run = run::carry_out(Running {
            args: &playbook,
            compiled,
            limit: limit.clone(),
            options,
            prompts: crate::vars::Layer::default(),
            reporter,
            terminal: AtTerminal::default(),
        });
        exit = Face::Palisade.exit(&run, false);
        if !args.check {
            keep(saved, id, &run);
        }
        ended = Some(run);
    }
    let Ok(mut seen) = seen.lock() else {
        return Ok(Exit::Internal);
    };
    seen.nothing.extend(done.into_iter().filter(&is_in));
    seen.left
        .extend(gone.into_iter().filter(|l| is_in(&l.host)));
    if !args.check
        && let Some(run) = half_way(id, &seen)
    {
        messages::say(&format!(
            "warning: an apply of this plan did not come to its end: `palisade resume {run}` goes on with it"
        ));
    }
    match args.common.showing.json {
        false => messages::print(&told(saved, &seen, is_empty)),
        true => messages::print(&json(id, saved, &seen)),
    }
    Ok(judged(exit, &seen, ended.as_ref()))
}

/// The last apply of the plan that did not come to its end on a host that is left alone now.
fn half_way(id: &str, seen: &Seen) -> Option<String> {
    let left = |host: &String| seen.left.iter().any(|l| l.host == *host);
    let runs = run::state_dir().filter(|_| !seen.left.is_empty())?;
    let mut later = resume::Later::default();
    recorded::readable(&runs.join(run::RUNS)).find_map(|recorded| {
        let is_mine = recorded::word(&recorded.about, "applies") == id;
        let is_open = is_mine && resume::is_unfinished(&recorded) && !later.is_over(&recorded);
        later.note(&recorded);
        (is_open && unwell(&recorded).iter().any(left)).then_some(recorded.run)
    })
}

/// Hosts of the plan that the inventory does not know any more.
fn gone(hosts: &BTreeSet<String>, compiled: &Compiled) -> Vec<Left> {
    let known = compiled.inventory.hosts();
    let is_there = |h: &&String| known.iter().any(|k| k.name.as_str() == h.as_str());
    let gone = hosts.iter().filter(|h| !is_there(h) && *h != "localhost");
    gone.map(|host| Left {
        host: host.clone(),
        task: play::LOOK.into(),
        on: "inventory".into(),
        why: "it is not in the inventory any more".into(),
        place: String::new(),
    })
    .collect()
}

/// Hosts for which the plan has nothing but commands: there are no two ends that could be looked at.
fn opaque(saved: &Saved) -> BTreeSet<&String> {
    let is_command = |s: &&Step| s.on == "command";
    let all = saved.steps.iter().filter(is_command).flat_map(|s| &s.hosts);
    let mut opaque: BTreeSet<&String> = all.collect();
    let telling = saved.steps.iter().filter(|s| s.on != "command");
    for host in telling.flat_map(|s| &s.hosts) {
        opaque.remove(host);
    }
    opaque
}

/// Where it is kept on which of these hosts a plan was carried out.
fn kept(id: &str) -> Option<PathBuf> {
    Some(run::state_dir()?.join("plans").join(format!("{id}.json")))
}

/// Those of them on which it was carried out to its end before.
fn done(saved: &Saved, id: &str) -> BTreeSet<String> {
    let opaque = opaque(saved);
    let text = kept(id).filter(|_| !opaque.is_empty());
    let text = text.and_then(|path| std::fs::read_to_string(path).ok());
    let hosts = text.and_then(|text| serde_json::from_str::<BTreeSet<String>>(&text).ok());
    let mut hosts = hosts.unwrap_or_default();
    hosts.retain(|host| opaque.contains(host));
    hosts
}

/// Keeps on which of them it was carried out to its end now.
fn keep(saved: &Saved, id: &str, ended: &Ended) {
    let opaque = opaque(saved);
    let well = |r: &&Recap| r.failed + r.unreachable + r.unseen == 0 && opaque.contains(&r.host);
    let now = ended.summary.recap.iter().filter(well);
    let mut hosts: BTreeSet<String> = now.map(|r| r.host.clone()).collect();
    if hosts.is_empty() || ended.summary.stopped || ended.summary.halted {
        return;
    }
    hosts.extend(done(saved, id));
    let (Some(path), Ok(text)) = (kept(id), serde_json::to_string(&hosts)) else {
        return;
    };
    let dir = path.parent().unwrap_or(Path::new(""));
    let written = std::fs::create_dir_all(dir).and_then(|()| outputs::write(&path, &text));
    if let Err(error) = written {
        let shown = path.display();
        let text = format!("warning: a second apply will run commands again: {shown}: {error}");
        messages::say(&text);
    }
}

/// The exit code: a host that was left alone is stale, unless something worse happened.
fn judged(exit: Exit, seen: &Seen, ended: Option<&Ended>) -> Exit {
    let others = ended.is_some_and(|e| {
        let failed = e.summary.recap.iter().filter(|r| r.failed > 0);
        let left = |host: &String| seen.left.iter().any(|l| l.host == *host);
        failed
            .clone()
            .any(|r| seen.broken.contains(&r.host) || !left(&r.host))
    });
    match exit {
        Exit::Fine | Exit::Failed | Exit::Unreachable
            if ended.is_some_and(|e| e.summary.halted) =>
        {
            Exit::Halted
        }
        Exit::Fine | Exit::Failed if others => Exit::Failed,
        Exit::Fine | Exit::Failed if !seen.left.is_empty() => Exit::Stale,
        other => other,
    }
}

fn told(saved: &Saved, seen: &Seen, is_empty: bool) -> String {
    let mut lines: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for one in &seen.left {
        let task = match one.task.as_str() {
            play::LOOK => String::new(),
            task => format!(", {task}"),
        };
        let line = format!("{}{task}: {}", one.on, one.why);
        lines.entry(line).or_default().push(&one.host);
    }
    let mut out = list(
        &format!(
            "left alone, because it is not as it was when the plan was made [{}]:",
            Code::NotAsItWas
        ),
        lines,
    );
    let mut lines: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for one in &saved.unknown {
        let line = format!("{}: {}", one.address, one.why);
        let hosts = one.hosts.iter().map(String::as_str);
        lines.entry(line).or_default().extend(hosts);
    }
    let heading = "not in the plan, because it was unknown: plan again";
    out.push_str(&list(heading, lines));
    if !seen.nothing.is_empty() {
        let names: Vec<&str> = seen.nothing.iter().map(String::as_str).collect();
        let line = format!(
            "nothing to do, it is as the plan leaves it: {}\n",
            fold::fold(&names)
        );
        out.push_str(&line);
    } else if is_empty {
        out.push_str("the plan has nothing to do\n");
    }
    let without = without(saved);
    if !without.is_empty() {
        let names: Vec<&str> = without.iter().map(String::as_str).collect();
        out.push_str(&format!("without a plan: {}\n", fold::fold(&names)));
    }
    out
}

/// The same as a line of JSON.
fn json(id: &str, saved: &Saved, seen: &Seen) -> String {
    let left = seen
        .left
        .iter()
        .map(|l| json!({ "host": l.host, "task": l.task, "on": l.on, "why": l.why }));
    let value = json!({
        "event": "apply", "plan": id, "left_alone": left.collect::<Vec<_>>(),
        "nothing_to_do": seen.nothing, "unknown": saved.unknown, "without_plan": without(saved),
    });
    format!(
        "{}\n",
        crate::source::escape::escape_json(&value.to_string())
    )
}
