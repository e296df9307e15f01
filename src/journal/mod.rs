//! What was meant, and what came of it: the run directory.
//!
//! An intent is on disk before the change leaves for its host, and every intent gets an outcome, if
//! only "unknown". One file a run, one JSON object a line, readable by its owner only. The first line
//! names the format's version; a reader refuses versions it does not know. Each line ends with the
//! beginning of its own digest, so that what was torn or damaged is told from what was written.
//!
//! What was there before a change is kept by its digest beside the runs ([`contents`]), so that an
//! undo can bring it back. Secrets are not kept.

pub mod ahead;
mod chain;
pub mod contents;
mod entry;
pub mod evidence;
pub mod find;
mod notes;
pub mod pending;
pub mod read;
pub mod reverse;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::resource::{Content, Digest};

/// The version of the format of run files.
pub const VERSION: u32 = 3;

/// Digits of a line's digest: enough that no damage looks whole by chance.
const SUM_DIGITS: usize = 16;

/// The journal of one run. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    /// `None` where nothing is recorded: checks, and runs that were asked not to.
    file: Option<Mutex<std::fs::File>>,
    path: Option<PathBuf>,
    /// Where contents are kept; `None` where they are not.
    kept: Option<PathBuf>,
    next: AtomicU64,
    /// Makes the digests of this run's commands its own, so that nobody guesses a command by its digest.
    salt: String,
    /// Whether a text holds a secret, which is not written.
    hides: Option<Hides>,
    open: Mutex<Open>,
    /// A line could not be written: nothing further may be begun.
    broken: AtomicBool,
    /// Lines that were not yet written.
    lines: Mutex<Vec<u8>>,
    /// Contents that were not yet written.
    before: Mutex<BTreeMap<Digest, Content>>,
}

/// Whether a text holds a secret.
pub type Hides = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// What was meant and has not come to its end.
#[derive(Default)]
struct Open {
    /// Tasks by the host whose they are and their place.
    tasks: BTreeSet<(String, String)>,
    /// Commands whose results are worth keeping.
    commands: BTreeSet<u64>,
}

/// What is to be known of a step besides itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meant<'a> {
    pub host: &'a str,
    /// The host whose task it is, where another one carries it out.
    pub subject: &'a str,
    pub task: &'a str,
    /// Where the task is written.
    pub place: &'a str,
    /// The guard it is done under, by its name on the host.
    pub guard: Option<&'a str>,
    /// The token of its script, where that has files on the host that the script is to use.
    pub token: Option<&'a str>,
    /// Whether it is a handler.
    pub handler: bool,
    /// How the host was reached.
    pub by: By<'a>,
    /// The method and the user that it becomes.
    pub r#as: Option<(&'a str, &'a str)>,
    /// The places of handlers that are asked for if it changes something.
    pub notify: &'a [String],
    /// The task says that it may cut access.
    pub guarded: bool,
    /// The task judges by itself whether it failed.
    pub lenient: bool,
    /// The task says that its command changes nothing.
    pub harmless: bool,
    /// Nothing that it is about may be shown.
    pub hidden: bool,
}

/// How a host was reached, as far as somebody said so.
#[derive(Clone, Copy, Debug, Default)]
pub struct By<'a> {
    /// `ssh`, `local`, `docker`, `podman`
    pub connection: &'a str,
    pub user: Option<&'a str>,
    pub port: Option<u16>,
}

impl Journal {
    /// Records nothing: for runs that change nothing.
    pub fn none() -> Journal {
        Journal::over(Inner::default())
    }

    fn over(inner: Inner) -> Journal {
        Journal {
            inner: Arc::new(inner),
        }
    }

