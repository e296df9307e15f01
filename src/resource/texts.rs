//! Contents of all regular files that match shell patterns: folders of drop-ins, in one question.
//!
//! Every question of a script shares one `stat`, one `sha256sum` and one `cat`. Links are followed,
//! and say where they lead. Names with a line end in them are passed over: no program that reads a
//! folder of settings takes such a name for one.

use std::borrow::Cow;

use super::contents::Lengths;
use super::file::FileState;
use super::look::{MOVED, read_paths};
use super::reply::Record;
use super::script::{Script, place};
use super::{Query, RemotePath, Resource, State};

/// A regular file that matches, with its content where that could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct TextFile {
    /// The path that matches.
    pub path: RemotePath,
    /// Where it leads, if it is a link: the path to write to.
    pub real: Option<RemotePath>,
    /// How the file is, at the end of its links; its content is held unless it is `refused`.
    pub file: FileState,
    /// Why there is no content.
    pub refused: Option<String>,
}

/// Files of one question. More are no folder of settings, or nobody could answer for reading them.
pub const MAX_FILES: usize = 200;
/// Bytes of one file: settings are far smaller, databases are not asked this way.
pub const MAX_SIZE: u64 = 256 * 1024;
/// Bytes of all files of one trip: one shell variable holds them in base64.
pub const MAX_TOTAL: u64 = 4 * 1024 * 1024;

/// Records of the files of all questions together, after one for each question.
const SHARED: usize = 6;

/// What is answered where more than [`MAX_FILES`] match.
const TOO_MANY: i32 = 1;
/// What is answered where a directory may not be searched.
const HIDDEN: i32 = 2;

impl TextFile {
    /// The path that is written to change it.
    pub fn target(&self) -> &RemotePath {
        self.real.as_ref().unwrap_or(&self.path)
    }

    /// Its text, with a replacement character for what is not UTF-8.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn text(&self) -> Result<Cow<'_, str>, String> {
        let bytes = self.file.content().and_then(|c| c.bytes.as_deref());
        match (bytes, &self.refused) {
            (Some(bytes), None) => Ok(String::from_utf8_lossy(bytes)),
            (_, Some(why)) => Err(format!("cannot read {}: {why}", self.path)),
            (None, None) => Err(format!("the content of {} is not known", self.path)),
        }
    }
}

/// Orders files as their patterns stand, within a pattern by name; each stands once.
pub(crate) fn order(patterns: &[String], files: &mut Vec<TextFile>) {
    let rank = |path: &RemotePath| {
        let at = patterns.iter().position(|p| matches(p, path.as_str()));
        at.unwrap_or(patterns.len())
    };
    files.sort_by(|a, b| (rank(&a.path), &a.path).cmp(&(rank(&b.path), &b.path)));
    files.dedup_by(|a, b| a.path == b.path);
}

/// The directory that a pattern is looked for in: what stands before the first part with a wildcard.
/// `None` for a plain path.
pub(crate) fn folder(pattern: &str) -> Option<&str> {
    let wild = pattern.find(['*', '?', '['])?;
    Some(match pattern[..wild].rfind('/') {
        Some(0) | None => "/",
        Some(slash) => &pattern[..slash],
    })
}

