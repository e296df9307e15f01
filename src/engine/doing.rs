//! A task that is being worked on for one host, item by item.

use std::sync::Arc;

use crate::action::{Decision, Done, Step};
use crate::plan::Task;
use crate::source::Value;
use crate::vars::Layer;

use super::cursor::{Cursor, Position};
use super::event::{Outcome, TaskRef};
use super::fleet::{Before, TaskLayers};
use super::settings::Settings;

/// A task on its way: begun, decided, perhaps waiting for its steps to be carried out.
pub(super) struct Doing {
    pub task: Arc<Task>,
    pub name: TaskRef,
    pub place: Position,
    /// Where the host stood before it, and stands behind it: for going back when something fails.
    pub before: Cursor,
    pub after: Cursor,
    pub settings: Settings,
    pub layers: TaskLayers,
    /// The items of its loop; `None` without one.
    pub list: Option<Vec<Value>>,
    pub items: Vec<ItemRun>,
    /// What was assigned ahead of its proof.
    pub assigned: Vec<Before>,
    /// The handler it is, by index in the play.
    pub handler: Option<usize>,
}

/// One item (or the only one) of a task.
pub(super) struct ItemRun {
    pub value: Option<Value>,
    pub layer: Vec<Layer>,
    pub state: ItemState,
}

pub(super) enum ItemState {
    /// Its steps are queued.
    Waiting {
        action: Arc<dyn crate::action::Task>,
        decision: Decision,
        done: Vec<Done>,
    },
    Ended(Ended),
}

/// An item with its verdict, and what it leaves behind.
pub(super) struct Ended {
    pub outcome: Outcome,
    pub facts: Option<crate::source::Mapping>,
    pub vars: Vec<(String, Value)>,
    /// It waited for its steps.
    pub late: bool,
}

impl Doing {
    /// How many items it has in all.
    pub(super) fn count(&self) -> usize {
        self.list.as_ref().map_or(1, Vec::len)
    }

    /// Whether every item was decided.
    pub(super) fn is_complete(&self) -> bool {
        self.items.len() >= self.count()
    }

    /// Whether every item has its verdict.
    pub(super) fn is_ended(&self) -> bool {
        self.is_complete()
            && self
                .items
                .iter()
                .all(|i| matches!(i.state, ItemState::Ended(_)))
    }

    /// Steps that wait to be carried out.
    pub(super) fn waiting(&self) -> usize {
        self.items.iter().map(ItemRun::waiting).sum()
    }
}

impl ItemRun {
    pub(super) fn waiting(&self) -> usize {
        match &self.state {
            ItemState::Waiting { decision, done, .. } => decision.steps.len() - done.len(),
            ItemState::Ended(_) => 0,
        }
    }

    /// The steps that wait, in order.
    pub(super) fn steps(&self) -> &[Step] {
        match &self.state {
            ItemState::Waiting { decision, done, .. } => &decision.steps[done.len()..],
            ItemState::Ended(_) => &[],
        }
    }
}
