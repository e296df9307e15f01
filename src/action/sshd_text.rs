//! The text of an SSH server's configuration: what stands where, with included files in place.

use crate::resource::RemotePath;

use super::drops::Drops;

/// One directive.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Directive {
    /// The number of its file among those that were read.
    pub(crate) file: usize,
    /// Its line there, from 0.
    pub(crate) line: usize,
    /// In lower case.
    pub(crate) name: String,
    pub(crate) words: Vec<String>,
    /// The condition of the `Match` block it stands in.
    pub(crate) within: Option<String>,
}

/// Everything that counts, in the order in which the server reads it.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) directives: Vec<Directive>,
    /// Patterns of `Include`, as far as they are no part of what was read.
    pub(crate) missing: Vec<String>,
}

/// Includes within includes: the server's own bound.
const DEPTH: usize = 16;
/// Where relative names of `Include` begin.
const HOME: &str = "/etc/ssh";

/// Splits a line into its name and its words: `Name word "two words"`, `Name=word`, `# comment`.
pub(crate) fn split(line: &str) -> Option<(String, Vec<String>)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(|c: char| c.is_whitespace() || c == '=' || c == '"');
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    Some((name.to_lowercase(), words(rest)))
}

fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => out.extend(word.take()),
            '#' if word.is_none() => break,
            '"' | '\'' => {
                let word = word.get_or_insert_default();
                for inner in chars.by_ref() {
                    if inner == c {
                        break;
                    }
                    word.push(inner);
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    out.extend(word);
    out
}

/// The absolute pattern an `Include` means.
pub(crate) fn absolute(pattern: &str) -> String {
    match pattern.starts_with('/') {
        true => pattern.to_owned(),
        false => format!("{HOME}/{pattern}"),
    }
}

impl Config {
    /// Reads the main file, with what it includes among the files at hand. `known` are the patterns
    /// that were asked for.
    pub(crate) fn read(drops: &Drops, main: &RemotePath, known: &[String]) -> Config {
        let mut config = Config::default();
        if let Some(at) = drops.files.iter().position(|f| &f.path == main) {
            config.file(drops, at, None, known, 0);
        }
        config
    }

    fn file(
        &mut self,
        drops: &Drops,
        file: usize,
        within: Option<&str>,
        known: &[String],
        depth: usize,
    ) {
        let mut within = within.map(str::to_owned);
        for (line, text) in drops.files[file].text.lines().enumerate() {
            let Some((name, words)) = split(text) else {
                continue;
            };
            if name == "match" {
                let all = words.len() == 1 && words[0].eq_ignore_ascii_case("all");
                within = (!all).then(|| words.join(" "));
                continue;
            }
            if name == "include" && depth < DEPTH {
                for pattern in words.iter().map(|w| absolute(w)) {
                    self.include(drops, &pattern, within.as_deref(), known, depth);
                }
            }
            self.directives.push(Directive {
                file,
                line,
                name,
                words,
                within: within.clone(),
            });
        }
    }

    fn include(
        &mut self,
        drops: &Drops,
        pattern: &str,
        within: Option<&str>,
        known: &[String],
        depth: usize,
    ) {
        if !known.iter().any(|k| k == pattern) {
            self.missing.push(pattern.to_owned());
        }
        let matches = |path: &RemotePath| crate::resource::texts::matches(pattern, path.as_str());
        let mut found: Vec<usize> = (0..drops.files.len())
            .filter(|i| matches(&drops.files[*i].path))
            .collect();
        found.sort_by(|a, b| drops.files[*a].path.cmp(&drops.files[*b].path));
        for file in found {
            self.file(drops, file, within, known, depth + 1);
        }
    }

    /// The directives of a name, in the order in which the server reads them.
    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Directive> {
        self.directives.iter().filter(move |d| d.name == name)
    }

    /// Whether a file is included for everybody.
    pub(crate) fn includes(&self, path: &RemotePath) -> bool {
        let takes = |w: &String| crate::resource::texts::matches(&absolute(w), path.as_str());
        self.named("include")
            .any(|d| d.within.is_none() && d.words.iter().any(takes))
    }
}

/// The number of the first line with one of these directives.
pub(crate) fn first_of(text: &str, names: &[&str]) -> Option<usize> {
    let is_one = |line: &str| split(line).is_some_and(|(name, _)| names.contains(&name.as_str()));
    text.lines().position(is_one)
}

/// Seconds as the server reads them: `120`, `2m`, `1h30m`.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let (mut total, mut number) = (0i64, None);
    for c in text.trim().chars() {
        if let Some(digit) = c.to_digit(10) {
            number = Some(
                number
                    .unwrap_or(0i64)
                    .checked_mul(10)?
                    .checked_add(i64::from(digit))?,
            );
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86400,
            'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    match number {
        Some(rest) => total.checked_add(rest),
        None => (!text.trim().is_empty()).then_some(total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_the_server_reads_them() {
        let read = |line| split(line).expect("a directive");
        assert_eq!(read(" Port 22 # x"), ("port".into(), vec!["22".into()]));
        assert_eq!(read("Banner=\"/a b\"").1, ["/a b"]);
        assert_eq!(read("AllowUsers a  b").1, ["a", "b"]);
        assert_eq!(split("  # Port 22"), None);
    }

    #[test]
    fn times_have_units() {
        assert_eq!(
            (seconds("2m"), seconds("90"), seconds("1h30m")),
            (Some(120), Some(90), Some(5400))
        );
        assert_eq!((seconds("x"), seconds("")), (None, None));
    }
}
