//! Archives, and whether their content is already unpacked.

use super::reply::Record;
use super::script::Script;
use super::{Query, RemotePath, Resource, State, unpack};

/// An archive on the host and where it is to be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    pub src: RemotePath,
    pub dest: RemotePath,
    pub exclude: Vec<String>,
    pub include: Vec<String>,
    pub extra_opts: Vec<String>,
    pub owner: Option<String>,
    pub group: Option<String>,
    pub mode: Option<String>,
    pub keep_newer: bool,
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct ArchiveState {
    /// Whether what is below `dest` is what the archive holds.
    pub unpacked: bool,
    /// The names in the archive.
    pub files: Vec<String>,
    /// `tgz`, `zip`, …
    pub handler: String,
}

fn request(query: &Query) -> Option<&Request> {
    match &query.on {
        Resource::Archive(request) => Some(request),
        _ => None,
    }
}

pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    for request in queries.iter().filter_map(|q| request(q)) {
        script.ask(&unpack::look(request));
    }
}

/// An archive that is not there, or that cannot be read, is [`State::Absent`]: what unpacking it would do
/// cannot be told.
pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let asked = queries.iter().filter(|q| request(q).is_some());
    let state = |record: &Record| {
        let text = record.text();
        let mut lines = text.lines();
        let unpacked = match lines.next() {
            Some("same") => true,
            Some("differs") => false,
            _ => return State::Absent,
        };
        State::Archive(ArchiveState {
            unpacked,
            handler: lines.next().unwrap_or_default().to_owned(),
            files: lines.map(str::to_owned).collect(),
        })
    };
    Ok(asked
        .zip(records)
        .map(|(_, record)| state(record))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_told_is_no_prediction() {
        let path = |p: &str| RemotePath::new(p).unwrap();
        let on = Resource::Archive(Request {
            src: path("/a.tgz"),
            dest: path("/d"),
            exclude: Vec::new(),
            include: Vec::new(),
            extra_opts: Vec::new(),
            owner: None,
            group: None,
            mode: None,
            keep_newer: false,
        });
        let told = |payload: &str| {
            let record = Record {
                number: 0,
                status: 0,
                payload: payload.as_bytes().to_vec(),
            };
            read(&[&Query::meta(on.clone())], &[record])
                .unwrap()
                .remove(0)
        };
        assert_eq!(told(""), State::Absent);
        let State::Archive(same) = told("same\nTgzArchive\nb/\nb/c\n") else {
            panic!()
        };
        assert!(same.unpacked && same.handler == "TgzArchive" && same.files == ["b/", "b/c"]);
        assert!(matches!(told("differs\nZipArchive\n"), State::Archive(a) if !a.unpacked));
    }
}
