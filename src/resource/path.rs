//! A path on a host.

use std::fmt;

/// An absolute path on a host (or one below the login's home, written `~/…`), normalised: no double
/// slashes, no `.` parts, no final slash. Never holds a NUL byte.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemotePath(String);

/// The longest path a Linux kernel takes.
const PATH_MAX: usize = 4096;

impl RemotePath {
    pub fn new(text: &str) -> Result<RemotePath, String> {
        if text.is_empty() {
            return Err("a path cannot be empty".into());
        }
        if text.contains('\0') {
            return Err("a path cannot hold a NUL byte".into());
        }
        if text.len() > PATH_MAX {
            return Err(format!(
                "a path of {} bytes is longer than {PATH_MAX}",
                text.len()
            ));
        }
        let absolute = text.starts_with('/');
        let parts: Vec<&str> = text
            .split('/')
            .filter(|p| !p.is_empty() && *p != ".")
            .collect();
        let joined = parts.join("/");
        Ok(RemotePath(match (absolute, joined.is_empty()) {
            (true, _) => format!("/{joined}"),
            (false, true) => ".".into(),
            (false, false) => joined,
        }))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory it is in; the root is its own parent.
    #[must_use]
    pub fn parent(&self) -> RemotePath {
        match self.0.rfind('/') {
            Some(0) => RemotePath("/".into()),
            Some(i) => RemotePath(self.0[..i].into()),
            None => RemotePath(".".into()),
        }
    }

    /// The last part of it.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// A path below this one; an absolute `below` stands alone.
    #[must_use]
    pub fn join(&self, below: &str) -> RemotePath {
        let text = if below.starts_with('/') {
            below.into()
        } else {
            format!("{}/{below}", self.0)
        };
        RemotePath::new(&text).unwrap_or_else(|_| self.clone())
    }

    /// Whether this is `other` or lies below it.
    pub fn is_within(&self, other: &RemotePath) -> bool {
        self == other
            || other.0 == "/"
            || self
                .0
                .strip_prefix(&other.0)
                .is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
