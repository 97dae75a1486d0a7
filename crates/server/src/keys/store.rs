//! SQL of keys; one text for both engines. Row locks keep racing nodes apart on PostgreSQL.

use super::LiveDevice;
use super::rules::{
    self, BUNDLES_IN_STOCK_MAX, CLAIMED_KEPT_MS, CheckedBundle, CheckedPrekey, HeldEntry,
};
use crate::platform::db::{self, Directory, Result, Row, Tx, params};
use crate::platform::primitives::sha256;
use securechat_proto::{AccountId, DeviceId, Timestamp};
use std::collections::BTreeMap;

// ---- account log -------------------------------------------------------------------------------

pub async fn insert_log(
    tx: &mut Tx,
    account_id: AccountId,
    genesis: &[u8],
    now: Timestamp,
) -> Result<()> {
    tx.execute(
        "INSERT INTO keys_logs (account_id, head_sequence) VALUES ($1, 0)",
        params![account_id],
    )
    .await?;
    insert_entry(tx, account_id, 0, genesis, now).await
}

/// The head's sequence; the log is locked until the transaction ends.
pub async fn lock_head(tx: &mut Tx, account_id: AccountId) -> Result<Option<u64>> {
    tx.first(
        "SELECT head_sequence FROM keys_logs WHERE account_id = $1 {for_update}",
        params![account_id],
    )
    .await?
    .map(|row| row.uint(0))
    .transpose()
}

pub async fn head(directory: &Directory, account_id: AccountId) -> Result<Option<u64>> {
    directory
        .first(
            "SELECT head_sequence FROM keys_logs WHERE account_id = $1",
            params![account_id],
        )
        .await?
        .map(|row| row.uint(0))
        .transpose()
}

/// The whole log.
pub async fn entries(tx: &mut Tx, account_id: AccountId) -> Result<Vec<HeldEntry>> {
    tx.query(
        "SELECT entry, appended_at_ms FROM keys_log_entries WHERE account_id = $1 ORDER BY sequence",
        params![account_id],
    )
    .await?
    .iter()
    .map(|row| Ok(HeldEntry { entry: row.bytes(0)?, appended_at: row.time(1)? }))
    .collect()
}

pub async fn entries_from(
    directory: &Directory,
    account_id: AccountId,
    from: u64,
) -> Result<Vec<Vec<u8>>> {
    directory
        .query(
            "SELECT entry FROM keys_log_entries WHERE account_id = $1 AND sequence >= $2 ORDER BY sequence",
            params![account_id, from],
        )
        .await?
        .iter()
        .map(|row| row.bytes(0))
        .collect()
}

pub async fn append(
    tx: &mut Tx,
    account_id: AccountId,
    sequence: u64,
    entry: &[u8],
    now: Timestamp,
) -> Result<()> {
    insert_entry(tx, account_id, sequence, entry, now).await?;
    tx.execute(
        "UPDATE keys_logs SET head_sequence = $2 WHERE account_id = $1",
        params![account_id, sequence],
    )
    .await?;
    Ok(())
}

async fn insert_entry(
    tx: &mut Tx,
    account_id: AccountId,
    sequence: u64,
    entry: &[u8],
    now: Timestamp,
) -> Result<()> {
    tx.execute(
        "INSERT INTO keys_log_entries (account_id, sequence, entry, appended_at_ms) VALUES ($1, $2, $3, $4)",
        params![account_id, sequence, entry, now],
    )
    .await?;
    Ok(())
}

/// Deletes the keys of devices that are not in `kept`.
pub async fn keep_devices(tx: &mut Tx, account_id: AccountId, kept: &[DeviceId]) -> Result<()> {
    let held = tx
        .query(
            "SELECT DISTINCT device_id FROM keys_bundles WHERE account_id = $1",
            params![account_id],
        )
        .await?;
    for row in held {
        let device_id = DeviceId(row.array(0)?);
        if kept.contains(&device_id) {
            continue;
        }
        for table in [
            "keys_bundles",
            "keys_sealing_numbers",
            "keys_one_time_prekeys",
        ] {
            let sql = format!("DELETE FROM {table} WHERE account_id = $1 AND device_id = $2");
            tx.execute(&sql, params![account_id, device_id]).await?;
        }
    }
    Ok(())
}

