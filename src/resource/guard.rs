//! The dead man's switch: a change that may cut access puts itself back unless it is confirmed.
//!
//! [`arm`] keeps a copy of everything by which people come in, and sets a timer (and a boot hook) that
//! puts it back. [`confirm`], run over a new connection, ends that by one rename. All of it is plain sh
//! on the host: the way back needs no network, no controller and no program of ours.

use super::script::quote;
use super::{Change, Resource, access};

const ARM: &str = include_str!("guard/arm.sh");
const REVERT: &str = include_str!("guard/revert.sh");
const CONFIRM: &str = include_str!("guard/confirm.sh");
const REVERT_NOW: &str = include_str!("guard/revert_now.sh");

/// What a guard is made of.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Its name on the host: letters and digits.
    pub id: String,
    /// What only the run that armed it knows.
    pub nonce: String,
    /// After so many seconds without a confirmation everything is put back.
    pub seconds: u64,
    /// Who logged in.
    pub login: String,
}

/// How a guard stands, in the host's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Armed,
    /// The SSH server has not read what was written for it yet.
    Again,
    Committed,
    Reverting,
    Reverted,
}

impl Stage {
    pub fn of(said: &str) -> Option<Stage> {
        match said.trim() {
            "armed" => Some(Stage::Armed),
            "again" => Some(Stage::Again),
            "committed" => Some(Stage::Committed),
            "reverting" => Some(Stage::Reverting),
            "reverted" => Some(Stage::Reverted),
            _ => None,
        }
    }
}

/// A script for [`super::launch::SCRIPT`]: nothing of it happens until all of it has arrived.
fn script(text: &str) -> String {
    format!("{{\n{text}\n}} </dev/null\n")
}

/// Keeps what is there and sets the timer. `changes` name further files that are to be kept.
pub fn arm(guard: &Guard, changes: &[&Change]) -> String {
    let mut more: Vec<String> = changes.iter().filter_map(|c| path(c)).collect();
    more.sort();
    more.dedup();
    let text = ARM
        .replace("@ID@", &quote(&guard.id))
        .replace("@NONCE@", &quote(&guard.nonce))
        .replace("@SECONDS@", &guard.seconds.to_string())
        .replace("@LOGIN@", &quote(&guard.login))
        .replace("@PATHS@", &access::PATHS.join("\n"))
        .replace("@MORE@", &more.join("\n"))
        .replace("@REVERT@", REVERT.trim_end());
    script(&text)
}

/// Commits it, or only looks; answers a [`Stage`].
pub fn confirm(guard: &Guard, commit: bool) -> String {
    let text = CONFIRM
        .replace("@ID@", &quote(&guard.id))
        .replace("@NONCE@", &quote(&guard.nonce))
        .replace("@COMMIT@", if commit { "1" } else { "0" });
    script(&text)
}

/// Puts back at once: for a shell that is open.
pub fn revert(guard: &Guard) -> String {
    REVERT_NOW.replace("@ID@", &quote(&guard.id))
}

/// The file that a change is about, where it is one by an absolute path of one line.
fn path(change: &Change) -> Option<String> {
    match &change.on {
        Resource::File(path) | Resource::Target(path) => {
            let path = path.as_str();
            (path.starts_with('/') && !path.contains('\n')).then(|| path.to_owned())
        }
        _ => None,
    }
}
