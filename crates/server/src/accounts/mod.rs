//! Accounts: who may ask. Handles, OPAQUE records, sessions, and the keys with which devices sign requests.
//!
//! Knows: a handle, an OPAQUE record (no password can be read from it), which device keys may open a session,
//! when a session was last used (to the hour). Must never know: passwords, device names, what an account writes.
//! A device is active because `keys` says so after checking the account log.

mod backoff;
mod http;
mod opaque;
mod rules;
mod security_log;
mod sessions;
mod sign_in;
mod store;

pub use http::router;
pub use security_log::Origin;

use crate::platform::db::{RoomMigrations, Tx, migrations};
use crate::platform::{ApiResult, Platform, db};
use axum::extract::FromRef;
use backoff::BackOff;
use securechat_proto::api::{Code, SecurityEventKind, SignUp};
use securechat_proto::signing::{self, Purpose};
use securechat_proto::{AccountId, DeviceId, Fingerprint, Timestamp};
use std::sync::Arc;

/// Schema of this room.
pub const MIGRATIONS: RoomMigrations = migrations!("accounts", 1 => "0001_start");

/// The room; cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    platform: Platform,
    opaque: Arc<opaque::Server>,
    backoff: Arc<BackOff>,
}

impl FromRef<Accounts> for Platform {
    fn from_ref(accounts: &Accounts) -> Self {
        accounts.platform.clone()
    }
}

/// A device that may sign requests of its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveDevice {
    pub device_id: DeviceId,
    /// Ed25519 verifying key.
    pub dsk: [u8; 32],
}

/// What became of a sign-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    New,
    /// The same sign-up came before; nothing was written.
    Repeated,
}

impl Accounts {
    /// Loads, or makes on first start, the OPAQUE server keys.
    pub async fn open(platform: Platform) -> ApiResult<Self> {
        let opaque = Arc::new(opaque::Server::load_or_make(&platform).await?);
        let backoff = Arc::new(BackOff::new(platform.clock.clone()));
        Ok(Self {
            platform,
            opaque,
            backoff,
        })
    }

    /// Writes the account of a sign-up inside the transaction that `app` opened. The caller has checked the Genesis.
    ///
    /// # Errors
    /// `handle_taken`; `conflict` when the account id or the fingerprint belongs to another sign-up; `invalid` for a
    /// malformed handle, record or stretching; `sign_up_closed`.
    pub async fn create(
        &self,
        tx: &mut Tx,
        account_id: AccountId,
        fingerprint: Fingerprint,
        sign_up: &SignUp,
    ) -> ApiResult<Created> {
        let hash = rules::sign_up_hash(sign_up);
        if let Some(stored) = store::sign_up_hash(tx, account_id).await? {
            return if stored == hash {
                Ok(Created::Repeated)
            } else {
                Err(Code::Conflict.into())
            };
        }
        if !self.platform.config.sign_up_open {
            return Err(Code::SignUpClosed.into());
        }
        rules::check_handle(&sign_up.handle)?;
        opaque::check_record(&sign_up.record.0)?;
        if sign_up.stretching != self.platform.config.stretching {
            return Err(Code::Invalid.into());
        }
        store::insert_account(tx, account_id, fingerprint, sign_up, hash).await?;
        Ok(Created::New)
    }

    /// Replaces the account's active devices with what its log says; sessions of devices that left are ended.
    /// Returns those sessions; pass them to [`Self::announce_ended`] after the commit.
    pub async fn set_active_devices(
        &self,
        tx: &mut Tx,
        account_id: AccountId,
        devices: &[ActiveDevice],
    ) -> ApiResult<Ended> {
        store::replace_devices(tx, account_id, devices).await?;
        let left = store::sessions(tx, account_id)
            .await?
            .into_iter()
            .filter(|session| {
                !devices
                    .iter()
                    .any(|device| device.device_id == session.device_id)
            })
            .map(|session| session.session_id)
            .collect();
        self.end(tx, left).await
    }

    /// The handle's account and fingerprint.
    pub async fn find_handle(&self, handle: &str) -> ApiResult<Option<(AccountId, Fingerprint)>> {
        Ok(store::by_handle(&self.platform.directory, handle)
            .await?
            .map(|found| (found.account_id, found.fingerprint)))
    }

    /// The account whose Genesis has this fingerprint.
    pub async fn find_fingerprint(&self, fingerprint: Fingerprint) -> ApiResult<Option<AccountId>> {
        Ok(store::by_fingerprint(&self.platform.directory, fingerprint).await?)
    }

    /// Fingerprint and verifying key of an active device, read inside a transaction.
    pub async fn active_key(
        &self,
        tx: &mut Tx,
        account_id: AccountId,
        device_id: DeviceId,
    ) -> ApiResult<Option<(Fingerprint, [u8; 32])>> {
        let found = store::device_in(tx, account_id, device_id).await?;
        Ok(found.map(|found| (found.fingerprint, found.device.dsk)))
    }

    /// The account's active devices.
    pub async fn active_devices(&self, account_id: AccountId) -> ApiResult<Vec<DeviceId>> {
        Ok(store::device_ids(&self.platform.directory, account_id).await?)
    }

    /// Fingerprint and verifying key of an active device, for whoever checks its signatures.
    pub async fn device_key(
        &self,
        account_id: AccountId,
        device_id: DeviceId,
    ) -> db::Result<Option<(Fingerprint, [u8; 32])>> {
        let found = store::device(&self.platform.directory, account_id, device_id).await?;
        Ok(found.map(|found| (found.fingerprint, found.device.dsk)))
    }

    /// Writes one row of the account's own security trail; what could not be written is told to the operator only.
    pub async fn record(&self, account_id: AccountId, kind: SecurityEventKind, origin: &Origin) {
        if let Err(error) = security_log::record(&self.platform, account_id, kind, origin).await {
            tracing::warn!(?kind, %error, "security event not stored");
        }
    }

    /// Housekeeping, about once a minute: expired sessions, old events, old revocations.
    pub async fn sweep(&self) -> ApiResult<()> {
        self.backoff.sweep();
        store::sweep(&self.platform.directory, self.platform.clock.now()).await?;
        Ok(())
    }

    /// Learns what other nodes revoked; called every 2 s, so that a revocation holds everywhere within 5 s.
    pub async fn learn_revocations(&self) -> ApiResult<()> {
        let since = Timestamp(
            self.platform
                .clock
                .now()
                .0
                .saturating_sub(rules::REVOCATION_KEPT_MS),
        );
        let revoked = store::revocations_since(&self.platform.directory, since).await?;
        self.platform.auth.revoked().add(revoked);
        Ok(())
    }
}

/// Sessions ended inside a transaction that may still roll back.
#[must_use = "announce them after the commit"]
#[derive(Debug, Default)]
pub struct Ended(Vec<securechat_proto::SessionId>);

/// An active device as stored, with its account's fingerprint.
#[derive(Clone, Copy)]
struct StoredDevice {
    fingerprint: Fingerprint,
    device: ActiveDevice,
    password_needed: bool,
}

impl StoredDevice {
    fn has_signed(&self, purpose: Purpose, fields: &[&[u8]], signature: &[u8]) -> bool {
        let Ok(signature) = signature.try_into() else {
            return false;
        };
        let message = signing::message(purpose, &self.fingerprint, &self.device.device_id, fields);
        crate::platform::primitives::verify_ed25519(&self.device.dsk, &message, signature)
    }
}
