//! Project files as they were read: each once, however many roles and plays use it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use crate::playbook::{Entry, Item, Meta, On, meta, play, task};
use crate::source::vault::{self, Keyring};
use crate::source::{Code, Diagnostic, File, Files, Kind, Node, Severity, Span, yaml};

/// What a file was read as, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Read<T> {
    pub(crate) value: T,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

type Shelf<K, T> = RwLock<HashMap<K, Arc<Read<T>>>>;

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) files: Files,
    vault: Keyring,
    tasks: Shelf<(PathBuf, bool), Vec<Item>>,
    nodes: Shelf<PathBuf, Option<Node>>,
}

impl Store {
    pub(crate) fn new(files: Files, vault: Keyring) -> Store {
        Store {
            files,
            vault,
            tasks: RwLock::default(),
            nodes: RwLock::default(),
        }
    }

    /// The one document of a file; nothing where it could not be read.
    pub(crate) fn node(&self, path: &Path) -> Arc<Read<Option<Node>>> {
        shelved(&self.nodes, &path.to_path_buf(), || self.read(path))
    }

    /// Whether a file was read before.
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.nodes
            .read()
            .is_ok_and(|nodes| nodes.contains_key(path))
    }

    /// A file of tasks, or of handlers.
    pub(crate) fn tasks(&self, path: &Path, on: On) -> Arc<Read<Vec<Item>>> {
        shelved(
            &self.tasks,
            &(path.to_path_buf(), on == On::Handler),
            || self.parsed(path, |node, out| task::parse_file(node, on, out)),
        )
    }

    pub(crate) fn playbook(&self, path: &Path) -> Read<Vec<Entry>> {
        self.parsed(path, play::parse)
    }

    pub(crate) fn meta(&self, path: &Path) -> Read<Meta> {
        self.parsed(path, meta::parse)
    }

    fn parsed<T: Default>(
        &self,
        path: &Path,
        parse: impl Fn(&Node, &mut Vec<Diagnostic>) -> T,
    ) -> Read<T> {
        let read = self.node(path);
        let mut diagnostics = read.diagnostics.clone();
        let value = match &read.value {
            Some(node) => parse(node, &mut diagnostics),
            None => T::default(),
        };
        Read { value, diagnostics }
    }

    fn read(&self, path: &Path) -> Read<Option<Node>> {
        let file = match self.files.text(path) {
            Ok(file) => file,
            Err(diagnostic) => {
                return Read {
                    value: None,
                    diagnostics: vec![diagnostic],
                };
            }
        };
        if vault::is_vault(&file.text) {
            return self.unsealed(&file);
        }
        let (node, diagnostics) = yaml::parse_one(&file);
        let broken = diagnostics.iter().any(|d| d.severity == Severity::Error);
        Read {
            value: (!broken).then_some(node),
            diagnostics,
        }
    }

    /// A vaulted file. Its values stand at the header, so that no message can quote what they are.
    fn unsealed(&self, sealed: &Arc<File>) -> Read<Option<Node>> {
        let at = Span::new(
            sealed,
            0,
            sealed.text.lines().next().unwrap_or_default().len(),
        );
        let failed = |text: String, code| Read {
            value: None,
            diagnostics: vec![Diagnostic::error(&at, text).code(code)],
        };
        let plain = match self.vault.decrypt(&sealed.text) {
            Ok(plain) => plain,
            Err(why) => return failed(format!("cannot open this vault: {why}"), why.code()),
        };
        let (node, diagnostics) = yaml::parse_one(&File::new(&sealed.path, plain.as_str()));
        if diagnostics.iter().any(|d| d.severity == Severity::Error) {
            return failed("the content of this vault is not YAML".into(), Code::Yaml);
        }
        Read {
            value: Some(moved(node, &at)),
            diagnostics: Vec::new(),
        }
    }
}

/// The same values, all standing at one place.
fn moved(node: Node, at: &Span) -> Node {
    let kind = match node.kind {
        Kind::Seq(items) => Kind::Seq(items.into_iter().map(|item| moved(item, at)).collect()),
        Kind::Map(entries) => {
            let pairs = entries
                .into_iter()
                .map(|(k, v)| (moved(k, at), moved(v, at)));
            Kind::Map(pairs.collect())
        }
        kind => kind,
    };
    Node::new(kind, at.clone())
}

fn shelved<K: Clone + Eq + std::hash::Hash, T>(
    shelf: &Shelf<K, T>,
    key: &K,
    make: impl FnOnce() -> Read<T>,
) -> Arc<Read<T>> {
    if let Some(found) = shelf.read().ok().and_then(|s| s.get(key).cloned()) {
        return found;
    }
    let made = Arc::new(make());
    if let Ok(mut shelf) = shelf.write() {
        return Arc::clone(shelf.entry(key.clone()).or_insert(made));
    }
    made
}
