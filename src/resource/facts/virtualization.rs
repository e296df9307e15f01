//! Whether it is a guest, a container, a host of guests.

use std::collections::BTreeSet;

use serde_yaml::{Mapping, Value};

use super::answer::Answer;
use super::put;

/// Firmware that names its hypervisor: the file, how its text begins, the kind.
const FIRMWARE: &[(&str, &str, &str)] = &[
    ("product_name", "KVM", "kvm"),
    ("product_name", "KVM Server", "kvm"),
    ("product_name", "Bochs", "kvm"),
    ("product_name", "AHV", "kvm"),
    ("product_name", "Google", "kvm"),
    ("product_name", "BHYVE", "bhyve"),
    ("product_name", "VMware", "VMware"),
    ("product_name", "OpenStack", "openstack"),
    ("product_name", "VirtualBox", "virtualbox"),
    ("product_name", "HVM domU", "xen"),
    ("product_name", "Parallels Virtual Platform", "parallels"),
    ("product_name", "Parallels ARM Virtual Machine", "parallels"),
    ("product_name", "RHEV Hypervisor", "RHEV"),
    ("product_name", "oVirt Node", "oVirt"),
    ("product_name", "KubeVirt", "KubeVirt"),
    ("bios_vendor", "Xen", "xen"),
    ("bios_vendor", "innotek GmbH", "virtualbox"),
    ("bios_vendor", "Amazon EC2", "kvm"),
    ("bios_vendor", "DigitalOcean", "kvm"),
    ("bios_vendor", "Hetzner", "kvm"),
    ("bios_vendor", "Linode", "kvm"),
    (
        "bios_vendor",
        "Parallels Software International Inc.",
        "parallels",
    ),
    ("sys_vendor", "Microsoft Corporation", "VirtualPC"),
    (
        "sys_vendor",
        "Parallels Software International Inc.",
        "parallels",
    ),
    ("sys_vendor", "QEMU", "kvm"),
    ("sys_vendor", "Amazon EC2", "kvm"),
    ("sys_vendor", "DigitalOcean", "kvm"),
    ("sys_vendor", "Hetzner", "kvm"),
    ("sys_vendor", "Linode", "kvm"),
    ("sys_vendor", "oVirt", "kvm"),
    ("sys_vendor", "OpenStack Foundation", "openstack"),
];

#[derive(Default)]
struct Found {
    kind: Option<&'static str>,
    role: &'static str,
    guest: BTreeSet<&'static str>,
    host: BTreeSet<&'static str>,
}

impl Found {
    /// The first that is found is what it is.
    fn guest(&mut self, kind: &'static str) {
        self.guest.insert(kind);
        if self.kind.is_none() {
            (self.kind, self.role) = (Some(kind), "guest");
        }
    }

    fn host(&mut self, kind: &'static str) {
        self.host.insert(kind);
        if self.kind.is_none() {
            (self.kind, self.role) = (Some(kind), "host");
        }
    }
}

pub(super) fn read(answer: &Answer, out: &mut Mapping) {
    let mut found = Found::default();
    containers(answer, &mut found);
    machines(answer, &mut found);
    hosts(answer, &mut found);
    put(out, "virtualization_type", found.kind.unwrap_or("NA"));
    put(
        out,
        "virtualization_role",
        if found.role.is_empty() {
            "NA"
        } else {
            found.role
        },
    );
    let list = |set: BTreeSet<&str>| set.into_iter().map(Value::from).collect::<Vec<_>>();
    put(out, "virtualization_tech_guest", list(found.guest));
    put(out, "virtualization_tech_host", list(found.host));
    if own_parameters(answer) {
        put(out, "own_kernel_parameters", true);
    }
}

/// A container may have kernel parameters of its own: a file system over `/proc/sys` that it may write to and
/// that reaches no kernel. Not one of Ansible's facts, so it is there only where it says something.
fn own_parameters(answer: &Answer) -> bool {
    let Some((options, source)) = answer.section("parameters").and_then(|p| p.split_once(' '))
    else {
        return false;
    };
    let writable = options.split(',').any(|o| o == "rw");
    writable && !source.starts_with("proc ")
}

