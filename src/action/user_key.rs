//! The SSH key that `user` makes for an account, and what results say of one.

use crate::resource::keygen;
use crate::resource::{RemotePath, Resource, State};
use crate::source::Mapping;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::{Decision, Failure, Observed};

/// A key as the task wants it.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) user: String,
    pub(crate) home: String,
    pub(crate) file: Option<RemotePath>,
    pub(crate) kind: String,
    pub(crate) bits: Option<u64>,
    pub(crate) comment: Option<String>,
    pub(crate) passphrase: Option<String>,
    pub(crate) force: bool,
}

impl Key {
    pub(crate) fn path(&self) -> RemotePath {
        let name = format!(".ssh/id_{}", self.kind);
        let below = self.file.as_ref().map_or(name.as_str(), |f| f.as_str());
        match RemotePath::new(&self.home) {
            Ok(home) => home.join(below),
            Err(_) => RemotePath::new(below).expect("a path of at least one letter"),
        }
    }

    pub(crate) fn public(&self) -> RemotePath {
        let path = self.path();
        path.parent().join(&format!("{}.pub", path.name()))
    }

    /// Makes the key unless there is one; what is there is described.
    pub(crate) fn decide(&self, seen: &Observed, decision: &mut Decision) -> Result<(), Failure> {
        let path = self.path();
        decision
            .result
            .insert("ssh_key_file".into(), path.as_str().into());
        let there = !seen.get(&Resource::File(path.clone())).is_absent();
        if there && !self.force {
            let text = match seen.get(&Resource::File(self.public())) {
                State::File(file) => file.content().and_then(|c| c.text()).unwrap_or_default(),
                _ => "",
            };
            self.describe(text, &mut decision.result);
            let message = format!(
                "Found existing ssh key private file \"{path}\", no force, so skipping ssh-keygen \
                 generation"
            );
            decision.warnings.push(message);
            return Ok(());
        }
        decision.run(keygen::run(&keygen::Keygen {
            user: &self.user,
            path: &path,
            kind: &self.kind,
            bits: self.bits,
            comment: self.comment.as_deref(),
            passphrase: self.passphrase.as_deref(),
        }));
        decision.changed = Some(true);
        Ok(())
    }

    /// Adds the public key and its fingerprint.
    pub(crate) fn describe(&self, public: &str, result: &mut Mapping) {
        let line = public.trim();
        if line.is_empty() {
            return;
        }
        result.insert("ssh_public_key".into(), line.into());
        if let Some(print) = fingerprint(line) {
            result.insert("ssh_fingerprint".into(), print.into());
        }
    }
}

/// `2048 SHA256:… comment (RSA)`, as `ssh-keygen -l` prints it.
fn fingerprint(line: &str) -> Option<String> {
    let mut words = line.splitn(3, ' ');
    let (kind, blob) = (words.next()?, STANDARD.decode(words.next()?).ok()?);
    let comment = words
        .next()
        .filter(|c| !c.trim().is_empty())
        .unwrap_or("no comment");
    let digest = crate::resource::Digest::of(&blob).0;
    let (name, bits) = match kind {
        "ssh-rsa" => ("RSA", modulus_bits(&blob)?),
        "ssh-dss" => ("DSA", 1024),
        "ssh-ed25519" => ("ED25519", 256),
        "ecdsa-sha2-nistp256" => ("ECDSA", 256),
        "ecdsa-sha2-nistp384" => ("ECDSA", 384),
        "ecdsa-sha2-nistp521" => ("ECDSA", 521),
        _ => return None,
    };
    Some(format!(
        "{bits} SHA256:{} {} ({name})",
        STANDARD_NO_PAD.encode(digest),
        comment.trim()
    ))
}

/// The third of the length-prefixed fields of an RSA key.
fn modulus_bits(blob: &[u8]) -> Option<usize> {
    let mut rest = blob;
    let mut field: &[u8] = &[];
    for _ in 0..3 {
        let (length, after) = rest.split_at_checked(4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
        (field, rest) = after.split_at_checked(length)?;
    }
    let zeros = field.iter().take_while(|b| **b == 0).count();
    let top = *field.get(zeros)?;
    Some((field.len() - zeros) * 8 - top.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn a_key_is_described_as_ssh_keygen_does() {
        let line = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCnEvUoBirLI+BPbsNxIUY/iR85KEGAP7dVJ/w1VdHWd1VhDmQ7qFc7s3Ob6qyhxlS+PU6c1v2rM/Gp12wT8vw/qwZL14l8+zMfQ7wFpTE4JQZixa5z4W++dK5+yM1GllMISeIJCbnXz42z0nsoYjpe5gPDcTiDtYsdfmWBpv/bW19zx87cErImNj9LuEj1o9Ah2aErkxhyn5a27s3dhPEbFPVNHXkk2rkQmmHrgATESK+XnsxkBZgcY2n5it0BlzOq8ufBWQfieikBZbH58tkutBvWvStfIpEq9dDcQ6xBnCjhl859+2QT81bKRvKTNOl103UrOFuU0lVx14/rx+Wl x";
        let print = "2048 SHA256:f3IgNPIqdtUJQuw/C/o/FPoJOtEnVbgbOAmbVsqmMj0 x (RSA)";
        assert_eq!(fingerprint(line).as_deref(), Some(print));
    }
}
