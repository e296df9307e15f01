//! Which reporter a run gets.

use std::io::IsTerminal as _;

use crate::report::Reporter;
use crate::report::classic::Classic;
use crate::source::Mask;

use super::options::Showing;

/// The reporter that the options ask for.
pub fn choose(showing: &Showing, mask: &Mask, diff: bool) -> Box<dyn Reporter> {
    let colour = match showing.color.as_str() {
        "always" => true,
        "never" => false,
        _ => {
            std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
                && std::io::stdout().is_terminal()
        }
    };
    let out = std::io::BufWriter::new(std::io::stdout());
    Box::new(Classic::new(
        out,
        mask.clone(),
        colour,
        showing.verbose,
        diff,
    ))
}
