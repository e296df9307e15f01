//! Entries of the name service's databases, as lines.

use super::reply::Record;
use super::script::{Script, quote};
use super::{Query, Resource, State};

/// `getent` where there is one; else the file of the database's name, a line for a key.
pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    for query in queries {
        let Resource::Getent {
            database,
            key,
            service,
        } = &query.on
        else {
            continue;
        };
        let service = service
            .as_ref()
            .map(|s| format!(" -s {}", quote(s)))
            .unwrap_or_default();
        let name = quote(database);
        let key = key.as_deref().unwrap_or_default();
        let word = if key.is_empty() {
            String::new()
        } else {
            quote(key)
        };
        script.ask(&format!(
            "if pl_has getent; then getent{service} {name} {word}; else\n\
             [ -r /etc/{name} ] || exit 1\n\
             if [ -z {key} ]; then cat /etc/{name}; else\npl_f=2\n\
             while IFS= read -r pl_l; do\ncase $pl_l in\n\
             {key}:*|{key}[\\ \\\t]*|*[\\ \\\t]{key}|*[\\ \\\t]{key}[\\ \\\t]*) pl_p \"$pl_l$pl_nl\"; pl_f=0 ;;\n\
             esac\ndone </etc/{name}\n[ $pl_f = 0 ] || (exit 2)\nfi\nfi",
            key = quote(key),
        ));
    }
}

/// Lines; absent where the key is in no entry.
pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    if queries.len() != records.len() {
        return Err("answers of the name service are not whole".into());
    }
    let state = |record: &Record| match record.status {
        0 => State::Text(record.text()),
        2 => State::Absent,
        3 => State::Refused("Enumeration not supported on this database.".into()),
        _ => State::Refused("Missing arguments, or database unknown.".into()),
    };
    Ok(records.iter().map(state).collect())
}
