//! Copies files and directories of the controller's, or of the host's own, to a place on the host.
//!
//! Changed when a file's bytes, owner, group or mode change, or a directory is made. Differs from
//! Ansible's: backups are named after their content; a symbolic link to a directory within a tree
//! that is copied on the host stays a link.

use crate::resource::{Folder, Query, RemotePath, Resource, State, Want};
use crate::source::{Mapping, Value};

use super::arg::{self, FromArg, Mode};
use super::put::{self, Put, Source};
use super::trees;
use super::{ArgError, Decision, Failure, Observed, Spec, Task, place};

crate::args! {
    pub(crate) struct Args {
        /// The file or directory to copy. A directory with a final slash gives its content, without
        /// one it goes along itself.
        src: Option<String>;
        /// The text the file is to have, instead of `src`; a structure is written as JSON.
        content: Option<Value>;
        /// Where it goes. A final slash says that this is a directory, which is made if need be.
        dest: String = required;
        /// Keep the old file beside the new one.
        backup: bool = "false";
        /// Replace a file whose bytes differ.
        force: bool = "true", aka ["thirsty"];
        /// A command that must accept the new file before it is put in place; `%s` is its path.
        validate: Option<String>;
        /// Permissions of the directories that are made.
        directory_mode: Option<Mode>;
        /// `src` is a path on the host.
        remote_src: bool = "false";
        /// Write through a symbolic link at the destination instead of replacing it.
        follow: bool = "false";
        /// Follow symbolic links in the source.
        local_follow: bool = "true";
        /// The sha1 the source must have.
        checksum: Option<String>;
        /// Decrypt a vaulted source.
        decrypt: bool = "true";
    } with attrs
}

pub(crate) static SPEC: Spec = Spec {
    name: "copy",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Copies files and directories to the host",
    notes: "Changed when bytes, owner, group or mode change, or a directory is made.",
    examples: r#"
- name: The configuration
  copy:
    src: foo.conf
    dest: /etc/foo.conf
    owner: foo
    mode: "0644"
- name: A message of the day
  copy:
    content: |
      Welcome.
    dest: /etc/motd
- name: Everything below site/
  copy:
    src: site/
    dest: /srv/www
    directory_mode: "0755"
- name: A copy on the host
  copy:
    src: /etc/hosts
    dest: /etc/hosts.orig
    remote_src: true
    force: false
"#,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    let (src, content) = (args.src.is_some(), args.content.is_some());
    if !src && !content {
        return Err(ArgError::new("", "src (or content) is required"));
    }
    place::exclusive(&[("src", src), ("content", content)])?;
    if content && args.dest.ends_with('/') {
        return Err(ArgError::new(
            "dest",
            "can not use content with a dir as dest",
        ));
    }
    RemotePath::new(&args.dest).map_err(|e| ArgError::new("dest", e))?;
    place::check_validate(args.validate.as_deref())?;
    Ok(Box::new(args))
}

