//! What Ansible's environment variables and `ansible.cfg` say, where no option says otherwise.
//!
//! Only settings that change what happens on hosts are read; how Ansible itself works inside (its
//! callbacks, caches and plugins) is passed over in silence.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::source::Diagnostic;

use super::options::{Becoming, Connections, Inventories, Values};
use super::setup::expand;

/// A larger file is no configuration.
const MAX_FILE: u64 = 1024 * 1024;

type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Settings by section and key, and where they are from.
#[derive(Debug, Default)]
pub struct Config {
    pub path: Option<PathBuf>,
    settings: BTreeMap<(String, String), String>,
    pub warnings: Vec<String>,
}

/// The options of a verb that configuration may fill in.
pub struct Filled<'a> {
    pub who: &'a mut Inventories,
    pub values: &'a mut Values,
    pub connections: &'a mut Connections,
    pub becoming: &'a mut Becoming,
}

/// One setting: the environment variables and the keys that say it.
struct Setting {
    env: &'static [&'static str],
    section: &'static str,
    key: &'static str,
}

const fn setting(
    env: &'static [&'static str],
    section: &'static str,
    key: &'static str,
) -> Setting {
    Setting { env, section, key }
}

const INVENTORY: Setting = setting(&["ANSIBLE_INVENTORY"], "defaults", "inventory");
const ROLES_PATH: Setting = setting(&["ANSIBLE_ROLES_PATH"], "defaults", "roles_path");
const USER: Setting = setting(&["ANSIBLE_REMOTE_USER"], "defaults", "remote_user");
const FORKS: Setting = setting(&["ANSIBLE_FORKS"], "defaults", "forks");
const TIMEOUT: Setting = setting(&["ANSIBLE_TIMEOUT"], "defaults", "timeout");
const GATHERING: Setting = setting(&["ANSIBLE_GATHERING"], "defaults", "gathering");
const VAULT: Setting = setting(
    &["ANSIBLE_VAULT_PASSWORD_FILE"],
    "defaults",
    "vault_password_file",
);
const ASK_VAULT: Setting = setting(&["ANSIBLE_ASK_VAULT_PASS"], "defaults", "ask_vault_pass");
const ASK_PASS: Setting = setting(&["ANSIBLE_ASK_PASS"], "defaults", "ask_pass");
const CONNECTION: Setting = setting(&["ANSIBLE_TRANSPORT"], "defaults", "transport");
const KEY: Setting = setting(
    &["ANSIBLE_PRIVATE_KEY_FILE"],
    "defaults",
    "private_key_file",
);
const MERGE: Setting = setting(&["ANSIBLE_HASH_BEHAVIOUR"], "defaults", "hash_behaviour");
const KEY_CHECKING: Setting = setting(
    &["ANSIBLE_HOST_KEY_CHECKING", "ANSIBLE_SSH_HOST_KEY_CHECKING"],
    "defaults",
    "host_key_checking",
);
const BECOME: Setting = setting(&["ANSIBLE_BECOME"], "privilege_escalation", "become");
const BECOME_METHOD: Setting = setting(
    &["ANSIBLE_BECOME_METHOD"],
    "privilege_escalation",
    "become_method",
);
const BECOME_USER: Setting = setting(
    &["ANSIBLE_BECOME_USER"],
    "privilege_escalation",
    "become_user",
);
const BECOME_ASK: Setting = setting(
    &["ANSIBLE_BECOME_ASK_PASS"],
    "privilege_escalation",
    "become_ask_pass",
);
const BECOME_FILE: Setting = setting(
    &["ANSIBLE_BECOME_PASSWORD_FILE"],
    "defaults",
    "become_password_file",
);
const PASSWORD_FILE: Setting = setting(
    &["ANSIBLE_CONNECTION_PASSWORD_FILE"],
    "defaults",
    "connection_password_file",
);
const SSH_ARGS: Setting = setting(&["ANSIBLE_SSH_ARGS"], "ssh_connection", "ssh_args");
const SSH_COMMON: Setting = setting(
    &["ANSIBLE_SSH_COMMON_ARGS"],
    "ssh_connection",
    "ssh_common_args",
);
const SSH_EXTRA: Setting = setting(
    &["ANSIBLE_SSH_EXTRA_ARGS"],
    "ssh_connection",
    "ssh_extra_args",
);

