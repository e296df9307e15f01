//! `palisade exec`: one action or command on many hosts; also what `ansible` is.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::{Map, Value as Json};

use crate::action::{ACTIONS, find};
use crate::source::{Code, Diagnostic, Span, suggest};
use crate::vars::Layer;

use super::exit::Exit;
use super::face::Face;
use super::options::{Becoming, Common, Connections, Inventories, Showing, Values};
use super::playbook::{self, PlaybookArgs};
use super::run::{self, Running};
use super::terminal::AtTerminal;
use super::{messages, reporters};

const EXAMPLES: &str = "\
Examples:
  palisade exec all -i hosts -- uptime                     a command, as it stands
  palisade exec web -i hosts -b -m shell -a 'df -h | grep /var'
  palisade exec 'web:!web3' -i hosts -m service -a 'name=nginx state=restarted' -b
  palisade exec all -i hosts -m copy -a 'src=motd dest=/etc/motd' -C -D

Hosts with equal output are shown together, once.";

/// Options of `palisade exec`, in the spelling of `ansible`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct ExecArgs {
    /// Which hosts: names, groups, patterns
    #[arg(value_name = "PATTERN")]
    pub pattern: String,
    /// A command and its arguments, run without a shell
    #[arg(last = true, value_name = "CMD", conflicts_with_all = ["action", "args"])]
    pub words: Vec<String>,
    /// The action to carry out (command)
    #[arg(
        short = 'm',
        long = "module-name",
        alias = "action",
        value_name = "ACTION"
    )]
    pub action: Option<String>,
    /// Its arguments: key=value, free text, or JSON
    #[arg(short, long, value_name = "ARGS", allow_hyphen_values = true)]
    pub args: Option<String>,
    /// One line a host
    #[arg(short, long)]
    pub one_line: bool,
    /// Also write each host's result to a file of its name in this directory
    #[arg(short, long, value_name = "DIR")]
    pub tree: Option<PathBuf>,
    /// Run in the background for at most so many seconds
    #[arg(short = 'B', long, value_name = "SECONDS")]
    pub background: Option<u64>,
    /// Look so often, in seconds, whether it has ended
    #[arg(short = 'P', long, value_name = "SECONDS")]
    pub poll: Option<u64>,
    /// Give a task up after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub task_timeout: Option<u64>,
    /// Only say what would change
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show what changes in files
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// List the hosts and end
    #[arg(long)]
    pub list_hosts: bool,
    /// Files are looked for here
    #[arg(long, value_name = "DIR")]
    pub playbook_dir: Option<PathBuf>,
    #[arg(short = 'M', long, value_name = "PATH", hide = true)]
    pub module_path: Option<String>,
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
}

/// What the made-up playbook is called where mistakes in it are named.
const NAME: &str = "command line";

/// Actions that take free text, and mean nothing without it.
const FREE: &[&str] = &["command", "shell", "raw", "script"];

/// The arguments as those of a playbook of one task.
fn as_playbook(args: &ExecArgs) -> Result<PlaybookArgs, Diagnostic> {
    let dir = args.playbook_dir.clone().unwrap_or_default();
    let path = dir.join(NAME);
    Ok(PlaybookArgs {
        playbooks: vec![path.clone()],
        made_up: Some((path, Arc::from(made_up(args)?))),
        common: Common {
            who: args.who.clone(),
            values: args.values.clone(),
            connections: args.connections.clone(),
            becoming: args.becoming.clone(),
            showing: args.showing.clone(),
            ..Common::default()
        },
        check: args.check,
        diff: args.diff,
        ..PlaybookArgs::default()
    })
}

