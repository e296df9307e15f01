//! Connecting to many hosts: what they share (known hosts, keys, agent, jump hosts) and how the
//! crowd behaves (a few logins at a time per server, patience with one that is full).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::arguments::{Setting, join};
use super::config::{Configs, Proxy, Route, Strict, Surroundings};
use super::container::ContainerLink;
use super::known_hosts::KnownHosts;
use super::local::LocalLink;
use super::ssh::keys::Keys;
use super::ssh::{Gauge, Hop, Session, SshLink, Way, open};
use super::target::{Kind, SshTarget, Target};
use super::{BoxFuture, Deadlines, ErrorKind, HostError, Link};
use crate::source::secret::Secret;

/// Logins under way at one server. sshd drops some from the tenth on (MaxStartups 10:30:100).
const LOGINS: usize = 8;

/// How long a server may be too busy to say its name before that is a failure.
const PATIENCE: Duration = Duration::from_secs(15);
const FIRST_WAIT: Duration = Duration::from_millis(150);
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// Jump hosts behind jump hosts; more is a loop in the configuration.
const JUMPS: usize = 8;

/// Whom to ask for what only the user knows, and whom to tell.
pub trait Prompter: Send + Sync {
    /// The passphrase of a key file; asked once a file, and only if nothing else worked.
    fn passphrase<'a>(&'a self, key: &'a Path) -> BoxFuture<'a, Option<Secret>>;

    /// Something the user should know that is no failure.
    fn notice(&self, text: &str);
}

/// Knows nothing and tells nobody.
pub struct Silent;

impl Prompter for Silent {
    fn passphrase<'a>(&'a self, _key: &'a Path) -> BoxFuture<'a, Option<Secret>> {
        Box::pin(std::future::ready(None))
    }

    fn notice(&self, _text: &str) {}
}

/// How a run connects.
#[derive(Clone)]
pub struct DialOptions {
    pub around: Surroundings,
    pub deadlines: Deadlines,
    /// Writes unknown host keys down instead of refusing them.
    pub accept_new: bool,
    /// The value of `host_key_checking`: `Some(false)` connects whatever the key is.
    pub host_key_checking: Option<bool>,
    /// `--private-key`, for targets that name none.
    pub private_key: Option<PathBuf>,
    pub prompter: Arc<dyn Prompter>,
}

impl DialOptions {
    pub fn new(around: Surroundings) -> DialOptions {
        DialOptions {
            around,
            deadlines: Deadlines::default(),
            accept_new: false,
            host_key_checking: None,
            private_key: None,
            prompter: Arc::new(Silent),
        }
    }
}

type Slot = Arc<tokio::sync::Mutex<Option<Arc<Session>>>>;

/// Connects to hosts. One for a run; share it by reference or in an `Arc`.
pub struct Dialer {
    options: DialOptions,
    configs: Configs,
    known: Arc<KnownHosts>,
    keys: Keys,
    jumps: Mutex<HashMap<String, Slot>>,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
    gauge: Gauge,
    jitter: RandomState,
}

impl Dialer {
    pub fn new(options: DialOptions) -> Dialer {
        Dialer {
            configs: Configs::new(options.around.clone()),
            options,
            known: Arc::default(),
            keys: Keys::default(),
            jumps: Mutex::default(),
            gates: Mutex::default(),
            gauge: Gauge::default(),
            jitter: RandomState::new(),
        }
    }

    /// Connects and logs in, or says why not. Dropping the future gives up and leaves nothing open.
    pub async fn connect(&self, target: &Target) -> Result<Box<dyn Link>, HostError> {
        target.check()?;
        match &target.kind {
            Kind::Local => Ok(Box::new(LocalLink::new())),
            Kind::Container { engine, id, user } => Ok(Box::new(ContainerLink::new(
                *engine,
                id.clone(),
                user.clone(),
            ))),
            Kind::Ssh(ssh) => {
                let session = self.session(&target.name, ssh, 0).await?;
                Ok(Box::new(SshLink(session)))
            }
        }
    }

