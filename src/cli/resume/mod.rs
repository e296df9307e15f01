//! `palisade resume`: goes on with a run that was killed, stopped, or lost hosts.
//!
//! The same words are run again, in the same directory, for the hosts that did not end well. What such a
//! run does not know by asking hosts it knows from the journal: which handlers are pending, and which
//! commands came to their end.

mod later;
mod told;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::engine::Resumed;
use crate::engine::options::GUARD;
use crate::inventory::fold::fold;
use crate::journal::find;
use crate::journal::pending::{Pending, known, pending, unwell};
use crate::journal::read::{Entry, Outcome, Recorded};
use crate::source::{Code, Diagnostic};

use crate::cli::exit::Exit;
use crate::cli::face::Face;
use crate::cli::options::{Becoming, Common, Connections, Guard, Guarding, Showing, Values};
use crate::cli::playbook::{self, Compiled, PlaybookArgs};
use crate::cli::recorded::{self, word};
use crate::cli::run::{self, CONTENTS, RUNS};
use crate::cli::setup::Project;
use crate::cli::{Verb, audit, fill_all, messages, plan, undo, words};

use later::resumed_by;
use told::told;

pub use later::{Later, is_unfinished};
pub use told::{carried, lines};

const EXAMPLES: &str = "\
Examples:
  palisade resume                      go on with the last run that did not come to its end
  palisade resume --check              only show what that would do
  palisade resume 20261121-2011 --host 'web*'
  palisade resume -e version=1.2.3     values given with -e are not recorded: give them again

Hosts that ended well are left out. Tasks are asked about again; handlers that were pending run; a command
that had ended is not run again, and its result is what it was. One of which nobody knows whether it ended
fails, unless --repeat says that it may run twice.";

/// Options of `palisade resume`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct ResumeArgs {
    /// The run, or the beginning of its name; without one, the last that did not come to its end
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// Only on these hosts
    #[arg(long, short = 'l', visible_alias = "limit", value_name = "PATTERN")]
    host: Option<String>,
    /// Also on hosts that ended well, where tasks need what is known of them
    #[arg(long)]
    all: bool,
    /// Run commands again of which nobody knows whether they came to their end
    #[arg(long)]
    repeat: bool,
    /// Go on although the playbook has changed since; no command's result is taken from the run then
    #[arg(long)]
    changed_ok: bool,
    /// Only show what would change
    #[arg(short = 'C', long)]
    check: bool,
    /// Show what changes in files
    #[arg(short = 'D', long)]
    diff: bool,
    #[command(flatten)]
    values: Values,
    #[command(flatten)]
    connections: Connections,
    #[command(flatten)]
    becoming: Becoming,
    #[command(flatten)]
    guarding: Guarding,
    #[command(flatten)]
    showing: Showing,
}

/// What a run knows of the one that it goes on with.
#[derive(Debug)]
pub struct Resuming {
    pub run: String,
    /// What its record says of how it was called.
    pub about: Value,
    /// The hosts that did not end well, and whether the others take part too.
    pub hosts: BTreeSet<String>,
    pub all: bool,
    /// Nothing of what it knew is taken over.
    pub afresh: bool,
    pub resumed: Arc<Resumed>,
    /// All that is pending, on whatever host.
    pub carried: Vec<Pending>,
    /// The files it was of, with their digests, where these must be the same.
    sources: Option<Value>,
    /// Names of variables whose values were not recorded.
    extra: Vec<String>,
}

/// Runs of which somebody goes on further back than this are no more told apart.
const LONGEST_CHAIN: usize = 100;

/// A host that puts itself back has done so in less.
const PUTTING_BACK: Duration = Duration::from_secs(15);

pub fn run(args: &ResumeArgs) -> Exit {
    match go_on(args) {
        Ok(exit) => exit,
        Err(mistakes) => {
            messages::tell(&mistakes, args.showing.json);
            Exit::Start
        }
    }
}

