//! Makes sure that a line is in a text file, replaces one that matches, or removes lines.
//!
//! Changed when the text or the attributes change. Differs from Ansible's: a last line without a line
//! end gets one before a line is put after it, wherever it is put; backups are named after their content.

use crate::choices;
use crate::resource::{Query, RemotePath};
use crate::result;
use crate::source::Mapping;
use crate::source::pyre::PyFlags;

use super::edit::Edit;
use super::pattern::Pattern;
use super::{ArgError, Decision, Failure, Observed, Spec, Task, place};

choices! {
    pub(crate) enum LineState {
        Present = "present",
        Absent = "absent",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The file to edit.
        path: RemotePath = required, aka ["dest", "destfile", "name"];
        /// Whether the line should be there.
        state: LineState = "present";
        /// A regular expression to look for in every line. The last line that matches is replaced;
        /// with `state: absent` all that match are removed.
        regexp: Option<String>, aka ["regex"];
        /// Text to look for in every line, literally.
        search_string: Option<String>;
        /// The line to put into the file.
        line: Option<String>, aka ["value"];
        /// The line may refer to groups of `regexp` (`\1`); nothing is done where it does not match.
        backrefs: bool = "false";
        /// Put a new line after the last one that matches, or at the end (`EOF`).
        insertafter: Option<String>;
        /// Put a new line before the last one that matches, or at the beginning (`BOF`).
        insertbefore: Option<String>;
        /// Make the file where it is not there.
        create: bool = "false";
        /// Keep the old file beside the new one.
        backup: bool = "false";
        /// Work with the first match instead of the last.
        firstmatch: bool = "false";
        /// The encoding of the file.
        encoding: String = "utf-8";
        /// A command that must accept the new file before it is put in place; `%s` is its path.
        validate: Option<String>;
    } with attrs
}

pub(crate) static SPEC: Spec = Spec {
    name: "lineinfile",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Makes sure that a line is in a text file, or is not",
    notes: "Changed when the text or the attributes change.",
    examples: r##"
- name: SELinux is enforcing
  lineinfile:
    path: /etc/selinux/config
    regexp: ^SELINUX=
    line: SELINUX=enforcing
- name: Nobody may become root without a password
  lineinfile:
    path: /etc/sudoers
    state: absent
    regexp: NOPASSWD
    validate: visudo -cf %s
- name: The heap is larger, wherever it was set
  lineinfile:
    path: /opt/jboss/bin/standalone.conf
    regexp: ^(.*)Xms(\d+)m(.*)$
    line: \1Xms512m\3
    backrefs: true
"##,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    place::exclusive(&[
        ("insertbefore", args.insertbefore.is_some()),
        ("insertafter", args.insertafter.is_some()),
    ])?;
    let searching = args.search_string.is_some();
    place::exclusive(&[
        ("regexp", args.regexp.is_some()),
        ("search_string", searching),
    ])?;
    place::exclusive(&[("backrefs", args.backrefs), ("search_string", searching)])?;
    place::check_validate(args.validate.as_deref())?;
    if args.state == LineState::Present {
        if args.backrefs && args.regexp.is_none() {
            return Err(ArgError::new(
                "backrefs",
                "regexp is required with backrefs=true",
            ));
        }
        if args.line.is_none() {
            return Err(ArgError::new("", "line is required with state=present"));
        }
    } else if args.line.is_none() && args.regexp.is_none() && !searching {
        return Err(ArgError::new(
            "",
            "one of line, search_string, or regexp is required with state=absent",
        ));
    }
    for (name, pattern) in [
        ("regexp", &args.regexp),
        ("insertafter", &args.insertafter),
        ("insertbefore", &args.insertbefore),
    ] {
        Pattern::check(name, pattern.as_ref(), PyFlags::default())?;
    }
    Ok(Box::new(args))
}

