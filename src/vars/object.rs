//! What templates hold besides data: functions, macros, namespaces, loops.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::context::Ctx;
use super::error::{Fail, Res};
use super::scope::Scope;
use super::tree;
use super::value::{Dict, Val};

/// Arguments of a call.
#[derive(Clone, Default, Debug)]
pub(in crate::vars) struct Args {
    pub pos: Vec<Val>,
    pub named: Vec<(Arc<str>, Val)>,
}

impl Args {
    /// Takes a named argument out.
    pub(in crate::vars) fn pop(&mut self, name: &str) -> Option<Val> {
        let i = self.named.iter().position(|(n, _)| &**n == name)?;
        Some(self.named.remove(i).1)
    }

    /// The arguments by parameter, as a Python signature binds them.
    pub(in crate::vars) fn bind<const N: usize>(
        mut self,
        of: &str,
        names: [&str; N],
    ) -> Res<[Option<Val>; N]> {
        if self.pos.len() > N {
            return Err(Fail::error(format!(
                "`{of}` takes at most {N} argument{}, {} are given",
                if N == 1 { "" } else { "s" },
                self.pos.len()
            )));
        }
        let mut bound = [const { None }; N];
        let given = self.pos.len();
        for (slot, value) in bound.iter_mut().zip(self.pos.drain(..)) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            match names.iter().position(|n| **n == *name) {
                Some(i) if i >= given => bound[i] = Some(value),
                Some(_) => {
                    return Err(Fail::error(format!(
                        "`{of}` got its argument `{name}` twice"
                    )));
                }
                None => {
                    return Err(Fail::error(format!("`{of}` has no argument `{name}`")));
                }
            }
        }
        Ok(bound)
    }
}

pub(in crate::vars) trait Object: Send + Sync + 'static {
    fn type_name(&self) -> &'static str;

    fn truth(&self) -> bool {
        true
    }

    fn text(&self) -> String {
        format!("<{}>", self.type_name())
    }

    /// Its place among others of its type, where it has one.
    fn sort_key(&self) -> Option<f64> {
        None
    }

    fn attr(&self, _ctx: &mut Ctx<'_>, _name: &str) -> Res<Option<Val>> {
        Ok(None)
    }

    fn set_attr(&self, _name: &Arc<str>, _value: Val) -> Res<()> {
        Err(Fail::error("only namespaces have attributes that can be set").at((0, 0)))
    }

    fn item(&self, ctx: &mut Ctx<'_>, key: &Val) -> Res<Option<Val>> {
        match key.as_str() {
            Some(name) => self.attr(ctx, name),
            None => Ok(None),
        }
    }

    /// Its members, where it is a mapping.
    fn keys(&self, _ctx: &mut Ctx<'_>) -> Option<Vec<Val>> {
        None
    }

    fn call(&self, _ctx: &mut Ctx<'_>, _args: Args) -> Res<Val> {
        Err(Fail::error(format!(
            "{} cannot be called",
            self.type_name()
        )))
    }

    fn method(&self, ctx: &mut Ctx<'_>, name: &str, args: Args) -> Res<Val> {
        match self.attr(ctx, name)? {
            Some(Val::Object(object)) => object.call(ctx, args),
            _ => Err(Fail::error(format!(
                "{} has no method `{name}`",
                self.type_name()
            ))),
        }
    }

    fn callable(&self) -> bool {
        false
    }

    /// The plain data it stands for, where it leaves the template.
    fn plain(&self, _ctx: &mut Ctx<'_>) -> Res<Option<Val>> {
        Ok(None)
    }

    fn seconds(&self) -> Option<f64> {
        None
    }
}

impl fmt::Debug for dyn Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name())
    }
}

/// A function of ours.
pub(in crate::vars) struct Builtin {
    pub call: fn(&mut Ctx<'_>, Args) -> Res<Val>,
}

impl Object for Builtin {
    fn type_name(&self) -> &'static str {
        "function"
    }
    fn call(&self, ctx: &mut Ctx<'_>, args: Args) -> Res<Val> {
        (self.call)(ctx, args)
    }
    fn callable(&self) -> bool {
        true
    }
}

