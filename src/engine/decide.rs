//! Deciding the items of a task from what was observed.

use std::sync::Arc;

use crate::action::Step;
use crate::plan::Task;
use crate::resource::Query;
use crate::resource::apply::INLINE_PAYLOAD;
use crate::resource::file::Node;
use crate::source::{Diagnostic, Value};
use crate::vars::{Layer, TemplateError, Var};

use super::begin::{When, sees_others};
use super::doing::{Ended, ItemRun, ItemState};
use super::event::Event;
use super::prepare::{Prepared, Unready, diffs, forget_local, open_questions, prepare};
use super::runner::{Looked, Runner};
use super::settings::Way;
use super::verdict::Raw;

impl Runner {
    /// Looks at the next item of the task that was begun last.
    pub(super) fn look(&mut self) -> Looked {
        let Some(doing) = self.queue.last() else {
            return Looked::Decided;
        };
        let d = self.queue.len() - 1;
        let i = doing.items.len();
        let task = Arc::clone(&doing.task);
        let item = Self::item_layer(task.looping.as_ref(), doing.list.as_deref(), i);
        let value = doing.list.as_ref().and_then(|l| l.get(i).cloned());
        let scope = self.scope(&task, &doing.layers, &item);
        let when = self.when_in(&task, &scope);
        if sees_others(&scope) {
            return Looked::Solo;
        }
        match when {
            When::Holds => {}
            When::Waits => return Looked::Waits,
            When::Skips(condition) => {
                let mut raw = Raw::skipped("Conditional result was False");
                raw.result.insert("false_condition".into(), condition);
                self.add_ended(d, value, item, raw);
                return Looked::Decided;
            }
            When::Wrong(error) => {
                let raw = self.mistake(&error);
                self.add_ended(d, value, item, raw);
                return Looked::Decided;
            }
        }
        let prepared = match self.ready(&task, d, i, &item) {
            Ok((prepared, open)) if open.is_empty() => prepared,
            Ok((_, open)) => return Looked::Asks(open),
            Err(Unready::Pending) => return Looked::Waits,
            Err(Unready::Others) => return Looked::Solo,
            Err(Unready::Mistake(error)) => {
                let raw = self.mistake(&error);
                self.add_ended(d, value, item, raw);
                return Looked::Decided;
            }
            Err(Unready::Argument(diagnostic)) => {
                let error = TemplateError::Other(Box::new(diagnostic));
                let raw = Raw::mistake(&error);
                self.add_ended(d, value, item, raw);
                return Looked::Decided;
            }
        };
        if super::magic::OF_OTHERS
            .iter()
            .any(|n| prepared.depends.contains(*n))
        {
            return Looked::Solo;
        }
        self.conclude_item(d, value, item, &prepared)
    }

    /// The prepared action of an item and the questions it still has.
    pub(super) fn ready(
        &mut self,
        task: &Task,
        d: usize,
        i: usize,
        item: &[Layer],
    ) -> Result<(Prepared, Vec<Query>), Unready> {
        let doing = &self.queue[d];
        let key = (Arc::clone(&doing.place), i);
        let scope = self.scope(task, &doing.layers, item);
        let mut prepared = match self.prepared.remove(&key) {
            Some(prepared) => prepared,
            None => {
                prepare(&self.ctx.templar, task, &scope).map_err(|unready| {
                    match sees_others(&scope) {
                        true => Unready::Others,
                        false => unready,
                    }
                })?
            }
        };
        let way = doing.settings.way.clone();
        let (check, diff) = (doing.settings.check, doing.settings.diff);
        let observed = self.observed(&way);
        observed.check = check;
        observed.diff = diff;
        let mut seen = std::mem::take(observed);
        let open = open_questions(
            &self.ctx.templar,
            &self.ctx.files,
            &mut prepared,
            &mut seen,
            &scope,
        );
        *self.observed(&way) = seen;
        let open = open?;
        self.prepared.insert(key, prepared.clone());
        Ok((prepared, open))
    }

    pub(super) fn observed(&mut self, way: &Way) -> &mut crate::action::Observed {
        let host = &self.host;
        let verbosity = self.ctx.options.verbosity;
        let apart = self.ctx.options.apart;
        self.seen.entry(way.clone()).or_insert_with(|| {
            let mut observed = crate::action::Observed::default();
            observed.host = host.to_string();
            observed.verbosity = verbosity;
            if apart {
                observed.remember();
            }
            observed
        })
    }

