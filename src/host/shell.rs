//! The one shell of a host and user: requests go in as text, framed replies come out.
//!
//! Whatever the login shell prints before our prelude's greeting is noise and thrown away. A
//! password is written only after a prompt that we chose was seen, and the prelude only after the
//! shell is known to read it, so neither can be taken for the other.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::enter::{Started, start};
use super::frame::{End, Frames};
use super::{Chunk, Deadlines, ErrorKind, HostError, Link, Pipe, plain};
use crate::source::secret::Secret;

/// How long a shell that ended is listened to for why it did.
pub(super) const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(1);

/// A reply is held in memory until it is understood.
pub const MAX_REPLY: usize = 64 * 1024 * 1024;

/// Noise before the greeting that is kept for messages.
const NOISE_KEPT: usize = 64 * 1024;

/// Noise that is read at all: a login script that prints more will not stop.
pub(super) const NOISE: usize = 8 * 1024 * 1024;

/// The end of the shell's stderr, for messages.
pub(super) const ERRORS_KEPT: usize = 8 * 1024;

/// How a shell (or another program that reads its standard input) is started.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// `sh`, or `sudo -n -u root sh`, as the login shell will read it.
    pub command: String,
    /// A line that the command prints on stdout when it is about to read its input. With a
    /// `prompt` this must be set.
    pub ready: Option<String>,
    pub prompt: Option<Prompt>,
    /// Asks for a terminal. Then the command must run `stty raw -echo` before it is ready, and
    /// `cat | sh` instead of `sh`, which would take the terminal for a person and print prompts.
    pub pty: bool,
    /// Parts of messages, in small letters, that mean that we may not become that user.
    pub denied: Vec<String>,
}

/// A password prompt that we chose, so that no one else's is answered.
#[derive(Clone, Debug)]
pub struct Prompt {
    pub token: String,
    pub password: Secret,
}

impl Launch {
    /// A command that needs no password.
    pub fn plain(command: impl Into<String>) -> Launch {
        Launch {
            command: command.into(),
            ..Launch::default()
        }
    }
}

/// Takes what comes on stderr.
pub type Aside = Box<dyn FnMut(&[u8]) + Send>;

/// What the prelude said of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    pub text: String,
    /// What came before it, from login scripts; cut.
    pub noise: Vec<u8>,
}

/// An open shell. After an error other than a reply's own, it is of no more use.
pub struct Shell {
    pipe: Box<dyn Pipe>,
    nonce: String,
    /// What came behind the greeting: the beginning of the first answer.
    rest: Vec<u8>,
    sequence: u64,
    errors: Tail,
    aside: Option<Aside>,
    status: i32,
    broken: bool,
    close: Duration,
}

