//! Resources, states and runs as JSON, and back: what a journal keeps of them.
//!
//! Only what can be changed back has a written form; contents are named by their digests, and a
//! password has none.

use serde_json::{Map, Value, json};

use super::file::{FileState, Meta, Node, Owner};
use super::group::GroupState;
use super::hostname::HostnameState;
use super::module::ModuleState;
use super::mount::MountState;
use super::package::{Manager, PackageState};
use super::unit::{Kick, Scope, ServiceManager, UnitState};
use super::user::UserState;
use super::{Content, Digest, Exec, Program, RemotePath, Resource, Run, State};

/// A resource that can be changed back.
pub fn resource(on: &Resource) -> Option<Value> {
    Some(match on {
        Resource::File(path) => json!({ "file": path.as_str() }),
        Resource::Target(path) => json!({ "target": path.as_str() }),
        Resource::User(name) => json!({ "user": name }),
        Resource::Group(name) => json!({ "group": name }),
        Resource::Package { manager, name } => {
            json!({ "package": name, "manager": manager.word() })
        }
        Resource::Unit { name, scope } => json!({ "unit": name, "scope": scope_word(*scope) }),
        Resource::Sysctl(name) => json!({ "sysctl": name }),
        Resource::Mount(path) => json!({ "mount": path.as_str() }),
        Resource::Module(name) => json!({ "module": name }),
        Resource::Table(name) => json!({ "table": name }),
        Resource::Crontab(user) => json!({ "crontab": user }),
        Resource::Hostname => json!({ "hostname": true }),
        _ => return None,
    })
}

pub fn read_resource(value: &Value) -> Option<Resource> {
    let map = value.as_object()?;
    let (kind, name) = map.iter().next()?;
    let path = || RemotePath::new(name.as_str()?).ok();
    let word = || name.as_str().map(str::to_owned);
    Some(match kind.as_str() {
        "file" => Resource::File(path()?),
        "target" => Resource::Target(path()?),
        "user" => Resource::User(word()?),
        "group" => Resource::Group(word()?),
        "package" => {
            let manager = map.get("manager")?.as_str()?;
            let all = super::package::MANAGERS.into_iter();
            Resource::Package {
                manager: { all }.find(|m: &Manager| m.word() == manager)?,
                name: word()?,
            }
        }
        "unit" => Resource::Unit {
            name: word()?,
            scope: SCOPES
                .into_iter()
                .find(|s| map.get("scope").and_then(Value::as_str) == Some(scope_word(*s)))?,
        },
        "sysctl" => Resource::Sysctl(word()?),
        "mount" => Resource::Mount(path()?),
        "module" => Resource::Module(word()?),
        "table" => Resource::Table(word()?),
        "crontab" => Resource::Crontab(word()?),
        "hostname" => Resource::Hostname,
        _ => return None,
    })
}

const SCOPES: [Scope; 3] = [Scope::System, Scope::User, Scope::Global];

fn scope_word(scope: Scope) -> &'static str {
    match scope {
        Scope::System => "system",
        Scope::User => "user",
        Scope::Global => "global",
    }
}

const SERVICE_MANAGERS: [(ServiceManager, &str); 4] = [
    (ServiceManager::Systemd, "systemd"),
    (ServiceManager::Sysv, "sysv"),
    (ServiceManager::OpenRc, "openrc"),
    (ServiceManager::Offline, "offline"),
];

