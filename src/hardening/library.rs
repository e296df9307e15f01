//! All controls and profiles: those of the program, and those of the user's own folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::source::{Code, Diagnostic, File, Files, Node, Span, suggest, yaml};

use super::control::id_of;
use super::field::Fields;
use super::{Control, Profile};

/// The files of `modules/`, as they were when the program was built.
static BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/modules.rs"));

/// Folders within folders of modules: areas are one deep.
const DEPTH: usize = 2;

/// Everything that can be audited.
#[derive(Debug, Default)]
pub struct Library {
    pub controls: BTreeMap<String, Control>,
    pub profiles: BTreeMap<String, Profile>,
    /// Handlers that several controls notify.
    pub handlers: Vec<Node>,
    /// What a host is for, and the condition by which that is seen.
    pub roles: Vec<(String, String)>,
}

impl Library {
    /// The library of the program, and a folder of the user's own whose files win over ours.
    pub fn load(own: Option<&Path>, files: &Files) -> (Library, Vec<Diagnostic>) {
        let mut library = Library::default();
        let mut out = Vec::new();
        for (path, text) in BUILT_IN {
            library.add(&File::new(*path, *text), &mut out);
        }
        if let Some(dir) = own {
            if !files.is_dir(dir) {
                out.push(Diagnostic::bare(format!(
                    "there is no folder {}",
                    dir.display()
                )));
            }
            let mut paths = Vec::new();
            collect(dir, files, DEPTH, &mut paths);
            for path in paths {
                match files.text(&path) {
                    Ok(file) => library.add(&file, &mut out),
                    Err(diagnostic) => out.push(diagnostic),
                }
            }
        }
        library.check(&mut out);
        Diagnostic::label(&mut out, Code::ControlForm);
        (library, out)
    }

    fn add(&mut self, file: &std::sync::Arc<File>, out: &mut Vec<Diagnostic>) {
        let (node, mut found) = yaml::parse_one(file);
        out.append(&mut found);
        let area = file.path.parent().and_then(Path::file_name);
        let stem = file.path.file_stem();
        if area.is_some_and(|a| a == "profiles") {
            if let Some(profile) = Profile::parse(&node, out) {
                self.profiles.insert(profile.id.clone(), profile);
            }
        } else if stem.is_some_and(|s| s == "handlers") {
            match node.as_seq() {
                Some(handlers) => self.handlers.extend(handlers.iter().cloned()),
                None => out.push(Diagnostic::error(&node.span, "handlers are a list")),
            }
        } else if stem.is_some_and(|s| s == "roles") {
            self.roles = roles(&node, out);
        } else if let Some(control) = Control::parse(&node, out) {
            self.controls.insert(control.id.clone(), control);
        }
    }

    /// Profiles name controls that there are.
    fn check(&self, out: &mut Vec<Diagnostic>) {
        for profile in self.profiles.values() {
            for rule in &profile.rules {
                for id in &rule.controls {
                    if !self.controls.contains_key(id) {
                        out.push(self.unknown(id, &rule.span));
                    }
                }
            }
            for (name, value) in &profile.parameters {
                if !self.parameters().contains(name.as_str()) {
                    let text = format!("no control has the parameter `{name}`");
                    out.push(Diagnostic::error(&value.span, text).code(Code::UnknownParameter));
                }
            }
        }
    }

    fn unknown(&self, id: &str, at: &Span) -> Diagnostic {
        let error =
            Diagnostic::error(at, format!("there is no control `{id}`")).code(Code::UnknownControl);
        match suggest::nearest(id, self.controls.keys().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        }
    }

    /// Names of all parameters.
    pub fn parameters(&self) -> BTreeSet<&str> {
        let all = self.controls.values().flat_map(|c| c.parameters.keys());
        all.map(String::as_str).collect()
    }

    /// The profile of a name, or what might have been meant.
    pub fn profile(&self, name: &str) -> Result<&Profile, Diagnostic> {
        self.profiles.get(name).ok_or_else(|| {
            let error = Diagnostic::bare(format!("there is no profile `{name}`"))
                .code(Code::UnknownControl);
            match suggest::nearest(name, self.profiles.keys().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => {
                    let names: Vec<_> = self.profiles.keys().cloned().collect();
                    error.hint(format!("there are {}", names.join(", ")))
                }
            }
        })
    }

    /// The control of a name, or what might have been meant.
    pub fn control(&self, id: &str) -> Result<&Control, Diagnostic> {
        let none = || {
            let mut error = self.unknown(id, &Span::outside(""));
            error.span = None;
            error
        };
        self.controls.get(id).ok_or_else(none)
    }

    /// The control whose file a place is in.
    pub fn at(&self, span: &Span) -> Option<&Control> {
        let control = self.controls.get(&id_of(span.path())?)?;
        (control.span.path() == span.path()).then_some(control)
    }
}

/// `container: {that: CONDITION, why: TEXT}`
fn roles(node: &Node, out: &mut Vec<Diagnostic>) -> Vec<(String, String)> {
    let mut roles = Vec::new();
    for (name, role) in node.as_map().unwrap_or_default() {
        let Some(mut fields) = Fields::of(role, "a role", out) else {
            continue;
        };
        let that = fields.needed("that", out);
        fields.needed("why", out);
        fields.finish(out);
        roles.push((name.as_str().unwrap_or_default().to_owned(), that));
    }
    roles
}

fn collect(dir: &Path, files: &Files, depth: usize, paths: &mut Vec<PathBuf>) {
    for name in files.list(dir) {
        let path = dir.join(&name);
        if name.ends_with(".yml") || name.ends_with(".yaml") {
            paths.push(path);
        } else if depth > 0 && !name.starts_with('.') && files.is_dir(&path) {
            collect(&path, files, depth - 1, paths);
        }
    }
}
