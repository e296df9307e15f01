//! Which algorithms the SSH programs of a host know, by the option that lists them.

use super::reply::Record;
use super::script::{Script, quote};
use super::{Query, Resource, State};

pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    for query in queries {
        if let Resource::SshAlgorithms(option) = &query.on {
            script.ask(&format!("pl_has ssh && ssh -Q {}", quote(option)));
        }
    }
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let state = |record: &Record| match record.status {
        0 => State::Text(record.text()),
        _ => State::Absent,
    };
    Ok(queries.iter().zip(records).map(|(_, r)| state(r)).collect())
}
