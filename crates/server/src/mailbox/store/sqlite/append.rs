//! The hot path: decide a submit, append its envelopes, remember its answer.

use prost::Message as _;
use rusqlite::{OptionalExtension, params};
use securechat_proto::limits::DAY_MS;
use securechat_proto::wire::socket::{Accepted, Outcome};
use securechat_proto::{AccountId, DeviceId, Timestamp, TokenHash};

use super::recent::Memo;
use super::{Batch, Device, run};
use crate::mailbox::rules::{self, BudgetFacts, DeviceFacts, Facts, Right, TokenFacts, Verdict};
use crate::mailbox::store::{Appended, Result, kind_of};
use crate::mailbox::submit::{
    Address, Cursor, Delivery, Destination, Envelope, ExpiryClass, Submit,
};
use crate::platform::db::sqlite::refused;

const INSERT_ENVELOPE: &str = "INSERT INTO mailbox_envelope (device_id, seq, envelope_id, accepted_at_ms, \
     expires_at_ms, sealing_key_number, bytes_before, ciphertext) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
     ON CONFLICT (device_id, envelope_id) DO NOTHING";

const DELETE_ACKED: &str = "DELETE FROM mailbox_envelope WHERE device_id = ?1 AND seq <= ?2";

const SAVE_END: &str =
    "UPDATE mailbox_device SET next_seq = ?2, total_bytes = ?3 WHERE device_id = ?1";

