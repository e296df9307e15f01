//! A reply cut into its sections and the files that were read. Takes any bytes.

use std::collections::{BTreeMap, BTreeSet};

/// What came from the host.
#[derive(Debug, Default)]
pub(super) struct Answer {
    sections: Vec<(String, String)>,
    files: BTreeMap<String, Vec<String>>,
    exists: BTreeSet<String>,
}

impl Answer {
    /// Reads `NAME LENGTH`, a line feed and that many bytes, over and over; stops at the first that
    /// is none.
    pub(super) fn read(mut bytes: &[u8]) -> Answer {
        let mut out = Answer::default();
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            let head = String::from_utf8_lossy(&bytes[..end]);
            let Some((name, length)) = head.split_once(' ') else {
                break;
            };
            let Ok(length) = length.parse::<usize>() else {
                break;
            };
            let rest = &bytes[end + 1..];
            let Some(text) = rest.get(..length) else {
                break;
            };
            let text = String::from_utf8_lossy(text).into_owned();
            out.add(name, text);
            bytes = &rest[length..];
        }
        out
    }

    fn add(&mut self, name: &str, text: String) {
        match name {
            "files" => {
                for line in text.split('\n') {
                    if let Some((path, line)) = line.split_once(':') {
                        let lines = self.files.entry(path.to_owned()).or_default();
                        lines.push(line.to_owned());
                    }
                }
            }
            "exists" => self.exists.extend(text.lines().map(str::to_owned)),
            _ => self.sections.push((name.to_owned(), text)),
        }
    }

    /// The first section of a name.
    pub(super) fn section(&self, name: &str) -> Option<&str> {
        let (_, text) = self.sections.iter().find(|(n, _)| n == name)?;
        Some(text)
    }

    pub(super) fn sections_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let same = move |(n, _): &&(String, String)| n == name;
        self.sections
            .iter()
            .filter(same)
            .map(|(_, text)| text.as_str())
    }

    /// The lines of a file; none where it is not there, is empty or could not be read.
    pub(super) fn lines(&self, path: &str) -> &[String] {
        self.files.get(path).map_or(&[], Vec::as_slice)
    }

    /// The first line of a file, trimmed; `None` where there is none or it is blank.
    pub(super) fn line(&self, path: &str) -> Option<&str> {
        let line = self.lines(path).first()?.trim();
        (!line.is_empty()).then_some(line)
    }

    pub(super) fn number(&self, path: &str) -> Option<i64> {
        self.line(path)?.parse().ok()
    }

    /// Whether a path was tested and is there, or was read.
    pub(super) fn has(&self, path: &str) -> bool {
        self.exists.contains(path) || self.files.contains_key(path)
    }

    /// The tested paths below a folder, without it.
    pub(super) fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.exists
            .iter()
            .filter_map(move |p| p.strip_prefix(folder))
    }

    /// The files read below a folder: path without it, and lines.
    pub(super) fn files_below<'a>(
        &'a self,
        folder: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a [String])> {
        let from = self.files.range(folder.to_owned()..);
        from.map_while(move |(p, lines)| Some((p.strip_prefix(folder)?, lines.as_slice())))
    }
}

/// `NAME=value` lines with shell quoting, as os-release has them.
pub(super) fn assignments(lines: &[String]) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for line in lines {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        if let Some((name, value)) = line.split_once('=') {
            let value = super::super::script::words(value)
                .and_then(|words| words.into_iter().next())
                .unwrap_or_default();
            out.insert(name.trim().to_owned(), value);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_cut_by_its_lengths() {
        let answer = Answer::read(b"date 3\n1 2files 13\n/a:x y\n/b:z:1exists 3\n/c\nrubbish");
        assert_eq!(answer.section("date"), Some("1 2"));
        assert_eq!(
            (answer.line("/a"), answer.line("/b")),
            (Some("x y"), Some("z:1"))
        );
        assert!(answer.has("/c") && !answer.has("/d"));
    }

    #[test]
    fn a_length_that_lies_ends_the_reading() {
        assert_eq!(Answer::read(b"date 99\n1 2").section("date"), None);
    }

    #[test]
    fn quotes_are_taken_off() {
        let lines = [
            "ID=debian",
            "NAME=\"Debian GNU/Linux\"",
            "# X=1",
            "V='1 (x)'",
        ];
        let map = assignments(&lines.map(str::to_owned));
        assert_eq!(
            (map["NAME"].as_str(), map["V"].as_str(), map.len()),
            ("Debian GNU/Linux", "1 (x)", 3)
        );
    }
}
