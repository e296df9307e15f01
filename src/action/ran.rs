//! What the actions that run something share: words of a command, and a result in Ansible's shape.

use crate::resource::apply::Said;
use crate::resource::program::{Exec, Ran, Run, civil};
use crate::resource::{Query, Resource, State};
use crate::result;
use crate::source::{Mapping, Value};

use super::{ArgError, Decision, Done, Failure, Observed};

/// Text of a program's output; bytes that are no UTF-8 become the replacement character.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A line costs some hundred bytes here, however short it is. What comes after so many stays together
/// as the last one.
const MOST_LINES: usize = 250_000;

/// The lines of an output, as `stdout_lines` has them.
pub(crate) fn lines(text: &str) -> Value {
    let mut lines: Vec<Value> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find([
            '\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}',
        ]);
        let Some(end) = end.filter(|_| lines.len() < MOST_LINES) else {
            lines.push(rest.into());
            break;
        };
        lines.push(rest[..end].into());
        let width = match rest[end..].chars().next() {
            Some('\r') if rest[end + 1..].starts_with('\n') => 2,
            Some(c) => c.len_utf8(),
            None => 1,
        };
        rest = &rest[end + width..];
    }
    Value::Sequence(lines)
}

/// Adds `stdout`, `stderr` and their lines.
pub(crate) fn put_output(map: &mut Mapping, stdout: &str, stderr: &str) {
    map.insert("stdout".into(), stdout.into());
    map.insert("stdout_lines".into(), lines(stdout));
    map.insert("stderr".into(), stderr.into());
    map.insert("stderr_lines".into(), lines(stderr));
}

/// Adds what a tool complained of, where it did.
pub(crate) fn put_errors(map: &mut Mapping, said: &Said) {
    if !said.errors.is_empty() {
        let errors = text(&said.errors);
        map.insert("stderr_lines".into(), lines(&errors));
        map.insert("stderr".into(), errors.into());
    }
}

/// Seconds since 1970 as `2026-11-21 11:07:43.975618`, in UTC.
#[expect(clippy::cast_possible_truncation, reason = "a time of this age fits")]
pub(crate) fn moment(seconds: f64) -> String {
    let micros = (seconds * 1e6).round() as i64;
    let (days, rest) = (
        micros.div_euclid(86_400_000_000),
        micros.rem_euclid(86_400_000_000),
    );
    let (year, month, day) = civil(days);
    let second = rest / 1_000_000;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{:06}",
        second / 3600,
        second / 60 % 60,
        second % 60,
        rest % 1_000_000
    )
}

/// A span of seconds as `0:00:00.003653`, with days before it where there are any.
#[expect(clippy::cast_possible_truncation, reason = "no command runs that long")]
pub(crate) fn delta(seconds: f64) -> String {
    let micros = (seconds.max(0.0) * 1e6).round() as i64;
    let second = micros / 1_000_000;
    let clock = format!(
        "{}:{:02}:{:02}.{:06}",
        second / 3600 % 24,
        second / 60 % 60,
        second % 60,
        micros % 1_000_000
    );
    match second / 86_400 {
        0 => clock,
        1 => format!("1 day, {clock}"),
        days => format!("{days} days, {clock}"),
    }
}

/// Whole seconds that a run took.
#[expect(clippy::cast_possible_truncation, reason = "no command runs that long")]
pub(crate) fn seconds(ran: &Ran) -> i64 {
    (ran.end - ran.start).max(0.0) as i64
}

/// Splits a command into words as a POSIX shell would, without expanding anything.
pub(crate) fn words(text: &str) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => out.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err("No closing quotation".into()),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some(c @ ('"' | '\\')) => word.push(c),
                            Some(c) => word.extend(['\\', c]),
                            None => return Err("No closing quotation".into()),
                        },
                        Some(c) => word.push(c),
                        None => return Err("No closing quotation".into()),
                    }
                }
            }
            '\\' => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err("No escaped character".into()),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    out.extend(word);
    Ok(out)
}