    /// Decides an item whose questions are all answered.
    fn conclude_item(
        &mut self,
        d: usize,
        value: Option<Value>,
        item: Vec<Layer>,
        prepared: &Prepared,
    ) -> Looked {
        let settings = self.queue[d].settings.clone();
        let observed = self.observed(&settings.way);
        let decided = prepared.action.decide(observed);
        let reads = prepared.action.reads(observed);
        let doubtful = reads.iter().any(|q| observed.is_provisional(&q.on));
        forget_local(prepared, observed);
        // Facts are large, live on as variables, and whoever asks again wants them anew.
        for query in &reads {
            if matches!(query.on, crate::resource::Resource::Facts(_)) {
                observed.remove(&query.on);
            }
        }
        let mut decision = match decided {
            Ok(decision) => decision,
            Err(failure) => {
                // What a person must mend is so, whatever a task before it would have done.
                let found = failure.result.contains_key("finding");
                let mut raw = Raw::failure(failure);
                raw.unknown = settings.check && doubtful && !found;
                self.add_ended(d, value, item, raw);
                return Looked::Decided;
            }
        };
        if let Some(only) = self.ctx.options.only.clone()
            && self.queue[d].handler.is_none()
            && let Some(raw) = only.narrow(&mut decision)
        {
            self.add_ended(d, value, item, raw);
            return Looked::Decided;
        }
        let ours = |s: &Step| match s {
            Step::Control(_) => true,
            // What is written here is not a step of the host's.
            Step::Set(change) => matches!(change.on, crate::resource::Resource::Controller(_)),
            Step::Run(_) => false,
        };
        if decision.steps.iter().any(ours) {
            return Looked::Solo;
        }
        if settings.check && !decision.steps.is_empty() {
            return self.predict(d, value, item, prepared, (decision, doubtful));
        }
        let (task, name) = (&*self.queue[d].task.clone(), self.queue[d].name.clone());
        let action = prepared.action.as_ref();
        let guided = !reads.is_empty();
        if let Some(raw) = self.recall(
            (task, &name, self.queue[d].items.len()),
            action,
            &decision,
            guided,
        ) {
            self.add_ended(d, value, item, raw);
            return Looked::Decided;
        }
        let observed = self.observed(&settings.way);
        for step in &decision.steps {
            match step {
                Step::Set(change) => observed.overlay(change),
                Step::Run(run) if run.changes => observed.opaque(),
                Step::Run(_) | Step::Control(_) => {}
            }
        }
        if decision.steps.is_empty() {
            let raw = Raw::decided(decision, Vec::new());
            self.add_ended(d, value, item, raw);
            return Looked::Decided;
        }
        let judged = decision
            .steps
            .iter()
            .any(|s| matches!(s, Step::Run(r) if r.judged));
        if judged || !self.queue[d].task.failed_when.is_empty() {
            self.hold = true;
        }
        let action = Arc::clone(&prepared.action);
        self.weight += decision.steps.iter().map(weight).sum::<usize>();
        let state = ItemState::Waiting {
            action,
            decision,
            done: Vec::new(),
        };
        self.queue[d].items.push(ItemRun {
            value,
            layer: item,
            state,
        });
        if self.queue[d].is_complete() {
            self.promise(d);
        }
        Looked::Decided
    }

