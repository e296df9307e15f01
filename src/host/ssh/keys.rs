//! Private keys, certificates and the agent: each read once a run, shared by all hosts.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Certificate, PrivateKey, PublicKey, decode_secret_key};
use tokio::net::UnixStream;
use tokio::sync::OnceCell;

use crate::host::Prompter;
use crate::host::config::Route;

/// An agent answers a listing at once; one that hangs must not hold a run.
const LISTING: Duration = Duration::from_secs(5);

/// Keys are a few kilobytes; anything larger is not one.
const LARGEST: u64 = 1024 * 1024;

/// As often as ssh asks.
const PASSPHRASES: usize = 3;

/// What a file says about an identity, before any passphrase was asked for.
#[derive(Clone, Default)]
pub(super) struct Identity {
    pub(super) private: Option<Arc<PrivateKey>>,
    /// Encrypted: [`Keys::unlock`] asks.
    pub(super) locked: bool,
    pub(super) public: Option<PublicKey>,
    pub(super) certificate: Option<Certificate>,
    /// Why the file cannot be used.
    pub(super) bad: Option<String>,
}

/// A key whose passphrase is being asked for; none if it was not given.
type Unlocking = Arc<OnceCell<Option<Arc<PrivateKey>>>>;

#[derive(Default)]
pub(crate) struct Keys {
    identities: Mutex<HashMap<PathBuf, Arc<Identity>>>,
    unlocked: Mutex<HashMap<PathBuf, Unlocking>>,
    agents: Mutex<HashMap<PathBuf, Arc<OnceCell<Vec<AgentIdentity>>>>>,
}

impl Keys {
    pub(super) fn identity(&self, path: &Path) -> Arc<Identity> {
        match self.identities.lock() {
            Ok(mut all) => all
                .entry(path.to_owned())
                .or_insert_with(|| Arc::new(read(path)))
                .clone(),
            Err(_) => Arc::default(),
        }
    }

    /// Asks for passphrases that a login will need, before the login's clock runs: for the first
    /// configured key if that is locked, or for any if there is nothing else to log in with.
    pub(crate) async fn prepare(&self, route: &Route, needed: bool, prompter: &dyn Prompter) {
        if !needed || !route.methods.publickey {
            return;
        }
        let held = match &route.agent {
            Some(socket) => self.agent(socket, prompter).await,
            None => Vec::new(),
        };
        let identities = route
            .identities
            .iter()
            .map(|path| (path, self.identity(path)));
        let usable = |identity: &Identity| {
            let public = identity.public.as_ref().map(PublicKey::key_data);
            identity.private.is_some()
                || held
                    .iter()
                    .any(|h| Some(h.public_key().key_data()) == public)
        };
        let (locked, open): (Vec<_>, Vec<_>) = identities
            .filter(|(_, i)| i.locked || usable(i))
            .partition(|(_, i)| !usable(i));
        let first = route.identities.first();
        if !open.iter().any(|(path, _)| Some(*path) == first)
            && locked.iter().any(|(path, _)| Some(*path) == first)
        {
            self.unlock(&locked[0].0.clone(), prompter).await;
        } else if open.is_empty() && (route.identities_only || held.is_empty()) {
            for (path, _) in locked {
                self.unlock(path, prompter).await;
            }
        }
    }

    /// The key of a locked file, if its passphrase was given.
    pub(super) fn unlocked(&self, path: &Path) -> Option<Arc<PrivateKey>> {
        self.unlocked.lock().ok()?.get(path)?.get()?.clone()
    }

