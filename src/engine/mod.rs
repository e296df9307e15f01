//! When and on whom: carries a plan out on hosts.
//!
//! Each host runs by itself as a task of the runtime ([`runner`]): it decides as far ahead as it can,
//! and exchanges one script for one reply when it needs an answer or a verdict. Hosts meet only where
//! the playbook couples them ([`rendezvous`]). Everything that happens is an [`event::Event`].
//!
//! **The engine names no action, and builds no shell text.**

mod ahead;
mod anew;
mod asker;
mod attempt;
mod batches;
mod begin;
mod brought;
mod canary;
mod confirm;
mod context;
mod control;
mod cursor;
mod decide;
mod diff;
mod divide;
mod doing;
pub mod event;
mod failing;
mod fleet;
mod guard;
pub mod halt;
mod include;
mod intents;
mod job;
mod live;
mod local;
mod lost;
mod magic;
mod noted;
pub mod only;
mod opening;
pub mod options;
pub mod planned;
mod play;
mod prepare;
mod queue;
mod rendezvous;
mod resumed;
mod run;
mod runner;
mod sections;
mod sending;
mod session;
mod settings;
mod settle;
mod solo;
pub mod stop;
mod target;
mod under;
mod verdict;

pub use asker::{Terminal, Unattended};
pub use event::Event;
pub use options::Options;
pub use resumed::Resumed;
pub use run::{Job, Summary, run};
pub use stop::Stop;
