//! The lab's client key and the list of its hosts' keys.

use std::fs;
use std::path::PathBuf;

use super::error::{LabError, doing};
use super::store::{Notes, Store, write};
use crate::host::keygen::{NewKey, ed25519};

/// What a client needs to log in to a lab's hosts.
#[derive(Clone, Debug)]
pub struct Keys {
    pub client: PathBuf,
    pub client_public: String,
    pub known_hosts: PathBuf,
}

/// The lab's keys; made on first use.
pub(crate) fn of(store: &Store) -> Result<Keys, LabError> {
    let client = store.path("key");
    let public = store.path("key.pub");
    if !public.exists() {
        let key = fresh()?;
        write(&client, key.private.as_bytes(), 0o600)?;
        write(
            &public,
            format!("{} palisade-lab\n", key.public).as_bytes(),
            0o644,
        )?;
    }
    let text = fs::read_to_string(&public).map_err(doing(format!("read {}", public.display())))?;
    let client_public = text
        .split(' ')
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
        .trim()
        .to_string();
    Ok(Keys {
        client,
        client_public,
        known_hosts: store.path("known_hosts"),
    })
}

pub(crate) fn fresh() -> Result<NewKey, LabError> {
    ed25519().map_err(|e| LabError::Refused {
        what: "a new SSH key".into(),
        why: e.message,
    })
}

/// Writes the hosts' keys under their names and their addresses.
pub(crate) fn known_hosts(store: &Store, notes: &Notes) -> Result<(), LabError> {
    let lines = notes
        .hosts
        .iter()
        .map(|h| format!("{},{} {}\n", h.name, h.address, h.public_key));
    write(
        &store.path("known_hosts"),
        lines.collect::<String>().as_bytes(),
        0o644,
    )
}
