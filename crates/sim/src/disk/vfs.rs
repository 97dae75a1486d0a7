//! The disk as SQLite sees it: a VFS in front of the system's, default for the whole process. Files of folders without a
//! [`Disk`] go straight through.

// SQLite's C interface has no safe form; this crate never ships.
#![allow(unsafe_code)]

use super::{Disk, Failure};
use anyhow::{Result, ensure};
use rusqlite::ffi;
use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

const LOGS: c_int = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL;

static MOUNTED: Mutex<BTreeMap<PathBuf, Disk>> = Mutex::new(BTreeMap::new());

/// From now on files of `folder` are on `disk`.
pub(super) fn mount(folder: PathBuf, disk: Disk) -> Result<()> {
    static REGISTERED: OnceLock<c_int> = OnceLock::new();
    let registered = *REGISTERED.get_or_init(register);
    ensure!(registered == ffi::SQLITE_OK, "a VFS is refused");
    let mut mounted = MOUNTED.lock().unwrap_or_else(PoisonError::into_inner);
    // Worlds of earlier seeds are gone.
    mounted.retain(|folder, _| folder.exists());
    mounted.insert(folder, disk);
    Ok(())
}

fn register() -> c_int {
    // SAFETY: the system's VFS lives as long as the process. All functions but these two ignore which VFS they are called
    // with; `open` hands the system's on.
    unsafe {
        let below = ffi::sqlite3_vfs_find(ptr::null());
        if below.is_null() {
            return ffi::SQLITE_ERROR;
        }
        let mut vfs = Box::new(*below);
        vfs.pNext = ptr::null_mut();
        vfs.zName = c"simulated-disk".as_ptr();
        vfs.pAppData = below.cast();
        vfs.szOsFile = vfs.szOsFile.max(size_of::<Handle>() as c_int);
        vfs.xOpen = Some(open);
        vfs.xDelete = Some(delete);
        ffi::sqlite3_vfs_register(Box::leak(vfs), 1)
    }
}

/// The disk a file is on.
///
/// # Safety
/// `name` is null or a C string.
unsafe fn disk_of(name: *const c_char) -> Option<(Disk, PathBuf)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller vouches for the rest.
    let name = unsafe { CStr::from_ptr(name) };
    let path = Path::new(OsStr::from_bytes(name.to_bytes()));
    let mounted = MOUNTED.lock().unwrap_or_else(PoisonError::into_inner);
    let disk = mounted.get(path.parent()?)?;
    Some((disk.clone(), path.to_owned()))
}

/// What SQLite has in its hand for a file on a disk. The first field is what SQLite knows of it.
#[repr(C)]
struct Handle {
    seen: ffi::sqlite3_file,
    file: *mut File,
}

struct File {
    disk: Disk,
    path: PathBuf,
    life: u64,
    /// A log or journal: the system syncs its folder with its first sync.
    syncs_names: AtomicBool,
    /// The system's file lives in here; words, because it wants to be aligned.
    below: Box<[u64]>,
}

impl File {
    fn below(&self) -> *mut ffi::sqlite3_file {
        self.below.as_ptr().cast_mut().cast()
    }

    fn is_alive(&self) -> bool {
        self.disk.state().is_alive(self.life)
    }
}

/// # Safety
/// `file` was filled by [`open`] and not closed since.
unsafe fn file_of<'a>(file: *mut ffi::sqlite3_file) -> &'a File {
    // SAFETY: `open` put a File there, which lives until `close`.
    unsafe { &*(*file.cast::<Handle>()).file }
}

