//! What a wave of changes would leave, as shell text that lays it over a copy before anything is changed.

use std::fmt::Write as _;

use super::super::file::Node;
use super::super::script::quote;
use super::super::{Change, Resource, State, nft};

/// Contents beyond this are not looked at before they are made: no file by which people come in is so large.
const MOST: usize = 64 * 1024;

/// Of all of them together so much is sent.
const MOST_TOGETHER: usize = 512 * 1024;

/// Who reads a file, and can be asked about it beforehand.
fn subject(path: &str) -> &'static str {
    let within =
        |dir: &str| path == dir || path.strip_prefix(dir).is_some_and(|r| r.starts_with('/'));
    match () {
        () if within("/etc/ssh") => "ssh",
        () if within("/etc/sudoers") || within("/etc/sudoers.d") => "sudo",
        () if within("/etc/nftables.conf") || within("/etc/nftables.d") => "nft",
        // The keys that a login may come in with.
        () if path.contains("/.ssh/") || path.ends_with("/.ssh") => "ssh",
        () => "",
    }
}

/// The steps of a wave on a copy.
#[derive(Default)]
pub(super) struct Staged {
    /// A function each.
    pub text: String,
    /// Their numbers, those of the changes.
    pub steps: String,
    /// Who is to be asked.
    pub subjects: String,
}

pub(super) fn staged(changes: &[&Change]) -> Staged {
    let mut out = Staged::default();
    let mut asked: Vec<&str> = Vec::new();
    let mut unknown: Vec<&str> = Vec::new();
    for (n, change) in changes.iter().enumerate() {
        let (who, step) = match &change.on {
            Resource::File(path) | Resource::Target(path) => {
                (subject(path.as_str()), laid(path.as_str(), &change.after))
            }
            Resource::Table(table) => ("nft", rules(table, &change.after)),
            _ => continue,
        };
        let step = step.filter(|s| out.text.len() + s.len() <= MOST_TOGETHER);
        match step {
            _ if who.is_empty() => continue,
            // Without one of its files nobody can say how it would be.
            None => unknown.push(who),
            Some(step) => {
                let _ = writeln!(out.text, "step_{n}() {{\n{step}\n}}");
                let _ = write!(out.steps, "{n} ");
            }
        }
        if !asked.contains(&who) {
            asked.push(who);
        }
    }
    asked.retain(|who| !unknown.contains(who));
    out.subjects = asked.join(" ");
    if asked.is_empty() {
        return Staged::default();
    }
    out
}

/// A file as it would be.
fn laid(path: &str, after: &State) -> Option<String> {
    let path = quote(path);
    let file = match after {
        State::Absent => return Some(format!("away {path}")),
        State::File(file) => file,
        _ => return None,
    };
    let about = format!(
        "{:o} {} {}",
        file.mode,
        quote(&file.owner.word()),
        quote(&file.group.word())
    );
    match &file.node {
        Node::Dir => Some(format!("mkdir -p \"$stage\"{path}")),
        Node::File(None) => Some(format!("about {path} {about}")),
        Node::File(Some(content)) => {
            let bytes = content.bytes.as_deref().filter(|b| b.len() <= MOST)?;
            let text = std::str::from_utf8(bytes)
                .ok()
                .filter(|t| !t.contains('\0'))?;
            Some(format!("into {path} {about} {}", quote(text)))
        }
        Node::Link { .. } | Node::Other(_) => None,
    }
}

fn rules(table: &str, after: &State) -> Option<String> {
    let text = match after {
        State::Text(text) => text.as_str(),
        State::Absent => "",
        _ => return None,
    };
    let all = quote(&nft::transaction(table, text));
    Some(format!("rules=\"$rules\n\"{all}")).filter(|s| s.len() <= MOST)
}
