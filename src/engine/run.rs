//! A whole run: play after play, batch after batch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::host::Connect;
use crate::inventory::Inventory;
use crate::journal::Journal;
use crate::plan::compile::Compiler;
use crate::plan::{Call, Plan, Play, Task};
use crate::source::{Diagnostic, Files, Mask, Node};
use crate::vars::{Layer, Scope, Templar, Vars};

use super::asker::{Asker, Terminal};
use super::canary::Gate;
use super::context::Context;
use super::event::{Event, HostName, PlayRef, Recap};
use super::fleet::{Fleet, TaskLayers};
use super::magic;
use super::options::Options;
use super::runner::Life;
use super::sections::{Batch, run_batch};
use super::session::Sessions;
use super::stop::Stop;
use super::target::Targets;

/// Everything a run is made from.
pub struct Job {
    pub plan: Plan,
    pub playbooks: Vec<String>,
    pub inventory: Inventory,
    /// Hosts that `--limit` allows; `None` is all.
    pub limit: Option<Vec<HostName>>,
    pub limit_text: Option<String>,
    pub templar: Arc<Templar>,
    pub compiler: Arc<Compiler>,
    pub dialer: Arc<dyn Connect>,
    pub files: Files,
    /// Level 22.
    pub extra: Layer,
    /// Answers to `vars_prompt`, by name.
    pub prompts: Layer,
    pub options: Options,
    pub mask: Mask,
    pub journal: Journal,
    pub terminal: Arc<dyn Terminal>,
    /// For `order: shuffle`.
    pub seed: u64,
    pub events: tokio::sync::mpsc::UnboundedSender<Event>,
}

/// How a run ended, for exit codes.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub recap: Vec<Recap>,
    /// Hosts that are out because a limit was passed or somebody stopped the run.
    pub stopped: bool,
    /// A step was sent and its verdict was never seen.
    pub unknown: bool,
    /// It could not be written down any more, and stopped for that.
    pub unrecorded: bool,
    /// More hosts failed than were allowed to, and nothing further was begun.
    pub halted: bool,
    /// The run could not go on for a mistake of the user's.
    pub mistakes: Vec<Diagnostic>,
}

pub(super) struct Running {
    pub ctx: Arc<Context>,
    pub inventory: Inventory,
    pub limit: Option<BTreeSet<HostName>>,
    pub prompts: Layer,
    pub run_vars: Vars,
    pub tallies: BTreeMap<HostName, Recap>,
    pub order: Vec<HostName>,
    pub out: BTreeSet<HostName>,
    /// How each host stands.
    pub lives: BTreeMap<HostName, Life>,
    /// Some were not begun, because the batch before theirs came to nothing.
    pub missed: BTreeSet<HostName>,
    pub mistakes: Vec<Diagnostic>,
    /// For `order: shuffle`.
    pub seed: u64,
}

/// Carries a plan out. `stop` is set from outside to end it early.
pub async fn run(job: Job, stop: Arc<Stop>) -> Summary {
    let began = Instant::now();
    let fleet = Fleet::new(Arc::clone(&job.extra), Arc::default());
    let targets = Targets {
        dialer: job.dialer,
        fleet: Arc::clone(&fleet),
        templar: Arc::clone(&job.templar),
        connection: job.options.connection.clone(),
    };
    let events = job.events.clone();
    let sessions = Sessions::new(
        targets,
        job.journal,
        &job.options,
        Arc::clone(&stop),
        job.options.connection.timeout.map(Duration::from_secs),
        events.clone(),
    );
    let ctx = Arc::new(Context {
        templar: job.templar,
        compiler: job.compiler,
        files: job.files,
        fleet,
        sessions: Arc::new(sessions),
        events,
        stop,
        asker: Asker::new(job.terminal),
        jobs: super::job::Jobs::default(),
        halt: super::halt::Halt::new(
            job.options.max_fail,
            job.limit
                .as_ref()
                .map_or(job.inventory.hosts().len(), Vec::len),
        ),
        canary: Gate::new(job.options.canary.of(job.inventory.hosts().len())),
        options: job.options,
    });
    let run_vars = magic::of_run(&job.inventory, &ctx.options, job.limit_text.as_deref());
    let mut running = Running {
        ctx: Arc::clone(&ctx),
        inventory: job.inventory,
        limit: job.limit.map(|l| l.into_iter().collect()),
        prompts: job.prompts,
        run_vars,
        tallies: BTreeMap::new(),
        order: Vec::new(),
        out: BTreeSet::new(),
        lives: BTreeMap::new(),
        missed: BTreeSet::new(),
        mistakes: Vec::new(),
        seed: job.seed,
    };
    let hosts = running.inventory.hosts().len();
    ctx.tell(Event::RunStarted {
        playbooks: job.playbooks,
        hosts,
        check: ctx.options.check,
    });
    for (index, play) in job.plan.plays.iter().enumerate() {
        if ctx.stopping() {
            break;
        }
        if ctx.halt.is_on() {
            running.passed_over(play);
            continue;
        }
        let k = &play.keywords;
        if index > 0 && (k.connection.is_some() || k.remote_user.is_some() || k.port.is_some()) {
            // The same hosts may be reached differently now.
            ctx.sessions.close_all().await;
        }
        running.play(index, play).await;
    }
    running.note_ends().await;
    let halted = ctx.halt.said();
    if let Some(diagnostic) = &halted {
        let diagnostic = Box::new(diagnostic.clone());
        ctx.tell(Event::Warning { diagnostic });
    }
    let traffic = ctx.sessions.close_all().await;
    let recap = running.recap();
    let seconds = began.elapsed().as_secs_f64();
    ctx.tell(Event::RunEnded {
        recap: recap.clone(),
        seconds,
        traffic,
        stopped: ctx.stopping(),
    });
    let unknown = recap.iter().any(|r| r.unseen > 0);
    Summary {
        unknown,
        halted: halted.is_some(),
        unrecorded: ctx.sessions.journal.broken().is_some(),
        recap,
        stopped: ctx.stopping(),
        mistakes: running.mistakes,
    }
}

