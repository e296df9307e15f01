//! Runs as a history would hold them: a job over some days, on hosts that differ in this and that.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use palisade::history::{
    Counts, Difference, Found, Point, Record, Run, Sheet, Stand, Status, Task, digest,
};
use palisade::report::history::view::{Job, Told};

/// Text that would act, were it not escaped.
pub const HOSTILE: &str =
    "</pre><script>document.title='evil'</script>\"'><img src=x onerror=evil()>\u{1b}[2J\u{202e}";

fn began(day: i64) -> Timestamp {
    let start: Timestamp = "2026-11-01T04:00:00Z".parse().expect("a time");
    start + SignedDuration::from_hours(24 * day)
}

fn run(day: i64) -> Run {
    Run {
        name: format!("202611{:02}-040000-000000", day + 1),
        command: "drift".into(),
        job: "nightly".into(),
        of: "site.yml".into(),
        who: "deploy@ops1".into(),
        dry: true,
        started: began(day),
        ended: Some(began(day) + SignedDuration::from_secs(41)),
        exit: Some(3),
        counts: Counts::default(),
    }
}

const WORK: [&str; 6] = [
    "Message of the day",
    "sshd does what we say",
    "Kernel settings",
    "nginx's sites",
    "Backups run at night",
    "Accounts of the team",
];

fn task(at: usize) -> Task {
    let name = match WORK.get(at) {
        Some(name) => (*name).to_owned(),
        None => format!("Settings of part {at}"),
    };
    Task {
        address: format!("Servers/base/{name}"),
        name,
        place: format!("roles/base/tasks/main.yml:{}", at * 7 + 3),
    }
}

/// What host `host` has at task `at`: some tasks differ on many hosts alike, some on one alone.
fn status(host: usize, at: usize, wild: bool) -> Option<Status> {
    Some(match (host % 50, at) {
        (49, _) => return None,
        (_, 0) if host.is_multiple_of(3) => Status::Changed,
        (7, 1) => Status::Changed,
        (13, 3) => Status::Failed,
        (_, 4) if host % 10 == 4 => Status::Unknown,
        (_, 5) => Status::Skipped,
        _ if wild && (host * 31 + at * 17) % 4 < 2 => Status::Changed,
        _ => Status::Ok,
    })
}

/// So many hosts and tasks, with drift here and there, or (`wild`) everywhere and nowhere alike.
pub fn sheet(hosts: usize, tasks: usize, wild: bool) -> Sheet {
    let mut differences = BTreeMap::new();
    let stands = (0..hosts).map(|host| {
        let cells: Vec<_> = (0..tasks).map(|at| status(host, at, wild)).collect();
        let lost = cells.iter().all(Option::is_none) && tasks > 0;
        let told = |(at, cell): (usize, &Option<Status>)| {
            let status = (*cell).filter(|s| s.is_told())?;
            let difference = (status == Status::Changed).then(|| {
                let text = if wild { host.to_string() } else { String::new() };
                let name = digest([text.as_str(), &at.to_string()]);
                differences.entry(name.clone()).or_insert_with(|| Difference {
                    title: format!("/etc/part{at}.conf"),
                    summary: format!("/etc/part{at}.conf +1 -1"),
                    body: format!(
                        "--- /etc/part{at}.conf\n+++ /etc/part{at}.conf\n@@ -1,3 +1,3 @@\n listen = 80\n\
                         -workers = {text}1\n+workers = 4\n user = www\n"
                    ),
                });
                name
            });
            let message = (status != Status::Changed)
                .then(|| format!("exit status 1: nginx -t on web{host:04}"));
            Some(Found {
                task: at,
                status,
                message,
                difference,
            })
        };
        let found = cells.iter().enumerate().filter_map(told).collect();
        Stand {
            host: format!("web{host:04}"),
            state: match lost {
                true => Status::Unreachable,
                false => Stand::worst(&cells),
            },
            message: lost.then(|| "connection timed out after 10 s".to_owned()),
            cells,
            found,
        }
    });
    let hosts: Vec<Stand> = stands.collect();
    let mut record = Record {
        run: run(20),
        tasks: (0..tasks).map(task).collect(),
        hosts,
        differences,
    };
    record.run.counts = record.counts();
    Sheet {
        run: record.run,
        tasks: record.tasks,
        hosts: record.hosts,
        differences: record.differences,
    }
}

/// A run with those before it.
pub fn told(sheet: Sheet) -> Told {
    let last = sheet.run.counts;
    let point = |day: i64| {
        let part = |count: u64| count * (day as u64 * 13 % 21) / 20;
        let mut counts = Counts {
            hosts: last.hosts,
            differing: part(last.differing),
            failed: part(last.failed) / 2,
            unreachable: part(last.unreachable),
            ..Counts::default()
        };
        if day == 20 {
            counts = last;
        }
        Point {
            run: run(day).name,
            started: began(day),
            counts,
        }
    };
    Told {
        about: sheet.run.of.clone(),
        single: true,
        runs: vec![sheet.run.clone()],
        jobs: vec![Job {
            sheet,
            trend: (0..=20).map(point).collect(),
            news: None,
        }],
    }
}

/// A run in which every text would act.
pub fn hostile() -> Told {
    let mut sheet = sheet(3, 4, false);
    for task in &mut sheet.tasks {
        task.name = HOSTILE.into();
        task.address = HOSTILE.into();
        task.place = HOSTILE.into();
    }
    for host in &mut sheet.hosts {
        host.host = format!("{HOSTILE}{}", host.host);
        host.message = Some(HOSTILE.into());
        for found in &mut host.found {
            found.message = Some(HOSTILE.into());
        }
    }
    for difference in sheet.differences.values_mut() {
        difference.title = HOSTILE.into();
        difference.summary = HOSTILE.into();
        difference.body = format!("+{HOSTILE}\n-{HOSTILE}\n");
    }
    sheet.run.of = HOSTILE.into();
    sheet.run.who = HOSTILE.into();
    let mut told = told(sheet);
    for point in &mut told.jobs[0].trend {
        point.run = HOSTILE.into();
    }
    // As a report of some time, which has the list of runs too.
    told.single = false;
    told
}
