//! What hosts are made of.
//!
//! A [`Resource`] is a thing a host has, a [`State`] is how it is, a [`Change`] is a resource with its
//! state before and after. A resource turns questions and changes into shell text and replies back
//! into states; it never runs them. Check mode, diff, plan, drift and undo are operations on changes,
//! so none of them is known here.
//!
//! One shell per host and user runs everything: [`prelude`] opens it, a [`Probe`] asks many things in
//! one script, an [`apply::Apply`] changes and runs many things in one script that stops at the first
//! failure. Both are text and a way of reading the reply; whoever sends them wraps the text as
//! `{ text\n} </dev/null\npl_end SEQ $?\n`, so nothing happens until all of it has arrived.
//!
//! # Adding a kind
//!
//! A file in this folder with a state struct and three functions ([`hostname`] is the shortest), a
//! variant in [`Resource`] and [`State`], a row in `probe::Kind` (`of`, `ask`, `read`) and one in
//! [`apply::Apply::change`]:
//!
//! - `pub(super) fn ask(queries: &[&Query], script: &mut Script)` gets every question of the kind at
//!   once and merges them. `script.ask(body)` runs a body in a subshell without stdin and answers with
//!   one record: its stdout and status (NUL bytes are lost; encode with `… | $pl_ecmd`, read with
//!   `contents::decode`). `script.several(n, |first| text)` is for text that answers by itself with
//!   `pl_r NUMBER STATUS TEXT`, n times.
//! - `pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String>` gets
//!   the same questions and exactly the records that `ask` reserved, and gives a state for each
//!   question in order: [`State::Absent`] for what is not there, [`State::Refused`] with the host's
//!   words for what could not be read. An error is only for a reply that makes no sense.
//! - `pub(super) fn make(change: &Change, hello: &Hello) -> Result<Make, ApplyError>`:
//!   `Make::tool(text)`. The text runs in a subshell in `/` with our `PATH`, the login's umask and no
//!   stdin; its exit status is the verdict, its stderr the message, its stdout the output. Ends that
//!   do not fit give `ApplyError::unfit(change)`. Secrets go through builtins (`pl_p VALUE | tool`),
//!   never on a command line.
//!
//! Everything written by others enters shell text through [`script::quote`] (paths through
//! [`script::path_word`], which knows `~`). Builtins are free, a process costs about a millisecond:
//! `[ -e x ]`, `read x <file`, `case`, `${x%%y}`, `pl_has TOOL` and `pl_p TEXT` (a `printf %s`) first.
//! Names of our own begin with `pl_`; `$pl_nl` is a newline, `$pl_root` is set for root, `IFS`, options
//! and directory are as in any fresh shell, `/` and `LC_ALL=C`. Commands that read stdin get
//! `</dev/null`.

pub mod access;
mod account;
mod apk;
pub mod apply;
pub mod apt;
pub mod archive;
pub mod change;
mod contents;
pub mod crontab;
pub mod describe;
mod dnf;
pub mod download;
pub mod facts;
pub mod file;
pub mod getent;
pub mod group;
pub mod guard;
pub mod hash;
pub mod hostname;
pub mod job;
pub mod keygen;
pub mod launch;
mod look;
pub mod module;
pub mod mount;
pub mod nft;
pub mod package;
pub mod path;
mod payload;
pub mod prelude;
pub mod probe;
mod process;
pub mod program;
mod put;
pub mod reply;
pub mod restart;
pub mod script;
mod ssh_algorithms;
mod start;
pub mod sysctl;
pub mod tempfile;
pub mod texts;
pub mod tree;
pub mod unit;
pub mod unpack;
pub mod user;
pub mod waiting;
pub mod walk;
pub mod whole;
pub mod written;

pub use account::is_name as is_account_name;
pub use change::{Change, Touch};
pub use hash::{Content, Digest};
pub use look::described;
pub use look::has_moved;
pub use path::RemotePath;
pub use prelude::Hello;
pub use probe::Probe;
pub use program::{Exec, Program, Ran, Run};

use std::fmt;

