//! `palisade schema`: the form of files that others may read, as JSON Schema.

use clap::{Args, ValueEnum};

use crate::cli::exit::Exit;
use crate::cli::messages;

const EXAMPLES: &str = "\
Examples:
  palisade schema plan > plan.schema.json      for whoever judges plans by a policy";

/// Options of `palisade schema`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct SchemaArgs {
    /// What the schema is of
    #[arg(value_name = "WHAT")]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// A saved plan
    Plan,
}

/// `palisade schema`.
pub fn run(args: &SchemaArgs) -> Exit {
    match args.of {
        Of::Plan => messages::print(PLAN),
    }
    Exit::Fine
}

/// The form of a saved plan.
pub const PLAN: &str = include_str!("plan.schema.json");
