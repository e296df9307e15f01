//! What a look for drift found: one model, of which every form is a rendering.

use crate::engine::event::HostName;
use crate::inventory::fold::fold;

/// The number in the JSON form. A change that breaks a reader makes it larger.
pub const FORMAT: u32 = 1;

/// What is said of a task on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The host is not as the playbook says.
    Differs,
    /// What `--fix` has changed.
    Fixed,
    /// A handler that would run, or ran, because of that.
    Follows,
    /// Nobody knows without running it.
    Unknown,
    /// It was changed, and put back because it cut access.
    Reverted,
    Failed,
    Unreachable,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Differs => "differs",
            Kind::Fixed => "fixed",
            Kind::Follows => "follows",
            Kind::Unknown => "unknown",
            Kind::Reverted => "reverted",
            Kind::Failed => "failed",
            Kind::Unreachable => "unreachable",
        }
    }

    /// Whether its text is a message of failure, of which one example is enough.
    pub fn is_trouble(self) -> bool {
        matches!(self, Kind::Failed | Kind::Unreachable | Kind::Reverted)
    }
}

/// How a host stands; what is later is worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// As the playbook says.
    #[default]
    Same,
    /// It differed, and does no longer.
    Fixed,
    /// Nothing differs as far as is known, and not everything is.
    Unknown,
    Differs,
    /// The look did not come to its end.
    Stopped,
    Failed,
    Unreachable,
}

impl Standing {
    pub fn word(self) -> &'static str {
        match self {
            Standing::Same => "same",
            Standing::Fixed => "fixed",
            Standing::Unknown => "unknown",
            Standing::Differs => "differs",
            Standing::Stopped => "stopped",
            Standing::Failed => "failed",
            Standing::Unreachable => "unreachable",
        }
    }
}

/// A task, the same for all hosts.
#[derive(Clone, Debug)]
pub struct TaskInfo {
    /// An index into [`Report::plays`].
    pub play: usize,
    pub name: String,
    pub role: Option<String>,
    pub action: String,
    /// `file:line:column`.
    pub at: String,
    pub handler: bool,
    /// Hosts on which it ended, and those of them on which it was skipped.
    pub hosts: usize,
    pub skipped: usize,
}

impl TaskInfo {
    pub fn title(&self) -> String {
        match &self.role {
            Some(role) => format!("{role} : {}", self.name),
            None => self.name.clone(),
        }
    }
}

/// A host.
#[derive(Clone, Debug)]
pub struct HostInfo {
    pub host: HostName,
    pub standing: Standing,
    /// Why it could not be looked at to the end.
    pub why: Option<String>,
    pub differences: usize,
    pub unknown: usize,
    /// What `--fix` has changed.
    pub fixed: usize,
    /// Exchanges after login, for looking alone.
    pub round_trips: u64,
}

/// The same thing said of the same task on some hosts.
#[derive(Clone, Debug)]
pub struct Entry {
    pub kind: Kind,
    /// An index into [`Report::tasks`]; none where a host was lost before any.
    pub task: Option<usize>,
    /// The label of a loop's item.
    pub item: Option<String>,
    /// What it is about: a path, `user deploy`; empty where nobody says.
    pub on: String,
    /// One line that says it, or why it failed or is not known.
    pub summary: String,
    pub before: String,
    pub after: String,
    /// Hosts of which it is said, in the order people count; indices into [`Report::hosts`].
    pub hosts: Vec<usize>,
    /// Where the texts differ between hosts in what is each host's own: who says what. With one only,
    /// the texts are literal; else they have `‹name›` in the place of own values.
    pub variants: Vec<Variant>,
    /// Messages of failures differ in numbers: this host said what is shown.
    pub sample: Option<usize>,
}

/// Hosts that say the same to the letter.
#[derive(Clone, Debug)]
pub struct Variant {
    pub hosts: Vec<usize>,
    /// What stands in the place of each name.
    pub values: Vec<(String, String)>,
}

impl Entry {
    /// Whether the texts hold for all hosts only as far as their own values are masked.
    pub fn varies(&self) -> bool {
        self.variants.len() > 1
    }

