//! The long way of one submit: requests, counted tokens, repeats, partial answers. One transaction, plain statements.

use prost::Message as _;
use securechat_proto::limits::DAY_MS;
use securechat_proto::wire::socket::{Accepted, Outcome};
use securechat_proto::{DeviceId, Timestamp};
use tokio_postgres::Transaction;

use super::batch::{Writer, delivery};
use super::{Shared, unsigned};
use crate::mailbox::rules::{self, BudgetFacts, Right, Verdict};
use crate::mailbox::store::{Appended, Result};
use crate::mailbox::submit::{Cursor, Delivery, Destination, Envelope, ExpiryClass, Submit};
use crate::platform::db::postgres::refused;

impl Shared {
    pub(super) async fn append_single(
        &self,
        writer: &mut Writer,
        submit: &Submit,
        now: Timestamp,
    ) -> Result<Appended> {
        let Writer {
            client,
            facts: statements,
            ..
        } = writer;
        let tx = client.transaction().await.map_err(refused)?;
        self.lock(&tx, submit).await?;
        let mut facts = self.facts(&tx, statements, &[submit]).await?;
        let (mut verdicts, mut requests) = (Vec::new(), 0);
        for to in &submit.destinations {
            let mut budget = BudgetFacts::default();
            if to.token.is_none() && to.account_id != submit.from.account_id {
                budget = self
                    .budget(&tx, submit.from.account_id, to.account_id, now)
                    .await?;
                budget.by_sender += requests;
            }
            let verdict = rules::decide(submit, to, &facts.of(to, budget), &self.bounds, now);
            requests += u32::from(verdict.right == Some(Right::Request) && verdict.takes());
            for envelope in verdict.accepted(to) {
                facts.grow(to.account_id, envelope.device_id, envelope.ciphertext.len());
            }
            verdicts.push(verdict);
        }
        let results = verdicts.iter().map(Verdict::to_wire).collect();
        let fresh = rules::answer(submit.submit_id, now, &self.bounds, results);
        let former = match submit.class {
            ExpiryClass::Ephemeral => None,
            ExpiryClass::Durable if verdicts.iter().any(Verdict::takes) => {
                self.remember(&tx, submit, &fresh, now).await?
            }
            ExpiryClass::Durable => recall(&tx, submit).await?,
        };
        let is_repeat = former.is_some();
        let mut accepted = former.unwrap_or_else(|| fresh.clone());
        let (mut deliveries, mut is_amended) = (Vec::new(), false);
        for (at, (to, verdict)) in submit.destinations.iter().zip(&verdicts).enumerate() {
            if is_repeat {
                if rules::is_final(&accepted.results[at]) {
                    continue;
                }
                accepted.results[at] = fresh.results[at].clone();
                is_amended |= verdict.takes();
            }
            let accepted_at = Timestamp(accepted.accepted_at_ms);
            self.take(
                &tx,
                submit,
                to,
                verdict,
                (accepted_at, now),
                &mut deliveries,
            )
            .await?;
        }
        if is_amended {
            tx.execute(
                "UPDATE mailbox_submit SET answer = $3 WHERE device_id = $1 AND submit_id = $2",
                &[
                    &submit.from.device_id.as_bytes(),
                    &submit.submit_id.as_bytes(),
                    &accepted.encode_to_vec(),
                ],
            )
            .await
            .map_err(refused)?;
        }
        tx.commit().await.map_err(refused)?;
        Ok(Appended {
            accepted,
            deliveries,
        })
    }

    /// Locks the mailboxes in the order in which every writer does; requests of one sender come one after the other.
    async fn lock(&self, tx: &Transaction<'_>, submit: &Submit) -> Result<()> {
        let devices: Vec<&[u8]> = submit
            .destinations
            .iter()
            .flat_map(|to| &to.envelopes)
            .map(|e| e.device_id.as_bytes())
            .collect();
        let [a, b, c, d, e, f, g, h, ..] = self.pseudonyms.sender(submit.from.account_id);
        if submit.destinations.iter().any(|to| to.token.is_none()) {
            tx.execute(
                "SELECT pg_advisory_xact_lock($1)",
                &[&i64::from_be_bytes([a, b, c, d, e, f, g, h])],
            )
            .await
            .map_err(refused)?;
        }
        tx.execute(
            "SELECT 1 FROM mailbox_device WHERE device_id = ANY($1) ORDER BY device_id FOR UPDATE",
            &[&devices],
        )
        .await
        .map_err(refused)?;
        Ok(())
    }

