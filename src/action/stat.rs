//! What is at a path: type, owner, mode, times, digest. Never changed.
//!
//! Differs from Ansible's: `version` is there only where the host's `lsattr` gives it.

use crate::resource::file::{FileState, Meta, Node};
use crate::resource::{Query, RemotePath, Want};
use crate::source::{Mapping, Value};

use super::{ArgError, Decision, Failure, Observed, Spec, Task, place};

crate::choices! {
    pub(crate) enum Algorithm {
        Md5 = "md5",
        Sha1 = "sha1" | "sha",
        Sha224 = "sha224",
        Sha256 = "sha256",
        Sha384 = "sha384",
        Sha512 = "sha512",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The path to look at.
        path: RemotePath = required, aka ["dest", "name"];
        /// Look at what a symbolic link leads to.
        follow: bool = "false";
        /// Whether to give a regular file's digest.
        get_checksum: bool = "true";
        /// The digest to give.
        checksum_algorithm: Algorithm = "sha1", aka ["checksum", "checksum_algo"];
        /// Whether to give its MIME type and encoding.
        get_mime: bool = "true", aka ["mime", "mime_type", "mime-type"];
        /// Whether to give what `lsattr` shows.
        get_attributes: bool = "true", aka ["attr", "attributes"];
        /// Whether to give the SELinux context.
        get_selinux_context: bool = "false";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "stat",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Tells what is at a path",
    notes: "Never changed.",
    examples: r##"
- name: Is it there?
  stat:
    path: /etc/foo.conf
  register: st
- name: Its sha256
  stat:
    path: /path/to/something
    checksum_algorithm: sha256
    get_mime: false
"##,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    Ok(Box::new(Args::read(map)?))
}
impl Args {
    fn want(&self) -> Want {
        // Times and the like are known only once the file is there.
        let mut want = Want::META.and(Want::REAL);
        let digest = match self.checksum_algorithm {
            Algorithm::Md5 => Want::MD5,
            Algorithm::Sha1 => Want::SHA1,
            Algorithm::Sha224 => Want::SHA224,
            Algorithm::Sha256 => Want::DIGEST,
            Algorithm::Sha384 => Want::SHA384,
            Algorithm::Sha512 => Want::SHA512,
        };
        for (asked, part) in [
            (self.get_checksum, digest),
            (self.get_mime, Want::MIME),
            (self.get_attributes, Want::ATTRIBUTES),
            (self.get_selinux_context, Want::CONTEXT),
        ] {
            if asked {
                want = want.and(part);
            }
        }
        want
    }

    fn checksum(&self, state: &FileState) -> Option<String> {
        let content = state.content();
        let name = self.checksum_algorithm.word();
        let known = match self.checksum_algorithm {
            Algorithm::Sha1 => content.and_then(crate::resource::Content::sha1),
            Algorithm::Sha256 => content.map(|c| c.digest.to_string()),
            Algorithm::Md5 => content.and_then(crate::resource::Content::md5),
            _ => None,
        };
        known.or_else(|| state.digest(name).map(str::to_owned))
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let path = place::expand(seen, &self.path);
        place::trail(seen, &path, self.follow, self.want())
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let path = place::expand(seen, &self.path);
        let state = place::look(seen, &place::resolve(seen, &path, self.follow))?;
        let mut stat = crate::result! { "exists" => state.is_some() };
        if let Some(state) = state {
            stat.insert("path".into(), path.as_str().into());
            permissions(state, &mut stat);
            owners(state, &mut stat);
            if let Some(meta) = &state.meta {
                self.more(meta, &mut stat);
            }
            if let Node::Link { target } = &state.node {
                let real = state.meta.as_ref().and_then(|m| m.real_path.clone());
                let real = real.unwrap_or_else(|| path.parent().join(target).to_string());
                stat.insert("lnk_source".into(), real.into());
                stat.insert("lnk_target".into(), target.as_str().into());
            }
            let regular = self.get_checksum && state.is_file();
            if let Some(checksum) = self.checksum(state).filter(|_| regular) {
                stat.insert("checksum".into(), checksum.into());
            }
        }
        Ok(Decision::ok(crate::result! { "stat" => stat }))
    }
}

/// Type and permissions.
fn permissions(state: &FileState, stat: &mut Mapping) {
    let other = match state.node {
        Node::Other(letter) => letter,
        _ => '-',
    };
    let mut put = |key: &str, value: bool| {
        stat.insert(key.into(), value.into());
    };
    put("isreg", state.is_file());
    put("isdir", state.is_dir());
    put("islnk", state.is_link());
    put("isblk", other == 'b');
    put("ischr", other == 'c');
    put("isfifo", other == 'p');
    put("issock", other == 's');
    put("isuid", state.mode & 0o4000 != 0);
    put("isgid", state.mode & 0o2000 != 0);
    for (class, shift) in [("usr", 6), ("grp", 3), ("oth", 0)] {
        for (letter, bit) in [("r", 4), ("w", 2), ("x", 1)] {
            put(
                &format!("{letter}{class}"),
                state.mode & (bit << shift) != 0,
            );
        }
    }
    stat.insert("mode".into(), format!("{:04o}", state.mode).into());
}

fn owners(state: &FileState, stat: &mut Mapping) {
    for (id, name, owner) in [
        ("uid", "pw_name", &state.owner),
        ("gid", "gr_name", &state.group),
    ] {
        if let Some(number) = owner.id {
            stat.insert(id.into(), number.into());
        }
        if let Some(word) = owner.name.as_ref().filter(|n| *n != "UNKNOWN") {
            stat.insert(name.into(), word.as_str().into());
        }
    }
}

impl Args {
    /// What only a seen file has.
    fn more(&self, meta: &Meta, stat: &mut Mapping) {
        let mut put = |key: &str, value: Value| {
            stat.insert(key.into(), value);
        };
        put("size", meta.size.into());
        put("inode", meta.inode.into());
        put("dev", meta.device.into());
        put("nlink", meta.links.into());
        put("atime", meta.atime.into());
        put("mtime", meta.mtime.into());
        put("ctime", meta.ctime.into());
        put("blocks", meta.blocks.into());
        put("block_size", meta.block_size.into());
        put("device_type", meta.device_type.into());
        put("readable", meta.readable.into());
        put("writeable", meta.writable.into());
        put("executable", meta.executable.into());
        if self.get_mime {
            let unknown = || ("unknown".to_owned(), "unknown".to_owned());
            let (mime, charset) = meta.mime.clone().unwrap_or_else(unknown);
            put("mimetype", mime.into());
            put("charset", charset.into());
        }
        if self.get_attributes {
            let letters = meta.attributes.as_deref().unwrap_or_default();
            let letters: String = letters
                .chars()
                .filter(|c| c.is_ascii_alphabetic())
                .collect();
            let names = letters.chars().filter_map(attribute).map(Value::from);
            put("attributes", Value::Sequence(names.collect()));
            put("attr_flags", letters.into());
            put(
                "version",
                meta.uptime_version.clone().map_or(Value::Null, Value::from),
            );
        }
        if self.get_selinux_context {
            let parts = meta.context.as_deref().unwrap_or_default().splitn(4, ':');
            let parts = parts.filter(|p| !p.is_empty()).map(Value::from);
            put("selinux_context", Value::Sequence(parts.collect()));
        }
    }
}

/// The name of an attribute letter of `lsattr`'s.
fn attribute(letter: char) -> Option<&'static str> {
    const NAMES: &[(char, &str)] = &[
        ('A', "noatime"),
        ('C', "nocow"),
        ('D', "dirsync"),
        ('E', "encrypted"),
        ('I', "indexed"),
        ('N', "inline"),
        ('S', "synchronous"),
        ('T', "blockroot"),
        ('X', "compressedraw"),
        ('Z', "compresseddirty"),
        ('a', "append"),
        ('c', "compressed"),
        ('d', "nodump"),
        ('e', "extents"),
        ('h', "blocksize"),
        ('i', "immutable"),
        ('j', "journalled"),
        ('s', "zero"),
        ('t', "notail"),
        ('u', "undelete"),
    ];
    NAMES
        .iter()
        .find(|(l, _)| *l == letter)
        .map(|(_, name)| *name)
}
