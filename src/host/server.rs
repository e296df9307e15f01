//! A small SSH server for lab hosts where none is installed: public keys only, `exec` and shells
//! without a terminal, no forwarding, no subsystems. It runs inside a host's namespaces and reads
//! that host's own accounts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelMsg, ChannelReadHalf};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, Command};

use super::{ErrorKind, HostError};

/// Where the server finds its host key.
pub const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";

/// A connection that logs in to nothing is not kept.
const IDLE: Duration = Duration::from_secs(3600);

/// What a session starts with; the login shell may change it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An account of the host, as `/etc/passwd` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Account {
    name: String,
    uid: u32,
    gid: u32,
    home: PathBuf,
    shell: String,
}

/// Serves until the process is killed.
pub fn serve(address: SocketAddr, host_key: &Path) -> Result<std::convert::Infallible, HostError> {
    let failed = |e: &dyn std::fmt::Display| {
        HostError::new(ErrorKind::Unreachable, format!("failed to serve SSH: {e}"))
    };
    let text = std::fs::read_to_string(host_key).map_err(|e| failed(&e))?;
    let key = PrivateKey::from_openssh(text).map_err(|e| failed(&e))?;
    let config = Arc::new(Config {
        keys: vec![key],
        auth_rejection_time: Duration::from_millis(100),
        auth_rejection_time_initial: Some(Duration::ZERO),
        inactivity_timeout: Some(IDLE),
        nodelay: true,
        ..Config::default()
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| failed(&e))?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await.map_err(|e| failed(&e))?;
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of descriptors: sessions end, and then there are some.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let config = config.clone();
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                if let Ok(session) =
                    russh::server::run_stream(config, stream, Connection::default()).await
                {
                    let _ = session.await;
                }
            });
        }
    })
}

/// One client: who it is, and the channels that have not been told what to run.
#[derive(Default)]
struct Connection {
    account: Option<Account>,
    waiting: HashMap<ChannelId, Channel<Msg>>,
}

impl Connection {
    fn start(
        &mut self,
        id: ChannelId,
        command: Option<&[u8]>,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let (Some(channel), Some(account)) = (self.waiting.remove(&id), self.account.clone())
        else {
            return session.channel_failure(id);
        };
        let command = command.map(|c| String::from_utf8_lossy(c).into_owned());
        session.channel_success(id)?;
        tokio::spawn(run(channel, account, command));
        Ok(())
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        self.account = account(&passwd, user).filter(|a| is_authorized(a, key.public_key));
        Ok(if self.account.is_some() {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.waiting.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.waiting.remove(&channel);
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.start(channel, Some(command), session)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.start(channel, None, session)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }
}

fn account(passwd: &str, user: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, shell] = fields[..] else {
            return None;
        };
        (name == user).then_some(())?;
        Some(Account {
            name: name.into(),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home: home.into(),
            shell: if shell.is_empty() {
                "/bin/sh".into()
            } else {
                shell.into()
            },
        })
    })
}

fn is_authorized(account: &Account, key: &PublicKey) -> bool {
    let file = account.home.join(".ssh/authorized_keys");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().filter_map(|l| PublicKey::from_openssh(l).ok());
    lines.into_iter().any(|k| k.key_data() == key.key_data())
}

/// The login shell, as the user and with the user's groups.
fn shell(account: &Account, command: Option<&str>) -> Command {
    // Only setpriv knows how to give a process its user's further groups.
    let setpriv = Path::new("/usr/bin/setpriv");
    let mut shell = if setpriv.exists() && account.uid != 0 {
        let mut shell = Command::new(setpriv);
        shell
            .arg(format!("--reuid={}", account.uid))
            .arg(format!("--regid={}", account.gid));
        shell.args(["--init-groups", "--"]).arg(&account.shell);
        shell
    } else {
        let mut shell = Command::new(&account.shell);
        shell.uid(account.uid).gid(account.gid);
        shell
    };
    match command {
        Some(command) => shell.args(["-c", command]),
        None => shell.arg("-l"),
    };
    let home = if account.home.is_dir() {
        account.home.as_path()
    } else {
        Path::new("/")
    };
    shell.current_dir(home).env_clear().env("PATH", PATH);
    shell
        .env("HOME", &account.home)
        .env("SHELL", &account.shell);
    shell
        .env("USER", &account.name)
        .env("LOGNAME", &account.name);
    shell
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    shell.process_group(0).kill_on_drop(true);
    shell
}

/// One session, from its start to its exit status.
async fn run(channel: Channel<Msg>, account: Account, command: Option<String>) {
    let (reader, writer) = channel.split();
    let status = match shell(&account, command.as_deref()).spawn() {
        Ok(child) => {
            let (out, err) = (writer.make_writer(), writer.make_writer_ext(Some(1)));
            talk(child, reader, out, err).await
        }
        Err(_) => 127,
    };
    // The client may have gone; then nobody is left to be told.
    let _ = writer.exit_status(status).await;
    let _ = writer.eof().await;
    let _ = writer.close().await;
}

async fn talk(
    mut child: Child,
    reader: ChannelReadHalf,
    out: impl AsyncWrite + Unpin,
    err: impl AsyncWrite + Unpin,
) -> u32 {
    let group = child.id();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let outputs = async {
        tokio::join!(pass(stdout, out), pass(stderr, err));
        child.wait().await
    };
    tokio::pin!(outputs);
    let mut input = tokio::spawn(feed(reader, stdin));
    let ended = tokio::select! {
        status = &mut outputs => status,
        _ = &mut input => {
            // The channel was closed: nobody waits for the command any more.
            if let Some(pid) = group.and_then(|g| rustix::process::Pid::from_raw(g.cast_signed())) {
                let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::HUP);
            }
            outputs.await
        }
    };
    input.abort();
    ended.map_or(255, code)
}

async fn pass(from: Option<impl AsyncRead + Unpin>, mut to: impl AsyncWrite + Unpin) {
    if let Some(mut from) = from {
        let _ = tokio::io::copy(&mut from, &mut to).await;
        let _ = to.flush().await;
    }
}

/// Hands on what the client sends. Returns when the channel is closed, not when its input ends.
async fn feed(mut reader: ChannelReadHalf, mut stdin: Option<ChildStdin>) {
    while let Some(message) = reader.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                if let Some(pipe) = stdin.as_mut()
                    && pipe.write_all(&data).await.is_err()
                {
                    stdin = None;
                }
            }
            ChannelMsg::Eof => stdin = None,
            ChannelMsg::Close => return,
            _ => {}
        }
    }
}

fn code(status: ExitStatus) -> u32 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|s| 128 + s));
    code.and_then(|c| u32::try_from(c).ok()).unwrap_or(255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_from_its_own_line() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1001::/home/ann:\n";
        let ann = account(passwd, "ann").unwrap();
        assert_eq!(
            (ann.uid, ann.gid, ann.shell.as_str()),
            (1000, 1001, "/bin/sh")
        );
        assert_eq!(account(passwd, "an"), None);
    }
}
