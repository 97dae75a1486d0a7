//! The encrypted store of one account: its folder, its key, opening it.
//!
//! The key lies beside the database in a file only its owner can read, unless SECURECHAT_STORE_KEY names another file:
//! encryption helps against a copied database, not against someone who reads the whole folder.

use crate::driver::now;
use anyhow::{Context, Result};
use securechat_engine::{Engine, Key, OpenError, Store};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The store did not open; the file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum StoreFailure {
    #[error("the store cannot be opened: {0}")]
    Open(OpenError),
    #[error("the key file does not hold 32 bytes")]
    Key,
}

impl StoreFailure {
    /// Stable, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open(error) => error.code(),
            Self::Key => "wrong_key",
        }
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

/// Opens the store in `folder`, or makes an empty one.
pub fn open(folder: &Path) -> Result<Engine> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .context("store folder")?;
    let key = read_or_make_key(&key_path(folder))?;
    let path = folder.join("store.db").to_string_lossy().into_owned();
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("randomness: {error}"))?;
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

fn key_path(folder: &Path) -> PathBuf {
    std::env::var_os("SECURECHAT_STORE_KEY").map_or_else(|| folder.join("store.key"), PathBuf::from)
}

fn read_or_make_key(path: &Path) -> Result<[u8; 32]> {
    let mut key = [0; 32];
    match fs::File::open(path) {
        Ok(mut file) => {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            key = bytes.try_into().map_err(|_| StoreFailure::Key)?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("randomness: {error}"))?;
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            file.write_all(&key)?;
            file.sync_all()?;
        }
        Err(error) => return Err(error).context("key file"),
    }
    Ok(key)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).context("store file"),
        _ => Ok(()),
    }
}
