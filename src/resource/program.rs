//! What is run rather than changed: commands of the user's, and programs of our own.

use std::sync::Arc;

/// Something to execute. Opaque: it has no before and after, and cannot be undone.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub exec: Exec,
    pub chdir: Option<String>,
    pub stdin: Option<Arc<[u8]>>,
    /// Whether having run is a change (`command` is one, `wait_for` is not).
    pub changes: bool,
    /// Whether it only reads, so that check mode may run it too.
    pub read_only: bool,
    /// Bytes of stdout (and of stderr) kept; what is beyond is cut with a mark.
    pub capture: usize,
}

/// How it is started.
#[derive(Clone, Debug, PartialEq)]
pub enum Exec {
    /// Words, without a shell.
    Argv(Vec<String>),
    /// Text for `/bin/sh -c`, or for another shell.
    Shell {
        text: String,
        executable: Option<String>,
    },
    /// Text handed to the login shell as it is, with no wrapping at all.
    Raw {
        text: String,
        executable: Option<String>,
    },
    /// A file of the controller's, copied to a private place on the host, run and removed.
    Script {
        content: super::Content,
        args: String,
        executable: Option<String>,
    },
    Program(Program),
}

/// A POSIX sh program of ours. Made only in this folder, because it is shell text.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub(in crate::resource) text: String,
    /// What it is called in messages.
    pub name: &'static str,
}

/// Output of one command kept by default.
pub const CAPTURE_LIMIT: usize = 16 * 1024 * 1024;

impl Run {
    pub fn new(exec: Exec) -> Run {
        Run {
            exec,
            chdir: None,
            stdin: None,
            changes: true,
            read_only: false,
            capture: CAPTURE_LIMIT,
        }
    }
}

impl Program {
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Ran {
    /// The exit status, 128 + n for signal n.
    pub rc: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Seconds since 1970 on the host's clock.
    pub start: f64,
    pub end: f64,
    /// Output beyond the capture limit was dropped.
    pub truncated: bool,
    /// The program was not there or could not be started; the shell's words.
    pub not_started: Option<String>,
    /// It was killed because its time was over.
    pub timed_out: bool,
}
