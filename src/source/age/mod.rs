//! The age format (version 1): what is encrypted for public keys, so that whoever encrypts cannot read it
//! again. `age -d` opens what is written here, and the other way round.
//!
//! A header holds the key of the file, wrapped for each recipient, and a sum under that key; behind it
//! stands the content in chunks. Written as text ("armored"). The keys are agreed on over Curve25519; that
//! arithmetic and the cipher are the crates' that SSH uses. Errors never contain what was in it.

mod bech32;
mod keys;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD as UNPADDED};
use curve25519_dalek::montgomery::MontgomeryPoint;
use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use keys::{Identity, Recipient, Wrong, identities, recipients};

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
const VERSION: &str = "age-encryption.org/v1";
const X25519: &str = "X25519";
const SSH: &str = "ssh-ed25519";
/// The label of a key for X25519; SSH's has its own.
const X25519_LABEL: &str = "age-encryption.org/v1/X25519";
const SSH_LABEL: &str = "age-encryption.org/v1/ssh-ed25519";
/// Letters a line, in header and armor.
const WIDTH: usize = 64;
/// Bytes of the content that are encrypted together.
const CHUNK: usize = 64 * 1024;
const FILE_KEY: usize = 16;
const NONCE: usize = 16;
/// What the cipher adds to a chunk to tell whether it is whole.
const TAG: usize = 16;
/// More recipients than anybody writes for: a header that goes on is no header.
const MOST_STANZAS: usize = 1024;

type Key = Zeroizing<[u8; 32]>;

/// Fills a buffer with random bytes, or says that it cannot.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]) -> Result<(), AgeError>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgeError {
    NotAge,
    Version,
    Form(&'static str),
    /// It is for a passphrase.
    Passphrase,
    NoIdentity,
    /// It is for none of these.
    Identity,
    /// A key that is agreed on with everybody.
    WeakKey,
    NoRandom,
}

impl fmt::Display for AgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AgeError::NotAge => "this is nothing that age encrypted",
            AgeError::Version => "unknown version of age's format; v1 is known",
            AgeError::Form(what) => {
                return write!(f, "what age encrypted is damaged: {what}");
            }
            AgeError::Passphrase => "it is encrypted with a passphrase",
            AgeError::NoIdentity => "no identity was given",
            AgeError::Identity => "no identity fits",
            AgeError::WeakKey => "a recipient's key is one that anybody can open",
            AgeError::NoRandom => "the kernel gives no random bytes",
        })
    }
}

impl std::error::Error for AgeError {}

/// Whether text, or the bytes of a file, are of this format.
pub fn is_age(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with(BEGIN) || text.starts_with(VERSION)
}

/// Content for some recipients, as text.
pub fn encrypt(
    content: &[u8],
    recipients: &[Recipient],
    random: Random<'_>,
) -> Result<String, AgeError> {
    let mut file_key = Zeroizing::new([0; FILE_KEY]);
    random(&mut *file_key)?;
    let mut header = format!("{VERSION}\n");
    for recipient in recipients {
        let mut scalar: Key = Zeroizing::new([0; 32]);
        random(&mut *scalar)?;
        let share = MontgomeryPoint::mul_base_clamped(*scalar).to_bytes();
        let key = wrapping(recipient, &scalar, &recipient.point, &share)?;
        let mut body = file_key.to_vec();
        sealing(&key)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key([0; 12]),
                Aad::empty(),
                &mut body,
            )
            .map_err(|_| AgeError::Form("a key cannot be wrapped"))?;
        let share = UNPADDED.encode(share);
        header.push_str(&match &recipient.ssh {
            None => format!("-> {X25519} {share}\n"),
            Some(wire) => format!("-> {SSH} {} {share}\n", keys::tag(wire)),
        });
        // 32 bytes are less than a line.
        header.push_str(&UNPADDED.encode(body));
        header.push('\n');
    }
    header.push_str("---");
    let sum = authenticator(&file_key, header.as_bytes()).finalize();
    let mut out = header.into_bytes();
    out.extend(format!(" {}\n", UNPADDED.encode(sum.into_bytes())).bytes());
    let mut nonce = [0; NONCE];
    random(&mut nonce)?;
    out.extend(nonce);
    let key = sealing(&derive(&*file_key, &nonce, "payload"));
    let last = content.len().saturating_sub(1) / CHUNK;
    for at in 0..=last {
        let chunk = &content[at * CHUNK..content.len().min((at + 1) * CHUNK)];
        let mut chunk = Zeroizing::new(chunk.to_vec());
        // The tag needs room, or what was clear would be left behind where the bytes move from.
        chunk.reserve_exact(TAG);
        key.seal_in_place_append_tag(counter(at, at == last), Aad::empty(), &mut *chunk)
            .map_err(|_| AgeError::Form("a chunk cannot be sealed"))?;
        out.extend_from_slice(&chunk);
    }
    Ok(armored(&out))
}