    /// The entry as one of its variants has it.
    pub fn of(&self, variant: &Variant) -> Entry {
        let shown = |text: &str| {
            let mut text = text.to_owned();
            for (name, value) in &variant.values {
                text = text.replace(&format!("‹{name}›"), value);
            }
            text
        };
        Entry {
            kind: self.kind,
            task: self.task,
            item: self.item.as_deref().map(shown),
            on: shown(&self.on),
            summary: shown(&self.summary),
            before: shown(&self.before),
            after: shown(&self.after),
            hosts: variant.hosts.clone(),
            variants: Vec::new(),
            sample: None,
        }
    }
}

/// What came of `--fix`.
#[derive(Clone, Debug, Default)]
pub struct Fix {
    /// Hosts that would have been changed.
    pub hosts: usize,
    /// More hosts than this would have been changed, so that nothing was.
    pub halted: Option<usize>,
    /// Hosts that differ and were left alone, because looking at them failed.
    pub left: Vec<usize>,
    pub entries: Vec<Entry>,
    pub seconds: f64,
}

/// Everything that a look for drift, and perhaps a fix, found out.
#[derive(Clone, Debug)]
pub struct Report {
    pub started: String,
    pub seconds: f64,
    pub playbooks: Vec<String>,
    pub plays: Vec<String>,
    pub tasks: Vec<TaskInfo>,
    pub hosts: Vec<HostInfo>,
    /// In the order of tasks.
    pub entries: Vec<Entry>,
    /// Somebody stopped it before its end.
    pub stopped: bool,
    /// Texts that were not kept because the report would have become too large.
    pub dropped: usize,
    pub fix: Option<Fix>,
}

/// Counts of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub hosts: usize,
    pub drifted: usize,
    pub differences: usize,
    /// Differences of a kind.
    pub distinct: usize,
    /// Hosts with anything unknown.
    pub unknown: usize,
    pub failed: usize,
    pub unreachable: usize,
    pub fixed: usize,
}

impl Report {
    pub fn counts(&self) -> Counts {
        let with = |f: &dyn Fn(&HostInfo) -> bool| self.hosts.iter().filter(|h| f(h)).count();
        let is = |s: Standing| with(&|h| h.standing == s);
        Counts {
            hosts: self.hosts.len(),
            drifted: with(&|h| h.differences > 0),
            differences: self.hosts.iter().map(|h| h.differences).sum(),
            distinct: self.of(Kind::Differs).count(),
            unknown: with(&|h| h.unknown > 0),
            failed: is(Standing::Failed),
            unreachable: is(Standing::Unreachable),
            fixed: is(Standing::Fixed),
        }
    }

    /// Whether something differs now.
    pub fn differs(&self) -> bool {
        self.hosts.iter().any(|h| match h.standing {
            Standing::Differs => true,
            Standing::Failed | Standing::Unreachable | Standing::Stopped => h.differences > h.fixed,
            Standing::Same | Standing::Fixed | Standing::Unknown => false,
        })
    }

    /// Whether nothing is unknown now.
    pub fn is_known(&self) -> bool {
        !self.hosts.iter().any(|h| h.standing == Standing::Unknown)
    }

    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |e| e.kind == kind)
    }

    /// Host names in few words; not yet escaped.
    pub fn range(&self, hosts: &[usize]) -> String {
        let names: Vec<&str> = hosts.iter().map(|h| self.name(*h)).collect();
        fold(&names)
    }

    pub fn name(&self, host: usize) -> &str {
        self.hosts.get(host).map_or("", |h| &h.host)
    }

    pub fn task(&self, entry: &Entry) -> Option<&TaskInfo> {
        self.tasks.get(entry.task?)
    }

    /// The name of an entry's task, with the item of its loop.
    pub fn title(&self, entry: &Entry) -> String {
        let title = self.task(entry).map(TaskInfo::title).unwrap_or_default();
        match &entry.item {
            Some(item) => format!("{title} ({item})"),
            None => title,
        }
    }
}
