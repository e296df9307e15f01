//! What lies between the machine's root and a host's own writes: accounts, SSH settings, names; and
//! what hides the machine's private things. It is laid down once, so that what a host changed is
//! exactly what its own layer holds.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::fs::{CWD, FileType, Gid, Mode, Uid, XattrFlags, makedev, mknodat};

use super::error::{LabError, doing};
use super::keys::Keys;
use super::profile::{Profile, Server};
use super::store::{HostNote, Notes, Store, make_dir, set_mode, write};
use super::systemd;

/// The only directories of the machine's root that hosts see; the rest is its owner's.
const SEEN: &[&str] = &["bin", "boot", "etc", "opt", "sbin", "srv", "usr", "var"];

/// Directories every system has, here empty, with their modes.
const EMPTY: &[(&str, u32)] = &[
    ("home", 0o755),
    ("root", 0o700),
    ("tmp", 0o1777),
    ("mnt", 0o755),
    ("media", 0o755),
    ("proc", 0o555),
    ("sys", 0o555),
    ("dev", 0o755),
    ("run", 0o755),
    ("var/tmp", 0o1777),
    ("var/cache/palisade-lab", 0o755),
    ("etc/sudoers.d", 0o750),
    ("etc/ssh/sshd_config.d", 0o755),
    ("etc/ssl/private", 0o700),
];

/// People's accounts have ids from here up to [`NOBODY`]; the lab puts its own in their place.
const FIRST_PERSON: u32 = 1000;
const NOBODY: u32 = 65534;

/// `lab-admin`, as `openssl passwd -6` writes it.
const ADMIN_HASH: &str = "$6$palisadelab$.bOIZE8utrGoLsqS7ouMzmw/WNu1vbOxa6tr3xOPfSxgt9NOEy/gVQUaWj3sPGjVPIZ.24yxBeJ2hGjH9S0U5.";

