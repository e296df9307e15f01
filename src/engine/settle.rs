//! Verdicts: what a task leaves behind on its host once it is known how it ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::plan::Task;
use crate::source::{Code, Diagnostic, Mapping, Span, Value};
use crate::vars::{Layer, Scope, Var};

use super::doing::{Doing, Ended, ItemRun, ItemState};
use super::event::{Event, Outcome, Status, TaskRef};
use super::fleet::TaskLayers;
use super::only;
use super::runner::Runner;
use super::verdict::{Raw, combine, judge, layer};

impl Runner {
    /// Applies the playbook's conditions to what came of an item.
    pub(super) fn judge(&self, d: usize, item: &[Layer], raw: Raw) -> Ended {
        let doing = &self.queue[d];
        self.judge_as(
            &doing.task,
            &doing.layers,
            doing.settings.ignore_errors,
            item,
            raw,
        )
    }

    pub(super) fn judge_as(
        &self,
        task: &Task,
        layers: &TaskLayers,
        ignore: bool,
        item: &[Layer],
        mut raw: Raw,
    ) -> Ended {
        let facts = raw.facts.take();
        let vars = std::mem::take(&mut raw.vars);
        let scope = |result: &Value| self.with_result(task, layers, item, result);
        let outcome = judge(&self.ctx.templar, task, raw, ignore, &scope);
        Ended {
            outcome,
            facts,
            vars,
            late: false,
        }
    }

    /// The scope in which conditions on a result are evaluated.
    pub(super) fn with_result(
        &self,
        task: &Task,
        layers: &TaskLayers,
        item: &[Layer],
        result: &Value,
    ) -> Scope {
        let mut item = item.to_vec();
        if let Some(name) = &task.register {
            item.insert(0, layer(vec![(name.clone(), Var::data(result))]));
        }
        self.scope(task, layers, &item)
    }

    /// An item that waited has its verdict now.
    pub(super) fn end_item(&mut self, d: usize, i: usize, raw: Raw) {
        let Some(item) = self.queue.get(d).and_then(|q| q.items.get(i)) else {
            return;
        };
        let item = item.layer.clone();
        let mut ended = self.judge(d, &item, raw);
        ended.late = true;
        self.queue[d].items[i].state = ItemState::Ended(ended);
    }

    /// All items of a task are decided: later tasks see its predicted result, or that there is none
    /// yet.
    pub(super) fn promise(&mut self, d: usize) {
        let mut assigned = Vec::new();
        let mut undo = Vec::new();
        for item in &self.queue[d].items {
            let (facts, vars) = match &item.state {
                ItemState::Ended(ended) => (&ended.facts, &ended.vars),
                ItemState::Waiting { decision, .. } => (&decision.facts, &decision.vars),
            };
            if let Some(facts) = facts {
                self.ctx.fleet.add_facts(&self.host, facts);
                assigned.extend(fact_names(facts));
            }
            for (name, value) in vars {
                undo.push(self.ctx.fleet.set(&self.host, name, Var::data(value)));
                assigned.push(name.clone());
            }
        }
        self.queue[d].assigned.extend(undo);
        let doing = &self.queue[d];
        if let Some(name) = doing.task.register.clone() {
            let value = match self.predicted(doing) {
                _ if self.is_open(doing) => Var::Unknown,
                Some(value) => Var::data(&value),
                None => Var::Pending,
            };
            let before = self.ctx.fleet.set(&self.host, &name, value);
            self.queue[d].assigned.push(before);
            assigned.push(name);
        }
        self.assigned(&assigned);
    }

    /// Whether nobody will say what a task's result is: it was not run, and that is not guessed.
    fn is_open(&self, doing: &Doing) -> bool {
        let is_unknown = |item: &ItemRun| match &item.state {
            ItemState::Ended(ended) => ended.outcome.status == Status::Unknown,
            ItemState::Waiting { .. } => false,
        };
        let is_left = |item: &ItemRun| match &item.state {
            ItemState::Ended(ended) => only::is_open(&ended.outcome),
            ItemState::Waiting { .. } => false,
        };
        let rehearses = self.rehearses() && !self.ctx.options.guess;
        let items = &doing.items;
        rehearses && items.iter().any(is_unknown)
            || self.ctx.options.only.is_some() && items.iter().any(is_left)
    }

    /// Whatever was prepared from these names is prepared anew.
    pub(super) fn assigned(&mut self, names: &[String]) {
        if names.is_empty() {
            return;
        }
        self.prepared
            .retain(|_, p| !names.iter().any(|n| p.depends.contains(n)));
    }