    /// Begins the file of a run in `dir`, which is made if it is not there, for its owner only.
    /// Contents go to `kept`. Nothing of it need be on disk before there is something to change. Whoever
    /// reads the run can tell that it is under way: the file is locked until then.
    pub fn begin(
        dir: &Path,
        run: &str,
        about: &Value,
        kept: Option<&Path>,
        hides: Option<Hides>,
    ) -> std::io::Result<Journal> {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
        let path = dir.join(format!("{run}.jsonl"));
        let file = std::fs::OpenOptions::new()
            .create_new(true)
            .append(true)
            .mode(0o600)
            .open(&path)?;
        // A file system without locks has runs of which nobody can tell.
        let _ = file.try_lock();
        let salt = about.get("salt").and_then(Value::as_str);
        let journal = Journal::over(Inner {
            file: Some(Mutex::new(file)),
            path: Some(path),
            kept: kept.map(Path::to_path_buf),
            salt: salt.unwrap_or_default().to_owned(),
            hides,
            ..Inner::default()
        });
        journal.line(json!({ "version": VERSION, "run": run, "about": about }));
        journal.write(false)?;
        Ok(journal)
    }

    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    fn line(&self, value: Value) {
        if self.inner.file.is_none() {
            return;
        }
        if let Ok(mut lines) = self.inner.lines.lock() {
            lines.extend_from_slice(summed(&value.to_string()).as_bytes());
            lines.push(b'\n');
        }
    }

    fn number(&self) -> u64 {
        self.inner.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether anything was to be changed so far.
    pub fn is_empty(&self) -> bool {
        self.inner.next.load(Ordering::Relaxed) == 0
    }

    /// Writes what was noted and waits until it is on disk.
    pub async fn sync(&self) {
        self.in_background(true).await;
    }

    /// Writes what was noted.
    pub async fn flush(&self) {
        self.in_background(false).await;
    }

    async fn in_background(&self, sync: bool) {
        if self.inner.file.is_none() {
            return;
        }
        let me = self.clone();
        let written = tokio::task::spawn_blocking(move || me.write(sync)).await;
        if !matches!(written, Ok(Ok(()))) {
            self.inner.broken.store(true, Ordering::Relaxed);
        }
    }

    /// Whether something could not be written down, so that nothing further may be begun.
    pub fn is_broken(&self) -> bool {
        self.inner.broken.load(Ordering::Relaxed)
    }

    /// Every intent of these has no verdict.
    pub async fn unknown(&self, intents: &[u64]) {
        for intent in intents {
            self.outcome(*intent, "unknown");
        }
        self.sync().await;
    }

    /// The same at once, for whoever has no runtime.
    pub fn write(&self, sync: bool) -> std::io::Result<()> {
        let Some(file) = &self.inner.file else {
            return Ok(());
        };
        // What is to be kept comes first: an intent on disk has its contents there.
        if let Some(dir) = &self.inner.kept {
            let before = self.inner.before.lock();
            let before = before.map(|mut b| std::mem::take(&mut *b));
            // What could not be kept cannot be brought back, and the undo says so.
            let _ = contents::keep(dir, before.unwrap_or_default().values());
        }
        // The file first: whoever holds it writes the lines of all who wait for it.
        let Ok(mut file) = file.lock() else {
            return Ok(());
        };
        let lines = self
            .inner
            .lines
            .lock()
            .map(|mut l| std::mem::take(&mut *l))
            .unwrap_or_default();
        if !lines.is_empty() {
            file.write_all(&lines)?;
            if sync {
                file.sync_data()?;
            }
        }
        Ok(())
    }
}

/// A line of JSON, an object, with the digest of all that stands before it as its last member.
fn summed(json: &str) -> String {
    let open = json.strip_suffix('}').unwrap_or(json);
    format!("{open},\"sum\":\"{}\"}}", sum(open))
}

fn sum(text: &str) -> String {
    let mut digits = Digest::of(text.as_bytes()).to_string();
    digits.truncate(SUM_DIGITS);
    digits
}

/// Whether a line is as it was written.
fn is_whole(line: &str) -> bool {
    let Some((open, rest)) = line.rsplit_once(",\"sum\":\"") else {
        return false;
    };
    rest.strip_suffix("\"}") == Some(sum(open).as_str())
}
