//! What we offer a server, and the settings of a session.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use russh::client::Config;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Limits, Preferred, SshId, cipher, compression, kex, mac};

/// Fast and small ones first. Group exchange costs two more round trips and megabytes of modular
/// arithmetic, so it comes last; nistp256 is what hardened FIPS servers leave.
const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_G14_SHA256,
    kex::DH_G16_SHA512,
    kex::DH_G18_SHA512,
    kex::DH_GEX_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

const MACS: &[mac::Name] = &[
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA256,
    mac::HMAC_SHA512,
];

/// Never zlib: what a host sends would be expanded before it is bounded.
const COMPRESSION: &[compression::Name] = &[compression::NONE];

/// Host keys we accept, most preferred first. No SHA-1 `ssh-rsa`, no DSA.
pub(crate) const HOST_KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha256),
    },
];

/// Messages of one channel kept unread: at 256 KiB a packet at worst, 4 MiB a connection.
const QUEUE: usize = 16;

/// How the liveness of a session is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alive {
    pub interval: Duration,
    pub max: u32,
}

impl Default for Alive {
    /// A dead peer is seen within a minute, and a laptop that sleeps for half of one is forgiven.
    fn default() -> Alive {
        Alive {
            interval: Duration::from_secs(15),
            max: 3,
        }
    }
}

/// The settings of one session. `known` are the key types that known_hosts holds for the host: a
/// server is asked for those first, so that an attacker cannot hide behind another type.
pub(crate) fn config(known: &[String], authority: bool, alive: Alive) -> Arc<Config> {
    let mut keys: Vec<Algorithm> = HOST_KEYS.to_vec();
    keys.sort_by_key(|a| !known.iter().any(|k| *k == plain_name(a)));
    let idle = alive.interval * (alive.max + 3);
    Arc::new(Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!(
            "SSH-2.0-palisade_",
            env!("CARGO_PKG_VERSION")
        ))),
        limits: Limits::default(),
        channel_buffer_size: QUEUE,
        preferred: Preferred {
            kex: Cow::Borrowed(KEX),
            host_key_certificates: match authority {
                true => Cow::Borrowed(HOST_KEYS),
                false => Cow::Borrowed(&[]),
            },
            key: Cow::Owned(keys),
            cipher: Cow::Borrowed(CIPHERS),
            mac: Cow::Borrowed(MACS),
            compression: Cow::Borrowed(COMPRESSION),
        },
        // Ends the session task by itself even if whoever started it is gone.
        inactivity_timeout: Some(idle.max(Duration::from_secs(90))),
        keepalive_interval: (!alive.interval.is_zero()).then_some(alive.interval),
        keepalive_max: alive.max as usize,
        nodelay: true,
        ..Config::default()
    })
}

/// The key type as known_hosts writes it: all RSA signatures belong to `ssh-rsa` keys.
pub(crate) fn plain_name(algorithm: &Algorithm) -> String {
    match algorithm {
        Algorithm::Rsa { .. } => "ssh-rsa".to_owned(),
        other => other.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_types_are_asked_for_first_and_sha1_never() {
        let config = config(&["ssh-rsa".into()], false, Alive::default());
        let names: Vec<&str> = config.preferred.key.iter().map(Algorithm::as_str).collect();
        assert_eq!(names[..3], ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"]);
        assert!(!names.contains(&"ssh-rsa"));
        assert_eq!(config.preferred.compression.len(), 1);
    }
}
