//! No file anywhere is as described: none that anyone may write, none without an owner, and so on.
//!
//! Looks at the local file systems of the whole host, in one walk for all such tasks; what belongs to
//! containers is left out. Files that are found fail the task, which names them; where `mode` says how
//! to put them right, they are changed instead.

use crate::choices;
use crate::resource::file::FileState;
use crate::resource::walk::Which;
use crate::resource::{Change, Query, RemotePath, Resource, State};
use crate::source::{Mapping, Value};

use super::arg::Mode;
use super::path_mode::{is_within_any, said};
use super::{ArgError, Decision, Failure, Observed, Spec, Task, place};

choices! {
    pub(crate) enum What {
        /// Regular files that anyone may write.
        WorldWritable = "world_writable",
        /// Directories that anyone may write, without the sticky bit.
        OpenDirectory = "open_directory",
        /// Files of a user that is in no database.
        Unowned = "unowned",
        /// Files of a group that is in no database.
        Ungrouped = "ungrouped",
        /// Files that run as their owner or group.
        Setid = "setid",
        /// Files of the names in `names`.
        Named = "named",
        /// Files and directories below `below` that their group or anyone may write.
        Writable = "writable",
        /// Files and directories below `below` that are not root's.
        Foreign = "foreign",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// What is looked for.
        what: What = required, aka ["match"];
        /// The names, where those are looked for.
        names: Vec<String> = "[]";
        /// The directories, where files that others write or own are looked for.
        below: Vec<String> = "[]";
        /// Paths, or shell patterns of them, that may be so, with all below.
        except: Vec<String> = "[]", aka ["allowed"];
        /// What makes a file right: a mode as for `chmod`, as in `o-w`.
        mode: Option<Mode>;
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "find_none",
    collection: "palisade",
    aliases: &[],
    summary: "Sees that no file on the host is as described",
    notes: "Changed when files are found and `mode` puts them right; fails where it is not given.",
    examples: r#"
- name: No file is world-writable
  find_none:
    what: world_writable
    mode: o-w
- name: Every file belongs to somebody
  find_none:
    what: unowned
    except: [/srv/import]
- name: No login without a password by host name
  find_none:
    what: named
    names: [.rhosts, .shosts]
- name: Nobody but root writes programs
  find_none:
    what: writable
    below: [/usr/bin, /usr/sbin]
    mode: go-w
"#,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

/// Files that are named in messages and results.
const SHOWN: usize = 20;

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    if (args.what == What::Named) == args.names.is_empty() {
        return Err(ArgError::new(
            "names",
            "`names` and `what: named` belong together",
        ));
    }
    let placed = matches!(args.what, What::Writable | What::Foreign);
    if let Some(Err(wrong)) = args
        .below
        .iter()
        .map(|p| RemotePath::new(p))
        .find(Result::is_err)
    {
        return Err(ArgError::new("below", wrong));
    }
    if placed == args.below.is_empty() {
        return Err(ArgError::new(
            "below",
            "`below` belongs to `what: writable` and `what: foreign`",
        ));
    }
    if args
        .names
        .iter()
        .any(|n| n.is_empty() || n.contains(['/', '\n', '\0']))
    {
        return Err(ArgError::new(
            "names",
            "a name is that of a file in its directory",
        ));
    }
    Ok(Box::new(args))
}

impl Args {
    fn walks(&self) -> Vec<Resource> {
        let each = |which: fn(RemotePath) -> Which| {
            let tops = self
                .below
                .iter()
                .filter_map(|top| RemotePath::new(top).ok());
            tops.map(|top| Resource::Walk(which(top))).collect()
        };
        let which = match self.what {
            What::WorldWritable => Which::WorldWritable,
            What::OpenDirectory => Which::OpenDirectory,
            What::Unowned => Which::Unowned,
            What::Ungrouped => Which::Ungrouped,
            What::Setid => Which::Setid,
            What::Named => {
                let named = |n: &String| Resource::Walk(Which::Named(n.clone()));
                return self.names.iter().map(named).collect();
            }
            What::Writable => return each(Which::Writable),
            What::Foreign => return each(Which::Foreign),
        };
        vec![Resource::Walk(which)]
    }

    fn found<'a>(&self, seen: &'a Observed) -> Result<Vec<&'a (RemotePath, FileState)>, Failure> {
        let mut found = Vec::new();
        for walk in self.walks() {
            match seen.get(&walk) {
                State::Tree(tree) if tree.truncated => {
                    let message = format!("there are too many {walk} to list");
                    return Err(Failure::new(message));
                }
                State::Tree(tree) => found.extend(&tree.entries),
                State::Refused(why) => return Err(Failure::new(format!("{walk}: {why}"))),
                _ => {}
            }
        }
        found.retain(|(path, _)| !is_within_any(path, &self.except));
        Ok(found)
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        self.walks().into_iter().map(Query::meta).collect()
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let found = self.found(seen)?;
        let listed = found.iter().take(SHOWN);
        let mut result = Mapping::new();
        let listed: Mapping = listed
            .map(|(path, state)| (Value::from(path.as_str()), said(state)))
            .collect();
        result.insert("found".into(), Value::Mapping(listed));
        result.insert("count".into(), found.len().into());
        let Some(mode) = &self.mode else {
            return match found.len() {
                0 => Ok(Decision::ok(result)),
                _ => Err(self.complain(&found, result)),
            };
        };
        let mut decision = Decision::ok(result);
        for (path, state) in &found {
            let mut after = state.clone();
            after.meta = None;
            after.mode = mode.apply(state.mode, state.is_dir());
            let (before, after) = (State::File(state.clone()), State::File(after));
            decision.set(Change::new(place::file(path), before, after));
        }
        Ok(decision)
    }
}

impl Args {
    fn complain(&self, found: &[&(RemotePath, FileState)], result: Mapping) -> Failure {
        let what: Vec<String> = self.walks().iter().map(ToString::to_string).collect();
        let mut names: Vec<&str> = found.iter().take(SHOWN).map(|(p, _)| p.as_str()).collect();
        let more = format!("and {} more", found.len().saturating_sub(SHOWN));
        if found.len() > SHOWN {
            names.push(&more);
        }
        let mut result = result;
        result.insert("finding".into(), true.into());
        Failure {
            message: format!("{}: {}", what.join(", "), names.join(", ")),
            result,
        }
    }
}
