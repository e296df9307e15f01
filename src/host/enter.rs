//! Becoming another user: the program's prompt, our password, its refusals, and then the command.

use tokio::time::{Instant, timeout_at};

use super::shell::{ERRORS_KEPT, LAST_WORDS, Launch, NOISE, Tail, find, last, too_noisy};
use super::{Chunk, ErrorKind, HostError, Link, Pipe, plain};

/// A command that reads its input now.
pub(super) struct Started {
    pub(super) pipe: Box<dyn Pipe>,
    /// Output after the ready marker.
    pub(super) rest: Vec<u8>,
    pub(super) errors: Tail,
}

/// Starts a command and, where it asks for it, gives the password; waits until it is ready.
pub(super) async fn start(
    link: &dyn Link,
    launch: &Launch,
    until: Instant,
) -> Result<Started, HostError> {
    let mut pipe = link.start(&launch.command, launch.pty).await?;
    let mut errors = Tail::default();
    let Some(ready) = &launch.ready else {
        if launch.prompt.is_some() {
            return Err(HostError::new(
                ErrorKind::Become,
                "a command with a password prompt must say when it is ready",
            ));
        }
        return Ok(Started {
            pipe,
            rest: Vec::new(),
            errors,
        });
    };
    let mut entering = Entering {
        launch,
        out: Vec::new(),
        asked: Vec::new(),
        answered: false,
        mark: None,
    };
    let work = async {
        loop {
            let ask = match pipe.read().await? {
                Chunk::Out(bytes) => {
                    if let Some(rest) = entering.output(&bytes, ready)? {
                        return Ok(rest);
                    }
                    launch.pty && entering.prompted(&bytes)?
                }
                Chunk::Err(bytes) => {
                    errors.add(&bytes);
                    if entering.waits_for_none(&errors) {
                        return Err(entering.refused(None, &errors));
                    }
                    entering.prompted(&bytes)?
                }
                Chunk::Exit(status) => {
                    // Its last words may come after its status.
                    let words = async {
                        loop {
                            match pipe.read().await {
                                Ok(Chunk::Out(bytes)) if entering.out.len() < NOISE => {
                                    entering.out.extend(bytes);
                                }
                                Ok(Chunk::Err(bytes)) => errors.add(&bytes),
                                Ok(Chunk::Exit(_)) => {}
                                _ => return,
                            }
                        }
                    };
                    let _ = tokio::time::timeout(LAST_WORDS, words).await;
                    return Err(entering.refused(Some(status), &errors));
                }
                Chunk::End => return Err(entering.refused(None, &errors)),
            };
            if let (true, Some(prompt)) = (ask, &launch.prompt) {
                let line = zeroize::Zeroizing::new(format!("{}\n", prompt.password.reveal()));
                pipe.write(line.as_bytes()).await?;
            }
        }
    };
    match timeout_at(until, work).await {
        Ok(Ok(rest)) => Ok(Started { pipe, rest, errors }),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(entering.refused(None, &errors)),
    }
}

/// Between starting the command and its ready marker.
struct Entering<'a> {
    launch: &'a Launch,
    /// The end of the output so far, long enough to find the marker across pieces.
    out: Vec<u8>,
    asked: Vec<u8>,
    answered: bool,
    /// Where the ready marker ended; its line is still to end.
    mark: Option<usize>,
}

impl Entering<'_> {
    /// What came after the marker, once it was seen.
    fn output(&mut self, bytes: &[u8], ready: &str) -> Result<Option<Vec<u8>>, HostError> {
        let mark = ready.trim_end_matches(['\r', '\n']).as_bytes();
        // The marker may have begun in the piece before this one.
        let from = self.out.len().saturating_sub(mark.len());
        self.out.extend_from_slice(bytes);
        if self.mark.is_none() {
            self.mark = find(&self.out[from..], mark).map(|at| from + at + mark.len());
        }
        if let Some(after) = self.mark
            && let Some(end) = self.out[after..].iter().position(|b| *b == b'\n')
        {
            return Ok(Some(self.out.split_off(after + end + 1)));
        }
        if self.out.len() > NOISE {
            return Err(too_noisy());
        }
        Ok(None)
    }

    /// Whether our prompt came and the password is to be written now. It is written once.
    fn prompted(&mut self, bytes: &[u8]) -> Result<bool, HostError> {
        let Some(prompt) = &self.launch.prompt else {
            return Ok(false);
        };
        self.asked.extend_from_slice(bytes);
        let Some(at) = find(&self.asked, prompt.token.as_bytes()) else {
            let keep = self.asked.len().min(ERRORS_KEPT.max(prompt.token.len()));
            self.asked.drain(..self.asked.len() - keep);
            return Ok(false);
        };
        self.asked.drain(..at + prompt.token.len());
        if self.answered {
            return Err(HostError::new(
                ErrorKind::Become,
                "the become password is wrong",
            ));
        }
        self.answered = true;
        Ok(true)
    }

    /// Whether somebody asks for a password and there is none: nobody is going to answer.
    fn waits_for_none(&self, errors: &Tail) -> bool {
        let said = errors.text().to_lowercase();
        self.launch.prompt.is_none() && said.trim_end().ends_with("password:")
    }

    fn refused(&self, status: Option<i32>, errors: &Tail) -> HostError {
        let mut said = errors.text();
        if self.launch.pty || said.is_empty() {
            said.push_str(&String::from_utf8_lossy(last(&self.out, ERRORS_KEPT)));
        }
        if let Some(prompt) = &self.launch.prompt {
            said = said.replace(&prompt.token, "");
        }
        let said = said.trim();
        let lower = said.to_lowercase();
        let any = |words: &[&str]| words.iter().any(|w| lower.contains(w));
        let refused = |text: String| HostError::new(ErrorKind::Become, text);
        if !self.answered && (any(WANTS) || self.waits_for_none(errors)) {
            let text = "becoming the other user needs a password, and none was given";
            return refused(text.into()).hint(
                "give it with --ask-become-pass, --become-password-file or ansible_become_password",
            );
        }
        // Wrong without having been asked: a rule that refuses.
        let ruled = !self.answered && any(WRONG);
        if ruled || self.launch.denied.iter().any(|part| lower.contains(part)) {
            let text = format!("not allowed to become the other user: {}", plain(said));
            return refused(text).hint(
                "the host's rules (sudoers, doas.conf, the group that may use su) do not let this \
                 login become that user",
            );
        }
        if self.answered && any(WRONG) {
            return refused("the become password is wrong".into());
        }
        refused(match (status, said) {
            (Some(127), _) => "the become program is not installed".to_owned(),
            (Some(status), "") => format!("becoming the other user failed with status {status}"),
            (Some(_), said) => format!("becoming the other user failed: {}", plain(said)),
            (None, "") => "becoming the other user did not succeed in time".to_owned(),
            (None, said) => format!("becoming the other user did not succeed: {}", plain(said)),
        })
    }
}

/// How programs say that they want a password and have nobody to ask.
const WANTS: &[&str] = &[
    "password is required",
    "no password was",
    "authentication required",
    "a terminal is required to",
    "must be run from a terminal",
];

/// How programs say that a password is wrong.
const WRONG: &[&str] = &[
    "incorrect password",
    "authentication failure",
    "authentication failed",
    "authentication token manipulation",
    "incorrect",
];
