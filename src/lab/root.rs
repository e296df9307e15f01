//! What a host sees as its file system: an overlay, devices that reach nothing, and a `/proc` and
//! `/sys` through which the machine's kernel cannot be set.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, UnmountFlags, mount, mount_bind, mount_move, mount_remount, unmount,
};

use super::error::{LabError, doing};
use super::store::{HostNote, Store, make_dir, set_mode, write};

/// Hosts write into memory, at most this share of it.
const SHARE_OF_MEMORY: &str = "mode=700,size=80%,nr_inodes=0";

/// Files of `/proc` that speak of the machine, or to it: shown empty.
const MASKED: &[&str] = &[
    "kcore",
    "kmsg",
    "keys",
    "key-users",
    "timer_list",
    "latency_stats",
];

/// Parts of `/proc` that would set the machine: shown, but not writable.
const READ_ONLY: &[&str] = &[
    "sysrq-trigger",
    "acpi",
    "asound",
    "bus",
    "driver",
    "fs",
    "irq",
    "mtrr",
    "scsi",
];

/// Mounts the memory that all hosts of a lab write into. An overlay's upper directory cannot lie
/// on an overlay, and the machine's root may be one.
pub(crate) fn memory(store: &Store) -> Result<(), LabError> {
    let dir = store.path("hosts");
    if is_mounted(&dir) {
        return Ok(());
    }
    make_dir(&dir, 0o700)?;
    let options = data(SHARE_OF_MEMORY)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", &dir, "tmpfs", flags, options.as_c_str())
        .map_err(|e| refused("a file system in memory", e))
}

pub(crate) fn is_mounted(path: &Path) -> bool {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let path = path.to_string_lossy();
    text.lines()
        .any(|l| l.split(' ').nth(4) == Some(path.as_ref()))
}

/// Takes a mount away, also when something still looks into it.
pub(crate) fn detach(path: &Path) -> Result<(), LabError> {
    while is_mounted(path) {
        unmount(path, UnmountFlags::DETACH)
            .map_err(doing(format!("unmount {}", path.display())))?;
    }
    Ok(())
}

fn refused(what: &str, e: Errno) -> LabError {
    LabError::Refused {
        what: what.into(),
        why: e.to_string(),
    }
}

fn data(text: &str) -> Result<CString, LabError> {
    CString::new(text).map_err(doing("name a mount"))
}

/// A copy of `/proc/sys` without `net`, once for a lab: hosts read and write it instead.
pub(crate) fn copy_sysctl(store: &Store) -> Result<(), LabError> {
    let top = store.path("hosts").join(".sysctl");
    if top.exists() {
        return Ok(());
    }
    copy_settings(Path::new("/proc/sys"), &top, 0)?;
    make_dir(&top.join("net"), 0o555)
}

fn copy_settings(from: &Path, to: &Path, depth: u8) -> Result<(), LabError> {
    make_dir(to, 0o555)?;
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let (name, Ok(meta)) = (entry.file_name(), entry.metadata()) else {
            continue;
        };
        if depth == 0 && name == "net" {
            continue;
        }
        let (source, target) = (entry.path(), to.join(&name));
        if meta.is_dir() {
            copy_settings(&source, &target, depth + 1)?;
        } else if meta.is_file() {
            let mode = meta.permissions().mode() & 0o777;
            // Settings that can only be written have nothing to copy.
            let value = if mode & 0o400 == 0 {
                Vec::new()
            } else {
                fs::read(&source).unwrap_or_default()
            };
            write(&target, &value, mode)?;
        }
    }
    Ok(())
}

