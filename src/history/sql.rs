//! The little that is asked of a database, so that one set of statements does for both kinds.
//!
//! Statements number their values as `?1`. Columns are whole numbers or texts, nothing else.

use super::Trouble;

/// A value that goes into a statement or comes out of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Val {
    Null,
    Int(i64),
    Text(String),
}

pub(super) type Row = Vec<Val>;

/// Values of one statement with many rows: less than either database takes at most, and few enough to
/// be read at once.
const MOST_VALUES: usize = 4000;

/// A connection to a database.
pub(super) trait Sql: Send {
    /// Carries out a statement, and says how many rows it was about.
    fn run(&mut self, sql: &str, values: &[Val]) -> Result<u64, String>;

    fn rows(&mut self, sql: &str, values: &[Val]) -> Result<Vec<Row>, String>;

    /// Carries out several statements without values.
    fn batch(&mut self, sql: &str) -> Result<(), String>;

    /// How words of the schema are written here.
    fn words(&self) -> &'static Words;
}

/// Words of a schema that databases write differently.
pub(super) struct Words {
    /// A number that rows are given as they come.
    pub(super) serial: &'static str,
    /// Behind a table whose rows are kept in the order of its key.
    pub(super) by_key: &'static str,
    /// Begins what is going to write.
    pub(super) begin: &'static str,
    /// Makes a place for the tables, and lets nobody else change the schema meanwhile.
    pub(super) prepare: &'static str,
}

impl Val {
    pub(super) fn int(&self) -> i64 {
        match self {
            Val::Int(number) => *number,
            Val::Null | Val::Text(_) => 0,
        }
    }

    pub(super) fn maybe_int(&self) -> Option<i64> {
        match self {
            Val::Int(number) => Some(*number),
            Val::Null | Val::Text(_) => None,
        }
    }

    pub(super) fn text(self) -> String {
        self.maybe_text().unwrap_or_default()
    }

    pub(super) fn maybe_text(self) -> Option<String> {
        match self {
            Val::Text(text) => Some(text),
            Val::Null | Val::Int(_) => None,
        }
    }

    /// A letter of [`super::Status`].
    pub(super) fn letter(&self) -> char {
        match self {
            Val::Text(text) => text.chars().next().unwrap_or(super::status::NOTHING),
            Val::Null | Val::Int(_) => super::status::NOTHING,
        }
    }
}

impl From<i64> for Val {
    fn from(number: i64) -> Val {
        Val::Int(number)
    }
}

impl From<u64> for Val {
    fn from(number: u64) -> Val {
        Val::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Val {
    fn from(text: &str) -> Val {
        // PostgreSQL has no text with this character.
        Val::Text(text.replace('\0', "\\x00"))
    }
}

impl From<Option<&str>> for Val {
    fn from(text: Option<&str>) -> Val {
        text.map_or(Val::Null, Val::from)
    }
}

impl From<Option<i64>> for Val {
    fn from(number: Option<i64>) -> Val {
        number.map_or(Val::Null, Val::Int)
    }
}

/// What a database said, as trouble with what was being done.
pub(super) fn said<T>(doing: &'static str, result: Result<T, String>) -> Result<T, Trouble> {
    result.map_err(|why| Trouble::Said { doing, why })
}

/// All of it, or nothing.
pub(super) fn whole<T>(
    sql: &mut dyn Sql,
    work: impl FnOnce(&mut dyn Sql) -> Result<T, String>,
) -> Result<T, String> {
    sql.batch(sql.words().begin)?;
    let done = work(sql);
    match done {
        Ok(value) => sql.batch("COMMIT").map(|()| value),
        Err(why) => {
            // The first thing that went wrong is what is told.
            let _ = sql.batch("ROLLBACK");
            Err(why)
        }
    }
}

/// Inserts rows, many with one statement. `tail` may say what is done about those that are there.
pub(super) fn insert(
    sql: &mut dyn Sql,
    into: &str,
    rows: &[Row],
    tail: &str,
) -> Result<(), String> {
    let Some(width) = rows.first().map(Vec::len) else {
        return Ok(());
    };
    for some in rows.chunks(MOST_VALUES / width.max(1)) {
        let text = format!(
            "INSERT INTO {into} VALUES {} {tail}",
            holes(some.len(), width)
        );
        let values: Vec<Val> = some.iter().flatten().cloned().collect();
        sql.run(&text, &values)?;
    }
    Ok(())
}

/// Asks about many values, some at a time: `{}` in the statement is where they go.
pub(super) fn among(sql: &mut dyn Sql, text: &str, values: &[Val]) -> Result<Vec<Row>, String> {
    let mut all = Vec::new();
    for some in values.chunks(MOST_VALUES) {
        let text = text.replace("{}", &holes(1, some.len()));
        all.extend(sql.rows(&text, some)?);
    }
    Ok(all)
}

/// `(?1, ?2), (?3, ?4)`
fn holes(rows: usize, width: usize) -> String {
    let row = |row: usize| {
        let columns = (1..=width).map(|column| format!("?{}", row * width + column));
        format!("({})", columns.collect::<Vec<_>>().join(","))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_through_all_rows() {
        assert_eq!(holes(2, 2), "(?1,?2),(?3,?4)");
        assert_eq!(holes(1, 3), "(?1,?2,?3)");
    }
}
