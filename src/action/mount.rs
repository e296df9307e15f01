//! Mounts file systems and keeps their entries in `/etc/fstab`.
//!
//! Changed when fstab changes, or what is mounted. `remounted` always is. Differs from Ansible's: the
//! directory of an `absent` mount is left where it is not empty, without failing.

use crate::choices;
use crate::resource::file::FileState;
use crate::resource::mount::MountState;
use crate::resource::{Change, Query, RemotePath, Resource, State, Want};
use crate::source::Mapping;

use super::attrs::Attrs;
use super::edit::Edit;
use super::fstab::{self, Entry};
use super::{ArgError, Decision, Failure, Observed, Spec, Task, place};

choices! {
    pub(crate) enum Wanted {
        Mounted = "mounted",
        Present = "present",
        Unmounted = "unmounted",
        Remounted = "remounted",
        Ephemeral = "ephemeral",
        Absent = "absent",
        AbsentFromFstab = "absent_from_fstab",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The directory it is mounted on.
        path: RemotePath = required, aka ["name"];
        /// How it should be: `present` is in fstab alone, `ephemeral` mounted alone, `mounted` both.
        state: Wanted = required;
        /// The device, network folder or label.
        src: Option<String>;
        /// The type of the file system.
        fstype: Option<String>;
        /// Its options, as in fstab.
        opts: Option<String>;
        /// Whether `opts` are kept out of the output; they always are out of messages here.
        opts_no_log: bool = "false";
        /// The fifth column.
        dump: String = "'0'";
        /// The sixth column: when it is checked at boot.
        passno: String = "'0'";
        /// The file.
        fstab: RemotePath = "/etc/fstab";
        /// Whether it is mounted at boot.
        boot: bool = "true";
        /// Keep the old file beside the new one.
        backup: bool = "false";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "mount",
    collection: "ansible.posix",
    aliases: &[],
    summary: "Mounts file systems and keeps their entries in fstab",
    notes: "Changed when fstab changes, or what is mounted; `remounted` always is.",
    examples: "
- name: A disk for data
  mount:
    path: /srv/data
    src: LABEL=data
    fstype: xfs
    opts: noatime,nodev,nosuid
    state: mounted
- name: Nobody executes what lies in /tmp
  mount:
    path: /tmp
    src: tmpfs
    fstype: tmpfs
    opts: nodev,nosuid,noexec,size=2g
    state: present
- name: The disc is put away
  mount:
    path: /mnt/dvd
    state: absent
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    let needs = matches!(
        args.state,
        Wanted::Mounted | Wanted::Present | Wanted::Ephemeral
    );
    for (name, given) in [("src", &args.src), ("fstype", &args.fstype)] {
        if needs && given.as_deref().is_none_or(str::is_empty) {
            let state = args.state.word();
            return Err(ArgError::new(
                name,
                format!("state is {state} but `{name}` is missing"),
            ));
        }
    }
    Ok(Box::new(args))
}

impl Args {
    fn on(&self) -> Resource {
        Resource::Mount(self.path.clone())
    }

    fn edits(&self) -> bool {
        matches!(
            self.state,
            Wanted::Mounted | Wanted::Present | Wanted::Absent | Wanted::AbsentFromFstab
        )
    }

    fn options(&self) -> String {
        let given = self.opts.as_deref().filter(|o| !o.is_empty());
        let options = given.unwrap_or("defaults");
        match self.boot || options.split(',').any(|o| o == "noauto") {
            true => options.to_owned(),
            false => format!("{options},noauto"),
        }
    }

    fn entry(&self) -> Entry {
        Entry {
            source: self.src.clone().unwrap_or_default(),
            at: self.path.to_string(),
            fstype: self.fstype.clone().unwrap_or_default(),
            options: self.options(),
            dump: self.dump.clone(),
            pass: self.passno.clone(),
        }
    }

    fn text(&self, text: &str) -> String {
        let at = self.path.as_str();
        if matches!(self.state, Wanted::Absent | Wanted::AbsentFromFstab) {
            return fstab::edit(text, at, |_| None);
        }
        let entry = self.entry();
        match fstab::find(text, at) {
            Some(_) => fstab::edit(text, at, |_| Some(entry.clone())),
            None => fstab::append(text, &entry),
        }
    }

    /// What is mounted now, and the change to what should be.
    fn live(&self, seen: &Observed, edited: bool, decision: &mut Decision) -> Result<(), Failure> {
        let before = match seen.get(&self.on()) {
            State::Refused(why) => return Err(Failure::new(why.clone())),
            state => state.clone(),
        };
        let mounted = matches!(before, State::Mount(_));
        let mut change = Change::new(self.on(), before.clone(), before.clone());
        match self.state {
            Wanted::Absent | Wanted::Unmounted => change.after = State::Absent,
            Wanted::Mounted | Wanted::Ephemeral if !mounted => {
                change.after = State::Mount(self.target());
                change.how.options.push(("options".into(), self.options()));
            }
            Wanted::Mounted if edited => return self.remount(&before, decision),
            Wanted::Ephemeral => return self.is_the_one(&before),
            Wanted::Remounted if !mounted => {
                return Err(Failure::new(format!("{} is not mounted", self.path)));
            }
            Wanted::Remounted => {
                self.remount(&before, decision)?;
                decision.changed = Some(true);
                return Ok(());
            }
            _ => return Ok(()),
        }
        decision.set(change);
        Ok(())
    }

    fn target(&self) -> MountState {
        MountState {
            source: self.src.clone().unwrap_or_default(),
            fstype: self.fstype.clone().unwrap_or_default(),
            options: self.options().split(',').map(str::to_owned).collect(),
            system: Vec::new(),
            bound: false,
        }
    }

    /// What is mounted gets other options.
    fn remount(&self, before: &State, decision: &mut Decision) -> Result<(), Failure> {
        let State::Mount(mount) = before else {
            return Err(Failure::new(format!("{} is not mounted", self.path)));
        };
        let options: Vec<String> = self.options().split(',').map(str::to_owned).collect();
        let mut after = mount.clone();
        let given: Vec<String> = options.into_iter().filter(|o| o != "defaults").collect();
        after.options = fstab::with_options(&mount.options, &given);
        let mut change = Change::new(self.on(), before.clone(), State::Mount(after));
        change.how.options.push(("options".into(), self.options()));
        decision.set(change);
        Ok(())
    }

    fn is_the_one(&self, before: &State) -> Result<(), Failure> {
        let is = match before {
            State::Mount(mount) => mount.source.as_str(),
            _ => "",
        };
        match self.src.as_deref() {
            Some(src) if src == is => Ok(()),
            _ => {
                let message = format!("{} is taken by {is} already", self.path);
                Err(Failure::new(message))
            }
        }
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let attrs = Attrs::default();
        let mut queries = vec![Query::meta(self.on())];
        if self.edits() {
            queries.extend(edit(self, &attrs).reads(seen));
        }
        if self.state == Wanted::Absent {
            queries.push(Query::meta(place::file(&self.path)));
            queries.push(Query::new(Resource::Tree(self.path.clone()), Want::META));
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let attrs = Attrs::default();
        let mut decision = Decision::default();
        let mut edited = false;
        if self.edits() {
            let edit = edit(self, &attrs);
            let found = edit.open(seen)?;
            let text = self.text(&found.text);
            edited = text != found.text;
            let done = edit.close(seen, &found, edited.then_some(text.as_str()))?;
            decision = done.decision;
            if let Some(backup) = done.backup {
                decision.result.insert("backup_file".into(), backup.into());
            }
        }
        self.live(seen, edited, &mut decision)?;
        if self.state == Wanted::Absent {
            self.remove_point(seen, &mut decision);
        }
        decision.result.extend(crate::result! {
            "name" => self.path.as_str(),
            "fstab" => self.fstab.as_str(),
            "boot" => if self.boot { "yes" } else { "no" },
        });
        if self.src.is_some() || self.fstype.is_some() {
            decision.result.extend(crate::result! {
                "src" => self.src.clone().unwrap_or_default(),
                "fstype" => self.fstype.clone().unwrap_or_default(),
                "opts" => if self.opts_no_log { "hidden".to_owned() } else { self.options() },
                "dump" => self.dump.clone(),
                "passno" => self.passno.clone(),
            });
        }
        Ok(decision)
    }
}

impl Args {
    /// The directory goes with the mount, if there is nothing in it; what is in it while something is
    /// mounted there is not seen.
    fn remove_point(&self, seen: &Observed, decision: &mut Decision) {
        let on = place::file(&self.path);
        let dir = seen.get(&on).file().is_some_and(FileState::is_dir);
        let empty = match seen.get(&Resource::Tree(self.path.clone())) {
            State::Tree(tree) => tree.entries.is_empty(),
            _ => false,
        };
        let covered = !seen.get(&self.on()).is_absent();
        if dir && empty && !covered {
            decision.set(Change::new(
                on.clone(),
                seen.get(&on).clone(),
                State::Absent,
            ));
        }
    }
}

fn edit<'a>(args: &'a Args, attrs: &'a Attrs) -> Edit<'a> {
    Edit {
        path: &args.fstab,
        attrs,
        create: matches!(args.state, Wanted::Mounted | Wanted::Present),
        backup: args.backup,
        validate: None,
        encoding: None,
    }
}