/// A state, where it can be told so that it can be had again.
pub fn state(state: &State) -> Option<Value> {
    Some(match state {
        State::Absent => json!("absent"),
        State::File(f) => json!({ "file": file(f) }),
        State::Package(p) => json!({ "package": {
            "version": p.version, "held": p.held, "config_files": p.config_files,
        }}),
        State::Unit(u) => {
            let manager = SERVICE_MANAGERS.iter().find(|(m, _)| *m == u.manager);
            json!({ "unit": {
                "exists": u.exists, "running": u.running, "enabled": u.enabled, "masked": u.masked,
                "levels": u.levels, "manager": manager.map(|(_, word)| word),
                "kick": u.kick.map(kick_word),
            }})
        }
        State::Sysctl(value) => json!({ "sysctl": value }),
        State::Mount(m) => json!({ "mount": {
            "source": m.source, "fstype": m.fstype, "options": m.options, "system": m.system, "bound": m.bound }}),
        State::Module(m) => json!({ "module": { "loaded": m.loaded } }),
        State::User(u) => json!({ "user": user(u) }),
        State::Group(g) => json!({ "group": {
            "gid": g.id(), "members": g.members, "local": g.local,
        }}),
        State::Hostname(h) => json!({ "hostname": {
            "current": h.current, "permanent": h.permanent, "pretty": h.pretty,
        }}),
        State::Text(text) => {
            json!({ "text": { "sha256": Digest::of(text.as_bytes()).to_string(), "size": text.len() } })
        }
        _ => return None,
    })
}

/// The bytes that a state speaks of, where they are at hand: what must be kept beside it.
pub fn content(state: &State) -> Option<Content> {
    match state {
        State::File(file) => file.content().filter(|c| c.bytes.is_some()).cloned(),
        State::Text(text) => Some(Content::new(text.as_bytes().to_vec())),
        _ => None,
    }
}

pub fn kick_word(kick: Kick) -> &'static str {
    match kick {
        Kick::Restart => "restart",
        Kick::Reload => "reload",
    }
}

pub fn read_kick(word: &str) -> Option<Kick> {
    [Kick::Restart, Kick::Reload]
        .into_iter()
        .find(|k| kick_word(*k) == word)
}

fn owner(owner: &Owner) -> Value {
    json!({ "id": owner.id, "name": owner.name })
}

fn file(file: &FileState) -> Value {
    let meta = file.meta.as_ref();
    let mut map = json!({
        "mode": format!("{:04o}", file.mode),
        "owner": owner(&file.owner), "group": owner(&file.group),
    });
    for (name, value) in [
        ("attributes", meta.and_then(|m| m.attributes.clone())),
        ("context", meta.and_then(|m| m.context.clone())),
    ] {
        if let Some(value) = value {
            map[name] = json!(value);
        }
    }
    match &file.node {
        Node::File(content) => {
            map["type"] = json!("file");
            if let Some(content) = content {
                map["sha256"] = json!(content.digest.to_string());
                map["size"] = json!(content.size);
            } else if let Some(meta) = meta {
                map["size"] = json!(meta.size);
            }
        }
        Node::Dir => map["type"] = json!("directory"),
        Node::Link { target } => {
            map["type"] = json!("link");
            map["link"] = json!(target);
        }
        Node::Other(kind) => map["type"] = json!(kind.to_string()),
    }
    map
}

fn user(u: &UserState) -> Value {
    json!({
        "uid": u.id(), "gid": (!u.unnumbered).then_some(u.gid), "group": u.group, "groups": u.groups,
        "comment": u.comment, "home": u.home, "shell": u.shell, "expires": u.expires,
        "min_days": u.min_days, "max_days": u.max_days, "warn_days": u.warn_days,
        "inactive_days": u.inactive_days, "local": u.local, "home_exists": u.home_exists,
        "locked": u.password.as_deref().is_some_and(is_locked),
        "barred": u.password.as_deref().map(|p| p.starts_with('!')),
    })
}

/// Whether no password is the right one, so that there is none to keep.
pub fn is_locked(password: &str) -> bool {
    ["!", "!!", "*", "!*"].contains(&password)
}

/// What stands for a password that is not recorded, as in `passwd`; with `!` before it where it is barred.
const ELSEWHERE: [&str; 2] = ["x", "!x"];

