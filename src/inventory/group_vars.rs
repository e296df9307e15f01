//! `group_vars/` and `host_vars/`: variables in files named after groups and hosts.
//!
//! They stand beside an inventory and beside a playbook. `group_vars/web` is a folder, whose files are
//! merged in order of their names, or a file without ending or with `.yml`, `.yaml` or `.json`; the
//! first that exists counts. Files of groups and hosts that nobody knows are not opened.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::MAX_FOLDERS;
use super::load::{LoadEnv, folder_of};
use super::model::Inventory;
use crate::source::yaml::{failed, parse_one};
use crate::source::{Code, Diagnostic, Node};
use crate::vars::{Layer, Var, Vars};

/// What stands beside one inventory or playbook.
#[derive(Clone, Debug, Default)]
pub(super) struct Beside {
    folder: PathBuf,
    groups: HashMap<Arc<str>, Layer>,
    hosts: HashMap<Arc<str>, Layer>,
}

impl Beside {
    pub(super) fn group(&self, name: &str) -> Option<&Layer> {
        self.groups.get(name)
    }

    pub(super) fn host(&self, name: &str) -> Option<&Layer> {
        self.hosts.get(name)
    }

    /// Reads what is new: variables of groups and hosts that were not known before.
    fn grow(&mut self, inventory: &Inventory, env: &LoadEnv<'_>) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        let groups = inventory.groups.iter().map(|g| &*g.name);
        let folder = self.folder.join("group_vars");
        fill(&mut self.groups, &folder, groups, env, &mut diagnostics);
        let hosts = inventory.hosts.iter().map(|h| h.name.as_str());
        let folder = self.folder.join("host_vars");
        fill(&mut self.hosts, &folder, hosts, env, &mut diagnostics);
        diagnostics
    }
}

/// Endings of a vars file, in the order they are looked for.
const ENDINGS: [&str; 4] = ["", ".yml", ".yaml", ".json"];

fn fill<'a>(
    known: &mut HashMap<Arc<str>, Layer>,
    folder: &Path,
    names: impl Iterator<Item = &'a str>,
    env: &LoadEnv<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if !env.files.is_dir(folder) {
        if env.files.is_file(folder) {
            let text = format!("{} is not a folder: it is not read", folder.display());
            let mut found = Diagnostic::bare(text);
            found.severity = crate::source::Severity::Warning;
            diagnostics.push(found);
        }
        return;
    }
    let present: BTreeMap<String, ()> = env
        .files
        .list(folder)
        .into_iter()
        .map(|n| (n, ()))
        .collect();
    for name in names {
        if known.contains_key(name) || name.starts_with('/') {
            continue;
        }
        let path = ENDINGS.iter().find_map(|ending| {
            let file = format!("{name}{ending}");
            // A host may be called `a/b`: its file is in a folder, and not in the list.
            let listed = present.contains_key(&file) || name.contains('/');
            let path = folder.join(file);
            (listed && (env.files.is_file(&path) || env.files.is_dir(&path)) && within(name))
                .then_some(path)
        });
        let Some(path) = path else { continue };
        let mut vars = Vars::new();
        if env.files.is_dir(&path) {
            read_folder(&path, env, 0, &mut vars, diagnostics);
        } else {
            read_file(&path, env, &mut vars, diagnostics);
        }
        known.insert(Arc::from(name), Arc::new(vars));
    }
}

/// A name that leads out of the folder is not looked for.
fn within(name: &str) -> bool {
    !name.split('/').any(|part| part == "..")
}

fn read_folder(
    folder: &Path,
    env: &LoadEnv<'_>,
    depth: usize,
    vars: &mut Vars,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if depth >= MAX_FOLDERS {
        let text = format!(
            "{}: folders nested more than {MAX_FOLDERS} deep",
            folder.display()
        );
        diagnostics.push(Diagnostic::bare(text));
        return;
    }
    for name in env.files.list(folder) {
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        let path = folder.join(&name);
        let ending = name.rfind('.').map_or("", |at| &name[at..]);
        if env.files.is_dir(&path) {
            if ending.is_empty() {
                read_folder(&path, env, depth + 1, vars, diagnostics);
            }
        } else if ENDINGS.contains(&ending) {
            read_file(&path, env, vars, diagnostics);
        }
    }
}

fn read_file(path: &Path, env: &LoadEnv<'_>, vars: &mut Vars, diagnostics: &mut Vec<Diagnostic>) {
    let file = match env.text(path) {
        Ok(file) => file,
        Err(diagnostic) => return diagnostics.push(diagnostic),
    };
    let (root, found) = parse_one(&file);
    let broken = failed(&found);
    diagnostics.extend(found);
    if !broken {
        diagnostics.extend(enter(&root, vars).err());
    }
}

/// Adds the entries of a mapping of variables.
fn enter(root: &Node, vars: &mut Vars) -> Result<(), Diagnostic> {
    let Some(entries) = root.as_map() else {
        if root.is_null() {
            return Ok(());
        }
        let text = format!("a vars file is a mapping, not {}", root.type_name());
        return Err(Diagnostic::error(&root.span, text));
    };
    for (key, value) in entries {
        let Some(name) = super::yaml::key(key) else {
            let text = format!("a variable is named by text, not by {}", key.type_name());
            return Err(Diagnostic::error(&key.span, text));
        };
        vars.insert(name, Var::Template(value.clone()));
    }
    Ok(())
}

impl Inventory {
    /// Reads the variables beside the sources.
    pub(super) fn read_beside_sources(&mut self, env: &LoadEnv<'_>) -> Vec<Diagnostic> {
        let mut folders: Vec<PathBuf> = Vec::new();
        for source in &self.sources {
            if let Some(folder) = folder_of(source, env.files) {
                // Of two sources in one folder the later decides where its variables stand.
                folders.retain(|f| *f != folder);
                folders.push(folder);
            }
        }
        let fresh = |folder| {
            Arc::new(Beside {
                folder,
                ..Beside::default()
            })
        };
        self.beside_sources = folders.into_iter().map(fresh).collect();
        self.read_beside(env)
    }

    /// Makes the variables beside a playbook known, for [`Inventory::layers`].
    pub fn beside_playbook(&mut self, folder: &Path, env: &LoadEnv<'_>) -> Vec<Diagnostic> {
        if self.beside_playbooks.contains_key(folder) {
            return Vec::new();
        }
        let mut beside = Beside {
            folder: folder.to_owned(),
            ..Beside::default()
        };
        let mut diagnostics = beside.grow(self, env);
        Diagnostic::label(&mut diagnostics, Code::InventoryForm);
        self.beside_playbooks
            .insert(folder.to_owned(), Arc::new(beside));
        diagnostics
    }

    /// Reads the variables of groups and hosts that came since: after [`Inventory::add_host`] and
    /// [`Inventory::group_host`].
    pub fn read_beside(&mut self, env: &LoadEnv<'_>) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        let mut sources = std::mem::take(&mut self.beside_sources);
        let mut playbooks = std::mem::take(&mut self.beside_playbooks);
        for beside in sources.iter_mut().chain(playbooks.values_mut()) {
            diagnostics.extend(Arc::make_mut(beside).grow(self, env));
        }
        self.beside_sources = sources;
        self.beside_playbooks = playbooks;
        diagnostics
    }
}
