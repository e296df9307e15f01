//! Sets a key of a system-wide dconf database, and keeps users from changing it.
//!
//! Databases are made from key files, `/etc/dconf/db/NAME.d/*`, of which later names win, and from lists
//! of locked keys beside them. Ours are `00-palisade`. The profile that makes sessions look into the
//! database is written too. The databases themselves are made by `dconf update`, in a handler.

use crate::resource::texts::TextFile;
use crate::resource::{Query, RemotePath, Resource};
use crate::result;
use crate::source::{Mapping, Value};

use super::arg::{self, Mode};
use super::attrs::Attrs;
use super::edit::Edit;
use super::{ArgError, Decision, Failure, Observed, Spec, Task, drop_ins, unit_file};

crate::args! {
    pub(crate) struct Args {
        /// The key, with its whole path: `/org/gnome/desktop/session/idle-delay`.
        key: String = required;
        /// The value as GVariant text: `true`, `uint32 900`, `'text'`.
        value: Option<Value>;
        /// The largest number that will do, above 0.
        at_most: Option<i64>;
        /// The kind of a number that is written for `at_most`.
        r#type: String = "uint32";
        /// Whether users are kept from setting it themselves.
        lock: bool = "false";
        /// The database: `local` for everybody, `gdm` for the login screen.
        database: String = "local", aka ["db"];
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "dconf",
    collection: "palisade",
    aliases: &[],
    summary: "Sets a key of a system-wide dconf database, and locks it",
    notes: "Changed when a key file, a list of locks or the profile changes. Notify a handler that runs \
            `dconf update`.",
    examples: "
- name: The screen locks itself after 15 minutes
  dconf:
    key: /org/gnome/desktop/session/idle-delay
    at_most: 900
    lock: true
- name: The login screen lists nobody
  dconf:
    database: gdm
    key: /org/gnome/login-screen/disable-user-list
    value: true
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    let parts: Vec<&str> = args.key.split('/').collect();
    let plain = |p: &&str| {
        !p.is_empty()
            && p.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.@".contains(c))
    };
    if parts.len() < 3 || !parts[0].is_empty() || !parts[1..].iter().all(plain) {
        let message = format!("`{}` is no key: it would be `/path/to/key`", args.key);
        return Err(ArgError::new("key", message));
    }
    if args.database.is_empty() || !plain(&args.database.as_str()) {
        return Err(ArgError::new("database", "`database` is a name"));
    }
    if args.value.is_some() == args.at_most.is_some() && !(args.value.is_none() && args.lock) {
        return Err(ArgError::new(
            "value",
            "one of value, at_most, lock must be given",
        ));
    }
    Ok(Box::new(args))
}

impl Args {
    fn folder(&self) -> String {
        format!("/etc/dconf/db/{}.d", self.database)
    }

    /// The section of key files and the name within it.
    fn split(&self) -> (&str, &str) {
        self.key[1..].rsplit_once('/').unwrap_or(("/", &self.key))
    }

    fn keys(&self) -> Resource {
        Resource::texts([format!("{}/*", self.folder())])
    }

    fn locks(&self) -> Resource {
        Resource::texts([format!("{}/locks/*", self.folder())])
    }

    /// Our key file, our locks, and the profile.
    fn paths(&self) -> Result<[RemotePath; 3], Failure> {
        let folder = self.folder();
        let profile = match self.database.as_str() {
            "local" | "site" | "distro" => "user",
            other => other,
        };
        let path = |text: String| RemotePath::new(&text).map_err(Failure::new);
        Ok([
            path(format!("{folder}/00-palisade"))?,
            path(format!("{folder}/locks/00-palisade"))?,
            path(format!("/etc/dconf/profile/{profile}"))?,
        ])
    }

    fn accepts(&self, found: &str) -> bool {
        match (&self.value, self.at_most) {
            (Some(value), _) => unit_file::same(found, &written(value)),
            (None, Some(most)) => {
                let number = found.split_whitespace().last().and_then(|n| n.parse().ok());
                number.is_some_and(|n: i64| n > 0 && n <= most)
            }
            (None, None) => true,
        }
    }

    fn goal(&self) -> Option<String> {
        let bound = || self.at_most.map(|m| format!("{} {m}", self.r#type));
        self.value.as_ref().map(written).or_else(bound)
    }
}

/// A value as key files have it.
fn written(value: &Value) -> String {
    match value {
        Value::Bool(b) => b.to_string(),
        other => arg::text(other).unwrap_or_default(),
    }
}

fn attrs() -> Attrs {
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

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let mut queries = vec![Query::meta(self.keys()), Query::meta(self.locks())];
        for path in self.paths().into_iter().flatten() {
            queries.extend(edit(&path, &attrs()).reads(seen));
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let [own_keys, own_locks, profile] = self.paths()?;
        let (section, name) = self.split();
        let mut effective: Option<(String, TextFile)> = None;
        for file in seen.texts(&self.keys())? {
            for a in unit_file::assignments(&file.text()?) {
                if a.section == section && a.key == name {
                    effective = Some((a.value, file.clone()));
                }
            }
        }
        let mut decision = Decision::default();
        let (is, at) = match &effective {
            Some((value, file)) => (value.as_str(), file.path.as_str()),
            None => ("", ""),
        };
        decision.result = result! { "effective" => is, "at" => at };
        let attrs = attrs();
        let mut put = |path: &RemotePath, with: &dyn Fn(&str) -> String| -> Result<(), Failure> {
            let edit = edit(path, &attrs);
            let found = edit.open(seen)?;
            let text = with(&found.text);
            let changed = (text != found.text).then_some(text.as_str());
            let mut edited = edit.close(seen, &found, changed)?;
            for step in edited.decision.steps.drain(..) {
                // Two files may need the same folder.
                let again = |s: &super::Step| format!("{s:?}") == format!("{step:?}");
                if !decision.steps.iter().any(again) {
                    decision.steps.push(step);
                }
            }
            Ok(())
        };
        if let Some(goal) = self.goal().filter(|_| !self.accepts(is) || is.is_empty()) {
            put(&own_keys, &|text| {
                unit_file::set(text, section, name, std::slice::from_ref(&goal))
            })?;
        }
        if self.lock && !self.is_locked(seen)? {
            put(&own_locks, &|text| with_line(text, &self.key))?;
        }
        put(&profile, &|text| self.profile(text))?;
        if self.goal().is_some()
            && let Some((value, file)) = &effective
            && !self.accepts(value)
            && file.path != own_keys
        {
            let text = unit_file::comment_out(&file.text()?, section, name);
            decision.set(drop_ins::rewrite(file, &text));
        }
        Ok(decision)
    }
}

fn with_line(text: &str, line: &str) -> String {
    let gap = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{text}{gap}{line}\n")
}

impl Args {
    fn is_locked(&self, seen: &Observed) -> Result<bool, Failure> {
        for file in seen.texts(&self.locks())? {
            if file.text()?.lines().any(|l| l.trim() == self.key) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The profile with the database in it, behind the user's own.
    fn profile(&self, text: &str) -> String {
        let line = format!("system-db:{}", self.database);
        if text.lines().any(|l| l.trim() == line) {
            return text.to_owned();
        }
        match text.is_empty() {
            true => format!("user-db:user\n{line}\n"),
            false => with_line(text, &line),
        }
    }
}
