//! SQLite: one writer connection behind an async lock, a few readers beside it (WAL).
//!
//! A file's connections live on threads of their own, so that an fsync never stalls the runtime. In memory there is
//! one connection, used in place.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::migrate::{self, RoomMigrations, for_sqlite};
use super::{Error, Result, Row, Value};

const READERS: usize = 2;
/// Prepared statements kept per connection.
const STATEMENTS: usize = 128;

#[derive(Clone)]
pub struct Database {
    writer: Worker,
    /// Held for the length of a transaction.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Empty in memory: there the writer reads, too.
    readers: Arc<Vec<Worker>>,
    next: Arc<AtomicUsize>,
}

impl Database {
    pub fn memory() -> Result<Self> {
        let connection = Connection::open_in_memory().map_err(refused)?;
        prepare(&connection)?;
        Ok(Self::over(Worker::in_place(connection), Vec::new()))
    }

    pub fn file(path: &Path) -> Result<Self> {
        let writer = open_file(path)?;
        let readers = (0..READERS)
            .map(|_| {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(path, flags).map_err(refused)?;
                connection
                    .busy_timeout(std::time::Duration::from_secs(10))
                    .map_err(refused)?;
                connection.set_prepared_statement_cache_capacity(STATEMENTS);
                Worker::on_thread(connection, "directory-read")
            })
            .collect::<Result<_>>()?;
        Ok(Self::over(
            Worker::on_thread(writer, "directory-write")?,
            readers,
        ))
    }

    fn over(writer: Worker, readers: Vec<Worker>) -> Self {
        Self {
            writer,
            turn: Arc::default(),
            readers: Arc::new(readers),
            next: Arc::default(),
        }
    }

    pub(super) async fn read(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        let sql = statement(sql);
        if self.readers.is_empty() {
            let _turn = self.turn.lock().await;
            return self
                .writer
                .run(move |connection| query(connection, &sql, &params))
                .await?;
        }
        let at = self.next.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        self.readers[at]
            .run(move |connection| query(connection, &sql, &params))
            .await?
    }

    pub(super) async fn begin(&self) -> Result<Tx> {
        let turn = self.turn.clone().lock_owned().await;
        self.writer
            .run(|connection| connection.execute_batch("BEGIN IMMEDIATE").map_err(refused))
            .await??;
        Ok(Tx {
            writer: self.writer.clone(),
            open: true,
            _turn: turn,
        })
    }

    pub(super) async fn migrate_up(&self, rooms: &[RoomMigrations]) -> Result<()> {
        let rooms = rooms.to_vec();
        let _turn = self.turn.lock().await;
        self.writer
            .run(move |connection| migrate_up(connection, &rooms))
            .await?
    }

    pub(super) async fn migrate_down(&self, rooms: &[RoomMigrations]) -> Result<()> {
        let rooms = rooms.to_vec();
        let _turn = self.turn.lock().await;
        self.writer
            .run(move |connection| migrate_down(connection, &rooms))
            .await?
    }
}

pub struct Tx {
    writer: Worker,
    open: bool,
    _turn: OwnedMutexGuard<()>,
}

impl Tx {
    pub(super) async fn query(&mut self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        let sql = statement(sql);
        self.writer
            .run(move |connection| query(connection, &sql, &params))
            .await?
    }

    pub(super) async fn execute(&mut self, sql: &str, params: Vec<Value>) -> Result<u64> {
        let sql = statement(sql);
        self.writer
            .run(move |connection| {
                let mut prepared = connection.prepare_cached(&sql).map_err(refused)?;
                let changed = prepared
                    .execute(params_from_iter(&params))
                    .map_err(refused)?;
                Ok(changed as u64)
            })
            .await?
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        self.writer
            .run(|connection| connection.execute_batch("COMMIT").map_err(refused))
            .await??;
        self.open = false;
        Ok(())
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if self.open {
            self.writer.post(|connection| {
                // Refused only when the engine already rolled back by itself (disk full).
                let _ = connection.execute_batch("ROLLBACK");
            });
        }
    }
}

