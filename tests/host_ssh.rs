//! The SSH transport against a real `sshd` that these tests start on 127.0.0.1.
//!
//! Skipped, saying so, where no sshd is installed.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use palisade::host::shell::{Launch, Shell};
use palisade::host::transfer::{download, upload};
use palisade::host::{
    BoxFuture, Chunk, Deadlines, DialOptions, Dialer, ErrorKind, HostError, Link, Prompt, Prompter,
    SshTarget, Surroundings, Target,
};
use palisade::source::Secret;

const NONCE: &str = "0123456789abcdef0123456789abcdef";

fn prelude() -> String {
    format!(
        "pl_r() {{ printf '\\n\\001%s %s %s\\n%s' \"$1\" \"$2\" \"${{#3}}\" \"$3\"; }}\n\
         pl_end() {{ printf '\\n\\001END {NONCE} %s %s\\n' \"$1\" \"$2\"; }}\n\
         printf '\\n\\001HELLO {NONCE} %s\\n' hello\n"
    )
}

struct Sshd {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
    user: String,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(program: &str, args: &[&str]) -> String {
    let out = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn keygen(path: &Path, kind: &str) {
    run(
        "ssh-keygen",
        &["-q", "-t", kind, "-N", "", "-f", path.to_str().unwrap()],
    );
}

/// Starts an sshd with one key for the current user, and `extra` lines of configuration.
fn sshd(extra: &str) -> Option<Sshd> {
    if !Path::new("/usr/sbin/sshd").exists() {
        eprintln!("skipped: /usr/sbin/sshd is not installed");
        return None;
    }
    let _ = fs::create_dir_all("/run/sshd");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at(".ssh")).unwrap();
    keygen(&at("host"), "ed25519");
    keygen(&at("key"), "ed25519");
    keygen(&at("rsa"), "rsa");
    let mut authorized = fs::read_to_string(at("key.pub")).unwrap();
    authorized.push_str(&fs::read_to_string(at("rsa.pub")).unwrap());
    fs::write(at("authorized"), authorized).unwrap();
    fs::set_permissions(at("authorized"), fs::Permissions::from_mode(0o600)).unwrap();
    let port = free_port();
    let show = |path: PathBuf| path.display().to_string();
    let config = format!(
        "{extra}\nListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\n\
         StrictModes no\nPidFile none\nUsePAM no\nPasswordAuthentication no\n\
         PermitRootLogin yes\nLogLevel ERROR\n",
        show(at("host")),
        show(at("authorized")),
    );
    fs::write(at("sshd_config"), config).unwrap();
    let child = Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f"])
        .arg(at("sshd_config"))
        .stderr(fs::File::create(at("log")).unwrap())
        .spawn()
        .unwrap();
    let known = fs::read_to_string(at("host.pub")).unwrap();
    fs::write(
        at(".ssh/known_hosts"),
        format!("[127.0.0.1]:{port} {known}"),
    )
    .unwrap();
    let user = run("id", &["-un"]);
    let server = Sshd {
        child,
        port,
        folder,
        user,
    };
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(server);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!(
        "sshd did not start: {}",
        fs::read_to_string(server.at("log")).unwrap()
    );
}

impl Sshd {
    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn options(&self) -> DialOptions {
        let mut around = Surroundings::new(self.folder.path(), &self.user);
        around.system_config = self.at("none");
        let mut options = DialOptions::new(around);
        options.deadlines.hello = Duration::from_secs(10);
        options
    }

    fn target(&self) -> SshTarget {
        SshTarget {
            host: "127.0.0.1".into(),
            port: Some(self.port),
            private_key: Some(self.at("key")),
            ..SshTarget::default()
        }
    }

