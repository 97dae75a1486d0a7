//! Vault: encrypted records of an account (settings, contacts, keys of its archive), versioned.
//!
//! Knows: a record's name, version and size. Must never know: what is in it; devices seal records before they come.
//! Verbs: list, read, write (compare-and-set on the version).

mod http;
mod store;

pub use http::router;

use crate::platform::db::{RoomMigrations, migrations};
use crate::platform::{ApiResult, Platform};
use axum::extract::FromRef;
use securechat_proto::AccountId;
use securechat_proto::api::{Code, VaultInfo, VaultRecord, VaultWrite};
use securechat_proto::limits::{VAULT_NAME_CHARS_MAX, VAULT_RECORD_BYTES_MAX, VAULT_RECORDS_MAX};

/// Schema of this room.
pub const MIGRATIONS: RoomMigrations = migrations!("vault", 1 => "0001_start");

/// The room; cheap to clone.
#[derive(Clone)]
pub struct Vault {
    platform: Platform,
}

impl FromRef<Vault> for Platform {
    fn from_ref(vault: &Vault) -> Self {
        vault.platform.clone()
    }
}

impl Vault {
    pub fn new(platform: Platform) -> Self {
        Self { platform }
    }

    async fn list(&self, account_id: AccountId) -> ApiResult<Vec<VaultInfo>> {
        Ok(store::list(&self.platform.directory, account_id).await?)
    }

    async fn read(&self, account_id: AccountId, name: &str) -> ApiResult<VaultRecord> {
        check_name(name)?;
        store::read(&self.platform.directory, account_id, name)
            .await?
            .ok_or(Code::NotFound.into())
    }

    /// Writes version n on top of version n - 1 (0: nothing there). The same version and bytes again are fine.
    ///
    /// # Errors
    /// `conflict`, `too_large`, `quota_exceeded`, `invalid`.
    async fn write(&self, account_id: AccountId, name: &str, write: &VaultWrite) -> ApiResult<()> {
        check_name(name)?;
        if write.body.0.len() > VAULT_RECORD_BYTES_MAX {
            return Err(Code::TooLarge.into());
        }
        let mut tx = self.platform.directory.begin().await?;
        let held = store::lock(&mut tx, account_id, name).await?;
        match held {
            Some(held) if held.version == write.version && held.body == write.body => return Ok(()),
            Some(held) if held.version.checked_add(1) == Some(write.version) => {
                store::update(&mut tx, account_id, name, write).await?;
            }
            None if write.version == 1 => {
                if store::count(&mut tx, account_id).await? >= VAULT_RECORDS_MAX as u64 {
                    return Err(Code::QuotaExceeded.into());
                }
                if !store::insert(&mut tx, account_id, name, write).await? {
                    return Err(Code::Conflict.into());
                }
            }
            Some(_) | None => return Err(Code::Conflict.into()),
        }
        Ok(tx.commit().await?)
    }
}

/// 1 to 64 of `a-z 0-9 . _ -`.
fn check_name(name: &str) -> ApiResult<()> {
    let is_fit = (1..=VAULT_NAME_CHARS_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
    if is_fit {
        Ok(())
    } else {
        Err(Code::Invalid.into())
    }
}
