//! The command line: options, exit codes, environment variables.

pub mod exit;
pub mod lab;
pub mod messages;
pub mod options;
pub mod outside;
pub mod playbook;
pub mod reporters;
pub mod setup;
pub mod terminal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Exit;

#[derive(Debug, Parser)]
#[command(name = "palisade", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run playbooks: compile, ask every host, apply the difference
    #[command(visible_alias = "run")]
    Playbook(playbook::PlaybookArgs),
    /// Throw-away hosts on this machine
    Lab(lab::LabArgs),
}

/// Reads the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Fine.into()
            };
        }
    };
    match cli.verb {
        Verb::Playbook(args) => playbook::run(&args).into(),
        Verb::Lab(args) => lab::run(&args),
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
