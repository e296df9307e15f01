//! Where a host is in its play: a stack of lists, so that blocks, rescues and includes nest.
//!
//! A cursor is cheap to clone: looking ahead is a clone that walks on as if nothing failed.

use std::sync::Arc;

use crate::plan::{Block, Item, Task};
use crate::vars::Layer;

/// A place in a play that orders tasks: equal on all hosts that are at the same task.
pub(super) type Position = Arc<[usize]>;

#[derive(Clone)]
struct Frame {
    items: Arc<[Item]>,
    /// The next item.
    index: usize,
    kind: Kind,
    /// Variables of the include that brought this list: its `vars` and its loop item.
    vars: Vec<Layer>,
    /// These are handlers: each runs only where it was notified.
    handlers: bool,
}

impl Frame {
    fn new(items: Arc<[Item]>, kind: Kind) -> Frame {
        Frame {
            items,
            index: 0,
            kind,
            vars: Vec::new(),
            handlers: false,
        }
    }
}

#[derive(Clone)]
enum Kind {
    /// A section, or what an include brought.
    Plain,
    /// The body of a block.
    Body(Arc<Block>),
    Rescue(Arc<Block>),
    /// `failed`: a failure that goes on once the list has been run.
    Always {
        failed: bool,
    },
}

/// What a failure leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A rescue takes over.
    Rescued,
    /// An always section runs, then the failure goes on, perhaps to a rescue further out.
    Always { rescued: bool },
    /// Nothing catches it: the host is out.
    Out,
}

#[derive(Clone, Default)]
pub(super) struct Cursor {
    stack: Vec<Frame>,
    /// A failure reached the outside while an always section ran.
    out: bool,
}

impl Cursor {
    pub(super) fn new(items: Arc<[Item]>) -> Cursor {
        Cursor {
            stack: vec![Frame::new(items, Kind::Plain)],
            out: false,
        }
    }

    /// The next task, as if everything before it went well. The cursor then stands behind it.
    pub(super) fn next(&mut self) -> Option<Arc<Task>> {
        loop {
            let frame = self.stack.last_mut()?;
            match frame.items.get(frame.index).cloned() {
                Some(item) => {
                    frame.index += 1;
                    match item {
                        Item::Task(task) => return Some(task),
                        Item::Block(block) => self.enter(&block),
                    }
                }
                None => self.leave(),
            }
        }
    }

    fn enter(&mut self, block: &Arc<Block>) {
        let items = Arc::from(block.body.clone());
        self.stack
            .push(Frame::new(items, Kind::Body(Arc::clone(block))));
    }

    /// The list at the top has been run to its end.
    fn leave(&mut self) {
        let Some(frame) = self.stack.pop() else {
            return;
        };
        match frame.kind {
            Kind::Plain => {}
            Kind::Body(block) | Kind::Rescue(block) => self.always(&block, false),
            Kind::Always { failed: false } => {}
            Kind::Always { failed: true } => {
                if self.unwind() == Fate::Out {
                    self.out = true;
                    self.stack.clear();
                }
            }
        }
    }

    fn always(&mut self, block: &Arc<Block>, failed: bool) {
        let items = Arc::from(block.always.clone());
        self.stack.push(Frame::new(items, Kind::Always { failed }));
    }

    /// The task the cursor stands behind has failed: goes to what catches it.
    pub(super) fn fail(&mut self) -> Fate {
        let fate = self.unwind();
        if fate == Fate::Out {
            self.stack.clear();
            self.out = true;
        }
        fate
    }

    fn unwind(&mut self) -> Fate {
        while let Some(frame) = self.stack.pop() {
            match frame.kind {
                Kind::Body(block) if !block.rescue.is_empty() => {
                    let items = Arc::from(block.rescue.clone());
                    self.stack.push(Frame::new(items, Kind::Rescue(block)));
                    return Fate::Rescued;
                }
                Kind::Body(block) | Kind::Rescue(block) if !block.always.is_empty() => {
                    self.always(&block, true);
                    return Fate::Always {
                        rescued: self.is_caught(),
                    };
                }
                Kind::Plain | Kind::Body(_) | Kind::Rescue(_) | Kind::Always { .. } => {}
            }
        }
        Fate::Out
    }

    /// Whether a block around here rescues what fails in it.
    fn is_caught(&self) -> bool {
        let rescues = |f: &Frame| matches!(&f.kind, Kind::Body(b) if !b.rescue.is_empty());
        self.stack.iter().any(rescues)
    }

    /// Whether a failure went through an always section and out.
    pub(super) fn is_out(&self) -> bool {
        self.out
    }

    /// Runs these next, before whatever would come next, with these variables in sight.
    pub(super) fn push(&mut self, items: Vec<Item>, vars: Vec<Layer>) {
        let mut frame = Frame::new(Arc::from(items), Kind::Plain);
        frame.vars = vars;
        self.stack.push(frame);
    }

