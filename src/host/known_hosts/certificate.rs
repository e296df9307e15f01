//! Host certificates: what an authority's signature is good for.

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, Certificate, HashAlg};

/// Whether this authority vouches, now, for the host of this name.
///
/// A certificate without principals would be good for any host, one with critical options means
/// something we do not know, and a SHA-1 signature proves nothing: all three are refused.
pub(super) fn vouches(authority: &KeyData, cert: &Certificate, name: &str, now: u64) -> bool {
    cert.cert_type() == CertType::Host
        && cert.signature_key() == authority
        && !authority.is_certificate()
        && cert
            .valid_principals()
            .iter()
            .any(|p| p.to_lowercase() == name)
        && cert.critical_options().iter().next().is_none()
        && !matches!(
            cert.signature().algorithm(),
            Algorithm::Rsa { hash: None } | Algorithm::Dsa
        )
        && cert
            .validate_at(now, &[authority.fingerprint(HashAlg::Sha256)])
            .is_ok()
}
