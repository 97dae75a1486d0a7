//! SQL of accounts; one text for both engines.

use super::rules::{EVENTS_KEPT_MS, REVOCATION_KEPT_MS};
use super::{ActiveDevice, StoredDevice};
use crate::platform::db::{Directory, Result, Row, Tx, params};
use crate::platform::{ApiResult, db};
use securechat_proto::api::{Code, SessionInfo, SignUp, Stretching};
use securechat_proto::b64::Bytes;
use securechat_proto::limits::REFRESH_TOKEN_TTL_MS;
use securechat_proto::{AccountId, DeviceId, Fingerprint, SessionId, Timestamp};

pub struct StoredAccount {
    pub account_id: AccountId,
    pub fingerprint: Fingerprint,
    pub record: Vec<u8>,
    pub stretching: Stretching,
}

pub struct StoredSession {
    pub session_id: SessionId,
    pub account_id: AccountId,
    pub device_id: DeviceId,
    pub sealed_name: Vec<u8>,
    pub refresh_hash: [u8; 32],
    pub previous_refresh_hash: Option<[u8; 32]>,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
}

// ---- accounts ----------------------------------------------------------------------------------

const ACCOUNT: &str = "SELECT account_id, fingerprint, opaque_record, stretching_version, stretching_memory_kib, \
     stretching_iterations, stretching_parallelism FROM accounts_accounts";

pub async fn by_handle(directory: &Directory, handle: &str) -> Result<Option<StoredAccount>> {
    let row = directory
        .first(&format!("{ACCOUNT} WHERE handle = $1"), params![handle])
        .await?;
    row.as_ref().map(account).transpose()
}

pub async fn by_id(directory: &Directory, account_id: AccountId) -> Result<Option<StoredAccount>> {
    let row = directory
        .first(
            &format!("{ACCOUNT} WHERE account_id = $1"),
            params![account_id],
        )
        .await?;
    row.as_ref().map(account).transpose()
}

pub async fn by_fingerprint(
    directory: &Directory,
    fingerprint: Fingerprint,
) -> Result<Option<AccountId>> {
    let row = directory
        .first(
            "SELECT account_id FROM accounts_accounts WHERE fingerprint = $1",
            params![fingerprint],
        )
        .await?;
    row.map(|row| row.array(0).map(AccountId)).transpose()
}

fn account(row: &Row) -> Result<StoredAccount> {
    let number = |at: usize| u32::try_from(row.uint(at)?).map_err(|_| db::Error::Shape(at));
    Ok(StoredAccount {
        account_id: AccountId(row.array(0)?),
        fingerprint: Fingerprint(row.array(1)?),
        record: row.bytes(2)?,
        stretching: Stretching {
            version: number(3)?,
            memory_kib: number(4)?,
            iterations: number(5)?,
            parallelism: number(6)?,
        },
    })
}

pub async fn sign_up_hash(tx: &mut Tx, account_id: AccountId) -> Result<Option<[u8; 32]>> {
    tx.first(
        "SELECT sign_up_hash FROM accounts_accounts WHERE account_id = $1",
        params![account_id],
    )
    .await?
    .map(|row| row.array(0))
    .transpose()
}

/// `handle_taken` or `conflict` when a unique column is in use.
pub async fn insert_account(
    tx: &mut Tx,
    account_id: AccountId,
    fingerprint: Fingerprint,
    sign_up: &SignUp,
    hash: [u8; 32],
) -> ApiResult<()> {
    let inserted = tx
        .execute(
            "INSERT INTO accounts_accounts (account_id, fingerprint, handle, opaque_record, stretching_version, \
             stretching_memory_kib, stretching_iterations, stretching_parallelism, sign_up_hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
            params![
                account_id,
                fingerprint,
                sign_up.handle.as_str(),
                sign_up.record.0.clone(),
                sign_up.stretching.version,
                sign_up.stretching.memory_kib,
                sign_up.stretching.iterations,
                sign_up.stretching.parallelism,
                hash,
            ],
        )
        .await?;
    if inserted == 1 {
        return Ok(());
    }
    let taken = tx
        .first(
            "SELECT 1 FROM accounts_accounts WHERE handle = $1",
            params![sign_up.handle.as_str()],
        )
        .await?;
    Err(if taken.is_some() {
        Code::HandleTaken
    } else {
        Code::Conflict
    }
    .into())
}