impl Args {
    fn edit(&self) -> Edit<'_> {
        Edit {
            path: &self.path,
            attrs: &self.attrs,
            create: self.create && self.state == LineState::Present,
            backup: self.backup,
            validate: self.validate.as_deref(),
            encoding: Some(&self.encoding),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let empty = |text: &Option<String>| text.as_deref() == Some("");
        let mut warnings = Vec::new();
        if empty(&self.regexp) {
            warnings
                .push("`regexp` is empty and matches every line; `^` says so on purpose".into());
        }
        if empty(&self.search_string) {
            warnings.push("`search_string` is empty and is found in every line".into());
        }
        warnings
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        self.edit().reads(seen)
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let found = self.edit().open(seen)?;
        let present = self.state == LineState::Present;
        if found.state.is_none() && !present {
            return Ok(Decision::ok(result! { "msg" => "file not present" }));
        }
        if found.state.is_none() && !self.create {
            return Err(Failure {
                message: format!("Destination {} does not exist !", found.path),
                result: result! { "rc" => 257 },
            });
        }
        let word = |text: &Option<String>| found.coding.words(text.as_ref());
        let rules = Rules::new(self, word)?;
        let (text, message, count) = if present {
            let (text, message) = rules.put(&found.text)?;
            (text, message.to_owned(), None)
        } else {
            let (text, count) = rules.remove(&found.text);
            let message = match count {
                0 => String::new(),
                _ => format!("{count} line(s) removed"),
            };
            (text, message, Some(count))
        };
        rules.finish()?;
        let mut edited = self.edit().close(seen, &found, Some(&text))?;
        let message = edited.message(&message);
        let backup = edited.backup.take().unwrap_or_default();
        let mut decision = edited.decision;
        decision.result = result! { "msg" => message, "backup" => backup };
        if let Some(count) = count {
            decision.result.insert("found".into(), count.into());
        }
        decision.warnings = self.warnings();
        Ok(decision)
    }
}

/// The arguments that matter to the text.
struct Rules {
    line: String,
    find: Option<Find>,
    backrefs: bool,
    first: bool,
    place: Place,
}

enum Find {
    Regex(Pattern),
    Text(String),
}

/// Where a line goes that is not there yet.
enum Place {
    Begin,
    End,
    After(Pattern),
    Before(Pattern),
}

impl Rules {
    fn new(
        args: &Args,
        word: impl Fn(&Option<String>) -> Option<String>,
    ) -> Result<Rules, Failure> {
        let regex = Pattern::line;
        let find = match (word(&args.regexp), word(&args.search_string)) {
            (Some(pattern), _) => Some(Find::Regex(regex(&pattern)?)),
            (None, Some(text)) => Some(Find::Text(text)),
            (None, None) => None,
        };
        let place = match (word(&args.insertafter), word(&args.insertbefore)) {
            (Some(after), _) => match after.as_str() {
                "EOF" => Place::End,
                "BOF" => Place::Begin,
                pattern => Place::After(regex(pattern)?),
            },
            (None, Some(before)) => match before.as_str() {
                "BOF" => Place::Begin,
                pattern => Place::Before(regex(pattern)?),
            },
            (None, None) => Place::End,
        };
        Ok(Rules {
            line: word(&args.line).unwrap_or_default(),
            find,
            backrefs: args.backrefs,
            first: args.firstmatch,
            place,
        })
    }

    /// Fails where a pattern could not be decided.
    fn finish(&self) -> Result<(), Failure> {
        if let Some(Find::Regex(pattern)) = &self.find {
            pattern.finish()?;
        }
        match &self.place {
            Place::After(pattern) | Place::Before(pattern) => pattern.finish(),
            Place::Begin | Place::End => Ok(()),
        }
    }

    fn finds(&self, line: &str) -> bool {
        match &self.find {
            Some(Find::Regex(regex)) => regex.is_match(line),
            Some(Find::Text(text)) => line.contains(text.as_str()),
            None => self.line == bare(line),
        }
    }

    /// The text with the lines that match taken out, and how many those were.
    fn remove(&self, text: &str) -> (String, usize) {
        let (gone, kept): (Vec<_>, Vec<_>) = text
            .split_inclusive('\n')
            .partition(|line| self.finds(line));
        (kept.concat(), gone.len())
    }

    /// The text with the line in it, and what was done.
    fn put(&self, text: &str) -> Result<(String, &'static str), Failure> {
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let count = lines.len();
        let full = format!("{}\n", self.line);
        let matched = self
            .find
            .as_ref()
            .and_then(|_| self.choose(&lines, |l| self.finds(l)));
        if let Some(at) = matched {
            let mut new = self.expanded(&lines[at])?;
            if !new.ends_with('\n') {
                new.push('\n');
            }
            return Ok(replaced(lines, at, new));
        }
        // Without a match the last line that is the wanted one stands, in whatever form.
        if let Some(at) = self.same_line(&lines) {
            let new = if full.ends_with("\n\n") {
                self.line.clone()
            } else {
                full
            };
            return Ok(replaced(lines, at, new));
        }
        if self.backrefs {
            return Ok((text.to_owned(), ""));
        }
        let at = match &self.place {
            Place::Begin => 0,
            Place::End => lines.len(),
            Place::After(regex) => match self.choose(&lines, |l| regex.is_match(l)) {
                Some(at) => at + 1,
                None => lines.len(),
            },
            Place::Before(regex) => {
                let at = self.choose(&lines, |l| regex.is_match(l));
                at.unwrap_or(lines.len())
            }
        };
        // Only what comes behind a line needs that line to end.
        if let Some(last) = lines.last_mut().filter(|l| !l.ends_with(['\n', '\r']))
            && at > 0
            && at == count
        {
            last.push('\n');
        }
        lines.insert(at, full);
        Ok((lines.concat(), "line added"))
    }