/// Opens or makes a database file as every file of the relay is opened: WAL, FULL, secure_delete, one writer, read by
/// its owner only.
///
/// # Errors
/// [`Error::NotDurable`]: SQLite did not take the settings, which it does silently where a file system has no shared
/// memory.
pub fn open_file(path: &Path) -> Result<Connection> {
    make_private(path).map_err(|_| Error::Unavailable)?;
    open_durable(path)
}

fn open_durable(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path).map_err(refused)?;
    prepare(&connection)?;
    let has = durability(&connection)?;
    if has != DURABLE {
        return Err(Error::NotDurable(has));
    }
    Ok(connection)
}

/// What [`durability`] says of a connection whose commits are on the disk when they return.
pub const DURABLE: &str = "journal_mode=wal, synchronous=2";

/// The settings of an open connection that decide whether a commit survives a loss of power.
pub fn durability(connection: &Connection) -> Result<String> {
    let journal_mode: String = connection
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .map_err(refused)?;
    let synchronous: i64 = connection
        .query_row("PRAGMA synchronous", [], |row| row.get(0))
        .map_err(refused)?;
    Ok(format!(
        "journal_mode={journal_mode}, synchronous={synchronous}"
    ))
}

/// SQLite would let everybody read a file that it makes. Its log gets the mode of the file. A file that is there is not
/// opened: closing it would take the locks of this process on it away.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(file) => file.set_permissions(std::fs::Permissions::from_mode(0o600)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn prepare(connection: &Connection) -> Result<()> {
    connection
        .busy_timeout(std::time::Duration::from_secs(10))
        .map_err(refused)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA foreign_keys=ON; \
             PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-16384; PRAGMA trusted_schema=OFF;",
        )
        .map_err(refused)
}

/// Brings a connection's tables to the newest step of each room, each step in a transaction of its own.
pub fn migrate_up(connection: &mut Connection, rooms: &[RoomMigrations]) -> Result<()> {
    connection
        .execute_batch(&for_sqlite(migrate::TABLE))
        .map_err(refused)?;
    for room in rooms {
        let found = version(connection, room)?;
        migrate::check_known(room, found)?;
        for step in room.steps.iter().filter(|step| step.version > found) {
            let failed = |error: rusqlite::Error| migrate::failed(room.room, step.version, &error);
            let tx = connection.transaction().map_err(failed)?;
            tx.execute_batch(&for_sqlite(step.up)).map_err(failed)?;
            tx.execute(&statement(migrate::REMEMBER), (room.room, step.version))
                .map_err(failed)?;
            tx.commit().map_err(failed)?;
        }
    }
    Ok(())
}

/// Takes back the newest step of each room, the last room first.
pub fn migrate_down(connection: &mut Connection, rooms: &[RoomMigrations]) -> Result<()> {
    connection
        .execute_batch(&for_sqlite(migrate::TABLE))
        .map_err(refused)?;
    for room in rooms.iter().rev() {
        let found = version(connection, room)?;
        migrate::check_known(room, found)?;
        let Some(step) = room.steps.iter().find(|step| step.version == found) else {
            continue;
        };
        let failed = |error: rusqlite::Error| migrate::failed(room.room, step.version, &error);
        let tx = connection.transaction().map_err(failed)?;
        tx.execute_batch(&for_sqlite(step.down)).map_err(failed)?;
        tx.execute(&statement(migrate::FORGET), (room.room, step.version))
            .map_err(failed)?;
        tx.commit().map_err(failed)?;
    }
    Ok(())
}

/// Why [`migrate_up`] would refuse the database, room by room. Writes nothing.
pub fn refusals(connection: &Connection, rooms: &[RoomMigrations]) -> Vec<Error> {
    match connection.table_exists(None, "platform_migrations") {
        Ok(true) => {}
        Ok(false) => return Vec::new(),
        Err(error) => return vec![refused(error)],
    }
    let known = |room| migrate::check_known(room, version(connection, room)?);
    rooms.iter().filter_map(|room| known(room).err()).collect()
}

fn version(connection: &Connection, room: &RoomMigrations) -> Result<u32> {
    connection
        .query_row(&statement(migrate::VERSION), [room.room], |row| row.get(0))
        .map_err(refused)
}

