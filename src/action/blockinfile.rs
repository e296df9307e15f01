//! Keeps a block of lines between two marker lines in a text file.
//!
//! Changed when the text or the attributes change. Differs from Ansible's: backups are named after
//! their content.

use crate::resource::{Query, RemotePath};
use crate::result;
use crate::source::Mapping;
use crate::source::pyre::PyFlags;

use super::args::Present;
use super::edit::Edit;
use super::pattern::Pattern;
use super::{ArgError, Decision, Failure, Observed, Spec, Task, place};

crate::args! {
    pub(crate) struct Args {
        /// The file to edit.
        path: RemotePath = required, aka ["dest", "destfile", "name"];
        /// Whether the block should be there.
        state: Present = "present";
        /// The marker lines; `{mark}` stands for `marker_begin` and `marker_end`.
        marker: String = "'# {mark} ANSIBLE MANAGED BLOCK'";
        /// What `{mark}` is in the first marker line.
        marker_begin: String = "BEGIN";
        /// What `{mark}` is in the last marker line.
        marker_end: String = "END";
        /// The lines between the markers; nothing removes the block, as `state: absent` does.
        block: String = "''", aka ["content"];
        /// Put a new block after the last line that matches, or at the end (`EOF`).
        insertafter: Option<String>;
        /// Put a new block before the last line that matches, or at the beginning (`BOF`).
        insertbefore: Option<String>;
        /// Make the file where it is not there.
        create: bool = "false";
        /// Keep the old file beside the new one.
        backup: bool = "false";
        /// Put an empty line after the block where there is none.
        append_newline: bool = "false";
        /// Put an empty line before the block where there is none.
        prepend_newline: bool = "false";
        /// The encoding of the file.
        encoding: String = "utf-8";
        /// A command that must accept the new file before it is put in place; `%s` is its path.
        validate: Option<String>;
    } with attrs
}

pub(crate) static SPEC: Spec = Spec {
    name: "blockinfile",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Keeps a block of lines between two marker lines in a text file",
    notes: "Changed when the text or the attributes change.",
    examples: r##"
- name: The jump host logs in without a password
  blockinfile:
    path: /etc/ssh/sshd_config
    block: |
      Match User jump
        PasswordAuthentication no
    validate: sshd -t -f %s
- name: Names of the cluster
  blockinfile:
    path: /etc/hosts
    marker: "# {mark} cluster"
    block: "10.0.0.1 db1"
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
    place::check_validate(args.validate.as_deref())?;
    for (name, pattern) in [
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
            create: self.create && self.state == Present::Present,
            backup: self.backup,
            validate: self.validate.as_deref(),
            encoding: Some(&self.encoding),
        }
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        self.edit().reads(seen)
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let found = self.edit().open(seen)?;
        let there = found.state.is_some();
        if !there && !self.create {
            return Err(Failure {
                message: format!("Path {} does not exist !", found.path),
                result: result! { "rc" => 257 },
            });
        }
        if !there && self.state == Present::Absent {
            let message = format!("File {} not present", found.path);
            return Ok(Decision::ok(result! { "msg" => message }));
        }
        let word = |text: &str| found.coding.word(text);
        let block = Block::new(self, word)?;
        let text = block.put(&found.text);
        if let Spot::Match { regex, .. } = &block.spot {
            regex.finish()?;
        }
        let edited = self.edit().close(seen, &found, Some(&text))?;
        let message = match (edited.text_changed, there, block.lines.is_empty()) {
            (false, _, _) => "",
            (true, false, _) => "File created",
            (true, true, true) => "Block removed",
            (true, true, false) => "Block inserted",
        };
        let message = edited.message(message);
        let mut decision = edited.decision;
        decision.result = result! { "msg" => message };
        if let Some(backup) = edited.backup {
            decision.result.insert("backup_file".into(), backup.into());
        }
        Ok(decision)
    }
}

/// The arguments that matter to the text.
struct Block {
    begin: String,
    end: String,
    /// The whole block, markers included; empty where it is to be gone.
    lines: Vec<String>,
    spot: Spot,
    blank_after: bool,
    blank_before: bool,
}

/// Where a block goes that is not there yet.
enum Spot {
    Begin,
    End,
    /// A pattern with `(?m)` is searched in the whole text, others in each line.
    Match {
        regex: Pattern,
        whole: bool,
        after: bool,
    },
}

impl Block {
    fn new(args: &Args, word: impl Fn(&str) -> String) -> Result<Block, Failure> {
        let marker = |mark: &str| word(&format!("{}\n", args.marker.replace("{mark}", mark)));
        let (begin, end) = (marker(&args.marker_begin), marker(&args.marker_end));
        let present = args.state == Present::Present;
        let mut lines = Vec::new();
        if present && !args.block.is_empty() {
            let mut block = word(&args.block);
            if !block.ends_with('\n') {
                block.push('\n');
            }
            lines.push(begin.clone());
            lines.extend(split(&block));
            lines.push(end.clone());
        }
        let at = |pattern: &str, after: bool| -> Result<Spot, Failure> {
            let regex = Pattern::line(&word(pattern))?;
            Ok(Spot::Match {
                whole: regex.is_multiline(),
                regex,
                after,
            })
        };
        let spot = match (args.insertafter.as_deref(), args.insertbefore.as_deref()) {
            (None | Some("EOF"), None) => Spot::End,
            (None, Some("BOF")) => Spot::Begin,
            (Some(pattern), _) => at(pattern, true)?,
            (None, Some(pattern)) => at(pattern, false)?,
        };
        Ok(Block {
            begin,
            end,
            lines,
            spot,
            blank_after: args.append_newline && present,
            blank_before: args.prepend_newline && present,
        })
    }

