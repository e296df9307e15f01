//! `palisade facts`: what is known of hosts, as JSON.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use clap::Args;
use serde_json::{Map, Value as Json};

use crate::engine::Event;
use crate::report::Reporter;
use crate::report::text::masked;
use crate::source::Mask;
use crate::vars::Layer;

use super::exit::Exit;
use super::face::Face;
use super::messages;
use super::options::{Becoming, Common, Connections, Inventories, Showing, Values};
use super::playbook::{self, PlaybookArgs};
use super::run::{self, Running};
use super::terminal::AtTerminal;

const EXAMPLES: &str = "\
Examples:
  palisade facts web1 -i hosts
  palisade facts all -i hosts --filter 'ansible_distribution*' | jq .";

/// Options of `palisade facts`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct FactsArgs {
    /// Which hosts: names, groups, patterns
    #[arg(value_name = "PATTERN", default_value = "all")]
    pattern: String,
    /// Only facts whose names match; may be repeated
    #[arg(long, value_name = "GLOB")]
    filter: Vec<String>,
    #[command(flatten)]
    pub who: Inventories,
    #[command(flatten)]
    pub values: Values,
    #[command(flatten)]
    pub connections: Connections,
    #[command(flatten)]
    pub becoming: Becoming,
    #[command(flatten)]
    showing: Showing,
}

/// Gathers facts and prints `{"host": {"fact": …}}`.
pub fn run(args: &FactsArgs) -> Exit {
    let mut setup = Map::new();
    if !args.filter.is_empty() {
        setup.insert("filter".into(), args.filter.clone().into());
    }
    let play = serde_json::json!([{
        "name": "Facts", "hosts": args.pattern, "gather_facts": false, "tasks": [{"setup": setup}],
    }]);
    let name = std::path::PathBuf::from("command line");
    let playbook = PlaybookArgs {
        playbooks: vec![name.clone()],
        made_up: Some((name, Arc::from(play.to_string()))),
        common: Common {
            who: args.who.clone(),
            values: args.values.clone(),
            connections: args.connections.clone(),
            becoming: args.becoming.clone(),
            showing: args.showing.clone(),
            ..Common::default()
        },
        ..PlaybookArgs::default()
    };
    let mut compiled = match playbook::compile(&playbook) {
        Ok(compiled) => compiled,
        Err(mistakes) => {
            messages::show(&mistakes);
            return Exit::Start;
        }
    };
    messages::show(&compiled.warnings);
    let prepared = run::limit(&mut compiled, &playbook)
        .and_then(|limit| Ok((limit, playbook::options(&playbook, &compiled.project)?)));
    let (limit, options) = match prepared {
        Ok(prepared) => prepared,
        Err(mistake) => {
            messages::show(&[mistake]);
            return Exit::Start;
        }
    };
    let found = Arc::new(Mutex::new(Map::new()));
    let mask = compiled.project.mask.clone();
    let reporter = Box::new(Collector {
        found: Arc::clone(&found),
        mask,
    });
    let ended = run::carry_out(Running {
        args: &playbook,
        compiled,
        limit,
        options,
        prompts: Layer::default(),
        reporter,
        terminal: AtTerminal::default(),
    });
    let found = found.lock().map(|f| f.clone()).unwrap_or_default();
    let text = serde_json::to_string_pretty(&Json::Object(found)).unwrap_or_default();
    messages::print(&format!("{text}\n"));
    Face::Palisade.exit(&ended, false)
}

/// Keeps facts, and says on stderr what went wrong.
struct Collector {
    found: Arc<Mutex<Map<String, Json>>>,
    mask: Mask,
}

impl Reporter for Collector {
    fn event(&mut self, event: &Event) {
        let say = |text: String| {
            let text = crate::report::text::safe(&text, &self.mask);
            let _ = writeln!(std::io::stderr(), "{text}");
        };
        match event {
            Event::Ended { host, outcome, .. } => match outcome.result.get("ansible_facts") {
                Some(facts) => {
                    let facts = serde_json::to_value(masked(facts, &self.mask));
                    if let (Ok(mut found), Ok(facts)) = (self.found.lock(), facts) {
                        found.insert(host.to_string(), facts);
                    }
                }
                None => say(format!(
                    "{host}: {}",
                    outcome.message().unwrap_or("no facts")
                )),
            },
            Event::Unreachable { host, message, .. } => say(format!("{host}: {message}")),
            Event::PlaySkipped { .. } => say("warning: no hosts matched".into()),
            Event::Warning { diagnostic } => messages::show(&[(**diagnostic).clone()]),
            _ => {}
        }
    }
}
