//! How a run was called, as far as an undo or a resume has to call it the same way: never a secret.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::engine::event::HostName;
use crate::journal::find::{self, Missing};
use crate::journal::read::{self, Recorded, Unreadable};
use crate::plan::{Plan, list};
use crate::resource::Digest;
use crate::source::{Code, Diagnostic, Files};

use super::messages;
use super::options::{Connections, Inventories, Values};
use super::playbook::{Compiled, PlaybookArgs};
use super::words as called;

/// Digits of a random number that nobody can try.
const SALT_BYTES: usize = 16;

/// How a run was called, as far as another one has to be called the same way.
pub fn called(args: &PlaybookArgs) -> Value {
    let here = std::env::current_dir().unwrap_or_default();
    let paths = |paths: &[PathBuf]| -> Vec<String> {
        let absolute = |p: &PathBuf| here.join(p).display().to_string();
        paths.iter().map(absolute).collect()
    };
    let inventory = |word: &String| match word.contains(',') {
        true => word.clone(),
        false => here.join(word).display().to_string(),
    };
    json!({
        "of": args.playbooks.iter().map(|p| p.display().to_string()).collect::<Vec<_>>(),
        "playbooks": paths(&args.playbooks),
        "inventory": args.common.who.inventory.iter().map(inventory).collect::<Vec<_>>(),
        "user": args.common.connections.user,
        "private_key": args.common.connections.private_key.as_ref().map(|p| here.join(p)),
        "connection": args.common.connections.connection,
        "vault_password_file": paths(&args.common.values.vault_password_file),
        "undoes": args.undoes,
        "plan": args.applies.as_ref().map(|(file, _)| file.display().to_string()),
        "applies": args.applies.as_ref().map(|(_, id)| id),
    })
}

/// What a run's record says of it.
pub fn about(args: &PlaybookArgs, compiled: &Compiled, limit: Option<&[HostName]>) -> Value {
    let resumes = args.resumes.as_ref();
    let (command, words) = match resumes.map(|r| &r.about) {
        Some(about) => (word(about, "command").to_owned(), words(about, "words")),
        None => called::of_this_process(),
    };
    let all = compiled.inventory.hosts().iter();
    let within = |h: &String| limit.is_none_or(|limit| limit.iter().any(|l| **l == **h));
    let hosts = all.map(|h| h.name.to_string()).filter(within);
    let salt = resumes.map(|r| word(&r.about, "salt").to_owned());
    let given: BTreeSet<&String> = compiled.project.extra.keys().collect();
    let mut about = json!({
        "command": command,
        "words": words,
        "directory": std::env::current_dir().unwrap_or_default(),
        "who": who(),
        "when": jiff::Timestamp::now().to_string(),
        "palisade": env!("CARGO_PKG_VERSION"),
        "hosts": hosts.collect::<Vec<_>>(),
        "extra": given,
        "tags": args.tags,
        "skip_tags": args.skip_tags,
        "start_at": args.start_at_task,
        "sources": sources(&compiled.plan, &compiled.project.files),
        "salt": salt.unwrap_or_else(salt_of_its_own),
        "afresh": resumes.is_some_and(|r| r.afresh),
        "resumes": resumes.map(|r| &r.run),
    });
    if let (Value::Object(about), Value::Object(more)) = (&mut about, called(args)) {
        about.extend(more);
    }
    about
}

/// Who ran it, and on which machine.
fn who() -> String {
    let user = rustix::process::getuid();
    let name = ["SUDO_USER", "USER", "LOGNAME"];
    let name = name.iter().find_map(|n| std::env::var(n).ok());
    let name = name.unwrap_or_else(|| format!("uid {}", user.as_raw()));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{name}@{}", host.trim())
}

fn salt_of_its_own() -> String {
    let mut bytes = [0u8; SALT_BYTES];
    // The kernel's generator does not fail once it is seeded.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    hex::encode(bytes)
}

