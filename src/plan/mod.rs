//! What will be asked of whom: playbooks compiled before any connection.
//!
//! Imports and roles are expanded, keywords inherited, arguments checked, tags noted. What is left for
//! each host at run time is in templates. A [`Task`] here stands on its own: nothing above it in the
//! playbook needs to be looked at again.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

pub mod args;
pub mod check;
pub mod compile;
pub mod include;
pub mod keywords;
pub mod known;
pub mod list;
mod locate;
mod mentions;
mod path;
pub mod place;
pub mod role;
mod store;
pub mod tags;
pub mod task;

pub use compile::{CompileOptions, Compiler};
pub use include::{IncludeArgs, IncludedRole};
pub use place::Place;
pub use tags::Selection;

use crate::action::Spec;
use crate::source::{Node, Span};
use crate::vars::{Layer, SearchPath};

/// All plays of a run, in order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub plays: Vec<Arc<Play>>,
    /// Variables that tasks set and that live on from play to play: results, facts, answers.
    pub names: BTreeSet<String>,
}

/// The roles of a play, as `ansible_play_role_names` and its relatives tell them.
#[derive(Clone, Debug, Default)]
pub struct RoleNames {
    /// Those the play names, as often as it does.
    pub direct: Vec<String>,
    /// Those that others depend on.
    pub dependencies: BTreeSet<String>,
}

impl RoleNames {
    pub fn add(&mut self, name: &str, dependency: bool) {
        if dependency {
            self.dependencies.insert(name.to_owned());
        } else {
            self.direct.push(name.to_owned());
        }
    }
}

/// A play.
#[derive(Debug)]
pub struct Play {
    pub name: Option<Node>,
    pub span: Span,
    /// The folder of the playbook file: where its group_vars, roles and files are.
    pub dir: PathBuf,
    /// The host pattern; may be a template over extra vars.
    pub hosts: Node,
    pub gather_facts: Option<Node>,
    pub gather_subset: Option<Node>,
    pub gather_timeout: Option<Node>,
    pub fact_path: Option<Node>,
    pub serial: Option<Node>,
    pub max_fail_percentage: Option<Node>,
    pub any_errors_fatal: Option<Node>,
    pub force_handlers: Option<Node>,
    pub strategy: Option<Node>,
    pub order: Option<Node>,
    /// `vars:` (level 12).
    pub vars: Layer,
    pub vars_prompt: Vec<Prompt>,
    /// Each entry a name, or a list of which the first that exists is read (level 14).
    pub vars_files: Vec<Node>,
    /// Defaults of every role of the play, merged in order (level 2).
    pub role_defaults: Vec<Layer>,
    /// Vars of every role of the play, merged in order (level 15).
    pub role_vars: Vec<Layer>,
    pub role_names: RoleNames,
    pub pre_tasks: Vec<Item>,
    /// Roles, then tasks.
    pub tasks: Vec<Item>,
    pub post_tasks: Vec<Item>,
    pub handlers: Vec<Arc<Handler>>,
    /// Keywords that tasks inherit, for what has no task of its own (fact gathering).
    pub keywords: Arc<Keywords>,
    /// Where files of the play itself are looked for.
    pub search: Arc<SearchPath>,
    pub tags: BTreeSet<String>,
    /// Whether the tags of the run leave the gathering of facts in.
    pub gathers: bool,
}

