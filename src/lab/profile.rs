//! What kinds of hosts there are.

use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::LabError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The machine's own system (or a given root), with accounts and SSH settings of the lab's.
    Debian,
    /// The same, with systemd as its process 1.
    Systemd,
    /// Busybox and dropbear: no bash, no GNU tools, no Python, no sudo.
    Busybox,
}

/// Which SSH server a host runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    OpenSsh,
    Dropbear,
    /// Our own, where nothing is installed.
    Own,
}

impl Profile {
    pub const ALL: [Profile; 3] = [Profile::Debian, Profile::Systemd, Profile::Busybox];

    /// Hosts are named by this and a number.
    pub fn prefix(self) -> &'static str {
        match self {
            Profile::Debian => "lab",
            Profile::Systemd => "sd",
            Profile::Busybox => "bb",
        }
    }

    /// The inventory group of its hosts.
    pub fn group(self) -> &'static str {
        match self {
            Profile::Debian => "lab",
            Profile::Systemd => "systemd",
            Profile::Busybox => "busybox",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Profile::Debian => "debian",
            Profile::Systemd => "systemd",
            Profile::Busybox => "busybox",
        }
    }

    /// The best there is in a root.
    pub(crate) fn server(self, lower: &Path) -> Server {
        match self {
            Profile::Busybox => Server::Dropbear,
            _ if lower.join("usr/sbin/sshd").exists() => Server::OpenSsh,
            _ => Server::Own,
        }
    }
}

impl FromStr for Profile {
    type Err = LabError;

    fn from_str(text: &str) -> Result<Profile, LabError> {
        Profile::ALL
            .into_iter()
            .find(|p| p.name() == text)
            .ok_or_else(|| LabError::BadName {
                what: "a profile",
                given: text.into(),
                rule: "there are debian, systemd and busybox",
            })
    }
}
