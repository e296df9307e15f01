//! `palisade playbook` and `palisade drift`: compile playbooks, and carry them out or look for differences.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::engine::Options;
use crate::engine::only::Only;
use crate::engine::options::Canary;
use crate::hardening::play::Built;
use crate::inventory::Inventory;
use crate::plan::{CompileOptions, Compiler, Plan};
use crate::source::{Code, Diagnostic, Files, Kind, Node, Severity};
use crate::vars::{Layer, Var};

use super::exit::Exit;
use super::face::Face;
use super::options::{Common, FORKS, Guard};
use super::run::{self, Running};
use super::setup::{self, Project};
use super::terminal::AtTerminal;
use super::{listing, messages, prompts, reporters};

const EXAMPLES: &str = "\
Examples:
  palisade playbook site.yml -i inventory.yml              apply it
  palisade playbook site.yml -i inventory.yml -C -D        only say what would change
  palisade playbook site.yml -i hosts -l 'web:!web3' -t tls
  palisade playbook site.yml -i web1,web2, -u deploy -b -K
  palisade playbook site.yml -i hosts --list-tasks         what would run, without connecting";

/// Options of `palisade playbook`, in the spelling of `ansible-playbook`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct PlaybookArgs {
    /// Playbooks to run, in order
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
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
    /// Differences are looked for, and nothing is changed.
    #[arg(skip)]
    pub drift: bool,
    /// A look and the correction that follows from it are one run in the history.
    #[arg(skip)]
    pub together: Option<super::kept::Together>,
    /// What touches none of these paths is left alone.
    #[arg(skip)]
    pub only: Option<Arc<Only>>,
    /// A file that is made up: its path and its text.
    #[arg(skip)]
    pub made_up: Option<(PathBuf, Arc<str>)>,
    /// A playbook that is no file, in the place of all others.
    #[arg(skip)]
    pub built: Option<Arc<Built>>,
    /// The run that is taken back.
    #[arg(skip)]
    pub undoes: Option<String>,
    /// The plan that is carried out: its file, and the digest that it is known by.
    #[arg(skip)]
    pub applies: Option<(PathBuf, String)>,
    /// The run that this one goes on with.
    #[arg(skip)]
    pub resumes: Option<Arc<super::resume::Resuming>>,
    /// Where Ansible would look for modules; palisade has its own
    #[arg(short = 'M', long, value_name = "PATH", hide = true)]
    pub module_path: Option<String>,
    #[command(flatten)]
    pub common: Common,
}

/// A project read and compiled, before any connection.
#[derive(Clone)]
pub struct Compiled {
    pub project: Project,
    pub inventory: Inventory,
    pub plan: Plan,
    pub compiler: Arc<Compiler>,
    pub warnings: Vec<Diagnostic>,
}

/// Reads and compiles everything; every mistake that can be found is in the error.
pub fn compile(args: &PlaybookArgs) -> Result<Compiled, Vec<Diagnostic>> {
    let files = match &args.made_up {
        Some((path, text)) => Files::With(path.clone(), Arc::clone(text)),
        None => Files::Disk,
    };
    let project = Project::over(files, &args.common.values)?;
    if let Some(resuming) = &args.resumes {
        resuming.has_all(&project).map_err(|d| vec![d])?;
    }
    let (mut inventory, mut found) = project.inventory(&args.common.who);
    let dirs: BTreeSet<PathBuf> = args.playbooks.iter().map(|p| dir_of(p)).collect();
    for dir in &dirs {
        found.extend(inventory.beside_playbook(dir, &project.env()));
    }
    let options = CompileOptions {
        tags: args.tags.clone(),
        skip_tags: args.skip_tags.clone(),
        roles_path: args.common.values.roles_path.clone(),
        extra_vars: Arc::clone(&project.extra),
        // Without an inventory nobody knows which names hosts will have.
        inventory_vars: (!inventory.hosts().is_empty()).then(|| known_vars(&inventory, &dirs)),
        keep_repeats: args.list_tasks,
        vault: project.vault.clone(),
        defaults: args.built.as_deref().map(defaults).unwrap_or_default(),
        ..CompileOptions::default()
    };
    let compiler = Arc::new(Compiler::new(project.files.clone(), options));
    let (mut plan, more) = match &args.built {
        Some(built) => compiler.compile_made(&built.playbook),
        None => compiler.compile(&args.playbooks),
    };
    found.extend(more);
    if found.iter().any(|d| d.severity == Severity::Error) {
        return Err(found);
    }
    if args.common.values.gathers_explicitly {
        gather_explicitly(&mut plan);
    }
    Ok(Compiled {
        project,
        inventory,
        plan,
        compiler,
        warnings: found,
    })
}

/// `gathering = explicit`: plays that do not say so gather no facts.
fn gather_explicitly(plan: &mut Plan) {
    for play in &mut plan.plays {
        if let Some(play) = Arc::get_mut(play)
            && play.gather_facts.is_none()
        {
            play.gather_facts = Some(Node::new(Kind::Bool(false), play.span.clone()));
        }
    }
}

fn defaults(built: &Built) -> Layer {
    let pairs = built.defaults.iter();
    Arc::new(
        pairs
            .map(|(n, v)| (n.clone(), Var::Template(v.clone())))
            .collect(),
    )
}

fn dir_of(playbook: &Path) -> PathBuf {
    playbook.parent().map(PathBuf::from).unwrap_or_default()
}

/// Every name that the inventory defines for any host.
fn known_vars(inventory: &Inventory, dirs: &BTreeSet<PathBuf>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for dir in dirs {
        for host in inventory.hosts() {
            for layer in inventory.layers(host.name.as_str(), Some(dir)) {
                names.extend(layer.keys().cloned());
            }
        }
    }
    names
}

