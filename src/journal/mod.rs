//! What was meant, and what came of it: the run directory.
//!
//! An intent is on disk before the change leaves for its host, and every intent gets an outcome, if
//! only "unknown". One file a run, one JSON object a line, readable by its owner only. The first line
//! names the format's version; a reader refuses versions it does not know. Each line ends with the
//! beginning of a digest of all that stands before it in the file, so that what was torn, damaged, lost
//! or written twice is told from what was written.
//!
//! What was there before a change is kept by its digest beside the runs ([`contents`]), so that an
//! undo can bring it back. Secrets are not kept.

pub mod ahead;
mod chain;
pub mod contents;
mod entry;
pub mod evidence;
pub mod find;
#[cfg(test)]
mod harm;
mod notes;
mod paper;
pub mod pending;
pub mod read;
pub mod reverse;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};

use crate::resource::{Content, Digest};

use paper::{ENDS, Line, Paper};

/// The version of the format of run files.
pub const VERSION: u32 = 4;

/// The oldest version that is read: its lines say nothing of those before them.
const OLDEST: u32 = 3;

/// What the end of a host takes besides its name.
const HOST_END: usize = 128;

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
    paper: Option<Mutex<Paper>>,
    path: Option<PathBuf>,
    /// Where contents are kept; `None` where they are not.
    kept: Option<PathBuf>,
    next: AtomicU64,
    /// Makes the digests of this run's commands its own, so that nobody guesses a command by its digest.
    salt: String,
    /// Whether a text holds a secret, which is not written.
    hides: Option<Hides>,
    open: Mutex<Open>,
    /// Why a line could not be written: nothing further may be begun.
    broken: OnceLock<Broken>,
    /// The file's name is on disk.
    named: AtomicBool,
    lines: Mutex<Lines>,
    /// Contents that were not yet written.
    before: Mutex<BTreeMap<Digest, Content>>,
}

/// Lines that were not yet written.
#[derive(Default)]
struct Lines {
    all: Vec<Line>,
    /// The room that the ends of what was begun will take.
    owed: u64,
}

/// What keeps a run from being recorded any further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub why: String,
    /// There is no room, rather than something else.
    pub full: bool,
}

