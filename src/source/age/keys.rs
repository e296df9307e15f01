//! Whom a file of age is for, and who may open it: X25519 keys, and Ed25519 keys of SSH.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::montgomery::MontgomeryPoint;
use sha2::{Digest as _, Sha256, Sha512};
use zeroize::Zeroizing;

use super::{Key, bech32};

const PUBLIC: &str = "age";
const SECRET: &str = "age-secret-key-";
const SSH: &str = "ssh-ed25519";

/// Whom something is encrypted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The point that a secret is agreed on with.
    pub(super) point: [u8; 32],
    /// The key as SSH sends it, if it is one of SSH's.
    pub(super) ssh: Option<Vec<u8>>,
}

/// What opens what was encrypted for its recipient.
#[derive(Clone)]
pub struct Identity {
    pub(super) scalar: Key,
    pub(super) recipient: Recipient,
}

impl Recipient {
    /// `age1…`, or `ssh-ed25519 AAAA…` with any comment. The reason does not repeat what may be secret.
    pub fn parse(text: &str) -> Result<Recipient, Wrong> {
        let text = text.trim();
        if text.to_ascii_lowercase().starts_with(SECRET) {
            return Err(Wrong::Secret);
        }
        let mut words = text.split_whitespace();
        match (words.next(), words.next()) {
            (Some(SSH), Some(blob)) => return Recipient::of_ssh(blob).ok_or(Wrong::Damaged),
            (Some(word), Some(_)) if word.starts_with("ssh-") || word.starts_with("ecdsa-") => {
                return Err(Wrong::Kind(word.to_owned()));
            }
            (Some(word), None) if word.starts_with("age1") => {}
            _ => return Err(Wrong::NoKey),
        }
        match bech32::decode(text) {
            Some((prefix, bytes)) if prefix == PUBLIC => {
                let point = bytes.try_into().map_err(|_| Wrong::Damaged)?;
                Ok(Recipient { point, ssh: None })
            }
            Some((prefix, _)) => Err(Wrong::Kind(prefix)),
            None if text.starts_with("age1pq1") => Err(Wrong::Kind("age1pq".into())),
            None => Err(Wrong::Damaged),
        }
    }

    fn of_ssh(blob: &str) -> Option<Recipient> {
        let wire = STANDARD.decode(blob).ok()?;
        let rest = wire.strip_prefix(&wire_head()[..])?;
        let point = CompressedEdwardsY::from_slice(rest).ok()?.decompress()?;
        Some(Recipient {
            point: point.to_montgomery().to_bytes(),
            ssh: Some(wire),
        })
    }
}

/// What stands before the 32 bytes of an Ed25519 key where SSH sends it.
fn wire_head() -> Vec<u8> {
    let name = SSH.as_bytes();
    [
        &(name.len() as u32).to_be_bytes()[..],
        name,
        &32u32.to_be_bytes(),
    ]
    .concat()
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ssh {
            None => f.write_str(&bech32::encode(PUBLIC, &self.point)),
            Some(wire) => write!(f, "{SSH} {}", STANDARD.encode(wire)),
        }
    }
}

impl Identity {
    /// `AGE-SECRET-KEY-1…`
    pub fn parse(text: &str) -> Result<Identity, Wrong> {
        let text = text.trim();
        if Recipient::parse(text).is_ok() {
            return Err(Wrong::Public);
        }
        let (prefix, bytes) = match bech32::decode(text) {
            Some((prefix, bytes)) => (prefix, Zeroizing::new(bytes)),
            None if text.to_ascii_lowercase().starts_with(SECRET) => return Err(Wrong::Damaged),
            None => return Err(Wrong::NoKey),
        };
        if prefix != SECRET {
            return Err(Wrong::Kind(prefix));
        }
        let scalar: [u8; 32] = bytes[..].try_into().map_err(|_| Wrong::Damaged)?;
        let recipient = Recipient {
            point: MontgomeryPoint::mul_base_clamped(scalar).to_bytes(),
            ssh: None,
        };
        Ok(Identity {
            scalar: Zeroizing::new(scalar),
            recipient,
        })
    }

