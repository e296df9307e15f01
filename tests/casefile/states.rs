//! Resources and states of every kind, written in YAML, and steps compared with what a case expects.
//!
//! A resource is `{ kind: key }`: `{ user: deploy }`, `{ package: nginx }` or `{ package: [dnf, nginx] }`,
//! `{ unit: sshd }`, `{ sysctl: vm.swappiness }`, `{ hostname: }`, `{ crontab: root }`, `{ index: apt }`,
//! `{ getent: [passwd, root] }`, `{ controller: path }`, `{ file: /path }`. A state has the fields of
//! the Rust struct; those that are not given have their defaults. `absent` is a state of each.

use palisade::action::{Control, Step};
use palisade::resource::archive::{ArchiveState, Request};
use palisade::resource::file::FileState;
use palisade::resource::group::GroupState;
use palisade::resource::hostname::HostnameState;
use palisade::resource::module::ModuleState;
use palisade::resource::mount::MountState;
use palisade::resource::nft::Sockets;
use palisade::resource::package::{IndexState, Manager, PackageState, UpgradeState};
use palisade::resource::unit::{Kick, Scope, ServiceManager, UnitState};
use palisade::resource::user::UserState;
use palisade::resource::{Change, Content, Exec, Resource, State};
use palisade::source::Value;

use super::world;

fn manager(word: &str) -> Manager {
    match word {
        "apt" => Manager::Apt,
        "dnf" => Manager::Dnf,
        "apk" => Manager::Apk,
        _ => panic!("no manager `{word}`"),
    }
}

pub(crate) fn resource(value: &Value) -> Resource {
    let map = value.as_mapping().expect("a resource is { kind: key }");
    let (kind, key) = map.iter().next().expect("a kind");
    let words: Vec<String> = match key {
        Value::Sequence(keys) => keys.iter().map(text).collect(),
        Value::Null => Vec::new(),
        one => vec![text(one)],
    };
    let word = |n: usize| words.get(n).cloned().unwrap_or_default();
    match kind.as_str().expect("a word") {
        "user" => Resource::User(word(0)),
        "group" => Resource::Group(word(0)),
        "package" if words.len() == 2 => Resource::Package {
            manager: manager(&word(0)),
            name: word(1),
        },
        "package" => Resource::Package {
            manager: Manager::Apt,
            name: word(0),
        },
        "index" => Resource::PackageIndex(manager(&word(0))),
        "upgrade" => Resource::PackageUpgrade {
            manager: manager(&word(0)),
            how: word(1),
        },
        "unit" => Resource::Unit {
            name: word(0),
            scope: match word(1).as_str() {
                "user" => Scope::User,
                "global" => Scope::Global,
                _ => Scope::System,
            },
        },
        "sysctl" => Resource::Sysctl(word(0)),
        "mount" => Resource::Mount(world::path(&word(0))),
        "module" => Resource::Module(word(0)),
        "process" => Resource::Process(words.join(" ")),
        "hostname" => Resource::Hostname,
        "ruleset" => Resource::Ruleset,
        "table" => Resource::Table(words.join(" ")),
        "sockets" => Resource::Sockets,
        "crontab" => Resource::Crontab(word(0)),
        "getent" => Resource::Getent {
            database: word(0),
            key: words.get(1).cloned(),
            service: words.get(2).cloned(),
        },
        "controller" => Resource::Controller(word(0)),
        "file" => Resource::File(world::path(&word(0))),
        "target" => Resource::Target(world::path(&word(0))),
        "tree" => Resource::Tree(world::path(&word(0))),
        "glob" => Resource::Glob(word(0)),
        "ssh_algorithms" => Resource::SshAlgorithms(word(0)),
        "archive" => Resource::Archive(Request {
            src: world::path(&word(0)),
            dest: world::path(&word(1)),
            exclude: Vec::new(),
            include: Vec::new(),
            extra_opts: Vec::new(),
            owner: None,
            group: None,
            mode: None,
            keep_newer: false,
        }),
        other => panic!("no resource `{other}`"),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Number(n) => n.to_string(),
        Value::Bool(b) => b.to_string(),
        other => panic!("not a word: {other:?}"),
    }
}

/// The fields of a state in YAML.
struct Fields<'a>(&'a Value);