fn go_on(args: &ResumeArgs) -> Result<Exit, Vec<Diagnostic>> {
    let one = |d: Diagnostic| vec![d];
    let state = run::state_dir().ok_or_else(|| {
        one(Diagnostic::bare(
            "there is no home, and so no record of runs",
        ))
    })?;
    let runs = state.join(RUNS);
    let recorded = chosen(&runs, args.run.as_deref()).map_err(one)?;
    let about = &recorded.about;
    let command = word(about, "command");
    if unwell(&recorded).is_empty() && pending(&recorded).is_empty() {
        messages::say(&format!("the run {} came to its end", recorded.run));
        return Ok(Exit::Fine);
    }
    let verb = again(&recorded).map_err(one)?;
    let _held = hold(&runs, &recorded.run).map_err(one)?;
    let directory = Path::new(word(about, "directory"));
    std::env::set_current_dir(directory).map_err(|e| {
        one(Diagnostic::bare(format!(
            "the run was started in {}, which cannot be entered: {e}",
            directory.display()
        )))
    })?;
    let resuming = Arc::new(resuming(args, &recorded, &runs, &state.join(CONTENTS)));
    if !args.showing.json {
        messages::say(&told(&recorded, &resuming));
    }
    let face = match command {
        "ansible-playbook" => Face::Ansible,
        _ => Face::Palisade,
    };
    Ok(match verb {
        Verb::Playbook(mut of) => {
            of.check |= args.check;
            of.diff |= args.diff;
            args.lay_over(&mut of.common);
            wait_for_guards(&recorded, &runs, &of.common.guarding);
            of.resumes = Some(resuming);
            fill_all(&mut *of).unwrap_or_else(|| playbook::run(&of, face))
        }
        // What differs now is asked again, on the hosts that did not end well; what it may touch is as it was.
        Verb::Drift(mut of) => {
            of.divide().map_err(one)?;
            let mut of = of.run;
            of.check |= args.check;
            of.diff = true;
            args.lay_over(&mut of.common);
            wait_for_guards(&recorded, &runs, &of.common.guarding);
            of.resumes = Some(resuming);
            fill_all(&mut of).unwrap_or_else(|| playbook::run(&of, face))
        }
        Verb::Harden(mut of) => {
            of.fixes = true;
            of.check |= args.check;
            of.diff |= args.diff;
            args.lay_over(&mut of.common);
            wait_for_guards(&recorded, &runs, &of.common.guarding);
            of.resumes = Some(resuming);
            fill_all(&mut *of).unwrap_or_else(|| audit::run(&of))
        }
        Verb::Apply(mut of) => {
            of.goes_on((args.check, args.diff), resuming);
            args.lay_over(&mut of.common);
            wait_for_guards(&recorded, &runs, &of.common.guarding);
            plan::apply(&mut of)
        }
        // What is back already is nothing to do, and the rest is planned anew.
        Verb::Undo(mut of) => {
            of.goes_on(word(about, "undoes"), args.check, resuming);
            undo::run(&mut of)
        }
        _ => {
            let text = format!("a run of `palisade {command}` is not resumed");
            let hint = format!("palisade {}", recorded::words(about, "words").join(" "));
            return Err(one(
                Diagnostic::bare(text).hint(format!("run it again: {hint}"))
            ));
        }
    })
}

/// A host whose guard was not confirmed puts itself back when its time is over. Whoever looked before that
/// would find a state that does not last.
fn wait_for_guards(recorded: &Recorded, runs: &Path, guarding: &Guarding) {
    let open = |e: &&Entry| e.guard.is_some() && e.outcome == Outcome::Unknown;
    let hosts: BTreeSet<&str> = recorded
        .entries
        .iter()
        .filter(open)
        .map(|e| &*e.host)
        .collect();
    let path = runs.join(format!("{}.jsonl", recorded.run));
    let written = path.metadata().and_then(|m| m.modified());
    let (Ok(written), false) = (written, hosts.is_empty()) else {
        return;
    };
    let time = match guarding.guard {
        Some(Guard::Seconds(seconds)) => Duration::from_secs(seconds),
        Some(Guard::Off) | None => GUARD,
    };
    let end = written + time + PUTTING_BACK;
    if let Ok(rest) = end.duration_since(std::time::SystemTime::now()) {
        let hosts: Vec<&str> = hosts.into_iter().collect();
        messages::say(&format!(
            "waiting {} s: what was not confirmed is put back on {}",
            rest.as_secs() + 1,
            fold(&hosts)
        ));
        std::thread::sleep(rest.min(time + PUTTING_BACK));
    }
}

