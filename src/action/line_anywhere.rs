//! Some line of several files matches, or none does.
//!
//! For settings that programs collect from a main file and its folders, and whose lines are no plain
//! names and values. A line that is wanted and stands nowhere is added to one file; lines that are not
//! wanted become comments wherever they stand, or fail the task for a person to look at.

use crate::choices;
use crate::resource::{Query, RemotePath, Resource};
use crate::result;
use crate::source::pyre::PyFlags;
use crate::source::{Mapping, Value};

use super::arg::Mode;
use super::attrs::Attrs;
use super::edit::Edit;
use super::pattern::Pattern;
use super::{ArgError, Decision, Failure, Observed, Spec, Task, drop_ins};

choices! {
    pub(crate) enum Wanted {
        /// At least one line matches.
        Present = "present",
        /// No line matches.
        Absent = "absent",
    }
}

choices! {
    pub(crate) enum Fix {
        /// Lines become comments.
        Comment = "comment",
        /// The task fails.
        Fail = "fail",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The files, as shell patterns with their whole paths.
        paths: Vec<String> = required, aka ["files"];
        /// A regular expression, looked for in every line that is no comment.
        regexp: String = required, aka ["regex"];
        /// Whether a line should match.
        state: Wanted = "present";
        /// The line that is added where none matches. Without it the task fails there.
        line: Option<String>;
        /// The file it is added to.
        file: Option<RemotePath>;
        /// What becomes of lines that should not be there.
        fix: Fix = "comment";
        /// What makes a line a comment.
        comment: String = "'#'";
        /// Permissions of the file where it is made.
        mode: Option<Mode>;
        /// Pass over hosts on which none of the files is there.
        optional: bool = "true";
        /// A command that must accept the file before it is put in place; `%s` is its path.
        validate: Option<String>;
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "line_anywhere",
    collection: "palisade",
    aliases: &[],
    summary: "Some line of several files matches, or none does",
    notes: "Changed when a line is added or lines become comments. The result says where lines match.",
    examples: r"
- name: chrony knows a server
  line_anywhere:
    paths: [/etc/chrony/chrony.conf, /etc/chrony/conf.d/*.conf, /etc/chrony/sources.d/*.sources]
    regexp: ^\s*(pool|server)\s
    line: pool pool.ntp.org iburst
    file: /etc/chrony/sources.d/palisade.sources
- name: Every package source is signed
  line_anywhere:
    paths: [/etc/apt/sources.list, /etc/apt/sources.list.d/*.list]
    regexp: \[[^]]*trusted=yes
    state: absent
    fix: fail
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    Pattern::check("regexp", Some(&args.regexp), PyFlags::default())?;
    super::place::check_validate(args.validate.as_deref())?;
    if args.paths.is_empty() || args.paths.iter().any(|p| !p.starts_with('/')) {
        return Err(ArgError::new(
            "paths",
            "`paths` are whole paths, or patterns of them",
        ));
    }
    if args.line.is_some() != args.file.is_some() || args.line.is_some() && !args.adds() {
        return Err(ArgError::new(
            "line",
            "`line` and `file` belong together, with `state: present`",
        ));
    }
    if args.line.as_ref().is_some_and(|l| l.contains('\n')) {
        return Err(ArgError::new("line", "`line` is one line"));
    }
    Ok(Box::new(args))
}

impl Args {
    fn adds(&self) -> bool {
        self.state == Wanted::Present
    }

    fn texts(&self) -> Resource {
        Resource::Texts(self.paths.clone())
    }

    fn attrs(&self) -> Attrs {
        Attrs {
            mode: self.mode.clone(),
            ..Attrs::default()
        }
    }

    fn edit<'a>(&'a self, path: &'a RemotePath, attrs: &'a Attrs) -> Edit<'a> {
        Edit {
            path,
            attrs,
            create: true,
            backup: false,
            validate: self.validate.as_deref(),
            encoding: None,
        }
    }

    fn is_comment(&self, line: &str) -> bool {
        line.trim_start().starts_with(self.comment.as_str())
    }

    fn add(&self, seen: &Observed, decision: &mut Decision) -> Result<(), Failure> {
        let (Some(line), Some(path)) = (&self.line, &self.file) else {
            let message = format!("no line of {} matches {}", self.texts(), self.regexp);
            return Err(Failure::finding(message, decision.result.clone()));
        };
        let attrs = self.attrs();
        let edit = self.edit(path, &attrs);
        let found = edit.open(seen)?;
        let mut text = found.text.clone();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');
        let mut edited = edit.close(seen, &found, Some(&text))?;
        decision.steps.append(&mut edited.decision.steps);
        Ok(())
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let mut queries = vec![Query::meta(self.texts())];
        if let Some(path) = &self.file {
            queries.extend(self.edit(path, &self.attrs()).reads(seen));
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let pattern = Pattern::line(&self.regexp)?;
        let files = seen.texts(&self.texts())?;
        if files.is_empty() && self.optional {
            return Ok(Decision::ok(result! { "exists" => false }));
        }
        let (mut at, mut changes) = (Vec::new(), Vec::new());
        for file in &files {
            let (text, mut after) = (file.text()?, String::new());
            for (number, line) in text.split_inclusive('\n').enumerate() {
                let bare = line.trim_end_matches(['\r', '\n']);
                if !self.is_comment(bare) && pattern.is_match(bare) {
                    at.push(Value::from(format!("{}:{}: {bare}", file.path, number + 1)));
                    after.push_str(&self.comment);
                }
                after.push_str(line);
            }
            if after != text {
                let mut change = drop_ins::rewrite(file, &after);
                change.how.validate.clone_from(&self.validate);
                changes.push(change);
            }
        }
        pattern.finish()?;
        let none = at.is_empty();
        let mut decision = Decision::ok(result! { "at" => Value::Sequence(at.clone()) });
        match (self.state, none) {
            (Wanted::Present, true) => self.add(seen, &mut decision)?,
            (Wanted::Absent, false) if self.fix == Fix::Fail => {
                let first = at.first().and_then(Value::as_str).unwrap_or_default();
                let message = format!("{} of such lines, as {first}", at.len());
                return Err(Failure::finding(message, decision.result));
            }
            (Wanted::Absent, false) => changes.into_iter().for_each(|c| decision.set(c)),
            _ => {}
        }
        Ok(decision)
    }
}
