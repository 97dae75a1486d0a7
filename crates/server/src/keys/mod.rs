//! Keys: account logs (which devices exist) and the public prekeys with which others start sessions.
//!
//! Knows: public keys, and how often one-time prekeys were taken. Must never know: a secret key, who talks to whom
//! (claims are counted in memory, by target and by asker apart, and never stored).
//! The rules of a log are `securechat_proto::account_log`, the same code that devices run.

mod bundles;
mod http;
mod log;
mod rules;
mod store;

pub use http::router;
pub use log::Genesis;

use crate::accounts::{Accounts, ActiveDevice, Ended};
use crate::platform::db::{RoomMigrations, Tx, migrations};
use crate::platform::limits::{Limiter, Rate};
use crate::platform::{ApiResult, Platform};
use axum::extract::FromRef;
use futures_util::future::BoxFuture;
use securechat_proto::account_log::State;
use securechat_proto::limits::{
    DAY_MS, HOUR_MS, PREKEY_CLAIMS_BY_STRANGERS_PER_DAY, PREKEY_CLAIMS_PER_HOUR, SECOND_MS,
};
use securechat_proto::{AccountId, DeviceId};
use std::sync::Arc;

/// Schema of this room.
pub const MIGRATIONS: RoomMigrations = migrations!("keys", 1 => "0001_start");

/// The devices of an account as its log and bundles say, for whoever keeps mailboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDevices {
    pub account_id: AccountId,
    pub live: Vec<LiveDevice>,
    /// Devices that once stood in the log and do not any more.
    pub removed: Vec<DeviceId>,
}

/// A live device and the lowest sealing-key number it still opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveDevice {
    pub device_id: DeviceId,
    /// Keys below it were replaced more than 31 days ago; 0 before the first bundle.
    pub sealing_floor: u32,
}

/// Called after the commit of every change of devices or sealing keys, also when the change was a repeat, so that a
/// caller that missed one because the process died hears of it when the client tries again.
pub type Listener = Arc<dyn Fn(AccountDevices) -> BoxFuture<'static, ApiResult<()>> + Send + Sync>;

/// The room; cheap to clone.
#[derive(Clone)]
pub struct Keys {
    platform: Platform,
    accounts: Accounts,
    budgets: Arc<Budgets>,
    listener: Listener,
}

/// One-time prekeys per hour by one asker, and per day of one target by others.
struct Budgets {
    by_asker: Limiter<AccountId>,
    of_target: Limiter<AccountId>,
}

impl FromRef<Keys> for Platform {
    fn from_ref(keys: &Keys) -> Self {
        keys.platform.clone()
    }
}

impl Keys {
    pub fn new(platform: Platform, accounts: Accounts, listener: Listener) -> Self {
        let seconds = |ms: u64| u32::try_from(ms / SECOND_MS).unwrap_or(u32::MAX);
        let hourly = Rate {
            burst: PREKEY_CLAIMS_PER_HOUR,
            period_s: seconds(HOUR_MS),
        };
        let daily = Rate {
            burst: PREKEY_CLAIMS_BY_STRANGERS_PER_DAY,
            period_s: seconds(DAY_MS),
        };
        let budgets = Arc::new(Budgets {
            by_asker: Limiter::new(hourly, platform.clock.clone()),
            of_target: Limiter::new(daily, platform.clock.clone()),
        });
        Self {
            platform,
            accounts,
            budgets,
            listener,
        }
    }

    /// Tells the listener which devices the account has, and which it had.
    pub async fn announce_devices(&self, account_id: AccountId) -> ApiResult<()> {
        let directory = &self.platform.directory;
        let live = store::live_devices(directory, account_id, self.platform.clock.now()).await?;
        let active = self.accounts.active_devices(account_id).await?;
        let removed = store::entries_from(directory, account_id, 0)
            .await?
            .iter()
            .flat_map(|entry| rules::devices_named(entry))
            .filter(|device_id| !active.contains(device_id))
            .collect();
        (self.listener)(AccountDevices {
            account_id,
            live,
            removed,
        })
        .await
    }

    /// Hands the active devices of a log to `accounts`, inside the transaction that changed the log.
    async fn set_active(
        &self,
        tx: &mut Tx,
        account_id: AccountId,
        state: &State,
    ) -> ApiResult<Ended> {
        let active: Vec<ActiveDevice> = state
            .devices
            .iter()
            .filter(|_| !state.closed)
            .map(|(device_id, device)| ActiveDevice {
                device_id: *device_id,
                dsk: device.keys.dsk,
            })
            .collect();
        let ids: Vec<DeviceId> = active.iter().map(|device| device.device_id).collect();
        store::keep_devices(tx, account_id, &ids).await?;
        self.accounts
            .set_active_devices(tx, account_id, &active)
            .await
    }

    /// Housekeeping, about once a minute.
    pub async fn sweep(&self) -> ApiResult<()> {
        self.budgets.by_asker.sweep();
        self.budgets.of_target.sweep();
        store::sweep(&self.platform.directory, self.platform.clock.now()).await?;
        Ok(())
    }
}