const SSHD_CONFIG: &str = "\
# Written by palisade lab.
Include /etc/ssh/sshd_config.d/*.conf
HostKey /etc/ssh/ssh_host_ed25519_key
PidFile /run/sshd.pid
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
PrintLastLog no
MaxStartups 200:30:400
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
";

/// Process 1 of a host ends the host on these signals; its keeper starts it again after the first.
const REBOOT: &str = "#!/bin/sh\nkill -HUP 1\n";
const POWEROFF: &str = "#!/bin/sh\nkill -TERM 1\n";
const SHUTDOWN: &str = "#!/bin/sh\n\
    for a; do case $a in -r|--reboot) exec kill -HUP 1 ;; -c) exit 0 ;; esac; done\n\
    kill -TERM 1\n";

/// The layer that all hosts of a profile share.
pub(crate) fn common(
    store: &Store,
    profile: Profile,
    lower: &Path,
    keys: &Keys,
) -> Result<(), LabError> {
    let top = store
        .path("hosts")
        .join(format!(".common-{}", profile.name()));
    if top.exists() {
        return Ok(());
    }
    make_dir(&top, 0o755)?;
    if profile != Profile::Busybox {
        hide(lower, &top)?;
        accounts(lower, &top)?;
        sudo(lower, &top)?;
        write(&top.join("etc/fstab"), b"", 0o644)?;
        if profile == Profile::Systemd {
            systemd::layer(lower, &top)?;
        }
        let bin = if lower.join("sbin").is_symlink() {
            "usr/sbin"
        } else {
            "sbin"
        };
        for (name, text) in [
            ("reboot", REBOOT),
            ("halt", POWEROFF),
            ("poweroff", POWEROFF),
            ("shutdown", SHUTDOWN),
        ]
        .into_iter()
        .filter(|_| profile == Profile::Debian)
        {
            write(&top.join(bin).join(name), text.as_bytes(), 0o755)?;
        }
        write(
            &top.join("etc/ssh/sshd_config"),
            SSHD_CONFIG.as_bytes(),
            0o644,
        )?;
    } else {
        make_dir(&top.join("root"), 0o700)?;
    }
    for (home, id) in [("root", 0), ("home/deploy", 1000), ("home/admin", 1001)] {
        if profile == Profile::Busybox && id != 0 {
            continue;
        }
        home_of(lower, &top, home, id, &keys.client_public)?;
    }
    mend_modes(&top)
}

/// Covers what of the machine is nobody else's business.
fn hide(lower: &Path, top: &Path) -> Result<(), LabError> {
    for entry in fs::read_dir(lower)
        .map_err(doing(format!("read {}", lower.display())))?
        .flatten()
    {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let seen = SEEN.contains(&name.as_str()) || name.starts_with("lib");
        if !seen && !EMPTY.iter().any(|(n, _)| *n == name) {
            whiteout(&top.join(&name))?;
        }
    }
    for (name, mode) in EMPTY {
        if name.contains('/') && !lower.join(name).exists() {
            continue;
        }
        let dir = top.join(name);
        make_dir(&dir, *mode)?;
        opaque(&dir)?;
    }
    // What the machine's administrator wants done when the machine starts.
    if lower.join("etc/rc.local").symlink_metadata().is_ok() {
        make_dir(&top.join("etc"), 0o755)?;
        whiteout(&top.join("etc/rc.local"))?;
    }
    for entry in fs::read_dir(lower.join("etc/ssh"))
        .into_iter()
        .flatten()
        .flatten()
    {
        if entry.file_name().to_string_lossy().starts_with("ssh_host_") {
            whiteout(&top.join("etc/ssh").join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Overlayfs's mark for "nothing of what lies below".
pub(crate) fn opaque(dir: &Path) -> Result<(), LabError> {
    rustix::fs::setxattr(dir, "trusted.overlay.opaque", b"y", XattrFlags::empty())
        .map_err(doing(format!("hide {}", dir.display())))
}

/// Overlayfs's mark for "not there".
fn whiteout(at: &Path) -> Result<(), LabError> {
    mknodat(
        CWD,
        at,
        FileType::CharacterDevice,
        Mode::empty(),
        makedev(0, 0),
    )
    .map_err(doing(format!("hide {}", at.display())))
}

pub(crate) fn is_whiteout(meta: &fs::Metadata) -> bool {
    meta.file_type().is_char_device() && meta.rdev() == 0
}

pub(crate) fn is_opaque(dir: &Path) -> bool {
    let mut value = [0_u8; 1];
    matches!(rustix::fs::getxattr(dir, "trusted.overlay.opaque", &mut value), Ok(1) if value == *b"y")
}

/// The machine's accounts without its people and its passwords, and the lab's own.
fn accounts(lower: &Path, top: &Path) -> Result<(), LabError> {
    let system = |id: &str| {
        id.parse::<u32>()
            .is_ok_and(|id| !(FIRST_PERSON..NOBODY).contains(&id))
    };
    let read = |name: &str| fs::read_to_string(lower.join("etc").join(name)).unwrap_or_default();
    let shell = if lower.join("bin/bash").exists() {
        "/bin/bash"
    } else {
        "/bin/sh"
    };
    let (mut passwd, mut shadow) = (String::new(), String::new());
    for line in read("passwd").lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [name, _, id, _, _, _, _] = fields[..]
            && system(id)
            && !["deploy", "admin"].contains(&name)
        {
            let _ = writeln!(passwd, "{line}");
            let _ = writeln!(shadow, "{name}:*:19700:0:99999:7:::");
        }
    }
    for (name, id, hash) in [("deploy", 1000, "*"), ("admin", 1001, ADMIN_HASH)] {
        let _ = writeln!(passwd, "{name}:x:{id}:{id}::/home/{name}:{shell}");
        let _ = writeln!(shadow, "{name}:{hash}:19700:0:99999:7:::");
    }
    let (mut group, mut gshadow) = (String::new(), String::new());
    for line in read("group").lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [name, _, id, _] = fields[..]
            && system(id)
            && !["deploy", "admin"].contains(&name)
        {
            let _ = writeln!(group, "{name}:x:{id}:");
            let _ = writeln!(gshadow, "{name}:*::");
        }
    }
    for (name, id) in [("deploy", 1000), ("admin", 1001)] {
        let _ = writeln!(group, "{name}:x:{id}:");
        let _ = writeln!(gshadow, "{name}:!::");
    }
    let shadow_group = group
        .lines()
        .find_map(|l| l.strip_prefix("shadow:x:")?.strip_suffix(':')?.parse().ok());
    for (name, text, mode) in [
        ("passwd", &passwd, 0o644),
        ("group", &group, 0o644),
        ("shadow", &shadow, 0o640),
        ("gshadow", &gshadow, 0o640),
    ] {
        let path = top.join("etc").join(name);
        write(&path, text.as_bytes(), mode)?;
        if mode == 0o640 {
            own(&path, 0, shadow_group.unwrap_or(0))?;
        }
    }
    Ok(())
}

fn sudo(lower: &Path, top: &Path) -> Result<(), LabError> {
    if !lower.join("usr/bin/sudo").exists() {
        return Ok(());
    }
    let rules = "deploy ALL=(ALL:ALL) NOPASSWD: ALL\nadmin ALL=(ALL:ALL) ALL\n";
    write(
        &top.join("etc/sudoers.d/palisade-lab"),
        rules.as_bytes(),
        0o440,
    )
}

fn home_of(lower: &Path, top: &Path, home: &str, id: u32, key: &str) -> Result<(), LabError> {
    let dir = top.join(home);
    make_dir(&dir.join(".ssh"), 0o700)?;
    write(
        &dir.join(".ssh/authorized_keys"),
        format!("{key} palisade-lab\n").as_bytes(),
        0o600,
    )?;
    set_mode(&dir, if id == 0 { 0o700 } else { 0o755 })?;
    for name in [".bashrc", ".profile"] {
        if let Ok(text) = fs::read(lower.join("etc/skel").join(name)) {
            write(&dir.join(name), &text, 0o644)?;
            own(&dir.join(name), id, id)?;
        }
    }
    for path in [&dir, &dir.join(".ssh"), &dir.join(".ssh/authorized_keys")] {
        own(path, id, id)?;
    }
    Ok(())
}

fn own(path: &Path, uid: u32, gid: u32) -> Result<(), LabError> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    rustix::fs::chownat(
        CWD,
        path,
        Some(uid),
        Some(gid),
        rustix::fs::AtFlags::empty(),
    )
    .map_err(doing(format!("give {} away", path.display())))
}

/// Directories made on the way carry the umask of whoever runs the lab; hosts want 0755.
fn mend_modes(top: &Path) -> Result<(), LabError> {
    for name in [
        "etc",
        "etc/ssh",
        "etc/systemd",
        "usr",
        "usr/lib",
        "usr/sbin",
        "sbin",
        "var",
        "var/cache",
        "etc/ssl",
        "home",
    ] {
        let dir = top.join(name);
        if dir.is_dir() {
            set_mode(&dir, 0o755)?;
        }
    }
    Ok(())
}

/// The layer of one host: its name, its keys, its machine id.
pub(crate) fn own_layer(
    store: &Store,
    host: &HostNote,
    key: &crate::host::keygen::NewKey,
    machine_id: &str,
) -> Result<(), LabError> {
    let top = store.of(&host.name, "conf");
    make_dir(&top, 0o755)?;
    make_dir(&top.join("etc"), 0o755)?;
    write(
        &top.join("etc/hostname"),
        format!("{}\n", host.name).as_bytes(),
        0o644,
    )?;
    write(
        &top.join("etc/machine-id"),
        format!("{machine_id}\n").as_bytes(),
        0o444,
    )?;
    if host.profile == Profile::Systemd {
        systemd::own_layer(&top, host.server)?;
    }
    if host.server == Server::Dropbear {
        make_dir(&top.join("etc/dropbear"), 0o700)?;
        return write(&top.join("etc/dropbear/host_key"), &key.dropbear, 0o600);
    }
    make_dir(&top.join("etc/ssh"), 0o755)?;
    let file = top.join("etc/ssh/ssh_host_ed25519_key");
    write(&file, key.private.as_bytes(), 0o600)?;
    let public = format!("{} root@{}\n", key.public, host.name);
    write(&file.with_extension("pub"), public.as_bytes(), 0o644)
}

/// `/etc/hosts` of every host: all of the lab. Written anew whenever hosts come or go.
pub(crate) fn names(store: &Store, notes: &Notes) -> Result<(), LabError> {
    let mut text = String::from("127.0.0.1 localhost\n::1 localhost ip6-localhost\n");
    for host in &notes.hosts {
        let _ = writeln!(text, "{} {}", host.address, host.name);
    }
    for profile in Profile::ALL {
        let top = store
            .path("hosts")
            .join(format!(".common-{}", profile.name()));
        if top.exists() {
            write(&top.join("etc/hosts"), text.as_bytes(), 0o644)?;
            set_mode(&top.join("etc"), 0o755)?;
        }
    }
    Ok(())
}
