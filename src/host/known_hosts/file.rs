//! known_hosts files: lines, the index over them, and adding a line.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind as Io, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use russh::keys::PublicKey;
use russh::keys::ssh_key::public::KeyData;
use rustix::fs::{FlockOperation, flock};
use sha1::Sha1;

use super::Place;
use crate::host::{ErrorKind, HostError, pattern};

/// Half a million hosts. More is not a known_hosts file.
const LARGEST: u64 = 256 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    Key,
    Authority,
    Revoked,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) marker: Marker,
    pub(crate) key: KeyData,
}

/// A file, its lines indexed by how they name hosts. Keys are decoded when a line matches.
#[derive(Default)]
pub(super) struct Lines {
    text: Vec<u8>,
    plain: HashMap<String, Vec<Line>>,
    hashed: Vec<([u8; 20], Vec<u8>, Line)>,
    patterns: Vec<(Vec<String>, Line)>,
}

#[derive(Clone, Copy)]
struct Line {
    number: usize,
    marker: Marker,
    /// Where the key type and the key stand in the text.
    key: (usize, usize),
}

impl Lines {
    /// Reads a file. A missing one is empty; anything else that cannot be read is an error.
    pub(super) fn read(path: &Path) -> Result<Lines, HostError> {
        let fail = |why: &dyn std::fmt::Display| {
            HostError::new(
                ErrorKind::HostKey,
                format!("cannot read {}: {why}", path.display()),
            )
            .hint("host keys are checked against it, so nothing was sent to the host")
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if matches!(e.kind(), Io::NotFound | Io::NotADirectory) => {
                return Ok(Lines::default());
            }
            Err(e) => return Err(fail(&e)),
        };
        let meta = file.metadata().map_err(|e| fail(&e))?;
        // `UserKnownHostsFile /dev/null` is a common way to know no hosts.
        if path == Path::new("/dev/null") {
            return Ok(Lines::default());
        }
        if !meta.is_file() {
            return Err(fail(&"it is not a regular file"));
        }
        if meta.len() > LARGEST {
            return Err(fail(&"it is larger than 256 MiB"));
        }
        let mut text = Vec::new();
        file.take(LARGEST)
            .read_to_end(&mut text)
            .map_err(|e| fail(&e))?;
        Ok(Lines::parse(text))
    }

    pub(super) fn parse(text: Vec<u8>) -> Lines {
        let mut lines = Lines::default();
        let mut start = 0;
        for (number, line) in text.split(|b| *b == b'\n').enumerate() {
            if let Some((hosts, marker, from, to)) = fields(line) {
                let key = (start + from, start + to);
                lines.index(
                    hosts,
                    Line {
                        number: number + 1,
                        marker,
                        key,
                    },
                );
            }
            start += line.len() + 1;
        }
        lines.text = text;
        lines
    }

    fn index(&mut self, hosts: &[u8], line: Line) {
        if let Some(hashed) = hosts.strip_prefix(b"|1|") {
            let mut parts = hashed.split(|b| *b == b'|');
            let (salt, hash) = (
                parts.next().unwrap_or_default(),
                parts.next().unwrap_or_default(),
            );
            let (Ok(salt), Ok(hash)) = (BASE64.decode(salt), BASE64.decode(hash)) else {
                return;
            };
            if let Ok(hash) = <[u8; 20]>::try_from(hash) {
                self.hashed.push((hash, salt, line));
            }
            return;
        }
        // A name that is not UTF-8 names no host that we could be asked for.
        let hosts = String::from_utf8_lossy(hosts).to_lowercase();
        if hosts.contains(['*', '?', '!']) {
            self.patterns
                .push((hosts.split(',').map(str::to_owned).collect(), line));
        } else {
            for host in hosts.split(',').filter(|host| !host.is_empty()) {
                self.plain.entry(host.to_owned()).or_default().push(line);
            }
        }
    }

