//! `palisade lint`: every mistake that can be found without connecting to anything.

use std::path::PathBuf;

use clap::Args;

use crate::source::Severity;

use super::exit::Exit;
use super::messages;
use super::options::{Common, Inventories, Values};
use super::playbook::{self, PlaybookArgs};

const EXAMPLES: &str = "\
Examples:
  palisade lint site.yml
  palisade lint site.yml -i hosts        also knows the variables of the inventory
  palisade lint --json playbooks/*.yml

Exit codes: 0 nothing was found or only warnings, 1 errors were found.";

/// Options of `palisade lint`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct LintArgs {
    /// Playbooks to read
    #[arg(required = true, value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    /// One JSON object a line on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub who: Inventories,
    #[command(flatten)]
    pub values: Values,
}

/// Reads playbooks and says what is wrong with them.
pub fn run(args: &LintArgs) -> Exit {
    let (mut errors, mut warnings) = (0, 0);
    // Each for itself, so that a mistake in one hides nothing of another.
    for path in &args.playbooks {
        let one = PlaybookArgs {
            playbooks: vec![path.clone()],
            common: Common {
                who: args.who.clone(),
                values: args.values.clone(),
                ..Common::default()
            },
            ..PlaybookArgs::default()
        };
        let found = match playbook::compile(&one) {
            Ok(compiled) => compiled.warnings,
            Err(mistakes) => mistakes,
        };
        errors += found
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .count();
        warnings += found
            .iter()
            .filter(|d| d.severity == Severity::Warning)
            .count();
        if args.json {
            let lines = found
                .iter()
                .map(|d| format!("{}\n", crate::report::diagnostic(d)));
            messages::print(&lines.collect::<String>());
        } else {
            messages::show(&found);
            if !found.is_empty() {
                messages::say("");
            }
        }
    }
    if !args.json {
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        messages::say(&format!(
            "{}, {}",
            count(errors, "error"),
            count(warnings, "warning")
        ));
    }
    if errors > 0 { Exit::Start } else { Exit::Fine }
}
