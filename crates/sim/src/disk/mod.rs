//! A disk that forgets and fails. What SQLite writes below a folder is on the disk only once it was synced: when the power
//! goes, each write since then is there or is not. A write or a sync can fail once, the disk can be full, and the power
//! can go in the middle of a transaction.
//!
//! Knows: names, bytes and syncs. Must never know: what is written. [`vfs`] puts it between SQLite and the files.

mod vfs;

use crate::dice::Dice;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// One operation fails (EIO). A sync that failed has synced nothing, and what it should have synced is lost to later
    /// ones: the system does not write it again.
    Error,
    /// Every write fails (ENOSPC), until [`Disk::heal`].
    Full,
    /// The power goes: this operation and all later ones fail, until [`Disk::power_up`].
    PowerOff,
}

/// When it goes wrong: at the first operation of this kind after so many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    pub fault: Fault,
    /// None: any.
    pub only: Option<Operation>,
    pub after: u64,
}

impl Planned {
    /// One of all kinds, somewhere in a transaction.
    pub fn any(dice: &mut Dice) -> Self {
        let fault = dice.pick(&[Fault::Error, Fault::Full, Fault::PowerOff]);
        let fault = fault.copied().unwrap_or(Fault::PowerOff);
        // A sync needs no room.
        let is_sync = dice.chance(400) && fault != Fault::Full;
        let after = dice.below(12);
        Self {
            fault,
            only: is_sync.then_some(Operation::Sync),
            after: if is_sync { after / 10 } else { after },
        }
    }
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Write,
    Sync,
    Truncate,
}

/// Why an operation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Error,
    Full,
    Off,
}

/// The disk under one folder; clones are the same disk.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<State>>);

struct State {
    folder: PathBuf,
    /// Files opened in an earlier life are dead.
    life: u64,
    is_off: bool,
    planned: Option<Planned>,
    /// Operations that failed since the last plan.
    struck: u64,
    files: BTreeMap<PathBuf, Kept>,
}

/// One file as the disk has it.
#[derive(Default)]
struct Kept {
    /// None: it is not there.
    synced: Option<Vec<u8>>,
    /// Done since, in this order.
    unsynced: Vec<Change>,
}

enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { size: usize },
    Delete,
}

impl Disk {
    /// The disk under `folder`, from now on: databases that are opened there later are on it.
    pub fn under(folder: &Path) -> Result<Self> {
        let folder = folder.canonicalize().context("a folder that exists")?;
        let disk = Self(Arc::new(Mutex::new(State {
            folder: folder.clone(),
            life: 0,
            is_off: false,
            planned: None,
            struck: 0,
            files: BTreeMap::new(),
        })));
        vfs::mount(folder, disk.clone())?;
        Ok(disk)
    }

    /// Something will go wrong.
    pub fn plan(&self, planned: Planned) {
        let mut state = self.state();
        state.planned = Some(planned);
        state.struck = 0;
    }

    /// Nothing goes wrong any more; how often it did since the plan.
    pub fn heal(&self) -> u64 {
        let mut state = self.state();
        state.planned = None;
        state.struck
    }

    /// The power goes now.
    pub fn cut_power(&self) {
        self.state().is_off = true;
    }

