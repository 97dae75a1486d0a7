//! What the writers must know before they decide, and a memory of it.
//!
//! Devices and tokens are remembered for a second. A change made through this relay forgets them at once, so here a
//! block works with the next submit; another relay honours it within that second.

use futures_util::future::try_join;
use securechat_proto::{AccountId, DeviceId, Timestamp, TokenHash};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio_postgres::{GenericClient, Statement};

use super::{Shared, id, kind_of, relock, unsigned};
use crate::mailbox::rules::{BudgetFacts, DeviceFacts, Facts, TokenFacts};
use crate::mailbox::store::Result;
use crate::mailbox::submit::{Address, Delivery, Destination, Submit};
use crate::platform::clock::instant;
use crate::platform::db::postgres::refused;
use securechat_proto::limits::{DAY_MS, SUBMITS_REMEMBERED};

const REMEMBERED_FOR: Duration = Duration::from_secs(1);
const REMEMBERED_MAX: usize = 50_000;

const DEVICES: &str = "SELECT account_id, device_id, sealing_floor, next_seq, total_bytes FROM mailbox_device \
     WHERE account_id = ANY($1) ORDER BY account_id, device_id";
const TOKENS: &str = "SELECT account_id, token_hash, kind, uses, uses_max, expires_at_ms FROM mailbox_token \
     WHERE account_id = ANY($1) AND token_hash = ANY($2)";

/// The statements of one connection.
pub struct Statements {
    devices: Statement,
    tokens: Statement,
}

impl Statements {
    pub async fn prepare(client: &impl GenericClient) -> Result<Self> {
        let (devices, tokens) = try_join(client.prepare(DEVICES), client.prepare(TOKENS))
            .await
            .map_err(refused)?;
        Ok(Self { devices, tokens })
    }
}

/// Devices and tokens seen in the last second, and how far mailboxes were acked here.
#[derive(Default)]
pub struct Memory(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    accounts: HashMap<AccountId, (Instant, Vec<Device>)>,
    tokens: HashMap<(AccountId, TokenHash), (Instant, TokenFacts)>,
    /// Lower bounds of the oldest envelope that waits; made exact when a mailbox looks full.
    oldest: HashMap<DeviceId, (u64, u64)>,
    /// Submits remembered for a device since they were last trimmed.
    submits: HashMap<DeviceId, usize>,
    /// Counts the changes: what was read before one must not be remembered after it.
    changes: u64,
}

#[derive(Clone, Copy)]
struct Device {
    id: DeviceId,
    sealing_floor: u32,
    next_seq: u64,
    total_bytes: u64,
}

impl Memory {
    pub fn forget_account(&self, account: AccountId) {
        let mut held = relock(self.0.lock());
        held.accounts.remove(&account);
        held.changes += 1;
    }

    pub fn forget_token(&self, account: AccountId, hash: TokenHash) {
        let mut held = relock(self.0.lock());
        held.tokens.remove(&(account, hash));
        held.changes += 1;
    }

    pub fn clear(&self) {
        let mut held = relock(self.0.lock());
        let changes = held.changes + 1;
        *held = Remembered {
            changes,
            ..Remembered::default()
        };
    }

    /// Mailboxes grew: what is remembered of their sizes stays true.
    pub fn note_growth(&self, submit: &Submit, deliveries: &[(DeviceId, Delivery)]) {
        let mut held = relock(self.0.lock());
        for to in &submit.destinations {
            let Some((_, devices)) = held.accounts.get_mut(&to.account_id) else {
                continue;
            };
            for (device, delivery) in deliveries {
                let known = devices.iter_mut().find(|known| known.id == *device);
                if let (Some(known), Some(cursor)) = (known, delivery.cursor) {
                    known.next_seq = known.next_seq.max(cursor.seq + 1);
                    known.total_bytes += delivery.ciphertext.len() as u64;
                }
            }
        }
    }

    /// Counts a remembered submit; true when it is time to trim them.
    pub fn note_submit(&self, device: DeviceId) -> bool {
        let mut held = relock(self.0.lock());
        let since_trim = held.submits.entry(device).or_default();
        *since_trim += 1;
        if *since_trim < SUBMITS_REMEMBERED {
            return false;
        }
        held.submits.remove(&device);
        true
    }

    /// An ack moves the lower bound of this mailbox.
    pub fn note_ack(&self, address: Address, seq: u64) {
        let mut held = relock(self.0.lock());
        if let Some((oldest, _)) = held.oldest.get_mut(&address.device_id) {
            *oldest = (*oldest).max(seq + 1);
        }
    }
}

/// The facts of a batch, kept up to date while its submits are decided one after the other.
pub struct BatchFacts {
    accounts: BTreeMap<AccountId, Vec<Device>>,
    tokens: BTreeMap<(AccountId, TokenHash), TokenFacts>,
    oldest: BTreeMap<DeviceId, (u64, u64)>,
}

