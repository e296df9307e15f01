//! Running a template's statements.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::context::{Ctx, FRAMES, Frame, TEXT};
use super::error::{Fail, Res, undefined};
use super::object::{Loop, Module};
use super::tree::{self, Expr, Stmt, Target, Tree};
use super::value::Val;

/// What has been written: values while it may still be a single one, else text.
pub(in crate::vars) enum Out {
    Native(Vec<Val>),
    Text(String),
}

impl Out {
    pub(in crate::vars) fn text(self) -> String {
        match self {
            Out::Text(text) => text,
            Out::Native(pieces) => {
                let mut text = String::new();
                pieces.iter().for_each(|p| p.write_text(&mut text));
                text
            }
        }
    }
}

impl Ctx<'_> {
    /// A template's value: what it holds if it is one expression, else text.
    pub(in crate::vars) fn native(&mut self, tree: &Tree) -> Res<Val> {
        let value = match tree.body.as_slice() {
            [Stmt::Emit(expr, _)] => self.need_or_blank(expr)?,
            body => {
                let mut out = Out::Native(Vec::new());
                self.whole(tree, body, &mut out)?;
                match out {
                    Out::Native(mut pieces) => match pieces.len() {
                        0 => Val::None,
                        1 => pieces.remove(0),
                        _ => Val::from(Out::Native(pieces).text()),
                    },
                    Out::Text(text) => Val::from(text),
                }
            }
        };
        // The line feeds a template ended with are not lost with the parser.
        match &value {
            Val::Str(text) if tree.trailing > 0 => {
                let has = text.len() - text.trim_end_matches('\n').len();
                let more = tree.trailing.saturating_sub(has);
                Ok(if more == 0 {
                    value
                } else {
                    Val::from(format!("{text}{}", "\n".repeat(more)))
                })
            }
            _ => Ok(value),
        }
    }

    fn need_or_blank(&mut self, expr: &Expr) -> Res<Val> {
        match self.eval(expr)? {
            Val::Undefined(missing) => Err(undefined(&missing).at(expr.at)),
            value => Ok(value),
        }
    }

    /// A template's text.
    pub(in crate::vars) fn render_text(&mut self, tree: &Tree) -> Res<String> {
        let mut out = Out::Text(String::new());
        self.whole(tree, &tree.body, &mut out)?;
        let mut text = out.text();
        // The line feeds a template ended with are not lost with the parser.
        let has = text.len() - text.trim_end_matches('\n').len();
        text.extend(std::iter::repeat_n('\n', tree.trailing.saturating_sub(has)));
        Ok(text)
    }

    pub(in crate::vars) fn whole(&mut self, tree: &Tree, body: &[Stmt], out: &mut Out) -> Res<()> {
        for block in &tree.blocks {
            self.offer_block(block);
        }
        let extends = body.iter().any(|s| matches!(s, Stmt::Extends(..)));
        if !extends {
            return self.stmts(body, out);
        }
        // What a child template writes outside its blocks is not shown.
        let mut discard = Out::Text(String::new());
        let mut parent = None;
        for stmt in body {
            match stmt {
                Stmt::Extends(name, at) => parent = Some((self.need(name)?, *at)),
                Stmt::Block(_) => {}
                other => self.stmt(other, &mut discard)?,
            }
        }
        let Some((name, at)) = parent else {
            return Ok(());
        };
        self.with_file(&name, at, |ctx, tree| {
            let tree = Arc::clone(tree);
            ctx.whole(&tree, &tree.body, out)
        })
    }

    fn offer_block(&mut self, block: &Arc<tree::Block>) {
        match self.blocks.iter_mut().find(|(n, _)| *n == block.name) {
            Some((_, levels)) => levels.push(Arc::clone(block)),
            None => self
                .blocks
                .push((Arc::clone(&block.name), vec![Arc::clone(block)])),
        }
    }

    pub(in crate::vars) fn stmts(&mut self, body: &[Stmt], out: &mut Out) -> Res<()> {
        for stmt in body {
            self.stmt(stmt, out)?;
        }
        Ok(())
    }

    fn stmt(&mut self, stmt: &Stmt, out: &mut Out) -> Res<()> {
        self.burn(1)?;
        match stmt {
            Stmt::Raw(value) => self.write(out, value.clone()),
            Stmt::Emit(expr, at) => self.emit(expr, out).map_err(|e| e.at(*at)),
            Stmt::If(test, yes, no) => {
                let body = if self.need(test)?.truth() { yes } else { no };
                self.deeper(|ctx| ctx.stmts(body, out))
            }
            Stmt::For(def) => {
                let iter = self.need(&def.iter)?;
                self.run_loop(def, &iter, 0, out)
            }
            Stmt::With(pairs, body) => self.with_names(pairs, body, out),
            Stmt::Scope(body) => self.nested(|ctx| ctx.stmts(body, out)),
            Stmt::Set(target, expr) => {
                let value = self.eval(expr)?;
                self.assign(target, value)
            }
            Stmt::SetBlock(target, filter, body) => self
                .captured(filter.as_ref(), body)
                .and_then(|value| self.assign(target, value)),
            Stmt::Filter(filter, body) => self
                .captured(Some(filter), body)
                .and_then(|value| self.write(out, value)),
            Stmt::Block(block) => self.block(&Arc::clone(&block.name), 0, out),
            Stmt::Do(expr) => self.eval(expr).map(drop),
            Stmt::Continue => Err(Fail::Continue),
            Stmt::Break => Err(Fail::Break),
            Stmt::Macro(def) => {
                let value = self.make_macro(def);
                self.set(&def.name, value);
                Ok(())
            }
            Stmt::CallBlock(call, body, at) => {
                let caller = self.make_macro(body);
                let value = self.call_with(call, caller).map_err(|e| e.at(*at))?;
                self.write(out, value)
            }
            Stmt::Import(..) | Stmt::FromImport(..) | Stmt::Include(..) | Stmt::Extends(..) => {
                self.take_from(stmt, out)
            }
        }
    }

    fn with_names(&mut self, pairs: &[(Target, Expr)], body: &[Stmt], out: &mut Out) -> Res<()> {
        let mut values = Vec::new();
        for (target, expr) in pairs {
            values.push((target, self.eval(expr)?));
        }
        self.nested(|ctx| {
            for (target, value) in values {
                ctx.assign(target, value)?;
            }
            ctx.stmts(body, out)
        })
    }

    /// What a body writes, through a filter.
    fn captured(&mut self, filter: Option<&Expr>, body: &[Stmt]) -> Res<Val> {
        let text = Val::from(self.capture(|ctx, out| ctx.stmts(body, out))?);
        match filter {
            Some(filter) => self.filter(filter, text),
            None => Ok(text),
        }
    }

    fn take_from(&mut self, stmt: &Stmt, out: &mut Out) -> Res<()> {
        match stmt {
            Stmt::Import(file, name, at) => {
                let file = self.need(file)?;
                let module = self.import(&file, *at)?;
                self.set(name, Val::Object(Arc::new(Module(module))));
                Ok(())
            }
            Stmt::FromImport(file, names, at) => {
                let file = self.need(file)?;
                let module = self.import(&file, *at)?;
                for (name, alias) in names {
                    let found = module
                        .iter()
                        .find(|(n, _)| n == name)
                        .map(|(_, v)| v.clone());
                    let value = found.unwrap_or_else(|| {
                        Val::missing(&**name, format!("{} does not define `{name}`", file.text()))
                    });
                    self.set(alias, value);
                }
                Ok(())
            }
            Stmt::Include(file, lenient, at) => {
                let file = self.need(file)?;
                let choices = match file.seq() {
                    Some(choices) => choices.to_vec(),
                    None => vec![file],
                };
                let found = choices.iter().find(|c| self.find_file(&c.text()).is_some());
                match found.or(choices.last()) {
                    Some(choice) if found.is_some() || !lenient => self.nested(|ctx| {
                        ctx.with_file(choice, *at, |ctx, tree| {
                            let tree = Arc::clone(tree);
                            let blocks = std::mem::take(&mut ctx.blocks);
                            let result = ctx.whole(&tree, &tree.body, out);
                            ctx.blocks = blocks;
                            result
                        })
                    }),
                    _ => Ok(()),
                }
            }
            _ => Err(Fail::error("`extends` must stand at the top of a template")),
        }
    }

    fn emit(&mut self, expr: &Expr, out: &mut Out) -> Res<()> {
        let value = self.need(expr)?;
        self.write(out, value)
    }

    fn write(&mut self, out: &mut Out, value: Val) -> Res<()> {
        match out {
            Out::Native(pieces) => match value {
                Val::None | Val::Undefined(_) => {}
                value => {
                    let value = if pieces.is_empty() {
                        value
                    } else {
                        self.deep(value)?
                    };
                    // A second piece makes it text: what came first has to be whole as well.
                    if pieces.len() == 1 {
                        let first = pieces.remove(0);
                        let first = self.deep(first)?;
                        pieces.push(self.shown(first)?);
                    }
                    let value = if pieces.is_empty() {
                        value
                    } else {
                        self.shown(value)?
                    };
                    self.written += piece_size(&value);
                    pieces.push(value);
                }
            },
            Out::Text(text) => match value {
                Val::Str(s) => {
                    self.written += s.len();
                    text.push_str(&s);
                }
                Val::None | Val::Undefined(_) => {}
                other => {
                    let value = self.deep(other)?;
                    let value = self.shown(value)?;
                    let before = text.len();
                    value.write_text(text);
                    self.written += text.len() - before;
                }
            },
        }
        if self.written > TEXT {
            return Err(Fail::error(format!(
                "the template yields more than {TEXT} bytes"
            )));
        }
        Ok(())
    }

    /// What text may hold: an undefined member is found here, an object becomes its data.
    fn shown(&mut self, value: Val) -> Res<Val> {
        let value = match value {
            Val::Object(object) => match object.plain(self)? {
                Some(plain) => self.deep(plain)?,
                None => Val::Object(object),
            },
            other => other,
        };
        if let Some(missing) = hole(&value) {
            return Err(missing);
        }
        Ok(value)
    }

    pub(in crate::vars) fn assign(&mut self, target: &Target, value: Val) -> Res<()> {
        match target {
            Target::Name(name) => {
                self.set(name, value);
                Ok(())
            }
            Target::Attr(object, name) => match self.need(object)? {
                Val::Object(object) => object.set_attr(name, value),
                other => Err(Fail::error(format!(
                    "only namespaces have attributes that can be set, not {}",
                    other.described()
                ))),
            },
            Target::Many(targets) => {
                let value = self.force(value)?;
                let items = self.iterate(&value)?;
                if items.len() != targets.len() {
                    return Err(Fail::error(format!(
                        "{} values cannot be taken apart into {} names",
                        items.len(),
                        targets.len()
                    )));
                }
                targets
                    .iter()
                    .zip(items)
                    .try_for_each(|(t, v)| self.assign(t, v))
            }
        }
    }

    /// Runs in a frame of its own.
    pub(in crate::vars) fn nested<T>(&mut self, run: impl FnOnce(&mut Self) -> Res<T>) -> Res<T> {
        self.nested_under(Some(self.current), run)
    }

    pub(in crate::vars) fn nested_under<T>(
        &mut self,
        parent: Option<usize>,
        run: impl FnOnce(&mut Self) -> Res<T>,
    ) -> Res<T> {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let (outer, height) = (self.current, self.frames.len());
        self.frames.push(Frame {
            vars: Vec::new(),
            parent,
        });
        self.current = height;
        let result = self.down(FRAMES, run);
        self.frames.truncate(height);
        self.current = outer;
        result
    }

    fn capture(&mut self, run: impl FnOnce(&mut Self, &mut Out) -> Res<()>) -> Res<String> {
        let mut out = Out::Text(String::new());
        self.nested(|ctx| run(ctx, &mut out))?;
        Ok(out.text())
    }

    fn run_loop(
        &mut self,
        def: &Arc<tree::For>,
        iter: &Val,
        depth: usize,
        out: &mut Out,
    ) -> Res<()> {
        let mut items = self.iterate(iter)?;
        if let Some(filter) = &def.filter {
            let mut kept = Vec::new();
            for item in items {
                let keep = self.nested(|ctx| {
                    ctx.assign(&def.target, item.clone())?;
                    ctx.need(filter).map(|v| v.truth())
                })?;
                if keep {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            return self.nested(|ctx| ctx.stmts(&def.otherwise, out));
        }
        let state = def.uses_loop.then(|| {
            Arc::new(Loop {
                def: Arc::clone(def),
                items: items.clone(),
                index: AtomicUsize::new(0),
                depth,
                last_seen: Mutex::new(None),
            })
        });
        let name: Arc<str> = Arc::from("loop");
        self.nested(|ctx| {
            for (i, item) in items.into_iter().enumerate() {
                ctx.burn(1)?;
                let frame = &mut ctx.frames[ctx.current];
                frame.vars.clear();
                if let Some(state) = &state {
                    state.index.store(i, Ordering::Relaxed);
                    let object: Arc<dyn super::object::Object> = Arc::clone(state) as _;
                    frame.vars.push((Arc::clone(&name), Val::Object(object)));
                }
                ctx.assign(&def.target, item)?;
                match ctx.stmts(&def.body, out) {
                    Err(Fail::Break) => break,
                    Ok(()) | Err(Fail::Continue) => {}
                    Err(other) => return Err(other),
                }
            }
            Ok(())
        })
    }

    pub(in crate::vars) fn recurse(
        &mut self,
        def: &Arc<tree::For>,
        items: Val,
        depth: usize,
    ) -> Res<Val> {
        let mut out = Out::Text(String::new());
        self.nested(|ctx| ctx.run_loop(def, &items, depth, &mut out))?;
        Ok(Val::from(out.text()))
    }
}

fn piece_size(value: &Val) -> usize {
    value.as_str().map_or(8, str::len)
}

/// The first undefined value inside a value.
pub(in crate::vars) fn hole(value: &Val) -> Option<Fail> {
    match value {
        Val::Undefined(missing) => Some(undefined(missing)),
        Val::List(_) | Val::Tuple(_) => value.seq()?.iter().find_map(hole),
        Val::Dict(items) => items.get().values().find_map(hole),
        _ => None,
    }
}