/// The files that the tasks of a plan stand in, with the digests of what they say.
pub fn sources(plan: &Plan, files: &Files) -> BTreeMap<String, String> {
    let mut paths: BTreeSet<PathBuf> = BTreeSet::new();
    for play in &plan.plays {
        paths.insert(play.span.path().to_path_buf());
        for items in [&play.pre_tasks, &play.tasks, &play.post_tasks] {
            list::each(items, &mut |task| {
                paths.insert(task.span.path().to_path_buf());
            });
        }
        for handler in &play.handlers {
            paths.insert(handler.task.span.path().to_path_buf());
        }
    }
    let of = |path: PathBuf| {
        let bytes = files.bytes(&path).ok()?;
        Some((path.display().to_string(), Digest::of(&bytes).to_string()))
    };
    paths.into_iter().filter_map(of).collect()
}

/// Says why a run's file cannot be read; what nobody can read is set aside.
fn pass_over(path: &Path, error: &Unreadable) {
    let code = Code::RecordUnreadable;
    match find::set_aside(path, error) {
        Some(aside) => messages::say(&format!(
            "warning[{code}]: {error}: set aside as {}",
            aside.display()
        )),
        None => messages::say(&format!("warning[{code}]: {error}: passed over")),
    }
}

/// The run of this name; what keeps it from being read is an error with a hint.
pub fn named(dir: &Path, name: &str) -> Result<Recorded, Diagnostic> {
    find::run(dir, name).map_err(|missing| {
        let text = Diagnostic::bare(missing.to_string()).code(match &missing {
            Missing::None(_) | Missing::Many(..) => Code::NoSuchRun,
            Missing::Unreadable(_) => Code::RecordUnreadable,
        });
        match &missing {
            Missing::None(_) => text.hint("`palisade log` lists the runs"),
            Missing::Many(..) => text.hint("give more of its name; `palisade log` lists the runs"),
            Missing::Unreadable(error) => match error.hint() {
                Some(hint) => text.hint(hint),
                None => text,
            },
        }
    })
}

/// The newest run of which this is so; what cannot be read is passed over, and said.
pub fn last(dir: &Path, is: impl Fn(&Recorded) -> bool) -> Option<Recorded> {
    readable(dir).find(|recorded| is(recorded))
}

/// All runs that can be read, the newest first; of the others it is said why they cannot.
pub fn readable(dir: &Path) -> impl Iterator<Item = Recorded> {
    find::all(dir)
        .into_iter()
        .filter_map(|path| match read::read(&path) {
            Ok(recorded) => Some(recorded),
            Err(error) => {
                pass_over(&path, &error);
                None
            }
        })
}

pub fn word<'a>(about: &'a Value, key: &str) -> &'a str {
    about.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub fn words(about: &Value, key: &str) -> Vec<String> {
    let items = about.get(key).and_then(Value::as_array);
    let items = items.into_iter().flatten().filter_map(Value::as_str);
    items.map(str::to_owned).collect()
}

/// Fills in what the run was called with, where nobody says otherwise.
pub fn fill(
    about: &Value,
    who: &mut Inventories,
    values: &mut Values,
    connections: &mut Connections,
) {
    let word = |key: &str| about.get(key).and_then(Value::as_str).map(str::to_owned);
    if who.inventory.is_empty() {
        who.inventory = words(about, "inventory");
    }
    if values.vault_password_file.is_empty() {
        let files = words(about, "vault_password_file").into_iter();
        values.vault_password_file = files.map(PathBuf::from).collect();
    }
    connections.user = connections.user.take().or_else(|| word("user"));
    connections.connection = connections.connection.take().or_else(|| word("connection"));
    let key = connections.private_key.take();
    connections.private_key = key.or_else(|| word("private_key").map(PathBuf::from));
}

/// What a run was of, in words.
pub fn of(about: &Value) -> String {
    let of = |key: &str| about.get(key).and_then(Value::as_str);
    match (of("undoes"), of("resumes"), of("plan")) {
        (Some(run), ..) => format!("undo of {run}"),
        (None, Some(run), _) => format!("resume of {run}"),
        (None, None, Some(file)) => format!("apply of {file}"),
        (None, None, None) => words(about, "of").join(" "),
    }
}

/// The first playbook: variables may stand beside it.
pub fn playbook(about: &Value) -> PathBuf {
    let first = words(about, "playbooks").into_iter().next();
    first.map_or_else(|| Path::new("undo").to_path_buf(), PathBuf::from)
}
