//! Evaluating expressions.

use std::sync::Arc;

use super::engine::Engine;
use super::error::{Fail, Res};
use super::object::Args;
use super::scope::Scope;
use super::tree::{Arg, Binary, Block, Compare, Expr, Kind};
use super::value::{Dict, Items, Key, Missing, Val};
use super::{globals, methods, ops};
use crate::source::Span;

/// Steps one rendering may take. A large template takes thousands; a runaway one has to end (0.5 s or so).
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
    fn replace(&mut self, name: &Arc<str>, value: Val) {
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

    fn var(&mut self, name: &Arc<str>) -> Res<Val> {
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

    /// An expression's value; what is missing is a value too.
    pub(in crate::vars) fn eval(&mut self, expr: &Expr) -> Res<Val> {
        self.burn(1)?;
        match &expr.kind {
            Kind::Const(value) => Ok(value.clone()),
            Kind::Var(name) => self.var(name).map_err(|e| e.at(expr.at)),
            _ => self
                .deeper(|ctx| ctx.compound(expr))
                .map_err(|e| e.at(expr.at)),
        }
    }

    /// An expression's value, which must be there.
    pub(in crate::vars) fn need(&mut self, expr: &Expr) -> Res<Val> {
        match self.eval(expr)? {
            Val::Undefined(missing) if !missing.blank => Err(undefined(&missing).at(expr.at)),
            value => Ok(value),
        }
    }

    /// Each kind has a function of its own, so that nesting costs the stack of one kind only.
    fn compound(&mut self, expr: &Expr) -> Res<Val> {
        match &expr.kind {
            Kind::Const(_) | Kind::Var(_) => self.eval(expr),
            Kind::Embedded(text) => self.embedded(text),
            Kind::Attr(object, name) => self.eval_attr(object, name),
            Kind::Item(object, key) => self.eval_item(expr, object, key),
            Kind::Slice(object, parts) => self.eval_slice(object, parts),
            Kind::Not(inner) => Ok(Val::Bool(!self.need(inner)?.truth())),
            Kind::Neg(inner) => self.need(inner).and_then(|v| ops::negate(&v)),
            Kind::Binary(op, left, right) => self.binary(*op, left, right),
            Kind::Compare(first, rest) => self.eval_compare(first, rest),
            Kind::If(parts) => self.eval_if(parts),
            Kind::Filter(input, name, _, _) => self.eval_filter(expr, input.as_deref(), name),
            Kind::Test(input, name, test, args) => self.test(input, name, *test, args),
            Kind::Call(callee, args) => self.call(callee, args),
            Kind::List(items) => self.each(items).map(|items| Val::List(Items::live(items))),
            Kind::Tuple(items) => self.each(items).map(|items| Val::Tuple(Arc::new(items))),
            Kind::Dict(pairs) => self.eval_dict(pairs),
        }
    }

    fn embedded(&mut self, text: &Arc<str>) -> Res<Val> {
        match self.engine.tree(text) {
            Ok(tree) => self.detached(|ctx| ctx.native(&tree)),
            Err(_) => Ok(Val::Str(Arc::clone(text))),
        }
    }

    fn eval_attr(&mut self, object: &Expr, name: &Arc<str>) -> Res<Val> {
        let value = self.eval(object)?;
        self.attr(&value, name, || format!("{}.{name}", path(object)))
    }

    fn eval_item(&mut self, expr: &Expr, object: &Expr, key: &Expr) -> Res<Val> {
        let value = self.eval(object)?;
        if value.is_undefined() {
            return Ok(value);
        }
        let key = self.need(key)?;
        self.item(&value, &key, || path(expr))
    }

    fn eval_slice(&mut self, object: &Expr, parts: &[Option<Box<Expr>>; 3]) -> Res<Val> {
        let value = self.need(object)?;
        let mut bounds = [Val::None, Val::None, Val::None];
        for (bound, part) in bounds.iter_mut().zip(parts) {
            if let Some(part) = part {
                *bound = self.need(part)?;
            }
        }
        let [start, stop, step] = &bounds;
        ops::slice(&value, start, stop, step)
    }

    fn eval_compare(&mut self, first: &Expr, rest: &[(Compare, Expr)]) -> Res<Val> {
        let mut left = self.need(first)?;
        for (op, right) in rest {
            let right = self.need(right)?;
            if !self.compare(*op, &left, &right)? {
                return Ok(Val::Bool(false));
            }
            left = right;
        }
        Ok(Val::Bool(true))
    }

    fn eval_if(&mut self, parts: &(Expr, Expr, Option<Expr>)) -> Res<Val> {
        let (test, yes, no) = parts;
        if self.need(test)?.truth() {
            return self.eval(yes);
        }
        match no {
            Some(no) => self.eval(no),
            None => Ok(Val::Undefined(Arc::new(Missing {
                name: "if".into(),
                message: "the inline `if` is false and has no `else`".into(),
                blank: true,
                place: None,
            }))),
        }
    }

    fn eval_filter(&mut self, expr: &Expr, input: Option<&Expr>, name: &str) -> Res<Val> {
        let Some(input) = input else {
            return Err(Fail::error(format!("the filter `{name}` has no input")));
        };
        let value = match self.eval(input) {
            Err(Fail::Undefined(missing, _)) if is_lenient(&expr.kind) => Val::Undefined(missing),
            other => other?,
        };
        self.filter(expr, value)
    }

    fn eval_dict(&mut self, pairs: &[(Expr, Expr)]) -> Res<Val> {
        let mut dict = Dict::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key = self.need(key)?;
            hashable(&key)?;
            dict.insert(key, self.eval(value)?);
        }
        Ok(Val::Dict(Items::live(dict)))
    }

    fn each(&mut self, items: &[Expr]) -> Res<Vec<Val>> {
        items.iter().map(|e| self.eval(e)).collect()
    }

    /// A chain like `a ~ b ~ c` nests to the left; it is worked off in a loop.
    fn binary(&mut self, op: Binary, left: &Expr, right: &Expr) -> Res<Val> {
        let mut spine = vec![(op, right)];
        let mut first = left;
        while let Kind::Binary(op, left, right) = &first.kind {
            spine.push((*op, &**right));
            first = left;
        }
        let mut value = self.eval(first)?;
        for (op, right) in spine.into_iter().rev() {
            if let Val::Undefined(missing) = &value
                && !missing.blank
            {
                return Err(undefined(missing).at(first.at));
            }
            value = match op {
                Binary::And if !value.truth() => value,
                Binary::Or if value.truth() => value,
                Binary::And | Binary::Or => self.eval(right)?,
                _ => {
                    let other = self.need(right)?;
                    self.operate(op, value, other)?
                }
            };
        }
        Ok(value)
    }

    fn operate(&mut self, op: Binary, a: Val, b: Val) -> Res<Val> {
        self.burn(1)?;
        let (a, b) = match (&a, &b) {
            (Val::List(_) | Val::Dict(_) | Val::Tuple(_), _)
            | (_, Val::List(_) | Val::Dict(_) | Val::Tuple(_)) => (self.deep(a)?, self.deep(b)?),
            _ => (a, b),
        };
        ops::binary(op, &a, &b)
    }

    fn compare(&mut self, op: Compare, a: &Val, b: &Val) -> Res<bool> {
        if let Val::Object(_) = b
            && matches!(op, Compare::In | Compare::NotIn)
        {
            let found = self.item(b, a, String::new)?;
            return Ok(found.is_undefined() == (op == Compare::NotIn));
        }
        if matches!(op, Compare::In | Compare::NotIn)
            && let (Val::Dict(items), Some(key)) = (b, a.as_str())
        {
            let found = items.get().contains_key(&Key(key));
            return Ok(found == (op == Compare::In));
        }
        let (a, b) = (self.deep(a.clone())?, self.deep(b.clone())?);
        ops::compare(op, &a, &b)
    }

    /// `value.name`.
    pub(in crate::vars) fn attr(
        &mut self,
        value: &Val,
        name: &Arc<str>,
        path: impl FnOnce() -> String,
    ) -> Res<Val> {
        let found = match value {
            Val::Undefined(_) => return Ok(value.clone()),
            Val::Dict(items) => items.get().get(&Key(name)).cloned(),
            Val::Object(object) => object.attr(self, name)?,
            _ => None,
        };
        match found {
            Some(found) => self.force(found),
            None => {
                let (path, kind) = (path(), value.described());
                let why = match value {
                    Val::Dict(_) => format!("the mapping has no key `{name}`"),
                    _ => format!("{kind} has no attribute `{name}`"),
                };
                Ok(Val::missing(
                    &*path,
                    format!("`{path}` is not defined: {why}"),
                ))
            }
        }
    }

    /// `value[key]`.
    pub(in crate::vars) fn item(
        &mut self,
        value: &Val,
        key: &Val,
        path: impl FnOnce() -> String,
    ) -> Res<Val> {
        let found = match value {
            Val::Undefined(_) => return Ok(value.clone()),
            Val::Dict(items) => {
                let items = items.get();
                match key.as_str() {
                    Some(key) => items.get(&Key(key)).cloned(),
                    None => items.get(key).cloned(),
                }
            }
            Val::List(_) | Val::Tuple(_) => {
                let items = value.seq().unwrap_or_default();
                ops::index(key, items.len()).and_then(|i| items.get(i).cloned())
            }
            Val::Str(text) => match key.integer() {
                Some(_) => {
                    let count = text.chars().count();
                    ops::index(key, count)
                        .and_then(|i| text.chars().nth(i))
                        .map(|c| Val::from(c.to_string()))
                }
                None => None,
            },
            Val::Object(object) => Arc::clone(object).item(self, key)?,
            _ => None,
        };
        match found {
            Some(found) => self.force(found),
            None => {
                let path = path();
                let why = match value {
                    Val::Dict(_) => format!("the mapping has no key {}", key.repr()),
                    Val::List(_) | Val::Tuple(_) => {
                        format!("the list has no item {}", key.repr())
                    }
                    other => format!("{} has no item {}", other.described(), key.repr()),
                };
                Ok(Val::missing(
                    &*path,
                    format!("`{path}` is not defined: {why}"),
                ))
            }
        }
    }

    pub(in crate::vars) fn args(&mut self, args: &[Arg]) -> Res<Args> {
        let mut out = Args::default();
        for arg in args {
            match arg {
                Arg::Pos(e) => out.pos.push(self.eval(e)?),
                Arg::Named(name, e) => out.named.push((Arc::clone(name), self.eval(e)?)),
                Arg::Splat(e) => {
                    let value = self.need(e)?;
                    out.pos.extend(self.iterate(&value)?);
                }
                Arg::NamedSplat(e) => {
                    let value = self.need(e)?;
                    let Some(map) = value.map() else {
                        return Err(Fail::error("`**` needs a mapping").at(e.at));
                    };
                    out.named
                        .extend(map.iter().map(|(k, v)| (k.text(), v.clone())));
                }
            }
        }
        Ok(out)
    }

    /// Applies the filter of a filter expression to a value.
    pub(in crate::vars) fn filter(&mut self, expr: &Expr, value: Val) -> Res<Val> {
        let Kind::Filter(input, name, filter, args) = &expr.kind else {
            return Err(Fail::error("a filter is needed here"));
        };
        let value = match input {
            // A chain in a filter block: its own input comes first.
            Some(inner) if is_block_chain(inner) => self.filter(inner, value)?,
            _ => value,
        };
        let Some(filter) = filter else {
            return Err(Fail::error(format!("unknown filter `{name}`")));
        };
        let args = self.args(args)?;
        self.apply(name, *filter, value, args)
            .map_err(|e| e.at(expr.at))
    }

    /// Applies a filter by value: what is undefined stops here, save for those that ask for it.
    pub(in crate::vars) fn apply(
        &mut self,
        _name: &str,
        filter: super::filters::Filter,
        value: Val,
        args: Args,
    ) -> Res<Val> {
        let (value, args) = if filter.lenient {
            (value, args)
        } else {
            (self.input(value)?, self.inputs(args)?)
        };
        (filter.call)(self, value, args)
    }

    fn input(&mut self, value: Val) -> Res<Val> {
        match self.deep(value)? {
            Val::Undefined(missing) if !missing.blank => Err(undefined(&missing)),
            Val::Object(object) => match object.plain(self)? {
                Some(plain) => self.deep(plain),
                None => Ok(Val::Object(object)),
            },
            value => Ok(value),
        }
    }

    pub(in crate::vars) fn inputs(&mut self, args: Args) -> Res<Args> {
        let pos = args
            .pos
            .into_iter()
            .map(|v| self.input(v))
            .collect::<Res<_>>()?;
        let named = args.named.into_iter().map(|(n, v)| Ok((n, self.input(v)?)));
        Ok(Args {
            pos,
            named: named.collect::<Res<_>>()?,
        })
    }

    fn test(
        &mut self,
        input: &Expr,
        name: &str,
        test: Option<super::tests::Test>,
        args: &[Arg],
    ) -> Res<Val> {
        let Some(test) = test else {
            return Err(Fail::error(format!("unknown test `{name}`")));
        };
        let value = match self.eval(input) {
            // What a task will have registered is defined, whatever it turns out to be.
            Err(Fail::Pending) if test.lenient && matches!(input.kind, Kind::Var(_)) => Val::None,
            Err(Fail::Undefined(missing, _)) if test.lenient => Val::Undefined(missing),
            other => other?,
        };
        let args = self.args(args)?;
        self.check(test, value, args).map(Val::Bool)
    }

    /// Performs a test by value.
    pub(in crate::vars) fn check(
        &mut self,
        test: super::tests::Test,
        value: Val,
        args: Args,
    ) -> Res<bool> {
        let (value, args) = if test.lenient {
            (value, args)
        } else {
            (self.input(value)?, self.inputs(args)?)
        };
        (test.call)(self, value, args)
    }

    fn call(&mut self, callee: &Expr, args: &[Arg]) -> Res<Val> {
        match &callee.kind {
            Kind::Var(name) if &**name == "super" && self.local(name).is_none() => {
                return self.super_block();
            }
            Kind::Attr(object, name) => {
                if let Kind::Var(own) = &object.kind
                    && &**own == "self"
                    && self.local(own).is_none()
                {
                    return self.own_block(name);
                }
                let value = self.need(object)?;
                let args = self.args(args)?;
                return self.method(object, &value, name, args);
            }
            _ => {}
        }
        let value = self.need(callee)?;
        let args = self.args(args)?;
        self.invoke(&value, args)
    }

    pub(in crate::vars) fn invoke(&mut self, value: &Val, args: Args) -> Res<Val> {
        match value {
            Val::Object(object) => Arc::clone(object).call(self, args),
            other => Err(Fail::error(format!(
                "{} cannot be called",
                other.described()
            ))),
        }
    }

    fn method(&mut self, place: &Expr, value: &Val, name: &Arc<str>, args: Args) -> Res<Val> {
        if let Val::Object(object) = value {
            if let Some(plain) = methods::of_plain(object.as_ref(), name)
                && plain
                && let Some(value) = object.plain(self)?
            {
                return methods::call(self, &value, name, args);
            }
            return Arc::clone(object).method(self, name, args);
        }
        if methods::mutates(value, name) {
            let live = self.thaw(place, value.clone())?;
            let args = Args {
                pos: args.pos,
                named: args.named,
            };
            return methods::mutate(self, &live, name, args);
        }
        methods::call(self, value, name, args)
    }

    /// Makes a container changeable in its place.
    fn thaw(&mut self, place: &Expr, value: Val) -> Res<Val> {
        let live = match &value {
            Val::List(Items::Live(_)) | Val::Dict(Items::Live(_)) => return Ok(value),
            Val::List(items) => Val::List(Items::live((*items.get()).clone())),
            Val::Dict(items) => Val::Dict(Items::live((*items.get()).clone())),
            _ => return Ok(value),
        };
        match &place.kind {
            Kind::Var(name) => self.replace(name, live.clone()),
            Kind::Attr(parent, name) => {
                self.put(parent, Val::Str(Arc::clone(name)), live.clone())?;
            }
            Kind::Item(parent, key) => {
                let key = self.need(key)?;
                self.put(parent, key, live.clone())?;
            }
            _ => {}
        }
        Ok(live)
    }

    fn put(&mut self, parent: &Expr, key: Val, value: Val) -> Res<()> {
        let holder = self.need(parent)?;
        let holder = self.thaw(parent, holder)?;
        match &holder {
            Val::Object(object) => {
                if let Val::Str(name) = &key {
                    object.set_attr(name, value)?;
                }
            }
            Val::Dict(Items::Live(items)) => {
                if let Ok(mut items) = items.write() {
                    Arc::make_mut(&mut items).insert(key, value);
                }
            }
            Val::List(Items::Live(items)) => {
                if let Ok(mut items) = items.write() {
                    let index = ops::index(&key, items.len());
                    if let Some(slot) = index.and_then(|i| Arc::make_mut(&mut items).get_mut(i)) {
                        *slot = value;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What a loop over the value goes through.
    pub(in crate::vars) fn iterate(&mut self, value: &Val) -> Res<Vec<Val>> {
        let items = match value {
            Val::List(_) | Val::Tuple(_) => value.seq().unwrap_or_default().to_vec(),
            Val::Dict(items) => items.get().keys().cloned().collect(),
            Val::Str(text) => text.chars().map(|c| Val::from(c.to_string())).collect(),
            Val::Object(object) => match Arc::clone(object).keys(self) {
                Some(keys) => keys,
                None => {
                    return Err(Fail::error(format!(
                        "{} is not something to loop over",
                        object.type_name()
                    )));
                }
            },
            Val::Undefined(missing) if missing.blank => Vec::new(),
            Val::Undefined(missing) => return Err(undefined(missing)),
            other => {
                return Err(Fail::error(format!(
                    "{} is not something to loop over",
                    other.described()
                )));
            }
        };
        self.burn(items.len())?;
        Ok(items)
    }

    pub(in crate::vars) fn render_native(&mut self, text: &Arc<str>, span: &Span) -> Res<Val> {
        let tree = self
            .engine
            .tree(text)
            .map_err(|e| self.located(e, text, span))?;
        self.native(&tree).map_err(|e| self.located(e, text, span))
    }
}

pub(in crate::vars) fn undefined(missing: &Arc<Missing>) -> Fail {
    Fail::Undefined(Arc::clone(missing), missing.place().cloned().map(Box::new))
}

pub(in crate::vars) fn hashable(key: &Val) -> Res<()> {
    match key {
        Val::List(_) | Val::Dict(_) => {
            Err(Fail::error(format!("{} cannot be a key", key.described())))
        }
        _ => Ok(()),
    }
}

fn is_lenient(kind: &Kind) -> bool {
    matches!(kind, Kind::Filter(_, _, Some(filter), _) if filter.lenient)
}

fn is_block_chain(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Filter(None, ..) => true,
        Kind::Filter(Some(inner), ..) => is_block_chain(inner),
        _ => false,
    }
}

/// The expression as a person wrote it, as far as it names something.
pub(in crate::vars) fn path(expr: &Expr) -> String {
    match &expr.kind {
        Kind::Var(name) => name.to_string(),
        Kind::Attr(object, name) => format!("{}.{name}", path(object)),
        Kind::Item(object, key) => match &key.kind {
            Kind::Const(value) => format!("{}[{}]", path(object), value.repr()),
            _ => format!("{}[{}]", path(object), path(key)),
        },
        Kind::Filter(Some(input), name, ..) => format!("{} | {name}", path(input)),
        Kind::Call(callee, _) => format!("{}(…)", path(callee)),
        _ => "…".into(),
    }
}
