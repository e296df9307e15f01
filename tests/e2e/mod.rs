//! What the end-to-end tests stand on: a lab, the built program, and what a run said in JSON.
//!
//! Needs root and namespaces; where they are missing each test says so and passes.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of this; what is unused differs between them"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use palisade::lab::inventory::Format;
use palisade::lab::{Lab, LabError, Profile, Want, able};
pub use serde_json::Value as Json;

pub const PALISADE: &str = env!("CARGO_BIN_EXE_palisade");

/// No run of these tests takes longer; what does is killed, and its test fails.
const LONGEST: Duration = Duration::from_secs(180);

/// A lab and a project directory, both gone however the test ends.
pub struct Bench {
    pub lab: Lab,
    pub dir: tempfile::TempDir,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.lab.down();
    }
}

fn want(count: usize, profile: Profile) -> Want {
    Want {
        count,
        profile,
        root: None,
        own_server: false,
    }
}

/// A lab of so many hosts, or none where labs are not possible. `letters` tells the labs of one
/// test program apart.
pub fn up(letters: &str, count: usize) -> Option<Bench> {
    if let Err(e) = able() {
        eprintln!("skipped: {e}");
        return None;
    }
    if !Path::new("/usr/sbin/sshd").exists() {
        eprintln!("skipped: sshd is not installed");
        return None;
    }
    let name = format!("e{}{letters}", std::process::id() % 10_000_000);
    let lab = Lab::named(&name, Path::new(PALISADE)).unwrap();
    let bench = Bench {
        lab,
        dir: tempfile::tempdir().unwrap(),
    };
    if count > 0 {
        bench.lab.up(&want(count, Profile::Debian)).unwrap();
    }
    bench.inventory();
    Some(bench)
}

impl Bench {
    /// Adds a host of busybox and dropbear; false where there is none to be had.
    pub fn busybox(&self) -> bool {
        match self.lab.up(&want(1, Profile::Busybox)) {
            Err(LabError::Missing { package, .. }) => {
                eprintln!("skipped: {package} is neither installed nor to be fetched");
                return false;
            }
            other => drop(other.unwrap()),
        }
        self.inventory();
        true
    }

    /// Adds a host whose process 1 is systemd; false where that is not possible.
    pub fn systemd(&self) -> bool {
        self.systemds(1)
    }

    /// Adds so many hosts whose process 1 is systemd; false where that is not possible.
    pub fn systemds(&self, count: usize) -> bool {
        match self.lab.up(&want(count, Profile::Systemd)) {
            Err(LabError::Refused { what, why }) => {
                eprintln!("skipped: {what}: {why}");
                return false;
            }
            other => drop(other.unwrap()),
        }
        self.inventory();
        true
    }

    /// Gives a host the packages that were fetched for it: it has no network. What makes installing
    /// slow and changes nothing that is looked at (syncing, the index of manuals) is off.
    pub fn shelf(&self, host: &str) {
        let script = "rm -f /etc/apt/apt.conf.d/docker-clean; mkdir -p /var/cache/apt/archives; \
                      cp /var/cache/palisade-tests/*.deb /var/cache/apt/archives/; \
                      echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe; rm -f /var/lib/man-db/auto-update";
        self.on(host, script);
    }

