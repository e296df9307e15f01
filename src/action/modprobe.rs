//! Loads and unloads kernel modules, keeps them loaded at boot, or sees that they cannot be loaded.
//!
//! Changed when a module is loaded or unloaded, or a file that says so changes. `blocked` writes an
//! `install` line that comes before all others and a `blacklist` line, and unloads the module; one that
//! is in use, now or as a mounted file system, is left alone: the task is skipped and says so.

use crate::choices;
use crate::resource::module::{ModuleState, canonical};
use crate::resource::mount::parse as mounts;
use crate::resource::texts::TextFile;
use crate::resource::{Change, Query, RemotePath, Resource, State, Want};
use crate::source::Mapping;

use super::attrs::Attrs;
use super::{ArgError, Decision, Failure, Observed, Spec, Task, drop_ins, place};

choices! {
    pub(crate) enum Wanted {
        Present = "present",
        Absent = "absent",
        /// It cannot be loaded.
        Blocked = "blocked",
    }
}

choices! {
    pub(crate) enum Persistent {
        Disabled = "disabled",
        Present = "present",
        Absent = "absent",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The module.
        name: String = required;
        /// Whether it is loaded, or cannot be.
        state: Wanted = "present";
        /// Parameters it is loaded with.
        params: String = "''";
        /// Whether it is loaded at boot too; `disabled` leaves that as it is.
        persistent: Persistent = "disabled";
        /// Types of file systems that the module is for: where one is mounted, it is in use.
        filesystems: Vec<String> = "[]";
        /// The file that says what is blocked; its name comes first, because the first `install` stands.
        file: RemotePath = "/etc/modprobe.d/00-palisade.conf";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "modprobe",
    collection: "community.general",
    aliases: &[],
    summary: "Loads, unloads or blocks kernel modules",
    notes: "Changed when a module is loaded or unloaded, or a file that says so changes. `blocked` is our own.",
    examples: "
- name: Bridges are filtered
  modprobe:
    name: br_netfilter
    persistent: present
- name: Nobody mounts cramfs
  modprobe:
    name: cramfs
    state: blocked
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

/// Where modules are configured; a file hides those of its name in later folders.
const FILES: &[&str] = &[
    "/etc/modprobe.d/*.conf",
    "/run/modprobe.d/*.conf",
    "/usr/local/lib/modprobe.d/*.conf",
    "/usr/lib/modprobe.d/*.conf",
    "/lib/modprobe.d/*.conf",
];
/// Where modules are named that are loaded at boot.
const LOADED: &[&str] = &["/etc/modules-load.d/*.conf", "/etc/modules"];
/// Programs that a module is "installed" by so that it is not loaded. The first is what is written:
/// most scanners know no other.
const NOTHING: &[&str] = &["/bin/true", "/bin/false", "/usr/bin/true", "/usr/bin/false"];
const MOUNTS: &str = "/proc/self/mountinfo";

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let mut args = Args::read(map)?;
    args.name = args.name.trim().to_owned();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if args.name.is_empty() || !args.name.bytes().all(plain) {
        return Err(ArgError::new(
            "name",
            format!("`{}` is no name of a module", args.name),
        ));
    }
    if args.params.contains('\n') {
        return Err(ArgError::new("params", "parameters are one line"));
    }
    if args.state == Wanted::Blocked && args.persistent != Persistent::Disabled {
        return Err(ArgError::new(
            "persistent",
            "what is blocked is not loaded at boot",
        ));
    }
    Ok(Box::new(args))
}

impl Args {
    fn on(&self) -> Resource {
        Resource::Module(self.name.clone())
    }

    fn texts(&self) -> Resource {
        match self.state {
            Wanted::Blocked => Resource::texts(FILES.iter().copied()),
            _ => Resource::texts(LOADED.iter().copied().chain(["/etc/modprobe.d/*.conf"])),
        }
    }

    fn mounts() -> Option<Resource> {
        RemotePath::new(MOUNTS).ok().map(Resource::File)
    }

    fn is(&self, name: &str) -> bool {
        canonical(name) == canonical(&self.name)
    }

    fn module<'a>(&self, seen: &'a Observed) -> Result<&'a ModuleState, Failure> {
        match seen.get(&self.on()) {
            State::Module(module) => Ok(module),
            State::Refused(why) => Err(Failure::new(format!("{}: {why}", self.name))),
            _ => Err(Failure::new("the kernel's modules are not known")),
        }
    }

    /// The type of a mounted file system that needs the module.
    fn mounted(&self, seen: &Observed) -> Option<String> {
        let file = seen.get(&Args::mounts()?).file()?;
        let text = file.content()?.text()?.to_owned();
        let mut types = mounts(&text).into_iter().map(|(at, m)| (m.fstype, at));
        let found = types.find(|(fstype, _)| self.is(fstype) || self.filesystems.contains(fstype));
        found.map(|(fstype, at)| format!("{at} is a mounted {fstype}"))
    }

    fn blocked(&self, seen: &Observed) -> Result<Decision, Failure> {
        let module = self.module(seen)?;
        let in_use = match self.mounted(seen) {
            Some(why) => Some(why),
            None => module.used.then(|| "something uses it now".to_owned()),
        };
        if let Some(why) = in_use {
            let why = format!("{} is left alone: {why}", self.name);
            return Ok(Decision::skipped(why));
        }
        let files = drop_ins::overlaid(seen.texts(&self.texts()).map_err(Failure::new)?);
        let rules = self.rules(&files)?;
        let attrs = Attrs::default();
        let edit = drop_ins::own(&self.file, &attrs);
        let found = edit.open(seen)?;
        let mut text = found.text.clone();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let stops = rules
            .install
            .as_ref()
            .is_some_and(|(command, _)| NOTHING.contains(&command.as_str()));
        if !stops {
            text = drop_ins::lines(&text, |_, line| {
                let mut words = line.split_whitespace();
                let is =
                    words.next() == Some("install") && words.next().is_some_and(|n| self.is(n));
                is.then(String::new)
            });
            text.push_str(&format!("install {} {}\n", self.name, NOTHING[0]));
        }
        if !rules.blacklisted {
            text.push_str(&format!("blacklist {}\n", self.name));
        }
        let changed = (!stops || !rules.blacklisted).then_some(text.as_str());
        let mut decision = edit.close(seen, &found, changed)?.decision;
        if module.loaded {
            self.load(module, false, &mut decision);
        }
        let (install, at) = rules.install.unzip();
        decision.result = crate::result! {
            "name" => self.name.as_str(),
            "loaded" => module.loaded,
            "available" => module.available || module.built_in,
            "blacklisted" => rules.blacklisted,
            "install" => install.unwrap_or_default(),
            "at" => at.unwrap_or_default(),
        };
        Ok(decision)
    }

    /// What the files say of the module: the first `install` line stands.
    fn rules(&self, files: &[TextFile]) -> Result<Rules, Failure> {
        let mut rules = Rules::default();
        for file in files {
            let text = file.text().map_err(Failure::new)?;
            for (line, number) in text.lines().zip(1..) {
                let mut words = line.split_whitespace();
                let (keyword, name) = (words.next(), words.next());
                if !name.is_some_and(|n| self.is(n)) {
                    continue;
                }
                match keyword {
                    Some("blacklist") => rules.blacklisted = true,
                    Some("install") if rules.install.is_none() => {
                        let command = words.collect::<Vec<_>>().join(" ");
                        rules.install = Some((command, format!("{}:{number}", file.path)));
                    }
                    _ => {}
                }
            }
        }
        Ok(rules)
    }

    fn load(&self, module: &ModuleState, loaded: bool, decision: &mut Decision) {
        if module.loaded == loaded || module.built_in {
            return;
        }
        let after = ModuleState {
            loaded,
            ..module.clone()
        };
        let (before, after) = (State::Module(module.clone()), State::Module(after));
        let mut change = Change::new(self.on(), before, after);
        if loaded && !self.params.is_empty() {
            change
                .how
                .options
                .push(("params".into(), self.params.clone()));
        }
        decision.set(change);
    }
}

