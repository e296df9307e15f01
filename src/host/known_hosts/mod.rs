//! Whether a host key is the host's: OpenSSH's decision, made here.
//!
//! Files are read and indexed once a run and shared by all hosts. Whatever cannot be read or
//! understood where it matters is a refusal, never "unknown": an unreadable file must not turn a
//! changed key into a new one.

mod certificate;
mod file;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Certificate, HashAlg, PublicKey};

use super::ssh::algorithms::plain_name;
use super::{ErrorKind, HostError};
pub(crate) use file::{Entry, Marker};
use file::{Lines, append};

/// Where a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Verdict {
    Known,
    /// Nothing is known of this host, or only keys of these other types.
    Unknown {
        others: Vec<String>,
    },
    /// Another key of this type is written down.
    Changed(Place),
    Revoked(Place),
}

/// The known_hosts files of a run.
#[derive(Default)]
pub(crate) struct KnownHosts {
    files: Mutex<HashMap<PathBuf, Arc<Result<Lines, HostError>>>>,
    /// Written down during this run: file, name, key.
    learned: Mutex<Vec<(PathBuf, String, KeyData)>>,
}

/// What the files say about one host, before any key was seen.
pub(crate) struct Record {
    /// As known_hosts writes it: `host`, or `[host]:port`.
    pub(crate) name: String,
    /// The name that host certificates are for.
    principal: String,
    entries: Vec<(Place, Entry)>,
    /// What is known of the same host without its port: OpenSSH accepts that key as well.
    portless: Vec<(Place, Entry)>,
}

impl KnownHosts {
    /// Looks a host up in these files. `alias` replaces the host name, and has no port.
    pub(crate) fn record(
        &self,
        files: &[PathBuf],
        host: &str,
        port: u16,
        alias: Option<&str>,
    ) -> Result<Record, HostError> {
        let principal = alias.unwrap_or(host).to_lowercase();
        let name = match (alias, port) {
            (Some(_), _) | (None, 22) => principal.clone(),
            (None, port) => format!("[{principal}]:{port}"),
        };
        let mut record = Record {
            entries: Vec::new(),
            portless: Vec::new(),
            name,
            principal,
        };
        for path in files {
            let lines = self.lines(path);
            let lines = (*lines).as_ref().map_err(HostError::clone)?;
            lines.find(path, &record.name, &mut record.entries)?;
            if record.name != record.principal {
                lines.find(path, &record.principal, &mut record.portless)?;
            }
        }
        let learned = self.learned.lock().map_err(|_| poisoned())?;
        for (file, _, key) in learned.iter().filter(|(_, name, _)| *name == record.name) {
            let place = Place {
                file: file.clone(),
                line: 0,
            };
            record.entries.push((
                place,
                Entry {
                    marker: Marker::Key,
                    key: key.clone(),
                },
            ));
        }
        Ok(record)
    }

    fn lines(&self, path: &Path) -> Arc<Result<Lines, HostError>> {
        match self.files.lock() {
            Ok(mut files) => files
                .entry(path.to_owned())
                .or_insert_with(|| Arc::new(Lines::read(path)))
                .clone(),
            Err(_) => Arc::new(Err(poisoned())),
        }
    }

    /// Writes a key down, whole lines at a time, and remembers it for the rest of the run.
    pub(crate) fn learn(
        &self,
        path: &Path,
        name: &str,
        key: &PublicKey,
        hash: bool,
    ) -> Result<(), HostError> {
        let mut learned = self.learned.lock().map_err(|_| poisoned())?;
        let data = key.key_data().clone();
        if learned.iter().any(|(_, n, k)| n == name && *k == data) {
            return Ok(());
        }
        append(path, name, key, hash)?;
        learned.push((path.to_owned(), name.to_owned(), data));
        Ok(())
    }
}

impl Record {
    /// The types of the keys that are known, for asking the server for one of those first.
    pub(crate) fn known_types(&self) -> Vec<String> {
        let mut types: Vec<String> = Vec::new();
        for (_, entry) in self.keys() {
            let name = plain_name(&entry.key.algorithm());
            if !types.contains(&name) {
                types.push(name);
            }
        }
        types
    }

    /// Whether an authority is written down that may vouch for this host.
    pub(crate) fn has_authority(&self) -> bool {
        self.authorities().next().is_some()
    }

