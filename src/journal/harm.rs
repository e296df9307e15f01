//! What becomes of a run's file that was harmed: whatever happens to its bytes, what is read of it is
//! what stood at its beginning, or nothing.

use std::path::Path;

use serde_json::{Value, json};

use super::pending::{pending, unwell};
use super::read::{Recorded, Unreadable, parse};
use super::{Journal, Meant, find, summed};
use crate::resource::file::{FileState, Node, Owner};
use crate::resource::{Change, Content, Exec, Ran, RemotePath, Resource, Run, State};

/// How often the file is harmed.
const TIMES: usize = 10_000;

/// Numbers that look random, and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0).unwrap() % limit.max(1)
    }
}

/// A journal with a line of every kind.
fn whole(dir: &Path) -> Vec<u8> {
    let about = json!({ "hosts": ["h", "i"], "salt": "s" });
    let journal = Journal::begin(dir, "r", &about, None, None).unwrap();
    let notify = ["site.yml:9:7".to_owned()];
    let meant = Meant {
        host: "h",
        task: "conf",
        place: "site.yml:4:7",
        guard: Some("g"),
        notify: &notify,
        ..Meant::default()
    };
    let on = Resource::File(RemotePath::new("/etc/conf").unwrap());
    let after = State::File(FileState {
        node: Node::File(Some(Content::new(b"new".to_vec()))),
        mode: 0o644,
        owner: Owner::default(),
        group: Owner::default(),
        meta: None,
    });
    let change = journal.change(&meant, &Change::new(on, State::Absent, after));
    journal.outcome(change, "done");
    journal.guard("g", "confirmed");
    journal.notified(
        "h",
        "site.yml:4:7",
        &[("site.yml:9:7".into(), "reload".into())],
    );
    journal.task("h", "site.yml:4:7", "changed");
    let meant = Meant {
        host: "i",
        place: "site.yml:5:7",
        ..Meant::default()
    };
    let run = journal.run(&meant, &Run::new(Exec::Argv(vec!["true".into()])));
    let ran = Ran {
        stdout: b"said".to_vec(),
        ..Ran::default()
    };
    journal.ran(run, &ran);
    journal.handled("h", "site.yml:9:7", "changed");
    journal.host("h", "ok");
    journal.host("i", "failed");
    journal.end("done");
    journal.write(true).unwrap();
    std::fs::read(journal.path().unwrap()).unwrap()
}

/// All that is read, but whether its end was torn.
fn said(mut recorded: Recorded) -> String {
    recorded.torn = false;
    format!(
        "{recorded:?} {:?} {:?}",
        pending(&recorded),
        unwell(&recorded)
    )
}

fn of(bytes: &[u8]) -> Result<Recorded, Unreadable> {
    parse(bytes, Path::new("r.jsonl"))
}

/// One kind of harm at some place.
fn harm(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    let at = numbers.below(bytes.len());
    let end = (at + 1 + numbers.below(200)).min(bytes.len());
    let mut lines: Vec<Vec<u8>> = bytes
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let (one, other) = (numbers.below(lines.len()), numbers.below(lines.len()));
    match numbers.below(9) {
        0 | 1 => bytes[at] ^= 1 << numbers.below(8),
        2 => bytes.truncate(at),
        // As a power cut leaves what was not yet on disk.
        3 => bytes[at..].fill(0),
        4 => bytes[at..end].fill(0),
        5 => drop(bytes.drain(at..end)),
        6 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        7 => {
            let again = lines[one].clone();
            lines.insert(other, again);
            *bytes = lines.concat();
        }
        _ => {
            lines.swap(one, other);
            if one == other {
                lines.remove(one);
            }
            *bytes = lines.concat();
        }
    }
}

#[test]
fn a_harmed_file_is_read_as_what_stood_at_its_beginning_or_not_at_all() {
    let home = tempfile::tempdir().unwrap();
    let bytes = whole(home.path());
    let mut ends = vec![];
    let mut beginnings = vec![];
    for (n, _) in bytes.iter().enumerate().filter(|(_, b)| **b == b'\n') {
        ends.push(n + 1);
        beginnings.push(said(of(&bytes[..=n]).unwrap()));
    }
    assert_eq!(beginnings.len(), 12);
    let mut numbers = Numbers(20_261_122);
    let (mut read, mut refused) = (0, 0);
    for time in 0..TIMES {
        let mut harmed = bytes.clone();
        for _ in 0..=numbers.below(3) {
            if !harmed.is_empty() {
                harm(&mut harmed, &mut numbers);
            }
        }
        match of(&harmed) {
            Ok(recorded) => {
                read += 1;
                let torn = recorded.torn;
                let said = said(recorded);
                let lines = beginnings.iter().position(|b| *b == said);
                let lines = lines.unwrap_or_else(|| panic!("{time}: {said}"));
                // Whoever lost a part of a line is told.
                assert!(torn || harmed == bytes[..ends[lines]], "{time}");
            }
            // Neither of another version, nor left where it is met again.
            Err(error) => {
                refused += 1;
                assert!(error.is_corrupt(), "{time}: {error}");
            }
        }
    }
    assert!(
        read > TIMES / 10 && refused > TIMES / 10,
        "{read} {refused}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_set_aside_with_every_byte() {
    let home = tempfile::tempdir().unwrap();
    let bytes = whole(home.path());
    let mut numbers = Numbers(7);
    for time in 0..200 {
        let mut harmed = bytes.clone();
        harm(&mut harmed, &mut numbers);
        let path = home.path().join("x.jsonl");
        std::fs::write(&path, &harmed).unwrap();
        let Err(error) = super::read::read(&path) else {
            continue;
        };
        let aside = find::set_aside(&path, &error).unwrap();
        assert_eq!(std::fs::read(aside).unwrap(), harmed, "{time}");
        assert!(!path.exists());
    }
}

/// The lines of a version whose lines say nothing of each other.
#[test]
fn what_an_older_palisade_wrote_is_still_read() {
    let line = |value: Value| summed(&value.to_string(), "").0 + "\n";
    let lines = [
        line(json!({ "version": 3, "run": "r", "about": null })),
        line(json!({ "host": "h", "is": "ok" })),
        line(json!({ "end": "done" })),
    ];
    let recorded = of(lines.concat().as_bytes()).unwrap();
    assert_eq!(
        (recorded.run.as_str(), recorded.end.as_deref()),
        ("r", Some("done"))
    );
    let harmed = lines[1].replace("ok", "no");
    let mixed = [&*lines[0], &*harmed, &*lines[2]];
    assert!(matches!(
        of(mixed.concat().as_bytes()),
        Err(Unreadable::Damaged(_, 2))
    ));
}
