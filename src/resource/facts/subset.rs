//! `gather_subset`: which groups of facts are wanted.

use std::collections::BTreeSet;

/// Facts that are gathered together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    Apparmor,
    Caps,
    Chroot,
    Cmdline,
    DateTime,
    Distribution,
    Dns,
    Env,
    FibreChannel,
    Fips,
    Hardware,
    Iscsi,
    Loadavg,
    Local,
    Lsb,
    Network,
    Nvme,
    PkgMgr,
    Platform,
    Python,
    Selinux,
    ServiceMgr,
    SshPubKeys,
    User,
    Virtual,
}

use Group as G;

const ALL: [Group; 25] = [
    G::Apparmor,
    G::Caps,
    G::Chroot,
    G::Cmdline,
    G::DateTime,
    G::Distribution,
    G::Dns,
    G::Env,
    G::FibreChannel,
    G::Fips,
    G::Hardware,
    G::Iscsi,
    G::Loadavg,
    G::Local,
    G::Lsb,
    G::Network,
    G::Nvme,
    G::PkgMgr,
    G::Platform,
    G::Python,
    G::Selinux,
    G::ServiceMgr,
    G::SshPubKeys,
    G::User,
    G::Virtual,
];

/// Not in `min`: what costs more, or is asked less.
const BEYOND_MIN: [Group; 8] = [
    G::Chroot,
    G::FibreChannel,
    G::Hardware,
    G::Iscsi,
    G::Loadavg,
    G::Network,
    G::Nvme,
    G::Virtual,
];

/// Every word `gather_subset` takes besides `all` and `min`, with the group it stands for.
#[rustfmt::skip]
pub(super) const WORDS: &[(&str, Option<Group>)] = &[
    ("all_ipv4_addresses", Some(G::Network)), ("all_ipv6_addresses", Some(G::Network)),
    ("apparmor", Some(G::Apparmor)), ("architecture", Some(G::Platform)), ("caps", Some(G::Caps)),
    ("chroot", Some(G::Chroot)), ("cmdline", Some(G::Cmdline)), ("date_time", Some(G::DateTime)),
    ("default_ipv4", Some(G::Network)), ("default_ipv6", Some(G::Network)),
    ("devices", Some(G::Hardware)), ("distribution", Some(G::Distribution)),
    ("distribution_major_version", Some(G::Distribution)),
    ("distribution_release", Some(G::Distribution)),
    ("distribution_version", Some(G::Distribution)), ("dns", Some(G::Dns)),
    ("effective_group_ids", Some(G::User)), ("effective_user_id", Some(G::User)),
    ("env", Some(G::Env)), ("facter", None), ("fibre_channel_wwn", Some(G::FibreChannel)),
    ("fips", Some(G::Fips)), ("hardware", Some(G::Hardware)), ("interfaces", Some(G::Network)),
    ("is_chroot", Some(G::Chroot)), ("iscsi", Some(G::Iscsi)), ("kernel", Some(G::Platform)),
    ("kernel_version", Some(G::Platform)), ("loadavg", Some(G::Loadavg)),
    ("local", Some(G::Local)), ("lsb", Some(G::Lsb)), ("machine", Some(G::Platform)),
    ("machine_id", Some(G::Platform)), ("mounts", Some(G::Hardware)),
    ("network", Some(G::Network)), ("nvme", Some(G::Nvme)), ("ohai", None),
    ("os_family", Some(G::Distribution)), ("pkg_mgr", Some(G::PkgMgr)),
    ("platform", Some(G::Platform)), ("processor", Some(G::Hardware)),
    ("processor_cores", Some(G::Hardware)), ("processor_count", Some(G::Hardware)),
    ("python", Some(G::Python)), ("python_version", Some(G::Python)),
    ("real_user_id", Some(G::User)), ("selinux", Some(G::Selinux)),
    ("service_mgr", Some(G::ServiceMgr)), ("ssh_host_key_dsa_public", Some(G::SshPubKeys)),
    ("ssh_host_key_ecdsa_public", Some(G::SshPubKeys)),
    ("ssh_host_key_ed25519_public", Some(G::SshPubKeys)),
    ("ssh_host_key_rsa_public", Some(G::SshPubKeys)), ("ssh_host_pub_keys", Some(G::SshPubKeys)),
    ("ssh_pub_keys", Some(G::SshPubKeys)), ("system", Some(G::Platform)),
    ("system_capabilities", Some(G::Caps)), ("system_capabilities_enforced", Some(G::Caps)),
    ("systemd", None), ("user", Some(G::User)), ("user_dir", Some(G::User)),
    ("user_gecos", Some(G::User)), ("user_gid", Some(G::User)), ("user_id", Some(G::User)),
    ("user_shell", Some(G::User)), ("user_uid", Some(G::User)), ("virtual", Some(G::Virtual)),
    ("virtualization_role", Some(G::Virtual)), ("virtualization_tech_guest", Some(G::Virtual)),
    ("virtualization_tech_host", Some(G::Virtual)), ("virtualization_type", Some(G::Virtual)),
];

