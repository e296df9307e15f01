//! A plan that is kept: the journal of a run that has not happened.
//!
//! One JSON object in a file of its owner's. The version of the format stands first, and a reader refuses
//! any other; the last member is the digest of all the rest in its canonical form, so that what was torn
//! or edited is told from what was written. Contents are beside the steps, by their digests.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::evidence::canonical::canonical;
use crate::resource::Digest;

/// The version of the format.
pub const VERSION: u64 = 1;

/// A larger file is no plan's: reading it would take more memory than making it did.
pub const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// The member that names the format and its version.
const HEAD: &str = "palisade_plan";

/// A plan as it is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Saved {
    #[serde(rename = "palisade_plan")]
    pub version: u64,
    /// The program that made it.
    pub palisade: String,
    /// When, in UTC.
    pub made: String,
    /// How the run was called that it foretells.
    pub about: Value,
    pub plays: Vec<PlayOf>,
    pub hosts: Vec<HostOf>,
    /// In an order in which each host has its own.
    pub steps: Vec<Step>,
    /// What is not known before it runs, or cannot be kept, and so is not in the plan.
    pub unknown: Vec<Unknown>,
    pub contents: BTreeMap<String, Held>,
    /// Whom what is sealed in it is for, where anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing: Option<Sealing>,
}

/// How secrets are sealed, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "lowercase")]
pub enum Sealing {
    /// Ansible's vault format, under the password with this vault id.
    Vault { id: String },
    /// The age format, for these public keys.
    Age { recipients: Vec<String> },
}

/// What a play says of all its hosts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlayOf {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fail_percentage: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any_errors_fatal: Option<Value>,
}

/// A host, and whether there is a plan for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostOf {
    pub name: String,
    pub state: Standing,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    Planned,
    /// A task failed while planning: nothing is done on it.
    Failed,
    Unreachable,
}

/// Something that is done on some hosts alike.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub hosts: Vec<String>,
    /// The place of its play in the list.
    pub play: usize,
    /// `play/role/task#item`
    pub address: String,
    pub task: String,
    pub action: String,
    /// Where the task is written.
    pub place: String,
    /// What it is about, and what becomes of it, in words.
    pub on: String,
    pub says: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handler: bool,
    /// It may cut access.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cuts: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<bool>,
    /// Something opaque comes before it: if that changes what it is about, it is left alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubtful: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    #[serde(rename = "become", default, skip_serializing_if = "Option::is_none")]
    pub r#as: Option<As>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub environment: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_errors: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed_when: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_when: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// One of these: what is changed from what to what, what is run, or either sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
}

/// How a host is reached, as far as somebody said so.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct By {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub connection: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct As {
    pub method: String,
    pub user: String,
}

/// What is sealed in a step.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Inside {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Value>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub environment: Map<String, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contents: BTreeMap<String, Held>,
}

/// A task of which a plan cannot say what it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    pub hosts: Vec<String>,
    pub address: String,
    pub task: String,
    pub action: String,
    pub place: String,
    pub why: String,
}

/// The bytes of a content, or where on the controller they are found again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Held {
    Text { text: String },
    Bytes { base64: String },
    File { file: String, size: u64 },
}

/// Why a file cannot be read as a plan.
#[derive(Debug)]
pub enum Unreadable {
    Io(PathBuf, std::io::Error),
    TooLarge(PathBuf),
    NoPlan(PathBuf),
    /// Torn off, or edited.
    Damaged(PathBuf, String),
    Version(PathBuf, u64),
}

impl Unreadable {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Unreadable::Damaged(..) => {
                Some("bring it anew from where it was made, or plan again; plans are not edited")
            }
            Unreadable::Version(..) => Some("plan again with this palisade"),
            Unreadable::NoPlan(_) => Some("`palisade plan site.yml --out FILE` makes one"),
            Unreadable::Io(..) | Unreadable::TooLarge(_) => None,
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Io(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Unreadable::TooLarge(path) => write!(f, "{} is too large for a plan", path.display()),
            Unreadable::NoPlan(path) => write!(f, "{} is no saved plan", path.display()),
            Unreadable::Damaged(path, how) => {
                write!(
                    f,
                    "the plan {} is not as it was written: {how}",
                    path.display()
                )
            }
            Unreadable::Version(path, version) => write!(
                f,
                "the plan {} has version {version} of the format, and this palisade knows {VERSION}",
                path.display()
            ),
        }
    }
}

