//! The smallest host: busybox and dropbear in a root of their own. It has no bash, no GNU tools, no
//! Python and no sudo, so whatever works there needs nothing but `sh`.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{LabError, doing};
use super::run::{find, run};
use super::store::{make_dir, write};

/// Raised when what the image holds changes, so that an old one is built anew.
const VERSION: u32 = 1;

const CACHE: &str = "/var/cache/palisade-lab";

const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
nobody:x:65534:65534:nobody:/:/bin/false
";
const GROUP: &str =
    "root:x:0:\ndaemon:x:1:\nadm:x:4:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n";
const SHADOW: &str = "\
root:*:19700:0:99999:7:::
daemon:*:19700:0:99999:7:::
nobody:*:19700:0:99999:7:::
";
const RELEASE: &str = "ID=busybox\nNAME=\"BusyBox\"\nPRETTY_NAME=\"BusyBox lab host\"\n";
const PROFILE: &str = "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n";

/// Applets that would end the host's process 1 the wrong way, or that only fail here.
const REBOOT: &str = "#!/bin/sh\nkill -HUP 1\n";

/// The root directory of busybox hosts: built once, then found.
pub fn image() -> Result<PathBuf, LabError> {
    let done = Path::new(CACHE).join(format!("busybox-{VERSION}"));
    if done.is_dir() {
        return Ok(done);
    }
    make_dir(Path::new(CACHE), 0o755)?;
    let new = Path::new(CACHE).join(format!("busybox-{VERSION}.{}", std::process::id()));
    let built = fill(&new)
        .and_then(|()| fs::rename(&new, &done).map_err(doing(format!("keep {}", done.display()))));
    if let Err(e) = built {
        let _ = fs::remove_dir_all(&new);
        // Another `lab up` may have been faster.
        return if done.is_dir() { Ok(done) } else { Err(e) };
    }
    Ok(done)
}

fn fill(top: &Path) -> Result<(), LabError> {
    make_dir(top, 0o755)?;
    for dir in [
        "usr/bin",
        "usr/sbin",
        "usr/lib",
        "usr/lib64",
        "usr/local/bin",
    ] {
        make_dir(&top.join(dir), 0o755)?;
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        std::os::unix::fs::symlink(format!("usr/{name}"), top.join(name))
            .map_err(doing(format!("link {name}")))?;
    }
    let dirs = [
        ("root", 0o700),
        ("tmp", 0o1777),
        ("var/tmp", 0o1777),
        ("var/log", 0o755),
        ("var/spool/cron/crontabs", 0o755),
        ("etc/dropbear", 0o700),
        ("home", 0o755),
        ("proc", 0o555),
        ("sys", 0o555),
        ("dev", 0o755),
        ("run", 0o755),
        ("mnt", 0o755),
        ("opt", 0o755),
        ("srv", 0o755),
        ("etc", 0o755),
        ("var", 0o755),
        ("usr", 0o755),
    ];
    for (dir, mode) in dirs {
        make_dir(&top.join(dir), mode)?;
    }
    for (name, text, mode) in [
        ("passwd", PASSWD, 0o644),
        ("group", GROUP, 0o644),
        ("shadow", SHADOW, 0o600),
        ("os-release", RELEASE, 0o644),
        ("profile", PROFILE, 0o644),
        ("shells", "/bin/sh\n/bin/ash\n", 0o644),
        (
            "nsswitch.conf",
            "passwd: files\ngroup: files\nshadow: files\nhosts: files\n",
            0o644,
        ),
    ] {
        write(&top.join("etc").join(name), text.as_bytes(), mode)?;
    }
    programs(top)
}

fn programs(top: &Path) -> Result<(), LabError> {
    let fetched = top.join(".fetched");
    let busybox = program("busybox", "busybox-static", "usr/bin/busybox", &fetched)?;
    let dropbear = program("dropbear", "dropbear-bin", "usr/sbin/dropbear", &fetched)?;
    copy(&busybox, &top.join("usr/bin/busybox"))?;
    copy(&dropbear, &top.join("usr/sbin/dropbear"))?;
    for library in libraries(&dropbear)? {
        let path = library.strip_prefix("/").unwrap_or(&library);
        let path = path.strip_prefix("usr").unwrap_or(path);
        copy(&library, &top.join("usr").join(path))?;
    }
    let _ = fs::remove_dir_all(&fetched);
    let busybox = top.join("usr/bin/busybox").display().to_string();
    let applets = std::process::Command::new(&busybox)
        .arg("--list-full")
        .output()
        .map_err(doing("ask busybox for its applets"))?;
    for applet in String::from_utf8_lossy(&applets.stdout).lines() {
        let path = top.join(applet);
        if !path.exists() {
            let _ = std::os::unix::fs::symlink("/bin/busybox", path);
        }
    }
    for name in ["reboot", "poweroff", "halt"] {
        let path = top.join("sbin").join(name);
        let _ = fs::remove_file(&path);
        let text = if name == "reboot" {
            REBOOT.into()
        } else {
            REBOOT.replace("HUP", "TERM")
        };
        write(&path, text.as_bytes(), 0o755)?;
    }
    Ok(())
}

/// The program from this machine, or from its Debian package, which then is not installed.
fn program(
    name: &str,
    package: &'static str,
    at: &str,
    fetched: &Path,
) -> Result<PathBuf, LabError> {
    let is_static = |p: &PathBuf| name != "busybox" || libraries(p).is_ok_and(|l| l.is_empty());
    if let Some(path) = find(name).filter(is_static) {
        return Ok(path);
    }
    fetch(package, fetched).map_err(|_| LabError::Missing {
        program: package,
        package,
    })?;
    let bin = at.replacen("usr/", "", 1);
    [at, bin.as_str()]
        .iter()
        .map(|p| fetched.join(p))
        .find(|p| p.exists())
        .ok_or(LabError::Missing {
            program: package,
            package,
        })
}

fn fetch(package: &str, to: &Path) -> Result<(), LabError> {
    make_dir(to, 0o755)?;
    // apt writes into the directory it runs in.
    let download = "cd \"$1\" && apt-get -qq -o APT::Sandbox::User=root download \"$2\"";
    let to_text = to.display().to_string();
    run("sh", &["-c", download, "sh", &to_text, package], "")?;
    for entry in fs::read_dir(to).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|e| e == "deb") {
            run(
                "dpkg-deb",
                &["-x", &entry.path().display().to_string(), &to_text],
                "",
            )?;
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// The shared libraries a program is loaded with; none for a static one.
fn libraries(program: &Path) -> Result<Vec<PathBuf>, LabError> {
    let text = match run("ldd", &[program], "") {
        Err(LabError::Command { .. }) => return Ok(Vec::new()),
        other => other?,
    };
    let words = text.split_whitespace().filter(|w| w.starts_with('/'));
    Ok(words.map(PathBuf::from).collect())
}

fn copy(from: &Path, to: &Path) -> Result<(), LabError> {
    if let Some(parent) = to.parent() {
        make_dir(parent, 0o755)?;
    }
    let what = || format!("copy {}", from.display());
    let real = fs::canonicalize(from).map_err(doing(what()))?;
    fs::copy(real, to).map(drop).map_err(doing(what()))
}