/// Reads what [`state`] wrote. Contents have no bytes: these are kept elsewhere.
pub fn read_state(value: &Value) -> Option<State> {
    if value == "absent" {
        return Some(State::Absent);
    }
    let (kind, of) = value.as_object()?.iter().next()?;
    let text = |key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let flag = |key: &str| of.get(key).and_then(Value::as_bool).unwrap_or(false);
    let words = |key: &str| strings(of.get(key));
    Some(match kind.as_str() {
        "file" => State::File(read_file(of)?),
        "package" => State::Package(PackageState {
            version: text("version"),
            held: flag("held"),
            config_files: flag("config_files"),
            ..PackageState::default()
        }),
        "unit" => State::Unit(UnitState {
            exists: flag("exists"),
            running: flag("running"),
            enabled: of.get("enabled").and_then(Value::as_bool),
            masked: flag("masked"),
            levels: text("levels").unwrap_or_default(),
            manager: SERVICE_MANAGERS
                .into_iter()
                .find(|(_, word)| text("manager").as_deref() == Some(word))?
                .0,
            kick: text("kick").as_deref().and_then(read_kick),
            properties: Vec::new(),
        }),
        "sysctl" => State::Sysctl(of.as_str()?.to_owned()),
        "mount" => State::Mount(MountState {
            source: text("source")?,
            fstype: text("fstype")?,
            options: words("options"),
            system: words("system"),
            bound: flag("bound"),
        }),
        "module" => State::Module(ModuleState {
            loaded: flag("loaded"),
            available: true,
            ..ModuleState::default()
        }),
        "user" => State::User(read_user(of)?),
        "group" => {
            let gid = number(of.get("gid"));
            State::Group(GroupState {
                gid: gid.unwrap_or_default(),
                members: words("members"),
                local: flag("local"),
                unnumbered: gid.is_none(),
            })
        }
        "hostname" => State::Hostname(HostnameState {
            current: text("current")?,
            permanent: text("permanent")?,
            pretty: text("pretty"),
        }),
        "text" => State::Content(read_content(of)?),
        _ => return None,
    })
}

