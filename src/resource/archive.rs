//! Archives, and whether their content is already unpacked.

use super::RemotePath;

/// An archive on the host and where it is to be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// The archive on the host; for one that is still on the controller, `None`.
    pub src: Option<RemotePath>,
    /// An archive of the controller's, by the task's search path.
    pub local: Option<String>,
    pub dest: RemotePath,
    pub exclude: Vec<String>,
    pub include: Vec<String>,
    pub extra_opts: Vec<String>,
    pub owner: Option<String>,
    pub group: Option<String>,
    pub mode: Option<String>,
    pub keep_newer: bool,
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct ArchiveState {
    /// Whether what is below `dest` is what the archive holds.
    pub unpacked: bool,
    /// The names in the archive.
    pub files: Vec<String>,
    /// `tgz`, `zip`, …
    pub handler: String,
    /// What differs, in the tool's words.
    pub differences: String,
}