    fn choose(&self, lines: &[String], matches: impl Fn(&str) -> bool) -> Option<usize> {
        if self.first {
            lines.iter().position(|l| matches(l))
        } else {
            lines.iter().rposition(|l| matches(l))
        }
    }

    /// Where the wanted line stands already. With `firstmatch` the search ends at the first place
    /// the line could be put.
    fn same_line(&self, lines: &[String]) -> Option<usize> {
        let stop = match &self.place {
            Place::After(regex) | Place::Before(regex) if self.first => {
                let place = |l: &String| bare(l) != self.line && regex.is_match(l);
                lines.iter().position(place).unwrap_or(lines.len())
            }
            _ => lines.len(),
        };
        let before = lines[..stop].iter().rposition(|l| bare(l) == self.line);
        // The line beside that place is the wanted one as well.
        let beside = match &self.place {
            Place::After(_) => lines.get(stop + 1).map(|l| (stop + 1, l)),
            _ => None,
        };
        before.or_else(|| {
            beside
                .filter(|(_, l)| bare(l) == self.line)
                .map(|(at, _)| at)
        })
    }

    fn expanded(&self, line: &str) -> Result<String, Failure> {
        match &self.find {
            Some(Find::Regex(regex)) if self.backrefs => match regex.captures(line) {
                Some(captures) => captures.expand(line, &self.line).map_err(Failure::new),
                None => Ok(self.line.clone()),
            },
            _ => Ok(self.line.clone()),
        }
    }
}

fn bare(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

fn replaced(mut lines: Vec<String>, at: usize, new: String) -> (String, &'static str) {
    if lines[at] == new {
        return (lines.concat(), "");
    }
    lines[at] = new;
    (lines.concat(), "line replaced")
}

#[cfg(test)]
mod tests {
    use super::{Args, Rules};
    use crate::source::Mapping;

    fn rules(yaml: &str) -> Rules {
        let mut map: Mapping = serde_yaml::from_str(yaml).expect("yaml");
        map.insert("path".into(), "/x".into());
        Rules::new(&Args::read(map).expect("arguments"), Clone::clone).expect("rules")
    }

    fn put(yaml: &str, text: &str) -> String {
        let rules = rules(yaml);
        let (once, _) = rules.put(text).expect("text");
        assert_eq!(rules.put(&once).expect("text").0, once, "twice is once");
        once
    }

    #[test]
    fn a_line_is_added_where_it_belongs() {
        assert_eq!(put("line: c", "a\nb"), "a\nb\nc\n");
        assert_eq!(put("line: c", ""), "c\n");
        assert_eq!(
            put("{line: c, insertafter: a}", "a\nb\na\nz\n"),
            "a\nb\na\nc\nz\n"
        );
        assert_eq!(
            put("{line: c, insertafter: a, firstmatch: true}", "a\nb\na\n"),
            "a\nc\nb\na\n"
        );
        assert_eq!(put("{line: c, insertafter: b}", "a\nb"), "a\nb\nc\n");
        assert_eq!(put("{line: c, insertbefore: b}", "a\nb\n"), "a\nc\nb\n");
        assert_eq!(put("{line: c, insertbefore: BOF}", "a\n"), "c\na\n");
        assert_eq!(put("{line: c, insertafter: nowhere}", "a\n"), "a\nc\n");
    }

    #[test]
    fn the_last_match_is_replaced() {
        assert_eq!(put("{regexp: ^k=, line: k=2}", "k=1\nk=1\n"), "k=1\nk=2\n");
        let first = "{regexp: ^k=, line: k=2, firstmatch: true}";
        assert_eq!(put(first, "k=1\nk=1\n"), "k=2\nk=1\n");
        assert_eq!(put("{search_string: '.*', line: k}", "a\n.*\n"), "a\nk\n");
        assert_eq!(put("{line: k}", "k\r\n"), "k\n");
    }

    #[test]
    fn backrefs_fill_in_groups_and_do_nothing_without_a_match() {
        let yaml = r"{regexp: '^(a+)=.*$', line: '\1=2', backrefs: true}";
        assert_eq!(put(yaml, "aa=1\n"), "aa=2\n");
        assert_eq!(put(yaml, "b=1\n"), "b=1\n");
    }

    #[test]
    fn removing_counts() {
        let rules = rules("{regexp: '^#', state: absent}");
        assert_eq!(rules.remove("#a\nb\n#c"), ("b\n".into(), 2));
    }
}
