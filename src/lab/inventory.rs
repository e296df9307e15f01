//! The lab's hosts as an inventory, for palisade and for everything else that reads one.

use std::fmt::Write as _;

use super::keys::Keys;
use super::store::HostNote;
use super::{Lab, LabError, Profile};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Ini,
    Yaml,
}

/// What every client needs so that it trusts exactly the lab's keys.
pub(crate) fn ssh_options(keys: &Keys) -> Vec<String> {
    let known = format!("UserKnownHostsFile={}", keys.known_hosts.display());
    let fixed = [
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
    ];
    std::iter::once(known.as_str())
        .chain(fixed)
        .flat_map(|o| ["-o".to_string(), o.to_string()])
        .collect()
}

impl Lab {
    /// The inventory of the hosts, to be logged in to as `user`.
    pub fn inventory(&self, format: Format, user: &str) -> Result<String, LabError> {
        let hosts = self.store.read()?.hosts;
        let keys = self.keys()?;
        let common = [
            ("ansible_user", user.to_string()),
            ("ansible_port", "22".to_string()),
            (
                "ansible_ssh_private_key_file",
                keys.client.display().to_string(),
            ),
            ("ansible_ssh_common_args", ssh_options(&keys).join(" ")),
        ];
        Ok(match format {
            Format::Ini => ini(&hosts, &common),
            Format::Yaml => yaml(&hosts, &common),
        })
    }
}

/// Named for those clients that would otherwise look for it, and say so.
const PYTHON: &str = "/usr/bin/python3";

fn has_python(host: &HostNote) -> bool {
    host.lower.join(PYTHON.trim_start_matches('/')).exists()
}

fn groups(hosts: &[HostNote]) -> impl Iterator<Item = (&'static str, Vec<&HostNote>)> {
    Profile::ALL.into_iter().filter_map(|p| {
        let members: Vec<&HostNote> = hosts.iter().filter(|h| h.profile == p).collect();
        (!members.is_empty()).then_some((p.group(), members))
    })
}

fn ini(hosts: &[HostNote], common: &[(&str, String)]) -> String {
    let mut out = String::new();
    for (group, members) in groups(hosts) {
        let _ = writeln!(out, "[{group}]");
        for host in members {
            let _ = write!(out, "{} ansible_host={}", host.name, host.address);
            if has_python(host) {
                let _ = write!(out, " ansible_python_interpreter={PYTHON}");
            }
            out.push('\n');
        }
        out.push('\n');
    }
    out.push_str("[all:vars]\n");
    for (name, value) in common {
        let quote = if value.contains(' ') { "'" } else { "" };
        let _ = writeln!(out, "{name}={quote}{value}{quote}");
    }
    out
}

fn yaml(hosts: &[HostNote], common: &[(&str, String)]) -> String {
    let mut out = String::from("all:\n  vars:\n");
    for (name, value) in common {
        let quote = if value.contains(' ') { "\"" } else { "" };
        let _ = writeln!(out, "    {name}: {quote}{value}{quote}");
    }
    out.push_str("  children:\n");
    for (group, members) in groups(hosts) {
        let _ = writeln!(out, "    {group}:\n      hosts:");
        for host in members {
            let _ = writeln!(
                out,
                "        {}:\n          ansible_host: {}",
                host.name, host.address
            );
            if has_python(host) {
                let _ = writeln!(out, "          ansible_python_interpreter: {PYTHON}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, profile: Profile) -> HostNote {
        HostNote {
            name: name.into(),
            profile,
            address: "10.77.0.2".parse().unwrap(),
            public_key: String::new(),
            server: super::super::profile::Server::OpenSsh,
            lower: "/nonexistent".into(),
        }
    }

    #[test]
    fn hosts_are_grouped_by_profile_and_share_their_variables() {
        let hosts = [host("lab1", Profile::Debian), host("bb1", Profile::Busybox)];
        let text = ini(
            &hosts,
            &[("ansible_user", "root".into()), ("a", "-o B=c".into())],
        );
        assert_eq!(
            text,
            "[lab]\nlab1 ansible_host=10.77.0.2\n\n[busybox]\nbb1 ansible_host=10.77.0.2\n\n\
             [all:vars]\nansible_user=root\na='-o B=c'\n"
        );
    }
}
