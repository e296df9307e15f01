//! What a task invokes: arguments + what was observed → steps and a result.
//!
//! Actions are many and pure. They never connect, never print, never know check mode; they look at
//! what they asked for in [`Task::reads`] and decide. Adding one: a file in this folder and one line
//! in [`ACTIONS`].

mod accounts;
mod accounts_mend;
mod accounts_text;
mod apt;
pub mod arg;
pub mod args;
mod assert;
mod async_status;
pub mod attrs;
mod audit_rule;
mod auditd_rules;
mod authorized_key;
mod blockinfile;
mod carried;
mod command;
mod conf_value;
mod copy;
mod cron;
mod crontab;
mod dconf;
mod debug;
mod drop_ins;
mod drops;
mod edit;
mod ere;
mod fail;
mod fetch;
mod file;
mod find_none;
mod firewall;
mod fstab;
mod get_url;
mod getent;
mod group;
mod grub_cmdline;
mod hostname;
mod include_vars;
mod keys;
mod line_anywhere;
mod lineinfile;
mod links;
mod login_defs;
mod meta;
mod modprobe;
mod mount;
mod mount_options;
mod nftables;
pub mod observed;
mod overlap;
mod package;
mod packages;
mod pam;
mod pam_limits;
mod pam_profile;
mod pam_text;
mod pam_update;
mod path_mode;
mod pattern;
mod pause;
pub mod ping;
mod place;
pub mod planned;
mod put;
pub mod put_back;
mod put_back_as;
mod ran;
mod raw;
mod reboot;
pub mod registry;
mod replace;
mod script;
mod service;
mod service_unused;
mod set_fact;
mod setup;
mod shell;
mod slurp;
mod ssh_moduli;
mod sshd_config;
mod sshd_option;
mod sshd_text;
mod stat;
mod strptime;
mod sudoers;
mod sudoers_text;
mod sysctl;
mod sysctl_value;
mod systemd;
mod systemd_dropin;
mod sysvinit;
mod tempfile;
mod template;
mod trees;
mod unarchive;
mod unit_file;
mod units;
mod uri;
mod uri_answer;
mod uri_body;
mod user;
mod user_key;
mod user_state;
mod wait_for;
mod wait_for_connection;
mod web;
mod wish;

pub(crate) use ran::put_ran;

pub use args::{ArgError, Param, Spec};
pub use observed::Observed;
pub use registry::{ACTIONS, find};

use crate::resource::apply::Said;
use crate::resource::program::Ran;
use crate::resource::{Change, Query, Run};
use crate::source::{Mapping, Value};

/// A task with its arguments read: what an action makes of one invocation on one host.
pub trait Task: Send + Sync {
    /// The resources it must see. Called again with what was seen until it asks nothing new
    /// (four rounds at most), so it may name more after seeing some.
    fn reads(&self, seen: &Observed) -> Vec<Query>;

    /// What to do about it. A function of the arguments and of what `reads` named.
    fn decide(&self, seen: &Observed) -> Result<Decision, Failure>;

    /// The result once the steps were carried out. Not called where there were none, nor in check
    /// mode: what `decide` said stands then.
    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        let _ = done;
        Ok(decision.result.clone())
    }
}

/// What an action decided.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    pub steps: Vec<Step>,
    /// What `register` sees, without `changed` and `failed`, which the engine adds.
    pub result: Mapping,
    /// Overrides "changed when there are steps that change".
    pub changed: Option<bool>,
    /// The action declined (`creates` exists): reported as skipped or ok with this message.
    pub skipped: Option<String>,
    /// Facts to add to the host (`setup`, `getent`, `hostname`), by their whole names, as results have them.
    pub facts: Option<Mapping>,
    /// Variables to set on the host (`set_fact`), already rendered.
    pub vars: Vec<(String, Value)>,
    pub warnings: Vec<String>,
    /// The result is what the task is for, so it is shown in full (`debug`, `assert`).
    pub shown: bool,
}

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Step {
    Set(Change),
    Run(Run),
    Control(Control),
}

