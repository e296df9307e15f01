//! How a host's processes start, in four steps that hand over to each other.
//!
//! 1. *Keeper*, on the machine: one for each host. Starts it, lays its cable, and starts it again
//!    when it rebooted itself.
//! 2. *Builder*, process 1 of the new process namespace, still with the machine's powers: builds the
//!    file tree, then enters a user namespace, and with that gives up every power over the machine.
//! 3. A `sh` that waits there until the keeper has written down who is who (uid 0 stays 0, but its
//!    capabilities count only in what the host owns) and has laid the cable.
//! 4. *Entrance*: moves into the tree, drops what is left of dangerous capabilities, and becomes
//!    the host's `sh`, which starts the SSH server and then collects what dies.
//!
//! Nothing is ever started with more powers than it needs afterwards, and since every step is the
//! same process 1, killing it ends the host.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal};
use rustix::thread::CapabilitySet;

use super::error::{LabError, doing};
use super::profile::{Profile, Server};
use super::store::{HostNote, Store, set_mode, write};
use super::{cgroup, net, root, run, systemd};

/// Exit status of a host that wants to be started again.
const AGAIN: i32 = 64;

/// The entrance's last word before it becomes the host's own `sh`.
const UP: &str = "up\n";

/// Waits until the keeper says go. Its number is that of the machine, whose `/proc` it still sees.
const WAIT: &str =
    "read -r pid _ </proc/self/stat; echo \"ready $pid\"; read -r go && exec \"$0\" \"$@\"";

/// The host's process 1: does what an administrator wants done at boot, starts what was given, then collects orphans. On the way out everyone gets
/// a moment to say goodbye to the other end of their connections.
const INIT: &str = "\
bye() { trap '' HUP TERM; kill -TERM -1; sleep 0.2; exit $1; }
trap 'bye 64' HUP
trap 'bye 0' TERM
mkdir -p /run/lock /run/sshd
chmod 1777 /run/lock
[ ! -x /etc/rc.local ] || /etc/rc.local </dev/null >/dev/null 2>&1
\"$@\" </dev/null >/dev/null 2>&1 &
while :; do sleep 2147483 & wait $!; done";

/// Powers that are of no use in a host's namespaces, taken away a second time for good measure.
const DROPPED: &[CapabilitySet] = &[
    CapabilitySet::SYS_TIME,
    CapabilitySet::SYS_MODULE,
    CapabilitySet::MKNOD,
    CapabilitySet::SYS_RAWIO,
    CapabilitySet::SYS_BOOT,
    CapabilitySet::SYSLOG,
    CapabilitySet::WAKE_ALARM,
    CapabilitySet::MAC_ADMIN,
    CapabilitySet::MAC_OVERRIDE,
    CapabilitySet::AUDIT_CONTROL,
];

/// Starts the keeper of a host and leaves it running.
pub(crate) fn start(store: &Store, host: &HostNote, palisade: &Path) -> Result<(), LabError> {
    for name in ["pid", "up", "failed"] {
        let _ = fs::remove_file(store.of(&host.name, name));
    }
    let log = store.of(&host.name, "log");
    let log = fs::File::create(&log).map_err(doing(format!("write {}", log.display())))?;
    let child = Command::new(palisade)
        .args(["lab", "keep", "--name", &store.name, &host.name])
        .env("PATH", super::PATH)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(doing(format!("start {}", palisade.display())))?;
    remember(store, &host.name, "keeper", child.id())
}

/// The keeper's life. Returns when the host is down for good.
pub fn keep(store: &Store, name: &str) -> Result<(), LabError> {
    let _ = rustix::process::setsid();
    loop {
        let notes = store.read()?;
        let Some(host) = notes.hosts.iter().find(|h| h.name == name) else {
            return Ok(());
        };
        let kept = one_life(store, host, notes.network);
        match kept {
            Ok(AGAIN) => forget_volatile(store, name),
            Ok(_) => return Ok(()),
            Err(e) => {
                let why = match &e {
                    LabError::Boot { why, .. } => why.clone(),
                    other => other.to_string(),
                };
                write(&store.of(name, "failed"), why.as_bytes(), 0o600)?;
                return Err(e);
            }
        }
    }
}

/// What a reboot loses: the overlay keeps the rest.
pub(crate) fn forget_volatile(store: &Store, host: &str) {
    let tmp = store.of(host, "upper").join("tmp");
    for entry in fs::read_dir(tmp).into_iter().flatten().flatten() {
        let path = entry.path();
        let _ = if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
    }
}

