//! Changes and runs as JSON with nothing left out, and back: what has to be made later, by somebody who
//! knows nothing else of it.
//!
//! Contents are named by their digests and travel beside it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::change::How;
use super::file::{FileState, Node};
use super::package::{IndexState, MANAGERS};
use super::{Change, Content, Digest, Exec, Program, Resource, Run, State, written};

/// A written form, and the contents that must be at hand when it is read.
pub type Whole = (Value, Vec<Content>);

/// The bytes or the place of a content, by its digest.
pub type Bytes<'a> = &'a dyn Fn(&Digest) -> Option<Content>;

/// A change in which everything is written down; `None` where that cannot be.
pub fn change(change: &Change) -> Option<Whole> {
    let mut contents = Vec::new();
    let how = &change.how;
    let mut map = Map::new();
    map.insert("what".into(), resource(&change.on)?);
    map.insert("before".into(), state(&change.before)?);
    map.insert("after".into(), state(&change.after)?);
    match (&change.before, &change.after) {
        (_, State::File(file)) => {
            if let Some(content) = file.content().filter(|_| brings(change)) {
                contents.push(held(content)?);
            }
        }
        (_, State::Text(text)) => contents.push(Content::new(text.as_bytes().to_vec())),
        (before, State::User(after)) => {
            let before = match before {
                State::User(user) => user.password.as_ref(),
                _ => None,
            };
            if after.password.is_some() && before != after.password.as_ref() {
                let ends = json!({ "before": before, "after": after.password });
                map.insert("password".into(), ends);
            }
        }
        (_, State::Package(after)) if after.latest => {
            map.insert("latest".into(), json!(true));
        }
        _ => {}
    }
    for (name, value) in [("validate", &how.validate), ("backup", &how.backup)] {
        if let Some(value) = value {
            map.insert(name.into(), json!(value));
        }
    }
    if how.unsafe_writes {
        map.insert("unsafe_writes".into(), json!(true));
    }
    if !how.options.is_empty() {
        map.insert("options".into(), json!(how.options));
    }
    if how.secret {
        map.insert("secret".into(), json!(true));
    }
    Some((Value::Object(map), contents))
}

/// Whether a change of a file needs bytes from here.
fn brings(change: &Change) -> bool {
    let before = change.before.file().and_then(FileState::content);
    let after = change.after.file().and_then(FileState::content);
    let from_there = ["copy_from", "hard_link_to"];
    before != after && from_there.iter().all(|o| change.how.option(o).is_none())
}

/// A content whose bytes can be had.
fn held(content: &Content) -> Option<Content> {
    (content.bytes.is_some() || content.source.is_some()).then(|| content.clone())
}

fn resource(on: &Resource) -> Option<Value> {
    match on {
        Resource::PackageIndex(manager) => Some(json!({ "package_index": manager.word() })),
        other => written::resource(other),
    }
}

/// Reads what names a resource.
pub fn read_resource(value: &Value) -> Option<Resource> {
    if let Some(word) = value.get("package_index").and_then(Value::as_str) {
        let manager = MANAGERS.into_iter().find(|m| m.word() == word)?;
        return Some(Resource::PackageIndex(manager));
    }
    written::read_resource(value)
}

fn state(of: &State) -> Option<Value> {
    match of {
        State::Index(index) => Some(json!({ "index": { "refreshed": index.refreshed } })),
        other => written::state(other),
    }
}

/// Reads a state. Contents have no bytes.
pub fn read_state(value: &Value) -> Option<State> {
    if let Some(index) = value.get("index") {
        let refreshed = index.get("refreshed").and_then(Value::as_i64)?;
        let now = refreshed;
        return Some(State::Index(IndexState { refreshed, now }));
    }
    written::read_state(value)
}

/// Reads what [`change`] wrote.
pub fn read_change(value: &Value, bytes: Bytes<'_>) -> Option<Change> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let flag = |key: &str| value.get(key).and_then(Value::as_bool).unwrap_or(false);
    let on = read_resource(value.get("what")?)?;
    let mut before = read_state(value.get("before")?)?;
    let mut after = read_state(value.get("after")?)?;
    let how = How {
        validate: text("validate"),
        backup: text("backup"),
        unsafe_writes: flag("unsafe_writes"),
        options: match value.get("options") {
            Some(options) => serde_json::from_value(options.clone()).ok()?,
            None => Vec::new(),
        },
        secret: flag("secret"),
    };
    match &mut after {
        State::Package(package) => package.latest = flag("latest"),
        State::User(user) => {
            if let Some(ends) = value.get("password") {
                let of = |key: &str| ends.get(key).and_then(Value::as_str).map(str::to_owned);
                user.password = of("after");
                if let State::User(before) = &mut before {
                    before.password = of("before");
                }
            }
        }
        State::Content(content) => {
            let content = bytes(&content.digest)?;
            after = State::Text(content.text()?.to_owned());
        }
        _ => {}
    }
    let mut change = Change {
        on,
        before,
        after,
        how,
    };
    if brings(&change)
        && let State::File(file) = &mut change.after
        && let Node::File(Some(content)) = &mut file.node
    {
        *content = bytes(&content.digest)?;
    }
    Some(change)
}

