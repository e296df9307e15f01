//! From a task as written to an action with its arguments, and what it reads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::action::args::ArgError;
use crate::action::{Decision, Done, Observed, Spec, Task as Action};
use crate::plan::{Call, Task};
use crate::resource::file::{FileState, Node};
use crate::resource::hash::INLINE_LIMIT;
use crate::resource::{
    Content, Folder, Identity, LocalEntry, Query, RenderOptions, Resource, State, Want,
};
use crate::source::{Code, Diagnostic, Files, Mapping, Value};
use crate::vars::{Scope, SearchPath, Templar, TemplateError};

use super::verdict::Raw;

/// An action ready to look at a host, and what its arguments depended on.
#[derive(Clone)]
pub(super) struct Prepared {
    pub action: Arc<dyn Action>,
    /// Names that were looked up to render the arguments and local files.
    pub depends: BTreeSet<String>,
    /// Answers the controller gives.
    pub local: Vec<(Query, State)>,
}

/// Why something could not be prepared.
pub(super) enum Unready {
    Pending,
    /// It looks at other hosts, which have to come as far first.
    Others,
    Mistake(Box<TemplateError>),
    Argument(Diagnostic),
}

impl From<TemplateError> for Unready {
    fn from(error: TemplateError) -> Unready {
        match error {
            TemplateError::Pending => Unready::Pending,
            other => Unready::Mistake(Box::new(other)),
        }
    }
}

/// The action a task invokes, by now known.
pub(super) fn call<'a>(
    t: &Templar,
    task: &'a Task,
    scope: &Scope,
) -> Result<(&'static Spec, &'a [(String, crate::source::Node)]), Unready> {
    match &task.call {
        Call::Action { spec, args } => Ok((spec, args)),
        Call::Dynamic { name, args } => {
            let text = t.text(name, scope)?;
            match crate::action::find(&text) {
                Some(spec) => Ok((spec, args)),
                None => {
                    let message = format!("unknown action `{text}`");
                    Err(Unready::Argument(
                        Diagnostic::error(&name.span, message).code(Code::UnknownAction),
                    ))
                }
            }
        }
        Call::IncludeTasks(_) | Call::IncludeRole(_) => Err(Unready::Argument(Diagnostic::error(
            &task.span,
            "an include is not an action",
        ))),
    }
}

/// Renders the arguments and reads them.
pub(super) fn prepare(t: &Templar, task: &Task, scope: &Scope) -> Result<Prepared, Unready> {
    let (spec, args) = call(t, task, scope)?;
    let params = (spec.params)();
    let is = |name: &str| {
        params
            .iter()
            .any(|p| (p.name == name || p.aliases.contains(&name)) && p.type_name == "expression")
    };
    let mut map = t.args(args, scope, &is)?;
    // `args: "{{ x }}"` gives a mapping of further arguments.
    splice(&mut map);
    let action = (spec.parse)(map).map_err(|e| Unready::Argument(placed(task, args, e)))?;
    let depends = scope
        .looked_up
        .lock()
        .map(|l| l.clone())
        .unwrap_or_default();
    Ok(Prepared {
        action: Arc::from(action),
        depends,
        local: Vec::new(),
    })
}

fn splice(map: &mut Mapping) {
    if let Some(Value::Mapping(more)) = map.remove("args") {
        for (key, value) in more {
            map.entry(key).or_insert(value);
        }
    }
}

/// An argument's mistake at the place of the argument.
fn placed(task: &Task, args: &[(String, crate::source::Node)], error: ArgError) -> Diagnostic {
    let node = args
        .iter()
        .find(|(name, _)| *name == error.argument)
        .map(|(_, node)| node);
    let span = node.map_or(&task.span, |n| &n.span);
    let mut diagnostic = Diagnostic::error(span, error.message.as_str()).code(error.code());
    diagnostic.hints.extend(error.hint);
    diagnostic
}

/// Asks the action what it reads, answers what the controller can, and returns what the host must.
pub(super) fn open_questions(
    t: &Templar,
    files: &Files,
    prepared: &mut Prepared,
    observed: &mut Observed,
    scope: &Scope,
) -> Result<Vec<Query>, Unready> {
    // Rounds are bounded by what actions may do; a local answer may make it ask further at once.
    for _ in 0..ROUNDS {
        for (query, state) in &prepared.local {
            observed.put(query.clone(), state.clone());
        }
        let asked = prepared.action.reads(observed);
        let mut open = Vec::new();
        let mut answered = false;
        for query in asked {
            let here = |(q, _): &&(Query, State)| *q == query;
            if is_local(&query.on) {
                if prepared.local.iter().find(here).is_none() {
                    let state = local(t, files, &query, scope)?;
                    prepared.local.push((query, state));
                    answered = true;
                }
            } else if !observed.answers(&query) {
                open.push(query);
            }
        }
        if answered {
            if let Ok(names) = scope.looked_up.lock() {
                prepared.depends.extend(names.iter().cloned());
            }
            continue;
        }
        return Ok(open);
    }
    Ok(Vec::new())
}

