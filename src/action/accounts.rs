//! Sees that all accounts of a host keep a rule, and mends those where nothing is lost by it.
//!
//! What only a person can decide fails with the names: two users of one number, a file that belongs to
//! somebody else. A password whose age would shut its owner out at once is not mended either.

use crate::choices;
use crate::resource::user::SHADOW;
use crate::resource::{Query, RemotePath, Resource, State, Want};
use crate::source::Mapping;

use super::accounts_mend::Outcome;
use super::accounts_text::{self as text, Group, User, doubled};
use super::{ArgError, Decision, Failure, Observed, Spec, Task, drops, place};

choices! {
    pub(crate) enum Rule {
        Shadowed = "shadowed",
        Passwords = "passwords",
        Hashes = "hashes",
        GroupsExist = "groups_exist",
        NoMembers = "no_members",
        UniqueUids = "unique_uids",
        UniqueGids = "unique_gids",
        UniqueUsers = "unique_users",
        UniqueGroups = "unique_groups",
        Uid0 = "uid0",
        Gid0 = "gid0",
        Group0 = "group0",
        LastChange = "last_change",
        MaxAge = "max_age",
        MinAge = "min_age",
        Warning = "warning",
        Inactive = "inactive",
        SystemShells = "system_shells",
        Locked = "locked",
        Homes = "homes",
        DotFiles = "dot_files",
        RootPath = "root_path",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The rule: `shadowed`, `passwords` (none is empty), `hashes` (none is of a weak kind),
        /// `groups_exist`, `no_members` (of `group`), `unique_…`, `uid0`, `gid0`, `group0` (root's alone),
        /// `last_change` (not after `today`), `max_age`, `min_age`, `warning`, `inactive` (days of passwords),
        /// `system_shells` (none for accounts of the system), `locked` (who has no shell has no password),
        /// `homes` (there, owned, closed), `dot_files`, `root_path` (of whole paths only).
        rule: Rule = required;
        /// Accounts that the rule is for; all where none is named.
        only: Vec<String> = "[]";
        /// Accounts that the rule is not for.
        except: Vec<String> = "[]";
        /// The account that logged in is spared ages, locks and shells, so that nobody is shut out by chance.
        spare_login: bool = "true";
        /// The largest number that will do.
        at_most: Option<i64>;
        /// The smallest number that will do.
        at_least: Option<i64>;
        /// The group that is meant.
        group: Option<String>;
        /// The host's day, in days since 1970: so that no password ends the moment it gets an age.
        today: Option<i64>;
        /// The smallest number of a person's account.
        uid_min: u64 = "1000";
        /// The bits that may not be set: of homes, or of dot files.
        mask: Option<super::arg::Mode>;
        /// The shell of those who do not log in.
        shell: String = "/usr/sbin/nologin";
        /// Of `warning`: also accounts that have no password (yet).
        without_password: bool = "false";
        /// Mend what can be mended; else everything that is found fails.
        fix: bool = "true";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "accounts",
    collection: "palisade",
    aliases: &[],
    summary: "Sees that all accounts of a host keep a rule",
    notes: "Changed when accounts or their files are mended; fails with names where only a person can.",
    examples: "
- name: Every user has a number of its own
  accounts: {rule: unique_uids}
- name: Homes are for their owners
  accounts: {rule: homes, mask: '0027'}
- name: Passwords last a year at most
  accounts:
    rule: max_age
    at_most: 365
    today: 20600
    except: [deploy]
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

/// Files in homes that are looked at in all.
const MAX_DOT_FILES: usize = 2000;
/// Hashes that stand a long search: yescrypt, scrypt-based, bcrypt, SHA-512 and SHA-256 crypt.
const STRONG: [&str; 8] = ["$y$", "$gy$", "$7$", "$2b$", "$2y$", "$2a$", "$6$", "$5$"];
/// Homes that are the system's, and nobody's own.
const SHARED: [&str; 9] = [
    "/",
    "/bin",
    "/dev",
    "/etc",
    "/nonexistent",
    "/proc",
    "/sbin",
    "/usr",
    "/var/run",
];

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    let needs = |arg: &str, given: bool| match given {
        true => Ok(()),
        false => Err(ArgError::new(
            arg,
            format!("`{arg}` is needed by this rule"),
        )),
    };
    match args.rule {
        Rule::MaxAge | Rule::Inactive => {
            needs("at_most", args.at_most.is_some())?;
            needs("today", args.today.is_some())?;
        }
        Rule::LastChange => needs("today", args.today.is_some())?,
        Rule::MinAge | Rule::Warning => needs("at_least", args.at_least.is_some())?,
        Rule::NoMembers => needs("group", args.group.is_some())?,
        _ => {}
    }
    Ok(Box::new(args))
}
impl Args {
    fn on() -> Resource {
        Resource::texts(["/etc/passwd", "/etc/shadow", "/etc/group"])
    }

    fn look(&self, seen: &Observed) -> Result<(Vec<User>, Vec<Group>), Failure> {
        let files = drops::Drops::open(seen, &Args::on())?;
        let text = |path: &str| files.text(path).unwrap_or_default();
        if files.get("/etc/passwd").is_none() {
            return Err(Failure::new("/etc/passwd is not there"));
        }
        let mut users = text::users(text("/etc/passwd"), text("/etc/shadow"));
        users.retain(|u| !self.except.contains(&u.name));
        users.retain(|u| self.only.is_empty() || self.only.contains(&u.name));
        Ok((users, text::groups(text("/etc/group"))))
    }

    fn is_person(&self, user: &User) -> bool {
        let low = u32::try_from(self.uid_min).unwrap_or(u32::MAX);
        // 65534 is nobody.
        user.uid.is_some_and(|u| u == 0 || (u >= low && u != 65534)) && user.has_shell()
    }

    /// Whose state is asked for, because it may be mended.
    pub(crate) fn candidates<'a>(&'a self, seen: &Observed, users: &'a [User]) -> Vec<&'a User> {
        let breaks = |u: &&User| match self.rule {
            Rule::MaxAge | Rule::MinAge | Rule::Warning | Rule::Inactive => {
                (u.has_password() || (self.without_password && self.rule == Rule::Warning))
                    && u.shadow.as_ref().is_some_and(|s| !self.keeps(self.age(s)))
            }
            Rule::SystemShells => {
                let low = u32::try_from(self.uid_min).unwrap_or(u32::MAX);
                u.uid.is_some_and(|n| (n > 0 && n < low) || n == 65534) && u.has_shell()
            }
            Rule::Locked => !u.has_shell() && u.has_password(),
            _ => false,
        };
        let spared = |u: &&User| !(self.spare_login && u.name == seen.me.login);
        users.iter().filter(spared).filter(breaks).collect()
    }

    fn age(&self, shadow: &text::Shadow) -> Option<i64> {
        match self.rule {
            Rule::MaxAge => shadow.max,
            Rule::MinAge => shadow.min,
            Rule::Warning => shadow.warn,
            _ => shadow.inactive,
        }
    }

    pub(crate) fn keeps(&self, days: Option<i64>) -> bool {
        let Some(days) = days.filter(|d| *d >= 0) else {
            return false;
        };
        self.at_most.is_none_or(|most| days <= most)
            && self.at_least.is_none_or(|least| days >= least)
    }

    /// Homes of people, that are their own.
    pub(crate) fn homes<'a>(&self, users: &'a [User]) -> Vec<(&'a User, RemotePath)> {
        let own = |u: &&User| self.is_person(u) && !SHARED.contains(&u.home.as_str());
        let home = |u: &'a User| Some((u, RemotePath::new(&u.home).ok()?));
        let people = users.iter().filter(own);
        people
            .filter_map(home)
            .filter(|(u, _)| u.home.starts_with('/'))
            .collect()
    }

    fn pattern(home: &RemotePath) -> Resource {
        Resource::Glob(format!("{home}/.[!.]*"))
    }

    /// Dot files of everybody, as far as they are known.
    pub(crate) fn dot_files<'a>(
        &self,
        seen: &Observed,
        users: &'a [User],
    ) -> Vec<(&'a User, RemotePath)> {
        let mut found = Vec::new();
        for (user, home) in self.homes(users) {
            if let Some(State::Paths(paths)) = seen.peek(&Args::pattern(&home)) {
                let paths = paths.iter().filter_map(|p| RemotePath::new(p).ok());
                found.extend(paths.map(|p| (user, p)));
            }
        }
        found.truncate(MAX_DOT_FILES);
        found
    }

    fn judge(&self, seen: &Observed, users: &[User], groups: &[Group]) -> Result<Outcome, Failure> {
        let findings = match self.rule {
            Rule::MaxAge | Rule::MinAge | Rule::Warning | Rule::Inactive => {
                return self.mend_ages(seen, users);
            }
            Rule::SystemShells | Rule::Locked => return self.mend_logins(seen, users),
            Rule::Homes => return Ok(self.mend_homes(seen, users)),
            Rule::DotFiles => return Ok(self.mend_dot_files(seen, users)),
            Rule::RootPath => root_path(seen)?,
            _ => self.findings(users, groups),
        };
        Ok(Outcome {
            findings,
            ..Outcome::default()
        })
    }

    fn findings(&self, users: &[User], groups: &[Group]) -> Vec<String> {
        let named = |breaks: &dyn Fn(&&User) -> bool| -> Vec<String> {
            users
                .iter()
                .filter(breaks)
                .map(|u| u.name.clone())
                .collect()
        };
        let group = self.group.as_deref().unwrap_or_default();
        let gid = groups.iter().find(|g| g.name == group).and_then(|g| g.gid);
        match self.rule {
            Rule::Shadowed => named(&|u| u.field != "x"),
            Rule::Passwords => named(&|u| match &u.shadow {
                Some(shadow) => u.field == "x" && shadow.hash.is_empty(),
                None => u.field.is_empty(),
            }),
            Rule::Hashes => named(&|u| {
                let hash = u
                    .shadow
                    .as_ref()
                    .map(|s| s.hash.as_str())
                    .unwrap_or_default();
                u.has_password() && !STRONG.iter().any(|s| hash.starts_with(s))
            }),
            Rule::GroupsExist => named(&|u| !groups.iter().any(|g| g.gid == u.gid)),
            Rule::NoMembers => {
                let own = groups.iter().find(|g| g.name == group);
                let mut members = own.map(|g| g.members.clone()).unwrap_or_default();
                members.retain(|m| !self.except.contains(m));
                members.extend(named(&|u| gid.is_some() && u.gid == gid));
                members
            }
            Rule::UniqueUids => {
                doubled(users.iter().filter_map(|u| Some((u.uid?, u.name.clone()))))
            }
            Rule::UniqueGids => {
                doubled(groups.iter().filter_map(|g| Some((g.gid?, g.name.clone()))))
            }
            Rule::UniqueUsers => doubled(
                users
                    .iter()
                    .map(|u| (u.name.clone(), format!("{:?}", u.uid))),
            ),
            Rule::UniqueGroups => doubled(
                groups
                    .iter()
                    .map(|g| (g.name.clone(), format!("{:?}", g.gid))),
            ),
            Rule::Uid0 => named(&|u| u.uid == Some(0) && u.name != "root"),
            // These have it on many systems, and no shell.
            Rule::Gid0 => named(&|u| {
                let known =
                    ["root", "sync", "shutdown", "halt", "operator"].contains(&u.name.as_str());
                u.gid == Some(0) && !known
            }),
            Rule::Group0 => {
                let others = groups
                    .iter()
                    .filter(|g| g.gid == Some(0) && g.name != "root");
                others.map(|g| g.name.clone()).collect()
            }
            Rule::LastChange => {
                let today = self.today.unwrap_or(i64::MAX);
                named(&|u| {
                    u.shadow
                        .as_ref()
                        .and_then(|s| s.changed)
                        .is_some_and(|c| c > today)
                })
            }
            _ => Vec::new(),
        }
    }
}

