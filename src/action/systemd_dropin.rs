//! Sets options of a systemd unit, or of one of systemd's own programs, in a drop-in of our own.
//!
//! What is in effect follows from the main file and all drop-ins: later names win, lists add up, an
//! empty assignment takes back. Options that are as they should be stay where they are; the others go
//! to our drop-in, and what would win over it there is made a comment. A unit that is not on the host
//! needs no options. systemd reads its files anew when it is told to: notify a handler.

use crate::resource::texts::TextFile;
use crate::resource::{Query, RemotePath, Resource};
use crate::result;
use crate::source::{Mapping, Value};

use super::arg::Mode;
use super::attrs::Attrs;
use super::edit::Edit;
use super::{ArgError, Decision, Failure, Observed, Spec, Task, arg, drop_ins, unit_file};

crate::args! {
    pub(crate) struct Args {
        /// The unit whose options they are; `.service` where it has no ending.
        unit: Option<String>, aka ["service"];
        /// The program of systemd's whose options they are, by its file: `journald.conf`, `system.conf`.
        config: Option<String>;
        /// The section they stand in; by default the one that such a file is about.
        section: Option<String>;
        /// The options. A list is for options that add up: what was assigned elsewhere is taken back first.
        options: Mapping = required;
        /// Leave options alone that are set already, to whatever it is.
        only_unset: bool = "false";
        /// Write into the main file instead, where those look who read no drop-ins; only with `config`.
        main: bool = "false";
        /// The name of the drop-in, without `.conf`. Names that sort later win.
        name: String = "90-palisade";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "systemd_dropin",
    collection: "palisade",
    aliases: &[],
    summary: "Sets options of a systemd unit, or of systemd's own programs, in a drop-in",
    notes: "Changed when an option is not in effect as it should be. The result says what is in effect, \
            and where it is set.",
    examples: "
- name: The journal outlives a reboot
  systemd_dropin:
    config: journald.conf
    options: {Storage: persistent, Compress: true}
- name: The mail server sees no home directories
  systemd_dropin:
    unit: postfix.service
    options:
      ProtectHome: true
      SystemCallFilter: ['@system-service', '~@mount']
  notify: reload systemd
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

/// Where units and drop-ins stand; the first wins over the others.
const UNIT_ROOTS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
const CONFIG_ROOTS: [&str; 4] = [
    "/etc/systemd",
    "/run/systemd",
    "/usr/local/lib/systemd",
    "/usr/lib/systemd",
];

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let mut args = Args::read(map)?;
    for name in [&mut args.unit, &mut args.config].into_iter().flatten() {
        if name.is_empty() || name.contains(['/', '*', '?', '[']) {
            return Err(ArgError::new(
                "",
                format!("`{name}` is no name of a unit or file"),
            ));
        }
    }
    match (&mut args.unit, &mut args.config) {
        (Some(_), Some(_)) | (None, None) => {
            return Err(ArgError::new("", "one of unit, config must be given"));
        }
        (Some(unit), None) if !unit.contains('.') => unit.push_str(".service"),
        (None, Some(config)) if !config.ends_with(".conf") => config.push_str(".conf"),
        _ => {}
    }
    if args.name.is_empty() || args.name.contains('/') {
        return Err(ArgError::new(
            "name",
            "`name` is a file's name without its path",
        ));
    }
    let section = args.section();
    let mut wanted = Vec::new();
    for (key, value) in &args.options {
        let key = arg::text(key).unwrap_or_default();
        wanted.push(Wanted::read(&key, value)?);
    }
    Ok(Box::new(Dropin {
        args,
        section,
        wanted,
    }))
}

struct Dropin {
    args: Args,
    section: String,
    wanted: Vec<Wanted>,
}

/// An option as it should be.
struct Wanted {
    key: String,
    values: Vec<String>,
    adds_up: bool,
}

/// An option as it is: what counts of its assignments, and where the last one stands.
#[derive(Default)]
struct Effective {
    values: Vec<String>,
    at: Option<String>,
}

impl Wanted {
    fn read(key: &str, value: &Value) -> Result<Wanted, ArgError> {
        let word = |v: &Value| match v {
            Value::Bool(true) => Some("yes".to_owned()),
            Value::Bool(false) => Some("no".to_owned()),
            other => arg::text(other),
        };
        let items = match value {
            Value::Sequence(items) => items.iter().map(word).collect(),
            one => word(one).map(|w| vec![w]),
        };
        let values: Vec<String> = items.unwrap_or_default();
        if key.is_empty() || key.contains(['=', '\n', '[']) {
            return Err(ArgError::new("options", format!("`{key}` is no option")));
        }
        if values.is_empty() || values.iter().any(|v| v.contains('\n') || v.ends_with('\\')) {
            let message = format!("option `{key}` must have a value, or a list, in one line each");
            return Err(ArgError::new("options", message));
        }
        Ok(Wanted {
            key: key.to_owned(),
            values,
            adds_up: matches!(value, Value::Sequence(_)),
        })
    }

    fn is_met(&self, is: &Effective) -> bool {
        let same = |(a, b): (&String, &String)| unit_file::same(a, b);
        match self.adds_up {
            true => {
                is.values.len() == self.values.len() && is.values.iter().zip(&self.values).all(same)
            }
            false => match (is.values.last(), self.values.first()) {
                (Some(last), Some(wanted)) => unit_file::same(last, wanted),
                (None, wanted) => wanted.is_none_or(String::is_empty),
                _ => false,
            },
        }
    }

    /// What stands in our drop-in.
    fn lines(&self) -> Vec<String> {
        let first = self.adds_up && self.values.first().is_none_or(|v| !v.is_empty());
        let reset = first.then(String::new);
        reset
            .into_iter()
            .chain(self.values.iter().cloned())
            .collect()
    }
}

impl Args {
    fn section(&self) -> String {
        let default = match (&self.section, &self.unit, &self.config) {
            (Some(section), _, _) => section.as_str(),
            (None, Some(unit), _) => match unit.rsplit('.').next().unwrap_or_default() {
                "socket" => "Socket",
                "timer" => "Timer",
                "mount" => "Mount",
                "automount" => "Automount",
                "path" => "Path",
                "slice" => "Slice",
                "swap" => "Swap",
                "target" | "device" => "Unit",
                _ => "Service",
            },
            (None, None, config) => match config.as_deref().unwrap_or_default() {
                "journald.conf" => "Journal",
                "timesyncd.conf" => "Time",
                "logind.conf" => "Login",
                "resolved.conf" => "Resolve",
                "coredump.conf" => "Coredump",
                "journal-upload.conf" => "Upload",
                "journal-remote.conf" => "Remote",
                "networkd.conf" => "Network",
                "sleep.conf" => "Sleep",
                "homed.conf" => "Home",
                "oomd.conf" => "OOM",
                "pstore.conf" => "PStore",
                _ => "Manager",
            },
        };
        default.to_owned()
    }

    /// The main file, best first, and the folders of drop-ins, best first.
    fn places(&self) -> (Vec<String>, Vec<String>) {
        let (roots, name): (&[&str], &str) = match (&self.unit, &self.config) {
            (Some(unit), _) => (&UNIT_ROOTS, unit),
            (None, config) => (&CONFIG_ROOTS, config.as_deref().unwrap_or_default()),
        };
        let mut names = vec![name.to_owned()];
        let mut folders = vec![format!("{name}.d")];
        if self.unit.is_some()
            && let Some((stem, kind)) = name.rsplit_once('.')
        {
            if let Some((template, _)) = stem.split_once('@') {
                names.push(format!("{template}@.{kind}"));
                folders.push(format!("{template}@.{kind}.d"));
            }
            let dashes = stem.match_indices('-').map(|(at, _)| &stem[..=at]);
            let mut prefixes: Vec<_> = dashes.map(|p| format!("{p}.{kind}.d")).collect();
            prefixes.reverse();
            folders.extend(prefixes);
            folders.push(format!("{kind}.d"));
        }
        let under = |names: &[String]| -> Vec<String> {
            let of = |n: &String| {
                roots
                    .iter()
                    .map(move |r| format!("{r}/{n}"))
                    .collect::<Vec<_>>()
            };
            names.iter().flat_map(of).collect()
        };
        (under(&names), under(&folders))
    }
}

impl Dropin {
    fn texts(&self) -> Resource {
        let (mains, folders) = self.args.places();
        let patterns = folders.iter().map(|f| format!("{f}/*.conf"));
        Resource::texts(mains.into_iter().chain(patterns))
    }

    fn path(&self) -> Result<RemotePath, Failure> {
        let (mains, folders) = self.args.places();
        let path = match self.args.main {
            true => mains[0].clone(),
            false => format!("{}/{}.conf", folders[0], self.args.name),
        };
        RemotePath::new(&path).map_err(Failure::new)
    }

    /// The files that are read, in the order in which they are: the main one, then drop-ins by name.
    fn files(&self, seen: &Observed) -> Result<Option<Vec<TextFile>>, Failure> {
        let (mains, folders) = self.args.places();
        let all = seen.texts(&self.texts())?;
        let main = mains
            .iter()
            .find_map(|m| all.iter().find(|f| f.path.as_str() == m));
        let Some(main) = main else {
            return Ok(None);
        };
        let rank = |f: &TextFile| {
            let folder = f.path.parent();
            folders.iter().position(|d| d == folder.as_str())
        };
        let mut parts: Vec<(String, usize, &TextFile)> = all
            .iter()
            .filter_map(|f| Some((f.path.name().to_owned(), rank(f)?, f)))
            .collect();
        parts.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        parts.dedup_by(|later, first| later.0 == first.0);
        let parts = parts.into_iter().map(|(_, _, f)| f.clone());
        Ok(Some(std::iter::once(main.clone()).chain(parts).collect()))
    }

    fn effective(&self, wanted: &Wanted, files: &[TextFile]) -> Result<Effective, Failure> {
        let mut is = Effective::default();
        for file in files {
            for a in unit_file::assignments(&file.text()?) {
                if a.section != self.section || a.key != wanted.key {
                    continue;
                }
                if a.value.is_empty() || !wanted.adds_up {
                    is.values.clear();
                }
                if !a.value.is_empty() {
                    is.values.push(a.value);
                }
                is.at = Some(format!("{}:{}", file.path, a.lines.start + 1));
            }
        }
        Ok(is)
    }

    /// Our drop-in with the options in it, and the files after it without them.
    fn write(
        &self,
        seen: &Observed,
        files: &[TextFile],
        unmet: &[&Wanted],
        decision: &mut Decision,
    ) -> Result<(), Failure> {
        let path = self.path()?;
        let attrs = new_attrs();
        let edit = edit(&path, &attrs);
        let found = edit.open(seen)?;
        let mut text = found.text.clone();
        for wanted in unmet {
            text = unit_file::set(&text, &self.section, &wanted.key, &wanted.lines());
        }
        let mut edited = edit.close(seen, &found, (text != found.text).then_some(&text))?;
        decision.steps.append(&mut edited.decision.steps);
        let behind = |f: &&TextFile| self.args.main || f.path.name() > path.name();
        for file in files.iter().skip(1).filter(behind) {
            let before = file.text()?.into_owned();
            let without =
                |text: String, w: &&Wanted| unit_file::comment_out(&text, &self.section, &w.key);
            let after = unmet.iter().fold(before.clone(), without);
            if after.lines().ne(before.lines()) {
                decision.set(drop_ins::rewrite(file, &after));
            }
        }
        Ok(())
    }
}

/// A drop-in is no secret, whatever the umask.
fn new_attrs() -> Attrs {
    Attrs {
        mode: Some(Mode::Bits(0o644)),
        ..Attrs::default()
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

impl Task for Dropin {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let mut queries = vec![Query::meta(self.texts())];
        if let Ok(path) = self.path() {
            queries.extend(edit(&path, &new_attrs()).reads(seen));
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let Some(files) = self.files(seen)? else {
            return Ok(Decision::ok(result! { "exists" => false }));
        };
        let (mut effective, mut at) = (Mapping::new(), Mapping::new());
        let mut unmet = Vec::new();
        for wanted in &self.wanted {
            let is = self.effective(wanted, &files)?;
            let kept = self.args.only_unset && !is.values.is_empty();
            if !kept && !wanted.is_met(&is) {
                unmet.push(wanted);
            }
            effective.insert(wanted.key.as_str().into(), is.values.join(" ").into());
            at.extend(is.at.map(|at| (wanted.key.as_str().into(), at.into())));
        }
        let mut decision = Decision::ok(result! {
            "exists" => true,
            "effective" => Value::Mapping(effective),
            "at" => Value::Mapping(at),
        });
        if !unmet.is_empty() {
            self.write(seen, &files, &unmet, &mut decision)?;
        }
        Ok(decision)
    }
}