impl Args {
    fn put(&self) -> Put<'_> {
        Put {
            dest: &self.dest,
            name: self.src.as_deref().map(base_name),
            attrs: &self.attrs,
            directory_mode: self.directory_mode.as_ref(),
            force: self.force,
            follow: self.follow,
            backup: self.backup,
            validate: self.validate.as_deref(),
        }
    }

    /// The path on the host that is copied, and the resource that answers for it.
    fn remote(&self, seen: &Observed, src: &str) -> Result<(RemotePath, Resource), Failure> {
        let path = RemotePath::new(src).map_err(Failure::new)?;
        let path = place::expand(seen, &path);
        Ok((path.clone(), Resource::Target(path)))
    }

    fn local(&self, src: &str) -> Query {
        let mut want = Want::DIGEST.and(Want::CONTENT);
        if self.attrs.mode == Some(Mode::Preserve) {
            want = want.and(Want::META);
        }
        if !self.local_follow {
            want = want.and(Want::LINKS);
        }
        if !self.decrypt {
            want = want.and(Want::CIPHER);
        }
        let resource = Resource::Local {
            path: src.to_owned(),
            folder: Folder::Files,
        };
        Query::new(resource, want)
    }

    /// What is copied; nothing where it is a directory.
    fn source(&self, seen: &Observed) -> Result<Option<Source>, Failure> {
        let Some(src) = &self.src else {
            let text = self.content.as_ref().map(as_text).unwrap_or_default();
            return Ok(Some(Source {
                content: crate::resource::Content::new(text.into_bytes()),
                mode: None,
                remote: None,
                shown: String::new(),
                md5: None,
            }));
        };
        if !self.remote_src {
            return put::local(seen, &self.local(src).on, src);
        }
        let (path, on) = self.remote(seen, src)?;
        let state = match seen.get(&on) {
            State::File(state) => state,
            State::Refused(words) => {
                return Err(Failure::new(format!("Source {path} not readable: {words}")));
            }
            _ => return Err(Failure::new(format!("Source {path} not found"))),
        };
        if state.is_dir() {
            return Ok(None);
        }
        let content = state.content().cloned().ok_or_else(|| {
            Failure::new(format!("Cannot copy invalid source '{path}': not a file"))
        })?;
        Ok(Some(Source {
            content,
            mode: Some(state.mode),
            remote: Some(path.clone()),
            shown: path.to_string(),
            md5: state.digest("md5").map(str::to_owned),
        }))
    }

    fn source_reads(&self, seen: &Observed) -> Vec<Query> {
        match &self.src {
            None => Vec::new(),
            Some(src) if !self.remote_src => vec![self.local(src)],
            Some(src) => {
                let want = Want::META.and(Want::DIGEST);
                let want = want.and(Want::SHA1).and(Want::MD5);
                let remote = self.remote(seen, src);
                remote
                    .map(|(_, on)| vec![Query::new(on, want)])
                    .unwrap_or_default()
            }
        }
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let mut queries = self.source_reads(seen);
        let asked = queries.first().map(|q| q.on.clone());
        if asked.as_ref().is_some_and(|on| seen.peek(on).is_none()) {
            queries.extend(self.put().reads(seen, None));
            return queries;
        }
        match self.source(seen) {
            Ok(Some(source)) => {
                queries.extend(self.put().reads(seen, Some(&source)));
                if let Some(on) = asked.filter(|_| self.remote_src)
                    && self.alters(seen, &source)
                {
                    let want = queries[0].want.and(Want::CONTENT);
                    queries.push(Query::new(on, want));
                }
            }
            Ok(None) => {
                let src = self.src.as_deref().unwrap_or_default();
                queries.extend(trees::reads(&self.put(), src, self.tree(src), seen));
            }
            Err(_) => {}
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let Some(source) = self.source(seen)? else {
            let src = self.src.as_deref().unwrap_or_default();
            return trees::decide(&self.put(), src, self.tree(src), seen);
        };
        let sha1 = source.content.sha1();
        if let Some(expected) = &self.checksum
            && sha1.as_ref().is_some_and(|is| is != expected)
        {
            return Err(put::failure(
                "Copied file does not match the expected checksum. Transfer failed.",
                crate::result! {
                    "checksum" => sha1.unwrap_or_default(), "expected_checksum" => expected.as_str(),
                },
            ));
        }
        let mut decision = self.put().decide(seen, &source)?;
        if self.src.is_none() {
            decision.result.shift_remove("src");
        }
        Ok(decision)
    }
}

impl Args {
    /// Whether the file on the host that is copied will be written over what is there.
    fn alters(&self, seen: &Observed, source: &Source) -> bool {
        let Ok(at) = self.put().at(seen) else {
            return false;
        };
        match place::peek(seen, &at) {
            Some(state) => self.force && state.content() != Some(&source.content),
            None => place::is_missing(seen, &at),
        }
    }

    fn tree(&self, src: &str) -> trees::From {
        if self.remote_src {
            trees::From::Host {
                follow: self.local_follow,
            }
        } else {
            trees::From::Controller(self.local(src).on)
        }
    }
}

/// The last part of a path, with no regard for a final slash.
fn base_name(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path)
}

/// Content as text: a structure is JSON as Python writes it, with a space after `:` and `,`.
fn as_text(value: &Value) -> String {
    match value {
        Value::Sequence(_) | Value::Mapping(_) => {
            let mut out = String::new();
            json(value, &mut out);
            out
        }
        other => arg::text(other).unwrap_or_default(),
    }
}

fn json(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => out.push_str(&n.to_string()),
        Value::String(s) => json_string(s, out),
        Value::Sequence(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                json(item, out);
            }
            out.push(']');
        }
        Value::Mapping(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                let key = match key {
                    Value::Bool(b) => b.to_string(),
                    other => String::from_arg(other.clone()).unwrap_or_else(|_| "null".into()),
                };
                json_string(&key, out);
                out.push_str(": ");
                json(item, out);
            }
            out.push('}');
        }
        Value::Tagged(tagged) => json(&tagged.value, out),
    }
}

/// A JSON string in ASCII alone.
fn json_string(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    let quoted = serde_json::to_string(text).unwrap_or_default();
    for c in quoted.chars() {
        if c.is_ascii() {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{as_text, base_name};
    use crate::source::Value;

    #[test]
    fn structures_are_written_as_python_writes_json() {
        let value: Value = serde_yaml::from_str("{b: [1, true, null], a: \"é\\n\"}").unwrap();
        assert_eq!(
            as_text(&value),
            r#"{"b": [1, true, null], "a": "\u00e9\n"}"#
        );
        assert_eq!(as_text(&Value::from(true)), "True");
    }

    #[test]
    fn names_are_without_slashes() {
        assert_eq!(base_name("a/b/"), "b");
        assert_eq!(base_name("b"), "b");
    }
}
