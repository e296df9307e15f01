//! A play: its batches of hosts, its sections, its handlers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use crate::plan::{Handler, Item, Play, Role, Task};
use crate::source::{Span, Value};
use crate::vars::{Layer, Scope, SearchPath, Var, Vars};

use super::context::Context;
use super::event::{Event, HostName, TaskRef};
use super::fleet::TaskLayers;
use super::rendezvous::{Place, Rendezvous};
use super::sections::Batch;

/// One batch of a play while it runs.
pub(super) struct PlayRun {
    pub play: Arc<Play>,
    pub index: usize,
    pub name: String,
    /// The hosts of the batch, in order.
    pub hosts: Vec<HostName>,
    /// All hosts of the play that were not out when the batch began, in order.
    pub all: Vec<HostName>,
    pub meet: Rendezvous,
    /// One task at a time over all hosts: a failure limit or `any_errors_fatal` asks for it.
    pub linear: bool,
    /// Percent of the batch that may fail.
    pub max_fail: Option<f64>,
    pub any_errors_fatal: bool,
    /// Hosts at a task at a time, by the task (`throttle`).
    throttles: Mutex<BTreeMap<Arc<[usize]>, Arc<tokio::sync::Semaphore>>>,
    /// The hosts that are out, and where they were then.
    failures: Mutex<BTreeMap<HostName, Place>>,
    handlers: RwLock<Vec<Arc<Handler>>>,
    announced: Mutex<BTreeSet<Arc<[usize]>>>,
    over: AtomicBool,
    /// Where tasks failed that must not fail on any host.
    strikes: Mutex<BTreeSet<Place>>,
    /// `end_play`: no further batch either.
    pub ended: Arc<AtomicBool>,
}

impl PlayRun {
    pub(super) fn of(batch: &Batch<'_>, linear: bool) -> PlayRun {
        PlayRun {
            play: Arc::clone(batch.play),
            index: batch.index,
            name: batch.name.to_owned(),
            hosts: batch.hosts.clone(),
            all: batch.all.clone(),
            meet: Rendezvous::new(&batch.hosts),
            linear,
            max_fail: batch.max_fail,
            any_errors_fatal: batch.any_errors_fatal,
            throttles: Mutex::default(),
            failures: Mutex::default(),
            handlers: RwLock::new(batch.play.handlers.clone()),
            announced: Mutex::default(),
            over: AtomicBool::new(false),
            strikes: Mutex::default(),
            ended: Arc::clone(&batch.ended),
        }
    }

    /// Tells that a task begins, once for all hosts.
    pub(super) fn announce(&self, ctx: &Context, task: &TaskRef) {
        let first = self
            .announced
            .lock()
            .is_ok_and(|mut a| a.insert(Arc::clone(&task.position)));
        if first {
            ctx.tell(Event::TaskStarted { task: task.clone() });
        }
    }

    /// A turn at a task that only so many hosts may be at.
    pub(super) async fn turn(
        &self,
        place: &Arc<[usize]>,
        at_once: usize,
    ) -> Option<tokio::sync::OwnedSemaphorePermit> {
        let semaphore = {
            let mut throttles = self.throttles.lock().ok()?;
            let fresh = || Arc::new(tokio::sync::Semaphore::new(at_once));
            Arc::clone(throttles.entry(Arc::clone(place)).or_insert_with(fresh))
        };
        semaphore.acquire_owned().await.ok()
    }

    /// Whether a task names a connection of its own, other than that of its play.
    pub(super) fn is_elsewhere(&self, task: &Task) -> bool {
        let own = task
            .keywords
            .connection
            .as_ref()
            .map(|n| n.span.to_string());
        own.is_some()
            && own
                != self
                    .play
                    .keywords
                    .connection
                    .as_ref()
                    .map(|n| n.span.to_string())
    }

