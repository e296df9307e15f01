//! Everything below a directory.

use super::RemotePath;
use super::file::FileState;

/// The entries below a directory, sorted by path; the directory itself is not among them.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TreeState {
    pub entries: Vec<(RemotePath, FileState)>,
    /// More entries than [`MAX_ENTRIES`]: the list is not whole.
    pub truncated: bool,
}

/// More entries than this below one directory are not held in memory for one task.
pub const MAX_ENTRIES: usize = 100_000;
