//! The lab, by using it: what hosts can do, what they cannot, and that nothing stays behind.
//!
//! Needs root and namespaces; where they are missing each test says so and passes.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use palisade::lab::changes::Kind;
use palisade::lab::inventory::Format;
use palisade::lab::{Lab, LabError, Profile, Want, able};

const PALISADE: &str = env!("CARGO_BIN_EXE_palisade");

/// A lab that is taken down however the test ends.
struct Bench {
    lab: Lab,
    name: String,
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

/// A lab of this test's own, or none where labs are not possible.
fn bench(letter: char) -> Option<Bench> {
    if let Err(e) = able() {
        eprintln!("skipped: {e}");
        return None;
    }
    let name = format!("t{}{letter}", std::process::id() % 10_000_000);
    let lab = Lab::named(&name, Path::new(PALISADE)).unwrap();
    Some(Bench { lab, name })
}

fn up(letter: char, count: usize) -> Option<Bench> {
    let bench = bench(letter)?;
    bench.lab.up(&want(count, Profile::Debian)).unwrap();
    Some(bench)
}

impl Bench {
    fn ssh(&self, host: &str, user: &str, script: &str) -> Output {
        self.lab
            .ssh(host, user, &[script.to_string()])
            .unwrap()
            .output()
            .unwrap()
    }

