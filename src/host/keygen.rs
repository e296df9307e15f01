//! New ed25519 keys, in every spelling an SSH server or client of ours reads.

use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Algorithm, PrivateKey};

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
}
