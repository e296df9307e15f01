//! One rendering under way: its budget, its scopes, its variables.

use std::sync::Arc;

use super::engine::Engine;
use super::error::{Fail, Res};
use super::globals;
use super::scope::Scope;
use super::tree::Block;
use super::value::Val;

pub(in crate::vars) const FUEL: u64 = 20_000_000;
/// Nested evaluations: variables in variables, macros, includes, brackets. Must fit a 2 MB stack.
pub(in crate::vars) const DEPTH: usize = 400;
/// Levels a variable, macro, include or block counts for: they take more stack than a bracket does.
pub(in crate::vars) const FRAMES: usize = 4;
/// Bytes one rendering may yield, and one text may have: files larger than this are not configuration.
pub(in crate::vars) const TEXT: usize = 64 * 1024 * 1024;
/// Items of one list made by a template.
pub(in crate::vars) const ITEMS: usize = 2_000_000;

#[derive(Default)]
pub(in crate::vars) struct Frame {
    pub vars: Vec<(Arc<str>, Val)>,
    pub parent: Option<usize>,
}

/// One rendering under way.
pub(in crate::vars) struct Ctx<'a> {
    pub engine: &'a Engine,
    pub scope: &'a Scope,
    /// Set where the scope is another host's.
    pub foreign: Option<Arc<Scope>>,
    pub frames: Vec<Frame>,
    pub current: usize,
    pub fuel: u64,
    pub depth: usize,
    pub written: usize,
    /// Variables being rendered, outermost first.
    pub rendering: Vec<Arc<str>>,
    /// The result depends on more than variables: do not keep it.
    pub impure: bool,
    /// Overriding blocks by name, most derived first.
    pub blocks: Vec<(Arc<str>, Vec<Arc<Block>>)>,
    pub block_stack: Vec<(Arc<str>, usize)>,
    pub options: Option<Arc<super::parse::RenderOptions>>,
    /// The folder of the template file being rendered.
    pub folder: Option<std::path::PathBuf>,
    /// Names the module being imported will have.
    pub module: Arc<std::sync::OnceLock<Vec<(Arc<str>, Val)>>>,
}

