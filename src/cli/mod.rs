//! The command line: options, exit codes, environment variables.

pub mod lab;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "palisade", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Throw-away hosts on this machine
    Lab(lab::LabArgs),
}

/// Reads the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    match Cli::parse().verb {
        Verb::Lab(args) => lab::run(&args),
    }
}