// ---- devices -----------------------------------------------------------------------------------

pub async fn replace_devices(
    tx: &mut Tx,
    account_id: AccountId,
    devices: &[ActiveDevice],
) -> Result<()> {
    let known = tx
        .query(
            "SELECT device_id FROM accounts_devices WHERE account_id = $1 {for_update}",
            params![account_id],
        )
        .await?;
    for row in known {
        let device_id = DeviceId(row.array(0)?);
        if !devices.iter().any(|device| device.device_id == device_id) {
            tx.execute(
                "DELETE FROM accounts_devices WHERE account_id = $1 AND device_id = $2",
                params![account_id, device_id],
            )
            .await?;
        }
    }
    for device in devices {
        tx.execute(
            "INSERT INTO accounts_devices (account_id, device_id, dsk) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            params![account_id, device.device_id, device.dsk],
        )
        .await?;
    }
    Ok(())
}

pub async fn device_ids(directory: &Directory, account_id: AccountId) -> Result<Vec<DeviceId>> {
    directory
        .query(
            "SELECT device_id FROM accounts_devices WHERE account_id = $1",
            params![account_id],
        )
        .await?
        .iter()
        .map(|row| row.array(0).map(DeviceId))
        .collect()
}

const DEVICE: &str = "SELECT a.fingerprint, d.dsk, d.password_needed FROM accounts_devices d \
     JOIN accounts_accounts a ON a.account_id = d.account_id WHERE d.account_id = $1 AND d.device_id = $2";

pub async fn device(
    directory: &Directory,
    account_id: AccountId,
    device_id: DeviceId,
) -> Result<Option<StoredDevice>> {
    let row = directory
        .first(DEVICE, params![account_id, device_id])
        .await?;
    row.map(|row| read_device(&row, device_id)).transpose()
}

/// As [`device`], inside a transaction.
pub async fn device_in(
    tx: &mut Tx,
    account_id: AccountId,
    device_id: DeviceId,
) -> Result<Option<StoredDevice>> {
    let row = tx.first(DEVICE, params![account_id, device_id]).await?;
    row.map(|row| read_device(&row, device_id)).transpose()
}

fn read_device(row: &Row, device_id: DeviceId) -> Result<StoredDevice> {
    Ok(StoredDevice {
        fingerprint: Fingerprint(row.array(0)?),
        device: ActiveDevice {
            device_id,
            dsk: row.array(1)?,
        },
        password_needed: row.int(2)? != 0,
    })
}

pub async fn set_password_needed(
    tx: &mut Tx,
    account_id: AccountId,
    device_id: DeviceId,
    needed: bool,
) -> Result<()> {
    tx.execute(
        "UPDATE accounts_devices SET password_needed = $3 WHERE account_id = $1 AND device_id = $2",
        params![account_id, device_id, needed],
    )
    .await?;
    Ok(())
}

// ---- sessions ----------------------------------------------------------------------------------

const SESSION: &str = "SELECT session_id, account_id, device_id, sealed_name, refresh_hash, previous_refresh_hash, \
     created_at_ms, last_used_at_ms FROM accounts_sessions";

/// The account's sessions, newest first.
pub async fn sessions(tx: &mut Tx, account_id: AccountId) -> Result<Vec<StoredSession>> {
    let sql = format!("{SESSION} WHERE account_id = $1 ORDER BY created_at_ms DESC, session_id");
    tx.query(&sql, params![account_id])
        .await?
        .iter()
        .map(read_session)
        .collect()
}

