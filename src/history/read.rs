//! Asking the history.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::news::{News, news};
use super::record::{Counts, Difference, Found, Run, Stand, Task};
use super::sql::{Row, Sql, Val, among, said};
use super::status::Status;
use super::{Store, Trouble};

/// Which runs, or what of them.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this job, or of this command with this subject: `drift site.yml`.
    pub job: Option<String>,
    pub host: Option<String>,
    /// That began at this time or later.
    pub since: Option<Timestamp>,
    /// No more than so many, the newest.
    pub most: Option<u64>,
}

/// The runs whose name begins with what somebody typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hits {
    None,
    One(Box<Run>),
    Many(Vec<String>),
}

/// A run with all that came of it, as it is read.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub run: Run,
    pub tasks: Vec<Task>,
    /// By name.
    pub hosts: Vec<Stand>,
    pub differences: BTreeMap<String, Difference>,
}

/// Something that was told of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub run: String,
    pub command: String,
    pub of: String,
    pub who: String,
    pub dry: bool,
    pub started: Timestamp,
    pub host: String,
    pub task: Task,
    pub status: Status,
    pub message: Option<String>,
    pub title: Option<String>,
    pub summary: Option<String>,
    /// The difference's digest.
    pub difference: Option<String>,
}

/// How a host stands by the last run of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub job: String,
    pub host: String,
    pub state: Status,
    /// That run only looked.
    pub dry: bool,
    /// The first run that found it so began then.
    pub since: Timestamp,
    pub run: String,
    pub started: Timestamp,
}

/// One run in a line of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub run: String,
    pub started: Timestamp,
    pub counts: Counts,
}

const RUN: &str = "r.name, r.command, r.job, r.subject, r.who, r.dry, r.started, r.ended, r.exit, \
                   r.hosts, r.good, r.differing, r.fixed, r.unknown, r.failed, r.unreachable, r.differences, \
                   r.seq, r.list";

/// A run with its number and the list of its tasks.
pub(super) struct Numbered {
    pub run: Run,
    pub seq: i64,
    list: Option<i64>,
}

fn time(value: &Val) -> Timestamp {
    Timestamp::from_millisecond(value.int()).unwrap_or_default()
}

fn numbered(row: &Row) -> Numbered {
    let text = |at: usize| row[at].clone().text();
    let count = |at: usize| u64::try_from(row[at].int()).unwrap_or(0);
    let run = Run {
        name: text(0),
        command: text(1),
        job: text(2),
        of: text(3),
        who: text(4),
        dry: row[5].int() != 0,
        started: time(&row[6]),
        ended: row[7].maybe_int().map(|_| time(&row[7])),
        exit: row[8].maybe_int().and_then(|e| u8::try_from(e).ok()),
        counts: Counts {
            hosts: count(9),
            good: count(10),
            differing: count(11),
            fixed: count(12),
            unknown: count(13),
            failed: count(14),
            unreachable: count(15),
            differences: count(16),
        },
    };
    Numbered {
        run,
        seq: row[17].int(),
        list: row[18].maybe_int(),
    }
}

/// Conditions with their values, put together as they come.
#[derive(Default)]
struct Where {
    text: Vec<String>,
    values: Vec<Val>,
}

impl Where {
    /// `{}` in the condition is its value.
    fn and(&mut self, condition: &str, value: impl Into<Val>) {
        self.values.push(value.into());
        let hole = format!("?{}", self.values.len());
        self.text.push(condition.replace("{}", &hole));
    }

    fn filter(&mut self, filter: &Filter) {
        if let Some(job) = &filter.job {
            self.and(
                "(r.job = {} OR r.command || ' ' || r.subject = {})",
                job.as_str(),
            );
        }
        if let Some(since) = filter.since {
            self.and("r.started >= {}", since.as_millisecond());
        }
    }

    fn text(&self) -> String {
        match self.text.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", self.text.join(" AND ")),
        }
    }

    /// With at most so many rows, of a statement that is ordered.
    fn limit(&mut self, most: Option<u64>) -> String {
        let Some(most) = most else {
            return String::new();
        };
        self.values.push(most.into());
        format!("LIMIT ?{}", self.values.len())
    }
}

impl Store {
    /// Runs, the newest first.
    pub fn runs(&mut self, filter: &Filter) -> Result<Vec<Run>, Trouble> {
        let found = runs(&mut *self.sql, filter);
        let found = found.map(|all| all.into_iter().map(|n| n.run).collect());
        said("listing runs", found)
    }

    /// The run that somebody means: by its name, the beginning of it, or `last`.
    pub fn find(&mut self, word: &str) -> Result<Hits, Trouble> {
        said("looking for a run", find(&mut *self.sql, word))
    }

    /// All that came of a run.
    pub fn sheet(&mut self, run: &str) -> Result<Option<Sheet>, Trouble> {
        said("reading a run", sheet(&mut *self.sql, run))
    }

    /// What was told of hosts, the newest first.
    pub fn entries(&mut self, filter: &Filter) -> Result<Vec<Entry>, Trouble> {
        said("reading what hosts did", entries(&mut *self.sql, filter))
    }

