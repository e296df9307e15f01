//! Large files: a command of their own, bytes on its input or from its output, a piece at a time.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use super::enter::{Started, start};
use super::shell::Launch;
use super::{Chunk, Deadlines, ErrorKind, HostError, Link};

/// One read of the file: below it russh splits packets itself, above it memory grows for nothing.
const PIECE: usize = 128 * 1024;

/// How a transfer's command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    pub status: i32,
    pub stderr: String,
    /// What it printed, where that goes nowhere else: its first [`KEPT`] bytes.
    pub stdout: String,
    pub bytes: u64,
}

/// Of what a command prints besides, so much is kept.
const KEPT: usize = 4096;

/// Feeds a command with all of `from`. `Launch::plain("cat >temp")`, or the same behind sudo.
pub async fn upload(
    link: &dyn Link,
    launch: &Launch,
    from: &mut (dyn AsyncRead + Unpin + Send),
    deadlines: &Deadlines,
    time: Option<Duration>,
) -> Result<Done, HostError> {
    within(time, async {
        let until = Instant::now() + deadlines.hello;
        let mut started = start(link, launch, until).await?;
        let mut piece = vec![0; PIECE];
        let mut bytes = 0;
        loop {
            let n = from.read(&mut piece).await.map_err(local)?;
            if n == 0 {
                break;
            }
            match started.pipe.write(&piece[..n]).await {
                Ok(()) => bytes += n as u64,
                // The command gave up (disk full): how it ended says more than that it did.
                Err(error) if error.kind == ErrorKind::Lost && !link.is_lost() => break,
                Err(error) => return Err(error),
            }
        }
        let _ = started.pipe.finish().await;
        let mut done = finish(started, None).await?;
        done.bytes = bytes;
        Ok(done)
    })
    .await
}

/// Writes a command's output to `to`, at most `limit` bytes: more is an error.
pub async fn download(
    link: &dyn Link,
    launch: &Launch,
    to: &mut (dyn AsyncWrite + Unpin + Send),
    limit: u64,
    deadlines: &Deadlines,
    time: Option<Duration>,
) -> Result<Done, HostError> {
    within(time, async {
        let until = Instant::now() + deadlines.hello;
        let mut started = start(link, launch, until).await?;
        let _ = started.pipe.finish().await;
        let done = finish(started, Some((to, limit))).await?;
        to.flush().await.map_err(local)?;
        Ok(done)
    })
    .await
}

type Sink<'a> = (&'a mut (dyn AsyncWrite + Unpin + Send), u64);

async fn finish(started: Started, mut sink: Option<Sink<'_>>) -> Result<Done, HostError> {
    let Started {
        mut pipe,
        rest,
        mut errors,
    } = started;
    let mut bytes = 0;
    let mut status = None;
    let mut said = Vec::new();
    let mut next = Chunk::Out(rest);
    loop {
        match next {
            Chunk::Out(piece) => {
                if let Some((to, limit)) = &mut sink {
                    bytes += piece.len() as u64;
                    if bytes > *limit {
                        return Err(HostError::new(
                            ErrorKind::Protocol,
                            format!("more than the {limit} bytes that were expected"),
                        ));
                    }
                    to.write_all(&piece).await.map_err(local)?;
                } else {
                    let room = KEPT.saturating_sub(said.len()).min(piece.len());
                    said.extend_from_slice(&piece[..room]);
                }
            }
            Chunk::Err(piece) => errors.add(&piece),
            Chunk::Exit(code) => status = Some(code),
            Chunk::End => break,
        }
        next = pipe.read().await?;
    }
    pipe.close().await;
    match status {
        Some(status) => Ok(Done {
            status,
            stderr: errors.text(),
            stdout: String::from_utf8_lossy(&said).into_owned(),
            bytes,
        }),
        None => Err(HostError::new(
            ErrorKind::Lost,
            "the connection was lost before the transfer was confirmed",
        )),
    }
}

async fn within<T>(
    time: Option<Duration>,
    work: impl Future<Output = Result<T, HostError>>,
) -> Result<T, HostError> {
    match time {
        None => work.await,
        Some(time) => tokio::time::timeout(time, work).await.unwrap_or_else(|_| {
            Err(HostError::new(
                ErrorKind::Deadline,
                format!("the transfer did not end within {time:?}"),
            ))
        }),
    }
}

fn local(error: std::io::Error) -> HostError {
    HostError::new(
        ErrorKind::Protocol,
        format!("on this side of the transfer: {error}"),
    )
}