/// `$n` becomes `?n`; row locks are nothing here.
pub fn statement(sql: &str) -> String {
    sql.replace("{for_update}", "")
        .replace("{skip_locked}", "")
        .replace('$', "?")
}

fn query(connection: &Connection, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
    let mut prepared = connection.prepare_cached(sql).map_err(refused)?;
    let columns = prepared.column_count();
    let mut rows = prepared.query(params_from_iter(params)).map_err(refused)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(refused)? {
        let values = (0..columns)
            .map(|at| match row.get_ref(at).map_err(refused)? {
                ValueRef::Null => Ok(Value::Null),
                ValueRef::Integer(value) => Ok(Value::Int(value)),
                ValueRef::Text(text) => String::from_utf8(text.to_vec())
                    .map(Value::Text)
                    .map_err(|_| Error::Shape(at)),
                ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
                ValueRef::Real(_) => Err(Error::Shape(at)),
            })
            .collect::<Result<_>>()?;
        found.push(Row(values));
    }
    Ok(found)
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(rusqlite::types::ToSqlOutput::Borrowed(match self {
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
            Self::Null => ValueRef::Null,
        }))
    }
}

/// The engine's error as ours: the code only, because its text may quote a value.
#[allow(clippy::needless_pass_by_value)]
pub fn refused(error: rusqlite::Error) -> Error {
    match error.sqlite_error() {
        Some(inner) => match inner.code {
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly => Error::Unavailable,
            _ => Error::Statement(format!("sqlite {}", inner.extended_code)),
        },
        None => Error::Statement("sqlite interface".into()),
    }
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A connection and the place where it works.
#[derive(Clone)]
enum Worker {
    InPlace(Arc<Mutex<Connection>>),
    Thread(mpsc::Sender<Job>),
}

impl Worker {
    fn in_place(connection: Connection) -> Self {
        Self::InPlace(Arc::new(Mutex::new(connection)))
    }

    /// The thread ends when the last handle is dropped.
    fn on_thread(mut connection: Connection, name: &str) -> Result<Self> {
        let (sender, jobs) = mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                for job in jobs {
                    job(&mut connection);
                }
            })
            .map_err(|_| Error::Unavailable)?;
        Ok(Self::Thread(sender))
    }

    async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> R + Send + 'static,
    ) -> Result<R> {
        match self {
            Self::InPlace(connection) => Ok(work(
                &mut connection.lock().unwrap_or_else(PoisonError::into_inner),
            )),
            Self::Thread(jobs) => {
                let (answer, answered) = oneshot::channel();
                jobs.send(Box::new(move |connection| {
                    let _ = answer.send(work(connection));
                }))
                .map_err(|_| Error::Unavailable)?;
                answered.await.map_err(|_| Error::Unavailable)
            }
        }
    }

    /// Runs without waiting; used where nothing can wait.
    fn post(&self, work: impl FnOnce(&mut Connection) + Send + 'static) {
        match self {
            Self::InPlace(connection) => {
                work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
            }
            Self::Thread(jobs) => {
                let _ = jobs.send(Box::new(work));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_that_takes_no_log_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        // A file system without locks, to SQLite.
        let uri = format!("file:{}/mailbox.db?vfs=unix-none", folder.path().display());
        assert_eq!(
            open_durable(Path::new(&uri)).err(),
            Some(Error::NotDurable(
                "journal_mode=delete, synchronous=2".into()
            ))
        );
    }

    #[test]
    fn only_its_owner_reads_a_new_database_and_its_log() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))
            .expect("a mode");
        let database = open_file(&folder.path().join("mailbox.db")).expect("a database");
        database
            .execute_batch("CREATE TABLE platform_made (something TEXT)")
            .expect("a table");
        let mut seen = 0;
        for file in std::fs::read_dir(folder.path()).expect("the folder") {
            let mode = file
                .and_then(|file| file.metadata())
                .expect("a file")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
            seen += 1;
        }
        assert_eq!(seen, 3, "database, log and index of the log");
    }
}