/// A thing a host (or the controller) has. The key of everything observed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// A path itself: a symbolic link is a link, not what it points at.
    File(RemotePath),
    /// What a path leads to after following symbolic links.
    Target(RemotePath),
    /// Everything below a directory.
    Tree(RemotePath),
    /// The paths that match a shell pattern (`creates`, `removes`).
    Glob(String),
    /// The contents of all regular files that match shell patterns (absolute paths), in one question.
    /// Look at it through `Observed::texts`, which lays decided files over it.
    Texts(Vec<String>),
    User(String),
    Group(String),
    /// One entry of a name service database; no key means all of it.
    Getent {
        database: String,
        key: Option<String>,
        service: Option<String>,
    },
    Package {
        manager: package::Manager,
        name: String,
    },
    /// The package manager's list of what can be installed, and how old it is.
    PackageIndex(package::Manager),
    /// What an upgrade of everything would do.
    PackageUpgrade {
        manager: package::Manager,
        how: String,
    },
    /// A service: a systemd unit, or an init script.
    Unit {
        name: String,
        scope: unit::Scope,
    },
    /// The first process whose command line holds this text.
    Process(String),
    /// A kernel parameter as it is now.
    Sysctl(String),
    /// What is mounted on a directory.
    Mount(RemotePath),
    /// A module of the running kernel.
    Module(String),
    /// Files anywhere on the host that are as described.
    Walk(walk::Which),
    /// The rules of the packet filter, as they are loaded.
    Ruleset,
    /// One table of them, by family and name.
    Table(String),
    /// What the host listens on.
    Sockets,
    Hostname,
    /// What the SSH programs know, by the option that lists it (`ssh -Q`), a line each.
    SshAlgorithms(String),
    /// The crontab of a user.
    Crontab(String),
    /// Facts, by subset.
    Facts(facts::Request),
    /// Whether an archive's content is already there.
    Archive(archive::Request),
    /// A file of the controller's, as the task names it; found along the task's search path.
    /// Answers [`State::Content`] or [`State::LocalTree`]; a file that was asked for
    /// [`Want::META`] too answers [`State::File`], with its mode.
    Local {
        path: String,
        folder: Folder,
    },
    /// A template of the controller's, rendered for this host.
    Rendered {
        path: String,
        options: RenderOptions,
    },
    /// A place on the controller that is written to (`fetch`).
    Controller(String),
}

impl Resource {
    /// [`Resource::Texts`] of these patterns.
    pub fn texts<P: Into<String>>(patterns: impl IntoIterator<Item = P>) -> Resource {
        Resource::Texts(patterns.into_iter().map(Into::into).collect())
    }
}

/// The folder of a role that a relative name is looked up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Folder {
    Files,
    Templates,
    Vars,
}

/// How a template file is to be rendered: the arguments of the `template` action that matter to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RenderOptions {
    pub trim_blocks: bool,
    pub lstrip_blocks: bool,
    pub newline: String,
    pub block: (String, String),
    pub variable: (String, String),
    pub comment: (String, String),
}

impl Default for RenderOptions {
    fn default() -> RenderOptions {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        RenderOptions {
            trim_blocks: true,
            lstrip_blocks: false,
            newline: "\n".into(),
            block: pair("{%", "%}"),
            variable: pair("{{", "}}"),
            comment: pair("{#", "#}"),
        }
    }
}

/// What is asked of a resource. Answers grow: what was asked before is not asked again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want(pub u16);

impl Want {
    /// Type, mode, owner, size, times, link target; for other resources, everything they have.
    pub const META: Want = Want(1);
    /// The sha256 of a file's bytes.
    pub const DIGEST: Want = Want(2);
    /// A file's bytes, below [`hash::INLINE_LIMIT`].
    pub const CONTENT: Want = Want(4);
    /// The sha1 of a file's bytes, as Ansible's results carry it.
    pub const SHA1: Want = Want(8);
    /// MIME type and encoding, by the host's `file`.
    pub const MIME: Want = Want(16);
    /// `lsattr` attributes.
    pub const ATTRIBUTES: Want = Want(32);
    /// Other digests `stat` may be asked for.
    pub const MD5: Want = Want(64);
    pub const SHA224: Want = Want(128);
    pub const SHA384: Want = Want(256);
    pub const SHA512: Want = Want(512);
    /// The SELinux context.
    pub const CONTEXT: Want = Want(1024);
    /// Symbolic links of a controller directory as links, not what they lead to (`local_follow: false`).
    pub const LINKS: Want = Want(2048);
    /// A vaulted file of the controller's as it is written, not decrypted (`decrypt: false`).
    pub const CIPHER: Want = Want(4096);

    /// As it really is: what was only decided does not answer.
    pub const REAL: Want = Want(8192);

    #[must_use]
    pub fn and(self, other: Want) -> Want {
        Want(self.0 | other.0)
    }

    pub fn has(self, other: Want) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One question: a resource and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub on: Resource,
    pub want: Want,
}

impl Query {
    pub fn new(on: Resource, want: Want) -> Query {
        Query { on, want }
    }

