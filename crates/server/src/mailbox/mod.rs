//! Mailboxes: the ordered envelopes of each device, live sockets, and the gate that decides what may be delivered.
//!
//! Knows: which devices an account has, sealed envelopes with sizes and times, hashes of delivery tokens, who is
//! connected, and per day how many message requests were made, under pseudonyms.
//! Must never know: what an envelope holds, who is in whose contacts, who blocked whom (there is no block table: a
//! block is a token that is gone).
//!
//! Verbs: submit, deliver (page), ack, register and remove devices, set the sealing floor, keep tokens, expire.
//! Bytes: crates/proto/schema/socket.proto, docs/protocol/socket.md.

pub mod connection;
mod http;
pub mod hub;
pub mod rules;
pub mod socket;
pub mod store;
pub mod submit;

pub use http::router;
pub use hub::Hub;
pub use rules::Bounds;
pub use store::{MIGRATIONS, MailboxStore, Pseudonyms, SQLITE_MIGRATIONS, StoreError};
pub use submit::Address;

use futures_util::future::BoxFuture;
use securechat_proto::api::Code;
use securechat_proto::signing::{self, Purpose};
use securechat_proto::wire::socket::{Accepted, DestinationResult, Outcome};
use securechat_proto::{AccountId, DeviceId, Fingerprint, close_code};
use std::sync::Arc;

use crate::platform::config::Storage;
use crate::platform::limits::{Limiter, Rate};
use crate::platform::{Access, Platform, primitives};
use connection::{Proof, Verified};
use hub::Replies;

use store::postgres::PostgresStore;
use store::{Answer, SqliteStore};
use submit::Submit;

/// Submits of one account: a person types a message a second at most; a device that comes online empties its outbox
/// in one burst.
pub const SUBMIT_RATE: Rate = Rate {
    burst: 600,
    period_s: 120,
};

/// The key by which a device proves itself, and the account it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceKey {
    pub fingerprint: Fingerprint,
    pub dsk: [u8; 32],
}

/// Who has which key: the account logs, asked through `app`.
pub trait DeviceDirectory: Send + Sync + 'static {
    /// The key of a device that is active in the account's log, else none.
    fn dsk(
        &self,
        account: AccountId,
        device: DeviceId,
    ) -> BoxFuture<'_, Result<Option<DeviceKey>, crate::platform::db::Error>>;
}

/// The room; cheap to clone.
#[derive(Clone)]
pub struct Mailbox(Arc<Inner>);

struct Inner {
    platform: Platform,
    store: Arc<dyn MailboxStore>,
    hub: Arc<Hub>,
    devices: Arc<dyn DeviceDirectory>,
    rate: Limiter<AccountId>,
}

impl Mailbox {
    /// Opens the mailboxes of the configured storage and brings their tables up to date.
    ///
    /// # Errors
    /// Storage is away, or its settings would lose what is acknowledged.
    pub async fn open(
        platform: Platform,
        devices: Arc<dyn DeviceDirectory>,
        bounds: Bounds,
        rate: Rate,
    ) -> Result<Self, StoreError> {
        let hub = Arc::new(Hub::default());
        let pseudonyms = Pseudonyms(platform.secrets.clone());
        let store: Arc<dyn MailboxStore> = match &platform.config.storage {
            Storage::Memory => Arc::new(SqliteStore::memory(bounds, pseudonyms, hub.clone())?),
            Storage::Files(folder) => Arc::new(SqliteStore::file(
                &folder.join("mailbox.db"),
                bounds,
                pseudonyms,
                hub.clone(),
            )?),
            Storage::Postgres(url) => {
                Arc::new(PostgresStore::open(url, bounds, pseudonyms, hub.clone()).await?)
            }
        };
        Ok(Self::over(platform, store, hub, devices, rate))
    }

    /// The room over a store that tells `hub` what it commits.
    pub fn over(
        platform: Platform,
        store: Arc<dyn MailboxStore>,
        hub: Arc<Hub>,
        devices: Arc<dyn DeviceDirectory>,
        rate: Rate,
    ) -> Self {
        let rate = Limiter::new(rate, platform.clock.clone());
        Self(Arc::new(Inner {
            platform,
            store,
            hub,
            devices,
            rate,
        }))
    }

