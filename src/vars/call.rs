//! Filters, tests, functions and methods: their arguments, and what they change.

use std::sync::Arc;

use super::context::Ctx;
use super::error::{Fail, Res, undefined};
use super::object::Args;
use super::tree::{Arg, Expr, Kind};
use super::value::{Items, Val};
use super::{methods, ops};

impl Ctx<'_> {
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

    pub(in crate::vars) fn test(
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
            Err(Fail::Pending | Fail::Unknown(_))
                if test.lenient && matches!(input.kind, Kind::Var(_)) =>
            {
                Val::None
            }
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

    pub(in crate::vars) fn call(&mut self, callee: &Expr, args: &[Arg]) -> Res<Val> {
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
}

fn is_block_chain(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Filter(None, ..) => true,
        Kind::Filter(Some(inner), ..) => is_block_chain(inner),
        _ => false,
    }
}
