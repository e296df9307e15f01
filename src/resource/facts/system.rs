//! Small groups of facts: who, which tools, which switches.

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::answer::{Answer, assignments};
use super::distribution;
use super::hardware;
use super::manager::{package_manager, service_manager};
use super::subset::Group;
use super::{mapping, put};

/// Variables of an environment: more is an attack.
const MAX_VARIABLES: usize = 4096;

/// Adds the facts of a group, unless a file of its own does.
pub(super) fn read(group: Group, answer: &Answer, out: &mut Mapping) {
    match group {
        Group::Apparmor => {
            let on = answer.has("/sys/kernel/security/apparmor");
            put(
                out,
                "apparmor",
                status(if on { "enabled" } else { "disabled" }),
            );
        }
        Group::Caps => capabilities(answer, out),
        Group::Chroot => put(out, "is_chroot", chroot(answer)),
        Group::Cmdline => cmdline(answer, out),
        Group::Dns => put(out, "dns", dns(answer)),
        Group::Env => put(out, "env", environment(answer)),
        Group::FibreChannel => {
            let names = answer
                .files_below("/sys/class/fc_host/")
                .filter_map(|(_, lines)| {
                    Some(Value::from(lines.first()?.trim().trim_start_matches("0x")))
                });
            put(out, "fibre_channel_wwn", names.collect::<Vec<_>>());
        }
        Group::Fips => put(
            out,
            "fips",
            answer.line("/proc/sys/crypto/fips_enabled") == Some("1"),
        ),
        Group::Iscsi => {
            let lines = answer.lines("/etc/iscsi/initiatorname.iscsi");
            let name = lines.iter().find_map(|l| l.strip_prefix("InitiatorName="));
            put(out, "iscsi_iqn", name.unwrap_or_default().trim());
        }
        Group::Nvme => put(
            out,
            "hostnqn",
            answer.line("/etc/nvme/hostnqn").unwrap_or_default(),
        ),
        Group::Loadavg => loadavg(answer, out),
        Group::Lsb => put(out, "lsb", lsb(answer)),
        Group::PkgMgr => {
            let release = distribution::release(answer);
            put(out, "pkg_mgr", package_manager(answer, &release));
        }
        Group::Python => python(answer, out),
        Group::Selinux => selinux(answer, out),
        Group::ServiceMgr => put(out, "service_mgr", service_manager(answer)),
        Group::SshPubKeys => keys(answer, out),
        Group::User => user(answer, out),
        Group::DateTime
        | Group::Distribution
        | Group::Hardware
        | Group::Local
        | Group::Network
        | Group::Platform
        | Group::Virtual => {}
    }
}

fn status(word: &str) -> Value {
    mapping([("status", Value::from(word))])
}

fn chroot(answer: &Answer) -> bool {
    match answer.section("chroot").map(str::trim) {
        Some("yes") => true,
        Some("no") => false,
        // The first process is not ours to look at: in a chroot the root is no mount of its own.
        _ => {
            let mounts = hardware::table(answer);
            !mounts.is_empty() && !mounts.iter().any(|m| m.at == "/")
        }
    }
}

/// The names of capabilities by their bits.
#[rustfmt::skip]
const CAPABILITIES: [&str; 41] = [
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid",
    "setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw",
    "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct",
    "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod",
    "lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog",
    "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
];

fn capabilities(answer: &Answer, out: &mut Mapping) {
    let lines = answer.lines("/proc/self/status");
    let set = |key: &str| {
        let text = lines.iter().find_map(|l| l.strip_prefix(key))?;
        u64::from_str_radix(text.trim(), 16).ok()
    };
    let (Some(effective), bounding) = (set("CapEff:"), set("CapBnd:")) else {
        put(out, "system_capabilities", Vec::<Value>::new());
        put(out, "system_capabilities_enforced", "N/A");
        return;
    };
    // All that the kernel knows: nothing is held back.
    let count = 64 - bounding.unwrap_or(effective).max(effective).leading_zeros();
    let whole = count >= 38 && effective.count_ones() == count;
    let names: Vec<Value> = (0..64)
        .filter(|bit| !whole && effective >> bit & 1 == 1)
        .map(|bit| match CAPABILITIES.get(bit) {
            Some(name) => Value::from(format!("cap_{name}")),
            None => Value::from(bit.to_string()),
        })
        .collect();
    put(out, "system_capabilities", names);
    put(
        out,
        "system_capabilities_enforced",
        if whole { "False" } else { "True" },
    );
}

fn cmdline(answer: &Answer, out: &mut Mapping) {
    let line = answer.line("/proc/cmdline").unwrap_or_default();
    let words = super::super::script::words(line)
        .unwrap_or_else(|| line.split_whitespace().map(str::to_owned).collect());
    let (mut last, mut all) = (Mapping::new(), Mapping::new());
    for word in &words {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Value::from(value)),
            None => (word.as_str(), Value::from(true)),
        };
        put(&mut last, key, value.clone());
        match all.get_mut(key) {
            Some(Value::Sequence(list)) => list.push(value),
            Some(one) => *one = Value::Sequence(vec![one.clone(), value]),
            None => put(&mut all, key, value),
        }
    }
    put(out, "cmdline", last);
    put(out, "proc_cmdline", all);
}

