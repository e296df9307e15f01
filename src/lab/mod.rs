//! `palisade lab`: throw-away hosts on this machine, to try playbooks on.
//!
//! A host is a process tree with its own mount, process, user, network, name and IPC namespaces, an
//! overlay over the machine's own root, an address on the lab's bridge and an SSH server. Nothing it
//! does touches the machine: what it writes goes to memory, its root has powers only over what is
//! its own, and the kernel's settings it sees are a copy.
//!
//! ```text
//! Lab ─ store    the lab's directory and notes           ─ boot     keeper, builder, entrance
//!     ─ layer    accounts, keys, what is hidden          ─ root     overlay, /dev, /proc, /sys
//!     ─ net      the bridge and the cables               ─ fault    what may go wrong, on demand
//!     ─ busybox  the smallest host                       ─ changes  what a host did to its files
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "the lab makes hosts: processes, mounts and files of its own"
)]

pub mod boot;
pub mod busybox;
pub mod cgroup;
pub mod changes;
pub mod error;
pub mod fault;
pub mod inventory;
pub mod keys;
pub mod layer;
pub mod net;
pub mod profile;
pub mod root;
pub mod run;
pub mod store;
mod systemd;

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub use error::LabError;
pub use keys::Keys;
pub use profile::{Profile, Server};

use error::doing;
use store::{HostNote, Notes, Store};

/// What a lab is called unless it is told otherwise.
pub const DEFAULT_NAME: &str = "lab";

/// The password `sudo` asks `admin` for.
pub const ADMIN_PASSWORD: &str = "lab-admin";

pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// From starting a host to its SSH server's first line: fifty at once on two cores take four.
const READY: Duration = Duration::from_secs(60);

/// A lab by name, whether it is up or not.
pub struct Lab {
    store: Store,
    /// The palisade program: hosts start through its hidden subcommands.
    palisade: PathBuf,
}

/// What `up` is asked for: so many hosts of a kind.
#[derive(Clone, Debug)]
pub struct Want {
    pub count: usize,
    pub profile: Profile,
    /// What the hosts lie over; the machine's own root if none is given.
    pub root: Option<PathBuf>,
    /// Run our own small SSH server also where a proper one is installed.
    pub own_server: bool,
}

/// What `up` did.
#[derive(Clone, Debug)]
pub struct Started {
    pub started: Vec<String>,
    /// Hosts that were there and running.
    pub present: Vec<String>,
    pub took: Duration,
}

/// A host as it is now.
#[derive(Clone, Debug)]
pub struct Host {
    pub name: String,
    pub profile: Profile,
    pub address: std::net::Ipv4Addr,
    /// Its process 1 by the machine's count; none while it is down.
    pub pid: Option<u32>,
}

impl Lab {
    /// `palisade` is the program that hosts are started with: `std::env::current_exe()` in the
    /// program itself, `env!("CARGO_BIN_EXE_palisade")` in a test.
    pub fn named(name: &str, palisade: &Path) -> Result<Lab, LabError> {
        Ok(Lab {
            store: Store::new(name)?,
            palisade: palisade.to_path_buf(),
        })
    }

    /// The names of the labs on this machine.
    pub fn all() -> Vec<String> {
        Store::all().into_iter().map(|s| s.name).collect()
    }

    pub fn is_up(&self) -> bool {
        self.store.exists()
    }