/// Devices with a bundle, and the floor of their sealing keys.
pub async fn live_devices(
    directory: &Directory,
    account_id: AccountId,
    now: Timestamp,
) -> Result<Vec<LiveDevice>> {
    let rows = directory
        .query(
            "SELECT device_id, number, published_at_ms FROM keys_sealing_numbers WHERE account_id = $1 \
             ORDER BY device_id, number",
            params![account_id],
        )
        .await?;
    let mut published: BTreeMap<DeviceId, Vec<(u32, Timestamp)>> = BTreeMap::new();
    for row in &rows {
        let number = u32::try_from(row.uint(1)?).map_err(|_| db::Error::Shape(1))?;
        published
            .entry(DeviceId(row.array(0)?))
            .or_default()
            .push((number, row.time(2)?));
    }
    Ok(published
        .into_iter()
        .map(|(device_id, published)| LiveDevice {
            device_id,
            sealing_floor: rules::sealing_floor(&published, now),
        })
        .collect())
}

// ---- bundles -----------------------------------------------------------------------------------

pub struct HeldBundle {
    pub number: u64,
    pub bytes: Vec<u8>,
}

pub async fn newest_bundle(
    tx: &mut Tx,
    account_id: AccountId,
    device_id: DeviceId,
) -> Result<Option<HeldBundle>> {
    tx.first(
        "SELECT number, bundle FROM keys_bundles WHERE account_id = $1 AND device_id = $2 \
         ORDER BY number DESC LIMIT 1",
        params![account_id, device_id],
    )
    .await?
    .map(|row| {
        Ok(HeldBundle {
            number: row.uint(0)?,
            bytes: row.bytes(1)?,
        })
    })
    .transpose()
}

pub async fn bundle(
    tx: &mut Tx,
    account_id: AccountId,
    device_id: DeviceId,
    number: u64,
) -> Result<Option<Vec<u8>>> {
    tx.first(
        "SELECT bundle FROM keys_bundles WHERE account_id = $1 AND device_id = $2 AND number = $3",
        params![account_id, device_id, number],
    )
    .await?
    .map(|row| row.bytes(0))
    .transpose()
}

pub async fn insert_bundle(
    tx: &mut Tx,
    account_id: AccountId,
    device_id: DeviceId,
    checked: &CheckedBundle,
    now: Timestamp,
) -> Result<()> {
    let bundle = &checked.signed.bundle;
    tx.execute(
        "INSERT INTO keys_bundles (account_id, device_id, number, bundle) VALUES ($1, $2, $3, $4)",
        params![account_id, device_id, bundle.number, checked.bytes.clone()],
    )
    .await?;
    tx.execute(
        "INSERT INTO keys_sealing_numbers (account_id, device_id, number, published_at_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
        params![account_id, device_id, bundle.sealing_number, now],
    )
    .await?;
    Ok(())
}

/// Forgets bundles that no prekey in stock needs, and the oldest stock beyond what a device may keep.
pub async fn drop_empty_bundles(
    tx: &mut Tx,
    account_id: AccountId,
    device_id: DeviceId,
) -> Result<()> {
    tx.execute(
        "DELETE FROM keys_bundles WHERE account_id = $1 AND device_id = $2 \
         AND number < (SELECT MAX(number) FROM keys_bundles WHERE account_id = $1 AND device_id = $2) \
         AND NOT EXISTS (SELECT 1 FROM keys_one_time_prekeys p WHERE p.account_id = $1 AND p.device_id = $2 \
                         AND p.bundle_number = keys_bundles.number AND p.claimed_at_ms IS NULL)",
        params![account_id, device_id],
    )
    .await?;
    let held = tx
        .query(
            "SELECT number FROM keys_bundles WHERE account_id = $1 AND device_id = $2 ORDER BY number DESC",
            params![account_id, device_id],
        )
        .await?;
    for row in held.iter().skip(BUNDLES_IN_STOCK_MAX) {
        let number = row.uint(0)?;
        for sql in [
            "DELETE FROM keys_one_time_prekeys WHERE account_id = $1 AND device_id = $2 AND bundle_number = $3 \
             AND claimed_at_ms IS NULL",
            "DELETE FROM keys_bundles WHERE account_id = $1 AND device_id = $2 AND number = $3",
        ] {
            tx.execute(sql, params![account_id, device_id, number])
                .await?;
        }
    }
    Ok(())
}