    /// Check mode: what was decided stands for what would be.
    fn predict(
        &mut self,
        d: usize,
        value: Option<Value>,
        item: Vec<Layer>,
        prepared: &Prepared,
        (decision, doubtful): (crate::action::Decision, bool),
    ) -> Looked {
        let settings = self.queue[d].settings.clone();
        let way = settings.way.clone();
        let changes = |s: &Step| matches!(s, Step::Run(r) if r.changes);
        let would_change = decision.steps.iter().any(changes);
        let here = (&*self.queue[d].task, &self.queue[d].layers);
        let planned = self.planned(here, &settings, &self.host, &decision.steps, doubtful);
        let decision = decision.rehearsed();
        let runs = decision.steps.iter().any(|s| matches!(s, Step::Run(_)));
        let read_only = decision
            .steps
            .iter()
            .all(|s| matches!(s, Step::Run(r) if r.read_only));
        if read_only {
            // It changes nothing, so check mode may run it too.
            if would_change {
                self.observed(&way).opaque();
            }
            self.hold = true;
            let action = Arc::clone(&prepared.action);
            let state = ItemState::Waiting {
                action,
                decision,
                done: Vec::new(),
            };
            self.queue[d].items.push(ItemRun {
                value,
                layer: item,
                state,
            });
            return Looked::Decided;
        }
        let observed = self.observed(&way);
        for step in &decision.steps {
            match step {
                Step::Set(change) => observed.overlay(change),
                Step::Run(run) if run.changes => observed.opaque(),
                Step::Run(_) | Step::Control(_) => {}
            }
        }
        let nobody_knows = runs && decision.changed.is_none();
        let changes = diffs(&decision);
        let mut raw = Raw::decided(decision, changes);
        raw.planned = planned;
        if nobody_knows {
            // Nobody can say what a command would do.
            raw.unknown = true;
            raw.changed = false;
            raw.result.insert("skipped".into(), true.into());
            if !raw.result.contains_key("msg") {
                let text = "Command would have run if not in check mode";
                raw.result.insert("msg".into(), text.into());
            }
        }
        self.add_ended(d, value, item, raw);
        Looked::Decided
    }

    /// A mistake; in check mode, one that comes of not having run something is not one.
    pub(super) fn mistake(&self, error: &TemplateError) -> Raw {
        let mut raw = Raw::mistake(error);
        match error {
            TemplateError::Unknown(_) if !self.rehearses() && self.ctx.options.only.is_some() => {
                raw = super::only::depends();
            }
            TemplateError::Unknown(_) => {
                let reason = error.diagnostic().message;
                raw = Raw::default();
                raw.unknown = true;
                raw.result.insert("msg".into(), reason.into());
            }
            TemplateError::Undefined { name, .. } if self.rehearses() => {
                let names = std::iter::once(name.clone()).collect();
                raw.unknown = self.ctx.fleet.doubts(&self.host, &names)
                    || !self.ctx.options.guess && self.tally.unknown > 0;
            }
            _ => {}
        }
        raw
    }

    /// Adds an item that has its verdict already.
    pub(super) fn add_ended(
        &mut self,
        d: usize,
        value: Option<Value>,
        layer: Vec<Layer>,
        raw: Raw,
    ) {
        let ended = self.judge(d, &layer, raw);
        // The next item of a loop sees what this one has set.
        if !ended.vars.is_empty() {
            let names: Vec<String> = ended.vars.iter().map(|(name, _)| name.clone()).collect();
            for (name, value) in &ended.vars {
                let before = self.ctx.fleet.set(&self.host, name, Var::data(value));
                self.queue[d].assigned.push(before);
            }
            self.assigned(&names);
        }
        self.queue[d].items.push(ItemRun {
            value,
            layer,
            state: ItemState::Ended(ended),
        });
        let failed = matches!(self.last_status(d), Some(super::event::Status::Failed));
        if failed || self.queue[d].is_complete() && self.queue.iter().any(|q| q.waiting() > 0) {
            self.hold |= failed;
        }
        if self.queue[d].is_complete() {
            self.promise(d);
        }
    }

    fn last_status(&self, d: usize) -> Option<super::event::Status> {
        match &self.queue[d].items.last()?.state {
            ItemState::Ended(Ended { outcome, .. }) => Some(outcome.status),
            ItemState::Waiting { .. } => None,
        }
    }

    /// Asks the user before a task (`--step`), and tells that a task begins.
    pub(super) fn warn(&self, diagnostic: Diagnostic) {
        self.ctx.tell(Event::Warning {
            diagnostic: Box::new(diagnostic),
        });
    }
}

/// The bytes that a step brings into a script, about.
fn weight(step: &Step) -> usize {
    let inline = |size: u64| usize::try_from(size).unwrap_or(0);
    let content = match step {
        Step::Set(change) => match change.after.file().map(|f| &f.node) {
            Some(Node::File(Some(content))) if content.size <= INLINE_PAYLOAD => {
                inline(content.size)
            }
            _ => 0,
        },
        Step::Run(run) => run.stdin.as_ref().map_or(0, |bytes| bytes.len()),
        Step::Control(_) => 0,
    };
    content + 1024
}
