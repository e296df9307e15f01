//! Files, directories and links: the resource most actions are about.
//!
//! Asked in batches: one `stat` and one `sha256sum` for all paths of a script. Written in one way
//! only: temporary file beside the target, bytes and hash, owner and mode, validation, comparison
//! with what was seen, rename.

use super::{Content, Identity};

/// What a path is.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A regular file. The content is `None` where its digest was not asked for.
    File(Option<Content>),
    Dir,
    Link {
        target: String,
    },
    /// A device, socket or pipe; the letter `stat` has for it.
    Other(char),
}

/// A user or group: by number, by name, or both.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Owner {
    pub id: Option<u32>,
    pub name: Option<String>,
}

impl Owner {
    /// What a playbook writes: a name, or a number.
    pub fn written(text: &str) -> Owner {
        match text.parse() {
            Ok(id) => Owner {
                id: Some(id),
                name: None,
            },
            Err(_) => Owner {
                id: None,
                name: Some(text.into()),
            },
        }
    }

    pub fn known(id: u32, name: &str) -> Owner {
        Owner {
            id: Some(id),
            name: Some(name.into()),
        }
    }

    /// Whether the two name the same one, by whatever both of them know.
    pub fn same(&self, other: &Owner) -> bool {
        match (self.id, other.id, &self.name, &other.name) {
            (Some(a), Some(b), _, _) => a == b,
            (_, _, Some(a), Some(b)) => a == b,
            _ => false,
        }
    }

    /// The word for `chown`.
    pub fn word(&self) -> String {
        match (&self.name, self.id) {
            (Some(name), _) if name != "UNKNOWN" => name.clone(),
            (_, Some(id)) => id.to_string(),
            _ => String::new(),
        }
    }
}

/// How a path is. A state that was decided has no [`Meta`].
#[derive(Clone, Debug, PartialEq)]
pub struct FileState {
    pub node: Node,
    /// Permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    pub owner: Owner,
    pub group: Owner,
    /// What only a seen file has.
    pub meta: Option<Meta>,
}

/// What `stat` says beyond type, mode and owner.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Meta {
    pub size: u64,
    pub inode: u64,
    pub device: u64,
    pub links: u64,
    /// Seconds since 1970, as `stat` prints them.
    pub atime: f64,
    pub mtime: f64,
    pub ctime: f64,
    pub blocks: u64,
    pub block_size: u64,
    pub device_type: u64,
    /// The path after following every link (`readlink -f`), for links.
    pub real_path: Option<String>,
    /// What the shell's user may do with it.
    pub readable: bool,
    pub writable: bool,
    pub executable: bool,
    pub mime: Option<(String, String)>,
    pub attributes: Option<String>,
    /// Further digests that were asked for, by name (`md5`, `sha512`).
    pub digests: Vec<(String, String)>,
    pub context: Option<String>,
    pub uptime_version: Option<String>,
}

impl FileState {
    /// A further digest, where it was asked for.
    pub fn digest(&self, name: &str) -> Option<&str> {
        let digests = &self.meta.as_ref()?.digests;
        let found = digests.iter().find(|(n, _)| n == name);
        found.map(|(_, digest)| digest.as_str())
    }

    /// A file, directory or link as it would come to be if nobody said how.
    pub fn fresh(node: Node, me: &Identity) -> FileState {
        let mode = match &node {
            Node::Dir => 0o777 & !me.umask,
            Node::Link { .. } => 0o777,
            Node::File(_) | Node::Other(_) => 0o666 & !me.umask,
        };
        FileState {
            node,
            mode,
            owner: Owner::known(me.uid, &me.user),
            group: Owner::known(me.gid, &me.group),
            meta: None,
        }
    }

    pub fn content(&self) -> Option<&Content> {
        match &self.node {
            Node::File(content) => content.as_ref(),
            _ => None,
        }
    }

    pub fn is_dir(&self) -> bool {
        matches!(self.node, Node::Dir)
    }

    pub fn is_link(&self) -> bool {
        matches!(self.node, Node::Link { .. })
    }

    pub fn is_file(&self) -> bool {
        matches!(self.node, Node::File(_))
    }

    /// Equal in type, content, mode and owner, and in attributes and SELinux context where both
    /// are known. The mode of a link means nothing.
    pub fn same(&self, other: &FileState) -> bool {
        let agree = |a: Option<&String>, b: Option<&String>| a.is_none() || b.is_none() || a == b;
        let of = |s: &FileState| s.meta.clone().unwrap_or_default();
        let (mine, theirs) = (of(self), of(other));
        self.node == other.node
            && (self.mode == other.mode || self.is_link())
            && self.owner.same(&other.owner)
            && self.group.same(&other.group)
            && agree(mine.attributes.as_ref(), theirs.attributes.as_ref())
            && agree(mine.context.as_ref(), theirs.context.as_ref())
    }
}