    pub fn platform(&self) -> &Platform {
        &self.0.platform
    }

    pub fn store(&self) -> &Arc<dyn MailboxStore> {
        &self.0.store
    }

    pub fn hub(&self) -> &Arc<Hub> {
        &self.0.hub
    }

    /// Gives a new device a mailbox.
    pub async fn register_device(&self, address: Address) -> Result<(), StoreError> {
        self.0.store.register_device(address).await
    }

    /// Takes the mailbox of a removed device away and closes its socket.
    pub async fn remove_device(&self, address: Address) -> Result<(), StoreError> {
        self.0.hub.close(address.device_id, close_code::REVOKED);
        self.0.store.remove_device(address).await
    }

    /// A device erased its older sealing keys.
    pub async fn set_sealing_floor(&self, address: Address, number: u32) -> Result<(), StoreError> {
        self.0.store.set_sealing_floor(address, number).await
    }

    /// Removes everything of an account.
    pub async fn forget(&self, account: AccountId) -> Result<(), StoreError> {
        self.0.store.forget(account).await
    }

    /// What time does; called every ten minutes.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        self.0.rate.sweep();
        let swept = self.0.store.expire(self.0.platform.clock.now()).await?;
        self.0.hub.wake(&swept.woken);
        metrics::counter!("mailbox_expired_total").increment(swept.expired);
        metrics::counter!("mailbox_requests_released_total").increment(swept.released);
        Ok(())
    }

    /// Checks who speaks on a socket: token, then the device's signature over this socket's nonce. Opens the mailbox.
    ///
    /// # Errors
    /// The close code.
    pub async fn verify(&self, proof: Proof) -> Result<Verified, u16> {
        let Inner {
            platform,
            store,
            devices,
            ..
        } = &*self.0;
        let access = platform
            .auth
            .verify(&proof.jwt)
            .map_err(|error| match error.code {
                Code::SessionRevoked => close_code::REVOKED,
                _ => close_code::UNAUTHENTICATED,
            })?;
        let key = devices
            .dsk(access.account_id, access.device_id)
            .await
            .map_err(|_| close_code::UNAVAILABLE)?
            .ok_or(close_code::REVOKED)?;
        if !signature_holds(&key, &access, &proof) {
            return Err(close_code::UNAUTHENTICATED);
        }
        let address = Address {
            account_id: access.account_id,
            device_id: access.device_id,
        };
        let unavailable = |_| close_code::UNAVAILABLE;
        let opened = match store
            .open(address, proof.cursor)
            .await
            .map_err(unavailable)?
        {
            Some(opened) => opened,
            None => {
                // The relay stopped between the log entry and the mailbox of the device.
                store.register_device(address).await.map_err(unavailable)?;
                store
                    .open(address, proof.cursor)
                    .await
                    .map_err(unavailable)?
                    .ok_or(close_code::UNAVAILABLE)?
            }
        };
        if opened.after > 0 {
            store.ack(address, opened.after);
        }
        Ok(Verified { access, opened })
    }

    /// Queues a submit, or answers it at once when its account submits too fast.
    pub fn submit(&self, submit: Submit, replies: Replies) {
        if self.0.rate.check(&submit.from.account_id).is_ok() {
            return self.0.store.submit(submit, replies);
        }
        metrics::counter!("mailbox_submits_rate_limited_total").increment(1);
        let later = DestinationResult {
            outcome: Outcome::TryLater.into(),
            ..DestinationResult::default()
        };
        let accepted = Accepted {
            submit_id: submit.submit_id.to_vec(),
            results: vec![later; submit.destinations.len()],
            ..Accepted::default()
        };
        replies.send(Answer {
            submit_id: submit.submit_id,
            result: Ok(accepted),
        });
    }
}

fn signature_holds(key: &DeviceKey, access: &Access, proof: &Proof) -> bool {
    let message = signing::message(
        Purpose::Auth,
        &key.fingerprint,
        &access.device_id,
        &[&proof.nonce, access.session_id.as_bytes()],
    );
    primitives::verify_ed25519(&key.dsk, &message, &proof.signature)
}

impl axum::extract::FromRef<Mailbox> for Platform {
    fn from_ref(mailbox: &Mailbox) -> Self {
        mailbox.0.platform.clone()
    }
}