fn dns(answer: &Answer) -> Mapping {
    let mut out = Mapping::new();
    let mut servers: Vec<Value> = Vec::new();
    for line in answer.lines("/etc/resolv.conf") {
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let mut words = line.split_whitespace();
        let Some(key) = words.next() else { continue };
        let mut rest = words.map(Value::from);
        match key {
            "nameserver" => {
                servers.extend(rest);
                put(&mut out, "nameservers", servers.clone());
            }
            "domain" => {
                if let Some(domain) = rest.next_back() {
                    put(&mut out, "domain", domain);
                }
            }
            "search" => put(&mut out, "search", rest.collect::<Vec<_>>()),
            "sortlist" => put(&mut out, "sortlist", rest.collect::<Vec<_>>()),
            "options" => {
                let mut options = Mapping::new();
                for word in line.split_whitespace().skip(1) {
                    let (name, value) = match word.split_once(':') {
                        Some((name, value)) => (name, Value::from(value)),
                        None => (word, Value::from(true)),
                    };
                    put(&mut options, name, value);
                }
                put(&mut out, "options", options);
            }
            _ => {}
        }
    }
    out
}

fn environment(answer: &Answer) -> Mapping {
    let (text, end) = match (answer.section("environ"), answer.section("env")) {
        (Some(text), _) => (text, '\u{1}'),
        (None, text) => (text.unwrap_or_default(), '\n'),
    };
    let mut out = Mapping::new();
    for part in text.split(end).take(MAX_VARIABLES) {
        if let Some((name, value)) = part.split_once('=') {
            put(&mut out, name, value);
        }
    }
    out
}

fn loadavg(answer: &Answer, out: &mut Mapping) {
    let line = answer.line("/proc/loadavg").unwrap_or_default();
    let mut words = line
        .split(' ')
        .map(|w| w.parse::<f64>().ok().filter(|f| f.is_finite()));
    if let (Some(Some(one)), Some(Some(five)), Some(Some(fifteen))) =
        (words.next(), words.next(), words.next())
    {
        let loads = mapping([
            ("1m", Value::from(one)),
            ("5m", Value::from(five)),
            ("15m", Value::from(fifteen)),
        ]);
        put(out, "loadavg", loads);
    }
}

fn lsb(answer: &Answer) -> Mapping {
    let file = assignments(answer.lines("/etc/lsb-release"));
    let release = distribution::release(answer);
    let os = |name: &str| release.os.get(name).map(String::as_str);
    let tool = answer.has("/usr/bin/lsb_release");
    if file.is_empty() && !tool {
        return Mapping::new();
    }
    let get = |key: &str, other: Option<&str>| {
        let value = file.get(key).map(String::as_str).filter(|v| !v.is_empty());
        value.or(other.filter(|_| tool)).map(str::to_owned)
    };
    let id = get("DISTRIB_ID", Some(release.name.as_str()));
    let number = get("DISTRIB_RELEASE", os("VERSION_ID"));
    let mut out = Mapping::new();
    let fields = [
        ("id", id),
        ("release", number.clone()),
        ("description", get("DISTRIB_DESCRIPTION", os("PRETTY_NAME"))),
        ("codename", get("DISTRIB_CODENAME", os("VERSION_CODENAME"))),
        (
            "major_release",
            number.map(|n| n.split('.').next().unwrap_or_default().to_owned()),
        ),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            put(&mut out, name, value);
        }
    }
    out
}

/// What the name of the file says: no program is started for it.
fn python(answer: &Answer, out: &mut Mapping) {
    let Some(section) = answer.section("python") else {
        return;
    };
    let mut words = section.split_whitespace();
    let executable = words.next().unwrap_or_default();
    let file = words.next().unwrap_or(executable);
    let minor = file
        .rsplit("python3.")
        .next()
        .and_then(|t| t.parse::<u32>().ok());
    let mut version = Mapping::new();
    put(&mut version, "major", 3);
    let mut info = vec![Value::from(3)];
    if let Some(minor) = minor {
        put(&mut version, "minor", minor);
        info.push(Value::from(minor));
        put(out, "python_version", format!("3.{minor}"));
    } else {
        put(out, "python_version", "3");
    }
    let python = mapping([
        ("version", Value::Mapping(version)),
        ("version_info", Value::Sequence(info)),
        ("executable", Value::from(executable)),
        ("has_sslcontext", Value::from(true)),
        ("type", Value::from("cpython")),
    ]);
    put(out, "python", python);
}

