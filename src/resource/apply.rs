//! Changes and runs as one script that stops at the first failure.
//!
//! An [`Apply`] is filled step by step, sent, and reads its own reply. Every step answers with records
//! of its own; a step without them was not run, or, where the reply was cut short, may have been.

use std::fmt;

use super::program::Ran;
use super::put;
use super::reply::Record;
use super::script::Script;
use super::{
    Change, Content, Hello, Probe, Query, RemotePath, Resource, Run, State, crontab, group,
    hostname, module, mount, nft, package, start, sysctl, unit, user,
};

/// The functions that steps call. Sent once to a shell, before its first change or run.
const LIBRARY: &str = concat!(include_str!("apply.sh"), include_str!("run.sh"));

/// What the outputs of all steps of a script may take in its reply, encoded. `host::shell::MAX_REPLY`
/// leaves room beyond it, so that each step may say a few words whatever was printed before it.
const BUDGET: usize = 48 * 1024 * 1024;

/// What a killed run left is removed after this time: longer than any run waits before it uses what it
/// sent.
const STALE_MINUTES: u32 = 24 * 60;

/// A command that prints more than this will not stop: it is ended. Until it is seen, its output takes
/// memory of the host (where that is the place for temporary files).
pub const ENDLESS_MIB: usize = 256;

/// The functions as they are sent.
pub(super) fn library() -> String {
    super::prelude::sent(LIBRARY)
}

/// Contents and payloads up to this size travel inside the script: bash reads a script from a pipe
/// byte by byte, so larger ones are cheaper (and bounded) over a channel of their own.
pub const INLINE_PAYLOAD: u64 = 64 * 1024;
/// A script larger than this should go out before more is added.
pub const FULL: usize = 1024 * 1024;

/// The statuses that apply.sh reports for reasons of its own.
pub const CONFLICT: i32 = 70;
pub const INVALID: i32 = 71;
pub const NOT_FOLLOWED: i32 = 72;
pub const LOCKED: i32 = 73;
pub const NOT_WRITTEN: i32 = 74;

/// What a script is made with.
#[derive(Clone, Debug)]
pub struct ApplyOptions {
    /// Unpredictable and used for one script only: letters and digits, at least 128 bits.
    pub token: String,
    /// Whether this shell already has the functions, because an earlier script brought them.
    pub loaded: bool,
    /// Seconds to wait for another run that holds the host.
    pub lock_wait: u32,
}

/// Bytes that must be on the host before the script runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Upload {
    /// A command line for a channel of its own, run as the user the script runs as. It reads the
    /// bytes from its standard input and exits 0 when all of them are on disk.
    pub command: String,
    pub content: Content,
    /// Shell text that removes them, for the end of a script that did not come to use them.
    pub remove: String,
}

/// Circumstances of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunContext {
    /// Variables to set, in order. Names are checked.
    pub environment: Vec<(String, String)>,
    /// Seconds after which its process group is killed.
    pub timeout: Option<u64>,
    /// Whether a status other than 0 stops the steps after it.
    pub must_succeed: bool,
    /// Whether what it prints is also sent, on stderr, while it runs.
    pub live: bool,
}

/// What came of one step.
#[derive(Clone, Debug, PartialEq)]
pub enum StepOutcome {
    /// A change was made; what the tool that made it printed.
    Done(Said),
    Ran(Ran),
    Failed(Failed),
    /// A step before it failed.
    NotRun,
    /// The reply ended before it was heard of: it may have happened.
    Unknown,
}

/// What a tool printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub output: Vec<u8>,
    pub errors: Vec<u8>,
}

/// A step that failed, in the host's words.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    pub status: i32,
    pub message: String,
    /// What the tool printed on stdout before it failed.
    pub output: Vec<u8>,
}

impl Failed {
    /// What is there is not what was seen: asking again may help.
    pub fn is_conflict(&self) -> bool {
        self.status == CONFLICT
    }
}

/// Why a step cannot be put into a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyError {
    /// There is no way from the one end of this change to the other.
    Unfit { on: String, why: String },
    /// The bytes to write are not at hand.
    NoBytes(String),
    /// Not a name a variable of the environment can have.
    BadVariable(String),
    /// Text that cannot be passed on (a NUL byte, unbalanced quotes).
    BadText(String),
}

impl ApplyError {
    pub(super) fn unfit(change: &Change) -> ApplyError {
        ApplyError::because(change, "nobody knows how to change it that way")
    }

    pub(super) fn because(change: &Change, why: impl Into<String>) -> ApplyError {
        ApplyError::Unfit {
            on: change.on.to_string(),
            why: why.into(),
        }
    }
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApplyError::Unfit { on, why } => write!(f, "cannot change {on}: {why}"),
            ApplyError::NoBytes(on) => write!(f, "the new content of {on} is not at hand"),
            ApplyError::BadVariable(n) => write!(f, "`{n}` cannot be the name of a variable"),
            ApplyError::BadText(why) => write!(f, "{why}"),
        }
    }
}

impl std::error::Error for ApplyError {}

