//! Text with places: what was written, and where.
//!
//! Everything a person writes (playbooks, roles, inventories, vars files, vaults) is read here and
//! nowhere else. The product is a [`Node`]: a value together with the [`Span`] it stands at, so that
//! whatever goes wrong later can name file, line and column. A [`Diagnostic`] is the only shape an
//! error of the user's takes.

pub mod age;
pub mod code;
pub mod diagnostic;
pub mod emit;
pub mod escape;
pub mod files;
pub mod node;
mod place;
pub mod pyre;
pub mod render;
mod scalar;
pub mod secret;
pub mod suggest;
mod syntax;
mod tag;
mod tree;
pub mod values;
pub mod vault;
pub mod words;
pub mod yaml;

pub use code::Code;
pub use diagnostic::{Diagnostic, Severity};
pub use files::Files;
pub use node::{File, Kind, Node, Span};
pub use secret::{Mask, Secret};
/// Plain data: what a template yields, what a host reports, what an action is given.
pub use serde_yaml::{Mapping, Number, Value};
