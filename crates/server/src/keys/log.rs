//! The account log at the relay: started by a sign-up, extended by compare-and-set, handed out in pages.

use super::{Keys, rules, store};
use crate::accounts::Ended;
use crate::platform::db::Tx;
use crate::platform::{Access, ApiResult};
use securechat_proto::account_log::{Log, Operation, Verified};
use securechat_proto::api::{Code, LogEntries};
use securechat_proto::b64::Bytes;
use securechat_proto::limits::LOG_FETCH_BYTES_MAX;
use securechat_proto::{AccountId, Fingerprint};

/// A checked Genesis.
pub struct Genesis(Verified<Log>, Vec<u8>);

impl Genesis {
    /// Reads and checks the first entry of a log.
    ///
    /// # Errors
    /// `invalid`
    pub fn check(entry: &[u8]) -> ApiResult<Self> {
        Ok(Self(rules::check_genesis(entry)?, entry.to_vec()))
    }

    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint()
    }
}

impl Keys {
    /// Starts the log of a new account inside the sign-up's transaction.
    pub async fn start_log(
        &self,
        tx: &mut Tx,
        account_id: AccountId,
        genesis: &Genesis,
    ) -> ApiResult<Ended> {
        store::insert_log(tx, account_id, &genesis.1, self.platform.clock.now()).await?;
        self.set_active(tx, account_id, genesis.0.state()).await
    }

    /// Appends to the own log at `sequence`. The same entry again is fine.
    ///
    /// # Errors
    /// `conflict` when somebody wrote there first or the place is not the next one; those of [`rules::check_append`].
    pub(super) async fn append(
        &self,
        access: Access,
        sequence: u64,
        entry: &[u8],
    ) -> ApiResult<()> {
        let account_id = access.account_id;
        let mut tx = self.platform.directory.begin().await?;
        let head = store::lock_head(&mut tx, account_id)
            .await?
            .ok_or(Code::NotFound)?;
        let held = store::entries(&mut tx, account_id).await?;
        if let Some(there) = usize::try_from(sequence).ok().and_then(|at| held.get(at)) {
            if there.entry != entry {
                return Err(Code::Conflict.into());
            }
            drop(tx);
            return self.announce_devices(account_id).await;
        }
        if sequence != head + 1 {
            return Err(Code::Conflict.into());
        }
        let now = self.platform.clock.now();
        let log = rules::check_append(&held, entry, now)?;
        store::append(&mut tx, account_id, sequence, entry, now).await?;
        let mut ended = vec![self.set_active(&mut tx, account_id, log.state()).await?];
        if let Some(Operation::Recover(recover)) =
            log.entry(sequence).map(|entry| &entry.body.operation)
        {
            let kept = [recover.device.id(&crate::platform::primitives::Primitives)];
            ended.push(
                self.accounts
                    .end_sessions_except(&mut tx, account_id, &kept)
                    .await?,
            );
        }
        tx.commit().await?;
        ended
            .into_iter()
            .for_each(|ended| self.accounts.announce_ended(ended));
        self.announce_devices(account_id).await
    }

    /// Entries from `from` on, as many as fit 256 KiB.
    ///
    /// # Errors
    /// `not_found` for an unknown account.
    pub(super) async fn fetch(&self, account_id: AccountId, from: u64) -> ApiResult<LogEntries> {
        let directory = &self.platform.directory;
        let head_sequence = store::head(directory, account_id)
            .await?
            .ok_or(Code::NotFound)?;
        let mut size = 0;
        let entries = store::entries_from(directory, account_id, from)
            .await?
            .into_iter()
            .take_while(|entry| {
                size += entry.len();
                size <= LOG_FETCH_BYTES_MAX
            })
            .map(Bytes)
            .collect();
        Ok(LogEntries {
            entries,
            head_sequence,
        })
    }
}
