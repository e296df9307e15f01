//! The command line: options, exit codes, environment variables.

#![expect(
    clippy::disallowed_methods,
    reason = "environment, clock and files of the controller are handed down from here"
)]

pub mod ansible;
mod asked;
pub mod audit;
pub mod config;
pub mod controls;
pub mod crash;
pub mod doc;
pub mod drift;
pub mod evidence;
pub mod exec;
pub mod exit;
pub mod explain;
pub mod face;
pub mod facts;
pub mod history;
pub mod install_schedule;
pub mod inventory;
pub mod kept;
pub mod lab;
mod left;
pub mod lint;
pub mod listing;
pub mod logs;
mod made;
pub mod manual;
pub mod messages;
pub mod options;
pub mod outputs;
pub mod outside;
pub mod past;
pub mod plan;
pub mod playbook;
pub mod prompts;
pub mod recorded;
pub mod report;
pub mod reporters;
pub mod resume;
pub mod run;
pub mod serve;
pub mod setup;
pub mod show;
mod shown;
pub mod terminal;
pub mod tree;
pub mod tryout;
pub mod undo;
mod words;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use clap::{CommandFactory, Parser, Subcommand};

use config::{Config, Filled};
use exit::Exit;
use face::Face;
use options::{Becoming, Connections, Inventories, Values};

const AFTER: &str = "\
Examples:
  palisade playbook site.yml -i inventory.yml     make hosts as the playbook says
  palisade drift site.yml -i inventory.yml        say what differs, change nothing
  palisade exec web -i hosts -- systemctl is-active nginx
  palisade try site.yml                           on a throw-away host of this machine

Exit codes:
  0 all hosts are fine        1 could not start: a mistake in a file or option value
  2 a host failed             3 drift or audit found something
  4 a host was unreachable    5 wrong command line
  6 undo or apply left something alone that is not as it has to be
  8 more hosts failed, or would change, than a limit allows
  9 a change that may cut access was put back   10 it was not, and the host may be locked out
  130/143 stopped             250 a mistake of palisade's

Called as ansible-playbook, ansible, ansible-inventory or ansible-doc (a symbolic link),
it behaves as that command.";

#[derive(Debug, Parser)]
#[command(
    name = "palisade",
    version,
    about,
    propagate_version = true,
    args_override_self = true,
    after_help = AFTER
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run playbooks: compile, ask every host, apply the difference
    #[command(visible_alias = "run")]
    Playbook(Box<playbook::PlaybookArgs>),
    /// Say where hosts differ from playbooks, and change nothing
    #[command(after_help = drift::EXAMPLES)]
    Drift(Box<drift::DriftArgs>),
    /// Say what a run would do, and keep it
    Plan(Box<plan::PlanArgs>),
    /// Do what a kept plan says, where hosts still are as they were
    Apply(Box<plan::ApplyArgs>),
    /// Show a kept plan, or what a run did
    Show(show::ShowArgs),
    /// Print the form of files that others may read
    Schema(plan::schema::SchemaArgs),
    /// Look at hosts by a hardening profile, and change nothing
    Audit(Box<audit::AuditArgs>),
    /// Make hosts as a hardening profile says
    Harden(Box<audit::AuditArgs>),
    /// Go on with a run that was killed, or lost hosts
    Resume(Box<resume::ResumeArgs>),
    /// List the runs, or who changed something
    Log(logs::LogArgs),
    /// Say what an error code means, why a variable has its value, or why a task did what it did
    Explain(explain::ExplainArgs),
    /// Take back what a run changed
    Undo(Box<undo::UndoArgs>),
    /// Runs over time, what was found on a host, how hosts stand
    History(history::HistoryArgs),
    /// A run, or all of some time, as a page, as JSON or as a table
    Report(report::ReportArgs),
    /// List hardening profiles and controls, or show one
    Controls(controls::ControlsArgs),
    /// Check chains of evidence
    Evidence(evidence::EvidenceArgs),
    /// Run the jobs of a schedule when it is time, with a page that shows how hosts stand
    Serve(Box<serve::ServeArgs>),
    /// Make timers of systemd of the jobs of a schedule
    InstallSchedule(Box<install_schedule::InstallArgs>),
    /// Run one command or action on hosts
    Exec(Box<exec::ExecArgs>),
    /// Show hosts, groups and their variables
    Inventory(Box<inventory::InventoryArgs>),
    /// Show what is known of hosts
    Facts(Box<facts::FactsArgs>),
    /// Describe actions and their arguments
    Doc(doc::DocArgs),
    /// Find mistakes in playbooks without connecting
    Lint(Box<lint::LintArgs>),
    /// Throw-away hosts on this machine
    Lab(lab::LabArgs),
    /// Run a playbook twice on throw-away hosts and show what it changed
    Try(Box<tryout::TryArgs>),
    /// Print completions for a shell
    Completions(manual::CompletionsArgs),
    /// Print manual pages
    Man(manual::ManArgs),
    /// Print the version
    Version,
}

