//! Renders a template of the controller's to a file on the host.
//!
//! Changed when the file's bytes, owner, group or mode change. Differs from Ansible's: backups are
//! named after their content.

use crate::choices;
use crate::resource::{Content, Folder, Query, RemotePath, RenderOptions, Resource, State, Want};
use crate::source::Mapping;

use super::arg::Mode;
use super::put::{Put, Source};
use super::{ArgError, Decision, Failure, Observed, Spec, Task, place};

choices! {
    pub(crate) enum Newline {
        /// Unix; the words may be written as escapes, as text within single quotes.
        Lf = "\\n" | "\n",
        Cr = "\\r" | "\r",
        CrLf = "\\r\\n" | "\r\n",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The template, found in the folder `templates`.
        src: String = required;
        /// Where it goes. A final slash says that this is a directory, which is made if need be.
        dest: String = required;
        /// Keep the old file beside the new one.
        backup: bool = "false";
        /// Replace a file whose bytes differ.
        force: bool = "true";
        /// Write through a symbolic link at the destination instead of replacing it.
        follow: bool = "false";
        /// A command that must accept the new file before it is put in place; `%s` is its path.
        validate: Option<String>;
        /// The line end to write.
        newline_sequence: Newline = "'\\n'";
        /// What begins a block.
        block_start_string: String = "'{%'";
        /// What ends a block.
        block_end_string: String = "'%}'";
        /// What begins an expression.
        variable_start_string: String = "'{{'";
        /// What ends an expression.
        variable_end_string: String = "'}}'";
        /// What begins a comment.
        comment_start_string: String = "'{#'";
        /// What ends a comment.
        comment_end_string: String = "'#}'";
        /// Drop the line end after a block.
        trim_blocks: bool = "true";
        /// Drop white space before a block that begins a line.
        lstrip_blocks: bool = "false";
        /// The encoding the file is written in.
        output_encoding: String = "utf-8";
    } with attrs
}

pub(crate) static SPEC: Spec = Spec {
    name: "template",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Renders a template to a file on the host",
    notes: "Changed when the file's bytes, owner, group or mode change.",
    examples: r#"
- name: The configuration
  template:
    src: foo.conf.j2
    dest: /etc/foo.conf
    owner: bin
    group: wheel
    mode: "0644"
- name: sshd, checked before it is put in place
  template:
    src: sshd_config.j2
    dest: /etc/ssh/sshd_config
    validate: /usr/sbin/sshd -t -f %s
    backup: true
"#,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    RemotePath::new(&args.dest).map_err(|e| ArgError::new("dest", e))?;
    place::check_validate(args.validate.as_deref())?;
    if !is_utf8(&args.output_encoding) && !is_latin1(&args.output_encoding) {
        let message = format!("unknown encoding `{}`", args.output_encoding);
        return Err(ArgError::new("output_encoding", message).hint("use utf-8 or latin-1"));
    }
    Ok(Box::new(args))
}

fn is_utf8(name: &str) -> bool {
    matches!(name.to_lowercase().as_str(), "utf-8" | "utf8" | "ascii")
}

fn is_latin1(name: &str) -> bool {
    matches!(
        name.to_lowercase().as_str(),
        "latin-1" | "latin1" | "iso-8859-1"
    )
}

impl Args {
    fn put(&self) -> Put<'_> {
        let name = self.src.rsplit('/').next().unwrap_or(&self.src);
        Put {
            dest: &self.dest,
            name: Some(name),
            attrs: &self.attrs,
            directory_mode: None,
            force: self.force,
            follow: self.follow,
            backup: self.backup,
            validate: self.validate.as_deref(),
        }
    }

    fn rendered(&self) -> Resource {
        let newline = match self.newline_sequence {
            Newline::Lf => "\n",
            Newline::Cr => "\r",
            Newline::CrLf => "\r\n",
        };
        let pair = |a: &String, b: &String| (a.clone(), b.clone());
        Resource::Rendered {
            path: self.src.clone(),
            options: RenderOptions {
                trim_blocks: self.trim_blocks,
                lstrip_blocks: self.lstrip_blocks,
                newline: newline.into(),
                block: pair(&self.block_start_string, &self.block_end_string),
                variable: pair(&self.variable_start_string, &self.variable_end_string),
                comment: pair(&self.comment_start_string, &self.comment_end_string),
            },
        }
    }

    /// The template file itself, whose mode is wanted with `mode: preserve`.
    fn file(&self) -> Resource {
        Resource::Local {
            path: self.src.clone(),
            folder: Folder::Templates,
        }
    }

    fn source(&self, seen: &Observed) -> Result<Source, Failure> {
        let content = match seen.get(&self.rendered()) {
            State::Content(content) => content.clone(),
            State::Refused(words) => return Err(Failure::new(words.clone())),
            _ => {
                let message = format!("Could not find or access '{}' on the controller", self.src);
                return Err(Failure::new(message));
            }
        };
        let content = match content.text() {
            Some(text) if is_latin1(&self.output_encoding) => Content::new(latin1(text)?),
            _ => content,
        };
        let preserve = self.attrs.mode == Some(Mode::Preserve);
        let mode = preserve.then(|| seen.get(&self.file()).file().map(|f| f.mode));
        Ok(Source {
            content,
            mode: mode.flatten(),
            remote: None,
            shown: self.src.clone(),
            md5: None,
        })
    }
}

fn latin1(text: &str) -> Result<Vec<u8>, Failure> {
    let byte = |c: char| {
        u8::try_from(u32::from(c)).map_err(|_| Failure::new(format!("`{c}` is not in latin-1")))
    };
    text.chars().map(byte).collect()
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let mut queries = vec![Query::new(self.rendered(), Want::DIGEST.and(Want::CONTENT))];
        if self.attrs.mode == Some(Mode::Preserve) {
            queries.push(Query::meta(self.file()));
        }
        let known = seen.peek(&self.rendered()).is_some();
        let source = known.then(|| self.source(seen).ok()).flatten();
        queries.extend(self.put().reads(seen, source.as_ref()));
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let source = self.source(seen)?;
        self.put().decide(seen, &source)
    }
}
