//! Making changes to paths: the words for apply.sh's `pl_put` and `pl_file`.
//!
//! A file's bytes get there in one way only: a temporary file beside it, created no more open than
//! it ends; bytes and digest; owner and mode; flushed; validated; compared with what was seen;
//! renamed; read back. Everything else about a path (mode, directory, link, removal) is one command
//! in its directory, after the same comparison of what is there.

use std::fmt::Write as _;

use super::apply::{ApplyError, INLINE_PAYLOAD, Upload};
use super::file::{FileState, Meta, Node};
use super::payload::{Payload, payload, upload_command, upload_removal};
use super::script::{path_word, quote};
use super::{Change, Content, Hello, RemotePath, Resource, State};

/// A change of a path as text; `@N@` is the number of its record.
pub(super) struct Made {
    pub text: String,
    pub upload: Option<Upload>,
    /// Whether it puts bytes in place that have to be read back.
    pub writes: bool,
}

/// File names have 255 bytes at most; the temporary one needs room for its token.
const NAME_LIMIT: usize = 150;

/// Turns a change of a path into text.
pub(super) fn make(change: &Change, hello: &Hello, token: &str) -> Result<Made, ApplyError> {
    let (path, follows) = match &change.on {
        Resource::File(path) => (path, false),
        Resource::Target(path) => (path, true),
        _ => return Err(ApplyError::unfit(change)),
    };
    let cut: String = cut_name(path.name());
    let mut head = Head {
        path,
        follows,
        temp: format!(".{cut}.palisade.{token}"),
        text: String::new(),
    };
    head.before(change)?;
    match &change.after {
        State::Absent => remove(change, head),
        State::File(after) => match &after.node {
            Node::File(_) if change.how.option("hard_link_to").is_some() => hard_link(change, head),
            Node::File(content) => file(change, after, content.as_ref(), head, hello),
            Node::Dir => directory(change, after, head, hello),
            Node::Link { target } => link(change, after, target, head, hello),
            Node::Other(_) => attributes(change, after, head, hello),
        },
        _ => Err(ApplyError::unfit(change)),
    }
}

fn cut_name(name: &str) -> String {
    let mut cut = String::new();
    for c in name.chars() {
        if cut.len() + c.len_utf8() > NAME_LIMIT {
            break;
        }
        cut.push(c);
    }
    cut
}

/// The variables that every change of a path sets.
struct Head<'a> {
    path: &'a RemotePath,
    follows: bool,
    temp: String,
    text: String,
}

