//! Whether a chain is what was written, and if not, where it is not.

use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use super::{Entry, FORMAT, LONGEST, Line, Link, NOTHING, OLDEST, last};

/// The first place at which a chain is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// From 1; 0 where it is the file as a whole.
    pub line: u64,
    pub what: String,
}

impl Broken {
    fn at(line: u64, what: impl Into<String>) -> Broken {
        Broken {
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.what),
            line => write!(f, "line {line}: {}", self.what),
        }
    }
}

/// Who signed an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The key's fingerprint.
    pub key: String,
    /// Who that is, by a list of those who may.
    pub name: Option<String>,
}

/// What was found of a whole chain.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    pub entries: u64,
    pub last: Option<Link>,
    pub first_written: String,
    pub last_written: String,
    /// Signed entries by who signed them.
    pub signed: Vec<(Signed, u64)>,
    pub unsigned: u64,
    /// There was a file that remembers the last entry.
    pub remembered: bool,
}

/// Judges a signature of a text, made at a moment; `None` where there is none.
pub type Judge<'a> = &'a dyn Fn(Option<&str>, &str, &Entry) -> Result<Option<Signed>, String>;

/// Goes through a chain from its first line. `wanted` is a digest that must occur in it.
pub fn verify(path: &Path, wanted: Option<&str>, judge: Judge<'_>) -> Result<Verified, Broken> {
    let file = File::open(path).map_err(|e| Broken::at(0, format!("{}: {e}", path.display())))?;
    let remembered = last(path).map_err(|e| Broken::at(0, e))?;
    let mut reader = BufReader::new(file);
    let mut found = Verified {
        remembered: remembered.is_some(),
        ..Verified::default()
    };
    let mut before = Link {
        number: 0,
        digest: NOTHING.to_owned(),
    };
    let (mut met_wanted, mut met_last) = (wanted.is_none(), remembered.is_none());
    loop {
        let at = found.entries + 1;
        let mut line = Vec::new();
        let read = (&mut reader).take(LONGEST).read_until(b'\n', &mut line);
        read.map_err(|e| Broken::at(at, e.to_string()))?;
        if line.is_empty() {
            break;
        }
        let (link, entry, signed) = one(at, &line, &before, judge)?;
        if found.entries == 0 {
            found.first_written.clone_from(&entry.written);
        }
        found.last_written = entry.written;
        met_wanted = met_wanted || wanted == Some(link.digest.as_str());
        met_last = met_last || remembered.as_ref() == Some(&link);
        match signed {
            None => found.unsigned += 1,
            Some(signed) => match found.signed.iter_mut().find(|(s, _)| *s == signed) {
                Some((_, count)) => *count += 1,
                None => found.signed.push((signed, 1)),
            },
        }
        found.entries += 1;
        before = link;
    }
    if let Some(known) = remembered.filter(|_| !met_last) {
        let text = match known.number > found.entries {
            true => format!(
                "truncated: the file ends here, and entry {} ({}) was written",
                known.number, known.digest
            ),
            false => format!(
                "entry {} is not the one that was written ({})",
                known.number, known.digest
            ),
        };
        return Err(Broken::at(found.entries.min(known.number - 1) + 1, text));
    }
    if !met_wanted {
        let text = format!("no entry has the digest {}", wanted.unwrap_or_default());
        return Err(Broken::at(0, text));
    }
    found.last = (found.entries > 0).then_some(before);
    Ok(found)
}

fn one(
    at: u64,
    line: &[u8],
    before: &Link,
    judge: Judge<'_>,
) -> Result<(Link, Entry, Option<Signed>), Broken> {
    let broken = |what: String| Broken::at(at, what);
    let Some(line) = line.strip_suffix(b"\n") else {
        return Err(broken("truncated: the line has no end".into()));
    };
    let text = std::str::from_utf8(line).map_err(|_| broken("changed: it is not text".into()))?;
    let line = Line::parse(text).ok_or_else(|| broken("changed: it is no entry".into()))?;
    if !line.holds() {
        return Err(broken(
            "changed: the entry does not have the digest that it had".into(),
        ));
    }
    let entry: Entry = serde_json::from_str(line.entry)
        .map_err(|e| broken(format!("the entry cannot be read: {e}")))?;
    if !(OLDEST..=FORMAT).contains(&entry.format) {
        return Err(broken(format!(
            "the entry is of format {}, and {FORMAT} is known",
            entry.format
        )));
    }
    if entry.previous != before.digest || entry.number != before.number + 1 {
        return Err(broken(out_of_order(&entry, before)));
    }
    let signed = judge(line.signature.as_deref(), line.digest, &entry).map_err(broken)?;
    match (&entry.signer, &signed) {
        (Some(signer), None) => {
            return Err(broken(format!("the signature of {signer} was taken away")));
        }
        (Some(signer), Some(signed)) if *signer != signed.key => {
            return Err(broken(format!(
                "signed by {}, and it was {signer}",
                signed.key
            )));
        }
        _ => {}
    }
    let link = Link {
        number: entry.number,
        digest: line.digest.to_owned(),
    };
    Ok((link, entry, signed))
}

/// What is wrong with an entry's place, in the words of what somebody may have done.
fn out_of_order(entry: &Entry, before: &Link) -> String {
    let expected = before.number + 1;
    match entry.number {
        n if n > expected && before.number == 0 => {
            format!("entry {n} comes first: what was before it was removed, or moved")
        }
        n if n > expected => {
            format!(
                "entry {n} follows entry {}: what was between them was removed, or moved",
                before.number
            )
        }
        n if n < expected => {
            format!(
                "entry {n} follows entry {}: it was moved, or put in twice",
                before.number
            )
        }
        n => format!(
            "entry {n} was written after an entry with the digest {}, and follows one with {}",
            entry.previous, before.digest
        ),
    }
}
