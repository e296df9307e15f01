//! Includes at run time: tasks and roles whose name is known only now.

use std::sync::Arc;

use crate::plan::{Call, Include, Item, Task};
use crate::source::{Code, Diagnostic, Value};
use crate::vars::{Layer, TemplateError, Var};

use super::begin::When;
use super::event::{Event, Outcome, Status, TaskRef};
use super::fleet::TaskLayers;
use super::runner::Runner;
use super::settle::whole;
use super::verdict::Raw;

/// Includes within includes deeper than this are a circle.
const DEEPEST: usize = 60;

impl Runner {
    /// Carries out an include: what it brings runs next.
    pub(super) async fn include(&mut self, task: &Arc<Task>, name: &TaskRef, layers: &TaskLayers) {
        if name.position.len() / 2 > DEEPEST {
            let text = "includes go deeper than 60 levels, so they go in a circle";
            return self.include_failed(
                task,
                name,
                layers,
                Diagnostic::error(&task.span, text).code(Code::Circle),
            );
        }
        let list = match self.list(task, layers) {
            Ok(list) => list,
            Err(error) => {
                let raw = match self.when(task, layers, &[]) {
                    When::Skips(_) => Raw::skipped("Conditional result was False"),
                    _ => self.mistake(&error),
                };
                let ended = self.judge_as(task, layers, false, &[], raw);
                return self.finish(task, name, layers, false, ended.outcome);
            }
        };
        let mut brought: Vec<(Vec<Item>, Vec<Layer>)> = Vec::new();
        let mut outcomes = Vec::new();
        for i in 0..list.as_ref().map_or(1, Vec::len) {
            let item = Self::item_layer(task.looping.as_ref(), list.as_deref(), i);
            let value = list
                .as_ref()
                .and_then(|l| l.get(i).cloned())
                .unwrap_or(Value::Null);
            match self.when(task, layers, &item) {
                When::Holds => {}
                When::Skips(condition) => {
                    let mut raw = Raw::skipped("Conditional result was False");
                    raw.result.insert("false_condition".into(), condition);
                    let ended = self.judge_as(task, layers, false, &item, raw);
                    if list.is_some() {
                        self.tell_item(task, name, layers, &item, &value, &ended.outcome);
                    }
                    outcomes.push((value, ended.outcome));
                    continue;
                }
                When::Wrong(error @ TemplateError::Unknown(_)) => {
                    let raw = self.mistake(&error);
                    let ended = self.judge_as(task, layers, false, &item, raw);
                    return self.finish(task, name, layers, false, ended.outcome);
                }
                When::Wrong(error) => {
                    return self.include_failed(task, name, layers, error.diagnostic());
                }
                When::Waits => {
                    let error = TemplateError::Pending;
                    return self.include_failed(task, name, layers, error.diagnostic());
                }
            }
            match self.bring(task, layers, &item) {
                Ok((what, items)) => {
                    let label = task
                        .looping
                        .as_ref()
                        .map(|_| self.label(task, layers, &item, &value));
                    self.ctx.tell(Event::Included {
                        hosts: vec![self.host.clone()],
                        task: name.clone(),
                        what: what.clone(),
                        label,
                    });
                    let result = crate::result! { "include" => what, "changed" => false };
                    outcomes.push((value, Outcome::new(Status::Ok, Value::Mapping(result))));
                    brought.push((items, item));
                }
                Err(mut mistakes) => {
                    let first = match mistakes.is_empty() {
                        true => Diagnostic::error(&task.span, "the include failed"),
                        false => mistakes.remove(0),
                    };
                    for more in mistakes {
                        self.warn(more);
                    }
                    return self.include_failed(task, name, layers, first);
                }
            }
        }
        let outcome = whole(task, list.is_some(), outcomes);
        let skipped = outcome.status == Status::Skipped;
        if let Some(register) = &task.register {
            self.ctx
                .fleet
                .set(&self.host, register, Var::data(&outcome.result));
        }
        if skipped {
            self.tally.skipped += 1;
            let host = self.host.clone();
            return self.ctx.tell(Event::Ended {
                host,
                task: name.clone(),
                outcome,
            });
        }
        self.tally.ok += brought.len() as u64;
        // The last pushed runs first.
        for (items, item) in brought.into_iter().rev() {
            self.cursor.push(items, item);
        }
    }

    fn include_failed(
        &mut self,
        task: &Arc<Task>,
        name: &TaskRef,
        layers: &TaskLayers,
        mistake: Diagnostic,
    ) {
        let raw = Raw::mistake(&TemplateError::Other(Box::new(mistake)));
        let ended = self.judge_as(task, layers, false, &[], raw);
        self.finish(task, name, layers, false, ended.outcome);
    }

    /// Compiles what is included, for this host and item.
    fn bring(
        &mut self,
        task: &Arc<Task>,
        layers: &TaskLayers,
        item: &[Layer],
    ) -> Result<(String, Vec<Item>), Vec<Diagnostic>> {
        let scope = self.scope(task, layers, item);
        let t = Arc::clone(&self.ctx.templar);
        let text =
            |node: &crate::source::Node| t.text(node, &scope).map_err(|e| vec![e.diagnostic()]);
        match &task.call {
            Call::IncludeTasks(include) => {
                let file = text(&include.what)?;
                let items = self.ctx.compiler.include_tasks(task, &file)?;
                Ok((place(&items).unwrap_or(file), items))
            }
            Call::IncludeRole(include) => {
                let name = text(&include.what)?;
                let from = |node: &Option<crate::source::Node>| node.as_ref().map(text).transpose();
                let parts = crate::plan::IncludeArgs {
                    tasks_from: from(&include.tasks_from)?,
                    vars_from: from(&include.vars_from)?,
                    defaults_from: from(&include.defaults_from)?,
                    handlers_from: from(&include.handlers_from)?,
                };
                let role = self.ctx.compiler.include_role(task, &name, &parts)?;
                self.adopt(include, &role);
                Ok((name, role.items))
            }
            _ => Err(Vec::new()),
        }
    }

    /// A role that was included leaves its handlers, and if it is public its variables, to the play.
    fn adopt(&mut self, include: &Include, role: &crate::plan::IncludedRole) {
        self.play.add_handlers(&role.handlers);
        self.roles.add(&role.role.name, false);
        let vars = super::magic::of_roles(&self.roles);
        let names: Vec<String> = vars.keys().map(ToString::to_string).collect();
        self.ctx.fleet.set_magic(&self.host, vars);
        self.assigned(&names);
        if include.public {
            self.ctx
                .fleet
                .add_role(&self.host, &role.role.defaults, &role.role.vars);
        }
    }
}

/// The file that items stand in.
fn place(items: &[Item]) -> Option<String> {
    let span = match items.first()? {
        Item::Task(task) => &task.span,
        Item::Block(block) => &block.span,
    };
    Some(super::play::absolute(span.path()))
}