/// The content, if one of these identities is one of its recipients.
pub fn decrypt(text: &str, identities: &[Identity]) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    let bytes = unarmored(text)?;
    let (header, payload) = Header::parse(&bytes)?;
    if header.stanzas.iter().any(|s| s.kind == "scrypt") {
        return Err(AgeError::Passphrase);
    }
    if identities.is_empty() {
        return Err(AgeError::NoIdentity);
    }
    let tried = identities
        .iter()
        .flat_map(|i| header.stanzas.iter().map(move |s| s.unwrapped(i)));
    let file_key = tried.flatten().next().ok_or(AgeError::Identity)?;
    authenticator(&file_key, header.summed)
        .verify_slice(&header.sum)
        .map_err(|_| AgeError::Form("the sum of its header is another"))?;
    let (nonce, rest) = payload
        .split_at_checked(NONCE)
        .ok_or(AgeError::Form("it ends too early"))?;
    let key = sealing(&derive(&*file_key, nonce, "payload"));
    let mut out = Zeroizing::new(Vec::with_capacity(rest.len()));
    let last = rest.len().saturating_sub(1) / (CHUNK + TAG);
    for at in 0..=last {
        let end = rest.len().min((at + 1) * (CHUNK + TAG));
        let mut chunk = Zeroizing::new(rest[at * (CHUNK + TAG)..end].to_vec());
        let clear = key
            .open_in_place(counter(at, at == last), Aad::empty(), &mut chunk)
            .map_err(|_| AgeError::Form("its content is not as it was written"))?;
        if clear.is_empty() && at > 0 {
            return Err(AgeError::Form("its last chunk is empty"));
        }
        out.extend_from_slice(clear);
    }
    Ok(out)
}

/// The header, taken apart.
struct Header<'a> {
    stanzas: Vec<Stanza<'a>>,
    /// What the sum is of.
    summed: &'a [u8],
    sum: Vec<u8>,
}

struct Stanza<'a> {
    kind: &'a str,
    args: Vec<&'a str>,
    body: Vec<u8>,
}

impl<'a> Header<'a> {
    fn parse(bytes: &'a [u8]) -> Result<(Header<'a>, &'a [u8]), AgeError> {
        let mut at = 0;
        let early = || AgeError::Form("it ends too early");
        let mut line = || {
            let rest = &bytes[at..];
            let end = rest.iter().position(|b| *b == b'\n').ok_or_else(early)?;
            let begin = at;
            at += end + 1;
            let text = std::str::from_utf8(&rest[..end]);
            Ok((
                begin,
                text.map_err(|_| AgeError::Form("its header is no text"))?,
            ))
        };
        match line()?.1 {
            VERSION => {}
            other if other.starts_with("age-encryption.org/") => return Err(AgeError::Version),
            _ => return Err(AgeError::NotAge),
        }
        let mut stanzas = Vec::new();
        loop {
            let (begin, text) = line()?;
            if let Some(sum) = text.strip_prefix("--- ") {
                let sum = UNPADDED.decode(sum);
                let header = Header {
                    stanzas,
                    summed: &bytes[..begin + "---".len()],
                    sum: sum.map_err(|_| AgeError::Form("the sum of its header is none"))?,
                };
                return Ok((header, &bytes[at..]));
            }
            let words = text
                .strip_prefix("-> ")
                .filter(|_| stanzas.len() < MOST_STANZAS);
            let words = words.ok_or(AgeError::Form("its header is none"))?;
            let mut words = words.split(' ');
            let kind = words.next().unwrap_or_default();
            let mut letters = String::new();
            loop {
                let (_, part) = line()?;
                letters.push_str(part);
                if part.len() < WIDTH {
                    break;
                }
                if part.len() > WIDTH {
                    return Err(AgeError::Form("a line of its header is too long"));
                }
            }
            let body = UNPADDED.decode(letters);
            stanzas.push(Stanza {
                kind,
                args: words.collect(),
                body: body.map_err(|_| AgeError::Form("a key in its header is none"))?,
            });
        }
    }
}

