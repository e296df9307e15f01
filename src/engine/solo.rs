//! A task that is carried out by itself: retries, delegation, run_once, includes, controls.
//!
//! The same steps as for a queued task, one at a time: ask, decide, carry out, judge.

use std::sync::Arc;
use std::time::Duration;

use crate::plan::{Call, Task};
use crate::source::Value;
use crate::vars::{Layer, TemplateError, Var};

use super::begin::When;
use super::event::{Outcome, Status, TaskRef};
use super::fleet::TaskLayers;
use super::magic;
use super::rendezvous::Shared;
use super::runner::{Life, Runner};
use super::settings::Settings;
use super::settle::{fact_names, whole};
use super::verdict::{Raw, all_hold};

/// What one item left, for those who share it.
pub(super) struct Left {
    pub outcome: Outcome,
    pub facts: Option<crate::source::Mapping>,
    pub vars: Vec<(String, Value)>,
}

impl Runner {
    /// Carries out the next task by itself.
    pub(super) async fn solo(&mut self) {
        let before = self.cursor.clone();
        let Some(task) = self.cursor.next() else {
            return;
        };
        self.here = before.clone();
        let position = self.cursor.position();
        let layers = self.layers(&task, &self.cursor);
        let mut name = self.describe(&task, &self.cursor, &layers);
        if self.cursor.in_handlers()
            && let Some(handler) = self.play.handler(&task)
        {
            self.notified.remove(&handler);
        }
        if self.ctx.options.step && !self.play.ask_step(&self.ctx, &name).await {
            return;
        }
        let place = self.place(&position);
        let play = Arc::clone(&self.play);
        // Whatever is alone because of another host waits for it here. Others wait for a host whose change
        // is not confirmed yet, so it waits for nobody.
        let free = self.guard.is_some() && self.cursor.in_handlers();
        if free {
            self.alone.remove(&position);
        } else if self.play.linear || self.needs_others(&task) || self.alone.remove(&position) {
            play.meet.wait(&self.host, &place).await;
            let live = magic::of_live(
                &play.meet.present(&play.hosts, &place),
                &play.hosts,
                &play.all,
            );
            self.ctx.fleet.set_magic(&self.host, live);
            if self.play.linear && self.play.strikes_anew(&place, &mut self.struck) {
                self.cursor = before;
                return self.fall();
            }
            if self.play.linear && self.play.over_limit(&place) {
                self.life = Life::Failed;
                return;
            }
        }
        (self.at, self.fatal) = (place.clone(), play.any_errors_fatal);
        let scope = self.scope(&task, &layers, &[]);
        let settings = match self.settings(&task, &scope) {
            Ok(settings) => settings,
            // Keywords that name the loop's item are rendered for each of them.
            Err(_) if task.looping.is_some() => Settings::default(),
            Err(error) => match self.when(&task, &layers, &[]) {
                When::Skips(_) => Settings::default(),
                _ => {
                    let raw = self.mistake(&error);
                    let left = self.judge_as(&task, &layers, false, &[], raw);
                    self.play.announce(&self.ctx, &name);
                    return self.finish(&task, &name, &layers, false, left.outcome);
                }
            },
        };
        name.no_log = settings.no_log;
        self.fatal |= settings.any_errors_fatal;
        if settings.run_once || ends_play(&task) {
            return self.run_once(&task, name, layers, settings, &place).await;
        }
        self.play.announce(&self.ctx, &name);
        match &task.call {
            Call::IncludeTasks(_) | Call::IncludeRole(_) => {
                self.include(&task, &name, &layers).await
            }
            _ => {
                let _turn = match settings.throttle {
                    0 => None,
                    n => play.turn(&name.position, n).await,
                };
                let left = self.attempt_all(&task, &name, &layers, &settings).await;
                self.leave(&task, &name, &layers, &settings, left);
            }
        }
    }

    fn needs_others(&self, task: &Task) -> bool {
        task.keywords.delegate_to.is_some() || task.keywords.run_once.is_some() || ends_play(task)
    }