/// What the engine does itself.
#[derive(Clone, Debug)]
pub enum Control {
    Meta(Meta),
    Pause {
        seconds: Option<u64>,
        prompt: Option<String>,
        echo: bool,
        /// What the time is told in.
        unit: &'static str,
    },
    /// Reads variables from project files: a file or a directory, found along the search path.
    IncludeVars(IncludeVars),
    /// Polls until the program exits 0, or the time is over. See `wait_for`.
    WaitForConnection {
        connect_timeout: u64,
        delay: u64,
        sleep: u64,
        timeout: u64,
    },
    Reboot(Reboot),
    Job(Job),
}

impl Control {
    /// Whether check mode carries it out too: it changes nothing on any host.
    pub fn only_reads(&self) -> bool {
        !matches!(self, Control::Reboot(_))
    }
}

/// A question about a job that goes on by itself (`async`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: String,
    /// Remove what is left of it.
    pub clean: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meta {
    FlushHandlers,
    RefreshInventory,
    Noop,
    ClearFacts,
    ClearHostErrors,
    EndPlay,
    EndHost,
    EndBatch,
    EndRole,
    ResetConnection,
}

#[derive(Clone, Debug, Default)]
pub struct IncludeVars {
    pub file: Option<String>,
    pub dir: Option<String>,
    pub name: Option<String>,
    pub depth: u64,
    pub files_matching: Option<String>,
    pub ignore_files: Vec<String>,
    pub extensions: Vec<String>,
    pub ignore_unknown_extensions: bool,
    pub hash_behaviour: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Reboot {
    pub pre_delay: u64,
    pub post_delay: u64,
    pub timeout: u64,
    pub connect_timeout: u64,
    pub test_command: Run,
    pub reboot: Run,
    pub boot_id: Run,
}

/// What came of one step.
#[derive(Clone, Debug)]
pub enum Done {
    /// A change was made; what the tool that made it printed.
    Set(Said),
    Ran(Ran),
    /// The engine carried it out; what it has to say for the result.
    Controlled(Mapping),
}

/// The action failed: a message for people, and whatever else belongs in the result.
#[derive(Clone, Debug, Default)]
pub struct Failure {
    pub message: String,
    pub result: Mapping,
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Failure {
        Failure {
            message: message.into(),
            result: Mapping::new(),
        }
    }
}

impl Failure {
    /// What is not as it should be and is for a person to mend: no error of the tool's.
    pub(crate) fn finding(message: impl Into<String>, mut result: Mapping) -> Failure {
        result.insert("finding".into(), true.into());
        Failure {
            message: message.into(),
            result,
        }
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Failure {
        Failure::new(message)
    }
}

impl Decision {
    /// Nothing to do, with this result.
    pub fn ok(result: Mapping) -> Decision {
        Decision {
            result,
            ..Decision::default()
        }
    }

    pub fn skipped(why: impl Into<String>) -> Decision {
        Decision {
            skipped: Some(why.into()),
            ..Decision::default()
        }
    }

    /// Adds a change unless its two ends are equal.
    pub fn set(&mut self, change: Change) {
        if !change.is_empty() {
            self.steps.push(Step::Set(change));
        }
    }

    /// The same with runs that only read, where all of its steps have one: what check mode may run too.
    #[must_use]
    pub fn rehearsed(mut self) -> Decision {
        let instead = |step: &Step| match step {
            Step::Run(run) if run.read_only => Some(step.clone()),
            Step::Run(run) => run.rehearsal.as_deref().cloned().map(Step::Run),
            _ => None,
        };
        if let Some(steps) = self.steps.iter().map(instead).collect() {
            self.steps = steps;
        }
        self
    }

    pub fn run(&mut self, run: Run) {
        self.steps.push(Step::Run(run));
    }

    /// Whether carrying it out changes the host.
    pub fn changes(&self) -> bool {
        self.changed.unwrap_or_else(|| {
            self.steps.iter().any(|step| match step {
                Step::Set(_) => true,
                Step::Run(run) => run.changes,
                Step::Control(_) => false,
            })
        })
    }
}

/// What the engine had to say of the controls it carried out.
pub(crate) fn controlled(done: &[Done]) -> Mapping {
    let mut result = Mapping::new();
    for one in done {
        if let Done::Controlled(said) = one {
            result.extend(said.clone());
        }
    }
    result
}

/// Builds a result: `result! { "path" => path, "rc" => 0 }`.
#[macro_export]
macro_rules! result {
    ($($key:expr => $value:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut map = $crate::source::Mapping::new();
        $(map.insert($crate::source::Value::from($key), $crate::source::Value::from($value));)*
        map
    }};
}
