//! Packages, by package manager.
//!
//! The packages of all tasks are asked for together. A name on whose host another manager rules is
//! refused, so an action may ask every manager and use the one that answers.

use super::apply::{ApplyError, Make};
use super::reply::Record;
use super::script::Script;
use super::{Change, Query, Resource, State, Want, apk, apt, dnf};

/// The package managers there is a row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Manager {
    Apt,
    Dnf,
    Apk,
}

/// All of them, in the order in which a host's is looked for.
pub const MANAGERS: [Manager; 3] = [Manager::Apt, Manager::Dnf, Manager::Apk];

/// What is asked for where the newest version matters.
pub const CANDIDATE: Want = Want(Want::META.0 | Want::CONTENT.0);

/// What is asked for where it matters what installing it would bring, if it is missing.
pub const OFFERED: Want = Want(Want::META.0 | Want::DIGEST.0);

/// What is asked for where it matters which installed packages need it.
pub const NEEDED: Want = Want(Want::META.0 | Want::LINKS.0);

/// A package as the host's manager knows it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PackageState {
    /// The installed version; `None` where it is not installed, empty where it is to be whatever the
    /// manager chooses.
    pub version: Option<String>,
    /// What installing or upgrading it would bring; `None` where nothing is on offer.
    pub candidate: Option<String>,
    pub held: bool,
    /// Removed, but its configuration files are still there.
    pub config_files: bool,
    /// Packages that provide this name, where it is a virtual one.
    pub providers: Vec<String>,
    /// Installed packages that need it, where that was asked ([`NEEDED`]), sorted. A need that
    /// something else may meet as well counts too.
    pub needed_by: Vec<String>,
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

/// The status of a question whose manager is not on the host.
pub(super) const NO_MANAGER: i32 = 127;

impl Manager {
    /// The name of its program.
    pub fn word(self) -> &'static str {
        match self {
            Manager::Apt => "apt",
            Manager::Dnf => "dnf",
            Manager::Apk => "apk",
        }
    }
}

/// What a manager is asked: packages with how much of them, whether its index, which upgrades.
#[derive(Default)]
struct Asked<'a> {
    packages: Vec<(&'a str, Want)>,
    index: bool,
    upgrades: Vec<&'a str>,
}

fn asked<'a>(queries: &[&'a Query], of: Manager) -> Asked<'a> {
    let mut asked = Asked::default();
    for query in queries {
        match &query.on {
            Resource::Package { manager, name } if *manager == of => {
                asked.packages.push((name, query.want));
            }
            Resource::PackageIndex(manager) if *manager == of => asked.index = true,
            Resource::PackageUpgrade { manager, how } if *manager == of => asked.upgrades.push(how),
            _ => {}
        }
    }
    asked
}

/// How many records answer about packages; one about the index, one for each upgrade.
fn width(manager: Manager) -> usize {
    match manager {
        Manager::Apt => apt::WIDTH,
        Manager::Dnf => dnf::WIDTH,
        Manager::Apk => apk::WIDTH,
    }
}

/// The program without which a manager is not there.
fn program(manager: Manager) -> &'static str {
    match manager {
        Manager::Apt => "apt-get",
        Manager::Dnf => "rpm",
        Manager::Apk => "apk",
    }
}

pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    for manager in MANAGERS {
        let mut own = Script::after(script.next());
        ask_one(manager, &asked(queries, manager), &mut own);
        // Of a manager that is not there, all of it is answered without a process.
        let absent: String = (script.next()..own.next())
            .map(|n| format!("pl_r {n} {NO_MANAGER} \"\"\n"))
            .collect();
        script.join(&own, |text| {
            let there = program(manager);
            format!("if pl_has {there}; then\n{text}else\n{absent}fi")
        });
    }
}