impl Shared {
    /// Loads what is not remembered about the destinations of `submits`.
    pub async fn facts(
        &self,
        client: &impl GenericClient,
        statements: &Statements,
        submits: &[&Submit],
    ) -> Result<BatchFacts> {
        let mut facts = BatchFacts {
            accounts: BTreeMap::new(),
            tokens: BTreeMap::new(),
            oldest: BTreeMap::new(),
        };
        let (mut accounts, mut tokens) = (BTreeSet::new(), BTreeSet::new());
        let changes = {
            let held = relock(self.memory.0.lock());
            let is_fresh = |at: &Instant| at.elapsed() < REMEMBERED_FOR;
            for to in submits.iter().flat_map(|submit| &submit.destinations) {
                match held
                    .accounts
                    .get(&to.account_id)
                    .filter(|(at, _)| is_fresh(at))
                {
                    Some((_, devices)) => {
                        drop(facts.accounts.insert(to.account_id, devices.clone()))
                    }
                    None => drop(accounts.insert(to.account_id)),
                }
                let Some(hash) = to.token else { continue };
                match held
                    .tokens
                    .get(&(to.account_id, hash))
                    .filter(|(at, _)| is_fresh(at))
                {
                    Some((_, token)) => drop(facts.tokens.insert((to.account_id, hash), *token)),
                    None => drop(tokens.insert((to.account_id, hash))),
                }
            }
            held.changes
        };
        if !accounts.is_empty() || !tokens.is_empty() {
            self.load(client, statements, &accounts, &tokens, &mut facts)
                .await?;
            self.keep(changes, &accounts, &tokens, &facts);
        }
        self.measure_full(client, submits, &mut facts).await?;
        Ok(facts)
    }

    async fn load(
        &self,
        client: &impl GenericClient,
        statements: &Statements,
        accounts: &BTreeSet<AccountId>,
        tokens: &BTreeSet<(AccountId, TokenHash)>,
        facts: &mut BatchFacts,
    ) -> Result<()> {
        let account_ids: Vec<&[u8]> = accounts.iter().map(|id| id.as_bytes()).collect();
        let owners: Vec<&[u8]> = tokens.iter().map(|(id, _)| id.as_bytes()).collect();
        let hashes: Vec<&[u8]> = tokens.iter().map(|(_, hash)| hash.as_bytes()).collect();
        let (devices, found) = try_join(
            client.query(&statements.devices, &[&account_ids]),
            client.query(&statements.tokens, &[&owners, &hashes]),
        )
        .await
        .map_err(refused)?;
        for account in accounts {
            facts.accounts.insert(*account, Vec::new());
        }
        for row in &devices {
            facts
                .accounts
                .entry(AccountId(id(row, 0)))
                .or_default()
                .push(Device {
                    id: DeviceId(id(row, 1)),
                    sealing_floor: unsigned(row, 2) as u32,
                    next_seq: unsigned(row, 3),
                    total_bytes: unsigned(row, 4),
                });
        }
        for row in &found {
            let token = TokenFacts {
                kind: kind_of(row.get(2)),
                uses: unsigned(row, 3) as u32,
                uses_max: row.get::<_, Option<i64>>(4).map(|max| max as u32),
                expires_at: row
                    .get::<_, Option<i64>>(5)
                    .map(|at| Timestamp(at.max(0) as u64)),
            };
            facts
                .tokens
                .insert((AccountId(id(row, 0)), TokenHash(id(row, 1))), token);
        }
        Ok(())
    }

    /// Keeps what was loaded, unless something changed meanwhile. Counted tokens are read every time.
    fn keep(
        &self,
        changes: u64,
        accounts: &BTreeSet<AccountId>,
        tokens: &BTreeSet<(AccountId, TokenHash)>,
        facts: &BatchFacts,
    ) {
        let mut held = relock(self.memory.0.lock());
        if held.changes != changes {
            return;
        }
        if held.accounts.len() > REMEMBERED_MAX
            || held.tokens.len() > REMEMBERED_MAX
            || held.oldest.len() > REMEMBERED_MAX
            || held.submits.len() > REMEMBERED_MAX
        {
            *held = Remembered {
                changes,
                ..Remembered::default()
            };
        }
        let now = instant();
        for account in accounts {
            let devices = facts.accounts.get(account).cloned().unwrap_or_default();
            held.accounts.insert(*account, (now, devices));
        }
        for key in tokens {
            if let Some(token) = facts.tokens.get(key).filter(|token| !token.counts_uses()) {
                held.tokens.insert(*key, (now, *token));
            }
        }
    }

