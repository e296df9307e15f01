//! From a host's variables to how it is reached.

use std::path::PathBuf;
use std::sync::Arc;

use crate::action::arg::{FromArg, text};
use crate::host::target::{Engine, Kind, SshTarget, Target};
use crate::host::{Connect, ErrorKind, HostError, Link};
use crate::resource::script::{quote, words};
use crate::source::{Secret, Value};
use crate::vars::{Scope, SearchPath, Templar};

use super::event::HostName;
use super::fleet::{Fleet, TaskLayers};
use super::options::Connection;

/// The name that this machine goes by when a task says `connection: local`: no host can have it.
pub(super) const HERE: &str = "@here";

/// Resolves and connects hosts of a run.
pub(super) struct Targets {
    pub dialer: Arc<dyn Connect>,
    pub fleet: Arc<Fleet>,
    pub templar: Arc<Templar>,
    pub connection: Connection,
}

/// The argument that has a host be a jump host, reached as the inventory says.
fn hop(host: &SshTarget) -> String {
    let mut line: Vec<String> = ["ssh", "-W", "%h:%p"].map(Into::into).to_vec();
    let port = host.port.map(|p| p.to_string());
    let key = host.private_key.as_ref().map(|k| k.display().to_string());
    for (flag, value) in [("-p", port), ("-l", host.user.clone()), ("-i", key)] {
        line.extend(value.into_iter().flat_map(|v| [flag.to_owned(), v]));
    }
    // Each of them may hold several words.
    let args = host.args.iter();
    line.extend(args.flat_map(|a| words(a).unwrap_or_else(|| vec![a.clone()])));
    line.push(host.host.clone());
    let command: Vec<_> = line.iter().map(|w| quote(w)).collect();
    let option = format!("ProxyCommand={}", command.join(" "));
    format!("-o {}", quote(&option))
}

impl Targets {
    pub(super) async fn connect(
        &self,
        subject: &HostName,
        to: &HostName,
    ) -> Result<Box<dyn Link>, HostError> {
        let _ = subject;
        let target = self.resolve(to)?;
        self.dialer.connect(&target).await
    }

    /// A login to a host by way of another one of the inventory, from whose address it comes.
    pub(super) async fn connect_from(
        &self,
        to: &HostName,
        from: &HostName,
    ) -> Result<Box<dyn Link>, HostError> {
        let mut target = self.resolve(to)?;
        match (&mut target.kind, self.resolve(from)?.kind) {
            (Kind::Ssh(ssh), Kind::Ssh(from)) => ssh.args.insert(0, hop(&from)),
            _ => {
                let text = format!("a login from {from} needs ssh on both hosts");
                return Err(HostError::new(ErrorKind::Unreachable, text));
            }
        }
        self.dialer.connect(&target).await
    }

    /// Whether a host is logged in to: whoever is on it already cannot be kept out.
    pub(super) fn is_ssh(&self, to: &HostName) -> bool {
        let target = self.resolve(to);
        target.is_ok_and(|t| matches!(t.kind, Kind::Ssh(_)))
    }

    /// The connection variables of a host. Its facts are not asked: a host does not choose where
    /// its name leads.
    pub(super) fn resolve(&self, to: &HostName) -> Result<Target, HostError> {
        if &**to == HERE {
            return Ok(Target::local(to.to_string()));
        }
        let layers = TaskLayers {
            without_facts: true,
            ..TaskLayers::default()
        };
        let scope = self
            .fleet
            .scope(to, &layers, &Arc::new(SearchPath::default()));
        let known = self.fleet.contains(to);
        let kind = self
            .word(&scope, &["ansible_connection"])?
            .or_else(|| self.connection.kind.clone());
        // `localhost` that nobody put into the inventory is this machine.
        let implicit = !known && matches!(&**to, "localhost" | "127.0.0.1" | "::1");
        let kind = kind.unwrap_or_else(|| if implicit { "local" } else { "ssh" }.to_owned());
        let short = kind.rsplit('.').next().unwrap_or(&kind);
        let address = self
            .word(&scope, &["ansible_host", "ansible_ssh_host"])?
            .unwrap_or_else(|| to.to_string());
        match short {
            "local" => Ok(Target::local(to.to_string())),
            "docker" | "podman" => {
                let engine = if short == "docker" {
                    Engine::Docker
                } else {
                    Engine::Podman
                };
                let user = self
                    .word(&scope, &["ansible_user"])?
                    .or_else(|| self.connection.user.clone());
                let kind = Kind::Container {
                    engine,
                    id: address,
                    user,
                };
                Ok(Target {
                    name: to.to_string(),
                    kind,
                })
            }
            "ssh" | "smart" | "paramiko" | "paramiko_ssh" => self.ssh(to, address, &scope),
            other => Err(HostError::new(
                ErrorKind::Unreachable,
                format!("there is no connection named `{other}`"),
            )
            .hint("there are ssh, local, docker and podman")),
        }
    }

    fn ssh(&self, to: &HostName, host: String, scope: &Scope) -> Result<Target, HostError> {
        let or = &self.connection;
        let wrong = |m: String| HostError::new(ErrorKind::Unreachable, m);
        let port = match self.value(scope, &["ansible_port", "ansible_ssh_port"])? {
            Some(value) => {
                let port = i64::from_arg(value).map_err(|m| wrong(format!("ansible_port {m}")))?;
                Some(u16::try_from(port).map_err(|_| wrong(format!("{port} is not a port")))?)
            }
            None => None,
        };
        let mut args = or.common_args.clone();
        for name in [
            "ansible_ssh_common_args",
            "ansible_ssh_extra_args",
            "ansible_ssh_args",
        ] {
            if let Some(line) = self.word(scope, &[name])? {
                let words = words(&line)
                    .ok_or_else(|| wrong(format!("the quotes in {name} are not balanced")))?;
                args.extend(words);
            }
        }
        let key = self.word(
            scope,
            &["ansible_ssh_private_key_file", "ansible_private_key_file"],
        )?;
        let password = self.word(
            scope,
            &[
                "ansible_password",
                "ansible_ssh_pass",
                "ansible_ssh_password",
            ],
        )?;
        let checking = self.value(
            scope,
            &["ansible_host_key_checking", "ansible_ssh_host_key_checking"],
        )?;
        let ssh = SshTarget {
            host,
            port,
            user: self
                .word(scope, &["ansible_user", "ansible_ssh_user"])?
                .or_else(|| or.user.clone()),
            password: password.map(Secret::new).or_else(|| or.password.clone()),
            private_key: key.map(PathBuf::from).or_else(|| or.private_key.clone()),
            args,
            host_key_checking: checking.and_then(|v| bool::from_arg(v).ok()),
        };
        Ok(Target::ssh(to.to_string(), ssh))
    }

    fn value(&self, scope: &Scope, names: &[&str]) -> Result<Option<Value>, HostError> {
        super::settings::variable(&self.templar, names, scope)
            .map_err(|e| HostError::new(ErrorKind::Unreachable, e.diagnostic().message))
    }

    fn word(&self, scope: &Scope, names: &[&str]) -> Result<Option<String>, HostError> {
        Ok(self
            .value(scope, names)?
            .as_ref()
            .and_then(text)
            .filter(|w| !w.is_empty()))
    }
}
