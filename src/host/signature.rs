//! Signatures of texts by SSH keys, as `ssh-keygen -Y sign` and `-Y verify` know them.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::ssh_key::{LineEnding, SshSig};
use russh::keys::{HashAlg, PrivateKey, PublicKey, decode_secret_key};

use crate::source::Secret;

use super::process;

/// Larger files are no keys and no lists of them.
const LARGEST: u64 = 1024 * 1024;

/// What signs.
pub struct Signer {
    public: PublicKey,
    how: How,
}

enum How {
    Key(Box<PrivateKey>),
    /// A key that an agent or a token holds: `ssh-keygen` knows how to ask these.
    Held(PathBuf),
}

impl Signer {
    /// A private key, or the public half of one that an agent holds. `ask` is asked for a passphrase.
    pub fn open(
        path: &Path,
        ask: &mut dyn FnMut(&str) -> Option<Secret>,
    ) -> Result<Signer, String> {
        let wrong = |e: String| format!("{}: {e}", path.display());
        let text = read(path).map_err(wrong)?;
        if let Ok(public) = PublicKey::from_openssh(text.trim()) {
            return Ok(Signer {
                public,
                how: How::Held(path.to_owned()),
            });
        }
        let locked = match PrivateKey::from_openssh(text.as_bytes()) {
            Ok(key) => key.is_encrypted(),
            Err(_) => text.contains("ENCRYPTED"),
        };
        let passphrase = match locked {
            false => None,
            true => {
                let prompt = format!("Passphrase of {}: ", path.display());
                Some(ask(&prompt).ok_or_else(|| wrong("it needs a passphrase".into()))?)
            }
        };
        let key = decode_secret_key(&text, passphrase.as_ref().map(Secret::reveal))
            .map_err(|e| wrong(e.to_string()))?;
        Ok(Signer {
            public: key.public_key().clone(),
            how: How::Key(Box::new(key)),
        })
    }

    /// The fingerprint of its key.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.public)
    }

    /// A signature of a text within a name space.
    pub fn sign(&self, namespace: &str, text: &str) -> Result<String, String> {
        match &self.how {
            How::Key(key) => {
                let made = key.sign(namespace, HashAlg::Sha512, text.as_bytes());
                let made = made.and_then(|s| s.to_pem(LineEnding::LF));
                made.map_err(|e| format!("cannot sign: {e}"))
            }
            How::Held(path) => {
                let path = path.to_str().ok_or("the key's path is no text")?;
                let arguments = ["-q", "-Y", "sign", "-f", path, "-n", namespace];
                process::filter(Path::new("ssh-keygen"), &arguments, text, LARGEST)
            }
        }
    }
}

/// `SHA256:…`, as `ssh-keygen -l` says it.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// Whether a signature is of a text, and by which key.
pub fn check(signature: &str, namespace: &str, text: &str) -> Result<PublicKey, String> {
    let signature = SshSig::from_pem(signature).map_err(|e| format!("it is no signature: {e}"))?;
    let key = match signature.public_key() {
        KeyData::Certificate(_) => return Err("it was signed with a certificate".into()),
        key => PublicKey::from(key.clone()),
    };
    key.verify(namespace, text.as_bytes(), &signature)
        .map_err(|_| "the signature is not of this entry".to_owned())?;
    Ok(key)
}

/// Those who may sign, as `ssh-keygen`'s ALLOWED SIGNERS lists them.
#[derive(Debug, Default)]
pub struct AllowedSigners {
    list: Vec<Allowed>,
}

#[derive(Debug)]
struct Allowed {
    principals: String,
    namespaces: Option<String>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    key: PublicKey,
}

impl AllowedSigners {
    pub fn load(path: &Path) -> Result<AllowedSigners, String> {
        let text = read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut list = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let allowed = allowed(line);
            list.push(allowed.map_err(|e| format!("{}:{}: {e}", path.display(), at + 1))?);
        }
        Ok(AllowedSigners { list })
    }

    /// Who a key belongs to, if it may sign in this name space at this moment.
    pub fn who(&self, key: &PublicKey, namespace: &str, when: Timestamp) -> Option<&str> {
        let fits = |a: &&Allowed| {
            a.key.key_data() == key.key_data()
                && a.after.is_none_or(|t| when >= t)
                && a.before.is_none_or(|t| when < t)
                && a.namespaces.as_ref().is_none_or(|all| {
                    all.split(',')
                        .any(|p| is_like(p.as_bytes(), namespace.as_bytes()))
                })
        };
        self.list.iter().find(fits).map(|a| a.principals.as_str())
    }
}

fn allowed(line: &str) -> Result<Allowed, String> {
    let (principals, rest) = word(line);
    let allowed = |key: PublicKey| Allowed {
        principals: principals.replace('"', ""),
        namespaces: None,
        after: None,
        before: None,
        key,
    };
    if let Ok(key) = PublicKey::from_openssh(rest) {
        return Ok(allowed(key));
    }
    let (options, rest) = word(rest);
    let key = PublicKey::from_openssh(rest).map_err(|_| "there is no key in it".to_owned())?;
    let mut allowed = allowed(key);
    for option in split(options) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = value.trim_matches('"');
        let moment = || moment(value).ok_or_else(|| format!("`{value}` is no time"));
        match name.to_ascii_lowercase().as_str() {
            "namespaces" => allowed.namespaces = Some(value.to_owned()),
            "valid-after" => allowed.after = Some(moment()?),
            "valid-before" => allowed.before = Some(moment()?),
            "cert-authority" => return Err("certificates are not followed; name the keys".into()),
            other => return Err(format!("`{other}` is no option that is known")),
        }
    }
    Ok(allowed)
}

