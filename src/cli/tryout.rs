//! `palisade try`: a playbook on throw-away hosts, twice, and what it changed there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::Args;

use crate::engine::Event;
use crate::engine::event::{Recap, Status};
use crate::inventory::fold::fold;
use crate::lab::changes::Kind;
use crate::lab::inventory::Format;
use crate::lab::{Lab, LabError, Profile, Want};
use crate::playbook::scalar;
use crate::report::Reporter;
use crate::report::text::title;
use crate::source::Diagnostic;

use super::exit::Exit;
use super::face::Face;
use super::options::{Common, Recording, Showing, Values};
use super::playbook::{self, PlaybookArgs};
use super::run::{self, Running};
use super::terminal::AtTerminal;
use super::{messages, prompts, reporters};

/// Changed paths printed for one host; a playbook that unpacks a distribution changes thousands.
const MOST_PATHS: usize = 200;

const EXAMPLES: &str = "\
Examples:
  palisade try site.yml                     one host
  palisade try site.yml --hosts 3 -e env=test
  palisade try site.yml --keep              and look around with palisade lab ssh

Groups that the playbook names and no inventory has are made of all the hosts.
Exit codes: 0 the second run changed nothing, 2 it did or a host failed, 1 it could not start.";

/// Options of `palisade try`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TryArgs {
    /// The playbook to try
    #[arg(value_name = "PLAYBOOK")]
    playbook: PathBuf,
    /// How many hosts
    #[arg(long, value_name = "N", default_value_t = 1)]
    hosts: usize,
    /// What the hosts are: debian, systemd or busybox
    #[arg(long, default_value = "debian")]
    profile: Profile,
    /// The root directory hosts lie over, instead of this machine's own
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Run palisade's own small SSH server even where OpenSSH is installed
    #[arg(long)]
    own_server: bool,
    /// Leave the hosts running
    #[arg(long)]
    keep: bool,
    /// Only tasks with these tags
    #[arg(short, long)]
    tags: Vec<String>,
    /// Not tasks with these tags
    #[arg(long)]
    skip_tags: Vec<String>,
    /// Show what changes in files
    #[arg(short = 'D', long)]
    diff: bool,
    #[command(flatten)]
    values: Values,
    #[command(flatten)]
    showing: Showing,
}

impl TryArgs {
    pub fn values(&mut self) -> &mut Values {
        &mut self.values
    }
}

/// Lab up, apply, apply again, compare, lab down.
pub fn run(args: &TryArgs) -> Exit {
    // What cannot be compiled needs no hosts.
    let groups = match groups_of(args) {
        Ok(groups) => groups,
        Err(mistakes) => {
            messages::show(&mistakes);
            return Exit::Start;
        }
    };
    let name = format!("try{}", std::process::id());
    match on_lab(args, &name, &groups) {
        Ok(exit) => exit,
        Err(e) => {
            messages::say(&format!("error: {e}"));
            if let Some(hint) = e.hint() {
                messages::say(&format!("hint: {hint}"));
            }
            Exit::Start
        }
    }
}

fn on_lab(args: &TryArgs, name: &str, groups: &BTreeSet<String>) -> Result<Exit, LabError> {
    let io = |what: &'static str| {
        move |source: std::io::Error| LabError::Io {
            what: what.into(),
            source,
        }
    };
    let me = std::env::current_exe().map_err(io("find this program"))?;
    let lab = Lab::named(name, &me)?;
    let dir = tempfile::tempdir().map_err(io("make a temporary directory"))?;
    let want = Want {
        count: args.hosts.max(1),
        profile: args.profile,
        root: args.root.clone(),
        own_server: args.own_server,
    };
    let ended = lab.up(&want).and_then(|up| {
        messages::say(&format!(
            "{} up in {:.2} s",
            fold_all(&up.started),
            up.took.as_secs_f64()
        ));
        let inventory = dir.path().join("inventory.ini");
        let mut text = lab.inventory(Format::Ini, "root")?;
        for group in groups {
            let _ = write!(text, "\n[{group}]\n{}\n", up.started.join("\n"));
        }
        std::fs::write(&inventory, text).map_err(io("write the inventory"))?;
        let exit = twice(args, &inventory);
        show_changes(&lab, &up.started)?;
        Ok(exit)
    });
    if args.keep {
        messages::say(&format!(
            "kept; end it with: palisade lab down --name {name}"
        ));
    } else if let Err(e) = lab.down() {
        messages::say(&format!("warning: the lab {name} is left behind: {e}"));
    }
    ended
}