    async fn connect(&self) -> Result<Box<dyn Link>, HostError> {
        Dialer::new(self.options())
            .connect(&Target::ssh("web1", self.target()))
            .await
    }
}

async fn open(link: &dyn Link, command: &str) -> Shell {
    let launch = Launch::plain(command);
    let opened = Shell::open(
        link,
        &launch,
        &prelude(),
        NONCE,
        &Deadlines::default(),
        None,
    )
    .await;
    opened.unwrap().0
}

#[tokio::test]
async fn a_shell_over_ssh_answers_and_its_end_is_seen() {
    let Some(server) = sshd("") else { return };
    let link = server.connect().await.unwrap();
    let mut shell = open(&*link, "sh").await;
    assert_eq!(
        shell.request("pl_r 0 0 abc", None).await.unwrap(),
        b"\n\x010 0 3\nabc"
    );
    let text = "x".repeat(3_000_000);
    let body = format!("cat >/dev/null <<'E'\n{text}\nE\npl_r 0 0 done");
    assert!(shell.request(&body, None).await.unwrap().ends_with(b"done"));
    let body = "x=$(dd if=/dev/zero bs=1000 count=3000 2>/dev/null | tr '\\0' y); pl_r 0 0 \"$x\"";
    assert_eq!(
        shell.request(body, None).await.unwrap().len(),
        3_000_000 + 14
    );
    assert!(link.traffic().sent > 3_000_000);
    let error = shell.request("kill -9 $$", None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Lost);
    assert!(!link.is_lost());
    open(&*link, "sh").await.close().await;
    link.close().await;
}

#[tokio::test]
async fn rsa_keys_and_exit_statuses() {
    let Some(server) = sshd("") else { return };
    let target = SshTarget {
        private_key: Some(server.at("rsa")),
        ..server.target()
    };
    let dialer = Dialer::new(server.options());
    let link = dialer.connect(&Target::ssh("web1", target)).await.unwrap();
    for (command, want) in [("exit 3", 3), ("kill -TERM $$", 143)] {
        let mut pipe = link.start(command, false).await.unwrap();
        let mut status = None;
        loop {
            match pipe.read().await.unwrap() {
                Chunk::Exit(code) => status = Some(code),
                Chunk::End => break,
                Chunk::Out(_) | Chunk::Err(_) => {}
            }
        }
        assert_eq!(status, Some(want), "{command}");
    }
}

#[tokio::test]
async fn a_host_key_is_checked_before_anything_is_sent() {
    let Some(server) = sshd("") else { return };
    let known = server.at(".ssh/known_hosts");
    let right = fs::read_to_string(&known).unwrap();
    let other = fs::read_to_string(server.at("key.pub")).unwrap();
    let refused = |text: String| {
        fs::write(&known, text).unwrap();
        async { server.connect().await.err().unwrap() }
    };
    let error = refused(String::new()).await;
    assert_eq!(error.kind, ErrorKind::HostKey);
    assert!(error.message.contains("not known"), "{error}");
    assert!(error.hint.unwrap().contains("ssh-keyscan"));
    let error = refused(format!("[127.0.0.1]:{} {other}", server.port)).await;
    assert!(error.message.contains("has changed"), "{error}");
    let error = refused(format!("{right}\n@revoked {right}")).await;
    assert!(error.message.contains("revoked"), "{error}");
    let log = fs::read_to_string(server.at("log")).unwrap();
    assert!(!log.contains("Accepted"), "{log}");
}

#[tokio::test]
async fn a_new_key_is_written_down_when_asked_for_and_held_to_afterwards() {
    let Some(server) = sshd("") else { return };
    let known = server.at(".ssh/known_hosts");
    fs::remove_file(&known).unwrap();
    let mut options = server.options();
    options.accept_new = true;
    let target = Target::ssh("web1", server.target());
    Dialer::new(options).connect(&target).await.unwrap();
    assert_eq!(fs::read_to_string(&known).unwrap().lines().count(), 1);
    server.connect().await.unwrap();
}

#[tokio::test]
async fn a_refused_login_names_what_was_tried() {
    let Some(server) = sshd("") else { return };
    keygen(&server.at("stranger"), "ed25519");
    let target = SshTarget {
        private_key: Some(server.at("stranger")),
        ..server.target()
    };
    let dialer = Dialer::new(server.options());
    let error = dialer
        .connect(&Target::ssh("web1", target))
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(
        error.message.contains("SHA256:") && error.message.contains("publickey"),
        "{error}"
    );
    let gauge = dialer.gauge();
    for _ in 0..100 {
        if gauge.now() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} connections are still open", gauge.now());
}

#[tokio::test]
async fn an_unreachable_host_says_so_at_once() {
    let Some(server) = sshd("") else { return };
    let target = SshTarget {
        port: Some(free_port()),
        ..server.target()
    };
    let error = Dialer::new(server.options())
        .connect(&Target::ssh("w", target))
        .await
        .err();
    let error = error.unwrap();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.contains("refused"), "{error}");
}

