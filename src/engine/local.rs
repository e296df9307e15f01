//! Files that a run writes on the controller: what was fetched from hosts.
//!
//! The place comes from the request, never from the host. Below the directory that the playbook named
//! no symbolic link is followed, so that nothing planted there leads a write elsewhere.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat, renameat, unlinkat};

use crate::resource::hash::INLINE_LIMIT;
use crate::resource::{Content, Digest, State};
use crate::source::Files;

/// What a file on the controller may at most permit, and what its owner may in any case.
const OPEN: u32 = 0o755;
const OURS: u32 = 0o600;

/// How a file on the controller is now. A large one is known by its digest.
pub(super) fn look(files: &Files, path: &Path) -> State {
    let Ok(mut file) = File::open(path) else {
        return match files.is_file(path) {
            true => files
                .bytes(path)
                .map_or(State::Absent, |b| State::Content(Content::new(b))),
            false => State::Absent,
        };
    };
    let size = file.metadata().map_or(0, |m| m.len());
    if size <= INLINE_LIMIT {
        let mut bytes = Vec::new();
        return match (&mut file).take(INLINE_LIMIT).read_to_end(&mut bytes) {
            Ok(_) => State::Content(Content::new(bytes)),
            Err(e) => State::Refused(crate::source::files::plain(&e)),
        };
    }
    match Digest::read(&mut file) {
        Ok((digest, size)) => State::Content(Content::digest_only(digest, size)),
        Err(e) => State::Refused(crate::source::files::plain(&e)),
    }
}

/// A file being written beside its place, which it takes when it is whole.
pub(super) struct Landing {
    dir: OwnedFd,
    temp: String,
    name: String,
    pub file: File,
}

impl Landing {
    /// Opens a private file beside `path`, making the directories on the way. Below `root` no link
    /// is followed.
    pub(super) fn open(path: &Path, root: Option<&Path>, token: &str) -> Result<Landing, String> {
        let name = path.file_name().and_then(|n| n.to_str());
        let name = name
            .ok_or_else(|| format!("{} has no name", path.display()))?
            .to_owned();
        let parent = path.parent().unwrap_or(Path::new("."));
        let below = root.and_then(|r| parent.strip_prefix(r).ok());
        let top: PathBuf = match (root, below) {
            (Some(root), Some(_)) => root.to_path_buf(),
            _ => parent.to_path_buf(),
        };
        let wrong = |p: &Path, e: std::io::Error| {
            format!(
                "cannot write below {}: {}",
                p.display(),
                crate::source::files::plain(&e)
            )
        };
        std::fs::create_dir_all(&top).map_err(|e| wrong(&top, e))?;
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut dir = openat(CWD, &top, flags, Mode::empty()).map_err(|e| wrong(&top, e.into()))?;
        for part in below.unwrap_or(Path::new("")).components() {
            let Component::Normal(part) = part else {
                return Err(format!("{} leads out of its directory", path.display()));
            };
            let _ = mkdirat(&dir, part, Mode::from_raw_mode(0o755));
            let inner = openat(&dir, part, flags | OFlags::NOFOLLOW, Mode::empty());
            dir = inner.map_err(|e| wrong(&top.join(part), e.into()))?;
        }
        let temp = format!(".{name}.palisade.{token}");
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&dir, temp.as_str(), flags, Mode::from_raw_mode(0o600))
            .map_err(|e| wrong(path, e.into()))?;
        Ok(Landing {
            dir,
            temp,
            name,
            file: File::from(file),
        })
    }

    /// Its number among the open files of this process.
    pub(super) fn number(&self) -> i32 {
        use std::os::fd::AsRawFd as _;
        self.file.as_raw_fd()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file
            .write_all(bytes)
            .map_err(|e| crate::source::files::plain(&e))
    }

    /// Puts it in its place, no more open than it was on the host. A link that stands there is
    /// replaced, not followed.
    pub(super) fn finish(mut self, mode: Option<u32>) -> Result<(), String> {
        let plain = |e: std::io::Error| crate::source::files::plain(&e);
        self.file
            .flush()
            .and_then(|()| self.file.sync_all())
            .map_err(plain)?;
        let mode = Mode::from_raw_mode(mode.unwrap_or(OPEN) & OPEN | OURS);
        let _ = rustix::fs::fchmod(&self.file, mode);
        renameat(&self.dir, self.temp.as_str(), &self.dir, self.name.as_str())
            .map_err(|e| plain(e.into()))?;
        self.temp.clear();
        Ok(())
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.temp.is_empty() {
            let _ = unlinkat(&self.dir, self.temp.as_str(), rustix::fs::AtFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_link_is_not_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        let outside = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink(outside.path(), dir.path().join("web1")).expect("a link");
        let path = dir.path().join("web1/etc/passwd");
        assert!(Landing::open(&path, Some(dir.path()), "t").is_err());
        assert_eq!(
            std::fs::read_dir(outside.path()).expect("readable").count(),
            0
        );
    }

    #[test]
    fn a_link_in_its_place_is_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "old").expect("written");
        let path = dir.path().join("web1/file");
        std::fs::create_dir(dir.path().join("web1")).expect("made");
        std::os::unix::fs::symlink(&victim, &path).expect("a link");
        let mut landing = Landing::open(&path, Some(dir.path()), "t").expect("opened");
        landing.write(b"new").expect("written");
        landing.finish(None).expect("finished");
        assert_eq!(std::fs::read_to_string(&victim).expect("there"), "old");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "new");
    }
}
