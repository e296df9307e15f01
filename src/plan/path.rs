//! Finding project files: clean paths, and where a name is looked for.

use std::path::{Component, Path, PathBuf};

/// A path below another, without `.` and `..` where they can be resolved by name.
pub(crate) fn join(base: &Path, name: &str) -> PathBuf {
    clean(&base.join(name))
}

pub(crate) fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                let named = matches!(out.components().next_back(), Some(Component::Normal(_)));
                if named {
                    out.pop();
                } else {
                    out.push("..");
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// The folder a file is in.
pub(crate) fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The places that were looked at, for a hint: each once, in order.
pub(crate) fn places(tried: &[PathBuf]) -> String {
    let mut names: Vec<String> = Vec::new();
    for path in tried {
        let name = path.display().to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    format!("looked for {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{Path, join};

    #[test]
    fn dots_are_resolved_by_name() {
        assert_eq!(join(Path::new("a/b"), "../c.yml"), Path::new("a/c.yml"));
        assert_eq!(join(Path::new(""), "./c.yml"), Path::new("c.yml"));
        assert_eq!(join(Path::new(""), "../c"), Path::new("../c"));
        assert_eq!(join(Path::new("a"), "/etc/x"), Path::new("/etc/x"));
    }
}