impl Fields<'_> {
    fn text(&self, key: &str) -> Option<String> {
        self.0.get(key).filter(|v| !v.is_null()).map(text)
    }

    fn word(&self, key: &str) -> String {
        self.text(key).unwrap_or_default()
    }

    fn yes(&self, key: &str) -> bool {
        self.0.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    fn yes_unless(&self, key: &str) -> bool {
        self.0.get(key).and_then(Value::as_bool).unwrap_or(true)
    }

    fn int(&self, key: &str) -> Option<i64> {
        self.0.get(key).and_then(Value::as_i64)
    }

    fn id(&self, key: &str) -> u32 {
        let number = self.int(key).unwrap_or_default();
        u32::try_from(number).expect("a small number")
    }

    fn list(&self, key: &str) -> Vec<String> {
        let items = self.0.get(key).and_then(Value::as_sequence);
        items.into_iter().flatten().map(text).collect()
    }
}

pub(crate) fn state(on: &Resource, value: &Value) -> State {
    if value.as_str() == Some("absent") {
        return State::Absent;
    }
    let f = Fields(value);
    if let Some(words) = f.text("refused") {
        return State::Refused(words);
    }
    match on {
        Resource::User(name) => State::User(user(name, &f)),
        Resource::Group(_) => State::Group(GroupState {
            gid: value
                .as_u64()
                .map_or_else(|| f.id("gid"), |n| u32::try_from(n).expect("small")),
            members: f.list("members"),
            local: f.yes_unless("local"),
            ..GroupState::default()
        }),
        Resource::Package { .. } => State::Package(PackageState {
            version: f.text("version"),
            candidate: f.text("candidate"),
            held: f.yes("held"),
            config_files: f.yes("config_files"),
            providers: f.list("providers"),
            needed_by: f.list("needed_by"),
            latest: f.yes("latest"),
        }),
        Resource::PackageIndex(_) => State::Index(IndexState {
            refreshed: f.int("refreshed").unwrap_or(0),
            now: f.int("now").unwrap_or(0),
        }),
        Resource::PackageUpgrade { .. } => State::Upgrade(UpgradeState {
            pending: f.list("pending"),
        }),
        Resource::Unit { .. } => State::Unit(unit(&f)),
        Resource::Process(_) => State::Text(text(value)),
        Resource::Sysctl(_) => State::Sysctl(text(value)),
        Resource::Mount(_) => State::Mount(MountState {
            source: f.word("source"),
            fstype: f.word("fstype"),
            options: f.list("options"),
            system: f.list("system"),
            bound: f.yes("bound"),
        }),
        Resource::Module(_) => State::Module(ModuleState {
            built_in: f.yes("built_in"),
            available: f.yes("available"),
            loaded: f.yes("loaded"),
            used: f.yes("used"),
        }),
        Resource::Hostname => State::Hostname(HostnameState {
            current: f.word("current"),
            permanent: f.word("permanent"),
            pretty: f.text("pretty"),
        }),
        Resource::Crontab(_)
        | Resource::SshAlgorithms(_)
        | Resource::Ruleset
        | Resource::Table(_) => State::Text(text(value)),
        Resource::Sockets => {
            let ports = |key: &str| {
                f.list(key)
                    .iter()
                    .map(|p| p.parse().expect("a port"))
                    .collect()
            };
            State::Sockets(Sockets {
                tcp: ports("tcp"),
                udp: ports("udp"),
                ssh: ports("ssh"),
            })
        }
        Resource::Getent { .. } => {
            let lines = value.as_sequence().expect("a list of lines");
            State::Text(lines.iter().map(|l| text(l) + "\n").collect())
        }
        Resource::Controller(_) => State::Content(Content::new(text(value).into_bytes())),
        Resource::Archive(_) => State::Archive(ArchiveState {
            unpacked: f.yes("unpacked"),
            handler: f.word("handler"),
            files: f.list("files"),
        }),
        Resource::Glob(_) => {
            let paths = value.as_sequence().expect("a list of paths");
            State::Paths(paths.iter().map(text).collect())
        }
        _ => panic!("states of {on} are not written like this; files stand below `host`"),
    }
}

fn user(name: &str, f: &Fields<'_>) -> UserState {
    UserState {
        uid: f.id("uid"),
        gid: f.id("gid"),
        group: f.text("group").unwrap_or_else(|| name.to_owned()),
        groups: f.list("groups"),
        comment: f.word("comment"),
        home: f.text("home").unwrap_or_else(|| format!("/home/{name}")),
        shell: f.text("shell").unwrap_or_else(|| "/bin/sh".into()),
        password: f.text("password"),
        expires: f.int("expires"),
        min_days: f.int("min_days"),
        max_days: f.int("max_days"),
        warn_days: f.int("warn_days"),
        inactive_days: f.int("inactive_days"),
        local: f.yes_unless("local"),
        home_exists: f.yes_unless("home_exists"),
        ..UserState::default()
    }
}

