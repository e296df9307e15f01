//! Called under one of Ansible's names, the program behaves as that command.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use super::doc::DocArgs;
use super::exec::ExecArgs;
use super::exit::Exit;
use super::face::{ANSIBLE_USAGE, Face};
use super::inventory::InventoryArgs;
use super::playbook::PlaybookArgs;
use super::{doc, exec, fill_all, fill_inventory, inventory, messages, playbook};

/// The release whose language and output are kept.
const CORE: &str = "2.19.0";

#[derive(Debug, Parser)]
#[command(
    name = "ansible-playbook",
    about = "Run playbooks (palisade, as ansible-playbook)"
)]
struct AsPlaybook {
    #[command(flatten)]
    args: PlaybookArgs,
}

#[derive(Debug, Parser)]
#[command(
    name = "ansible",
    about = "Run one action on hosts (palisade, as ansible)"
)]
struct AsAnsible {
    #[command(flatten)]
    args: ExecArgs,
}

#[derive(Debug, Parser)]
#[command(
    name = "ansible-inventory",
    about = "Show the inventory (palisade, as ansible-inventory)"
)]
struct AsInventory {
    #[command(flatten)]
    args: InventoryArgs,
}

#[derive(Debug, Parser)]
#[command(
    name = "ansible-doc",
    about = "Describe actions (palisade, as ansible-doc)"
)]
struct AsDoc {
    #[command(flatten)]
    args: DocArgs,
}

/// Runs the command of this name; `None` if the name is none of Ansible's.
pub fn main(name: &str, words: &[OsString]) -> Option<ExitCode> {
    let known = [
        "ansible",
        "ansible-playbook",
        "ansible-inventory",
        "ansible-doc",
    ];
    if !known.contains(&name) {
        return None;
    }
    if words.iter().skip(1).any(|w| w == "--version") {
        let version = env!("CARGO_PKG_VERSION");
        messages::print(&format!(
            "{name} [core {CORE}]\n  palisade version = {version}\n"
        ));
        return Some(Exit::Fine.into());
    }
    let exit = match name {
        "ansible-playbook" => parsed::<AsPlaybook>(words).map(|mut all| {
            fill_all(&mut all.args).unwrap_or_else(|| playbook::run(&all.args, Face::Ansible))
        }),
        "ansible" => parsed::<AsAnsible>(words).map(|mut all| {
            fill_all(&mut all.args).unwrap_or_else(|| exec::run(&all.args, Face::Ansible))
        }),
        "ansible-inventory" => parsed::<AsInventory>(words).map(|mut all| {
            let InventoryArgs { who, values, .. } = &mut all.args;
            fill_inventory(who, values).unwrap_or_else(|| inventory::run(&all.args, Face::Ansible))
        }),
        _ => parsed::<AsDoc>(words).map(|all| doc::run(&all.args)),
    };
    Some(match exit {
        Ok(exit) => exit.into(),
        Err(code) => code,
    })
}

/// The command line of what runs something under one of Ansible's names.
pub fn command(name: &str) -> Option<clap::Command> {
    match name {
        "ansible-playbook" => Some(AsPlaybook::command()),
        "ansible" => Some(AsAnsible::command()),
        _ => None,
    }
}

fn parsed<T: CommandFactory + FromArgMatches>(words: &[OsString]) -> Result<T, ExitCode> {
    let matches = T::command()
        .args_override_self(true)
        .disable_version_flag(true)
        .try_get_matches_from(words);
    matches
        .and_then(|m| T::from_arg_matches(&m))
        .map_err(|error| {
            let _ = error.print();
            match error.use_stderr() {
                true => ExitCode::from(ANSIBLE_USAGE),
                false => Exit::Fine.into(),
            }
        })
}