/// How a kind makes a change: shell text that a subshell runs, with the fixed `PATH`, the login's
/// umask and no standard input. Its exit status is the verdict, its stderr the message.
#[derive(Clone, Debug)]
pub struct Make {
    pub(super) text: String,
}

impl Make {
    pub(super) fn tool(text: impl Into<String>) -> Make {
        Make { text: text.into() }
    }
}

/// What a step's records look like.
#[derive(Clone, Debug)]
enum Shape {
    /// One record.
    File,
    /// stdout and stderr.
    Tool,
    /// How it went, stdout, stderr; the capture limit.
    Run(usize),
}

/// A script under construction.
#[derive(Clone, Debug)]
pub struct Apply {
    options: ApplyOptions,
    script: Script,
    steps: Vec<(Shape, usize)>,
    uploads: Vec<Upload>,
    /// Numbers of the records in which files written before were read back.
    flushes: Vec<usize>,
    /// The files written since.
    pending: Vec<RemotePath>,
    probe: Option<Probe>,
    /// What ends the note in the directory of a guard.
    note: Option<&'static str>,
    ended: bool,
}

impl Apply {
    pub fn new(options: ApplyOptions) -> Apply {
        debug_assert!(options.token.bytes().all(|b| b.is_ascii_alphanumeric()));
        let mut script = Script::new();
        if !options.loaded {
            let library = super::prelude::sent(LIBRARY)
                .replace("@KEPT@", &(super::program::CAPTURE_LIMIT + 1).to_string())
                .replace("@STALE@", &STALE_MINUTES.to_string())
                .replace("@ENDLESS@", &(ENDLESS_MIB << 20).to_string())
                .replace("@ENDLESS_MIB@", &ENDLESS_MIB.to_string());
            script.say(&library);
        }
        script.say(&format!(
            "pl_ok=1 pl_tok={} pl_wait={} pl_left={BUDGET}",
            options.token, options.lock_wait
        ));
        Apply {
            options,
            script,
            steps: Vec::new(),
            uploads: Vec::new(),
            flushes: Vec::new(),
            pending: Vec::new(),
            probe: None,
            note: None,
            ended: false,
        }
    }

    /// What follows is done under a guard, by its name.
    pub fn under(&mut self, guard: &str) {
        let (begin, end) = super::guard::note(guard);
        self.script.say(&begin);
        self.note = Some(end);
    }

    /// Files that scripts of these tokens left behind are removed where something is written beside them:
    /// nobody is going to use them any more.
    pub fn bury(&mut self, tokens: &[String]) {
        let sound = |t: &&String| t.bytes().all(|b| b.is_ascii_alphanumeric());
        let tokens: Vec<&str> = tokens.iter().filter(sound).map(String::as_str).collect();
        if !tokens.is_empty() {
            self.script.say(&format!("pl_dead='{}'", tokens.join(" ")));
        }
    }

    /// Adds a change.
    ///
    /// # Errors
    /// Where there is no way of making it; the script is as before then.
    pub fn change(&mut self, change: &Change, hello: &Hello) -> Result<(), ApplyError> {
        let make = match &change.on {
            Resource::File(_) | Resource::Target(_) => return self.file(change, hello),
            Resource::Hostname => hostname::make(change, hello)?,
            Resource::User(_) => user::make(change)?,
            Resource::Group(_) => group::make(change)?,
            Resource::Unit { .. } => unit::make(change)?,
            Resource::Sysctl(_) => sysctl::make(change)?,
            Resource::Mount(_) => mount::make(change)?,
            Resource::Module(_) => module::make(change)?,
            Resource::Table(_) => nft::make(change)?,
            Resource::Crontab(_) => crontab::make(change)?,
            Resource::Package { .. }
            | Resource::PackageIndex(_)
            | Resource::PackageUpgrade { .. } => package::make(change)?,
            _ => return Err(ApplyError::unfit(change)),
        };
        self.flush();
        let text = make.text;
        let n = self
            .script
            .several(2, |n| format!("pl_m() {{\n{text}\n}}\npl_do {n}"));
        self.steps.push((Shape::Tool, n));
        Ok(())
    }

    fn file(&mut self, change: &Change, hello: &Hello) -> Result<(), ApplyError> {
        let token = format!("{}{}", self.options.token, self.steps.len());
        let made = put::make(change, hello, &token)?;
        let (Resource::File(path) | Resource::Target(path)) = &change.on else {
            return Err(ApplyError::unfit(change));
        };
        // What was written is read back before a later step can change it again.
        if self
            .pending
            .iter()
            .any(|p| p.is_within(path) || path.is_within(p))
        {
            self.flush();
        }
        self.uploads.extend(made.upload);
        let n = self
            .script
            .several(1, |n| made.text.replace("@N@", &n.to_string()));
        if made.writes {
            self.pending.push(path.clone());
        }
        self.steps.push((Shape::File, n));
        Ok(())
    }