/// `namespace()`: names that inner scopes may set.
pub(in crate::vars) struct Namespace(pub Mutex<Dict>);

impl Object for Namespace {
    fn type_name(&self) -> &'static str {
        "Namespace"
    }
    fn attr(&self, _ctx: &mut Ctx<'_>, name: &str) -> Res<Option<Val>> {
        let values = self
            .0
            .lock()
            .map_err(|_| Fail::error("a namespace was left broken"))?;
        Ok(values.get(&super::value::Key(name)).cloned())
    }
    fn set_attr(&self, name: &Arc<str>, value: Val) -> Res<()> {
        let mut values = self
            .0
            .lock()
            .map_err(|_| Fail::error("a namespace was left broken"))?;
        values.insert(Val::Str(Arc::clone(name)), value);
        Ok(())
    }
}

/// A template macro, or the body of a `call` block.
pub(in crate::vars) struct Macro {
    pub def: Arc<tree::Macro>,
    /// The frame it was defined in.
    pub frame: usize,
    /// The names of the module it came from, once imported.
    pub module: Arc<OnceLock<Vec<(Arc<str>, Val)>>>,
}

impl Object for Macro {
    fn type_name(&self) -> &'static str {
        "Macro"
    }
    fn attr(&self, _ctx: &mut Ctx<'_>, name: &str) -> Res<Option<Val>> {
        Ok((name == "name").then(|| Val::Str(Arc::clone(&self.def.name))))
    }
    fn call(&self, ctx: &mut Ctx<'_>, args: Args) -> Res<Val> {
        ctx.call_macro(self, args)
    }
    fn callable(&self) -> bool {
        true
    }
}

/// An imported template.
pub(in crate::vars) struct Module(pub Vec<(Arc<str>, Val)>);

impl Object for Module {
    fn type_name(&self) -> &'static str {
        "TemplateModule"
    }
    fn attr(&self, _ctx: &mut Ctx<'_>, name: &str) -> Res<Option<Val>> {
        Ok(self
            .0
            .iter()
            .find(|(n, _)| &**n == name)
            .map(|(_, v)| v.clone()))
    }
}

/// `loop` inside a `for`.
pub(in crate::vars) struct Loop {
    pub def: Arc<tree::For>,
    pub items: Vec<Val>,
    pub index: AtomicUsize,
    pub depth: usize,
    pub last_seen: Mutex<Option<Vec<Val>>>,
}

impl Object for Loop {
    fn type_name(&self) -> &'static str {
        "LoopContext"
    }
    fn attr(&self, _ctx: &mut Ctx<'_>, name: &str) -> Res<Option<Val>> {
        let (i, n) = (self.index.load(Ordering::Relaxed), self.items.len());
        let beside = |index: Option<usize>| {
            index
                .and_then(|i| self.items.get(i))
                .cloned()
                .unwrap_or_else(|| {
                    Val::missing(
                        format!("loop.{name}"),
                        format!("`loop.{name}` is beyond the loop"),
                    )
                })
        };
        Ok(Some(match name {
            "index" => Val::from(i + 1),
            "index0" => Val::from(i),
            "revindex" => Val::from(n - i),
            "revindex0" => Val::from(n - i - 1),
            "first" => Val::Bool(i == 0),
            "last" => Val::Bool(i + 1 == n),
            "length" => Val::from(n),
            "depth" => Val::from(self.depth + 1),
            "depth0" => Val::from(self.depth),
            "previtem" => beside(i.checked_sub(1)),
            "nextitem" => beside(Some(i + 1)),
            _ => return Ok(None),
        }))
    }
    fn method(&self, _ctx: &mut Ctx<'_>, name: &str, args: Args) -> Res<Val> {
        match name {
            "cycle" if args.pos.is_empty() => Err(Fail::error("`loop.cycle` needs values")),
            "cycle" => Ok(args.pos[self.index.load(Ordering::Relaxed) % args.pos.len()].clone()),
            "changed" => {
                let mut seen = self
                    .last_seen
                    .lock()
                    .map_err(|_| Fail::error("loop is broken"))?;
                let changed = seen.as_ref() != Some(&args.pos);
                *seen = Some(args.pos);
                Ok(Val::Bool(changed))
            }
            _ => Err(Fail::error(format!("`loop` has no method `{name}`"))),
        }
    }
    fn call(&self, ctx: &mut Ctx<'_>, mut args: Args) -> Res<Val> {
        if args.pos.len() != 1 || !self.def.recursive {
            return Err(Fail::error(
                "`loop(…)` takes one value, in a recursive loop",
            ));
        }
        let items = args.pos.remove(0);
        ctx.recurse(&self.def, items, self.depth + 1)
    }
}

