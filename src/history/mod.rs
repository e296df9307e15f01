//! What came of runs, kept for months: who ran what, how every host stood, what differed.
//!
//! The journal holds what was done to a host, so that it can be undone; the history holds what came of
//! every run, checks too, so that it can be asked. It is an SQLite file of its owner, or a PostgreSQL
//! database of a team: one schema and one set of statements for both ([`sql`]).
//!
//! A run costs what it found: how the tasks of a host went is one line of letters that hosts and runs
//! share, so that a run with nothing to tell adds one short row a host. Differences are kept once, by
//! their digest. Whoever makes a [`Record`] has masked what is in it.

mod keep;
mod news;
mod place;
mod postgres;
mod read;
mod record;
mod schema;
mod sql;
mod sqlite;
mod status;
mod write;

#[cfg(test)]
mod tests;

use std::fmt;

pub use keep::Keep;
pub use news::News;
pub use place::{Place, Wrong};
pub use read::{Entry, Filter, Hits, Point, Sheet, Standing};
pub use record::{Counts, Difference, Found, Record, Run, Stand, Task, digest};
pub use status::{Kind, Status};

use sql::Sql;

/// What a history could not do.
#[derive(Debug)]
pub enum Trouble {
    /// It cannot be opened: where, and why.
    Closed { place: String, why: String },
    /// A newer palisade made it.
    Newer { found: i64, known: i64 },
    /// What was being done, and what the database said.
    Said { doing: &'static str, why: String },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Closed { place, why } => {
                write!(f, "the history {place} cannot be opened: {why}")
            }
            Trouble::Newer { found, known } => write!(
                f,
                "the history has format {found}, and this palisade knows up to {known}"
            ),
            Trouble::Said { doing, why } => write!(f, "the history failed {doing}: {why}"),
        }
    }
}

impl std::error::Error for Trouble {}

/// An open history. Several programs may have the same one open.
pub struct Store {
    sql: Box<dyn Sql>,
}

impl Store {
    /// Opens a history and makes it if it is not there; an older schema is brought up to date.
    pub fn open(place: &Place) -> Result<Store, Trouble> {
        let mut sql: Box<dyn Sql> = match place {
            Place::File(path) => Box::new(sqlite::Sqlite::open(path)?),
            Place::Server(server) => Box::new(postgres::Postgres::open(server)?),
        };
        schema::migrate(&mut *sql)?;
        Ok(Store { sql })
    }
}
