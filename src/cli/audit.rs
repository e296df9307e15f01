//! `palisade audit` and `palisade harden`: a profile looked at, or made to hold.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use crate::hardening::{Library, Policy, Report, Selection, Severity, Waivers, play};
use crate::host::signature::Signer;
use crate::plan::list;
use crate::report::audit::view::profiles;
use crate::report::audit::{Collector, Form, Point, Slot, Subject, With, human, written};
use crate::report::footer::Footer;
use crate::report::group::Detail;
use crate::report::history::audit::gather as kept;
use crate::source::{Diagnostic, Files};

use super::asked;
use super::evidence::Evidence;
use super::exit::Exit;
use super::face::Face;
use super::kept::Keeping;
use super::options::Common;
use super::playbook::{self, Compiled, PlaybookArgs};
use super::run::{self, Ended, Running};
use super::terminal::AtTerminal;
use super::{messages, outputs, reporters};

const EXAMPLES: &str = "\
Examples:
  palisade audit baseline -i inventory.yml -b            what does not hold, nothing is changed
  palisade audit cis_debian12 --level 2 -i hosts -b      a level of a benchmark
  palisade audit cis_ubuntu2404 --level 2-workstation -i hosts -b
  palisade audit anssi_bp028 --level enhanced -i hosts -b
  palisade audit cis_debian12:l1-server strict -i hosts -b
  palisade audit baseline -i hosts -b --only sshd --skip sshd_banner
  palisade harden baseline -i hosts -b --check --diff    what would be changed
  palisade harden baseline -i hosts -b -l web1           make it hold
  palisade harden playbooks/harden.yml -i hosts -b       what a policy's file says: profiles, values, waivers

Exit codes: 0 everything holds or is waived, 2 a host failed, 3 something does not hold,
4 a host was unreachable, 1 a mistake in a file or option value.";

/// Options of `palisade audit` and `palisade harden`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct AuditArgs {
    /// Profiles, each perhaps with its level (cis_debian12:l2-server), or a policy's file; `palisade controls`
    /// lists profiles
    #[arg(required = true, value_name = "PROFILE")]
    pub(super) profiles: Vec<String>,
    /// The level of the profiles that have it: 2 (the server's), 2-workstation, enhanced, …
    #[arg(long, value_name = "LEVEL")]
    pub(super) level: Option<String>,
    /// Only these controls, areas or numbers; `*` stands for anything
    #[arg(long, value_name = "CONTROL", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// Not these controls, areas or numbers
    #[arg(long, value_name = "CONTROL", value_delimiter = ',')]
    pub(super) skip: Vec<String>,
    /// Only what stands in this section of a profile
    #[arg(long = "section", value_name = "NUMBER", value_delimiter = ',')]
    pub(super) sections: Vec<String>,
    /// What need not hold, with reason, owner and expiry; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(super) waivers: Vec<PathBuf>,
    /// Controls and profiles of your own, which win over those of the program
    #[arg(long, value_name = "DIR")]
    modules: Option<PathBuf>,
    /// The least severity that makes the exit code 3
    #[arg(long, value_name = "SEVERITY", default_value = "low")]
    fail_on: FailOn,
    /// Only say what would be changed
    #[arg(short = 'C', long)]
    pub(super) check: bool,
    /// Show what differs in files
    #[arg(short = 'D', long)]
    pub(super) diff: bool,
    /// The form of what is printed
    #[arg(long, value_name = "FORM", default_value = "human", conflicts_with_all = ["json", "output"])]
    format: Form,
    /// Also write the report to a file, in a form: html=audit.html; may be repeated
    #[arg(long = "report", value_name = "FORM=FILE", value_parser = outputs::also::<Form>)]
    reports: Vec<(Form, PathBuf)>,
    #[command(flatten)]
    evidence: Evidence,
    /// What does not hold is mended.
    #[arg(skip)]
    pub fixes: bool,
    /// The run that this one goes on with.
    #[arg(skip)]
    pub resumes: Option<Arc<super::resume::Resuming>>,
    #[command(flatten)]
    pub common: Common,
}

