//! What people and machines see: reporters turn events into text.
//!
//! A reporter is a fold over [`Event`]s that writes to an output it is given. It names no resource
//! kind and no action. Everything that came from a host is escaped, every secret masked.

pub mod classic;
pub mod order;

use crate::engine::Event;

/// Turns events into output.
pub trait Reporter: Send {
    fn event(&mut self, event: &Event);
}
