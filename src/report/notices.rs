//! Warnings and mistakes during a run: to stderr, each once, in the words of whoever is asked to speak.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, Mutex};

use crate::source::{Code, Diagnostic, Mask, Severity, render};

use crate::engine::event::{GuardStage, HostName, TaskRef};
use crate::inventory::fold::fold;

use super::stopped::Stopped;
use super::text::safe;

/// Notices remembered so as not to repeat them; after so many, repeats are the least problem.
const MOST_REMEMBERED: usize = 10_000;

type Sink = Arc<Mutex<dyn Write + Send>>;

/// Where warnings go.
pub struct Notices {
    out: Sink,
    mask: Mask,
    ansible: bool,
    colour: bool,
    told: BTreeSet<String>,
    stopped: Stopped,
    /// Handlers that were asked for and did not run, with the hosts that is so on.
    pending: BTreeMap<Vec<String>, Vec<String>>,
    /// Why such a run is not gone on with.
    only_again: Option<&'static str>,
}

impl Notices {
    /// In palisade's own words.
    pub fn new(mask: Mask, colour: bool) -> Notices {
        let out: Sink = Arc::new(Mutex::new(std::io::stderr()));
        Notices {
            out,
            mask,
            ansible: false,
            colour,
            told: BTreeSet::new(),
            stopped: Stopped::default(),
            pending: BTreeMap::new(),
            only_again: None,
        }
    }

    /// Of a run that is not gone on with, but only run again, for this reason.
    #[must_use]
    pub fn only_again(mut self, why: &'static str) -> Notices {
        self.only_again = Some(why);
        self
    }

    /// As Ansible writes them: `[WARNING]: …`.
    pub fn ansible(mask: Mask) -> Notices {
        Notices {
            ansible: true,
            ..Notices::new(mask, false)
        }
    }

    /// To another place than stderr.
    #[must_use]
    pub fn to(mut self, out: impl Write + Send + 'static) -> Notices {
        self.out = Arc::new(Mutex::new(out));
        self
    }

    /// A warning that stands in no file.
    pub fn warn(&mut self, text: &str) {
        let line = match self.ansible {
            true => format!("[WARNING]: {text}\n"),
            false => format!("warning: {text}\n"),
        };
        self.once(&line, false);
    }

    /// A mistake or warning with its place.
    pub fn diagnostic(&mut self, diagnostic: &Diagnostic) {
        match (self.ansible, diagnostic.severity) {
            (true, Severity::Warning) => self.warn(&capital(&diagnostic.message)),
            _ => self.once(&render::render(diagnostic, self.colour), true),
        }
    }

    /// What a run that was stopped did not come to, for the end of it.
    pub fn not_run(&mut self, host: &HostName, tasks: &[TaskRef]) {
        self.stopped.add(host, tasks);
    }

    /// Handlers that were asked for and did not run, for the end of it.
    pub fn pending(&mut self, host: &HostName, handlers: &[String]) {
        let hosts = self.pending.entry(handlers.to_vec()).or_default();
        hosts.push(host.to_string());
    }

    /// What a task under way prints.
    pub fn output(&mut self, text: &str) {
        for line in text.lines() {
            self.say(&format!("  {line}"));
        }
    }

    /// Somebody asked the run to stop.
    pub fn interrupted(&mut self, at_once: bool) {
        self.say(match at_once {
            false => "stopping: steps under way are finished first; again to stop at once",
            true => "stopping at once: what is under way has no verdict",
        });
    }

    /// How a change that may cut access stands.
    pub fn guard(&mut self, host: &HostName, stage: &GuardStage, tasks: &[TaskRef]) {
        let names: Vec<_> = tasks.iter().map(super::text::title).collect();
        let names = names.join(", ");
        match stage {
            GuardStage::Armed { .. } | GuardStage::Confirmed => {}
            GuardStage::Reverted { why } => self.say(&format!(
                "reverted {host}: no new login came in ({why}), so it was put back as before: \
                 {names} [{}]",
                Code::GuardReverted
            )),
            GuardStage::Divided { why } => self.say(&format!(
                "put back {host}: no new login came in ({why}) with these together; they are tried apart: {names}"
            )),
            GuardStage::Left { seconds } => self.say(&format!(
                "{host} puts itself back in {seconds} s, because nobody confirms: {names}"
            )),
            GuardStage::UnderWay { place } => self.warn(&format!(
                "{host}: another run's change that may cut access is not confirmed, and is put back unless \
                 that run still confirms it ({place})"
            )),
            GuardStage::WasReverted { place } => self.warn(&format!(
                "{host}: an earlier run's change that may cut access was never confirmed, so the host put \
                 itself back: it is not in effect (see {place}/revert.log)"
            )),
            GuardStage::Lost { why } => self.say(&format!(
                "{host} MAY BE LOCKED OUT: no new login comes in ({why}), and it does not say that it was \
                 put back: {names} [{}]",
                Code::GuardLost
            )),
        }
    }

    /// A host that cannot be told to stop does all that it was sent.
    pub fn stopping(&mut self, host: &HostName, heard: bool) {
        if !heard {
            self.warn(&format!(
                "{host} cannot be told to stop: it carries on with what it was sent"
            ));
        }
    }

    /// The run has ended.
    pub fn end(&mut self) {
        for line in std::mem::take(&mut self.stopped).lines() {
            self.say(&line);
        }
        for (handlers, hosts) in std::mem::take(&mut self.pending) {
            let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
            let (hosts, handlers) = (fold(&hosts), handlers.join(", "));
            let next = match self.only_again {
                Some(why) => format!("they were not run, and running it again does not: {why}"),
                None => "`palisade resume` runs what is pending".to_owned(),
            };
            self.say(&format!("pending on {hosts}: {handlers}; {next}"));
        }
    }

    /// One line, as often as it is said.
    pub fn say(&mut self, text: &str) {
        let text = safe(text, &self.mask);
        self.write(&format!("{text}\n"));
    }

    /// `rendered` text was made safe when it was rendered, and may hold colours.
    fn once(&mut self, text: &str, rendered: bool) {
        let text = match rendered {
            true => self.mask.apply(text).into_owned(),
            false => safe(text, &self.mask),
        };
        if self.told.len() < MOST_REMEMBERED && !self.told.insert(text.clone()) {
            return;
        }
        self.write(&text);
    }

    fn write(&self, text: &str) {
        if let Ok(mut out) = self.out.lock() {
            // A closed stderr ends the notices, not the run.
            let _ = out.write_all(text.as_bytes());
        }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
}
