//! `palisade drift`: where hosts differ from playbooks, over the fleet; and making them as the playbooks say,
//! under limits.

mod own;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::Args;
use jiff::Timestamp;

use crate::engine::Options;
use crate::engine::event::HostName;
use crate::engine::only::Only;
use crate::engine::options::Canary;
use crate::plan::list;
use crate::report::drift::{Collector, Fold, Form, Look, Report, Slot, Subject, nagios, written};
use crate::report::footer::Footer;
use crate::source::Diagnostic;

use super::exit::Exit;
use super::face::Face;
use super::options::Output;
use super::playbook::{self, Compiled, PlaybookArgs};
use super::run::{self, Ended, Running};
use super::terminal::AtTerminal;
use super::{messages, options, outputs, prompts, reporters};

pub const EXAMPLES: &str = "\
Examples:
  palisade drift site.yml -i inventory.yml                     what differs, nothing is changed
  palisade drift site.yml -i hosts --format diff | delta       as a unified difference
  palisade drift site.yml -i hosts --report junit=drift.xml    for continuous integration
  palisade drift site.yml -i hosts --only /etc/ssh,ntp         only what touches a path, only tasks with a tag
  palisade drift site.yml -i hosts --fix --max-drift 10%       correct it, unless more than a tenth would change
  palisade drift site.yml -i hosts --format nagios             one line; exit code 0, 1, 2 or 3 of that world

Exit codes: 0 nothing differs (or no longer), 3 something differs or is not known, 4 a host was unreachable,
2 a host failed, 8 more hosts differ than --max-drift allows and nothing was touched, 9 a change that may cut
access was put back, 10 it was not, 1 a mistake in a file or option value. With --format nagios: 0 OK,
1 WARNING: something differs, 2 CRITICAL: a host failed or was unreachable, 3 UNKNOWN.";

/// Options of `palisade drift`.
#[derive(Args, Clone, Debug, Default)]
pub struct DriftArgs {
    /// The form of what is printed
    #[arg(long, value_name = "FORM", default_value = "human", conflicts_with_all = ["json", "output"],
          help_heading = "Drift")]
    format: Form,
    /// Also write the report to a file, in a form: junit=drift.xml; may be repeated
    #[arg(long = "report", value_name = "FORM=FILE", value_parser = outputs::also::<Form>, conflicts_with = "output",
          help_heading = "Drift")]
    reports: Vec<(Form, PathBuf)>,
    /// Only tasks with these tags, or only changes that touch these paths and what is below them
    #[arg(
        long,
        value_name = "TAG|PATH",
        value_delimiter = ',',
        help_heading = "Drift"
    )]
    only: Vec<String>,
    /// Do not count as a finding what nobody can know without running it
    #[arg(long, help_heading = "Drift")]
    ignore_unknown: bool,
    /// Make the hosts that differ as the playbooks say; others are only looked at
    #[arg(long, conflicts_with_all = ["check", "output"], help_heading = "Drift")]
    fix: bool,
    /// With --fix: touch nothing if more hosts than this would change
    #[arg(long, value_name = "N|P%", value_parser = options::share, requires = "fix",
          help_heading = "Drift")]
    max_drift: Option<Canary>,
    #[command(flatten)]
    pub run: PlaybookArgs,
}

impl DriftArgs {
    /// Puts the words of `--only` where they belong: tags, and paths.
    pub fn divide(&mut self) -> Result<(), Diagnostic> {
        let mut paths = Vec::new();
        for word in self.only.drain(..) {
            match word.starts_with('/') || word.starts_with('~') {
                true => paths.push(word),
                false => self.run.tags.push(word),
            }
        }
        if !paths.is_empty() {
            let only =
                Only::new(&paths).map_err(|why| Diagnostic::bare(format!("`--only`: {why}")))?;
            self.run.only = Some(Arc::new(only));
        }
        Ok(())
    }
}