impl<'a> Ctx<'a> {
    pub(in crate::vars) fn new(engine: &'a Engine, scope: &'a Scope) -> Ctx<'a> {
        Ctx {
            engine,
            scope,
            foreign: None,
            frames: Vec::new(),
            current: 0,
            fuel: FUEL,
            depth: 0,
            written: 0,
            rendering: Vec::new(),
            impure: false,
            blocks: Vec::new(),
            block_stack: Vec::new(),
            options: None,
            folder: None,
            module: Arc::default(),
        }
    }

    pub(in crate::vars) fn burn(&mut self, steps: usize) -> Res<()> {
        self.fuel = self.fuel.saturating_sub(steps as u64);
        if self.fuel == 0 {
            return Err(Fail::error(format!(
                "the template takes more than {FUEL} steps"
            )));
        }
        Ok(())
    }

    /// Runs something one level deeper, within the limit.
    pub(in crate::vars) fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Res<T>) -> Res<T> {
        self.down(1, run)
    }

    /// Runs something that many levels deeper.
    pub(in crate::vars) fn down<T>(
        &mut self,
        levels: usize,
        run: impl FnOnce(&mut Self) -> Res<T>,
    ) -> Res<T> {
        if self.depth + levels > DEPTH {
            let through: Vec<&str> = self.rendering.iter().rev().take(4).map(|n| &**n).collect();
            let mut message = String::from("the template is nested too deeply");
            if !through.is_empty() {
                message.push_str(&format!(" (rendering {})", through.join(", in ")));
            }
            return Err(Fail::error(message));
        }
        self.depth += levels;
        let result = run(self);
        self.depth -= levels;
        result
    }

    /// Renders a variable, unless it is being rendered already.
    pub(in crate::vars) fn named<T>(
        &mut self,
        name: &str,
        run: impl FnOnce(&mut Self) -> Res<T>,
    ) -> Res<T> {
        let key: Arc<str> = Arc::from(name);
        // Another host's variable of the same name is another variable; the depth limit guards those.
        if self.foreign.is_none() && self.rendering.contains(&key) {
            let cycle: Vec<&str> = self
                .rendering
                .iter()
                .skip_while(|n| ***n != *name)
                .map(|n| &**n)
                .collect();
            return Err(Fail::error(format!(
                "recursive loop in variables: {} → {name}",
                cycle.join(" → ")
            )));
        }
        self.rendering.push(key);
        let result = self.down(FRAMES, run);
        self.rendering.pop();
        result
    }

    /// Runs without the names of the template at hand: a variable sees variables only.
    pub(in crate::vars) fn detached<T>(&mut self, run: impl FnOnce(&mut Self) -> Res<T>) -> Res<T> {
        let frames = std::mem::take(&mut self.frames);
        let current = std::mem::replace(&mut self.current, 0);
        let blocks = std::mem::take(&mut self.blocks);
        let options = self.options.take();
        let result = run(self);
        self.options = options;
        self.blocks = blocks;
        self.frames = frames;
        self.current = current;
        result
    }

    /// Runs in another host's scope.
    pub(in crate::vars) fn elsewhere<T>(
        &mut self,
        scope: &Arc<Scope>,
        run: impl FnOnce(&mut Ctx<'_>) -> Res<T>,
    ) -> Res<T> {
        let mut other = Ctx::new(self.engine, scope);
        other.foreign = Some(Arc::clone(scope));
        other.fuel = self.fuel;
        other.depth = self.depth;
        other.written = self.written;
        other.rendering = std::mem::take(&mut self.rendering);
        let result = other.deeper_elsewhere(run);
        self.fuel = other.fuel;
        self.written = other.written;
        self.impure |= other.impure;
        self.rendering = std::mem::take(&mut other.rendering);
        result
    }

    fn deeper_elsewhere<T>(&mut self, run: impl FnOnce(&mut Ctx<'_>) -> Res<T>) -> Res<T> {
        if self.depth >= DEPTH {
            return Err(Fail::error(
                "the template is nested too deeply through `hostvars`",
            ));
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }

    pub(in crate::vars) fn local(&self, name: &str) -> Option<&Val> {
        let mut at = Some(self.current);
        while let Some(frame) = at.and_then(|i| self.frames.get(i)) {
            if let Some((_, value)) = frame.vars.iter().rev().find(|(n, _)| &**n == name) {
                return Some(value);
            }
            at = frame.parent;
        }
        None
    }

    /// Sets a name of the innermost frame.
    pub(in crate::vars) fn set(&mut self, name: &Arc<str>, value: Val) {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
            self.current = 0;
        }
        let frame = &mut self.frames[self.current];
        match frame.vars.iter_mut().find(|(n, _)| n == name) {
            Some(slot) => slot.1 = value,
            None => frame.vars.push((Arc::clone(name), value)),
        }
    }

    /// Replaces a name where it is defined, or shadows a variable of the outside.
    pub(in crate::vars) fn replace(&mut self, name: &Arc<str>, value: Val) {
        let mut at = Some(self.current);
        while let Some(i) = at.filter(|i| *i < self.frames.len()) {
            if let Some(slot) = self.frames[i]
                .vars
                .iter_mut()
                .rev()
                .find(|(n, _)| n == name)
            {
                slot.1 = value;
                return;
            }
            at = self.frames[i].parent;
        }
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        self.frames[0].vars.push((Arc::clone(name), value));
    }

    pub(in crate::vars) fn var(&mut self, name: &Arc<str>) -> Res<Val> {
        if let Some(value) = self.local(name) {
            let value = value.clone();
            return self.force(value);
        }
        if let Some(value) = self.root(name)? {
            return Ok(value);
        }
        if let Some(value) = globals::find(name) {
            return Ok(value);
        }
        Ok(Val::missing(&**name, format!("`{name}` is not defined")))
    }
}