impl Config {
    /// The file that counts, read: `ANSIBLE_CONFIG`, `./ansible.cfg`, `~/.ansible.cfg`,
    /// `/etc/ansible/ansible.cfg`.
    pub fn find(env: Read<'_>) -> Config {
        let mut config = Config::default();
        let Some(path) = config.choose(env) else {
            return config;
        };
        let readable = std::fs::metadata(&path).is_ok_and(|m| m.len() <= MAX_FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) if readable => config.settings = parse(&text),
            Ok(_) => config
                .warnings
                .push(format!("{} is too large to read", path.display())),
            Err(e) => config
                .warnings
                .push(format!("cannot read {}: {e}", path.display())),
        }
        config.path = Some(path);
        config
    }

    fn choose(&mut self, env: Read<'_>) -> Option<PathBuf> {
        if let Some(given) = env("ANSIBLE_CONFIG").filter(|p| !p.is_empty()) {
            let path = expand(&given);
            return Some(if path.is_dir() {
                path.join("ansible.cfg")
            } else {
                path
            });
        }
        let here = Path::new("ansible.cfg");
        if here.exists() {
            match untrusted(here) {
                None => return std::path::absolute(here).ok(),
                Some(why) => self.warnings.push(format!(
                    "./ansible.cfg is not read: {why}; name it in ANSIBLE_CONFIG to use it"
                )),
            }
        }
        let home = env("HOME").map(|h| PathBuf::from(h).join(".ansible.cfg"));
        let rest = home
            .into_iter()
            .chain([PathBuf::from("/etc/ansible/ansible.cfg")]);
        rest.into_iter().find(|p| p.is_file())
    }

    fn get(&self, env: Read<'_>, setting: &Setting) -> Option<String> {
        let said = setting
            .env
            .iter()
            .find_map(|name| env(name))
            .filter(|v| !v.is_empty());
        said.or_else(|| self.written(setting))
    }

    fn written(&self, setting: &Setting) -> Option<String> {
        let key = (setting.section.to_owned(), setting.key.to_owned());
        self.settings.get(&key).filter(|v| !v.is_empty()).cloned()
    }

    /// The value as a path; one from the file is relative to it.
    fn path(&self, env: Read<'_>, setting: &Setting) -> Option<PathBuf> {
        let from_env = setting
            .env
            .iter()
            .any(|n| env(n).is_some_and(|v| !v.is_empty()));
        let value = self.get(env, setting)?;
        Some(if from_env {
            expand(&value)
        } else {
            self.beside(&value)
        })
    }

    fn beside(&self, value: &str) -> PathBuf {
        let path = expand(value);
        match self.path.as_deref().and_then(Path::parent) {
            Some(dir) if path.is_relative() => dir.join(path),
            _ => path,
        }
    }

    fn is(&self, env: Read<'_>, setting: &Setting) -> Option<bool> {
        let word = self.get(env, setting)?.to_lowercase();
        match word.as_str() {
            "1" | "true" | "yes" | "on" | "y" | "t" => Some(true),
            "0" | "false" | "no" | "off" | "n" | "f" => Some(false),
            _ => None,
        }
    }

    fn number<T: std::str::FromStr>(
        &self,
        env: Read<'_>,
        setting: &Setting,
    ) -> Result<Option<T>, Diagnostic> {
        let Some(text) = self.get(env, setting) else {
            return Ok(None);
        };
        let wrong = |_| Diagnostic::bare(format!("{} must be a number, not `{text}`", setting.key));
        text.trim().parse().map(Some).map_err(wrong)
    }

    /// Fills in what no option says.
    pub fn fill(&self, env: Read<'_>, to: &mut Filled<'_>) -> Result<(), Diagnostic> {
        if self.get(env, &MERGE).is_some_and(|v| v.trim() == "merge") {
            let text = "hash_behaviour = merge is not supported";
            let hint = "combine where it is meant: {{ defaults | combine(mine, recursive=true) }}";
            return Err(Diagnostic::bare(text).hint(hint));
        }
        self.fill_who(env, to);
        self.fill_how(env, to)
    }

    fn fill_who(&self, env: Read<'_>, to: &mut Filled<'_>) {
        if to.who.inventory.is_empty() {
            let from_env = env("ANSIBLE_INVENTORY").is_some_and(|v| !v.is_empty());
            if let Some(list) = self.get(env, &INVENTORY) {
                // Several are separated by commas; `host,` alone is a list of hosts.
                let parts = list.split(',').map(str::trim).filter(|p| !p.is_empty());
                let paths: Vec<&str> = parts.collect();
                to.who.inventory = match (paths.as_slice(), list.contains(',')) {
                    ([one], false) if from_env => vec![(*one).to_owned()],
                    (_, true) if !paths.iter().all(|p| expand(p).exists()) => vec![list.clone()],
                    (many, _) if from_env => many.iter().map(|p| (*p).to_owned()).collect(),
                    (many, _) => many
                        .iter()
                        .map(|p| self.beside(p).display().to_string())
                        .collect(),
                };
            }
        }
        if let Some(list) = self.get(env, &ROLES_PATH) {
            let from_env = env("ANSIBLE_ROLES_PATH").is_some_and(|v| !v.is_empty());
            let place = |p: &str| if from_env { expand(p) } else { self.beside(p) };
            to.values.roles_path = list
                .split(':')
                .map(str::trim)
                .filter(|p| !p.is_empty())
                .map(place)
                .collect();
        }
        if to.values.vault_password_file.is_empty()
            && to.values.vault_id.is_empty()
            && !to.values.ask_vault_pass
        {
            to.values.vault_password_file.extend(self.path(env, &VAULT));
            to.values.ask_vault_pass =
                self.is(env, &ASK_VAULT) == Some(true) && to.values.vault_password_file.is_empty();
        }
        to.values.gathers_explicitly = self
            .get(env, &GATHERING)
            .is_some_and(|g| g.trim() == "explicit");
    }

    fn fill_how(&self, env: Read<'_>, to: &mut Filled<'_>) -> Result<(), Diagnostic> {
        let c = &mut *to.connections;
        c.user = c.user.take().or_else(|| self.get(env, &USER));
        c.private_key = c.private_key.take().or_else(|| self.path(env, &KEY));
        c.forks = c.forks.or(self.number(env, &FORKS)?);
        c.timeout = c.timeout.or(self.number(env, &TIMEOUT)?);
        c.host_key_checking = self.is(env, &KEY_CHECKING);
        c.ask_pass |= self.is(env, &ASK_PASS) == Some(true);
        if c.connection_password_file.is_none() && !c.ask_pass {
            c.connection_password_file = self.path(env, &PASSWORD_FILE);
        }
        // `smart` and `paramiko` mean ssh by another program.
        let named = self
            .get(env, &CONNECTION)
            .filter(|t| t != "smart" && t != "paramiko");
        c.connection = c.connection.take().or(named);
        let common = self
            .get(env, &SSH_COMMON)
            .into_iter()
            .chain(self.get(env, &SSH_ARGS));
        let common: Vec<String> = c.ssh_common_args.take().into_iter().chain(common).collect();
        c.ssh_common_args = (!common.is_empty()).then(|| common.join(" "));
        c.ssh_extra_args = c
            .ssh_extra_args
            .take()
            .or_else(|| self.get(env, &SSH_EXTRA));
        let b = &mut *to.becoming;
        b.r#become |= self.is(env, &BECOME) == Some(true);
        b.become_method = b
            .become_method
            .take()
            .or_else(|| self.get(env, &BECOME_METHOD));
        b.become_user = b.become_user.take().or_else(|| self.get(env, &BECOME_USER));
        if b.become_password_file.is_none() && !b.ask_become_pass {
            b.become_password_file = self.path(env, &BECOME_FILE);
            b.ask_become_pass =
                b.become_password_file.is_none() && self.is(env, &BECOME_ASK) == Some(true);
        }
        Ok(())
    }
}

