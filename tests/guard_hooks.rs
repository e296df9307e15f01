//! A host without systemd that loses its power before a confirmation takes the change back as it boots,
//! whatever it boots with: the guard's scripts in small roots of busybox, laid out as those systems are.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use palisade::resource::guard::{self, Answer, Entry, Guard, Stage};

const BUSYBOX: &str = "/usr/bin/busybox";

/// Longer than any test: only the boot puts anything back.
const SECONDS: u64 = 3600;

struct Root(tempfile::TempDir);

impl Root {
    /// A root with these directories and files, or none where nobody can be put into one.
    fn new(dirs: &[&str], files: &[(&str, &str)]) -> Option<Root> {
        if !rustix::process::geteuid().is_root() || !Path::new(BUSYBOX).exists() {
            eprintln!("skipped: this needs root, and {BUSYBOX}");
            return None;
        }
        let root = Root(tempfile::tempdir().unwrap());
        for dir in [
            "bin", "sbin", "etc/ssh", "root", "run", "tmp", "dev", "var/lib",
        ]
        .iter()
        .chain(dirs)
        {
            std::fs::create_dir_all(root.at(dir)).unwrap();
        }
        std::fs::copy(BUSYBOX, root.at("bin/busybox")).unwrap();
        root.write("dev/null", "", 0o666);
        let installed = root.sh("/bin/busybox --install -s /bin");
        if !installed.0 {
            eprintln!("skipped: {BUSYBOX} does not run by itself");
            return None;
        }
        root.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n", 0o644);
        root.write("etc/ssh/sshd_config", "Port 22\n", 0o644);
        for (name, text) in files {
            root.write(name, text, 0o755);
        }
        Some(root)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name.trim_start_matches('/'))
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(self.at(name), text).unwrap();
        std::fs::set_permissions(self.at(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap_or_default()
    }

    /// Runs a script in it, as the host's root.
    fn sh(&self, script: &str) -> (bool, String) {
        let mut shell = Command::new("chroot")
            .arg(self.0.path())
            .args(["/bin/busybox", "sh", "-s"])
            .env_clear()
            .env("PATH", "/bin:/sbin:/usr/bin:/usr/sbin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        shell
            .stdin
            .take()
            .unwrap()
            .write_all(script.as_bytes())
            .unwrap();
        let output = shell.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
        (
            output.status.success(),
            format!("{}{wrong}", said.trim_end()),
        )
    }

    /// What a guard would leave behind, if it left anything.
    fn hooks(&self) -> String {
        self.sh("grep -rl palisade /etc; ls /etc/*/palisade* /etc/*/*/palisade* /etc/init.d/S00* 2>/dev/null")
            .1
    }
}

fn guard() -> Guard {
    Guard {
        id: "0123456789abcdef".into(),
        nonce: "n0nce".into(),
        seconds: SECONDS,
        login: "root".into(),
    }
}

fn armed(root: &Root) {
    let (_, said) = root.sh(&guard::arm(&guard(), &[], Entry::default()));
    assert_eq!(Answer::of(&said), Answer::Armed, "{said}");
}

/// Arms a guard, changes something, pulls the plug, and boots by this script.
fn taken_back(root: &Root, boot: &str) {
    let before = root.hooks();
    armed(root);
    assert_ne!(root.hooks(), before);
    root.write("etc/ssh/sshd_config", "AllowUsers nobody\n", 0o644);
    root.write("etc/sudoers", "new\n", 0o440);
    let (_, said) = root.sh("kill -9 $(cat /var/lib/palisade/guard/*/pid); rm -rf /run/* /tmp/*");
    assert_eq!(said, "");
    let (_, said) = root.sh(boot);
    assert_eq!(root.read("etc/ssh/sshd_config"), "Port 22\n", "{said}");
    assert!(!root.at("etc/sudoers").exists());
    let (_, said) = root.sh(&guard::confirm(&guard(), false));
    assert_eq!(Stage::of(&said), Some(Stage::Reverted), "{said}");
    assert_eq!(root.hooks(), before);
}

#[test]
fn openrc_takes_it_back_before_it_starts_the_network() {
    let Some(root) = Root::new(&["etc/init.d", "etc/runlevels/boot"], &[]) else {
        return;
    };
    taken_back(
        &root,
        "cd /etc/runlevels/boot && . ./palisade-guard && start",
    );
    armed_once_more(&root);
    let service = root.read("etc/init.d/palisade-guard");
    assert!(service.starts_with("#!/sbin/openrc-run\n") && service.contains("before net"));
}

/// A name can be used again once its guard is gone.
fn armed_once_more(root: &Root) {
    root.sh("rm -rf /var/lib/palisade/guard/*");
    armed(root);
    root.sh("kill -9 $(cat /var/lib/palisade/guard/*/pid)");
}

#[test]
fn an_init_that_runs_numbered_scripts_takes_it_back_first() {
    let rc = "#!/bin/sh\nfor s in /etc/init.d/S??*; do $s start; done\n";
    let files = [
        ("etc/init.d/rcS", rc),
        ("etc/init.d/S50sshd", "#!/bin/sh\n"),
    ];
    let Some(root) = Root::new(&["etc/init.d"], &files) else {
        return;
    };
    taken_back(&root, "/etc/init.d/rcS");
}

#[test]
fn what_an_administrator_has_in_rc_local_stays_there() {
    let mine = "#!/bin/sh -e\necho mine >/run/mine\nexit 0\n";
    let Some(root) = Root::new(&[], &[("etc/rc.local", mine)]) else {
        return;
    };
    taken_back(&root, "/etc/rc.local");
    assert_eq!(root.read("etc/rc.local"), mine);
    assert_eq!(root.read("run/mine"), "mine\n");
}

#[test]
fn a_host_without_any_of_them_gets_an_rc_local_for_the_time() {
    let Some(root) = Root::new(&[], &[]) else {
        return;
    };
    taken_back(&root, "/etc/rc.local");
    assert!(!root.at("etc/rc.local").exists());
}

#[test]
fn cron_takes_it_back_when_it_starts() {
    let Some(root) = Root::new(&["etc/cron.d"], &[("bin/cron", "#!/bin/sh\n")]) else {
        return;
    };
    taken_back(
        &root,
        "sed -n 's/^@reboot root //p' /etc/cron.d/palisade-guard | sh",
    );
}

#[test]
fn accounts_that_a_package_made_meanwhile_are_not_taken_away() {
    let Some(root) = Root::new(&[], &[("etc/group", "root:x:0:\n")]) else {
        return;
    };
    armed(&root);
    let own = "_aide:x:105:110::/var/lib/aide:/bin/false\n";
    root.write(
        "etc/passwd",
        &format!("root:x:0:0::/root:/bin/false\n{own}nonsense\n"),
        0o644,
    );
    root.write("etc/group", "root:x:0:\n_aide:x:110:\n", 0o644);
    root.sh("kill -9 $(cat /var/lib/palisade/guard/*/pid)");
    root.sh("/etc/rc.local");
    let passwd = root.read("etc/passwd");
    assert_eq!(passwd, format!("root:x:0:0::/root:/bin/sh\n{own}"));
    assert_eq!(root.read("etc/group"), "root:x:0:\n_aide:x:110:\n");
    let (_, said) = root.sh(&guard::confirm(&guard(), false));
    assert_eq!(said, "reverted");
}

#[test]
fn putting_back_that_lost_its_power_is_done_again() {
    let Some(root) = Root::new(&[], &[]) else {
        return;
    };
    armed(&root);
    root.write("etc/ssh/sshd_config", "AllowUsers nobody\n", 0o644);
    root.sh("kill -9 $(cat /var/lib/palisade/guard/*/pid); cd /var/lib/palisade/guard/*/ && mv armed reverting && mkdir turn-");
    root.sh("/etc/rc.local");
    assert_eq!(root.read("etc/ssh/sshd_config"), "Port 22\n");
    assert_eq!(root.hooks(), "");
}

#[test]
fn what_was_confirmed_stays_after_a_boot_and_leaves_nothing() {
    let Some(root) = Root::new(&[], &[]) else {
        return;
    };
    armed(&root);
    root.write("etc/ssh/sshd_config", "Port 22\nPort 2222\n", 0o644);
    // There is no server that could read it: a login says what there is to say.
    root.sh("touch -d '2030-01-01' /run/sshd.pid");
    let (_, said) = root.sh(&guard::confirm(&guard(), true));
    assert_eq!(Stage::of(&said), Some(Stage::Committed), "{said}");
    assert_eq!(root.hooks(), "");
    assert_eq!(root.read("etc/ssh/sshd_config"), "Port 22\nPort 2222\n");
}
