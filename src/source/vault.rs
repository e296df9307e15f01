//! Ansible's vault format: AES-256-CTR under PBKDF2 keys, HMAC checked before anything is decrypted.
//!
//! The text is a header line and hex of three hex lines: salt, HMAC, ciphertext. Errors say what is wrong
//! with the form; they never contain what was in it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Code, Secret};

const MAGIC: &str = "$ANSIBLE_VAULT";
/// The format's PBKDF2 work factor.
const ROUNDS: u32 = 10_000;
const KEY: usize = 32;
const BLOCK: usize = 16;
/// Cipher key, HMAC key and initial counter, in this order.
const DERIVED: usize = KEY + KEY + BLOCK;
/// Hex digits a line.
const WIDTH: usize = 80;
/// Derived keys kept: each costs some 10 ms to make again. Every vaulted string has a salt of its own.
const MAX_CACHED: usize = 4096;

/// The vault id of a password that was given without one.
pub const DEFAULT_ID: &str = "default";

type Keys = Arc<Zeroizing<[u8; DERIVED]>>;
/// By the place of the password in the ring, and the salt.
type Cache = HashMap<(usize, Vec<u8>), Keys>;

/// The passwords of a run, each with its vault id, and the keys made of them.
#[derive(Clone, Default)]
pub struct Keyring {
    secrets: Vec<(String, Secret)>,
    cache: Arc<Mutex<Cache>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultError {
    NotVault,
    Version,
    Cipher,
    /// It ends too early, or holds something that is not hex.
    Form(&'static str),
    NoPassword,
    /// No password fits; these ids were tried.
    Password(Vec<String>),
    NotText,
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VaultError::NotVault => f.write_str("this is not vaulted text"),
            VaultError::Version => f.write_str("unknown vault version; 1.1 and 1.2 are known"),
            VaultError::Cipher => f.write_str("unknown vault cipher; AES256 is known"),
            VaultError::Form(what) => write!(f, "the vaulted text is damaged: {what}"),
            VaultError::NoPassword => f.write_str("no vault password was given"),
            VaultError::Password(ids) => {
                write!(f, "no vault password fits; tried: {}", ids.join(", "))
            }
            VaultError::NotText => f.write_str("the decrypted content is not UTF-8 text"),
        }
    }
}

impl std::error::Error for VaultError {}

impl VaultError {
    pub fn code(&self) -> Code {
        match self {
            VaultError::NoPassword => Code::VaultNoPassword,
            VaultError::Password(_) => Code::VaultPassword,
            VaultError::NotVault
            | VaultError::Version
            | VaultError::Cipher
            | VaultError::Form(_)
            | VaultError::NotText => Code::VaultDamaged,
        }
    }
}

/// Whether text has the header of a vault.
pub fn is_vault(text: &str) -> bool {
    text.trim_start().starts_with(MAGIC)
}

/// The vault id a header names, if it names one.
pub fn vault_id(text: &str) -> Option<&str> {
    text.trim_start()
        .lines()
        .next()?
        .trim_end()
        .split(';')
        .nth(3)
        .map(str::trim)
}

impl Keyring {
    /// Adds a password. Passwords are tried in the order they were added.
    pub fn add(&mut self, id: &str, secret: Secret) {
        self.secrets.push((id.to_owned(), secret));
    }

    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// Masks all passwords.
    pub fn mask(&self, mask: &super::Mask) {
        for (_, secret) in &self.secrets {
            mask.add(secret.reveal());
        }
    }

    /// The password that is tried first, and its id.
    pub fn first(&self) -> Option<(&str, &Secret)> {
        let (id, secret) = self.secrets.first()?;
        Some((id, secret))
    }

    /// The first password under an id.
    pub fn secret(&self, id: &str) -> Option<&Secret> {
        self.secrets
            .iter()
            .find(|(known, _)| known == id)
            .map(|(_, secret)| secret)
    }

