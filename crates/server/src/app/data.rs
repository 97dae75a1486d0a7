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
/// The number of the process that holds the lock, for the message to whoever comes second.
const HOLDER_FILE: &str = "server.pid";

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

/// Unfinished files of former starts that [`write_new`] walks past.
const TEMPORARY_MAX: u32 = 100;

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

/// A new file of the folder, whole and on the disk with its name when this returns: a full disk or a lost process leaves
/// no half of it. One that is there is left alone.
pub fn write_new(path: &Path, content: &[u8]) -> Result<()> {
    let (temporary, mut file) = beside(path)?;
    let made = fill(&mut file, content).and_then(|()| name(&temporary, path));
    // Where it stays, as after a kill, it is in nobody's way.
    let _ = std::fs::remove_file(&temporary);
    made.with_context(|| format!("cannot make {}", path.display()))?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// An empty file in the same folder, under a name that nobody else has: nodes may share the folder.
fn beside(path: &Path) -> Result<(PathBuf, File)> {
    for number in 0..TEMPORARY_MAX {
        let temporary = path.with_extension(format!("new{number}"));
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary);
        match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => {
                let file = made.with_context(|| format!("cannot make {}", temporary.display()))?;
                return Ok((temporary, file));
            }
        }
    }
    bail!("too many unfinished files beside {}", path.display())
}

fn fill(file: &mut File, content: &[u8]) -> std::io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()
}

/// A link never replaces what is there. Where a file system knows no links, the name is given when it is free.
fn name(temporary: &Path, path: &Path) -> std::io::Result<()> {
    match std::fs::hard_link(temporary, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists && !path.exists() => {
            std::fs::rename(temporary, path)
        }
        linked => linked,
    }
}

/// The right to work on the SQLite files of a folder. The system takes it back when the process ends, however it ends.
/// It is on the folder itself: a file in it could be deleted and made again, and then both would be locked.
pub struct Lock {
    _folder: File,
}

impl Lock {
    /// # Errors
    /// Another process works on the folder.
    pub async fn take(data: &Path) -> Result<Self> {
        let folder = File::open(data).with_context(|| format!("cannot open {}", data.display()))?;
        let mut waited = Duration::ZERO;
        while !try_lock(&folder).with_context(|| format!("cannot lock {}", data.display()))? {
            if waited >= PATIENCE {
                bail!(
                    "{} is in use by another securechat{}: one server at a time works on a folder of SQLite files",
                    data.display(),
                    holder(data)
                );
            }
            tokio::time::sleep(PAUSE).await;
            waited += PAUSE;
        }
        // Only a message would say it: no reason not to start.
        let _ = note_holder(data);
        Ok(Self { _folder: folder })
    }
}

/// Whether a server works on the folder.
pub fn is_in_use(data: &Path) -> Result<bool> {
    match File::open(data) {
        Ok(folder) => Ok(!try_lock(&folder)?),
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

fn note_holder(data: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(data.join(HOLDER_FILE))?;
    write!(file, "{}", std::process::id())
}

/// The process that wrote its number down when it took the lock.
fn holder(data: &Path) -> String {
    let mut number = String::new();
    let read = File::open(data.join(HOLDER_FILE))
        .and_then(|file| file.take(20).read_to_string(&mut number));
    match read {
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
        // Whatever is deleted in the folder, it is locked.
        for file in std::fs::read_dir(data).expect("the folder") {
            std::fs::remove_file(file.expect("a file").path()).expect("deleted");
        }
        assert!(Lock::take(data).await.is_err());
        drop(lock);
        assert!(!is_in_use(data).expect("the lock"));
        Lock::take(data).await.expect("the lock again");
    }
    #[test]
    fn a_new_file_is_whole_and_replaces_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(SECRET_FILE);
        // What a process that was killed has left.
        std::fs::write(folder.path().join("secret.new0"), b"").expect("a file");
        write_new(&path, b"first").expect("a file");
        assert!(write_new(&path, b"second").is_err());
        assert_eq!(std::fs::read(&path).expect("the file"), b"first");
        assert_eq!(mode(&path), 0o600);
        let left = std::fs::read_dir(folder.path()).expect("the folder");
        assert_eq!(left.count(), 2, "it leaves nothing behind");
    }
}
