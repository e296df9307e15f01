//! Replaces every match of a regular expression in a text file, or in a section of it.
//!
//! Changed when the text or the attributes change. Differs from Ansible's: backups are named after
//! their content.

use crate::resource::{Query, RemotePath};
use crate::result;
use crate::source::Mapping;
use crate::source::pyre::PyFlags;

use super::edit::Edit;
use super::pattern::Pattern;
use super::{ArgError, Decision, Failure, Observed, Spec, Task, place};

crate::args! {
    pub(crate) struct Args {
        /// The file to edit.
        path: RemotePath = required, aka ["dest", "destfile", "name"];
        /// What to look for; `^` and `$` stand at the ends of lines.
        regexp: String = required;
        /// What to put in its place, with groups as `\1` or `\g<name>`.
        replace: String = "''";
        /// Only what follows a match of this is looked at.
        after: Option<String>;
        /// Only what stands before a match of this is looked at.
        before: Option<String>;
        /// Keep the old file beside the new one.
        backup: bool = "false";
        /// The encoding of the file.
        encoding: String = "utf-8";
        /// A command that must accept the new file before it is put in place; `%s` is its path.
        validate: Option<String>;
    } with attrs
}

pub(crate) static SPEC: Spec = Spec {
    name: "replace",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Replaces every match of a regular expression in a text file",
    notes: "Changed when the text or the attributes change.",
    examples: r##"
- name: The old name is gone
  replace:
    path: /etc/hosts
    regexp: (\s+)old\.host\.name(\s+.*)?$
    replace: \1new.host.name\2
- name: Within one section
  replace:
    path: /etc/apache2/sites-available/default.conf
    after: <VirtualHost [*]>
    before: </VirtualHost>
    regexp: ^(.+)$
    replace: '# \1'
"##,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

const SECTION: PyFlags = PyFlags {
    ignorecase: false,
    multiline: false,
    dotall: true,
};
const MATCH: PyFlags = PyFlags {
    ignorecase: false,
    multiline: true,
    dotall: false,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    place::check_validate(args.validate.as_deref())?;
    Pattern::check("regexp", Some(&args.regexp), MATCH)?;
    if let Some(pattern) = args.section() {
        let name = if args.after.is_some() {
            "after"
        } else {
            "before"
        };
        Pattern::check(name, Some(&pattern), SECTION)?;
    }
    Ok(Box::new(args))
}

impl Args {
    fn edit(&self) -> Edit<'_> {
        Edit {
            path: &self.path,
            attrs: &self.attrs,
            create: false,
            backup: self.backup,
            validate: self.validate.as_deref(),
            encoding: Some(&self.encoding),
        }
    }

    /// The pattern that finds the section; nothing where all of the text is meant.
    fn section(&self) -> Option<String> {
        let given = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
        match (given(&self.after), given(&self.before)) {
            (Some(after), Some(before)) => Some(format!("{after}(?P<subsection>.*?){before}")),
            (Some(after), None) => Some(format!("{after}(?P<subsection>.*)")),
            (None, Some(before)) => Some(format!("(?P<subsection>.*){before}")),
            (None, None) => None,
        }
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        self.edit().reads(seen)
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let found = self.edit().open(seen)?;
        if found.state.is_none() {
            return Err(Failure {
                message: format!("Path {} does not exist !", found.path),
                result: result! { "rc" => 257 },
            });
        }
        let word = |text: &str| found.coding.word(text);
        let section = self.section();
        let replaced = replace(
            &found.text,
            section.as_deref().map(word).as_deref(),
            &word(&self.regexp),
            &word(&self.replace),
        )?;
        let Some((text, count)) = replaced else {
            let pattern = section.unwrap_or_default();
            let message =
                format!("Pattern for before/after params did not match the given file: {pattern}");
            return Ok(Decision::ok(result! { "rc" => 0, "msg" => message }));
        };
        let edited = self.edit().close(seen, &found, Some(&text))?;
        let message = match edited.text_changed {
            true => format!("{count} replacements made"),
            false => String::new(),
        };
        let message = edited.message(&message);
        let mut decision = edited.decision;
        decision.result = result! { "rc" => 0, "msg" => message };
        if let Some(backup) = edited.backup {
            decision.result.insert("backup_file".into(), backup.into());
        }
        Ok(decision)
    }
}

/// The text with every match in its section replaced, and how many there were; nothing where there
/// is no such section.
fn replace(
    text: &str,
    section: Option<&str>,
    pattern: &str,
    with: &str,
) -> Result<Option<(String, usize)>, Failure> {
    let regex = Pattern::new(pattern, MATCH)?;
    let (start, end) = match section {
        None => (0, text.len()),
        Some(section) => {
            let section = Pattern::new(section, SECTION)?;
            let found = section.captures(text);
            section.finish()?;
            let group = found.and_then(|f| f.spans[f.number("subsection")?]);
            match group {
                Some(span) => span,
                None => return Ok(None),
            }
        }
    };
    let (new, count) = regex
        .replace_all(&text[start..end], with)
        .map_err(|e| Failure::new(format!("Unable to process replace due to error: {e}")))?;
    let whole = format!("{}{new}{}", &text[..start], &text[end..]);
    Ok(Some((whole, count)))
}

#[cfg(test)]
mod tests {
    use super::replace;

    #[test]
    fn lines_are_matched_one_by_one() {
        let (text, n) = replace("a=1\nb=1\n", None, r"^(\w)=1$", r"\1=2")
            .unwrap()
            .unwrap();
        assert_eq!((text.as_str(), n), ("a=2\nb=2\n", 2));
    }

    #[test]
    fn only_the_section_is_touched() {
        let text = "x\n[a]\nx\n[b]\nx\n";
        let section = r"\[a\](?P<subsection>.*?)\[b\]";
        let (new, n) = replace(text, Some(section), "x", "y").unwrap().unwrap();
        assert_eq!((new.as_str(), n), ("x\n[a]\ny\n[b]\nx\n", 1));
        assert!(
            replace(text, Some("nowhere(?P<subsection>.*)"), "x", "y")
                .unwrap()
                .is_none()
        );
    }
}
