//! Timers and services of systemd that do what `palisade serve` would do, for people who want no daemon.

use std::path::{Path, PathBuf};

use super::schedule::{Job, Schedule, slug};

/// A unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    pub name: String,
    pub text: String,
}

/// What units are made for.
#[derive(Clone, Debug)]
pub struct Install {
    /// This program, and the schedule, as absolute paths.
    pub program: PathBuf,
    pub schedule: PathBuf,
    /// More words for it: where vault passwords are, which history.
    pub options: Vec<String>,
    /// What it is to find in its environment.
    pub env: Vec<(String, String)>,
    /// Folders that runs write to.
    pub writes: Vec<PathBuf>,
    /// For the user's own manager, which may restrict less.
    pub user: bool,
}

/// After its timeout a job is asked to end in order, asked again and killed, and whoever cannot be told
/// of it is tried for five minutes; then the service is killed.
const SPARE: i64 = 120 + 360;

/// Of a file that is ours, the first line.
pub fn mark(schedule: &Path) -> String {
    format!("# palisade install-schedule {}", schedule.display())
}

/// What a word is in a command line of systemd's.
fn word(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '\\' | '"' => out.extend(['\\', c]),
            '%' | '$' => out.extend([c, c]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What a path is outside a command line.
fn path(path: &Path) -> String {
    path.display().to_string().replace('%', "%%")
}

/// The units of a schedule: a timer and a service for each job.
pub fn units(schedule: &Schedule, install: &Install) -> Vec<Unit> {
    let stem = install
        .schedule
        .file_stem()
        .map(|s| s.to_string_lossy().into_owned());
    let prefix = format!("palisade-{}", slug(&stem.unwrap_or_default()));
    let of = |job: &Job| {
        let name = format!("{prefix}-{}", slug(&job.name));
        [
            Unit {
                text: service(job, install),
                name: format!("{name}.service"),
            },
            Unit {
                text: timer(job, install),
                name: format!("{name}.timer"),
            },
        ]
    };
    schedule.jobs.iter().flat_map(of).collect()
}

fn head(job: &Job, install: &Install) -> String {
    let name = job.name.replace('%', "%%");
    format!(
        "{}\n[Unit]\nDescription=palisade {}: {name}\nDocumentation=man:palisade-serve(1)\n",
        mark(&install.schedule),
        job.verb.word(),
    )
}

fn timer(job: &Job, install: &Install) -> String {
    let mut text = head(job, install);
    text.push_str("\n[Timer]\n");
    for calendar in &job.timing.calendars {
        let zone = match calendar.zone() {
            Some(_) => String::new(),
            None => job
                .timing
                .zone
                .iana_name()
                .map(|z| format!(" {z}"))
                .unwrap_or_default(),
        };
        for line in calendar.on_calendar() {
            text.push_str(&format!("OnCalendar={line}{zone}\n"));
        }
    }
    let jitter = job.timing.jitter.as_secs();
    if jitter > 0 {
        text.push_str(&format!("RandomizedDelaySec={jitter}\n"));
    }
    text.push_str("AccuracySec=1s\n");
    if job.timing.catch_up {
        text.push_str("Persistent=true\n");
    }
    text.push_str("\n[Install]\nWantedBy=timers.target\n");
    text
}

/// Nothing of the machine but what a run needs: the network, its keys, and the folders it writes to.
const CLOSED: &str = "\
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RestrictNamespaces=yes
CapabilityBoundingSet=
";

/// What a user's manager can keep up as well, without privileges of its own.
const CLOSED_FOR_ALL: &str = "\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077
";

fn service(job: &Job, install: &Install) -> String {
    let mut text = head(job, install);
    let dir = install.schedule.parent().unwrap_or(Path::new("/"));
    let stem = install.schedule.with_extension("env");
    let words: Vec<String> = ["serve".to_owned(), install.schedule.display().to_string()]
        .into_iter()
        .chain(["--once".into(), job.name.clone()])
        .chain(install.options.iter().cloned())
        .map(|w| word(&w))
        .collect();
    text.push_str(&format!(
        "Wants=network-online.target\nAfter=network-online.target\n\n[Service]\nType=oneshot\n\
         ExecStart={} {}\nWorkingDirectory={}\nEnvironmentFile=-{}\nTimeoutStartSec={}\n",
        word(&install.program.display().to_string()),
        words.join(" "),
        path(dir),
        path(&stem),
        job.timing.timeout.as_secs().saturating_add(SPARE)
    ));
    for (name, value) in &install.env {
        let value = word(&format!("{name}={value}")).replace("$$", "$");
        text.push_str(&format!("Environment={value}\n"));
    }
    if job.verb.only_looks() {
        // A difference is what it was to find.
        text.push_str("SuccessExitStatus=3\n");
    }
    text.push_str(CLOSED_FOR_ALL);
    if !install.user {
        text.push_str(CLOSED);
        for dir in &install.writes {
            text.push_str(&format!(
                "ReadWritePaths=-{}\n",
                path(dir).replace(' ', "\\x20")
            ));
        }
    }
    text
}
