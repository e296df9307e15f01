//! The file of a run, with room ahead of it: what was begun can be closed on a disk that is full.
//!
//! Before an intent is written, the room is there that its end will take. Where the file system gives
//! room ahead, it belongs to the file itself; elsewhere a file without a name holds as much, and is let
//! go when the disk is full.

use std::fs::File;
use std::io::{Error, ErrorKind, Result, Write as _};
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::summed;

/// Room that is asked for at a time: some hundred lines, so that it is asked for seldom.
const AHEAD: u64 = 64 * 1024;

/// What is there for the ends of hosts and of the run, whatever else was begun.
pub(super) const ENDS: u64 = 16 * 1024;

/// A line that is still to be written.
pub(super) struct Line {
    pub json: String,
    /// What is written instead where there is no room for it.
    pub short: Option<String>,
    /// It begins something, and is not written where there is no room for its end.
    pub begins: bool,
}

impl Line {
    fn length(&self) -> u64 {
        // A digest and the end of the line come to it.
        self.json.len() as u64 + 32
    }
}

/// The file, and what of it is written.
pub(super) struct Paper {
    file: File,
    written: u64,
    /// So much of the file has its room.
    room: u64,
    /// Holds room where the file system gives none ahead.
    ballast: Option<File>,
    /// The digest of the last line, which the next one's is of as well.
    last: String,
}

impl Paper {
    /// An empty file in `dir`, with room for its first lines and the end of the run.
    pub(super) fn new(file: File, dir: &Path) -> Result<Paper> {
        let mut paper = Paper {
            file,
            written: 0,
            room: 0,
            ballast: None,
            last: String::new(),
        };
        match paper.reserve(AHEAD) {
            Err(e) if is_not_given(&e) => {
                let ballast = tempfile::tempfile_in(dir)?;
                paper.ballast = Some(ballast);
                paper.reserve(AHEAD)?;
            }
            other => other?,
        }
        Ok(paper)
    }

    /// Has room for so many bytes behind what is written.
    fn reserve(&mut self, bytes: u64) -> Result<()> {
        let end = self.written + bytes;
        if end <= self.room {
            return Ok(());
        }
        if let Some(ballast) = &mut self.ballast {
            const ZEROS: [u8; 4096] = [0; 4096];
            let mut missing = (bytes + AHEAD).saturating_sub(ballast.metadata()?.len());
            while missing > 0 {
                ballast.write_all(&ZEROS)?;
                missing = missing.saturating_sub(ZEROS.len() as u64);
            }
            ballast.sync_data()?;
            self.room = end;
            return Ok(());
        }
        let flags = FallocateFlags::KEEP_SIZE;
        let give = |more: u64| fallocate(&self.file, flags, self.written, bytes + more);
        self.room = match give(AHEAD) {
            Ok(()) => end + AHEAD,
            Err(Errno::NOSPC | Errno::DQUOT) => give(0).map(|()| end)?,
            Err(e) => return Err(e.into()),
        };
        Ok(())
    }

    /// Writes lines, and has room for `owed` further bytes afterwards. Where there is none, what only
    /// begins is left out, and the others, for which there is, are written.
    pub(super) fn put(&mut self, lines: &[Line], owed: u64, may_begin: bool) -> Result<()> {
        let bytes: u64 = lines.iter().map(Line::length).sum();
        let begins = lines.iter().any(|l| l.begins);
        let room = match begins && !may_begin {
            true => Err(Error::from(ErrorKind::StorageFull)),
            false => self.reserve(bytes + owed),
        };
        let written = room.and_then(|()| self.write(lines.iter().map(|l| &*l.json)));
        let Err(error) = written else {
            return Ok(());
        };
        let rest = lines.iter().filter(|l| !l.begins);
        let short = |l: &Line| l.short.clone().unwrap_or_else(|| l.json.clone());
        let rest: Vec<String> = rest.map(short).collect();
        if let Some(ballast) = &self.ballast {
            // What holds the room gives it back.
            ballast.set_len(0)?;
        }
        self.write(rest.iter().map(String::as_str))?;
        Err(error)
    }

    /// All of these lines or, where that fails, none.
    fn write<'a>(&mut self, lines: impl Iterator<Item = &'a str>) -> Result<()> {
        let mut last = self.last.clone();
        let mut bytes = Vec::new();
        for line in lines {
            let (text, sum) = summed(line, &last);
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(b'\n');
            last = sum;
        }
        if let Err(error) = self.file.write_all(&bytes) {
            // A line that is torn in the middle would take all behind it with it.
            self.file.set_len(self.written)?;
            self.room = self.room.min(self.written);
            return Err(error);
        }
        self.written += bytes.len() as u64;
        self.last = last;
        Ok(())
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_data()
    }
}

impl Drop for Paper {
    fn drop(&mut self) {
        // The room that was not needed is everybody's again.
        let _ = self.file.set_len(self.written);
    }
}

/// Whether a file system has no room to give ahead.
fn is_not_given(error: &Error) -> bool {
    let not = [Errno::OPNOTSUPP, Errno::NOSYS, Errno::INVAL, Errno::NODEV];
    not.iter()
        .any(|e| error.raw_os_error() == Some(e.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    fn line(json: &str, begins: bool) -> Line {
        let short = json.contains("said").then(|| "{\"a\":0}".to_owned());
        let json = json.to_owned();
        Line {
            json,
            short,
            begins,
        }
    }

    #[test]
    fn what_ends_something_is_written_where_nothing_may_begin() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r");
        let file = File::options()
            .create_new(true)
            .append(true)
            .open(&path)
            .unwrap();
        let mut paper = Paper::new(file, dir.path()).unwrap();
        let lines = [line("{\"a\":1}", true), line("{\"said\":2}", false)];
        paper.put(&lines, 0, true).unwrap();
        assert!(path.metadata().unwrap().blocks() * 512 >= AHEAD);
        assert!(paper.put(&lines, 0, false).is_err());
        paper.put(&lines[1..], 0, false).unwrap();
        drop(paper);
        let text = std::fs::read_to_string(&path).unwrap();
        let starts: Vec<&str> = text.lines().map(|l| l.split(',').next().unwrap()).collect();
        assert_eq!(
            starts,
            ["{\"a\":1", "{\"said\":2", "{\"a\":0", "{\"said\":2"]
        );
        assert!(path.metadata().unwrap().blocks() * 512 < AHEAD);
    }
}
