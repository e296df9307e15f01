//! Services: systemd units, and init scripts where there is no systemd.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Scope {
    #[default]
    System,
    User,
    Global,
}

/// How a service is.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct UnitState {
    /// Whether the service manager knows it at all.
    pub exists: bool,
    pub running: bool,
    /// Whether it starts at boot; `None` where it cannot be said (static units).
    pub enabled: Option<bool>,
    pub masked: bool,
    /// Everything `systemctl show` says of it, for results.
    pub properties: Vec<(String, String)>,
    /// Which manager answered.
    pub manager: ServiceManager,
    /// What is to be done besides reaching the state: `restart`, `reload`.
    pub kick: Option<Kick>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kick {
    Restart,
    Reload,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ServiceManager {
    #[default]
    Systemd,
    Sysv,
    OpenRc,
    /// systemd is installed but does not run here (a container).
    Offline,
}
