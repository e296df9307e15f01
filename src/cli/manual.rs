//! `palisade completions` and `palisade man`: what shells and `man` know of the command line.

use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

use super::exit::Exit;
use super::messages;

/// Options of `palisade completions`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  palisade completions bash > /etc/bash_completion.d/palisade")]
pub struct CompletionsArgs {
    /// For this shell
    shell: Shell,
}

/// Prints a completion script.
pub fn completions(args: &CompletionsArgs, mut command: Command) -> Exit {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut command, "palisade", &mut out);
    messages::print(&String::from_utf8_lossy(&out));
    Exit::Fine
}

/// Options of `palisade man`.
#[derive(Args, Clone, Debug, Default)]
#[command(
    after_help = "Examples:\n  palisade man | man -l -\n  palisade man playbook | man -l -\n  \
palisade man --dir /usr/local/share/man/man1"
)]
pub struct ManArgs {
    /// The page of this verb
    verb: Option<String>,
    /// Write all pages to this directory
    #[arg(long, value_name = "DIR", conflicts_with = "verb")]
    dir: Option<PathBuf>,
}

/// Prints a page, or writes all of them.
pub fn man(args: &ManArgs, mut command: Command) -> Exit {
    command.build();
    if let Some(dir) = &args.dir {
        return match write_all(dir, &command) {
            Ok(()) => Exit::Fine,
            Err(e) => {
                messages::say(&format!("error: {}: {e}", dir.display()));
                Exit::Start
            }
        };
    }
    let chosen = match &args.verb {
        None => Some(&command),
        Some(verb) => command.find_subcommand(verb),
    };
    let Some(chosen) = chosen else {
        messages::say("error: there is no such verb; see palisade --help");
        return Exit::Usage;
    };
    match page(chosen) {
        Ok(text) => messages::print(&text),
        Err(e) => messages::say(&format!("error: {e}")),
    }
    Exit::Fine
}

fn page(command: &Command) -> std::io::Result<String> {
    let mut out = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn write_all(dir: &Path, command: &Command) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join("palisade.1"), page(command)?)?;
    for verb in command
        .get_subcommands()
        .filter(|v| !v.is_hide_set() && v.get_name() != "help")
    {
        let name = format!("palisade-{}", verb.get_name());
        let text = page(verb)?;
        std::fs::write(dir.join(format!("{name}.1")), text)?;
    }
    Ok(())
}