fn containers(answer: &Answer, found: &mut Found) {
    let cgroup = answer.lines("/proc/1/cgroup");
    let within = |words: &[&str]| cgroup.iter().any(|l| words.iter().any(|w| l.contains(w)));
    let docker = within(&["/docker/", "/docker-", "docker-"])
        || answer.has("/.dockerenv")
        || answer.has("/.dockerinit");
    if docker {
        found.guest("docker");
    }
    if within(&["/lxc/", "/lxc.payload"]) {
        found.guest("lxc");
    }
    let named = answer
        .section("container")
        .or_else(|| answer.line("/run/systemd/container"));
    match named.map(str::trim) {
        Some("lxc" | "lxc-libvirt") => found.guest("lxc"),
        Some("podman") => found.guest("podman"),
        Some("docker") => found.guest("docker"),
        Some("systemd-nspawn") => found.guest("systemd-nspawn"),
        Some(_) => found.guest("container"),
        None => {}
    }
    if answer.has("/run/.containerenv") && !found.guest.contains("podman") {
        found.guest("podman");
    }
    if answer.has("/proc/vz") && !answer.has("/proc/lve") {
        if answer.has("/proc/bc") {
            found.host("openvz");
        } else {
            found.guest("openvz");
        }
    }
    if !found.guest.is_empty() && !found.guest.contains("openvz") {
        found.guest.insert("container");
    }
}

fn machines(answer: &Answer, found: &mut Found) {
    let hypervisor = answer.line("/sys/hypervisor/type");
    if answer.has("/proc/xen") || hypervisor == Some("xen") {
        let control = answer.lines("/proc/xen/capabilities");
        if control.iter().any(|l| l.contains("control_d")) {
            found.host("xen");
        } else {
            found.guest("xen");
        }
    }
    for (file, start, kind) in FIRMWARE {
        let line = answer.line(&format!("/sys/class/dmi/id/{file}"));
        if line.is_some_and(|l| l.starts_with(start)) {
            // What the product says is better than what its maker does.
            found.guest(kind);
            break;
        }
    }
    let family = answer.line("/sys/class/dmi/id/product_family");
    if family == Some("RHV") {
        found.guest("RHEV");
    }
    for line in answer.lines("/proc/cpuinfo") {
        if let Some((key, value)) = line.split_once(':') {
            match (key.trim(), value.trim()) {
                ("model name", v) if v.starts_with("QEMU Virtual CPU") => found.guest("kvm"),
                ("vendor_id", "User Mode Linux") => found.guest("uml"),
                ("vendor_id", "PowerVM Lx86") => found.guest("powervm_lx86"),
                ("machine", v) if v.starts_with("CHRP IBM pSeries (emulated by qemu)") => {
                    found.guest("kvm");
                }
                _ => {}
            }
        }
    }
    let status = answer.lines("/proc/self/status");
    if let Some(line) = status.iter().find_map(|l| l.strip_prefix("VxID:")) {
        if line.trim() == "0" {
            found.host("linux_vserver");
        } else {
            found.guest("linux_vserver");
        }
    }
}

fn hosts(answer: &Answer, found: &mut Found) {
    if answer.has("/dev/kvm") || answer.has("/sys/module/kvm") && found.kind.is_none() {
        found.host("kvm");
        if found.role == "host" && answer.has("/usr/sbin/vdsm") {
            found.kind = Some("RHEV");
        }
    }
    if answer.has("/dev/vboxdrv") || answer.has("/sys/module/vboxdrv") {
        found.host("virtualbox");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &str, exists: &str) -> (Value, Value) {
        let text = format!(
            "files {}\n{files}exists {}\n{exists}",
            files.len(),
            exists.len()
        );
        let mut out = Mapping::new();
        read(&Answer::read(text.as_bytes()), &mut out);
        (
            out["virtualization_type"].clone(),
            out["virtualization_role"].clone(),
        )
    }

    #[test]
    fn guests_and_hosts_are_told_apart() {
        let pair = |a: &str, b: &str| (Value::from(a), Value::from(b));
        assert_eq!(of("", "/.dockerenv\n/dev/kvm\n"), pair("docker", "guest"));
        assert_eq!(
            of("/sys/class/dmi/id/sys_vendor:QEMU\n", ""),
            pair("kvm", "guest")
        );
        assert_eq!(of("", "/dev/kvm\n"), pair("kvm", "host"));
        assert_eq!(of("/run/systemd/container:lxc\n", ""), pair("lxc", "guest"));
        assert_eq!(of("", ""), pair("NA", "NA"));
    }

    #[test]
    fn parameters_of_its_own_are_a_writable_copy() {
        let own = |mount: &str| {
            let text = format!("parameters {}\n{mount}files 0\nexists 0\n", mount.len());
            own_parameters(&Answer::read(text.as_bytes()))
        };
        assert!(own("rw,nosuid overlay overlay rw"));
        assert!(!own("ro,nosuid overlay overlay rw"));
        assert!(
            !own("rw,nosuid proc proc rw"),
            "those of the machine around it"
        );
    }
}