    /// Sees to it that so many hosts of this kind run, and waits until each can be logged in to.
    pub fn up(&self, want: &Want) -> Result<Started, LabError> {
        let began = Instant::now();
        able()?;
        let lower = self.lower(want)?;
        if want.profile == Profile::Systemd {
            systemd::able(&lower)?;
        }
        self.store.make()?;
        let _lock = self.store.lock()?;
        let mut notes = match self.store.read() {
            Err(LabError::NotUp { .. }) => self.found(want.count)?,
            other => other?,
        };
        if let Some(other) = notes
            .hosts
            .iter()
            .find(|h| h.profile == want.profile && h.lower != lower)
        {
            return Err(LabError::Refused {
                what: format!("a second root for {} hosts", want.profile.name()),
                why: format!("this lab's lie over {}", other.lower.display()),
            });
        }
        let keys = self.foundations(&notes, want.profile, &lower)?;
        let new = self.admit(&mut notes, want, &lower)?;
        self.store.write(&notes)?;
        keys::known_hosts(&self.store, &notes)?;
        layer::names(&self.store, &notes)?;
        for (host, key) in &new {
            let id = machine_id()?;
            layer::own_layer(&self.store, host, key, &id)?;
        }
        drop(keys);
        let of_kind = notes.hosts.iter().filter(|h| h.profile == want.profile);
        let (present, absent): (Vec<&HostNote>, Vec<&HostNote>) =
            of_kind.partition(|h| boot::pid(&self.store, &h.name).is_some());
        for host in &absent {
            boot::start(&self.store, host, &self.palisade)?;
        }
        self.wait(&absent)?;
        let names = |hosts: &[&HostNote]| hosts.iter().map(|h| h.name.clone()).collect();
        Ok(Started {
            started: names(&absent),
            present: names(&present),
            took: began.elapsed(),
        })
    }

    /// The first notes of a lab, with a network that no other lab has or is about to have.
    fn found(&self, count: usize) -> Result<Notes, LabError> {
        let _turn = Store::turn()?;
        let others = Store::all().into_iter().filter_map(|s| s.read().ok());
        let taken: Vec<net::Network> = others.map(|n| n.network).collect();
        let notes = self.store.empty_notes(net::choose(count, &taken)?);
        self.store.write(&notes)?;
        Ok(notes)
    }

    fn lower(&self, want: &Want) -> Result<PathBuf, LabError> {
        match (want.profile, &want.root) {
            (Profile::Busybox, _) => busybox::image(),
            (_, None) => Ok(PathBuf::from("/")),
            (_, Some(dir)) => {
                let dir = fs::canonicalize(dir)
                    .map_err(doing(format!("find the root {}", dir.display())))?;
                if dir.join("bin/sh").exists() {
                    return Ok(dir);
                }
                Err(LabError::Refused {
                    what: format!("a host over {}", dir.display()),
                    why: "it has no bin/sh".into(),
                })
            }
        }
    }

    /// What all hosts share. Each part is made once, so a lab that was cut short is completed.
    fn foundations(&self, notes: &Notes, profile: Profile, lower: &Path) -> Result<Keys, LabError> {
        let keys = keys::of(&self.store)?;
        root::memory(&self.store)?;
        root::copy_sysctl(&self.store)?;
        layer::common(&self.store, profile, lower, &keys)?;
        net::switch_up(&self.store, notes.network)?;
        Ok(keys)
    }

    /// Adds the hosts that are not in the notes yet, each with an address and a key of its own.
    fn admit(
        &self,
        notes: &mut Notes,
        want: &Want,
        lower: &Path,
    ) -> Result<Vec<(HostNote, crate::host::keygen::NewKey)>, LabError> {
        let mut new = Vec::new();
        for number in 1..=want.count {
            let name = format!("{}{number}", want.profile.prefix());
            if notes.hosts.iter().any(|h| h.name == name) {
                continue;
            }
            let most = notes.network.most();
            let taken: Vec<_> = notes.hosts.iter().map(|h| h.address).collect();
            let free = notes.network.free(&taken).filter(|_| taken.len() < most);
            let address = free.ok_or(LabError::Full { most })?;
            let key = keys::fresh()?;
            let host = HostNote {
                name,
                profile: want.profile,
                address,
                public_key: key.public.clone(),
                server: match (want.own_server, want.profile) {
                    (true, Profile::Debian | Profile::Systemd) => Server::Own,
                    (_, profile) => profile.server(lower),
                },
                lower: lower.to_path_buf(),
            };
            notes.hosts.push(host.clone());
            new.push((host, key));
        }
        Ok(new)
    }