/// Whether a shell would expand the pattern to the path: `*`, `?` and `[…]` match no slash and no
/// dot at the beginning of a name.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let mut parts = pattern.split('/').filter(|p| !p.is_empty());
    let mut names = path.split('/').filter(|p| !p.is_empty());
    loop {
        match (parts.next(), names.next()) {
            (None, None) => return true,
            (Some(part), Some(name)) => {
                let part: Vec<char> = part.chars().collect();
                let name: Vec<char> = name.chars().collect();
                let hidden = name.first() == Some(&'.') && part.first() != Some(&'.');
                if hidden || !matches_name(&part, &name) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// One part of a path. Goes back to the last `*` where it must, so the time is bounded by the
/// product of the lengths.
fn matches_name(part: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        let taken = match part.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => match class(&part[p..], name[n]) {
                Some((true, length)) => Some(length),
                Some((false, _)) => None,
                None => (name[n] == '[').then_some(1),
            },
            Some(c) => (*c == name[n]).then_some(1),
            None => None,
        };
        match (taken, star) {
            (Some(length), _) => (p, n) = (p + length, n + 1),
            (None, Some((at, from))) => {
                star = Some((at, from + 1));
                (p, n) = (at + 1, from + 1);
            }
            (None, None) => return false,
        }
    }
    part[p..].iter().all(|c| *c == '*')
}

/// Whether a bracket expression takes a character, and how long it is; `None` where it has no end.
fn class(part: &[char], c: char) -> Option<(bool, usize)> {
    let mut at = 1;
    let negated = matches!(part.get(at), Some('!' | '^'));
    at += usize::from(negated);
    let (first, mut found) = (at, false);
    loop {
        let from = *part.get(at)?;
        if from == ']' && at > first {
            return Some((found != negated, at + 1));
        }
        match (part.get(at + 1), part.get(at + 2)) {
            (Some('-'), Some(to)) if *to != ']' => {
                found |= (from..=*to).contains(&c);
                at += 3;
            }
            _ => {
                found |= from == c;
                at += 1;
            }
        }
    }
}

pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    script.say("pl_tn=0 pl_tl=");
    for query in queries {
        let Resource::Texts(patterns) = &query.on else {
            continue;
        };
        let mut words = String::new();
        for pattern in patterns {
            let folder = folder(pattern).map_or("''".to_owned(), place);
            words.push_str(&format!(" {folder} {}", place(pattern)));
        }
        script.several(1, |n| format!("pl_texts {n}{words}"));
    }
    script.several(SHARED, |n| {
        format!(
            "pl_max={MAX_SIZE} pl_sum={MAX_TOTAL}\neval \"pl_f {n} tdc $pl_tl\"\npl_max= pl_sum="
        )
    });
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let (lists, shared) = records
        .split_at_checked(queries.len())
        .filter(|(_, shared)| shared.len() == SHARED)
        .ok_or("the answer about texts is cut short")?;
    let mut found = Vec::with_capacity(lists.len());
    for record in lists {
        let mut rest = Lengths(&record.payload);
        let mut paths = Vec::new();
        while !rest.0.is_empty() {
            let path = RemotePath::new(&rest.text()?)?;
            let real = Some(rest.text()?).filter(|r| !r.is_empty());
            paths.push((path, real.map(|r| RemotePath::new(&r)).transpose()?));
        }
        found.push(paths);
    }
    let all: Vec<&RemotePath> = found.iter().flatten().map(|(path, _)| path).collect();
    let mut states = read_paths(&all, "tdc", shared)?.into_iter();
    let mut answers = Vec::with_capacity(queries.len());
    for ((query, record), paths) in queries.iter().zip(lists).zip(found) {
        let count = paths.len();
        let files = paths.into_iter().zip(states.by_ref().take(count));
        let files: Vec<_> = files
            .map(|((path, real), state)| (path, real, state))
            .collect();
        let Resource::Texts(patterns) = &query.on else {
            continue;
        };
        answers.push(match record.status {
            TOO_MANY => State::Refused(format!(
                "more than {MAX_FILES} files match {}",
                patterns.join(" ")
            )),
            HIDDEN => State::Refused("permission denied".into()),
            _ => one(patterns, files),
        });
    }
    Ok(answers)
}

fn one(patterns: &[String], found: Vec<(RemotePath, Option<RemotePath>, State)>) -> State {
    let mut files = Vec::with_capacity(found.len());
    for (path, real, state) in found {
        match state {
            State::File(file) => {
                let refused = match &file.meta {
                    Some(meta) if !meta.readable => Some("permission denied".to_owned()),
                    Some(meta) if meta.size > MAX_SIZE => {
                        Some(format!("it is larger than {} KiB", MAX_SIZE / 1024))
                    }
                    _ if file.content().is_none_or(|c| c.bytes.is_none()) => {
                        Some("too much is to be read at once".to_owned())
                    }
                    _ => None,
                };
                files.push(TextFile {
                    path,
                    real,
                    file,
                    refused,
                });
            }
            State::Refused(why) if why == MOVED => return State::Refused(why),
            // It went while it was being read.
            _ => {}
        }
    }
    order(patterns, &mut files);
    State::Texts(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_a_shell_expands_them() {
        for (pattern, path, wanted) in [
            ("/etc/x.d/*.conf", "/etc/x.d/a.conf", true),
            ("/etc/x.d/*.conf", "/etc/x.d/.a.conf", false),
            ("/etc/x.d/*.conf", "/etc/x.d/sub/a.conf", false),
            ("/etc/x.d/*.conf", "/etc/x.d/a.conf.dpkg-old", false),
            ("/etc/x.d/.*", "/etc/x.d/.a", true),
            ("/etc/*/a?[0-9]", "/etc/x/ab7", true),
            ("/etc/*/a?[!0-9]", "/etc/x/ab7", false),
            ("/a*b*c", "/axxbxbxc", true),
            ("/a*b*c", "/axxbxbx", false),
            ("/a[", "/a[", true),
            ("/a[]x]", "/a]", true),
            ("/etc/motd", "/etc/motd", true),
        ] {
            assert_eq!(matches(pattern, path), wanted, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_is_looked_for_in_a_folder() {
        assert_eq!(folder("/etc/a.d/*.conf"), Some("/etc/a.d"));
        assert_eq!(folder("/etc/*/x"), Some("/etc"));
        assert_eq!(folder("/*"), Some("/"));
        assert_eq!(folder("/etc/motd"), None);
    }
}
