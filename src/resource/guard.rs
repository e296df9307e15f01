//! The dead man's switch: a change that may cut access puts itself back unless it is confirmed.
//!
//! [`arm`] keeps a copy of everything by which people come in, and sets a timer (and a boot hook) that
//! puts it back. [`confirm`], run over a new connection, ends that by one rename. All of it is plain sh
//! on the host: the way back needs no network, no controller and no program of ours.

mod staged;

use super::script::quote;
use super::{Change, Resource, access};

const ARM: &str = include_str!("guard/arm.sh");
const REVERT: &str = include_str!("guard/revert.sh");
const CONFIRM: &str = include_str!("guard/confirm.sh");
const PREFLIGHT: &str = include_str!("guard/preflight.sh");
const HOOK: &str = include_str!("guard/hook.sh");
const UNHOOK: &str = include_str!("guard/unhook.sh");
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

/// How the login came in that arms a guard, and so will the next one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry<'a> {
    /// `publickey`, `password`, `keyboard-interactive`; empty where nobody knows.
    pub how: &'a str,
    /// The algorithm of its key and the key in base64; nothing for a certificate.
    pub key: Option<(&'a str, &'a str)>,
}

/// What a host says of a guard that is to be armed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Armed,
    /// The change of this number would keep people out, for this reason. Nothing was changed.
    Refused(usize, String),
    Other(String),
}

impl Answer {
    pub fn of(said: &str) -> Answer {
        let said = said.trim();
        if said.starts_with("armed ") {
            return Answer::Armed;
        }
        let refused = said.strip_prefix("refused ").and_then(|rest| {
            let (number, why) = rest.split_once(' ')?;
            Some(Answer::Refused(number.parse().ok()?, why.to_owned()))
        });
        refused.unwrap_or_else(|| Answer::Other(said.to_owned()))
    }
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
        match said.lines().next().unwrap_or_default().trim() {
            "armed" => Some(Stage::Armed),
            "again" => Some(Stage::Again),
            "committed" => Some(Stage::Committed),
            "reverting" => Some(Stage::Reverting),
            "reverted" => Some(Stage::Reverted),
            _ => None,
        }
    }
}

/// What a host says of a guard that another run has left on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    pub id: String,
    /// Its directory.
    pub place: String,
    /// It has put the host back, and nobody was told; otherwise it has not ended.
    pub reverted: bool,
}

/// Of so many is told: what is beyond says nothing new.
const MOST_TOLD: usize = 8;

/// Reads `ID:armed ID:reverted`, as the prelude says it.
pub(super) fn leftovers(text: &str, root: bool, home: &str) -> Vec<Leftover> {
    let base = match root {
        true => "/var/lib/palisade".to_owned(),
        false => format!("{home}/.local/state/palisade"),
    };
    let one = |word: &str| {
        let (id, stage) = word.split_once(':')?;
        let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
        let reverted = Stage::of(stage).filter(|_| plain)? == Stage::Reverted;
        Some(Leftover {
            id: id.to_owned(),
            place: format!("{base}/guard/{id}"),
            reverted,
        })
    };
    let all = text.split_whitespace().filter_map(one);
    all.take(MOST_TOLD).collect()
}

/// A script for [`super::launch::SCRIPT`]: nothing of it happens until all of it has arrived.
fn script(text: &str) -> String {
    format!("{{\n{text}\n}} </dev/null\n")
}

/// Keeps what is there, asks whoever reads the files of `changes` whether the login would still come in,
/// and sets the timer. Answers an [`Answer`].
pub fn arm(guard: &Guard, changes: &[&Change], entry: Entry<'_>) -> String {
    let staged = staged::staged(changes);
    let (algorithm, key) = entry.key.unwrap_or_default();
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
        .replace("@HOOK@", HOOK.trim_end())
        .replace("@PREFLIGHT@", PREFLIGHT.trim_end())
        .replace("@STEPS@", staged.steps.trim_end())
        .replace("@SUBJECTS@", &staged.subjects)
        .replace("@HOW@", &quote(entry.how))
        .replace("@KEYTYPE@", &quote(algorithm))
        .replace("@KEY@", &quote(key))
        .replace("@REVERT@", REVERT.trim_end())
        .replace("@UNHOOK@", UNHOOK.trim_end())
        .replace("@STAGED@", staged.text.trim_end());
    script(&text)
}

/// Commits it, or only looks; answers a [`Stage`].
pub fn confirm(guard: &Guard, commit: bool) -> String {
    confirmation(guard, if commit { "commit" } else { "look" })
}

/// As [`confirm`], but for the commit itself: a login from elsewhere comes in, and more are to.
pub fn ready(guard: &Guard) -> String {
    confirmation(guard, "ready")
}

fn confirmation(guard: &Guard, what: &str) -> String {
    let text = CONFIRM
        .replace("@ID@", &quote(&guard.id))
        .replace("@NONCE@", &quote(&guard.nonce))
        .replace("@COMMIT@", what)
        .replace("@UNHOOK@", UNHOOK.trim_end());
    script(&text)
}

/// Shell text that notes in a guard's directory what works under it, and the text that ends the note:
/// what is still at it when the time runs out may write after everything was put back. What comes when the
/// time is over, because its way was long, is not begun: nobody would put it back. The note is written before
/// the look, so either the look fails or whoever puts back sees the note.
pub(super) fn note(id: &str) -> (String, &'static str) {
    let id = quote(id);
    let begin = format!(
        "if [ -n \"$pl_root\" ]; then pl_g=/var/lib; else pl_g=$HOME/.local/state; fi\n\
         pl_g=$pl_g/palisade/guard/{id}\necho $$ >\"$pl_g/at\""
    );
    let over =
        "[ ! -d \"$pl_g\" ] || [ -e \"$pl_g/armed\" ] || { rm -f -- \"$pl_g/at\"; pl_ok=0; }";
    (
        format!("{{ {begin}; }} 2>/dev/null\n{over}"),
        "rm -f -- \"$pl_g/at\"",
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_run_left_has_a_place_and_a_stage_or_is_not_told() {
        let all = leftovers(
            "ab1:armed ab2:reverted ../x:armed ab3:nonsense",
            true,
            "/root",
        );
        let told: Vec<_> = all.iter().map(|l| (l.place.as_str(), l.reverted)).collect();
        let dir = "/var/lib/palisade/guard";
        let of = |id: &str| format!("{dir}/{id}");
        assert_eq!(told, [(&*of("ab1"), false), (&*of("ab2"), true)]);
        let own = leftovers("ab1:reverting", false, "/home/ann");
        assert_eq!(own[0].place, "/home/ann/.local/state/palisade/guard/ab1");
        assert!(!own[0].reverted);
        assert_eq!(
            leftovers(&"ab:armed ".repeat(99), true, "/").len(),
            MOST_TOLD
        );
    }
}