/// A run in which everything is written down; `None` where that cannot be.
pub fn run(run: &Run) -> Option<Whole> {
    let mut contents = Vec::new();
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    let mut keep = |content: &Content| {
        contents.push(held(content)?);
        Some(json!({ "sha256": content.digest.to_string(), "size": content.size }))
    };
    match &run.exec {
        Exec::Argv(words) => {
            put("argv", json!(words));
        }
        Exec::Shell { text, executable } => {
            put("shell", json!(text));
            put("executable", json!(executable));
        }
        Exec::Raw { text, executable } => {
            put("raw", json!(text));
            put("executable", json!(executable));
        }
        Exec::Script {
            content,
            args,
            executable,
        } => {
            put("script", keep(content)?);
            put("args", json!(args));
            put("executable", json!(executable));
        }
        Exec::Program(program) => {
            put("program", json!(program.text()));
        }
    }
    if let Some(dir) = &run.chdir {
        put("chdir", json!(dir));
    }
    if let Some(stdin) = &run.stdin {
        put("stdin", keep(&Content::new(Arc::clone(stdin)))?);
    } else if let Some(payload) = &run.payload {
        put("payload", keep(payload)?);
    }
    if !run.files.is_empty() {
        let files: Option<Vec<Value>> = run.files.iter().map(&mut keep).collect();
        put("files", json!(files?));
    }
    put("changes", json!(run.changes));
    if run.tells {
        put("tells", json!(true));
    }
    Some((Value::Object(map), contents))
}

/// Reads what [`run`] wrote.
pub fn read_run(value: &Value, bytes: Bytes<'_>) -> Option<Run> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let flag = |key: &str| value.get(key).and_then(Value::as_bool).unwrap_or(false);
    let content = |value: &Value| bytes(&Digest::parse(value.get("sha256")?.as_str()?)?);
    let executable = text("executable");
    let exec = if let Some(words) = value.get("argv") {
        Exec::Argv(serde_json::from_value(words.clone()).ok()?)
    } else if let Some(text) = text("shell") {
        Exec::Shell { text, executable }
    } else if let Some(text) = text("raw") {
        Exec::Raw { text, executable }
    } else if let Some(script) = value.get("script") {
        Exec::Script {
            content: content(script)?,
            args: text("args")?,
            executable,
        }
    } else {
        Exec::Program(Program {
            text: text("program")?,
            name: "program",
        })
    };
    let files = value.get("files").and_then(Value::as_array);
    let files: Option<Vec<Content>> = files.into_iter().flatten().map(content).collect();
    let stdin = match value.get("stdin") {
        Some(stdin) => Some(content(stdin)?.bytes?),
        None => None,
    };
    let payload = match value.get("payload") {
        Some(payload) => Some(content(payload)?),
        None => None,
    };
    Some(Run {
        chdir: text("chdir"),
        stdin,
        payload,
        files: files?,
        changes: flag("changes"),
        tells: flag("tells"),
        ..Run::new(exec)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::RemotePath;
    use crate::resource::file::Owner;
    use crate::resource::user::UserState;

    fn back(of: &Change) -> Change {
        let (value, contents) = change(of).unwrap();
        let bytes = |d: &Digest| contents.iter().find(|c| c.digest == *d).cloned();
        read_change(&value, &bytes).unwrap()
    }

    #[test]
    fn a_change_is_read_with_its_bytes_and_how_it_is_made() {
        let file = |text: &str, mode| {
            State::File(FileState {
                node: Node::File(Some(Content::new(text.as_bytes().to_vec()))),
                mode,
                owner: Owner::known(0, "root"),
                group: Owner::known(0, "root"),
                meta: None,
            })
        };
        let on = Resource::File(RemotePath::new("/etc/motd").unwrap());
        let mut one = Change::new(on.clone(), file("a", 0o644), file("b", 0o600));
        one.how.validate = Some("true %s".into());
        one.how.options = vec![("mtime".into(), "now".into())];
        let again = back(&one);
        assert_eq!((&again.how, &again.on), (&one.how, &on));
        assert!(again.after.same(&one.after) && again.before.same(&one.before));
        let bytes = again.after.file().unwrap().content().unwrap();
        assert_eq!(bytes.text(), Some("b"));
        // Bytes that are there already are not brought.
        let mode = Change::new(on, file("a", 0o644), file("a", 0o600));
        assert!(change(&mode).unwrap().1.is_empty());
        assert!(back(&mode).after.same(&mode.after));
    }

    #[test]
    fn a_password_is_part_of_it() {
        let user = |password: &str| {
            State::User(UserState {
                password: Some(password.into()),
                ..UserState::default()
            })
        };
        let one = Change::new(Resource::User("ann".into()), user("!"), user("$6$x"));
        assert_eq!(back(&one).after, one.after);
    }

    #[test]
    fn a_run_is_read_with_what_it_is_fed() {
        let mut one = Run::new(Exec::Script {
            content: Content::new(b"echo".to_vec()),
            args: "a b".into(),
            executable: None,
        });
        one.stdin = Some(Arc::from(&b"in"[..]));
        one.chdir = Some("/srv".into());
        let (value, contents) = run(&one).unwrap();
        let bytes = |d: &Digest| contents.iter().find(|c| c.digest == *d).cloned();
        assert_eq!(read_run(&value, &bytes), Some(one));
        assert_eq!(read_run(&value, &|_| None), None);
    }
}
