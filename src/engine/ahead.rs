//! Looking ahead: the questions of tasks that are still to come, so that one trip answers them all.

use std::sync::Arc;

use crate::action::Step;
use crate::plan::{Call, Task};
use crate::resource::{Query, Touch};
use crate::vars::{Layer, Scope};

use super::begin::When;
use super::cursor::Cursor;
use super::fleet::TaskLayers;
use super::prepare::{forget_local, open_questions, prepare};
use super::runner::Runner;
use super::settings::Way;

/// Tasks asked about in the trip that carries something opaque.
const BEHIND_OPAQUE: usize = 12;

impl Runner {
    /// The questions of everything that lies ahead, after those that are needed now.
    pub(super) fn gather(&mut self, way: &Way, mut queries: Vec<Query>) -> Vec<Query> {
        let mut ahead = self.cursor.clone();
        let mut left = self.reach().saturating_sub(1);
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
        let mut aside = Vec::new();
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
            // What is decided for this entry of the play's list, the next will not see.
            let entry = (self.section, ahead.position().get(1).copied());
            if self.ctx.options.apart && aside.is_empty() && entry != self.entry {
                let seen = self.seen.iter_mut();
                aside.extend(seen.map(|(way, seen)| (way.clone(), seen.set_aside())));
            }
            self.ask_ahead(&task, &ahead, way, &mut queries);
        }
        if let Some(mut next) = self.next.clone() {
            while left > 0
                && self.started
                && let Some(task) = next.next()
            {
                left -= 1;
                if !self.is_solo(&task) {
                    self.ask_beyond(&task, &next, way, &mut queries);
                }
            }
        }
        for (way, aside) in aside {
            if let Some(seen) = self.seen.get_mut(&way) {
                seen.bring_back(aside);
            }
        }
        queries
    }

    /// Adds the questions of a task behind the facts that are being gathered, if it needs none of them.
    fn ask_beyond(&mut self, task: &Arc<Task>, at: &Cursor, way: &Way, out: &mut Vec<Query>) {
        // Places of another list are others: nothing of it is kept but what hosts answer.
        let kept = std::mem::take(&mut self.prepared);
        let layers = self.layers(task, at);
        if matches!(
            self.when_in(task, &self.unheard(task, &layers, &[])),
            When::Holds
        ) {
            self.ask_ahead(task, at, way, out);
        }
        self.prepared = kept;
    }

    /// How many tasks ahead are asked about. Behind something opaque the next is seldom far, and makes
    /// the answers behind it stale: asking far there would ask everything again and again.
    fn reach(&self) -> usize {
        let opaque = self.queue.iter().flat_map(|d| &d.items).any(|item| {
            item.steps().iter().any(|step| match step {
                Step::Set(change) => change.touches() == Touch::Everything,
                Step::Run(run) => run.changes,
                Step::Control(_) => false,
            })
        });
        match opaque {
            true => self.ctx.options.wave.min(BEHIND_OPAQUE),
            false => self.ctx.options.wave,
        }
    }

    /// Whether a task that is carried out by itself still asks this host, as itself.
    fn can_ask_ahead(&self, task: &Task) -> bool {
        let includes = matches!(task.call, Call::IncludeTasks(_) | Call::IncludeRole(_));
        !includes && task.keywords.delegate_to.is_none() && task.keywords.run_once.is_none()
    }

    /// A scope for what is tried ahead of its time, of which nobody hears what is wrong.
    fn unheard(&self, task: &Task, layers: &TaskLayers, item: &[Layer]) -> Scope {
        let mut scope = self.scope(task, layers, item);
        scope.unheard = true;
        scope
    }

    /// Adds the questions of a task that lies ahead, as far as they can be known now. Whether they
    /// were the right ones is seen when the task is decided; a wrong guess costs only bytes.
    fn ask_ahead(&mut self, task: &Arc<Task>, ahead: &Cursor, way: &Way, out: &mut Vec<Query>) {
        let layers = self.layers(task, ahead);
        let whole = self.unheard(task, &layers, &[]);
        let Ok(settings) = self.settings(task, &whole) else {
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
            let own = (!item.is_empty()).then(|| self.unheard(task, &layers, &item));
            let scope = own.as_ref().unwrap_or(&whole);
            if matches!(self.when_in(task, scope), When::Skips(_)) {
                continue;
            }
            let key = (Arc::clone(&place), i);
            let mut prepared = match self.prepared.remove(&key) {
                Some(prepared) => prepared,
                None => match prepare(&self.ctx.templar, task, scope) {
                    Ok(prepared) => prepared,
                    Err(_) => continue,
                },
            };
            let mut seen = std::mem::take(self.observed(way));
            seen.diff = settings.diff;
            let (t, files) = (&self.ctx.templar, &self.ctx.files);
            let open = open_questions(t, files, &mut prepared, &mut seen, scope);
            forget_local(&prepared, &mut seen);
            *self.observed(way) = seen;
            if let Ok(open) = open {
                merge(out, open);
                self.prepared.insert(key, prepared);
            }
        }
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
