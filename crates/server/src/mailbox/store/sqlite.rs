//! Mailboxes in SQLite: one connection that owns the file. Synchronous; [`super::SqliteStore`] gives it a thread.
//!
//! This connection is the only one that writes, so what it remembers of devices and tokens is exact. A failed
//! transaction empties that memory.

mod append;
mod recent;
mod sweep;

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use securechat_proto::api::TokenInfo;
use securechat_proto::limits::DELIVERY_TOKENS_MAX;
use securechat_proto::{AccountId, DeviceId, EnvelopeId, Timestamp, TokenHash};
use std::collections::HashMap;

use recent::Recent;

use super::{
    Appended, Opened, Page, PageLimit, Pseudonyms, Result, StoreError, Swept, Token, kind_number,
    kind_of,
};
use crate::mailbox::rules::{Bounds, TokenFacts};
use crate::mailbox::submit::{Address, Cursor, Delivery, Submit};
use crate::platform::db::sqlite::refused;

/// Accounts and tokens remembered; beyond it the memory starts anew.
const REMEMBERED_MAX: usize = 50_000;

/// All mailboxes of one file.
pub struct SqliteMailboxes {
    connection: Connection,
    memory: Memory,
    recent: Recent,
    /// Row of `mailbox_submit` up to which the sweep has looked in this round.
    sorted_swept: i64,
    bounds: Bounds,
    pseudonyms: Pseudonyms,
    last_accepted: Timestamp,
}

/// What the writer knows without asking the file.
#[derive(Default)]
struct Memory {
    /// Empty: no such account.
    accounts: HashMap<AccountId, Vec<Device>>,
    tokens: HashMap<(AccountId, TokenHash), TokenFacts>,
    /// Submits of a device that moved into `mailbox_submit` since it was last trimmed.
    submits: HashMap<DeviceId, usize>,
}

/// A mailbox. Where it ends is told by its newest envelope, so that appending writes nothing else; the device's row
/// learns it before that envelope is deleted.
struct Device {
    id: DeviceId,
    sealing_floor: u32,
    next_seq: u64,
    total_bytes: u64,
    /// Position of an envelope at or before the oldest that waits: lower bounds, made exact when a mailbox looks full.
    oldest_seq: u64,
    oldest_bytes: u64,
}

impl SqliteMailboxes {
    /// Takes over a migrated connection.
    pub fn new(connection: Connection, bounds: Bounds, pseudonyms: Pseudonyms) -> Self {
        Self {
            connection,
            memory: Memory::default(),
            recent: Recent::default(),
            sorted_swept: 0,
            bounds,
            pseudonyms,
            last_accepted: Timestamp(0),
        }
    }

    /// Decides and stores submits and deletes what was acked, in one transaction, fsynced when this returns.
    ///
    /// # Errors
    /// Nothing was changed; the caller may try the submits one by one.
    pub fn append_batch(
        &mut self,
        submits: &[Submit],
        acks: &[(Address, u64)],
    ) -> Result<Vec<Appended>> {
        self.memory.bound();
        self.write(|batch| {
            for (address, seq) in acks {
                batch.ack(*address, *seq)?;
            }
            let appended = submits.iter().map(|submit| batch.append(submit));
            let appended: Vec<_> = appended.collect::<Result<_>>()?;
            // Acks that come alone are not to fail with a slice.
            if !appended.is_empty() {
                batch.sort_remembered()?;
            }
            Ok(appended)
        })
    }

    /// One submit of a batch that failed. Sorts nothing, so that it fails for nothing but itself.
    ///
    /// # Errors
    /// Nothing was changed.
    pub fn append_alone(&mut self, submit: &Submit) -> Result<Appended> {
        self.write(|batch| batch.append(submit))
    }

    /// See [`super::MailboxStore::expire`]. Empties the log too: ciphertext that was deleted stands there until then.
    pub fn expire(&mut self, now: Timestamp) -> Result<Swept> {
        let swept = self.write(|batch| batch.sweep(now))?;
        // Refused while somebody reads; the next minute does it then.
        let _ = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        Ok(swept)
    }