/// Reads the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    let crashed = crash::watch();
    let words: Vec<OsString> = std::env::args_os().collect();
    let code = catch_unwind(AssertUnwindSafe(|| dispatch(&words)));
    match code {
        Ok(code) if !crashed.load(Ordering::Relaxed) => code,
        _ => Exit::Internal.into(),
    }
}

/// What the words of another run call for, to be carried out again.
fn verb(words: &[String]) -> Result<Verb, clap::Error> {
    let words = std::iter::once("palisade").chain(words.iter().map(String::as_str));
    Cli::try_parse_from(words).map(|cli| cli.verb)
}

fn dispatch(words: &[OsString]) -> ExitCode {
    let called = words.first().map(Path::new).and_then(Path::file_name);
    let called = called
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    if let Some(code) = ansible::main(&called, words) {
        return code;
    }
    match Cli::try_parse_from(as_terraform(words)) {
        Ok(cli) => carry_out(cli.verb),
        Err(error) => {
            let _ = error.print();
            if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Fine.into()
            }
        }
    }
}

/// Words that Terraform's users write with one dash, on the verbs that are named after its own.
const ONE_DASH: [&str; 2] = ["-out", "-detailed-exitcode"];

fn as_terraform(words: &[OsString]) -> Vec<OsString> {
    let mut words = words.to_vec();
    if words.get(1).is_some_and(|verb| verb == "plan") {
        for word in &mut words {
            let is = |known: &str| {
                let rest = word.to_str().and_then(|w| w.strip_prefix(known));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
            };
            if ONE_DASH.iter().any(|known| is(known)) {
                let mut long = OsString::from("-");
                long.push(&*word);
                *word = long;
            }
        }
    }
    words
}