impl Batch<'_> {
    /// Deletes the mailbox up to a sequence that its device committed, and writes down where the mailbox ends.
    pub(super) fn ack(&mut self, address: Address, seq: u64) -> Result<()> {
        self.load_account(address.account_id)?;
        let known = self.memory.accounts.get_mut(&address.account_id);
        let Some(device) = known.and_then(|devices| {
            devices
                .iter_mut()
                .find(|device| device.id == address.device_id)
        }) else {
            return Ok(());
        };
        let upto = params![device.id.0, seq as i64];
        if run(self.db, &mut self.hot.delete_acked, DELETE_ACKED, upto)? == 0 {
            return Ok(());
        }
        device.oldest_seq = device.oldest_seq.max(seq + 1);
        if device.oldest_seq >= device.next_seq {
            device.oldest_bytes = device.total_bytes;
        }
        let end = params![
            device.id.0,
            device.next_seq as i64,
            device.total_bytes as i64
        ];
        run(self.db, &mut self.hot.save_end, SAVE_END, end)?;
        Ok(())
    }

    /// Decides one submit and writes what it brings.
    pub(super) fn append(&mut self, submit: &Submit) -> Result<Appended> {
        let accepted_at = rules::acceptance_time(*self.last_accepted, submit.received_at);
        *self.last_accepted = accepted_at;
        let verdicts = self.judge(submit, accepted_at)?;
        let fresh = rules::answer(
            submit.submit_id,
            accepted_at,
            self.bounds,
            verdicts.iter().map(Verdict::to_wire).collect(),
        );
        let former = match submit.class {
            ExpiryClass::Ephemeral => None,
            ExpiryClass::Durable if verdicts.iter().any(Verdict::takes) => {
                self.remember(submit, &fresh)?
            }
            ExpiryClass::Durable => self.recall(submit)?,
        };
        let is_repeat = former.is_some();
        let mut accepted = former.unwrap_or_else(|| fresh.clone());
        let accepted_at = Timestamp(accepted.accepted_at_ms);
        let mut deliveries = Vec::new();
        let mut is_amended = false;
        for (at, (to, verdict)) in submit.destinations.iter().zip(&verdicts).enumerate() {
            if is_repeat {
                if rules::is_final(&accepted.results[at]) {
                    continue;
                }
                accepted.results[at] = fresh.results[at].clone();
                is_amended |= verdict.takes();
            }
            self.take(submit, to, verdict, accepted_at, &mut deliveries)?;
        }
        if is_amended {
            self.amend(submit, &accepted)?;
        }
        Ok(Appended {
            accepted,
            deliveries,
        })
    }

    /// A verdict for every destination. Requests to several accounts in one submit count one after the other.
    fn judge(&mut self, submit: &Submit, now: Timestamp) -> Result<Vec<Verdict>> {
        let mut requests = 0;
        let mut verdicts = Vec::with_capacity(submit.destinations.len());
        for to in &submit.destinations {
            let mut facts = self.facts(submit, to, now)?;
            facts.budget.by_sender += requests;
            let verdict = rules::decide(submit, to, &facts, self.bounds, now);
            requests += u32::from(verdict.right == Some(Right::Request) && verdict.takes());
            verdicts.push(verdict);
        }
        Ok(verdicts)
    }

    fn facts(&mut self, submit: &Submit, to: &Destination, now: Timestamp) -> Result<Facts> {
        self.load_account(to.account_id)?;
        let bytes = to.envelopes.iter().map(|e| e.ciphertext.len() as u64).sum();
        self.measure_if_full(to.account_id, to.envelopes.len() as u64, bytes)?;
        let devices = self
            .memory
            .accounts
            .get(&to.account_id)
            .map_or(Vec::new(), |devices| {
                devices.iter().map(Device::facts).collect()
            });
        let token = to
            .token
            .map(|hash| self.token(to.account_id, hash))
            .transpose()?
            .flatten();
        let budget = if to.token.is_none() && to.account_id != submit.from.account_id {
            self.budget(submit.from.account_id, to.account_id, now)?
        } else {
            BudgetFacts::default()
        };
        Ok(Facts {
            devices,
            token,
            budget,
        })
    }

    pub(super) fn load_account(&mut self, account: AccountId) -> Result<()> {
        if !self.memory.accounts.contains_key(&account) {
            let devices = self.devices_of(account)?;
            self.memory.accounts.insert(account, devices);
        }
        Ok(())
    }

    /// The remembered oldest position is a lower bound; before a mailbox is called full it is read from the table.
    pub(super) fn measure_if_full(
        &mut self,
        account: AccountId,
        count: u64,
        bytes: u64,
    ) -> Result<()> {
        for device in self.memory.accounts.get_mut(&account).into_iter().flatten() {
            let facts = device.facts();
            if facts.pending + count <= self.bounds.envelopes_max
                && facts.pending_bytes + bytes <= self.bounds.bytes_max
            {
                continue;
            }
            let oldest: Option<(i64, i64)> = self
                .db
                .prepare_cached("SELECT seq, bytes_before FROM mailbox_envelope WHERE device_id = ?1 ORDER BY seq LIMIT 1")
                .and_then(|mut s| s.query_row([device.id.0], |row| Ok((row.get(0)?, row.get(1)?))).optional())
                .map_err(refused)?;
            (device.oldest_seq, device.oldest_bytes) = match oldest {
                Some((seq, bytes)) => (seq.max(0) as u64, bytes.max(0) as u64),
                None => (device.next_seq, device.total_bytes),
            };
        }
        Ok(())
    }

    fn token(&mut self, account: AccountId, hash: TokenHash) -> Result<Option<TokenFacts>> {
        if let Some(token) = self.memory.tokens.get(&(account, hash)) {
            return Ok(Some(*token));
        }
        let token = self
            .db
            .prepare_cached(
                "SELECT kind, uses, uses_max, expires_at_ms FROM mailbox_token WHERE account_id = ?1 AND token_hash = ?2",
            )
            .and_then(|mut s| {
                s.query_row([account.0, hash.0], |row| {
                    Ok(TokenFacts {
                        kind: kind_of(row.get(0)?),
                        uses: row.get(1)?,
                        uses_max: row.get(2)?,
                        expires_at: row.get::<_, Option<i64>>(3)?.map(|at| Timestamp(at.max(0) as u64)),
                    })
                })
                .optional()
            })
            .map_err(refused)?;
        if let Some(token) = token {
            self.memory.tokens.insert((account, hash), token);
        }
        Ok(token)
    }

    fn budget(&self, from: AccountId, to: AccountId, now: Timestamp) -> Result<BudgetFacts> {
        let day = now.0 / DAY_MS;
        let held: u32 = self
            .db
            .prepare_cached("SELECT count(*) FROM mailbox_held WHERE account_id = ?1")
            .and_then(|mut s| s.query_row([to.0], |row| row.get(0)))
            .map_err(refused)?;
        Ok(BudgetFacts {
            to_this_target: self.used(day, self.pseudonyms.pair(from, to))?,
            by_sender: self.used(day, self.pseudonyms.sender(from))?,
            received: self.used(day, self.pseudonyms.target(to))?,
            held,
        })
    }

    pub(super) fn used(&self, day: u64, pseudonym: [u8; 16]) -> Result<u32> {
        let used = self
            .db
            .prepare_cached("SELECT used FROM mailbox_budget WHERE day = ?1 AND pseudonym = ?2")
            .and_then(|mut s| {
                s.query_row(params![day as i64, pseudonym], |row| row.get(0))
                    .optional()
            })
            .map_err(refused)?;
        Ok(used.unwrap_or(0))
    }

    pub(super) fn spend(&self, day: u64, pseudonym: [u8; 16]) -> Result<()> {
        self.execute(
            "INSERT INTO mailbox_budget (day, pseudonym, used) VALUES (?1, ?2, 1) \
             ON CONFLICT (day, pseudonym) DO UPDATE SET used = used + 1",
            params![day as i64, pseudonym],
        )?;
        Ok(())
    }

    /// Writes what the verdict takes: envelopes, budgets, uses of the token.
    fn take(
        &mut self,
        submit: &Submit,
        to: &Destination,
        verdict: &Verdict,
        accepted_at: Timestamp,
        deliveries: &mut Vec<(DeviceId, Delivery)>,
    ) -> Result<()> {
        if !verdict.takes() {
            return Ok(());
        }
        for envelope in verdict.accepted(to) {
            match (verdict.outcome, submit.class) {
                (Outcome::Held, _) => self.hold(submit, to, envelope, accepted_at)?,
                (_, ExpiryClass::Ephemeral) => {
                    deliveries.push((envelope.device_id, delivery(envelope, None, accepted_at)));
                }
                (_, ExpiryClass::Durable) => {
                    if let Some(cursor) =
                        self.store(to.account_id, envelope, accepted_at, accepted_at)?
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
            (Some(Right::Token), Some(hash)) => self.count_use(to.account_id, hash),
            (Some(Right::Request), _) => {
                let day = accepted_at.0.max(self.last_accepted.0) / DAY_MS;
                self.spend(
                    day,
                    self.pseudonyms.pair(submit.from.account_id, to.account_id),
                )?;
                self.spend(day, self.pseudonyms.sender(submit.from.account_id))?;
                if verdict.outcome == Outcome::Stored {
                    self.spend(day, self.pseudonyms.target(to.account_id))?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn count_use(&mut self, account: AccountId, hash: TokenHash) -> Result<()> {
        let Some(token) = self
            .memory
            .tokens
            .get_mut(&(account, hash))
            .filter(|token| token.counts_uses())
        else {
            return Ok(());
        };
        token.uses += 1;
        self.execute(
            "UPDATE mailbox_token SET uses = uses + 1 WHERE account_id = ?1 AND token_hash = ?2",
            [account.0, hash.0],
        )?;
        Ok(())
    }

    /// Appends one envelope, kept for the retention from `stored_at` on; none when the mailbox already has it.
    pub(super) fn store(
        &mut self,
        account: AccountId,
        envelope: &Envelope,
        accepted_at: Timestamp,
        stored_at: Timestamp,
    ) -> Result<Option<Cursor>> {
        let expires_at = stored_at.saturating_add_ms(self.bounds.retention_ms);
        let devices = self.memory.accounts.get_mut(&account);
        let Some(device) =
            devices.and_then(|d| d.iter_mut().find(|device| device.id == envelope.device_id))
        else {
            return Ok(None);
        };
        let seq = device.next_seq;
        let row = params![
            device.id.0,
            seq as i64,
            envelope.envelope_id.0,
            accepted_at.0 as i64,
            expires_at.0 as i64,
            envelope.sealing_key_number,
            device.total_bytes as i64,
            &envelope.ciphertext[..]
        ];
        if run(self.db, &mut self.hot.insert_envelope, INSERT_ENVELOPE, row)? == 0 {
            return Ok(None);
        }
        device.next_seq += 1;
        device.total_bytes += envelope.ciphertext.len() as u64;
        Ok(Some(Cursor::new(seq, envelope.envelope_id)))
    }

    fn hold(
        &self,
        submit: &Submit,
        to: &Destination,
        envelope: &Envelope,
        accepted_at: Timestamp,
    ) -> Result<()> {
        let pair = self.pseudonyms.pair(submit.from.account_id, to.account_id);
        let turn = self.used(self.last_accepted.0 / DAY_MS, pair)? + 1;
        self.execute(
            "INSERT INTO mailbox_held (account_id, held_at_ms, sender_pseudonym, turn, device_id, envelope_id, \
             accepted_at_ms, sealing_key_number, ciphertext) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
             ON CONFLICT DO NOTHING",
            params![
                to.account_id.0,
                self.last_accepted.0 as i64,
                pair,
                turn,
                envelope.device_id.0,
                envelope.envelope_id.0,
                accepted_at.0 as i64,
                envelope.sealing_key_number,
                &envelope.ciphertext[..]
            ],
        )?;
        Ok(())
    }

    /// Remembers the answer to a submit, unless this submit has been answered before: then the former answer.
    /// Other bytes under the same id are another submit and replace it.
    fn remember(&mut self, submit: &Submit, fresh: &Accepted) -> Result<Option<Accepted>> {
        let until = rules::remembered_until(Timestamp(fresh.accepted_at_ms), self.bounds);
        let memo = Memo {
            device_id: submit.from.device_id,
            submit_id: submit.submit_id,
            digest: submit.digest,
            number: submit.number as i64,
            expires_at_ms: until.0 as i64,
            answer: fresh.encode_to_vec(),
            counter: &submit.counter,
            counter_signature: &submit.counter_signature,
        };
        match self.find_remembered(memo.device_id, memo.submit_id)? {
            None => self.append_remembered(&memo)?,
            Some(former) if self.replace_remembered(former, &memo)? => {}
            Some(_) => return self.recall(submit),
        }
        Ok(None)
    }

    /// The remembered answer to exactly this submit.
    fn recall(&mut self, submit: &Submit) -> Result<Option<Accepted>> {
        let Some(at) = self.find_remembered(submit.from.device_id, submit.submit_id)? else {
            return Ok(None);
        };
        let sql = format!(
            "SELECT answer FROM {} WHERE rowid = ?1 AND digest = ?2",
            at.table
        );
        let answer: Option<Vec<u8>> = self
            .db
            .prepare_cached(&sql)
            .and_then(|mut s| {
                s.query_row(params![at.row, submit.digest], |row| row.get(0))
                    .optional()
            })
            .map_err(refused)?;
        let former = answer.and_then(|bytes| Accepted::decode(&bytes[..]).ok());
        Ok(former.filter(|accepted| accepted.results.len() == submit.destinations.len()))
    }

    /// Replaces a remembered answer after more of the submit was taken.
    fn amend(&mut self, submit: &Submit, accepted: &Accepted) -> Result<()> {
        let Some(at) = self.find_remembered(submit.from.device_id, submit.submit_id)? else {
            return Ok(());
        };
        self.execute(
            &format!("UPDATE {} SET answer = ?2 WHERE rowid = ?1", at.table),
            params![at.row, accepted.encode_to_vec()],
        )?;
        Ok(())
    }
}

impl Device {
    pub(super) fn facts(&self) -> DeviceFacts {
        DeviceFacts {
            device_id: self.id,
            sealing_floor: self.sealing_floor,
            pending: self.next_seq - self.oldest_seq.clamp(1, self.next_seq),
            pending_bytes: self.total_bytes.saturating_sub(self.oldest_bytes),
        }
    }
}

fn delivery(envelope: &Envelope, cursor: Option<Cursor>, accepted_at: Timestamp) -> Delivery {
    Delivery {
        cursor,
        accepted_at,
        envelope_id: envelope.envelope_id,
        sealing_key_number: envelope.sealing_key_number,
        ciphertext: envelope.ciphertext.clone(),
    }
}