/// The run of this name, or the last that did not come to its end.
fn chosen(runs: &Path, name: Option<&str>) -> Result<Recorded, Diagnostic> {
    if let Some(name) = name {
        let recorded = recorded::named(runs, name)?;
        let path = runs.join(format!("{}.jsonl", recorded.run));
        if find::is_under_way(&path) {
            let text = format!("the run {} is still under way", recorded.run);
            return Err(Diagnostic::bare(text));
        }
        if let Some(by) = resumed_by(runs, &recorded.run) {
            let text = format!("{by} went on with the run {}", recorded.run);
            let hint = format!("palisade resume {by}");
            return Err(Diagnostic::bare(text).hint(hint));
        }
        return Ok(recorded);
    }
    let mut later = Later::default();
    if find::all(runs).is_empty() {
        return Err(Diagnostic::bare("no runs are recorded"));
    }
    for recorded in recorded::readable(runs) {
        let path = runs.join(format!("{}.jsonl", recorded.run));
        let is_open = is_unfinished(&recorded) && !later.is_over(&recorded);
        if is_open && !find::is_under_way(&path) {
            return Ok(recorded);
        }
        later.note(&recorded);
    }
    Err(
        Diagnostic::bare("every run that is recorded came to its end")
            .hint("`palisade log` lists the runs"),
    )
}

/// Nobody else goes on with a run meanwhile: it counts as under way.
fn hold(runs: &Path, run: &str) -> Result<Option<std::fs::File>, Diagnostic> {
    // Where it cannot be opened or locked, nobody can tell.
    let Ok(file) = std::fs::File::open(runs.join(format!("{run}.jsonl"))) else {
        return Ok(None);
    };
    match file.try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => {
            let text = format!("somebody else goes on with the run {run}");
            Err(Diagnostic::bare(text).hint("wait for it, then `palisade log` says what is left"))
        }
        Ok(()) | Err(std::fs::TryLockError::Error(_)) => Ok(Some(file)),
    }
}

/// The words of a run, to be carried out again. A run that itself went on has those of the first.
fn again(recorded: &Recorded) -> Result<Verb, Diagnostic> {
    let about = &recorded.about;
    let command = word(about, "command");
    if matches!(command, "exec" | "ansible") {
        let text = "what `exec` ran is not recorded, because it may be secret";
        let hosts = unwell(recorded).join(",");
        return Err(Diagnostic::bare(text).hint(format!("run it again with --limit '{hosts}'")));
    }
    let mut given = recorded::words(about, "words");
    given.retain(|w| !words::is_withheld(w));
    if command == "ansible-playbook" {
        given.insert(0, "playbook".to_owned());
    }
    super::verb(&given).map_err(|e| {
        let text = format!("the words of the run {} make no sense: {e}", recorded.run);
        Diagnostic::bare(text)
    })
}

fn resuming(args: &ResumeArgs, recorded: &Recorded, runs: &Path, kept: &Path) -> Resuming {
    let mut chain = vec![recorded.clone()];
    while chain.len() < LONGEST_CHAIN && chain[0].about["afresh"] != true {
        let before = word(&chain[0].about, "resumes").to_owned();
        match find::run(runs, &before) {
            Ok(earlier) if !before.is_empty() => chain.insert(0, earlier),
            _ => break,
        }
    }
    let carried = pending(recorded);
    let mut hosts: BTreeSet<String> = unwell(recorded).into_iter().collect();
    hosts.extend(carried.iter().map(|p| p.host.clone()));
    let mut known = known(&chain, kept);
    if args.changed_ok {
        for of in known.values_mut() {
            of.ended.clear();
            of.open.clear();
        }
    }
    let mut resumed = Resumed::new(recorded.run.clone(), known, carried.clone());
    resumed.repeat = args.repeat;
    // A plan says by itself what is done, whatever became of the playbook.
    let is_plan = !word(&recorded.about, "applies").is_empty();
    let sources = recorded.about.get("sources").filter(|_| !is_plan).cloned();
    Resuming {
        run: recorded.run.clone(),
        about: recorded.about.clone(),
        hosts,
        all: args.all,
        afresh: args.changed_ok,
        resumed: Arc::new(resumed),
        carried,
        sources: sources.filter(|_| !args.changed_ok),
        extra: recorded::words(&recorded.about, "extra"),
    }
}

