//! The pool of OPFS files that SQLite works on, with encryption above it.
//!
//! Knows: the folder and the file name. One worker of the origin holds the pool at a time; the shell sees to that.

use crate::code;
use sqlite_wasm_rs::WasmOsCallback;
use sqlite_wasm_rs::vfs::VfsFilesManager;
use sqlite_wasm_vfs::sahpool::{OpfsSAHError, OpfsSAHPoolCfgBuilder, OpfsSAHPoolUtil, install};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

/// The one database of this origin.
pub const STORE: &str = "/store.db";
/// The same name stands in `web/src/core/worker/leader.ts`.
const FOLDER: &str = "securechat";
/// Database, write-ahead log and journal, and as many temporary files.
const FILES: usize = 6;

thread_local! {
    static POOL: RefCell<Option<OpfsSAHPoolUtil>> = const { RefCell::new(None) };
}

/// Takes the pool and puts the encrypting file system above it.
///
/// # Errors
/// `in_use` (another worker holds the files: try again), `full`, `no_storage` (the browser has none here), `corrupt`.
#[wasm_bindgen]
pub async fn install_pool() -> Result<(), JsValue> {
    if POOL.with_borrow(Option::is_some) {
        return Ok(());
    }
    let options = OpfsSAHPoolCfgBuilder::new()
        .directory(FOLDER)
        .initial_capacity(FILES)
        .clear_on_init(false)
        .build();
    let pool = install::<WasmOsCallback>(&options, false)
        .await
        .map_err(|error| code(reason(&error)))?;
    encrypt()?;
    POOL.set(Some(pool));
    Ok(())
}

#[wasm_bindgen]
pub fn store_exists() -> bool {
    POOL.with_borrow(|pool| {
        pool.as_ref()
            .is_some_and(|pool| pool.contains(STORE).unwrap_or(true))
    })
}

/// Lets go of the files. The engine must be closed. This worker cannot take them again.
#[wasm_bindgen]
pub fn release_pool() {
    if let Some(pool) = POOL.take() {
        // Ending the worker frees whatever stays behind here.
        let _ = pool.pause();
    }
}

/// Creates `multipleciphers-opfs-sahpool`, through which `engine::store` opens; on the plain one it would be plaintext.
#[allow(unsafe_code)]
fn encrypt() -> Result<(), JsValue> {
    // SAFETY: the name is a static C string and the file system below was registered just before.
    let result = unsafe { sqlite_wasm_rs::sqlite3mc_vfs_create(c"opfs-sahpool".as_ptr(), 0) };
    if result == sqlite_wasm_rs::SQLITE_OK {
        Ok(())
    } else {
        Err(code("corrupt"))
    }
}

fn reason(error: &OpfsSAHError) -> &'static str {
    match error {
        OpfsSAHError::NotSupported => "no_storage",
        OpfsSAHError::Opfs { value, .. } => opfs_reason(value),
        OpfsSAHError::Busy | OpfsSAHError::DirectoryInUse(_) | OpfsSAHError::FileInUse(_) => {
            "in_use"
        }
        _ => "corrupt",
    }
}

/// By the name of the browser's exception.
fn opfs_reason(value: &JsValue) -> &'static str {
    let name = js_sys::Reflect::get(value, &JsValue::from_str("name"))
        .ok()
        .and_then(|name| name.as_string());
    match name.as_deref() {
        Some("NoModificationAllowedError" | "InvalidStateError") => "in_use",
        Some("QuotaExceededError") => "full",
        _ => "no_storage",
    }
}