#[tokio::test]
async fn many_commands_never_run_out_of_sessions() {
    let Some(server) = sshd("MaxSessions 2") else {
        return;
    };
    let link = server.connect().await.unwrap();
    for round in 0..12 {
        let mut pipe = link.start("cat", false).await.unwrap();
        pipe.write(b"x").await.unwrap();
        assert_eq!(
            pipe.read().await.unwrap(),
            Chunk::Out(b"x".to_vec()),
            "{round}"
        );
        // Every other one is abandoned.
        if round % 2 == 0 {
            pipe.close().await;
        }
    }
}

#[tokio::test]
async fn files_go_both_ways_with_constant_memory() {
    let Some(server) = sshd("") else { return };
    let link = server.connect().await.unwrap();
    let size = 20_000_000;
    let path = server.at("uploaded");
    let launch = Launch::plain(format!("cat > {}", path.display()));
    let mut from = tokio::io::AsyncReadExt::take(tokio::io::repeat(7), size);
    let done = upload(&*link, &launch, &mut from, &Deadlines::default(), None)
        .await
        .unwrap();
    assert_eq!((done.status, done.bytes), (0, size));
    assert_eq!(fs::metadata(&path).unwrap().len(), size);
    let launch = Launch::plain(format!("cat {}", path.display()));
    let mut to = Vec::new();
    let time = Deadlines::default();
    let done = download(&*link, &launch, &mut to, size, &time, None)
        .await
        .unwrap();
    assert_eq!((done.status, to.len() as u64), (0, size));
    let error = download(&*link, &launch, &mut to, 1000, &time, None)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
    let launch = Launch::plain("echo full >&2; exit 1");
    let mut from = tokio::io::AsyncReadExt::take(tokio::io::repeat(7), size);
    let done = upload(&*link, &launch, &mut from, &time, None)
        .await
        .unwrap();
    assert_eq!((done.status, done.stderr.as_str()), (1, "full\n"));
}

#[tokio::test]
async fn jump_hosts_are_shared_and_each_key_is_checked() {
    let (Some(server), Some(bastion)) = (sshd(""), sshd("MaxStartups 1")) else {
        return;
    };
    let known = server.at(".ssh/known_hosts");
    let right = fs::read_to_string(&known).unwrap();
    let jump = fs::read_to_string(bastion.at(".ssh/known_hosts")).unwrap();
    let config = format!(
        "Host bastion\n HostName 127.0.0.1\n Port {}\n IdentityFile {}\n",
        bastion.port,
        bastion.at("key").display()
    );
    fs::write(server.at(".ssh/config"), config).unwrap();
    let target = SshTarget {
        args: vec!["-J bastion".into()],
        ..server.target()
    };
    let target = Target::ssh("web1", target);
    let error = Dialer::new(server.options())
        .connect(&target)
        .await
        .err()
        .unwrap();
    assert!(error.message.contains("jump host bastion"), "{error}");
    fs::write(&known, &jump).unwrap();
    let error = Dialer::new(server.options())
        .connect(&target)
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::HostKey);
    assert!(!error.message.contains("jump host"), "{error}");
    fs::write(&known, format!("{right}{jump}")).unwrap();
    let dialer = Dialer::new(server.options());
    let links = [
        dialer.connect(&target),
        dialer.connect(&target),
        dialer.connect(&target),
    ];
    let [a, b, c] = links;
    let (a, b, c) = tokio::join!(a, b, c);
    assert_eq!(dialer.gauge().now(), 4, "three hosts and one bastion");
    for link in [a, b, c] {
        let link = link.unwrap();
        assert!(open(&*link, "sh").await.request("true", None).await.is_ok());
    }
}

