//! Beginning a task, and deciding its items from what was observed.

use std::sync::Arc;

use crate::action::Step;
use crate::plan::{Call, Loop, Task};
use crate::resource::Query;
use crate::source::{Diagnostic, Value};
use crate::vars::{Layer, Scope, TemplateError, Var};

use super::cursor::Cursor;
use super::doing::{Doing, Ended, ItemRun, ItemState};
use super::event::{Event, TaskRef};
use super::fleet::TaskLayers;
use super::prepare::{Prepared, Unready, diffs, forget_local, open_questions, prepare};
use super::runner::{Looked, Runner};
use super::settings::{self, Settings, Way};
use super::verdict::{Raw, all_hold, layer};

/// What the conditions of an item say.
pub(super) enum When {
    Holds,
    Skips(String),
    Waits,
    Wrong(TemplateError),
}

impl Runner {
    /// The variables a task sees besides those of its host.
    pub(super) fn layers(&self, task: &Task, cursor: &Cursor) -> TaskLayers {
        let mut layers = TaskLayers::default();
        if let Some(role) = &task.role {
            layers.role_vars.push(Arc::clone(&role.vars));
            layers.role_defaults.push(Arc::clone(&role.defaults));
            layers.params.push(Arc::clone(&role.params));
            layers.vars.push(self.play.role_magic(role));
        }
        layers.vars.extend(task.keywords.vars.iter().cloned());
        layers
            .params
            .extend(task.keywords.include_vars.iter().cloned());
        layers.params.extend(cursor.vars());
        layers
    }

    pub(super) fn scope(&self, task: &Task, layers: &TaskLayers, item: &[Layer]) -> Scope {
        let mut layers = layers.clone();
        layers.item = item.to_vec();
        self.ctx.fleet.scope(&self.host, &layers, &task.search)
    }

    /// What reporters need to know of a task.
    pub(super) fn describe(&self, task: &Task, cursor: &Cursor, layers: &TaskLayers) -> TaskRef {
        let action = match &task.call {
            Call::Action { spec, .. } => spec.name.to_owned(),
            Call::Dynamic { .. } => "action".to_owned(),
            Call::IncludeTasks(_) => "include_tasks".to_owned(),
            Call::IncludeRole(_) => "include_role".to_owned(),
        };
        let mut position = vec![self.section];
        position.extend(cursor.position().iter());
        let name = match &task.name {
            Some(node) => {
                let scope = self.scope(task, layers, &[]);
                let written = || node.as_str().unwrap_or_default().to_owned();
                self.ctx
                    .templar
                    .text(node, &scope)
                    .unwrap_or_else(|_| written())
            }
            None => task.action.clone(),
        };
        TaskRef {
            position: Arc::from(position),
            name,
            action,
            role: task.role.as_ref().map(|r| r.name.clone()),
            span: task.span.clone(),
            handler: cursor.in_handlers(),
            no_log: false,
            play: self.play.index,
        }
    }

    /// Whether a task needs other hosts, time, or the engine, and so is carried out by itself.
    pub(super) fn is_solo(&self, task: &Task) -> bool {
        let k = &task.keywords;
        let includes = matches!(task.call, Call::IncludeTasks(_) | Call::IncludeRole(_));
        includes
            || self.play.linear
            || self.ctx.options.step
            || k.delegate_to.is_some()
            || k.run_once.is_some()
            || k.throttle.is_some()
            || self.play.is_elsewhere(task)
            || !task.until.is_empty()
            || task.retries.is_some()
            || task.is_async.is_some()
            || task
                .looping
                .as_ref()
                .is_some_and(|l| l.pause.is_some() || !l.break_when.is_empty())
    }

    pub(super) fn settings(&self, task: &Task, scope: &Scope) -> Result<Settings, TemplateError> {
        let mut layers = TaskLayers {
            without_facts: true,
            ..TaskLayers::default()
        };
        layers.vars.extend(task.keywords.vars.iter().cloned());
        let plain = self.ctx.fleet.scope(&self.host, &layers, &task.search);
        settings::resolve(&self.ctx.templar, task, scope, &plain, &self.ctx.options)
    }

