//! Macros, blocks that templates inherit, and other template files.

use std::sync::Arc;

use super::context::{Ctx, FRAMES};
use super::error::{At, Fail, Res};
use super::object::{Args, Macro};
use super::run::Out;
use super::tree::{self, Expr, Tree};
use super::value::Val;

impl Ctx<'_> {
    pub(in crate::vars) fn make_macro(&self, def: &Arc<tree::Macro>) -> Val {
        Val::Object(Arc::new(Macro {
            def: Arc::clone(def),
            frame: self.current,
            module: Arc::clone(&self.module),
        }))
    }

    pub(in crate::vars) fn call_with(&mut self, call: &Expr, caller: Val) -> Res<Val> {
        let tree::Kind::Call(callee, args) = &call.kind else {
            return Err(Fail::error("a call block needs a call"));
        };
        let value = self.need(callee)?;
        let mut args = self.args(args)?;
        args.named.push((Arc::from("caller"), caller));
        self.invoke(&value, args)
    }

    pub(in crate::vars) fn call_macro(&mut self, callee: &Macro, mut args: Args) -> Res<Val> {
        let def = Arc::clone(&callee.def);
        let caller = args.pop("caller");
        let imported = callee.module.get();
        let parent = if imported.is_some() {
            None
        } else {
            Some(callee.frame)
        };
        let mut out = Out::Text(String::new());
        self.nested_under(parent, |ctx| {
            if let Some(names) = imported {
                ctx.frames[ctx.current].vars.extend(names.iter().cloned());
            }
            let mut pos = args.pos.into_iter();
            for (name, default) in &def.params {
                let given = pos.next().or_else(|| {
                    let i = args.named.iter().position(|(n, _)| n == name)?;
                    Some(args.named.remove(i).1)
                });
                let value = match (given, default) {
                    (Some(value), _) => value,
                    (None, Some(default)) => ctx.eval(default)?,
                    (None, None) => Val::missing(
                        &**name,
                        format!("the parameter `{name}` of `{}` was not given", def.name),
                    ),
                };
                ctx.set(name, value);
            }
            let rest: Vec<Val> = pos.collect();
            let extra: super::value::Dict = args
                .named
                .into_iter()
                .map(|(n, v)| (Val::Str(n), v))
                .collect();
            ctx.set(&Arc::from("varargs"), Val::list(rest));
            ctx.set(&Arc::from("kwargs"), Val::dict(extra));
            if let Some(caller) = caller {
                ctx.set(&Arc::from("caller"), caller);
            }
            ctx.stmts(&def.body, &mut out)
        })?;
        Ok(Val::from(out.text()))
    }

    pub(in crate::vars) fn block(
        &mut self,
        name: &Arc<str>,
        level: usize,
        out: &mut Out,
    ) -> Res<()> {
        let levels = self
            .blocks
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, l)| l.clone());
        let Some(block) = levels.and_then(|l| l.get(level).cloned()) else {
            return Err(Fail::error(format!(
                "there is no block `{name}` above this one"
            )));
        };
        if block.required && block.body.len() <= 1 && level == 0 {
            return Err(Fail::error(format!("the block `{name}` must be filled in")));
        }
        self.block_stack.push((Arc::clone(name), level));
        let result = self.nested(|ctx| ctx.stmts(&block.body, out));
        self.block_stack.pop();
        result
    }

    pub(in crate::vars) fn super_block(&mut self) -> Res<Val> {
        let Some((name, level)) = self.block_stack.last().cloned() else {
            return Err(Fail::error("`super()` works inside blocks only"));
        };
        let mut out = Out::Text(String::new());
        self.block(&name, level + 1, &mut out)?;
        Ok(Val::from(out.text()))
    }

    pub(in crate::vars) fn own_block(&mut self, name: &Arc<str>) -> Res<Val> {
        let mut out = Out::Text(String::new());
        self.block(name, 0, &mut out)?;
        Ok(Val::from(out.text()))
    }

    pub(in crate::vars) fn import(&mut self, file: &Val, at: At) -> Res<Vec<(Arc<str>, Val)>> {
        let cell = Arc::default();
        let outer = std::mem::replace(&mut self.module, Arc::clone(&cell));
        let result = self.nested_under(None, |ctx| {
            ctx.with_file(file, at, |ctx, tree| {
                let tree = Arc::clone(tree);
                let mut discard = Out::Text(String::new());
                ctx.whole(&tree, &tree.body, &mut discard)
            })?;
            let vars = std::mem::take(&mut ctx.frames[ctx.current].vars);
            Ok(vars
                .into_iter()
                .filter(|(n, _)| !n.starts_with('_'))
                .collect::<Vec<_>>())
        });
        self.module = outer;
        let names = result?;
        let _ = cell.set(names.clone());
        Ok(names)
    }

    /// Runs with another template file.
    pub(in crate::vars) fn with_file(
        &mut self,
        name: &Val,
        at: At,
        run: impl FnOnce(&mut Self, &Arc<Tree>) -> Res<()>,
    ) -> Res<()> {
        let name = name.text();
        let Some(path) = self.find_file(&name) else {
            return Err(Fail::error(format!("there is no template `{name}`")).at(at));
        };
        let options = self.options.clone().unwrap_or_default();
        let (file, tree) = self.engine.file_tree(&path, &options)?;
        let folder = std::mem::replace(&mut self.folder, path.parent().map(Into::into));
        let result = self.down(FRAMES, |ctx| run(ctx, &tree));
        self.folder = folder;
        let span = crate::source::Span::new(&file, 0, file.text.len());
        result.map_err(|e| match e {
            Fail::Continue | Fail::Break => e,
            e => self.located(e, &file.text, &span),
        })
    }

    pub(in crate::vars) fn find_file(&self, name: &str) -> Option<std::path::PathBuf> {
        let mut folders: Vec<std::path::PathBuf> = self.folder.iter().cloned().collect();
        for base in &self.scope.search.bases {
            folders.push(base.join("templates"));
            folders.push(base.clone());
        }
        if std::path::Path::new(name).is_absolute() {
            folders = vec![std::path::PathBuf::from("/")];
        }
        let mut found = folders.into_iter().map(|f| super::engine::join(&f, name));
        found.find(|p| self.engine.files.is_file(p))
    }
}
