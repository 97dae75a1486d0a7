//! Prekey bundles: published by their device, handed out with one one-time prekey each, exactly once.

use super::rules::CheckedBundle;
use super::{Keys, rules, store};
use crate::platform::db::Tx;
use crate::platform::primitives::sha256;
use crate::platform::{Access, ApiResult};
use securechat_proto::api::{
    BundleState, BundleUpload, Code, OneTimePrekey, PrekeyBundle, PrekeyBundles,
};
use securechat_proto::b64::Bytes;
use securechat_proto::limits::DEVICES_PER_ACCOUNT_MAX;
use securechat_proto::{AccountId, DeviceId};

impl Keys {
    /// Publishes a device's bundle inside a transaction. The same bytes again are fine.
    ///
    /// # Errors
    /// `conflict` for a number not above the one held, `invalid`, `device_not_linked`.
    pub async fn publish(
        &self,
        tx: &mut Tx,
        account_id: AccountId,
        device_id: DeviceId,
        upload: &BundleUpload,
    ) -> ApiResult<()> {
        let (fingerprint, dsk) = self
            .accounts
            .active_key(tx, account_id, device_id)
            .await?
            .ok_or(Code::DeviceNotLinked)?;
        let checked = rules::check_bundle(upload, fingerprint, device_id, &dsk)?;
        let number = checked.signed.bundle.number;
        // One bundle of an account at a time: the head row is the lock.
        store::lock_head(tx, account_id)
            .await?
            .ok_or(Code::NotFound)?;
        if let Some(held) = store::newest_bundle(tx, account_id, device_id).await? {
            if held.number == number && held.bytes == checked.bytes {
                return Ok(());
            }
            if number <= held.number {
                return Err(Code::Conflict.into());
            }
            if checked.keeps_prekeys() {
                check_same_root(&held.bytes, &checked)?;
                store::move_prekeys(tx, account_id, device_id, held.number, number).await?;
            }
        } else if checked.keeps_prekeys() {
            return Err(Code::Invalid.into());
        }
        let now = self.platform.clock.now();
        store::insert_bundle(tx, account_id, device_id, &checked, now).await?;
        for prekey in &checked.prekeys {
            store::put_prekey(tx, account_id, device_id, number, prekey).await?;
        }
        store::drop_empty_bundles(tx, account_id, device_id).await?;
        Ok(())
    }

    pub(super) async fn upload(&self, access: Access, upload: &BundleUpload) -> ApiResult<()> {
        let mut tx = self.platform.directory.begin().await?;
        self.publish(&mut tx, access.account_id, access.device_id, upload)
            .await?;
        tx.commit().await?;
        self.announce_devices(access.account_id).await
    }

    /// What is held for the asking device.
    pub(super) async fn bundle_state(&self, access: Access) -> ApiResult<BundleState> {
        let mut tx = self.platform.directory.begin().await?;
        let held = store::newest_bundle(&mut tx, access.account_id, access.device_id).await?;
        let one_time_left =
            store::prekeys_left(&mut tx, access.account_id, access.device_id).await?;
        Ok(BundleState {
            number: held.as_ref().map(|held| held.number),
            bundle_hash: held.map(|held| Bytes(sha256(&held.bytes).to_vec())),
            one_time_left,
        })
    }

    /// Takes one one-time prekey of each named live device (all, when none is named). Over budget or out of stock the
    /// bundle's last-resort key serves.
    ///
    /// # Errors
    /// `not_found` for an unknown account, `invalid` for more devices than an account can have.
    pub(super) async fn claim(
        &self,
        access: Access,
        account_id: AccountId,
        devices: &[DeviceId],
    ) -> ApiResult<PrekeyBundles> {
        if devices.len() > DEVICES_PER_ACCOUNT_MAX {
            return Err(Code::Invalid.into());
        }
        let directory = &self.platform.directory;
        if store::head(directory, account_id).await?.is_none() {
            return Err(Code::NotFound.into());
        }
        let live = store::live_devices(directory, account_id, self.platform.clock.now()).await?;
        let wanted = live
            .into_iter()
            .map(|live| live.device_id)
            .filter(|device_id| devices.is_empty() || devices.contains(device_id));
        let mut bundles = Vec::new();
        for device_id in wanted {
            bundles.extend(self.claim_one(access, account_id, device_id).await?);
        }
        Ok(PrekeyBundles { bundles })
    }

    async fn claim_one(
        &self,
        access: Access,
        account_id: AccountId,
        device_id: DeviceId,
    ) -> ApiResult<Option<PrekeyBundle>> {
        let mut tx = self.platform.directory.begin().await?;
        let Some(newest) = store::newest_bundle(&mut tx, account_id, device_id).await? else {
            return Ok(None);
        };
        let mut one_time = None;
        if self.is_within_budget(access.account_id, account_id) {
            let now = self.platform.clock.now();
            if let Some(claimed) = store::claim_prekey(&mut tx, account_id, device_id, now).await? {
                let proved_by = match claimed.bundle_number {
                    number if number == newest.number => None,
                    number => store::bundle(&mut tx, account_id, device_id, number)
                        .await?
                        .map(Bytes),
                };
                one_time = Some(OneTimePrekey {
                    index: claimed.index,
                    public_key: Bytes(claimed.public_key),
                    bundle_number: claimed.bundle_number,
                    proved_by,
                    path: claimed
                        .path
                        .chunks_exact(32)
                        .map(|hash| Bytes(hash.to_vec()))
                        .collect(),
                });
            }
        }
        // The claim is on the disk before anybody uses the key: after a crash it is gone, never handed out again.
        tx.commit().await?;
        Ok(Some(PrekeyBundle {
            device_id,
            bundle: Bytes(newest.bytes),
            one_time,
        }))
    }

    fn is_within_budget(&self, asker: AccountId, target: AccountId) -> bool {
        self.budgets.by_asker.check(&asker).is_ok()
            && (asker == target || self.budgets.of_target.check(&target).is_ok())
    }
}

fn check_same_root(held: &[u8], checked: &CheckedBundle) -> ApiResult<()> {
    let held = securechat_proto::bundle::SignedBundle::decode(held)
        .map_err(|_| Code::Internal)?
        .bundle;
    let new = &checked.signed.bundle;
    if held.one_time_root == new.one_time_root && held.one_time_count == new.one_time_count {
        Ok(())
    } else {
        Err(Code::Invalid.into())
    }
}