    pub fn meta(on: Resource) -> Query {
        Query {
            on,
            want: Want::META,
        }
    }

    /// One query for each resource, asking all that was asked of it, in the order of first mention.
    pub fn merge(queries: Vec<Query>) -> Vec<Query> {
        let mut places = std::collections::BTreeMap::new();
        let mut merged: Vec<Query> = Vec::with_capacity(queries.len());
        for query in queries {
            match places.get(&query.on) {
                Some(at) => {
                    let first: &mut Query = &mut merged[*at];
                    first.want = first.want.and(query.want);
                }
                None => {
                    places.insert(query.on.clone(), merged.len());
                    merged.push(query);
                }
            }
        }
        merged
    }
}

/// How a resource is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// It is not there.
    Absent,
    /// It could not be read; the host's own words.
    Refused(String),
    File(file::FileState),
    Tree(tree::TreeState),
    /// Paths, sorted.
    Paths(Vec<String>),
    /// In the order of their patterns, then by name.
    Texts(Vec<texts::TextFile>),
    User(user::UserState),
    Group(group::GroupState),
    /// Lines of a database, split at the colon (or white space).
    Entries(Vec<Vec<String>>),
    Package(package::PackageState),
    Index(package::IndexState),
    Upgrade(package::UpgradeState),
    Unit(unit::UnitState),
    Sysctl(String),
    Mount(mount::MountState),
    Module(module::ModuleState),
    Sockets(nft::Sockets),
    Hostname(hostname::HostnameState),
    /// Text that is a resource of its own: a crontab.
    Text(String),
    Facts(crate::resource::facts::Facts),
    Archive(archive::ArchiveState),
    /// Bytes of the controller's: a file to copy, a rendered template, a fetched file.
    Content(Content),
    /// A directory of the controller's: relative path to content or `None` for a directory.
    LocalTree(Vec<(String, LocalEntry)>),
}

/// An entry of a controller directory that is being copied.
#[derive(Clone, Debug, PartialEq)]
pub enum LocalEntry {
    Dir,
    File { content: Content, mode: u32 },
    Link(String),
}

impl State {
    pub fn file(&self) -> Option<&file::FileState> {
        match self {
            State::File(f) => Some(f),
            _ => None,
        }
    }

    pub fn is_absent(&self) -> bool {
        matches!(self, State::Absent)
    }
}

impl fmt::Display for Resource {
    /// The name a person would use: a path, `user deploy`, `package nginx`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::File(p) | Resource::Target(p) | Resource::Tree(p) => write!(f, "{p}"),
            Resource::Glob(p) => write!(f, "{p}"),
            Resource::Texts(patterns) => write!(f, "{}", patterns.join(" ")),
            Resource::User(n) => write!(f, "user {n}"),
            Resource::Group(n) => write!(f, "group {n}"),
            Resource::Getent { database, key, .. } => match key {
                Some(key) => write!(f, "{database} entry {key}"),
                None => write!(f, "{database} database"),
            },
            Resource::Package { name, .. } => write!(f, "package {name}"),
            Resource::PackageIndex(_) => write!(f, "package index"),
            Resource::PackageUpgrade { .. } => write!(f, "packages"),
            Resource::Unit { name, .. } => write!(f, "service {name}"),
            Resource::Process(p) => write!(f, "process {p}"),
            Resource::Sysctl(n) => write!(f, "sysctl {n}"),
            Resource::Mount(p) => write!(f, "mount {p}"),
            Resource::Module(n) => write!(f, "kernel module {n}"),
            Resource::Walk(which) => write!(f, "{which}"),
            Resource::Ruleset => write!(f, "packet filter"),
            Resource::Table(n) => write!(f, "nftables table {n}"),
            Resource::Sockets => write!(f, "sockets"),
            Resource::Hostname => write!(f, "hostname"),
            Resource::SshAlgorithms(o) => write!(f, "what ssh knows of {o}"),
            Resource::Crontab(u) => write!(f, "crontab of {u}"),
            Resource::Facts(_) => write!(f, "facts"),
            Resource::Archive(r) => write!(f, "{}", r.dest),
            Resource::Local { path, .. }
            | Resource::Rendered { path, .. }
            | Resource::Controller(path) => write!(f, "{path}"),
        }
    }
}

/// Who the host's shell is: what a new file belongs to when nobody says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub user: String,
    pub uid: u32,
    pub group: String,
    pub gid: u32,
    pub home: String,
    /// The umask new files would get (Ansible's default is the login's).
    pub umask: u32,
    /// Who logged in, where the host says: somebody else after becoming another user.
    pub login: String,
}
