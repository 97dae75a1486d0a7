//! The hot path: batches of ordinary submits in one statement each, acks in another.

use prost::Message as _;
use securechat_proto::limits::SUBMITS_REMEMBERED;
use securechat_proto::{DeviceId, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement};

use super::facts::{BatchFacts, Statements};
use super::{
    ACK_DELAY, ACK_SETTINGS, ACKS_MAX, BATCH_MAX, RECONNECT_AFTER, Shared, WRITER_SETTINGS,
    connect, id, unsigned,
};
use crate::mailbox::hub::Replies;
use crate::mailbox::rules::{self, BudgetFacts, Right, Verdict};
use crate::mailbox::store::{Appended, Result, StoreError};
use crate::mailbox::submit::{Cursor, Delivery, Envelope, ExpiryClass, Submit};
use crate::platform::db::postgres::refused;
use securechat_proto::wire::socket::{Accepted, Outcome};

/// $1-$6 submits; $7-$9 mailboxes and their growth, in order of device so that writers lock alike; $10-$15 envelopes,
/// each with its place among those for the same mailbox. A conflict refuses the whole batch: nothing is skipped, so
/// no sequence has a gap.
const APPEND: &str = "WITH remembered AS (\
       INSERT INTO mailbox_submit (device_id, submit_id, digest, number, answer, counter, counter_signature, expires_at_ms) \
       SELECT s.*, $8 FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bytea[]) s), \
     grown AS (\
       UPDATE mailbox_device d SET next_seq = d.next_seq + g.count, total_bytes = d.total_bytes + g.bytes \
       FROM unnest($9::bytea[], $10::bigint[], $11::bigint[]) g(device_id, count, bytes) WHERE d.device_id = g.device_id \
       RETURNING d.device_id, d.next_seq - g.count AS first_seq, d.total_bytes - g.bytes AS first_bytes), \
     stored AS (\
       INSERT INTO mailbox_envelope (device_id, seq, bytes_before, envelope_id, sealing_key_number, ciphertext, \
         accepted_at_ms, expires_at_ms) \
       SELECT e.device_id, w.first_seq + e.place, w.first_bytes + e.before, e.envelope_id, e.key_number, e.ciphertext, $18, $19 \
       FROM unnest($12::bytea[], $13::bigint[], $14::bigint[], $15::bytea[], $16::bigint[], $17::bytea[]) \
         e(device_id, place, before, envelope_id, key_number, ciphertext) \
       JOIN grown w ON w.device_id = e.device_id) \
     SELECT device_id, first_seq FROM grown";

/// The same for one submit with one envelope: a quarter of the work.
const APPEND_ONE: &str = "WITH remembered AS (\
       INSERT INTO mailbox_submit (device_id, submit_id, digest, number, answer, counter, counter_signature, expires_at_ms) \
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)), \
     grown AS (\
       UPDATE mailbox_device SET next_seq = next_seq + 1, total_bytes = total_bytes + $9 WHERE device_id = $10 \
       RETURNING next_seq - 1 AS seq, total_bytes - $9 AS bytes_before), \
     stored AS (\
       INSERT INTO mailbox_envelope (device_id, seq, bytes_before, envelope_id, sealing_key_number, ciphertext, \
         accepted_at_ms, expires_at_ms) SELECT $10, seq, bytes_before, $11, $12, $13, $14, $15 FROM grown) \
     SELECT seq FROM grown";

const DELETE_ACKED: &str = "DELETE FROM mailbox_envelope e USING unnest($1::bytea[], $2::bigint[]) a(device_id, seq) \
     WHERE e.device_id = a.device_id AND e.seq <= a.seq";

const TRIM: &str = "DELETE FROM mailbox_submit WHERE device_id = $1 AND number < (SELECT number FROM mailbox_submit \
     WHERE device_id = $1 ORDER BY number DESC OFFSET $2 LIMIT 1)";

/// What can wait and may be lost.
pub enum Lazy {
    /// The mailbox was committed by its device up to this sequence.
    Acked(DeviceId, u64),
    /// The device has many remembered submits.
    Trim(DeviceId),
}

/// One writer's connection.
pub struct Writer {
    pub client: Client,
    pub facts: Statements,
    append: Statement,
    append_one: Statement,
}

