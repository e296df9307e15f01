//! `palisade explain`: what an error code means, why a variable has its value, why a task did what it did.

mod code;
mod task;
mod var;

use clap::{Args, Subcommand};

use crate::source::{Code, Diagnostic, Kind, Node, suggest};

use super::exit::Exit;
use super::playbook::{self, Compiled, PlaybookArgs};
use super::{fill_all, messages};

pub use task::TaskArgs;
pub use var::VarArgs;

const EXAMPLES: &str = "\
Examples:
  palisade explain P0104                     what `error[P0104]` means, with an example
  palisade explain --list                    all codes
  palisade explain var http_port --host web1 -i hosts
  palisade explain var http_port --host web1 -i hosts site.yml    with what the playbook defines
  palisade explain task 'Configure nginx' --host web1 -i hosts site.yml
  palisade explain task nginx/conf --host web1 --run 20261121-2011";

/// Options of `palisade explain`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct ExplainArgs {
    #[command(subcommand)]
    pub what: Option<What>,
    /// Codes of messages, as `error[P0104]` has one
    #[arg(value_name = "CODE", required_unless_present = "list")]
    codes: Vec<String>,
    /// List all codes
    #[arg(short, long, conflicts_with = "codes")]
    list: bool,
}

#[derive(Subcommand, Clone, Debug)]
pub enum What {
    /// Every definition of a variable for a host, the one that wins first
    Var(Box<VarArgs>),
    /// Why a task ran, was skipped or changed something on a host, without changing anything
    Task(Box<TaskArgs>),
}

pub fn run(args: &mut ExplainArgs) -> Exit {
    let told = match &mut args.what {
        None if args.list => Ok(code::list()),
        None => code::explain(&args.codes),
        Some(What::Var(args)) => {
            let filled = super::fill_inventory(&mut args.who, &mut args.values);
            match filled {
                Some(exit) => return exit,
                None => var::var(args),
            }
        }
        Some(What::Task(args)) => match &args.run {
            Some(run) => task::recorded_task(args, run),
            None => match fill_all(&mut **args) {
                Some(exit) => return exit,
                None => task::task(args),
            },
        },
    };
    match told {
        Ok(text) => {
            messages::print(&text);
            Exit::Fine
        }
        Err(mistakes) => {
            messages::show(&mistakes);
            Exit::Start
        }
    }
}

fn compiled(playbook: &PlaybookArgs) -> Result<Compiled, Vec<Diagnostic>> {
    let compiled = playbook::compile(playbook)?;
    messages::show(&compiled.warnings);
    Ok(compiled)
}

fn no_host(compiled: &Compiled, host: &str) -> Option<Diagnostic> {
    let names: Vec<&str> = compiled
        .inventory
        .hosts()
        .iter()
        .map(|h| h.name.as_str())
        .collect();
    if names.contains(&host) {
        return None;
    }
    let mistake =
        Diagnostic::bare(format!("the inventory has no host `{host}`")).code(Code::UnknownHost);
    Some(match suggest::nearest(host, names) {
        Some(near) => mistake.hint(format!("did you mean `{near}`?")),
        None => mistake,
    })
}

fn text(node: &Node) -> String {
    match &node.kind {
        Kind::Str(text) => text.to_string(),
        _ => crate::source::values::python_str(&node.to_value()),
    }
}