    fn authorities(&self) -> impl Iterator<Item = &Entry> {
        let all = self.entries.iter().chain(&self.portless);
        all.map(|(_, entry)| entry)
            .filter(|entry| entry.marker == Marker::Authority)
    }

    /// Keys that the host may have: those for its port, or if there are none, those for the host.
    fn keys(&self) -> impl Iterator<Item = &(Place, Entry)> {
        let plain = |(_, entry): &&(Place, Entry)| entry.marker == Marker::Key;
        let own = self.entries.iter().any(|e| plain(&e));
        let from = if own { &self.entries } else { &self.portless };
        from.iter().filter(plain)
    }

    fn revoked(&self, key: &KeyData) -> Option<&Place> {
        let all = self.entries.iter().chain(&self.portless);
        all.filter(|(_, e)| e.marker == Marker::Revoked && e.key == *key)
            .map(|(p, _)| p)
            .next()
    }

    /// The verdict on a plain key.
    pub(crate) fn judge(&self, key: &PublicKey) -> Verdict {
        let key = key.key_data();
        if let Some(place) = self.revoked(key) {
            return Verdict::Revoked(place.clone());
        }
        if self.keys().any(|(_, entry)| entry.key == *key) {
            return Verdict::Known;
        }
        let kind = plain_name(&key.algorithm());
        let own = || self.entries.iter().filter(|(_, e)| e.marker == Marker::Key);
        match own().find(|(_, entry)| plain_name(&entry.key.algorithm()) == kind) {
            Some((place, _)) => Verdict::Changed(place.clone()),
            None => {
                let mut others: Vec<String> =
                    own().map(|(_, e)| plain_name(&e.key.algorithm())).collect();
                others.dedup();
                Verdict::Unknown { others }
            }
        }
    }

    /// The verdict on a certificate; one that no authority vouches for counts as its plain key.
    pub(crate) fn judge_certificate(&self, cert: &Certificate, now: u64) -> Verdict {
        for key in [cert.public_key(), cert.signature_key()] {
            if let Some(place) = self.revoked(key) {
                return Verdict::Revoked(place.clone());
            }
        }
        let trusted = self
            .authorities()
            .any(|entry| certificate::vouches(&entry.key, cert, &self.principal, now));
        match trusted {
            true => Verdict::Known,
            false => self.judge(&PublicKey::new(cert.public_key().clone(), "")),
        }
    }
}

/// Says what is wrong with a host key, and what to do about it.
pub(crate) fn refusal(name: &str, key: &PublicKey, verdict: &Verdict) -> HostError {
    let print = key.fingerprint(HashAlg::Sha256);
    let kind = plain_name(&key.algorithm());
    let host = name
        .strip_prefix('[')
        .and_then(|n| n.split_once("]:"))
        .unwrap_or((name, "22"));
    let learn = format!(
        "compare it with the host's own; then: ssh-keyscan -p {} {} >> ~/.ssh/known_hosts, or run \
         with --accept-new-host-keys",
        host.1, host.0
    );
    let error = |text| HostError::new(ErrorKind::HostKey, text);
    let changed = |text| HostError::new(ErrorKind::HostKeyChanged, text);
    match verdict {
        Verdict::Known => error(format!("host key of {name} is known")),
        Verdict::Unknown { others } if others.is_empty() => {
            error(format!("host key of {name} is not known ({kind} {print})")).hint(learn)
        }
        Verdict::Unknown { others } => error(format!(
            "host key of {name} is not known: the server shows {kind} {print}, but {} is written \
             down",
            others.join(", ")
        ))
        .hint("a server that hides the key you know may be an impostor; check it on the host"),
        Verdict::Changed(place) => changed(format!(
            "host key of {name} has changed: the server shows {kind} {print}, {}:{} holds another",
            place.file.display(),
            place.line
        ))
        .hint(format!(
            "if the host was reinstalled: ssh-keygen -f {} -R '{name}'",
            place.file.display()
        )),
        Verdict::Revoked(place) => changed(format!(
            "host key of {name} is revoked by {}:{} ({kind} {print})",
            place.file.display(),
            place.line
        )),
    }
}

fn poisoned() -> HostError {
    HostError::new(ErrorKind::HostKey, "known_hosts: an earlier look-up failed")
}

#[cfg(test)]
mod tests;
