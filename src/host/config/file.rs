//! Reading `ssh_config` files: the part of the language that needs no process to evaluate.

use std::fs;
use std::io::ErrorKind as Io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Surroundings;
use crate::host::arguments::{HARMLESS, KNOWN};
use crate::host::{ErrorKind, HostError};

/// As deep as OpenSSH follows `Include`.
const DEEPEST: usize = 16;

/// A larger configuration is a mistake, such as a device.
const LARGEST: u64 = 4 * 1024 * 1024;

#[derive(Clone, Debug)]
pub(super) enum Item {
    /// `Host` patterns: what follows applies where one matches and no negated one does.
    Host(Vec<String>),
    /// `Match all`.
    All,
    Set(String, Vec<String>),
    /// The files of an `Include`, which apply only where the lines around it do.
    Include(Vec<Vec<Item>>),
}

/// Reads a file and what it includes. A missing one is empty, as for ssh.
///
/// `beyond` is set to the first line that only ssh can evaluate.
pub(super) fn read(
    path: &Path,
    own: bool,
    around: &Surroundings,
    beyond: &mut Option<String>,
) -> Result<Vec<Item>, HostError> {
    read_deep(path, own, around, beyond, 0)
}

fn read_deep(
    path: &Path,
    own: bool,
    around: &Surroundings,
    beyond: &mut Option<String>,
    depth: usize,
) -> Result<Vec<Item>, HostError> {
    let fail = |why: String| {
        HostError::new(
            ErrorKind::Unreachable,
            format!("ssh configuration {}: {why}", path.display()),
        )
    };
    if depth > DEEPEST {
        return Err(fail("includes itself".into()));
    }
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) if matches!(e.kind(), Io::NotFound | Io::NotADirectory) => return Ok(Vec::new()),
        Err(e) => return Err(fail(e.to_string())),
    };
    if !meta.is_file() || meta.len() > LARGEST {
        return Err(fail("is not a regular file of reasonable size".into()));
    }
    let us = rustix::process::geteuid().as_raw();
    if own && (meta.mode() & 0o022 != 0 || (meta.uid() != 0 && meta.uid() != us)) {
        return Err(fail("others may write to it".into())
            .hint(format!("run: chmod go-w {}", path.display())));
    }
    let bytes = fs::read(path).map_err(|e| fail(e.to_string()))?;
    let mut items = Vec::new();
    for line in String::from_utf8_lossy(&bytes).lines() {
        let Some((key, args)) = words(line) else {
            continue;
        };
        match key.as_str() {
            "host" => items.push(Item::Host(args)),
            "match" if args.len() == 1 && args[0].eq_ignore_ascii_case("all") => {
                items.push(Item::All);
            }
            "include" => {
                let mut files = Vec::new();
                for pattern in &args {
                    let Some(paths) = included(pattern, own, around) else {
                        beyond.get_or_insert(line.trim().to_owned());
                        continue;
                    };
                    for path in paths {
                        files.push(read_deep(&path, own, around, beyond, depth + 1)?);
                    }
                }
                items.push(Item::Include(files));
            }
            key if HARMLESS.contains(&key) => {}
            key if KNOWN.contains(&key) && !args.iter().any(|a| a.contains("${")) => {
                items.push(Item::Set(key.to_owned(), args));
            }
            _ => {
                beyond.get_or_insert(line.trim().to_owned());
            }
        }
    }
    Ok(items)
}

/// A keyword in lower case and its arguments: `Key value`, `Key=value`, `Key "a value" # comment`.
fn words(line: &str) -> Option<(String, Vec<String>)> {
    let line = line.trim_matches([' ', '\t', '\r', '\u{c}']);
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find([' ', '\t', '=', '"']).unwrap_or(line.len());
    let key = line[..end].to_ascii_lowercase();
    let rest = line[end..].trim_start_matches([' ', '\t']);
    let rest = rest
        .strip_prefix('=')
        .unwrap_or(rest)
        .trim_start_matches([' ', '\t']);
    if key == "proxycommand" {
        return Some((key, vec![rest.to_owned()]));
    }
    let mut args = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in rest.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => args.extend(word.take()),
            (None, '#') if word.is_none() => break,
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    args.extend(word);
    Some((key, args))
}

/// The files an `Include` pattern names, in order; none if only ssh can tell.
fn included(pattern: &str, own: bool, around: &Surroundings) -> Option<Vec<PathBuf>> {
    let path = match pattern {
        p if p.starts_with("~/") => around.expand_home(p),
        p if p.starts_with('/') => PathBuf::from(p),
        p if own => around.home.join(".ssh").join(p),
        p => around.system_config.parent()?.join(p),
    };
    let name = path.file_name()?.to_str()?.to_owned();
    let folder = path.parent()?;
    if folder.to_str()?.contains(['*', '?', '[', '~', '$']) || name.contains('[') {
        return None;
    }
    if !name.contains(['*', '?']) {
        return Some(vec![path]);
    }
    let Ok(entries) = fs::read_dir(folder) else {
        return Some(Vec::new());
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|entry| !entry.starts_with('.') && crate::host::pattern::wild(&name, entry))
        .map(|entry| folder.join(entry))
        .collect();
    found.sort();
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn lines_in_every_spelling() {
        let read = |line| words(line).map(|(k, a)| (k, a.join("|")));
        let pair = |k: &str, a: &str| Some((k.to_owned(), a.to_owned()));
        assert_eq!(read("  HostName = web1 \r"), pair("hostname", "web1"));
        assert_eq!(
            read("IdentityFile=\"~/my key\" # mine"),
            pair("identityfile", "~/my key")
        );
        assert_eq!(read("Host a !b *.c"), pair("host", "a|!b|*.c"));
        assert_eq!(
            read("ProxyCommand nc \"%h\" %p"),
            pair("proxycommand", "nc \"%h\" %p")
        );
        assert_eq!(read("# Port 22"), None);
        assert_eq!(read("\t"), None);
    }
}