    /// The result as it will be if everything goes well; `None` where only running tells.
    fn predicted(&self, doing: &Doing) -> Option<Value> {
        let mut outcomes = Vec::new();
        for item in &doing.items {
            let outcome = match &item.state {
                ItemState::Ended(ended) => ended.outcome.clone(),
                ItemState::Waiting { decision, .. } => {
                    let run = |s: &crate::action::Step| matches!(s, crate::action::Step::Run(_));
                    if decision.steps.iter().any(run) {
                        return None;
                    }
                    let raw = Raw::decided(decision.clone(), Vec::new());
                    let ignore = doing.settings.ignore_errors;
                    self.judge_as(&doing.task, &doing.layers, ignore, &item.layer, raw)
                        .outcome
                }
            };
            outcomes.push((item.value.clone().unwrap_or(Value::Null), outcome));
        }
        Some((*whole(&doing.task, doing.list.is_some(), outcomes).result).clone())
    }

    /// A task has all its verdicts: registers, tells, notifies, and goes on or fails.
    pub(super) fn end_task(&mut self, doing: Doing) {
        let mut outcomes = Vec::new();
        for item in doing.items {
            let ItemState::Ended(ended) = item.state else {
                continue;
            };
            if let Some(value) = &item.value {
                self.tell_item(
                    &doing.task,
                    &doing.name,
                    &doing.layers,
                    &item.layer,
                    value,
                    &ended.outcome,
                );
            }
            // What a step left behind is known only now; what needed none was set when it was decided.
            if ended.late {
                self.take_over(ended.facts.as_ref(), &ended.vars);
            }
            outcomes.push((item.value.unwrap_or(Value::Null), ended.outcome));
        }
        let outcome = whole(&doing.task, doing.list.is_some(), outcomes);
        self.finish(
            &doing.task,
            &doing.name,
            &doing.layers,
            doing.settings.check,
            outcome,
        );
    }

    pub(super) fn tell_item(
        &self,
        task: &Task,
        name: &TaskRef,
        layers: &TaskLayers,
        item: &[Layer],
        value: &Value,
        outcome: &Outcome,
    ) {
        let label = self.label(task, layers, item, value);
        let mut outcome = outcome.clone();
        if let Some(looping) = &task.looping {
            let mut map = outcome.result.as_mapping().cloned().unwrap_or_default();
            map.insert(looping.var.as_str().into(), value.clone());
            map.insert("ansible_loop_var".into(), looping.var.as_str().into());
            outcome.result = Arc::new(Value::Mapping(map));
        }
        self.ctx.tell(Event::Item {
            host: self.host.clone(),
            task: name.clone(),
            item: value.clone(),
            label,
            outcome,
        });
    }

    /// What an item is called in the report.
    pub(super) fn label(
        &self,
        task: &Task,
        layers: &TaskLayers,
        item: &[Layer],
        value: &Value,
    ) -> String {
        match task.looping.as_ref().and_then(|l| l.label.as_ref()) {
            Some(node) => {
                let scope = self.scope(task, layers, item);
                self.ctx.templar.text(node, &scope).unwrap_or_default()
            }
            None => crate::source::values::python_str(value),
        }
    }

    /// What every ended task does, however it was carried out.
    pub(super) fn finish(
        &mut self,
        task: &Arc<Task>,
        name: &TaskRef,
        layers: &TaskLayers,
        check: bool,
        outcome: Outcome,
    ) {
        let status = outcome.status;
        if status == Status::Ok && crate::plan::list::is_meta(task) {
            return;
        }
        if let Some(register) = &task.register {
            let open = status == Status::Unknown && self.rehearses();
            let left = self.ctx.options.only.is_some() && only::is_open(&outcome);
            let value = match open && !self.ctx.options.guess || left {
                true => Var::Unknown,
                false => Var::data(&outcome.result),
            };
            self.ctx.fleet.set(&self.host, register, value);
            self.assigned(std::slice::from_ref(register));
            if status == Status::Unknown && check {
                self.ctx.fleet.doubt(&self.host, register);
            }
        }
        let changed = outcome.result.get("changed").and_then(Value::as_bool) == Some(true);
        // What directs the run is no task of the host's.
        if !crate::plan::list::is_meta(task) || status == Status::Failed {
            self.count(status, changed, check);
        }
        let plans = outcome.planned.is_some();
        if status == Status::Failed {
            self.ctx.halt.note(&self.host, name);
            self.remember_failure(task, name, &outcome);
        }
        let place = task.span.to_string();
        let again = self.recalled.remove(&name.position)
            && !self.ctx.sessions.journal.has_begun(&self.host, &place);
        self.ctx.tell(Event::Ended {
            host: self.host.clone(),
            task: name.clone(),
            outcome,
        });
        // A plan holds what handlers would do, whether or not a command turns out to need them. What was
        // asked for by a command that ended in the run that is resumed is known from there.
        let may = plans && status == Status::Unknown;
        if (may || status == Status::Changed || changed && status != Status::Failed) && !again {
            self.notify(task, layers);
        }
        self.note_end(task, name, &place, status);
        if status == Status::Failed {
            self.fail();
        }
    }

