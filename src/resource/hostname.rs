//! The host's name: the one in use and the one kept.

#[derive(Clone, Debug, PartialEq, Default)]
pub struct HostnameState {
    pub current: String,
    /// `/etc/hostname`, or what hostnamectl calls static.
    pub permanent: String,
    pub pretty: Option<String>,
}