    pub fn register_device(&mut self, address: Address) -> Result<()> {
        self.memory.accounts.remove(&address.account_id);
        self.write(|batch| {
            let db = batch.db;
            db.prepare_cached("INSERT INTO mailbox_device (device_id, account_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
                .and_then(|mut s| s.execute(params![address.device_id.0, address.account_id.0]))
                .map_err(refused)?;
            match owner(db, address.device_id)? {
                Some(account_id) if account_id == address.account_id => Ok(()),
                _ => Err(StoreError::Foreign),
            }
        })
    }

    pub fn remove_device(&mut self, address: Address) -> Result<()> {
        self.memory.accounts.remove(&address.account_id);
        self.memory.submits.remove(&address.device_id);
        self.write(|batch| {
            if owner(batch.db, address.device_id)? == Some(address.account_id) {
                batch.drop_device(address.device_id)?;
            }
            Ok(())
        })
    }

    pub fn set_sealing_floor(&mut self, address: Address, number: u32) -> Result<()> {
        self.memory.accounts.remove(&address.account_id);
        self.write(|batch| {
            batch.execute(
                "UPDATE mailbox_device SET sealing_floor = MAX(sealing_floor, ?3) WHERE device_id = ?1 AND account_id = ?2",
                params![address.device_id.0, address.account_id.0, number],
            )?;
            Ok(())
        })
    }

    pub fn register_token(&mut self, account: AccountId, token: Token) -> Result<()> {
        self.memory.tokens.remove(&(account, token.hash));
        self.write(|batch| {
            let held: i64 = batch
                .db
                .query_row(
                    "SELECT count(*) FROM mailbox_token WHERE account_id = ?1 AND token_hash <> ?2",
                    params![account.0, token.hash.0],
                    |row| row.get(0),
                )
                .map_err(refused)?;
            if held as usize >= DELIVERY_TOKENS_MAX {
                return Err(StoreError::TooManyTokens);
            }
            batch.execute(
                "INSERT INTO mailbox_token (account_id, token_hash, kind, uses_max, expires_at_ms) \
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account_id, token_hash) DO UPDATE \
                 SET kind = excluded.kind, uses_max = excluded.uses_max, expires_at_ms = excluded.expires_at_ms",
                params![
                    account.0,
                    token.hash.0,
                    kind_number(token.kind),
                    token.uses_max,
                    token.expires_at.map(|at| at.0 as i64)
                ],
            )?;
            Ok(())
        })
    }

    pub fn delete_token(&mut self, account: AccountId, hash: TokenHash) -> Result<bool> {
        self.memory.tokens.remove(&(account, hash));
        self.write(|batch| {
            let deleted = batch.execute(
                "DELETE FROM mailbox_token WHERE account_id = ?1 AND token_hash = ?2",
                params![account.0, hash.0],
            )?;
            Ok(deleted > 0)
        })
    }

    pub fn forget(&mut self, account: AccountId) -> Result<()> {
        self.memory = Memory::default();
        self.write(|batch| {
            let devices = batch.devices_of(account)?;
            for device in devices {
                batch.drop_device(device.id)?;
            }
            for table in ["mailbox_token", "mailbox_held"] {
                batch.execute(
                    &format!("DELETE FROM {table} WHERE account_id = ?1"),
                    [account.0],
                )?;
            }
            Ok(())
        })
    }

    /// What the newest submit of a device said of its store, if that submit is not yet in `mailbox_submit`.
    pub fn recent_counter(&mut self, device: DeviceId) -> Result<Option<Counter>> {
        let Some(place) = self.recent.newest(&self.connection, device)? else {
            return Ok(None);
        };
        let counter = self
            .connection
            .prepare_cached("SELECT number, counter, counter_signature FROM mailbox_submit_recent WHERE place = ?1")
            .and_then(|mut s| s.query_row([place], Counter::read).optional())
            .map_err(refused)?;
        Ok(counter)
    }

    /// The connection, for reads that are allowed beside the writer.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Runs `work` in a transaction; on any error nothing of it remains, in the file or in memory.
    fn write<R>(&mut self, work: impl FnOnce(&mut Batch<'_>) -> Result<R>) -> Result<R> {
        let last_accepted = self.last_accepted;
        let done = self
            .connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(refused)
            .map_err(Into::into)
            .and_then(|()| {
                let done = work(&mut Batch {
                    db: &self.connection,
                    hot: Hot::default(),
                    memory: &mut self.memory,
                    recent: &mut self.recent,
                    sorted_swept: &mut self.sorted_swept,
                    bounds: &self.bounds,
                    pseudonyms: &self.pseudonyms,
                    last_accepted: &mut self.last_accepted,
                })?;
                self.connection.execute_batch("COMMIT").map_err(refused)?;
                Ok(done)
            });
        if done.is_err() {
            // Refused only when the engine rolled back by itself (disk full).
            let _ = self.connection.execute_batch("ROLLBACK");
            self.memory = Memory::default();
            self.last_accepted = last_accepted;
        }
        self.recent.settle(done.is_ok());
        done
    }
}

impl Memory {
    fn bound(&mut self) {
        if self.accounts.len() > REMEMBERED_MAX || self.submits.len() > REMEMBERED_MAX {
            self.accounts.clear();
            self.submits.clear();
        }
        if self.tokens.len() > REMEMBERED_MAX {
            self.tokens.clear();
        }
    }
}

/// One open transaction.
struct Batch<'a> {
    db: &'a Connection,
    hot: Hot<'a>,
    memory: &'a mut Memory,
    recent: &'a mut Recent,
    sorted_swept: &'a mut i64,
    bounds: &'a Bounds,
    pseudonyms: &'a Pseudonyms,
    last_accepted: &'a mut Timestamp,
}

/// The statements that run for every submit or ack, looked up once a batch.
#[derive(Default)]
struct Hot<'a> {
    insert_envelope: Option<CachedStatement<'a>>,
    find_remembered: Option<CachedStatement<'a>>,
    append_remembered: Option<CachedStatement<'a>>,
    move_remembered: Option<CachedStatement<'a>>,
    delete_acked: Option<CachedStatement<'a>>,
    save_end: Option<CachedStatement<'a>>,
}

