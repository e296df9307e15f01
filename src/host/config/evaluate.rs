//! From configuration lines to a route: the first value of a keyword wins, then tokens are expanded.

use std::path::PathBuf;
use std::time::Duration;

use super::file::Item;
use super::{Alive, Family, Methods, Proxy, Route, Strict, Surroundings, proxy};
use crate::host::arguments::Setting;
use crate::host::target::{check_host, check_user};
use crate::host::{ErrorKind, HostError, pattern};

/// What OpenSSH tries without being told. Security keys work through an agent.
const IDENTITIES: &[&str] = &["~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519"];

const KNOWN_HOSTS: &[&str] = &["~/.ssh/known_hosts", "~/.ssh/known_hosts2"];
const GLOBAL_KNOWN_HOSTS: &[&str] = &["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];

/// Keywords and their arguments, in the order in which they were found.
pub(super) struct Settings(Vec<(String, Vec<String>)>);

impl Settings {
    pub(super) fn look_up(host: &str, first: &[Setting], files: &[Vec<Item>]) -> Settings {
        let mut all = Settings(Vec::new());
        for setting in first {
            let many = matches!(
                setting.key.as_str(),
                "userknownhostsfile" | "globalknownhostsfile"
            );
            let args = match many {
                true => setting
                    .value
                    .split_whitespace()
                    .map(str::to_owned)
                    .collect(),
                false => vec![setting.value.clone()],
            };
            all.0.push((setting.key.clone(), args));
        }
        for items in files {
            all.apply(host, items, &mut true);
        }
        all
    }

    fn apply(&mut self, host: &str, items: &[Item], active: &mut bool) {
        for item in items {
            match item {
                Item::Host(patterns) => *active = pattern::matches_list(patterns, host),
                Item::All => *active = true,
                Item::Set(key, args) if *active => self.0.push((key.clone(), args.clone())),
                Item::Include(files) if *active => {
                    for file in files {
                        self.apply(host, file, &mut true);
                    }
                }
                Item::Set(..) | Item::Include(_) => {}
            }
        }
    }

    /// Reads what `ssh -G` printed; what only we understand is taken from the question.
    pub(super) fn from_answer(text: &str, asked: &[Setting]) -> Settings {
        let line = |line: &str| {
            let (key, value) = line.split_once(' ')?;
            let args = match key {
                "userknownhostsfile" | "globalknownhostsfile" => {
                    value.split(' ').map(str::to_owned).collect()
                }
                _ => vec![value.to_owned()],
            };
            Some((key.to_ascii_lowercase(), args))
        };
        let ours = asked.iter().filter(|s| s.key == "jumpargs");
        let ours = ours.map(|s| (s.key.clone(), vec![s.value.clone()]));
        Settings(ours.chain(text.lines().filter_map(line)).collect())
    }

    fn first(&self, key: &str) -> Option<&str> {
        let (_, args) = self.0.iter().find(|(k, _)| k == key)?;
        args.first().map(String::as_str)
    }

    fn list(&self, key: &str) -> Option<&[String]> {
        self.0
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, args)| args.as_slice())
    }

    fn every(&self, key: &str) -> Vec<&str> {
        let mut out: Vec<&str> = Vec::new();
        for (_, args) in self.0.iter().filter(|(k, _)| k == key) {
            out.extend(
                args.first()
                    .map(String::as_str)
                    .filter(|a| !out.contains(a)),
            );
        }
        out
    }

    fn yes(&self, key: &str, default: bool) -> bool {
        match self.first(key).map(str::to_ascii_lowercase).as_deref() {
            Some("yes" | "true") => true,
            Some("no" | "false") => false,
            _ => default,
        }
    }

    pub(super) fn route(&self, name: &str, around: &Surroundings) -> Result<Route, HostError> {
        let host = match self.first("hostname") {
            Some(host) => host.replace("%h", name).replace("%%", "%"),
            None => name.to_owned(),
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        check_host(&host)?;
        let user = self.first("user").unwrap_or(&around.user).to_owned();
        check_user(&user)?;
        let port = match self.first("port") {
            None => 22,
            Some(port) => port
                .parse()
                .ok()
                .filter(|p| *p != 0)
                .ok_or_else(|| bad("port", port))?,
        };
        let tokens = Tokens {
            name,
            host: &host,
            port,
            user: &user,
            around,
        };
        let paths = |key: &str, usual: &[&str]| match self.list(key) {
            Some(list) => tokens.paths(list.iter().map(String::as_str)),
            None => tokens.paths(usual.iter().copied()),
        };
        let identities = match self.every("identityfile") {
            none if none.is_empty() => tokens.paths(IDENTITIES.iter().copied())?,
            some => tokens.paths(some.into_iter())?,
        };
        Ok(Route {
            alias: self.first("hostkeyalias").map(str::to_ascii_lowercase),
            identities,
            certificates: tokens.paths(self.every("certificatefile").into_iter())?,
            identities_only: self.yes("identitiesonly", false),
            agent: self.agent(&tokens)?,
            known_hosts: paths("userknownhostsfile", KNOWN_HOSTS)?,
            global_known_hosts: paths("globalknownhostsfile", GLOBAL_KNOWN_HOSTS)?,
            strict: self.strict()?,
            hash_known_hosts: self.yes("hashknownhosts", false),
            proxy: match self.proxy() {
                Proxy::Command(command) => Proxy::Command(tokens.expand(&command)?),
                other => other,
            },
            connect_timeout: self.seconds("connecttimeout")?,
            alive: self.alive()?,
            methods: Methods {
                publickey: self.yes("pubkeyauthentication", true),
                password: self.yes("passwordauthentication", true),
                keyboard: self.yes("kbdinteractiveauthentication", true),
            },
            family: match self.first("addressfamily") {
                Some("inet") => Family::V4,
                Some("inet6") => Family::V6,
                _ => Family::Any,
            },
            bind: self.first("bindaddress").map(str::to_owned),
            host,
            port,
            user,
        })
    }

    fn proxy(&self) -> Proxy {
        let first = |key| self.first(key);
        proxy(first("proxyjump"), first("jumpargs"), first("proxycommand"))
    }

    fn agent(&self, tokens: &Tokens<'_>) -> Result<Option<PathBuf>, HostError> {
        match self.first("identityagent") {
            None | Some("SSH_AUTH_SOCK") => Ok(tokens.around.agent.clone()),
            Some("none") => Ok(None),
            Some(path) => tokens
                .paths(std::iter::once(path))
                .map(|mut paths| paths.pop()),
        }
    }

    fn strict(&self) -> Result<Strict, HostError> {
        match self
            .first("stricthostkeychecking")
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            None | Some("ask" | "yes" | "true") => Ok(Strict::Yes),
            Some("accept-new") => Ok(Strict::AcceptNew),
            Some("no" | "off" | "false") => Ok(Strict::No),
            Some(other) => Err(bad("StrictHostKeyChecking", other)),
        }
    }

    fn alive(&self) -> Result<Alive, HostError> {
        let usual = Alive::default();
        let interval = self
            .seconds("serveraliveinterval")?
            .unwrap_or(usual.interval);
        let max = match self.first("serveralivecountmax") {
            Some(n) => n.parse().map_err(|_| bad("ServerAliveCountMax", n))?,
            None => usual.max,
        };
        Ok(Alive { interval, max })
    }

    /// A time as ssh writes it (`90`, `1m30s`); nothing and 0 mean our own default.
    fn seconds(&self, key: &str) -> Result<Option<Duration>, HostError> {
        let Some(text) = self.first(key).filter(|t| !t.eq_ignore_ascii_case("none")) else {
            return Ok(None);
        };
        let (mut total, mut number) = (0u64, 0u64);
        for c in text.chars() {
            let unit = match c.to_ascii_lowercase() {
                '0'..='9' => {
                    let digit = u64::from(c) - u64::from('0');
                    number = number.saturating_mul(10).saturating_add(digit);
                    continue;
                }
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 86_400,
                _ => return Err(bad(key, text)),
            };
            total = total.saturating_add(number.saturating_mul(unit));
            number = 0;
        }
        let total = total.saturating_add(number).min(86_400);
        Ok((total > 0).then(|| Duration::from_secs(total)))
    }
}