    /// The plain text of a vault.
    pub fn decrypt(&self, text: &str) -> Result<Zeroizing<String>, VaultError> {
        let mut bytes = self.decrypt_bytes(text)?;
        match String::from_utf8(std::mem::take(&mut *bytes)) {
            Ok(text) => Ok(Zeroizing::new(text)),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                Err(VaultError::NotText)
            }
        }
    }

    /// The content of a vault. The password its header names is tried first, then the others.
    pub fn decrypt_bytes(&self, text: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let sealed = Sealed::parse(text)?;
        if self.secrets.is_empty() {
            return Err(VaultError::NoPassword);
        }
        let named = |index: &usize| sealed.id.as_deref() == Some(self.secrets[*index].0.as_str());
        let all = 0..self.secrets.len();
        let order = all.clone().filter(named).chain(all.filter(|i| !named(i)));
        for index in order {
            let keys = self.keys(index, &sealed.salt);
            if authenticator(&keys, &sealed.content)
                .verify_slice(&sealed.hmac)
                .is_ok()
            {
                return open(&keys, sealed.content);
            }
        }
        Err(VaultError::Password(
            self.secrets.iter().map(|(id, _)| id.clone()).collect(),
        ))
    }

    fn keys(&self, index: usize, salt: &[u8]) -> Keys {
        let at = (index, salt.to_vec());
        if let Some(keys) = self
            .cache
            .lock()
            .ok()
            .and_then(|cache| cache.get(&at).cloned())
        {
            return keys;
        }
        let keys = Arc::new(derive(&self.secrets[index].1, salt));
        if let Ok(mut cache) = self.cache.lock() {
            if cache.len() >= MAX_CACHED {
                cache.clear();
            }
            cache.insert(at, Arc::clone(&keys));
        }
        keys
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.secrets.iter().map(|(id, _)| id))
            .finish()
    }
}

/// Content as a vault. The salt must be fresh: the same salt and password give the same key stream.
pub fn encrypt(content: &[u8], secret: &Secret, id: Option<&str>, salt: &[u8; KEY]) -> String {
    let keys = derive(secret, salt);
    let pad = BLOCK - content.len() % BLOCK;
    let mut padded = Vec::with_capacity(content.len() + pad);
    padded.extend_from_slice(content);
    padded.resize(content.len() + pad, pad as u8);
    cipher(&keys).apply_keystream(&mut padded);
    let hmac = authenticator(&keys, &padded).finalize().into_bytes();
    let inner = [hex::encode(salt), hex::encode(hmac), hex::encode(padded)].join("\n");
    let mut out = match id.filter(|id| *id != DEFAULT_ID) {
        Some(id) => format!("{MAGIC};1.2;AES256;{id}\n"),
        None => format!("{MAGIC};1.1;AES256\n"),
    };
    let digits = hex::encode(inner);
    let mut rest = digits.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(WIDTH));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out
}

/// A vault taken apart, not yet opened.
struct Sealed {
    id: Option<String>,
    salt: Vec<u8>,
    hmac: Vec<u8>,
    content: Vec<u8>,
}

impl Sealed {
    fn parse(text: &str) -> Result<Sealed, VaultError> {
        let mut lines = text.trim_start().lines();
        let header = lines.next().unwrap_or("").trim_end();
        let mut fields = header.split(';').map(str::trim);
        if fields.next() != Some(MAGIC) {
            return Err(VaultError::NotVault);
        }
        if !matches!(fields.next(), Some("1.1" | "1.2")) {
            return Err(VaultError::Version);
        }
        if fields.next() != Some("AES256") {
            return Err(VaultError::Cipher);
        }
        let id = fields.next().filter(|id| !id.is_empty()).map(str::to_owned);
        let digits: String = lines.flat_map(str::split_whitespace).collect();
        if digits.is_empty() {
            return Err(VaultError::Form("nothing follows its header"));
        }
        let inner = unhex(digits.as_bytes())?;
        let mut parts = inner.splitn(3, |b| *b == b'\n');
        let mut part = || unhex(parts.next().ok_or(VaultError::Form("it ends too early"))?);
        let (salt, hmac, content) = (part()?, part()?, part()?);
        if content.is_empty() || content.len() % BLOCK != 0 {
            return Err(VaultError::Form("it ends too early"));
        }
        Ok(Sealed {
            id,
            salt,
            hmac,
            content,
        })
    }
}

fn unhex(digits: &[u8]) -> Result<Vec<u8>, VaultError> {
    hex::decode(digits).map_err(|error| match error {
        hex::FromHexError::OddLength => VaultError::Form("it ends too early"),
        _ => VaultError::Form("it contains something that is not hex"),
    })
}

fn derive(secret: &Secret, salt: &[u8]) -> Zeroizing<[u8; DERIVED]> {
    let mut keys = Zeroizing::new([0; DERIVED]);
    pbkdf2::pbkdf2_hmac::<Sha256>(secret.reveal().as_bytes(), salt, ROUNDS, &mut *keys);
    keys
}

fn authenticator(keys: &[u8; DERIVED], content: &[u8]) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&keys[KEY..KEY * 2]).expect("HMAC takes keys of any length");
    mac.update(content);
    mac
}

fn cipher(keys: &[u8; DERIVED]) -> Ctr128BE<Aes256> {
    Ctr128BE::<Aes256>::new_from_slices(&keys[..KEY], &keys[KEY * 2..])
        .expect("the slices have the lengths of an AES-256 key and of a block")
}

