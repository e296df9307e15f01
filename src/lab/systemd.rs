//! Hosts whose process 1 is systemd, over the machine's own system.
//!
//! What the machine has enabled is not wanted in a host (its databases, its desktop), so all that is
//! enabled is hidden, and the little that a server is stays: journal, bus and SSH. Shutting down ends process 1, which tells the host's keeper whether to start it again.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount};

use super::error::{LabError, doing};
use super::layer::opaque;
use super::profile::Server;
use super::store::{make_dir, write};

/// Where systemd's own program lies in a root.
pub(crate) const INIT: &str = "/lib/systemd/systemd";

/// What process 1 is started with.
pub(crate) const ARGUMENTS: &[&str] = &["--system", "--show-status=no", "--log-target=journal"];

const OWN: &str = "palisade-lab-server.service";

/// In place of `ssh.service` where no sshd is installed, or our own is wanted.
const OWN_SERVER: &str = "\
[Unit]
Description=The SSH server of palisade lab
[Service]
ExecStart=/run/palisade lab serve
";

/// Process 1 becomes this at the very end. Its status tells the keeper what is wanted.
const SHUTDOWN: &str = "#!/bin/sh\ncase $1 in reboot|kexec) exit 64 ;; *) exit 0 ;; esac\n";

const JOURNAL: &str = "[Journal]\nStorage=volatile\nRuntimeMaxUse=8M\nReadKMsg=no\n";

const SYSTEM: &str = "[Manager]\nDefaultTimeoutStopSec=5s\n";

/// Units that are about a machine, not about a host in its namespaces.
const MASKED: &[&str] = &[
    "systemd-udevd.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udev-trigger.service",
    "systemd-remount-fs.service",
    "systemd-journald-audit.socket",
    "systemd-modules-load.service",
    "systemd-sysctl.service",
    "systemd-binfmt.service",
    "systemd-firstboot.service",
    "systemd-machine-id-commit.service",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "sys-kernel-config.mount",
    "sys-fs-fuse-connections.mount",
    "proc-sys-fs-binfmt_misc.automount",
    "kmod-static-nodes.service",
    "modprobe@.service",
    "getty.target",
];

/// Why there can be no such hosts over this root; nothing if there can.
pub(crate) fn able(lower: &Path) -> Result<(), LabError> {
    let refused = |why: &str| {
        Err(LabError::Refused {
            what: "a host with systemd".into(),
            why: why.into(),
        })
    };
    if !lower.join(INIT.trim_start_matches('/')).exists() {
        return refused("systemd is not installed (Debian's package is systemd-sysv)");
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    if !mounts
        .lines()
        .any(|l| l.split(' ').nth(2) == Some("cgroup2"))
    {
        return refused("no control groups of version 2 are mounted on this machine");
    }
    Ok(())
}

/// What lies between the root and the hosts, beside what all hosts have.
pub(crate) fn layer(lower: &Path, top: &Path) -> Result<(), LabError> {
    let units = top.join("etc/systemd/system");
    for dir in ["etc/systemd/system", "etc/systemd/user"] {
        make_dir(&top.join(dir), 0o755)?;
        opaque(&top.join(dir))?;
    }
    for level in ["0", "1", "2", "3", "4", "5", "6", "S"] {
        let dir = format!("etc/rc{level}.d");
        if lower.join(&dir).is_dir() {
            make_dir(&top.join(&dir), 0o755)?;
            opaque(&top.join(&dir))?;
        }
    }
    write(&units.join(OWN), OWN_SERVER.as_bytes(), 0o644)?;
    let target = "/lib/systemd/system/multi-user.target";
    link(target, &units.join("default.target"))?;
    for unit in MASKED {
        link("/dev/null", &units.join(unit))?;
    }
    for (dir, text) in [
        ("etc/systemd/journald.conf.d", JOURNAL),
        ("etc/systemd/system.conf.d", SYSTEM),
    ] {
        make_dir(&top.join(dir), 0o755)?;
        let file = top.join(dir).join("palisade-lab.conf");
        write(&file, text.as_bytes(), 0o644)?;
    }
    let programs = match lower.join("usr/lib/systemd").is_dir() {
        true => top.join("usr/lib/systemd"),
        false => top.join("lib/systemd"),
    };
    make_dir(&programs, 0o755)?;
    let last = programs.join("systemd-shutdown");
    write(&last, SHUTDOWN.as_bytes(), 0o755)
}

/// What one host has of its own: its SSH server, enabled as an installation does it.
pub(crate) fn own_layer(top: &Path, server: Server) -> Result<(), LabError> {
    let units = top.join("etc/systemd/system");
    let wanted = units.join("multi-user.target.wants");
    make_dir(&wanted, 0o755)?;
    let ssh = "/lib/systemd/system/ssh.service";
    match server {
        Server::OpenSsh => {
            link(ssh, &units.join("sshd.service"))?;
            link(ssh, &wanted.join("ssh.service"))
        }
        Server::Own | Server::Dropbear => {
            link(&format!("/etc/systemd/system/{OWN}"), &wanted.join(OWN))
        }
    }
}

fn link(to: &str, at: &Path) -> Result<(), LabError> {
    symlink(to, at).map_err(doing(format!("link {} to {to}", at.display())))
}

/// Gives the host its own part of the control groups, in which systemd keeps its services.
pub(crate) fn control_groups(root: &Path) -> Result<(), LabError> {
    let at: PathBuf = root.join("sys/fs/cgroup");
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("cgroup2", &at, "cgroup2", flags, None).map_err(doing("give control groups to a host"))
}
