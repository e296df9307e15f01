//! What a host did to its files: its own layer, compared with what lies under it.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::{LabError, doing};
use super::layer::{is_opaque, is_whiteout};
use super::{Lab, find, root};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Added,
    Changed,
    /// The content is as before; mode or owner is not.
    Attributes,
    Removed,
}

/// One path that is not as it was when the host was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    pub path: PathBuf,
    pub kind: Kind,
}

/// What a login writes by itself, and what is empty after every boot: nobody's change.
const NOISE: &[&str] = &[
    "tmp",
    "var/tmp",
    "var/log/lastlog",
    "var/log/wtmp",
    "var/log/btmp",
];

impl Lab {
    /// The differences of a host's files, in the order of their paths. A new directory stands for
    /// all that is in it only in so far as that is listed too.
    pub fn changes(&self, host: &str) -> Result<Vec<Difference>, LabError> {
        let notes = self.store.read()?;
        let host = find(&notes, host)?;
        let layers = root::layers(&self.store, host);
        let mut found = Vec::new();
        walk(
            &self.store.of(&host.name, "upper"),
            Path::new(""),
            &layers,
            &mut found,
        )?;
        for inner in root::own_mounts(&host.lower) {
            let below: Vec<PathBuf> = layers.iter().map(|l| l.join(&inner)).collect();
            let upper = root::mount_upper(&self.store, host, &inner);
            let mut deeper = Vec::new();
            walk(&upper, Path::new(""), &below, &mut deeper)?;
            let shown = |d: Difference| {
                let path = d.path.strip_prefix("/").unwrap_or(&d.path);
                Difference {
                    path: Path::new("/").join(&inner).join(path),
                    ..d
                }
            };
            found.extend(deeper.into_iter().map(shown));
        }
        found.sort();
        Ok(found)
    }
}

fn walk(
    upper: &Path,
    inner: &Path,
    layers: &[PathBuf],
    found: &mut Vec<Difference>,
) -> Result<(), LabError> {
    let dir = upper.join(inner);
    let mut add = |path: &Path, kind| {
        found.push(Difference {
            path: Path::new("/").join(path),
            kind,
        });
    };
    let opaque = is_opaque(&dir);
    if opaque {
        for name in below(layers, inner) {
            if fs::symlink_metadata(dir.join(&name)).is_err() {
                add(&inner.join(&name), Kind::Removed);
            }
        }
    }
    let mut deeper = Vec::new();
    let entries = fs::read_dir(&dir).map_err(doing(format!("read {}", dir.display())))?;
    for entry in entries.flatten() {
        let path = inner.join(entry.file_name());
        if NOISE.iter().any(|n| path == Path::new(n)) {
            continue;
        }
        let Ok(now) = fs::symlink_metadata(entry.path()) else {
            continue;
        };
        let before = lookup(layers, &path);
        let kind = match &before {
            _ if is_whiteout(&now) && before.is_none() => None,
            _ if is_whiteout(&now) => Some(Kind::Removed),
            None => Some(Kind::Added),
            Some((old, was)) => compare(old, was, &entry.path(), &now),
        };
        if let Some(kind) = kind {
            add(&path, kind);
        }
        if now.is_dir() {
            deeper.push(path);
        }
    }
    deeper
        .iter()
        .try_for_each(|path| walk(upper, path, layers, found))
}

fn compare(old: &Path, was: &Metadata, new: &Path, now: &Metadata) -> Option<Kind> {
    let same_content = if was.file_type() != now.file_type() {
        false
    } else if now.is_file() {
        was.len() == now.len() && same_bytes(old, new)
    } else if now.is_symlink() {
        fs::read_link(old).ok() == fs::read_link(new).ok()
    } else {
        true
    };
    let same_attributes = (was.mode(), was.uid(), was.gid()) == (now.mode(), now.uid(), now.gid());
    match (same_content, same_attributes) {
        (false, _) => Some(Kind::Changed),
        (true, false) => Some(Kind::Attributes),
        (true, true) => None,
    }
}

fn same_bytes(a: &Path, b: &Path) -> bool {
    matches!((fs::read(a), fs::read(b)), (Ok(a), Ok(b)) if a == b)
}

/// What the layers show at a path: the topmost that has it, unless one above hides it.
fn lookup(layers: &[PathBuf], path: &Path) -> Option<(PathBuf, Metadata)> {
    for layer in layers {
        let full = layer.join(path);
        if let Ok(meta) = fs::symlink_metadata(&full) {
            return (!is_whiteout(&meta)).then_some((full, meta));
        }
        let hidden = path.ancestors().skip(1).any(|a| {
            let at = layer.join(a);
            fs::symlink_metadata(&at).is_ok_and(|m| !m.is_dir() || is_opaque(&at))
        });
        if hidden {
            return None;
        }
    }
    None
}

/// The names the layers show in a directory.
fn below(layers: &[PathBuf], dir: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = layers
        .iter()
        .flat_map(|l| fs::read_dir(l.join(dir)).into_iter().flatten().flatten())
        .map(|e| e.file_name())
        .filter(|n| lookup(layers, &dir.join(n)).is_some())
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_changed_and_touched_are_told_apart() {
        let top = tempfile::tempdir().unwrap();
        let (lower, upper) = (top.path().join("lower"), top.path().join("upper"));
        for dir in [&lower, &upper] {
            fs::create_dir_all(dir.join("etc")).unwrap();
        }
        for name in ["same", "other", "mode"] {
            fs::write(lower.join("etc").join(name), "1").unwrap();
        }
        fs::write(upper.join("etc/same"), "1").unwrap();
        fs::write(upper.join("etc/other"), "2").unwrap();
        fs::write(upper.join("etc/mode"), "1").unwrap();
        fs::write(upper.join("etc/new"), "1").unwrap();
        super::super::store::set_mode(&upper.join("etc/mode"), 0o600).unwrap();
        let mut found = Vec::new();
        walk(&upper, Path::new(""), &[lower], &mut found).unwrap();
        found.sort();
        let seen: Vec<_> = found
            .iter()
            .map(|d| (d.path.to_str().unwrap(), d.kind))
            .collect();
        assert_eq!(
            seen,
            [
                ("/etc/mode", Kind::Attributes),
                ("/etc/new", Kind::Added),
                ("/etc/other", Kind::Changed)
            ]
        );
    }
}