fn ask_one(manager: Manager, asked: &Asked<'_>, script: &mut Script) {
    if !asked.packages.is_empty() {
        match manager {
            Manager::Apt => apt::ask(&asked.packages, script),
            Manager::Dnf => dnf::ask(&asked.packages, script),
            Manager::Apk => apk::ask(&asked.packages, script),
        }
    }
    if asked.index {
        script.ask(match manager {
            Manager::Apt => apt::INDEX,
            Manager::Dnf => dnf::INDEX,
            Manager::Apk => apk::INDEX,
        });
    }
    for how in &asked.upgrades {
        script.ask(&match manager {
            Manager::Apt => apt::ask_upgrade(how),
            Manager::Dnf => dnf::ASK_UPGRADE.into(),
            Manager::Apk => apk::ASK_UPGRADE.into(),
        });
    }
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let mut records = records;
    let mut found: Vec<(&Query, State)> = Vec::new();
    for manager in MANAGERS {
        let asked = asked(queries, manager);
        let mut take = |n: usize| -> Result<&[Record], String> {
            let (these, rest) = records
                .split_at_checked(n)
                .ok_or("answers about packages are not whole")?;
            records = rest;
            Ok(these)
        };
        let of = |on: &Resource| queries.iter().find(|q| q.on == *on).copied();
        let mut put = |on: Resource, state: State| found.extend(of(&on).map(|q| (q, state)));
        if !asked.packages.is_empty() {
            let these = take(width(manager))?;
            for (name, _) in &asked.packages {
                let on = Resource::Package {
                    manager,
                    name: (*name).to_owned(),
                };
                put(
                    on,
                    guarded(&these[0], manager, || one(manager, name, these)),
                );
            }
        }
        if asked.index {
            let record = &take(1)?[0];
            put(
                Resource::PackageIndex(manager),
                guarded(record, manager, || index(record)),
            );
        }
        for how in &asked.upgrades {
            let record = &take(1)?[0];
            let on = Resource::PackageUpgrade {
                manager,
                how: (*how).to_owned(),
            };
            put(on, guarded(record, manager, || upgrade(manager, record)));
        }
    }
    let state = |query: &&Query| {
        let answer = found.iter().find(|(q, _)| q.on == query.on);
        answer
            .map(|(_, state)| state.clone())
            .ok_or("a package was not answered".to_owned())
    };
    queries.iter().map(state).collect()
}

fn guarded(record: &Record, manager: Manager, read: impl FnOnce() -> State) -> State {
    match record.status {
        NO_MANAGER => State::Refused(format!("there is no {} on this host", manager.word())),
        _ => read(),
    }
}

fn one(manager: Manager, name: &str, records: &[Record]) -> State {
    let texts: Vec<String> = records.iter().map(Record::text).collect();
    State::Package(match manager {
        Manager::Apt => apt::read(name, &texts),
        Manager::Dnf => dnf::read(name, &texts),
        Manager::Apk => apk::read(name, &texts),
    })
}

/// Two numbers: when it was refreshed, and the host's clock.
fn index(record: &Record) -> State {
    let text = record.text();
    let mut numbers = text.split_whitespace().map(|w| w.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    State::Index(IndexState {
        refreshed: next(),
        now: next(),
    })
}

fn upgrade(manager: Manager, record: &Record) -> State {
    let text = record.text();
    if manager == Manager::Apt && record.status != 0 {
        return State::Refused(text.trim().to_owned());
    }
    let mut pending = match manager {
        Manager::Apt => apt::pending(&text),
        Manager::Dnf | Manager::Apk => {
            let first = |l: &str| l.split_whitespace().next().map(str::to_owned);
            text.lines().filter_map(first).collect()
        }
    };
    pending.sort();
    pending.dedup();
    State::Upgrade(UpgradeState { pending })
}

pub(super) fn make(change: &Change) -> Result<Make, ApplyError> {
    let (Resource::Package { manager, .. }
    | Resource::PackageIndex(manager)
    | Resource::PackageUpgrade { manager, .. }) = &change.on
    else {
        return Err(ApplyError::unfit(change));
    };
    match manager {
        Manager::Apt => apt::make(change),
        Manager::Dnf => dnf::make(change),
        Manager::Apk => apk::make(change),
    }
}

/// Which way a package is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Install,
    Remove,
}

/// One line of work for a manager: the way, and the names as its command takes them.
///
/// The packages of a task are changes of their own, so that each has its before and after, but the
/// first of them carries a list (`batch`: the way, then the names, a line each) and does the work
/// for the others, which say so (`member`: the way). An undo goes the other way, one by one.
pub(super) fn work(change: &Change) -> Option<(Way, Vec<String>)> {
    let (Resource::Package { name, .. }, State::Package(after)) = (&change.on, &change.after)
    else {
        return None;
    };
    let name = name.split('@').next().unwrap_or(name);
    let way = if after.version.is_some() {
        Way::Install
    } else {
        Way::Remove
    };
    let word = match way {
        Way::Install => "install",
        Way::Remove => "remove",
    };
    if change.how.option("member") == Some(word) {
        return Some((way, Vec::new()));
    }
    if let Some(names) = change
        .how
        .option("batch")
        .and_then(|b| b.strip_prefix(word))
    {
        return Some((
            way,
            names
                .lines()
                .filter(|n| !n.is_empty())
                .map(str::to_owned)
                .collect(),
        ));
    }
    // Undoing an upgrade asks for the version there was.
    let version = match &change.before {
        State::Package(before) if before.version.is_some() => after.version.as_deref(),
        _ => None,
    };
    Some((
        way,
        vec![match version.filter(|v| !v.is_empty()) {
            Some(version) => format!("{name}={version}"),
            None => name.to_owned(),
        }],
    ))
}