#[derive(Clone, Debug)]
pub struct Prompt {
    pub name: String,
    pub prompt: Option<Node>,
    pub default: Option<Node>,
    pub private: bool,
    pub confirm: bool,
    pub encrypt: Option<String>,
    pub salt_size: Option<i64>,
    pub salt: Option<String>,
    pub unsafe_text: bool,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum Item {
    Task(Arc<Task>),
    Block(Arc<Block>),
}

/// A block: its keywords were already handed down to its tasks.
#[derive(Debug)]
pub struct Block {
    pub name: Option<Node>,
    pub span: Span,
    pub body: Vec<Item>,
    pub rescue: Vec<Item>,
    pub always: Vec<Item>,
    pub keywords: Arc<Keywords>,
}

/// What is asked of a host by one entry of a task list.
#[derive(Debug)]
pub struct Task {
    /// Unique within the run: the order of compilation.
    pub id: usize,
    pub name: Option<Node>,
    pub span: Span,
    pub call: Call,
    /// Inherited and own keywords, resolved.
    pub keywords: Arc<Keywords>,
    pub looping: Option<Loop>,
    pub register: Option<String>,
    pub notify: Vec<Node>,
    pub changed_when: Vec<Node>,
    pub failed_when: Vec<Node>,
    pub until: Vec<Node>,
    pub retries: Option<Node>,
    pub delay: Option<Node>,
    pub is_async: Option<Node>,
    pub poll: Option<Node>,
    /// The role it belongs to, innermost.
    pub role: Option<Arc<Role>>,
    pub search: Arc<SearchPath>,
    /// The action as it was written; what an unnamed task is called.
    pub action: String,
    /// Implicit tasks (`meta: flush_handlers` between sections, gathering) are not listed.
    pub implicit: bool,
}

/// What a task invokes.
#[derive(Debug)]
pub enum Call {
    Action {
        spec: &'static Spec,
        /// Arguments as written, `args:` and module_defaults merged in; expression-typed ones too.
        args: Vec<(String, Node)>,
    },
    /// The action's name is a template (`action: "{{ x }}"`).
    Dynamic {
        name: Node,
        args: Vec<(String, Node)>,
    },
    IncludeTasks(Include),
    IncludeRole(Include),
}

/// A dynamic include: carried out per host when it is reached, through
/// [`Compiler::include_tasks`] and [`Compiler::include_role`].
#[derive(Debug)]
pub struct Include {
    /// The file, or the role's name.
    pub what: Node,
    pub tasks_from: Option<Node>,
    pub vars_from: Option<Node>,
    pub defaults_from: Option<Node>,
    pub handlers_from: Option<Node>,
    pub public: bool,
    pub allow_duplicates: bool,
    /// `apply:` keywords for everything in it.
    pub apply: Option<Node>,
    /// Where it stands: what is inside inherits from there, not from the include itself.
    pub place: Place,
}

/// `loop`, or a `with_*`.
#[derive(Debug)]
pub struct Loop {
    /// `None` for `loop`, else the lookup's name (`items`, `dict`, `fileglob`, …).
    pub with: Option<String>,
    pub over: Node,
    /// `item` unless `loop_control` says otherwise.
    pub var: String,
    pub index_var: Option<String>,
    pub label: Option<Node>,
    pub pause: Option<Node>,
    pub extended: bool,
    pub break_when: Vec<Node>,
}

/// Keywords with inheritance applied: the innermost that is given wins, lists are collected.
#[derive(Clone, Debug, Default)]
pub struct Keywords {
    /// Outermost first: all must hold.
    pub when: Vec<Node>,
    pub tags: BTreeSet<String>,
    /// `vars:` of blocks and of the task and parameters of roles and includes, lowest precedence first.
    pub vars: Vec<Layer>,
    /// `vars:` of dynamic includes around it (level 21), outermost first. They are in `vars`, too.
    pub include_vars: Vec<Layer>,
    pub environment: Vec<Node>,
    pub r#become: Option<Node>,
    pub become_user: Option<Node>,
    pub become_method: Option<Node>,
    pub become_flags: Option<Node>,
    pub become_exe: Option<Node>,
    pub connection: Option<Node>,
    pub remote_user: Option<Node>,
    pub port: Option<Node>,
    pub no_log: Option<Node>,
    pub ignore_errors: Option<Node>,
    pub ignore_unreachable: Option<Node>,
    pub check_mode: Option<Node>,
    pub diff: Option<Node>,
    /// Whether its changes put themselves back unless a new login confirms them.
    pub guard: Option<Node>,
    pub any_errors_fatal: Option<Node>,
    pub delegate_to: Option<Node>,
    pub delegate_facts: Option<Node>,
    pub run_once: Option<Node>,
    pub throttle: Option<Node>,
    pub timeout: Option<Node>,
    pub debugger: Option<Node>,
    pub collections: Vec<String>,
    /// `notify` of enclosing blocks.
    pub notify: Vec<Node>,
    pub module_defaults: Vec<Node>,
}

/// A role as one entry of a play uses it.
#[derive(Debug)]
pub struct Role {
    pub name: String,
    pub dir: PathBuf,
    /// Level 2, those of its dependencies and of the roles around it included.
    pub defaults: Layer,
    /// Level 15, likewise, and `vars:` of the entry that uses it.
    pub vars: Layer,
    /// Level 20: `role: x, port: 80`, those of the roles around it included.
    pub params: Layer,
    /// Whether a second use with the same parameters runs again.
    pub allow_duplicates: bool,
    /// Roles it was pulled in by, nearest first.
    pub parents: Vec<Arc<Role>>,
    pub span: Span,
}

/// A handler: a task that runs when notified.
#[derive(Debug)]
pub struct Handler {
    pub task: Arc<Task>,
    pub listen: Vec<Node>,
}

impl Task {
    /// A task that says nothing, to be filled in.
    pub fn blank() -> Task {
        let span = Span::outside("");
        Task {
            id: 0,
            name: None,
            span: span.clone(),
            call: Call::Dynamic {
                name: Node::null(span),
                args: Vec::new(),
            },
            keywords: Arc::new(Keywords::default()),
            looping: None,
            register: None,
            notify: Vec::new(),
            changed_when: Vec::new(),
            failed_when: Vec::new(),
            until: Vec::new(),
            retries: None,
            delay: None,
            is_async: None,
            poll: None,
            role: None,
            search: Arc::new(SearchPath::default()),
            action: String::new(),
            implicit: false,
        }
    }
}