impl Group {
    /// What the blocks of the script call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            G::Apparmor => "apparmor",
            G::Caps => "caps",
            G::Chroot => "chroot",
            G::Cmdline => "cmdline",
            G::DateTime => "date_time",
            G::Distribution => "distribution",
            G::Dns => "dns",
            G::Env => "env",
            G::FibreChannel => "fibre_channel_wwn",
            G::Fips => "fips",
            G::Hardware => "hardware",
            G::Iscsi => "iscsi",
            G::Loadavg => "loadavg",
            G::Local => "local",
            G::Lsb => "lsb",
            G::Network => "network",
            G::Nvme => "nvme",
            G::PkgMgr => "pkg_mgr",
            G::Platform => "platform",
            G::Python => "python",
            G::Selinux => "selinux",
            G::ServiceMgr => "service_mgr",
            G::SshPubKeys => "ssh_pub_keys",
            G::User => "user",
            G::Virtual => "virtual",
        }
    }
}

fn word(name: &str) -> Option<Vec<Group>> {
    match name {
        "all" => Some(ALL.to_vec()),
        "min" => Some(minimum()),
        _ => {
            let (_, group) = WORDS.iter().find(|(word, _)| *word == name)?;
            Some(group.iter().copied().collect())
        }
    }
}

fn minimum() -> Vec<Group> {
    let cheap = |g: &Group| !BEYOND_MIN.contains(g);
    ALL.into_iter().filter(cheap).collect()
}

/// Every word that may stand in `gather_subset`, `!` in front or not.
pub static NAMES: std::sync::LazyLock<Vec<&'static str>> = std::sync::LazyLock::new(|| {
    let mut names: Vec<_> = ["all", "min"]
        .into_iter()
        .chain(WORDS.iter().map(|(w, _)| *w))
        .collect();
    names.sort_unstable();
    names
});

/// The first word that stands for nothing.
pub fn unknown_subset(subset: &[String]) -> Option<&str> {
    subset
        .iter()
        .map(|w| w.trim_start_matches('!'))
        .find(|w| word(w).is_none())
}

/// What is wanted: what is named, `min` unless it is refused, and everything where only refusals are
/// named. What is named beats what is refused.
pub(super) fn select(subset: &[String]) -> BTreeSet<Group> {
    let mut named = BTreeSet::new();
    let mut refused = BTreeSet::new();
    let mut everything = subset.is_empty();
    let mut no_min = false;
    let mut nothing = false;
    let mut some = false;
    for text in subset {
        match text.strip_prefix('!') {
            Some("all") => nothing = true,
            Some("min") => no_min = true,
            Some(name) => refused.extend(word(name).unwrap_or_default()),
            None if text == "all" => everything = true,
            None => {
                some = true;
                named.extend(word(text).unwrap_or_default());
            }
        }
    }
    if nothing {
        everything = false;
    } else if !some {
        everything = true;
    }
    let mut wanted: BTreeSet<Group> = if everything {
        ALL.into_iter().collect()
    } else {
        minimum().into_iter().collect()
    };
    if no_min {
        wanted.retain(|g| !minimum().contains(g));
    }
    wanted.retain(|g| !refused.contains(g));
    wanted.extend(named);
    // What these two are told by.
    if wanted.contains(&G::PkgMgr) || wanted.contains(&G::ServiceMgr) {
        wanted.insert(G::Distribution);
        wanted.insert(G::Platform);
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> BTreeSet<Group> {
        select(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn subsets_are_those_of_ansible() {
        assert_eq!(of(&[]).len(), ALL.len());
        assert_eq!(of(&["all"]), of(&[]));
        assert_eq!(of(&["!all"]), of(&["min"]));
        assert!(of(&["!all", "!min"]).is_empty());
        assert_eq!(of(&["!all", "!min", "network"]), [G::Network].into());
        assert!(of(&["network"]).contains(&G::Env) && !of(&["network"]).contains(&G::Hardware));
        assert!(
            !of(&["!hardware"]).contains(&G::Hardware) && of(&["!hardware"]).contains(&G::Network)
        );
        assert!(of(&["all", "!facter", "!ohai"]).contains(&G::Hardware));
    }

    #[test]
    fn a_word_that_stands_for_nothing_is_named() {
        let words = ["!hardware".to_owned(), "!hardwear".to_owned()];
        assert_eq!(unknown_subset(&words), Some("hardwear"));
        assert_eq!(unknown_subset(&words[..1]), None);
    }
}