fn unit(f: &Fields<'_>) -> UnitState {
    UnitState {
        exists: f.yes_unless("exists"),
        running: f.yes("running"),
        enabled: f.0.get("enabled").and_then(Value::as_bool),
        masked: f.yes("masked"),
        levels: f.word("levels"),
        manager: match f.text("manager").as_deref() {
            Some("sysv") => ServiceManager::Sysv,
            Some("openrc") => ServiceManager::OpenRc,
            Some("offline") => ServiceManager::Offline,
            _ => ServiceManager::Systemd,
        },
        kick: f.text("kick").map(|word| match word.as_str() {
            "restart" => Kick::Restart,
            "reload" => Kick::Reload,
            _ => panic!("no kick `{word}`"),
        }),
        ..UnitState::default()
    }
}

/// Whether a step is the one expected: `{ path: … }` for a file, `{ on: …, after: … }` for another
/// resource, `{ run: name }` for a program or command, `{ control: debug text }`.
pub(crate) fn compare(step: &Step, wanted: &Value) {
    match step {
        Step::Set(change) => compare_change(change, wanted),
        Step::Run(run) => {
            let word = wanted.get("run").and_then(Value::as_str);
            let word = word.unwrap_or_else(|| panic!("a run was not expected: {run:?}"));
            let is = match &run.exec {
                Exec::Program(program) => format!("{} {}", program.name, program.text()),
                other => format!("{other:?}"),
            };
            assert!(is.contains(word), "`{word}` is not in {is}");
        }
        Step::Control(control) => {
            let word = wanted.get("control").and_then(Value::as_str);
            let word = word.unwrap_or_else(|| panic!("not expected: {control:?}"));
            let control: &Control = control;
            assert!(
                format!("{control:?}").contains(word),
                "`{word}` is not in {control:?}"
            );
        }
    }
}

fn compare_change(change: &Change, wanted: &Value) {
    if let Some(on) = wanted.get("on") {
        let on = resource(on);
        assert_eq!(change.on, on);
        let after = state(&on, &wanted["after"]);
        assert!(
            change.after.same(&after),
            "{:?} is not {after:?}",
            change.after
        );
    } else {
        let path = wanted["path"].as_str().expect("`path` or `on`");
        let on = change.on.to_string();
        assert_eq!(on, path, "what is changed");
        compare_file(&change.after, wanted);
    }
    let how = wanted.get("how").and_then(Value::as_mapping);
    for (key, value) in how.into_iter().flatten() {
        let key = key.as_str().expect("a word");
        let is = match key {
            "validate" => change.how.validate.clone(),
            "backup" => change.how.backup.clone(),
            option => change.how.option(option).map(str::to_owned),
        };
        assert_eq!(is, Some(text(value)), "how: {key}");
    }
}

fn compare_file(after: &State, wanted: &Value) {
    let keys = wanted.as_mapping().expect("a mapping");
    for (key, value) in keys {
        let key = key.as_str().expect("a word");
        let file = || -> &FileState {
            after
                .file()
                .unwrap_or_else(|| panic!("no file comes of it: {after:?}"))
        };
        match key {
            "path" | "how" => {}
            "absent" => assert!(
                matches!(after, State::Absent)
                    || matches!(after, State::Tree(t) if t.entries.is_empty()),
                "{after:?}"
            ),
            "content" => {
                let content = file().content().unwrap_or_else(|| panic!("no content"));
                if content.bytes.is_some() {
                    let is = content.bytes.as_deref().map(String::from_utf8_lossy);
                    assert_eq!(is.as_deref(), value.as_str(), "content");
                } else {
                    let wanted = Content::new(text(value).into_bytes());
                    assert_eq!(content, &wanted, "content by its digest");
                }
            }
            "bytes" | "dir" | "link" => assert_eq!(file().node, world::node(wanted)),
            "mode" => assert_eq!(
                format!("{:o}", file().mode),
                format!("{:o}", world::mode(value)),
                "mode"
            ),
            "owner" => assert_eq!(file().owner.word(), text(value), "owner"),
            "group" => assert_eq!(file().group.word(), text(value), "group"),
            "uid" => assert_eq!(file().owner.id.map(|i| i.to_string()), Some(text(value))),
            "attributes" => {
                let meta = file().meta.clone().unwrap_or_default();
                assert_eq!(meta.attributes, Some(text(value)));
            }
            other => panic!("`{other}` is not known of a file"),
        }
    }
}
