//! What a job remembers when the program ends: one small file each, and the lock that keeps a job's
//! runs apart, of this program's and of any other's.

#![expect(
    clippy::disallowed_methods,
    reason = "the home of what serve remembers"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::news::{Known, Trouble};
use super::schedule::slug;
use super::scheduler::Memory;

/// The number in each file. Another one is not read.
const VERSION: u64 = 1;

/// The folder of a schedule.
#[derive(Clone, Debug)]
pub struct Shelf {
    dir: PathBuf,
}

impl Shelf {
    /// `base` is the folder of all schedules.
    pub fn open(base: &Path, schedule: &Path) -> io::Result<Shelf> {
        use std::os::unix::fs::DirBuilderExt as _;
        let path = std::path::absolute(schedule)?;
        let path = path.canonicalize().unwrap_or(path);
        let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
        let dir = base.join(&hex::encode(digest)[..16]);
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&dir)?;
        Ok(Shelf { dir })
    }

    fn path(&self, job: &str, kind: &str) -> PathBuf {
        self.dir.join(format!("{}.{kind}", slug(job)))
    }

    /// What a job remembers; nothing where it never ran. What cannot be read is set aside, and said.
    pub fn load(&self, job: &str) -> (Memory, Known, Option<String>) {
        let path = self.path(job, "json");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return (Memory::default(), Known::default(), None);
            }
            Err(e) => {
                let text = format!("{}: {e}", path.display());
                return (Memory::default(), Known::default(), Some(text));
            }
        };
        if let Some((memory, known)) = read(&text) {
            return (memory, known, None);
        }
        let aside = self.path(job, "damaged");
        let _ = std::fs::rename(&path, &aside);
        let text = format!(
            "what `{job}` remembered cannot be read; it is set aside as {}",
            aside.display()
        );
        (Memory::default(), Known::default(), Some(text))
    }

    pub fn save(&self, job: &str, memory: &Memory, known: &Known) -> io::Result<()> {
        // Created 0600.
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        file.write_all(written(job, memory, known).to_string().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(self.path(job, "json")).map_err(|e| e.error)?;
        Ok(())
    }

    /// The lock of a job's runs, or of the schedule where no job is named; nothing where somebody has it.
    /// It is held as long as the file is open, in whatever process.
    pub fn lock(&self, job: Option<&str>) -> io::Result<Option<File>> {
        let path = match job {
            Some(job) => self.path(job, "lock"),
            None => self.dir.join("serve.lock~"),
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(e)) => Err(e),
        }
    }
}

fn written(job: &str, memory: &Memory, known: &Known) -> Json {
    let time = |t: &Option<jiff::Timestamp>| t.map(|t| t.to_string());
    let hosts: serde_json::Map<String, Json> = known
        .hosts
        .iter()
        .map(|(name, t)| {
            let trouble = json!({
                "drift": t.drift, "fixed": t.fixed, "failed": t.failed, "unreachable": t.unreachable,
            });
            (name.clone(), trouble)
        })
        .collect();
    json!({
        "version": VERSION, "job": job, "heeded": time(&memory.heeded), "failures": memory.failures,
        "paused_until": time(&memory.paused_until), "broken": known.broken, "hosts": hosts,
    })
}

fn read(text: &str) -> Option<(Memory, Known)> {
    let json: Json = serde_json::from_str(text).ok()?;
    if json["version"].as_u64() != Some(VERSION) {
        return None;
    }
    let time = |key: &str| json[key].as_str().and_then(|t| t.parse().ok());
    let mut hosts = BTreeMap::new();
    for (name, of) in json["hosts"].as_object()? {
        let texts = |all: &[Json]| -> BTreeSet<String> {
            let texts = all.iter().filter_map(Json::as_str);
            texts.map(str::to_owned).collect()
        };
        let trouble = Trouble {
            drift: texts(of["drift"].as_array()?),
            fixed: of["fixed"].as_array().map(|f| texts(f)).unwrap_or_default(),
            failed: of["failed"].as_bool()?,
            unreachable: of["unreachable"].as_bool()?,
        };
        hosts.insert(name.clone(), trouble);
    }
    let memory = Memory {
        heeded: time("heeded"),
        failures: u32::try_from(json["failures"].as_u64()?).ok()?,
        paused_until: time("paused_until"),
    };
    let broken = json["broken"].as_bool()?;
    Some((memory, Known { hosts, broken }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_and_what_is_torn_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(dir.path(), Path::new("schedule.yml")).unwrap();
        assert_eq!(
            shelf.load("Nightly drift"),
            (Memory::default(), Known::default(), None)
        );
        let memory = Memory {
            heeded: Some("2026-11-21T03:00:00Z".parse().unwrap()),
            failures: 2,
            paused_until: None,
        };
        let mut known = Known::default();
        let trouble = Trouble {
            drift: BTreeSet::from(["motd".into()]),
            fixed: BTreeSet::from(["issue".into()]),
            ..Trouble::default()
        };
        known.hosts.insert("web1".into(), trouble);
        shelf.save("Nightly drift", &memory, &known).unwrap();
        assert_eq!(shelf.load("Nightly drift"), (memory, known, None));
        let path = shelf.path("Nightly drift", "json");
        std::fs::write(&path, &std::fs::read_to_string(&path).unwrap()[..40]).unwrap();
        let (memory, _, said) = shelf.load("Nightly drift");
        assert_eq!(memory, Memory::default());
        assert!(said.unwrap().contains("set aside"));
        assert!(!path.exists());
    }

    #[test]
    fn a_lock_is_held_once() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(dir.path(), Path::new("schedule.yml")).unwrap();
        let held = shelf.lock(Some("a")).unwrap();
        assert!(held.is_some());
        assert!(shelf.lock(Some("a")).unwrap().is_none());
        assert!(shelf.lock(Some("b")).unwrap().is_some());
        drop(held);
        assert!(shelf.lock(Some("a")).unwrap().is_some());
    }
}