pub fn run(args: &mut DriftArgs) -> Exit {
    args.run.drift = !args.fix;
    args.run.diff = true;
    if let Err(mistake) = args.divide() {
        return stuck(args, &[mistake]);
    }
    let run = &args.run;
    let lists = run.list_hosts || run.list_tasks || run.list_tags || run.syntax_check;
    let streams = matches!(
        run.common.showing.output,
        Some(Output::Classic | Output::Json)
    );
    args.run.drift = true;
    args.run.together = args.fix.then(Default::default);
    if lists || streams {
        return playbook::run(&args.run, Face::Palisade);
    }
    match look(args) {
        Ok(exit) => exit,
        Err(mistakes) => stuck(args, &mistakes),
    }
}

/// It could not start: said to people, and on the one line that a plugin has.
fn stuck(args: &DriftArgs, mistakes: &[Diagnostic]) -> Exit {
    messages::tell(mistakes, args.run.common.showing.json);
    if args.format != Form::Nagios {
        return Exit::Start;
    }
    let why = mistakes
        .first()
        .map_or("it could not start", |d| &d.message);
    messages::print(&nagios::unknown(why));
    plugin(nagios::State::Unknown)
}

/// The exit code of a plugin, which means something else in that world.
fn plugin(state: nagios::State) -> Exit {
    match state {
        nagios::State::Ok => Exit::Fine,
        nagios::State::Warning => Exit::Start,
        nagios::State::Critical => Exit::Failed,
        nagios::State::Unknown => Exit::Findings,
    }
}

/// What looking and fixing share.
struct Both<'a> {
    args: &'a DriftArgs,
    compiled: Compiled,
    limit: Option<Vec<HostName>>,
    options: Options,
    prompts: crate::vars::Layer,
}

fn look(args: &DriftArgs) -> Result<Exit, Vec<Diagnostic>> {
    let missing = playbook::unreadable(&args.run);
    if !missing.is_empty() {
        return Err(missing);
    }
    super::kept::place(args.run.common.recording.store.as_deref()).map_err(|d| vec![d])?;
    let mut compiled = playbook::compile(&args.run)?;
    messages::tell(&compiled.warnings, args.run.common.showing.json);
    let limit = run::limit(&mut compiled, &args.run).map_err(|d| vec![d])?;
    playbook::warn_of_tags(&args.run, &compiled.plan);
    let mut options = playbook::options(&args.run, &compiled.project).map_err(|d| vec![d])?;
    options.check = true;
    // It only reads, so that nothing makes answers stale: all that can be asked goes out at once.
    options.wave = usize::MAX;
    let both = Both {
        args,
        prompts: prompts::ask(&compiled).map_err(|d| vec![d])?,
        compiled,
        limit,
        options,
    };
    let subject = Subject {
        playbooks: args
            .run
            .playbooks
            .iter()
            .map(|p| p.display().to_string())
            .collect(),
        now: Timestamp::now(),
        mask: both.compiled.project.mask.clone(),
        own: own::values(
            &both.compiled.inventory,
            &args.run.playbooks,
            &both.compiled.project.mask,
        ),
    };
    let (fold, looked) = both.carry_out(Fold::new(subject), both.options.clone());
    let Some(mut fold) = fold else {
        // It has been said why.
        return Err(Vec::new());
    };
    // A look that did not come to its end says nothing about how much would change.
    let whole = !looked.summary.stopped && looked.summary.mistakes.is_empty();
    let fixed = match args.fix && whole {
        true => both.fix(&mut fold),
        false => None,
    };
    let (fold, ended) = match fixed {
        Some(options) => {
            let (done, ended) = both.carry_out(fold, options);
            let Some(done) = done else {
                return Err(Vec::new());
            };
            (done, Some(ended))
        }
        None => (fold, None),
    };
    let report = fold.finish();
    if let Some(together) = &args.run.together {
        together.end(exit(args, &report, &looked, ended.as_ref()));
    }
    let unwritten = show(args, &report);
    if !unwritten.is_empty() {
        messages::show(&unwritten);
        // A report that somebody counts on and that is not there is worse than what it would say.
        return Ok(Exit::Start);
    }
    if args.format == Form::Nagios {
        let look = Look {
            unknown_is_fine: args.ignore_unknown,
            ..Look::default()
        };
        return Ok(plugin(nagios::State::of(&report, look)));
    }
    Ok(exit(args, &report, &looked, ended.as_ref()))
}

