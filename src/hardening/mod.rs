//! The hardening library: controls, profiles, waivers, and what came of an audit.
//!
//! A [`Control`] states how one thing should be, with ordinary tasks. It passes when its tasks decide
//! nothing; fixing it is applying them, so there is no second definition that could disagree. A
//! [`Profile`] maps the numbers of a benchmark to controls. A [`Selection`] of them becomes one
//! [`play`](play::build), which the engine runs like any other, in check mode for an audit.
//!
//! Nothing here connects, prints or looks at the clock.

pub mod control;
pub(crate) mod field;
pub mod library;
pub mod play;
pub mod policy;
pub mod profile;
pub mod result;
pub mod select;
pub mod waiver;

pub use control::{Control, Parameter, Severity};
pub use library::Library;
pub use policy::Policy;
pub use profile::Profile;
pub use result::{Finding, Report, Verdict};
pub use select::{Chosen, Selection};
pub use waiver::Waivers;