impl Head<'_> {
    fn before(&mut self, change: &Change) -> Result<(), ApplyError> {
        let (kind, digest, mode) = match &change.before {
            State::Absent => ('-', String::new(), String::new()),
            State::File(before) => {
                let kind = match before.node {
                    Node::File(_) => 'f',
                    Node::Dir => 'd',
                    Node::Link { .. } => 'l',
                    Node::Other(_) => 'o',
                };
                let digest = before
                    .content()
                    .map(|c| c.digest.to_string())
                    .unwrap_or_default();
                let mode = match (before.owner.id, before.group.id) {
                    (Some(uid), Some(gid)) => format!("{:o}:{uid}:{gid}", before.mode),
                    _ => String::new(),
                };
                (kind, digest, mode)
            }
            _ => return Err(ApplyError::unfit(change)),
        };
        let odd = self.path.as_str().contains(['\n', '\\']);
        let flags = format!(
            "{}{}{}",
            if self.follows { "t" } else { "" },
            if change.how.unsafe_writes { "u" } else { "" },
            if odd { "n" } else { "" }
        );
        let (path, temp) = (path_word(self.path), quote(&self.temp));
        let _ = writeln!(
            self.text,
            "pd={path} pt={temp} pb={kind} pbh={digest} pbm={mode} px={flags} pk= pv= pw= pc= pa="
        );
        Ok(())
    }

    /// Owner and mode that are to be: `existing` says that what is there has its own already.
    fn attributes(&mut self, after: &FileState, from: Option<&FileState>, hello: &Hello) {
        let (owner, group) = match from {
            Some(from) => (from.owner.clone(), from.group.clone()),
            None => (
                super::file::Owner::known(hello.me.uid, &hello.me.user),
                super::file::Owner::known(hello.me.gid, &hello.me.group),
            ),
        };
        let chown = !(after.owner.same(&owner) && after.group.same(&group));
        let words = format!("{}:{}", after.owner.word(), after.group.word());
        let flag = |yes: bool| if yes { "1" } else { "" };
        // What a plain creation cannot give: executable and special bits, and a file that its owner
        // may not write to.
        let chmod = match from {
            Some(from) => from.mode != after.mode,
            None => {
                let plain = after.mode & !0o666 == 0 && after.mode & 0o200 != 0;
                !plain || chown || hello.has("setfacl")
            }
        };
        // Until it belongs to who it is for, nobody else may look at it.
        let umask = if chown {
            0o077
        } else {
            0o777 & !(after.mode | 0o200)
        };
        let _ = writeln!(
            self.text,
            "pm={:o} pu={umask:03o} po={} pw={} pc={}",
            after.mode,
            quote(&words),
            flag(chown),
            flag(chmod)
        );
    }

    /// A change whose work is `body`, run in the directory with the path as `$pl_b`.
    ///
    /// Directories and attributes may come before files of the group that is being written; what
    /// takes something away may not.
    fn after_files(mut self, body: &str) -> Made {
        self.text.insert_str(0, "pl_commit\n");
        self.done(body)
    }

    fn done(mut self, body: &str) -> Made {
        let _ = write!(self.text, "pl_m() {{\n{body}\n}}\npl_file @N@");
        Made {
            text: self.text,
            upload: None,
            writes: false,
        }
    }
}

fn seen(change: &Change) -> Option<&FileState> {
    change.before.file()
}

fn file(
    change: &Change,
    after: &FileState,
    content: Option<&Content>,
    mut head: Head<'_>,
    hello: &Hello,
) -> Result<Made, ApplyError> {
    let same_bytes = seen(change).is_some_and(|b| match (&b.node, content) {
        (Node::File(_), None) => true,
        (Node::File(Some(old)), Some(new)) => old == new,
        _ => false,
    });
    if same_bytes {
        return attributes(change, after, head, hello);
    }
    if seen(change).is_some_and(FileState::is_dir) {
        return Err(ApplyError::because(change, "it is a directory"));
    }
    let from = change
        .how
        .option("copy_from")
        .filter(|_| content.is_none_or(|c| c.bytes.is_none()));
    let empty = Content::new(Vec::new());
    head.attributes(after, None, hello);
    let digest = match (content, from) {
        (Some(content), _) => content.digest.to_string(),
        (None, Some(_)) => String::new(),
        (None, None) => empty.digest.to_string(),
    };
    let content = content.unwrap_or(&empty);
    let _ = writeln!(head.text, "ph={digest}");
    if let Some(name) = &change.how.backup {
        let _ = writeln!(head.text, "pk={}", quote(name));
    }
    if let Some(command) = &change.how.validate {
        let words = validator(command, &head)?;
        let _ = write!(head.text, "pv=1\npl_v() {{ exec {words}; }}\n");
    }
    let labels = labels(change)?;
    if !labels.is_empty() {
        let _ = write!(head.text, "pa=1\npl_mark() {{\n{labels}}}\n");
    }
    // What is not written together with its neighbours must not meet them half done.
    let odd = head.path.as_str().contains(['\n', '\\']);
    if odd || !labels.is_empty() || change.how.validate.is_some() || change.how.unsafe_writes {
        head.text.insert_str(0, "pl_commit\n");
    }
    let mut upload = None;
    match &content.bytes {
        _ if from.is_some() => {
            let from = super::script::place(from.unwrap_or_default());
            let _ = write!(head.text, "pl_put @N@ c {from}");
        }
        Some(bytes) if bytes.len() as u64 <= INLINE_PAYLOAD => {
            let Payload { letter, word } = payload(bytes);
            let _ = write!(head.text, "pl_put @N@ {letter} {word}");
        }
        None if content.source.is_none() => return Err(ApplyError::NoBytes(change.on.to_string())),
        _ => {
            let private = format!(
                ".palisade.{}",
                head.temp.rsplit('.').next().unwrap_or_default()
            );
            let dir = if head.follows {
                None
            } else {
                Some(path_word(&head.path.parent()))
            };
            let command = upload_command(dir.as_deref(), &head.temp, &private);
            upload = Some(Upload {
                command,
                content: content.clone(),
                remove: upload_removal(dir.as_deref(), &head.temp, &private),
            });
            let _ = write!(head.text, "pl_put @N@ f {private}");
        }
    }
    Ok(Made {
        text: head.text,
        upload,
        writes: true,
    })
}