/// A hot statement.
fn hot<'a, 'p>(
    db: &'a Connection,
    place: &'p mut Option<CachedStatement<'a>>,
    sql: &str,
) -> Result<&'p mut CachedStatement<'a>> {
    Ok(match place {
        Some(statement) => statement,
        None => place.insert(db.prepare_cached(sql).map_err(refused)?),
    })
}

/// Runs a hot statement; rows changed.
fn run<'a>(
    db: &'a Connection,
    place: &mut Option<CachedStatement<'a>>,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<usize> {
    Ok(hot(db, place, sql)?.execute(params).map_err(refused)?)
}

impl Batch<'_> {
    fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize> {
        Ok(self
            .db
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .map_err(refused)?)
    }

    fn drop_device(&mut self, device: DeviceId) -> Result<()> {
        self.forget_recent(device);
        for table in [
            "mailbox_envelope",
            "mailbox_submit",
            "mailbox_submit_recent",
            "mailbox_held",
            "mailbox_device",
        ] {
            self.execute(
                &format!("DELETE FROM {table} WHERE device_id = ?1"),
                [device.0],
            )?;
        }
        Ok(())
    }

    fn devices_of(&self, account: AccountId) -> Result<Vec<Device>> {
        let mut statement = self
            .db
            .prepare_cached(
                "SELECT d.device_id, d.sealing_floor, MAX(d.next_seq, IFNULL(e.seq + 1, 0)), \
                 MAX(d.total_bytes, IFNULL(e.bytes_before + IFNULL(length(e.ciphertext), 0), 0)) \
                 FROM mailbox_device d LEFT JOIN mailbox_envelope e ON e.device_id = d.device_id \
                 AND e.seq = (SELECT MAX(seq) FROM mailbox_envelope WHERE device_id = d.device_id) \
                 WHERE d.account_id = ?1 ORDER BY d.device_id",
            )
            .map_err(refused)?;
        let devices = statement
            .query_map([account.0], |row| {
                Ok(Device {
                    id: DeviceId(row.get(0)?),
                    sealing_floor: row.get(1)?,
                    next_seq: unsigned(row, 2)?,
                    total_bytes: unsigned(row, 3)?,
                    oldest_seq: 0,
                    oldest_bytes: 0,
                })
            })
            .map_err(refused)?
            .collect::<rusqlite::Result<Vec<_>>>()
            .map_err(refused)?;
        Ok(devices)
    }
}

