//! Kernel, architecture, names, machine id.

use serde_yaml::Mapping;

use super::answer::Answer;
use super::put;

pub(super) fn read(answer: &Answer, out: &mut Mapping) {
    let uname: Vec<&str> = answer
        .section("uname")
        .unwrap_or_default()
        .lines()
        .collect();
    let kernel = |file: &str, at: usize| {
        let line = answer.line(&format!("/proc/sys/kernel/{file}"));
        line.or_else(|| uname.get(at).copied())
            .unwrap_or_default()
            .to_owned()
    };
    let machine = match answer.section("machine") {
        Some(machine) => machine.trim().to_owned(),
        None => kernel("arch", 3),
    };
    put(out, "system", kernel("ostype", 0));
    put(out, "kernel", kernel("osrelease", 1));
    put(out, "kernel_version", kernel("version", 2));
    let bits = bits(answer, &machine);
    put(out, "userspace_bits", bits);
    let i386 = matches!(machine.as_str(), "i386" | "i486" | "i586" | "i686");
    let architecture = if i386 { "i386" } else { machine.as_str() };
    put(out, "architecture", architecture);
    let userspace = match (architecture, bits) {
        ("x86_64", "32") => "i386",
        (other, _) => other,
    };
    put(out, "userspace_architecture", userspace);
    put(out, "machine", machine.clone());
    let host = answer.section("hostname").unwrap_or_default().trim();
    put(out, "nodename", host);
    put(out, "hostname", host.split('.').next().unwrap_or_default());
    let full = full_name(answer, host);
    put(
        out,
        "domain",
        full.split_once('.').map_or("", |(_, domain)| domain),
    );
    put(out, "fqdn", full);
    let id = answer
        .line("/var/lib/dbus/machine-id")
        .or_else(|| answer.line("/etc/machine-id"));
    if let Some(id) = id {
        put(out, "machine_id", id);
    }
}

/// Addresses of a process of the host's are as wide as its programs are.
fn bits(answer: &Answer, machine: &str) -> &'static str {
    let maps = answer.lines("/proc/self/maps");
    if maps.is_empty() {
        return if machine.contains("64") || machine == "s390x" {
            "64"
        } else {
            "32"
        };
    }
    let wide = |line: &String| {
        let address = line
            .split('-')
            .next()
            .and_then(|a| u64::from_str_radix(a, 16).ok());
        address.is_some_and(|a| a > u64::from(u32::MAX))
    };
    if maps.iter().any(wide) { "64" } else { "32" }
}

/// The host's name as its own resolver completes it: the first name with a dot among those of its
/// address, or the address's first name.
fn full_name(answer: &Answer, host: &str) -> String {
    if host.contains('.') {
        return host.to_owned();
    }
    let hosts = answer.lines("/etc/hosts");
    let entries: Vec<Vec<&str>> = hosts
        .iter()
        .map(|line| {
            line.split('#')
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .collect()
        })
        .collect();
    let resolved = answer
        .section("fqdn")
        .map(|t| t.split_whitespace().collect::<Vec<_>>());
    let mine = entries
        .iter()
        .find(|e| e.iter().skip(1).any(|n| n.eq_ignore_ascii_case(host)));
    let names = match (mine, &resolved) {
        (Some(mine), _) => entries.iter().find(|e| e.first() == mine.first()),
        (None, Some(resolved)) => Some(resolved),
        (None, None) => None,
    };
    let Some([_, names @ ..]) = names.map(Vec::as_slice) else {
        return host.to_owned();
    };
    let dotted = names.iter().find(|n| n.contains('.'));
    dotted
        .or_else(|| names.first())
        .map_or(host, |n| n)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_completed_by_the_address() {
        let full = |hosts: &str, host: &str| {
            let text: String = hosts.lines().map(|l| format!("/etc/hosts:{l}\n")).collect();
            let text = format!("files {}\n{text}", text.len());
            full_name(&Answer::read(text.as_bytes()), host)
        };
        assert_eq!(full("127.0.0.1 localhost\n127.0.0.1 vm", "vm"), "localhost");
        assert_eq!(
            full("127.0.1.1 web1.example.org web1", "web1"),
            "web1.example.org"
        );
        assert_eq!(full("10.0.0.1 web1 web1.a.b # x", "web1"), "web1.a.b");
        assert_eq!(
            (full("", "web1"), full("", "a.b")),
            ("web1".into(), "a.b".into())
        );
    }
}
