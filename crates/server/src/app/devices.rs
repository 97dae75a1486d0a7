//! Between rooms that do not know each other: `keys` says which devices live, `mailbox` keeps their mailboxes.

use crate::accounts::Accounts;
use crate::keys::{AccountDevices, Listener};
use crate::mailbox::{Address, DeviceDirectory, DeviceKey, Mailbox};
use crate::platform::{ApiError, ApiResult, db};
use futures_util::future::BoxFuture;
use securechat_proto::{AccountId, DeviceId};
use std::sync::Arc;

/// Device keys as `accounts` holds them, for the proof on a socket.
pub struct DeviceKeys(pub Accounts);

impl DeviceDirectory for DeviceKeys {
    fn dsk(
        &self,
        account: AccountId,
        device: DeviceId,
    ) -> BoxFuture<'_, db::Result<Option<DeviceKey>>> {
        Box::pin(async move {
            let found = self.0.device_key(account, device).await?;
            Ok(found.map(|(fingerprint, dsk)| DeviceKey { fingerprint, dsk }))
        })
    }
}

/// Brings the mailboxes of an account in line with its devices; safe to repeat.
pub fn listener(mailbox: Mailbox) -> Listener {
    Arc::new(move |devices| {
        let mailbox = mailbox.clone();
        Box::pin(async move { follow(&mailbox, devices).await })
    })
}

async fn follow(mailbox: &Mailbox, devices: AccountDevices) -> ApiResult<()> {
    let account_id = devices.account_id;
    for device_id in devices.removed {
        mailbox
            .remove_device(Address {
                account_id,
                device_id,
            })
            .await
            .map_err(ApiError::from)?;
    }
    for live in devices.live {
        let address = Address {
            account_id,
            device_id: live.device_id,
        };
        mailbox
            .register_device(address)
            .await
            .map_err(ApiError::from)?;
        mailbox
            .set_sealing_floor(address, live.sealing_floor)
            .await
            .map_err(ApiError::from)?;
    }
    Ok(())
}