/// The mailbox after `after`. Reads only; any connection to the file will do.
pub fn page(db: &Connection, device: DeviceId, after: u64, limit: PageLimit) -> Result<Page> {
    let mut statement = db
        .prepare_cached(
            "SELECT seq, envelope_id, accepted_at_ms, sealing_key_number, ciphertext FROM mailbox_envelope \
             WHERE device_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )
        .map_err(refused)?;
    let mut rows = statement
        .query(params![device.0, after as i64, limit.envelopes as i64])
        .map_err(refused)?;
    let (mut deliveries, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next().map_err(refused)? {
        let delivery = delivery(row).map_err(refused)?;
        bytes += delivery.ciphertext.len();
        if bytes > limit.bytes && !deliveries.is_empty() {
            return Ok(Page {
                deliveries,
                is_last: false,
            });
        }
        deliveries.push(delivery);
    }
    let is_last = deliveries.len() < limit.envelopes;
    Ok(Page {
        deliveries,
        is_last,
    })
}

fn delivery(row: &rusqlite::Row<'_>) -> rusqlite::Result<Delivery> {
    let envelope_id = EnvelopeId(row.get(1)?);
    Ok(Delivery {
        cursor: Some(Cursor::new(unsigned(row, 0)?, envelope_id)),
        accepted_at: Timestamp(unsigned(row, 2)?),
        envelope_id,
        sealing_key_number: row.get(3)?,
        ciphertext: row.get::<_, Vec<u8>>(4)?.into(),
    })
}

/// The store counter that came with a submit.
pub struct Counter {
    number: i64,
    counter: Vec<u8>,
    counter_signature: Vec<u8>,
}

impl Counter {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            counter: row.get(1)?,
            counter_signature: row.get(2)?,
        })
    }
}

/// See [`super::MailboxStore::open`]. `recent` is what [`SqliteMailboxes::recent_counter`] said before: a submit that
/// has moved since then is found here.
pub fn open(
    db: &Connection,
    address: Address,
    cursor: Option<Cursor>,
    recent: Option<Counter>,
) -> Result<Option<Opened>> {
    if owner(db, address.device_id)? != Some(address.account_id) {
        return Ok(None);
    }
    let sorted = db
        .prepare_cached(
            "SELECT number, counter, counter_signature FROM mailbox_submit WHERE device_id = ?1 \
             ORDER BY number DESC LIMIT 1",
        )
        .and_then(|mut s| s.query_row([address.device_id.0], Counter::read).optional())
        .map_err(refused)?;
    let newest = recent
        .into_iter()
        .chain(sorted)
        .max_by_key(|counter| counter.number);
    let (counter, counter_signature) = newest
        .map(|newest| (newest.counter, newest.counter_signature))
        .unwrap_or_default();
    let after = match cursor {
        Some(cursor) if names_envelope(db, address.device_id, cursor)? => cursor.seq,
        _ => 0,
    };
    Ok(Some(Opened {
        after,
        counter,
        counter_signature,
    }))
}

/// Whether the mailbox holds exactly this envelope at this position.
fn names_envelope(db: &Connection, device: DeviceId, cursor: Cursor) -> Result<bool> {
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM mailbox_envelope WHERE device_id = ?1 AND seq = ?2 AND substr(envelope_id, 1, 8) = ?3",
        )
        .and_then(|mut s| s.exists(params![device.0, cursor.seq as i64, cursor.tag]))
        .map_err(refused)?)
}

/// See [`super::MailboxStore::tokens`].
pub fn tokens(db: &Connection, account: AccountId) -> Result<Vec<TokenInfo>> {
    let mut statement = db
        .prepare_cached(
            "SELECT token_hash, kind, uses, uses_max, expires_at_ms FROM mailbox_token \
             WHERE account_id = ?1 ORDER BY token_hash",
        )
        .map_err(refused)?;
    let tokens = statement
        .query_map([account.0], |row| {
            Ok(TokenInfo {
                token_hash: TokenHash(row.get(0)?),
                kind: kind_of(row.get(1)?),
                uses: row.get(2)?,
                uses_max: row.get(3)?,
                expires_at_ms: row
                    .get::<_, Option<i64>>(4)?
                    .map(|at| Timestamp(at.max(0) as u64)),
            })
        })
        .map_err(refused)?
        .collect::<rusqlite::Result<Vec<_>>>()
        .map_err(refused)?;
    Ok(tokens)
}

fn owner(db: &Connection, device: DeviceId) -> Result<Option<AccountId>> {
    let owner = db
        .prepare_cached("SELECT account_id FROM mailbox_device WHERE device_id = ?1")
        .and_then(|mut s| {
            s.query_row([device.0], |row| Ok(AccountId(row.get(0)?)))
                .optional()
        })
        .map_err(refused)?;
    Ok(owner)
}

fn unsigned(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(at)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(at, value))
}