fn number(value: Option<&Value>) -> Option<u32> {
    value.and_then(Value::as_u64)?.try_into().ok()
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn read_content(of: &Value) -> Option<Content> {
    let digest = Digest::parse(of.get("sha256")?.as_str()?)?;
    let size = of.get("size").and_then(Value::as_u64).unwrap_or_default();
    Some(Content::digest_only(digest, size))
}

fn read_file(of: &Value) -> Option<FileState> {
    let text = |key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let owner = |key: &str| {
        let map = of.get(key)?;
        let name = map.get("name").and_then(Value::as_str).map(str::to_owned);
        Some(Owner {
            id: number(map.get("id")),
            name,
        })
    };
    let node = match text("type")?.as_str() {
        "file" => Node::File(read_content(of)),
        "directory" => Node::Dir,
        "link" => Node::Link {
            target: text("link")?,
        },
        other => Node::Other(other.chars().next()?),
    };
    let size = of.get("size").and_then(Value::as_u64);
    let meta = Meta {
        size: size.unwrap_or_default(),
        attributes: text("attributes"),
        context: text("context"),
        ..Meta::default()
    };
    Some(FileState {
        node,
        mode: u32::from_str_radix(&text("mode")?, 8).ok()?,
        owner: owner("owner")?,
        group: owner("group")?,
        meta: Some(meta),
    })
}

fn read_user(of: &Value) -> Option<UserState> {
    let text = |key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let days = |key: &str| of.get(key).and_then(Value::as_i64);
    let flag = |key: &str| of.get(key).and_then(Value::as_bool).unwrap_or(false);
    let uid = number(of.get("uid"));
    Some(UserState {
        uid: uid.unwrap_or_default(),
        gid: number(of.get("gid")).unwrap_or_default(),
        group: text("group")?,
        groups: strings(of.get("groups")),
        comment: text("comment")?,
        home: text("home")?,
        shell: text("shell")?,
        password: match (flag("locked"), of.get("barred").and_then(Value::as_bool)) {
            (true, Some(false)) => Some("*".to_owned()),
            (true, _) => Some("!".to_owned()),
            (false, Some(barred)) => Some(ELSEWHERE[usize::from(barred)].to_owned()),
            (false, None) => None,
        },
        expires: days("expires"),
        min_days: days("min_days"),
        max_days: days("max_days"),
        warn_days: days("warn_days"),
        inactive_days: days("inactive_days"),
        local: flag("local"),
        home_exists: flag("home_exists"),
        unnumbered: uid.is_none(),
    })
}

/// A run that can be made again just so: nothing was fed to it.
pub fn run(run: &Run) -> Option<Value> {
    if run.stdin.is_some() || run.payload.is_some() || !run.files.is_empty() {
        return None;
    }
    let mut map = Map::new();
    match &run.exec {
        Exec::Argv(words) => map.insert("argv".into(), json!(words)),
        Exec::Shell { text, executable } => {
            map.insert("executable".into(), json!(executable));
            map.insert("shell".into(), json!(text))
        }
        Exec::Program(program) => map.insert("program".into(), json!(program.text())),
        Exec::Raw { .. } | Exec::Script { .. } => return None,
    };
    map.insert("chdir".into(), json!(run.chdir));
    Some(Value::Object(map))
}

pub fn read_run(value: &Value) -> Option<Run> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let exec = match (value.get("argv"), text("shell"), text("program")) {
        (Some(words), _, _) => Exec::Argv(strings(Some(words))),
        (_, Some(shell), _) => Exec::Shell {
            text: shell,
            executable: text("executable"),
        },
        (_, _, Some(text)) => Exec::Program(Program {
            text,
            name: "program",
        }),
        _ => return None,
    };
    Some(Run {
        chdir: text("chdir"),
        ..Run::new(exec)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(on: &Resource, of: &State) {
        assert_eq!(read_resource(&resource(on).unwrap()).as_ref(), Some(on));
        let back = read_state(&state(of).unwrap()).unwrap();
        assert!(back.same(of), "{back:?} {of:?}");
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let path = RemotePath::new("/etc/a \"b\"").unwrap();
        let mut file = FileState {
            node: Node::File(Some(Content::new(b"x".to_vec()))),
            mode: 0o4755,
            owner: Owner::known(0, "root"),
            group: Owner::written("12"),
            meta: None,
        };
        there_and_back(&Resource::File(path.clone()), &State::File(file.clone()));
        file.node = Node::Link {
            target: "../x".into(),
        };
        there_and_back(&Resource::Target(path), &State::File(file));
        let package = Resource::Package {
            manager: Manager::Apk,
            name: "a".into(),
        };
        let state = PackageState {
            version: Some("1".into()),
            ..PackageState::default()
        };
        there_and_back(&package, &State::Package(state));
        let unit = Resource::Unit {
            name: "ssh".into(),
            scope: Scope::Global,
        };
        let state = UnitState {
            running: true,
            enabled: Some(false),
            manager: ServiceManager::OpenRc,
            kick: Some(Kick::Reload),
            ..UnitState::default()
        };
        there_and_back(&unit, &State::Unit(state));
        there_and_back(&Resource::Sysctl("a".into()), &State::Sysctl("1\t2".into()));
        let user = UserState {
            uid: 7,
            groups: vec!["adm".into()],
            expires: Some(3),
            ..UserState::default()
        };
        there_and_back(&Resource::User("a".into()), &State::User(user));
    }

    #[test]
    fn a_password_is_not_written() {
        let user = UserState {
            password: Some("$6$secret".into()),
            ..UserState::default()
        };
        let text = state(&State::User(user)).unwrap().to_string();
        assert!(!text.contains("secret"), "{text}");
        // That it is barred is, so that this can be taken back.
        for (given, back) in [
            ("$6$secret", "x"),
            ("!$6$secret", "!x"),
            ("!", "!"),
            ("*", "*"),
        ] {
            let user = UserState {
                password: Some(given.into()),
                ..UserState::default()
            };
            let written = state(&State::User(user)).unwrap();
            let Some(State::User(read)) = read_state(&written) else {
                panic!("{written}")
            };
            assert_eq!(read.password.as_deref(), Some(back));
        }
    }
}