/// `creates` and `removes`: patterns that decide whether a command runs at all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unless {
    pub(crate) creates: Option<String>,
    pub(crate) removes: Option<String>,
    pub(crate) chdir: Option<String>,
}

impl Unless {
    fn pattern(&self, text: &str) -> Resource {
        let bare = text.starts_with(['/', '~']);
        Resource::Glob(match self.chdir.as_deref().filter(|_| !bare) {
            Some(dir) => format!("{}/{text}", dir.trim_end_matches('/')),
            None => text.to_owned(),
        })
    }

    pub(crate) fn is_given(&self) -> bool {
        self.creates.is_some() || self.removes.is_some()
    }

    pub(crate) fn reads(&self) -> Vec<Query> {
        let given = self.creates.iter().chain(&self.removes);
        given.map(|text| Query::meta(self.pattern(text))).collect()
    }

    /// What keeps the command from running: the pattern, and whether it is there.
    pub(crate) fn declines(&self, seen: &Observed) -> Option<(&str, bool)> {
        let there = |text: &str| match seen.get(&self.pattern(text)) {
            State::Paths(paths) => !paths.is_empty(),
            _ => false,
        };
        if let Some(text) = self.creates.as_deref().filter(|t| there(t)) {
            return Some((text, true));
        }
        self.removes
            .as_deref()
            .filter(|t| !there(t))
            .map(|text| (text, false))
    }
}

/// What `command` and `shell` make of their arguments.
pub(crate) struct Invocation<'a> {
    /// As the result shows it: words, or text.
    pub(crate) cmd: Value,
    pub(crate) exec: Exec,
    pub(crate) unless: Unless,
    pub(crate) stdin: Option<&'a str>,
    pub(crate) stdin_add_newline: bool,
}

impl Invocation<'_> {
    pub(crate) fn decide(self, seen: &Observed) -> Decision {
        let mut map = result! {
            "cmd" => self.cmd.clone(), "rc" => 0, "msg" => "",
            "start" => Value::Null, "end" => Value::Null, "delta" => Value::Null,
        };
        if let Some((pattern, exists)) = self.unless.declines(seen) {
            let words = if exists { "exists" } else { "does not exist" };
            map.insert(
                "msg".into(),
                format!("Did not run command since '{pattern}' {words}").into(),
            );
            put_output(&mut map, &format!("skipped, since {pattern} {words}"), "");
            return Decision::ok(map);
        }
        map.shift_remove("msg");
        put_output(&mut map, "", "");
        let mut run = Run::new(self.exec);
        run.chdir.clone_from(&self.unless.chdir);
        run.stdin = self.stdin.map(|text| {
            let end = if self.stdin_add_newline { "\n" } else { "" };
            format!("{text}{end}").into_bytes().into()
        });
        let mut decision = Decision::ok(map);
        // A command guarded by what it makes is expected to make it.
        decision.changed = self.unless.is_given().then_some(true);
        decision.run(run);
        decision
    }
}

/// What is to be said of any command that ran.
pub(crate) fn put_ran(map: &mut Mapping, ran: &Ran) {
    let strip = |bytes: &[u8]| text(bytes).trim_end_matches(['\r', '\n']).to_owned();
    put_output(map, &strip(&ran.stdout), &strip(&ran.stderr));
    map.insert("rc".into(), ran.rc.into());
    map.insert("start".into(), moment(ran.start).into());
    map.insert("end".into(), moment(ran.end).into());
    map.insert("delta".into(), delta(ran.end - ran.start).into());
}

