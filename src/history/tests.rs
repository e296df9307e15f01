//! A history in a file: what comes out is what went in, and nothing else.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use jiff::{SignedDuration, Timestamp};

use super::*;

fn at(hour: i64) -> Timestamp {
    let start: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
    start + SignedDuration::from_hours(hour)
}

fn stand(host: &str, cells: &[Option<Status>], differs: Option<&str>) -> Stand {
    let found = |(task, status): (usize, &Option<Status>)| {
        let status = (*status).filter(|s| s.is_told())?;
        Some(Found {
            task,
            status,
            message: None,
            difference: differs.map(|d| digest([d])),
        })
    };
    Stand {
        host: host.into(),
        state: Stand::worst(cells),
        message: None,
        cells: cells.to_vec(),
        found: cells.iter().enumerate().filter_map(found).collect(),
    }
}

fn record(name: &str, hour: i64, hosts: Vec<Stand>) -> Record {
    let digests = hosts.iter().flat_map(|h| &h.found);
    let digests = digests.filter_map(|f| f.difference.clone());
    let one = |digest: String| {
        let difference = Difference {
            title: "/etc/motd".into(),
            summary: format!("of {digest}"),
            body: "-a\n+b\n".into(),
        };
        (digest, difference)
    };
    let task = |name: &str| Task {
        address: format!("play/{name}"),
        name: name.into(),
        place: "site.yml:3".into(),
    };
    let mut record = Record {
        run: Run {
            name: name.into(),
            command: "drift".into(),
            job: "drift /srv/site.yml".into(),
            of: "site.yml".into(),
            who: "me@here".into(),
            dry: true,
            started: at(hour),
            ended: Some(at(hour)),
            exit: Some(3),
            counts: Counts::default(),
        },
        tasks: vec![task("one"), task("two")],
        differences: digests.map(one).collect::<BTreeMap<_, _>>(),
        hosts,
    };
    record.run.counts = record.counts();
    record
}

fn open(dir: &tempfile::TempDir) -> Store {
    Store::open(&Place::File(dir.path().join("below/history.db"))).unwrap()
}

const OK: Option<Status> = Some(Status::Ok);
const CHANGED: Option<Status> = Some(Status::Changed);
const AWAY: Option<Status> = Some(Status::Unreachable);

#[test]
fn a_run_is_read_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir);
    let hosts = vec![
        stand("web1", &[CHANGED, OK], Some("x")),
        stand("web2", &[OK, None], None),
    ];
    let written = record("r1", 1, hosts);
    store.record(&written).unwrap();
    let sheet = store.sheet("r1").unwrap().unwrap();
    assert_eq!(sheet.run, written.run);
    assert_eq!(sheet.tasks, written.tasks);
    assert_eq!(sheet.hosts, written.hosts);
    assert_eq!(sheet.differences, written.differences);
    assert_eq!(sheet.run.counts.differing, 1);
    assert!(store.sheet("r2").unwrap().is_none());
    assert!(store.record(&written).is_err(), "a run is written once");
}

#[test]
fn a_run_that_goes_on_is_listed_and_ended_by_its_record() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir);
    let whole = record("r1", 1, vec![stand("web1", &[OK], None)]);
    let mut begun = whole.run.clone();
    (begun.ended, begun.exit) = (None, None);
    begun.counts = Counts::default();
    store.begin(&begun).unwrap();
    assert_eq!(store.runs(&Filter::default()).unwrap(), [begun]);
    assert!(store.trend(&Filter::default()).unwrap().is_empty());
    store.record(&whole).unwrap();
    assert_eq!(store.runs(&Filter::default()).unwrap(), [whole.run]);
}

#[test]
fn a_file_is_for_its_owner_and_a_newer_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("below/history.db");
    let mut store = open(&dir);
    let mode = |p: &std::path::Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    store.record(&record("r1", 1, Vec::new())).unwrap();
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    store.sql.batch("UPDATE version SET number = 99").unwrap();
    drop(store);
    let newer = Store::open(&Place::File(path.clone())).err();
    assert!(matches!(newer, Some(Trouble::Newer { found: 99, .. })));
    let text = dir.path().join("text");
    std::fs::write(
        &text,
        "no database, and longer than a header of one would be",
    )
    .unwrap();
    let other = Store::open(&Place::File(text)).err().unwrap().to_string();
    assert!(other.ends_with("it is no SQLite file"), "{other}");
}