/// The words of a `validate` command, with `%s` replaced by the temporary file's path. No shell
/// reads them: what they hold stands for itself.
fn validator(command: &str, head: &Head<'_>) -> Result<String, ApplyError> {
    if !command.contains("%s") {
        return Err(ApplyError::BadText(format!(
            "`validate` must contain %s: {command}"
        )));
    }
    let words = super::script::words(command).ok_or_else(|| {
        ApplyError::BadText(format!("unbalanced quotes in `validate`: {command}"))
    })?;
    let _ = head;
    let mut out = Vec::new();
    for word in words {
        let parts: Vec<String> = word
            .split("%s")
            .map(|part| {
                if part.is_empty() {
                    String::new()
                } else {
                    quote(part)
                }
            })
            .collect();
        // The directory is entered by then, so its physical path is known.
        out.push(if word.is_empty() {
            "''".into()
        } else {
            parts.join("\"$pl_tmp\"")
        });
    }
    Ok(out.join(" "))
}

/// Changes of mode, owner, times and labels of what is there.
fn attributes(
    change: &Change,
    after: &FileState,
    mut head: Head<'_>,
    hello: &Hello,
) -> Result<Made, ApplyError> {
    let Some(before) = seen(change) else {
        return Err(ApplyError::unfit(change));
    };
    if std::mem::discriminant(&before.node) != std::mem::discriminant(&after.node) {
        return Err(ApplyError::unfit(change));
    }
    head.attributes(after, Some(before), hello);
    let mut body = String::from("pl_own \"$1\" \"$pl_b\" || return\n");
    if after.is_link() {
        body = String::from("[ -z \"$pw\" ] || chown -h -- \"$po\" \"$pl_b\" || return\n");
    }
    body.push_str(&labels(change)?);
    Ok(head.done(&body))
}

/// Times, `chattr` attributes and the SELinux context, from the options of the change.
fn labels(change: &Change) -> Result<String, ApplyError> {
    let mut text = String::new();
    for (name, letter) in [("mtime", 'm'), ("atime", 'a')] {
        let Some(when) = change.how.option(name) else {
            continue;
        };
        let when = if when == "now" {
            String::new()
        } else if !when.is_empty()
            && when
                .bytes()
                .all(|b| b.is_ascii_digit() || b == b'.' || b == b'-')
        {
            format!(" -d @{when}")
        } else {
            return Err(ApplyError::BadText(format!(
                "`{when}` is no time in seconds"
            )));
        };
        let _ = writeln!(
            text,
            "touch -c -h -{letter}{when} -- \"$pl_b\" 2>/dev/null || touch -c -{letter}{when} -- \"$pl_b\" || return"
        );
    }
    let (before, after) = (meta(&change.before), meta(&change.after));
    if let Some(attributes) = after
        .attributes
        .filter(|a| before.attributes.as_ref() != Some(a))
    {
        let letters: String = attributes.chars().filter(|c| *c != '-').collect();
        if !letters.bytes().all(|b| b.is_ascii_alphabetic()) {
            return Err(ApplyError::BadText(format!(
                "`{attributes}` are no file attributes"
            )));
        }
        let _ = writeln!(text, "chattr ={letters} -- \"$pl_b\" || return");
    }
    if let Some(context) = after.context.filter(|c| before.context.as_ref() != Some(c)) {
        let _ = writeln!(text, "chcon -h -- {} \"$pl_b\" || return", quote(&context));
    }
    Ok(text)
}

