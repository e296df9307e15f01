//! Settings that are spread over several files: what each says, and giving one of them other words.

use crate::resource::file::Node;
use crate::resource::texts::TextFile;
use crate::resource::{Change, Content, RemotePath, State};

use super::attrs::Attrs;
use super::edit::Edit;
use super::place;

/// The change that gives a file that was seen this text, its owner and mode kept.
pub(super) fn rewrite(file: &TextFile, text: &str) -> Change {
    let mut after = file.file.clone();
    after.node = Node::File(Some(Content::new(text.as_bytes().to_vec())));
    after.meta = None;
    let before = State::File(file.file.clone());
    Change::new(place::file(file.target()), before, State::File(after))
}

/// The edit of a file of ours, made where it is not there.
pub(super) fn own<'a>(path: &'a RemotePath, attrs: &'a Attrs) -> Edit<'a> {
    Edit {
        path,
        attrs,
        create: true,
        backup: false,
        validate: None,
        encoding: None,
    }
}

/// The text with lines chosen by number changed; an empty line that is returned goes.
pub(super) fn lines(text: &str, change: impl Fn(usize, &str) -> Option<String>) -> String {
    let mut out = String::new();
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        match change(number, line.trim_end_matches('\n')) {
            None => out.push_str(line),
            Some(new) if new.is_empty() => {}
            Some(new) => {
                out.push_str(&new);
                out.push('\n');
            }
        }
    }
    out
}

/// Files in the order in which they are read where folders overlay each other: by name, and of files
/// of one name only the one of the first folder. Files must stand in the order of their folders.
pub(super) fn overlaid(files: Vec<TextFile>) -> Vec<TextFile> {
    let mut kept: Vec<TextFile> = Vec::new();
    for file in files {
        if !kept.iter().any(|k| k.path.name() == file.path.name()) {
            kept.push(file);
        }
    }
    kept.sort_by(|a, b| a.path.name().cmp(b.path.name()));
    kept
}
