//! The encrypted store of one account: its folder, its key, opening it.
//!
//! The key lies beside the database in a file only its owner can read, unless SECURECHAT_STORE_KEY names another file:
//! encryption helps against a copied database, not against someone who reads the whole folder.

use crate::driver::now;
use anyhow::{Context, Result};
use securechat_engine::{Engine, Key, OpenError, Store};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The store did not open; the files are as they were.
#[derive(Debug, thiserror::Error)]
pub enum StoreFailure {
    #[error("the store cannot be opened: {}", words(*.0))]
    Open(OpenError),
    #[error("the key file does not hold 32 bytes")]
    Key,
    /// A fresh key would open nothing and hide that the right one is missing.
    #[error(
        "there is a store, but not its key {0}: put the file back, or say by SECURECHAT_STORE_KEY where it is"
    )]
    NoKey(String),
    #[error("the folder or a file of the store")]
    File(#[from] io::Error),
}

impl StoreFailure {
    /// Stable, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open(error) => error.code(),
            Self::Key => "wrong_key",
            Self::NoKey(_) => "no_key",
            Self::File(_) => "unreadable",
        }
    }
}

fn words(error: OpenError) -> String {
    match error {
        OpenError::Locked => {
            "another securechat-cli has it open; a running `bot` takes orders on its standard input"
                .to_owned()
        }
        error => error.to_string(),
    }
}

/// `--store`, else `~/.securechat`.
pub fn folder(asked: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(folder) = asked {
        return Ok(folder);
    }
    let home = std::env::var_os("HOME").context("no home folder: give --store")?;
    Ok(Path::new(&home).join(".securechat"))
}

/// Whether there is something to open in `folder`.
pub fn exists(folder: &Path) -> bool {
    database(folder).exists()
}

/// Opens the store in `folder`, or makes an empty one.
pub fn open(folder: &Path) -> Result<Engine> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(StoreFailure::File)?;
    let key = match read_key(&key_path(folder))? {
        Some(key) => key,
        None if exists(folder) => {
            let missing = key_path(folder).to_string_lossy().into_owned();
            return Err(StoreFailure::NoKey(missing).into());
        }
        None => make_key(&key_path(folder))?,
    };
    let path = database(folder).to_string_lossy().into_owned();
    let seed = random()?;
    let store = Store::File {
        path,
        key: Some(Key::new(key)),
    };
    Ok(Engine::open(store, seed, now()).map_err(StoreFailure::Open)?)
}

/// Deletes database and key.
pub fn erase(folder: &Path) -> Result<()> {
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        remove(&folder.join(name))?;
    }
    remove(&key_path(folder))
}

fn database(folder: &Path) -> PathBuf {
    folder.join("store.db")
}

fn key_path(folder: &Path) -> PathBuf {
    std::env::var_os("SECURECHAT_STORE_KEY").map_or_else(|| folder.join("store.key"), PathBuf::from)
}

fn read_key(path: &Path) -> Result<Option<[u8; 32]>, StoreFailure> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    // One byte more than a key tells that it is none.
    file.take(33).read_to_end(&mut bytes)?;
    let key = bytes.try_into().map_err(|_| StoreFailure::Key)?;
    Ok(Some(key))
}

/// The file is whole and on the disk when it has its name: half a key, as a full disk or a lost process would leave it,
/// would keep every later sign-up out. One that is there is left alone.
fn make_key(path: &Path) -> Result<[u8; 32]> {
    let (key, unique) = (random()?, random()?);
    let suffix = u64::from_le_bytes(std::array::from_fn(|at| unique[at]));
    let temporary = path.with_extension(format!("new-{suffix:016x}"));
    let made = fill(&temporary, &key).and_then(|()| name(&temporary, path));
    // Where it stays, as after a kill, it is in nobody's way.
    let _ = fs::remove_file(&temporary);
    made.and_then(|()| sync_folder(path))
        .map_err(StoreFailure::File)?;
    Ok(key)
}

fn fill(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// A link never replaces what is there. Where a file system knows no links, the name is given when it is free.
fn name(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists && !path.exists() => {
            fs::rename(temporary, path)
        }
        linked => linked,
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("randomness: {error}"))?;
    Ok(bytes)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreFailure::File(error).into()),
        _ => Ok(()),
    }
}
