//! The history of runs: what a run leaves to it, and what people read of it.
//!
//! [`fold`] gathers from events, [`audit`] from an audit's report. Everything else is a function of
//! what was read from the history: one file a form.

pub mod audit;
pub mod csv;
pub mod fixed;
pub mod fold;
pub mod html;
pub mod json;
pub mod view;

use std::collections::BTreeMap;

use crate::history::{Difference, Stand, Task};

pub use fold::{Keeper, Slot};

/// What came of a run, without who ran it and when.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    pub tasks: Vec<Task>,
    pub hosts: Vec<Stand>,
    pub differences: BTreeMap<String, Difference>,
}
