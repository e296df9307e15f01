//! Hosts move bytes: the only home of sockets and child processes.
//!
//! A [`Link`] is an open way to a host. It starts commands ([`Pipe`]) and nothing else; everything
//! above (probes, changes, privilege) is text that travels through one long-lived `sh`, the
//! [`shell::Shell`]. Five verbs make the seam: connect, start, write, read, close.

#![expect(
    clippy::disallowed_methods,
    reason = "the home of child processes, of keys and of known_hosts"
)]

mod arguments;
pub mod child;
pub mod config;
mod container;
pub mod dialer;
mod enter;
mod frame;
pub mod keygen;
mod known_hosts;
mod local;
mod pattern;
pub mod process;
pub mod server;
pub mod shell;
pub mod signature;
pub mod ssh;
pub mod target;
pub mod transfer;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub use config::{Strict, Surroundings};
pub use dialer::{DialOptions, Dialer, Prompter, Silent};
pub use shell::{Hello, Launch, Prompt, Shell};
pub use target::{Engine, Kind, SshTarget, Target};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An open way to a host. Implemented by ssh, local, container, and by the fake of the tests.
pub trait Link: Send + Sync {
    /// Starts a command line through the host's login shell (or without one, where there is none).
    /// `pty` asks for a terminal, which merges stderr into stdout: only for `su` and `doas` prompts.
    fn start<'a>(
        &'a self,
        command: &'a str,
        pty: bool,
    ) -> BoxFuture<'a, Result<Box<dyn Pipe>, HostError>>;

    /// Whether the connection is known to be gone.
    fn is_lost(&self) -> bool;

    /// Ends the connection. Never waits longer than the close deadline.
    fn close<'a>(&'a self) -> BoxFuture<'a, ()>;

    /// Bytes sent and received so far, for `-vv` and the benchmark.
    fn traffic(&self) -> Traffic;

    /// How the login came in, where there was one.
    fn entry(&self) -> Option<&Entry> {
        None
    }
}

/// How a login came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// SSH's name of the method.
    pub method: &'static str,
    /// The algorithm of the key and the key in base64; nothing for a certificate.
    pub key: Option<(String, String)>,
}

/// Opens ways to hosts. The [`Dialer`] is the real one; tests put themselves in between.
pub trait Connect: Send + Sync {
    fn connect<'a>(&'a self, target: &'a Target)
    -> BoxFuture<'a, Result<Box<dyn Link>, HostError>>;
}

impl Connect for Dialer {
    fn connect<'a>(
        &'a self,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Box<dyn Link>, HostError>> {
        Box::pin(Dialer::connect(self, target))
    }
}

/// A running command: bytes in, bytes out, an exit status if one was ever seen.
pub trait Pipe: Send {
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), HostError>>;
    /// Says that nothing more will be written.
    fn finish<'a>(&'a mut self) -> BoxFuture<'a, Result<(), HostError>>;
    /// The next thing that came. After [`Chunk::End`] there is nothing more.
    fn read<'a>(&'a mut self) -> BoxFuture<'a, Result<Chunk, HostError>>;
    fn close<'a>(&'a mut self) -> BoxFuture<'a, ()>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    Out(Vec<u8>),
    Err(Vec<u8>),
    /// The status, once; 128 + n for a signal.
    Exit(i32),
    /// Closed. If no [`Chunk::Exit`] came before, the outcome is unknown.
    End,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub sent: u64,
    pub received: u64,
}

/// Why something between us and a host did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostError {
    pub kind: ErrorKind,
    /// For people; lower-case, without a final full stop, escaped where it quotes the host.
    pub message: String,
    pub hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nothing was started: no address, no route, refused, timed out before login.
    Unreachable,
    /// The host key is not known. Nothing of ours was sent.
    HostKey,
    /// The host key is another than the known one, or revoked. Nothing of ours was sent.
    HostKeyChanged,
    /// No way of authenticating was accepted.
    Auth,
    /// Logged in, but not allowed to become the other user, or a wrong password for it.
    Become,
    /// The connection was lost while something was under way: its outcome is unknown.
    Lost,
    /// A deadline passed while something was under way: its outcome is unknown.
    Deadline,
    /// The host has no usable shell.
    NoShell,
    /// More came than the limit allows, or what came was not in frame.
    Protocol,
    /// Nothing was started, because the run was asked to stop.
    Stopped,
}

impl HostError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> HostError {
        HostError {
            kind,
            message: message.into(),
            hint: None,
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> HostError {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for HostError {}

/// Deadlines of the phases of a connection, in one place.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// TCP connect, per address.
    pub connect: Duration,
    /// From the first byte to the end of the key exchange: a host that drips is not waited for.
    pub handshake: Duration,
    /// All of authentication, jump by jump.
    pub auth: Duration,
    /// Opening a channel, and the answer to an exec.
    pub channel: Duration,
    /// From starting `sh` (or `sudo sh`) to its first frame.
    pub hello: Duration,
    /// Closing politely.
    pub close: Duration,
}

impl Default for Deadlines {
    fn default() -> Deadlines {
        let s = Duration::from_secs;
        Deadlines {
            connect: s(10),
            handshake: s(15),
            auth: s(30),
            channel: s(10),
            hello: s(10),
            close: s(5),
        }
    }
}

/// Text of a host's as it may stand in a message: without control characters, and not endless.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 400;
    let short = cut(text, LONGEST);
    if !short.contains(char::is_control) && short.len() == text.len() {
        return Cow::Borrowed(text);
    }
    let mut out: String = short
        .chars()
        .map(|c| if c == '\n' { ' ' } else { c })
        .filter(|c| !c.is_control())
        .collect();
    if short.len() < text.len() {
        out.push('…');
    }
    Cow::Owned(out)
}

/// The beginning of a text: at most this many bytes, and whole characters.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_host_cannot_reach_the_terminal() {
        assert_eq!(plain("a\x1b[31mb\nc\u{9b}"), "a[31mb c");
        assert_eq!(plain("fine"), "fine");
        let long = plain(&"é".repeat(1000)).into_owned();
        assert!(long.len() < 410 && long.ends_with('…'));
        assert_eq!(cut("aé", 2), "a");
    }
}
