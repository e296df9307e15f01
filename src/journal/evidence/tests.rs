//! Chains, and what somebody may do to them.

use super::*;

struct Place(tempfile::TempDir);

impl Place {
    fn file(&self) -> PathBuf {
        self.0.path().join("audit.jsonl")
    }

    /// A chain of so many entries.
    fn of(entries: u64) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        for _ in 0..entries {
            place.append().unwrap();
        }
        place
    }

    fn append(&self) -> Result<Link, String> {
        let about = About {
            written: "2026-11-21T12:00:00Z".into(),
            profiles: "baseline".into(),
            mode: "audit".into(),
            score: 50,
            signer: Some("key".into()),
        };
        let report = json!({"b": 1.5, "signature": "x", "a": ",\"signature\":\"y\"}"});
        append(
            &self.file(),
            &about,
            &report,
            Some(&|digest| Ok(format!("by\n{digest}"))),
        )
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.file()).unwrap();
        text.lines().map(|l| format!("{l}\n")).collect()
    }

    fn put(&self, lines: &[String]) {
        std::fs::write(self.file(), lines.concat()).unwrap();
    }

    fn verify(&self) -> Result<Verified, Broken> {
        verify(&self.file(), None, &judge)
    }

    /// What is said of the file after somebody did something to its lines.
    fn after(act: impl FnOnce(&mut Vec<String>)) -> String {
        let place = Place::of(4);
        let mut lines = place.lines();
        act(&mut lines);
        place.put(&lines);
        place.verify().unwrap_err().to_string()
    }
}

fn judge(signature: Option<&str>, digest: &str, _: &Entry) -> Result<Option<Signed>, String> {
    match signature {
        None => Ok(None),
        Some(s) if s == format!("by\n{digest}") => Ok(Some(Signed {
            key: "key".into(),
            name: None,
        })),
        Some(_) => Err("the signature is not of this entry".into()),
    }
}

#[test]
fn an_untouched_chain_is_what_was_written() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::of(3);
    let found = place.verify().unwrap();
    assert_eq!(
        (found.entries, found.unsigned, found.signed[0].1),
        (3, 0, 3)
    );
    let end = found.last.unwrap();
    assert!(verify(&place.file(), Some(&end.digest), &judge).is_ok());
    assert!(verify(&place.file(), Some(NOTHING), &judge).is_err());
    let mode = std::fs::metadata(place.file())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_was_changed_is_named() {
    let said = Place::after(|l| l[1] = l[1].replace("\"score\":50", "\"score\":99"));
    assert_eq!(
        said,
        "line 2: changed: the entry does not have the digest that it had"
    );
    let said = Place::after(|l| l[2] = "{}\n".into());
    assert_eq!(said, "line 3: changed: it is no entry");
}

#[test]
fn what_was_changed_with_its_digest_breaks_the_next_link() {
    let said = Place::after(|l| {
        let line = Line::parse(l[1].trim_end()).unwrap();
        let entry = line.entry.replace("\"score\":50", "\"score\":99");
        let digest = Digest::of(entry.as_bytes());
        l[1] = format!(
            "{{\"digest\":\"{digest}\",\"entry\":{entry},\"signature\":\"by\\n{digest}\"}}\n"
        );
    });
    assert!(
        said.starts_with("line 3: entry 3 was written after an entry with the digest"),
        "{said}"
    );
}

#[test]
fn what_was_taken_out_or_moved_is_named() {
    let said = Place::after(|l| drop(l.remove(0)));
    assert_eq!(
        said,
        "line 1: entry 2 comes first: what was before it was removed, or moved"
    );
    let said = Place::after(|l| drop(l.remove(2)));
    assert_eq!(
        said,
        "line 3: entry 4 follows entry 2: what was between them was removed, or moved"
    );
    let said = Place::after(|l| l.swap(1, 2));
    assert_eq!(
        said,
        "line 2: entry 3 follows entry 1: what was between them was removed, or moved"
    );
    let said = Place::after(|l| l.insert(1, l[0].clone()));
    assert_eq!(
        said,
        "line 2: entry 1 follows entry 1: it was moved, or put in twice"
    );
}

#[test]
fn what_was_cut_off_is_named_and_not_built_upon() {
    let said = Place::after(|l| drop(l.pop()));
    assert!(
        said.starts_with("line 4: truncated: the file ends here, and entry 4 ("),
        "{said}"
    );
    let said = Place::after(|l| l[3].truncate(300));
    assert_eq!(said, "line 4: truncated: the line has no end");
    let said = Place::after(|l| assert!(l[3].pop().is_some()));
    assert_eq!(said, "line 4: truncated: the line has no end");
    for keep in [0, 1, 3] {
        let place = Place::of(4);
        place.put(&place.lines()[..keep]);
        assert!(place.append().is_err(), "{keep}");
        assert_eq!(place.lines().len(), keep);
    }
    let place = Place::of(2);
    std::fs::remove_file(place.file()).unwrap();
    assert!(place.append().unwrap_err().contains("is empty or gone"));
}

#[test]
fn signatures_cannot_be_taken_away_or_swapped() {
    let said = Place::after(|l| {
        let at = l[0].rfind(",\"signature\"").unwrap();
        l[0].replace_range(at.., "}\n");
    });
    assert_eq!(said, "line 1: the signature of key was taken away");
    let said = Place::after(|l| {
        let (a, b) = (l[0].rfind("by\\n").unwrap(), l[1].rfind("by\\n").unwrap());
        let other = l[1][b..].to_owned();
        l[0].replace_range(a.., &other);
    });
    assert_eq!(said, "line 1: the signature is not of this entry");
}

#[test]
fn runs_at_the_same_time_make_one_chain() {
    let place = Place::of(1);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| place.append().unwrap());
        }
    });
    assert_eq!(place.verify().unwrap().entries, 9);
}
