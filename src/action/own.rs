//! What actions share that keep a file of their own beside those of others.

use crate::resource::file::Node;
use crate::resource::texts::TextFile;
use crate::resource::{Change, Content, RemotePath, State};
use crate::source::Mapping;

use super::{Failure, place};

/// The last part of a path: what decides which of several drop-ins comes last.
pub(crate) fn name(path: &RemotePath) -> String {
    let text = path.as_str();
    text.rsplit('/').next().unwrap_or(text).to_owned()
}

/// A file of somebody else's with another text; owner and mode stay.
pub(crate) fn rewritten(file: &TextFile, text: String) -> Change {
    let mut after = file.file.clone();
    after.meta = None;
    after.node = Node::File(Some(Content::new(text.into_bytes())));
    let before = State::File(file.file.clone());
    Change::new(place::file(file.target()), before, State::File(after))
}

/// What is not as it should be and is for a person to mend: no error of the tool's.
pub(crate) fn finding(message: String, mut result: Mapping) -> Failure {
    result.insert("finding".into(), true.into());
    Failure { message, result }
}
