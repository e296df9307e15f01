//! What a check decided, as far as a plan needs it to be carried out later by itself.

use std::sync::Arc;

use crate::action::Step;
use crate::journal::read::By;
use crate::plan::Task;
use crate::resource::{Resource, access};
use crate::source::Node;

use super::event::HostName;
use super::fleet::TaskLayers;
use super::runner::Runner;
use super::settings::Settings;

/// Steps that a check did not make, with all that a task's keywords say of making them.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    pub steps: Vec<Step>,
    /// Which of them may cut access, by their places in the list.
    pub cuts: Vec<bool>,
    pub by: By,
    /// The method and the user that they become.
    pub r#as: Option<(String, String)>,
    pub environment: Vec<(String, String)>,
    /// Seconds that each may take.
    pub timeout: Option<u64>,
    /// What the task says of a guard, where it does.
    pub guard: Option<bool>,
    pub ignore_errors: bool,
    /// The places of the handlers that are asked for if they change something.
    pub notify: Vec<String>,
    /// The name that conditions on the result know it by.
    pub register: Option<String>,
    pub changed_when: Vec<String>,
    pub failed_when: Vec<String>,
    /// Something opaque comes before it, so that what was seen may be another thing by then.
    pub doubtful: bool,
    /// Why they cannot be carried out by themselves.
    pub bound: Option<String>,
}

impl Runner {
    /// What was decided for an item, where a plan is being made.
    pub(super) fn planned(
        &self,
        (task, layers): (&Task, &TaskLayers),
        settings: &Settings,
        to: &HostName,
        steps: &[Step],
        doubtful: bool,
    ) -> Option<Arc<Planned>> {
        if !self.ctx.options.plans || steps.is_empty() {
            return None;
        }
        let login = self.seen.get(&settings.way).map(|o| o.me.login.clone());
        let login = login.unwrap_or_default();
        let cuts = |step: &Step| match (settings.guard, step) {
            (Some(false), _) | (_, Step::Control(_)) => false,
            (Some(true), Step::Set(_)) => true,
            (Some(true), Step::Run(run)) => run.changes && !run.read_only,
            (None, Step::Set(change)) => access::cuts(change, &login),
            (None, Step::Run(_)) => false,
        };
        let r#as = settings.way.r#become.as_ref();
        Some(Arc::new(Planned {
            steps: steps.to_vec(),
            cuts: steps.iter().map(cuts).collect(),
            by: self.ctx.sessions.reached(to),
            r#as: r#as.map(|b| (b.method.clone(), b.user.clone())),
            environment: settings.environment.clone(),
            timeout: settings.timeout.map(|t| t.as_secs().max(1)),
            guard: settings.guard,
            ignore_errors: settings.ignore_errors,
            notify: self.asks_for(task, layers),
            register: task.register.clone(),
            changed_when: self.alone_of(task, &task.changed_when).unwrap_or_default(),
            failed_when: self.alone_of(task, &task.failed_when).unwrap_or_default(),
            doubtful,
            bound: self.bound(task, settings, to, steps),
        }))
    }

    /// Conditions that look at nothing but the task's own result.
    fn alone_of(&self, task: &Task, conditions: &[Node]) -> Option<Vec<String>> {
        let own = |name: &String| task.register.as_ref() == Some(name);
        let text = |node: &Node| {
            let names = self.ctx.templar.condition_names(node);
            let alone = names.iter().all(own);
            let text = crate::source::values::python_str(&node.to_value());
            (alone && !text.contains('{')).then_some(text)
        };
        conditions.iter().map(text).collect()
    }

    /// What ties these steps to the run that decided them.
    fn bound(
        &self,
        task: &Task,
        settings: &Settings,
        to: &HostName,
        steps: &[Step],
    ) -> Option<String> {
        let ours = |s: &Step| match s {
            Step::Control(_) => true,
            Step::Set(change) => matches!(change.on, Resource::Controller(_)),
            Step::Run(_) => false,
        };
        let runs = steps.iter().any(|s| matches!(s, Step::Run(_)));
        let judged = |s: &Step| matches!(s, Step::Run(run) if run.judged);
        let why = if *to != self.host {
            "it is delegated to another host"
        } else if settings.background.is_some() {
            "it goes on by itself (async)"
        } else if !task.until.is_empty() || task.retries.is_some() {
            "it is tried again until it succeeds"
        } else if steps.iter().any(ours) {
            "the run itself carries it out"
        } else if runs && self.alone_of(task, &task.failed_when).is_none() {
            "its failed_when needs more than its result"
        } else if runs && self.alone_of(task, &task.changed_when).is_none() {
            "its changed_when needs more than its result"
        } else if steps.iter().any(judged) {
            "what it says must be judged while it runs"
        } else {
            return None;
        };
        Some(why.to_owned())
    }
}
