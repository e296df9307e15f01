//! Ed25519 keys of SSH: new ones, in every spelling an SSH server or client of ours reads, and what is in one.

use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Algorithm, PrivateKey};

use zeroize::Zeroizing;

use super::{ErrorKind, HostError};

/// A fresh key pair. Dropbear reads its host keys in a format of its own, hence a third form.
pub struct NewKey {
    /// OpenSSH's private key file.
    pub private: String,
    /// `ssh-ed25519 AAAA…`, without a comment.
    pub public: String,
    /// Dropbear's private key file: the algorithm, then both halves, each with its length.
    pub dropbear: Vec<u8>,
}

const NAME: &[u8] = b"ssh-ed25519";

/// Makes a key without starting `ssh-keygen`: fifty hosts need fifty of them.
pub fn ed25519() -> Result<NewKey, HostError> {
    let broken = |e: &dyn std::fmt::Display| {
        HostError::new(
            ErrorKind::Protocol,
            format!("cannot make an ed25519 key: {e}"),
        )
    };
    let mut rng = russh::keys::key::safe_rng();
    let key = PrivateKey::random(&mut rng, Algorithm::Ed25519).map_err(|e| broken(&e))?;
    let private = key
        .to_openssh(LineEnding::LF)
        .map_err(|e| broken(&e))?
        .to_string();
    let public = key.public_key().to_openssh().map_err(|e| broken(&e))?;
    let KeypairData::Ed25519(pair) = key.key_data() else {
        return Err(broken(&"another algorithm came back"));
    };
    let mut dropbear = Vec::new();
    for field in [NAME, &pair.to_bytes()[..]] {
        dropbear.extend((field.len() as u32).to_be_bytes());
        dropbear.extend(field);
    }
    let public = public.split(' ').take(2).collect::<Vec<_>>().join(" ");
    Ok(NewKey {
        private,
        public,
        dropbear,
    })
}

/// Whether a text is a private key of SSH's.
pub fn is_private(text: &str) -> bool {
    text.trim_start()
        .starts_with("-----BEGIN OPENSSH PRIVATE KEY-----")
}

/// Both halves of a private key: the secret one, then the public one.
pub struct Halves(pub Zeroizing<[u8; 32]>, pub [u8; 32]);

/// Why a private key cannot be taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    Passphrase,
    /// Another algorithm, by its name.
    Algorithm(String),
    Damaged,
}

/// Takes an Ed25519 key apart.
pub fn halves(text: &str) -> Result<Halves, Unfit> {
    let key = PrivateKey::from_openssh(text).map_err(|_| Unfit::Damaged)?;
    if key.is_encrypted() {
        return Err(Unfit::Passphrase);
    }
    match key.key_data() {
        KeypairData::Ed25519(pair) => {
            let secret = Zeroizing::new(pair.private.to_bytes());
            Ok(Halves(secret, pair.public.0))
        }
        _ => Err(Unfit::Algorithm(key.algorithm().to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_reads_back_as_itself() {
        let key = ed25519().unwrap();
        let read = PrivateKey::from_openssh(&key.private).unwrap();
        assert!(
            read.public_key()
                .to_openssh()
                .unwrap()
                .starts_with(&key.public)
        );
        assert_eq!(key.dropbear.len(), 4 + 11 + 4 + 64);
        assert_ne!(key.public, ed25519().unwrap().public);
    }

    #[test]
    fn a_key_is_taken_apart() {
        let key = ed25519().unwrap();
        let Halves(secret, public) = halves(&key.private).unwrap();
        assert!(is_private(&key.private) && !is_private(&key.public));
        assert_eq!(key.dropbear[19..], [&secret[..], &public[..]].concat()[..]);
        assert_eq!(halves("x").err(), Some(Unfit::Damaged));
        let mut rng = russh::keys::key::safe_rng();
        let curve = russh::keys::ssh_key::EcdsaCurve::NistP256;
        let other = PrivateKey::random(&mut rng, Algorithm::Ecdsa { curve }).unwrap();
        let other = other.to_openssh(LineEnding::LF).unwrap().to_string();
        assert!(matches!(halves(&other), Err(Unfit::Algorithm(_))));
    }
}
