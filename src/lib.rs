//! Palisade: agentless configuration management and fleet hardening.
//!
//! Read what is wanted, ask what is, decide the difference, do it, write it down. See
//! `ARCHITECTURE.md` for the floors and the invariants.

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "a test makes its own world")
)]

pub mod action;
pub mod cli;
pub mod engine;
pub mod hardening;
pub mod history;
pub mod host;
pub mod inventory;
pub mod journal;
pub mod lab;
pub mod plan;
pub mod playbook;
pub mod report;
pub mod resource;
pub mod serve;
pub mod source;
pub mod vars;
