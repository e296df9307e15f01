//! Variables and templates: the only home of the template engine.
//!
//! minijinja gives the grammar ([`parse`]); evaluation is our own, because Ansible's differs in what
//! matters most: undefined values that chain and are errors only where they are used, native types,
//! variables rendered lazily where they are looked at, Python's operators and methods, and places.
//!
//! Trust follows origin. A variable is either something that was written ([`Var::Template`]: rendered
//! lazily, at each use, in the context of that use) or data ([`Var::Data`]: from a host, a command, a
//! lookup; never rendered). A rendered result is data. So nothing has to be tracked through filters.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::source::{Code, Diagnostic, Node, Value};

/// A variable.
#[derive(Clone)]
pub enum Var {
    /// It was written in the project's own files.
    Template(Node),
    /// It is data and stays what it is, braces and all.
    Data(Datum),
    /// The result of a task whose outcome is not known yet: asking for it asks the engine to wait.
    Pending,
    /// The result of a task that this run does not carry out: whatever depends on it is not known.
    Unknown,
}

/// Data in the form templates use, converted once however often it is looked at.
#[derive(Clone, Debug)]
pub struct Datum(pub(in crate::vars) value::Val);

impl Var {
    pub fn data(value: &Value) -> Var {
        Var::Data(Datum(convert::to_template(value)))
    }

    /// A mapping of variables that are data; the values are shared, not copied.
    pub fn mapping<'a>(pairs: impl Iterator<Item = (&'a str, &'a Var)>) -> Var {
        let pairs = pairs.filter_map(|(name, var)| match var {
            Var::Data(datum) => Some((value::Val::from(name), datum.0.clone())),
            Var::Template(_) | Var::Pending | Var::Unknown => None,
        });
        let pairs = value::Items::Frozen(std::sync::Arc::new(pairs.collect()));
        Var::Data(Datum(value::Val::Dict(pairs)))
    }
}

impl fmt::Debug for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Var::Template(node) => write!(f, "Template({node:?})"),
            Var::Data(datum) => write!(f, "Data({:?})", datum.0),
            Var::Pending => f.write_str("Pending"),
            Var::Unknown => f.write_str("Unknown"),
        }
    }
}

/// Variables of one origin and one precedence.
pub type Vars = BTreeMap<String, Var>;

/// Variables of one origin, shared by every task that sees them.
pub type Layer = Arc<Vars>;

/// The folders a task finds its files in, nearest first: the role's, the including file's, the playbook's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPath {
    pub bases: Vec<PathBuf>,
}

/// All hosts of the inventory, for `hostvars[name]`.
pub trait Hosts: Send + Sync {
    fn names(&self) -> Vec<String>;
    /// The variables of a host outside any task, or `None` if there is no such host.
    fn scope(&self, host: &str) -> Option<Arc<Scope>>;
}

/// What templates may ask of the world outside: given by the caller, so that rendering itself stays
/// a function. Each answers with text or with the reason it cannot.
pub trait Outside: Send + Sync {
    /// An environment variable of the controller's.
    fn env(&self, name: &str) -> Option<String>;
    /// The output of a controller command (`lookup('pipe', …)`).
    fn pipe(&self, command: &str) -> Result<String, String>;
    /// The body of a URL (`lookup('url', …)`).
    fn url(&self, url: &str) -> Result<String, String>;
    /// Seconds since 1970.
    fn now(&self) -> f64;
    /// Fresh random bytes.
    fn random(&self, length: usize) -> Vec<u8>;
    /// Reads and creates password files (`lookup('password', …)`): existing content, or what `make` says, kept.
    fn keep(
        &self,
        path: &std::path::Path,
        make: &mut dyn FnMut() -> String,
    ) -> Result<String, String>;
}

/// Why something could not be rendered.
#[derive(Clone, Debug)]
pub enum TemplateError {
    /// A name is not defined here.
    Undefined {
        name: String,
        diagnostic: Box<Diagnostic>,
    },
    /// It needs the result of a task that has not ended.
    Pending,
    /// It needs a result that this run does not bring: the name of its variable.
    Unknown(String),
    /// Anything else: syntax, types, a filter's refusal.
    Other(Box<Diagnostic>),
}

impl TemplateError {
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            TemplateError::Undefined { diagnostic, .. } | TemplateError::Other(diagnostic) => {
                (**diagnostic).clone()
            }
            TemplateError::Pending => Diagnostic::bare("a result that is not known yet is needed"),
            TemplateError::Unknown(name) => Diagnostic::bare(format!(
                "depends on `{name}`, and what registers it was not run"
            ))
            .code(Code::NotRun)
            .hint("with `check_mode: false`, a task that only reads runs here too"),
        }
    }
}

mod call;
mod check;
mod context;
mod convert;
mod engine;
mod error;
mod eval;
mod filters;
mod format;
mod globals;
mod lookups;
mod macros;
mod methods;
mod object;
mod ops;
mod parse;
mod place;
mod project;
mod repr;
mod run;
mod scope;
mod string;
mod templar;
mod tests;
mod tree;
#[cfg(test)]
mod untrusted;
mod value;

pub use parse::RenderOptions;
pub use scope::Scope;
pub use templar::{Templar, TemplarOptions};
