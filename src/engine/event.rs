//! What happened: the one stream that every output is made from.

use std::sync::Arc;

use super::planned::Planned;
use crate::source::{Code, Diagnostic, Span, Value};

/// A host's name in the inventory.
pub type HostName = Arc<str>;

/// One thing that happened. Reporters match on it without a wildcard, so that a new variant makes
/// each of them say where it is shown.
#[derive(Clone, Debug)]
pub enum Event {
    /// The run begins: what it is of, and on how many hosts.
    RunStarted {
        playbooks: Vec<String>,
        hosts: usize,
        check: bool,
    },
    PlayStarted {
        play: PlayRef,
        hosts: Vec<HostName>,
    },
    /// No host matched the play's pattern.
    PlaySkipped {
        play: PlayRef,
    },
    /// The first host has come to this task. Sent in the order of tasks for each host, so that
    /// tasks of one play may begin out of order between hosts.
    TaskStarted {
        task: TaskRef,
    },
    /// A loop's item ended.
    Item {
        host: HostName,
        task: TaskRef,
        item: Value,
        label: String,
        outcome: Outcome,
    },
    /// A task ended on a host.
    Ended {
        host: HostName,
        task: TaskRef,
        outcome: Outcome,
    },
    /// A failed attempt that will be tried again.
    Retry {
        host: HostName,
        task: TaskRef,
        left: u64,
        attempts: u64,
        outcome: Outcome,
    },
    /// A task that goes on by itself was asked how it is.
    Polled {
        host: HostName,
        task: TaskRef,
        job: String,
        /// Whether it ended well or badly; nothing while it goes on.
        ended: Option<bool>,
        seconds: u64,
    },
    /// A host will not take part any further: it never answered.
    Unreachable {
        host: HostName,
        task: Option<TaskRef>,
        message: String,
        hint: Option<String>,
        code: Option<Code>,
    },
    /// What a task under way prints, in whole lines.
    Output {
        host: HostName,
        text: String,
    },
    /// What may cut access is being changed, under a guard.
    Guard {
        host: HostName,
        stage: GuardStage,
        tasks: Vec<TaskRef>,
    },
    /// Somebody asked the run to stop; the second time at once.
    Interrupted {
        at_once: bool,
    },
    /// A host was asked to begin no further step, because the run is to stop. One that did not hear
    /// carries on with what it was sent.
    Stopping {
        host: HostName,
        heard: bool,
    },
    /// What was decided for a host and was not begun, because the run was stopped.
    NotRun {
        host: HostName,
        tasks: Vec<TaskRef>,
    },
    /// A host is being waited for; sent at intervals while it lasts.
    Waiting {
        host: HostName,
        what: String,
        seconds: u64,
    },
    /// A host has been reached and its shell has answered.
    Connected {
        host: HostName,
        seconds: f64,
    },
    Included {
        hosts: Vec<HostName>,
        task: TaskRef,
        what: String,
        /// The item it was included for.
        label: Option<String>,
    },
    /// A handler was asked for by a change.
    Notified {
        host: HostName,
        handler: String,
    },
    /// Handlers that were asked for and will not run in this run.
    Pending {
        host: HostName,
        handlers: Vec<String>,
    },
    Warning {
        diagnostic: Box<Diagnostic>,
    },
    /// A host takes no further part in this play: it came to its end, or is out.
    Left {
        host: HostName,
        play: PlayRef,
    },
    PlayEnded {
        play: PlayRef,
    },
    /// Nothing more follows.
    RunEnded {
        recap: Vec<Recap>,
        seconds: f64,
        traffic: TrafficTotal,
        /// Somebody stopped it before its end.
        stopped: bool,
    },
}