    /// The text with the block as it is to be.
    fn put(&self, text: &str) -> String {
        let mut lines = split(text);
        let begin = lines.iter().rposition(|l| *l == self.begin);
        let end = lines.iter().rposition(|l| *l == self.end);
        let mut at = match (begin, end) {
            (Some(begin), Some(end)) => {
                let (first, last) = (begin.min(end), begin.max(end));
                lines.drain(first..=last);
                first
            }
            _ => self.spot(text, &lines),
        };
        if let Some(before) = at.checked_sub(1).and_then(|i| lines.get_mut(i))
            && !before.ends_with('\n')
        {
            before.push('\n');
        }
        if self.blank_before && at > 0 && lines[at - 1] != "\n" {
            lines.insert(at, "\n".into());
            at += 1;
        }
        lines.splice(at..at, self.lines.iter().cloned());
        let after = at + self.lines.len();
        if self.blank_after && lines.get(after).is_some_and(|l| l != "\n") {
            lines.insert(after, "\n".into());
        }
        lines.concat()
    }

    fn spot(&self, text: &str, lines: &[String]) -> usize {
        match &self.spot {
            Spot::Begin => 0,
            Spot::End => lines.len(),
            Spot::Match {
                regex,
                whole: true,
                after,
            } => match regex.captures(text) {
                Some(found) => {
                    let until = if *after { found.end() } else { found.start() };
                    let line = text[..until].matches('\n').count();
                    (line + usize::from(*after)).min(lines.len())
                }
                None => lines.len(),
            },
            Spot::Match { regex, after, .. } => {
                let found = lines.iter().rposition(|l| regex.is_match(l));
                found.map_or(lines.len(), |at| at + usize::from(*after))
            }
        }
    }
}

/// Lines with their ends, which are `\n`, `\r\n` and `\r`.
fn split(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        let (body, end) = match line.strip_suffix("\r\n") {
            Some(body) => (body, "\r\n"),
            None => line.strip_suffix('\n').map_or((line, ""), |b| (b, "\n")),
        };
        let mut parts: Vec<String> = body.split_inclusive('\r').map(str::to_owned).collect();
        match parts.last_mut() {
            Some(last) if !last.ends_with('\r') => last.push_str(end),
            _ => parts.push(end.to_owned()),
        }
        lines.extend(parts.into_iter().filter(|p| !p.is_empty()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Args, Block, split};
    use crate::source::Mapping;

    fn put(yaml: &str, text: &str) -> String {
        let mut map: Mapping = serde_yaml::from_str(yaml).expect("yaml");
        map.insert("path".into(), "/x".into());
        map.insert("marker".into(), "# {mark}".into());
        let args = Args::read(map).expect("arguments");
        let block = Block::new(&args, str::to_owned).expect("a block");
        let once = block.put(text);
        assert_eq!(block.put(&once), once, "twice is once");
        once
    }

    #[test]
    fn a_block_is_put_replaced_and_removed() {
        assert_eq!(put("block: x", "a"), "a\n# BEGIN\nx\n# END\n");
        assert_eq!(
            put("block: y", "a\n# BEGIN\nx\n# END\nb\n"),
            "a\n# BEGIN\ny\n# END\nb\n"
        );
        assert_eq!(put("state: absent", "a\n# BEGIN\nx\n# END\nb\n"), "a\nb\n");
        assert_eq!(put("block: ''", "# BEGIN\n# END\n"), "");
    }

    #[test]
    fn a_new_block_goes_where_the_pattern_says() {
        let block = "# BEGIN\nx\n# END\n";
        let text = "a\nb\na\n";
        assert_eq!(
            put("{block: x, insertafter: b}", text),
            format!("a\nb\n{block}a\n")
        );
        assert_eq!(
            put("{block: x, insertbefore: a}", text),
            format!("a\nb\n{block}a\n")
        );
        assert_eq!(
            put("{block: x, insertbefore: BOF}", text),
            format!("{block}{text}")
        );
        assert_eq!(
            put("{block: x, insertafter: zz}", text),
            format!("{text}{block}")
        );
        assert_eq!(
            put("{block: x, insertafter: '(?m)a\\nb'}", text),
            format!("a\nb\n{block}a\n")
        );
    }

    #[test]
    fn blank_lines_are_kept_around_it() {
        let yaml = "{block: x, insertafter: a, append_newline: true, prepend_newline: true}";
        assert_eq!(put(yaml, "a\nb\n"), "a\n\n# BEGIN\nx\n# END\n\nb\n");
    }

    #[test]
    fn lines_end_in_three_ways() {
        assert_eq!(split("a\r\nb\rc\nd"), ["a\r\n", "b\r", "c\n", "d"]);
        assert_eq!(split("a\r\r\n\n"), ["a\r", "\r\n", "\n"]);
    }
}