impl Writer {
    async fn connect(shared: &Shared) -> Result<Self> {
        let client = connect(&shared.config, WRITER_SETTINGS).await?;
        let facts = Statements::prepare(&client).await?;
        let append = client.prepare(APPEND).await.map_err(refused)?;
        let append_one = client.prepare(APPEND_ONE).await.map_err(refused)?;
        Ok(Self {
            client,
            facts,
            append,
            append_one,
        })
    }
}

/// Takes what queued up while the last statement was committed, and commits it together. Ends with the store.
pub async fn write(shared: Arc<Shared>, mut submits: UnboundedReceiver<(Submit, Replies)>) {
    let mut writer: Option<Writer> = None;
    let mut queue = Vec::with_capacity(BATCH_MAX);
    while submits.recv_many(&mut queue, BATCH_MAX).await > 0 {
        metrics::histogram!("mailbox_batch_submits").record(queue.len() as f64);
        if writer
            .as_ref()
            .is_none_or(|writer| writer.client.is_closed())
        {
            writer = match Writer::connect(&shared).await {
                Ok(writer) => Some(writer),
                Err(error) => {
                    tracing::error!(%error, "mailbox writer has no connection");
                    None
                }
            };
        }
        match &mut writer {
            Some(writer) => shared.append_batch(writer, &queue).await,
            None => {
                for (submit, replies) in &queue {
                    shared.tell(submit, replies, Err(StoreError::Unavailable));
                }
                sleep(RECONNECT_AFTER).await;
            }
        }
        queue.clear();
    }
}

/// Deletes acked envelopes a little later, in commits that nobody waits for. Lost with the process they are only
/// delivered once more.
pub async fn delete_acked(shared: Arc<Shared>, mut acks: UnboundedReceiver<Lazy>) {
    let mut connection: Option<(Client, Statement)> = None;
    let mut queue = Vec::new();
    while acks.recv_many(&mut queue, ACKS_MAX).await > 0 {
        sleep(ACK_DELAY).await;
        while queue.len() < ACKS_MAX {
            let Ok(ack) = acks.try_recv() else { break };
            queue.push(ack);
        }
        if connection
            .as_ref()
            .is_none_or(|(client, _)| client.is_closed())
        {
            connection = connect_for_acks(&shared).await.ok();
        }
        let Some((client, delete)) = &connection else {
            // They come again after the redelivery.
            queue.clear();
            sleep(RECONNECT_AFTER).await;
            continue;
        };
        let mut furthest: BTreeMap<DeviceId, u64> = BTreeMap::new();
        for lazy in queue.drain(..) {
            match lazy {
                Lazy::Acked(device, seq) => {
                    let known = furthest.entry(device).or_default();
                    *known = seq.max(*known);
                }
                Lazy::Trim(device) => {
                    let kept = (SUBMITS_REMEMBERED - 1) as i64;
                    if let Err(error) = client
                        .execute(TRIM, &[&device.as_bytes(), &kept])
                        .await
                        .map_err(refused)
                    {
                        tracing::warn!(%error, "remembered submits were not trimmed");
                    }
                }
            }
        }
        if furthest.is_empty() {
            continue;
        }
        let devices: Vec<&[u8]> = furthest.keys().map(|device| device.as_bytes()).collect();
        let sequences: Vec<i64> = furthest.values().map(|seq| *seq as i64).collect();
        if let Err(error) = client
            .execute(delete, &[&devices, &sequences])
            .await
            .map_err(refused)
        {
            tracing::warn!(%error, "acked envelopes were not deleted");
        }
    }
}

async fn connect_for_acks(shared: &Shared) -> Result<(Client, Statement)> {
    let client = connect(&shared.config, ACK_SETTINGS).await?;
    let delete = client.prepare(DELETE_ACKED).await.map_err(refused)?;
    Ok((client, delete))
}

/// A submit that was decided and needs nothing but an append.
struct Ready<'a> {
    submit: &'a Submit,
    replies: &'a Replies,
    accepted: Accepted,
    envelopes: Vec<&'a Envelope>,
}

