//! Everything below a directory.

use std::collections::BTreeMap;

use super::contents::Lengths;
use super::file::{FileState, Node};
use super::look::read_stat;
use super::reply::Record;
use super::script::{Script, path_word, place};
use super::{Content, Digest, Query, RemotePath, Resource, State, Want};

/// The entries below a directory, sorted by path; the directory itself is not among them.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TreeState {
    pub entries: Vec<(RemotePath, FileState)>,
    /// More entries than [`MAX_ENTRIES`]: the list is not whole.
    pub truncated: bool,
}

/// More entries than this below one directory are not held in memory for one task.
pub const MAX_ENTRIES: usize = 100_000;

/// Records of one tree.
const RECORDS: usize = 4;

pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    for query in queries {
        let Resource::Tree(path) = &query.on else {
            continue;
        };
        let digests = query.want.has(Want::DIGEST) || query.want.has(Want::CONTENT);
        let flag = if digests { "d" } else { "p" };
        script.several(RECORDS, |n| {
            format!("pl_tree {n} {flag} {}", path_word(path))
        });
    }
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let mut states = Vec::with_capacity(queries.len());
    for (query, records) in queries.iter().zip(records.chunks(RECORDS)) {
        let Resource::Tree(path) = &query.on else {
            continue;
        };
        states.push(match records[0].text().as_str() {
            "-" => State::Absent,
            "!" => State::Refused("permission denied".into()),
            "o" => State::Refused("it is no directory".into()),
            _ => State::Tree(read_one(path, records)?),
        });
    }
    Ok(states)
}

fn read_one(top: &RemotePath, records: &[Record]) -> Result<TreeState, String> {
    let mut entries: BTreeMap<RemotePath, FileState> = BTreeMap::new();
    let mut add = |path: &str, file: FileState| -> Result<(), String> {
        let path = RemotePath::new(path)?;
        // `find` names the directory itself too, with a slash at its end; `~` was expanded.
        if &path != top {
            entries.insert(path, file);
        }
        Ok(())
    };
    let text = records[1].text();
    for line in text.lines() {
        let cut = line.match_indices(':').nth(15).map(|(at, _)| at);
        let at = cut.ok_or_else(|| format!("`{}` is no line of stat's", line.escape_default()))?;
        if !line.ends_with('/') {
            add(&line[at + 1..], read_stat(&line[..at])?)?;
        }
    }
    // Of each its path, a line of `stat`'s if that has newlines, a target if it is a link.
    let mut odd = Lengths(&records[2].payload);
    let mut links = Vec::new();
    while !odd.0.is_empty() {
        let (path, stat, to) = (odd.text()?, odd.text()?, odd.text()?);
        if !stat.is_empty() && !path.ends_with('/') {
            add(&path, read_stat(&stat)?)?;
        }
        if !to.is_empty() {
            links.push((path, to));
        }
    }
    for (path, to) in links {
        if let Some(file) = entries.get_mut(&RemotePath::new(&path)?)
            && let Node::Link { target } = &mut file.node
        {
            *target = to;
        }
    }
    for line in records[3].text().lines() {
        let Some((path, digest)) = digest_line(line) else {
            continue;
        };
        if let Some(file) = entries.get_mut(&RemotePath::new(&path)?) {
            let size = file.meta.as_ref().map_or(0, |m| m.size);
            file.node = Node::File(Some(Content::digest_only(digest, size)));
        }
    }
    let truncated = entries.len() > MAX_ENTRIES;
    let entries = entries.into_iter().take(MAX_ENTRIES).collect();
    Ok(TreeState { entries, truncated })
}

/// A line of `sha256sum`: GNU's begins with a backslash where it escaped the name.
fn digest_line(line: &str) -> Option<(String, Digest)> {
    let (escaped, line) = match line.strip_prefix('\\') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let digest = Digest::parse(line.get(..64)?)?;
    let name = line.get(66..)?;
    if !escaped {
        return Some((name.to_owned(), digest));
    }
    let mut out = String::new();
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next()? {
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                c => out.push(c),
            },
            (c, false) => out.push(c),
        }
    }
    Some((out, digest))
}

/// Shell patterns: [`Resource::Glob`].
pub(super) fn ask_globs(queries: &[&Query], script: &mut Script) {
    for query in queries {
        let Resource::Glob(pattern) = &query.on else {
            continue;
        };
        script.several(1, |n| format!("pl_g {n} {}", place(pattern)));
    }
}

pub(super) fn read_globs(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let mut states = Vec::with_capacity(queries.len());
    for (_, record) in queries.iter().zip(records) {
        let mut rest = Lengths(&record.payload);
        let mut paths = Vec::new();
        while !rest.0.is_empty() {
            paths.push(rest.text()?);
        }
        paths.sort();
        states.push(State::Paths(paths));
    }
    Ok(states)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_name_of_sha256sum_is_read() {
        let hash = "0".repeat(64);
        let (name, _) = digest_line(&format!("\\{hash}  /a\\\\b\\nc")).expect("a line");
        assert_eq!(name, "/a\\b\nc");
        assert_eq!(
            digest_line(&format!("{hash}  /a\\b")).expect("a line").0,
            "/a\\b"
        );
        assert!(digest_line("sha256sum: x").is_none());
    }
}
