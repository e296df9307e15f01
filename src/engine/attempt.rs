//! One item of a task that is carried out by itself: asked, decided, carried out, judged, and tried again.

use std::sync::Arc;
use std::time::Duration;

use crate::action::{Decision, Done, Observed, Step};
use crate::plan::Task;
use crate::resource::apply::Said;
use crate::source::{Diagnostic, Value};
use crate::vars::{Layer, TemplateError, Var};

use super::begin::When;
use super::event::{Event, HostName, Outcome, Status, TaskRef};
use super::fleet::TaskLayers;
use super::prepare::{
    Unready, conclude, controller_path, diffs, forget_local, open_questions, prepare,
};
use super::runner::{Life, Runner};
use super::sending::{StepOutcome, Work};
use super::session::{Errand, Exchange};
use super::settings::Settings;
use super::solo::Left;
use super::verdict::{Raw, all_hold, layer};

/// A retry that the playbook does not time waits this long, as Ansible's does.
const RETRY_DELAY: f64 = 5.0;

impl Runner {
    /// One item, as often as `until` asks for.
    pub(super) async fn attempt(
        &mut self,
        task: &Arc<Task>,
        name: &TaskRef,
        layers: &TaskLayers,
        settings: &Settings,
        item: &[Layer],
    ) -> Left {
        match self.when(task, layers, item) {
            When::Holds => {}
            When::Skips(condition) => {
                let mut raw = Raw::skipped("Conditional result was False");
                raw.result.insert("false_condition".into(), condition);
                return self.left(task, layers, settings, item, raw);
            }
            When::Wrong(error) => {
                let raw = self.mistake(&error);
                return self.left(task, layers, settings, item, raw);
            }
            When::Waits => {
                let raw = self.mistake(&TemplateError::Pending);
                return self.left(task, layers, settings, item, raw);
            }
        }
        let (tries, delay) = self.tries(task, layers, item);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut raw = self.once(task, name, layers, settings, item).await;
            if self.life != Life::Live || raw.unknown || raw.skipped.is_some() {
                return self.left(task, layers, settings, item, raw);
            }
            if tries > 1 || !task.until.is_empty() {
                raw.result.insert("attempts".into(), attempts.into());
            }
            let left = self.left(task, layers, settings, item, raw);
            if self.is_enough(task, layers, item, &left.outcome) {
                return left;
            }
            if attempts >= tries {
                return self.exhausted(task, left, settings, attempts);
            }
            self.ctx.tell(Event::Retry {
                host: self.host.clone(),
                task: name.clone(),
                left: tries - attempts,
                attempts,
                outcome: left.outcome.clone(),
            });
            self.ctx.stop.sleep(Duration::from_secs_f64(delay)).await;
            if self.ctx.stopping() {
                return self.exhausted(task, left, settings, attempts);
            }
        }
    }

    fn exhausted(&self, task: &Task, mut left: Left, settings: &Settings, tries: u64) -> Left {
        let fresh = !task.until.is_empty() && left.outcome.status != Status::Failed;
        let mut result = left
            .outcome
            .result
            .as_mapping()
            .cloned()
            .unwrap_or_default();
        if tries > 1 {
            // The first is not counted as an attempt once all of them failed.
            result.insert("attempts".into(), (tries - 1).into());
        }
        if fresh {
            result.insert("failed".into(), true.into());
            left.outcome.status = if settings.ignore_errors {
                Status::Ignored
            } else {
                Status::Failed
            };
        }
        left.outcome.result = Arc::new(Value::Mapping(result));
        left
    }

    fn tries(&self, task: &Task, layers: &TaskLayers, item: &[Layer]) -> (u64, f64) {
        let scope = self.scope(task, layers, item);
        let number = |node: &Option<crate::source::Node>| {
            let value = self.ctx.templar.value(node.as_ref()?, &scope).ok()?;
            <f64 as crate::action::arg::FromArg>::from_arg(value).ok()
        };
        let delay = number(&task.delay)
            .filter(|d| *d >= 0.0)
            .unwrap_or(RETRY_DELAY);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped"
        )]
        let retries = number(&task.retries).map(|r| r.clamp(0.0, 1e9) as u64);
        let tries = match (retries, task.until.is_empty()) {
            (Some(retries), _) => retries.max(1) + u64::from(retries > 0),
            (None, false) => 4,
            (None, true) => 1,
        };
        (tries, delay)
    }

    fn is_enough(
        &self,
        task: &Task,
        layers: &TaskLayers,
        item: &[Layer],
        outcome: &Outcome,
    ) -> bool {
        if task.until.is_empty() {
            return outcome.status != Status::Failed;
        }
        let scope = self.with_result(task, layers, item, &outcome.result);
        matches!(all_hold(&self.ctx.templar, &task.until, &scope), Ok(None))
    }

    pub(super) fn left(
        &self,
        task: &Task,
        layers: &TaskLayers,
        settings: &Settings,
        item: &[Layer],
        raw: Raw,
    ) -> Left {
        let ended = self.judge_as(task, layers, settings.ignore_errors, item, raw);
        Left {
            outcome: ended.outcome,
            facts: ended.facts,
            vars: ended.vars,
        }
    }

    /// Asks, decides and carries out, once.
    async fn once(
        &mut self,
        task: &Arc<Task>,
        name: &TaskRef,
        layers: &TaskLayers,
        settings: &Settings,
        item: &[Layer],
    ) -> Raw {
        let to = match (&settings.delegate_to, settings.local) {
            (Some(to), _) => to.clone(),
            (None, true) => HostName::from(super::target::HERE),
            (None, false) => self.host.clone(),
        };
        let item = self.with_delegate(settings, item);
        let scope = self.scope(task, layers, &item);
        let mut prepared = match prepare(&self.ctx.templar, task, &scope) {
            Ok(prepared) => prepared,
            Err(unready) => return self.unready(unready),
        };
        let mut observed = Observed::default();
        observed.host = self.host.to_string();
        observed.verbosity = self.ctx.options.verbosity;
        (observed.check, observed.diff) = (settings.check, settings.diff);
        if to == self.host
            && let Some(known) = self.seen.remove(&settings.way)
        {
            // What was asked ahead serves here too, unless something was tried before.
            observed = known;
        }
        loop {
            let open = {
                let (t, files) = (&self.ctx.templar, &self.ctx.files);
                open_questions(t, files, &mut prepared, &mut observed, &scope)
            };
            let open = match open {
                Ok(open) => open,
                Err(unready) => return self.unready(unready),
            };
            if open.is_empty() {
                break;
            }
            match self.trip(&to, settings, Vec::new(), &open, name).await {
                Some(exchange) => {
                    observed.me = exchange.me;
                    for (query, state) in exchange.answers {
                        observed.put(query, state);
                    }
                }
                None => return Raw::default(),
            }
        }
        let decided = prepared.action.decide(&observed);
        let decided = decided.map(|d| if settings.check { d.rehearsed() } else { d });
        let doubtful = prepared
            .action
            .reads(&observed)
            .iter()
            .any(|q| observed.is_provisional(&q.on));
        forget_local(&prepared, &mut observed);
        let mut decided = decided;
        let narrowed = match (&self.ctx.options.only, &mut decided) {
            (Some(only), Ok(decision)) if !name.handler => only.narrow(decision),
            _ => None,
        };
        let raw = match decided {
            _ if narrowed.is_some() => narrowed.unwrap_or_default(),
            Ok(decision) if settings.background.is_some() => {
                let action = Arc::clone(&prepared.action);
                let home = observed.me.home.clone();
                self.background(&to, settings, name, (action, decision), &home)
                    .await
            }
            Ok(decision) if decision.steps.is_empty() => Raw::decided(decision, Vec::new()),
            Ok(decision) if settings.check && !is_read_only(&decision) => Raw {
                planned: self.planned((task, layers), settings, &to, &decision.steps, doubtful),
                ..would(decision)
            },
            Ok(decision) => {
                let guided = !prepared.action.reads(&observed).is_empty();
                let action = prepared.action.as_ref();
                let which = (&**task, name, self.item);
                if let Some(raw) = self.recall(which, action, &decision, guided) {
                    return raw;
                }
                let settings = Settings {
                    notify: self.asks_for(task, layers),
                    ..settings.clone()
                };
                self.carry_out(
                    &to,
                    &settings,
                    (task.id, name),
                    prepared.action.as_ref(),
                    &decision,
                )
                .await
            }
            Err(failure) => Raw {
                unknown: settings.check && doubtful,
                ..Raw::failure(failure)
            },
        };
        // Retries look again; so does everyone else after something was done.
        if to == self.host && !raw.changed && raw.failed.is_none() && task.until.is_empty() {
            self.seen.insert(settings.way.clone(), observed);
        } else if raw.changed {
            self.seen.clear();
            self.prepared.clear();
        }
        raw
    }

    /// The delegate's own connection variables are in sight of the task.
    fn with_delegate(&self, settings: &Settings, item: &[Layer]) -> Vec<Layer> {
        let mut item = item.to_vec();
        if let Some(to) = &settings.delegate_to {
            item.push(layer(vec![(
                "ansible_delegated_vars".into(),
                Var::data(&Value::from(to.to_string())),
            )]));
        }
        item
    }

    fn unready(&self, unready: Unready) -> Raw {
        match unready {
            Unready::Pending | Unready::Others => self.mistake(&TemplateError::Pending),
            Unready::Mistake(error) => self.mistake(&error),
            Unready::Argument(diagnostic) => {
                Raw::mistake(&TemplateError::Other(Box::new(diagnostic)))
            }
        }
    }

    /// The steps of a decision, in order; controls by the engine, the rest by the host.
    async fn carry_out(
        &mut self,
        to: &HostName,
        settings: &Settings,
        (id, name): (usize, &TaskRef),
        action: &dyn crate::action::Task,
        decision: &Decision,
    ) -> Raw {
        let mut done: Vec<Done> = Vec::new();
        for step in &decision.steps {
            if let Step::Control(control) = step {
                match self.control(to, settings, name, control).await {
                    Ok(result) => done.push(Done::Controlled(result)),
                    Err(raw) => return *raw,
                }
                continue;
            }
            if let Step::Set(change) = step
                && let crate::resource::Resource::Controller(path) = &change.on
            {
                match self.land(to, settings, name, change, path).await {
                    Ok(()) => done.push(Done::Set(Said::default())),
                    Err(text) => {
                        return Raw {
                            failed: Some(text),
                            ..Raw::default()
                        };
                    }
                }
                continue;
            }
            if self.needs_guard(settings, to, step) {
                let change = match step {
                    Step::Set(change) => Some(change),
                    Step::Run(_) | Step::Control(_) => None,
                };
                let here = self.here.clone();
                let wanted = [(name.clone(), change)];
                if let Err((_, raw)) = self.arm(settings, to, &here, &wanted).await {
                    return *raw;
                }
                self.under_guard(id, name, &Arc::from(&name.position[1..]));
            }
            let work = vec![Work::new(step, settings, name)];
            let Some(exchange) = self.trip(to, settings, work, &[], name).await else {
                if let Some(armed) = &mut self.guard {
                    armed.doubtful = true;
                }
                return Raw::default();
            };
            match exchange.outcomes.into_iter().next() {
                Some(StepOutcome::Done(one)) => done.push(one),
                Some(StepOutcome::Failed(raw)) => return *raw,
                Some(StepOutcome::NotRun) | None if self.ctx.stopping() => {
                    self.not_run(vec![name.clone()]);
                    return Raw::default();
                }
                Some(StepOutcome::NotRun) | None => {
                    return Raw::mistake(&TemplateError::Other(Box::new(Diagnostic::bare(
                        "the host did not carry out the step and did not say why",
                    ))));
                }
            }
        }
        conclude(action, decision, &done)
    }

    /// Brings a file of the host's to the controller.
    async fn land(
        &mut self,
        to: &HostName,
        settings: &Settings,
        name: &TaskRef,
        change: &crate::resource::Change,
        path: &str,
    ) -> Result<(), String> {
        let crate::resource::State::Content(content) = &change.after else {
            return Err(format!("{path} can only be written"));
        };
        let search = self.play.search_of(&name.span);
        let place = controller_path(path, &search);
        let root = change
            .how
            .option("root")
            .map(|r| controller_path(r, &search));
        let token = super::sending::token();
        let mut landing = super::local::Landing::open(&place, root.as_deref(), &token)?;
        match (&content.bytes, change.how.option("from")) {
            (Some(bytes), _) => landing.write(bytes)?,
            (None, Some(from)) => {
                let sessions = Arc::clone(&self.ctx.sessions);
                let file = landing.file.try_clone().map_err(|e| e.to_string())?;
                let size = content.size;
                sessions
                    .download(self.errand(to, settings), from, size, file)
                    .await
                    .map_err(|e| e.message)?;
                let mut again = std::fs::File::open(format!("/proc/self/fd/{}", landing.number()))
                    .map_err(|e| e.to_string())?;
                let (digest, _) =
                    crate::resource::Digest::read(&mut again).map_err(|e| e.to_string())?;
                if digest != content.digest && change.how.option("unverified").is_none() {
                    return Err(format!("{from} changed while it was fetched"));
                }
            }
            (None, None) => return Err("the bytes are not at hand".into()),
        }
        let mode = change.how.option("mode").and_then(|m| m.parse().ok());
        landing.finish(mode)
    }

    /// What this host wants of another, or of itself.
    pub(super) fn errand<'a>(&'a self, to: &'a HostName, settings: &'a Settings) -> Errand<'a> {
        Errand {
            subject: &self.host,
            to,
            way: &settings.way,
            password: settings.password.clone(),
            guard: self.guard.as_ref().map(|armed| armed.id()),
        }
    }

    /// An exchange for this task; a host that is lost ends the runner.
    pub(super) async fn trip(
        &mut self,
        to: &HostName,
        settings: &Settings,
        work: Vec<Work>,
        queries: &[crate::resource::Query],
        name: &TaskRef,
    ) -> Option<Exchange> {
        let started = !work.is_empty();
        let sessions = Arc::clone(&self.ctx.sessions);
        let errand = self.errand(to, settings);
        let answer = sessions.exchange(errand, work, queries).await;
        match answer {
            Ok(exchange) => {
                self.tally.round_trips += 1;
                Some(exchange)
            }
            Err(error) => {
                self.lose(
                    &error,
                    started,
                    Some(name.clone()),
                    settings.ignore_unreachable,
                    0,
                );
                None
            }
        }
    }
}

pub(super) fn is_read_only(decision: &Decision) -> bool {
    decision.steps.iter().all(|s| match s {
        Step::Run(run) => run.read_only,
        Step::Control(control) => control.only_reads(),
        Step::Set(_) => false,
    })
}

/// Check mode: what the steps would do.
pub(super) fn would(decision: Decision) -> Raw {
    let opaque = decision.steps.iter().any(|s| !matches!(s, Step::Set(_)));
    let nobody_knows = opaque && decision.changed.is_none();
    let changes = diffs(&decision);
    let mut raw = Raw::decided(decision, changes);
    if nobody_knows {
        raw.unknown = true;
        raw.changed = false;
        raw.result.insert("skipped".into(), true.into());
    }
    raw
}
