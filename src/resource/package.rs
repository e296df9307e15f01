//! Packages, by package manager.

/// The package managers there is a row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Manager {
    Apt,
    Dnf,
    Apk,
}

/// A package as the host's manager knows it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PackageState {
    /// The installed version; `None` where it is not installed.
    pub version: Option<String>,
    /// What installing or upgrading it would bring; `None` where nothing is on offer.
    pub candidate: Option<String>,
    pub held: bool,
    /// Removed, but its configuration files are still there.
    pub config_files: bool,
    /// Packages that provide this name, where it is a virtual one.
    pub providers: Vec<String>,
    /// Whether the wanted state is "newest", so that an upgrade is part of the change.
    pub latest: bool,
}

/// The list of available packages.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct IndexState {
    /// Seconds since 1970 of the last refresh; 0 where there was none.
    pub refreshed: i64,
    /// The host's clock when it was asked.
    pub now: i64,
}

/// What an upgrade would do, as the manager's simulation says.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct UpgradeState {
    /// Packages that would change, sorted.
    pub pending: Vec<String>,
}