    /// Remembers the answer, unless this submit has been answered before: then the former answer.
    async fn remember(
        &self,
        tx: &Transaction<'_>,
        submit: &Submit,
        fresh: &Accepted,
        now: Timestamp,
    ) -> Result<Option<Accepted>> {
        let written = tx
            .execute(
                "INSERT INTO mailbox_submit (device_id, submit_id, digest, number, expires_at_ms, answer, counter, \
                 counter_signature) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                 ON CONFLICT (device_id, submit_id) DO UPDATE SET digest = excluded.digest, number = excluded.number, \
                 expires_at_ms = excluded.expires_at_ms, answer = excluded.answer, counter = excluded.counter, \
                 counter_signature = excluded.counter_signature WHERE mailbox_submit.digest <> excluded.digest",
                &[
                    &submit.from.device_id.as_bytes(),
                    &submit.submit_id.as_bytes(),
                    &&submit.digest[..],
                    &(submit.number as i64),
                    &(rules::remembered_until(now, &self.bounds).0 as i64),
                    &fresh.encode_to_vec(),
                    &submit.counter,
                    &submit.counter_signature,
                ],
            )
            .await
            .map_err(refused)?;
        if written == 1 {
            self.note_submit(submit.from.device_id);
            return Ok(None);
        }
        recall(tx, submit).await
    }

    /// Writes what the verdict takes: envelopes, budgets, uses of the token.
    async fn take(
        &self,
        tx: &Transaction<'_>,
        submit: &Submit,
        to: &Destination,
        verdict: &Verdict,
        (accepted_at, now): (Timestamp, Timestamp),
        deliveries: &mut Vec<(DeviceId, Delivery)>,
    ) -> Result<()> {
        if !verdict.takes() {
            return Ok(());
        }
        let pair = self.pseudonyms.pair(submit.from.account_id, to.account_id);
        let is_held = verdict.outcome == Outcome::Held;
        let turn = if is_held {
            self.used(tx, now.0 / DAY_MS, pair).await? + 1
        } else {
            0
        };
        for envelope in verdict.accepted(to) {
            match submit.class {
                _ if is_held => hold(tx, to, envelope, (pair, turn), (accepted_at, now)).await?,
                ExpiryClass::Ephemeral => {
                    deliveries.push((envelope.device_id, delivery(envelope, None, accepted_at)))
                }
                ExpiryClass::Durable => {
                    if let Some(cursor) = self.store(tx, envelope, accepted_at, accepted_at).await?
                    {
                        deliveries.push((
                            envelope.device_id,
                            delivery(envelope, Some(cursor), accepted_at),
                        ));
                    }
                }
            }
        }
        match (verdict.right, to.token) {
            (Some(Right::Token), Some(hash)) => {
                tx.execute(
                    "UPDATE mailbox_token SET uses = uses + 1 WHERE account_id = $1 AND token_hash = $2 \
                     AND (kind = 1 OR uses_max IS NOT NULL)",
                    &[&to.account_id.as_bytes(), &hash.as_bytes()],
                )
                .await
                .map_err(refused)?;
            }
            (Some(Right::Request), _) => {
                let day = now.0 / DAY_MS;
                self.spend(tx, day, pair).await?;
                self.spend(tx, day, self.pseudonyms.sender(submit.from.account_id))
                    .await?;
                if !is_held {
                    self.spend(tx, day, self.pseudonyms.target(to.account_id))
                        .await?;
                }
            }
            (Some(Right::OwnAccount | Right::Token) | None, _) => {}
        }
        Ok(())
    }