    /// Open connections, jump hosts included.
    pub fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    /// Ends the connections to jump hosts.
    pub fn close(&self) {
        if let Ok(mut jumps) = self.jumps.lock() {
            jumps.clear();
        }
    }

    async fn session(
        &self,
        name: &str,
        ssh: &SshTarget,
        depth: usize,
    ) -> Result<Arc<Session>, HostError> {
        let mut settings = ssh.settings()?;
        if let (None, Some(key)) = (&ssh.private_key, &self.options.private_key) {
            settings.push(Setting::new("identityfile", key.to_string_lossy()));
        }
        let config = settings
            .iter()
            .find(|s| s.key == "configfile")
            .map(|s| s.value.clone());
        let route = self.configs.route(&ssh.host, settings).await?;
        let Proxy::Jump(hops, args) = &route.proxy else {
            return self.through(name, ssh, &route, None).await;
        };
        // `-F` of the target is for its jump hosts too, as with ssh.
        let common: Vec<String> = config
            .map(|config| join(&["-F".to_owned(), config]))
            .into_iter()
            .collect();
        let args: Vec<String> = common.iter().chain(args).cloned().collect();
        let jump = self.jump(hops, &args, &common, depth).await?;
        match self.through(name, ssh, &route, Some(jump.clone())).await {
            // The shared connection had ended unnoticed; a new one is made for all.
            Err(error) if error.kind == ErrorKind::Unreachable && jump.is_lost() => {
                let jump = self.jump(hops, &args, &common, depth).await?;
                self.through(name, ssh, &route, Some(jump)).await
            }
            done => done,
        }
    }