/// A playbook of one task, as JSON, which is YAML.
fn made_up(args: &ExecArgs) -> Result<String, Diagnostic> {
    let mut task = Map::new();
    let mut action = args.action.clone().unwrap_or_else(|| "command".to_owned());
    let short = action.rsplit('.').next().unwrap_or_default().to_owned();
    let given = args.args.clone().unwrap_or_default();
    let value = if !args.words.is_empty() {
        action = "command".to_owned();
        serde_json::json!({ "argv": args.words })
    } else if given.trim_start().starts_with('{') {
        serde_json::from_str(&given)
            .map_err(|e| Diagnostic::bare(format!("the arguments are not JSON: {e}")))?
    } else if given.trim().is_empty() && FREE.contains(&short.as_str()) {
        let text = format!("No argument passed to {short} module");
        return Err(Diagnostic::bare(text).hint("give the command with -a, or after --"));
    } else if given.is_empty() {
        Json::Null
    } else {
        Json::String(given)
    };
    task.insert(action, value);
    if let Some(seconds) = args.background {
        task.insert("async".into(), seconds.into());
        task.insert("poll".into(), args.poll.unwrap_or(15).into());
    }
    if let Some(seconds) = args.task_timeout {
        task.insert("timeout".into(), seconds.into());
    }
    let play = serde_json::json!([{
        "name": "Ansible Ad-Hoc", "hosts": args.pattern, "gather_facts": false, "tasks": [task],
    }]);
    Ok(play.to_string())
}

/// Runs it.
pub fn run(args: &ExecArgs, face: Face) -> Exit {
    if args.list_hosts {
        return list_hosts(args);
    }
    if let Some(mistake) = unknown(args) {
        messages::tell(&[mistake], args.showing.json);
        return no_such_action(face);
    }
    let playbook = match as_playbook(args) {
        Ok(playbook) => playbook,
        Err(mistake) => {
            messages::show(&[mistake]);
            return Exit::Usage;
        }
    };
    carry_out(args, &playbook, face)
}

/// What is wrong with the name of the action.
fn unknown(args: &ExecArgs) -> Option<Diagnostic> {
    let name = args.action.as_deref().filter(|name| find(name).is_none())?;
    let known = ACTIONS.iter().map(|spec| spec.name);
    let mistake =
        Diagnostic::bare(format!("there is no action `{name}`")).code(Code::UnknownAction);
    Some(match suggest::nearest(name, known) {
        Some(near) => mistake.hint(format!("did you mean `{near}`?")),
        None => mistake,
    })
}

/// Ansible finds out on the host, and calls it a failure.
fn no_such_action(face: Face) -> Exit {
    match face {
        Face::Ansible => Exit::Failed,
        Face::Palisade => Exit::Start,
    }
}

fn carry_out(args: &ExecArgs, playbook: &PlaybookArgs, face: Face) -> Exit {
    let mut compiled = match playbook::compile(playbook) {
        Ok(compiled) => compiled,
        Err(mistakes) => {
            messages::tell(&mistakes, args.showing.json);
            return no_such_action(face);
        }
    };
    messages::tell(&compiled.warnings, args.showing.json);
    let span = Span::outside(NAME);
    let prepared = run::limit(&mut compiled, playbook).and_then(|limit| {
        let selected = compiled.inventory.select(&args.pattern, &span)?;
        let options = playbook::options(playbook, &compiled.project)?;
        Ok((limit, selected, options))
    });
    let (limit, selected, mut options) = match prepared {
        Ok(prepared) => prepared,
        Err(mistake) => {
            messages::show(&[mistake]);
            return Exit::Start;
        }
    };
    if selected.hosts.is_empty() {
        messages::show(&selected.warnings);
        messages::say(match face {
            Face::Ansible => "[WARNING]: No hosts matched, nothing to do",
            Face::Palisade => "warning: no hosts matched, so there is nothing to do",
        });
        return Exit::Fine;
    }
    // Nothing is drawn, so that nobody needs to know who is waited for every second.
    options.waiting = std::time::Duration::from_secs(10);
    let mask = compiled.project.mask.clone();
    let mut reporter = reporters::adhoc(&args.showing, face, args.one_line, args.diff, &mask);
    if let Some(dir) = &args.tree {
        reporter = Box::new(super::tree::Tree::new(reporter, dir.clone(), mask));
    }
    let ended = run::carry_out(Running {
        args: playbook,
        compiled,
        limit,
        options,
        prompts: Layer::default(),
        reporter,
        terminal: AtTerminal::default(),
    });
    face.exit(&ended, false)
}

fn list_hosts(args: &ExecArgs) -> Exit {
    let listed = super::inventory::selected(&args.who, &args.values, &args.pattern);
    match listed {
        Ok(hosts) => {
            let mut out = format!("  hosts ({}):\n", hosts.len());
            for host in hosts {
                out.push_str(&format!("    {host}\n"));
            }
            messages::print(&out);
            Exit::Fine
        }
        Err(mistakes) => {
            messages::show(&mistakes);
            Exit::Start
        }
    }
}