    /// The private key, asking once for its passphrase if it is encrypted.
    async fn unlock(&self, path: &Path, prompter: &dyn Prompter) -> Option<Arc<PrivateKey>> {
        let identity = self.identity(path);
        if identity.private.is_some() {
            return identity.private.clone();
        }
        let cell = self
            .unlocked
            .lock()
            .ok()?
            .entry(path.to_owned())
            .or_default()
            .clone();
        cell.get_or_init(|| async {
            for _ in 0..PASSPHRASES {
                let passphrase = prompter.passphrase(path).await?;
                let file = path.to_owned();
                let read = tokio::task::spawn_blocking(move || {
                    let text = zeroize::Zeroizing::new(fs::read_to_string(file).ok()?);
                    decode_secret_key(&text, Some(passphrase.reveal())).ok()
                });
                if let Some(key) = read.await.ok().flatten() {
                    return Some(Arc::new(key));
                }
                prompter.notice(&format!("wrong passphrase for {}", path.display()));
            }
            None
        })
        .await
        .clone()
    }

    /// What the agent holds, asked once a run. An agent that is gone or hangs holds nothing.
    pub(super) async fn agent(&self, socket: &Path, prompter: &dyn Prompter) -> Vec<AgentIdentity> {
        let cell = match self.agents.lock() {
            Ok(mut all) => all.entry(socket.to_owned()).or_default().clone(),
            Err(_) => return Vec::new(),
        };
        let list = cell.get_or_init(|| async {
            let ask = async {
                AgentClient::connect_uds(socket)
                    .await?
                    .request_identities()
                    .await
            };
            match tokio::time::timeout(LISTING, ask).await {
                Ok(Ok(list)) => list,
                Ok(Err(e)) => {
                    prompter.notice(&format!("ssh agent {}: {e}", socket.display()));
                    Vec::new()
                }
                Err(_) => {
                    prompter.notice(&format!("ssh agent {} does not answer", socket.display()));
                    Vec::new()
                }
            }
        });
        list.await.clone()
    }

    /// A connection of its own for signing: agents answer one request at a time.
    pub(super) async fn signer(&self, socket: &Path) -> Option<AgentClient<UnixStream>> {
        tokio::time::timeout(LISTING, AgentClient::connect_uds(socket))
            .await
            .ok()?
            .ok()
    }
}

fn read(path: &Path) -> Identity {
    let mut identity = Identity {
        public: sibling(path, ".pub").and_then(|text| PublicKey::from_openssh(&text).ok()),
        certificate: sibling(path, "-cert.pub").and_then(|t| Certificate::from_openssh(&t).ok()),
        ..Identity::default()
    };
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) => {
            identity.bad = Some(e.to_string());
            return identity;
        }
    };
    let ours = meta.uid() == rustix::process::geteuid().as_raw();
    if meta.len() > LARGEST || !meta.is_file() {
        identity.bad = Some("it is not a key file".into());
        return identity;
    }
    let text = match fs::read_to_string(path) {
        Ok(text) => zeroize::Zeroizing::new(text),
        Err(e) => {
            identity.bad = Some(e.to_string());
            return identity;
        }
    };
    // `IdentityFile key.pub` names a key that an agent holds.
    if let Ok(public) = PublicKey::from_openssh(&text) {
        identity.public = Some(public);
        return identity;
    }
    if ours && meta.mode() & 0o077 != 0 {
        identity.bad = Some(format!(
            "others may read it (mode {:03o})",
            meta.mode() & 0o777
        ));
        return identity;
    }
    if let Ok(key) = PrivateKey::from_openssh(text.as_bytes()) {
        identity.public = Some(key.public_key().clone());
        identity.locked = key.is_encrypted();
        identity.private = (!identity.locked).then(|| Arc::new(key));
        return identity;
    }
    match decode_secret_key(&text, None) {
        Ok(key) => {
            identity.public = Some(key.public_key().clone());
            identity.private = Some(Arc::new(key));
        }
        Err(_) if text.contains("ENCRYPTED") => identity.locked = true,
        Err(e) => identity.bad = Some(e.to_string()),
    }
    identity
}

fn sibling(path: &Path, ending: &str) -> Option<String> {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    fs::read_to_string(name)
        .ok()
        .filter(|text| text.len() as u64 <= LARGEST)
}
