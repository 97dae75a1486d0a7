//! The directory database: SQLite or PostgreSQL behind one small face.
//!
//! Values are i64, text, bytes and null. Statements use `$1`, `$2`, ... and may contain `{for_update}` and
//! `{skip_locked}`, which lock rows on PostgreSQL and are nothing on SQLite, where one writer works at a time.
//! DDL uses `{int}` and `{blob}` and ends tables with `{strict}`.

pub mod migrate;
pub mod postgres;
pub mod sqlite;

use securechat_proto::Timestamp;
use std::path::Path;

pub use migrate::{Migration, RoomMigrations, migrations};

pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in storage. Texts name statements and columns, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Disk full, connection lost, pool exhausted: try later.
    #[error("storage is away or full")]
    Unavailable,
    /// The statement was refused; the text is the engine's error code.
    #[error("statement refused ({0})")]
    Statement(String),
    /// A row did not have the shape the code expects.
    #[error("column {0} has another type than expected")]
    Shape(usize),
    /// The file's settings would lose what was answered; the text names them.
    #[error("the database would lose what it acknowledged: {0}")]
    NotDurable(String),
    #[error("migration {room} {version} failed: {reason}")]
    Migration {
        room: String,
        version: u32,
        reason: String,
    },
}

/// One value of a row or a parameter.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    Null,
}

impl std::fmt::Debug for Value {
    /// The kind only; values may belong to a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Int(_) => "Int",
            Self::Text(_) => "Text",
            Self::Bytes(_) => "Bytes",
            Self::Null => "Null",
        })
    }
}

/// One row; columns by position.
pub struct Row(pub(crate) Vec<Value>);

impl Row {
    pub fn int(&self, at: usize) -> Result<i64> {
        match self.0.get(at) {
            Some(Value::Int(value)) => Ok(*value),
            _ => Err(Error::Shape(at)),
        }
    }

    /// A number that is never negative.
    pub fn uint(&self, at: usize) -> Result<u64> {
        u64::try_from(self.int(at)?).map_err(|_| Error::Shape(at))
    }

    pub fn time(&self, at: usize) -> Result<Timestamp> {
        self.uint(at).map(Timestamp)
    }

    pub fn text(&self, at: usize) -> Result<String> {
        match self.0.get(at) {
            Some(Value::Text(value)) => Ok(value.clone()),
            _ => Err(Error::Shape(at)),
        }
    }

    pub fn bytes(&self, at: usize) -> Result<Vec<u8>> {
        match self.0.get(at) {
            Some(Value::Bytes(value)) => Ok(value.clone()),
            _ => Err(Error::Shape(at)),
        }
    }

    /// Bytes of a fixed length, e.g. the inside of an id.
    pub fn array<const N: usize>(&self, at: usize) -> Result<[u8; N]> {
        self.bytes(at)?.try_into().map_err(|_| Error::Shape(at))
    }

    /// None for null, else what `read` makes of the column.
    pub fn maybe<T>(
        &self,
        at: usize,
        read: impl FnOnce(&Self, usize) -> Result<T>,
    ) -> Result<Option<T>> {
        match self.0.get(at) {
            Some(Value::Null) => Ok(None),
            Some(_) => read(self, at).map(Some),
            None => Err(Error::Shape(at)),
        }
    }
}

/// Parameters of a statement: `params![account_id, now, "text"]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::platform::db::Value::from($value)),*] };
}
pub use crate::params;

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

/// Numbers above 2^63 do not occur (times below 2^53, counters far below); they are cut rather than wrapped.
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        value.0.into()
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.into())
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Bytes(value.into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! ids {
    ($($id:ident),*) => { $(
        impl From<securechat_proto::$id> for Value {
            fn from(id: securechat_proto::$id) -> Self {
                Self::Bytes(id.to_vec())
            }
        }
    )* };
}
ids!(
    AccountId,
    DeviceId,
    EnvelopeId,
    Fingerprint,
    SessionId,
    SubmitId,
    TokenHash
);

/// The directory; clones share it.
#[derive(Clone)]
pub enum Directory {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Directory {
    /// A directory that lives in memory; no threads, so a simulator with paused time may use it.
    pub fn memory() -> Result<Self> {
        sqlite::Database::memory().map(Self::Sqlite)
    }

    /// A SQLite file: WAL, synchronous=FULL, one writer.
    pub fn file(path: &Path) -> Result<Self> {
        sqlite::Database::file(path).map(Self::Sqlite)
    }

    /// A PostgreSQL database by URL.
    pub fn postgres(url: &str) -> Result<Self> {
        postgres::Database::new(url).map(Self::Postgres)
    }

    /// Reads outside a transaction.
    pub async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(database) => database.read(sql, params).await,
            Self::Postgres(database) => database.query(sql, params).await,
        }
    }

    /// The first row, if there is one.
    pub async fn first(&self, sql: &str, params: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// One writing statement in a transaction of its own; rows changed.
    pub async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<u64> {
        let mut tx = self.begin().await?;
        let changed = tx.execute(sql, params).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Opens a transaction; on SQLite it waits for the one writer. Dropped without commit it rolls back.
    /// While it is open, read through it: a read beside it does not see its writes (and in memory waits for it).
    pub async fn begin(&self) -> Result<Tx> {
        match self {
            Self::Sqlite(database) => database.begin().await.map(Tx::Sqlite),
            Self::Postgres(database) => database.begin().await.map(Tx::Postgres),
        }
    }

    /// Brings every room's tables to its newest migration.
    pub async fn migrate_up(&self, rooms: &[RoomMigrations]) -> Result<()> {
        match self {
            Self::Sqlite(database) => database.migrate_up(rooms).await,
            Self::Postgres(database) => database.migrate_up(rooms).await,
        }
    }

    /// Takes back the newest migration of each room; the data in its tables is gone.
    pub async fn migrate_down(&self, rooms: &[RoomMigrations]) -> Result<()> {
        match self {
            Self::Sqlite(database) => database.migrate_down(rooms).await,
            Self::Postgres(database) => database.migrate_down(rooms).await,
        }
    }
}

/// An open transaction over any tables of the directory.
#[must_use = "a transaction that is not committed rolls back"]
pub enum Tx {
    Sqlite(sqlite::Tx),
    Postgres(postgres::Tx),
}

impl Tx {
    pub async fn query(&mut self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(tx) => tx.query(sql, params).await,
            Self::Postgres(tx) => tx.query(sql, params).await,
        }
    }

    pub async fn first(&mut self, sql: &str, params: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Rows changed.
    pub async fn execute(&mut self, sql: &str, params: Vec<Value>) -> Result<u64> {
        match self {
            Self::Sqlite(tx) => tx.execute(sql, params).await,
            Self::Postgres(tx) => tx.execute(sql, params).await,
        }
    }

    /// Makes the writes durable; when this returns they are on the disk.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
    }
}
