//! The data folder: read by its owner only, and worked on by one process at a time.
//!
//! Knows: the names of its files. Must never know: what stands in them.

use anyhow::{Context, Result, bail};
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub const SECRET_FILE: &str = "secret.key";
pub const DIRECTORY_FILE: &str = "directory.db";
pub const MAILBOX_FILE: &str = "mailbox.db";
const LOCK_FILE: &str = "server.lock";

/// What only the owner may read; the logs of the databases hold what the databases hold.
const PRIVATE: &[&str] = &[
    SECRET_FILE,
    DIRECTORY_FILE,
    "directory.db-wal",
    "directory.db-shm",
    MAILBOX_FILE,
    "mailbox.db-wal",
    "mailbox.db-shm",
];

/// How long [`Lock::take`] waits for another process: `check` looks at the lock for a moment.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(50);

/// Makes the folder when it is missing, and takes the rights of others to its files away.
pub fn prepare(data: &Path) -> Result<()> {
    make(data)?;
    for path in readable_by_others(data) {
        let made_private = std::fs::set_permissions(&path, Permissions::from_mode(0o600));
        if let Err(error) = made_private {
            tracing::warn!(file = %path.display(), %error, "can be read by others, and that cannot be changed");
        }
    }
    Ok(())
}

/// Makes the folder, for its owner only.
pub fn make(data: &Path) -> Result<()> {
    if data.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .and_then(|()| std::fs::set_permissions(data, Permissions::from_mode(0o700)))
        .with_context(|| format!("cannot make the data folder {}", data.display()))
}

/// Files of the folder whose mode lets others in.
pub fn readable_by_others(data: &Path) -> Vec<PathBuf> {
    let is_open = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
    };
    let files = PRIVATE.iter().map(|name| data.join(name));
    files.filter(is_open).collect()
}

/// A new file of the folder, on the disk with its name when this returns. One that is there is left alone.
pub fn write_new(path: &Path, content: &[u8]) -> Result<()> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = made.with_context(|| format!("cannot make {}", path.display()))?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The right to work on the SQLite files of a folder. The system takes it back when the process ends, however it ends.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// # Errors
    /// Another process works on the folder.
    pub async fn take(data: &Path) -> Result<Self> {
        let path = data.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        let mut waited = Duration::ZERO;
        while !try_lock(&file).with_context(|| format!("cannot lock {}", path.display()))? {
            if waited >= PATIENCE {
                bail!(
                    "{} is in use by another securechat{}: one server at a time works on a folder of SQLite files",
                    data.display(),
                    holder(&mut file)
                );
            }
            tokio::time::sleep(PAUSE).await;
            waited += PAUSE;
        }
        file.set_len(0)?;
        write!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

/// Whether a server works on the folder.
pub fn is_in_use(data: &Path) -> Result<bool> {
    match File::open(data.join(LOCK_FILE)) {
        Ok(file) => Ok(!try_lock(&file)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn try_lock(file: &File) -> std::io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The process that wrote its number down when it took the lock.
fn holder(file: &mut File) -> String {
    let mut number = String::new();
    match file.take(20).read_to_string(&mut number) {
        Ok(_) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!(" (process {number})")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path)
            .expect("a file")
            .permissions()
            .mode()
            & 0o777
    }

    #[test]
    fn a_new_folder_and_what_lies_in_an_old_one_are_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("a/b");
        prepare(&data).expect("a data folder");
        assert_eq!(mode(&data), 0o700);
        for name in PRIVATE {
            let path = data.join(name);
            std::fs::write(&path, b"").expect("a file");
            std::fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("a mode");
        }
        assert_eq!(readable_by_others(&data).len(), PRIVATE.len());
        prepare(&data).expect("the data folder");
        assert_eq!(readable_by_others(&data), Vec::<PathBuf>::new());
    }

    #[tokio::test]
    async fn a_folder_is_locked_until_its_holder_lets_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path();
        assert!(!is_in_use(data).expect("no lock yet"));
        let lock = Lock::take(data).await.expect("the lock");
        assert!(is_in_use(data).expect("the lock"));
        let refused = Lock::take(data).await.err().expect("a refusal").to_string();
        assert!(refused.contains("in use") && refused.contains(&std::process::id().to_string()));
        drop(lock);
        assert!(!is_in_use(data).expect("the lock"));
        Lock::take(data).await.expect("the lock again");
    }
}
