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
pub mod contents;
pub mod evidence;
pub mod read;
pub mod reverse;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::resource::user::UserState;
use crate::resource::{Change, Content, Digest, Resource, Run, State, written};

/// The version of the format of run files.
pub const VERSION: u32 = 2;

/// Digits of a line's digest: enough that no damage looks whole by chance.
const SUM_DIGITS: usize = 16;

/// Files that hold passwords whoever writes them. What they held is not kept.
const SECRET: [&str; 2] = ["/etc/shadow", "/etc/gshadow"];

/// The journal of one run. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

struct Inner {
    /// `None` where nothing is recorded: checks, and runs that were asked not to.
    file: Option<Mutex<std::fs::File>>,
    path: Option<PathBuf>,
    /// Where contents are kept; `None` where they are not.
    kept: Option<PathBuf>,
    next: AtomicU64,
    /// Lines that were not yet written.
    lines: Mutex<Vec<u8>>,
    /// Contents that were not yet written.
    before: Mutex<BTreeMap<Digest, Content>>,
}

/// What is to be known of a step besides itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meant<'a> {
    pub host: &'a str,
    pub task: &'a str,
    /// Where the task is written.
    pub place: &'a str,
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
        Journal::over(None, None, None)
    }

    fn over(file: Option<std::fs::File>, path: Option<PathBuf>, kept: Option<PathBuf>) -> Journal {
        let inner = Inner {
            file: file.map(Mutex::new),
            path,
            kept,
            next: AtomicU64::new(0),
            lines: Mutex::default(),
            before: Mutex::default(),
        };
        Journal {
            inner: Arc::new(inner),
        }
    }

    /// Begins the file of a run in `dir`, which is made if it is not there, for its owner only.
    /// Contents go to `kept`. Nothing of it need be on disk before there is something to change.
    pub fn begin(
        dir: &Path,
        run: &str,
        about: &Value,
        kept: Option<&Path>,
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
        let journal = Journal::over(Some(file), Some(path), kept.map(Path::to_path_buf));
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

    fn intent(&self, meant: &Meant<'_>) -> (u64, Value) {
        let number = self.number();
        let mut line = json!({
            "intent": number, "host": meant.host, "task": meant.task, "place": meant.place,
        });
        let By {
            connection,
            user,
            port,
        } = meant.by;
        if !matches!(connection, "" | "ssh") || user.is_some() || port.is_some() {
            line["by"] = json!({ "connection": connection, "user": user, "port": port });
        }
        if let Some((method, user)) = meant.r#as {
            line["as"] = json!({ "method": method, "user": user });
        }
        for (name, is) in [
            ("handler", meant.handler),
            ("guarded", meant.guarded),
            ("lenient", meant.lenient),
        ] {
            if is {
                line[name] = json!(true);
            }
        }
        if !meant.notify.is_empty() {
            line["notify"] = json!(meant.notify);
        }
        (number, line)
    }

    /// A change is about to be made.
    pub fn change(&self, meant: &Meant<'_>, change: &Change) -> u64 {
        let (number, mut line) = self.intent(meant);
        line["on"] = json!(change.on.to_string());
        line["what"] = json!(written::resource(&change.on));
        if meant.hidden || change.how.secret {
            (line["before"], line["after"]) = (json!("hidden"), json!("hidden"));
        } else {
            let end = |state: &State| written::state(state).unwrap_or_else(|| json!("present"));
            (line["before"], line["after"]) = (end(&change.before), end(&change.after));
            if let (State::User(before), State::User(after)) = (&change.before, &change.after)
                && bare(before) != bare(after)
            {
                line["password"] = json!("changed");
            }
            if !change.how.options.is_empty() {
                line["options"] = json!(change.how.options);
            }
            self.keep(change);
        }
        self.line(line);
        number
    }

    /// What a change replaces is kept, unless it holds secrets.
    fn keep(&self, change: &Change) {
        let secret = match &change.on {
            Resource::File(path) | Resource::Target(path) => {
                SECRET.iter().any(|s| path.as_str().starts_with(s))
            }
            _ => false,
        };
        if secret || self.inner.kept.is_none() || self.inner.file.is_none() {
            return;
        }
        if let (Some(content), Ok(mut before)) =
            (written::content(&change.before), self.inner.before.lock())
        {
            before.insert(content.digest, content);
        }
    }

    /// A command is about to be run: what it does is not known.
    pub fn run(&self, meant: &Meant<'_>, run: &Run) -> u64 {
        let (number, mut line) = self.intent(meant);
        line["on"] = json!("command");
        line["changes"] = json!(run.changes && !run.read_only && !meant.harmless);
        // What only tells a service what to do is done again after an undo.
        if (meant.handler || run.tells) && !meant.hidden {
            line["run"] = json!(written::run(run));
        }
        self.line(line);
        number
    }

    /// What came of an intent.
    pub fn outcome(&self, intent: u64, word: &str) {
        self.line(json!({ "outcome": intent, "is": word }));
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

/// A password without what bars it, which is recorded and put back.
fn bare(user: &UserState) -> Option<&str> {
    let password = user.password.as_deref()?;
    Some(password.strip_prefix('!').unwrap_or(password))
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
