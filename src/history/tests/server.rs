//! A PostgreSQL of its own in a folder of its own, by Debian's package, for as long as a test lasts.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::*;

/// A busy machine starts it in this time.
const PATIENCE: Duration = Duration::from_secs(120);

/// Who it runs as: the server refuses root.
const NOBODY: u32 = 65534;

pub(super) struct Server {
    dir: tempfile::TempDir,
    bin: PathBuf,
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A command as somebody who is not root.
fn humbly(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    let id = NOBODY.to_string();
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--"]);
    command.arg(program);
    command
}

fn done(command: &mut Command) {
    let out = command.stdin(Stdio::null()).output().expect("it starts");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?}: {said}");
}

impl Server {
    /// Nothing where the package is not there.
    pub(super) fn start() -> Option<Server> {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let bins = versions.flatten().map(|v| v.path().join("bin"));
        let bin = bins.filter(|b| b.join("postgres").exists()).max()?;
        let dir = tempfile::Builder::new()
            .prefix("palisade-pg")
            .tempdir_in("/tmp")
            .unwrap();
        if is_root() {
            chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = dir.path().join("data");
        let mut init = humbly(&bin.join("initdb"));
        init.args([
            "--auth=trust",
            "--username=me",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        done(init.arg("--no-sync").arg("--pgdata").arg(&data));
        certificate(dir.path());
        // Another program may take the port meanwhile.
        for _ in 0..10 {
            let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            if let Some(child) = begin(&bin, dir.path(), port) {
                return Some(Server {
                    dir,
                    bin,
                    child,
                    port,
                });
            }
        }
        panic!("PostgreSQL does not start");
    }

    fn socket(&self) -> String {
        self.dir.path().display().to_string()
    }

    /// An empty database.
    pub(super) fn database(&self, name: &str) -> Place {
        let mut create = humbly(&self.bin.join("createdb"));
        let port = self.port.to_string();
        done(create.args(["-h", &self.socket(), "-p", &port, "-U", "me", name]));
        let at = format!("postgres://me@/{name}?host={}&port={port}", self.socket());
        Place::of(&at).unwrap()
    }

    /// Over a network nothing goes in clear text, and only a server that is known is believed.
    pub(super) fn encryption(&self) {
        let Place::Server(_) = self.database("wire") else {
            return;
        };
        let roots = self.dir.path().join("cert.pem");
        let roots = roots.display();
        let at = |host: &str, more: &str| {
            let url = format!("postgres://me@{host}:{}/wire?{more}", self.port);
            Store::open(&Place::of(&url).unwrap())
        };
        let encrypted = |store: &mut Store| {
            let text = "SELECT CAST(ssl AS TEXT) FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
            let rows = store.sql.rows(text, &[]).unwrap();
            rows[0][0].clone().text() == "true"
        };
        let mut known = at("localhost", &format!("sslmode=require&sslrootcert={roots}")).unwrap();
        assert!(encrypted(&mut known));
        let mut here = at("localhost", "").unwrap();
        assert!(!encrypted(&mut here), "to this machine it is not needed");
        let unknown = at("localhost", "sslmode=require")
            .err()
            .unwrap()
            .to_string();
        assert!(unknown.contains("certificate"), "{unknown}");
        let other = at("127.0.0.1", &format!("sslmode=require&sslrootcert={roots}"));
        let other = other.err().unwrap().to_string();
        assert!(other.contains("certificate"), "{other}");
    }
}

/// Starts it, and waits until it answers; nothing if it ends before.
fn begin(bin: &Path, dir: &Path, port: u16) -> Option<Child> {
    let mut command = humbly(&bin.join("postgres"));
    command.arg("-D").arg(dir.join("data")).arg("-k").arg(dir);
    let port = port.to_string();
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        "fsync=off".to_owned(),
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", dir.join("cert.pem").display()),
        format!("ssl_key_file={}", dir.join("key.pem").display()),
    ];
    for setting in settings {
        command.args(["-c", &setting]);
    }
    let log = fs::File::create(dir.join("log")).unwrap();
    command.args(["-p", &port]).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(log);
    let mut child = command.spawn().expect("it starts");
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        let mut ready = Command::new(bin.join("pg_isready"));
        ready
            .arg("-h")
            .arg(dir)
            .args(["-p", &port, "-q", "-t", "1"]);
        if ready.status().is_ok_and(|s| s.success()) {
            return Some(child);
        }
        std::thread::yield_now();
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// A certificate for `localhost`, signed by itself.
fn certificate(dir: &Path) {
    let (key, cert) = (dir.join("key.pem"), dir.join("cert.pem"));
    let mut make = Command::new("openssl");
    make.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
    ]);
    make.args(["-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    make.args(["-addext", "subjectAltName=DNS:localhost"]);
    make.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    done(make.arg("-keyout").arg(&key).arg("-out").arg(&cert));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&cert, fs::Permissions::from_mode(0o644)).unwrap();
    if is_root() {
        chown(&key, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}
