//! Files that a command was asked to write, and in which form: whole or not at all, and for their owner
//! only, because reports hold details of hosts.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::report::{audit, drift};

impl ValueEnum for audit::Form {
    fn value_variants<'a>() -> &'a [Self] {
        &audit::Form::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.word()))
    }
}

impl ValueEnum for drift::Form {
    fn value_variants<'a>() -> &'a [Self] {
        &drift::Form::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.word()))
    }
}

/// A form and a file: `html=audit.html`.
pub fn also<F: ValueEnum>(text: &str) -> Result<(F, PathBuf), String> {
    let (word, path) = text.split_once('=').unwrap_or((text, ""));
    let form = F::from_str(word, false).map_err(|_| {
        let forms = F::value_variants().iter();
        let words = forms.filter_map(|f| Some(f.to_possible_value()?.get_name().to_owned()));
        let words = words.collect::<Vec<_>>().join(", ");
        format!("`{word}` is no form; there are {words}")
    })?;
    match path.is_empty() {
        true => Err(format!("there is no file in it, as in {word}=FILE")),
        false => Ok((form, path.into())),
    }
}

/// Writes a file beside its name, then gives it the name. What is no regular file (a pipe, a terminal)
/// is written to as it is.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let there = std::fs::metadata(path);
    if there.is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
        return file.write_all(text.as_bytes());
    }
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    // Created 0600.
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_report_is_its_owners_and_replaces_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.html");
        std::fs::write(&path, "old").unwrap();
        write(&path, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(write(&dir.path().join("none/r.html"), "new").is_err());
        let left = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 1);
    }
}