impl Running {
    fn recap(&self) -> Vec<Recap> {
        let of = |host: &HostName| {
            let mut recap = self.tallies.get(host).cloned().unwrap_or_default();
            recap.host = host.to_string();
            recap
        };
        self.order.iter().map(of).collect()
    }

    fn mistake(&mut self, diagnostic: Diagnostic) {
        self.ctx.tell(Event::Warning {
            diagnostic: Box::new(diagnostic.clone()),
        });
        self.mistakes.push(diagnostic);
    }

    /// A scope with nothing but extra variables: play names and host patterns.
    fn outer_scope(&self, play: &Play) -> Scope {
        let layers = TaskLayers {
            vars: vec![Arc::clone(&play.vars)],
            ..TaskLayers::default()
        };
        self.ctx.fleet.scope("", &layers, &play.search)
    }

    async fn play(&mut self, index: usize, play: &Arc<Play>) {
        let scope = self.outer_scope(play);
        let pattern = match self.pattern(play, &scope) {
            Ok(pattern) => pattern,
            Err(diagnostic) => return self.mistake(diagnostic),
        };
        let name = match &play.name {
            Some(node) => self.ctx.templar.text(node, &scope).unwrap_or_default(),
            None => pattern.clone(),
        };
        let selected = match self.inventory.select(&pattern, &play.hosts.span) {
            Ok(selected) => selected,
            Err(diagnostic) => return self.mistake(diagnostic),
        };
        for warning in selected.warnings {
            self.ctx.tell(Event::Warning {
                diagnostic: Box::new(warning),
            });
        }
        let mut hosts: Vec<HostName> = selected
            .hosts
            .iter()
            .map(|h| Arc::from(h.as_str()))
            .collect();
        if let Some(limit) = &self.limit {
            hosts.retain(|h| limit.contains(h));
        }
        // What plays know of their hosts has the order of the pattern.
        let known = hosts.clone();
        if let Err(diagnostic) = self.order(play, &scope, &mut hosts) {
            return self.mistake(diagnostic);
        }
        let reference = PlayRef {
            index,
            name: name.clone(),
        };
        if hosts.is_empty() {
            return self.ctx.tell(Event::PlaySkipped { play: reference });
        }
        self.add_hosts(play);
        let batches = match self.batches(play, &scope, &hosts) {
            Ok(batches) => batches,
            Err(diagnostic) => return self.mistake(diagnostic),
        };
        let ended = Arc::new(AtomicBool::new(false));
        let begun = |h: &&HostName| !self.out.contains(*h);
        self.missed
            .extend(hosts.iter().filter(begun).cloned().collect::<Vec<_>>());
        for batch in batches {
            let batch: Vec<HostName> = batch
                .into_iter()
                .filter(|h| !self.out.contains(h))
                .collect();
            if batch.is_empty() {
                continue;
            }
            if self.ctx.halt.is_on() {
                self.ctx.halt.cut(&batch);
                continue;
            }
            let failed_before = self.out.len();
            if let Err(diagnostic) = self.begin_batch(play, &name, &known, &batch) {
                return self.mistake(diagnostic);
            }
            let size = batch.len();
            let all = known.iter().filter(|h| !self.out.contains(*h));
            let all: Vec<HostName> = all.cloned().collect();
            let mut run = self.batch(index, play, &name, batch, &ended, &scope);
            run.all = all;
            for (host, (life, recap)) in run_batch(&self.ctx, run).await {
                self.tallies.insert(host.clone(), recap);
                self.missed.remove(&host);
                self.lives.insert(host.clone(), life);
                if matches!(life, Life::Failed | Life::Unreachable) {
                    self.out.insert(host);
                }
            }
            // A batch of which nobody is left ends the play, as its later batches would fare the same.
            let lost = self.out.len() - failed_before;
            let over = ended.load(std::sync::atomic::Ordering::Relaxed);
            if over {
                self.missed.clear();
            }
            if over || (lost >= size && !self.ctx.halt.is_on()) || self.ctx.stopping() {
                break;
            }
        }
    }