/// `hostvars`.
pub(in crate::vars) struct AllHosts;

impl Object for AllHosts {
    fn type_name(&self) -> &'static str {
        "HostVars"
    }
    fn attr(&self, ctx: &mut Ctx<'_>, name: &str) -> Res<Option<Val>> {
        let scope = ctx.scope.hosts.scope(name);
        Ok(scope.map(|scope| Val::Object(Arc::new(OneHost(scope)))))
    }
    fn keys(&self, ctx: &mut Ctx<'_>) -> Option<Vec<Val>> {
        Some(ctx.scope.hosts.names().into_iter().map(Val::from).collect())
    }
}

/// `hostvars[name]`.
pub(in crate::vars) struct OneHost(pub Arc<Scope>);

impl Object for OneHost {
    fn type_name(&self) -> &'static str {
        "HostVarsVars"
    }
    fn attr(&self, ctx: &mut Ctx<'_>, name: &str) -> Res<Option<Val>> {
        ctx.elsewhere(&self.0, |ctx| ctx.root(name))
    }
    fn keys(&self, _ctx: &mut Ctx<'_>) -> Option<Vec<Val>> {
        Some(self.0.names().into_iter().map(Val::from).collect())
    }
    fn plain(&self, ctx: &mut Ctx<'_>) -> Res<Option<Val>> {
        ctx.elsewhere(&self.0, |ctx| ctx.all_variables()).map(Some)
    }
}

/// `vars`.
pub(in crate::vars) struct OwnVars;

impl Object for OwnVars {
    fn type_name(&self) -> &'static str {
        "dict"
    }
    fn attr(&self, ctx: &mut Ctx<'_>, name: &str) -> Res<Option<Val>> {
        ctx.root(name)
    }
    fn keys(&self, ctx: &mut Ctx<'_>) -> Option<Vec<Val>> {
        Some(ctx.scope.names().into_iter().map(Val::from).collect())
    }
    fn plain(&self, ctx: &mut Ctx<'_>) -> Res<Option<Val>> {
        ctx.all_variables().map(Some)
    }
}

/// `cycler(…)` and `joiner(…)`.
pub(in crate::vars) struct Cycler {
    pub items: Vec<Val>,
    pub next: AtomicUsize,
    pub joiner: bool,
}

impl Object for Cycler {
    fn type_name(&self) -> &'static str {
        if self.joiner { "Joiner" } else { "Cycler" }
    }
    fn attr(&self, _ctx: &mut Ctx<'_>, name: &str) -> Res<Option<Val>> {
        let i = self.next.load(Ordering::Relaxed) % self.items.len().max(1);
        Ok((name == "current").then(|| self.items[i].clone()))
    }
    fn call(&self, _ctx: &mut Ctx<'_>, _args: Args) -> Res<Val> {
        let used = self.next.fetch_add(1, Ordering::Relaxed);
        Ok(if used == 0 {
            Val::from("")
        } else {
            self.items[0].clone()
        })
    }
    fn method(&self, _ctx: &mut Ctx<'_>, name: &str, _args: Args) -> Res<Val> {
        match name {
            "next" => {
                let i = self.next.fetch_add(1, Ordering::Relaxed) % self.items.len().max(1);
                Ok(self.items[i].clone())
            }
            "reset" => {
                self.next.store(0, Ordering::Relaxed);
                Ok(Val::None)
            }
            _ => Err(Fail::error(format!("a cycler has no method `{name}`"))),
        }
    }
    fn callable(&self) -> bool {
        self.joiner
    }
}
