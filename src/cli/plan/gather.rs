//! From the events of a check to what a plan holds: each step with all that is needed to make it later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use crate::action::Step as Decided;
use crate::cli::made::Merged;
use crate::engine::Event;
use crate::engine::event::{Diff, HostName, Outcome, Status, TaskRef};
use crate::engine::planned::Planned;
use crate::journal::ahead::{As, By, HostOf, Standing, Step, Unknown};
use crate::report::Reporter;
use crate::report::footer::Footer;
use crate::report::group::one_change;
use crate::report::notices::Notices;
use crate::report::text::{safe, unified};
use crate::resource::{Content, Exec, Run, State, whole};
use crate::source::Mask;

/// A command is shown with so many characters.
const MOST_SHOWN: usize = 120;

/// A difference is kept with so many bytes: more is not read by anybody, and the contents are there.
const MOST_DIFF: usize = 64 * 1024;

/// A step before what is secret in it is sealed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft {
    pub step: Step,
    pub secret: bool,
    pub contents: Vec<Content>,
}

/// The step says all that its contents are.
impl std::hash::Hash for Draft {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let s = &self.step;
        (s.play, &s.address, &s.on, &s.says, self.secret).hash(state);
        let ends = s.change.as_ref().or(s.run.as_ref());
        ends.map(Json::to_string).hash(state);
    }
}

/// What is known when the check has ended.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    plays: Vec<String>,
    order: Vec<HostName>,
    hosts: BTreeMap<HostName, Vec<Draft>>,
    lost: BTreeMap<HostName, (Standing, String)>,
    unknown: Vec<(HostName, Unknown)>,
    /// Loops whose items were told.
    items: BTreeSet<(HostName, usize, Arc<[usize]>)>,
    pub stopped: bool,
}

pub(super) struct Gatherer {
    pub footer: Footer,
    pub notices: Notices,
    pub mask: Mask,
    pub gathered: Arc<Mutex<Gathered>>,
}

impl Reporter for Gatherer {
    fn event(&mut self, event: &Event) {
        self.footer.note(event);
        match event {
            Event::Warning { diagnostic } => {
                let notices = &mut self.notices;
                self.footer.aside(|| notices.diagnostic(diagnostic));
            }
            Event::Interrupted { at_once } => {
                let notices = &mut self.notices;
                self.footer.aside(|| notices.interrupted(*at_once));
            }
            Event::RunEnded { .. } => {
                self.footer.clear();
                self.notices.end();
            }
            _ => {}
        }
        if let Ok(mut gathered) = self.gathered.lock() {
            gathered.event(event, &self.mask);
        }
    }

    fn tick(&mut self) {
        if let Some(text) = self.footer.tick() {
            let notices = &mut self.notices;
            self.footer.aside(|| notices.say(&text));
        }
    }

    fn hide(&mut self) {
        self.footer.hide();
    }
}

impl Gathered {
    fn event(&mut self, event: &Event, mask: &Mask) {
        match event {
            Event::PlayStarted { play, hosts } => {
                self.play(play.index, &play.name, mask);
                for host in hosts {
                    if !self.hosts.contains_key(host) {
                        self.hosts.insert(host.clone(), Vec::new());
                        self.order.push(host.clone());
                    }
                }
            }
            Event::Item {
                host,
                task,
                label,
                outcome,
                ..
            } => {
                let key = (host.clone(), task.play, Arc::clone(&task.position));
                self.items.insert(key);
                self.outcome(host, task, Some(label), outcome, mask);
            }
            Event::Ended {
                host,
                task,
                outcome,
            } => {
                let key = (host.clone(), task.play, Arc::clone(&task.position));
                if !self.items.remove(&key) {
                    self.outcome(host, task, None, outcome, mask);
                }
                if outcome.status == Status::Failed {
                    let why = outcome.diagnostic.as_ref().map(|d| d.message.clone());
                    let why = why.or_else(|| outcome.message().map(str::to_owned));
                    let why = match task.no_log {
                        true => "(hidden by no_log)".to_owned(),
                        false => why.unwrap_or_else(|| "it failed".into()),
                    };
                    let why = safe(&format!("{}: {why}", task.name), mask);
                    self.lost.insert(host.clone(), (Standing::Failed, why));
                }
            }
            Event::Unreachable { host, message, .. } => {
                let why = (Standing::Unreachable, safe(message, mask));
                self.lost.insert(host.clone(), why);
            }
            Event::RunEnded { stopped, .. } => self.stopped = *stopped,
            _ => {}
        }
    }