/// One session, locked until the transaction ends.
pub async fn session(tx: &mut Tx, session_id: SessionId) -> Result<Option<StoredSession>> {
    let sql = format!("{SESSION} WHERE session_id = $1 {{for_update}}");
    tx.first(&sql, params![session_id])
        .await?
        .as_ref()
        .map(read_session)
        .transpose()
}

fn read_session(row: &Row) -> Result<StoredSession> {
    Ok(StoredSession {
        session_id: SessionId(row.array(0)?),
        account_id: AccountId(row.array(1)?),
        device_id: DeviceId(row.array(2)?),
        sealed_name: row.bytes(3)?,
        refresh_hash: row.array(4)?,
        previous_refresh_hash: row.maybe(5, Row::array)?,
        created_at: row.time(6)?,
        last_used_at: row.time(7)?,
    })
}

impl StoredSession {
    pub fn info(self, current: SessionId) -> SessionInfo {
        SessionInfo {
            session_id: self.session_id,
            device_id: self.device_id,
            sealed_name: Bytes(self.sealed_name),
            created_at_ms: self.created_at,
            last_used_at_ms: self.last_used_at,
            current: self.session_id == current,
        }
    }
}

/// Whether it was written; not when the id is in use.
pub async fn insert_session(tx: &mut Tx, session: &StoredSession) -> Result<bool> {
    let inserted = tx
        .execute(
            "INSERT INTO accounts_sessions (session_id, account_id, device_id, sealed_name, refresh_hash, \
             previous_refresh_hash, created_at_ms, last_used_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT DO NOTHING",
            params![
                session.session_id,
                session.account_id,
                session.device_id,
                session.sealed_name.clone(),
                session.refresh_hash,
                session.previous_refresh_hash,
                session.created_at,
                session.last_used_at,
            ],
        )
        .await?;
    Ok(inserted == 1)
}

pub async fn rotate(
    tx: &mut Tx,
    session_id: SessionId,
    used: [u8; 32],
    next: [u8; 32],
    last_used_at: Timestamp,
) -> Result<()> {
    tx.execute(
        "UPDATE accounts_sessions SET refresh_hash = $2, previous_refresh_hash = $3, last_used_at_ms = $4 \
         WHERE session_id = $1",
        params![session_id, next, used, last_used_at],
    )
    .await?;
    Ok(())
}

pub async fn delete_session(tx: &mut Tx, session_id: SessionId, now: Timestamp) -> Result<()> {
    tx.execute(
        "DELETE FROM accounts_sessions WHERE session_id = $1",
        params![session_id],
    )
    .await?;
    tx.execute(
        "INSERT INTO accounts_revocations (session_id, revoked_at_ms) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        params![session_id, now],
    )
    .await?;
    Ok(())
}

pub async fn is_revoked(tx: &mut Tx, session_id: SessionId) -> Result<bool> {
    let row = tx
        .first(
            "SELECT 1 FROM accounts_revocations WHERE session_id = $1",
            params![session_id],
        )
        .await?;
    Ok(row.is_some())
}

pub async fn revocations_since(directory: &Directory, since: Timestamp) -> Result<Vec<SessionId>> {
    directory
        .query(
            "SELECT session_id FROM accounts_revocations WHERE revoked_at_ms >= $1",
            params![since],
        )
        .await?
        .iter()
        .map(|row| row.array(0).map(SessionId))
        .collect()
}

pub async fn sweep(directory: &Directory, now: Timestamp) -> Result<()> {
    let before = |ms: u64| Timestamp(now.0.saturating_sub(ms));
    let mut tx = directory.begin().await?;
    tx.execute(
        "DELETE FROM accounts_sessions WHERE last_used_at_ms < $1",
        params![before(REFRESH_TOKEN_TTL_MS)],
    )
    .await?;
    tx.execute(
        "DELETE FROM accounts_revocations WHERE revoked_at_ms < $1",
        params![before(REVOCATION_KEPT_MS)],
    )
    .await?;
    tx.execute(
        "DELETE FROM accounts_security_events WHERE at_ms < $1",
        params![before(EVENTS_KEPT_MS)],
    )
    .await?;
    tx.commit().await
}