    /// The session of a chain of jump hosts, shared by all targets behind it. `args` are ssh
    /// arguments for the last one, `common` for those before it.
    fn jump<'a>(
        &'a self,
        hops: &'a [String],
        args: &'a [String],
        common: &'a [String],
        depth: usize,
    ) -> BoxFuture<'a, Result<Arc<Session>, HostError>> {
        Box::pin(async move {
            let Some((last, before)) = hops.split_last() else {
                return Err(HostError::new(
                    ErrorKind::Unreachable,
                    "ProxyJump names no host",
                ));
            };
            if depth >= JUMPS {
                return Err(HostError::new(
                    ErrorKind::Unreachable,
                    format!("ProxyJump {last}: more than {JUMPS} jump hosts in a row"),
                ));
            }
            let key = format!("{}\n{}", hops.join(","), args.join(" "));
            let slot = match self.jumps.lock() {
                Ok(mut jumps) => jumps.entry(key).or_default().clone(),
                Err(_) => Slot::default(),
            };
            let mut slot = slot.lock().await;
            if let Some(session) = slot.as_ref().filter(|session| !session.is_lost()) {
                return Ok(session.clone());
            }
            let mut hop = parse_hop(last)?;
            hop.args = args.to_vec();
            let session = match before {
                [] => self.session(&hop.host, &hop, depth + 1).await,
                before => {
                    let via = self.jump(before, common, common, depth + 1).await?;
                    let route = self.configs.route(&hop.host, hop.settings()?).await?;
                    self.through(&hop.host, &hop, &route, Some(via)).await
                }
            };
            let session = session.map_err(|mut error| {
                error.message = format!("jump host {}: {}", hop.host, error.message);
                error
            })?;
            *slot = Some(session.clone());
            Ok(session)
        })
    }

    async fn through(
        &self,
        name: &str,
        ssh: &SshTarget,
        route: &Route,
        jump: Option<Arc<Session>>,
    ) -> Result<Arc<Session>, HostError> {
        let way = match (jump, &route.proxy) {
            (Some(session), _) => Way::Jump(session),
            (None, Proxy::Command(command)) => Way::Command(command.clone()),
            (None, _) => Way::Socket,
        };
        let hop = Hop {
            place: name.to_owned(),
            route,
            way,
            password: ssh.password.as_ref(),
            strict: self.strict(ssh, route),
            known: &self.known,
            keys: &self.keys,
            prompter: &self.options.prompter,
            deadlines: self.options.deadlines,
            gauge: &self.gauge,
        };
        let explicit = ssh.private_key.is_some() || self.options.private_key.is_some();
        let alone = explicit || ssh.password.is_none();
        self.keys
            .prepare(route, alone, &*self.options.prompter)
            .await;
        let gate = self.gate(route);
        let start = Instant::now();
        let mut wait = FIRST_WAIT;
        loop {
            // Closed never: the gate lives as long as the dialer.
            let permit = gate.acquire().await;
            let error = match open(&hop).await {
                Ok(session) => return Ok(Arc::new(session)),
                Err(super::ssh::Failure::Final(error)) => return Err(error),
                Err(super::ssh::Failure::Busy(error)) => error,
            };
            drop(permit);
            if start.elapsed() + wait > PATIENCE {
                return Err(error);
            }
            tokio::time::sleep(self.spread(wait)).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn strict(&self, ssh: &SshTarget, route: &Route) -> Strict {
        match ssh.host_key_checking.or(self.options.host_key_checking) {
            Some(false) => return Strict::No,
            Some(true) if route.strict == Strict::No => return Strict::Yes,
            _ => {}
        }
        match route.strict {
            Strict::Yes if self.options.accept_new => Strict::AcceptNew,
            other => other,
        }
    }

    fn gate(&self, route: &Route) -> Arc<Semaphore> {
        let new = || Arc::new(Semaphore::new(LOGINS));
        match self.gates.lock() {
            Ok(mut gates) => {
                let key = format!("{} {}", route.host, route.port);
                gates.entry(key).or_insert_with(new).clone()
            }
            Err(_) => new(),
        }
    }

    /// Between half and one and a half of a wait, so that a dropped crowd does not come back as one.
    fn spread(&self, wait: Duration) -> Duration {
        let random = self.jitter.hash_one(Instant::now()) % 1024;
        wait / 2 + wait * u32::try_from(random).unwrap_or(512) / 1024
    }
}

/// `[user@]host[:port]`, `[user@][v6]:port`, or `ssh://` before it.
fn parse_hop(text: &str) -> Result<SshTarget, HostError> {
    let bad = || HostError::new(ErrorKind::Unreachable, format!("bad jump host {text:?}"));
    let rest = text
        .strip_prefix("ssh://")
        .unwrap_or(text)
        .trim_end_matches('/');
    let (user, place) = match rest.rsplit_once('@') {
        Some((user, place)) => (Some(user.to_owned()), place),
        None => (None, rest),
    };
    let (host, port) = match place.strip_prefix('[') {
        Some(v6) => {
            let (host, port) = v6.split_once(']').ok_or_else(bad)?;
            (host, port.strip_prefix(':'))
        }
        None if place.matches(':').count() == 1 => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
        None => (place, None),
    };
    let port = port
        .map(|port| port.parse().map_err(|_| bad()))
        .transpose()?;
    Ok(SshTarget {
        host: host.to_owned(),
        user,
        port,
        ..SshTarget::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jump_hosts_in_every_spelling() {
        let read = |text| {
            let hop = parse_hop(text).unwrap();
            (
                hop.user.unwrap_or_default(),
                hop.host,
                hop.port.unwrap_or(0),
            )
        };
        assert_eq!(read("b"), (String::new(), "b".into(), 0));
        assert_eq!(read("u@b:22"), ("u".into(), "b".into(), 22));
        assert_eq!(
            read("ssh://u@[fe80::1]:2200/"),
            ("u".into(), "fe80::1".into(), 2200)
        );
        assert_eq!(read("fe80::1"), (String::new(), "fe80::1".into(), 0));
        assert!(parse_hop("b:none").is_err());
    }
}