impl Saved {
    /// The text of the file, and the digest that the plan is known by.
    pub fn text(&self) -> (String, String) {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let sum = sum(&value);
        if let Value::Object(map) = &mut value {
            map.insert("sum".into(), Value::String(sum.clone()));
        }
        let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
        text.push('\n');
        (text, sum)
    }
}

fn sum(value: &Value) -> String {
    Digest::of(canonical(value).as_bytes()).to_string()
}

/// Reads a plan, and the digest that it is known by.
pub fn read(path: &Path) -> Result<(Saved, String), Unreadable> {
    let io = |e| Unreadable::Io(path.to_path_buf(), e);
    if path.metadata().map_err(io)?.len() > MOST_BYTES {
        return Err(Unreadable::TooLarge(path.to_path_buf()));
    }
    parse(&std::fs::read(path).map_err(io)?, path)
}

fn parse(bytes: &[u8], path: &Path) -> Result<(Saved, String), Unreadable> {
    let here = || path.to_path_buf();
    let damaged = |how: String| Unreadable::Damaged(here(), how);
    let value: Result<Value, _> = serde_json::from_slice(bytes);
    let mut value = match value {
        Ok(value) => value,
        // Its first words say whether it was to be a plan at all.
        Err(error) if begins(bytes) && error.is_eof() => {
            return Err(damaged("it ends too early".into()));
        }
        Err(error) if begins(bytes) => return Err(damaged(error.to_string())),
        Err(_) => return Err(Unreadable::NoPlan(here())),
    };
    match value.get(HEAD).and_then(Value::as_u64) {
        Some(VERSION) => {}
        Some(version) => return Err(Unreadable::Version(here(), version)),
        None => return Err(Unreadable::NoPlan(here())),
    }
    let said = value.as_object_mut().and_then(|map| map.remove("sum"));
    let is = sum(&value);
    if said.as_ref().and_then(Value::as_str) != Some(&is) {
        return Err(damaged("its sum is another".into()));
    }
    let saved: Saved = serde_json::from_value(value).map_err(|e| damaged(e.to_string()))?;
    let hosts = saved.steps.iter().map(|s| s.play);
    if hosts.max().is_some_and(|last| last >= saved.plays.len()) {
        return Err(damaged("a step is of no play".into()));
    }
    Ok((saved, is))
}

/// Whether bytes begin as a plan does, of whatever version.
pub fn begins(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).into_owned();
    head.trim_start()
        .strip_prefix('{')
        .is_some_and(|rest| rest.trim_start().starts_with(&format!("\"{HEAD}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Saved {
        Saved {
            version: VERSION,
            palisade: "0".into(),
            plays: vec![PlayOf::default()],
            steps: vec![Step {
                hosts: vec!["a".into()],
                run: Some(serde_json::json!({ "argv": ["true"] })),
                ..Step::default()
            }],
            ..Saved::default()
        }
    }

    fn said(text: &str) -> String {
        let path = Path::new("plan.json");
        parse(text.as_bytes(), path).map_or_else(|e| e.to_string(), |_| String::new())
    }

    #[test]
    fn what_is_written_is_read() {
        let (text, sum) = plan().text();
        let (back, again) = parse(text.as_bytes(), Path::new("p")).unwrap();
        assert_eq!((back.steps, again), (plan().steps, sum));
    }

    #[test]
    fn torn_edited_newer_and_other_files_are_refused() {
        let (text, _) = plan().text();
        assert!(said(&text[..text.len() / 2]).ends_with("it ends too early"));
        let edited = text.replace("\"true\"", "\"false\"");
        assert!(said(&edited).ends_with("its sum is another"));
        let newer = text.replace("\"palisade_plan\": 1", "\"palisade_plan\": 9");
        assert!(said(&newer).contains("version 9"));
        assert!(said("- hosts: all\n").ends_with("is no saved plan"));
        assert!(said("{}").ends_with("is no saved plan"));
    }
}