    /// An Ed25519 key of SSH: its 32 secret bytes, and its public ones.
    pub fn of_ssh(secret: &[u8; 32], public: &[u8; 32]) -> Identity {
        let digest = Zeroizing::new(<[u8; 64]>::from(Sha512::digest(secret)));
        let mut scalar = Zeroizing::new([0; 32]);
        scalar.copy_from_slice(&digest[..32]);
        let recipient = Recipient {
            point: MontgomeryPoint::mul_base_clamped(*scalar).to_bytes(),
            ssh: Some([&wire_head()[..], public].concat()),
        };
        Identity { scalar, recipient }
    }

    /// Whom it opens for.
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the identity of {}", self.recipient)
    }
}

/// The short name of an SSH key in the header of a file: it says which key to try.
pub(super) fn tag(wire: &[u8]) -> String {
    super::UNPADDED.encode(&Sha256::digest(wire)[..4])
}

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    NoKey,
    Damaged,
    /// A kind of key that is not known here.
    Kind(String),
    /// The secret half where the public one is wanted, and the other way round.
    Secret,
    Public,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::NoKey => f.write_str("it is no key of age"),
            Wrong::Damaged => f.write_str("the key is not whole"),
            Wrong::Kind(kind) => write!(f, "keys of the kind `{kind}` are not known"),
            Wrong::Secret => f.write_str("it is a secret key, and a public one is wanted"),
            Wrong::Public => f.write_str("it is a public key, and the secret one is wanted"),
        }
    }
}

/// Every identity in the text of a key file, with comments and empty lines passed over; the number of the
/// line that is none.
pub fn identities(text: &str) -> Result<Vec<Identity>, (usize, Wrong)> {
    lines(text, Identity::parse)
}

/// Every recipient in a file, one a line.
pub fn recipients(text: &str) -> Result<Vec<Recipient>, (usize, Wrong)> {
    lines(text, Recipient::parse)
}

fn lines<T>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, Wrong>,
) -> Result<Vec<T>, (usize, Wrong)> {
    let lines = (1..).zip(text.lines().map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, line)| parse(line).map_err(|wrong| (number, wrong)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `age-keygen`.
    const KEY: &str = "AGE-SECRET-KEY-1Y3N7A9QC9UCEL0V403Q4FULGHH0K7P780CKMHX2AC58GQM8FJ7ZQPJR8LD";
    const OF_KEY: &str = "age1hppca99w8dpsvpxp43sgxr4duzw542s5yqas0wn20kzscyjfsezq0sztn7";
    /// Made with `ssh-keygen -t ed25519`.
    const SSH_KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAHRZmiSu88GrK1y0aw/jJuPAA/iPh/MBtjxNH+70nn3";

    #[test]
    fn keys_are_read_and_written() {
        let identity = Identity::parse(KEY).unwrap();
        assert_eq!(identity.recipient().to_string(), OF_KEY);
        assert_eq!(&Recipient::parse(OF_KEY).unwrap(), identity.recipient());
        assert!(!format!("{identity:?}").contains("SECRET"));
        let ssh = Recipient::parse(&format!("{SSH_KEY} ann@home")).unwrap();
        assert_eq!(ssh.to_string(), SSH_KEY);
    }

    #[test]
    fn what_is_no_key_says_what_it_is() {
        let recipient = |text: &str| Recipient::parse(text).unwrap_err();
        assert_eq!(recipient(KEY), Wrong::Secret);
        assert_eq!(recipient(&OF_KEY[..50]), Wrong::Damaged);
        assert_eq!(recipient("ann@example.org"), Wrong::NoKey);
        assert_eq!(recipient("ssh-rsa AAAA"), Wrong::Kind("ssh-rsa".into()));
        assert_eq!(recipient("ssh-ed25519 AAAA"), Wrong::Damaged);
        assert_eq!(recipient(""), Wrong::NoKey);
        assert_eq!(Identity::parse(OF_KEY).unwrap_err(), Wrong::Public);
        assert_eq!(Identity::parse(SSH_KEY).unwrap_err(), Wrong::Public);
        assert_eq!(Identity::parse(&KEY[..60]).unwrap_err(), Wrong::Damaged);
        let file = format!("# created: today\n\n{KEY}\n{OF_KEY}\n");
        assert_eq!(identities(&file).unwrap_err(), (4, Wrong::Public));
        assert_eq!(identities("# none\n").unwrap().len(), 0);
        assert_eq!(
            recipients(&format!("{OF_KEY}\n#\n{SSH_KEY} x\n"))
                .unwrap()
                .len(),
            2
        );
    }
}