    /// Whether a planned loss of power has come.
    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// The power was lost, now or as planned: every open file is dead, and the folder holds what is on the disk.
    pub fn power_up(&self, dice: &mut Dice) -> Result<()> {
        let mut state = self.state();
        state.life += 1;
        state.is_off = false;
        state.planned = None;
        let survive_per_mille = dice.pick(&[0, 0, 500, 1000]).copied().unwrap_or(0);
        // Threads of a killed relay close their files when they come to it. What is not synced then differs from run to
        // run, in pages and not in rows; the world's dice must not.
        let mut dice = dice.fork();
        for (path, kept) in &mut state.files {
            kept.lose(survive_per_mille, &mut dice);
            // A new file in the old one's place: whoever still has that one open reaches nothing with it.
            match &kept.synced {
                Some(content) => {
                    let beside = path.with_extension("restored");
                    std::fs::write(&beside, content)?;
                    std::fs::rename(beside, path)?;
                }
                None if path.exists() => std::fs::remove_file(path)?,
                None => {}
            }
        }
        // The index of a log lives in memory.
        for entry in std::fs::read_dir(&state.folder)? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with("-shm") {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The life in which a file is opened; none without power.
    fn open(&mut self, path: &Path) -> Option<u64> {
        if self.is_off {
            return None;
        }
        self.files.entry(path.to_owned()).or_insert_with(|| Kept {
            synced: std::fs::read(path).ok(),
            unsynced: Vec::new(),
        });
        Some(self.life)
    }

    fn is_alive(&self, life: u64) -> bool {
        life == self.life && !self.is_off
    }

    /// Whether an operation may go on.
    fn strike(&mut self, life: u64, operation: Operation) -> Result<(), Failure> {
        if !self.is_alive(life) {
            return Err(Failure::Off);
        }
        let Some(planned) = &mut self.planned else {
            return Ok(());
        };
        if planned.only.is_some_and(|only| only != operation) {
            return Ok(());
        }
        if planned.after > 0 {
            planned.after -= 1;
            return Ok(());
        }
        let failure = match planned.fault {
            Fault::Error => {
                self.planned = None;
                Failure::Error
            }
            Fault::Full if operation != Operation::Write => return Ok(()),
            Fault::Full => {
                planned.only = None;
                Failure::Full
            }
            Fault::PowerOff => {
                self.is_off = true;
                Failure::Off
            }
        };
        self.struck += 1;
        Err(failure)
    }

    fn write(&mut self, life: u64, path: &Path, at: usize, bytes: &[u8]) -> Result<(), Failure> {
        self.strike(life, Operation::Write)?;
        let bytes = bytes.to_vec();
        self.kept(path).unsynced.push(Change::Write { at, bytes });
        Ok(())
    }

    fn truncate(&mut self, life: u64, path: &Path, size: usize) -> Result<(), Failure> {
        self.strike(life, Operation::Truncate)?;
        self.kept(path).unsynced.push(Change::Truncate { size });
        Ok(())
    }

    /// `with_names`: the folder too, so that what was deleted in it stays deleted.
    fn sync(&mut self, life: u64, path: &Path, with_names: bool) -> Result<(), Failure> {
        let struck = self.strike(life, Operation::Sync);
        if with_names && struck.is_ok() {
            self.files.values_mut().for_each(Kept::sync_name);
        }
        let kept = self.kept(path);
        match struck {
            Ok(()) => kept.sync(),
            Err(Failure::Error) => kept.unsynced.clear(),
            Err(Failure::Full | Failure::Off) => {}
        }
        struck
    }

    /// Databases are not deleted, only their logs, by the last who closes one.
    fn delete(&mut self, path: &Path, is_synced: bool) -> Result<(), Failure> {
        if self.is_off {
            return Err(Failure::Off);
        }
        let kept = self.kept(path);
        kept.unsynced.push(Change::Delete);
        if is_synced {
            kept.sync();
        }
        Ok(())
    }

    fn kept(&mut self, path: &Path) -> &mut Kept {
        self.files.entry(path.to_owned()).or_default()
    }
}

impl Kept {
    fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            self.apply(change);
        }
        // A file that was made and never written.
        self.synced.get_or_insert_default();
    }

    fn sync_name(&mut self) {
        let is_delete = |change: &Change| matches!(change, Change::Delete);
        if let Some(at) = self.unsynced.iter().rposition(is_delete) {
            self.unsynced.drain(..=at);
            self.synced = None;
        }
    }

    /// Of what was not synced, so much survives, each change by itself.
    fn lose(&mut self, survive_per_mille: u64, dice: &mut Dice) {
        for change in std::mem::take(&mut self.unsynced) {
            let survives = dice.chance(survive_per_mille);
            match change {
                // The old file is still there under this name; what came later was written to another one.
                Change::Delete if !survives => return,
                change if survives => self.apply(change),
                _ => {}
            }
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Write { at, bytes } => {
                let content = self.synced.get_or_insert_default();
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[at..end].copy_from_slice(&bytes);
            }
            Change::Truncate { size } => self.synced.get_or_insert_default().resize(size, 0),
            Change::Delete => self.synced = None,
        }
    }
}
