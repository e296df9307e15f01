//! A history in a file of its owner.

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql, params_from_iter};

use super::Trouble;
use super::sql::{Row, Sql, Val, Words};

/// Another run that writes down what it did is waited for so long.
const PATIENCE: Duration = Duration::from_secs(10);

static WORDS: Words = Words {
    serial: "INTEGER PRIMARY KEY AUTOINCREMENT",
    by_key: "WITHOUT ROWID",
    begin: "BEGIN IMMEDIATE",
    prepare: "",
};

pub(super) struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    /// Opens the file, and makes it for its owner only if it is not there.
    pub(super) fn open(path: &Path) -> Result<Sqlite, Trouble> {
        let closed = |why: String| Trouble::Closed {
            place: path.display().to_string(),
            why,
        };
        make(path).map_err(|e| closed(e.to_string()))?;
        // No URI: a path is a path, whatever it is called.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|e| closed(told(&e)))?;
        let mut sqlite = Sqlite { connection };
        sqlite.set().map_err(closed)?;
        Ok(sqlite)
    }

    fn set(&mut self) -> Result<(), String> {
        let c = &self.connection;
        c.busy_timeout(PATIENCE).map_err(|e| told(&e))?;
        // What a crash of the machine loses of it is the last runs, never the file.
        let text = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
                    PRAGMA trusted_schema = OFF;";
        c.execute_batch(text).map_err(|e| told(&e))?;
        // The log is moved into the file when it is large, not whenever a run ends.
        c.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map_err(|e| told(&e))?;
        c.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)
            .map_err(|e| told(&e))?;
        Ok(())
    }
}

/// SQLite's own files beside it are made with the mode of this one.
fn make(path: &Path) -> std::io::Result<()> {
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty());
    if let Some(dir) = dir {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
    }
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

/// What SQLite says, in the words of somebody who has a file before them.
fn told(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => "it is no SQLite file".into(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => "it is damaged".into(),
        Some(rusqlite::ErrorCode::DatabaseBusy) => format!(
            "another program has been writing to it for {} s",
            PATIENCE.as_secs()
        ),
        _ => error.to_string(),
    }
}

impl ToSql for Val {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Val::Null => ToSqlOutput::Owned(Value::Null),
            Val::Int(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Val::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

fn value(value: ValueRef<'_>) -> Val {
    match value {
        ValueRef::Integer(number) => Val::Int(number),
        ValueRef::Text(text) => Val::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => Val::Null,
    }
}

impl Sql for Sqlite {
    fn run(&mut self, sql: &str, values: &[Val]) -> Result<u64, String> {
        let done = self.connection.execute(sql, params_from_iter(values));
        done.map(|rows| rows as u64).map_err(|e| told(&e))
    }

    fn rows(&mut self, sql: &str, values: &[Val]) -> Result<Vec<Row>, String> {
        let ask = || -> rusqlite::Result<Vec<Row>> {
            let mut statement = self.connection.prepare(sql)?;
            let width = statement.column_count();
            let mut rows = statement.query(params_from_iter(values))?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let cells = (0..width).map(|at| row.get_ref(at).map(value));
                all.push(cells.collect::<rusqlite::Result<Row>>()?);
            }
            Ok(all)
        };
        ask().map_err(|e| told(&e))
    }

    fn batch(&mut self, sql: &str) -> Result<(), String> {
        self.connection.execute_batch(sql).map_err(|e| told(&e))
    }

    fn words(&self) -> &'static Words {
        &WORDS
    }
}