    /// Until the SSH server of each host has said its first line.
    fn wait(&self, hosts: &[&HostNote]) -> Result<(), LabError> {
        let end = Instant::now() + READY;
        std::thread::scope(|scope| {
            let waits: Vec<_> = hosts
                .iter()
                .map(|h| scope.spawn(move || self.wait_one(h, end)))
                .collect();
            let results = waits.into_iter().map(|w| {
                let panicked = || LabError::Boot {
                    host: "?".into(),
                    why: "waiting failed".into(),
                };
                w.join().unwrap_or_else(|_| Err(panicked()))
            });
            results.collect::<Vec<_>>().into_iter().collect()
        })
    }

    fn wait_one(&self, host: &HostNote, end: Instant) -> Result<(), LabError> {
        let failed = |why: String| LabError::Boot {
            host: host.name.clone(),
            why,
        };
        while Instant::now() < end {
            if let Some(why) = boot::failure(&self.store, &host.name) {
                return Err(failed(why));
            }
            if boot::is_up(&self.store, &host.name) && greets(host) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(failed(format!(
            "no SSH server answered within {} s",
            READY.as_secs()
        )))
    }

    /// Ends every host and removes every trace; also of a lab that never came up.
    pub fn down(&self) -> Result<(), LabError> {
        if !self.store.exists() {
            return Err(LabError::NotUp {
                name: self.store.name.clone(),
            });
        }
        let lock = self.store.lock()?;
        let hosts = self.store.path("hosts");
        // Without notes, no keeper starts anything any more.
        let _ = fs::remove_file(self.store.path("lab.json"));
        boot::stop_keepers(&self.store.name);
        for entry in fs::read_dir(&hosts).into_iter().flatten().flatten() {
            if let Ok(name) = entry.file_name().into_string() {
                boot::stop(&self.store, &name);
            }
        }
        net::switch_down(&self.store)?;
        cgroup::remove(&self.store.name);
        root::detach(&hosts)?;
        let dir = &self.store.dir;
        fs::remove_dir_all(dir).map_err(doing(format!("remove {}", dir.display())))?;
        drop(lock);
        Ok(())
    }

    /// Every host of the lab and how it is.
    pub fn hosts(&self) -> Result<Vec<Host>, LabError> {
        let notes = self.store.read()?;
        let state = |h: HostNote| Host {
            pid: boot::pid(&self.store, &h.name),
            name: h.name,
            profile: h.profile,
            address: h.address,
        };
        Ok(notes.hosts.into_iter().map(state).collect())
    }

    pub fn keys(&self) -> Result<Keys, LabError> {
        self.store.read()?;
        keys::of(&self.store)
    }

    /// Throws away what these hosts wrote (all of them if none is named) and starts them again.
    pub fn reset(&self, hosts: &[String]) -> Result<Vec<String>, LabError> {
        self.cycle(hosts, |store, host| {
            for name in ["upper", "uppers", "work", "works", "sysctl", "sysctl-work"] {
                let dir = store.of(host, name);
                if dir.exists() {
                    fs::remove_dir_all(&dir).map_err(doing(format!("remove {}", dir.display())))?;
                }
            }
            Ok(())
        })
    }

    /// A power cycle: files stay, but for `/tmp` and `/run`.
    pub fn restart(&self, hosts: &[String]) -> Result<Vec<String>, LabError> {
        self.cycle(hosts, |store, host| {
            boot::forget_volatile(store, host);
            Ok(())
        })
    }

    fn cycle(
        &self,
        hosts: &[String],
        between: impl Fn(&Store, &str) -> Result<(), LabError>,
    ) -> Result<Vec<String>, LabError> {
        let notes = self.store.read()?;
        let _lock = self.store.lock()?;
        let chosen = pick(&notes, hosts)?;
        for host in &chosen {
            boot::stop(&self.store, &host.name);
            between(&self.store, &host.name)?;
        }
        for host in &chosen {
            boot::start(&self.store, host, &self.palisade)?;
        }
        self.wait(&chosen)?;
        Ok(chosen.into_iter().map(|h| h.name.clone()).collect())
    }

    /// An `ssh` that logs in to a host as this user, with the lab's key and its known hosts.
    pub fn ssh(&self, host: &str, user: &str, words: &[String]) -> Result<Command, LabError> {
        let notes = self.store.read()?;
        let host = find(&notes, host)?;
        let keys = self.keys()?;
        let mut command = Command::new("ssh");
        command
            .args(inventory::ssh_options(&keys))
            .arg("-i")
            .arg(&keys.client);
        command.arg(format!("{user}@{}", host.address));
        if !words.is_empty() {
            command.arg("--").args(words);
        }
        Ok(command)
    }

    /// A command inside a host, as its root, without SSH: to verify from outside.
    pub fn exec(&self, host: &str, words: &[String]) -> Result<Command, LabError> {
        let notes = self.store.read()?;
        let host = find(&notes, host)?;
        let pid = boot::pid(&self.store, &host.name).ok_or_else(|| LabError::Boot {
            host: host.name.clone(),
            why: "it is down; `palisade lab restart` starts it".into(),
        })?;
        let target = format!("--target={pid}");
        let spaces = [
            "--user", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
        ];
        let mut command = run::command("nsenter", &[target.as_str()]);
        command
            .args(spaces)
            .args(["--root", "--wd", "--"])
            .args(words);
        command
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", "/root")
            .env("USER", "root");
        Ok(command)
    }
}

/// Whether the host's SSH server says who it is.
fn greets(host: &HostNote) -> bool {
    let address = SocketAddr::from((host.address, 22));
    let patience = Duration::from_secs(5);
    let Ok(mut stream) = TcpStream::connect_timeout(&address, patience) else {
        return false;
    };
    let mut start = [0_u8; 4];
    stream.set_read_timeout(Some(patience)).is_ok()
        && stream.read_exact(&mut start).is_ok()
        && start == *b"SSH-"
}

fn machine_id() -> Result<String, LabError> {
    let uuid = fs::read_to_string("/proc/sys/kernel/random/uuid").map_err(doing("make an id"))?;
    Ok(uuid.trim().replace('-', ""))
}

fn find<'a>(notes: &'a Notes, name: &str) -> Result<&'a HostNote, LabError> {
    notes
        .hosts
        .iter()
        .find(|h| h.name == name)
        .ok_or_else(|| LabError::NoSuchHost {
            given: name.into(),
            known: notes.hosts.iter().map(|h| h.name.clone()).collect(),
        })
}

