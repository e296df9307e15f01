//! Contents of a plan, and what in it nobody may read: written, sealed with a vault's password, opened.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use serde_json::{Value as Json, json};

use super::gather::Draft;
use crate::journal::ahead::{Held, Inside, Saved, Step, Unknown};
use crate::resource::{Content, Digest};
use crate::source::vault::{self, Keyring};
use crate::source::{Code, Diagnostic, Secret};

/// Contents that travel with a plan take no more room than this together: a plan is held in memory.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// What becomes of secrets where no password is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    Refuse,
    LeaveOut,
}

/// Fills a plan with steps; what is secret in them is sealed.
pub(super) fn fill(
    saved: &mut Saved,
    drafts: Vec<Draft>,
    keyring: &Keyring,
    secrets: Secrets,
) -> Result<(), Diagnostic> {
    let mut room = MOST_BYTES;
    let mut refused: Vec<String> = Vec::new();
    for Draft {
        mut step,
        secret,
        contents,
    } in drafts
    {
        let mut held = BTreeMap::new();
        for content in &contents {
            let digest = content.digest.to_string();
            let known = !secret && saved.contents.contains_key(&digest);
            if !known {
                held.insert(digest, hold(content, &step, &mut room)?);
            }
        }
        match (secret, keyring.first(), secrets) {
            (false, ..) => saved.contents.extend(held),
            (true, Some((id, password)), _) => seal(&mut step, held, id, password),
            (true, None, Secrets::Refuse) => {
                if !refused.contains(&step.address) {
                    refused.push(step.address);
                }
                continue;
            }
            (true, None, Secrets::LeaveOut) => {
                saved.unknown.push(left_out(step));
                continue;
            }
        }
        saved.steps.push(step);
    }
    match refused.first() {
        None => Ok(()),
        Some(first) => {
            let more = match refused.len() {
                1 => String::new(),
                n => format!(" (and {} more tasks)", n - 1),
            };
            let text = format!("`{first}` holds a secret{more}, and a plan keeps no secret clear");
            Err(Diagnostic::bare(text).code(Code::PlanSecret).hint(
                "give a password to seal it with: --vault-password-file FILE or --ask-vault-pass; \
                 or leave such tasks out of the plan: --leave-out-secrets",
            ))
        }
    }
}

fn left_out(step: Step) -> Unknown {
    Unknown {
        hosts: step.hosts,
        address: step.address,
        task: step.task,
        action: step.action,
        place: step.place,
        why: "it holds a secret, and was left out (--leave-out-secrets)".into(),
    }
}

fn hold(content: &Content, step: &Step, room: &mut u64) -> Result<Held, Diagnostic> {
    let Some(bytes) = &content.bytes else {
        let path = content.source.clone().unwrap_or_default();
        let path = std::path::absolute(&path).unwrap_or(path);
        return Ok(Held::File {
            file: path.display().to_string(),
            size: content.size,
        });
    };
    *room = room.checked_sub(content.size).ok_or_else(|| {
        let text = format!(
            "the contents of this plan are more than {} MiB together: `{}` has no room",
            MOST_BYTES >> 20,
            step.address
        );
        Diagnostic::bare(text).hint("plan for fewer hosts at a time (--limit)")
    })?;
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => Held::Text { text: text.into() },
        Err(_) => Held::Bytes {
            base64: base64::engine::general_purpose::STANDARD.encode(bytes),
        },
    })
}

fn seal(step: &mut Step, contents: BTreeMap<String, Held>, id: &str, password: &Secret) {
    let inside = Inside {
        change: step.change.take(),
        run: step.run.take(),
        environment: std::mem::take(&mut step.environment),
        contents,
    };
    let text = serde_json::to_string(&inside).unwrap_or_default();
    let mut salt = [0; 32];
    // The kernel's generator does not fail once it is seeded.
    let _ = rustix::rand::getrandom(&mut salt, rustix::rand::GetRandomFlags::empty());
    let id = Some(id).filter(|id| *id != vault::DEFAULT_ID);
    step.sealed = Some(vault::encrypt(text.as_bytes(), password, id, &salt));
}