/// Builds a host's tree at its `root`, in a mount namespace that is the host's already.
pub(crate) fn build(store: &Store, host: &HostNote) -> Result<PathBuf, LabError> {
    let of = |name: &str| store.of(&host.name, name);
    let root = of("root");
    for name in [
        "upper",
        "work",
        "root",
        "sysctl",
        "sysctl-work",
        "keep-net",
        "keep-random",
    ] {
        make_dir(&of(name), 0o755)?;
    }
    overlay(
        &layers(store, host),
        &of("upper"),
        &of("work"),
        &root,
        MountFlags::empty(),
    )?;
    for inner in own_mounts(&host.lower) {
        let below: Vec<PathBuf> = layers(store, host).iter().map(|l| l.join(&inner)).collect();
        let below: Vec<PathBuf> = below.into_iter().filter(|l| l.is_dir()).collect();
        let (upper, work) = (
            mount_upper(store, host, &inner),
            of("works").join(flat(&inner)),
        );
        let mode = fs::metadata(host.lower.join(&inner)).map_or(0o755, |m| m.permissions().mode());
        make_dir(&upper, mode & 0o7777)?;
        make_dir(&work, 0o755)?;
        overlay(
            &below,
            &upper,
            &work,
            &root.join(&inner),
            MountFlags::empty(),
        )?;
    }
    for dir in ["proc", "sys", "dev", "run"] {
        if !root.join(dir).exists() {
            make_dir(&root.join(dir), 0o755)?;
        }
    }
    let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", root.join("proc"), "proc", quiet, None)
        .map_err(|e| refused("a /proc for a host", e))?;
    devices(&root.join("dev"))?;
    let options = data("mode=755")?;
    let run = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", root.join("run"), "tmpfs", run, options.as_c_str())
        .map_err(|e| refused("a /run for a host", e))?;
    settings(store, host, &root)?;
    shield(&root)?;
    // From here on every copy of /sys in this namespace is read-only, for the host's root too.
    let _ = mount_remount("/sys", MountFlags::BIND | MountFlags::RDONLY | quiet, c"");
    Ok(root)
}

/// Directories that machines keep on file systems of their own. An overlay does not look into what
/// is mounted on what it lies over, so each of them needs one more.
const OFTEN_MOUNTED: &[&str] = &[
    "usr",
    "usr/local",
    "opt",
    "srv",
    "var",
    "var/lib",
    "var/cache",
    "var/log",
];

/// The file systems of their own in a root, outermost first.
pub(crate) fn own_mounts(lower: &Path) -> Vec<PathBuf> {
    let mounted = |inner: &&&str| is_mounted(&lower.join(inner));
    OFTEN_MOUNTED
        .iter()
        .filter(mounted)
        .map(PathBuf::from)
        .collect()
}

/// Where a host's writes to one of them go.
pub(crate) fn mount_upper(store: &Store, host: &HostNote, inner: &Path) -> PathBuf {
    store.of(&host.name, "uppers").join(flat(inner))
}

fn flat(inner: &Path) -> String {
    inner.display().to_string().replace('/', "-")
}

/// What lies under a host's own writes, topmost first.
pub(crate) fn layers(store: &Store, host: &HostNote) -> Vec<PathBuf> {
    let common = format!(".common-{}", host.profile.name());
    vec![
        store.of(&host.name, "conf"),
        store.path("hosts").join(common),
        host.lower.clone(),
    ]
}

fn overlay(
    lower: &[PathBuf],
    upper: &Path,
    work: &Path,
    at: &Path,
    flags: MountFlags,
) -> Result<(), LabError> {
    let lower: Vec<String> = lower
        .iter()
        .map(|p| p.display().to_string().replace(':', "\\:"))
        .collect();
    let options = data(&format!(
        "lowerdir={},upperdir={},workdir={},index=off,metacopy=off,redirect_dir=off",
        lower.join(":"),
        upper.display(),
        work.display()
    ))?;
    mount("overlay", at, "overlay", flags, options.as_c_str())
        .map_err(|e| refused("an overlay file system", e))
}

