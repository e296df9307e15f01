//! Exit codes: one documented variant each.

use std::process::ExitCode;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All hosts are fine; for read-only verbs, nothing was found.
    Fine = 0,
    /// It could not start: a mistake in a playbook, inventory, vault or option value.
    Start = 1,
    /// At least one host failed.
    Failed = 2,
    /// `drift` found differences.
    Findings = 3,
    /// At least one host was unreachable; wins over [`Exit::Failed`].
    Unreachable = 4,
    /// The command line is wrong.
    Usage = 5,
    /// `undo` or `apply` left something alone that is not as it has to be.
    Stale = 6,
    /// More hosts would change than a limit allows, and nothing was touched; or more failed than
    /// `--max-fail` allows, or the record of the run could not be written any more, and nothing further
    /// was begun.
    Halted = 8,
    /// A change that may cut access was not confirmed, and was put back.
    Reverted = 9,
    /// Such a change was not confirmed, and nobody knows whether it was put back.
    LockedOut = 10,
    /// Stopped by Ctrl-C, called under one of Ansible's names.
    AnsibleInterrupted = 99,
    /// Stopped by Ctrl-C after an orderly end.
    Interrupted = 130,
    /// Stopped after an orderly end because the terminal was closed.
    HungUp = 129,
    /// Stopped by SIGTERM after an orderly end.
    Terminated = 143,
    /// A mistake of ours.
    Internal = 250,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
