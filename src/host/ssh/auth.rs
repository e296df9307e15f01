//! Logging in: which identities are offered in which order, and what a refusal means.

use std::path::Path;
use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Reply};
use russh::keys::agent::AgentIdentity;
use russh::keys::{Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, MethodSet};

use super::handler::{Client, Seen};
use super::keys::Keys;
use crate::host::config::Route;
use crate::host::{Entry, ErrorKind, HostError, Prompter, plain};
use crate::source::secret::Secret;

/// sshd's MaxAuthTries. More would lock the address out, and the last try must be ours to choose.
const TRIES: usize = 6;

/// Rounds and prompts of a keyboard-interactive exchange that is only about a password.
const ROUNDS: usize = 3;
const PROMPTS: usize = 8;

/// Who logs in, with what.
pub(super) struct Login<'a> {
    pub(super) route: &'a Route,
    /// Shown in messages.
    pub(super) place: &'a str,
    /// Not set when the host key is not the one that is written down.
    pub(super) password: Option<&'a Secret>,
    pub(super) keys: &'a Keys,
    pub(super) prompter: &'a dyn Prompter,
    pub(super) seen: &'a Seen,
}

enum Candidate {
    Key(Arc<PrivateKey>),
    Certificate(Arc<PrivateKey>, Box<Certificate>),
    Agent(Box<AgentIdentity>),
}

struct Attempt<'a> {
    login: &'a Login<'a>,
    handle: &'a mut Handle<Client>,
    /// What was tried last.
    entry: Entry,
    /// What the server still takes; `None` until it said so.
    takes: Option<MethodSet>,
    tried: Vec<String>,
    rsa: Option<Option<HashAlg>>,
}

/// Logs in or says why not. The caller holds the deadline.
pub(super) async fn log_in(
    handle: &mut Handle<Client>,
    login: &Login<'_>,
) -> Result<Entry, HostError> {
    let mut attempt = Attempt {
        login,
        handle,
        entry: Entry::default(),
        takes: None,
        tried: Vec::new(),
        rsa: None,
    };
    let candidates = match login.route.methods.publickey {
        true => candidates(login).await,
        false => Vec::new(),
    };
    let password = login
        .password
        .filter(|_| login.route.methods.password || login.route.methods.keyboard);
    let most = TRIES - usize::from(password.is_some());
    for candidate in candidates {
        if attempt.tried.len() >= most || !attempt.takes(MethodKind::PublicKey) {
            break;
        }
        if attempt.offer(candidate).await? {
            return Ok(attempt.entry);
        }
    }
    if attempt.takes.is_none() {
        // Nothing was offered yet: ask what is taken, so that the password goes the right way.
        attempt.by("none");
        let result = attempt.handle.authenticate_none(&login.route.user).await;
        if attempt.judge(result)? {
            return Ok(attempt.entry);
        }
    }
    if let Some(password) = password {
        if login.route.methods.password && attempt.takes(MethodKind::Password) {
            attempt.tried.push("password".into());
            attempt.by("password");
            let user = login.route.user.as_str();
            let result = attempt
                .handle
                .authenticate_password(user, password.reveal())
                .await;
            if attempt.judge(result)? {
                return Ok(attempt.entry);
            }
        } else if login.route.methods.keyboard
            && attempt.takes(MethodKind::KeyboardInteractive)
            && attempt.keyboard(password).await?
        {
            return Ok(attempt.entry);
        }
    }
    Err(attempt.refused())
}