// ---- one-time prekeys --------------------------------------------------------------------------

pub struct ClaimedPrekey {
    pub public_key: Vec<u8>,
    pub bundle_number: u64,
    pub index: u32,
    pub path: Vec<u8>,
}

/// A prekey that was handed out before stays handed out, also when its device uploads it again.
pub async fn put_prekey(
    tx: &mut Tx,
    account_id: AccountId,
    device_id: DeviceId,
    bundle_number: u64,
    prekey: &CheckedPrekey,
) -> Result<()> {
    tx.execute(
        "INSERT INTO keys_one_time_prekeys \
         (account_id, device_id, key_hash, public_key, bundle_number, leaf_index, merkle_path) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (account_id, device_id, key_hash) DO UPDATE SET bundle_number = excluded.bundle_number, \
         leaf_index = excluded.leaf_index, merkle_path = excluded.merkle_path \
         WHERE keys_one_time_prekeys.claimed_at_ms IS NULL",
        params![
            account_id,
            device_id,
            sha256(&prekey.public_key),
            prekey.public_key.clone(),
            bundle_number,
            prekey.index,
            prekey.path.clone(),
        ],
    )
    .await?;
    Ok(())
}

/// The stock of one bundle is proved by a newer one with the same root.
pub async fn move_prekeys(
    tx: &mut Tx,
    account_id: AccountId,
    device_id: DeviceId,
    from: u64,
    to: u64,
) -> Result<()> {
    tx.execute(
        "UPDATE keys_one_time_prekeys SET bundle_number = $4 \
         WHERE account_id = $1 AND device_id = $2 AND bundle_number = $3 AND claimed_at_ms IS NULL",
        params![account_id, device_id, from, to],
    )
    .await?;
    Ok(())
}

pub async fn prekeys_left(tx: &mut Tx, account_id: AccountId, device_id: DeviceId) -> Result<u32> {
    let row = tx
        .first(
            "SELECT COUNT(*) FROM keys_one_time_prekeys \
             WHERE account_id = $1 AND device_id = $2 AND claimed_at_ms IS NULL",
            params![account_id, device_id],
        )
        .await?
        .ok_or(db::Error::Shape(0))?;
    u32::try_from(row.uint(0)?).map_err(|_| db::Error::Shape(0))
}

/// Takes the oldest prekey in stock; its bytes leave the table, its hash stays. Racers never get the same one: SQLite
/// has one writer, PostgreSQL skips rows that another transaction holds.
pub async fn claim_prekey(
    tx: &mut Tx,
    account_id: AccountId,
    device_id: DeviceId,
    now: Timestamp,
) -> Result<Option<ClaimedPrekey>> {
    let found = tx
        .first(
            "SELECT key_hash, public_key, bundle_number, leaf_index, merkle_path FROM keys_one_time_prekeys \
             WHERE account_id = $1 AND device_id = $2 AND claimed_at_ms IS NULL \
             ORDER BY bundle_number, leaf_index LIMIT 1 {skip_locked}",
            params![account_id, device_id],
        )
        .await?;
    let Some(row) = found else { return Ok(None) };
    let none: &[u8] = &[];
    tx.execute(
        "UPDATE keys_one_time_prekeys SET claimed_at_ms = $4, public_key = $5, merkle_path = $5 \
         WHERE account_id = $1 AND device_id = $2 AND key_hash = $3",
        params![account_id, device_id, row.bytes(0)?, now, none],
    )
    .await?;
    claimed(&row).map(Some)
}

fn claimed(row: &Row) -> Result<ClaimedPrekey> {
    Ok(ClaimedPrekey {
        public_key: row.bytes(1)?,
        bundle_number: row.uint(2)?,
        index: u32::try_from(row.uint(3)?).map_err(|_| db::Error::Shape(3))?,
        path: row.bytes(4)?,
    })
}

pub async fn sweep(directory: &Directory, now: Timestamp) -> Result<()> {
    let before = Timestamp(now.0.saturating_sub(CLAIMED_KEPT_MS));
    directory
        .execute(
            "DELETE FROM keys_one_time_prekeys WHERE claimed_at_ms < $1",
            params![before],
        )
        .await?;
    Ok(())
}