    fn count(&mut self, status: Status, changed: bool, check: bool) {
        let t = &mut self.tally;
        match status {
            Status::Ok => t.ok += 1,
            Status::Changed => {
                t.ok += 1;
                t.changed += 1;
            }
            Status::Skipped => t.skipped += 1,
            Status::Failed => t.failed += 1,
            Status::Ignored => {
                t.ok += 1;
                t.ignored += 1;
                t.changed += u64::from(changed);
            }
            Status::Unknown => {
                t.unknown += 1;
                t.unseen += u64::from(!check);
            }
            Status::Unreachable => t.unreachable += 1,
        }
    }

    /// `ansible_failed_task` and `ansible_failed_result`, for rescues.
    fn remember_failure(&self, task: &Task, name: &TaskRef, outcome: &Outcome) {
        let given = task.name.as_ref().map_or("", |_| name.name.as_str());
        let mut task = Mapping::new();
        task.insert("name".into(), given.into());
        task.insert("action".into(), name.action.clone().into());
        let fleet = &self.ctx.fleet;
        fleet.set(
            &self.host,
            "ansible_failed_task",
            Var::data(&Value::Mapping(task)),
        );
        fleet.set(
            &self.host,
            "ansible_failed_result",
            Var::data(&outcome.result),
        );
    }

    /// The names of what a task notifies, and where they are written.
    fn notified_by(
        &self,
        task: &Task,
        layers: &TaskLayers,
    ) -> Vec<Result<(String, Span), Diagnostic>> {
        let mut names = Vec::new();
        for node in task.notify.iter().chain(&task.keywords.notify) {
            let scope = self.scope(task, layers, &[]);
            let all = match self.ctx.templar.value(node, &scope) {
                Ok(Value::Sequence(items)) => items,
                Ok(other) => vec![other],
                Err(error) => {
                    names.push(Err(error.diagnostic()));
                    continue;
                }
            };
            let words = all.iter().filter_map(Value::as_str);
            names.extend(words.map(|name| Ok((name.to_owned(), node.span.clone()))));
        }
        names
    }

    /// Where the handlers stand that a task asks for if it changes something.
    pub(super) fn asks_for(&self, task: &Task, layers: &TaskLayers) -> Vec<String> {
        let names = self.notified_by(task, layers).into_iter().flatten();
        let of = |(name, _): (String, Span)| self.play.handlers_named(&name, &self.ctx, &self.host);
        let found: BTreeSet<usize> = names.flat_map(of).collect();
        found
            .into_iter()
            .filter_map(|index| self.play.place_of(index))
            .collect()
    }

    /// Asks for the handlers that a change notifies.
    fn notify(&mut self, task: &Task, layers: &TaskLayers) {
        for name in self.notified_by(task, layers) {
            let (name, span) = match name {
                Ok(named) => named,
                Err(diagnostic) => {
                    self.warn(diagnostic);
                    continue;
                }
            };
            let found = self.play.handlers_named(&name, &self.ctx, &self.host);
            if found.is_empty() {
                let text = format!("no handler is named or listens to `{name}`");
                self.warn(Diagnostic::error(&span, text).code(Code::UnknownHandler));
                self.life = super::runner::Life::Failed;
                self.tally.failed += 1;
            }
            // What judges tasks apart foretells no course of events.
            let found = match self.ctx.options.apart {
                true => Vec::new(),
                false => found,
            };
            for handler in found {
                // One that a single host runs for all has its own time: here, the others wait.
                let shared = self.play.is_shared(handler);
                if let Some(armed) = self.guard.as_mut().filter(|g| g.ids.contains(&task.id))
                    && !shared
                {
                    armed.handlers.insert(handler);
                }
                self.due.insert(handler);
                if let Some(at) = self.play.place_of(handler) {
                    let called = self.play.handler_name(handler, &self.ctx, &self.host);
                    let journal = &self.ctx.sessions.journal;
                    journal.notified(&self.host, &task.span.to_string(), &[(at, called)]);
                }
                if self.notified.insert(handler) {
                    self.tell_notified(name.clone());
                }
            }
        }
    }
}

/// The outcome of a task from those of its items.
pub(super) fn whole(task: &Task, loops: bool, mut outcomes: Vec<(Value, Outcome)>) -> Outcome {
    match &task.looping {
        Some(looping) if loops => combine(outcomes, &looping.var, looping.index_var.as_deref()),
        _ => match outcomes.pop() {
            Some((_, outcome)) => outcome,
            None => Outcome::new(Status::Skipped, Value::Mapping(Mapping::new())),
        },
    }
}

/// The variables that facts are.
pub(super) fn fact_names(facts: &Mapping) -> impl Iterator<Item = String> {
    let names = facts.keys().filter_map(Value::as_str);
    names.chain(["ansible_facts"]).map(str::to_owned)
}
