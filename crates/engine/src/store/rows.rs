//! Short names for the three things done with SQL here: run, read one row, read all rows. Statements are cached.

use crate::error::Outcome;
use rusqlite::{Connection, OptionalExtension, Params, Row};

/// A connection inside the transaction of the present input (or a plain read).
#[derive(Clone, Copy)]
pub(crate) struct Db<'a>(pub &'a Connection);

impl Db<'_> {
    /// Runs a statement that answers no rows; tells how many rows it changed.
    pub fn run(&self, sql: &str, values: impl Params) -> Outcome<usize> {
        Ok(self.0.prepare_cached(sql)?.execute(values)?)
    }

    /// Reads the first row, if there is one.
    pub fn one<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Outcome<Option<T>> {
        Ok(self
            .0
            .prepare_cached(sql)?
            .query_row(values, read)
            .optional()?)
    }

    /// Reads every row; callers bound the number with LIMIT or by what they store.
    pub fn all<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Outcome<Vec<T>> {
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map(values, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Reads one number; 0 when there is none.
    pub fn number(&self, sql: &str, values: impl Params) -> Outcome<i64> {
        Ok(self
            .one(sql, values, |row| row.get::<_, Option<i64>>(0))?
            .flatten()
            .unwrap_or(0))
    }

    pub fn exists(&self, sql: &str, values: impl Params) -> Outcome<bool> {
        Ok(self.one(sql, values, |_| Ok(()))?.is_some())
    }
}

/// SQLite integers are signed; times and counters of ours stay far below 2^63.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The way back; a negative number in a column of ours reads as 0.
pub(crate) fn uint(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