impl Shell {
    /// Starts a shell and its prelude. `nonce` is the one that the prelude's text greets with.
    /// A `first` request goes out behind the prelude, without a trip for the greeting before it;
    /// its reply is had from [`Shell::answer`].
    pub async fn open(
        link: &dyn Link,
        launch: &Launch,
        prelude: &str,
        nonce: &str,
        deadlines: &Deadlines,
        first: Option<&str>,
    ) -> Result<(Shell, Hello), HostError> {
        let until = Instant::now() + deadlines.hello;
        let Started {
            mut pipe,
            rest,
            mut errors,
        } = start(link, launch, until).await?;
        let mut greeting = Greeting::new(nonce);
        let mut hello = None;
        let text = format!(
            "{prelude}{}",
            first.map(|body| framed(1, body)).unwrap_or_default()
        );
        let work = async {
            pipe.write(text.as_bytes()).await?;
            hello = greeting.take(&rest)?;
            while hello.is_none() {
                match pipe.read().await? {
                    Chunk::Out(bytes) => hello = greeting.take(&bytes)?,
                    Chunk::Err(bytes) => errors.add(&bytes),
                    Chunk::Exit(status) => {
                        // Its last words may come after its status.
                        let words = drain(&mut *pipe, &mut greeting, &mut errors);
                        let _ = tokio::time::timeout(LAST_WORDS, words).await;
                        return Err(greeting.no_shell(Some(status), &errors));
                    }
                    Chunk::End => return Err(greeting.no_shell(None, &errors)),
                }
            }
            Ok(())
        };
        match timeout_at(until, work).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.kind == ErrorKind::Lost && !link.is_lost() => {
                // The command ended before it had read everything; its last words say why.
                let _ = timeout_at(until, drain(&mut *pipe, &mut greeting, &mut errors)).await;
                return Err(greeting.no_shell(None, &errors));
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                let text = format!("the shell did not answer within {:?}", deadlines.hello);
                return Err(greeting.explain(text, &errors).hint(
                    "a login script that waits or replaces the shell? --timeout gives a slow host longer",
                ));
            }
        }
        let shell = Shell {
            pipe,
            nonce: nonce.to_owned(),
            rest: std::mem::take(&mut greeting.rest),
            sequence: u64::from(first.is_some()),
            errors,
            aside: None,
            status: 0,
            // Of no use before the first reply was read.
            broken: first.is_some(),
            close: deadlines.close,
        };
        let hello = hello.unwrap_or_default();
        Ok((
            shell,
            Hello {
                text: hello,
                noise: greeting.noise,
            },
        ))
    }

    /// Hands whatever comes on stderr during requests to `aside`, as it comes.
    pub fn listen(&mut self, aside: Aside) {
        self.aside = Some(aside);
    }

    /// Runs `body` and gives its records, as they came.
    pub async fn request(
        &mut self,
        body: &str,
        deadline: Option<Duration>,
    ) -> Result<Vec<u8>, HostError> {
        let mut all = Vec::new();
        self.request_streaming(body, deadline, &mut |record| all.extend_from_slice(record))
            .await?;
        Ok(all)
    }

    /// Runs `body` and hands its records out one by one, as they arrive.
    ///
    /// If this fails, or is dropped before it is done, the outcome is unknown and the shell is of
    /// no more use: drop it, and the connection with it.
    pub async fn request_streaming(
        &mut self,
        body: &str,
        deadline: Option<Duration>,
        record: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), HostError> {
        if self.broken {
            return Err(HostError::new(
                ErrorKind::Lost,
                "the shell was lost by an earlier request",
            ));
        }
        self.broken = true;
        self.sequence += 1;
        let text = framed(self.sequence, body);
        let end = within(deadline, self.exchange(Some(&text), record)).await;
        self.end(end)
    }

    /// As [`Shell::request_streaming`]; without a body, the reply to the request that was sent when the
    /// shell was opened.
    pub async fn answer(
        &mut self,
        body: Option<&str>,
        deadline: Option<Duration>,
        record: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), HostError> {
        match body {
            Some(body) => self.request_streaming(body, deadline, record).await,
            None => {
                let end = within(deadline, self.exchange(None, record)).await;
                self.end(end)
            }
        }
    }

    fn end(&mut self, end: Result<End, HostError>) -> Result<(), HostError> {
        self.status = end?.status;
        self.broken = false;
        Ok(())
    }

    async fn exchange(
        &mut self,
        text: Option<&str>,
        record: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<End, HostError> {
        let mut frames = Frames::new(&self.nonce, self.sequence, MAX_REPLY);
        if let Some(text) = text
            && let Err(error) = self.pipe.write(text.as_bytes()).await
            && error.kind != ErrorKind::Lost
        {
            return Err(error);
        }
        if let Some(end) = frames.take(&std::mem::take(&mut self.rest), record)? {
            return Ok(end);
        }
        loop {
            match self.pipe.read().await? {
                Chunk::Out(bytes) => {
                    if let Some(end) = frames.take(&bytes, record)? {
                        return Ok(end);
                    }
                }
                Chunk::Err(bytes) => {
                    if let Some(aside) = &mut self.aside {
                        aside(&bytes);
                    }
                    self.errors.add(&bytes);
                }
                Chunk::Exit(status) => return Err(self.ended(Some(status))),
                Chunk::End => return Err(self.ended(None)),
            }
        }
    }

    fn ended(&self, status: Option<i32>) -> HostError {
        let how = match status {
            Some(status) => format!("the shell ended with status {status} before its answer"),
            None => "the connection was lost before the answer".to_owned(),
        };
        HostError::new(ErrorKind::Lost, self.errors.after(how))
    }

    /// Requests so far: the round trips of this shell, its opening not counted.
    pub fn requests(&self) -> u64 {
        self.sequence
    }

    /// The status of the last request's body as a whole.
    pub fn status(&self) -> i32 {
        self.status
    }

    /// Whether another request may be made.
    pub fn is_usable(&self) -> bool {
        !self.broken
    }

    /// The last things the shell wrote to stderr, such as a syntax error of ours.
    pub fn errors(&self) -> String {
        self.errors.text()
    }

    /// Ends the shell. Never waits longer than the close deadline.
    pub async fn close(mut self) {
        let work = async {
            let _ = self.pipe.finish().await;
            self.pipe.close().await;
        };
        let _ = tokio::time::timeout(self.close, work).await;
    }
}

