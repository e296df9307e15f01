//! The runs that are recorded: all of them, one by its name, those under way, those that are damaged.

use std::path::{Path, PathBuf};

use super::read::{self, Recorded, Unreadable};

/// What a file is called that nobody can read any more.
const DAMAGED: &str = "damaged";

/// The files of all runs, the newest first.
pub fn all(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "jsonl"));
    paths.sort();
    paths.reverse();
    paths
}

/// The name of the run that a file is of.
pub fn name(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Whether somebody is still writing to it.
pub fn is_under_way(path: &Path) -> bool {
    let Ok(file) = std::fs::File::open(path) else {
        return false;
    };
    matches!(
        file.try_lock_shared(),
        Err(std::fs::TryLockError::WouldBlock)
    )
}

/// Why there is no such run.
#[derive(Debug)]
pub enum Missing {
    None(String),
    Many(String, usize),
    Unreadable(Unreadable),
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Missing::None(name) => write!(f, "no run `{name}` is recorded"),
            Missing::Many(name, count) => write!(f, "{count} runs begin with `{name}`"),
            Missing::Unreadable(error) => error.fmt(f),
        }
    }
}

/// The file of the run of this name, or of the only one whose name begins so.
pub fn path(dir: &Path, wanted: &str) -> Result<PathBuf, Missing> {
    let all = all(dir);
    let begins: Vec<&PathBuf> = all.iter().filter(|p| name(p).starts_with(wanted)).collect();
    let exact = begins.iter().find(|p| name(p) == wanted);
    match (exact, begins.as_slice()) {
        (Some(path), _) | (_, [path]) => Ok((*path).clone()),
        (_, []) => Err(Missing::None(wanted.to_owned())),
        (_, many) => Err(Missing::Many(wanted.to_owned(), many.len())),
    }
}

/// The run of this name.
pub fn run(dir: &Path, wanted: &str) -> Result<Recorded, Missing> {
    let path = path(dir, wanted)?;
    read::read(&path).map_err(Missing::Unreadable)
}

/// Gives a file that nobody can read another name, so that it is neither met again nor lost.
pub fn set_aside(path: &Path, why: &Unreadable) -> Option<PathBuf> {
    if !why.is_corrupt() || is_under_way(path) {
        return None;
    }
    let aside = path.with_extension(DAMAGED);
    std::fs::rename(path, &aside).ok()?;
    Some(aside)
}

#[cfg(test)]
mod tests {
    use super::super::Journal;
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_damaged_file_is_set_aside_and_one_that_is_written_to_is_left() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::begin(home.path(), "b", &Value::Null, None, None).unwrap();
        let path = journal.path().unwrap().to_path_buf();
        assert!(is_under_way(&path));
        drop(journal);
        assert!(!is_under_way(&path));
        assert_eq!(run(home.path(), "b").unwrap().run, "b");
        std::fs::write(home.path().join("a.jsonl"), "nothing\n").unwrap();
        let bad = super::path(home.path(), "a").unwrap();
        let why = read::read(&bad).unwrap_err();
        let aside = set_aside(&bad, &why).unwrap();
        assert_eq!(std::fs::read(aside).unwrap(), b"nothing\n");
        assert_eq!(all(home.path()), std::slice::from_ref(&path));
        // What another palisade wrote is its own.
        let newer = home.path().join("c.jsonl");
        std::fs::write(&newer, "{\"version\":99}\n").unwrap();
        assert!(set_aside(&newer, &read::read(&newer).unwrap_err()).is_none());
        assert!(matches!(
            super::path(home.path(), "x"),
            Err(Missing::None(_))
        ));
    }
}