fn meta(state: &State) -> Meta {
    state
        .file()
        .and_then(|f| f.meta.clone())
        .unwrap_or_default()
}

fn directory(
    change: &Change,
    after: &FileState,
    mut head: Head<'_>,
    hello: &Hello,
) -> Result<Made, ApplyError> {
    let clear = match seen(change).map(|b| &b.node) {
        Some(Node::Dir) => return attributes(change, after, head, hello),
        Some(_) => "rm -f -- \"$pl_b\" || return\n",
        None => "",
    };
    head.attributes(after, None, hello);
    // A directory is made for its owner alone, so that nobody else is in it before it is theirs.
    let chown = head.text.contains(" pw=1 ");
    let mode = if chown { 0o700 } else { after.mode & 0o777 };
    let special = after.mode & 0o7000 != 0 || chown || hello.has("setfacl");
    let body = format!(
        "{clear}mkdir -m {mode:o} -- \"$pl_b\" || return\npc={}\npl_own \"$1\" \"$pl_b\" || return\n{}",
        if special { "1" } else { "" },
        labels(change)?
    );
    Ok(head.done(&body))
}

/// A symbolic link is made under the temporary name and renamed, so that the old one is there until
/// the new one is.
fn link(
    change: &Change,
    after: &FileState,
    target: &str,
    mut head: Head<'_>,
    hello: &Hello,
) -> Result<Made, ApplyError> {
    let before = seen(change).map(|b| &b.node);
    if matches!(before, Some(Node::Link { target: old }) if old == target) {
        return attributes(change, after, head, hello);
    }
    // Only an empty directory gives way.
    let clear = match before {
        Some(Node::Dir) => "rmdir -- \"$pl_b\" || return\n",
        _ => "",
    };
    head.attributes(after, None, hello);
    let body = format!(
        "pl_tmp=$PWD/$pt\nln -s -- {} \"$pl_t\" || return\n\
         [ -z \"$pw\" ] || chown -h -- \"$po\" \"$pl_t\" || {{ rm -f -- \"$pl_t\"; return 1; }}\n\
         {clear}pl_mv \"$pl_t\" \"$pl_b\" || {{ rm -f -- \"$pl_t\"; return 1; }}\n{}",
        quote(target),
        labels(change)?
    );
    Ok(head.after_files(&body))
}

/// The option `hard_link_to` names what the path is to be another name of.
fn hard_link(change: &Change, head: Head<'_>) -> Result<Made, ApplyError> {
    let source = change.how.option("hard_link_to").unwrap_or_default();
    let source = super::script::place(source);
    let body = format!(
        "ln -- {source} \"$pl_t\" || return\n\
         pl_mv \"$pl_t\" \"$pl_b\" || {{ rm -f -- \"$pl_t\"; return 1; }}\n\
         [ ! -e \"$pl_t\" ] || rm -f -- \"$pl_t\""
    );
    Ok(head.after_files(&body))
}

fn remove(change: &Change, head: Head<'_>) -> Result<Made, ApplyError> {
    if head.path.as_str() == "/" || head.path.as_str().split('/').next_back() == Some("..") {
        return Err(ApplyError::because(change, "it is not removed"));
    }
    let Some(before) = seen(change) else {
        return Err(ApplyError::unfit(change));
    };
    let command = match before.node {
        Node::Dir if change.how.option("empty").is_some() => "rmdir -- \"$pl_b\"",
        Node::Dir => "[ \"$PWD/$pl_b\" != //./ ] && rm -rf -- \"$pl_b\"",
        _ => "rm -f -- \"$pl_b\"",
    };
    Ok(head.after_files(command))
}