struct Tokens<'a> {
    name: &'a str,
    host: &'a str,
    port: u16,
    user: &'a str,
    around: &'a Surroundings,
}

impl Tokens<'_> {
    /// Expands `%` tokens. Every value that comes from outside was checked to be one plain word.
    fn expand(&self, text: &str) -> Result<String, HostError> {
        let mut out = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some('%') => out.push('%'),
                Some('h') => out.push_str(self.host),
                Some('n') => out.push_str(self.name),
                Some('p') => out.push_str(&self.port.to_string()),
                Some('r') => out.push_str(self.user),
                Some('u') => out.push_str(&self.around.user),
                Some('d') => out.push_str(&self.around.home.to_string_lossy()),
                other => {
                    let token = other.map(String::from).unwrap_or_default();
                    return Err(bad("token", &format!("%{token}")));
                }
            }
        }
        Ok(out)
    }

    fn paths<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Result<Vec<PathBuf>, HostError> {
        texts
            .filter(|text| !text.eq_ignore_ascii_case("none"))
            .map(|text| Ok(self.around.expand_home(&self.expand(text)?)))
            .collect()
    }
}

fn bad(what: &str, value: &str) -> HostError {
    HostError::new(
        ErrorKind::Unreachable,
        format!("ssh configuration: bad {what} {value:?}"),
    )
}