/// Where root's search path is set.
fn paths() -> Resource {
    let home = ["profile", "bash_profile", "bash_login", "bashrc"].map(|f| format!("/root/.{f}"));
    let all = [
        "/etc/profile",
        "/etc/bash.bashrc",
        "/etc/environment",
        "/etc/login.defs",
    ];
    Resource::texts(all.map(str::to_owned).into_iter().chain(home))
}

/// Lines that put into root's search path what is no whole path.
fn root_path(seen: &Observed) -> Result<Vec<String>, Failure> {
    let files = drops::Drops::open(seen, &paths())?;
    let mut found = Vec::new();
    for file in &files.files {
        for (at, line) in file.text.lines().enumerate() {
            let value = line
                .split_once("PATH=")
                .filter(|(head, _)| !head.contains('#'));
            let value = value.map(|(_, v)| v.trim_matches(['"', '\'', ' ', ';']));
            let whole = |p: &str| p.starts_with(['/', '$', '~']);
            if value.is_some_and(|v| !v.is_empty() && !v.split(':').all(whole)) {
                found.push(format!("{} {}", drops::at(&file.path, at), line.trim()));
            }
        }
    }
    Ok(found)
}
impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let mut queries = drops::reads(&Args::on(), None);
        if self.rule == Rule::RootPath {
            queries.extend(drops::reads(&paths(), None));
        }
        if seen.peek(&Args::on()).is_none() {
            return queries;
        }
        let Ok((users, _)) = self.look(seen) else {
            return queries;
        };
        let candidates = self.candidates(seen, &users).into_iter();
        queries.extend(candidates.map(|u| Query::new(Resource::User(u.name.clone()), SHADOW)));
        for (_, home) in self.homes(&users) {
            match self.rule {
                Rule::Homes => {
                    queries.push(Query::meta(Resource::Target(home.clone())));
                    queries.push(Query::meta(place::file(&home)));
                }
                Rule::DotFiles => queries.push(Query::meta(Args::pattern(&home))),
                _ => {}
            }
        }
        let files = self.dot_files(seen, &users).into_iter();
        queries.extend(files.map(|(_, path)| Query::new(place::file(&path), Want::META)));
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let (users, groups) = self.look(seen)?;
        let outcome = self.judge(seen, &users, &groups)?;
        let mut result = crate::result! { "looked_at" => users.len() };
        let mut findings = outcome.findings;
        if !self.fix {
            findings.extend(outcome.changes.iter().map(|c| c.on.to_string()));
        }
        result.insert("findings".into(), drops::places(findings.clone()));
        if !findings.is_empty() && (!self.fix || outcome.changes.is_empty()) {
            result.insert("finding".into(), true.into());
            return Err(Failure {
                message: findings.join(", "),
                result,
            });
        }
        let mut decision = Decision::ok(result);
        if !findings.is_empty() {
            decision
                .warnings
                .push(format!("left to a person: {}", findings.join(", ")));
        }
        if self.fix {
            outcome.changes.into_iter().for_each(|c| decision.set(c));
        }
        Ok(decision)
    }
}