fn one_life(store: &Store, host: &HostNote, network: net::Network) -> Result<i32, LabError> {
    let id = fs::read_to_string("/proc/sys/kernel/random/uuid").map_err(doing("make a boot id"))?;
    write(&store.of(&host.name, "boot_id"), id.as_bytes(), 0o444)?;
    let me = format!("/proc/{}/exe", std::process::id());
    let boot = ["lab", "build", "--name", &store.name, &host.name];
    let spaces = [
        "--pid",
        "--fork",
        "--",
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "--",
    ];
    let words = [&spaces[..], &[me.as_str()], &boot[..]].concat();
    let mut child = run::command("unshare", &words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| run::not_started("unshare", e))?;
    match bring_up(store, host, network, &mut child) {
        Ok(()) => write(&store.of(&host.name, "up"), b"", 0o600)?,
        Err(e) => {
            let _ = child.kill();
            stop_process(store, &host.name);
            let _ = child.wait();
            return Err(e);
        }
    }
    let status = child.wait().map_err(doing("wait for the host"))?;
    Ok(status.code().unwrap_or(1))
}

/// The keeper's half of the talk with the process that is becoming the host.
fn bring_up(
    store: &Store,
    host: &HostNote,
    network: net::Network,
    child: &mut Child,
) -> Result<(), LabError> {
    let failed = |why: &str| LabError::Boot {
        host: host.name.clone(),
        why: why.trim().into(),
    };
    let (Some(out), Some(mut input)) = (child.stdout.take(), child.stdin.take()) else {
        return Err(failed("its pipes are closed"));
    };
    let mut out = BufReader::new(out);
    let mut line = String::new();
    out.read_line(&mut line)
        .map_err(doing("hear from the host"))?;
    let pid = line
        .strip_prefix("ready ")
        .and_then(|p| p.trim().parse::<u32>().ok());
    let Some(pid) = pid else {
        return Err(failed(if line.is_empty() {
            "see its log"
        } else {
            &line
        }));
    };
    remember(store, &host.name, "pid", pid)?;
    let everyone = "0 0 4294967295\n";
    for map in ["uid_map", "gid_map"] {
        let path = format!("/proc/{pid}/{map}");
        fs::write(&path, everyone).map_err(doing(format!("write {path}")))?;
    }
    net::plug(store, network, host, pid)?;
    input.write_all(b"go\n").map_err(doing("start the host"))?;
    drop(input);
    let mut last = String::new();
    out.read_line(&mut last)
        .map_err(doing("hear from the host"))?;
    if last == UP {
        Ok(())
    } else {
        Err(failed(&last))
    }
}

/// Step 2. Only returns when it failed; the keeper reads why from stdout.
pub fn build(store: &Store, name: &str) -> Result<std::convert::Infallible, LabError> {
    only_as_first()?;
    let host = find(store, name)?;
    cgroup::join(&store.name, name);
    root::build(store, &host)?;
    let me = store.of(name, "palisade");
    show_program(&me)?;
    if host.server == Server::Own {
        show_program(&store.of(name, "root").join("run/palisade"))?;
    }
    let spaces = [
        "--user",
        "--mount",
        "--net",
        "--uts",
        "--ipc",
        "--cgroup",
        "--propagation",
    ];
    let then = ["private", "--", "sh", "-c", WAIT];
    let error = run::command("unshare", &[&spaces[..], &then[..]].concat())
        .arg(me)
        .args(["lab", "enter", "--name", &store.name, name])
        .exec();
    Err(run::not_started("unshare", error))
}

/// On the machine itself, what the builder does to its surroundings would be done to the machine.
fn only_as_first() -> Result<(), LabError> {
    if std::process::id() == 1 {
        return Ok(());
    }
    Err(LabError::Refused {
        what: "a step of a host's start".into(),
        why: "it is not process 1 of a namespace of its own".into(),
    })
}

/// Makes this program visible at a path where it is found also by who may not look into the
/// directories it lies in. One that was replaced by a newer build since is copied.
fn show_program(at: &Path) -> Result<(), LabError> {
    let what = "show this program to a host";
    let me = fs::read_link("/proc/self/exe").map_err(doing(what))?;
    let same = |a: &Path, b: &Path| {
        let id = |p: &Path| fs::metadata(p).map(|m| (m.dev(), m.ino())).ok();
        id(a).is_some_and(|a| Some(a) == id(b))
    };
    if same(&me, Path::new("/proc/self/exe")) {
        if !at.exists() {
            write(at, b"", 0o755)?;
        }
        return rustix::mount::mount_bind(&me, at).map_err(doing(what));
    }
    fs::copy("/proc/self/exe", at).map_err(doing(what))?;
    set_mode(at, 0o755)
}

