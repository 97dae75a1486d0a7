//! The one encrypted SQLite file of an account on this device: opening, pragmas, schema version.
//!
//! Knows: where the file is, its key, its schema. Must never know: what a row means.
//! Deleted text leaves no trace: `secure_delete` for pages, the FTS5 option of the same name for search terms, and a
//! truncating checkpoint after deletions for the write-ahead log; all three are needed.

mod migrations;
pub(crate) mod rows;

use crate::error::OpenError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use zeroize::Zeroizing;

/// The database key: 32 random bytes, wrapped by passphrase or passkey outside of the engine.
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

/// Where the store is.
pub enum Store {
    /// A file: SQLCipher natively, sqlite3mc `chacha20` on OPFS in a browser (the shell has installed the file system).
    /// Without a key it is not encrypted.
    File { path: String, key: Option<Key> },
    /// Gone when the engine is dropped.
    Memory,
}

/// The write-ahead log is cut back to this many bytes whenever it was folded into the file.
const WAL_BYTES_KEPT: u32 = 4 * 1024 * 1024;

/// Pages kept decrypted in memory, KiB: what a search and a day's messages touch of a store of 100,000 messages.
const CACHE_KIB: u32 = 16 * 1024;

/// Opens and, where needed, creates or upgrades the store.
///
/// # Errors
/// [`OpenError`]; the file is left as it was.
pub(crate) fn open(store: Store) -> Result<Connection, OpenError> {
    let mut db = match store {
        Store::Memory => Connection::open_in_memory().map_err(reason)?,
        Store::File { path, key } => {
            let db = open_file(&path).map_err(reason)?;
            if let Some(key) = key {
                unlock(&db, &key).map_err(reason)?;
            }
            db
        }
    };
    prepare(&db).map_err(reason)?;
    migrations::run(&mut db)?;
    db.set_prepared_statement_cache_capacity(256);
    Ok(db)
}

#[cfg(not(target_arch = "wasm32"))]
fn open_file(path: &str) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, flags())
}

/// sqlite3mc encrypts only through its own file system; on the plain one it would silently write plaintext.
#[cfg(target_arch = "wasm32")]
fn open_file(path: &str) -> rusqlite::Result<Connection> {
    Connection::open_with_flags_and_vfs(path, flags(), c"multipleciphers-opfs-sahpool")
}

fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

fn unlock(db: &Connection, key: &Key) -> rusqlite::Result<()> {
    let mut pragma = Zeroizing::new(String::with_capacity(128));
    pragma.push_str(if cfg!(target_arch = "wasm32") {
        "PRAGMA cipher='chacha20';"
    } else {
        // SQLCipher would write to the standard error of whoever runs us; what is wrong we say ourselves.
        "PRAGMA cipher_log_level=NONE;"
    });
    pragma.push_str("PRAGMA key=\"x'");
    for byte in key.0.iter() {
        for nibble in [byte >> 4, byte & 15] {
            pragma.push(char::from_digit(nibble.into(), 16).unwrap_or('0'));
        }
    }
    pragma.push_str("'\";");
    db.execute_batch(&pragma)
}

/// EXCLUSIVE stands before the first read: the browser's file system has no shared memory, so a store left in WAL mode
/// would not open.
/// FULL: a send must be on disk before its bytes leave, else a power cut would roll a ratchet back.
fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch("PRAGMA locking_mode=EXCLUSIVE;")?;
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    db.execute_batch(&format!(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
         PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON;
         PRAGMA journal_size_limit={WAL_BYTES_KEPT}; PRAGMA wal_autocheckpoint=1000;
         PRAGMA cache_size=-{CACHE_KIB};"
    ))
}

/// Folds the write-ahead log into the file and empties it, so that deleted bytes are gone from both.
pub(crate) fn checkpoint(db: &Connection) -> rusqlite::Result<()> {
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

fn reason(error: rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::WrongKey,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked,
        Some(ErrorCode::DiskFull) => OpenError::Full,
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Corrupt,
        _ => OpenError::Unreadable,
    }
}

#[cfg(test)]
mod tests;