    /// Appends one envelope, kept for the retention from `stored_at` on; none when the mailbox already has it.
    pub(super) async fn store(
        &self,
        tx: &Transaction<'_>,
        envelope: &Envelope,
        accepted_at: Timestamp,
        stored_at: Timestamp,
    ) -> Result<Option<Cursor>> {
        let size = envelope.ciphertext.len() as i64;
        let grown = tx
            .query_opt(
                "UPDATE mailbox_device SET next_seq = next_seq + 1, total_bytes = total_bytes + $2 \
                 WHERE device_id = $1 AND NOT EXISTS (SELECT 1 FROM mailbox_envelope WHERE device_id = $1 \
                 AND envelope_id = $3) RETURNING next_seq - 1, total_bytes - $2",
                &[&envelope.device_id.as_bytes(), &size, &envelope.envelope_id.as_bytes()],
            )
            .await
            .map_err(refused)?;
        let Some(row) = grown else { return Ok(None) };
        let (seq, bytes_before): (i64, i64) = (row.get(0), row.get(1));
        tx.execute(
            "INSERT INTO mailbox_envelope (device_id, seq, bytes_before, envelope_id, sealing_key_number, ciphertext, \
             accepted_at_ms, expires_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                &envelope.device_id.as_bytes(),
                &seq,
                &bytes_before,
                &envelope.envelope_id.as_bytes(),
                &i64::from(envelope.sealing_key_number),
                &&envelope.ciphertext[..],
                &(accepted_at.0 as i64),
                &(stored_at.saturating_add_ms(self.bounds.retention_ms).0 as i64),
            ],
        )
        .await
        .map_err(refused)?;
        Ok(Some(Cursor::new(seq as u64, envelope.envelope_id)))
    }

    pub(super) async fn used(
        &self,
        tx: &Transaction<'_>,
        day: u64,
        pseudonym: [u8; 16],
    ) -> Result<u32> {
        let row = tx
            .query_opt(
                "SELECT used FROM mailbox_budget WHERE day = $1 AND pseudonym = $2",
                &[&(day as i64), &&pseudonym[..]],
            )
            .await
            .map_err(refused)?;
        Ok(row.map_or(0, |row| unsigned(&row, 0) as u32))
    }

    pub(super) async fn spend(
        &self,
        tx: &Transaction<'_>,
        day: u64,
        pseudonym: [u8; 16],
    ) -> Result<()> {
        tx.execute(
            "INSERT INTO mailbox_budget (day, pseudonym, used) VALUES ($1, $2, 1) \
             ON CONFLICT (day, pseudonym) DO UPDATE SET used = mailbox_budget.used + 1",
            &[&(day as i64), &&pseudonym[..]],
        )
        .await
        .map_err(refused)?;
        Ok(())
    }
}

/// The remembered answer to exactly this submit.
async fn recall(tx: &Transaction<'_>, submit: &Submit) -> Result<Option<Accepted>> {
    let row = tx
        .query_opt(
            "SELECT answer FROM mailbox_submit WHERE device_id = $1 AND submit_id = $2 AND digest = $3",
            &[&submit.from.device_id.as_bytes(), &submit.submit_id.as_bytes(), &&submit.digest[..]],
        )
        .await
        .map_err(refused)?;
    let former = row.and_then(|row| Accepted::decode(row.get::<_, &[u8]>(0)).ok());
    Ok(former.filter(|accepted| accepted.results.len() == submit.destinations.len()))
}

async fn hold(
    tx: &Transaction<'_>,
    to: &Destination,
    envelope: &Envelope,
    (pair, turn): ([u8; 16], u32),
    (accepted_at, now): (Timestamp, Timestamp),
) -> Result<()> {
    tx.execute(
        "INSERT INTO mailbox_held (account_id, held_at_ms, sender_pseudonym, turn, device_id, envelope_id, \
         accepted_at_ms, sealing_key_number, ciphertext) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT DO NOTHING",
        &[
            &to.account_id.as_bytes(),
            &(now.0 as i64),
            &&pair[..],
            &i64::from(turn),
            &envelope.device_id.as_bytes(),
            &envelope.envelope_id.as_bytes(),
            &(accepted_at.0 as i64),
            &i64::from(envelope.sealing_key_number),
            &&envelope.ciphertext[..],
        ],
    )
    .await
    .map_err(refused)?;
    Ok(())
}