/// Decrypts in place and takes the padding off.
fn open(keys: &[u8; DERIVED], content: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut content = Zeroizing::new(content);
    cipher(keys).apply_keystream(&mut content);
    let pad = content.last().map_or(0, |b| usize::from(*b));
    let len = content
        .len()
        .checked_sub(pad)
        .filter(|_| (1..=BLOCK).contains(&pad));
    let len = len.filter(|len| content[*len..].iter().all(|b| usize::from(*b) == pad));
    content.truncate(len.ok_or(VaultError::Form("its padding is wrong"))?);
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both made with `ansible-vault encrypt` of ansible-core 2.19.
    const V11: &str = "$ANSIBLE_VAULT;1.1;AES256\n\
        38333039336565323466373466353237616466633131376639396235316666613638303161303632\n\
        3131643234636135376333623032313461663762366465640a393038613761343936323765633363\n\
        62663130653431326432386362316461353830326161623931623638383265313036353464323937\n\
        6364643963376462370a316238376265643139343732383361626238323634363261336263636663\n\
        3763\n";
    const V12: &str = "$ANSIBLE_VAULT;1.2;AES256;prod\n\
        34343234613834633662653938353861353133636131386234373330363866383531336330386230\n\
        3763623864363762613661376136363264636666326235310a393634633838383436653631623766\n\
        34653032643535393238656261366436326565613536613861623837353563363337333762303239\n\
        6161343161383334630a633361623163393565663864313962386662643864383164376438393431\n\
        6363\n";
    const PLAIN: &str = "top: secret ü\n";

    fn ring(keys: &[(&str, &str)]) -> Keyring {
        let mut ring = Keyring::default();
        keys.iter()
            .for_each(|(id, secret)| ring.add(id, Secret::new(*secret)));
        ring
    }

    #[test]
    fn reads_what_ansible_wrote() {
        let ring = ring(&[("default", "hunter2"), ("prod", "other")]);
        assert_eq!(ring.decrypt(V11).unwrap().as_str(), PLAIN);
        assert_eq!(ring.decrypt(V12).unwrap().as_str(), PLAIN);
        assert_eq!(
            ring.decrypt(&V12.replace('\n', "\r\n")).unwrap().as_str(),
            PLAIN
        );
        assert_eq!((vault_id(V11), vault_id(V12)), (None, Some("prod")));
    }

    #[test]
    fn other_ids_are_tried_too() {
        assert_eq!(
            ring(&[("dev", "other")]).decrypt(V12).unwrap().as_str(),
            PLAIN
        );
    }

    #[test]
    fn damage_is_named_and_nothing_is_quoted() {
        let ring = ring(&[("default", "wrong")]);
        let say = |text: &str| ring.decrypt(text).unwrap_err().to_string();
        assert_eq!(say(V11), "no vault password fits; tried: default");
        assert_eq!(say("hello"), "this is not vaulted text");
        assert!(say("$ANSIBLE_VAULT;2.0;AES256\n00").starts_with("unknown vault version"));
        assert!(say("$ANSIBLE_VAULT;1.1;ROT13\n00").starts_with("unknown vault cipher"));
        assert!(say("$ANSIBLE_VAULT;1.1;AES256\n").contains("nothing follows"));
        assert!(say(&V11[..V11.len() / 2]).contains("ends too early"));
        assert!(say(&V11.replace("\n3", "\nx")).contains("not hex"));
        assert_eq!(Keyring::default().decrypt(V11), Err(VaultError::NoPassword));
    }

    #[test]
    fn a_changed_byte_is_noticed_before_decryption() {
        let last = V11.trim_end().len() - 1;
        let flipped = if V11.as_bytes()[last] == b'1' {
            "2"
        } else {
            "1"
        };
        let text = format!("{}{flipped}", &V11[..last]);
        let found = ring(&[("default", "hunter2")]).decrypt(&text);
        assert!(matches!(
            found,
            Err(VaultError::Password(_) | VaultError::Form(_))
        ));
    }

    #[test]
    fn what_is_encrypted_can_be_read() {
        let secret = Secret::new("s");
        for content in ["", "x", "sixteen bytes!!!", PLAIN] {
            let text = encrypt(content.as_bytes(), &secret, Some("web"), &[7; 32]);
            assert!(text.starts_with("$ANSIBLE_VAULT;1.2;AES256;web\n"));
            assert!(text.lines().all(|l| l.len() <= WIDTH));
            assert_eq!(
                ring(&[("web", "s")]).decrypt(&text).unwrap().as_str(),
                content
            );
        }
    }
}
