//! The lab's own directory: notes on what is up, keys, and one directory for each host.
//!
//! Everything `lab down` must undo is found from here or from the lab's name alone, so a lab that
//! was killed half way up can still be taken down.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{LabError, doing};
use super::net::Network;
use super::profile::{Profile, Server};

/// Readers refuse notes of another format.
const FORMAT: u32 = 1;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notes {
    pub format: u32,
    pub name: String,
    pub network: Network,
    pub hosts: Vec<HostNote>,
}

/// What is known of a host without asking it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostNote {
    pub name: String,
    pub profile: Profile,
    pub address: Ipv4Addr,
    /// `ssh-ed25519 AAAA…`
    pub public_key: String,
    pub server: Server,
    /// What its overlay lies on.
    pub lower: PathBuf,
}

/// The directory of one lab.
#[derive(Clone, Debug)]
pub struct Store {
    pub name: String,
    pub dir: PathBuf,
}

impl Store {
    pub fn new(name: &str) -> Result<Store, LabError> {
        let fits = !name.is_empty()
            && name.len() <= NAME_LIMIT
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !fits {
            return Err(LabError::BadName {
                what: "the name of a lab",
                given: name.into(),
                rule: "at most 12 of a-z, 0-9 and -",
            });
        }
        Ok(Store {
            name: name.into(),
            dir: base().join(format!("palisade-lab-{name}")),
        })
    }

    /// The stores that exist on this machine.
    pub fn all() -> Vec<Store> {
        let mut found: Vec<Store> = fs::read_dir(base())
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|e| {
                let name = e.file_name().into_string().ok()?;
                Store::new(name.strip_prefix("palisade-lab-")?).ok()
            })
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    pub fn exists(&self) -> bool {
        self.dir.is_dir()
    }

    /// Makes the directory, readable by its owner only.
    pub fn make(&self) -> Result<(), LabError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .map_err(doing(format!("make {}", self.dir.display())))
    }

    /// Held while a lab is changed: two `lab up` at once take turns.
    pub fn lock(&self) -> Result<File, LabError> {
        let path = self.path("lock");
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(doing(format!("open {}", path.display())))?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)
            .map_err(doing(format!("lock {}", path.display())))?;
        Ok(file)
    }

    /// Held while a lab picks its network, so that two labs do not pick the same. It is the directory
    /// itself that is locked: a file of its own would stay behind.
    pub fn turn() -> Result<File, LabError> {
        let what = || format!("lock {}", base().display());
        let dir = File::open(base()).map_err(doing(what()))?;
        rustix::fs::flock(&dir, rustix::fs::FlockOperation::LockExclusive)
            .map_err(doing(what()))?;
        Ok(dir)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A file of a host's own directory.
    pub fn of(&self, host: &str, name: &str) -> PathBuf {
        self.dir.join("hosts").join(host).join(name)
    }

    pub fn read(&self) -> Result<Notes, LabError> {
        let path = self.path("lab.json");
        if !path.exists() {
            return Err(LabError::NotUp {
                name: self.name.clone(),
            });
        }
        let bad = |why: String| LabError::Notes {
            path: path.display().to_string(),
            why,
        };
        let text = fs::read(&path).map_err(|e| bad(e.to_string()))?;
        let notes: Notes = serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))?;
        if notes.format != FORMAT {
            return Err(bad(format!(
                "it has format {}, this program reads {FORMAT}",
                notes.format
            )));
        }
        Ok(notes)
    }

    pub fn write(&self, notes: &Notes) -> Result<(), LabError> {
        let text = serde_json::to_string_pretty(notes).map_err(doing("write the lab's notes"))?;
        let (new, path) = (self.path("lab.json.new"), self.path("lab.json"));
        write(&new, text.as_bytes(), 0o600)?;
        fs::rename(&new, &path).map_err(doing(format!("write {}", path.display())))
    }

    pub fn empty_notes(&self, network: Network) -> Notes {
        Notes {
            format: FORMAT,
            name: self.name.clone(),
            network,
            hosts: Vec::new(),
        }
    }
}

/// A network device's name has 15 characters, three of them are the prefix.
const NAME_LIMIT: usize = 12;

fn base() -> &'static Path {
    Path::new("/run")
}

/// Writes a whole file with this mode, replacing what was there in place.
pub(crate) fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), LabError> {
    use std::io::Write;
    let what = || format!("write {}", path.display());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(doing(what()))?;
    }
    let mut file = fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(mode)
        .open(path)
        .map_err(doing(what()))?;
    file.write_all(content).map_err(doing(what()))?;
    set_mode(path, mode)
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), LabError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(doing(format!("set the mode of {}", path.display())))
}

/// Makes a directory with exactly this mode, whatever the umask is.
pub(crate) fn make_dir(path: &Path, mode: u32) -> Result<(), LabError> {
    fs::create_dir_all(path).map_err(doing(format!("make {}", path.display())))?;
    set_mode(path, mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lab_name_stays_a_file_and_device_name() {
        for bad in ["", "a/b", "..", "Lab", "thirteen-char"] {
            assert!(Store::new(bad).is_err(), "{bad}");
        }
        assert_eq!(
            Store::new("x-1").unwrap().dir,
            Path::new("/run/palisade-lab-x-1")
        );
    }
}
