//! This machine: commands as child processes, each in a process group that dies with its pipe.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::{BoxFuture, Chunk, ErrorKind, HostError, Link, Pipe, Traffic};

/// Read at once; the size of a pipe.
const PIECE: usize = 64 * 1024;

/// What a process may print while it is still being written to.
const UNREAD: usize = 64 * 1024 * 1024;

/// A process that was told to end gets this long.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(super) struct Counters {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Counters {
    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
        }
    }
}

/// `connection: local`.
pub(crate) struct LocalLink {
    counters: Arc<Counters>,
}

impl LocalLink {
    pub(crate) fn new() -> LocalLink {
        LocalLink {
            counters: Arc::default(),
        }
    }
}

impl Link for LocalLink {
    fn start<'a>(
        &'a self,
        command: &'a str,
        pty: bool,
    ) -> BoxFuture<'a, Result<Box<dyn Pipe>, HostError>> {
        Box::pin(async move {
            if pty {
                return Err(no_terminal("a local connection"));
            }
            spawn(&["/bin/sh", "-c", command], &self.counters)
        })
    }

    fn is_lost(&self) -> bool {
        false
    }

    fn close<'a>(&'a self) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn traffic(&self) -> Traffic {
        self.counters.traffic()
    }
}

pub(super) fn no_terminal(what: &str) -> HostError {
    HostError::new(
        ErrorKind::Become,
        format!("{what} has no terminal to ask for a password on"),
    )
    .hint("use sudo, or connect over ssh to 127.0.0.1")
}

/// Starts a program in a process group of its own.
pub(super) fn spawn(words: &[&str], counters: &Arc<Counters>) -> Result<Box<dyn Pipe>, HostError> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(HostError::new(ErrorKind::NoShell, "no program to start"));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| HostError::new(ErrorKind::NoShell, format!("cannot run {program}: {e}")))?;
    let group = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    Ok(Box::new(ChildPipe {
        input: child.stdin.take(),
        output: child.stdout.take(),
        errors: child.stderr.take(),
        group,
        child,
        done: None,
        unread: VecDeque::new(),
        counters: counters.clone(),
    }))
}

struct ChildPipe {
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    group: Option<Pid>,
    child: Child,
    /// The exit status was seen, or the process is gone.
    done: Option<()>,
    /// Came while we wrote.
    unread: VecDeque<Chunk>,
    counters: Arc<Counters>,
}

impl ChildPipe {
    /// The next piece of output; none when both streams have ended.
    async fn piece(
        output: &mut Option<ChildStdout>,
        errors: &mut Option<ChildStderr>,
        counters: &Counters,
    ) -> Option<Chunk> {
        loop {
            let mut out = Vec::with_capacity(PIECE);
            let mut err = Vec::with_capacity(if errors.is_some() { 4096 } else { 0 });
            let (n, is_out) = match (output.as_mut(), errors.as_mut()) {
                (None, None) => return None,
                (Some(o), None) => (o.read_buf(&mut out).await, true),
                (None, Some(e)) => (e.read_buf(&mut err).await, false),
                (Some(o), Some(e)) => tokio::select! {
                    n = o.read_buf(&mut out) => (n, true),
                    n = e.read_buf(&mut err) => (n, false),
                },
            };
            match n {
                Ok(n) if n > 0 => {
                    counters.received.fetch_add(n as u64, Ordering::Relaxed);
                    return Some(if is_out {
                        Chunk::Out(out)
                    } else {
                        Chunk::Err(err)
                    });
                }
                _ if is_out => *output = None,
                _ => *errors = None,
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        let ChildPipe {
            input,
            output,
            errors,
            unread,
            counters,
            ..
        } = self;
        let lost = || HostError::new(ErrorKind::Lost, "the process ended while it was written to");
        let Some(input) = input else {
            return Err(lost());
        };
        let mut held: usize = 0;
        let work = async {
            input.write_all(bytes).await?;
            input.flush().await
        };
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => {
                    counters.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    return done.map_err(|_| lost());
                }
                Some(chunk) = ChildPipe::piece(output, errors, counters) => {
                    held += match &chunk { Chunk::Out(b) | Chunk::Err(b) => b.len(), _ => 0 };
                    unread.push_back(chunk);
                    if held > UNREAD {
                        return Err(HostError::new(ErrorKind::Protocol, "endless output"));
                    }
                }
            }
        }
    }

    fn kill(&self) {
        if let (Some(group), None) = (self.group, self.done) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Pipe for ChildPipe {
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(self.send(bytes))
    }

    fn finish<'a>(&'a mut self) -> BoxFuture<'a, Result<(), HostError>> {
        self.input = None;
        Box::pin(std::future::ready(Ok(())))
    }

    fn read<'a>(&'a mut self) -> BoxFuture<'a, Result<Chunk, HostError>> {
        Box::pin(async move {
            if let Some(chunk) = self.unread.pop_front() {
                return Ok(chunk);
            }
            if self.done.is_some() {
                return Ok(Chunk::End);
            }
            let ChildPipe {
                output,
                errors,
                counters,
                ..
            } = self;
            if let Some(chunk) = ChildPipe::piece(output, errors, counters).await {
                return Ok(chunk);
            }
            let status = self.child.wait().await;
            self.done = Some(());
            match status {
                Ok(status) => {
                    let signal = status.signal().map_or(255, |n| 128 + n);
                    Ok(Chunk::Exit(status.code().unwrap_or(signal)))
                }
                Err(_) => Ok(Chunk::End),
            }
        })
    }

    fn close<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            // What the command left running on purpose stays, as it does over ssh.
            self.input = None;
            self.output = None;
            self.errors = None;
            match tokio::time::timeout(PATIENCE, self.child.wait()).await {
                Ok(_) => self.done = Some(()),
                Err(_) => self.kill(),
            }
        })
    }
}

impl Drop for ChildPipe {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn output_errors_and_status() {
        let link = LocalLink::new();
        let mut pipe = link
            .start("read x; echo $x; echo bad >&2; exit 3", false)
            .await
            .unwrap();
        pipe.write(b"good\n").await.unwrap();
        pipe.finish().await.unwrap();
        let (mut out, mut err, mut exit) = (Vec::new(), Vec::new(), None);
        loop {
            match pipe.read().await.unwrap() {
                Chunk::Out(bytes) => out.extend(bytes),
                Chunk::Err(bytes) => err.extend(bytes),
                Chunk::Exit(status) => exit = Some(status),
                Chunk::End => break,
            }
        }
        assert_eq!(
            (out.as_slice(), err.as_slice(), exit),
            (&b"good\n"[..], &b"bad\n"[..], Some(3))
        );
    }

    #[tokio::test]
    async fn writing_and_reading_do_not_wait_for_each_other() {
        let link = LocalLink::new();
        let mut pipe = link.start("cat", false).await.unwrap();
        let much = vec![b'x'; 1024 * 1024];
        pipe.write(&much).await.unwrap();
        pipe.finish().await.unwrap();
        let mut total = 0;
        while let Chunk::Out(bytes) = pipe.read().await.unwrap() {
            total += bytes.len();
        }
        assert_eq!(total, much.len());
    }
}