impl Attempt<'_> {
    fn by(&mut self, method: &'static str) {
        self.entry = Entry { method, key: None };
    }

    fn by_key(&mut self, key: &PublicKey) {
        let text = key.to_openssh().unwrap_or_default();
        let mut words = text.split(' ').map(str::to_owned);
        self.entry = Entry {
            method: "publickey",
            key: words.next().zip(words.next()),
        };
    }

    fn takes(&self, method: MethodKind) -> bool {
        self.takes
            .as_ref()
            .is_none_or(|takes| takes.contains(&method))
    }

    /// Whether this let us in. A connection that ended is not a refusal.
    fn judge(&mut self, result: Result<AuthResult, russh::Error>) -> Result<bool, HostError> {
        match result {
            Ok(AuthResult::Success) => Ok(true),
            Ok(AuthResult::Failure {
                remaining_methods, ..
            }) => {
                if remaining_methods.is_empty() && self.handle.is_closed() {
                    return Err(self.lost());
                }
                self.takes = Some(remaining_methods);
                Ok(false)
            }
            Err(_) => Err(self.lost()),
        }
    }

    async fn offer(&mut self, candidate: Candidate) -> Result<bool, HostError> {
        let user = self.login.route.user.as_str();
        match candidate {
            Candidate::Key(key) => {
                self.tried.push(name(key.public_key()));
                self.by_key(key.public_key());
                let Some(hash) = self.hash(key.algorithm().is_rsa()).await? else {
                    return Ok(false);
                };
                let key = PrivateKeyWithHashAlg::new(key, hash);
                let result = self.handle.authenticate_publickey(user, key).await;
                self.judge(result)
            }
            Candidate::Certificate(key, certificate) => {
                self.tried
                    .push(format!("certificate {}", plain(certificate.key_id())));
                self.by("publickey");
                let result = self
                    .handle
                    .authenticate_openssh_cert(user, key, *certificate)
                    .await;
                self.judge(result)
            }
            Candidate::Agent(identity) => self.offer_agent(*identity).await,
        }
    }

    async fn offer_agent(&mut self, identity: AgentIdentity) -> Result<bool, HostError> {
        let user = self.login.route.user.as_str();
        let Some(socket) = &self.login.route.agent else {
            return Ok(false);
        };
        let Some(mut signer) = self.login.keys.signer(socket).await else {
            return Ok(false);
        };
        if let Some(binding) = self.handle.agent_session_binding() {
            // Only agents with destination-constrained keys know this; the others say no.
            let _ = signer.bind_session(binding, false).await;
        }
        let result = match identity {
            AgentIdentity::PublicKey { key, .. } => {
                self.tried.push(format!("{} (agent)", name(&key)));
                self.by_key(&key);
                let Some(hash) = self.hash(key.algorithm().is_rsa()).await? else {
                    return Ok(false);
                };
                self.handle
                    .authenticate_publickey_with(user, key, hash, &mut signer)
                    .await
            }
            AgentIdentity::Certificate { certificate, .. } => {
                self.tried.push(format!(
                    "certificate {} (agent)",
                    plain(certificate.key_id())
                ));
                self.by("publickey");
                let rsa = certificate.algorithm().is_rsa();
                let Some(hash) = self.hash(rsa).await? else {
                    return Ok(false);
                };
                self.handle
                    .authenticate_certificate_with(user, certificate, hash, &mut signer)
                    .await
            }
        };
        match result {
            Ok(result) => self.judge(Ok(result)),
            Err(_) if self.handle.is_closed() => Err(self.lost()),
            Err(error) => {
                self.login
                    .prompter
                    .notice(&format!("ssh agent did not sign: {error}"));
                Ok(false)
            }
        }
    }

    /// The hash of RSA signatures. `None` for a server that knows only SHA-1.
    async fn hash(&mut self, rsa: bool) -> Result<Option<Option<HashAlg>>, HostError> {
        if !rsa {
            return Ok(Some(None));
        }
        if self.rsa.is_none() {
            let best = match self.handle.best_supported_rsa_hash().await {
                Ok(best) => best.unwrap_or(Some(HashAlg::Sha512)),
                Err(_) => return Err(self.lost()),
            };
            self.rsa = Some(best);
        }
        Ok(self.rsa.flatten().map(Some))
    }

    /// Answers a single hidden prompt with the password, once. Anything else is not about it.
    async fn keyboard(&mut self, password: &Secret) -> Result<bool, HostError> {
        self.tried.push("keyboard-interactive".into());
        self.by("keyboard-interactive");
        let user = self.login.route.user.as_str();
        let mut reply = self
            .handle
            .authenticate_keyboard_interactive_start(user, None)
            .await;
        let mut answered = false;
        for _ in 0..ROUNDS {
            let prompts = match reply {
                Ok(Reply::Success) => return Ok(true),
                Ok(Reply::Failure {
                    remaining_methods, ..
                }) => {
                    self.takes = Some(remaining_methods);
                    return Ok(false);
                }
                Ok(Reply::InfoRequest { prompts, .. }) => prompts,
                Err(_) => return Err(self.lost()),
            };
            let answers = match prompts.as_slice() {
                [] => Vec::new(),
                [prompt] if !prompt.echo && !answered => {
                    answered = true;
                    vec![password.reveal().to_owned()]
                }
                many => {
                    let asks: Vec<String> = many
                        .iter()
                        .take(PROMPTS)
                        .map(|p| plain(p.prompt.trim()).into_owned())
                        .collect();
                    return Err(HostError::new(
                        ErrorKind::Auth,
                        format!(
                            "{} asks for more than a password: {asks:?}",
                            self.login.place
                        ),
                    ));
                }
            };
            reply = self
                .handle
                .authenticate_keyboard_interactive_respond(answers)
                .await;
        }
        Ok(matches!(reply, Ok(Reply::Success)))
    }

    fn lost(&self) -> HostError {
        let place = self.login.place;
        let words = self.login.seen.last_words().unwrap_or_default();
        // sshd says so when its own limit was lower than ours.
        if words.contains("Too many authentication failures") {
            return self.refused();
        }
        HostError::new(
            ErrorKind::Unreachable,
            match words.as_str() {
                "" => format!("{place} hung up during login"),
                words => format!("{place} hung up during login: {}", plain(words)),
            },
        )
    }

    fn refused(&self) -> HostError {
        let Login {
            route,
            place,
            password,
            ..
        } = self.login;
        let tried = match self.tried.as_slice() {
            [] => "nothing to try".to_owned(),
            tried => format!("tried {}", tried.join(", ")),
        };
        let takes = self.takes.as_ref().map(|takes| {
            takes
                .iter()
                .map(<&str>::from)
                .collect::<Vec<_>>()
                .join(", ")
        });
        let takes = takes
            .map(|takes| format!("; the server takes {takes}"))
            .unwrap_or_default();
        let banner = match self.login.seen.banner() {
            none if none.trim().is_empty() => String::new(),
            banner => format!("; it says: {}", plain(banner.trim())),
        };
        let error = HostError::new(
            ErrorKind::Auth,
            format!(
                "{place} refused the login of {} ({tried}{takes}){banner}",
                route.user
            ),
        );
        let bad = route.identities.iter().find_map(|path| {
            let identity = self.login.keys.identity(path);
            let locked = identity.locked && self.login.keys.unlocked(path).is_none();
            let bad = match locked {
                true => "it is locked by a passphrase".to_owned(),
                false => identity.bad.clone()?,
            };
            path.exists()
                .then(|| format!("key {} was not used: {bad}", path.display()))
        });
        match bad {
            Some(bad) => error.hint(bad),
            None if self.tried.is_empty() && password.is_none() => error.hint(
                "no key was found; use --private-key, an ssh agent, or --ask-pass for a password",
            ),
            None => error,
        }
    }
}

