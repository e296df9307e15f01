//! Contents of a plan, and what in it nobody may read: written, sealed for recipients of age or with a vault's
//! password, opened.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use serde_json::{Value as Json, json};

use super::gather::Draft;
use crate::journal::ahead::{Held, Inside, Saved, Sealing, Step, Unknown};
use crate::resource::{Content, Digest};
use crate::source::age::{self, AgeError, Identity, Recipient};
use crate::source::vault::{self, Keyring};
use crate::source::{Code, Diagnostic, Secret};

/// Contents that travel with a plan take no more room than this together: a plan is held in memory.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// What seals.
#[derive(Clone, Copy)]
pub(super) enum Sealer<'a> {
    Nothing,
    Vault(&'a str, &'a Secret),
    Age(&'a [Recipient]),
}

impl<'a> Sealer<'a> {
    /// Recipients were named for this alone; a vault's password may be there for other things.
    pub(super) fn of(recipients: &'a [Recipient], keyring: &'a Keyring) -> Sealer<'a> {
        match (recipients, keyring.first()) {
            ([], None) => Sealer::Nothing,
            ([], Some((id, password))) => Sealer::Vault(id, password),
            (recipients, _) => Sealer::Age(recipients),
        }
    }

    fn sealing(self) -> Option<Sealing> {
        match self {
            Sealer::Nothing => None,
            Sealer::Vault(id, _) => Some(Sealing::Vault { id: id.to_owned() }),
            Sealer::Age(recipients) => Some(Sealing::Age {
                recipients: recipients.iter().map(ToString::to_string).collect(),
            }),
        }
    }

    /// Content that only whom this seals for can read.
    fn seal(self, content: &[u8]) -> Result<Option<String>, AgeError> {
        Ok(match self {
            Sealer::Nothing => None,
            Sealer::Vault(id, password) => {
                let mut salt = [0; 32];
                random(&mut salt)?;
                let id = Some(id).filter(|id| *id != vault::DEFAULT_ID);
                Some(vault::encrypt(content, password, id, &salt))
            }
            Sealer::Age(recipients) => Some(age::encrypt(content, recipients, &mut random)?),
        })
    }
}

/// Bytes of the kernel's generator. What is asked for at once here is given whole.
fn random(bytes: &mut [u8]) -> Result<(), AgeError> {
    let given = rustix::rand::getrandom(&mut *bytes, rustix::rand::GetRandomFlags::empty());
    match given {
        Ok(n) if n == bytes.len() => Ok(()),
        _ => Err(AgeError::NoRandom),
    }
}

/// What opens.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    pub keyring: &'a Keyring,
    pub identities: &'a [Identity],
}

/// What becomes of secrets where nothing seals them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    Refuse,
    LeaveOut,
}