/// Opens a step that is sealed.
pub(super) fn open(step: &Step, keyring: &Keyring) -> Result<Option<Inside>, Diagnostic> {
    let Some(sealed) = &step.sealed else {
        return Ok(None);
    };
    let wrong = |why: String| {
        Diagnostic::bare(format!("`{}` of the plan is sealed: {why}", step.address))
            .code(Code::PlanSealed)
            .hint(
                "give the password that the plan was made with: --vault-password-file FILE or \
             --ask-vault-pass",
            )
    };
    let text = keyring.decrypt(sealed).map_err(|e| wrong(e.to_string()))?;
    let inside = serde_json::from_str(&text);
    inside
        .map(Some)
        .map_err(|_| wrong("what is in it is damaged".into()))
}

/// The contents that a change or a run names, as its action takes them.
pub(super) fn contents(
    of: &Json,
    all: &BTreeMap<String, Held>,
    address: &str,
) -> Result<Json, Diagnostic> {
    let mut digests = BTreeSet::new();
    named(of, &mut digests);
    let mut out = serde_json::Map::new();
    for digest in digests {
        // What stays as it is is named and not brought.
        let Some(held) = all.get(digest) else {
            continue;
        };
        let wrong = || {
            let text = format!("a content of `{address}` in the plan is not what it says");
            Diagnostic::bare(text)
        };
        let encode = |bytes: &[u8]| {
            let whole = Digest::of(bytes).to_string() == digest;
            let base64 = base64::engine::general_purpose::STANDARD.encode(bytes);
            whole.then(|| json!({ "base64": base64 })).ok_or_else(wrong)
        };
        let value = match held {
            Held::Text { text } => encode(text.as_bytes())?,
            Held::Bytes { base64 } => {
                let bytes = base64::engine::general_purpose::STANDARD.decode(base64);
                encode(&bytes.map_err(|_| wrong())?)?
            }
            Held::File { file, size } => json!({ "file": file, "size": size }),
        };
        out.insert(digest.to_owned(), value);
    }
    Ok(Json::Object(out))
}

/// The digests that stand in a value.
fn named<'a>(value: &'a Json, out: &mut BTreeSet<&'a str>) {
    match value {
        Json::Object(map) => {
            for (key, value) in map {
                match value.as_str() {
                    Some(text) if key == "sha256" => {
                        out.insert(text);
                    }
                    _ => named(value, out),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|i| named(i, out)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(secret: bool) -> Draft {
        let content = Content::new(b"hunter2\n".to_vec());
        let digest = content.digest.to_string();
        Draft {
            step: Step {
                address: "p/t".into(),
                change: Some(json!({ "after": { "file": { "sha256": digest } } })),
                ..Step::default()
            },
            secret,
            contents: vec![content],
        }
    }

    fn ring() -> Keyring {
        let mut ring = Keyring::default();
        ring.add("default", Secret::new("w"));
        ring
    }

    #[test]
    fn secrets_are_sealed_refused_or_left_out() {
        let mut saved = Saved::default();
        fill(&mut saved, vec![draft(true)], &ring(), Secrets::Refuse).unwrap();
        let text = saved.text().0;
        assert!(!text.contains("hunter2") && saved.contents.is_empty());
        let step = &saved.steps[0];
        let inside = open(step, &ring()).unwrap().unwrap();
        let change = inside.change.unwrap();
        let brought = contents(&change, &inside.contents, "p/t").unwrap();
        assert_eq!(brought.as_object().unwrap().len(), 1);
        assert!(open(step, &Keyring::default()).is_err());

        let none = Keyring::default();
        let refused = fill(&mut saved, vec![draft(true)], &none, Secrets::Refuse);
        assert!(refused.unwrap_err().message.contains("holds a secret"));
        let mut saved = Saved::default();
        fill(&mut saved, vec![draft(true)], &none, Secrets::LeaveOut).unwrap();
        assert_eq!((saved.steps.len(), saved.unknown.len()), (0, 1));
    }

    #[test]
    fn a_content_that_was_edited_is_refused() {
        let mut saved = Saved::default();
        fill(&mut saved, vec![draft(false)], &ring(), Secrets::Refuse).unwrap();
        let change = saved.steps[0].change.clone().unwrap();
        assert!(contents(&change, &saved.contents, "p/t").is_ok());
        for held in saved.contents.values_mut() {
            *held = Held::Text { text: "x".into() };
        }
        assert!(contents(&change, &saved.contents, "p/t").is_err());
    }
}
