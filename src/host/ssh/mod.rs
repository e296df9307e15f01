//! A host over SSH: one session, its channels, and when they count as lost.

pub(crate) mod algorithms;
mod auth;
mod connect;
mod handler;
pub(crate) mod keys;
mod proxy;
mod wire;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{Handle, Msg};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Disconnect, Sig};

pub use algorithms::Alive;
pub(crate) use connect::{Failure, Hop, Way, open};
use handler::{Client, Seen};
use wire::Cut;
pub use wire::Gauge;

use super::{BoxFuture, Chunk, Deadlines, Entry, ErrorKind, HostError, Link, Pipe, Traffic, plain};

/// What a host may send while we are still writing to it. More is a flood.
const UNREAD: usize = 64 * 1024 * 1024;

/// A logged-in connection. Cut when the last user of it is gone.
pub(crate) struct Session {
    handle: Handle<Client>,
    cut: Cut,
    seen: Seen,
    place: String,
    entry: Entry,
    deadlines: Deadlines,
    /// What carries it: the session of a jump host, kept open for as long as this one.
    _via: Option<Arc<Session>>,
}

impl Session {
    pub(crate) fn is_lost(&self) -> bool {
        self.cut.is_cut() || self.handle.is_closed()
    }

    /// What is known about why the connection ended.
    fn lost(&self, during: &str) -> HostError {
        let why = match self.seen.last_words() {
            Some(words) if !words.is_empty() => format!(": {}", plain(&words)),
            _ => String::new(),
        };
        HostError::new(
            ErrorKind::Lost,
            format!(
                "the connection to {} was lost while {during}{why}",
                self.place
            ),
        )
    }

    async fn end(&self) {
        let goodbye = self.handle.disconnect(Disconnect::ByApplication, "", "");
        let _ = tokio::time::timeout(self.deadlines.close, goodbye).await;
    }

    async fn within<T>(
        &self,
        time: Duration,
        doing: &str,
        work: impl Future<Output = Result<T, russh::Error>>,
    ) -> Result<T, HostError> {
        match tokio::time::timeout(time, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(russh::Error::ChannelOpenFailure(reason))) => Err(HostError::new(
                ErrorKind::Unreachable,
                format!("{} refuses {doing} ({reason:?})", self.place),
            )
            .hint("sshd's MaxSessions may be reached, or the account may not run commands")),
            Ok(Err(_)) => Err(self.lost(doing)),
            Err(_) => {
                // The request stays queued in the session; only cutting takes it back.
                self.cut.cut();
                Err(HostError::new(
                    ErrorKind::Deadline,
                    format!("{} did not answer within {time:?} ({doing})", self.place),
                ))
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.cut.cut();
    }
}

/// The [`Link`] over a session.
pub(crate) struct SshLink(pub(crate) Arc<Session>);

impl Link for SshLink {
    fn start<'a>(
        &'a self,
        command: &'a str,
        pty: bool,
    ) -> BoxFuture<'a, Result<Box<dyn Pipe>, HostError>> {
        Box::pin(async move {
            let session = &self.0;
            let time = session.deadlines.channel;
            let open = session.handle.channel_open_session();
            let channel = session.within(time, "opening a session", open).await?;
            let (mut read, write) = channel.split();
            if pty {
                // Wide, so that prompts are not folded.
                let ask = write.request_pty(true, "dumb", 500, 24, 0, 0, &[]);
                session.within(time, "asking for a terminal", ask).await?;
                match session
                    .within(time, "asking for a terminal", answer(&mut read))
                    .await?
                {
                    true => {}
                    false => {
                        return Err(HostError::new(
                            ErrorKind::Become,
                            format!("{} does not give a terminal", session.place),
                        ));
                    }
                }
            }
            session
                .within(time, "starting a command", write.exec(false, command))
                .await?;
            Ok(Box::new(SshPipe {
                read,
                write: Some(write),
                unread: VecDeque::new(),
                unread_bytes: 0,
                exited: false,
                ended: false,
                session: session.clone(),
            }) as Box<dyn Pipe>)
        })
    }

    fn is_lost(&self) -> bool {
        self.0.is_lost()
    }

    fn close<'a>(&'a self) -> BoxFuture<'a, ()> {
        Box::pin(self.0.end())
    }

    fn traffic(&self) -> Traffic {
        self.0.cut.traffic()
    }

    fn entry(&self) -> Option<&Entry> {
        Some(&self.0.entry)
    }
}

