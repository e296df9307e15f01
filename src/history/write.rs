//! Writing down a run: everything in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::record::{Difference, MOST_BODY, MOST_MESSAGE, cut, digest};
use super::sql::{Row, Sql, Val, among, insert, said, whole};
use super::status::NOTHING;
use super::{Record, Run, Store, Task, Trouble};

impl Store {
    /// Writes that a run goes on. [`Store::record`] with the same name ends it.
    pub fn begin(&mut self, run: &Run) -> Result<(), Trouble> {
        let sql = &mut *self.sql;
        let done = whole(sql, |sql| begun(sql, run, 0, None).map(drop));
        said("writing that a run began", done)
    }

    /// Writes down a run that has ended, with all that came of it.
    pub fn record(&mut self, record: &Record) -> Result<(), Trouble> {
        let sql = &mut *self.sql;
        said(
            "writing down a run",
            whole(sql, |sql| recorded(sql, record)),
        )
    }
}

fn millis(time: jiff::Timestamp) -> i64 {
    time.as_millisecond()
}

fn recorded(sql: &mut dyn Sql, record: &Record) -> Result<(), String> {
    let tasks = tasks(sql, &record.tasks)?;
    let list = list(sql, &tasks)?;
    let names: BTreeSet<&str> = record.hosts.iter().map(|h| h.host.as_str()).collect();
    let rows: Vec<Row> = names.iter().map(|n| vec![Val::from(*n)]).collect();
    let hosts = ids(sql, "hosts (name)", "name", rows)?;
    let lines: Vec<String> = record.hosts.iter().map(cells).collect();
    let patterns = patterns(sql, &lines)?;
    let results: usize = record.hosts.iter().map(|h| h.found.len()).sum();
    let weight = (record.hosts.len() + results) as i64;
    let run = begun(sql, &record.run, weight, Some(list))?;
    let differences = differences(sql, &record.differences, run)?;

    let host = |name: &str| hosts.get(name).copied().unwrap_or_default();
    let mut stands = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (stand, line) in record.hosts.iter().zip(&lines) {
        let id = host(&stand.host);
        let pattern = patterns.get(&digest([line.as_str()])).copied();
        let row = vec![
            id.into(),
            run.into(),
            stand.state.letter().to_string().as_str().into(),
            pattern.unwrap_or_default().into(),
            message(stand.message.as_deref()),
        ];
        stands.insert(id, row);
        for one in &stand.found {
            let Some(task) = tasks.get(one.task) else {
                continue;
            };
            let difference = one.difference.as_ref().and_then(|d| differences.get(d));
            let row = vec![
                id.into(),
                run.into(),
                (one.task as u64).into(),
                (*task).into(),
                one.status.letter().to_string().as_str().into(),
                difference.copied().into(),
                message(one.message.as_deref()),
            ];
            found.insert((id, one.task), row);
        }
    }
    let started = millis(record.run.started);
    let standing = stands.iter().map(|(host, row)| {
        let state = row[2].clone();
        let job = Val::from(record.run.job.as_str());
        vec![job, (*host).into(), run.into(), state, started.into()]
    });
    let standing: Vec<Row> = standing.collect();
    let stands: Vec<Row> = stands.into_values().collect();
    let found: Vec<Row> = found.into_values().collect();
    insert(
        sql,
        "stands (host, run, state, pattern, message)",
        &stands,
        "",
    )?;
    let into = "results (host, run, nth, task, status, difference, message)";
    insert(sql, into, &found, "")?;
    let into = "standing (job, host, run, state, since)";
    insert(sql, into, &standing, LATEST)
}

/// Since when a host stands as it does is said by the first run that found it so.
const LATEST: &str = "ON CONFLICT (job, host) DO UPDATE SET
    since = CASE WHEN standing.state = excluded.state THEN standing.since ELSE excluded.since END,
    run = excluded.run, state = excluded.state
    WHERE excluded.run >= standing.run";

fn message(text: Option<&str>) -> Val {
    let cut = text.map(|t| cut(t, MOST_MESSAGE));
    cut.as_deref().into()
}

fn cells(stand: &super::Stand) -> String {
    let letter = |c: &Option<super::Status>| c.map_or(NOTHING, super::Status::letter);
    stand.cells.iter().map(letter).collect()
}

/// Writes the row of a run, or over the one that said it began; its number.
fn begun(sql: &mut dyn Sql, run: &Run, weight: i64, list: Option<i64>) -> Result<i64, String> {
    let counts = run.counts;
    let values: Vec<Val> = vec![
        run.name.as_str().into(),
        run.command.as_str().into(),
        run.job.as_str().into(),
        run.of.as_str().into(),
        run.who.as_str().into(),
        i64::from(run.dry).into(),
        millis(run.started).into(),
        run.ended.map(millis).into(),
        run.exit.map(i64::from).into(),
        counts.hosts.into(),
        counts.good.into(),
        counts.differing.into(),
        counts.fixed.into(),
        counts.unknown.into(),
        counts.failed.into(),
        counts.unreachable.into(),
        counts.differences.into(),
        weight.into(),
        list.into(),
    ];
    const COLUMNS: &str = "name, command, job, subject, who, dry, started, ended, exit, hosts, good, \
                           differing, fixed, unknown, failed, unreachable, differences, weight, list";
    // What has ended once stays as it was written.
    let over: Vec<String> = COLUMNS
        .split(", ")
        .skip(1)
        .map(|c| format!("{c} = excluded.{c}"))
        .collect();
    let tail = format!(
        "ON CONFLICT (name) DO UPDATE SET {} WHERE runs.ended IS NULL",
        over.join(", ")
    );
    let holes: Vec<String> = (1..=values.len()).map(|n| format!("?{n}")).collect();
    let text = format!(
        "INSERT INTO runs ({COLUMNS}) VALUES ({}) {tail}",
        holes.join(", ")
    );
    if sql.run(&text, &values)? == 0 {
        return Err(format!("there is a run {} already", run.name));
    }
    let rows = sql.rows("SELECT seq FROM runs WHERE name = ?1", &values[..1])?;
    let number = rows.first().and_then(|r| r.first()).map(Val::int);
    number.ok_or_else(|| "the run is not there".to_owned())
}

