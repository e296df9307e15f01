//! Groups.

#[derive(Clone, Debug, PartialEq, Default)]
pub struct GroupState {
    pub gid: u32,
    /// Members, sorted.
    pub members: Vec<String>,
    /// Whether the entry stands in /etc/group, and not only in a name service.
    pub local: bool,
}