fn fold_all(names: &[String]) -> String {
    fold(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn playbook_args(args: &TryArgs) -> PlaybookArgs {
    PlaybookArgs {
        playbooks: vec![args.playbook.clone()],
        tags: args.tags.clone(),
        skip_tags: args.skip_tags.clone(),
        diff: args.diff,
        common: Common {
            values: args.values.clone(),
            showing: args.showing.clone(),
            recording: Recording {
                nothing: true,
                ..Recording::default()
            },
            ..Common::default()
        },
        ..PlaybookArgs::default()
    }
}

/// The groups that the plays are for: plain words in their patterns.
fn groups_of(args: &TryArgs) -> Result<BTreeSet<String>, Vec<Diagnostic>> {
    let compiled = playbook::compile(&playbook_args(args))?;
    let mut groups = BTreeSet::new();
    for play in &compiled.plan.plays {
        let mut patterns: Vec<String> = scalar(&play.hosts).into_iter().collect();
        patterns.extend(play.hosts.as_seq().into_iter().flatten().filter_map(scalar));
        for pattern in patterns {
            for part in pattern.split([',', ':']) {
                let part = part.trim().trim_start_matches(['&', '!']);
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                let known = ["all", "ungrouped", "localhost", ""].contains(&part);
                if !known && part.chars().all(plain) {
                    groups.insert(part.to_owned());
                }
            }
        }
    }
    Ok(groups)
}

/// Applies it two times; the second time must change nothing.
fn twice(args: &TryArgs, inventory: &Path) -> Exit {
    let mut playbook = playbook_args(args);
    playbook.common.who.inventory = vec![inventory.display().to_string()];
    messages::say("first run");
    let (first, _) = once(&playbook);
    if first != Exit::Fine {
        return first;
    }
    messages::say("second run");
    let (second, changed) = once(&playbook);
    if second != Exit::Fine {
        return second;
    }
    if changed.is_empty() {
        messages::say("the second run changed nothing");
        return Exit::Fine;
    }
    messages::say("error: the second run changed something again:");
    for (task, hosts) in &changed {
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        messages::say(&format!("  {task} on {}", fold(&hosts)));
    }
    messages::say(
        "hint: a task that runs a command says with `changed_when` or `creates` when it changes something",
    );
    Exit::Failed
}

type Changed = BTreeMap<String, BTreeSet<String>>;

fn once(args: &PlaybookArgs) -> (Exit, Changed) {
    let nothing = Changed::new();
    let compiled = match playbook::compile(args) {
        Ok(compiled) => compiled,
        Err(mistakes) => {
            messages::show(&mistakes);
            return (Exit::Start, nothing);
        }
    };
    let options = playbook::options(args, &compiled.project);
    let asked = options.and_then(|options| Ok((options, prompts::ask(&compiled)?)));
    let (options, asked) = match asked {
        Ok(asked) => asked,
        Err(mistake) => {
            messages::show(&[mistake]);
            return (Exit::Start, nothing);
        }
    };
    let mask = compiled.project.mask.clone();
    let inner = reporters::playbook(args, Face::Palisade, &compiled.plan, &mask);
    let changed = Arc::new(Mutex::new(nothing));
    let reporter = Box::new(Watcher {
        inner,
        changed: Arc::clone(&changed),
    });
    let terminal = AtTerminal::default();
    let limit = None;
    let ended = run::carry_out(Running {
        args,
        compiled,
        limit,
        options,
        prompts: asked,
        reporter,
        terminal,
    });
    let exit = Face::Palisade.exit(&ended, false);
    let any = ended.summary.recap.iter().any(|r: &Recap| r.changed > 0);
    let changed = changed.lock().map(|c| c.clone()).unwrap_or_default();
    (exit, if any { changed } else { Changed::new() })
}

/// Notes which tasks changed something.
struct Watcher {
    inner: Box<dyn Reporter>,
    changed: Arc<Mutex<Changed>>,
}

impl Reporter for Watcher {
    fn event(&mut self, event: &Event) {
        if let Event::Ended {
            host,
            task,
            outcome,
        } = event
            && outcome.status == Status::Changed
            && let Ok(mut changed) = self.changed.lock()
        {
            let name = format!("{} ({})", title(task), task.span);
            changed.entry(name).or_default().insert(host.to_string());
        }
        self.inner.event(event);
    }

    fn tick(&mut self) {
        self.inner.tick();
    }

    fn hide(&mut self) {
        self.inner.hide();
    }
}

/// What is not as it was on the hosts' file systems; hosts with the same changes together.
fn show_changes(lab: &Lab, hosts: &[String]) -> Result<(), LabError> {
    let mut groups: Vec<(Vec<String>, Vec<&str>)> = Vec::new();
    for host in hosts {
        let lines: Vec<String> = lab
            .changes(host)?
            .into_iter()
            .map(|c| {
                let word = match c.kind {
                    Kind::Added => "added",
                    Kind::Changed => "changed",
                    Kind::Attributes => "attributes",
                    Kind::Removed => "removed",
                };
                format!("  {word:<10} {}", c.path.display())
            })
            .collect();
        match groups.iter_mut().find(|(l, _)| *l == lines) {
            Some((_, names)) => names.push(host),
            None => groups.push((lines, vec![host])),
        }
    }
    for (lines, names) in groups {
        let mut out = format!("changed on the file system of {}:\n", fold(&names));
        if lines.is_empty() {
            out.push_str("  nothing\n");
        }
        for line in lines.iter().take(MOST_PATHS) {
            let _ = writeln!(out, "{}", crate::source::escape::escape(line));
        }
        if lines.len() > MOST_PATHS {
            let _ = writeln!(out, "  and {} more paths", lines.len() - MOST_PATHS);
        }
        messages::print(&out);
    }
    Ok(())
}
