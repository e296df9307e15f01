//! Contents by digest: what was there before a change, for whoever undoes it.
//!
//! One file each, in folders named after the first two digits, for their owner only. A content that is
//! kept already is not written again; it is only made young, because what nobody asked to keep for long
//! is removed.

#![expect(
    clippy::disallowed_methods,
    reason = "this is where the controller's clock says how old a content is"
)]

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Result, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::resource::{Content, Digest};

/// Runs, and what was there before them, are kept so long. Whoever wants back what is older has backups.
pub const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// Contents take no more room than this: the oldest go first.
pub const MOST_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// What is to be removed is looked for so often.
const LOOKED: Duration = Duration::from_secs(24 * 3600);

/// Where the content of a digest is kept.
pub fn place(dir: &Path, digest: &Digest) -> PathBuf {
    let digits = digest.to_string();
    dir.join(&digits[..2]).join(&digits[2..])
}

/// Keeps contents whose bytes are at hand; afterwards they are on disk.
pub(super) fn keep<'a>(dir: &Path, all: impl Iterator<Item = &'a Content>) -> Result<()> {
    let mut folders = std::collections::BTreeSet::new();
    for content in all {
        let Some(bytes) = &content.bytes else {
            continue;
        };
        let path = place(dir, &content.digest);
        if let Ok(file) = OpenOptions::new().append(true).open(&path)
            && file.metadata().is_ok_and(|m| m.len() == bytes.len() as u64)
        {
            file.set_modified(SystemTime::now())?;
            continue;
        }
        let folder = path.parent().unwrap_or(dir).to_path_buf();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        let mut file = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .tempfile_in(&folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        folders.insert(folder);
    }
    for folder in folders {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Whether a content is kept, and is what it says.
pub fn has(dir: &Path, digest: &Digest) -> bool {
    let file = File::open(place(dir, digest));
    file.and_then(|mut f| Digest::read(&mut f))
        .is_ok_and(|(found, _)| found == *digest)
}

/// Removes runs and contents that are older than they are kept, and the oldest contents beyond what
/// they may take; looks once a day.
pub fn prune(runs: &Path, dir: &Path, now: SystemTime) -> Result<()> {
    let age = |time: SystemTime| now.duration_since(time).unwrap_or_default();
    let note = dir.join("looked");
    let last = note.metadata().and_then(|m| m.modified());
    if last.is_ok_and(|last| age(last) < LOOKED) {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(&note)?
        .set_modified(now)?;
    for (path, time, _) in files(runs)? {
        if age(time) > KEPT {
            std::fs::remove_file(path)?;
        } else if age(time) > LOOKED {
            give_back(&path, time)?;
        }
    }
    let mut all = Vec::new();
    for folder in std::fs::read_dir(dir)?.flatten() {
        if folder.file_type().is_ok_and(|t| t.is_dir()) {
            all.extend(files(&folder.path())?);
        }
    }
    all.sort_by_key(|(_, time, _)| std::cmp::Reverse(*time));
    let mut sum = 0;
    for (path, time, size) in all {
        sum += size;
        if age(time) > KEPT || sum > MOST_BYTES {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// A run that was killed keeps the room that it had ahead: it is everybody's again.
fn give_back(path: &Path, time: SystemTime) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = path.metadata()?;
    let is_larger = meta.blocks() * 512 > meta.len().next_multiple_of(meta.blksize().max(1));
    if !is_larger || super::find::is_under_way(path) {
        return Ok(());
    }
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(meta.len())?;
    file.set_modified(time)
}

fn files(dir: &Path) -> Result<Vec<(PathBuf, SystemTime, u64)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)?.flatten() {
        let meta = entry.metadata()?;
        if meta.is_file() {
            found.push((entry.path(), meta.modified()?, meta.len()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_its_owners_and_goes_when_it_is_old() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let (runs, dir) = (home.path().join("runs"), home.path().join("contents"));
        std::fs::create_dir(&runs).unwrap();
        std::fs::write(runs.join("x.jsonl"), "").unwrap();
        let content = Content::new(b"before".to_vec());
        keep(&dir, [&content, &content].into_iter()).unwrap();
        assert!(has(&dir, &content.digest) && !has(&dir, &Digest::of(b"other")));
        let path = place(&dir, &content.digest);
        let mode = |p: &Path| p.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let now = SystemTime::now();
        prune(&runs, &dir, now).unwrap();
        assert!(path.exists() && runs.join("x.jsonl").exists());
        prune(&runs, &dir, now + KEPT + LOOKED).unwrap();
        assert!(!path.exists() && !runs.join("x.jsonl").exists());
    }
}