/// The named hosts, or all.
fn pick<'a>(notes: &'a Notes, names: &[String]) -> Result<Vec<&'a HostNote>, LabError> {
    if names.is_empty() {
        return Ok(notes.hosts.iter().collect());
    }
    names.iter().map(|n| find(notes, n)).collect()
}

/// Whether hosts can be made here at all, and if not, for want of what.
pub fn able() -> Result<(), LabError> {
    for (program, package) in [
        ("unshare", "util-linux"),
        ("nsenter", "util-linux"),
        ("ip", "iproute2"),
    ] {
        if run::find(program).is_none() {
            return Err(LabError::Missing { program, package });
        }
    }
    if !rustix::process::geteuid().is_root() {
        return Err(LabError::NotRoot {
            why: fault::without_root(),
        });
    }
    let tries: [(&str, &[&str]); 4] = [
        ("a mount namespace", &["--mount", "--", "true"]),
        ("a process namespace", &["--pid", "--fork", "--", "true"]),
        ("a network namespace", &["--net", "--", "true"]),
        ("a user namespace", &["--user", "--", "true"]),
    ];
    for (what, words) in tries {
        if let Err(LabError::Command { stderr, .. }) = run::run("unshare", words, "") {
            return Err(LabError::Refused {
                what: what.into(),
                why: stderr.trim().into(),
            });
        }
    }
    Ok(())
}
