//! What time does: envelopes, answers, budgets and tokens run out; held requests are released or dropped.

use rusqlite::params;
use securechat_proto::limits::{DAY_MS, REQUEST_HELD_MS_MAX};
use securechat_proto::{AccountId, DeviceId, EnvelopeId, Timestamp};
use std::collections::BTreeMap;

use super::Batch;
use crate::mailbox::rules::{self, Waiting};
use crate::mailbox::store::{Result, Swept};
use crate::mailbox::submit::Envelope;
use crate::platform::db::sqlite::refused;

/// Rows deleted in one statement where they stand in the order in which they came, which is that of their expiry: the
/// oldest ones tell whether to go on.
const SLICE: i64 = 500;

/// Sorted submits looked at in one sweep: 28 million a day, a table of five million in about four hours.
const SORTED_LOOK: i64 = 20_000;

impl Batch<'_> {
    pub(super) fn sweep(&mut self, now: Timestamp) -> Result<Swept> {
        let expired = self.drop_expired_envelopes(now)?;
        self.drop_expired_sorted(now)?;
        self.drop_expired_recent(now)?;
        self.execute(
            "DELETE FROM mailbox_budget WHERE day < ?1",
            [(now.0 / DAY_MS) as i64],
        )?;
        self.execute(
            "DELETE FROM mailbox_token WHERE expires_at_ms <= ?1",
            [now.0 as i64],
        )?;
        self.memory
            .tokens
            .retain(|_, token| token.expires_at.is_none_or(|end| now < end));
        let term = now.0.saturating_sub(REQUEST_HELD_MS_MAX) as i64;
        self.execute("DELETE FROM mailbox_held WHERE held_at_ms <= ?1", [term])?;
        let mut swept = Swept {
            expired,
            ..Swept::default()
        };
        self.release(now, &mut swept)?;
        Ok(swept)
    }

    /// Where a mailbox ends is told by its newest envelope: before that one may go, the device's row learns it.
    fn drop_expired_envelopes(&self, now: Timestamp) -> Result<u64> {
        let mut dropped = 0;
        loop {
            self.execute(
                "UPDATE mailbox_device SET (next_seq, total_bytes) = (SELECT MAX(mailbox_device.next_seq, e.seq + 1), \
                 MAX(mailbox_device.total_bytes, e.bytes_before + IFNULL(length(e.ciphertext), 0)) \
                 FROM mailbox_envelope e WHERE e.device_id = mailbox_device.device_id ORDER BY e.seq DESC LIMIT 1) \
                 WHERE device_id IN (SELECT device_id FROM (SELECT device_id, expires_at_ms FROM mailbox_envelope \
                 ORDER BY rowid LIMIT ?2) WHERE expires_at_ms <= ?1)",
                [now.0 as i64, SLICE],
            )?;
            let slice = self.drop_oldest("mailbox_envelope", now)?;
            dropped += slice as u64;
            if slice < SLICE as usize {
                return Ok(dropped);
            }
        }
    }

    /// Sorted submits stand in the order in which they moved in, by device, so that any of them may be due: each sweep
    /// goes on where the former one stopped, and begins anew behind the last.
    fn drop_expired_sorted(&mut self, now: Timestamp) -> Result<()> {
        let after = *self.sorted_swept;
        let (looked, upto): (i64, i64) = self
            .db
            .prepare_cached(
                "SELECT count(*), IFNULL(max(rowid), 0) FROM \
                 (SELECT rowid FROM mailbox_submit WHERE rowid > ?1 ORDER BY rowid LIMIT ?2)",
            )
            .and_then(|mut statement| {
                statement.query_row([after, SORTED_LOOK], |row| Ok((row.get(0)?, row.get(1)?)))
            })
            .map_err(refused)?;
        self.execute(
            "DELETE FROM mailbox_submit WHERE rowid > ?1 AND rowid <= ?2 AND expires_at_ms <= ?3",
            [after, upto, now.0 as i64],
        )?;
        *self.sorted_swept = if looked < SORTED_LOOK { 0 } else { upto };
        Ok(())
    }

    fn drop_expired_recent(&mut self, now: Timestamp) -> Result<()> {
        loop {
            let slice = self.drop_oldest("mailbox_submit_recent", now)?;
            if slice > 0 {
                self.read_recent_anew();
            }
            if slice < SLICE as usize {
                return Ok(());
            }
        }
    }

    /// One slice of what ran out; how many rows that was.
    fn drop_oldest(&self, table: &str, now: Timestamp) -> Result<usize> {
        let sql = format!(
            "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM (SELECT rowid, expires_at_ms FROM {table} \
             ORDER BY rowid LIMIT ?2) WHERE expires_at_ms <= ?1)"
        );
        self.execute(&sql, [now.0 as i64, SLICE])
    }

    /// Moves held requests into their mailboxes as far as today's budgets of their targets go.
    fn release(&mut self, now: Timestamp, swept: &mut Swept) -> Result<()> {
        let day = now.0 / DAY_MS;
        for (account, waiting) in self.held()? {
            let target = self.pseudonyms.target(account);
            let room = self
                .bounds
                .requests_received
                .saturating_sub(self.used(day, target)?);
            for request in rules::in_turn(waiting).into_iter().take(room as usize) {
                if self.release_one(account, &request, now, &mut swept.woken)? {
                    self.spend(day, target)?;
                    swept.released += 1;
                }
            }
        }
        Ok(())
    }

    /// Every held request, by target.
    fn held(&self) -> Result<BTreeMap<AccountId, Vec<Waiting>>> {
        let mut statement = self
            .db
            .prepare_cached(
                "SELECT DISTINCT account_id, sender_pseudonym, turn, held_at_ms FROM mailbox_held ORDER BY held_at_ms",
            )
            .map_err(refused)?;
        let mut rows = statement.query([]).map_err(refused)?;
        let mut held: BTreeMap<AccountId, Vec<Waiting>> = BTreeMap::new();
        while let Some(row) = rows.next().map_err(refused)? {
            let account = AccountId(row.get(0).map_err(refused)?);
            held.entry(account).or_default().push(Waiting {
                sender: row.get(1).map_err(refused)?,
                turn: row.get(2).map_err(refused)?,
                held_at: Timestamp(super::unsigned(row, 3).map_err(refused)?),
            });
        }
        Ok(held)
    }

    /// Appends the envelopes of one request. It stays held while a mailbox has no room.
    fn release_one(
        &mut self,
        account: AccountId,
        request: &Waiting,
        now: Timestamp,
        woken: &mut Vec<DeviceId>,
    ) -> Result<bool> {
        let envelopes = self.held_envelopes(account, request)?;
        let bytes = envelopes
            .iter()
            .map(|(_, e)| e.ciphertext.len() as u64)
            .sum();
        self.load_account(account)?;
        self.measure_if_full(account, envelopes.len() as u64, bytes)?;
        let devices = self
            .memory
            .accounts
            .get(&account)
            .map_or(&[][..], Vec::as_slice);
        if devices
            .iter()
            .any(|device| device.facts().pending >= self.bounds.envelopes_max)
        {
            return Ok(false);
        }
        for (accepted_at, envelope) in &envelopes {
            self.store(account, envelope, *accepted_at, now)?;
            woken.push(envelope.device_id);
        }
        self.execute(
            "DELETE FROM mailbox_held WHERE account_id = ?1 AND sender_pseudonym = ?2 AND turn = ?3 AND held_at_ms = ?4",
            params![account.0, request.sender, request.turn, request.held_at.0 as i64],
        )?;
        Ok(true)
    }

    fn held_envelopes(
        &self,
        account: AccountId,
        request: &Waiting,
    ) -> Result<Vec<(Timestamp, Envelope)>> {
        let mut statement = self
            .db
            .prepare_cached(
                "SELECT device_id, envelope_id, sealing_key_number, ciphertext, accepted_at_ms FROM mailbox_held \
                 WHERE account_id = ?1 AND sender_pseudonym = ?2 AND turn = ?3 AND held_at_ms = ?4 \
                 ORDER BY device_id, envelope_id",
            )
            .map_err(refused)?;
        let envelopes = statement
            .query_map(
                params![
                    account.0,
                    request.sender,
                    request.turn,
                    request.held_at.0 as i64
                ],
                |row| {
                    let envelope = Envelope {
                        device_id: DeviceId(row.get(0)?),
                        envelope_id: EnvelopeId(row.get(1)?),
                        sealing_key_number: row.get(2)?,
                        ciphertext: row.get::<_, Vec<u8>>(3)?.into(),
                    };
                    Ok((Timestamp(super::unsigned(row, 4)?), envelope))
                },
            )
            .map_err(refused)?
            .collect::<rusqlite::Result<_>>()
            .map_err(refused)?;
        Ok(envelopes)
    }
}