    /// Adds a run.
    ///
    /// # Errors
    /// Where a variable's name or a text cannot be passed on; the script is as before then.
    pub fn run(&mut self, run: &Run, context: &RunContext) -> Result<(), ApplyError> {
        let token = format!("{}{}", self.options.token, self.steps.len());
        let made = start::make(run, context, &token)?;
        self.flush();
        self.uploads.extend(made.uploads);
        let n = self
            .script
            .several(3, |n| made.text.replace("@N@", &n.to_string()));
        self.steps.push((Shape::Run(run.capture), n));
        Ok(())
    }

    /// Adds questions that are asked at the end, if every step succeeded.
    pub fn probe(&mut self, queries: &[Query]) {
        self.flush();
        let probe = Probe::within(queries, Script::after(self.script.next()));
        self.script
            .join(&probe.script, |text| format!("if pl_go; then\n{text}fi"));
        self.probe = Some(probe);
    }

    /// Bytes to be streamed, each over a channel of its own, before the script runs.
    pub fn uploads(&self) -> &[Upload] {
        &self.uploads
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.probe.is_none()
    }

    /// The body of the request. Ends the script: nothing is added afterwards.
    pub fn script(&mut self) -> &str {
        if !self.ended {
            self.flush();
            self.script.say("pl_unlock\npl_rm");
            for upload in &self.uploads {
                let text = format!("[ $pl_ok = 1 ] || {}", upload.remove);
                self.script.say(&text);
            }
            if let Some(end) = self.note {
                self.script.say(end);
            }
            self.ended = true;
        }
        self.script.text()
    }

    /// Reads files back that were written, in one command, before something else can change them.
    fn flush(&mut self) {
        if !std::mem::take(&mut self.pending).is_empty() {
            let n = self.script.several(1, |n| format!("pl_flush {n}"));
            self.flushes.push(n);
        }
    }

    /// How many steps have begun to answer once a record of this number came.
    pub fn answered(&self, number: usize) -> usize {
        self.steps.partition_point(|(_, first)| *first <= number)
    }

    /// What came of each step, and the answers to the questions at the end (`None` where they were
    /// not asked). `whole` says that the trailer of the request was seen.
    ///
    /// # Errors
    /// Says what is wrong with a reply that no script of ours gives.
    pub fn read(&self, records: &[Record], whole: bool) -> Result<Reply, String> {
        let find = |n: usize| records.iter().find(|r| r.number == n);
        let mut steps = Vec::with_capacity(self.steps.len());
        for (shape, n) in &self.steps {
            let Some(first) = find(*n) else {
                steps.push(if whole {
                    StepOutcome::NotRun
                } else {
                    StepOutcome::Unknown
                });
                continue;
            };
            let rest = (find(n + 1), find(n + 2));
            let gone = || StepOutcome::Unknown;
            steps.push(match (shape, rest) {
                (Shape::File, _) if first.status == 0 => StepOutcome::Done(Said::default()),
                (Shape::File, _) => failed(first.status, first.text(), Vec::new()),
                (Shape::Tool, (Some(err), _)) if first.status == 0 => StepOutcome::Done(Said {
                    output: first.payload.clone(),
                    errors: err.payload.clone(),
                }),
                (Shape::Tool, (Some(err), _)) => {
                    failed(first.status, message(err, first), first.payload.clone())
                }
                (Shape::Run(limit), (Some(out), Some(err))) => {
                    StepOutcome::Ran(start::read(first, out, err, *limit)?)
                }
                (Shape::Tool | Shape::Run(_), _) => gone(),
            });
        }
        self.read_back(records, &mut steps);
        let answers = match &self.probe {
            Some(probe) if probe.script.next() == 0 => Some(Vec::new()),
            Some(probe)
                if whole
                    && steps.iter().all(went_on)
                    && records.iter().any(|r| r.number >= probe.first()) =>
            {
                Some(probe.read(records)?)
            }
            _ => None,
        };
        Ok(Reply { steps, answers })
    }

    fn read_back(&self, records: &[Record], steps: &mut [StepOutcome]) {
        for flush in &self.flushes {
            let Some(record) = records.iter().find(|r| r.number == *flush) else {
                continue;
            };
            for number in record
                .text()
                .split_whitespace()
                .filter_map(|w| w.parse::<usize>().ok())
            {
                if let Some(at) = self.steps.iter().position(|(_, n)| *n == number) {
                    let text = "what was read back is not what was written";
                    steps[at] = failed(NOT_WRITTEN, text.into(), Vec::new());
                }
            }
        }
    }
}

/// What came of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub steps: Vec<StepOutcome>,
    pub answers: Option<Vec<(Query, State)>>,
}

fn went_on(step: &StepOutcome) -> bool {
    matches!(step, StepOutcome::Done(_) | StepOutcome::Ran(_))
}

fn failed(status: i32, message: String, output: Vec<u8>) -> StepOutcome {
    StepOutcome::Failed(Failed {
        status,
        message,
        output,
    })
}

/// A tool's stderr, or what it said on stdout where it has none.
fn message(err: &Record, out: &Record) -> String {
    let text = err.text();
    let text = if text.trim().is_empty() {
        out.text()
    } else {
        text
    };
    text.trim_end().to_owned()
}