    /// The oldest position of mailboxes that look full by their lower bounds.
    async fn measure_full(
        &self,
        client: &impl GenericClient,
        submits: &[&Submit],
        facts: &mut BatchFacts,
    ) -> Result<()> {
        let mut suspects = Vec::new();
        {
            let held = relock(self.memory.0.lock());
            for to in submits.iter().flat_map(|submit| &submit.destinations) {
                let bytes: u64 = to.envelopes.iter().map(|e| e.ciphertext.len() as u64).sum();
                for device in facts.accounts.get(&to.account_id).into_iter().flatten() {
                    let oldest = held.oldest.get(&device.id).copied().unwrap_or_default();
                    facts.oldest.insert(device.id, oldest);
                    let known = device.facts(oldest);
                    // Rows grow between reads of this memory: half of the room is the time to look again.
                    if 2 * known.pending + to.envelopes.len() as u64 > self.bounds.envelopes_max
                        || 2 * known.pending_bytes + bytes > self.bounds.bytes_max
                    {
                        suspects.push((to.account_id, device.id));
                    }
                }
            }
        }
        for (account, device) in suspects {
            self.measure(client, account, device, facts).await?;
        }
        Ok(())
    }

    async fn measure(
        &self,
        client: &impl GenericClient,
        account: AccountId,
        device: DeviceId,
        facts: &mut BatchFacts,
    ) -> Result<()> {
        let row = client
            .query_opt(
                "SELECT d.next_seq, d.total_bytes, COALESCE(e.seq, d.next_seq), COALESCE(e.bytes_before, d.total_bytes) \
                 FROM mailbox_device d LEFT JOIN LATERAL (SELECT seq, bytes_before FROM mailbox_envelope \
                 WHERE device_id = d.device_id ORDER BY seq LIMIT 1) e ON true WHERE d.device_id = $1",
                &[&device.as_bytes()],
            )
            .await
            .map_err(refused)?;
        let Some(row) = row else { return Ok(()) };
        let known = facts.accounts.get_mut(&account);
        if let Some(known) =
            known.and_then(|devices| devices.iter_mut().find(|known| known.id == device))
        {
            (known.next_seq, known.total_bytes) = (unsigned(&row, 0), unsigned(&row, 1));
        }
        let oldest = (unsigned(&row, 2), unsigned(&row, 3));
        facts.oldest.insert(device, oldest);
        relock(self.memory.0.lock()).oldest.insert(device, oldest);
        Ok(())
    }

    /// What the sender has left to ask strangers; read from the tables every time.
    pub async fn budget(
        &self,
        client: &impl GenericClient,
        from: AccountId,
        to: AccountId,
        now: Timestamp,
    ) -> Result<BudgetFacts> {
        let names = [
            self.pseudonyms.pair(from, to),
            self.pseudonyms.sender(from),
            self.pseudonyms.target(to),
        ];
        let keys: Vec<&[u8]> = names.iter().map(|name| &name[..]).collect();
        let rows = client
            .query(
                "SELECT pseudonym, used FROM mailbox_budget WHERE day = $1 AND pseudonym = ANY($2)",
                &[&((now.0 / DAY_MS) as i64), &keys],
            )
            .await
            .map_err(refused)?;
        let used = |name: &[u8; 16]| {
            rows.iter()
                .find(|row| &id(row, 0) == name)
                .map_or(0, |row| unsigned(row, 1) as u32)
        };
        let held = client
            .query_one(
                "SELECT count(*) FROM mailbox_held WHERE account_id = $1",
                &[&to.as_bytes()],
            )
            .await
            .map_err(refused)?;
        Ok(BudgetFacts {
            to_this_target: used(&names[0]),
            by_sender: used(&names[1]),
            received: used(&names[2]),
            held: unsigned(&held, 0) as u32,
        })
    }
}

impl BatchFacts {
    pub fn of(&self, to: &Destination, budget: BudgetFacts) -> Facts {
        let devices = self.accounts.get(&to.account_id).into_iter().flatten();
        Facts {
            devices: devices
                .map(|d| d.facts(self.oldest.get(&d.id).copied().unwrap_or_default()))
                .collect(),
            token: to
                .token
                .and_then(|hash| self.tokens.get(&(to.account_id, hash)).copied()),
            budget,
        }
    }

    /// Counts an envelope of this batch, so that the next submit sees the mailbox grown.
    pub fn grow(&mut self, account: AccountId, device: DeviceId, size_bytes: usize) {
        let known = self.accounts.get_mut(&account);
        if let Some(known) =
            known.and_then(|devices| devices.iter_mut().find(|known| known.id == device))
        {
            known.next_seq += 1;
            known.total_bytes += size_bytes as u64;
        }
    }
}

impl Device {
    fn facts(&self, (oldest_seq, oldest_bytes): (u64, u64)) -> DeviceFacts {
        DeviceFacts {
            device_id: self.id,
            sealing_floor: self.sealing_floor,
            pending: self.next_seq.saturating_sub(oldest_seq.max(1)),
            pending_bytes: self.total_bytes.saturating_sub(oldest_bytes),
        }
    }
}
