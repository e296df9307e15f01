//! Where roles and their files are, and files of tasks.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::playbook::{On, RoleEntry, is_template, scalar};
use crate::source::suggest;

use super::path;
use super::place::Place;

/// Endings of a file that was named without one, in Ansible's order.
pub(in crate::plan) const ENDINGS: [&str; 4] = ["", ".yml", ".yaml", ".json"];

/// Roles that depend on roles, read ahead; the rest is read when it is met.
const READ_AHEAD: usize = 8;

impl super::Compiler {
    /// Reads the files of roles before they are met, in parallel: parsing is most of the work.
    pub(in crate::plan) fn read_ahead(&self, entries: &[RoleEntry], place: &Place, depth: usize) {
        if depth > READ_AHEAD {
            return;
        }
        entries.par_iter().for_each(|entry| {
            let name = scalar(&entry.name).filter(|name| !is_template(name));
            let Some(dir) = name.and_then(|name| self.find_role(name.trim(), place).ok()) else {
                return;
            };
            for (kind, on) in [("tasks", On::Task), ("handlers", On::Handler)] {
                let folder = dir.join(kind);
                let names = self.store.files.list(&folder);
                let yaml = |name: &&String| name.ends_with(".yml") || name.ends_with(".yaml");
                names.par_iter().filter(yaml).for_each(|name| {
                    self.store.tasks(&folder.join(name), on);
                });
            }
            for kind in ["defaults", "vars"] {
                if let Some(file) = self.role_file(&dir.join(kind), "main") {
                    self.store.node(&file);
                }
            }
            let meta = self.role_file(&dir.join("meta"), "main");
            if let Some(file) = meta.filter(|file| !self.store.has(file)) {
                self.read_ahead(&self.store.meta(&file).value.dependencies, place, depth + 1);
            }
        });
    }

    /// The file of tasks of this name, and where it was looked for.
    pub(in crate::plan) fn find_tasks(
        &self,
        place: &Place,
        name: &str,
    ) -> (Option<PathBuf>, Vec<PathBuf>) {
        let tried = place.task_files(name);
        let found = tried
            .iter()
            .find(|file| self.store.files.is_file(file))
            .cloned();
        (found, tried)
    }

    /// A file of a role, with the ending it happens to have. `main` alone comes last, as a folder may.
    pub(in crate::plan) fn role_file(&self, dir: &Path, name: &str) -> Option<PathBuf> {
        let (first, rest) = (&ENDINGS[..1], &ENDINGS[1..]);
        let order = match name {
            "main" => rest.iter().chain(first),
            _ => first.iter().chain(rest),
        };
        let mut files = order.map(|ending| path::join(dir, &format!("{name}{ending}")));
        files.find(|file| self.store.files.is_file(file))
    }

    /// The folder of a role; or what to say about its absence, with hints.
    pub(in crate::plan) fn find_role(
        &self,
        name: &str,
        place: &Place,
    ) -> Result<PathBuf, (String, Vec<String>)> {
        let files = &self.store.files;
        let tried = self.role_places(name, place);
        if let Some(found) = tried.iter().find(|dir| files.is_dir(dir)) {
            return Ok(found.clone());
        }
        let parts: Vec<&str> = name.split('.').collect();
        if let [namespace, collection, _] = parts[..]
            && !name.contains('/')
        {
            let text = format!("there is no role `{name}`: its collection is not installed");
            let hint = format!(
                "install it with `ansible-galaxy collection install {namespace}.{collection}`"
            );
            return Err((text, vec![hint, path::places(&tried)]));
        }
        let mut hints = Vec::new();
        let folders = tried.iter().map(|dir| path::parent(dir));
        let present: Vec<String> = folders.flat_map(|dir| files.list(&dir)).collect();
        if let Some(near) = suggest::nearest(name, present.iter().map(String::as_str)) {
            hints.push(format!("did you mean `{near}`?"));
        }
        hints.push(path::places(&tried));
        Err((format!("there is no role `{name}`"), hints))
    }

    /// Where a role may be: a collection, beside the playbook, on the roles path, beside the role that asks.
    fn role_places(&self, name: &str, place: &Place) -> Vec<PathBuf> {
        let dir = &place.stage.dir;
        let mut tried = Vec::new();
        let parts: Vec<&str> = name.split('.').collect();
        let mut homes = Vec::new();
        if let [namespace, collection, role] = parts[..] {
            homes.push((format!("{namespace}/{collection}"), role));
        } else if !name.contains('/') {
            let known = place.keywords.collections.iter();
            homes.extend(known.map(|collection| (collection.replace('.', "/"), name)));
        }
        for (collection, role) in homes {
            let below = format!("ansible_collections/{collection}/roles/{role}");
            tried.push(path::join(&dir.join("collections"), &below));
            let paths = self.options.collections_path.iter();
            tried.extend(paths.map(|base| path::join(base, &below)));
        }
        if parts.len() == 3
            && !name.contains('/')
            && !self.store.files.is_dir(&dir.join("roles").join(name))
        {
            tried.dedup();
            tried.push(path::join(&dir.join("roles"), name));
            return tried;
        }
        tried.push(path::join(&dir.join("roles"), name));
        tried.extend(
            self.options
                .roles_path
                .iter()
                .map(|base| path::join(base, name)),
        );
        if let Some(role) = place.role() {
            tried.push(path::join(&path::parent(&role.dir), name));
        }
        tried.push(path::join(dir, name));
        tried
    }
}
