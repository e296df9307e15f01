//! Evaluating expressions.

use std::sync::Arc;

use super::context::Ctx;
use super::error::{Fail, Res, undefined};
use super::ops::{self, hashable};
use super::tree::{Binary, Compare, Expr, Kind};
use super::value::{Dict, Items, Key, Missing, Val};
use crate::source::Span;

impl Ctx<'_> {
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

fn is_lenient(kind: &Kind) -> bool {
    matches!(kind, Kind::Filter(_, _, Some(filter), _) if filter.lenient)
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
