//! Who: hosts, the groups they are in, and the variables that come with both.
//!
//! An inventory is read from `-i` values: INI and YAML files, directories of them, lists of names,
//! and the output of executable scripts. Reading never starts a process itself: the caller hands in
//! how (see [`LoadEnv`]). Precedence levels 3 to 10 are handed out as shared layers ([`layers`]), so
//! that a thousand hosts of a group hold its variables once.

pub mod export;
pub mod fold;
pub mod group_vars;
pub mod layers;
pub mod load;
pub mod pattern;

mod graph;
mod ini;
mod literal;
mod matcher;
mod model;
mod range;
mod script;
mod words;
mod yaml;

pub use fold::fold;
pub use load::LoadEnv;
pub use model::{Group, Host, HostName, Inventory};
pub use pattern::{Order, Selection};

/// More hosts than this are a slip in a range, not a fleet: ten times the largest fleets we know of.
pub const MAX_HOSTS: usize = 100_000;

/// Each costs memory also where its section is empty; the largest inventories have some thousands.
pub const MAX_GROUPS: usize = 50_000;

/// Values of all hosts and groups together, some 150 bytes each: a few words with a range behind them
/// could ask for any number.
pub const MAX_VALUES: usize = 2_000_000;

/// A longer line of an INI inventory is not one: whole JSON documents as host variables are shorter.
pub const MAX_LINE: usize = 1024 * 1024;

/// An inventory script that prints more is stuck in a loop: 100,000 hosts with 600 bytes each.
pub const MAX_SCRIPT_OUTPUT: usize = 64 * 1024 * 1024;

/// Mistakes shown for one file: after so many, the file is of another kind.
const MAX_MISTAKES: usize = 20;

/// Folders within inventory directories, and within `group_vars/NAME/`: deeper is a link loop.
const MAX_FOLDERS: usize = 32;

/// Groups within groups, and lists within lists of a literal: bounds the stack.
const MAX_NESTING: usize = 100;
