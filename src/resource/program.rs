//! What is run rather than changed: commands of the user's, and programs of our own.

use std::sync::Arc;

use super::script::quote;

/// Something to execute. Opaque: it has no before and after, and cannot be undone.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub exec: Exec,
    pub chdir: Option<String>,
    pub stdin: Option<Arc<[u8]>>,
    /// Standard input that may be too large to be held in memory; taken where there is no `stdin`.
    pub payload: Option<super::Content>,
    /// Files that a program of ours finds at `$pl_files` with their numbers behind it.
    pub files: Vec<super::Content>,
    /// Whether having run is a change (`command` is one, `wait_for` is not).
    pub changes: bool,
    /// What check mode runs instead: it only reads, and prints what this one would.
    pub rehearsal: Option<Box<Run>>,
    /// Whether it only reads, so that check mode may run it too.
    pub read_only: bool,
    /// Bytes of stdout (and of stderr) kept; what is beyond is cut with a mark.
    pub capture: usize,
    /// Whether the action may call it failed although it exited 0, so that nothing may be sent to
    /// the host behind it before the action has spoken (`uri`).
    pub judged: bool,
    /// Whether it only has a service read what is on disk, so that it may be made again at any time.
    pub tells: bool,
}

/// How it is started.
#[derive(Clone, Debug, PartialEq)]
pub enum Exec {
    /// Words, without a shell.
    Argv(Vec<String>),
    /// Text for `/bin/sh -c`, or for another shell.
    Shell {
        text: String,
        executable: Option<String>,
    },
    /// Text handed to the login shell as it is, with no wrapping at all.
    Raw {
        text: String,
        executable: Option<String>,
    },
    /// A file of the controller's, copied to a private place on the host, run and removed.
    Script {
        content: super::Content,
        args: String,
        executable: Option<String>,
    },
    Program(Program),
}

/// A POSIX sh program of ours. Made only in this folder, because it is shell text.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub(in crate::resource) text: String,
    /// What it is called in messages.
    pub name: &'static str,
}

/// Output of one command kept by default.
pub const CAPTURE_LIMIT: usize = 16 * 1024 * 1024;

impl Run {
    pub fn new(exec: Exec) -> Run {
        Run {
            exec,
            chdir: None,
            stdin: None,
            payload: None,
            files: Vec::new(),
            rehearsal: None,
            changes: true,
            read_only: false,
            capture: CAPTURE_LIMIT,
            judged: false,
            tells: false,
        }
    }
}

/// Year, month and day of a day since 1970-01-01, in the calendar of today.
pub fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (
        yoe + era * 400 + i64::from(month <= 2),
        month,
        doy - (153 * mp + 2) / 5 + 1,
    )
}

/// Words to execute in which `$NAME`, `${NAME}` and a leading `~` are what they are in the host's
/// environment. A variable that is not set stays as it is written.
pub fn expanded(words: Vec<String>) -> Exec {
    let plain = |w: &String| !w.starts_with('~') && variables(w).iter().all(|p| p.is_err());
    if words.iter().all(plain) {
        return Exec::Argv(words);
    }
    let words: Vec<_> = words.iter().map(|w| expanded_word(w)).collect();
    let text = format!("exec {}", words.join(" "));
    Exec::Shell {
        text,
        executable: None,
    }
}

fn expanded_word(word: &str) -> String {
    let mut out = String::new();
    let mut rest = word;
    if let Some(tail) = word.strip_prefix('~') {
        let user = tail.split('/').next().unwrap_or_default();
        if user
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        {
            out.push('~');
            out.push_str(user);
            rest = &tail[user.len()..];
            // A quoted slash would end the expansion.
            if let Some(below) = rest.strip_prefix('/') {
                out.push('/');
                rest = below;
            }
        }
    }
    for part in variables(rest) {
        match part {
            // Unset, it stands for itself.
            Ok((name, written)) => {
                out.push_str(&format!(
                    "\"${{{name}-\\{}}}\"",
                    written.replace('}', "\\}")
                ));
            }
            Err(text) => out.push_str(&quote(text)),
        }
    }
    if out.is_empty() { quote("") } else { out }
}

/// The parts of a word: names of variables with the way they are written, and text between them.
fn variables(word: &str) -> Vec<Result<(&str, &str), &str>> {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let (mut parts, mut from, mut at) = (Vec::new(), 0, 0);
    while let Some(found) = word[at..].find('$') {
        let start = at + found;
        let after = &word[start + 1..];
        let braced = after
            .strip_prefix('{')
            .and_then(|r| r.split_once('}'))
            .map(|(n, _)| n);
        let (name, width) = match braced {
            Some(name) => (name, name.len() + 3),
            None => {
                let length = after.bytes().take_while(is_name).count();
                (&after[..length], length + 1)
            }
        };
        at = start + 1;
        let sound = name.bytes().all(|b| is_name(&b)) && !name.as_bytes()[..].is_empty();
        if !sound || name.as_bytes()[0].is_ascii_digit() {
            continue;
        }
        if from < start {
            parts.push(Err(&word[from..start]));
        }
        parts.push(Ok((name, &word[start..start + width])));
        from = start + width;
        at = from;
    }
    if from < word.len() {
        parts.push(Err(&word[from..]));
    }
    parts
}

impl Program {
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Ran {
    /// The exit status, 128 + n for signal n.
    pub rc: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Seconds since 1970 on the host's clock.
    pub start: f64,
    pub end: f64,
    /// Output beyond the capture limit was dropped.
    pub truncated: bool,
    /// The program was not there or could not be started; the shell's words.
    pub not_started: Option<String>,
    /// It was killed because its time was over.
    pub timed_out: bool,
    /// It was killed because it printed without end.
    pub endless: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(words: &[&str]) -> String {
        match expanded(words.iter().map(|w| (*w).to_owned()).collect()) {
            Exec::Shell { text, .. } => text,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn variables_and_homes_are_expanded_by_the_host() {
        assert_eq!(
            shell(&["echo", "a$HOME/b c"]),
            r#"exec echo a"${HOME-\$HOME}"'/b c'"#
        );
        assert_eq!(shell(&["ls", "~/x y"]), "exec ls ~/'x y'");
        assert_eq!(shell(&["echo", "${A}"]), r#"exec echo "${A-\${A\}}""#);
        let plain = vec!["echo".to_owned(), "$5 `x` $(y)".to_owned()];
        assert_eq!(expanded(plain.clone()), Exec::Argv(plain));
    }
}