#[tokio::test]
async fn a_full_server_is_waited_for() {
    let Some(server) = sshd("MaxStartups 2:100:2") else {
        return;
    };
    let dialer = Dialer::new(server.options());
    let target = Target::ssh("web1", server.target());
    let mut crowd = Vec::new();
    for _ in 0..12 {
        crowd.push(dialer.connect(&target));
    }
    let mut set = Vec::new();
    for link in futures_of(crowd).await {
        set.push(link.unwrap());
    }
    assert_eq!(set.len(), 12);
}

#[tokio::test]
async fn another_kind_of_key_does_not_hide_the_known_one() {
    let Some(server) = sshd("") else { return };
    keygen(&server.at("other"), "ecdsa");
    let other = fs::read_to_string(server.at("other.pub")).unwrap();
    let known = server.at(".ssh/known_hosts");
    fs::write(&known, format!("[127.0.0.1]:{} {other}", server.port)).unwrap();
    for accept_new in [false, true] {
        let mut options = server.options();
        options.accept_new = accept_new;
        let target = Target::ssh("web1", server.target());
        let error = Dialer::new(options).connect(&target).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::HostKey);
        assert!(
            error
                .message
                .contains("ecdsa-sha2-nistp256 is written down"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_known_host_is_asked_for_the_key_that_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let second = folder.path().join("second");
    keygen(&second, "rsa");
    let Some(server) = sshd(&format!("HostKey {}", second.display())) else {
        return;
    };
    let rsa = fs::read_to_string(second.with_extension("pub")).unwrap();
    fs::write(
        server.at(".ssh/known_hosts"),
        format!("[127.0.0.1]:{} {rsa}", server.port),
    )
    .unwrap();
    server.connect().await.unwrap();
}

/// Signs with a fresh authority; gives its public key.
fn sign(server: &Sshd, key: &str, options: &[&str]) -> String {
    let authority = server.at("authority");
    if !authority.exists() {
        keygen(&authority, "ed25519");
    }
    let (authority_name, key) = (authority.display().to_string(), server.at(key));
    let mut args = vec!["-q", "-s", authority_name.as_str(), "-I", "id"];
    args.extend(options);
    let key = key.display().to_string();
    args.push(&key);
    run("ssh-keygen", &args);
    fs::read_to_string(authority.with_extension("pub")).unwrap()
}

#[tokio::test]
async fn host_certificates_hold_for_their_names_and_times_only() {
    let folder = tempfile::tempdir().unwrap();
    let host = folder.path().join("signed");
    keygen(&host, "ed25519");
    let cert = folder.path().join("signed-cert.pub");
    // sshd needs the certificate when it starts; later ones are read by each new sshd.
    for (options, revoke, right) in [
        (&["-h", "-n", "127.0.0.1"][..], false, true),
        (&["-h", "-n", "127.0.0.1"], true, false),
        (&["-h", "-n", "elsewhere"], false, false),
        (
            &["-h", "-n", "127.0.0.1", "-V", "20200101:20200102"],
            false,
            false,
        ),
        (
            &["-h", "-n", "127.0.0.1", "-O", "critical:odd=x"],
            false,
            false,
        ),
    ] {
        let authority = folder.path().join("authority");
        if !authority.exists() {
            keygen(&authority, "ed25519");
        }
        let mut args = vec!["-q", "-s", authority.to_str().unwrap(), "-I", "id"];
        args.extend(options);
        args.push(host.to_str().unwrap());
        run("ssh-keygen", &args);
        let extra = format!(
            "HostKey {}\nHostCertificate {}",
            host.display(),
            cert.display()
        );
        let Some(server) = sshd(&extra) else { return };
        let ca = fs::read_to_string(authority.with_extension("pub")).unwrap();
        let mut known = format!("@cert-authority [127.0.0.1]:* {ca}");
        if revoke {
            known.push_str(&format!("@revoked * {ca}"));
        }
        fs::write(server.at(".ssh/known_hosts"), known).unwrap();
        let got = server.connect().await;
        assert_eq!(got.is_ok(), right, "{options:?} {:?}", got.err());
    }
}

#[tokio::test]
async fn user_certificates_and_locked_keys() {
    struct Knows(std::sync::atomic::AtomicUsize);
    impl Prompter for Knows {
        fn passphrase<'a>(&'a self, _key: &'a Path) -> BoxFuture<'a, Option<Secret>> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Box::pin(async { Some(Secret::new("open sesame")) })
        }
        fn notice(&self, text: &str) {
            panic!("{text}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pub");
    fs::write(&ca, "").unwrap();
    let Some(server) = sshd(&format!("TrustedUserCAKeys {}", ca.display())) else {
        return;
    };
    keygen(&server.at("mine"), "ed25519");
    fs::write(&ca, sign(&server, "mine", &["-n", &server.user])).unwrap();
    let target = SshTarget {
        private_key: Some(server.at("mine")),
        ..server.target()
    };
    Dialer::new(server.options())
        .connect(&Target::ssh("web1", target))
        .await
        .unwrap();

    let key = server.at("key");
    run(
        "ssh-keygen",
        &[
            "-q",
            "-p",
            "-N",
            "open sesame",
            "-P",
            "",
            "-f",
            key.to_str().unwrap(),
        ],
    );
    let error = server.connect().await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(error.hint.unwrap().contains("locked by a passphrase"));
    let knows = Arc::new(Knows(Default::default()));
    let mut options = server.options();
    options.prompter = knows.clone();
    let dialer = Dialer::new(options);
    let target = Target::ssh("web1", server.target());
    let (a, b) = tokio::join!(dialer.connect(&target), dialer.connect(&target));
    assert!(a.is_ok() && b.is_ok());
    assert_eq!(
        knows.0.load(std::sync::atomic::Ordering::SeqCst),
        1,
        "asked once for all hosts"
    );
}

/// An agent that dies with the test.
struct Agent(Child, PathBuf);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn agent(server: &Sshd, keys: &[&str]) -> Agent {
    let socket = server.at("agent");
    let mut command = Command::new("ssh-agent");
    let child = command
        .arg("-D")
        .arg("-a")
        .arg(&socket)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let agent = Agent(child, socket);
    for _ in 0..200 {
        if agent.1.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    for key in keys {
        let mut add = Command::new("ssh-add");
        add.arg("-q")
            .arg(server.at(key))
            .env("SSH_AUTH_SOCK", &agent.1);
        assert!(add.status().unwrap().success());
    }
    agent
}

#[tokio::test]
async fn an_agent_signs_and_a_crowd_in_it_locks_nobody_out() {
    let Some(server) = sshd("MaxAuthTries 3") else {
        return;
    };
    let strangers: Vec<String> = (0..8).map(|n| format!("stranger{n}")).collect();
    for name in &strangers {
        keygen(&server.at(name), "ed25519");
    }
    let mut names: Vec<&str> = strangers.iter().map(String::as_str).collect();
    names.extend(["key", "rsa"]);
    let agent = agent(&server, &names);
    let mut options = server.options();
    options.around.agent = Some(agent.1.clone());
    for key in ["key", "rsa"] {
        // Only the public half is here; the agent holds the key.
        let path = server.at(&format!("{key}.pub"));
        let target = SshTarget {
            private_key: Some(path),
            ..server.target()
        };
        let dialer = Dialer::new(options.clone());
        dialer.connect(&Target::ssh("web1", target)).await.unwrap();
    }
    let target = SshTarget {
        private_key: None,
        ..server.target()
    };
    let error = Dialer::new(options)
        .connect(&Target::ssh("web1", target))
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::Auth, "{error}");
}

async fn shell_error(server: &Sshd) -> HostError {
    let link = server.connect().await.unwrap();
    let deadlines = Deadlines {
        hello: Duration::from_secs(2),
        ..Deadlines::default()
    };
    let opened = Shell::open(
        &*link,
        &Launch::plain("sh"),
        &prelude(),
        NONCE,
        &deadlines,
        None,
    )
    .await;
    opened.err().unwrap()
}

#[tokio::test]
async fn forced_commands_and_noise() {
    let noisy = "ForceCommand echo motd; echo '[sudo] password for root:' >&2; \
                 eval \"$SSH_ORIGINAL_COMMAND\"";
    let Some(server) = sshd(noisy) else { return };
    let link = server.connect().await.unwrap();
    let mut shell = open(&*link, "sh").await;
    assert_eq!(
        shell.request("pl_r 0 0 abc", None).await.unwrap(),
        b"\n\x010 0 3\nabc"
    );
    for (command, says) in [
        (
            "echo 'This account is not available.'; exit 1",
            "not available",
        ),
        ("internal-sftp", "gives no shell"),
        ("sleep 60", "did not answer within 2s"),
        ("yes", "more than 8 MiB"),
    ] {
        let server = sshd(&format!("ForceCommand {command}")).unwrap();
        let error = shell_error(&server).await;
        assert_eq!(error.kind, ErrorKind::NoShell, "{command}: {error}");
        assert!(error.message.contains(says), "{command}: {error}");
    }
}

#[tokio::test]
async fn a_prompt_on_a_terminal() {
    let Some(server) = sshd("") else { return };
    let link = server.connect().await.unwrap();
    let launch = |password: &str| Launch {
        command: "stty raw -echo; for n in 1 2; do printf 'TOKEN'; read -r p; [ \"$p\" = right ] \
                  && { echo READY; cat | sh; exit; }; done"
            .into(),
        ready: Some("READY\n".into()),
        prompt: Some(Prompt {
            token: "TOKEN".into(),
            password: Secret::new(password),
        }),
        pty: true,
        denied: Vec::new(),
    };
    let deadlines = Deadlines::default();
    let open = Shell::open(
        &*link,
        &launch("right"),
        &prelude(),
        NONCE,
        &deadlines,
        None,
    )
    .await;
    let (mut shell, _) = open.unwrap();
    assert_eq!(
        shell.request("pl_r 0 0 abc", None).await.unwrap(),
        b"\n\x010 0 3\nabc"
    );
    let open = Shell::open(
        &*link,
        &launch("wrong"),
        &prelude(),
        NONCE,
        &deadlines,
        None,
    )
    .await;
    assert_eq!(open.err().unwrap().kind, ErrorKind::Become);
}

#[tokio::test]
async fn dropbear_works_too() {
    if !Path::new("/usr/sbin/dropbear").exists() {
        eprintln!("skipped: /usr/sbin/dropbear is not installed");
        return;
    }
    let Some(server) = sshd("") else { return };
    let (port, key) = (free_port(), server.at("dropbear"));
    run(
        "dropbearkey",
        &["-t", "ed25519", "-f", key.to_str().unwrap()],
    );
    let text = run("dropbearkey", &["-y", "-f", key.to_str().unwrap()]);
    let public = text
        .lines()
        .find(|line| line.starts_with("ssh-ed25519"))
        .unwrap();
    fs::write(
        server.at(".ssh/known_hosts"),
        format!("[127.0.0.1]:{port} {public}\n"),
    )
    .unwrap();
    // It reads ~/.ssh/authorized_keys of the real user, so only the refusal can be tested.
    let child = Command::new("/usr/sbin/dropbear")
        .args(["-F", "-E", "-s", "-r"])
        .arg(&key)
        .args(["-p", &format!("127.0.0.1:{port}")])
        .arg("-P")
        .arg(server.at("pid"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _dropbear = Agent(child, key);
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let target = SshTarget {
        port: Some(port),
        ..server.target()
    };
    let error = Dialer::new(server.options())
        .connect(&Target::ssh("d", target))
        .await
        .err();
    let error = error.unwrap();
    assert_eq!(error.kind, ErrorKind::Auth, "{error}");
}

#[tokio::test]
async fn a_host_that_freezes_is_seen_by_its_silence() {
    let Some(server) = sshd("") else { return };
    let config = "ServerAliveInterval 1\nServerAliveCountMax 1\n";
    fs::write(server.at(".ssh/config"), config).unwrap();
    let link = server.connect().await.unwrap();
    let mut shell = open(&*link, "sh").await;
    let session = run("pgrep", &["-P", &server.child.id().to_string()]);
    let all: Vec<&str> = session.lines().collect();
    run("kill", &[&["-STOP"], all.as_slice()].concat());
    let error = tokio::time::timeout(Duration::from_secs(8), shell.request("true", None)).await;
    run("kill", &[&["-KILL"], all.as_slice()].concat());
    assert_eq!(error.expect("noticed").unwrap_err().kind, ErrorKind::Lost);
    assert!(link.is_lost());
}

/// The verdicts of `ssh -o StrictHostKeyChecking=yes` on the same files.
#[tokio::test]
async fn the_same_verdicts_as_openssh() {
    let Some(server) = sshd("") else { return };
    let read = |name: &str| {
        fs::read_to_string(server.at(name))
            .unwrap()
            .trim()
            .to_owned()
    };
    keygen(&server.at("ecdsa"), "ecdsa");
    let (host, other, ecdsa) = (read("host.pub"), read("key.pub"), read("ecdsa.pub"));
    let at = format!("[127.0.0.1]:{}", server.port);
    let known = server.at(".ssh/known_hosts");
    fs::write(&known, format!("{at} {host}\n")).unwrap();
    let hashed = server.at("hashed");
    fs::copy(&known, &hashed).unwrap();
    run("ssh-keygen", &["-q", "-H", "-f", hashed.to_str().unwrap()]);
    let hashed = fs::read_to_string(hashed).unwrap();
    let files = [
        format!("{at} {host}\n"),
        hashed.clone(),
        hashed.replace("|1|", "|1|x"),
        String::new(),
        format!("{at} {other}\n"),
        format!("{at} {other}\n{at} {host}\n"),
        format!("{at} {ecdsa}\n"),
        format!("127.0.0.1 {host}\n"),
        format!("127.0.0.1 {other}\n"),
        format!("{at} {other}\n127.0.0.1 {host}\n"),
        format!("127.0.0.* {host}\n"),
        format!("[127.0.0.*]:* {host}\n"),
        format!("*,!{at} {host}\n"),
        format!("!10.0.0.1,* {host}\n"),
        format!("\t {at}\t{host}\tcomment \r\n"),
        format!("#{at} {host}\n"),
        format!("@revoked {at} {host}\n{at} {host}\n"),
        format!("@revoked * {other}\n{at} {host}\n"),
        format!("@cert-authority {at} {host}\n"),
        format!("@cert-authority * {other}\n{at} {host}\n"),
        format!("garbage\n{at} ssh-ed25519 AAAA\n{at} {host}"),
        format!("{at} {}\n", host.replace("ssh-ed25519 ", "ssh-rsa ")),
    ];
    for file in files {
        fs::write(&known, &file).unwrap();
        let ours = server.connect().await.map(drop);
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "none",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "BatchMode=yes",
        ]);
        ssh.args([
            "-o",
            "GlobalKnownHostsFile=/dev/null",
            "-o",
            "IdentitiesOnly=yes",
            "-i",
        ]);
        ssh.arg(server.at("key"))
            .args(["-p", &server.port.to_string()]);
        ssh.arg("-o")
            .arg(format!("UserKnownHostsFile={}", known.display()));
        let out = ssh.args(["127.0.0.1", "true"]).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(
            ours.is_ok(),
            out.status.success(),
            "{file}\n{ours:?}\n{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_it_can_be_spawned() {
    let Some(server) = sshd("") else { return };
    let dialer = Arc::new(Dialer::new(server.options()));
    let target = Target::ssh("web1", server.target());
    let task = tokio::spawn(async move {
        let link = dialer.connect(&target).await?;
        let (launch, time) = (Launch::plain("sh"), Deadlines::default());
        let (mut shell, hello) =
            Shell::open(&*link, &launch, &prelude(), NONCE, &time, None).await?;
        let mut records = 0;
        let body = "pl_r 0 0 a\npl_r 1 0 b";
        shell
            .request_streaming(body, None, &mut |_| records += 1)
            .await?;
        download(&*link, &launch, &mut tokio::io::sink(), 0, &time, None).await?;
        upload(&*link, &launch, &mut tokio::io::empty(), &time, None).await?;
        shell.close().await;
        link.close().await;
        Ok::<_, HostError>((records, hello.text))
    });
    assert_eq!(task.await.unwrap().unwrap(), (2, "hello".to_owned()));
}

/// Waits for all, polling all.
async fn futures_of<F: Future>(all: Vec<F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.into_iter().map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|cx| {
        let mut waiting = false;
        for (future, done) in &mut all {
            if done.is_none() {
                match future.as_mut().poll(cx) {
                    std::task::Poll::Ready(value) => *done = Some(value),
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
    all.into_iter().filter_map(|(_, done)| done).collect()
}
