//! Three throw-away hosts, a folder of the controller's own, and what there is in both afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use fancy_regex::Regex;
use palisade::lab::changes::Kind;
use palisade::lab::{Lab, Profile, Want};
use similar::ChangeTag;

use crate::outcome::steady;

pub(crate) const HOSTS: [&str; 3] = ["lab1", "lab2", "lab3"];

/// What either tool leaves on a host for itself, and what a program leaves beside its own work.
const NOISE: &[&str] = &[
    "/root/.ansible",
    "/home/deploy/.ansible",
    "/root/.ansible_async",
    "/home/deploy/.sudo_as_admin_successful",
    "/root/.ssh",
    "/var/lib/palisade",
    "/var/log",
    "/var/cache",
    "/run",
    "/etc/.pwd.lock",
    "/etc/mtab",
    "/var/lib/sudo",
];

/// Files that are no two hosts' or machines' alike: of those the difference is what counts.
const OWN: &[&str] = &[
    "/etc/passwd",
    "/etc/passwd-",
    "/etc/group",
    "/etc/group-",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/subuid",
    "/etc/subuid-",
    "/etc/subgid",
    "/etc/subgid-",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/sudoers",
];

pub(crate) struct Bench {
    /// palisade under the name whose text it then speaks.
    pub(crate) palisade: PathBuf,
    lab: Lab,
    folder: tempfile::TempDir,
    /// `OWN` files as they were, by host and path.
    before: BTreeMap<(String, String), String>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.lab.down();
    }
}

impl Bench {
    pub(crate) fn up(palisade: &Path) -> Bench {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("d{}x{number}", std::process::id() % 1_000_000);
        let lab = Lab::named(&name, palisade).expect("a lab's name");
        let want = Want {
            count: HOSTS.len(),
            profile: Profile::Debian,
            root: None,
            own_server: false,
        };
        lab.up(&want).expect("the lab's hosts start");
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("ansible-playbook");
        std::os::unix::fs::symlink(palisade, &link).expect("a link");
        let mut bench = Bench {
            palisade: link,
            lab,
            folder,
            before: BTreeMap::new(),
        };
        for host in HOSTS {
            for path in OWN {
                let text = bench.cat(host, path);
                bench
                    .before
                    .insert((host.to_owned(), (*path).to_owned()), text);
            }
        }
        let listed = Command::new(palisade)
            .args(["lab", "--name", &name, "inventory"])
            .output()
            .expect("palisade runs");
        fs::write(bench.inventory(), listed.stdout).expect("the inventory can be written");
        bench
    }

    pub(crate) fn inventory(&self) -> PathBuf {
        self.folder.path().join("inventory.ini")
    }

    /// Where what is fetched goes, empty after every reset.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Ansible's own things: the sockets of its connections among them.
    pub(crate) fn own(&self) -> PathBuf {
        self.folder.path().join("own")
    }

    /// Makes everything as it was.
    pub(crate) fn reset(&self) {
        let hosts = HOSTS.map(str::to_owned);
        self.lab.reset(&hosts).expect("the hosts are reset");
        for folder in [self.out(), self.own()] {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir(&folder).expect("a folder");
        }
    }

    /// What a host has that it did not have, a path a line.
    pub(crate) fn tree(&self, host: &str) -> Vec<String> {
        let changes = self.lab.changes(host).expect("the changes are read");
        let mut lines = Vec::new();
        let mut paths = Vec::new();
        for change in changes {
            let path = change.path.to_string_lossy().into_owned();
            let is_noise = NOISE.iter().any(|n| change.path.starts_with(n));
            if is_noise || path.contains("__pycache__") {
                continue;
            }
            match change.kind {
                Kind::Removed => lines.push(format!("{path} removed")),
                _ if OWN.contains(&path.as_str()) => lines.extend(self.difference(host, &path)),
                _ => paths.push(path),
            }
        }
        lines.extend(self.describe(host, &paths).iter().map(|l| steady(l)));
        lines.sort();
        lines
    }

    fn cat(&self, host: &str, path: &str) -> String {
        let words = ["cat", path].map(str::to_owned);
        let done = self
            .lab
            .exec(host, &words)
            .expect("a command")
            .output()
            .expect("it runs");
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// The lines that came and went.
    fn difference(&self, host: &str, path: &str) -> Vec<String> {
        let before = &self.before[&(host.to_owned(), path.to_owned())];
        let now = self.cat(host, path);
        let day = Regex::new(r":\d{5}:").expect("a right expression");
        let changes = similar::TextDiff::from_lines(before.as_str(), now.as_str());
        let mut lines = Vec::new();
        for change in changes.iter_all_changes() {
            if change.tag() != ChangeTag::Equal {
                let text = change.value().trim_end();
                let text = day.replace_all(text, ":DAY:");
                lines.push(format!("{path} {}{text}", change.tag()));
            }
        }
        lines
    }

    fn describe(&self, host: &str, paths: &[String]) -> Vec<String> {
        if paths.is_empty() {
            return Vec::new();
        }
        let script = r#"for p; do
            stat -c '%n|%F|%a|%U:%G|%h' "$p"
            if [ -L "$p" ]; then readlink "$p"
            elif [ -f "$p" ]; then
                # cron writes above a crontab when it was installed.
                case $p in */crontabs/*) sed '1,3{/^# (.* installed on /d}' "$p" ;; *) cat "$p" ;; esac |
                    sha256sum | cut -c1-16
            else echo; fi; done"#;
        let mut words: Vec<String> = ["sh", "-c", script, "sh"].map(str::to_owned).to_vec();
        words.extend(paths.iter().cloned());
        let done = self
            .lab
            .exec(host, &words)
            .expect("a command")
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        let mut described = Vec::new();
        let mut lines = text.lines();
        while let (Some(stat), Some(end)) = (lines.next(), lines.next()) {
            let mut parts: Vec<&str> = stat.split('|').collect();
            let hard = parts.pop().unwrap_or_default();
            let is_file = parts.get(1).is_some_and(|k| k.starts_with("regular"));
            if let Some(kind) = parts.get_mut(1) {
                *kind = kind
                    .trim_start_matches("regular empty ")
                    .trim_start_matches("regular ");
            }
            let mut line = parts.join(" ");
            if is_file && hard != "1" {
                line.push_str(&format!(" {hard} names"));
            }
            if !end.is_empty() {
                line.push(' ');
                line.push_str(end);
            }
            described.push(line);
        }
        described
    }

    /// What was put into the controller's folder.
    pub(crate) fn fetched(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut left = vec![self.out()];
        while let Some(folder) = left.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let meta = fs::symlink_metadata(&path).expect("it is there");
                let shown = path.strip_prefix(self.out()).expect("below").display();
                if meta.is_dir() {
                    left.push(path.clone());
                } else {
                    let bytes = fs::read(&path).expect("it can be read");
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    lines.push(format!("{shown} {:o} {text:?}", meta.mode() & 0o7777));
                }
            }
        }
        lines.sort();
        lines
    }

    pub(crate) fn command(&self, command: &mut Command) -> Output {
        command
            .stdin(Stdio::null())
            .output()
            .expect("the command runs")
    }
}
