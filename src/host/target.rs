//! Where a host is and how it is reached, checked before anything is started.
//!
//! Names from an inventory reach argument vectors, configuration tokens and messages, so what could
//! be read as an option or as more than one word is refused here, once.

use std::path::PathBuf;

use crate::source::secret::Secret;

use super::arguments::{self, Setting};
use super::{ErrorKind, HostError};

/// A host as the inventory describes it.
#[derive(Clone, Debug)]
pub struct Target {
    /// The inventory's name, for messages.
    pub name: String,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Ssh(SshTarget),
    Local,
    Container {
        engine: Engine,
        id: String,
        user: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Docker,
    Podman,
}

impl Engine {
    pub fn program(self) -> &'static str {
        match self {
            Engine::Docker => "docker",
            Engine::Podman => "podman",
        }
    }
}

/// What is known about an SSH host before the user's `ssh_config` is asked.
#[derive(Clone, Debug, Default)]
pub struct SshTarget {
    /// `ansible_host`, or the inventory name: also the name that `Host` patterns are matched with.
    pub host: String,
    pub port: Option<u16>,
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub private_key: Option<PathBuf>,
    /// `ansible_ssh_common_args`, `ansible_ssh_extra_args`, `ansible_ssh_args`, as written.
    pub args: Vec<String>,
    /// `ansible_host_key_checking`; `None` leaves it to the run and to `ssh_config`.
    pub host_key_checking: Option<bool>,
}

impl Target {
    pub fn local(name: impl Into<String>) -> Target {
        Target {
            name: name.into(),
            kind: Kind::Local,
        }
    }

    pub fn ssh(name: impl Into<String>, ssh: SshTarget) -> Target {
        Target {
            name: name.into(),
            kind: Kind::Ssh(ssh),
        }
    }

    /// Refuses what must not reach a command line. Cheap: call it for every host before connecting.
    pub fn check(&self) -> Result<(), HostError> {
        match &self.kind {
            Kind::Local => Ok(()),
            Kind::Ssh(ssh) => ssh.settings().map(drop),
            Kind::Container { id, user, .. } => {
                check_word("container", id)?;
                user.as_deref().map_or(Ok(()), check_user)
            }
        }
    }
}

impl SshTarget {
    /// What the inventory and its arguments set, in `ssh_config` words, first one wins.
    pub fn settings(&self) -> Result<Vec<Setting>, HostError> {
        check_host(&self.host)?;
        let mut all = Vec::new();
        if let Some(user) = &self.user {
            check_user(user)?;
            all.push(Setting::new("user", user));
        }
        if let Some(port) = self.port {
            if port == 0 {
                return Err(refuse("port", "0", "is not a port"));
            }
            all.push(Setting::new("port", port.to_string()));
        }
        if let Some(key) = &self.private_key {
            all.push(Setting::new("identityfile", key.to_string_lossy()));
        }
        all.extend(arguments::parse(&self.args)?);
        for setting in &all {
            match setting.key.as_str() {
                "user" => check_user(&setting.value)?,
                "hostname" => check_host(&setting.value)?,
                _ => {}
            }
        }
        Ok(all)
    }
}

/// Longer names than DNS allows are mistakes.
const LONGEST_NAME: usize = 255;

/// A host name or address: letters, digits and `.-_:%[]`, not starting with a dash.
pub(crate) fn check_host(host: &str) -> Result<(), HostError> {
    check_word("host", host)?;
    let plain = |c: char| c.is_alphanumeric() || ".-_:%[]".contains(c);
    match host.chars().find(|c| !plain(*c)) {
        Some(c) => Err(refuse("host", host, &format!("contains {c:?}"))),
        None => Ok(()),
    }
}

/// A login name: one word without shell or option characters.
pub(crate) fn check_user(user: &str) -> Result<(), HostError> {
    check_word("user", user)?;
    match user.chars().find(|c| "'`\"$\\;&<>|(){}*?!".contains(*c)) {
        Some(c) => Err(refuse("user", user, &format!("contains {c:?}"))),
        None => Ok(()),
    }
}

fn check_word(what: &str, word: &str) -> Result<(), HostError> {
    if word.is_empty() {
        return Err(refuse(what, word, "is empty"));
    }
    if word.starts_with('-') {
        return Err(refuse(
            what,
            word,
            "starts with a dash and would be read as an option",
        ));
    }
    if word.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(refuse(
            what,
            word,
            "contains white space or control characters",
        ));
    }
    if word.len() > LONGEST_NAME {
        return Err(refuse(what, super::cut(word, 40), "is too long"));
    }
    Ok(())
}

fn refuse(what: &str, word: &str, why: &str) -> HostError {
    HostError::new(ErrorKind::Unreachable, format!("{what} {word:?} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_options_or_commands_are_refused() {
        for bad in [
            "",
            "-oProxyCommand=x",
            "a b",
            "a\nb",
            "a;b",
            "$(id)",
            "a\u{7f}",
        ] {
            assert!(check_host(bad).is_err(), "{bad:?}");
        }
        for good in [
            "web1",
            "10.0.0.1",
            "fe80::1%eth0",
            "a-b_c.example",
            "bücher.example",
        ] {
            assert!(check_host(good).is_ok(), "{good:?}");
        }
        for bad in ["-l", "$(id)", "a b", "a`b"] {
            assert!(check_user(bad).is_err(), "{bad:?}");
        }
        for good in ["root", "first.last", "DOMAIN+user", "user@realm"] {
            assert!(check_user(good).is_ok(), "{good:?}");
        }
    }
}
