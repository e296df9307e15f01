//! Words that are actions: those built in, those that come with the language, and those of Ansible's
//! that are not built in yet, so that a message can tell one from a slip of the fingers.

use crate::action;
use crate::source::suggest;

use super::keyword::{self, On};

/// Short names of Ansible's actions, in `ansible.builtin` and in what is used most elsewhere, sorted.
#[rustfmt::skip]
static FOREIGN: &[&str] = &[
    "acl", "add_host", "alternatives", "apk", "apt", "apt_key", "apt_repository", "archive",
    "assemble", "assert", "async_status", "async_wrapper", "at", "authorized_key",
    "azure_rm_virtualmachine", "blockinfile", "bower", "bzr", "capabilities", "certbot",
    "command", "composer", "copy", "cpanm", "cron", "cronvar", "dconf", "deb822_repository",
    "debconf", "debug", "dnf", "dnf5", "docker_compose", "docker_container", "docker_image",
    "docker_network", "docker_volume", "dpkg_divert", "dpkg_selections", "ec2",
    "ec2_instance", "expect", "facter", "fail", "fetch", "file", "filesystem", "find",
    "firewalld", "flatpak", "gather_facts", "gconftool2", "gcp_compute_instance", "gem",
    "get_url", "getent", "git", "git_config", "github_key", "group", "group_by", "helm",
    "hg", "homebrew", "hostname", "htpasswd", "include_vars", "ini_file", "interfaces_file",
    "iptables", "jabber", "java_cert", "java_keystore", "k8s", "kernel_blacklist",
    "known_hosts", "launchd", "ldap_attrs", "ldap_entry", "lineinfile", "locale_gen", "lvg",
    "lvol", "mail", "make", "meta", "modprobe", "monit", "mount", "mount_facts", "mysql_db",
    "mysql_user", "nagios", "nmcli", "npm", "ohai", "openbsd_pkg", "openssl_csr",
    "openssl_privatekey", "opkg", "osx_defaults", "package", "package_facts", "pacman",
    "pam_limits", "pamd", "parted", "patch", "pause", "ping", "pip", "pipx", "pkgin",
    "pkgng", "portage", "postgresql_db", "postgresql_privs", "postgresql_user",
    "rabbitmq_user", "raw", "reboot", "redhat_subscription", "redis", "replace",
    "rhsm_repository", "rpm_key", "rpm_ostree_pkg", "runit", "s3", "script", "seboolean",
    "sefcontext", "selinux", "seport", "service", "service_facts", "set_fact", "set_stats",
    "setup", "seuser", "shell", "slack", "slurp", "snap", "stat", "subversion", "sudoers",
    "supervisorctl", "svc", "swupd", "synchronize", "sysctl", "sysrc", "systemd",
    "systemd_service", "sysvinit", "telegram", "tempfile", "template", "timezone", "ufw",
    "unarchive", "uri", "user", "validate_argument_spec", "wait_for", "wait_for_connection",
    "wakeonlan", "win_command", "win_copy", "win_feature", "win_file", "win_package",
    "win_ping", "win_reboot", "win_regedit", "win_service", "win_shell", "win_stat",
    "win_template", "win_updates", "win_user", "x509_certificate", "xattr", "xml", "yarn",
    "yum", "yum_repository", "zypper", "zypper_repository",
];

/// What is carried out while compiling, or by the engine itself.
const PULLING: [&str; 4] = [
    "import_role",
    "import_tasks",
    "include_role",
    "include_tasks",
];

/// The name without `ansible.builtin.` or `ansible.legacy.`.
pub fn short(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.")
        .or_else(|| name.strip_prefix("ansible.legacy."))
        .unwrap_or(name)
}

/// Whether the word is an import or include of tasks or a role.
pub fn pulls(name: &str) -> bool {
    PULLING.contains(&short(name))
}

/// Whether it is an action of Ansible's: a known name, or one with a collection before it.
pub fn is_foreign(name: &str) -> bool {
    let short = short(name);
    FOREIGN.binary_search(&short).is_ok() || is_qualified(name)
}

/// `namespace.collection.name`
fn is_qualified(name: &str) -> bool {
    short(name) == name
        && name.split('.').count() >= 3
        && name.split('.').all(keyword::is_variable_name)
}

pub fn is_action(name: &str) -> bool {
    pulls(name) || action::find(name).is_some() || is_foreign(name)
}

/// The nearest word that a task may hold: a keyword or an action.
pub fn nearest(name: &str, on: On) -> Option<&'static str> {
    let short = short(name);
    let specs = action::ACTIONS.iter();
    let actions = specs.flat_map(|s| std::iter::once(s.name).chain(s.aliases.iter().copied()));
    let words = keyword::names(on).chain(actions).chain(PULLING);
    suggest::nearest(short, words.chain(["block"]))
}

#[cfg(test)]
mod tests {
    use super::{FOREIGN, is_action, is_foreign};

    #[test]
    fn the_list_is_sorted_and_found_by_any_name() {
        assert!(FOREIGN.windows(2).all(|w| w[0] < w[1]));
        assert!(is_foreign("apt") && is_foreign("ansible.builtin.apt"));
        assert!(is_foreign("community.general.nothing") && !is_foreign("whenn"));
        assert!(is_action("ansible.builtin.include_role"));
    }
}
