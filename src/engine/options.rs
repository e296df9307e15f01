//! What a run was asked to be like, beyond its playbook.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::event::HostName;
use super::only::Only;

/// Options of a run, from flags and configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only ask, never change.
    pub check: bool,
    /// In check mode, take what was not run to have said nothing, as Ansible does; else whatever
    /// depends on it is unknown.
    pub guess: bool,
    /// In check mode, tell what was decided so that it can be carried out later.
    pub plans: bool,
    /// In check mode, what one entry of a play's list would change is not seen by the others: each
    /// is judged by the host as it is.
    pub apart: bool,
    /// Only what touches these paths is changed, and told of.
    pub only: Option<Arc<Only>>,
    /// The hosts that may be changed, all others are only looked at; none is that all may.
    pub fixes: Option<Arc<BTreeSet<HostName>>>,
    /// A host on which something was put back goes on with what cannot cut access.
    pub goes_on: bool,
    /// Show what changes.
    pub diff: bool,
    /// Hosts worked on at the same time.
    pub forks: usize,
    /// Tasks that are asked about in one script; 1 is one task at a time.
    pub wave: usize,
    pub force_handlers: bool,
    /// Begin at the first task of this name.
    pub start_at: Option<String>,
    /// Ask before each task.
    pub step: bool,
    /// How long a task may take when it says nothing itself.
    pub task_timeout: Option<Duration>,
    /// How often a host that is being waited for is spoken of.
    pub waiting: Duration,
    pub verbosity: u8,
    /// Show what a task prints while it runs, where a play has a single host.
    pub live: bool,
    /// The tags that were asked for, and those that were not wanted.
    pub tags: Vec<String>,
    pub skip_tags: Vec<String>,
    pub connection: Connection,
    /// How long a change that may cut access waits to be confirmed before it puts itself back; none
    /// is that nothing is guarded.
    pub guard: Option<Duration>,
    /// Hosts on which what may cut access is changed before all others.
    pub canary: Canary,
    /// Hosts that may fail before nothing further is begun on any.
    pub max_fail: Option<super::halt::MaxFail>,
    /// Hosts from which a new login must come in as well before such a change is kept.
    pub confirm_also: Vec<HostName>,
    /// The run that this one goes on with.
    pub resumed: Option<std::sync::Arc<super::resumed::Resumed>>,
}

/// How many hosts go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    Hosts(usize),
    /// Of the hosts of the run, at least one.
    Percent(u8),
}

impl Canary {
    pub fn of(self, hosts: usize) -> usize {
        match self {
            Canary::Hosts(n) => n,
            Canary::Percent(p) => (hosts * usize::from(p)).div_ceil(100).max(1),
        }
    }
}

/// Where nobody says how long: a login takes seconds, and a minute without access is bearable.
pub const GUARD: Duration = Duration::from_secs(60);

/// How to connect where neither inventory nor playbook says.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    pub kind: Option<String>,
    pub user: Option<String>,
    pub private_key: Option<std::path::PathBuf>,
    pub password: Option<crate::source::Secret>,
    pub common_args: Vec<String>,
    pub timeout: Option<u64>,
    pub r#become: bool,
    pub become_user: Option<String>,
    pub become_method: Option<String>,
    pub become_password: Option<crate::source::Secret>,
}

/// Tasks asked about at once: more would make one script and its reply large without saving a
/// round trip worth having.
pub const WAVE: usize = 200;

impl Default for Options {
    fn default() -> Options {
        Options {
            check: false,
            guess: false,
            plans: false,
            apart: false,
            only: None,
            fixes: None,
            goes_on: false,
            diff: false,
            forks: 50,
            wave: WAVE,
            force_handlers: false,
            start_at: None,
            step: false,
            task_timeout: None,
            waiting: Duration::from_secs(10),
            verbosity: 0,
            live: false,
            tags: Vec::new(),
            skip_tags: Vec::new(),
            connection: Connection::default(),
            guard: Some(GUARD),
            canary: Canary::Hosts(1),
            max_fail: None,
            confirm_also: Vec::new(),
            resumed: None,
        }
    }
}