/// Rounds of questions an action may ask.
pub(super) const ROUNDS: usize = 6;

fn is_local(on: &Resource) -> bool {
    matches!(
        on,
        Resource::Local { .. } | Resource::Rendered { .. } | Resource::Controller(_)
    )
}

/// Forgets the controller's answers, which mean something only to the task that asked.
pub(super) fn forget_local(prepared: &Prepared, observed: &mut Observed) {
    for (query, _) in &prepared.local {
        observed.remove(&query.on);
    }
}

fn local(t: &Templar, files: &Files, query: &Query, scope: &Scope) -> Result<State, Unready> {
    Ok(match &query.on {
        Resource::Local { path, folder } => match find(files, path, *folder, &scope.search) {
            Some(found) => read(files, &found, t, query.want)?,
            None => State::Absent,
        },
        Resource::Rendered { path, options } => {
            match find(files, path, Folder::Templates, &scope.search) {
                Some(found) => {
                    let file = t.project_file(&found).map_err(Unready::Argument)?;
                    let inner = inside_template(&found, scope);
                    let text = t.file(&file, &render_options(options), &inner)?;
                    if let (Ok(names), Ok(mut all)) =
                        (inner.looked_up.lock(), scope.looked_up.lock())
                    {
                        all.extend(names.iter().cloned());
                    }
                    State::Content(Content::new(text.into_bytes()))
                }
                None => State::Absent,
            }
        }
        Resource::Controller(path) => {
            super::local::look(files, &controller_path(path, &scope.search))
        }
        _ => State::Absent,
    })
}

/// What a task's variables are inside a template file: its own path is known there, and what files
/// say of themselves who did not choose other words.
fn inside_template(path: &Path, scope: &Scope) -> Scope {
    let text = |text: &str| crate::vars::Var::data(&text.into());
    let shown = path.to_string_lossy();
    let own = ["template_path", "template_fullpath"].map(|name| (name.to_owned(), text(&shown)));
    let words = [("ansible_managed".to_owned(), text("Ansible managed"))];
    let mut layers = vec![std::sync::Arc::new(own.into_iter().collect())];
    layers.extend(scope.layers.iter().cloned());
    layers.push(std::sync::Arc::new(words.into_iter().collect()));
    Scope::new(layers, scope.hosts.clone(), scope.search.clone())
}

/// A place on the controller that is written to: beside the playbook unless it is absolute.
pub(super) fn controller_path(path: &str, search: &SearchPath) -> PathBuf {
    match (Path::new(path).is_absolute(), search.bases.last()) {
        (false, Some(base)) => base.join(path),
        _ => PathBuf::from(path),
    }
}

fn render_options(options: &RenderOptions) -> crate::vars::RenderOptions {
    crate::vars::RenderOptions {
        trim_blocks: options.trim_blocks,
        lstrip_blocks: options.lstrip_blocks,
        newline: options.newline.clone(),
        block: options.block.clone(),
        variable: options.variable.clone(),
        comment: options.comment.clone(),
    }
}

/// A file or directory of the controller's. Vaulted files are copied as their plain text, unless the
/// cipher is wanted.
fn read(files: &Files, path: &Path, t: &Templar, want: Want) -> Result<State, Unready> {
    let mistake = |why: String| {
        Unready::Argument(
            Diagnostic::bare(format!("cannot read {}: {why}", path.display()))
                .code(Code::Unreadable),
        )
    };
    if files.is_dir(path) {
        let mut entries = Vec::new();
        let reader = Reader { files, t, want };
        reader.walk(path, "", &mut entries).map_err(mistake)?;
        return Ok(State::LocalTree(entries));
    }
    let reader = Reader { files, t, want };
    let content = reader.content(path).map_err(mistake)?;
    if !want.has(Want::META) {
        return Ok(State::Content(content));
    }
    let mut state = FileState::fresh(Node::File(Some(content)), &Identity::default());
    state.mode = files.mode(path);
    Ok(State::File(state))
}

/// Reads files of the controller's the way a task wants them.
struct Reader<'a> {
    files: &'a Files,
    t: &'a Templar,
    want: Want,
}