/// Step 4. Only returns when it failed; the keeper reads why from stdout.
pub fn enter(store: &Store, name: &str) -> Result<std::convert::Infallible, LabError> {
    only_as_first()?;
    let host = find(store, name)?;
    fs::write("/proc/sys/kernel/hostname", name).map_err(doing("set the host's name"))?;
    let tree = store.of(name, "root");
    if let Err(e) = root::sysfs(&tree) {
        let _ = writeln!(std::io::stderr(), "no /sys: {e}");
    }
    if host.profile == Profile::Systemd {
        systemd::control_groups(&tree)?;
    }
    root::enter(&tree)?;
    for capability in DROPPED {
        rustix::thread::remove_capability_from_bounding_set(*capability)
            .map_err(doing("drop capabilities"))?;
    }
    let _ = rustix::thread::clear_ambient_capability_set();
    let _ = rustix::process::setsid();
    rustix::process::umask(rustix::fs::Mode::from(0o022));
    let _ = std::io::stdout().write_all(UP.as_bytes());
    let (program, arguments) = match host.profile {
        Profile::Systemd => (systemd::INIT, systemd::ARGUMENTS.to_vec()),
        Profile::Debian | Profile::Busybox => {
            let init = ["-c", INIT, "init"];
            ("/bin/sh", [&init[..], server_command(host.server)].concat())
        }
    };
    let error = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", super::PATH)
        .env("container", "palisade-lab")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .exec();
    Err(LabError::Io {
        what: format!("start {program}"),
        source: error,
    })
}

fn server_command(server: Server) -> &'static [&'static str] {
    match server {
        Server::OpenSsh => &["/usr/sbin/sshd"],
        Server::Dropbear => &[
            "/usr/sbin/dropbear",
            "-F",
            "-s",
            "-r",
            "/etc/dropbear/host_key",
        ],
        Server::Own => &["/run/palisade", "lab", "serve"],
    }
}

fn find(store: &Store, name: &str) -> Result<HostNote, LabError> {
    let notes = store.read()?;
    notes
        .hosts
        .into_iter()
        .find(|h| h.name == name)
        .ok_or_else(|| LabError::NoSuchHost {
            given: name.into(),
            known: Vec::new(),
        })
}

/// Notes a process with the time it started, so that a number given again is not taken for it.
fn remember(store: &Store, host: &str, what: &str, pid: u32) -> Result<(), LabError> {
    let born = born(pid).unwrap_or_default();
    write(
        &store.of(host, what),
        format!("{pid} {born}\n").as_bytes(),
        0o600,
    )
}

/// When a process started, in ticks since boot: field 22, counted after the name's parenthesis.
fn born(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace();
    let state = fields.next()?;
    // A zombie is gone in every way that matters here.
    if state == "Z" {
        None
    } else {
        fields.nth(18).map(str::to_string)
    }
}

fn recall(store: &Store, host: &str, what: &str) -> Option<u32> {
    let text = fs::read_to_string(store.of(host, what)).ok()?;
    let (pid, noted) = text.trim().split_once(' ')?;
    let pid = pid.parse().ok()?;
    (born(pid).as_deref() == Some(noted)).then_some(pid)
}

/// The host's process 1, by the machine's count; none if the host is down.
pub(crate) fn pid(store: &Store, host: &str) -> Option<u32> {
    recall(store, host, "pid")
}

/// Whether the host has been let go, with its cable laid.
pub(crate) fn is_up(store: &Store, host: &str) -> bool {
    store.of(host, "up").exists() && pid(store, host).is_some()
}

pub(crate) fn failure(store: &Store, host: &str) -> Option<String> {
    fs::read_to_string(store.of(host, "failed")).ok()
}

/// Ends the keepers of a lab and the hosts they are just making, also those nobody had the time to
/// note. Looks again until there are none: one may have started another meanwhile.
pub(crate) fn stop_keepers(lab: &str) {
    let marks = ["keep", "build", "enter"].map(|verb| format!("\0lab\0{verb}\0--name\0{lab}\0"));
    let ours = |pid: &u32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words);
        marks.iter().any(|m| words.contains(m.as_str()))
    };
    for _ in 0..STOP_POLLS {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
        let found: Vec<u32> = pids.filter(ours).collect();
        if found.is_empty() {
            return;
        }
        found.into_iter().for_each(|pid| kill(Some(pid)));
        std::thread::sleep(STOP_POLL);
    }
}

/// Ends a host at once, as pulling the plug would, with all its processes.
pub(crate) fn stop(store: &Store, host: &str) {
    kill(recall(store, host, "keeper"));
    stop_process(store, host);
}

fn stop_process(store: &Store, host: &str) {
    let Some(pid) = pid(store, host) else { return };
    cgroup::freeze(&store.name, host, false);
    kill(Some(pid));
    let gone = |_: &u32| born(pid).is_none();
    for _ in (0..STOP_POLLS).take_while(|n| !gone(n)) {
        std::thread::sleep(STOP_POLL);
    }
}

/// The kernel ends a whole process namespace in milliseconds; ten seconds are for a loaded machine.
const STOP_POLLS: u32 = 2000;
const STOP_POLL: std::time::Duration = std::time::Duration::from_millis(5);

fn kill(pid: Option<u32>) {
    if let Some(pid) = pid.and_then(|p| Pid::from_raw(p.cast_signed())) {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
}