/// The first word, in which spaces may be quoted, and the rest.
fn word(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let ends = |c: char| {
        quoted ^= c == '"';
        c.is_whitespace() && !quoted
    };
    match text.find(ends) {
        Some(at) => (&text[..at], text[at..].trim_start()),
        None => (text, ""),
    }
}

/// Options, between commas that are not quoted.
fn split(text: &str) -> Vec<&str> {
    let mut quoted = false;
    let parts = text.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts.collect()
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`; in local time, or with `Z` in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let (digits, zone) = match text.strip_suffix(['Z', 'z']) {
        Some(digits) => (digits, TimeZone::UTC),
        None => (text, TimeZone::system()),
    };
    let full = match digits.len() {
        8 => format!("{digits}000000"),
        12 => format!("{digits}00"),
        14 => digits.to_owned(),
        _ => return None,
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%S", full).ok()?;
    Some(civil.to_zoned(zone).ok()?.timestamp())
}

/// `*` stands for anything, `?` for one character.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (Some(b'*'), _) => {
            is_like(&pattern[1..], text) || !text.is_empty() && is_like(pattern, &text[1..])
        }
        (Some(b'?'), Some(_)) => is_like(&pattern[1..], &text[1..]),
        (Some(p), Some(t)) if p == t => is_like(&pattern[1..], &text[1..]),
        _ => false,
    }
}

fn read(path: &Path) -> Result<zeroize::Zeroizing<String>, String> {
    let meta = fs::metadata(path).map_err(|e| e.to_string())?;
    if meta.len() > LARGEST || !meta.is_file() {
        return Err("it is no file of keys".into());
    }
    let text = fs::read_to_string(path).map_err(|e| e.to_string())?;
    Ok(zeroize::Zeroizing::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const SPACE: &str = "palisade-evidence";

    fn keygen(arguments: &[&str]) {
        let made = Command::new("ssh-keygen").args(arguments).output().unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
    }

    #[test]
    fn ssh_keygen_and_we_read_each_others_signatures() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        for (kind, pass) in [
            ("ed25519", ""),
            ("ecdsa", ""),
            ("rsa", ""),
            ("ed25519", "word"),
        ] {
            let file = at(&format!("{kind}{pass}"));
            keygen(&["-q", "-t", kind, "-N", pass, "-f", &file]);
            let mut ask = |_: &str| Some(Secret::new("word".to_owned()));
            let signer = Signer::open(Path::new(&file), &mut ask).unwrap();
            let made = signer.sign(SPACE, "text").unwrap();
            let public = fs::read_to_string(format!("{file}.pub")).unwrap();
            fs::write(
                at("allowed"),
                format!("ops@example.org namespaces=\"{SPACE}\" {public}"),
            )
            .unwrap();
            fs::write(at("made.sig"), &made).unwrap();
            fs::write(at("text"), "text").unwrap();
            let by_hand = format!(
                "ssh-keygen -q -Y verify -f {} -I ops@example.org -n {SPACE} -s {} < {}",
                at("allowed"),
                at("made.sig"),
                at("text")
            );
            assert!(
                Command::new("sh")
                    .args(["-c", &by_hand])
                    .status()
                    .unwrap()
                    .success(),
                "{kind}"
            );
            let key = check(&made, SPACE, "text").unwrap();
            let list = AllowedSigners::load(Path::new(&at("allowed"))).unwrap();
            assert_eq!(
                list.who(&key, SPACE, Timestamp::UNIX_EPOCH),
                Some("ops@example.org")
            );
            assert_eq!(list.who(&key, "git", Timestamp::UNIX_EPOCH), None);
            assert!(check(&made, SPACE, "other").is_err() && check(&made, "git", "text").is_err());
            if pass.is_empty() {
                keygen(&["-q", "-Y", "sign", "-f", &file, "-n", SPACE, &at("text")]);
                let theirs = fs::read_to_string(at("text.sig")).unwrap();
                fs::remove_file(at("text.sig")).unwrap();
                assert_eq!(
                    check(&theirs, SPACE, "text").unwrap().key_data(),
                    key.key_data()
                );
            }
        }
    }

    #[test]
    fn a_signer_is_allowed_within_times() {
        let public =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
        let line =
            format!("a@b,c@d valid-after=20260101Z,valid-before=\"202701010000Z\" {public} x");
        let one = allowed(&line).unwrap();
        let list = AllowedSigners { list: vec![one] };
        let key = PublicKey::from_openssh(public).unwrap();
        let who = |t: &str| list.who(&key, SPACE, t.parse().unwrap());
        assert_eq!(who("2026-06-01T00:00:00Z"), Some("a@b,c@d"));
        assert_eq!(who("2025-12-31T23:59:59Z"), None);
        assert_eq!(who("2027-01-01T00:00:00Z"), None);
        assert!(allowed(&format!("a cert-authority {public}")).is_err());
        assert!(allowed("a@b nothing").is_err());
        assert!(is_like(b"pal*-e?idence", SPACE.as_bytes()) && !is_like(b"file", b"files"));
    }
}