/// How a guarded change stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardStage {
    /// It puts itself back after so many seconds, unless it is confirmed.
    Armed { seconds: u64 },
    /// A new login confirmed it.
    Confirmed,
    /// It was not confirmed, and the host is as before.
    Reverted { why: String },
    /// It was not confirmed and the host is as before; it is tried again in parts.
    Divided { why: String },
    /// The run was stopped: nobody confirms it, and the host puts itself back.
    Left { seconds: u64 },
    /// It was not confirmed, and the host does not say how it is: nobody may be able to come in.
    Lost { why: String },
    /// Another run's is not confirmed yet, or is being put back: found when the host was reached.
    UnderWay { place: String },
    /// Another run's was put back, and nobody was told.
    WasReverted { place: String },
}

#[derive(Clone, Debug)]
pub struct PlayRef {
    pub index: usize,
    pub name: String,
}

/// What a reporter needs to know of a task.
#[derive(Clone, Debug)]
pub struct TaskRef {
    /// Position in the play: equal for the same task on all hosts, ordered as they run.
    pub position: Arc<[usize]>,
    /// The rendered name, or the action's.
    pub name: String,
    pub action: String,
    /// `role : name`.
    pub role: Option<String>,
    pub span: Span,
    pub handler: bool,
    pub no_log: bool,
    pub play: usize,
}

/// The word for how a task ended on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Ok,
    Changed,
    Skipped,
    /// Failed, and the host takes no further part (unless rescued).
    Failed,
    /// Failed, and the playbook said to go on.
    Ignored,
    /// Check mode cannot know, or a verdict was never seen.
    Unknown,
    Unreachable,
}

impl Status {
    /// The word for it, in journals and in what machines read.
    pub fn word(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Changed => "changed",
            Status::Skipped => "skipped",
            Status::Failed => "failed",
            Status::Ignored => "ignored",
            Status::Unknown => "unknown",
            Status::Unreachable => "unreachable",
        }
    }
}

/// How a task (or an item of it) ended on a host.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub status: Status,
    /// What `register` sees.
    pub result: Arc<Value>,
    /// What was changed, or would be.
    pub changes: Vec<Diff>,
    /// Where it was delegated to.
    pub delegated: Option<HostName>,
    pub warnings: Vec<String>,
    /// The mistake behind a failure, where it is one of the user's.
    pub diagnostic: Option<Box<Diagnostic>>,
    /// The kind of failure, where it is one of ours and not the action's.
    pub code: Option<Code>,
    /// The result is what the task is for, so it is shown in full (`debug`).
    pub shown: bool,
    /// What would be done, where a plan is being made; of a loop its items have it.
    pub planned: Option<Arc<Planned>>,
}

/// The two ends of a change as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// What was changed: a path, `user deploy`.
    pub title: String,
    pub before: String,
    pub after: String,
    /// One line that says it without a diff (`mode 0644 → 0600`).
    pub summary: String,
}

/// Counts of one host, in Ansible's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recap {
    pub host: String,
    pub ok: u64,
    pub changed: u64,
    pub unreachable: u64,
    pub failed: u64,
    pub skipped: u64,
    pub rescued: u64,
    pub ignored: u64,
    /// Nobody knows what they would do (in check mode), or what they did.
    pub unknown: u64,
    /// Those of the unknown that were carried out and whose verdict was never seen.
    pub unseen: u64,
    /// Exchanges with the host after login.
    pub round_trips: u64,
    /// Guarded changes that were put back.
    pub reverted: u64,
    /// Guarded changes of which nobody knows how they stand.
    pub locked_out: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrafficTotal {
    pub sent: u64,
    pub received: u64,
    pub round_trips: u64,
    pub connections: u64,
}

impl Outcome {
    pub fn new(status: Status, result: Value) -> Outcome {
        Outcome {
            status,
            result: Arc::new(result),
            changes: Vec::new(),
            delegated: None,
            warnings: Vec::new(),
            diagnostic: None,
            code: None,
            shown: false,
            planned: None,
        }
    }

    /// The `msg` of the result, if it is text.
    pub fn message(&self) -> Option<&str> {
        self.result.get("msg")?.as_str()
    }
}