/// From which severity on a finding counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum FailOn {
    #[default]
    Low,
    Medium,
    High,
    Critical,
    /// Findings do not matter to the exit code
    Never,
}

impl FailOn {
    fn severity(self) -> Option<Severity> {
        match self {
            FailOn::Low => Some(Severity::Low),
            FailOn::Medium => Some(Severity::Medium),
            FailOn::High => Some(Severity::High),
            FailOn::Critical => Some(Severity::Critical),
            FailOn::Never => None,
        }
    }
}

/// `palisade audit`, and `harden` where the arguments say so.
pub fn run(args: &AuditArgs) -> Exit {
    match prepare(args).and_then(|ready| carry_out(args, ready)) {
        Ok(exit) => exit,
        Err(mistakes) => {
            messages::tell(&mistakes, args.common.showing.json);
            Exit::Start
        }
    }
}

/// Everything that is known before connecting.
struct Ready {
    args: PlaybookArgs,
    compiled: Compiled,
    library: Arc<Library>,
    selection: Arc<Selection>,
    waivers: Waivers,
    signer: Option<Signer>,
}

fn prepare(args: &AuditArgs) -> Result<Ready, Vec<Diagnostic>> {
    args.evidence.check().map_err(|d| vec![d])?;
    super::kept::place(args.common.recording.store.as_deref()).map_err(|d| vec![d])?;
    let (library, wrong) = Library::load(args.modules.as_deref(), &Files::Disk);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let (wanted, policy) = asked::wanted(args)?;
    let mut selection = Selection::of(&library, &wanted)?;
    if let Some(policy) = &policy {
        let wrong = policy.lay_over(&mut selection, &library);
        if !wrong.is_empty() {
            return Err(wrong);
        }
    }
    let said = |field: fn(&Policy) -> Option<&str>| policy.as_ref().and_then(field);
    let all = wanted.profiles.join(", ");
    let name = said(|p| p.name.as_deref()).unwrap_or(&all);
    let hosts = said(|p| p.hosts.as_deref()).unwrap_or("all");
    let built = play::build(&library, &selection, name, hosts);
    let playbook = PlaybookArgs {
        playbooks: vec![PathBuf::from(args.profiles.join(" "))],
        built: Some(Arc::new(built)),
        check: !args.fixes || args.check,
        // The two ends of what differs are the evidence.
        diff: true,
        common: args.common.clone(),
        resumes: args.resumes.clone(),
        ..PlaybookArgs::default()
    };
    let mut compiled = playbook::compile(&playbook)?;
    let own = policy.map(|p| p.waivers).unwrap_or_default();
    let waivers = asked::waivers(args, own, &mut compiled, &selection)?;
    asked::warn_of_parameters(&library, &compiled);
    let signer = args.evidence.signer().map_err(|d| vec![d])?;
    Ok(Ready {
        args: playbook,
        compiled,
        library: Arc::new(library),
        selection: Arc::new(selection),
        waivers,
        signer,
    })
}