/// The result of `command` or `shell`.
pub(crate) fn conclude(
    decision: &Decision,
    done: &[Done],
    strip_empty_ends: bool,
) -> Result<Mapping, Failure> {
    let Some(ran) = ran(done) else {
        return Ok(decision.result.clone());
    };
    let mut map = decision.result.clone();
    if let Some(why) = &ran.not_started {
        return Err(not_started(map, ran.rc, why));
    }
    let (mut stdout, mut stderr) = (text(&ran.stdout), text(&ran.stderr));
    if strip_empty_ends {
        stdout.truncate(stdout.trim_end_matches(['\r', '\n']).len());
        stderr.truncate(stderr.trim_end_matches(['\r', '\n']).len());
    }
    put_output(&mut map, &stdout, &stderr);
    map.insert("rc".into(), ran.rc.into());
    map.insert("start".into(), moment(ran.start).into());
    map.insert("end".into(), moment(ran.end).into());
    map.insert("delta".into(), delta(ran.end - ran.start).into());
    if ran.rc == 0 {
        map.insert("msg".into(), "".into());
        return Ok(map);
    }
    Err(failed(map, ran))
}

/// A word as a person would write it in a shell, for results only.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\"'\"'")),
    }
}

/// Why a command that was never started was not. 125 is our own status for a directory that could
/// not be entered.
fn not_started(mut map: Mapping, rc: i32, why: &str) -> Failure {
    let message = if rc == 125 {
        map.insert("rc".into(), Value::Null);
        "Unable to change directory before execution."
    } else {
        let number = if why.contains("ermission") { 13 } else { 2 };
        map.insert("rc".into(), number.into());
        if let Some(Value::Sequence(words)) = map.get("cmd") {
            let words: Vec<String> = words.iter().filter_map(Value::as_str).map(quoted).collect();
            map.insert("cmd".into(), words.join(" ").into());
        }
        "Error executing command."
    };
    map.insert("changed".into(), false.into());
    map.insert("msg".into(), message.into());
    map.insert("exception".into(), why.into());
    Failure {
        message: format!("{} {why}", message),
        result: map,
    }
}

pub(crate) fn failed(mut map: Mapping, ran: &Ran) -> Failure {
    let message = if ran.timed_out {
        "the command did not end in time"
    } else if ran.endless {
        "the command printed without end, and was ended"
    } else {
        "non-zero return code"
    };
    map.insert("msg".into(), message.into());
    map.insert("changed".into(), true.into());
    Failure {
        message: message.into(),
        result: map,
    }
}

/// The run among what was done.
pub(crate) fn ran(done: &[Done]) -> Option<&Ran> {
    done.iter().rev().find_map(|d| match d {
        Done::Ran(ran) => Some(ran),
        _ => None,
    })
}

/// Exactly one of these arguments must be given.
pub(crate) fn one_of(given: &[(&'static str, bool)]) -> Result<(), ArgError> {
    let names: Vec<_> = given.iter().map(|(n, _)| *n).collect();
    match given.iter().filter(|(_, g)| *g).count() {
        0 => Err(ArgError::new(
            "",
            format!("one of {} must be given", names.join(", ")),
        )),
        1 => Ok(()),
        _ => Err(ArgError::new(
            "",
            format!("{} are mutually exclusive", names.join(", ")),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_as_a_shell_would() {
        assert_eq!(
            words(r#"a  "b c"'d' e\ f ''"#).unwrap(),
            ["a", "b cd", "e f", ""]
        );
        assert_eq!(words(r#""a\"b\n""#).unwrap(), [r#"a"b\n"#]);
        assert!(words("'a").is_err());
    }

    #[test]
    fn times_are_spelled_as_ansible_spells_them() {
        assert_eq!(moment(1_795_259_263.975_618), "2026-11-21 11:07:43.975618");
        assert_eq!(moment(951_782_400.0), "2000-02-29 00:00:00.000000");
        assert_eq!(delta(0.003_653), "0:00:00.003653");
        assert_eq!(delta(90_061.0), "1 day, 1:01:01.000000");
    }

    #[test]
    fn lines_end_where_python_ends_them() {
        let got = lines("a\r\nb\n\nc");
        assert_eq!(
            got,
            Value::Sequence(vec!["a".into(), "b".into(), "".into(), "c".into()])
        );
        assert_eq!(lines(""), Value::Sequence(vec![]));
    }
}