/// Certificates first, then keys that are configured, then what else the agent holds.
async fn candidates(login: &Login<'_>) -> Vec<Candidate> {
    let Login {
        route,
        keys,
        prompter,
        ..
    } = *login;
    let agent = match &route.agent {
        Some(socket) => keys.agent(socket, prompter).await,
        None => Vec::new(),
    };
    let held = |public: &PublicKey| {
        agent.iter().find(|identity| match identity {
            AgentIdentity::PublicKey { key, .. } => key.key_data() == public.key_data(),
            AgentIdentity::Certificate { .. } => false,
        })
    };
    let mut certificates = Vec::new();
    let mut own = Vec::new();
    let mut used: Vec<&AgentIdentity> = Vec::new();
    let extra: Vec<Certificate> = route
        .certificates
        .iter()
        .filter_map(|path| certificate(path))
        .collect();
    for path in &route.identities {
        let identity = keys.identity(path);
        let in_agent = identity.public.as_ref().and_then(held);
        let private = identity.private.clone().or_else(|| keys.unlocked(path));
        for cert in identity.certificate.iter().chain(&extra) {
            let ours = identity.public.as_ref().map(PublicKey::key_data) == Some(cert.public_key());
            match (&private, in_agent) {
                (Some(key), _) if ours => {
                    certificates.push(Candidate::Certificate(key.clone(), Box::new(cert.clone())));
                }
                (None, Some(_)) if ours => {
                    let (certificate, comment) = (cert.clone(), String::new());
                    certificates.push(Candidate::Agent(Box::new(AgentIdentity::Certificate {
                        certificate,
                        comment,
                    })));
                }
                _ => {}
            }
        }
        match (&private, in_agent) {
            (_, Some(held)) => {
                used.push(held);
                own.push(Candidate::Agent(Box::new(held.clone())));
            }
            (Some(key), None) => own.push(Candidate::Key(key.clone())),
            (None, None) => {}
        }
    }
    let mut all = certificates;
    all.extend(own);
    if !route.identities_only {
        let rest = agent
            .iter()
            .filter(|identity| !used.iter().any(|u| std::ptr::eq(*u, *identity)));
        all.extend(rest.map(|identity| Candidate::Agent(Box::new(identity.clone()))));
    }
    all
}

fn certificate(path: &Path) -> Option<Certificate> {
    Certificate::from_openssh(&std::fs::read_to_string(path).ok()?).ok()
}

fn name(key: &PublicKey) -> String {
    format!(
        "{} {}",
        super::algorithms::plain_name(&key.algorithm()),
        key.fingerprint(HashAlg::Sha256)
    )
}
