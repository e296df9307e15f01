//! Sets a value in files of names and values: `minlen = 14`, `deny=5`, `UMASK 027`, or a word alone.
//!
//! Looks at a main file and its drop-ins together. Which of them wins differs from program to program,
//! so none is left that says otherwise: what will not do elsewhere becomes a comment, and the value
//! stands in one file of the task's choice.

use crate::choices;
use crate::resource::{Query, RemotePath, Resource};
use crate::source::Value;

use super::arg::Mode;
use super::args::Present;
use super::drops::{self, Drops};
use super::wish::{Wish, spelled, whole};
use super::{ArgError, Decision, Failure, Observed, Spec, Task};

choices! {
    /// How a line is written.
    pub(crate) enum Style {
        Spaced = "name = value",
        Tight = "name=value",
        Blank = "name value",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The name.
        name: String = required, aka ["key", "option"];
        /// The value.
        value: Option<Value>;
        /// The largest number that will do.
        at_most: Option<i64>;
        /// The smallest number that will do.
        at_least: Option<i64>;
        /// Values that will do; the first is written where none of them stands there.
        one_of: Vec<String> = "[]";
        /// The name stands alone, without a value.
        flag: bool = "false";
        /// Set what is not set; else only what says otherwise is mended.
        explicit: bool = "true";
        /// Whether it should be set at all.
        state: Present = "present";
        /// The file that the value is written to.
        path: RemotePath = required, aka ["dest"];
        /// Further files that may set it, as shell patterns: the main file, the folder of drop-ins.
        files: Vec<String> = "[]";
        /// How a line is written; all of them are understood.
        style: Style = "name = value";
        /// Permissions of the file where it is made.
        mode: Option<Mode>;
        /// Pass over a host where none of the files is there.
        optional: bool = "false";
        /// A command that must accept a file before it is put in place; `%s` is its path.
        validate: Option<String>;
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "conf_value",
    collection: "palisade",
    aliases: &[],
    summary: "Sets a value in files of names and values, and lets no other file say otherwise",
    notes: "Changed when a file changes. The result says what was found, and where.",
    examples: "
- name: Passwords have 14 characters at least
  conf_value:
    name: minlen
    at_least: 14
    path: /etc/security/pwquality.conf.d/50-palisade.conf
    files: [/etc/security/pwquality.conf, /etc/security/pwquality.conf.d/*.conf]
- name: Root is locked too
  conf_value: {name: even_deny_root, flag: true, path: /etc/security/faillock.conf}
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse: |map| Ok(Box::new(Setting::new(Args::read(map)?)?)),
};

/// A value that is to stand in files.
pub(super) struct Setting {
    args: Args,
    wish: Wish,
    mode: u32,
}

/// A line that sets the name.
struct Line {
    file: usize,
    line: usize,
    value: String,
}

impl Setting {
    pub(super) fn new(args: Args) -> Result<Setting, ArgError> {
        let bad = |c: char| c.is_whitespace() || c == '=' || c == '#';
        if args.name.is_empty() || args.name.contains(bad) {
            return Err(ArgError::new("name", format!("`{}` is no name", args.name)));
        }
        super::place::check_validate(args.validate.as_deref())?;
        let value = match &args.value {
            Some(value) => Some(spelled(value, " ").map_err(|e| ArgError::new("value", e))?),
            None => None,
        };
        let wish = Wish {
            value,
            at_most: args.at_most,
            at_least: args.at_least,
            one_of: args.one_of.clone(),
        };
        wish.check()?;
        if args.state == Present::Present && args.flag == wish.is_some() {
            let message = "one of value, at_most, at_least, one_of, flag is needed";
            return Err(ArgError::new("", message));
        }
        let mode = args.mode.as_ref().map_or(0o644, |m| m.apply(0o644, false));
        Ok(Setting { args, wish, mode })
    }

    fn on(&self) -> Resource {
        let own = std::iter::once(self.args.path.to_string());
        let others = self
            .args
            .files
            .iter()
            .filter(|f| **f != self.args.path.to_string());
        let mut all: Vec<String> = others.cloned().collect();
        if !all
            .iter()
            .any(|p| crate::resource::texts::matches(p, self.args.path.as_str()))
        {
            all.extend(own);
        }
        Resource::Texts(all)
    }

    fn accepts(&self, line: &Line) -> bool {
        match (self.args.state, self.args.flag) {
            (Present::Absent, _) => false,
            (_, true) => true,
            _ => self.wish.accepts(&line.value, whole),
        }
    }

    /// The value of a line that sets the name.
    fn value(&self, line: &str) -> Option<String> {
        let line = line.trim();
        let line = line
            .split_once('#')
            .map_or(line, |(before, _)| before.trim_end());
        let rest = line.strip_prefix(self.args.name.as_str())?;
        let trimmed = rest.trim_start();
        match trimmed.strip_prefix('=') {
            Some(value) => Some(value.trim().to_owned()),
            None if trimmed.is_empty() || trimmed.len() < rest.len() => Some(trimmed.to_owned()),
            None => None,
        }
    }

    fn lines(&self, drops: &Drops) -> Vec<Line> {
        let mut found = Vec::new();
        for (file, drop) in drops.files.iter().enumerate() {
            for (line, text) in drop.text.lines().enumerate() {
                if let Some(value) = self.value(text) {
                    found.push(Line { file, line, value });
                }
            }
        }
        found
    }

    fn written(&self, found: Option<&str>) -> String {
        let name = &self.args.name;
        let value = self.wish.goal(found, whole);
        match (self.args.flag, self.args.style) {
            (true, _) => name.clone(),
            (_, Style::Spaced) => format!("{name} = {value}"),
            (_, Style::Tight) => format!("{name}={value}"),
            (_, Style::Blank) => format!("{name} {value}"),
        }
    }

    fn edit(&self, drops: &mut Drops, lines: &[Line]) {
        let own = drops.files.iter().position(|f| f.path == self.args.path);
        let good = lines.iter().any(|l| self.accepts(l));
        let last = lines.iter().rfind(|l| Some(l.file) == own);
        let present = lines.last().map(|l| l.value.as_str());
        let line = self.written(present);
        let unset = lines.is_empty() && !self.args.explicit;
        let mut written = good || unset || self.args.state == Present::Absent;
        for bad in lines.iter().filter(|l| !self.accepts(l)) {
            let file = &mut drops.files[bad.file];
            let here = !written && last.is_some_and(|l| (l.file, l.line) == (bad.file, bad.line));
            let old = file.text.lines().nth(bad.line).unwrap_or_default();
            let new = match here {
                true => line.clone(),
                false => drops::commented(old),
            };
            written |= here;
            file.text = drops::with_line(&file.text, bad.line, Some(&new));
        }
        if !written {
            let text = drops.text(self.args.path.as_str()).unwrap_or_default();
            let at = self.example(text).map(|at| at + 1);
            let text = drops::insert_line(text, at, &line);
            drops.set(&self.args.path, text, self.mode);
        }
    }

    /// The line of the last commented example of the name: ours goes behind it.
    fn example(&self, text: &str) -> Option<usize> {
        let lines: Vec<&str> = text.lines().collect();
        let is_one = |line: &&str| {
            let bare = line.trim_start().strip_prefix('#').map(str::trim_start);
            bare.is_some_and(|b| self.value(b).is_some_and(|v| !v.contains(' ')))
        };
        lines.iter().rposition(is_one)
    }
}

impl Task for Setting {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        drops::reads(&self.on(), Some(&self.args.path))
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let mut drops = Drops::open(seen, &self.on())?;
        if drops.files.is_empty() && self.args.optional {
            return Ok(Decision::skipped(format!("{} is not there", self.on())));
        }
        let lines = self.lines(&drops);
        let mut result = crate::result! { "name" => self.args.name.as_str() };
        let effective = lines.last().map(|l| match self.args.flag {
            true => Value::Bool(true),
            false => Value::from(l.value.as_str()),
        });
        drops::say(&mut result, "effective", effective);
        let place = |l: &Line| drops::at(&drops.files[l.file].path, l.line);
        drops::say(&mut result, "at", lines.last().map(place));
        if lines.len() > 1 {
            result.insert("all".into(), drops::places(lines.iter().map(place)));
        }
        self.edit(&mut drops, &lines);
        if !drops.is_unchanged() && self.args.state == Present::Present && !self.args.flag {
            result.insert("wanted".into(), self.wish.words().into());
        }
        let mut decision = Decision::default();
        drops.close(seen, self.args.validate.as_deref(), &mut decision)?;
        decision.result = result;
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(yaml: &str) -> Setting {
        let mut map: crate::source::Mapping = serde_yaml::from_str(yaml).expect("yaml");
        map.insert("path".into(), "/x".into());
        Setting::new(Args::read(map).expect("arguments")).expect("a setting")
    }

    #[test]
    fn lines_are_understood_in_every_style() {
        let minlen = setting("{name: minlen, at_least: 14}");
        for (line, value) in [
            ("minlen = 8", Some("8")),
            ("minlen=8 # short", Some("8")),
            ("  minlen\t8", Some("8")),
            ("minlen", Some("")),
            ("minlength = 8", None),
            ("# minlen = 8", None),
        ] {
            assert_eq!(minlen.value(line).as_deref(), value, "{line}");
        }
        assert_eq!(
            minlen.example("a\n# minlen = 8\n# minlen is nice to have\nb\n"),
            Some(1)
        );
    }
}