fn carry_out(verb: Verb) -> ExitCode {
    let face = Face::Palisade;
    let exit = match verb {
        Verb::Playbook(mut args) => {
            fill_all(&mut *args).unwrap_or_else(|| playbook::run(&args, face))
        }
        Verb::Drift(mut args) => fill_all(&mut args.run).unwrap_or_else(|| drift::run(&mut args)),
        Verb::Plan(mut args) => fill_all(&mut args.playbook).unwrap_or_else(|| plan::run(&args)),
        Verb::Apply(mut args) => plan::apply(&mut args),
        Verb::Show(args) => show::run(&args),
        Verb::Schema(args) => plan::schema::run(&args),
        Verb::Audit(mut args) => fill_all(&mut *args).unwrap_or_else(|| audit::run(&args)),
        Verb::Harden(mut args) => {
            args.fixes = true;
            fill_all(&mut *args).unwrap_or_else(|| audit::run(&args))
        }
        Verb::Resume(args) => resume::run(&args),
        Verb::Log(args) => logs::run(&args),
        Verb::Explain(mut args) => explain::run(&mut args),
        Verb::Undo(mut args) => undo::run(&mut args),
        Verb::Exec(mut args) => fill_all(&mut *args).unwrap_or_else(|| exec::run(&args, face)),
        Verb::Facts(mut args) => fill_all(&mut *args).unwrap_or_else(|| facts::run(&args)),
        Verb::Inventory(mut args) => {
            let inventory::InventoryArgs { who, values, .. } = &mut *args;
            fill_inventory(who, values).unwrap_or_else(|| inventory::run(&args, face))
        }
        Verb::Lint(mut args) => {
            let lint::LintArgs { who, values, .. } = &mut *args;
            fill_inventory(who, values).unwrap_or_else(|| lint::run(&args))
        }
        Verb::Try(mut args) => fill_inventory(&mut Inventories::default(), args.values())
            .unwrap_or_else(|| tryout::run(&args)),
        Verb::Controls(mut args) => {
            let filled = match &mut args.verb {
                // An inventory is looked at only where one was named.
                Some(controls::Verb::Show(show)) if !show.who.inventory.is_empty() => {
                    fill_inventory(&mut show.who, &mut show.values)
                }
                _ => None,
            };
            filled.unwrap_or_else(|| controls::run(&args))
        }
        Verb::History(args) => history::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Evidence(args) => evidence::run(&args),
        Verb::Serve(mut args) => fill_inventory(&mut Inventories::default(), &mut args.values)
            .unwrap_or_else(|| serve::run(&args)),
        Verb::InstallSchedule(mut args) => {
            fill_inventory(&mut Inventories::default(), &mut args.values)
                .unwrap_or_else(|| install_schedule::run(&args))
        }
        Verb::Doc(args) => doc::run(&args),
        Verb::Lab(args) => return lab::run(&args),
        Verb::Completions(args) => manual::completions(&args, Cli::command()),
        Verb::Man(args) => manual::man(&args, Cli::command()),
        Verb::Version => {
            messages::print(&format!("palisade {}\n", env!("CARGO_PKG_VERSION")));
            Exit::Fine
        }
    };
    exit.into()
}

/// Options that configuration fills in where they are not given.
pub(crate) trait Fillable {
    fn filled(&mut self) -> Filled<'_>;
}

macro_rules! fillable {
    ($args:ty $(, $common:ident)?) => {
        impl Fillable for $args {
            fn filled(&mut self) -> Filled<'_> {
                Filled {
                    who: &mut self.$($common.)?who,
                    values: &mut self.$($common.)?values,
                    connections: &mut self.$($common.)?connections,
                    becoming: &mut self.$($common.)?becoming,
                }
            }
        }
    };
}

fillable!(playbook::PlaybookArgs, common);
fillable!(audit::AuditArgs, common);
fillable!(undo::UndoArgs, common);
fillable!(plan::ApplyArgs, common);
fillable!(exec::ExecArgs);
fillable!(facts::FactsArgs);
fillable!(explain::TaskArgs);

/// The command line of palisade.
fn command() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// Fills options in from environment and configuration; the exit code if these are wrong.
pub(crate) fn fill_all(args: &mut impl Fillable) -> Option<Exit> {
    fill(&mut args.filled())
}

pub(crate) fn fill_inventory(who: &mut Inventories, values: &mut Values) -> Option<Exit> {
    let (mut connections, mut becoming) = (Connections::default(), Becoming::default());
    fill(&mut Filled {
        who,
        values,
        connections: &mut connections,
        becoming: &mut becoming,
    })
}

fn fill(filled: &mut Filled<'_>) -> Option<Exit> {
    let env = |name: &str| std::env::var(name).ok();
    let config = Config::find(&env);
    for warning in &config.warnings {
        messages::say(&format!("warning: {warning}"));
    }
    match config.fill(&env, filled) {
        Ok(()) => None,
        Err(mistake) => {
            messages::show(&[mistake]);
            Some(Exit::Start)
        }
    }
}

/// Ends the program at once: what is under way is abandoned.
#[expect(
    clippy::exit,
    reason = "the user asked twice, and nothing may hold this up"
)]
fn leave(exit: Exit) -> ! {
    std::process::exit(exit as i32)
}
