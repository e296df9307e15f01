//! The tables, and the way from every earlier form of them to this one.

use super::Trouble;
use super::sql::{Sql, Val, said, whole};

/// Each makes the form with its number, counted from one, of the form before. What is here was written
/// to people's disks: a change is a new entry.
const STEPS: [&str; 2] = [FIRST, FIXED];

/// Words in braces are the database's own. Times are milliseconds since 1970, UTC.
///
/// `seq` orders runs. `cells` has a letter for each task of `lists.tasks`, a line of ids, and
/// `nth` is a place in it. `standing` is
/// the last word on each host for each job, so that nobody has to look for it.
const FIRST: &str = "
CREATE TABLE lists (id {serial}, digest TEXT NOT NULL UNIQUE, tasks TEXT NOT NULL);
CREATE TABLE runs (
  seq {serial}, name TEXT NOT NULL UNIQUE, command TEXT NOT NULL, job TEXT NOT NULL,
  subject TEXT NOT NULL, who TEXT NOT NULL, dry BIGINT NOT NULL, started BIGINT NOT NULL,
  ended BIGINT, exit BIGINT, hosts BIGINT NOT NULL, good BIGINT NOT NULL, differing BIGINT NOT NULL,
  unknown BIGINT NOT NULL, failed BIGINT NOT NULL, unreachable BIGINT NOT NULL,
  differences BIGINT NOT NULL, weight BIGINT NOT NULL, list BIGINT
);
CREATE INDEX runs_job ON runs (job, seq);
CREATE INDEX runs_started ON runs (started);
CREATE TABLE hosts (id {serial}, name TEXT NOT NULL UNIQUE);
CREATE TABLE tasks (
  id {serial}, digest TEXT NOT NULL UNIQUE, address TEXT NOT NULL, name TEXT NOT NULL,
  place TEXT NOT NULL
);
CREATE TABLE patterns (id {serial}, digest TEXT NOT NULL UNIQUE, cells TEXT NOT NULL);
CREATE TABLE differences (
  id {serial}, digest TEXT NOT NULL UNIQUE, title TEXT NOT NULL, summary TEXT NOT NULL,
  body TEXT NOT NULL, last BIGINT NOT NULL
);
CREATE INDEX differences_last ON differences (last);
CREATE TABLE stands (
  host BIGINT NOT NULL, run BIGINT NOT NULL, state TEXT NOT NULL, pattern BIGINT NOT NULL,
  message TEXT, PRIMARY KEY (host, run)
) {by_key};
CREATE INDEX stands_run ON stands (run);
CREATE TABLE results (
  host BIGINT NOT NULL, run BIGINT NOT NULL, nth BIGINT NOT NULL, task BIGINT NOT NULL,
  status TEXT NOT NULL, difference BIGINT, message TEXT, PRIMARY KEY (host, run, nth)
) {by_key};
CREATE INDEX results_run ON results (run);
CREATE TABLE standing (
  job TEXT NOT NULL, host BIGINT NOT NULL, run BIGINT NOT NULL, state TEXT NOT NULL,
  since BIGINT NOT NULL, PRIMARY KEY (job, host)
) {by_key};
";

/// Hosts that a run corrected.
const FIXED: &str = "ALTER TABLE runs ADD COLUMN fixed BIGINT NOT NULL DEFAULT 0;";

/// The form that is written.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// Brings the tables up to date, one palisade at a time.
pub(super) fn migrate(sql: &mut dyn Sql) -> Result<(), Trouble> {
    let found = version(sql);
    if found == Some(VERSION) {
        return Ok(());
    }
    let found = said("bringing its tables up to date", whole(sql, bring_up))?;
    match found > VERSION {
        true => Err(Trouble::Newer {
            found,
            known: VERSION,
        }),
        false => Ok(()),
    }
}

/// The form that is there, if any is. Asked without a lock: most of the time nothing is to be done.
fn version(sql: &mut dyn Sql) -> Option<i64> {
    let rows = sql.rows("SELECT number FROM version", &[]).ok()?;
    rows.first()?.first().map(Val::int)
}

/// The form that was there, or that there is now.
fn bring_up(sql: &mut dyn Sql) -> Result<i64, String> {
    sql.batch(sql.words().prepare)?;
    sql.batch("CREATE TABLE IF NOT EXISTS version (number BIGINT NOT NULL)")?;
    let found = version(sql).unwrap_or(0);
    if found >= VERSION {
        return Ok(found);
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        let words = sql.words();
        let step = step.replace("{serial}", words.serial);
        sql.batch(&step.replace("{by_key}", words.by_key))?;
    }
    sql.batch("DELETE FROM version")?;
    sql.run("INSERT INTO version VALUES (?1)", &[VERSION.into()])?;
    Ok(VERSION)
}
