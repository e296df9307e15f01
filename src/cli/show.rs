//! `palisade show`: a kept plan, or a run that is recorded.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::options::Showing;
use super::plan::{self, shown};
use super::{logs, messages, reporters};

const EXAMPLES: &str = "\
Examples:
  palisade show plan.json              a plan that `palisade plan --out` kept
  palisade show 20261121-2011          what a run did: its steps, its hosts, what is pending
  palisade show 20261121-2011 --json   either for programs";

/// Options of `palisade show`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    /// The file of a plan, or the name of a run or the beginning of it
    #[arg(value_name = "PLAN|RUN")]
    what: PathBuf,
    #[command(flatten)]
    pub showing: Showing,
}

/// `palisade show`.
pub fn run(args: &ShowArgs) -> Exit {
    match is_run(&args.what) {
        true => logs::show(&args.what.to_string_lossy(), args.showing.json),
        false => of_plan(&args.what, &args.showing),
    }
}

/// Runs are called by their time; whatever is a file, or has the name of one, is a plan.
fn is_run(what: &Path) -> bool {
    let is_name = what.components().count() == 1 && what.extension().is_none();
    !what.exists() && is_name
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
