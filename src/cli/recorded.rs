//! How a run was called, as far as an undo has to call it the same way: never a secret.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::options::{Connections, Inventories, Values};
use super::playbook::PlaybookArgs;

/// What a run's record says of how it was called.
pub fn about(args: &PlaybookArgs) -> Value {
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
        "inventory": args.who.inventory.iter().map(inventory).collect::<Vec<_>>(),
        "user": args.connections.user,
        "private_key": args.connections.private_key.as_ref().map(|p| here.join(p)),
        "connection": args.connections.connection,
        "vault_password_file": paths(&args.values.vault_password_file),
        "undoes": args.undoes,
        "plan": args.applies.as_ref().map(|(file, _)| file.display().to_string()),
        "applies": args.applies.as_ref().map(|(_, id)| id),
    })
}

fn words(about: &Value, key: &str) -> Vec<String> {
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
    match about.get("undoes").and_then(Value::as_str) {
        Some(run) => format!("undo of {run}"),
        None => match about.get("plan").and_then(Value::as_str) {
            Some(file) => format!("apply of {file}"),
            None => words(about, "of").join(" "),
        },
    }
}

/// The first playbook: variables may stand beside it.
pub fn playbook(about: &Value) -> PathBuf {
    let first = words(about, "playbooks").into_iter().next();
    first.map_or_else(|| Path::new("undo").to_path_buf(), PathBuf::from)
}