    fn play(&mut self, index: usize, name: &str, mask: &Mask) {
        while self.plays.len() <= index {
            self.plays.push(String::new());
        }
        self.plays[index] = safe(name, mask);
    }

    fn outcome(
        &mut self,
        host: &HostName,
        task: &TaskRef,
        label: Option<&str>,
        outcome: &Outcome,
        mask: &Mask,
    ) {
        let label = label.map(|label| match task.no_log {
            true => "(hidden)".to_owned(),
            false => safe(label, mask),
        });
        let address = self.address(task, label.as_deref(), mask);
        let unknown = |why: &str| Unknown {
            hosts: Vec::new(),
            address: address.clone(),
            task: safe(&task.name, mask),
            action: task.action.clone(),
            place: task.span.to_string(),
            why: safe(why, mask),
        };
        let Some(planned) = &outcome.planned else {
            let why = match outcome.status {
                Status::Unknown => outcome.message().unwrap_or("nobody can say before it runs"),
                Status::Changed => "it was carried out while planning, or only a run can",
                _ => return,
            };
            self.unknown.push((host.clone(), unknown(why)));
            return;
        };
        if let Some(why) = &planned.bound {
            self.unknown.push((host.clone(), unknown(why)));
            return;
        }
        let drafts: Option<Vec<Draft>> = (0..planned.steps.len())
            .map(|n| draft(task, &address, planned, n, mask))
            .collect();
        match drafts {
            Some(drafts) => self.hosts.entry(host.clone()).or_default().extend(drafts),
            None => {
                let why = "a plan cannot hold what it does";
                self.unknown.push((host.clone(), unknown(why)));
            }
        }
    }

    /// `play/role/task#item`
    fn address(&self, task: &TaskRef, label: Option<&str>, mask: &Mask) -> String {
        let play = self.plays.get(task.play).map_or("", String::as_str);
        let mut address = play.to_owned();
        for part in task.role.iter().chain([&task.name]) {
            address.push('/');
            address.push_str(&safe(part, mask));
        }
        if let Some(label) = label {
            address.push('#');
            address.push_str(label);
        }
        address
    }

    pub(super) fn plays(&self) -> &[String] {
        &self.plays
    }

    pub(super) fn hosts(&self) -> Vec<HostOf> {
        let of = |host: &HostName| {
            let (state, why) = match self.lost.get(host) {
                Some((state, why)) => (*state, Some(why.clone())),
                None => (Standing::Planned, None),
            };
            let name = host.to_string();
            HostOf { name, state, why }
        };
        self.order.iter().map(of).collect()
    }

    /// The steps of all hosts for which there is a plan, those that are the same as one.
    pub(super) fn steps(&mut self) -> Vec<Draft> {
        let mut merged = Merged::default();
        // What is laid in later comes to stand before what differs from it.
        for host in self.order.iter().rev() {
            let mine = self.hosts.remove(host).unwrap_or_default();
            if !self.lost.contains_key(host) {
                merged.add(host, mine);
            }
        }
        let steps = merged.steps.into_iter().map(|(draft, on)| {
            let mut draft = Arc::unwrap_or_clone(draft);
            draft.step.hosts = on.into_iter().collect();
            draft
        });
        steps.collect()
    }

    pub(super) fn unknown(&self) -> Vec<Unknown> {
        let mut all: Vec<Unknown> = Vec::new();
        let mut places: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
        for (host, one) in &self.unknown {
            if self.lost.contains_key(host) {
                continue;
            }
            let key = (one.address.as_str(), one.place.as_str(), one.why.as_str());
            let at = *places.entry(key).or_insert_with(|| {
                all.push(one.clone());
                all.len() - 1
            });
            all[at].hosts.push(host.to_string());
        }
        all
    }
}