    /// Begins the task the cursor stands behind. Afterwards it is in the queue, unless it is passed
    /// over, must wait, or is carried out by itself.
    pub(super) fn begin(&mut self, task: &Arc<Task>, before: &Cursor) -> Looked {
        let handler = match self.cursor.in_handlers() {
            true => match self.play.handler(task) {
                Some(index) if self.notified.contains(&index) => Some(index),
                _ => return Looked::Decided,
            },
            false => None,
        };
        let layers = self.layers(task, &self.cursor);
        if !self.started && !self.is_start(task, &layers) {
            return Looked::Decided;
        }
        let place = self.cursor.position();
        if self.is_solo(task) || self.alone.contains(&place) {
            return Looked::Solo;
        }
        let scope = self.scope(task, &layers, &[]);
        let mut name = self.describe(task, &self.cursor, &layers);
        let mut doing = Doing {
            task: Arc::clone(task),
            name: name.clone(),
            place,
            before: before.clone(),
            after: self.cursor.clone(),
            settings: Settings::default(),
            layers,
            list: None,
            items: Vec::new(),
            assigned: Vec::new(),
            handler,
        };
        match self.settings(task, &scope) {
            Ok(settings) => doing.settings = settings,
            Err(TemplateError::Pending) => return Looked::Waits,
            Err(_) if task.looping.is_some() => return Looked::Solo,
            // A keyword that cannot be rendered matters only where the task would run.
            Err(error) => match self.when(task, &doing.layers, &[]) {
                When::Skips(_) => {}
                _ => return self.begin_failed(doing, &error),
            },
        }
        name.no_log = doing.settings.no_log;
        doing.name = name;
        let busy = self.queue.iter().find(|d| d.waiting() > 0);
        if busy.is_some_and(|d| d.settings.way != doing.settings.way) {
            return Looked::Waits;
        }
        // Other hosts' variables, or keywords that differ from item to item.
        let var = task.looping.as_ref().map(|l| l.var.as_str());
        let names = |l: std::sync::MutexGuard<'_, std::collections::BTreeSet<String>>| {
            l.contains("hostvars") || var.is_some_and(|v| l.contains(v))
        };
        if scope.looked_up.lock().is_ok_and(names) {
            return Looked::Solo;
        }
        match self.list(task, &doing.layers) {
            Ok(list) => doing.list = list,
            Err(TemplateError::Pending) => return Looked::Waits,
            Err(error) => match self.when(task, &doing.layers, &[]) {
                When::Waits => return Looked::Waits,
                When::Skips(_) => {}
                _ => return self.begin_failed(doing, &error),
            },
        }
        self.enqueue(doing);
        Looked::Decided
    }

    fn enqueue(&mut self, doing: Doing) {
        if let Some(handler) = doing.handler {
            self.notified.remove(&handler);
        }
        self.play.announce(&self.ctx, &doing.name);
        self.queue.push(doing);
    }

    fn begin_failed(&mut self, doing: Doing, error: &TemplateError) -> Looked {
        self.enqueue(doing);
        let (d, raw) = (self.queue.len() - 1, self.mistake(error));
        self.add_ended(d, None, Vec::new(), raw);
        Looked::Decided
    }

    /// `--start-at-task`.
    fn is_start(&mut self, task: &Task, layers: &TaskLayers) -> bool {
        let Some(start) = &self.ctx.options.start_at else {
            return true;
        };
        let name = self.describe(task, &self.cursor, layers);
        let full = name.role.as_ref().map(|r| format!("{r} : {}", name.name));
        if name.name == *start || full.as_deref() == Some(start) {
            self.started = true;
        }
        self.started
    }

    /// The items of a task's loop.
    pub(super) fn list(
        &self,
        task: &Task,
        layers: &TaskLayers,
    ) -> Result<Option<Vec<Value>>, TemplateError> {
        let Some(looping) = &task.looping else {
            return Ok(None);
        };
        let scope = self.scope(task, layers, &[]);
        let t = &self.ctx.templar;
        if let Some(with) = &looping.with {
            return t.with_lookup(with, &looping.over, &scope).map(Some);
        }
        match t.value(&looping.over, &scope)? {
            Value::Sequence(items) => Ok(Some(items)),
            other => {
                let kind = crate::action::arg::kind(&other);
                let message = format!("`loop` needs a list, not {kind}");
                let hint = "a mapping can be looped over with `| dict2items`";
                let diagnostic = Diagnostic::error(&looping.over.span, message).hint(hint);
                Err(TemplateError::Other(Box::new(diagnostic)))
            }
        }
    }

    /// The variables of one item.
    pub(super) fn item_layer(
        looping: Option<&Loop>,
        list: Option<&[Value]>,
        i: usize,
    ) -> Vec<Layer> {
        let (Some(looping), Some(list)) = (looping, list) else {
            return Vec::new();
        };
        let Some(item) = list.get(i) else {
            return Vec::new();
        };
        let mut pairs = vec![
            (looping.var.clone(), Var::data(item)),
            (
                "ansible_loop_var".to_owned(),
                Var::data(&looping.var.clone().into()),
            ),
        ];
        if let Some(name) = &looping.index_var {
            pairs.push((name.clone(), Var::data(&i.into())));
            pairs.push(("ansible_index_var".into(), Var::data(&name.clone().into())));
        }
        if looping.extended {
            let of = |n: usize| list.get(n).cloned().unwrap_or(Value::Null);
            let mut map = crate::result! {
                "allitems" => list.to_vec(), "index" => i + 1, "index0" => i,
                "revindex" => list.len() - i, "revindex0" => list.len() - i - 1,
                "first" => i == 0, "last" => i + 1 == list.len(), "length" => list.len(),
            };
            if i > 0 {
                map.insert("previtem".into(), of(i - 1));
            }
            if i + 1 < list.len() {
                map.insert("nextitem".into(), of(i + 1));
            }
            pairs.push(("ansible_loop".into(), Var::data(&Value::Mapping(map))));
        }
        vec![layer(pairs)]
    }

    /// Whether the conditions of a task hold for an item.
    pub(super) fn when(&self, task: &Task, layers: &TaskLayers, item: &[Layer]) -> When {
        if task.keywords.when.is_empty() {
            return When::Holds;
        }
        let scope = self.scope(task, layers, item);
        match all_hold(&self.ctx.templar, &task.keywords.when, &scope) {
            Ok(None) => When::Holds,
            Ok(Some(node)) => When::Skips(match &node.kind {
                crate::source::Kind::Str(text) => text.to_string(),
                _ => "False".into(),
            }),
            Err(TemplateError::Pending) => When::Waits,
            Err(error) => When::Wrong(error),
        }
    }

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
        match self.when(&task, &doing.layers, &item) {
            When::Holds => {}
            When::Waits => return Looked::Waits,
            When::Skips(condition) => {
                let mut raw = Raw::skipped("Conditional result was False");
                raw.result
                    .insert("false_condition".into(), condition.into());
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
        if prepared.depends.contains("hostvars") {
            return Looked::Solo;
        }
        self.conclude_item(d, value, item, &prepared)
    }

    /// The prepared action of an item and the questions it still has.
    fn ready(
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
            None => prepare(&self.ctx.templar, task, &scope)?,
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
        self.seen.entry(way.clone()).or_insert_with(|| {
            let mut observed = crate::action::Observed::default();
            observed.host = host.to_string();
            observed.verbosity = verbosity;
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
        let doubtful = prepared
            .action
            .reads(observed)
            .iter()
            .any(|q| observed.is_provisional(&q.on));
        forget_local(prepared, observed);
        let decision = match decided {
            Ok(decision) => decision,
            Err(failure) => {
                let mut raw = Raw::failure(failure);
                raw.unknown = settings.check && doubtful;
                self.add_ended(d, value, item, raw);
                return Looked::Decided;
            }
        };
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
            return self.predict(d, value, item, prepared, decision);
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
            let raw = Raw::decided(&decision, Vec::new());
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
        decision: crate::action::Decision,
    ) -> Looked {
        let way = self.queue[d].settings.way.clone();
        let runs = decision.steps.iter().any(|s| matches!(s, Step::Run(_)));
        let read_only = decision
            .steps
            .iter()
            .all(|s| matches!(s, Step::Run(r) if r.read_only));
        if read_only {
            // It changes nothing, so check mode may run it too.
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
        let mut raw = Raw::decided(&decision, diffs(&decision));
        if runs && decision.changed.is_none() {
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
        if self.ctx.options.check
            && let TemplateError::Undefined { name, .. } = error
        {
            let names = std::iter::once(name.clone()).collect();
            raw.unknown = self.ctx.fleet.doubts(&self.host, &names);
        }
        raw
    }

    /// The questions of everything that lies ahead, after those that are needed now.
    pub(super) fn gather(&mut self, way: &Way, mut queries: Vec<Query>) -> Vec<Query> {
        let mut ahead = self.cursor.clone();
        let mut left = self.ctx.options.wave.saturating_sub(1);
        // The items of the present loop come first.
        if let Some(d) = self.queue.len().checked_sub(1) {
            let task = Arc::clone(&self.queue[d].task);
            for i in self.queue[d].items.len() + 1..self.queue[d].count() {
                let item =
                    Self::item_layer(task.looping.as_ref(), self.queue[d].list.as_deref(), i);
                if let Ok((_, open)) = self.ready(&task, d, i, &item) {
                    merge(&mut queries, open);
                }
            }
        }
        while left > 0 && self.started {
            let Some(task) = ahead.next() else { break };
            left -= 1;
            if self.is_solo(&task) && !self.can_ask_ahead(&task) {
                continue;
            }
            if ahead.in_handlers()
                && !self
                    .play
                    .handler(&task)
                    .is_some_and(|h| self.notified.contains(&h))
            {
                continue;
            }
            self.ask_ahead(&task, &ahead, way, &mut queries);
        }
        queries
    }

    /// Whether a task that is carried out by itself still asks this host, as itself.
    fn can_ask_ahead(&self, task: &Task) -> bool {
        let includes = matches!(task.call, Call::IncludeTasks(_) | Call::IncludeRole(_));
        !includes && task.keywords.delegate_to.is_none() && task.keywords.run_once.is_none()
    }

    /// Adds the questions of a task that lies ahead, as far as they can be known now. Whether they
    /// were the right ones is seen when the task is decided; a wrong guess costs only bytes.
    fn ask_ahead(&mut self, task: &Arc<Task>, ahead: &Cursor, way: &Way, out: &mut Vec<Query>) {
        let layers = self.layers(task, ahead);
        let scope = self.scope(task, &layers, &[]);
        let Ok(settings) = self.settings(task, &scope) else {
            return;
        };
        if settings.way != *way {
            return;
        }
        let Ok(list) = self.list(task, &layers) else {
            return;
        };
        let place = ahead.position();
        for i in 0..list.as_ref().map_or(1, Vec::len) {
            let item = Self::item_layer(task.looping.as_ref(), list.as_deref(), i);
            if matches!(self.when(task, &layers, &item), When::Skips(_)) {
                continue;
            }
            let key = (Arc::clone(&place), i);
            let scope = self.scope(task, &layers, &item);
            let mut prepared = match self.prepared.remove(&key) {
                Some(prepared) => prepared,
                None => match prepare(&self.ctx.templar, task, &scope) {
                    Ok(prepared) => prepared,
                    Err(_) => continue,
                },
            };
            let mut seen = std::mem::take(self.observed(way));
            seen.diff = settings.diff;
            let (t, files) = (&self.ctx.templar, &self.ctx.files);
            let open = open_questions(t, files, &mut prepared, &mut seen, &scope);
            forget_local(&prepared, &mut seen);
            *self.observed(way) = seen;
            if let Ok(open) = open {
                merge(out, open);
                self.prepared.insert(key, prepared);
            }
        }
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

/// Adds questions, widening what is asked already.
fn merge(all: &mut Vec<Query>, more: Vec<Query>) {
    for query in more {
        match all.iter_mut().find(|q| q.on == query.on) {
            Some(known) => known.want = known.want.and(query.want),
            None => all.push(query),
        }
    }
}