    /// What a script prints, run by the host's root over SSH. It may fail.
    fn root(&self, host: &str, script: &str) -> String {
        String::from_utf8_lossy(&self.ssh(host, "root", script).stdout)
            .trim()
            .to_string()
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn the_labs_key_opens_every_account_and_its_known_hosts_are_right() {
    let Some(bench) = up('a', 2) else { return };
    for user in ["root", "deploy", "admin"] {
        let out = bench.ssh("lab1", user, "id -un; hostname");
        assert_eq!(
            String::from_utf8_lossy(&out.stdout),
            format!("{user}\nlab1\n"),
            "{out:?}"
        );
    }
    let keys = bench.lab.keys().unwrap();
    let known = std::fs::read_to_string(&keys.known_hosts).unwrap();
    let lines: Vec<&str> = known.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_ne!(lines[0].split(' ').nth(2), lines[1].split(' ').nth(2));
    let differ = |of: &str| bench.root("lab1", of) != bench.root("lab2", of);
    assert!(differ("cat /etc/machine-id") && differ("cat /proc/sys/kernel/random/boot_id"));
    assert_eq!(bench.root("lab2", "getent hosts lab1 | wc -l"), "1");
    assert!(
        bench
            .root("lab2", "ssh-keyscan -t ed25519 lab1 2>/dev/null")
            .contains("ssh-ed25519")
    );
}

#[test]
fn sudo_asks_admin_and_does_not_ask_deploy() {
    let Some(bench) = up('b', 1) else { return };
    if !Path::new("/usr/bin/sudo").exists() {
        eprintln!("skipped: sudo is not installed");
        return;
    }
    assert!(
        bench
            .ssh("lab1", "deploy", "sudo -n id -u")
            .status
            .success()
    );
    assert!(!bench.ssh("lab1", "admin", "sudo -n id -u").status.success());
    let out = bench.ssh("lab1", "admin", "echo lab-admin | sudo -S -p '' id -u");
    assert_eq!(String::from_utf8_lossy(&out.stdout), "0\n");
}

#[test]
fn what_a_host_writes_is_neither_on_the_machine_nor_in_another_host() {
    let Some(bench) = up('c', 2) else { return };
    let mark = format!("/etc/{}", bench.name);
    bench.root(
        "lab1",
        &format!("echo mine > {mark}; rm /etc/profile; chmod 600 /etc/passwd"),
    );
    assert_eq!(bench.root("lab1", &format!("cat {mark}")), "mine");
    assert_eq!(
        bench.root("lab2", &format!("cat {mark}; ls /etc/profile")),
        "/etc/profile"
    );
    assert!(!Path::new(&mark).exists() && Path::new("/etc/profile").exists());
    let found = bench.lab.changes("lab1").unwrap();
    let seen: Vec<_> = found
        .iter()
        .map(|d| (d.path.to_str().unwrap(), d.kind))
        .collect();
    assert_eq!(
        seen,
        [
            ("/etc/passwd", Kind::Attributes),
            ("/etc/profile", Kind::Removed),
            (mark.as_str(), Kind::Added)
        ]
    );
    assert!(bench.lab.changes("lab2").unwrap().is_empty());
}

#[test]
fn the_machine_is_out_of_a_hosts_reach() {
    let Some(bench) = up('d', 1) else { return };
    let settings = [
        "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/panic",
        "/proc/sys/vm/swappiness",
    ];
    let before = settings.map(read);
    for refused in [
        "date -s 2001-01-01",
        "mknod /tmp/disk b 254 0 || mknod /tmp/disk b 8 0",
        "echo b > /proc/sysrq-trigger",
        "mount -t devtmpfs none /mnt",
        "mount -t proc none /mnt",
        "unshare --pid --fork --mount-proc true",
        "mount -t sysfs -o rw none /mnt && touch /mnt/power/state && echo > /mnt/power/pm_async",
        "mount -o remount,rw /sys",
        "umount /proc/sys",
        "mount -o remount,rw,bind /proc/irq",
        "dmesg",
        "cat /proc/kcore | head -c 1 | grep -q .",
        "mount /dev/vda /mnt || mount /dev/sda1 /mnt",
        "nsenter -t 1 -m ls /run/palisade-lab-*",
        "ls /run/palisade-lab-* /sys/fs/cgroup/palisade*",
    ] {
        let out = bench.ssh("lab1", "root", refused);
        assert!(!out.status.success(), "{refused} succeeded: {out:?}");
    }
    let boot = bench.root(
        "lab1",
        "sysctl -qw kernel.panic=77 vm.swappiness=3; cat /proc/sys/kernel/panic",
    );
    assert_eq!(boot, "77", "a host has settings of its own");
    assert_eq!(
        bench.root(
            "lab1",
            "hostname other; hostname; cat /proc/sys/kernel/hostname"
        ),
        "other\nother"
    );
    assert_eq!(settings.map(read), before);
    let year = bench.root("lab1", "date +%Y").parse::<u32>().unwrap();
    assert!(year > 2023);
    let bounds = bench.root("lab1", "grep CapBnd /proc/self/status");
    let bounds = u64::from_str_radix(bounds.split_whitespace().nth(1).unwrap(), 16).unwrap();
    // Modules, raw devices, reboot, clock, device nodes, kernel log.
    for capability in [16, 17, 22, 25, 27, 34] {
        assert_eq!(
            bounds >> capability & 1,
            0,
            "capability {capability} of {bounds:x}"
        );
    }
    for space in ["user", "mnt", "pid", "net", "uts", "ipc", "cgroup"] {
        let mine = std::fs::read_link(format!("/proc/self/ns/{space}")).unwrap();
        let theirs = bench.root("lab1", &format!("readlink /proc/self/ns/{space}"));
        assert_ne!(
            theirs,
            mine.to_string_lossy(),
            "a host has a namespace of its own"
        );
    }
    let me = std::process::id();
    assert_eq!(
        bench.root(
            "lab1",
            &format!("kill -0 {me} 2>/dev/null && cat /proc/{me}/comm")
        ),
        ""
    );
    assert_eq!(
        bench.root("lab1", "ls /home; ls /root /tmp"),
        "admin\ndeploy\n/root:\n\n/tmp:"
    );
    assert_eq!(bench.root("lab1", "ls /etc/ssh | grep -c ssh_host_"), "2");
    assert!(!bench.root("lab1", "cat /etc/shadow").contains("root:$"));
}

#[test]
fn net_settings_are_a_hosts_own_and_real() {
    let Some(bench) = up('e', 2) else { return };
    let machine = read("/proc/sys/net/ipv4/ip_default_ttl");
    assert_eq!(
        bench.root("lab1", "sysctl -n -w net.ipv4.ip_default_ttl=77"),
        "77"
    );
    assert_eq!(
        bench.root("lab1", "ip link add d0 type bridge; ls /sys/class/net"),
        "d0\neth0\nlo"
    );
    assert_eq!(
        bench.root("lab2", "cat /proc/sys/net/ipv4/ip_default_ttl"),
        machine.trim()
    );
    assert_eq!(read("/proc/sys/net/ipv4/ip_default_ttl"), machine);
}

#[test]
fn a_reboot_keeps_files_and_a_reset_does_not() {
    let Some(bench) = up('f', 1) else { return };
    let boot_id = || bench.root("lab1", "cat /proc/sys/kernel/random/boot_id");
    let first = boot_id();
    bench.root(
        "lab1",
        "echo kept > /etc/kept; echo gone > /tmp/gone; echo gone > /run/gone",
    );
    bench.lab.restart(&[]).unwrap();
    assert_eq!(
        bench.root("lab1", "ls /etc/kept /tmp/gone /run/gone 2>/dev/null"),
        "/etc/kept"
    );
    let second = boot_id();
    assert_ne!(first, second);
    bench.root("lab1", "reboot");
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end && [String::new(), second.clone()].contains(&boot_id()) {}
    assert_ne!(boot_id(), second, "a host can reboot itself");
    bench.lab.reset(&["lab1".into()]).unwrap();
    assert_eq!(bench.root("lab1", "ls /etc/kept 2>/dev/null"), "");
    assert!(bench.lab.changes("lab1").unwrap().is_empty());
}

#[test]
fn faults_come_and_go() {
    let Some(bench) = up('g', 1) else { return };
    let answers = || {
        let mut ssh = bench.lab.ssh("lab1", "root", &["true".into()]).unwrap();
        let mut limited = Command::new("timeout");
        limited.arg("2").arg(ssh.get_program()).args(ssh.get_args());
        ssh = limited;
        ssh.output().unwrap().status.code()
    };
    assert_eq!(answers(), Some(0));
    if bench.lab.freeze("lab1").is_ok() {
        assert_eq!(answers(), Some(124), "a frozen host is silent");
        bench.lab.thaw("lab1").unwrap();
    }
    bench.lab.cut("lab1").unwrap();
    assert_eq!(answers(), Some(124), "a cut cable is silent");
    bench.lab.heal("lab1").unwrap();
    assert_eq!(answers(), Some(0));
    bench.lab.disk("lab1", "64k", "/mnt/disk").unwrap();
    assert!(
        !bench
            .ssh("lab1", "root", "head -c 100000 /dev/zero > /mnt/disk/x")
            .status
            .success()
    );
    bench.lab.kill_server("lab1").unwrap();
    assert_eq!(answers(), Some(255), "nobody listens");
    bench.lab.restart(&[]).unwrap();
    assert_eq!(answers(), Some(0));
    assert_eq!(bench.lab.inside("lab1", &["pwd"]).unwrap(), "/\n");
}

/// Everything on this machine that bears the lab's name.
fn traces(name: &str) -> Vec<String> {
    let mut found: Vec<String> = read("/proc/self/mountinfo")
        .lines()
        .map(str::to_string)
        .collect();
    let links = std::fs::read_dir("/sys/class/net").unwrap().flatten();
    found.extend(links.map(|e| format!("{}-", e.file_name().to_string_lossy())));
    for proc in std::fs::read_dir("/proc").unwrap().flatten() {
        let words = std::fs::read(proc.path().join("cmdline")).unwrap_or_default();
        found.push(String::from_utf8_lossy(&words).replace('\0', " "));
    }
    for dir in [
        "/run",
        "/run/netns",
        "/sys/fs/cgroup",
        "/sys/fs/cgroup/unified",
    ] {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        found.extend(entries.map(|e| format!("{}-", e.path().display())));
    }
    let marks = [
        format!("lab-{name}"),
        format!("pl-{name}-"),
        format!("--name {name} "),
    ];
    found.retain(|f| marks.iter().any(|m| f.contains(m.as_str())));
    found
}

#[test]
fn down_leaves_nothing() {
    let Some(bench) = up('h', 2) else { return };
    assert!(traces(&bench.name).len() > 4, "{:?}", traces(&bench.name));
    let again = bench.lab.up(&want(2, Profile::Debian)).unwrap();
    assert_eq!(
        (again.started.len(), again.present.len()),
        (0, 2),
        "a second up starts nothing"
    );
    bench.lab.down().unwrap();
    assert_eq!(traces(&bench.name), [] as [String; 0]);
    assert!(matches!(bench.lab.down(), Err(LabError::NotUp { .. })));
}

#[test]
fn an_up_cut_short_is_taken_down_like_any_other() {
    let Some(bench) = bench('i') else { return };
    for milliseconds in [15, 60, 120, 250] {
        let mut child = Command::new(PALISADE)
            .args(["lab", "up", "12", "--name", &bench.name])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        let _ = bench.lab.down();
        let end = Instant::now() + Duration::from_secs(5);
        while !traces(&bench.name).is_empty() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(
            traces(&bench.name),
            [] as [String; 0],
            "killed after {milliseconds} ms"
        );
    }
    bench.lab.up(&want(1, Profile::Debian)).unwrap();
    assert_eq!(bench.root("lab1", "echo well"), "well");
}

#[test]
fn two_labs_stand_beside_each_other() {
    let (Some(one), Some(two)) = (up('j', 1), up('k', 1)) else {
        return;
    };
    let address = |b: &Bench| b.lab.hosts().unwrap()[0].address;
    assert_ne!(address(&one), address(&two));
    one.lab.down().unwrap();
    assert_eq!(two.root("lab1", "echo well"), "well");
}

#[test]
fn a_busybox_host_has_nothing_but_sh() {
    let Some(bench) = bench('l') else { return };
    match bench.lab.up(&want(1, Profile::Busybox)) {
        Err(LabError::Missing { package, .. }) => {
            eprintln!("skipped: {package} is neither installed nor to be fetched");
            return;
        }
        other => drop(other.unwrap()),
    }
    let look =
        "readlink /bin/sh; for p in bash python3 sudo perl gcc; do command -v $p; done; hostname";
    assert_eq!(bench.root("bb1", look), "/bin/busybox\nbb1");
    assert!(
        bench
            .root("bb1", "sed --version 2>&1")
            .contains("not GNU sed")
    );
    bench.lab.up(&want(1, Profile::Debian)).unwrap();
    let inventory = bench.lab.inventory(Format::Ini, "root").unwrap();
    assert!(inventory.contains("[lab]\nlab1 ") && inventory.contains("[busybox]\nbb1 "));
}

#[test]
fn our_own_server_runs_commands_as_the_user_who_logged_in() {
    let Some(bench) = bench('m') else { return };
    bench
        .lab
        .up(&Want {
            own_server: true,
            ..want(1, Profile::Debian)
        })
        .unwrap();
    assert_eq!(bench.root("lab1", "pgrep -x sshd | wc -l"), "0");
    let out = bench.ssh("lab1", "deploy", "id -un; pwd; echo no >&2; exit 7");
    assert_eq!(
        String::from_utf8_lossy(&out.stdout),
        "deploy\n/home/deploy\n"
    );
    assert_eq!(
        (
            String::from_utf8_lossy(&out.stderr).trim(),
            out.status.code()
        ),
        ("no", Some(7))
    );
    let mut many = bench.lab.ssh("lab1", "root", &["wc -c".into()]).unwrap();
    let mut zeros = Command::new("head")
        .args(["-c", "3000000", "/dev/zero"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let out = many.stdin(zeros.stdout.take().unwrap()).output().unwrap();
    zeros.wait().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "3000000");
    let big = bench.ssh("lab1", "root", "head -c 3000000 /dev/zero");
    assert_eq!(big.stdout.len(), 3_000_000);
    let mut stranger = Command::new("ssh");
    let address = bench.lab.hosts().unwrap()[0].address.to_string();
    stranger.args([
        "-o",
        "BatchMode=yes",
        "-o",
        "StrictHostKeyChecking=no",
        "-F",
        "none",
    ]);
    stranger.args([
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "IdentityFile=/dev/null",
    ]);
    let refused = stranger
        .arg(format!("root@{address}"))
        .arg("true")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(255));
}