impl Shared {
    async fn append_batch(&self, writer: &mut Writer, queue: &[(Submit, Replies)]) {
        let submits: Vec<&Submit> = queue.iter().map(|(submit, _)| submit).collect();
        let received_at = submits
            .iter()
            .map(|submit| submit.received_at)
            .max()
            .unwrap_or_default();
        let now = self.accept(received_at);
        let mut facts = match self.facts(&writer.client, &writer.facts, &submits).await {
            Ok(facts) => facts,
            Err(error) => {
                tracing::error!(%error, "mailbox facts failed");
                for (submit, replies) in queue {
                    self.tell(submit, replies, Err(error.clone()));
                }
                return;
            }
        };
        let (mut ready, mut others) = (Vec::new(), Vec::new());
        for (submit, replies) in queue {
            match self.make_ready(submit, replies, &mut facts, now) {
                Some(one) => ready.push(one),
                None => others.push((submit, replies)),
            }
        }
        self.append_ready(writer, ready, now, &mut others).await;
        for (submit, replies) in others {
            let appended = self.append_single(writer, submit, now).await;
            if let Err(error) = &appended {
                tracing::error!(%error, "mailbox submit failed");
            }
            self.tell(submit, replies, appended);
        }
    }

    /// Some if the submit is durable, every destination takes it, and no budget or use has to be counted.
    fn make_ready<'a>(
        &self,
        submit: &'a Submit,
        replies: &'a Replies,
        facts: &mut BatchFacts,
        now: Timestamp,
    ) -> Option<Ready<'a>> {
        if submit.class != ExpiryClass::Durable {
            return None;
        }
        let mut envelopes = Vec::new();
        let mut verdicts = Vec::with_capacity(submit.destinations.len());
        for to in &submit.destinations {
            let known = facts.of(to, BudgetFacts::default());
            let counts = known.token.is_some_and(|token| token.counts_uses());
            let verdict = rules::decide(submit, to, &known, &self.bounds, now);
            let is_plain = match verdict.right {
                Some(Right::OwnAccount) => true,
                Some(Right::Token) => !counts,
                Some(Right::Request) | None => false,
            };
            if !is_plain || verdict.outcome != Outcome::Stored {
                return None;
            }
            for envelope in to
                .envelopes
                .iter()
                .filter(|e| !verdict.stale.contains(&e.device_id))
            {
                facts.grow(to.account_id, envelope.device_id, envelope.ciphertext.len());
                envelopes.push(envelope);
            }
            verdicts.push(verdict);
        }
        let results = verdicts.iter().map(Verdict::to_wire).collect();
        let accepted = rules::answer(submit.submit_id, now, &self.bounds, results);
        (!envelopes.is_empty()).then_some(Ready {
            submit,
            replies,
            accepted,
            envelopes,
        })
    }

    /// Appends in one statement. A batch that is refused for a conflict (a repeat, an envelope id seen before) is
    /// halved until the guilty one stands alone and goes the long way.
    async fn append_ready<'a>(
        &self,
        writer: &Writer,
        ready: Vec<Ready<'a>>,
        now: Timestamp,
        others: &mut Vec<(&'a Submit, &'a Replies)>,
    ) {
        let mut parts = vec![ready];
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let appended = match &part[..] {
                [one] if one.envelopes.len() == 1 => self.append_one(writer, one, now).await,
                many => self.append_many(writer, many, now).await,
            };
            match appended {
                Ok(firsts) => self.tell_all(part, &firsts, now),
                Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                    let second = part.split_off(part.len() / 2);
                    match &second[..] {
                        [one] if part.is_empty() => others.push((one.submit, one.replies)),
                        _ => parts.extend([second, part]),
                    }
                }
                Err(error) => {
                    let error = StoreError::from(refused(error));
                    tracing::error!(%error, mailbox.submits = part.len(), "mailbox batch failed");
                    for one in part {
                        self.tell(one.submit, one.replies, Err(error.clone()));
                    }
                }
            }
        }
    }

    async fn append_one(
        &self,
        writer: &Writer,
        one: &Ready<'_>,
        now: Timestamp,
    ) -> std::result::Result<BTreeMap<DeviceId, u64>, tokio_postgres::Error> {
        let (submit, envelope) = (one.submit, one.envelopes[0]);
        let rows = writer
            .client
            .query(
                &writer.append_one,
                &[
                    &submit.from.device_id.as_bytes(),
                    &submit.submit_id.as_bytes(),
                    &&submit.digest[..],
                    &(submit.number as i64),
                    &one.accepted.encode_to_vec(),
                    &submit.counter,
                    &submit.counter_signature,
                    &(rules::remembered_until(now, &self.bounds).0 as i64),
                    &(envelope.ciphertext.len() as i64),
                    &envelope.device_id.as_bytes(),
                    &envelope.envelope_id.as_bytes(),
                    &i64::from(envelope.sealing_key_number),
                    &&envelope.ciphertext[..],
                    &(now.0 as i64),
                    &(now.saturating_add_ms(self.bounds.retention_ms).0 as i64),
                ],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|row| (envelope.device_id, unsigned(row, 0)))
            .collect())
    }

    /// The first sequence given to each mailbox.
    async fn append_many(
        &self,
        writer: &Writer,
        ready: &[Ready<'_>],
        now: Timestamp,
    ) -> std::result::Result<BTreeMap<DeviceId, u64>, tokio_postgres::Error> {
        let mut growth: BTreeMap<DeviceId, (i64, i64)> = BTreeMap::new();
        let (mut places, mut before) = (Vec::new(), Vec::new());
        let envelopes: Vec<&Envelope> = ready
            .iter()
            .flat_map(|one| one.envelopes.iter().copied())
            .collect();
        for envelope in &envelopes {
            let (count, bytes) = growth.entry(envelope.device_id).or_default();
            places.push(*count);
            before.push(*bytes);
            *count += 1;
            *bytes += envelope.ciphertext.len() as i64;
        }
        let submits = || ready.iter().map(|one| one.submit);
        let answers: Vec<Vec<u8>> = ready
            .iter()
            .map(|one| one.accepted.encode_to_vec())
            .collect();
        let rows = writer
            .client
            .query(
                &writer.append,
                &[
                    &submits()
                        .map(|s| s.from.device_id.as_bytes())
                        .collect::<Vec<_>>(),
                    &submits()
                        .map(|s| s.submit_id.as_bytes())
                        .collect::<Vec<_>>(),
                    &submits().map(|s| &s.digest[..]).collect::<Vec<_>>(),
                    &submits().map(|s| s.number as i64).collect::<Vec<_>>(),
                    &answers,
                    &submits().map(|s| &s.counter[..]).collect::<Vec<_>>(),
                    &submits()
                        .map(|s| &s.counter_signature[..])
                        .collect::<Vec<_>>(),
                    &(rules::remembered_until(now, &self.bounds).0 as i64),
                    &growth
                        .keys()
                        .map(|device| device.as_bytes())
                        .collect::<Vec<_>>(),
                    &growth.values().map(|(count, _)| *count).collect::<Vec<_>>(),
                    &growth.values().map(|(_, bytes)| *bytes).collect::<Vec<_>>(),
                    &envelopes
                        .iter()
                        .map(|e| e.device_id.as_bytes())
                        .collect::<Vec<_>>(),
                    &places,
                    &before,
                    &envelopes
                        .iter()
                        .map(|e| e.envelope_id.as_bytes())
                        .collect::<Vec<_>>(),
                    &envelopes
                        .iter()
                        .map(|e| i64::from(e.sealing_key_number))
                        .collect::<Vec<_>>(),
                    &envelopes
                        .iter()
                        .map(|e| &e.ciphertext[..])
                        .collect::<Vec<_>>(),
                    &(now.0 as i64),
                    &(now.saturating_add_ms(self.bounds.retention_ms).0 as i64),
                ],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|row| (DeviceId(id(row, 0)), unsigned(row, 1)))
            .collect())
    }

    fn tell_all(&self, ready: Vec<Ready<'_>>, firsts: &BTreeMap<DeviceId, u64>, now: Timestamp) {
        let mut next = firsts.clone();
        for one in ready {
            let deliveries = one
                .envelopes
                .iter()
                .filter_map(|envelope| {
                    // A mailbox that was removed meanwhile got nothing.
                    let seq = next.get_mut(&envelope.device_id)?;
                    let cursor = Cursor::new(*seq, envelope.envelope_id);
                    *seq += 1;
                    Some((envelope.device_id, delivery(envelope, Some(cursor), now)))
                })
                .collect();
            self.tell(
                one.submit,
                one.replies,
                Ok(Appended {
                    accepted: one.accepted,
                    deliveries,
                }),
            );
            self.note_submit(one.submit.from.device_id);
        }
    }
}

pub fn delivery(envelope: &Envelope, cursor: Option<Cursor>, accepted_at: Timestamp) -> Delivery {
    Delivery {
        cursor,
        accepted_at,
        envelope_id: envelope.envelope_id,
        sealing_key_number: envelope.sealing_key_number,
        ciphertext: envelope.ciphertext.clone(),
    }
}
