//! Under which name the program was called, and what that says of exit codes.

use crate::engine::event::Recap;

use super::exit::Exit;
use super::run::Ended;

/// Whose manners are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    Palisade,
    /// Called as `ansible`, `ansible-playbook` and so on: scripts read what it says.
    Ansible,
}

/// Ansible's exit code of a wrong command line.
pub const ANSIBLE_USAGE: u8 = 2;

impl Face {
    /// A mistake in what was written. Ansible's parser errors end with 4, as unreachable hosts do.
    pub fn mistake(self) -> Exit {
        match self {
            Face::Palisade => Exit::Start,
            Face::Ansible => Exit::Unreachable,
        }
    }

    /// The exit code of a run. `findings` says whether a difference counts as found.
    pub fn exit(self, ended: &Ended, findings: bool) -> Exit {
        let summary = &ended.summary;
        let any = |f: fn(&Recap) -> bool| summary.recap.iter().any(f);
        if let Some(exit) = ended.terminated.filter(|_| summary.stopped) {
            exit
        } else if summary.unrecorded {
            // Nobody asked it to stop.
            Exit::Halted
        } else if summary.stopped && self == Face::Ansible {
            Exit::AnsibleInterrupted
        } else if summary.stopped {
            Exit::Interrupted
        } else if any(|r| r.locked_out > 0) && self == Face::Palisade {
            Exit::LockedOut
        } else if any(|r| r.reverted > 0) && self == Face::Palisade {
            Exit::Reverted
        } else if summary.unknown || any(|r| r.unreachable > 0) {
            // Where no verdict was seen, nobody knows that all is fine.
            Exit::Unreachable
        } else if any(|r| r.failed > 0) {
            Exit::Failed
        } else if !summary.mistakes.is_empty() {
            Exit::Start
        } else if findings && any(|r| r.changed + r.unknown > 0) {
            Exit::Findings
        } else {
            Exit::Fine
        }
    }
}