/// Why a file in the working directory is not to be believed: somebody else may have put it there.
fn untrusted(path: &Path) -> Option<String> {
    let me = rustix::process::geteuid().as_raw();
    let dir = std::fs::metadata(".").ok()?;
    if dir.mode() & 0o002 != 0 {
        return Some("everybody may write to this directory".into());
    }
    let file = std::fs::metadata(path).ok()?;
    let stranger = |owner: u32| owner != me && owner != 0;
    if stranger(file.uid()) || stranger(dir.uid()) {
        return Some("it belongs to another user".into());
    }
    None
}

/// Sections, keys and values; what is no setting is passed over, as Ansible does for unknown ones.
fn parse(text: &str) -> BTreeMap<(String, String), String> {
    let mut settings: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut section = String::new();
    let mut last: Option<(String, String)> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let (true, Some(key)) = (line.starts_with([' ', '\t']), &last) {
            if let Some(value) = settings.get_mut(key) {
                value.push(' ');
                value.push_str(without_comment(trimmed));
            }
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            section = name.trim().to_lowercase();
            last = None;
            continue;
        }
        if let Some((key, value)) = trimmed.split_once(['=', ':']) {
            let key = (section.clone(), key.trim().to_lowercase());
            settings.insert(key.clone(), without_comment(value).to_owned());
            last = Some(key);
        }
    }
    settings
}

