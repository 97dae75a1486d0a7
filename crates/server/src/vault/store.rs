//! SQL of the vault; one text for both engines.

use crate::platform::db::{Directory, Result, Row, Tx, params};
use securechat_proto::AccountId;
use securechat_proto::api::{VaultInfo, VaultRecord, VaultWrite};
use securechat_proto::b64::Bytes;

pub async fn list(directory: &Directory, account_id: AccountId) -> Result<Vec<VaultInfo>> {
    let rows = directory
        .query(
            "SELECT name, version, LENGTH(body) FROM vault_records WHERE account_id = $1 ORDER BY name",
            params![account_id],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(VaultInfo {
                name: row.text(0)?,
                version: row.uint(1)?,
                size_bytes: row.uint(2)?,
            })
        })
        .collect()
}

const RECORD: &str = "SELECT version, body FROM vault_records WHERE account_id = $1 AND name = $2";

pub async fn read(
    directory: &Directory,
    account_id: AccountId,
    name: &str,
) -> Result<Option<VaultRecord>> {
    let row = directory.first(RECORD, params![account_id, name]).await?;
    row.as_ref().map(record).transpose()
}

/// The record, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, account_id: AccountId, name: &str) -> Result<Option<VaultRecord>> {
    let row = tx
        .first(
            &format!("{RECORD} {{for_update}}"),
            params![account_id, name],
        )
        .await?;
    row.as_ref().map(record).transpose()
}

fn record(row: &Row) -> Result<VaultRecord> {
    Ok(VaultRecord {
        version: row.uint(0)?,
        body: Bytes(row.bytes(1)?),
    })
}

pub async fn count(tx: &mut Tx, account_id: AccountId) -> Result<u64> {
    let row = tx
        .first(
            "SELECT COUNT(*) FROM vault_records WHERE account_id = $1",
            params![account_id],
        )
        .await?;
    row.map_or(Ok(0), |row| row.uint(0))
}

/// Whether it was written; not when somebody else was first.
pub async fn insert(
    tx: &mut Tx,
    account_id: AccountId,
    name: &str,
    write: &VaultWrite,
) -> Result<bool> {
    let inserted = tx
        .execute(
            "INSERT INTO vault_records (account_id, name, version, body) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
            params![account_id, name, write.version, write.body.0.clone()],
        )
        .await?;
    Ok(inserted == 1)
}

pub async fn update(
    tx: &mut Tx,
    account_id: AccountId,
    name: &str,
    write: &VaultWrite,
) -> Result<()> {
    tx.execute(
        "UPDATE vault_records SET version = $3, body = $4 WHERE account_id = $1 AND name = $2",
        params![account_id, name, write.version, write.body.0.clone()],
    )
    .await?;
    Ok(())
}