impl Stanza<'_> {
    /// The key of the file, if this was wrapped for the identity.
    fn unwrapped(&self, identity: &Identity) -> Option<Zeroizing<[u8; FILE_KEY]>> {
        let share = match (self.kind, &self.args[..], &identity.recipient.ssh) {
            (X25519, [share], None) => share,
            (SSH, [tag, share], Some(wire)) if *tag == keys::tag(wire) => share,
            _ => return None,
        };
        let share: [u8; 32] = UNPADDED.decode(share).ok()?.try_into().ok()?;
        if self.body.len() != FILE_KEY + TAG {
            return None;
        }
        let key = wrapping(&identity.recipient, &identity.scalar, &share, &share).ok()?;
        let mut body = Zeroizing::new(self.body.clone());
        let clear = sealing(&key)
            .open_in_place(
                Nonce::assume_unique_for_key([0; 12]),
                Aad::empty(),
                &mut body,
            )
            .ok()?;
        let mut out = Zeroizing::new([0; FILE_KEY]);
        out.copy_from_slice(clear);
        Some(out)
    }
}

/// The key that wraps the file's for a recipient: from one's own scalar and the other's point.
fn wrapping(
    recipient: &Recipient,
    scalar: &Key,
    point: &[u8; 32],
    share: &[u8; 32],
) -> Result<Key, AgeError> {
    let agreed = |scalar: &[u8; 32], point: &[u8; 32]| {
        let agreed = MontgomeryPoint(*point).mul_clamped(*scalar).to_bytes();
        match agreed == [0; 32] {
            true => Err(AgeError::WeakKey),
            false => Ok(Zeroizing::new(agreed)),
        }
    };
    let mut shared = agreed(scalar, point)?;
    let salt = [&share[..], &recipient.point[..]].concat();
    let Some(wire) = &recipient.ssh else {
        return Ok(derive(&*shared, &salt, X25519_LABEL));
    };
    // SSH's key signs elsewhere: what is agreed on here is bound to all of it.
    let tweak = derive(&[], wire, SSH_LABEL);
    shared = agreed(&tweak, &shared)?;
    Ok(derive(&*shared, &salt, SSH_LABEL))
}

/// HKDF with SHA-256, for as many bytes as one round of it gives.
fn derive(secret: &[u8], salt: &[u8], label: &str) -> Key {
    let first = Zeroizing::new(<[u8; 32]>::from(mac(salt, &[secret])));
    Zeroizing::new(mac(&*first, &[label.as_bytes(), &[1]]).into())
}

fn mac(key: &[u8], parts: &[&[u8]]) -> hmac::digest::Output<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes()
}

fn authenticator(file_key: &[u8; FILE_KEY], header: &[u8]) -> Hmac<Sha256> {
    let key = derive(file_key, &[], "header");
    let mut mac = Hmac::<Sha256>::new_from_slice(&*key).expect("HMAC takes keys of any length");
    mac.update(header);
    mac
}

fn sealing(key: &Key) -> LessSafeKey {
    let key = UnboundKey::new(&CHACHA20_POLY1305, &**key);
    LessSafeKey::new(key.expect("the cipher's keys have 32 bytes"))
}

/// The number of a chunk, and whether it is the last one.
fn counter(at: usize, is_last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&(at as u64).to_be_bytes());
    nonce[11] = u8::from(is_last);
    Nonce::assume_unique_for_key(nonce)
}

fn armored(bytes: &[u8]) -> String {
    let letters = STANDARD.encode(bytes);
    let mut out = String::with_capacity(letters.len() + letters.len() / WIDTH + 80);
    out.push_str(BEGIN);
    let mut rest = letters.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(WIDTH));
        out.push('\n');
        out.push_str(line);
        rest = after;
    }
    out.push('\n');
    out.push_str(END);
    out.push('\n');
    out
}

fn unarmored(text: &str) -> Result<Vec<u8>, AgeError> {
    let text = text.trim();
    let inner = text.strip_prefix(BEGIN).ok_or(AgeError::NotAge)?;
    let inner = inner.strip_suffix(END);
    let inner = inner.ok_or(AgeError::Form("it ends too early"))?;
    let letters: String = inner.lines().map(str::trim_end).collect();
    STANDARD
        .decode(letters)
        .map_err(|_| AgeError::Form("it is no base64"))
}

#[cfg(test)]
mod tests;
