//! Beginning a task: its variables, its keywords, its items, its conditions.

use std::sync::Arc;

use crate::plan::{Call, Loop, Task};
use crate::source::{Code, Diagnostic, Kind, Value};
use crate::vars::{Layer, Scope, TemplateError, Var};

use super::cursor::Cursor;
use super::doing::Doing;
use super::event::TaskRef;
use super::fleet::TaskLayers;
use super::runner::{Looked, Runner};
use super::settings::{self, Settings};
use super::solo::ends_play;
use super::verdict::{all_hold, layer};

/// What the conditions of an item say.
pub(super) enum When {
    Holds,
    Skips(Value),
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
            None => match &task.call {
                Call::IncludeRole(include) => {
                    let role = include.what.as_str().unwrap_or_default();
                    format!("{} : {role}", task.action)
                }
                _ => task.action.clone(),
            },
        };
        // The role that is included is named, not the one that includes it.
        let includes = matches!(task.call, Call::IncludeRole(_));
        let role = task.role.as_ref().filter(|_| !includes);
        TaskRef {
            position: Arc::from(position),
            name,
            action,
            role: role.map(|r| r.name.clone()),
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
            || ends_play(task)
            || !task.until.is_empty()
            || task.retries.is_some()
            || task.is_async.is_some()
            || task
                .looping
                .as_ref()
                .is_some_and(|l| l.pause.is_some() || !l.break_when.is_empty())
    }

    /// Whether this host is only looked at.
    pub(super) fn rehearses(&self) -> bool {
        let options = &self.ctx.options;
        let fixes = options.fixes.as_ref();
        options.check || fixes.is_some_and(|hosts| !hosts.contains(&self.host))
    }

    pub(super) fn settings(&self, task: &Task, scope: &Scope) -> Result<Settings, TemplateError> {
        let mut layers = TaskLayers {
            without_facts: true,
            ..TaskLayers::default()
        };
        layers.vars.extend(task.keywords.vars.iter().cloned());
        let plain = self.ctx.fleet.scope(&self.host, &layers, &task.search);
        let options = &self.ctx.options;
        let settings = settings::resolve(
            &self.ctx.templar,
            task,
            scope,
            &plain,
            options,
            self.rehearses(),
        )?;
        let live = options.live && self.play.hosts.len() == 1 && !settings.no_log;
        Ok(Settings {
            live,
            lenient: !task.failed_when.is_empty(),
            harmless: matches!(&task.changed_when[..], [said] if matches!(said.kind, Kind::Bool(false))),
            ..settings
        })
    }

    /// Begins the task the cursor stands behind. Afterwards it is in the queue, unless it is passed
    /// over, must wait, or is carried out by itself.
    pub(super) fn begin(&mut self, task: &Arc<Task>, before: &Cursor) -> Looked {
        // What a handler includes is not asked for by itself.
        let handler = self
            .play
            .handler(task)
            .filter(|_| self.cursor.in_handlers());
        if handler.is_some_and(|index| !self.notified.contains(&index)) {
            return Looked::Decided;
        }
        let layers = self.layers(task, &self.cursor);
        if !self.started && !self.is_start(task, &layers) {
            return Looked::Decided;
        }
        let place = self.cursor.position();
        if self.passes_over(&place) {
            return Looked::Decided;
        }
        if self.ctx.options.apart {
            self.keep_apart(&place);
        }
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
        // Keywords that need other hosts' variables, or differ from item to item.
        let var = task.looping.as_ref().map(|l| l.var.as_str());
        let names = |l: std::sync::MutexGuard<'_, std::collections::BTreeSet<String>>| {
            super::magic::OF_OTHERS.iter().any(|n| l.contains(*n))
                || var.is_some_and(|v| l.contains(v))
        };
        if scope.looked_up.lock().is_ok_and(names) {
            return Looked::Solo;
        }
        let over = self.scope(task, &doing.layers, &[]);
        let list = task
            .looping
            .as_ref()
            .map(|l| self.list_in(task, l, &over))
            .transpose();
        if sees_others(&over) {
            return Looked::Solo;
        }
        match list {
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

    /// Forgets what was decided for another entry of the play's list than the one of this place.
    fn keep_apart(&mut self, place: &super::cursor::Position) {
        let entry = (self.section, place.get(1).copied());
        if std::mem::replace(&mut self.entry, entry) != entry {
            for observed in self.seen.values_mut() {
                observed.forget_decided();
            }
        }
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
        self.list_in(task, looping, &scope).map(Some)
    }

    fn list_in(
        &self,
        task: &Task,
        looping: &Loop,
        scope: &Scope,
    ) -> Result<Vec<Value>, TemplateError> {
        let t = &self.ctx.templar;
        if let Some(with) = &looping.with {
            return t.with_lookup(with, &looping.over, &task.action, scope);
        }
        match t.value(&looping.over, scope)? {
            Value::Sequence(items) => Ok(items),
            other => {
                let kind = crate::action::arg::kind(&other);
                let message = format!("`loop` needs a list, not {kind}");
                let hint = "a mapping can be looped over with `| dict2items`";
                let diagnostic = Diagnostic::error(&looping.over.span, message)
                    .code(Code::Loop)
                    .hint(hint);
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
        self.when_in(task, &self.scope(task, layers, item))
    }

    pub(super) fn when_in(&self, task: &Task, scope: &Scope) -> When {
        if task.keywords.when.is_empty() {
            return When::Holds;
        }
        match all_hold(&self.ctx.templar, &task.keywords.when, scope) {
            Ok(None) => When::Holds,
            Ok(Some(node)) => When::Skips(match &node.kind {
                crate::source::Kind::Str(text) => text.to_string().into(),
                _ => false.into(),
            }),
            Err(TemplateError::Pending) => When::Waits,
            Err(error) => When::Wrong(error),
        }
    }
}

/// Whether what was rendered looked at other hosts, which may not have come so far yet: then the
/// task waits for them, whatever came of it.
pub(super) fn sees_others(scope: &Scope) -> bool {
    let others = |name: &&str| {
        scope
            .looked_up
            .lock()
            .is_ok_and(|names| names.contains(*name))
    };
    super::magic::OF_OTHERS.iter().any(others)
}