/// One step of an item, if it can be written down.
fn draft(task: &TaskRef, address: &str, planned: &Planned, n: usize, mask: &Mask) -> Option<Draft> {
    let mut step = Step {
        play: task.play,
        address: address.to_owned(),
        task: safe(&task.name, mask),
        action: task.action.clone(),
        place: task.span.to_string(),
        handler: task.handler,
        cuts: planned.cuts.get(n).copied().unwrap_or_default(),
        guard: planned.guard,
        doubtful: planned.doubtful,
        notify: planned.notify.clone(),
        by: by(planned),
        r#as: planned
            .r#as
            .clone()
            .map(|(method, user)| As { method, user }),
        environment: environment(planned),
        timeout: planned.timeout,
        ignore_errors: planned.ignore_errors,
        ..Step::default()
    };
    let mut secret = task.no_log;
    let (whole, contents) = match planned.steps.get(n)? {
        Decided::Set(change) => {
            let (whole, contents) = whole::change(change)?;
            secret |= change.how.secret || whole.get("password").is_some();
            let diff = Diff::of(change);
            let title = &diff.title;
            step.on = safe(title, mask);
            step.says = safe(&one_change(&diff), mask);
            let text = unified(&diff, title, title);
            // What one line says needs no difference beside it.
            let lines = |s: &State| matches!(s, State::File(_) | State::Text(_));
            let is_text = lines(&change.before) || lines(&change.after);
            step.diff = (is_text && !text.is_empty()).then(|| cut(&text).to_owned());
            (whole, contents)
        }
        Decided::Run(run) => {
            step.on = "command".into();
            step.says = safe(&format!("runs `{}`", words(run)), mask);
            step.register.clone_from(&planned.register);
            step.changed_when.clone_from(&planned.changed_when);
            step.failed_when.clone_from(&planned.failed_when);
            whole::run(run)?
        }
        Decided::Control(_) => return None,
    };
    secret |= holds(&whole, mask) || step.environment.values().any(|v| holds(v, mask));
    secret |= contents.iter().any(|c| holds_bytes(c, mask));
    secret |= step.diff.as_deref().is_some_and(|d| has(d, mask));
    if secret {
        step.diff = None;
        step.says = match step.on.as_str() {
            "command" => "runs a command (hidden)".into(),
            on => format!("{on} (hidden)"),
        };
    }
    match planned.steps.get(n)? {
        Decided::Run(_) => step.run = Some(whole),
        _ => step.change = Some(whole),
    }
    Some(Draft {
        step,
        secret,
        contents,
    })
}

fn by(planned: &Planned) -> Option<By> {
    let by = By {
        connection: planned.by.connection.clone(),
        user: planned.by.user.clone(),
        port: planned.by.port,
    };
    (by != By::default()).then_some(by)
}

fn environment(planned: &Planned) -> Map<String, Json> {
    let pairs = planned.environment.iter();
    pairs
        .map(|(name, value)| (name.clone(), Json::String(value.clone())))
        .collect()
}

/// The beginning of a text, to the end of a line.
fn cut(text: &str) -> &str {
    if text.len() <= MOST_DIFF {
        return text;
    }
    let mut end = MOST_DIFF;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end]
        .rfind('\n')
        .map_or(&text[..end], |n| &text[..=n])
}

fn has(text: &str, mask: &Mask) -> bool {
    mask.apply(text) != text
}

/// Whether a secret stands in any text of a value.
fn holds(value: &Json, mask: &Mask) -> bool {
    match value {
        Json::String(text) => has(text, mask),
        Json::Array(items) => items.iter().any(|i| holds(i, mask)),
        Json::Object(map) => map.iter().any(|(k, v)| has(k, mask) || holds(v, mask)),
        _ => false,
    }
}

fn holds_bytes(content: &Content, mask: &Mask) -> bool {
    let bytes = content.bytes.as_deref().unwrap_or_default();
    match std::str::from_utf8(bytes) {
        Ok(text) => has(text, mask),
        // A vaulted file of bytes is known by how it is written down.
        Err(_) => has(&String::from_utf8_lossy(bytes), mask) || has(&STANDARD.encode(bytes), mask),
    }
}

/// A command as a person would write it, about.
fn words(run: &Run) -> String {
    let text = match &run.exec {
        Exec::Argv(words) => {
            let words: Vec<_> = words
                .iter()
                .map(|w| crate::resource::script::quote(w))
                .collect();
            words.join(" ")
        }
        Exec::Shell { text, .. } | Exec::Raw { text, .. } => text.clone(),
        Exec::Script { args, .. } => format!("a script {args}"),
        Exec::Program(program) => program.name.to_owned(),
    };
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    let mut shown: String = first.chars().take(MOST_SHOWN).collect();
    if shown.len() < first.len() || lines.next().is_some() {
        shown.push('…');
    }
    shown.trim_end().to_owned()
}