fn carry_out(args: &AuditArgs, ready: Ready) -> Result<Exit, Vec<Diagnostic>> {
    let Ready {
        args: playbook,
        mut compiled,
        library,
        selection,
        waivers,
        signer,
    } = ready;
    messages::tell(&compiled.warnings, args.common.showing.json);
    let limit = run::limit(&mut compiled, &playbook).map_err(|d| vec![d])?;
    let mut options = playbook::options(&playbook, &compiled.project).map_err(|d| vec![d])?;
    // What one control would mend does not make another one hold.
    options.apart = options.check;
    if options.check {
        // All that a profile asks goes out at once: it only reads, and nothing makes answers stale.
        options.wave = usize::MAX;
    }
    options.goes_on = true;
    let detail = reporters::detail(&args.common.showing, args.diff);
    let mask = compiled.project.mask.clone();
    let tasks = list::plays(&compiled.plan)
        .iter()
        .map(|p| p.tasks.len())
        .collect();
    let draws = reporters::draws(&args.common.showing);
    let footer = Footer::new(args.common.showing.progress, draws, detail.ascii, tasks);
    let subject = Subject {
        library,
        selection,
        waivers,
        mode: mode(args).into(),
        now: Timestamp::now(),
        fixes: args.fixes && !args.check,
        mask: mask.clone(),
    };
    let slot: Slot = Arc::new(Mutex::new(None));
    let notices = reporters::notices(&args.common.showing, Face::Palisade, &mask);
    let reporter = Box::new(Collector::new(subject, footer, notices, Arc::clone(&slot)));
    let ended = run::carry_out(Running {
        args: &playbook,
        compiled,
        limit,
        options,
        prompts: crate::vars::Layer::default(),
        reporter,
        terminal: AtTerminal::default(),
    });
    let report = slot.lock().ok().and_then(|mut slot| slot.take());
    let Some(report) = report else {
        return Ok(Face::Palisade.exit(&ended, false));
    };
    let keeping = Keeping::of_audit(&playbook, (mode(args), &profiles(&report)), &report.started);
    let keeping = keeping.map_err(|d| vec![d])?;
    let history = args.evidence.history(&report);
    let mut unwritten = show(args, &report, (detail, history));
    unwritten.extend(args.evidence.append(&report, signer.as_ref()).err());
    messages::show(&unwritten);
    let exit = match (exit(args, &report, &ended), unwritten.is_empty()) {
        // A report that somebody counts on and that is not there is worse than what it would say.
        (_, false) => Exit::Start,
        (exit, true) => exit,
    };
    if let Some(keeping) = keeping {
        keeping.write(ended.journal.as_deref(), kept(&report), exit);
    }
    Ok(exit)
}

fn mode(args: &AuditArgs) -> &'static str {
    match (args.fixes, args.check) {
        (false, _) => "audit",
        (true, true) => "harden --check",
        (true, false) => "harden",
    }
}

/// Prints the report and writes it to files; what could not be written.
fn show(
    args: &AuditArgs,
    report: &Report,
    (detail, history): (Detail, Vec<Point>),
) -> Vec<Diagnostic> {
    let look = human::Look {
        colour: detail.colour,
        ascii: detail.ascii,
        diff: args.diff,
        verbosity: args.common.showing.verbose,
    };
    let form = match args.common.showing.json {
        true => Form::Json,
        false => args.format,
    };
    let mut with = With { look, history };
    messages::print(&written(report, form, &with));
    with.look.colour = false;
    let mut wrong = Vec::new();
    for (form, path) in &args.reports {
        if let Err(error) = outputs::write(path, &written(report, *form, &with)) {
            let text = format!("the report {} was not written: {error}", path.display());
            wrong.push(Diagnostic::bare(text));
        }
    }
    wrong
}

/// What the run found, as a number for scripts.
fn exit(args: &AuditArgs, report: &Report, ended: &Ended) -> Exit {
    // A control that failed is a finding, not a failure of the run.
    let run = Face::Palisade.exit(ended, false);
    let trouble = report.hosts.iter().any(|h| !h.trouble.is_empty());
    let worst = report
        .worst()
        .filter(|w| args.fail_on.severity().is_some_and(|least| *w >= least));
    match run {
        Exit::Fine | Exit::Failed | Exit::Unreachable if ended.summary.halted => Exit::Halted,
        Exit::Fine | Exit::Failed if trouble => Exit::Failed,
        Exit::Fine | Exit::Failed if worst.is_some() => Exit::Findings,
        Exit::Fine | Exit::Failed => Exit::Fine,
        other => other,
    }
}
