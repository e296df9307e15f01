//! How the user's `ssh_config` says a host is reached.
//!
//! The files are read once. Where they hold only what [`file`] understands, hosts are looked up here
//! without a process; where they hold more (`Match exec`, canonical names), `ssh -G` answers.

mod evaluate;
mod file;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::arguments::{self, Setting};
use super::ssh::algorithms::Alive;
use super::{ErrorKind, HostError};
use evaluate::Settings;
use file::Item;

/// `ssh -G` may run `Match exec` commands of the user's; more than this is a hang.
const ASK_SSH: Duration = Duration::from_secs(10);

/// Settings that are not keywords of `ssh_config`.
const OURS: &[&str] = &["configfile", "jumpargs"];

/// Everything a connection needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    /// The name that known_hosts is asked for.
    pub(crate) alias: Option<String>,
    pub(crate) identities: Vec<PathBuf>,
    pub(crate) certificates: Vec<PathBuf>,
    pub(crate) identities_only: bool,
    pub(crate) agent: Option<PathBuf>,
    pub(crate) known_hosts: Vec<PathBuf>,
    pub(crate) global_known_hosts: Vec<PathBuf>,
    pub(crate) strict: Strict,
    pub(crate) hash_known_hosts: bool,
    pub(crate) proxy: Proxy,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) alive: Alive,
    pub(crate) methods: Methods,
    pub(crate) family: Family,
    pub(crate) bind: Option<String>,
}

/// What to do with a host key that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strict {
    /// Refuse. palisade never asks in the middle of a run, so `ask` means this too.
    Yes,
    /// Write it down and go on.
    AcceptNew,
    /// Go on, whatever the key is (unless revoked). Passwords are not sent to a changed key.
    No,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proxy {
    None,
    /// Hops from us to the host, each as `[user@]host[:port]`, and ssh arguments for the last one.
    Jump(Vec<String>, Option<String>),
    Command(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Methods {
    pub(crate) publickey: bool,
    pub(crate) password: bool,
    pub(crate) keyboard: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Any,
    V4,
    V6,
}

/// Where configuration is, and who asks.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub home: PathBuf,
    /// The local user: the default login name, and `%u`.
    pub user: String,
    pub system_config: PathBuf,
    /// `SSH_AUTH_SOCK`, where there is one.
    pub agent: Option<PathBuf>,
}

impl Surroundings {
    pub fn new(home: impl Into<PathBuf>, user: impl Into<String>) -> Surroundings {
        Surroundings {
            home: home.into(),
            user: user.into(),
            system_config: PathBuf::from("/etc/ssh/ssh_config"),
            agent: None,
        }
    }
}

/// The configuration files of a run, each read once.
pub(crate) struct Configs {
    around: Surroundings,
    usual: Result<Read, HostError>,
    others: Mutex<BTreeMap<PathBuf, Arc<Result<Read, HostError>>>>,
    answers: Mutex<HashMap<Vec<Setting>, Arc<Route>>>,
}

/// Files in the order in which they speak.
struct Read {
    items: Vec<Vec<Item>>,
    /// A line that only ssh itself can evaluate.
    beyond: Option<String>,
}

impl Configs {
    pub(crate) fn new(around: Surroundings) -> Configs {
        let user = around.home.join(".ssh/config");
        let system = around.system_config.clone();
        let usual = Read::new(&[(&user, true), (&system, false)], &around);
        let (others, answers) = (Mutex::default(), Mutex::default());
        Configs {
            around,
            usual,
            others,
            answers,
        }
    }

    /// The route to a host, given what the inventory sets. Asked twice, answered from memory.
    pub(crate) async fn route(
        &self,
        host: &str,
        settings: Vec<Setting>,
    ) -> Result<Arc<Route>, HostError> {
        let mut key = settings;
        key.push(Setting::new("name", host));
        if let Ok(answers) = self.answers.lock()
            && let Some(route) = answers.get(&key)
        {
            return Ok(route.clone());
        }
        let settings = &key[..key.len() - 1];
        let config = settings
            .iter()
            .find(|s| s.key == "configfile")
            .map(|s| s.value.clone());
        let found = match &config {
            None => {
                self.look_up(host, settings, self.usual.as_ref(), None)
                    .await?
            }
            Some(path) => {
                let path = self.around.expand_home(path);
                let read = self.other(&path);
                self.look_up(host, settings, (*read).as_ref(), Some(&path))
                    .await?
            }
        };
        let route = Arc::new(found.route(host, &self.around)?);
        if let Ok(mut answers) = self.answers.lock() {
            answers.insert(key, route.clone());
        }
        Ok(route)
    }

    fn other(&self, path: &Path) -> Arc<Result<Read, HostError>> {
        let read = |path: &Path| {
            if path == Path::new("none") {
                return Ok(Read {
                    items: Vec::new(),
                    beyond: None,
                });
            }
            if !path.is_file() {
                return Err(HostError::new(
                    ErrorKind::Unreachable,
                    format!("ssh configuration {} does not exist", path.display()),
                ));
            }
            Read::new(&[(path, true)], &self.around)
        };
        match self.others.lock() {
            Ok(mut others) => others
                .entry(path.to_owned())
                .or_insert_with(|| Arc::new(read(path)))
                .clone(),
            Err(_) => Arc::new(read(path)),
        }
    }

    async fn look_up(
        &self,
        host: &str,
        settings: &[Setting],
        read: Result<&Read, &HostError>,
        file: Option<&Path>,
    ) -> Result<Settings, HostError> {
        let read = read.map_err(HostError::clone)?;
        match &read.beyond {
            None => Ok(Settings::look_up(host, settings, &read.items)),
            Some(why) => ask_ssh(host, settings, file).await.map_err(|error| {
                error.hint(format!(
                    "ssh -G is asked because of \"{why}\" in your ssh_config"
                ))
            }),
        }
    }
}

impl Read {
    fn new(files: &[(&Path, bool)], around: &Surroundings) -> Result<Read, HostError> {
        let mut read = Read {
            items: Vec::new(),
            beyond: None,
        };
        for (path, own) in files {
            read.items
                .push(file::read(path, *own, around, &mut read.beyond)?);
        }
        Ok(read)
    }
}

impl Surroundings {
    pub(crate) fn expand_home(&self, path: &str) -> PathBuf {
        match path.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => PathBuf::from(path),
        }
    }
}