    /// One live host does it, in the order of the play; all others take over what it left.
    async fn run_once(
        &mut self,
        task: &Arc<Task>,
        name: TaskRef,
        layers: TaskLayers,
        settings: Settings,
        place: &super::rendezvous::Place,
    ) {
        let play = Arc::clone(&self.play);
        loop {
            // Whoever did it may have left since.
            if let Some(shared) = play.meet.done(place) {
                return self.take_shared(task, &shared);
            }
            let live = play.meet.live(&play.hosts);
            let Some(first) = live.first().cloned() else {
                return;
            };
            if first == self.host {
                play.announce(&self.ctx, &name);
                if matches!(task.call, Call::IncludeTasks(_) | Call::IncludeRole(_)) {
                    let result = Value::Null;
                    play.meet.share(
                        place,
                        Shared {
                            result,
                            failed: false,
                            facts: None,
                            vars: Vec::new(),
                        },
                    );
                    return self.include(task, &name, &layers).await;
                }
                let left = self.attempt_all(task, &name, &layers, &settings).await;
                let shared = Shared {
                    result: (*left.outcome.result).clone(),
                    failed: left.outcome.status == Status::Failed,
                    facts: left.facts.clone(),
                    vars: left.vars.clone(),
                };
                play.meet.share(place, shared);
                return self.leave(task, &name, &layers, &settings, left);
            }
            if let Some(shared) = play.meet.shared(place, &first).await {
                return self.take_shared(task, &shared);
            }
        }
    }

    /// What another host did for this one.
    fn take_shared(&mut self, task: &Task, shared: &Shared) {
        if let Some(register) = &task.register {
            let result = Var::data(&shared.result);
            self.ctx.fleet.set(&self.host, register, result);
            self.assigned(std::slice::from_ref(register));
        }
        self.take_over(shared.facts.as_ref(), &shared.vars);
        if shared.failed {
            self.fail();
        }
    }

    /// Facts and variables that a task set.
    pub(super) fn take_over(
        &mut self,
        facts: Option<&crate::source::Mapping>,
        vars: &[(String, Value)],
    ) {
        let mut names = Vec::new();
        if let Some(facts) = facts {
            self.ctx.fleet.add_facts(&self.host, facts);
            names.extend(fact_names(facts));
        }
        for (name, value) in vars {
            self.ctx.fleet.set(&self.host, name, Var::data(value));
            names.push(name.clone());
        }
        self.assigned(&names);
    }

    pub(super) fn leave(
        &mut self,
        task: &Arc<Task>,
        name: &TaskRef,
        layers: &TaskLayers,
        settings: &Settings,
        left: Left,
    ) {
        self.take_over(left.facts.as_ref(), &left.vars);
        if matches!(self.life, Life::Unreachable | Life::Stopped) {
            return;
        }
        self.finish(task, name, layers, settings.check, left.outcome);
        if self.life == Life::Failed {
            self.play.note_failure(&self.host, &self.at);
        }
    }

    /// Every item of the task, one after the other.
    async fn attempt_all(
        &mut self,
        task: &Arc<Task>,
        name: &TaskRef,
        layers: &TaskLayers,
        settings: &Settings,
    ) -> Left {
        let list = match self.list(task, layers) {
            Ok(list) => list,
            Err(error) => {
                let raw = match self.when(task, layers, &[]) {
                    When::Skips(_) => Raw::skipped("Conditional result was False"),
                    _ => self.mistake(&error),
                };
                let ended = self.judge_as(task, layers, settings.ignore_errors, &[], raw);
                return Left {
                    outcome: ended.outcome,
                    facts: None,
                    vars: Vec::new(),
                };
            }
        };
        let mut outcomes = Vec::new();
        let (mut facts, mut vars) = (None::<crate::source::Mapping>, Vec::new());
        for i in 0..list.as_ref().map_or(1, Vec::len) {
            self.item = i;
            let item = Self::item_layer(task.looping.as_ref(), list.as_deref(), i);
            let value = list.as_ref().and_then(|l| l.get(i).cloned());
            let own = match self.item_settings(task, layers, &item, settings) {
                Ok(own) => own,
                Err(error) => {
                    let raw = self.mistake(&error);
                    let left = self.left(task, layers, settings, &item, raw);
                    outcomes.push((value.unwrap_or(Value::Null), left.outcome));
                    continue;
                }
            };
            let mut left = self.attempt(task, name, layers, &own, &item).await;
            if let Some(to) = &own.delegate_to {
                left.outcome.delegated = Some(to.clone());
                if self.delegates_facts(task, layers, &item) {
                    self.hand_over(to, &mut left);
                }
            }
            if self.life != Life::Live {
                return left;
            }
            if let Some(value) = &value {
                self.tell_item(task, name, layers, &item, value, &left.outcome);
            }
            self.take_over(left.facts.as_ref(), &left.vars);
            if let Some(more) = left.facts {
                facts.get_or_insert_default().extend(more);
            }
            vars.extend(left.vars);
            let stop = self.breaks(task, layers, &item, &left.outcome);
            outcomes.push((value.unwrap_or(Value::Null), left.outcome));
            if stop {
                break;
            }
            self.pause_between(task, layers, &item).await;
        }
        Left {
            outcome: whole(task, list.is_some(), outcomes),
            facts,
            vars,
        }
    }