impl Resuming {
    /// Whether all variables are given again whose values were not recorded.
    pub fn has_all(&self, project: &Project) -> Result<(), Diagnostic> {
        let extra = &project.extra;
        let missing: Vec<&str> = self
            .extra
            .iter()
            .filter(|name| !extra.contains_key(*name))
            .map(String::as_str)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let text = format!(
            "the run {} was given variables whose values are not recorded: {}",
            self.run,
            missing.join(", ")
        );
        Err(Diagnostic::bare(text).hint("give them again with -e"))
    }

    /// Whether what it was of is as it was.
    pub fn check(&self, compiled: &Compiled) -> Result<(), Diagnostic> {
        let Some(Value::Object(before)) = &self.sources else {
            return Ok(());
        };
        let now = recorded::sources(&compiled.plan, &compiled.project.files);
        let same = |path: &str, digest: &Value| now.get(path).is_some_and(|d| digest == d.as_str());
        let gone = before.iter().filter(|(path, d)| !same(path, d));
        let mut changed: Vec<&str> = gone.map(|(path, _)| path.as_str()).collect();
        changed.extend(
            now.keys()
                .filter(|p| !before.contains_key(*p))
                .map(String::as_str),
        );
        if changed.is_empty() {
            return Ok(());
        }
        let text = format!("changed since the run {}: {}", self.run, changed.join(", "));
        Err(Diagnostic::bare(text).code(Code::ResumeChanged).hint(
            "`--changed-ok` goes on with what is there now: every task is asked about, and commands that \
             had ended run again",
        ))
    }
}

impl ResumeArgs {
    /// What is given now wins over what the run was called with.
    fn lay_over(&self, common: &mut Common) {
        let Common {
            who,
            values,
            connections,
            becoming,
            guarding,
            showing,
            ..
        } = common;
        let (v, c, b) = (&self.values, &self.connections, &self.becoming);
        lay(&mut who.limit, &self.host);
        values.extra_vars.extend(v.extra_vars.iter().cloned());
        values.vault_id.extend(v.vault_id.iter().cloned());
        values.ask_vault_pass |= v.ask_vault_pass;
        values
            .vault_password_file
            .extend(v.vault_password_file.iter().cloned());
        connections.ask_pass |= c.ask_pass;
        connections.accept_new_host_keys |= c.accept_new_host_keys;
        becoming.ask_become_pass |= b.ask_become_pass;
        lay(&mut connections.user, &c.user);
        lay(
            &mut connections.connection_password_file,
            &c.connection_password_file,
        );
        lay(&mut connections.private_key, &c.private_key);
        lay(&mut connections.timeout, &c.timeout);
        lay(&mut connections.forks, &c.forks);
        lay(&mut connections.ssh_common_args, &c.ssh_common_args);
        lay(&mut connections.ssh_extra_args, &c.ssh_extra_args);
        lay(&mut becoming.become_password_file, &b.become_password_file);
        lay(&mut guarding.guard, &self.guarding.guard);
        lay(&mut guarding.canary, &self.guarding.canary);
        *showing = self.showing.clone();
    }
}

fn lay<T: Clone>(under: &mut Option<T>, over: &Option<T>) {
    if over.is_some() {
        under.clone_from(over);
    }
}

/// What keeps this run from being carried out, where it goes on with another one.
pub fn check(args: &PlaybookArgs, compiled: &Compiled) -> Result<(), Diagnostic> {
    match &args.resumes {
        Some(resuming) => resuming.check(compiled),
        None => Ok(()),
    }
}
