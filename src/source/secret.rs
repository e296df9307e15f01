//! Secrets are a type: no `Display`, no `Serialize`, wiped when dropped, masked by value in output.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, RwLock};

use zeroize::Zeroizing;

/// A password, key or vaulted value.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(Arc::new(Zeroizing::new(text.into())))
    }

    /// The plain text. Its use is where the secret leaves us: a password prompt, a file on a host.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Values that must not be printed. Shared by whoever learns secrets and whoever prints.
#[derive(Clone, Default)]
pub struct Mask(Arc<RwLock<Vec<Zeroizing<String>>>>);

/// Shorter values are not masked by value, or a report would be full of holes; their fields are.
const SHORTEST: usize = 4;

/// What stands in a secret's place.
pub const HIDDEN: &str = "********";

impl Mask {
    /// Masks this value, and each of its lines, from now on.
    pub fn add(&self, secret: &str) {
        let Ok(mut known) = self.0.write() else {
            return;
        };
        for part in std::iter::once(secret).chain(secret.lines()) {
            let part = part.trim_end_matches(['\r', '\n']);
            if part.len() >= SHORTEST && !known.iter().any(|k| k.as_str() == part) {
                known.push(Zeroizing::new(part.to_owned()));
            }
        }
        known.sort_by_key(|k| std::cmp::Reverse(k.len()));
    }

    /// Masks this text where it stands as a whole: of a file its lines may be anybody's.
    pub fn add_whole(&self, secret: &str) {
        let part = secret.trim_end_matches(['\r', '\n']);
        if let Ok(mut known) = self.0.write()
            && part.len() >= SHORTEST
            && !known.iter().any(|k| k.as_str() == part)
        {
            known.push(Zeroizing::new(part.to_owned()));
            known.sort_by_key(|k| std::cmp::Reverse(k.len()));
        }
    }

    /// The text with every known secret hidden.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Ok(known) = self.0.read() else {
            return Cow::Borrowed(text);
        };
        let mut out = Cow::Borrowed(text);
        for secret in known.iter() {
            if out.contains(secret.as_str()) {
                out = Cow::Owned(out.replace(secret.as_str(), HIDDEN));
            }
        }
        out
    }

    pub fn is_empty(&self) -> bool {
        self.0.read().is_ok_and(|k| k.is_empty())
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}