fn devices(dev: &Path) -> Result<(), LabError> {
    let options = data("mode=755,size=4m")?;
    mount(
        "tmpfs",
        dev,
        "tmpfs",
        MountFlags::NOSUID,
        options.as_c_str(),
    )
    .map_err(|e| refused("a /dev for a host", e))?;
    let nodes = [
        ("null", 1, 3),
        ("zero", 1, 5),
        ("full", 1, 7),
        ("random", 1, 8),
        ("urandom", 1, 9),
        ("tty", 5, 0),
    ];
    for (name, major, minor) in nodes {
        let path = dev.join(name);
        mknodat(
            CWD,
            &path,
            FileType::CharacterDevice,
            Mode::from(0o666),
            makedev(major, minor),
        )
        .map_err(|e| refused("a device node", e))?;
        set_mode(&path, 0o666)?;
    }
    let links = [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ];
    for (name, to) in links {
        std::os::unix::fs::symlink(to, dev.join(name)).map_err(doing("link a device"))?;
    }
    make_dir(&dev.join("pts"), 0o755)?;
    make_dir(&dev.join("shm"), 0o1777)?;
    let options = data("newinstance,ptmxmode=0666,mode=620,gid=5")?;
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount(
        "devpts",
        dev.join("pts"),
        "devpts",
        flags,
        options.as_c_str(),
    )
    .map_err(|e| refused("terminals for a host", e))?;
    let options = data("mode=1777")?;
    mount(
        "tmpfs",
        dev.join("shm"),
        "tmpfs",
        flags | MountFlags::NODEV,
        options.as_c_str(),
    )
    .map_err(|e| refused("a /dev/shm for a host", e))
}

/// Puts the copy over `/proc/sys`. What stays real belongs to the host's own namespaces: `net`, its
/// name; and `kernel/random`, which gives numbers, with a boot id of the host's own.
fn settings(store: &Store, host: &HostNote, root: &Path) -> Result<(), LabError> {
    let of = |name: &str| store.of(&host.name, name);
    let sys = root.join("proc/sys");
    let bind = |from: &Path, to: &Path| {
        mount_bind(from, to).map_err(doing(format!("bind {}", from.display())))
    };
    let real_names = ["hostname", "domainname"];
    bind(&sys.join("net"), &of("keep-net"))?;
    bind(&sys.join("kernel/random"), &of("keep-random"))?;
    for name in real_names {
        write(&of(name), b"", 0o600)?;
        bind(&sys.join("kernel").join(name), &of(name))?;
    }
    let copy = store.path("hosts").join(".sysctl");
    let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    overlay(&[copy], &of("sysctl"), &of("sysctl-work"), &sys, quiet)?;
    let carry = |from: PathBuf, to: PathBuf| {
        mount_move(&from, &to).map_err(doing(format!("move a mount to {}", to.display())))
    };
    carry(of("keep-net"), sys.join("net"))?;
    carry(of("keep-random"), sys.join("kernel/random"))?;
    for name in real_names {
        carry(of(name), sys.join("kernel").join(name))?;
    }
    read_only(&sys.join("kernel/random"))?;
    bind(&of("boot_id"), &sys.join("kernel/random/boot_id"))
}

fn shield(root: &Path) -> Result<(), LabError> {
    let proc = root.join("proc");
    for name in MASKED.iter().map(|n| proc.join(n)).filter(|p| p.exists()) {
        mount_bind(root.join("dev/null"), &name)
            .map_err(doing(format!("mask {}", name.display())))?;
    }
    for name in READ_ONLY
        .iter()
        .map(|n| proc.join(n))
        .filter(|p| p.exists())
    {
        mount_bind(&name, &name).map_err(doing(format!("bind {}", name.display())))?;
        read_only(&name)?;
    }
    Ok(())
}

fn read_only(at: &Path) -> Result<(), LabError> {
    let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount_remount(at, MountFlags::BIND | MountFlags::RDONLY | quiet, c"")
        .map_err(doing(format!("make {} read-only", at.display())))
}

/// Makes `root` the root of this mount namespace; the machine's tree is then out of reach.
pub(crate) fn enter(root: &Path) -> Result<(), LabError> {
    let what = || format!("enter {}", root.display());
    rustix::mount::mount_bind_recursive(root, root).map_err(doing(what()))?;
    rustix::process::chdir(root).map_err(doing(what()))?;
    rustix::process::pivot_root(".", ".").map_err(doing(what()))?;
    unmount(".", UnmountFlags::DETACH).map_err(doing(what()))?;
    rustix::process::chdir("/").map_err(doing(what()))
}

/// A `/sys` that shows the host's own devices; read-only. Some containers do not allow it: then the
/// host has an empty one.
pub(crate) fn sysfs(root: &Path) -> Result<(), Errno> {
    let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount(
        "sysfs",
        root.join("sys"),
        "sysfs",
        quiet | MountFlags::RDONLY,
        None,
    )
}