    fn inventory(&self) {
        if let Ok(text) = self.lab.inventory(Format::Ini, "root") {
            self.write("inventory.ini", &text);
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file of the project.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `palisade playbook` with the lab's inventory, not yet started.
    pub fn palisade(&self, playbook: &Path, options: &[&str]) -> Command {
        let mut command = Command::new(PALISADE);
        command
            .arg("playbook")
            .arg("-i")
            .arg(self.path("inventory.ini"));
        command.args(options).arg(playbook);
        self.surround(&mut command);
        command
    }

    /// Nothing of whoever runs the tests: no ssh_config, no agent, no history.
    pub fn surround(&self, command: &mut Command) {
        command
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_DATA_HOME", self.path("data"))
            .env_remove("PALISADE_STORE")
            .env_remove("SSH_AUTH_SOCK")
            .env_remove("ANSIBLE_INVENTORY")
            .stdin(Stdio::null());
    }

    pub fn run(&self, playbook: &Path, options: &[&str]) -> Run {
        let mut command = self.palisade(playbook, options);
        command.arg("--json");
        Run::of(&output(&mut command))
    }

    /// Writes a playbook and runs it.
    pub fn play(&self, text: &str, options: &[&str]) -> Run {
        let playbook = self.write("play.yml", text);
        self.run(&playbook, options)
    }

    /// What a script prints, run by the host's root without SSH. It may fail.
    pub fn on(&self, host: &str, script: &str) -> String {
        self.try_on(host, script).unwrap()
    }

    /// The same on a host that may be down.
    pub fn try_on(&self, host: &str, script: &str) -> Result<String, LabError> {
        let words = ["sh".into(), "-c".into(), script.into()];
        let mut command = self.lab.exec(host, &words)?;
        let output = command.stdin(Stdio::null()).output().unwrap();
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
    }

    /// Writes a file of the host's without palisade.
    pub fn put(&self, host: &str, path: &str, text: &str) {
        let script = format!("mkdir -p \"$(dirname {path})\"; cat >{path}");
        let mut command = self
            .lab
            .exec(host, &["sh".into(), "-c".into(), script])
            .unwrap();
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// The files of all runs so far.
    pub fn journals(&self) -> Vec<PathBuf> {
        let runs = std::fs::read_dir(self.path("state/palisade/runs"));
        runs.into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
            .collect()
    }
}

/// Runs to the end, or kills what does not end.
pub fn output(command: &mut Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if wait.recv_timeout(LONGEST) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    let _ = done.send(());
    guard.join().unwrap();
    output
}

/// Looks again until it is so, or time is up.
pub fn until(limit: Duration, mut is: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if is() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Ends with the test, whatever becomes of it.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a run said.
pub struct Run {
    pub code: Option<i32>,
    pub events: Vec<Json>,
    pub stdout: String,
    pub stderr: String,
}

/// Task (role and name) and item, and its word.
pub type Words = BTreeMap<(String, String, String), String>;

impl Run {
    pub fn of(output: &Output) -> Run {
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let events = stdout
            .lines()
            .filter_map(|l| serde_json::from_str(l).ok())
            .collect();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Run {
            code: output.status.code(),
            events,
            stdout,
            stderr,
        }
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    fn named<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a Json> {
        self.events.iter().filter(move |e| e["event"] == event)
    }

    pub fn ended(&self) -> &Json {
        self.named("run_ended")
            .next()
            .unwrap_or_else(|| panic!("no end: {self}"))
    }

    /// The counts of a host.
    #[track_caller]
    pub fn count(&self, host: &str, what: &str) -> u64 {
        let all = self.ended()["recap"].as_array().unwrap();
        let of = all.iter().find(|r| r["host"] == host);
        let of = of.unwrap_or_else(|| panic!("{host} has no recap: {self}"));
        of[what].as_u64().unwrap()
    }

    pub fn hosts(&self) -> Vec<String> {
        let all = self.ended()["recap"].as_array().unwrap();
        all.iter()
            .map(|r| r["host"].as_str().unwrap().to_string())
            .collect()
    }

    /// How each task, and each of a loop's items, ended on each host.
    pub fn words(&self) -> Words {
        let text = |v: &Json| v.as_str().unwrap_or_default().to_string();
        let all = self
            .events
            .iter()
            .filter(|e| e["event"] == "ended" || e["event"] == "item");
        all.map(|e| {
            let task = &e["task"];
            let name = format!("{}/{}", text(&task["role"]), text(&task["name"]));
            (
                (text(&e["host"]), name, text(&e["label"])),
                text(&e["status"]),
            )
        })
        .collect()
    }

    /// What ended with this word, as `host task item`.
    pub fn with(&self, word: &str) -> BTreeSet<String> {
        let words = self.words().into_iter().filter(|(_, w)| w == word);
        words
            .map(|((host, task, item), _)| format!("{host} {task} {item}"))
            .collect()
    }

    /// The result of a task on a host.
    #[track_caller]
    pub fn result(&self, host: &str, task: &str) -> &Json {
        let mut found = self.named("ended").filter(|e| e["host"] == host);
        let found = found.find(|e| e["task"]["name"] == task);
        &found.unwrap_or_else(|| panic!("{host} has not done `{task}`: {self}"))["result"]
    }

    /// What was said of a host that could not be reached or used.
    #[track_caller]
    pub fn unreachable(&self, host: &str) -> &str {
        let mut found = self.named("unreachable").filter(|e| e["host"] == host);
        let found = found
            .next()
            .unwrap_or_else(|| panic!("{host} was reached: {self}"));
        found["message"].as_str().unwrap()
    }

    #[track_caller]
    pub fn unchanged(&self) {
        for host in self.hosts() {
            for what in ["changed", "failed", "unreachable", "unknown"] {
                let changed = self.with("changed");
                assert_eq!(
                    self.count(&host, what),
                    0,
                    "{host} {what}: {changed:?} {self}"
                );
            }
        }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "exit code {:?}", self.code)?;
        for line in self.stdout.lines() {
            let wanted = [
                r#""status":"failed""#,
                r#""event":"unreachable""#,
                "run_ended",
            ];
            if wanted.iter().any(|w| line.contains(w)) || self.events.is_empty() {
                writeln!(f, "{}", line.chars().take(800).collect::<String>())?;
            }
        }
        write!(f, "{}", self.stderr)
    }
}
