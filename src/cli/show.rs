//! `palisade show`: a saved plan.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::options::Showing;
use super::plan::{self, shown};
use super::{messages, reporters};

const EXAMPLES: &str = "\
Examples:
  palisade show plan.json              a plan that `palisade plan --out` kept
  palisade show plan.json --json       the same for programs";

/// Options of `palisade show`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    /// The file of a plan
    #[arg(value_name = "PLAN")]
    what: PathBuf,
    #[command(flatten)]
    pub showing: Showing,
}

/// `palisade show`.
pub fn run(args: &ShowArgs) -> Exit {
    of_plan(&args.what, &args.showing)
}

fn of_plan(path: &Path, showing: &Showing) -> Exit {
    let (saved, _) = match plan::read(path) {
        Ok(read) => read,
        Err(mistake) => {
            messages::show(&[mistake]);
            return Exit::Start;
        }
    };
    let detail = reporters::detail(showing, true);
    messages::print(&match showing.json {
        true => shown::json(&saved),
        false => shown::human(&saved, &detail),
    });
    Exit::Fine
}
