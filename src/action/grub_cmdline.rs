//! Arguments of the kernel's command line, in the settings of GRUB that the next boot takes.
//!
//! Changed when the settings change; what the running kernel was given is in the result. The file that
//! has the last word is changed: /etc/default/grub, or a drop-in that sets the line anew. `update-grub`
//! is for a handler. Where there is no GRUB the task is skipped and says so.

use crate::resource::texts::TextFile;
use crate::resource::{Query, RemotePath, Resource, Want};
use crate::source::Mapping;

use super::{ArgError, Decision, Failure, Observed, Spec, Task, drop_ins};

crate::args! {
    pub(crate) struct Args {
        /// Arguments there must be: `audit=1`. Another value of the same name is replaced.
        present: Vec<String> = "[]", aka ["args"];
        /// Names of arguments there must not be.
        absent: Vec<String> = "[]";
        /// Numbers an argument must be at least, by its name: `{audit_backlog_limit: 8192}`.
        at_least: Mapping = "{}";
        /// The settings; drop-ins are below the directory of this name with `.d`.
        file: RemotePath = "/etc/default/grub";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "grub_cmdline",
    collection: "palisade",
    aliases: &[],
    summary: "Sets arguments of the kernel's command line in the settings of GRUB",
    notes: "Changed when the settings change. Notify a handler that runs update-grub.",
    examples: "
- name: Processes are audited from the first on
  grub_cmdline:
    present: [audit=1]
    at_least: {audit_backlog_limit: 8192}
  notify: update grub
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

/// The line that all ways of booting take.
const VARIABLE: &str = "GRUB_CMDLINE_LINUX";
/// The one that recovery does not take.
const DEFAULT: &str = "GRUB_CMDLINE_LINUX_DEFAULT";
const RUNNING: &str = "/proc/cmdline";

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    let bad = |a: &String| a.is_empty() || a.contains([' ', '\t', '\n', '"', '\'', '$', '`', '\\']);
    if args.present.iter().chain(&args.absent).any(bad) {
        return Err(ArgError::new(
            "present",
            "an argument is one word without quotes",
        ));
    }
    if args.at_least.values().any(|v| v.as_i64().is_none()) {
        return Err(ArgError::new("at_least", "bounds are numbers"));
    }
    if args.present.is_empty() && args.absent.is_empty() && args.at_least.is_empty() {
        return Err(ArgError::new("present", "no argument is asked for"));
    }
    Ok(Box::new(args))
}

fn name(argument: &str) -> &str {
    argument.split_once('=').map_or(argument, |(n, _)| n)
}

/// The value that a shell line assigns to a variable; quotes are taken off.
fn assigned<'a>(line: &'a str, variable: &str) -> Option<&'a str> {
    let value = line
        .trim_start()
        .strip_prefix(variable)?
        .strip_prefix('=')?
        .trim_end();
    let quoted = |q: char| value.strip_prefix(q)?.strip_suffix(q);
    Some(quoted('"').or_else(|| quoted('\'')).unwrap_or(value))
}

/// Whether an assignment adds to what was there before.
fn adds(value: &str) -> bool {
    value.contains("$GRUB_CMDLINE_LINUX") || value.contains("${GRUB_CMDLINE_LINUX")
}

impl Args {
    fn texts(&self) -> Resource {
        Resource::texts([self.file.to_string(), format!("{}.d/*.cfg", self.file)])
    }

    /// The words of a variable at boot, and the place of its last full assignment.
    fn words(
        &self,
        files: &[TextFile],
        variable: &str,
    ) -> Result<(Vec<String>, Option<(usize, usize)>), Failure> {
        let (mut words, mut place) = (Vec::new(), None);
        for (at, file) in files.iter().enumerate() {
            let text = file.text().map_err(Failure::new)?;
            for (line, number) in text.lines().zip(1..) {
                let Some(value) = assigned(line, variable) else {
                    continue;
                };
                if !adds(value) {
                    words.clear();
                    place = Some((at, number));
                }
                let own = value.split_whitespace().filter(|w| !w.starts_with('$'));
                words.extend(own.map(str::to_owned));
            }
        }
        Ok((words, place))
    }