/// Says at once what cannot be a playbook, in the words of Ansible where it is asked for.
pub(super) fn unreadable(args: &PlaybookArgs) -> Vec<Diagnostic> {
    let mut wrong = Vec::new();
    for path in &args.playbooks {
        let shown = path.display();
        if args.made_up.as_ref().is_some_and(|(own, _)| own == path) {
            continue;
        }
        if !path.exists() {
            wrong.push(
                Diagnostic::bare(format!("the playbook: {shown} could not be found"))
                    .code(Code::FileNotFound),
            );
        } else if path.is_dir() {
            let text = format!("the playbook: {shown} does not appear to be a file");
            wrong.push(Diagnostic::bare(text).code(Code::FileNotFound));
        }
    }
    wrong
}

/// `palisade playbook`, and `drift` where the arguments say so.
pub fn run(args: &PlaybookArgs, face: Face) -> Exit {
    let missing = unreadable(args);
    if !missing.is_empty() {
        messages::show(&missing);
        return Exit::Start;
    }
    let mut compiled = match compile(args) {
        Ok(compiled) => compiled,
        Err(mistakes) => {
            messages::tell(&mistakes, args.common.showing.json);
            return face.mistake();
        }
    };
    messages::tell(&compiled.warnings, args.common.showing.json);
    if compiled.inventory.hosts().is_empty()
        && face == Face::Palisade
        && args.common.who.inventory.is_empty()
    {
        messages::say("warning: there is no inventory; name one with -i (only localhost is known)");
    }
    let limit = match run::limit(&mut compiled, args) {
        Ok(limit) => limit,
        Err(mistake) => {
            messages::show(&[mistake]);
            return Exit::Start;
        }
    };
    warn_of_tags(args, &compiled.plan);
    if args.list_hosts || args.list_tasks || args.list_tags || args.syntax_check {
        return listing::show(args, &mut compiled, limit.as_deref());
    }
    let options = match options(args, &compiled.project) {
        // What reads Ansible's text expects its guesses too.
        Ok(options) => Options {
            guess: face == Face::Ansible,
            ..options
        },
        Err(mistake) => {
            messages::show(&[mistake]);
            return Exit::Start;
        }
    };
    let asked = match prompts::ask(&compiled) {
        Ok(asked) => asked,
        Err(mistake) => {
            messages::show(&[mistake]);
            return Exit::Start;
        }
    };
    let mask = compiled.project.mask.clone();
    let reporter = reporters::playbook(args, face, &compiled.plan, &mask);
    let terminal = AtTerminal::default();
    let ended = run::carry_out(Running {
        args,
        compiled,
        limit,
        options,
        prompts: asked,
        reporter,
        terminal,
    });
    face.exit(&ended, args.drift)
}

/// Tags that nothing has are a slip of the fingers, and would silently run nothing.
pub(super) fn warn_of_tags(args: &PlaybookArgs, plan: &Plan) {
    const SPECIAL: [&str; 5] = ["all", "tagged", "untagged", "always", "never"];
    // What includes bring is not known yet, so that a plan with includes may have any tag.
    let mut known = BTreeSet::new();
    let mut open = false;
    for play in &plan.plays {
        known.extend(play.tags.iter().cloned());
        for section in [&play.pre_tasks, &play.tasks, &play.post_tasks] {
            crate::plan::list::each(section, &mut |task| {
                known.extend(task.keywords.tags.iter().cloned());
                open |= !matches!(task.call, crate::plan::Call::Action { .. });
            });
        }
    }
    let given = args.tags.iter().flat_map(|t| t.split(',')).map(str::trim);
    for tag in given.filter(|t| !t.is_empty() && !SPECIAL.contains(t)) {
        if !known.contains(tag) && !open {
            messages::say(&format!("warning: no task has the tag `{tag}`"));
        }
    }
}

pub fn options(args: &PlaybookArgs, project: &Project) -> Result<Options, Diagnostic> {
    let connection = setup::connection(
        &args.common.connections,
        &args.common.becoming,
        &project.mask,
    )?;
    let waiting = match reporters::draws(&args.common.showing) {
        // The footer names whoever is waited for as soon as it can be noticed.
        true => Duration::from_secs(1),
        false => Options::default().waiting,
    };
    Ok(Options {
        check: args.check || args.drift,
        diff: args.diff || args.drift,
        forks: args.common.connections.forks.unwrap_or(FORKS).max(1),
        wave: wave(),
        force_handlers: args.force_handlers,
        start_at: args.start_at_task.clone(),
        step: args.step,
        verbosity: args.common.showing.verbose,
        live: reporters::draws(&args.common.showing),
        tags: args.tags.clone(),
        skip_tags: args.skip_tags.clone(),
        waiting,
        connection,
        only: args.only.clone(),
        guard: match args.common.guarding.guard {
            Some(Guard::Off) => None,
            Some(Guard::Seconds(seconds)) => Some(Duration::from_secs(seconds)),
            None => Some(crate::engine::options::GUARD),
        },
        canary: args.common.guarding.canary.unwrap_or(Canary::Hosts(1)),
        max_fail: args.common.guarding.max_fail,
        confirm_also: args
            .common
            .guarding
            .confirm_also
            .iter()
            .map(|h| h.as_str().into())
            .collect(),
        resumed: args.resumes.as_ref().map(|r| Arc::clone(&r.resumed)),
        ..Options::default()
    })
}

/// `PALISADE_WAVE` sets how many tasks are asked about at once: 1 is one task at a time.
pub(super) fn wave() -> usize {
    let given = std::env::var("PALISADE_WAVE")
        .ok()
        .and_then(|w| w.parse().ok());
    given
        .filter(|w| *w > 0)
        .unwrap_or(crate::engine::options::WAVE)
}
