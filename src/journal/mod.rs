//! What was meant, and what came of it: the run directory.
//!
//! An intent is on disk before the change leaves for its host, and every intent gets an outcome, if
//! only "unknown". One file a run, one JSON object a line, readable by its owner only. The first line
//! names the format's version; a reader refuses versions it does not know.

pub mod evidence;
mod record;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::resource::{Change, State};

/// The version of the format of run files.
pub const VERSION: u32 = 1;

/// The journal of one run. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

struct Inner {
    /// `None` where nothing is recorded: checks, and runs that were asked not to.
    file: Option<Mutex<std::fs::File>>,
    path: Option<PathBuf>,
    next: AtomicU64,
    /// Lines that were not yet written.
    lines: Mutex<Vec<u8>>,
}

impl Journal {
    /// Records nothing: for runs that change nothing.
    pub fn none() -> Journal {
        Journal::over(None, None)
    }

    fn over(file: Option<std::fs::File>, path: Option<PathBuf>) -> Journal {
        let file = file.map(Mutex::new);
        let inner = Inner {
            file,
            path,
            next: AtomicU64::new(0),
            lines: Mutex::default(),
        };
        Journal {
            inner: Arc::new(inner),
        }
    }

    /// Begins the file of a run in `dir`, which is made if it is not there, for its owner only.
    pub fn begin(dir: &Path, run: &str, about: &serde_json::Value) -> std::io::Result<Journal> {
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
        let journal = Journal::over(Some(file), Some(path));
        journal.line(&serde_json::json!({ "version": VERSION, "run": run, "about": about }));
        journal.write(true)?;
        Ok(journal)
    }

    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    fn line(&self, value: &serde_json::Value) {
        if self.inner.file.is_none() {
            return;
        }
        if let Ok(mut lines) = self.inner.lines.lock()
            && serde_json::to_writer(&mut *lines, value).is_ok()
        {
            lines.push(b'\n');
        }
    }

    fn number(&self) -> u64 {
        self.inner.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A change is about to be made.
    pub fn change(&self, host: &str, task: &str, place: &str, change: &Change) -> u64 {
        let number = self.number();
        let hidden = change.how.secret;
        let end = |state: &State| record::end(state, hidden);
        self.line(&serde_json::json!({
            "intent": number, "host": host, "task": task, "place": place,
            "on": change.on.to_string(),
            "before": end(&change.before), "after": end(&change.after),
        }));
        number
    }

    /// A command is about to be run: what it does is not known.
    pub fn run(&self, host: &str, task: &str, place: &str) -> u64 {
        let number = self.number();
        self.line(&serde_json::json!({
            "intent": number, "host": host, "task": task, "place": place, "on": "command",
        }));
        number
    }

    /// What came of an intent.
    pub fn outcome(&self, intent: u64, word: &str) {
        self.line(&serde_json::json!({ "outcome": intent, "is": word }));
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
        // A run does not fail because its record cannot be written; the reader sees where it ends.
        let _ = tokio::task::spawn_blocking(move || me.write(sync)).await;
    }

    /// Every intent of these has no verdict.
    pub async fn unknown(&self, intents: &[u64]) {
        for intent in intents {
            self.outcome(*intent, "unknown");
        }
        self.sync().await;
    }

    fn write(&self, sync: bool) -> std::io::Result<()> {
        let Some(file) = &self.inner.file else {
            return Ok(());
        };
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