/// Asks OpenSSH. The host is checked and stands after `--`, so it cannot be an option.
async fn ask_ssh(
    host: &str,
    settings: &[Setting],
    file: Option<&Path>,
) -> Result<Settings, HostError> {
    let mut command = tokio::process::Command::new("ssh");
    command.arg("-G");
    if let Some(file) = file {
        command.arg("-F").arg(file);
    }
    for setting in settings.iter().filter(|s| !OURS.contains(&s.key.as_str())) {
        command
            .arg("-o")
            .arg(format!("{}={}", setting.key, setting.value));
    }
    command.arg("--").arg(host);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let fail = |why: String| HostError::new(ErrorKind::Unreachable, why);
    let output = tokio::time::timeout(ASK_SSH, command.output())
        .await
        .map_err(|_| fail(format!("ssh -G {host} did not end within {ASK_SSH:?}")))?
        .map_err(|e| fail(format!("cannot run ssh -G {host}: {e}")))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(fail(format!(
            "ssh -G {host}: {}",
            super::plain(text.trim())
        )));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(Settings::from_answer(&text, settings))
}

/// `ProxyCommand ssh -W %h:%p bastion` is a jump as well.
fn proxy(jump: Option<&str>, args: Option<&str>, command: Option<&str>) -> Proxy {
    let hops = |jump: &str| jump.split(',').map(|hop| hop.trim().to_owned()).collect();
    match (jump, command) {
        (Some(jump), _) if !jump.eq_ignore_ascii_case("none") => {
            Proxy::Jump(hops(jump), args.map(str::to_owned))
        }
        (Some(_), _) => Proxy::None,
        (None, Some(command)) if !command.eq_ignore_ascii_case("none") => {
            let Some(settings) = arguments::jump_of(command) else {
                return Proxy::Command(command.to_owned());
            };
            let value = |key: &str| settings.iter().find(|s| s.key == key).map(|s| &s.value);
            match value("proxyjump") {
                Some(jump) => Proxy::Jump(hops(jump), value("jumpargs").cloned()),
                None => Proxy::Command(command.to_owned()),
            }
        }
        (None, _) => Proxy::None,
    }
}

#[cfg(test)]
mod tests;