impl Both<'_> {
    fn carry_out(&self, fold: Fold, options: Options) -> (Option<Fold>, Ended) {
        let showing = &self.args.run.common.showing;
        let detail = reporters::detail(showing, true);
        let plays = list::plays(&self.compiled.plan);
        let tasks = plays.iter().map(|p| p.tasks.len()).collect();
        let draws = reporters::draws(showing) && self.args.format != Form::Nagios;
        let footer = Footer::new(showing.progress, draws, detail.ascii, tasks);
        let mask = &self.compiled.project.mask;
        let notices = reporters::notices(showing, Face::Palisade, mask);
        let slot: Slot = Arc::new(Mutex::new(None));
        let reporter = Box::new(Collector::new(fold, footer, notices, Arc::clone(&slot)));
        let ended = run::carry_out(Running {
            args: &self.args.run,
            compiled: self.compiled.clone(),
            limit: self.limit.clone(),
            options,
            prompts: Arc::clone(&self.prompts),
            reporter,
            terminal: AtTerminal::default(),
        });
        let fold = slot.lock().ok().and_then(|mut slot| slot.take());
        (fold, ended)
    }

    /// Decides whether and on whom differences are corrected; the options of the run that does it.
    fn fix(&self, fold: &mut Fold) -> Option<Options> {
        let (hosts, left) = fold.drifted();
        let most = self.args.max_drift.map(|m| match m {
            Canary::Hosts(n) => n,
            Canary::Percent(p) => fold.hosts() * usize::from(p) / 100,
        });
        let halted = most.filter(|m| hosts.len() > *m);
        fold.fix(&hosts, &left, halted);
        if halted.is_some() || hosts.is_empty() {
            return None;
        }
        Some(Options {
            check: false,
            // Others are looked at once more, since what is written on one host may tell of another.
            fixes: Some(Arc::new(hosts.into_iter().collect::<BTreeSet<_>>())),
            wave: playbook::wave(),
            ..self.options.clone()
        })
    }
}

/// Prints the report and writes it to files; what could not be written.
fn show(args: &DriftArgs, report: &Report) -> Vec<Diagnostic> {
    let detail = reporters::detail(&args.run.common.showing, true);
    let mut look = Look {
        colour: detail.colour,
        ascii: detail.ascii,
        verbosity: args.run.common.showing.verbose,
        unknown_is_fine: args.ignore_unknown,
    };
    let form = match args.run.common.showing.json {
        true => Form::Json,
        false => args.format,
    };
    messages::print(&written(report, form, look));
    look.colour = false;
    let mut wrong = Vec::new();
    for (form, path) in &args.reports {
        if let Err(error) = outputs::write(path, &written(report, *form, look)) {
            let text = format!("the report {} was not written: {error}", path.display());
            wrong.push(Diagnostic::bare(text));
        }
    }
    wrong
}

/// What was found, as a number for scripts.
fn exit(args: &DriftArgs, report: &Report, looked: &Ended, fixed: Option<&Ended>) -> Exit {
    let first = Face::Palisade.exit(looked, false);
    let last = fixed.map_or(Exit::Fine, |f| Face::Palisade.exit(f, false));
    let halted = report.fix.as_ref().is_some_and(|f| f.halted.is_some());
    let counts = report.counts();
    match (first, last) {
        (stopped @ (Exit::Interrupted | Exit::Terminated | Exit::HungUp), _) => stopped,
        (_, Exit::Fine) if halted => Exit::Halted,
        (Exit::Fine, Exit::Fine) if report.differs() => Exit::Findings,
        (Exit::Fine, Exit::Fine) if counts.unknown > 0 && !args.ignore_unknown => {
            match report.is_known() {
                true => Exit::Fine,
                false => Exit::Findings,
            }
        }
        // A host that was lost while it was looked at was not touched.
        (first, Exit::Fine | Exit::Failed) if first != Exit::Fine => first,
        (_, last) => last,
    }
}
