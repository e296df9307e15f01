//! Reading project files: the only door between the file system and what people wrote.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Code, Diagnostic, File};

/// A project file larger than this is a mistake, not a playbook: reading it would only cost memory.
pub const MAX_FILE: u64 = 64 * 1024 * 1024;

/// Where project files come from: the disk, or a map in tests.
#[derive(Clone, Debug)]
pub enum Files {
    Disk,
    /// The disk, and one file that is made up: what a command line says, as a playbook.
    With(PathBuf, Arc<str>),
    Map(Arc<BTreeMap<PathBuf, Vec<u8>>>),
}

impl Files {
    /// A project in memory, for tests.
    pub fn map<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Files {
        let map = files
            .into_iter()
            .map(|(p, t)| (PathBuf::from(p), t.as_bytes().to_vec()));
        Files::Map(Arc::new(map.collect()))
    }

    pub fn bytes(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self {
            Files::With(own, text) if own == path => Ok(text.as_bytes().to_vec()),
            Files::Disk | Files::With(..) => {
                let size = std::fs::metadata(path)?.len();
                if size > MAX_FILE {
                    let text = format!("{size} bytes are more than the limit of {MAX_FILE}");
                    return Err(io::Error::other(text));
                }
                std::fs::read(path)
            }
            Files::Map(map) => map
                .get(path)
                .cloned()
                .ok_or_else(|| io::ErrorKind::NotFound.into()),
        }
    }

    /// A text file of the project's; UTF-8, with or without a byte order mark.
    pub fn text(&self, path: &Path) -> Result<Arc<File>, Diagnostic> {
        let cannot = |why: String| {
            Diagnostic::bare(format!("cannot read {}: {why}", path.display()))
                .code(Code::Unreadable)
        };
        let bytes = self.bytes(path).map_err(|e| cannot(plain(&e)))?;
        let text = String::from_utf8(bytes).map_err(|e| cannot(not_text(e.as_bytes()).into()))?;
        let text = text
            .strip_prefix('\u{feff}')
            .map(str::to_owned)
            .unwrap_or(text);
        Ok(File::new(path, text))
    }

    pub fn is_file(&self, path: &Path) -> bool {
        match self {
            Files::With(own, _) if own == path => true,
            Files::Disk | Files::With(..) => path.is_file(),
            Files::Map(map) => map.contains_key(path),
        }
    }

    /// Whether it is a program to run rather than a text to read: executable, and beginning with `#!`.
    pub fn is_script(&self, path: &Path) -> bool {
        match self {
            Files::Disk | Files::With(..) => {
                use std::io::Read as _;
                use std::os::unix::fs::PermissionsExt as _;
                let executable = |f: &std::fs::File| {
                    f.metadata()
                        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
                };
                let mut start = [0; 2];
                std::fs::File::open(path).is_ok_and(|mut f| {
                    executable(&f) && f.read_exact(&mut start).is_ok() && start == *b"#!"
                })
            }
            Files::Map(map) => map.get(path).is_some_and(|text| text.starts_with(b"#!")),
        }
    }

    pub fn is_dir(&self, path: &Path) -> bool {
        match self {
            Files::Disk | Files::With(..) => path.is_dir(),
            Files::Map(map) => map.keys().any(|k| k != path && k.starts_with(path)),
        }
    }

    /// Where a symbolic link leads, as it is written.
    pub fn link(&self, path: &Path) -> Option<String> {
        match self {
            Files::Disk | Files::With(..) => {
                std::fs::read_link(path).ok()?.to_str().map(str::to_owned)
            }
            Files::Map(_) => None,
        }
    }

    /// An open file on disk that is larger than `limit`, to be streamed instead of held.
    pub fn large(&self, path: &Path, limit: u64) -> Option<std::fs::File> {
        match self {
            Files::Disk | Files::With(..) => {
                let file = std::fs::File::open(path).ok()?;
                let meta = file.metadata().ok()?;
                (meta.is_file() && meta.len() > limit).then_some(file)
            }
            Files::Map(_) => None,
        }
    }

    /// The permission bits of a file.
    pub fn mode(&self, path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        match self {
            Files::Disk | Files::With(..) => {
                std::fs::metadata(path).map_or(0o644, |m| m.permissions().mode() & 0o7777)
            }
            Files::Map(_) => 0o644,
        }
    }

    /// The home folder of whoever runs this.
    pub fn home(&self) -> Option<PathBuf> {
        match self {
            Files::Disk | Files::With(..) => std::env::home_dir(),
            Files::Map(_) => None,
        }
    }

    /// Names in a folder, sorted; empty where there is no such folder.
    pub fn list(&self, path: &Path) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Files::Disk | Files::With(..) => std::fs::read_dir(path)
                .into_iter()
                .flatten()
                .filter_map(|e| e.ok()?.file_name().into_string().ok())
                .collect(),
            Files::Map(map) => map
                .keys()
                .filter_map(|k| k.strip_prefix(path).ok()?.iter().next()?.to_str())
                .map(str::to_owned)
                .collect(),
        };
        names.sort();
        names.dedup();
        names
    }
}

/// What bytes that are not UTF-8 probably are.
fn not_text(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16 text; save it as UTF-8",
        _ => "it is not UTF-8 text",
    }
}

/// The system's word for an error, without its number.
pub fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        io::ErrorKind::IsADirectory => "it is a directory".into(),
        _ => error.to_string(),
    }
}
