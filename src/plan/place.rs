//! Where a list of tasks stands: in which play, which roles, which files, and under which keywords.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::playbook::On;
use crate::vars::{Layer, SearchPath};

use super::{Keywords, Role, path};

/// What the tasks of a play have in common.
#[derive(Debug)]
pub(in crate::plan) struct Stage {
    pub(in crate::plan) dir: PathBuf,
    pub(in crate::plan) vars: Layer,
}

/// A role being used, with what is its own and not inherited.
#[derive(Debug)]
pub(in crate::plan) struct Use {
    pub(in crate::plan) role: Arc<Role>,
    pub(in crate::plan) defaults: Layer,
    pub(in crate::plan) vars: Layer,
    /// `vars:` of the entry that uses it.
    pub(in crate::plan) entry: Layer,
}

/// See the page of this module. Kept with every include, so that it can be carried out later.
#[derive(Clone, Debug)]
pub struct Place {
    pub(in crate::plan) stage: Arc<Stage>,
    pub(in crate::plan) keywords: Arc<Keywords>,
    /// Roles around, outermost first.
    pub(in crate::plan) roles: Vec<Arc<Use>>,
    /// Files of tasks around within the innermost role, nearest first.
    pub(in crate::plan) files: Vec<PathBuf>,
    /// Every file that was imported to get here: one that comes again never ends.
    pub(in crate::plan) stack: Vec<PathBuf>,
    pub(in crate::plan) search: Arc<SearchPath>,
    pub(in crate::plan) on: On,
}

impl Place {
    pub(in crate::plan) fn of_play(stage: Arc<Stage>, keywords: Arc<Keywords>) -> Place {
        let bases = vec![stage.dir.clone()];
        Place {
            stage,
            keywords,
            roles: Vec::new(),
            files: Vec::new(),
            stack: Vec::new(),
            search: Arc::new(SearchPath { bases }),
            on: On::Task,
        }
    }

    pub(in crate::plan) fn for_handlers(mut self) -> Place {
        self.on = On::Handler;
        self
    }

    pub(in crate::plan) fn with(&self, keywords: Arc<Keywords>) -> Place {
        Place {
            keywords,
            ..self.clone()
        }
    }

    /// Inside a file of tasks.
    pub(in crate::plan) fn in_file(&self, file: &Path, keywords: Arc<Keywords>) -> Place {
        let mut inner = self.with(keywords);
        inner.files.insert(0, file.to_path_buf());
        inner.stack.push(file.to_path_buf());
        inner.search = inner.searched();
        inner
    }

    /// Inside a role, before any of its files.
    pub(in crate::plan) fn in_role(&self, used: Arc<Use>, keywords: Arc<Keywords>) -> Place {
        let mut inner = self.with(keywords);
        inner.roles.push(used);
        inner.files.clear();
        inner.search = inner.searched();
        inner
    }

    pub(in crate::plan) fn role(&self) -> Option<&Arc<Role>> {
        self.roles.last().map(|used| &used.role)
    }

    /// Roles from the nearest out, the folder of the file, the playbook's folder.
    fn searched(&self) -> Arc<SearchPath> {
        let roles = self.roles.iter().rev().map(|used| used.role.dir.clone());
        let file = self.files.first().map(|file| path::parent(file));
        let mut bases: Vec<PathBuf> = Vec::new();
        for base in roles.chain(file).chain([self.stage.dir.clone()]) {
            if !bases.contains(&base) {
                bases.push(base);
            }
        }
        Arc::new(SearchPath { bases })
    }

    /// Where a file of tasks of this name may be.
    pub(in crate::plan) fn task_files(&self, name: &str) -> Vec<PathBuf> {
        let kind = match self.on {
            On::Handler => "handlers",
            _ => "tasks",
        };
        let mut bases: Vec<PathBuf> = self.files.iter().map(|file| path::parent(file)).collect();
        if let Some(role) = self.role() {
            bases.extend([role.dir.join(kind), role.dir.clone()]);
        }
        bases.extend([self.stage.dir.clone(), self.stage.dir.join(kind)]);
        let mut found: Vec<PathBuf> = Vec::new();
        for base in bases {
            let file = path::join(&base, name);
            if !found.contains(&file) {
                found.push(file);
            }
        }
        found
    }
}
