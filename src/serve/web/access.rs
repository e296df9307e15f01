//! Who may look: on loopback whoever is on this machine, elsewhere whoever has the token.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use crate::source::Secret;

/// The name of the cookie that a login leaves.
pub(super) const COOKIE: &str = "palisade";
/// A login lasts a working day.
const SESSION: SignedDuration = SignedDuration::from_hours(12);

/// Who may look.
#[derive(Clone, Debug)]
pub struct Access {
    token: Option<Secret>,
    /// Names under which it may be asked; nothing where any is fine, because a token is wanted.
    hosts: Option<Vec<String>>,
}

impl Access {
    /// `loopback` says that only this machine can connect. A page of somebody's in a browser of this
    /// machine could still ask under a name of its own (DNS rebinding), so names are checked there.
    pub fn new(token: Option<Secret>, loopback: bool, names: &[String]) -> Access {
        let own = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        let names = names.iter().map(|n| n.to_lowercase());
        Access {
            token,
            hosts: loopback.then(|| own.into_iter().chain(names).collect()),
        }
    }

    pub(super) fn wants_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether a request may be under this name.
    pub(super) fn knows_host(&self, host: Option<&str>) -> bool {
        let Some(hosts) = &self.hosts else {
            return true;
        };
        let Some(host) = host else { return false };
        let host = host.to_lowercase();
        let name = match host.rsplit_once(':') {
            // Not the last part of an address of IPv6.
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => &host,
        };
        hosts.iter().any(|h| h == name)
    }

    /// Whether a request brings the token, or what a login left.
    pub(super) fn allows(
        &self,
        authorization: Option<&str>,
        cookie: Option<&str>,
        now: Timestamp,
    ) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let bearer = authorization.and_then(|a| {
            let (scheme, given) = a.split_once(' ')?;
            scheme
                .eq_ignore_ascii_case("bearer")
                .then_some(given.trim())
        });
        if let Some(given) = bearer {
            return same(token, given);
        }
        let cookies = cookie.unwrap_or_default().split(';');
        let mut own = cookies
            .filter_map(|c| c.trim().split_once('='))
            .filter(|(n, _)| *n == COOKIE);
        own.any(|(_, value)| is_session(token, value, now))
    }

    /// What a login leaves, if this is the token.
    pub(super) fn login(&self, given: &str, now: Timestamp) -> Option<String> {
        let token = self.token.as_ref().filter(|t| same(t, given.trim()))?;
        let ends = now.checked_add(SESSION).ok()?.as_second();
        let sum = mac(token, &session(ends))?.finalize().into_bytes();
        let seconds = SESSION.as_secs();
        Some(format!(
            "{COOKIE}={ends}.{}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}",
            hex::encode(sum)
        ))
    }

    /// What takes it away.
    pub(super) fn logout() -> String {
        format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
    }
}

fn mac(key: &Secret, text: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.reveal().as_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

/// What the digest of a login is of.
fn session(ends: i64) -> String {
    format!("palisade serve session until {ends}")
}

/// Compares in a time that says nothing of where they differ, nor of how long the token is.
fn same(token: &Secret, given: &str) -> bool {
    let of = |text: &str| Some(mac(token, text)?.finalize().into_bytes());
    let (Some(own), Some(mac)) = (of(token.reveal()), mac(token, given)) else {
        return false;
    };
    mac.verify_slice(&own).is_ok()
}

fn is_session(token: &Secret, value: &str, now: Timestamp) -> bool {
    let Some((ends, sum)) = value.split_once('.') else {
        return false;
    };
    let (Ok(ends), Ok(sum)) = (ends.parse::<i64>(), hex::decode(sum)) else {
        return false;
    };
    let genuine = mac(token, &session(ends)).is_some_and(|m| m.verify_slice(&sum).is_ok());
    genuine && ends > now.as_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn names_are_checked_on_loopback() {
        let access = Access::new(None, true, &["ops.example".into()]);
        for good in [
            "localhost:7433",
            "127.0.0.1",
            "[::1]:80",
            "LOCALHOST",
            "Ops.Example",
        ] {
            assert!(access.knows_host(Some(good)), "{good}");
        }
        for bad in [
            "evil.example:7433",
            "localhost.evil.example",
            "",
            "127.0.0.1.evil",
            "[::1].evil",
        ] {
            assert!(!access.knows_host(Some(bad)), "{bad}");
        }
        assert!(!access.knows_host(None));
        assert!(Access::new(Some(Secret::new("x")), false, &[]).knows_host(Some("any")));
    }

    #[test]
    fn a_token_or_a_login_is_wanted() {
        let access = Access::new(Some(Secret::new("a long token")), false, &[]);
        let allows = |auth: &str, cookie: &str, t: i64| {
            access.allows(Some(auth).filter(|a| !a.is_empty()), Some(cookie), at(t))
        };
        assert!(allows("Bearer a long token", "", 0));
        assert!(allows("bearer  a long token ", "", 0));
        for bad in [
            "Bearer a long toke",
            "Bearer a long token!",
            "Basic a long token",
            "Bearer",
            "Bearer ",
        ] {
            assert!(!allows(bad, "", 0), "{bad}");
        }
        assert_eq!(access.login("wrong", at(0)), None);
        let set = access.login("a long token", at(0)).unwrap();
        assert!(set.contains("HttpOnly; SameSite=Strict"));
        let cookie = set.split(';').next().unwrap();
        assert!(allows("", &format!("other=1; {cookie}"), 60));
        assert!(!allows("", cookie, 12 * 3600));
        let later = cookie.replacen("palisade=4", "palisade=9", 1);
        assert!(!allows("", &later, 60) && later != cookie);
        // The cookie does not hold the token.
        assert!(!set.contains("long"));
    }
}