async fn answer(read: &mut ChannelReadHalf) -> Result<bool, russh::Error> {
    loop {
        match read.wait().await {
            Some(ChannelMsg::Success) => return Ok(true),
            Some(ChannelMsg::Failure) => return Ok(false),
            Some(_) => {}
            None => return Err(russh::Error::Disconnect),
        }
    }
}

struct SshPipe {
    read: ChannelReadHalf,
    /// Taken when the channel is closed.
    write: Option<ChannelWriteHalf<Msg>>,
    /// Came while we wrote. An unread channel would stall the session, and so our own writing.
    unread: VecDeque<Chunk>,
    unread_bytes: usize,
    exited: bool,
    ended: bool,
    session: Arc<Session>,
}

impl SshPipe {
    async fn send(&mut self, bytes: Option<&[u8]>) -> Result<(), HostError> {
        if self.ended || self.session.is_lost() {
            return Err(self.session.lost("writing"));
        }
        let SshPipe {
            read,
            write,
            unread,
            unread_bytes,
            exited,
            ended,
            session,
        } = self;
        let Some(write) = write.as_ref() else {
            return Err(session.lost("writing"));
        };
        {
            let work = async {
                match bytes {
                    Some(bytes) => write.data_bytes(bytes.to_vec()).await,
                    None => write.eof().await,
                }
            };
            let mut work = pin!(work);
            loop {
                tokio::select! {
                    biased;
                    done = &mut work => break done.map_err(|_| session.lost("writing")),
                    message = read.wait() => match meaning(message, exited) {
                        Some(Chunk::End) => {
                            *ended = true;
                            break Err(HostError::new(
                                ErrorKind::Lost,
                                format!(
                                    "{} ended the command while it was being written to",
                                    session.place
                                ),
                            ));
                        }
                        Some(chunk) => {
                            *unread_bytes += size(&chunk);
                            unread.push_back(chunk);
                            if *unread_bytes > UNREAD {
                                break Err(HostError::new(
                                    ErrorKind::Protocol,
                                    format!("{} sends without end", session.place),
                                ));
                            }
                        }
                        None => {}
                    },
                }
            }
        }
    }

    fn closing(&mut self) -> Option<impl Future<Output = ()> + Send + 'static> {
        let write = self.write.take()?;
        let time = self.session.deadlines.close;
        Some(async move {
            let _ = tokio::time::timeout(time, write.close()).await;
        })
    }
}

impl Pipe for SshPipe {
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(self.send(Some(bytes)))
    }

    fn finish<'a>(&'a mut self) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(self.send(None))
    }

    fn read<'a>(&'a mut self) -> BoxFuture<'a, Result<Chunk, HostError>> {
        Box::pin(async move {
            if let Some(chunk) = self.unread.pop_front() {
                self.unread_bytes -= size(&chunk);
                return Ok(chunk);
            }
            while !self.ended {
                let message = self.read.wait().await;
                match meaning(message, &mut self.exited) {
                    Some(Chunk::End) => self.ended = true,
                    Some(chunk) => return Ok(chunk),
                    None => {}
                }
            }
            Ok(Chunk::End)
        })
    }

    fn close<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let Some(closing) = self.closing() {
                closing.await;
            }
        })
    }
}

impl Drop for SshPipe {
    fn drop(&mut self) {
        // A channel that is only dropped keeps its slot on the server for ever.
        if !self.session.is_lost()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
            && let Some(closing) = self.closing()
        {
            let session = self.session.clone();
            runtime.spawn(async move {
                closing.await;
                drop(session);
            });
        }
    }
}

/// What a message means to us; nothing for most. Only the first exit status counts.
fn meaning(message: Option<ChannelMsg>, exited: &mut bool) -> Option<Chunk> {
    match message {
        Some(ChannelMsg::Data { data }) => Some(Chunk::Out(data.to_vec())),
        Some(ChannelMsg::ExtendedData { data, ext: 1 }) => Some(Chunk::Err(data.to_vec())),
        Some(ChannelMsg::ExitStatus { exit_status }) if !*exited => {
            *exited = true;
            Some(Chunk::Exit(i32::try_from(exit_status).unwrap_or(255)))
        }
        Some(ChannelMsg::ExitSignal { signal_name, .. }) if !*exited => {
            *exited = true;
            Some(Chunk::Exit(128 + number(&signal_name)))
        }
        Some(ChannelMsg::Close) | None => Some(Chunk::End),
        Some(_) => None,
    }
}

fn size(chunk: &Chunk) -> usize {
    match chunk {
        Chunk::Out(bytes) | Chunk::Err(bytes) => bytes.len(),
        Chunk::Exit(_) | Chunk::End => 0,
    }
}

fn number(signal: &Sig) -> i32 {
    match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(_) => 127,
    }
}
