//! Values as templates see them: Python's, as far as templates can tell.
//!
//! Data is frozen and shared. What a template writes as a literal is live: `append` and `update` change
//! it in place. A container whose members are still templates is lazy: a member is rendered when it is
//! looked at, so one undefined member does not spoil its neighbours.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, RwLock};

use indexmap::{Equivalent, IndexMap};

use super::error::{Fail, Res};
use super::object::Object;
use super::scope::Thunk;

pub(in crate::vars) type Dict = IndexMap<Val, Val>;

/// Why there is no value.
#[derive(Debug)]
pub(in crate::vars) struct Missing {
    /// The variable or attribute that is missing, as it was written.
    pub name: String,
    /// The whole sentence.
    pub message: String,
    /// An inline `if` without `else`: empty in text, an error as a result.
    pub blank: bool,
    /// Where it was needed, if that was in another template than the one that failed.
    pub place: Option<Box<super::error::Place>>,
}

#[derive(Clone)]
pub(in crate::vars) enum Val {
    Undefined(Arc<Missing>),
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
    List(Items<Vec<Val>>),
    Tuple(Arc<Vec<Val>>),
    Dict(Items<Dict>),
    /// A template not rendered yet.
    Thunk(Arc<Thunk>),
    /// Removes the argument, key or item it stands for.
    Omit,
    Object(Arc<dyn Object>),
}

/// The members of a container, by who may still change them.
#[derive(Clone)]
pub(in crate::vars) enum Items<T> {
    /// Plain data through and through.
    Frozen(Arc<T>),
    /// Holds templates somewhere.
    Lazy(Arc<T>),
    /// Written in the template that is being rendered, or changed by it.
    Live(Arc<RwLock<Arc<T>>>),
}

impl<T> Items<T> {
    /// The members as they are now.
    pub(in crate::vars) fn get(&self) -> Arc<T> {
        match self {
            Items::Frozen(items) | Items::Lazy(items) => Arc::clone(items),
            Items::Live(items) => match items.read() {
                Ok(guard) => Arc::clone(&guard),
                Err(poisoned) => Arc::clone(&poisoned.into_inner()),
            },
        }
    }

    pub(in crate::vars) fn live(items: T) -> Items<T> {
        Items::Live(Arc::new(RwLock::new(Arc::new(items))))
    }
}

impl std::fmt::Debug for Val {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.repr())
    }
}

impl From<&str> for Val {
    fn from(text: &str) -> Val {
        Val::Str(Arc::from(text))
    }
}
impl From<String> for Val {
    fn from(text: String) -> Val {
        Val::Str(Arc::from(text))
    }
}
impl From<bool> for Val {
    fn from(b: bool) -> Val {
        Val::Bool(b)
    }
}
impl From<i64> for Val {
    fn from(i: i64) -> Val {
        Val::Int(i)
    }
}
impl From<usize> for Val {
    fn from(i: usize) -> Val {
        Val::Int(i64::try_from(i).unwrap_or(i64::MAX))
    }
}
impl From<f64> for Val {
    fn from(f: f64) -> Val {
        Val::Float(f)
    }
}
impl From<Vec<Val>> for Val {
    fn from(items: Vec<Val>) -> Val {
        Val::list(items)
    }
}
impl From<Dict> for Val {
    fn from(items: Dict) -> Val {
        Val::dict(items)
    }
}

fn plain(value: &Val) -> bool {
    !matches!(
        value,
        Val::Thunk(_)
            | Val::List(Items::Lazy(_) | Items::Live(_))
            | Val::Dict(Items::Lazy(_) | Items::Live(_))
    )
}

impl Val {
    pub(in crate::vars) fn list(items: Vec<Val>) -> Val {
        let frozen = items.iter().all(plain);
        let items = Arc::new(items);
        Val::List(if frozen {
            Items::Frozen(items)
        } else {
            Items::Lazy(items)
        })
    }

    pub(in crate::vars) fn dict(items: Dict) -> Val {
        let frozen = items.values().all(plain);
        let items = Arc::new(items);
        Val::Dict(if frozen {
            Items::Frozen(items)
        } else {
            Items::Lazy(items)
        })
    }

    pub(in crate::vars) fn missing(name: impl Into<String>, message: impl Into<String>) -> Val {
        Val::Undefined(Arc::new(Missing {
            name: name.into(),
            message: message.into(),
            blank: false,
            place: None,
        }))
    }

    pub(in crate::vars) fn as_str(&self) -> Option<&str> {
        match self {
            Val::Str(s) => Some(s),
            _ => None,
        }
    }

    pub(in crate::vars) fn is_undefined(&self) -> bool {
        matches!(self, Val::Undefined(_))
    }

    /// The members of a list or tuple.
    pub(in crate::vars) fn seq(&self) -> Option<Arc<Vec<Val>>> {
        match self {
            Val::List(items) => Some(items.get()),
            Val::Tuple(items) => Some(Arc::clone(items)),
            _ => None,
        }
    }

    pub(in crate::vars) fn map(&self) -> Option<Arc<Dict>> {
        match self {
            Val::Dict(items) => Some(items.get()),
            _ => None,
        }
    }

