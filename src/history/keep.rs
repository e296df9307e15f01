//! How long what is kept.

use std::time::Duration;

use jiff::Timestamp;

use super::sql::{Sql, Val, said, whole};
use super::{Store, Trouble};

/// What is kept: whatever is more goes, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Runs that began longer ago go.
    pub age: Duration,
    /// So many runs stay.
    pub runs: u64,
    /// So many rows stay, one for each host of a run and one for each thing found.
    pub rows: u64,
}

impl Default for Keep {
    /// A quarter, every ten minutes of it, and less than 1 GB.
    fn default() -> Keep {
        Keep {
            age: Duration::from_secs(90 * 24 * 3600),
            runs: 13_000,
            rows: 3_000_000,
        }
    }
}

/// Runs that go at once, so that no run waits long for those before it.
const MOST_AT_ONCE: i64 = 200;

impl Store {
    /// Removes what is more than is kept, some of it at a time; how many runs that were.
    pub fn prune(&mut self, keep: &Keep, now: Timestamp) -> Result<u64, Trouble> {
        let sql = &mut *self.sql;
        let gone = last_to_go(sql, keep, now).and_then(|last| match last {
            Some(last) => whole(sql, |sql| remove(sql, last)),
            None => Ok(0),
        });
        said("removing old runs", gone)
    }
}

/// The youngest run that goes, no further than is removed at once.
fn last_to_go(sql: &mut dyn Sql, keep: &Keep, now: Timestamp) -> Result<Option<i64>, String> {
    let first = |rows: Vec<Vec<Val>>| rows.first().and_then(|r| r.first()?.maybe_int());
    let text = "SELECT COUNT(*), CAST(SUM(weight) AS BIGINT) FROM runs";
    let all = sql.rows(text, &[])?;
    let number = |at: usize| {
        all.first()
            .and_then(|r| r.get(at)?.maybe_int())
            .unwrap_or(0)
    };
    let (mut runs, mut rows) = (number(0), number(1));
    let age = i64::try_from(keep.age.as_millis()).unwrap_or(i64::MAX);
    let oldest = now.as_millisecond().saturating_sub(age);
    let begun = first(sql.rows("SELECT MIN(started) FROM runs", &[])?);
    let fits = |runs: i64, rows: i64| runs as u64 <= keep.runs && rows as u64 <= keep.rows;
    if fits(runs, rows) && begun.is_none_or(|b| b >= oldest) {
        return Ok(None);
    }
    let text = "SELECT seq, started, weight FROM runs ORDER BY seq LIMIT ?1";
    let mut last = None;
    for row in sql.rows(text, &[MOST_AT_ONCE.into()])? {
        if fits(runs, rows) && row[1].int() >= oldest {
            break;
        }
        runs -= 1;
        rows -= row[2].int();
        last = Some(row[0].int());
    }
    Ok(last)
}

fn remove(sql: &mut dyn Sql, last: i64) -> Result<u64, String> {
    let upto = [Val::Int(last)];
    sql.run("DELETE FROM results WHERE run <= ?1", &upto)?;
    sql.run("DELETE FROM stands WHERE run <= ?1", &upto)?;
    sql.run("DELETE FROM standing WHERE run <= ?1", &upto)?;
    sql.run("DELETE FROM differences WHERE last <= ?1", &upto)?;
    let gone = sql.run("DELETE FROM runs WHERE seq <= ?1", &upto)?;
    let unused = "DELETE FROM lists WHERE id NOT IN \
                  (SELECT list FROM runs WHERE list IS NOT NULL)";
    sql.run(unused, &[])?;
    Ok(gone)
}
