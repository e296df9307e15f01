//! Permissions of paths are no wider than a bound, and their owner is one of several.
//!
//! Changed when a mode has bits beyond the bound (they are taken away, nothing is ever added but what
//! `at_least` names), or when owner or group is none of those named (the first is set). Paths that
//! are not there are passed over; where none is, the task is skipped and says so. Symbolic links are
//! followed, except below a directory with `recurse`.

use crate::choices;
use crate::resource::file::{FileState, Owner};
use crate::resource::texts::matches;
use crate::resource::{Change, Query, RemotePath, Resource, State, Want};
use crate::source::{Mapping, Value};

use super::arg::Mode;
use super::attrs::Attrs;
use super::{ArgError, Decision, Failure, Observed, Spec, Task, place};

choices! {
    pub(crate) enum Kind {
        Any = "any",
        File = "file",
        Directory = "directory",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The paths it is about; shell patterns are expanded.
        path: Vec<String> = required, aka ["paths", "dest", "name"];
        /// The bits a mode may have at most.
        mode: Option<Mode>;
        /// The same for directories, where that is another bound.
        directory_mode: Option<Mode>;
        /// The bits a mode must have, for instance the sticky bit.
        at_least: Option<Mode>;
        /// The users it may belong to; the first where it belongs to none of them.
        owner: Vec<String> = "[]";
        /// The groups it may belong to; the first where it belongs to none of them.
        group: Vec<String> = "[]";
        /// Look at everything below a directory too.
        recurse: bool = "false";
        /// Which kinds of paths are looked at.
        kind: Kind = "any";
        /// Paths, or shell patterns of them, that are left as they are, with all below.
        exclude: Vec<String> = "[]";
        /// Fail where nothing is there.
        required: bool = "false";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "path_mode",
    collection: "palisade",
    aliases: &[],
    summary: "Bounds permissions and owners of paths",
    notes: "Changed when a mode is wider than the bound, or owner or group is none of those named.",
    examples: r#"
- name: Only root and its group read the shadow file
  path_mode:
    path: [/etc/shadow, /etc/shadow-]
    mode: "0640"
    owner: root
    group: [shadow, root]
- name: Logs are for those who keep them
  path_mode:
    path: /var/log
    recurse: true
    mode: "0640"
    directory_mode: "0755"
    exclude: ["/var/log/journal", "/var/log/*tmp", "/var/log/lastlog"]
- name: Nobody removes another's file
  path_mode:
    path: [/tmp, /var/tmp]
    mode: "1777"
    at_least: "1000"
"#,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

/// Paths that are named in the result; a person reads no more.
const SHOWN: usize = 40;

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    for (name, mode) in [
        ("mode", &args.mode),
        ("directory_mode", &args.directory_mode),
        ("at_least", &args.at_least),
    ] {
        if mode.as_ref().is_some_and(|m| !matches!(m, Mode::Bits(_))) {
            let message = format!("argument `{name}` must be a bound in octal");
            return Err(ArgError::new(name, message).hint("write it as \"0640\""));
        }
    }
    for path in &args.path {
        RemotePath::new(path).map_err(|e| ArgError::new("path", e))?;
    }
    let asks = args.mode.is_some() || args.directory_mode.is_some() || args.at_least.is_some();
    if !asks && args.owner.is_empty() && args.group.is_empty() {
        return Err(ArgError::new("mode", "nothing is asked of the paths")
            .hint("give `mode`, `owner` or `group`"));
    }
    Ok(Box::new(args))
}

fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

fn bits(mode: Option<&Mode>) -> Option<u32> {
    match mode {
        Some(Mode::Bits(bits)) => Some(*bits),
        _ => None,
    }
}

impl Args {
    /// The paths, as far as patterns have been expanded.
    fn tops(&self, seen: &Observed) -> Vec<RemotePath> {
        let mut tops = Vec::new();
        for path in &self.path {
            if !is_pattern(path) {
                tops.extend(RemotePath::new(path).map(|p| place::expand(seen, &p)));
            } else if let Some(State::Paths(found)) = seen.peek(&Resource::Glob(path.clone())) {
                tops.extend(found.iter().filter_map(|p| RemotePath::new(p).ok()));
            }
        }
        tops
    }

    fn is_excluded(&self, path: &RemotePath) -> bool {
        is_within_any(path, &self.exclude)
    }

    /// Everything that is there, links at its top followed.
    fn found(&self, seen: &Observed) -> Result<Vec<(RemotePath, FileState)>, Failure> {
        let mut found = Vec::new();
        for top in self.tops(seen) {
            let at = place::resolve(seen, &top, true);
            let Some(state) = place::look(seen, &at)? else {
                continue;
            };
            found.push((at.clone(), state.clone()));
            if !(self.recurse && state.is_dir()) {
                continue;
            }
            match seen.get(&Resource::Tree(at.clone())) {
                State::Tree(tree) if tree.truncated => {
                    return Err(Failure::new(format!("there is too much below {at}")));
                }
                State::Tree(tree) => found.extend(tree.entries.iter().cloned()),
                State::Refused(why) => return Err(Failure::new(format!("{at}: {why}"))),
                _ => {}
            }
        }
        let fits = |state: &FileState| match self.kind {
            Kind::Any => !state.is_link(),
            Kind::File => state.is_file(),
            Kind::Directory => state.is_dir(),
        };
        found.retain(|(path, state)| fits(state) && !self.is_excluded(path));
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found.dedup_by(|a, b| a.0 == b.0);
        Ok(found)
    }

    /// What has to be otherwise about a file.
    fn attrs(&self, state: &FileState) -> Attrs {
        let bound = match (state.is_dir(), bits(self.directory_mode.as_ref())) {
            (true, Some(bound)) => Some(bound),
            _ => bits(self.mode.as_ref()),
        };
        let mode =
            (state.mode & bound.unwrap_or(0o7777)) | bits(self.at_least.as_ref()).unwrap_or(0);
        let other =
            |names: &[String], is: &Owner| match names.iter().any(|n| Owner::written(n).same(is)) {
                true => None,
                false => names.first().cloned(),
            };
        Attrs {
            mode: (mode != state.mode).then_some(Mode::Bits(mode)),
            owner: other(&self.owner, &state.owner),
            group: other(&self.group, &state.group),
            ..Attrs::default()
        }
    }
}

/// Whether a path, or a directory above it, matches one of the patterns.
pub(super) fn is_within_any(path: &RemotePath, patterns: &[String]) -> bool {
    let mut above = place::ancestors(path);
    above.push(path.clone());
    let hits = |pattern: &String| above.iter().any(|p| matches(pattern, p.as_str()));
    patterns.iter().any(hits)
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let patterns = self.path.iter().filter(|p| is_pattern(p));
        let mut queries: Vec<Query> = patterns
            .map(|p| Query::meta(Resource::Glob(p.clone())))
            .collect();
        for top in self.tops(seen) {
            queries.extend(place::trail(seen, &top, true, Want::META));
            let at = place::resolve(seen, &top, true);
            if self.recurse && place::peek(seen, &at).is_some_and(FileState::is_dir) {
                queries.push(Query::meta(Resource::Tree(at)));
            }
        }
        for (_, state) in self.peeked(seen) {
            for query in self.attrs(&state).lookups(Some(&state), &seen.me) {
                if !queries.contains(&query) {
                    queries.push(query);
                }
            }
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let found = self.found(seen)?;
        if found.is_empty() {
            let none = format!("there is no {}", self.path.join(", "));
            return match self.required {
                true => Err(Failure::new(none)),
                false => Ok(Decision::skipped(none)),
            };
        }
        let mut decision = Decision::default();
        let mut effective = Mapping::new();
        for (path, state) in &found {
            let after = self.attrs(state).settle(seen, state.clone())?;
            let change = Change::new(
                place::file(path),
                State::File(state.clone()),
                State::File(after),
            );
            if effective.len() < SHOWN && (found.len() <= SHOWN || !change.is_empty()) {
                effective.insert(path.as_str().into(), said(state));
            }
            decision.set(change);
        }
        decision.result = crate::result! {
            "effective" => effective,
            "count" => found.len(),
        };
        Ok(decision)
    }
}

impl Args {
    /// What is known so far, for the next round of questions.
    fn peeked(&self, seen: &Observed) -> Vec<(RemotePath, FileState)> {
        let mut found = Vec::new();
        for top in self.tops(seen) {
            let at = place::resolve(seen, &top, true);
            let state = place::peek(seen, &at).cloned();
            found.extend(state.map(|s| (at.clone(), s)));
            if let Some(State::Tree(tree)) = seen.peek(&Resource::Tree(at)) {
                found.extend(tree.entries.iter().cloned());
            }
        }
        found.retain(|(path, state)| !state.is_link() && !self.is_excluded(path));
        found
    }
}

/// `0640 root:shadow`.
pub(super) fn said(state: &FileState) -> Value {
    let (owner, group) = (state.owner.word(), state.group.word());
    format!("{} {owner}:{group}", place::mode_text(state.mode)).into()
}
