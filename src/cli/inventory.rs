//! `palisade inventory`: who there is, and what is known of them.

use std::path::PathBuf;

use clap::Args;

use crate::inventory::export::{self, Show};
use crate::source::{Code, Diagnostic, Severity, Span};

use super::exit::Exit;
use super::face::Face;
use super::messages;
use super::options::{Inventories, Values};
use super::setup::Project;

const EXAMPLES: &str = "\
Examples:
  palisade inventory -i hosts --graph
  palisade inventory -i hosts --list
  palisade inventory -i hosts --host web1
  palisade inventory -i hosts --list --yaml --output inventory.yml";

/// Options of `palisade inventory`, in the spelling of `ansible-inventory`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct InventoryArgs {
    /// All groups and hosts with their variables, as JSON
    #[arg(long, group = "what")]
    list: bool,
    /// The variables of one host
    #[arg(long, value_name = "HOST", group = "what")]
    host: Option<String>,
    /// The groups as a tree
    #[arg(long, group = "what")]
    graph: bool,
    /// With --graph: the group to begin at
    #[arg(value_name = "GROUP")]
    group: Option<String>,
    /// YAML instead of JSON
    #[arg(short, long)]
    yaml: bool,
    #[arg(long, hide = true)]
    toml: bool,
    /// With --graph: variables too
    #[arg(long)]
    vars: bool,
    /// Variables stay with their groups, so that the output is an inventory again
    #[arg(long)]
    export: bool,
    /// Write to this file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The folder whose group_vars and host_vars count too
    #[arg(long, value_name = "DIR")]
    playbook_dir: Option<PathBuf>,
    #[arg(short, long, action = clap::ArgAction::Count, hide = true)]
    verbose: u8,
    #[command(flatten)]
    pub who: Inventories,
    #[command(flatten)]
    pub values: Values,
}

/// Prints what is asked for.
pub fn run(args: &InventoryArgs, face: Face) -> Exit {
    match text(args, face) {
        Ok(text) => match &args.output {
            None => messages::print(&text),
            Some(path) => {
                if let Err(e) = std::fs::write(path, text) {
                    messages::say(&format!("error: {}: {e}", path.display()));
                    return Exit::Start;
                }
            }
        },
        Err((mistakes, exit)) => {
            messages::show(&mistakes);
            return exit;
        }
    }
    Exit::Fine
}

fn text(args: &InventoryArgs, face: Face) -> Result<String, (Vec<Diagnostic>, Exit)> {
    let start = |mistakes| (mistakes, Exit::Start);
    let usage = |text: &str| (vec![Diagnostic::bare(text)], Exit::Usage);
    if args.toml {
        return Err(usage(
            "inventories are not written as TOML; use --yaml or JSON",
        ));
    }
    let project = Project::new(&args.values).map_err(start)?;
    let (mut inventory, found) = project.inventory(&args.who);
    if found.iter().any(|d| d.severity == Severity::Error) {
        return Err(start(found));
    }
    messages::show(&found);
    let here = PathBuf::from(".");
    let dir = args.playbook_dir.as_deref().unwrap_or(&here);
    messages::show(&inventory.beside_playbook(dir, &project.env()));
    let show = Show {
        playbook_dir: Some(dir),
        export: args.export,
    };
    let unknown = |name: &str| {
        start(vec![
            Diagnostic::bare(format!("there is no host or group `{name}`")).code(Code::UnknownHost),
        ])
    };
    if let Some(name) = &args.host {
        return export::host(&inventory, name, show).ok_or_else(|| unknown(name));
    }
    if args.graph || !args.list && !args.yaml && face == Face::Palisade {
        let top = args.group.as_deref().unwrap_or("all");
        return export::graph(&inventory, top, args.vars, show).ok_or_else(|| unknown(top));
    }
    if !args.list && face == Face::Ansible {
        return Err(usage(
            "No action selected, at least one of --host, --graph or --list needs to be specified.",
        ));
    }
    Ok(if args.yaml {
        export::yaml(&inventory, show)
    } else {
        export::list(&inventory, show)
    })
}

/// The hosts of a pattern, after the limit.
pub fn selected(
    who: &Inventories,
    values: &Values,
    pattern: &str,
) -> Result<Vec<String>, Vec<Diagnostic>> {
    let project = Project::new(values)?;
    let (mut inventory, found) = project.inventory(who);
    if found.iter().any(|d| d.severity == Severity::Error) {
        return Err(found);
    }
    messages::show(&found);
    let selected = inventory
        .select(pattern, &Span::outside("command line"))
        .map_err(|d| vec![d])?;
    messages::show(&selected.warnings);
    let mut hosts: Vec<String> = selected
        .hosts
        .iter()
        .map(|h| h.as_str().to_owned())
        .collect();
    if let Some(limit) = &who.limit {
        let limited = inventory
            .limit(limit, &project.env())
            .map_err(|d| vec![d])?;
        hosts.retain(|h| limited.hosts.iter().any(|l| l.as_str() == h));
    }
    Ok(hosts)
}