/// Calls a function of the system's file, with this code if it has none.
macro_rules! below {
    ($file:expr, $function:ident ( $($argument:expr),* ), $without:expr) => {{
        let below = $file.below();
        // SAFETY: the system's open filled it, and the arguments are SQLite's own.
        unsafe {
            match (*(*below).pMethods).$function {
                Some(function) => function(below $(, $argument)*),
                None => $without,
            }
        }
    }};
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls with the VFS of `register`, a name of its own or none, and szOsFile bytes at `file`.
    unsafe {
        let system = (*vfs).pAppData.cast::<ffi::sqlite3_vfs>();
        let Some(open_below) = (*system).xOpen else {
            return ffi::SQLITE_CANTOPEN;
        };
        let Some((disk, path)) = disk_of(name) else {
            return open_below(system, name, file, flags, out_flags);
        };
        (*file).pMethods = ptr::null();
        let Some(life) = disk.state().open(&path) else {
            return ffi::SQLITE_CANTOPEN;
        };
        let words = usize::try_from((*system).szOsFile).unwrap_or(0).div_ceil(8);
        let opened = File {
            disk,
            path,
            life,
            syncs_names: AtomicBool::new(flags & LOGS != 0),
            below: vec![0; words].into_boxed_slice(),
        };
        let code = open_below(system, name, opened.below(), flags, out_flags);
        if code != ffi::SQLITE_OK {
            return code;
        }
        (*file.cast::<Handle>()).file = Box::into_raw(Box::new(opened));
        (*file).pMethods = &METHODS;
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn delete(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_folder: c_int,
) -> c_int {
    // SAFETY: SQLite calls with the VFS of `register` and a name.
    unsafe {
        let system = (*vfs).pAppData.cast::<ffi::sqlite3_vfs>();
        let Some(delete_below) = (*system).xDelete else {
            return ffi::SQLITE_IOERR_DELETE;
        };
        let Some((disk, path)) = disk_of(name) else {
            return delete_below(system, name, sync_folder);
        };
        let mut state = disk.state();
        match state.delete(&path, sync_folder != 0) {
            Ok(()) => delete_below(system, name, sync_folder),
            Err(_) => ffi::SQLITE_IOERR_DELETE,
        }
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // Without memory maps of the database: they would pass by.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: `open` leaked it, and SQLite closes a file once.
    let opened = unsafe { Box::from_raw((*file.cast::<Handle>()).file) };
    below!(opened, xClose(), ffi::SQLITE_OK)
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    into: *mut c_void,
    amount: c_int,
    at: i64,
) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { file_of(file) };
    if !opened.is_alive() {
        return ffi::SQLITE_IOERR_READ;
    }
    below!(opened, xRead(into, amount, at), ffi::SQLITE_IOERR_READ)
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    amount: c_int,
    at: i64,
) -> c_int {
    // SAFETY: an open file, and so many bytes at `from`.
    let (opened, bytes) = unsafe {
        let length = usize::try_from(amount).unwrap_or(0);
        (
            file_of(file),
            std::slice::from_raw_parts(from.cast::<u8>(), length),
        )
    };
    let mut state = opened.disk.state();
    let offset = usize::try_from(at).unwrap_or(0);
    match state.write(opened.life, &opened.path, offset, bytes) {
        Ok(()) => below!(opened, xWrite(from, amount, at), ffi::SQLITE_IOERR_WRITE),
        Err(Failure::Full) => ffi::SQLITE_FULL,
        Err(Failure::Error | Failure::Off) => ffi::SQLITE_IOERR_WRITE,
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { file_of(file) };
    let mut state = opened.disk.state();
    let to = usize::try_from(size).unwrap_or(0);
    match state.truncate(opened.life, &opened.path, to) {
        Ok(()) => below!(opened, xTruncate(size), ffi::SQLITE_IOERR_TRUNCATE),
        Err(_) => ffi::SQLITE_IOERR_TRUNCATE,
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { file_of(file) };
    let mut state = opened.disk.state();
    let with_names = opened.syncs_names.load(Ordering::Relaxed);
    match state.sync(opened.life, &opened.path, with_names) {
        Ok(()) => {
            opened.syncs_names.store(false, Ordering::Relaxed);
            below!(opened, xSync(flags), ffi::SQLITE_IOERR_FSYNC)
        }
        Err(_) => ffi::SQLITE_IOERR_FSYNC,
    }
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { file_of(file) };
    below!(opened, xFileSize(size), ffi::SQLITE_IOERR_FSTAT)
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { file_of(file) };
    if !opened.is_alive() {
        return ffi::SQLITE_IOERR_LOCK;
    }
    below!(opened, xLock(level), ffi::SQLITE_IOERR_LOCK)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { file_of(file) };
    below!(opened, xUnlock(level), ffi::SQLITE_IOERR_UNLOCK)
}

unsafe extern "C" fn check_reserved_lock(
    file: *mut ffi::sqlite3_file,
    is_held: *mut c_int,
) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { file_of(file) };
    below!(
        opened,
        xCheckReservedLock(is_held),
        ffi::SQLITE_IOERR_CHECKRESERVEDLOCK
    )
}

unsafe extern "C" fn file_control(
    file: *mut ffi::sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { file_of(file) };
    below!(
        opened,
        xFileControl(operation, argument),
        ffi::SQLITE_NOTFOUND
    )
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { file_of(file) };
    below!(opened, xSectorSize(), 4096)
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { file_of(file) };
    below!(opened, xDeviceCharacteristics(), 0)
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { file_of(file) };
    if !opened.is_alive() {
        return ffi::SQLITE_IOERR_SHMMAP;
    }
    below!(
        opened,
        xShmMap(region, size, extend, out),
        ffi::SQLITE_IOERR_SHMMAP
    )
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { file_of(file) };
    // Unlocking always works: it writes nothing.
    if flags & ffi::SQLITE_SHM_LOCK != 0 && !opened.is_alive() {
        return ffi::SQLITE_IOERR_SHMLOCK;
    }
    below!(
        opened,
        xShmLock(offset, count, flags),
        ffi::SQLITE_IOERR_SHMLOCK
    )
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    // SAFETY: an open file.
    let opened = unsafe { file_of(file) };
    below!(opened, xShmBarrier(), ());
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { file_of(file) };
    // The index of a dead file must not be deleted: the name belongs to the next life.
    let delete = if opened.is_alive() { delete } else { 0 };
    below!(opened, xShmUnmap(delete), ffi::SQLITE_OK)
}