/// Fills a plan with steps; what is secret in them is sealed.
pub(super) fn fill(
    saved: &mut Saved,
    drafts: Vec<Draft>,
    sealer: Sealer<'_>,
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
        match (secret, sealer, secrets) {
            (false, ..) => saved.contents.extend(held),
            (true, Sealer::Nothing, Secrets::Refuse) => {
                if !refused.contains(&step.address) {
                    refused.push(step.address);
                }
                continue;
            }
            (true, Sealer::Nothing, Secrets::LeaveOut) => {
                saved.unknown.push(left_out(step));
                continue;
            }
            (true, ..) => {
                seal(&mut step, held, sealer)?;
                saved.sealing = sealer.sealing();
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
                "seal it for a public key of age or SSH (--recipient KEY) or with a vault password \
                 (--vault-password-file FILE, --ask-vault-pass); or leave such tasks out of the plan: \
                 --leave-out-secrets",
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

fn seal(
    step: &mut Step,
    contents: BTreeMap<String, Held>,
    sealer: Sealer<'_>,
) -> Result<(), Diagnostic> {
    let inside = Inside {
        change: step.change.take(),
        run: step.run.take(),
        environment: std::mem::take(&mut step.environment),
        contents,
    };
    let text = zeroize::Zeroizing::new(serde_json::to_string(&inside).unwrap_or_default());
    step.sealed = sealer.seal(text.as_bytes()).map_err(|error| {
        Diagnostic::bare(format!(
            "`{}` of the plan cannot be sealed: {error}",
            step.address
        ))
    })?;
    Ok(())
}

/// Opens a step that is sealed.
pub(super) fn open(
    step: &Step,
    sealing: Option<&Sealing>,
    keys: Keys<'_>,
) -> Result<Option<Inside>, Diagnostic> {
    let Some(sealed) = &step.sealed else {
        return Ok(None);
    };
    let said = |why: &str| format!("`{}` of the plan is sealed{why}", step.address);
    let damaged = || wrong(said(": what is in it is damaged"));
    let text = match age::is_age(sealed) {
        true => {
            let opened = age::decrypt(sealed, keys.identities);
            let bytes = opened.map_err(|e| with_age(&said(&whom(sealing)), &e, keys.identities))?;
            let text = std::str::from_utf8(&bytes).map_err(|_| damaged())?;
            zeroize::Zeroizing::new(text.to_owned())
        }
        false => keys.keyring.decrypt(sealed).map_err(|e| {
            wrong(said(&format!(": {e}"))).hint(
                "give the password that the plan was made with: --vault-password-file FILE or \
                 --ask-vault-pass",
            )
        })?,
    };
    serde_json::from_str(&text).map(Some).map_err(|_| damaged())
}

fn wrong(text: String) -> Diagnostic {
    Diagnostic::bare(text).code(Code::PlanSealed)
}

/// Whom a plan's secrets are for, as far as it says so.
fn whom(sealing: Option<&Sealing>) -> String {
    match sealing {
        Some(Sealing::Age { recipients }) => format!(" for {}", recipients.join(", ")),
        _ => String::new(),
    }
}

fn with_age(said: &str, error: &AgeError, given: &[Identity]) -> Diagnostic {
    let mine: Vec<String> = given.iter().map(|i| i.recipient().to_string()).collect();
    let hint = "give a secret key that fits: --identity FILE, or PALISADE_IDENTITY";
    match error {
        AgeError::Identity => {
            let text = format!("{said}, and no identity fits; given: {}", mine.join(", "));
            wrong(text).hint(hint)
        }
        AgeError::NoIdentity => wrong(format!("{said}, and {error}")).hint(hint),
        _ => wrong(format!("{said}: {error}")),
    }
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

    fn identity(n: u8) -> Identity {
        Identity::of_ssh(&[n; 32], &[n; 32])
    }

    fn keys<'a>(keyring: &'a Keyring, identities: &'a [Identity]) -> Keys<'a> {
        Keys {
            keyring,
            identities,
        }
    }

    /// Nothing of it is clear, and these keys open it.
    fn opens(saved: &Saved, keys: Keys<'_>) {
        let text = saved.text().0;
        assert!(!text.contains("hunter2") && saved.contents.is_empty());
        let inside = open(&saved.steps[0], saved.sealing.as_ref(), keys);
        let inside = inside.unwrap().unwrap();
        let change = inside.change.unwrap();
        let brought = contents(&change, &inside.contents, "p/t").unwrap();
        assert_eq!(brought.as_object().unwrap().len(), 1);
    }

    fn ring() -> Keyring {
        let mut ring = Keyring::default();
        ring.add("default", Secret::new("w"));
        ring
    }

    #[test]
    fn secrets_are_sealed_refused_or_left_out() {
        let mut saved = Saved::default();
        let (ring, none) = (ring(), Keyring::default());
        let vault = Sealer::of(&[], &ring);
        fill(&mut saved, vec![draft(true)], vault, Secrets::Refuse).unwrap();
        opens(&saved, keys(&ring, &[]));
        assert!(open(&saved.steps[0], None, keys(&none, &[])).is_err());
        let id = "default".to_owned();
        assert_eq!(saved.sealing, Some(Sealing::Vault { id }));

        let nothing = Sealer::of(&[], &none);
        let refused = fill(&mut saved, vec![draft(true)], nothing, Secrets::Refuse);
        let refused = refused.unwrap_err();
        assert!(refused.message.contains("holds a secret"));
        assert!(refused.hints[0].contains("--recipient"));
        let mut saved = Saved::default();
        fill(&mut saved, vec![draft(true)], nothing, Secrets::LeaveOut).unwrap();
        assert_eq!((saved.steps.len(), saved.unknown.len()), (0, 1));
    }

    #[test]
    fn recipients_come_before_a_vault_password_and_open_it_alone() {
        let mut saved = Saved::default();
        let (ring, none) = (ring(), Keyring::default());
        let all = [1, 2].map(|n| identity(n).recipient().clone());
        let sealer = Sealer::of(&all, &ring);
        fill(&mut saved, vec![draft(true)], sealer, Secrets::Refuse).unwrap();
        opens(&saved, keys(&none, &[identity(2)]));
        let sealing = saved.sealing.as_ref();
        let refused = |keys: Keys<'_>| open(&saved.steps[0], sealing, keys).unwrap_err();
        let said = refused(keys(&ring, &[]));
        assert!(said.message.contains("no identity was given"), "{said:?}");
        assert!(said.message.contains(&all[1].to_string()), "{said:?}");
        let said = refused(keys(&ring, &[identity(3)]));
        let given = identity(3).recipient().to_string();
        assert!(said.message.contains(&given), "{said:?}");
        assert!(said.hints[0].contains("--identity"), "{said:?}");
    }

    #[test]
    fn nothing_says_for_whom_where_nothing_is_sealed() {
        let mut saved = Saved::default();
        let all = [identity(1).recipient().clone()];
        let none = Keyring::default();
        let sealer = Sealer::of(&all, &none);
        fill(&mut saved, vec![draft(false)], sealer, Secrets::Refuse).unwrap();
        assert_eq!(saved.sealing, None);
    }

    #[test]
    fn a_content_that_was_edited_is_refused() {
        let mut saved = Saved::default();
        let nothing = Sealer::Nothing;
        fill(&mut saved, vec![draft(false)], nothing, Secrets::Refuse).unwrap();
        let change = saved.steps[0].change.clone().unwrap();
        assert!(contents(&change, &saved.contents, "p/t").is_ok());
        for held in saved.contents.values_mut() {
            *held = Held::Text { text: "x".into() };
        }
        assert!(contents(&change, &saved.contents, "p/t").is_err());
    }
}