    /// Writes down how every host ended, and the run.
    async fn note_ends(&self) {
        let journal = &self.ctx.sessions.journal;
        let whole = !self.ctx.stopping() && !self.ctx.halt.is_on() && self.mistakes.is_empty();
        for (host, life) in &self.lives {
            let word = match life {
                Life::Live | Life::Ended if !whole || self.missed.contains(host) => "stopped",
                life => life.word(),
            };
            journal.host(host, word);
        }
        for host in self.missed.iter().filter(|h| !self.lives.contains_key(*h)) {
            journal.host(host, "stopped");
        }
        journal.end(if whole { "done" } else { "stopped" });
        journal.sync().await;
    }

    /// A play that is not begun, because enough hosts have failed.
    fn passed_over(&mut self, play: &Play) {
        let scope = self.outer_scope(play);
        let Ok(pattern) = self.pattern(play, &scope) else {
            return;
        };
        let Ok(selected) = self.inventory.select(&pattern, &play.hosts.span) else {
            return;
        };
        let hosts = selected.hosts.iter().map(|h| HostName::from(h.as_str()));
        let in_limit = |h: &HostName| self.limit.as_ref().is_none_or(|l| l.contains(h));
        let hosts: Vec<_> = hosts.filter(in_limit).collect();
        self.ctx.halt.cut(&hosts);
    }

    fn batch<'a>(
        &self,
        index: usize,
        play: &'a Arc<Play>,
        name: &'a str,
        hosts: Vec<HostName>,
        ended: &Arc<AtomicBool>,
        scope: &Scope,
    ) -> Batch<'a> {
        let t = &self.ctx.templar;
        let flag = |node: &Option<Node>, or: bool| match node {
            Some(node) => t
                .value(node, scope)
                .ok()
                .and_then(|v| <bool as crate::action::arg::FromArg>::from_arg(v).ok())
                .unwrap_or(or),
            None => or,
        };
        let max_fail = play.max_fail_percentage.as_ref().and_then(|node| {
            let value = t.value(node, scope).ok()?;
            <f64 as crate::action::arg::FromArg>::from_arg(value).ok()
        });
        let gather = (flag(&play.gather_facts, true) && play.gathers)
            .then(|| gathering(play))
            .flatten();
        Batch {
            play,
            index,
            name,
            tallies: hosts
                .iter()
                .map(|h| (h.clone(), self.tallies.get(h).cloned().unwrap_or_default()))
                .collect(),
            hosts,
            all: Vec::new(),
            ended: Arc::clone(ended),
            gather,
            force_handlers: flag(&play.force_handlers, self.ctx.options.force_handlers),
            max_fail,
            any_errors_fatal: flag(&play.any_errors_fatal, false),
        }
    }
}

/// The implicit first task of a play.
fn gathering(play: &Play) -> Option<Arc<Task>> {
    let spec = crate::action::find("setup")?;
    let mut args = Vec::new();
    for (name, node) in [
        ("gather_subset", &play.gather_subset),
        ("gather_timeout", &play.gather_timeout),
        ("fact_path", &play.fact_path),
    ] {
        if let Some(node) = node {
            args.push((name.to_owned(), node.clone()));
        }
    }
    Some(Arc::new(Task {
        id: usize::MAX,
        name: Some(Node::str("Gathering Facts", play.span.clone())),
        span: play.span.clone(),
        call: Call::Action { spec, args },
        keywords: Arc::clone(&play.keywords),
        search: Arc::clone(&play.search),
        action: "gather_facts".into(),
        implicit: true,
        ..Task::blank()
    }))
}