    pub(super) fn has_ended(&self) -> bool {
        self.over.load(Ordering::Relaxed) || self.ended.load(Ordering::Relaxed)
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    pub(super) fn end_batch(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(super) fn note_failure(&self, host: &HostName, place: &Place) {
        if let Ok(mut failures) = self.failures.lock() {
            failures.entry(host.clone()).or_insert(place.clone());
        }
    }

    /// A task that must not fail has failed: it has failed for every host.
    pub(super) fn strike(&self, place: &Place) {
        if let Ok(mut strikes) = self.strikes.lock() {
            strikes.insert(place.clone());
        }
    }

    /// Whether there are strikes before a place that a host does not know of; it knows them now.
    pub(super) fn strikes_anew(&self, place: &Place, known: &mut BTreeSet<Place>) -> bool {
        let count = known.len();
        if let Ok(strikes) = self.strikes.lock() {
            known.extend(strikes.range(..place.clone()).cloned());
        }
        known.len() > count
    }

    pub(super) fn revive(&self) {
        if let Ok(mut failures) = self.failures.lock() {
            failures.clear();
        }
    }

    /// Whether so many hosts failed before a place that the others stop there.
    #[expect(clippy::cast_precision_loss, reason = "counts of hosts")]
    pub(super) fn over_limit(&self, place: &Place) -> bool {
        let before = |f: &BTreeMap<_, Place>| f.values().filter(|at| *at < place).count();
        let failed = self.failures.lock().map_or(0, |f| before(&f));
        let percent = 100.0 * failed as f64 / self.hosts.len().max(1) as f64;
        self.max_fail
            .is_some_and(|limit| failed > 0 && percent > limit)
    }

    /// The index of the handler that a task is.
    pub(super) fn handler(&self, task: &Task) -> Option<usize> {
        let handlers = self.handlers.read().ok()?;
        handlers.iter().position(|h| h.task.id == task.id)
    }

    /// Where a handler is written.
    pub(super) fn place_of(&self, index: usize) -> Option<String> {
        let handlers = self.handlers.read().ok()?;
        handlers.get(index).map(|h| h.task.span.to_string())
    }

    /// The handler that is written at this place; where none is, the one of this name.
    pub(super) fn handler_at(&self, place: &str, name: &str) -> Option<usize> {
        let handlers = self.handlers.read().ok()?;
        let at = |h: &Arc<Handler>| h.task.span.to_string() == place;
        let called = |h: &Arc<Handler>| h.task.name.as_ref().and_then(|n| n.as_str()) == Some(name);
        let found = handlers.iter().position(at);
        found.or_else(|| handlers.iter().position(called))
    }

    /// What a handler is called on a host.
    pub(super) fn handler_name(&self, index: usize, ctx: &Context, host: &HostName) -> String {
        let handler = self.handlers.read().ok();
        let handler = handler.and_then(|all| all.get(index).cloned());
        let Some(handler) = handler else {
            return String::new();
        };
        match &handler.task.name {
            Some(node) => {
                let scope = self.handler_scope(&handler.task, ctx, host);
                let written = || node.as_str().unwrap_or_default().to_owned();
                ctx.templar.text(node, &scope).unwrap_or_else(|_| written())
            }
            None => handler.task.action.to_string(),
        }
    }

    /// Whether one host runs a handler for all.
    pub(super) fn is_shared(&self, handler: usize) -> bool {
        let handlers = self.handlers.read();
        let once = |h: &Arc<Handler>| h.task.keywords.run_once.is_some();
        handlers.is_ok_and(|all| all.get(handler).is_some_and(once))
    }

    pub(super) fn handler_items(&self) -> Arc<[Item]> {
        let Ok(handlers) = self.handlers.read() else {
            return Arc::from(Vec::new());
        };
        handlers
            .iter()
            .map(|h| Item::Task(Arc::clone(&h.task)))
            .collect()
    }

    pub(super) fn add_handlers(&self, more: &[Arc<Handler>]) {
        let Ok(mut handlers) = self.handlers.write() else {
            return;
        };
        for handler in more {
            if !handlers
                .iter()
                .any(|h| h.task.span.to_string() == handler.task.span.to_string())
            {
                handlers.push(Arc::clone(handler));
            }
        }
    }

    /// Handlers that a notification means: all that listen to it, and one that has the name: the
    /// play's own rather than a role's, a later role's rather than an earlier one's, the first there.
    pub(super) fn handlers_named(
        &self,
        wanted: &str,
        ctx: &Context,
        host: &HostName,
    ) -> Vec<usize> {
        let Ok(handlers) = self.handlers.read() else {
            return Vec::new();
        };
        let mut found = BTreeSet::new();
        let mut named: Option<usize> = None;
        let owner = |h: &Handler| h.task.role.as_ref().map(Arc::as_ptr);
        for (index, handler) in handlers.iter().enumerate() {
            let scope = self.handler_scope(&handler.task, ctx, host);
            let text =
                |node: &crate::source::Node| ctx.templar.text(node, &scope).unwrap_or_default();
            if handler
                .listen
                .iter()
                .any(|node| match ctx.templar.value(node, &scope) {
                    Ok(Value::Sequence(all)) => all.iter().any(|v| v.as_str() == Some(wanted)),
                    Ok(value) => value.as_str() == Some(wanted),
                    Err(_) => false,
                })
            {
                found.insert(index);
            }
            if let Some(node) = &handler.task.name {
                let name = text(node);
                let role = handler.task.role.as_ref().map(|r| r.name.as_str());
                let full = role
                    .map(|r| wanted == format!("{r} : {name}"))
                    .unwrap_or(false);
                let first = named.is_none_or(|n| owner(&handlers[n]) != owner(handler));
                if first && (name == wanted || full) {
                    named = Some(index);
                }
            }
        }
        found.extend(named);
        found.into_iter().collect()
    }

    fn handler_scope(&self, task: &Task, ctx: &Context, host: &HostName) -> Scope {
        let mut layers = TaskLayers::default();
        if let Some(role) = &task.role {
            layers.role_vars.push(Arc::clone(&role.vars));
            layers.role_defaults.push(Arc::clone(&role.defaults));
            layers.params.push(Arc::clone(&role.params));
        }
        ctx.fleet.scope(host, &layers, &task.search)
    }

    /// `role_name`, `role_path` and their relatives.
    pub(super) fn role_magic(&self, role: &Role) -> Layer {
        let text = |s: &str| Var::data(&Value::from(s));
        let names: Vec<Value> = role.parents.iter().map(|r| r.name.clone().into()).collect();
        let paths: Vec<Value> = role
            .parents
            .iter()
            .map(|r| r.dir.display().to_string().into())
            .collect();
        let mut vars = Vars::new();
        vars.insert("role_name".into(), text(&role.name));
        vars.insert("ansible_role_name".into(), text(&role.name));
        vars.insert("role_path".into(), text(&absolute(&role.dir)));
        if !names.is_empty() {
            let names = Var::data(&Value::from(names));
            vars.insert("ansible_parent_role_names".into(), names);
            let paths = Var::data(&Value::from(paths));
            vars.insert("ansible_parent_role_paths".into(), paths);
        }
        Arc::new(vars)
    }

    /// Where a task that stands at this place finds its files.
    pub(super) fn search_of(&self, span: &Span) -> SearchPath {
        let mut bases = Vec::new();
        if let Some(dir) = span.path().parent() {
            bases.push(dir.to_path_buf());
            bases.extend(dir.parent().map(Path::to_path_buf));
        }
        bases.extend(self.play.search.bases.iter().cloned());
        SearchPath { bases }
    }

    /// Asks the person at the terminal; without one, goes on.
    pub(super) async fn ask(
        &self,
        ctx: &Context,
        task: &TaskRef,
        prompt: &str,
        echo: bool,
    ) -> String {
        let place = format!("{}:{:?}", self.index, task.position);
        ctx.asker
            .ask(&place, prompt, echo)
            .await
            .unwrap_or_default()
    }

    pub(super) fn show(&self, ctx: &Context, text: &str) {
        ctx.asker.show(text);
    }

    /// `--step`: whether this task is to be carried out.
    pub(super) async fn ask_step(&self, ctx: &Context, task: &TaskRef) -> bool {
        let place = (0, Arc::clone(&task.position));
        ctx.asker.step(&place.1, &task.name).await
    }
}

pub(super) fn absolute(path: &Path) -> String {
    // The folder of `site.yml` has no name, and is this one.
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_path_buf())
        .display()
        .to_string()
}