    /// How every host stands by the last run of every job.
    pub fn standing(&mut self) -> Result<Vec<Standing>, Trouble> {
        said("reading how hosts stand", standing(&mut *self.sql))
    }

    /// What is new in a run.
    pub fn news(&mut self, run: &str) -> Result<News, Trouble> {
        said("comparing runs", news(&mut *self.sql, run))
    }

    /// Runs of a job in short that have ended, oldest first.
    pub fn trend(&mut self, filter: &Filter) -> Result<Vec<Point>, Trouble> {
        let point = |run: Run| Point {
            run: run.name,
            started: run.started,
            counts: run.counts,
        };
        let mut runs = self.runs(filter)?;
        runs.retain(|r| r.ended.is_some());
        runs.reverse();
        Ok(runs.into_iter().map(point).collect())
    }

    /// A difference by its digest.
    pub fn difference(&mut self, digest: &str) -> Result<Option<Difference>, Trouble> {
        let text = "SELECT title, summary, body FROM differences WHERE digest = ?1";
        let rows = said(
            "reading a difference",
            self.sql.rows(text, &[digest.into()]),
        )?;
        Ok(rows.into_iter().next().map(difference))
    }
}

fn difference(row: Row) -> Difference {
    let mut row = row.into_iter().map(Val::text);
    let mut next = || row.next().unwrap_or_default();
    Difference {
        title: next(),
        summary: next(),
        body: next(),
    }
}

fn runs(sql: &mut dyn Sql, filter: &Filter) -> Result<Vec<Numbered>, String> {
    let mut only = Where::default();
    only.filter(filter);
    if let Some(host) = &filter.host {
        let condition = "EXISTS (SELECT 1 FROM stands s JOIN hosts h ON h.id = s.host \
                         WHERE s.run = r.seq AND h.name = {})";
        only.and(condition, host.as_str());
    }
    let condition = only.text();
    let limit = only.limit(filter.most);
    let text = format!("SELECT {RUN} FROM runs r {condition} ORDER BY r.seq DESC {limit}");
    let rows = sql.rows(&text, &only.values)?;
    Ok(rows.iter().map(numbered).collect())
}

pub(super) fn named(sql: &mut dyn Sql, name: &str) -> Result<Option<Numbered>, String> {
    let text = format!("SELECT {RUN} FROM runs r WHERE r.name = ?1");
    Ok(sql.rows(&text, &[name.into()])?.first().map(numbered))
}

fn find(sql: &mut dyn Sql, word: &str) -> Result<Hits, String> {
    /// Names that are shown when several are meant.
    const MOST: u64 = 5;
    if word == "last" {
        let last = Filter {
            most: Some(1),
            ..Filter::default()
        };
        let last = runs(sql, &last)?.into_iter().next();
        return Ok(last.map_or(Hits::None, |n| Hits::One(Box::new(n.run))));
    }
    if let Some(exact) = named(sql, word)? {
        return Ok(Hits::One(Box::new(exact.run)));
    }
    if word.is_empty() {
        return Ok(Hits::None);
    }
    let text = format!(
        "SELECT {RUN} FROM runs r WHERE r.name LIKE ?1 ESCAPE '!' ORDER BY r.seq DESC LIMIT ?2"
    );
    let mut pattern: String = word.to_owned();
    for special in ['!', '%', '_'] {
        pattern = pattern.replace(special, &format!("!{special}"));
    }
    pattern.push('%');
    let rows = sql.rows(&text, &[pattern.as_str().into(), MOST.into()])?;
    let mut found: Vec<Run> = rows.iter().map(|r| numbered(r).run).collect();
    Ok(match found.len() {
        0 => Hits::None,
        1 => Hits::One(Box::new(found.remove(0))),
        _ => Hits::Many(found.into_iter().map(|r| r.name).collect()),
    })
}

/// The tasks of a list, in order.
fn listed(sql: &mut dyn Sql, list: Option<i64>) -> Result<Vec<Task>, String> {
    let Some(list) = list else {
        return Ok(Vec::new());
    };
    let rows = sql.rows("SELECT tasks FROM lists WHERE id = ?1", &[list.into()])?;
    let text = rows.into_iter().next().and_then(|mut r| r.pop());
    let text = text.map(Val::text).unwrap_or_default();
    let ids: Vec<i64> = text.split(' ').filter_map(|n| n.parse().ok()).collect();
    let keys: BTreeSet<i64> = ids.iter().copied().collect();
    let keys: Vec<Val> = keys.into_iter().map(Val::Int).collect();
    let text = "SELECT id, address, name, place FROM tasks WHERE id IN {}";
    let rows = among(sql, text, &keys)?;
    let known: HashMap<i64, Task> = rows
        .into_iter()
        .map(|r| (r[0].int(), task(&r[1..])))
        .collect();
    let none = Task {
        address: String::new(),
        name: String::new(),
        place: String::new(),
    };
    let tasks = ids.iter().map(|id| known.get(id).unwrap_or(&none).clone());
    Ok(tasks.collect())
}

fn task(row: &[Val]) -> Task {
    Task {
        address: row[0].clone().text(),
        name: row[1].clone().text(),
        place: row[2].clone().text(),
    }
}