/// Whether a text holds a secret.
pub type Hides = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// What was meant and has not come to its end.
#[derive(Default)]
struct Open {
    /// Tasks by the host whose they are and their place, with the room that their ends will take.
    tasks: BTreeMap<(String, String), u64>,
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
        use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
        let path = dir.join(format!("{run}.jsonl"));
        // It has its name when it has its first line, so that nobody takes it for damaged before.
        let unnamed = tempfile::Builder::new()
            .prefix(".")
            .suffix(".new")
            .append(true)
            .permissions(std::fs::Permissions::from_mode(0o600))
            .tempfile_in(dir)?;
        let file = unnamed.as_file().try_clone()?;
        // A file system without locks has runs of which nobody can tell.
        let _ = file.try_lock();
        let salt = about.get("salt").and_then(Value::as_str);
        let journal = Journal::over(Inner {
            paper: Some(Mutex::new(Paper::new(file, dir)?)),
            path: Some(path.clone()),
            kept: kept.map(Path::to_path_buf),
            salt: salt.unwrap_or_default().to_owned(),
            hides,
            ..Inner::default()
        });
        let head = json!({ "version": VERSION, "run": run, "about": about });
        // Each host is told of at the end.
        let hosts = about
            .get("hosts")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        let ends = ENDS + head.to_string().len() as u64 + (hosts * HOST_END) as u64;
        journal.owing(head, i64::try_from(ends).unwrap_or(i64::MAX));
        journal.write(false)?;
        unnamed.persist_noclobber(&path).map_err(|e| e.error)?;
        Ok(journal)
    }

    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    fn line(&self, value: Value) {
        self.push(&value, None, false, 0);
    }

    /// A line whose end, or what follows from it, will take so many bytes more; or fewer, where it ends
    /// something.
    fn owing(&self, value: Value, bytes: i64) {
        self.push(&value, None, false, bytes);
    }

    fn push(&self, value: &Value, short: Option<&Value>, begins: bool, owed: i64) {
        if self.inner.paper.is_none() {
            return;
        }
        if let Ok(mut lines) = self.inner.lines.lock() {
            lines.owed = lines.owed.saturating_add_signed(owed);
            lines.all.push(Line {
                json: value.to_string(),
                short: short.map(Value::to_string),
                begins,
            });
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
        if self.inner.paper.is_none() {
            return;
        }
        let me = self.clone();
        // What failed is remembered, and asked for before anything is begun.
        let _ = tokio::task::spawn_blocking(move || me.write(sync)).await;
    }

    /// Why something could not be written down, so that nothing further may be begun.
    pub fn broken(&self) -> Option<&Broken> {
        self.inner.broken.get()
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
        let Some(paper) = &self.inner.paper else {
            return Ok(());
        };
        // The file first: whoever holds it writes the lines, and what is to be kept, of all who wait.
        let Ok(mut paper) = paper.lock() else {
            return Ok(());
        };
        let written = self.write_to(&mut paper, sync);
        if let Err(error) = &written {
            let why = error.to_string();
            let full = is_full(error);
            let _ = self.inner.broken.set(Broken { why, full });
        }
        written
    }

    fn write_to(&self, paper: &mut Paper, sync: bool) -> std::io::Result<()> {
        let (lines, owed) = match self.inner.lines.lock() {
            Ok(mut lines) => (std::mem::take(&mut lines.all), lines.owed),
            Err(_) => return Ok(()),
        };
        // What is to be kept comes first: an intent on disk has its contents there.
        let kept = self.keep_all();
        if !lines.is_empty() {
            let may_begin = kept.is_ok() && self.broken().is_none();
            let put = paper.put(&lines, owed, may_begin);
            kept.as_ref()
                .map_err(|e| std::io::Error::new(e.kind(), e.to_string()))?;
            put?;
            if sync {
                paper.sync()?;
                if let Some(path) = &self.inner.path
                    && !self.inner.named.swap(true, Ordering::Relaxed)
                {
                    std::fs::File::open(path.parent().unwrap_or(path))?.sync_all()?;
                }
            }
        }
        kept
    }

    fn keep_all(&self) -> std::io::Result<()> {
        let Some(dir) = &self.inner.kept else {
            return Ok(());
        };
        let before = self.inner.before.lock();
        let before = before.map(|mut b| std::mem::take(&mut *b));
        contents::keep(dir, before.unwrap_or_default().values())
    }
}

/// Whether there is no room, for anybody or for this user.
pub fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), QuotaExceeded | StorageFull)
}

/// A line of JSON, an object, with the digest of all that stands before it as its last member, and that
/// digest: of the line before, which holds it of the one before that, and of the line itself.
fn summed(json: &str, last: &str) -> (String, String) {
    let open = json.strip_suffix('}').unwrap_or(json);
    let sum = sum(&format!("{last}{open}"));
    (format!("{open},\"sum\":\"{sum}\"}}"), sum)
}

fn sum(text: &str) -> String {
    let mut digits = Digest::of(text.as_bytes()).to_string();
    digits.truncate(SUM_DIGITS);
    digits
}

/// What a line says, and the digest that it ends with.
fn parted(line: &str) -> Option<(&str, &str)> {
    let (open, rest) = line.rsplit_once(",\"sum\":\"")?;
    Some((open, rest.strip_suffix("\"}")?))
}

/// The digest of a line that is as it was written, behind a line with that digest.
fn sum_of<'a>(line: &'a str, last: &str) -> Option<&'a str> {
    let (open, found) = parted(line)?;
    (found == sum(&format!("{last}{open}"))).then_some(found)
}
