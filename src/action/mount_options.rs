//! A mounted file system has at least these options, now and after the next boot.
//!
//! Changed when an option is missing: the mount gets it at once, and its entry in fstab, or else the
//! options of its systemd unit, by a drop-in. What is mounted by neither gets a line in fstab where it
//! is a tmpfs. Where the path is no mount point of its own the task is skipped and says so, or mounts the
//! folder over itself: it has the options then, though it shares the space of the file system around it.

use crate::resource::mount::MountState;
use crate::resource::texts::TextFile;
use crate::resource::{Change, Query, RemotePath, Resource, State};
use crate::source::Mapping;

use super::attrs::Attrs;
use super::edit::{Edit, Found};
use super::fstab::{self, Entry, with_options};
use super::{ArgError, Decision, Failure, Observed, Spec, Task};

crate::args! {
    pub(crate) struct Args {
        /// The mount point.
        path: RemotePath = required, aka ["name"];
        /// The options it must have.
        options: Vec<String> = "[]", aka ["opts"];
        /// Fail where the path is no file system of its own.
        separate: bool = "false";
        /// Mount a folder that is no file system of its own over itself, so that it can have the options.
        bind: bool = "false";
        /// The file of entries.
        fstab: RemotePath = "/etc/fstab";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "mount_options",
    collection: "palisade",
    aliases: &[],
    summary: "Sees that a mounted file system has certain options",
    notes: "Changed when an option is missing now, or would be after the next boot.",
    examples: "
- name: Nothing in /dev/shm is executed
  mount_options:
    path: /dev/shm
    options: [nodev, nosuid, noexec]
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

/// Where units are looked for, the strongest first.
const UNITS: &[&str] = &[
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// The drop-in of ours; its name comes late, because the last one stands.
const DROP_IN: &str = "90-palisade.conf";

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    let bad = |o: &String| o.is_empty() || o.contains([' ', '\t', '\n', ',']);
    if args.options.iter().any(bad) {
        return Err(ArgError::new("options", "an option is one word"));
    }
    Ok(Box::new(args))
}

/// The unit that mounts it: what its options are, and the file that says so.
struct Unit {
    options: Vec<String>,
    file: TextFile,
    line: usize,
}

impl Args {
    fn on(&self) -> Resource {
        Resource::Mount(self.path.clone())
    }

    /// The unit and its drop-ins.
    fn units(&self) -> Resource {
        let unit = fstab::unit(self.path.as_str()).replace('\\', "[\\]");
        let files = UNITS.iter().map(|dir| format!("{dir}/{unit}"));
        let more = UNITS.iter().map(|dir| format!("{dir}/{unit}.d/*.conf"));
        Resource::texts(files.chain(more))
    }

    fn drop_in(&self) -> Result<RemotePath, Failure> {
        let unit = fstab::unit(self.path.as_str());
        let path = format!("{}/{unit}.d/{DROP_IN}", UNITS[0]);
        RemotePath::new(&path).map_err(Failure::new)
    }

    /// The options that the unit has, where there is one.
    fn unit(&self, seen: &Observed) -> Result<Option<Unit>, Failure> {
        let files = seen.texts(&self.units()).map_err(Failure::new)?;
        let (mut drop_ins, units): (Vec<_>, Vec<_>) = files
            .into_iter()
            .partition(|f| f.path.parent().name().ends_with(".mount.d"));
        // Files stand in the order of their directories, so the first unit is the one that counts.
        let Some(main) = units.into_iter().next() else {
            return Ok(None);
        };
        let mut names: Vec<String> = Vec::new();
        drop_ins.retain(|f| {
            let new = !names.iter().any(|n| n == f.path.name());
            names.push(f.path.name().to_owned());
            new
        });
        drop_ins.sort_by(|a, b| a.path.name().cmp(b.path.name()));
        let mut unit = Unit {
            options: Vec::new(),
            line: 0,
            file: main.clone(),
        };
        for file in std::iter::once(main).chain(drop_ins) {
            let text = file.text().map_err(Failure::new)?;
            if let Some((line, options)) = assigned(&text) {
                unit = Unit {
                    options,
                    line,
                    file: file.clone(),
                };
            }
        }
        Ok(Some(unit))
    }

    fn missing(&self, present: &[String]) -> bool {
        self.options.iter().any(|o| !present.contains(o))
    }
}

/// The last `Options=` of a unit, with its line.
fn assigned(text: &str) -> Option<(usize, Vec<String>)> {
    let mut section = "";
    let mut found = None;
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.starts_with('[') {
            section = line;
        } else if let Some((key, value)) = line.split_once('=')
            && section == "[Mount]"
            && key.trim() == "Options"
        {
            found = Some((number, split(value)));
        }
    }
    found
}

fn split(options: &str) -> Vec<String> {
    let words = options.split(',').map(str::trim).filter(|o| !o.is_empty());
    words.map(str::to_owned).collect()
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let attrs = Attrs::default();
        let mut queries = vec![Query::meta(self.on()), Query::meta(self.units())];
        queries.extend(edit(&self.fstab, &attrs).reads(seen));
        if let Ok(path) = self.drop_in() {
            queries.extend(edit(&path, &attrs).reads(seen));
        }
        if let Some(State::Texts(_)) = seen.peek(&self.units())
            && let Ok(Some(unit)) = self.unit(seen)
            && unit.file.path.as_str().starts_with("/etc/")
        {
            queries.extend(edit(unit.file.target(), &attrs).reads(seen));
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let mount = match seen.get(&self.on()) {
            State::Mount(mount) if !(self.separate && mount.bound) => mount,
            State::Refused(why) => return Err(Failure::new(why.clone())),
            _ => {
                let why = format!("{} is no file system of its own", self.path);
                if self.separate {
                    let mut failure = Failure::new(why);
                    failure.result.insert("finding".into(), true.into());
                    return Err(failure);
                }
                if self.bind {
                    return self.bound(seen);
                }
                return Ok(Decision::skipped(why));
            }
        };
        let mut decision = Decision::default();
        if !self.options.is_empty() {
            self.keep(seen, mount, &mut decision)?;
        }
        if self.options.iter().any(|o| !mount.has(o)) {
            let mut after = mount.clone();
            after.options = with_options(&mount.options, &self.options);
            let (before, after) = (State::Mount(mount.clone()), State::Mount(after));
            decision.set(Change::new(self.on(), before, after));
        }
        let all: Vec<&str> = mount.options.iter().map(String::as_str).collect();
        decision
            .result
            .insert("effective".into(), all.join(",").into());
        Ok(decision)
    }
}

impl Args {
    /// Mounts the folder over itself, now and at every boot, with what is mounted below it.
    fn bound(&self, seen: &Observed) -> Result<Decision, Failure> {
        let attrs = Attrs::default();
        let fstab = edit(&self.fstab, &attrs);
        let found = fstab.open(seen)?;
        let options = with_options(&["rbind".to_owned()], &self.options);
        let mut decision = match fstab::find(&found.text, self.path.as_str()) {
            Some((_, entry))
                if split(&entry.options)
                    .iter()
                    .any(|o| o == "bind" || o == "rbind") =>
            {
                self.in_fstab(&fstab, &found, &entry, seen)?
            }
            Some((line, _)) => {
                let place = format!("{}:{line}", found.path);
                return Ok(Decision::skipped(format!(
                    "{place} would mount it, and it is not mounted"
                )));
            }
            None => {
                let entry = Entry {
                    source: self.path.to_string(),
                    at: self.path.to_string(),
                    fstype: "none".into(),
                    options: options.join(","),
                    dump: "0".into(),
                    pass: "0".into(),
                };
                let text = fstab::append(&found.text, &entry);
                fstab.close(seen, &found, Some(&text))?.decision
            }
        };
        let mut change = Change::new(
            self.on(),
            State::Absent,
            State::Mount(MountState {
                source: self.path.to_string(),
                fstype: "none".into(),
                options: self.options.clone(),
                system: Vec::new(),
                bound: true,
            }),
        );
        change
            .how
            .options
            .push(("options".into(), options.join(",")));
        decision.set(change);
        Ok(decision)
    }

    /// The options after the next boot.
    fn keep(
        &self,
        seen: &Observed,
        mount: &MountState,
        decision: &mut Decision,
    ) -> Result<(), Failure> {
        let attrs = Attrs::default();
        let fstab = edit(&self.fstab, &attrs);
        let found = fstab.open(seen)?;
        let (at, change) = if let Some((line, entry)) = fstab::find(&found.text, self.path.as_str())
        {
            (
                format!("{}:{line}", found.path),
                self.in_fstab(&fstab, &found, &entry, seen)?,
            )
        } else if let Some(unit) = self.unit(seen)? {
            let at = format!("{}:{}", unit.file.path, unit.line);
            (at, self.in_unit(seen, &unit)?)
        } else if mount.fstype == "tmpfs" {
            let entry = Entry {
                source: mount.source.clone(),
                at: self.path.to_string(),
                fstype: mount.fstype.clone(),
                options: with_options(&["defaults".to_owned()], &self.options).join(","),
                dump: "0".into(),
                pass: "0".into(),
            };
            let text = fstab::append(&found.text, &entry);
            (
                found.path.to_string(),
                fstab.close(seen, &found, Some(&text))?.decision,
            )
        } else {
            let what = "neither fstab nor a unit mounts it: after the next boot it is as before";
            decision.warnings.push(format!("{}: {what}", self.path));
            return Ok(());
        };
        decision.steps.extend(change.steps);
        decision.result.insert("at".into(), at.into());
        Ok(())
    }

    fn in_fstab(
        &self,
        edit: &Edit<'_>,
        found: &Found,
        entry: &Entry,
        seen: &Observed,
    ) -> Result<Decision, Failure> {
        let present = split(&entry.options);
        let options = with_options(&present, &self.options).join(",");
        let changed = |e: &Entry| {
            Some(Entry {
                options: options.clone(),
                ..e.clone()
            })
        };
        let text = fstab::edit(&found.text, self.path.as_str(), changed);
        let text = self.missing(&present).then_some(text.as_str());
        Ok(edit.close(seen, found, text)?.decision)
    }

    /// The file that has the last word gets the options, where it is an administrator's; else a
    /// drop-in does.
    fn in_unit(&self, seen: &Observed, unit: &Unit) -> Result<Decision, Failure> {
        if !self.missing(&unit.options) {
            return Ok(Decision::default());
        }
        let attrs = Attrs::default();
        let options = with_options(&unit.options, &self.options).join(",");
        let ours = self.drop_in()?;
        let theirs = unit.file.target();
        let in_place = unit.line > 0 && unit.file.path.as_str().starts_with("/etc/");
        if !in_place {
            let edit = edit(&ours, &attrs);
            let found = edit.open(seen)?;
            let text = format!("[Mount]\nOptions={options}\n");
            return Ok(edit.close(seen, &found, Some(&text))?.decision);
        }
        let edit = edit(theirs, &attrs);
        let found = edit.open(seen)?;
        let mut text = String::new();
        for (line, number) in found.text.lines().zip(1..) {
            match number == unit.line {
                true => text.push_str(&format!("Options={options}")),
                false => text.push_str(line),
            }
            text.push('\n');
        }
        Ok(edit.close(seen, &found, Some(&text))?.decision)
    }
}

fn edit<'a>(path: &'a RemotePath, attrs: &'a Attrs) -> Edit<'a> {
    Edit {
        path,
        attrs,
        create: true,
        backup: false,
        validate: None,
        encoding: None,
    }
}

#[cfg(test)]
mod tests {
    use super::assigned;

    #[test]
    fn the_last_assignment_in_its_section_stands() {
        let text = "[Unit]\nOptions=no\n[Mount]\nOptions=a\nOptions = b, c\n[Install]\nOptions=x\n";
        let (line, options) = assigned(text).unwrap();
        assert_eq!((line, options.join(" ").as_str()), (5, "b c"));
    }
}