    /// Whether what a delegated task finds out is the delegate's.
    fn delegates_facts(&self, task: &Task, layers: &TaskLayers, item: &[Layer]) -> bool {
        let scope = self.scope(task, layers, item);
        task.keywords.delegate_facts.as_ref().is_some_and(|node| {
            let value = self.ctx.templar.value(node, &scope).ok();
            value.is_some_and(|v| {
                <bool as crate::action::arg::FromArg>::from_arg(v).unwrap_or_default()
            })
        })
    }

    fn hand_over(&self, to: &str, left: &mut Left) {
        if let Some(facts) = left.facts.take() {
            self.ctx.fleet.add_facts(to, &facts);
        }
        for (name, value) in left.vars.drain(..) {
            self.ctx.fleet.set(to, &name, Var::data(&value));
        }
    }

    /// The keywords of one item; those of the task where it has no loop or passes the item over.
    fn item_settings(
        &self,
        task: &Task,
        layers: &TaskLayers,
        item: &[Layer],
        of_task: &Settings,
    ) -> Result<Settings, TemplateError> {
        if item.is_empty() {
            return Ok(of_task.clone());
        }
        let scope = self.scope(task, layers, item);
        match self.settings(task, &scope) {
            Ok(settings) => Ok(settings),
            Err(error) => match self.when(task, layers, item) {
                When::Skips(_) => Ok(of_task.clone()),
                _ => Err(error),
            },
        }
    }

    /// `loop_control: break_when`.
    fn breaks(&self, task: &Task, layers: &TaskLayers, item: &[Layer], outcome: &Outcome) -> bool {
        let Some(looping) = task.looping.as_ref().filter(|l| !l.break_when.is_empty()) else {
            return false;
        };
        let scope = self.with_result(task, layers, item, &outcome.result);
        matches!(
            all_hold(&self.ctx.templar, &looping.break_when, &scope),
            Ok(None)
        )
    }

    async fn pause_between(&self, task: &Task, layers: &TaskLayers, item: &[Layer]) {
        let Some(node) = task.looping.as_ref().and_then(|l| l.pause.as_ref()) else {
            return;
        };
        let scope = self.scope(task, layers, item);
        if let Ok(value) = self.ctx.templar.value(node, &scope)
            && let Some(seconds) = value.as_f64().filter(|s| *s > 0.0)
        {
            self.ctx.stop.sleep(Duration::from_secs_f64(seconds)).await;
        }
    }
}

/// Whether a task ends the play for all hosts: the first of them decides.
pub(super) fn ends_play(task: &Task) -> bool {
    let Call::Action { args, .. } = &task.call else {
        return false;
    };
    let ends = |node: &crate::source::Node| {
        node.as_str()
            .is_some_and(|word| ["end_play", "end_batch"].contains(&word.trim()))
    };
    crate::plan::list::is_meta(task) && args.iter().any(|(_, node)| ends(node))
}
