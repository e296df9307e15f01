//! What may cut access: changes after which nobody might come in any more, or become root.
//!
//! Decided by the resource that is touched, never by the action that touches it.

use super::{Change, Resource};

/// Files and folders by which people and the network come in. A guard keeps all of them.
pub const PATHS: &[&str] = &[
    "/etc/ssh",
    "/etc/pam.d",
    "/etc/pam.conf",
    "/etc/security",
    "/usr/share/pam-configs",
    "/var/lib/pam",
    "/etc/nsswitch.conf",
    "/etc/sssd",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/doas.conf",
    "/etc/doas.d",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/group",
    "/etc/gshadow",
    "/etc/shells",
    "/etc/login.defs",
    "/etc/login.access",
    "/etc/nologin",
    "/etc/hosts.allow",
    "/etc/hosts.deny",
    "/etc/nftables.conf",
    "/etc/nftables.d",
    "/etc/sysconfig/nftables.conf",
    "/etc/iptables",
    "/etc/ufw",
    "/etc/default/ufw",
    "/etc/firewalld",
    "/etc/network",
    "/etc/netplan",
    "/etc/systemd/network",
    "/etc/NetworkManager",
    "/etc/sysconfig/network-scripts",
    "/etc/crypto-policies",
    "/etc/systemd/system/ssh.service.d",
    "/etc/systemd/system/sshd.service.d",
    "/etc/systemd/system/ssh.socket.d",
];

/// Services without which nobody comes in, or which decide who does.
const UNITS: &[&str] = &[
    "ssh",
    "sshd",
    "dropbear",
    "nftables",
    "iptables",
    "ip6tables",
    "ufw",
    "firewalld",
    "networking",
    "network",
    "NetworkManager",
    "systemd-networkd",
    "sssd",
];

/// Packages that own any of these, by how their names begin.
const PACKAGES: &[&str] = &[
    "openssh-server",
    "dropbear",
    "sudo",
    "libpam",
    "pam",
    "nftables",
    "iptables",
    "ufw",
    "firewalld",
    "sssd",
    "libnss",
    "network-manager",
    "ifupdown",
    "netplan",
];

/// Groups whose members become root, or are those who may come in.
const GROUPS: &[&str] = &["sudo", "wheel", "admin", "root", "ssh", "ssh-users", "adm"];

/// Whether a change may cut access for the login of this name.
pub fn cuts(change: &Change, login: &str) -> bool {
    match &change.on {
        Resource::File(path) | Resource::Target(path) | Resource::Tree(path) => {
            is_access(path.as_str(), login)
        }
        Resource::Archive(archive) => is_access(archive.dest.as_str(), login),
        Resource::User(name) => name == login || name == "root",
        Resource::Group(name) => GROUPS.contains(&name.as_str()) || name == login,
        Resource::Unit { name, .. } => UNITS.contains(&base(name)),
        Resource::Package { name, .. } => PACKAGES.iter().any(|p| name.starts_with(p)),
        Resource::Ruleset | Resource::Table(_) => true,
        Resource::Sockets | Resource::SshAlgorithms(_) => false,
        Resource::Sysctl(name) => name.starts_with("net."),
        Resource::Mount(_)
        | Resource::Module(_)
        | Resource::Texts(_)
        | Resource::Walk(_)
        | Resource::Glob(_)
        | Resource::Getent { .. }
        | Resource::PackageIndex(_)
        | Resource::PackageUpgrade { .. }
        | Resource::Process(_)
        | Resource::Hostname
        | Resource::Crontab(_)
        | Resource::Facts(_)
        | Resource::Local { .. }
        | Resource::Rendered { .. }
        | Resource::Controller(_) => false,
    }
}

/// Whether a path is one by which people come in.
pub fn is_access(path: &str, login: &str) -> bool {
    let within = |dir: &str| {
        path.strip_prefix(dir)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    PATHS.iter().any(|p| within(p))
        || within("/root/.ssh")
        || (!login.is_empty() && path.contains(&format!("/{login}/.ssh")))
        || path == "~/.ssh"
        || path.starts_with("~/.ssh/")
}

fn base(unit: &str) -> &str {
    unit.strip_suffix(".service")
        .or_else(|| unit.strip_suffix(".socket"))
        .unwrap_or(unit)
}

#[cfg(test)]
mod tests {
    use super::is_access;

    #[test]
    fn paths_are_compared_by_whole_names() {
        for (path, holds) in [
            ("/etc/ssh/sshd_config.d/10-x.conf", true),
            ("/etc/sshd", false),
            ("/etc/sudoers", true),
            ("/etc/sudoers.d/deploy", true),
            ("/home/deploy/.ssh/authorized_keys", true),
            ("/home/other/.ssh/authorized_keys", false),
            ("/etc/motd", false),
        ] {
            assert_eq!(is_access(path, "deploy"), holds, "{path}");
        }
    }
}