fn selinux(answer: &Answer, out: &mut Mapping) {
    put(out, "selinux_python_present", true);
    if !answer.has("/sys/fs/selinux/enforce") {
        put(out, "selinux", status("disabled"));
        return;
    }
    let config = assignments(answer.lines("/etc/selinux/config"));
    let or_unknown = |text: Option<&str>| Value::from(text.unwrap_or("unknown"));
    let mode = match answer.line("/sys/fs/selinux/enforce") {
        Some("1") => Some("enforcing"),
        Some("0") => Some("permissive"),
        _ => None,
    };
    let policy = answer.number("/sys/fs/selinux/policyvers");
    let facts = mapping([
        ("status", Value::from("enabled")),
        (
            "policyvers",
            policy.map_or_else(|| Value::from("unknown"), Value::from),
        ),
        (
            "config_mode",
            or_unknown(config.get("SELINUX").map(String::as_str)),
        ),
        ("mode", or_unknown(mode)),
        (
            "type",
            or_unknown(config.get("SELINUXTYPE").map(String::as_str)),
        ),
    ]);
    put(out, "selinux", facts);
}

fn keys(answer: &Answer, out: &mut Mapping) {
    for folder in ["/etc/ssh", "/etc/openssh", "/etc"] {
        let mut found = false;
        for kind in ["dsa", "rsa", "ecdsa", "ed25519"] {
            let line = answer.line(&format!("{folder}/ssh_host_{kind}_key.pub"));
            let mut words = line.unwrap_or_default().split_whitespace();
            if let (Some(name), Some(key)) = (words.next(), words.next()) {
                put(out, &format!("ssh_host_key_{kind}_public"), key);
                put(out, &format!("ssh_host_key_{kind}_public_keytype"), name);
                found = true;
            }
        }
        if found {
            break;
        }
    }
}

fn user(answer: &Answer, out: &mut Mapping) {
    let entry: Vec<&str> = answer
        .section("passwd")
        .unwrap_or_default()
        .trim()
        .split(':')
        .collect();
    let id = answer.section("id").unwrap_or_default();
    let number = |key: &str| {
        let (_, rest) = id.split_once(key)?;
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse::<i64>().ok()
    };
    let (uid, gid) = (number("uid=").unwrap_or(0), number(" gid=").unwrap_or(0));
    if let [name, _, user_id, group_id, gecos, home, shell] = entry[..] {
        put(out, "user_id", name);
        put(out, "user_uid", user_id.parse::<i64>().unwrap_or(uid));
        put(out, "user_gid", group_id.parse::<i64>().unwrap_or(gid));
        put(out, "user_gecos", gecos);
        put(out, "user_dir", home);
        put(out, "user_shell", shell);
    } else {
        let name = id
            .split_once('(')
            .and_then(|(_, rest)| rest.split_once(')'));
        put(
            out,
            "user_id",
            name.map_or(uid.to_string(), |(name, _)| name.to_owned()),
        );
        put(out, "user_uid", uid);
        put(out, "user_gid", gid);
    }
    let lines = answer.lines("/proc/self/status");
    let ids: BTreeMap<&str, Vec<i64>> = lines
        .iter()
        .filter_map(|l| l.split_once(':'))
        .filter(|(key, _)| matches!(*key, "Uid" | "Gid"))
        .map(|(key, rest)| {
            (
                key,
                rest.split_whitespace()
                    .filter_map(|w| w.parse().ok())
                    .collect(),
            )
        })
        .collect();
    let get = |key: &str, at: usize, other: i64| {
        ids.get(key)
            .and_then(|v| v.get(at))
            .copied()
            .unwrap_or(other)
    };
    put(out, "real_user_id", get("Uid", 0, uid));
    put(out, "effective_user_id", get("Uid", 1, uid));
    put(out, "real_group_id", get("Gid", 0, gid));
    put(out, "effective_group_id", get("Gid", 1, gid));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(files: &str, exists: &str) -> Answer {
        let text = format!(
            "files {}\n{files}exists {}\n{exists}",
            files.len(),
            exists.len()
        );
        Answer::read(text.as_bytes())
    }

    #[test]
    fn a_name_given_twice_is_a_list() {
        let mut out = Mapping::new();
        cmdline(
            &answer("/proc/cmdline:quiet console=tty0 console=ttyS0\n", ""),
            &mut out,
        );
        assert_eq!(out["cmdline"]["console"], Value::from("ttyS0"));
        assert_eq!(out["proc_cmdline"]["console"][0], Value::from("tty0"));
        assert_eq!(out["proc_cmdline"]["quiet"], Value::from(true));
    }

    #[test]
    fn options_of_the_resolver_are_read() {
        let dns = dns(&answer(
            "/etc/resolv.conf:nameserver 1.1.1.1\n/etc/resolv.conf:search a b\n\
             /etc/resolv.conf:options ndots:5 rotate\n",
            "",
        ));
        assert_eq!(dns["nameservers"][0], Value::from("1.1.1.1"));
        assert_eq!(dns["options"]["ndots"], Value::from("5"));
        assert_eq!(dns["search"][1], Value::from("b"));
    }
}