    /// Adds the entries for a name, in the order of the file.
    ///
    /// A revocation whose key cannot be read is an error; other unreadable keys are no keys.
    pub(super) fn find(
        &self,
        path: &Path,
        name: &str,
        out: &mut Vec<(Place, Entry)>,
    ) -> Result<(), HostError> {
        let mut found: Vec<Line> = self.plain.get(name).cloned().unwrap_or_default();
        found.extend(
            self.hashed
                .iter()
                .filter(|(hash, salt, _)| digest(salt, name) == *hash)
                .map(|h| h.2),
        );
        found.extend(
            self.patterns
                .iter()
                .filter(|(patterns, _)| pattern::matches_list(patterns, name))
                .map(|p| p.1),
        );
        found.sort_by_key(|line| line.number);
        for line in found {
            let place = Place {
                file: path.to_owned(),
                line: line.number,
            };
            match self.key(&line) {
                Some(key) => out.push((
                    place,
                    Entry {
                        marker: line.marker,
                        key,
                    },
                )),
                None if line.marker == Marker::Revoked => {
                    return Err(HostError::new(
                        ErrorKind::HostKey,
                        format!(
                            "cannot read the revoked key in {}:{}",
                            path.display(),
                            line.number
                        ),
                    ));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn key(&self, line: &Line) -> Option<KeyData> {
        let text = std::str::from_utf8(&self.text[line.key.0..line.key.1]).ok()?;
        let mut words = text.split_ascii_whitespace();
        let (kind, key) = (words.next()?, words.next()?);
        let blob = BASE64.decode(key).ok()?;
        let key = russh::keys::key::parse_public_key(&blob).ok()?;
        (key.algorithm().as_str() == kind || super::plain_name(&key.algorithm()) == kind)
            .then(|| key.key_data().clone())
    }
}

/// The parts of a line: hosts, marker, and where `type key` begins and ends.
fn fields(line: &[u8]) -> Option<(&[u8], Marker, usize, usize)> {
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r');
    let skip = |from: usize| from + line[from..].iter().take_while(|b| blank(b)).count();
    let word = |from: usize| from + line[from..].iter().take_while(|b| !blank(b)).count();
    let mut start = skip(0);
    let mut end = word(start);
    let mut marker = Marker::Key;
    match &line[start..end] {
        [] | [b'#', ..] => return None,
        [b'@', name @ ..] => {
            marker = match name {
                b"cert-authority" => Marker::Authority,
                b"revoked" => Marker::Revoked,
                _ => return None,
            };
            start = skip(end);
            end = word(start);
        }
        _ => {}
    }
    let hosts = &line[start..end];
    let kind = skip(end);
    let key = skip(word(kind));
    let last = word(key);
    (key < last).then_some((hosts, marker, kind, last))
}

fn digest(salt: &[u8], name: &str) -> [u8; 20] {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(salt) else {
        return [0; 20];
    };
    mac.update(name.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Adds a line, under a lock and in one write, so that parallel runs never mix their lines.
pub(super) fn append(
    path: &Path,
    name: &str,
    key: &PublicKey,
    hash: bool,
) -> Result<(), HostError> {
    let fail = |e: &dyn std::fmt::Display| {
        HostError::new(
            ErrorKind::HostKey,
            format!("cannot write {}: {e}", path.display()),
        )
    };
    if path == Path::new("/dev/null") {
        return Ok(());
    }
    let key = PublicKey::new(key.key_data().clone(), "")
        .to_openssh()
        .map_err(|e| fail(&e))?;
    let host = if hash {
        hashed(name).map_err(|e| fail(&e))?
    } else {
        name.to_owned()
    };
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|e| fail(&e))?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| fail(&e))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|e| fail(&e))?;
    let mut text = String::new();
    if !ends_in_newline(&file).map_err(|e| fail(&e))? {
        text.push('\n');
    }
    text.push_str(&format!("{host} {}\n", key.trim()));
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_data())
        .map_err(|e| fail(&e))
}

fn ends_in_newline(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    Ok(last[0] == b'\n')
}

fn hashed(name: &str) -> std::io::Result<String> {
    let mut salt = [0; 20];
    File::open("/dev/urandom")?.read_exact(&mut salt)?;
    let hash = digest(&salt, name);
    Ok(format!(
        "|1|{}|{}",
        BASE64.encode(salt),
        BASE64.encode(hash)
    ))
}