/// A request as it is sent: its body without input, then the trailer that ends its reply.
fn framed(sequence: u64, body: &str) -> String {
    // The null command first: dash drops the redirections of a subshell that stands alone here.
    format!("{{ :\n{body}\n}} </dev/null\npl_end {sequence} $?\n")
}

async fn within<T>(
    deadline: Option<Duration>,
    work: impl Future<Output = Result<T, HostError>>,
) -> Result<T, HostError> {
    let Some(time) = deadline else {
        return work.await;
    };
    tokio::time::timeout(time, work).await.unwrap_or_else(|_| {
        Err(HostError::new(
            ErrorKind::Deadline,
            format!("no complete answer within {time:?}"),
        ))
    })
}

/// Waits for the prelude's greeting and throws away what is before it.
struct Greeting {
    mark: Vec<u8>,
    noise: Vec<u8>,
    /// What came behind it.
    rest: Vec<u8>,
    seen: usize,
}

impl Greeting {
    fn new(nonce: &str) -> Greeting {
        let mark = format!("\n\x01HELLO {nonce} ").into_bytes();
        Greeting {
            mark,
            noise: Vec::new(),
            rest: Vec::new(),
            seen: 0,
        }
    }

    /// The greeting's text, once its line is complete.
    fn take(&mut self, bytes: &[u8]) -> Result<Option<String>, HostError> {
        self.seen += bytes.len();
        self.noise.extend_from_slice(bytes);
        if let Some(at) = find(&self.noise, &self.mark) {
            let text = &self.noise[at + self.mark.len()..];
            if let Some(end) = text.iter().position(|b| *b == b'\n') {
                let hello = String::from_utf8_lossy(&text[..end]).into_owned();
                self.rest = text[end + 1..].to_vec();
                self.noise.truncate(at);
                return Ok(Some(hello));
            }
            if text.len() > NOISE_KEPT {
                return Err(too_noisy());
            }
            return Ok(None);
        }
        if self.seen > NOISE {
            return Err(too_noisy());
        }
        // Twice the size, so that a flood is copied once per 64 KiB and not once per piece.
        if self.noise.len() > 2 * NOISE_KEPT {
            self.noise.drain(..self.noise.len() - NOISE_KEPT);
        }
        Ok(None)
    }

    fn no_shell(&self, status: Option<i32>, errors: &Tail) -> HostError {
        let how = match status {
            Some(status) => format!("the host gives no shell: sh ended with status {status}"),
            None => "the host gives no shell: it closed the session".to_owned(),
        };
        self.explain(how, errors)
    }

    fn explain(&self, how: String, errors: &Tail) -> HostError {
        let mut said = errors.text();
        if said.trim().is_empty() {
            said = String::from_utf8_lossy(last(&self.noise, ERRORS_KEPT)).into_owned();
        }
        let text = match said.trim() {
            "" => how,
            said => format!("{how}: {}", plain(said)),
        };
        HostError::new(ErrorKind::NoShell, text)
    }
}

async fn drain(pipe: &mut dyn Pipe, greeting: &mut Greeting, errors: &mut Tail) {
    loop {
        match pipe.read().await {
            Ok(Chunk::Out(bytes)) if greeting.take(&bytes).is_ok() => {}
            Ok(Chunk::Err(bytes)) => errors.add(&bytes),
            Ok(Chunk::Exit(_)) => {}
            _ => return,
        }
    }
}

pub(super) fn too_noisy() -> HostError {
    HostError::new(
        ErrorKind::NoShell,
        format!("login scripts print more than {} MiB", NOISE >> 20),
    )
}

/// The end of what came on stderr.
#[derive(Default)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > 2 * ERRORS_KEPT {
            self.0.drain(..self.0.len() - ERRORS_KEPT);
        }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(last(&self.0, ERRORS_KEPT)).into_owned()
    }

    fn after(&self, what: String) -> String {
        match self.text().trim() {
            "" => what,
            said => format!("{what}: {}", plain(said)),
        }
    }
}

pub(super) fn last(bytes: &[u8], n: usize) -> &[u8] {
    &bytes[bytes.len().saturating_sub(n)..]
}

pub(super) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    let first = *part.first()?;
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|b| *b == first) {
        if text[from + at..].starts_with(part) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests;