fn without_comment(value: &str) -> &str {
    value.split(" ;").next().unwrap_or("").trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config {
            path: Some("/proj/ansible.cfg".into()),
            settings: parse(text),
            warnings: Vec::new(),
        }
    }

    #[derive(Default)]
    struct All {
        who: Inventories,
        values: Values,
        connections: Connections,
        becoming: Becoming,
    }

    fn filled(text: &str, env: Read<'_>, all: &mut All) -> Result<(), Diagnostic> {
        let All {
            who,
            values,
            connections,
            becoming,
        } = all;
        config(text).fill(
            env,
            &mut Filled {
                who,
                values,
                connections,
                becoming,
            },
        )
    }

    #[test]
    fn options_win_over_the_environment_and_that_over_the_file() {
        let text = "[defaults]\nremote_user = file ; note\nforks=7\ninventory = hosts\n\
                    host_key_checking = False\n[privilege_escalation]\nbecome: yes\n";
        let env = |name: &str| (name == "ANSIBLE_FORKS").then(|| "9".to_owned());
        let mut all = All::default();
        all.connections.user = Some("option".into());
        filled(text, &env, &mut all).unwrap();
        assert_eq!(all.connections.user.as_deref(), Some("option"));
        assert_eq!(all.connections.forks, Some(9));
        assert_eq!(all.connections.host_key_checking, Some(false));
        assert_eq!(all.who.inventory, ["/proj/hosts"]);
        assert!(all.becoming.r#become);
    }

    #[test]
    fn what_cannot_be_done_is_an_error() {
        let none = |_: &str| None;
        let mut all = All::default();
        let merge = filled("[defaults]\nhash_behaviour = merge\n", &none, &mut all).unwrap_err();
        assert!(merge.message.contains("hash_behaviour"));
        let forks = filled("[defaults]\nforks = many\n", &none, &mut all).unwrap_err();
        assert!(forks.message.contains("`many`"));
    }

    #[test]
    fn lists_of_hosts_stay_lists() {
        let env = |name: &str| (name == "ANSIBLE_INVENTORY").then(|| "web1,web2,".to_owned());
        let mut all = All::default();
        filled("", &env, &mut all).unwrap();
        assert_eq!(all.who.inventory, ["web1,web2,"]);
    }
}