/// Inserts what is not there yet, and gives the numbers of all. The first column of `into` names them.
fn ids(
    sql: &mut dyn Sql,
    into: &str,
    key: &str,
    mut rows: Vec<Row>,
) -> Result<HashMap<String, i64>, String> {
    // In one order, so that two runs that end together do not wait for each other.
    rows.sort_by_cached_key(|r| r.first().cloned().map(Val::text));
    let table = into.split(' ').next().unwrap_or(into);
    let keys: Vec<Val> = rows.iter().filter_map(|r| r.first().cloned()).collect();
    let known = known(sql, table, key, &keys)?;
    let is_new = |r: &Row| !known.contains_key(&r[0].clone().text());
    let new: Vec<Row> = rows.into_iter().filter(is_new).collect();
    if new.is_empty() {
        return Ok(known);
    }
    insert(sql, into, &new, &format!("ON CONFLICT ({key}) DO NOTHING"))?;
    self::known(sql, table, key, &keys)
}

fn known(
    sql: &mut dyn Sql,
    table: &str,
    key: &str,
    keys: &[Val],
) -> Result<HashMap<String, i64>, String> {
    let text = format!("SELECT {key}, id FROM {table} WHERE {key} IN {{}}");
    let rows = among(sql, &text, keys)?;
    let pair = |mut row: Row| {
        let id = row.pop().map_or(0, |v| v.int());
        (row.pop().map(Val::text).unwrap_or_default(), id)
    };
    Ok(rows.into_iter().map(pair).collect())
}

fn task_digest(task: &Task) -> String {
    digest([task.address.as_str(), &task.name, &task.place])
}

/// The numbers of tasks, in their order.
fn tasks(sql: &mut dyn Sql, tasks: &[Task]) -> Result<Vec<i64>, String> {
    let rows: BTreeMap<String, Row> = tasks
        .iter()
        .map(|task| {
            let digest = task_digest(task);
            let row = vec![
                digest.as_str().into(),
                task.address.as_str().into(),
                task.name.as_str().into(),
                task.place.as_str().into(),
            ];
            (digest, row)
        })
        .collect();
    let rows: Vec<Row> = rows.into_values().collect();
    let ids = ids(sql, "tasks (digest, address, name, place)", "digest", rows)?;
    let id = |task: &Task| ids.get(&task_digest(task)).copied().unwrap_or_default();
    Ok(tasks.iter().map(id).collect())
}

fn list(sql: &mut dyn Sql, tasks: &[i64]) -> Result<i64, String> {
    let text: Vec<String> = tasks.iter().map(ToString::to_string).collect();
    let text = text.join(" ");
    let digest = digest([text.as_str()]);
    let row = vec![digest.as_str().into(), text.as_str().into()];
    let ids = ids(sql, "lists (digest, tasks)", "digest", vec![row])?;
    Ok(ids.get(&digest).copied().unwrap_or_default())
}

fn patterns(sql: &mut dyn Sql, lines: &[String]) -> Result<HashMap<String, i64>, String> {
    let lines: BTreeSet<&str> = lines.iter().map(String::as_str).collect();
    let row = |line: &str| vec![digest([line]).as_str().into(), line.into()];
    let rows: Vec<Row> = lines.into_iter().map(row).collect();
    ids(sql, "patterns (digest, cells)", "digest", rows)
}

fn differences(
    sql: &mut dyn Sql,
    differences: &BTreeMap<String, Difference>,
    run: i64,
) -> Result<HashMap<String, i64>, String> {
    let row = |(digest, difference): (&String, &Difference)| -> Row {
        vec![
            digest.as_str().into(),
            cut(&difference.title, MOST_MESSAGE).as_str().into(),
            cut(&difference.summary, MOST_MESSAGE).as_str().into(),
            cut(&difference.body, MOST_BODY).as_str().into(),
            run.into(),
        ]
    };
    let rows: Vec<Row> = differences.iter().map(row).collect();
    let keys: Vec<Val> = rows.iter().map(|r| r[0].clone()).collect();
    // The last run that met it says when it may be forgotten.
    let into = "differences (digest, title, summary, body, last)";
    let tail = "ON CONFLICT (digest) DO UPDATE SET last = excluded.last";
    insert(sql, into, &rows, tail)?;
    known(sql, "differences", "digest", &keys)
}