fn sheet(sql: &mut dyn Sql, name: &str) -> Result<Option<Sheet>, String> {
    let Some(Numbered { run, seq, list }) = named(sql, name)? else {
        return Ok(None);
    };
    let tasks = listed(sql, list)?;
    let text = "SELECT h.name, s.state, s.message, p.cells FROM stands s \
                JOIN hosts h ON h.id = s.host JOIN patterns p ON p.id = s.pattern WHERE s.run = ?1";
    let mut hosts: BTreeMap<String, Stand> = BTreeMap::new();
    for row in sql.rows(text, &[seq.into()])? {
        let host = row[0].clone().text();
        let stand = Stand {
            host: host.clone(),
            state: Status::of(row[1].letter()).unwrap_or(Status::Unknown),
            message: row[2].clone().maybe_text(),
            cells: row[3].clone().text().chars().map(Status::of).collect(),
            found: Vec::new(),
        };
        hosts.insert(host, stand);
    }
    let text = "SELECT h.name, x.nth, x.status, x.message, d.digest FROM results x \
                JOIN hosts h ON h.id = x.host LEFT JOIN differences d ON d.id = x.difference \
                WHERE x.run = ?1";
    for row in sql.rows(text, &[seq.into()])? {
        let Some(host) = hosts.get_mut(&row[0].clone().text()) else {
            continue;
        };
        host.found.push(Found {
            task: usize::try_from(row[1].int()).unwrap_or(0),
            status: Status::of(row[2].letter()).unwrap_or(Status::Unknown),
            message: row[3].clone().maybe_text(),
            difference: row[4].clone().maybe_text(),
        });
    }
    for host in hosts.values_mut() {
        host.found.sort_by_key(|f| f.task);
    }
    let text = "SELECT d.digest, d.title, d.summary, d.body FROM differences d WHERE d.id IN \
                (SELECT x.difference FROM results x WHERE x.run = ?1 AND x.difference IS NOT NULL)";
    let rows = sql.rows(text, &[seq.into()])?;
    let differences = rows.into_iter().map(|mut row| {
        let digest = row.remove(0).text();
        (digest, difference(row))
    });
    Ok(Some(Sheet {
        run,
        tasks,
        hosts: hosts.into_values().collect(),
        differences: differences.collect(),
    }))
}

pub(super) const ENTRY: &str = "r.name, r.command, r.subject, r.who, r.dry, r.started, h.name, t.address, t.name, \
                     t.place, x.status, x.message, d.title, d.summary, d.digest";

pub(super) const ENTRIES: &str = "results x JOIN runs r ON r.seq = x.run JOIN hosts h ON h.id = x.host \
                       JOIN tasks t ON t.id = x.task LEFT JOIN differences d ON d.id = x.difference";

pub(super) fn entry(row: &Row) -> Entry {
    let text = |at: usize| row[at].clone().text();
    let maybe = |at: usize| row[at].clone().maybe_text();
    Entry {
        run: text(0),
        command: text(1),
        of: text(2),
        who: text(3),
        dry: row[4].int() != 0,
        started: time(&row[5]),
        host: text(6),
        task: task(&row[7..10]),
        status: Status::of(row[10].letter()).unwrap_or(Status::Unknown),
        message: maybe(11),
        title: maybe(12),
        summary: maybe(13),
        difference: maybe(14),
    }
}

fn entries(sql: &mut dyn Sql, filter: &Filter) -> Result<Vec<Entry>, String> {
    let mut only = Where::default();
    if let Some(host) = &filter.host {
        let rows = sql.rows(
            "SELECT id FROM hosts WHERE name = ?1",
            &[host.as_str().into()],
        )?;
        let Some(id) = rows.first().map(|r| r[0].int()) else {
            return Ok(Vec::new());
        };
        only.and("x.host = {}", id);
    }
    only.filter(filter);
    let condition = only.text();
    let limit = only.limit(filter.most);
    // Within a host in the order of the table, so that nothing has to be sorted.
    let text = format!(
        "SELECT {ENTRY} FROM {ENTRIES} {condition} ORDER BY x.run DESC, x.host, x.nth {limit}"
    );
    Ok(sql.rows(&text, &only.values)?.iter().map(entry).collect())
}

fn standing(sql: &mut dyn Sql) -> Result<Vec<Standing>, String> {
    let text = "SELECT w.job, h.name, w.state, w.since, r.name, r.started, r.dry FROM standing w \
                JOIN hosts h ON h.id = w.host JOIN runs r ON r.seq = w.run";
    let one = |row: &Row| Standing {
        job: row[0].clone().text(),
        host: row[1].clone().text(),
        state: Status::of(row[2].letter()).unwrap_or(Status::Unknown),
        dry: row[6].int() != 0,
        since: time(&row[3]),
        run: row[4].clone().text(),
        started: time(&row[5]),
    };
    let mut all: Vec<Standing> = sql.rows(text, &[])?.iter().map(one).collect();
    // Databases order names by their own rules.
    all.sort_by(|a, b| (&a.job, &a.host).cmp(&(&b.job, &b.host)));
    Ok(all)
}