#[test]
fn news_is_what_the_run_before_had_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir);
    let runs = [
        (
            "r1",
            vec![
                stand("web1", &[CHANGED], Some("x")),
                stand("web2", &[OK], None),
            ],
        ),
        (
            "r2",
            vec![
                stand("web1", &[AWAY], None),
                stand("web2", &[CHANGED], Some("y")),
            ],
        ),
        (
            "r3",
            vec![
                stand("web1", &[CHANGED], Some("x")),
                stand("web2", &[CHANGED], Some("z")),
            ],
        ),
        (
            "r4",
            vec![
                stand("web1", &[OK], None),
                stand("web2", &[CHANGED], Some("z")),
            ],
        ),
    ];
    for (hour, (name, hosts)) in runs.into_iter().enumerate() {
        store.record(&record(name, hour as i64, hosts)).unwrap();
    }
    let mut said = |run: &str| {
        let news = store.news(run).unwrap();
        let hosts =
            |entries: &[Entry]| -> Vec<String> { entries.iter().map(|e| e.host.clone()).collect() };
        (
            hosts(&news.appeared),
            hosts(&news.gone),
            news.lost,
            news.back,
        )
    };
    let list = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (one, two, none) = (list(&["web1"]), list(&["web2"]), list(&[]));
    assert_eq!(
        said("r1"),
        (one.clone(), none.clone(), none.clone(), none.clone())
    );
    assert_eq!(said("r2").0, two);
    assert_eq!(said("r2").2, one);
    // web1 is as it was when it was last reached; what differs on web2 is something else.
    assert_eq!(said("r3"), (two.clone(), two, none.clone(), one.clone()));
    assert_eq!(said("r4"), (none.clone(), one, none.clone(), none));
}

#[test]
fn how_hosts_stand_says_since_when() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir);
    for (hour, cell) in [OK, CHANGED, CHANGED].into_iter().enumerate() {
        let hosts = vec![stand("web1", &[cell], None)];
        let name = format!("r{hour}");
        store.record(&record(&name, hour as i64, hosts)).unwrap();
    }
    let standing = store.standing().unwrap();
    assert_eq!(standing.len(), 1);
    assert_eq!(standing[0].state, Status::Changed);
    assert_eq!((standing[0].since, standing[0].started), (at(1), at(2)));
    assert_eq!(standing[0].run, "r2");
}

#[test]
fn runs_are_found_by_what_people_type() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir);
    assert_eq!(store.find("last").unwrap(), Hits::None);
    for (hour, name) in ["a_1", "a_2", "ab2"].into_iter().enumerate() {
        let hosts = vec![stand(&format!("h{hour}"), &[CHANGED], Some("x"))];
        store.record(&record(name, hour as i64, hosts)).unwrap();
    }
    let mut name = |word: &str| match store.find(word).unwrap() {
        Hits::None => "none".to_owned(),
        Hits::One(run) => run.name,
        Hits::Many(names) => names.join(" "),
    };
    assert_eq!(name("last"), "ab2");
    assert_eq!(name("a_1"), "a_1");
    assert_eq!(name("a_"), "a_2 a_1");
    assert_eq!(name("ab"), "ab2");
    assert_eq!(name("%"), "none");
    let filter = |host: &str, job: &str| Filter {
        host: Some(host.into()),
        job: Some(job.into()),
        ..Filter::default()
    };
    let by = filter("h1", "drift site.yml");
    assert_eq!(store.runs(&by).unwrap().len(), 1);
    assert_eq!(store.entries(&by).unwrap()[0].run, "a_2");
    assert!(store.entries(&filter("h1", "else")).unwrap().is_empty());
    let late = Filter {
        since: Some(at(2)),
        ..Filter::default()
    };
    assert_eq!(store.trend(&late).unwrap().len(), 1);
}

#[test]
fn what_is_old_or_too_much_goes() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir);
    for hour in 0..10 {
        let differs = format!("d{hour}");
        let hosts = vec![stand("web1", &[CHANGED], Some(&differs))];
        store
            .record(&record(&format!("r{hour}"), hour, hosts))
            .unwrap();
    }
    let mut left = |keep: Keep, now: i64| {
        store.prune(&keep, at(now)).unwrap();
        let runs = store.runs(&Filter::default()).unwrap();
        (runs.len(), store.entries(&Filter::default()).unwrap().len())
    };
    let all = Keep::default();
    assert_eq!(left(all, 10), (10, 10));
    let hours = |h: u64| std::time::Duration::from_secs(h * 3600);
    assert_eq!(
        left(
            Keep {
                age: hours(7),
                ..all
            },
            10
        ),
        (7, 7)
    );
    assert_eq!(left(Keep { runs: 5, ..all }, 10), (5, 5));
    // Each run is a row of its host and one of its difference.
    assert_eq!(left(Keep { rows: 5, ..all }, 10), (2, 2));
    assert_eq!(store.difference(&digest(["d1"])).unwrap(), None);
    assert!(store.difference(&digest(["d9"])).unwrap().is_some());
}
