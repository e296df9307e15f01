//! Evidence: reports of many runs as a chain in one file, in which nothing can be changed, taken out or
//! moved without a trace.
//!
//! One line a run: `{"digest":…,"entry":{…},"signature":…}`. The entry is canonical JSON and holds the
//! report, its number, and the digest of the entry before; the digest is the SHA-256 of the entry's
//! bytes as they stand on the line; the signature, where there is one, is over the digest's text. A
//! chain cannot know what was cut off its end, so the last digest also goes to a file beside it, and
//! whoever keeps it elsewhere can ask for it.

pub mod canonical;
mod shared;
mod verify;

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::resource::Digest;

pub use canonical::canonical;
pub use verify::{Broken, Judge, Signed, Verified, verify};

/// The number in every entry. A change that breaks a reader makes it larger.
pub const FORMAT: u64 = 2;

/// The first format, in which nothing was shared, is still verified.
const OLDEST: u64 = 1;

/// What comes before the first entry.
pub const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Bytes of one line: the report of some ten thousand hosts.
const LONGEST: u64 = 1 << 30;

/// An entry's place in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub number: u64,
    pub digest: String,
}

/// A line taken apart, without looking at whether it is true.
pub struct Line<'a> {
    pub digest: &'a str,
    /// The very bytes that were digested.
    pub entry: &'a str,
    pub signature: Option<String>,
}

impl<'a> Line<'a> {
    pub fn parse(line: &'a str) -> Option<Line<'a>> {
        let rest = line.strip_prefix("{\"digest\":\"")?;
        let (digest, rest) = rest.split_at_checked(64)?;
        let rest = rest.strip_prefix("\",\"entry\":")?;
        let Some(rest) = rest.strip_suffix("\"}") else {
            return Some(Line {
                digest,
                entry: rest.strip_suffix('}')?,
                signature: None,
            });
        };
        // No quote stands unescaped within a signature, so the last one begins it.
        let (entry, signature) = rest.rsplit_once(",\"signature\":\"")?;
        let signature = serde_json::from_str(&format!("\"{signature}\"")).ok()?;
        Some(Line {
            digest,
            entry,
            signature: Some(signature),
        })
    }

    /// Whether the digest is that of the entry.
    pub fn holds(&self) -> bool {
        Digest::of(self.entry.as_bytes()).to_string() == self.digest
    }
}

/// What is read of an entry; of the report, nothing.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    pub format: u64,
    pub number: u64,
    pub previous: String,
    pub written: String,
    pub profiles: String,
    pub mode: String,
    pub score: usize,
    #[serde(default)]
    pub signer: Option<String>,
}

/// What is put into an entry beside its place in the chain.
pub struct About {
    /// RFC 3339.
    pub written: String,
    pub profiles: String,
    pub mode: String,
    /// Whole percent.
    pub score: usize,
    /// The fingerprint of the key that signs.
    pub signer: Option<String>,
}

