//! Bytes and their digests.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// File contents up to this size travel inside scripts and replies and are kept in memory;
/// larger ones are compared by digest and streamed. One shell variable holds them in base64.
pub const INLINE_LIMIT: u64 = 1024 * 1024;

/// A sha256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// The digest of everything a reader gives, and how much that was.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn read(from: &mut dyn std::io::Read) -> std::io::Result<(Digest, u64)> {
        let mut hasher = Sha256::new();
        let mut piece = vec![0; 128 * 1024];
        let mut size = 0;
        loop {
            let n = from.read(&mut piece)?;
            if n == 0 {
                return Ok((Digest(hasher.finalize().into()), size));
            }
            hasher.update(&piece[..n]);
            size += n as u64;
        }
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(hex_digits: &str) -> Option<Digest> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(hex_digits, &mut bytes).ok()?;
        Some(Digest(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", &hex::encode(self.0)[..12])
    }
}

/// The bytes of a file: always their digest, the bytes themselves where they are at hand.
#[derive(Clone, Debug)]
pub struct Content {
    pub digest: Digest,
    pub size: u64,
    pub bytes: Option<Arc<[u8]>>,
    /// Where the bytes can be streamed from on the controller.
    pub source: Option<PathBuf>,
    /// The sha1 in hexadecimal, where it is known.
    pub sha1: Option<String>,
}

impl Content {
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Content {
        let bytes = bytes.into();
        Content {
            digest: Digest::of(&bytes),
            size: bytes.len() as u64,
            sha1: None,
            bytes: Some(bytes),
            source: None,
        }
    }

    /// Content that stays where it is: its digests, read once through.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn read(from: &mut dyn std::io::Read, path: &std::path::Path) -> std::io::Result<Content> {
        let (mut long, mut short) = (Sha256::new(), sha1::Sha1::new());
        let mut piece = vec![0; 128 * 1024];
        let mut size = 0;
        loop {
            let n = from.read(&mut piece)?;
            if n == 0 {
                break;
            }
            long.update(&piece[..n]);
            short.update(&piece[..n]);
            size += n as u64;
        }
        Ok(Content {
            digest: Digest(long.finalize().into()),
            size,
            bytes: None,
            source: Some(path.to_path_buf()),
            sha1: Some(hex::encode(short.finalize())),
        })
    }

    /// Content known by its digest alone.
    pub fn digest_only(digest: Digest, size: u64) -> Content {
        Content {
            digest,
            size,
            bytes: None,
            source: None,
            sha1: None,
        }
    }

    /// The text, where the bytes are at hand and are UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes.as_deref()?).ok()
    }

    /// The sha1 in hexadecimal, as Ansible's `checksum` results carry it.
    pub fn sha1(&self) -> Option<String> {
        self.sha1
            .clone()
            .or_else(|| self.bytes.as_deref().map(sha1_hex))
    }

    /// The md5 in hexadecimal, as Ansible's `md5sum` results carry it.
    pub fn md5(&self) -> Option<String> {
        self.bytes
            .as_deref()
            .map(|b| hex::encode(md5::Md5::digest(b)))
    }
}

pub fn sha1_hex(bytes: &[u8]) -> String {
    hex::encode(sha1::Sha1::digest(bytes))
}

impl PartialEq for Content {
    fn eq(&self, other: &Content) -> bool {
        self.digest == other.digest
    }
}
