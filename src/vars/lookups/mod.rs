//! Lookups: values from elsewhere, and the items of `with_…` loops.

use super::error::{Fail, Res};
use super::eval::Ctx;
use super::object::Args;
use super::value::Val;
use crate::source::Node;

pub(in crate::vars) fn lookup(_ctx: &mut Ctx<'_>, _args: Args) -> Res<Val> {
    Err(Fail::error("lookups are not ready"))
}
pub(in crate::vars) fn query(_ctx: &mut Ctx<'_>, _args: Args) -> Res<Val> {
    Err(Fail::error("lookups are not ready"))
}
pub(in crate::vars) fn with(_ctx: &mut Ctx<'_>, _name: &str, _terms: &Node) -> Res<Vec<Val>> {
    Err(Fail::error("lookups are not ready"))
}