/// Signs a text, or says why not.
pub type Sign<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Whether a chain can be appended to: its last entry is whole, and is the last that was written.
pub fn check(path: &Path) -> Result<(), String> {
    match File::open(path) {
        Ok(file) => {
            // Another run may be appending.
            let locked = file.lock_shared();
            locked.map_err(|e| format!("{}: {e}", path.display()))?;
            end(path, &file).map(|_| ())
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => match last(path)? {
            None => Ok(()),
            Some(link) => Err(format!(
                "{} is empty or gone, and entry {} was written to it",
                path.display(),
                link.number
            )),
        },
        Err(e) => Err(format!("{}: {e}", path.display())),
    }
}

/// Appends an entry, under a lock and synced to disk.
pub fn append(
    path: &Path,
    about: &About,
    report: &Json,
    sign: Option<Sign<'_>>,
) -> Result<Link, String> {
    let failed = |e: io::Error| format!("{}: {e}", path.display());
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.lock().map_err(failed)?;
    let before = end(path, &file)?;
    let number = before.as_ref().map_or(1, |l| l.number + 1);
    let previous = before.map_or_else(|| NOTHING.to_owned(), |l| l.digest);
    let (report, shared) = shared::fold(report);
    let mut entry = json!({
        "format": FORMAT,
        "mode": about.mode,
        "number": number,
        "previous": previous,
        "profiles": about.profiles,
        "report": report,
        "score": about.score,
        "shared": shared,
        "written": about.written,
    });
    if let Some(signer) = &about.signer {
        entry["signer"] = json!(signer);
    }
    let entry = canonical(&entry);
    let digest = Digest::of(entry.as_bytes()).to_string();
    let signature = match sign {
        Some(sign) => format!(",\"signature\":{}", Json::String(sign(&digest)?)),
        None => String::new(),
    };
    let line = format!("{{\"digest\":\"{digest}\",\"entry\":{entry}{signature}}}\n");
    file.write_all(line.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let link = Link { number, digest };
    remember(path, &link).map_err(|e| format!("{}: {e}", beside(path).display()))?;
    Ok(link)
}

/// The entries of a chain in short, oldest first, without asking whether they are true.
pub fn entries(path: &Path) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    for line in BufReader::new(File::open(path)?).lines() {
        let line = line?;
        let entry = Line::parse(&line).and_then(|l| serde_json::from_str(l.entry).ok());
        found.extend(entry);
    }
    Ok(found)
}

/// The last entry of a file, which must be whole and not older than what was written.
fn end(path: &Path, mut file: &File) -> Result<Option<Link>, String> {
    let failed = |e: io::Error| format!("{}: {e}", path.display());
    let text = last_line(&mut file).map_err(failed)?;
    let known = last(path)?;
    let Some(text) = text else {
        return match known {
            None => Ok(None),
            Some(link) => Err(format!(
                "{} is empty or gone, and entry {} was written to it",
                path.display(),
                link.number
            )),
        };
    };
    let whole = Line::parse(&text).filter(Line::holds);
    let entry: Option<Entry> = whole
        .as_ref()
        .and_then(|l| serde_json::from_str(l.entry).ok());
    let (Some(line), Some(entry)) = (whole, entry) else {
        return Err(format!(
            "the last line of {} is no whole entry; `palisade evidence verify` says more",
            path.display()
        ));
    };
    let link = Link {
        number: entry.number,
        digest: line.digest.to_owned(),
    };
    match known {
        Some(known)
            if known.number > link.number || known.number == link.number && known != link =>
        {
            Err(format!(
                "{} ends with entry {}, and is not what was written: {} names entry {} ({})",
                path.display(),
                link.number,
                beside(path).display(),
                known.number,
                known.digest
            ))
        }
        _ => Ok(Some(link)),
    }
}

/// The last line, without its end; nothing where a file is empty. A line without an end is one, too.
fn last_line(file: &mut &File) -> io::Result<Option<String>> {
    const STEP: u64 = 64 * 1024;
    let size = file.metadata()?.len();
    let mut from = size;
    let mut bytes = Vec::new();
    loop {
        let step = from.min(STEP);
        from -= step;
        file.seek(SeekFrom::Start(from))?;
        let mut part = vec![0; usize::try_from(step).unwrap_or_default()];
        io::Read::read_exact(file, &mut part)?;
        part.append(&mut bytes);
        bytes = part;
        let inner = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let cut = inner.iter().rposition(|b| *b == b'\n');
        if cut.is_some() || from == 0 || size - from > LONGEST {
            let line = &inner[cut.map_or(0, |c| c + 1)..];
            let ended = bytes.ends_with(b"\n") || bytes.is_empty();
            let text = String::from_utf8_lossy(line).into_owned();
            // What was cut off in the middle can still look whole.
            let text = if ended { text } else { format!("{text}…") };
            return Ok(Some(text).filter(|_| size > 0));
        }
    }
}

/// The file that remembers the last entry.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".last");
    name.into()
}

/// What the file beside a chain remembers.
pub fn last(path: &Path) -> Result<Option<Link>, String> {
    let beside = beside(path);
    let text = match std::fs::read(&beside) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(format!("{}: {e}", beside.display())),
    };
    let mut words = text.split_whitespace();
    let number = words.next().and_then(|n| n.parse().ok());
    let digest = words.next().filter(|d| Digest::parse(d).is_some());
    match (number, digest) {
        (Some(number), Some(digest)) => Ok(Some(Link {
            number,
            digest: digest.to_owned(),
        })),
        _ => Err(format!("{} names no entry", beside.display())),
    }
}

fn remember(path: &Path, link: &Link) -> io::Result<()> {
    let beside = beside(path);
    let mut next = beside.as_os_str().to_owned();
    next.push(".new");
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&next)?;
    writeln!(file, "{} {}", link.number, link.digest)?;
    file.sync_all()?;
    std::fs::rename(&next, &beside)?;
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty());
    File::open(dir.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests;
