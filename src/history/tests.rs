//! What comes out of a history is what went in, in a file and in a real PostgreSQL alike.

mod server;

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

/// What holds in both kinds of history.
const BOTH: &[(&str, fn(&Place))] = &[
    ("read", a_run_is_read_as_it_was_written),
    (
        "begun",
        a_run_that_goes_on_is_listed_and_ended_by_its_record,
    ),
    ("news", news_is_what_the_run_before_had_not),
    ("standing", how_hosts_stand_says_since_when),
    ("find", runs_are_found_by_what_people_type),
    ("old", what_is_old_or_too_much_goes),
    ("many", several_write_at_once),
    ("odd", what_no_database_likes_is_kept_all_the_same),
];

#[test]
fn all_of_it_holds_in_a_file() {
    for (name, holds) in BOTH {
        let dir = tempfile::tempdir().unwrap();
        eprintln!("{name}");
        holds(&Place::File(dir.path().join("history.db")));
    }
}

#[test]
fn all_of_it_holds_in_postgresql() {
    let Some(server) = server::Server::start() else {
        eprintln!("skipped: there is no PostgreSQL on this machine");
        return;
    };
    for (name, holds) in BOTH {
        eprintln!("{name}");
        holds(&server.database(name));
    }
    // A newer schema is refused here as well.
    let place = server.database("newer");
    let mut store = Store::open(&place).unwrap();
    store.sql.batch("UPDATE version SET number = 99").unwrap();
    let newer = Store::open(&place).err();
    assert!(matches!(newer, Some(Trouble::Newer { found: 99, .. })));
    server.encryption();
}

const OK: Option<Status> = Some(Status::Ok);
const CHANGED: Option<Status> = Some(Status::Changed);
const AWAY: Option<Status> = Some(Status::Unreachable);

fn a_run_is_read_as_it_was_written(place: &Place) {
    let mut store = Store::open(place).unwrap();
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

fn a_run_that_goes_on_is_listed_and_ended_by_its_record(place: &Place) {
    let mut store = Store::open(place).unwrap();
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

fn news_is_what_the_run_before_had_not(place: &Place) {
    let mut store = Store::open(place).unwrap();
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

fn how_hosts_stand_says_since_when(place: &Place) {
    let mut store = Store::open(place).unwrap();
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

fn runs_are_found_by_what_people_type(place: &Place) {
    let mut store = Store::open(place).unwrap();
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

fn what_is_old_or_too_much_goes(place: &Place) {
    let mut store = Store::open(place).unwrap();
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

fn several_write_at_once(place: &Place) {
    const EACH: i64 = 5;
    let write = |who: usize| {
        let mut store = Store::open(place).unwrap();
        for hour in 0..EACH {
            let hosts = vec![
                stand("web1", &[CHANGED], Some("same")),
                stand(
                    &format!("own{who}"),
                    &[CHANGED],
                    Some(&format!("{who}.{hour}")),
                ),
            ];
            store
                .record(&record(&format!("r{who}.{hour}"), hour, hosts))
                .unwrap();
        }
    };
    std::thread::scope(|scope| {
        for who in 0..4 {
            scope.spawn(move || write(who));
        }
    });
    let mut store = Store::open(place).unwrap();
    assert_eq!(store.runs(&Filter::default()).unwrap().len(), 20);
    let entries = store.entries(&Filter::default()).unwrap();
    assert_eq!(entries.len(), 40);
    assert!(entries.iter().all(|e| e.difference.is_some()));
}

fn what_no_database_likes_is_kept_all_the_same(place: &Place) {
    let mut store = Store::open(place).unwrap();
    let odd = "it's \"odd\" ?1 $1 %s \\ \u{202e} \u{1f600}";
    let mut run = record(odd, 1, vec![stand(odd, &[CHANGED], Some("x"))]);
    run.hosts[0].found[0].message = Some(format!("nul \0 and {}", "ä".repeat(5000)));
    store.record(&run).unwrap();
    let sheet = store.sheet(odd).unwrap().unwrap();
    assert_eq!(sheet.hosts[0].host, odd);
    let message = sheet.hosts[0].found[0].message.clone().unwrap();
    assert!(message.starts_with("nul \\x00 and ä") && message.ends_with('…'));
    assert!(message.len() < 1100);
    let by = Filter {
        host: Some(odd.into()),
        ..Filter::default()
    };
    assert_eq!(store.entries(&by).unwrap().len(), 1);
}

/// A million results answer what happened on a host at once. With less by default: `PALISADE_RESULTS`
/// says how many.
#[test]
fn a_host_is_found_among_many() {
    let all = std::env::var("PALISADE_RESULTS").ok();
    let all: usize = all.and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir);
    let (hosts, tasks) = (200, 10);
    let cells = vec![CHANGED; tasks];
    for run in 0..all / (hosts * tasks) {
        let differs = format!("d{run}");
        let stands = (0..hosts).map(|h| stand(&format!("web{h}"), &cells, Some(&differs)));
        let mut one = record(&format!("r{run}"), run as i64, stands.collect());
        let task = one.tasks[0].clone();
        let numbered = |n: usize| Task {
            address: format!("{}{n}", task.address),
            ..task.clone()
        };
        one.tasks = (0..tasks).map(numbered).collect();
        store.record(&one).unwrap();
    }
    let by = Filter {
        host: Some("web77".into()),
        most: Some(100),
        ..Filter::default()
    };
    // The fastest of some, since others work on this machine too.
    let mut fastest = std::time::Duration::MAX;
    for _ in 0..5 {
        let began = std::time::Instant::now();
        let entries = store.entries(&by).unwrap();
        fastest = fastest.min(began.elapsed());
        assert!(entries.len() == 100 && entries.iter().all(|e| e.host == "web77"));
    }
    eprintln!("{all} results: {fastest:?}");
    assert!(
        fastest < std::time::Duration::from_millis(50),
        "{fastest:?}"
    );
}