#[derive(Default)]
struct Rules {
    install: Option<(String, String)>,
    blacklisted: bool,
}

impl Args {
    fn load_file(&self) -> Result<RemotePath, Failure> {
        RemotePath::new(&format!("/etc/modules-load.d/{}.conf", self.name)).map_err(Failure::new)
    }

    fn params_file(&self) -> Result<RemotePath, Failure> {
        RemotePath::new(&format!("/etc/modprobe.d/{}.conf", self.name)).map_err(Failure::new)
    }

    fn own_files(&self) -> Result<[RemotePath; 2], Failure> {
        Ok([self.load_file()?, self.params_file()?])
    }

    /// Whether it is loaded at boot, and with which parameters.
    fn persist(&self, seen: &Observed, decision: &mut Decision) -> Result<(), Failure> {
        let files = seen.texts(&self.texts()).map_err(Failure::new)?;
        let [load, params] = self.own_files()?;
        let names =
            |file: &TextFile, line: &str| match file.path.as_str().starts_with("/etc/modprobe.d") {
                false => self.is(line.trim()),
                true => {
                    let mut words = line.split_whitespace();
                    words.next() == Some("options") && words.next().is_some_and(|n| self.is(n))
                }
            };
        let present = self.persistent == Persistent::Present;
        let wanted_params = format!("options {} {}", self.name, self.params);
        let (mut is_loaded, mut has_params) = (false, self.params.is_empty());
        for file in &files {
            let text = file.text().map_err(Failure::new)?.into_owned();
            let options = file.path.as_str().starts_with("/etc/modprobe.d");
            let new = drop_ins::lines(&text, |_, line| {
                let keep = present && (!options || line.trim() == wanted_params);
                (names(file, line) && !keep).then(|| format!("#{line}"))
            });
            let kept = new.lines().any(|l| names(file, l));
            is_loaded |= kept && !options;
            has_params |= kept && options;
            if new != text {
                decision.set(drop_ins::rewrite(file, &new));
            }
        }
        let attrs = Attrs::default();
        for (path, missing, line) in [
            (&load, !is_loaded, &self.name),
            (&params, !has_params, &wanted_params),
        ] {
            if present && missing {
                let edit = drop_ins::own(path, &attrs);
                let found = edit.open(seen)?;
                let text = format!("{line}\n");
                decision
                    .steps
                    .extend(edit.close(seen, &found, Some(&text))?.decision.steps);
            }
        }
        Ok(())
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let attrs = Attrs::default();
        let mut queries = vec![Query::meta(self.on())];
        match (self.state, self.persistent) {
            (Wanted::Blocked, _) => {
                let want = Want::META.and(Want::CONTENT);
                queries.extend(Args::mounts().map(|on| Query::new(on, want)));
                queries.extend(drop_ins::own(&self.file, &attrs).reads(seen));
                queries.push(Query::meta(self.texts()));
            }
            (_, Persistent::Disabled) => {}
            _ => {
                queries.push(Query::meta(self.texts()));
                for path in self.own_files().iter().flatten() {
                    queries.extend(drop_ins::own(path, &attrs).reads(seen));
                    queries.extend(place::ask_ancestors(path));
                }
            }
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        if self.state == Wanted::Blocked {
            return self.blocked(seen);
        }
        let module = self.module(seen)?;
        let mut decision = Decision::default();
        self.load(module, self.state == Wanted::Present, &mut decision);
        if self.persistent != Persistent::Disabled {
            self.persist(seen, &mut decision)?;
        }
        decision.result = crate::result! {
            "name" => self.name.as_str(),
            "params" => self.params.as_str(),
            "state" => self.state.word(),
        };
        Ok(decision)
    }
}
