//! Which reporter a run gets.

use std::io::{BufWriter, IsTerminal as _, Stdout};

use crate::plan::{Plan, list};
use crate::report::Reporter;
use crate::report::adhoc::{AdHoc, Layout};
use crate::report::classic::Classic;
use crate::report::folds::Folds;
use crate::report::footer::Progress;
use crate::report::group::Detail;
use crate::report::human::{Human, Look};
use crate::report::json::JsonLines;
use crate::report::notices::Notices;
use crate::source::Mask;

use super::face::Face;
use super::messages;
use super::options::{Output, Showing, When};
use super::playbook::PlaybookArgs;

fn stdout() -> BufWriter<Stdout> {
    BufWriter::new(std::io::stdout())
}

fn colours(showing: &Showing, terminal: bool) -> bool {
    match showing.color {
        When::Always => true,
        When::Never => false,
        When::Auto => messages::coloured(terminal),
    }
}

/// Whether stderr is a terminal that can be drawn on.
fn drawable() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|t| t == "dumb");
    std::io::stderr().is_terminal() && !dumb
}

/// Whether a footer is drawn.
pub fn draws(showing: &Showing) -> bool {
    drawable() && !showing.json && showing.output.is_none_or(|o| o == Output::Human)
}

/// Whether the locale has more than ASCII.
fn ascii(showing: &Showing) -> bool {
    let first = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    let utf8 = |l: &String| {
        let l = l.to_lowercase();
        l.contains("utf-8") || l.contains("utf8")
    };
    // Nothing said is a container or a cron job, whose output is read elsewhere.
    showing.ascii || first.is_some_and(|l| !utf8(&l) && l != "C" && l != "POSIX")
}

pub fn detail(showing: &Showing, diff: bool) -> Detail {
    Detail {
        colour: colours(showing, std::io::stdout().is_terminal()),
        ascii: ascii(showing),
        diff,
        verbosity: showing.verbose,
    }
}

pub fn notices(showing: &Showing, face: Face, mask: &Mask) -> Notices {
    match face {
        Face::Ansible => Notices::ansible(mask.clone()),
        Face::Palisade => Notices::new(
            mask.clone(),
            colours(showing, std::io::stderr().is_terminal()),
        ),
    }
}

/// The reporter of a playbook's run.
pub fn playbook(args: &PlaybookArgs, face: Face, plan: &Plan, mask: &Mask) -> Box<dyn Reporter> {
    let showing = &args.common.showing;
    let chosen = match (showing.json, showing.output, face) {
        (true, ..) => Output::Json,
        (_, Some(output), _) => output,
        (_, None, Face::Ansible) => Output::Classic,
        (_, None, Face::Palisade) => Output::Human,
    };
    let diff = args.diff || args.drift;
    let detail = detail(showing, diff);
    match chosen {
        Output::Json => Box::new(JsonLines::new(stdout(), mask.clone())),
        Output::Classic => {
            let out = stdout();
            Box::new(Classic::new(
                out,
                mask.clone(),
                detail.colour,
                showing.verbose,
                diff,
            ))
        }
        Output::Human => {
            let look = Look {
                detail,
                progress: if args.step {
                    Progress::None
                } else {
                    showing.progress
                },
                terminal: drawable(),
                // A plan that is applied again leaves hosts alone that are half-way.
                command: match args.applies {
                    Some(_) => Some("palisade resume".into()),
                    None => command(),
                },
                tasks: list::plays(plan).iter().map(|p| p.tasks.len()).collect(),
                folds: match std::io::stdout().is_terminal() {
                    true => Folds::None,
                    false => Folds::of(|name| std::env::var(name).ok(), super::outside::token),
                },
            };
            let notices = notices(showing, face, mask);
            Box::new(Human::new(stdout(), mask.clone(), notices, look))
        }
    }
}

/// The reporter of one action on many hosts.
pub fn adhoc(
    showing: &Showing,
    face: Face,
    one_line: bool,
    diff: bool,
    mask: &Mask,
) -> Box<dyn Reporter> {
    if showing.json || showing.output == Some(Output::Json) {
        return Box::new(JsonLines::new(stdout(), mask.clone()));
    }
    let layout = match (one_line, face, showing.output) {
        (true, ..) => Layout::OneLine,
        (_, Face::Ansible, _) | (_, _, Some(Output::Classic)) => Layout::Minimal,
        (_, Face::Palisade, _) => Layout::Grouped,
    };
    let notices = notices(showing, face, mask);
    let notices = notices.only_again("what `exec` ran is not recorded");
    Box::new(AdHoc::new(
        stdout(),
        mask.clone(),
        notices,
        layout,
        detail(showing, diff),
    ))
}

/// The command that was given, without what limits it and without values that may be secret.
fn command() -> Option<String> {
    let mut words = vec!["palisade".to_owned()];
    let mut given = std::env::args().skip(1);
    while let Some(word) = given.next() {
        if word == "-l" || word == "--limit" {
            given.next();
        } else if word.starts_with("--limit=") || word.starts_with("-l") && !word.starts_with("--")
        {
        } else if word == "-e" || word == "--extra-vars" {
            words.push(word);
            let value = given.next()?;
            words.push(if value.starts_with('@') {
                value
            } else {
                "…".into()
            });
        } else if word.starts_with("--extra-vars=") || word.starts_with("-e") {
            words.push("-e …".into());
        } else {
            words.push(crate::resource::script::quote(&word).to_string());
        }
    }
    Some(words.join(" "))
}