    /// What Python calls the type.
    pub(in crate::vars) fn type_name(&self) -> &'static str {
        match self {
            Val::Undefined(_) => "Undefined",
            Val::None => "NoneType",
            Val::Bool(_) => "bool",
            Val::Int(_) => "int",
            Val::Float(_) => "float",
            Val::Str(_) => "str",
            Val::List(_) => "list",
            Val::Tuple(_) => "tuple",
            Val::Dict(_) => "dict",
            Val::Thunk(_) => "template",
            Val::Omit => "Omit",
            Val::Object(object) => object.type_name(),
        }
    }

    pub(in crate::vars) fn truth(&self) -> bool {
        match self {
            Val::Undefined(_) | Val::None => false,
            Val::Bool(b) => *b,
            Val::Int(i) => *i != 0,
            Val::Float(f) => *f != 0.0,
            Val::Str(s) => !s.is_empty(),
            Val::List(items) => !items.get().is_empty(),
            Val::Tuple(items) => !items.is_empty(),
            Val::Dict(items) => !items.get().is_empty(),
            Val::Thunk(_) | Val::Omit => true,
            Val::Object(object) => object.truth(),
        }
    }

    /// A number as Python's arithmetic sees it: booleans count.
    pub(in crate::vars) fn number(&self) -> Option<f64> {
        match self {
            Val::Bool(b) => Some(f64::from(u8::from(*b))),
            #[expect(clippy::cast_precision_loss, reason = "Python compares the same way")]
            Val::Int(i) => Some(*i as f64),
            Val::Float(f) => Some(*f),
            _ => None,
        }
    }

    pub(in crate::vars) fn integer(&self) -> Option<i64> {
        match self {
            Val::Bool(b) => Some(i64::from(*b)),
            Val::Int(i) => Some(*i),
            _ => None,
        }
    }

    /// Python's ordering; values of different kinds have none.
    pub(in crate::vars) fn compare(&self, other: &Val) -> Res<Ordering> {
        if let (Val::Int(a), Val::Int(b)) = (self, other) {
            return Ok(a.cmp(b));
        }
        if let (Some(a), Some(b)) = (self.number(), other.number()) {
            return Ok(a.partial_cmp(&b).unwrap_or(Ordering::Equal));
        }
        if let (Val::Str(a), Val::Str(b)) = (self, other) {
            return Ok(a.cmp(b));
        }
        if let (Some(a), Some(b)) = (self.seq(), other.seq()) {
            for (x, y) in a.iter().zip(b.iter()) {
                if x != y {
                    return x.compare(y);
                }
            }
            return Ok(a.len().cmp(&b.len()));
        }
        if let (Val::Object(a), Val::Object(b)) = (self, other)
            && let (Some(a), Some(b)) = (a.sort_key(), b.sort_key())
        {
            return Ok(a.total_cmp(&b));
        }
        Err(Fail::error(format!(
            "{} and {} cannot be ordered",
            self.described(),
            other.described()
        )))
    }

    /// The value's type as a person says it.
    pub(in crate::vars) fn described(&self) -> &'static str {
        match self {
            Val::Undefined(_) => "an undefined value",
            Val::None => "nothing (None)",
            Val::Bool(_) => "a boolean",
            Val::Int(_) => "an integer",
            Val::Float(_) => "a number",
            Val::Str(_) => "a string",
            Val::List(_) => "a list",
            Val::Tuple(_) => "a tuple",
            Val::Dict(_) => "a mapping",
            Val::Thunk(_) => "a template",
            Val::Omit => "omit",
            Val::Object(_) => "an object",
        }
    }
}

impl PartialEq for Val {
    fn eq(&self, other: &Val) -> bool {
        match (self, other) {
            (Val::Str(a), Val::Str(b)) => a == b,
            (Val::Int(a), Val::Int(b)) => a == b,
            (Val::None, Val::None) | (Val::Omit, Val::Omit) => true,
            (Val::Undefined(_), Val::Undefined(_)) => true,
            (Val::Dict(a), Val::Dict(b)) => {
                let (a, b) = (a.get(), b.get());
                a.len() == b.len() && a.iter().all(|(k, v)| b.get(k) == Some(v))
            }
            (Val::List(a), Val::List(b)) => a.get() == b.get(),
            (Val::Tuple(a), Val::Tuple(b)) => a == b,
            (Val::Object(a), Val::Object(b)) => {
                Arc::ptr_eq(a, b) || a.sort_key().is_some() && a.sort_key() == b.sort_key()
            }
            (Val::Thunk(a), Val::Thunk(b)) => Arc::ptr_eq(a, b),
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }
}
impl Eq for Val {}

impl Hash for Val {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Val::Str(s) => s.hash(state),
            Val::Bool(b) => i64::from(*b).hash(state),
            Val::Int(i) => i.hash(state),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole floats hash as integers do"
            )]
            Val::Float(f) if f.fract() == 0.0 && f.abs() < 9e15 => (*f as i64).hash(state),
            Val::Float(f) => f.to_bits().hash(state),
            Val::Tuple(items) => items.hash(state),
            Val::List(items) => items.get().hash(state),
            Val::Dict(items) => items.get().len().hash(state),
            _ => 0u8.hash(state),
        }
    }
}

/// A key looked up without making a value of it.
pub(in crate::vars) struct Key<'a>(pub &'a str);

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<Val> for Key<'_> {
    fn equivalent(&self, key: &Val) -> bool {
        key.as_str() == Some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Val;
    use crate::vars::repr::float_text;

    #[test]
    fn numbers_and_strings_print_as_python_prints_them() {
        assert_eq!(float_text(1e20), "1e+20");
        assert_eq!(float_text(1.0), "1.0");
        assert_eq!(float_text(0.00001), "1e-05");
        assert_eq!(Val::from("it's").repr(), "\"it's\"");
        assert_eq!(
            Val::list(vec![Val::None, Val::from("a\n")]).repr(),
            "[None, 'a\\n']"
        );
    }

    #[test]
    fn equality_is_pythons() {
        assert_eq!(Val::Int(1), Val::Bool(true));
        assert_eq!(Val::Int(1), Val::Float(1.0));
        assert_ne!(Val::from("1"), Val::Int(1));
    }
}
