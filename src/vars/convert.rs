//! Between plain data and the values of templates.

use std::sync::Arc;

use minijinja::value::{Value as Foreign, ValueKind};

use super::context::Ctx;
use super::error::{Fail, Res, undefined};
use super::value::{Items, Val};
use crate::source::{Mapping, Value};

/// Data as templates see it.
pub(in crate::vars) fn to_template(value: &Value) -> Val {
    match value {
        Value::Null => Val::None,
        Value::Bool(b) => Val::Bool(*b),
        Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => Val::Int(i),
            (None, f) => Val::Float(f.unwrap_or(f64::NAN)),
        },
        Value::String(s) => Val::from(s.as_str()),
        Value::Sequence(items) => Val::List(Items::Frozen(Arc::new(
            items.iter().map(to_template).collect(),
        ))),
        Value::Mapping(map) => {
            let pairs = map.iter().map(|(k, v)| (to_template(k), to_template(v)));
            Val::Dict(Items::Frozen(Arc::new(pairs.collect())))
        }
        Value::Tagged(tagged) => to_template(&tagged.value),
    }
}

impl Ctx<'_> {
    /// A value as plain data: everything rendered, what is omitted left out. `None` for omit itself.
    pub(in crate::vars) fn finish(&mut self, value: Val) -> Res<Option<Value>> {
        self.deeper(|ctx| ctx.finish_inner(value))
    }

    fn finish_inner(&mut self, value: Val) -> Res<Option<Value>> {
        Ok(Some(match self.force(value)? {
            Val::Undefined(missing) => return Err(undefined(&missing)),
            Val::Omit => return Ok(None),
            Val::None => Value::Null,
            Val::Bool(b) => Value::Bool(b),
            Val::Int(i) => Value::Number(i.into()),
            Val::Float(f) => Value::Number(f.into()),
            Val::Str(s) => Value::String(s.to_string()),
            list @ (Val::List(_) | Val::Tuple(_)) => {
                let items = list.seq().unwrap_or_default();
                let mut out = Vec::with_capacity(items.len());
                for item in items.iter() {
                    out.extend(self.finish(item.clone())?);
                }
                Value::Sequence(out)
            }
            Val::Dict(items) => {
                let items = items.get();
                let mut out = Mapping::with_capacity(items.len());
                for (key, value) in items.iter() {
                    if let (Some(key), Some(value)) =
                        (self.finish(key.clone())?, self.finish(value.clone())?)
                    {
                        out.insert(key, value);
                    }
                }
                Value::Mapping(out)
            }
            Val::Object(object) => match object.plain(self)? {
                Some(plain) => return self.finish(plain),
                None => {
                    let name = object.type_name();
                    return Err(Fail::error(format!("a {name} cannot be kept as data")));
                }
            },
            Val::Thunk(_) => Value::Null,
        }))
    }
}

/// A constant as the parser gives it.
pub(in crate::vars) fn from_minijinja(value: &Foreign) -> Val {
    match value.kind() {
        ValueKind::Bool => Val::Bool(value.is_true()),
        ValueKind::Number => match (value.as_i64(), value.is_integer()) {
            (Some(i), true) => Val::Int(i),
            _ => Val::Float(f64::try_from(value.clone()).unwrap_or(f64::NAN)),
        },
        ValueKind::String => Val::from(value.as_str().unwrap_or("")),
        _ => Val::None,
    }
}

/// A value as the parser's formatting knows it.
pub(in crate::vars) fn to_minijinja(value: &Val) -> Foreign {
    match value {
        Val::None => Foreign::from(()),
        Val::Bool(b) => Foreign::from(*b),
        Val::Int(i) => Foreign::from(*i),
        Val::Float(f) => Foreign::from(*f),
        Val::Dict(items) => {
            let items = items.get();
            items
                .iter()
                .map(|(k, v)| (k.text().to_string(), to_minijinja(v)))
                .collect()
        }
        other => Foreign::from(&*other.text()),
    }
}