    /// Runs handlers next.
    pub(super) fn push_handlers(&mut self, items: Arc<[Item]>) {
        let mut frame = Frame::new(items, Kind::Plain);
        frame.handlers = true;
        self.stack.push(frame);
    }

    /// Variables of the includes the cursor is in, outermost first.
    pub(super) fn vars(&self) -> Vec<Layer> {
        self.stack
            .iter()
            .flat_map(|f| f.vars.iter().cloned())
            .collect()
    }

    /// Whether the task the cursor stands behind is a handler.
    pub(super) fn in_handlers(&self) -> bool {
        self.stack.iter().any(|f| f.handlers)
    }

    /// Passes over what is left of the role whose task the cursor stands behind.
    pub(super) fn leave_role(&mut self) {
        let role = |item: &Item| match item {
            Item::Task(task) => task.role.as_ref().map(Arc::as_ptr),
            Item::Block(_) => None,
        };
        let Some(frame) = self.stack.last() else {
            return;
        };
        let Some(now) = frame.items.get(frame.index.wrapping_sub(1)).and_then(role) else {
            return;
        };
        for frame in &mut self.stack {
            while frame.items.get(frame.index).is_some_and(|i| within(i, now)) {
                frame.index += 1;
            }
        }
    }

    /// Leaves everything: `end_host`, `end_play`.
    pub(super) fn clear(&mut self) {
        self.stack.clear();
    }

    /// The place of the task the cursor stands behind.
    pub(super) fn position(&self) -> Position {
        let mut place = Vec::with_capacity(self.stack.len() * 2);
        for frame in &self.stack {
            place.push(match frame.kind {
                // Handlers may run where the list they interrupt has come to its end.
                _ if frame.handlers => 3,
                Kind::Plain | Kind::Body(_) => 0,
                Kind::Rescue(_) => 1,
                Kind::Always { .. } => 2,
            });
            place.push(frame.index);
        }
        Arc::from(place)
    }
}

/// Whether an item belongs to a role.
fn within(item: &Item, role: *const crate::plan::Role) -> bool {
    match item {
        Item::Task(task) => task.role.as_ref().is_some_and(|r| Arc::as_ptr(r) == role),
        Item::Block(block) => block.body.first().is_some_and(|i| within(i, role)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Call, Keywords};
    use crate::source::{Node, Span};

    fn task(id: usize) -> Item {
        let span = Span::outside("test");
        Item::Task(Arc::new(Task {
            id,
            name: None,
            span: span.clone(),
            call: Call::Dynamic {
                name: Node::null(span),
                args: Vec::new(),
            },
            keywords: Arc::new(Keywords::default()),
            ..Task::blank()
        }))
    }

    fn block(body: Vec<Item>, rescue: Vec<Item>, always: Vec<Item>) -> Item {
        let span = Span::outside("test");
        let keywords = Arc::new(Keywords::default());
        Item::Block(Arc::new(Block {
            name: None,
            span,
            body,
            rescue,
            always,
            keywords,
        }))
    }

    fn rest(cursor: &mut Cursor) -> Vec<usize> {
        std::iter::from_fn(|| cursor.next()).map(|t| t.id).collect()
    }

    #[test]
    fn a_failure_goes_to_rescue_then_always_then_on() {
        let items = vec![
            block(vec![task(1), task(2)], vec![task(3)], vec![task(4)]),
            task(5),
        ];
        let mut cursor = Cursor::new(items.into());
        assert_eq!(cursor.next().map(|t| t.id), Some(1));
        assert_eq!(cursor.fail(), Fate::Rescued);
        assert_eq!(rest(&mut cursor), [3, 4, 5]);
        assert!(!cursor.is_out());
    }

    #[test]
    fn without_rescue_always_runs_and_the_failure_goes_out() {
        let items = vec![
            block(
                vec![block(vec![task(1)], vec![], vec![task(2)])],
                vec![],
                vec![task(3)],
            ),
            task(4),
        ];
        let mut cursor = Cursor::new(items.into());
        cursor.next();
        assert_eq!(cursor.fail(), Fate::Always { rescued: false });
        assert_eq!(rest(&mut cursor), [2, 3]);
        assert!(cursor.is_out());
    }

    #[test]
    fn a_failure_in_rescue_is_not_rescued_again() {
        let items = vec![block(vec![task(1)], vec![task(2)], vec![]), task(3)];
        let mut cursor = Cursor::new(items.into());
        cursor.next();
        cursor.fail();
        assert_eq!(cursor.next().map(|t| t.id), Some(2));
        assert_eq!(cursor.fail(), Fate::Out);
        assert!(rest(&mut cursor).is_empty());
    }
}