impl Reader<'_> {
    /// A file's bytes; of one that is too large to be held, the digest and where it is.
    fn content(&self, path: &Path) -> Result<Content, String> {
        let plain = |e: std::io::Error| crate::source::files::plain(&e);
        if let Some(mut file) = self.files.large(path, INLINE_LIMIT) {
            return Content::read(&mut file, path).map_err(plain);
        }
        let mut bytes = self.files.bytes(path).map_err(plain)?;
        if !self.want.has(Want::CIPHER) {
            bytes = self.t.plain(bytes).map_err(|d| d.message)?;
        }
        Ok(Content::new(bytes))
    }

    fn walk(
        &self,
        base: &Path,
        below: &str,
        out: &mut Vec<(String, LocalEntry)>,
    ) -> Result<(), String> {
        for name in self.files.list(&base.join(below)) {
            if out.len() >= crate::resource::tree::MAX_ENTRIES {
                let most = crate::resource::tree::MAX_ENTRIES;
                return Err(format!("there are more than {most} files in it"));
            }
            let relative = if below.is_empty() {
                name
            } else {
                format!("{below}/{name}")
            };
            let path = base.join(&relative);
            let link = self
                .files
                .link(&path)
                .filter(|_| self.want.has(Want::LINKS));
            if let Some(target) = link {
                out.push((relative, LocalEntry::Link(target)));
            } else if self.files.is_dir(&path) {
                out.push((relative.clone(), LocalEntry::Dir));
                self.walk(base, &relative, out)?;
            } else {
                let content = self.content(&path)?;
                let mode = self.files.mode(&path);
                out.push((relative, LocalEntry::File { content, mode }));
            }
        }
        Ok(())
    }
}

/// The first place along the search path where a relative name exists.
pub(super) fn find(
    files: &Files,
    name: &str,
    folder: Folder,
    search: &SearchPath,
) -> Option<PathBuf> {
    let exists = |p: &PathBuf| files.is_file(p) || files.is_dir(p);
    let name = name
        .strip_suffix('/')
        .filter(|n| !n.is_empty())
        .unwrap_or(name);
    let path = match name.strip_prefix("~/") {
        Some(rest) => files.home()?.join(rest),
        None => PathBuf::from(name),
    };
    if path.is_absolute() {
        return Some(path).filter(exists);
    }
    let folder = match folder {
        Folder::Files => "files",
        Folder::Templates => "templates",
        Folder::Vars => "vars",
    };
    let places = search
        .bases
        .iter()
        .flat_map(|base| [base.join(folder).join(&path), base.join(&path)]);
    places.into_iter().find(exists)
}

/// The raw verdict of an item whose steps were all carried out.
pub(super) fn conclude(action: &dyn Action, decision: &Decision, done: &[Done]) -> Raw {
    let mut raw = concluded(action, decision, done);
    if done
        .iter()
        .any(|d| matches!(d, Done::Ran(ran) if ran.truncated))
    {
        raw.result.insert("output_truncated".into(), true.into());
        raw.warnings.push(CUT.into());
    }
    raw
}

/// What is said of output that was longer than what is kept of it.
const CUT: &str = "the output was cut: it is longer than a result may hold";

fn concluded(action: &dyn Action, decision: &Decision, done: &[Done]) -> Raw {
    match action.conclude(decision, done) {
        Ok(result) => {
            let said = result.get("changed").and_then(Value::as_bool);
            Raw {
                changed: said.unwrap_or_else(|| decision.changes()),
                result,
                changes: diffs(decision),
                skipped: decision.skipped.clone(),
                facts: decision.facts.clone(),
                vars: decision.vars.clone(),
                warnings: decision.warnings.clone(),
                shown: decision.shown,
                ..Raw::default()
            }
        }
        Err(failure) => {
            let said = failure.result.contains_key("changed");
            let mut raw = Raw::failure(failure);
            raw.changes = diffs(decision);
            // A command of the user's that failed has run all the same.
            raw.changed = raw.changed
                || !said
                    && decision.steps.iter().any(|step| match step {
                        crate::action::Step::Run(run) => {
                            run.changes && !matches!(run.exec, crate::resource::Exec::Program(_))
                        }
                        _ => false,
                    });
            raw
        }
    }
}

/// The changes of a decision as text.
pub(super) fn diffs(decision: &Decision) -> Vec<super::event::Diff> {
    let changes = decision.steps.iter().filter_map(|step| match step {
        crate::action::Step::Set(change) => Some(change),
        _ => None,
    });
    changes.map(super::event::Diff::of).collect()
}