    /// The words with those that are wrong replaced, and those that are missing added.
    fn settle(&self, words: &[String], others: &[String]) -> Vec<String> {
        let fits = |word: &String| {
            let is = |w: &&String| name(w) == name(word);
            let same = self.present.iter().filter(is).collect::<Vec<_>>();
            let bound = self
                .at_least
                .get(name(word))
                .and_then(crate::source::Value::as_i64);
            let number = word
                .split_once('=')
                .and_then(|(_, v)| v.parse::<i64>().ok());
            (same.is_empty() || same.contains(&word))
                && !self.absent.iter().any(|a| a == name(word) || a == word)
                && bound.is_none_or(|b| number.is_some_and(|n| n >= b))
        };
        let mut out: Vec<String> = words.iter().filter(|w| fits(w)).cloned().collect();
        for word in &self.present {
            if !out.contains(word) && !others.contains(word) {
                out.push(word.clone());
            }
        }
        for (key, bound) in &self.at_least {
            let key = key.as_str().unwrap_or_default();
            let has = |list: &[String]| list.iter().any(|w| name(w) == key && fits(w));
            if !has(&out) && !has(others) {
                out.push(format!("{key}={}", bound.as_i64().unwrap_or_default()));
            }
        }
        out
    }
}

/// The texts with one variable's value another one.
fn put(texts: &mut [String], place: Option<(usize, usize)>, variable: &str, words: &[String]) {
    let line = format!("{variable}=\"{}\"", words.join(" "));
    match place {
        Some((file, number)) => {
            // What is added to it later is in the words already.
            for (at, text) in texts.iter_mut().enumerate().skip(file) {
                *text = drop_ins::lines(text, |n, l| {
                    if at == file && n == number {
                        return Some(line.clone());
                    }
                    let later = at > file || n > number;
                    let more = assigned(l, variable).is_some_and(adds);
                    (later && more).then(|| format!("# {l}"))
                });
            }
        }
        None => {
            if let Some(text) = texts.first_mut() {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push('\n');
                }
                text.push_str(&line);
                text.push('\n');
            }
        }
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        let running = RemotePath::new(RUNNING).map(Resource::File);
        let want = Want::META.and(Want::CONTENT);
        let mut queries = vec![Query::meta(self.texts())];
        queries.extend(running.map(|on| Query::new(on, want)));
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let files = seen.texts(&self.texts()).map_err(Failure::new)?;
        if files.first().is_none_or(|f| f.path != self.file) {
            return Ok(Decision::skipped(format!(
                "there is no {}: GRUB is not used",
                self.file
            )));
        }
        let (all, place) = self.words(&files, VARIABLE)?;
        let (more, more_place) = self.words(&files, DEFAULT)?;
        let mut texts = Vec::new();
        for file in &files {
            texts.push(file.text().map_err(Failure::new)?.into_owned());
        }
        let before = texts.clone();
        // What is wrong in the line of ordinary boots would come after ours, and win.
        let ours = Args {
            present: Vec::new(),
            at_least: Mapping::new(),
            ..self.clone()
        };
        let wrong = |w: &String| {
            let replaced = self.present.iter().any(|p| name(p) == name(w) && p != w);
            let low = self.settle(std::slice::from_ref(w), &[]).first() != Some(w);
            !(replaced || low && self.at_least.contains_key(name(w)))
        };
        let kept: Vec<String> = ours.settle(&more, &[]).into_iter().filter(wrong).collect();
        if kept != more {
            put(&mut texts, more_place, DEFAULT, &kept);
        }
        let settled = self.settle(&all, &kept);
        if settled != all {
            put(&mut texts, place, VARIABLE, &settled);
        }
        let mut decision = Decision::default();
        for ((file, old), new) in files.iter().zip(&before).zip(&texts) {
            if old != new {
                decision.set(drop_ins::rewrite(file, new));
            }
        }
        let running = RemotePath::new(RUNNING).map(Resource::File).ok();
        let running =
            running.and_then(|on| Some(seen.get(&on).file()?.content()?.text()?.trim().to_owned()));
        let at = place.map(|(file, line)| format!("{}:{line}", files[file].path));
        decision.result = crate::result! {
            "effective" => all.into_iter().chain(more).collect::<Vec<_>>().join(" "),
            "at" => at.unwrap_or_default(),
            "running" => running.unwrap_or_default(),
        };
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_line_is_read_with_or_without_quotes() {
        assert_eq!(
            assigned("GRUB_CMDLINE_LINUX=\"a b=1\"", VARIABLE),
            Some("a b=1")
        );
        assert_eq!(
            assigned("GRUB_CMDLINE_LINUX=quiet", VARIABLE),
            Some("quiet")
        );
        assert_eq!(assigned("GRUB_CMDLINE_LINUX_DEFAULT=quiet", VARIABLE), None);
        assert!(adds("$GRUB_CMDLINE_LINUX x") && !adds("x"));
    }
}
