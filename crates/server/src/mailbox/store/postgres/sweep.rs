//! What time does: envelopes, answers, budgets and tokens run out; held requests are released or dropped.

use securechat_proto::limits::{DAY_MS, REQUEST_HELD_MS_MAX};
use securechat_proto::{AccountId, DeviceId, EnvelopeId, Timestamp};
use std::collections::BTreeMap;
use tokio_postgres::{Client, Transaction};

use super::{Shared, id, unsigned};
use crate::mailbox::rules::{self, Waiting};
use crate::mailbox::store::{Result, Swept};
use crate::mailbox::submit::Envelope;
use crate::platform::db::postgres::refused;

/// One relay sweeps at a time.
const SWEEP_LOCK: i64 = 0x006D_6169_6C73;

pub async fn sweep(shared: &Shared, client: &mut Client, now: Timestamp) -> Result<Swept> {
    let tx = client.transaction().await.map_err(refused)?;
    let lock = tx
        .query_one("SELECT pg_try_advisory_xact_lock($1)", &[&SWEEP_LOCK])
        .await
        .map_err(refused)?;
    if !lock.get::<_, bool>(0) {
        return Ok(Swept::default());
    }
    let at = now.0 as i64;
    let delete = async |sql: &str, bound: i64| tx.execute(sql, &[&bound]).await.map_err(refused);
    let expired = delete("DELETE FROM mailbox_envelope WHERE expires_at_ms <= $1", at).await?;
    delete("DELETE FROM mailbox_submit WHERE expires_at_ms <= $1", at).await?;
    delete(
        "DELETE FROM mailbox_budget WHERE day < $1",
        (now.0 / DAY_MS) as i64,
    )
    .await?;
    delete("DELETE FROM mailbox_token WHERE expires_at_ms <= $1", at).await?;
    let term = now.0.saturating_sub(REQUEST_HELD_MS_MAX) as i64;
    delete("DELETE FROM mailbox_held WHERE held_at_ms <= $1", term).await?;
    let mut swept = Swept {
        expired,
        ..Swept::default()
    };
    release(shared, &tx, now, &mut swept).await?;
    tx.commit().await.map_err(refused)?;
    shared.memory.clear();
    Ok(swept)
}

/// Moves held requests into their mailboxes as far as today's budgets of their targets go.
async fn release(
    shared: &Shared,
    tx: &Transaction<'_>,
    now: Timestamp,
    swept: &mut Swept,
) -> Result<()> {
    let rows = tx
        .query(
            "SELECT DISTINCT account_id, sender_pseudonym, turn, held_at_ms FROM mailbox_held",
            &[],
        )
        .await
        .map_err(refused)?;
    let mut held: BTreeMap<AccountId, Vec<Waiting>> = BTreeMap::new();
    for row in &rows {
        held.entry(AccountId(id(row, 0)))
            .or_default()
            .push(Waiting {
                sender: id(row, 1),
                turn: unsigned(row, 2) as u32,
                held_at: Timestamp(unsigned(row, 3)),
            });
    }
    let day = now.0 / DAY_MS;
    for (account, waiting) in held {
        let target = shared.pseudonyms.target(account);
        let room = shared
            .bounds
            .requests_received
            .saturating_sub(shared.used(tx, day, target).await?);
        for request in rules::in_turn(waiting).into_iter().take(room as usize) {
            if release_one(shared, tx, account, &request, now, &mut swept.woken).await? {
                shared.spend(tx, day, target).await?;
                swept.released += 1;
            }
        }
    }
    Ok(())
}

/// Appends the envelopes of one request. It stays held while a mailbox has no room.
async fn release_one(
    shared: &Shared,
    tx: &Transaction<'_>,
    account: AccountId,
    request: &Waiting,
    now: Timestamp,
    woken: &mut Vec<DeviceId>,
) -> Result<bool> {
    let full = tx
        .query_opt(
            "SELECT 1 FROM mailbox_device d WHERE d.account_id = $1 AND (SELECT count(*) FROM mailbox_envelope e \
             WHERE e.device_id = d.device_id) >= $2 LIMIT 1",
            &[&account.as_bytes(), &(shared.bounds.envelopes_max as i64)],
        )
        .await
        .map_err(refused)?;
    if full.is_some() {
        return Ok(false);
    }
    let rows = tx
        .query(
            "DELETE FROM mailbox_held WHERE account_id = $1 AND sender_pseudonym = $2 AND turn = $3 AND held_at_ms = $4 \
             RETURNING device_id, envelope_id, sealing_key_number, ciphertext, accepted_at_ms",
            &[
                &account.as_bytes(),
                &&request.sender[..],
                &i64::from(request.turn),
                &(request.held_at.0 as i64),
            ],
        )
        .await
        .map_err(refused)?;
    for row in &rows {
        let envelope = Envelope {
            device_id: DeviceId(id(row, 0)),
            envelope_id: EnvelopeId(id(row, 1)),
            sealing_key_number: unsigned(row, 2) as u32,
            ciphertext: row.get::<_, Vec<u8>>(3).into(),
        };
        shared
            .store(tx, &envelope, Timestamp(unsigned(row, 4)), now)
            .await?;
        woken.push(envelope.device_id);
    }
    Ok(true)
}
