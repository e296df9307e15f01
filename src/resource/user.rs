//! Accounts.

/// An account, with what the shadow file says of it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct UserState {
    pub uid: u32,
    /// Primary group, by number and name.
    pub gid: u32,
    pub group: String,
    /// Supplementary groups, sorted, without the primary one.
    pub groups: Vec<String>,
    pub comment: String,
    pub home: String,
    pub shell: String,
    /// The password field of the shadow file; `None` where it could not be read.
    pub password: Option<String>,
    /// Days since 1970 after which the account is shut; `None` is never.
    pub expires: Option<i64>,
    pub min_days: Option<i64>,
    pub max_days: Option<i64>,
    pub warn_days: Option<i64>,
    pub inactive_days: Option<i64>,
    /// Whether the entry stands in /etc/passwd, and not only in a name service.
    pub local: bool,
    /// Whether the home directory exists.
    pub home_exists: bool,
}
