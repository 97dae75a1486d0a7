//! Mailboxes in PostgreSQL, for several relays over one database.
//!
//! Four writers, chosen by the first destination account, so that two writers seldom want the same mailbox. A batch
//! is one statement that commits by itself; acks are deleted on a connection of their own whose commits nobody
//! waits for. A mailbox's row is locked while it grows, which keeps its sequence gap-free across writers and relays.

mod batch;
mod facts;
mod single;
mod sweep;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use futures_util::future::BoxFuture;
use securechat_proto::api::TokenInfo;
use securechat_proto::limits::DELIVERY_TOKENS_MAX;
use securechat_proto::{AccountId, DeviceId, EnvelopeId, Timestamp, TokenHash};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedSender, WeakUnboundedSender, unbounded_channel};
use tokio_postgres::{Client, Config, NoTls, Row};

use super::{
    Answer, MIGRATIONS, MailboxStore, Opened, Page, PageLimit, Pseudonyms, Result, StoreError,
    Swept, Token, kind_number, kind_of,
};
use crate::mailbox::hub::{Hub, Replies};
use crate::mailbox::rules::Bounds;
use crate::mailbox::submit::{Address, Cursor, Delivery, Submit};
use crate::platform::db::postgres::{migrate_up, refused};

const WRITERS: usize = 4;
/// Submits committed together at most; the joins inside the statement are over lists of this length.
const BATCH_MAX: usize = 128;
const POOL_MAX: usize = 8;
const WAIT: Duration = Duration::from_secs(10);
/// Acks wait this long for others to be deleted with.
const ACK_DELAY: Duration = Duration::from_millis(20);
const ACKS_MAX: usize = 2000;
/// A connection that was lost is tried again after this.
const RECONNECT_AFTER: Duration = Duration::from_millis(500);

/// Plans are made once and use the indexes: tables without statistics would be scanned otherwise.
const WRITER_SETTINGS: &str = "SET synchronous_commit=on; SET plan_cache_mode=force_generic_plan; \
     SET enable_seqscan=off; SET enable_bitmapscan=off; SET enable_mergejoin=off; SET enable_hashjoin=off; SET jit=off";
const ACK_SETTINGS: &str = "SET synchronous_commit=off; SET plan_cache_mode=force_generic_plan; \
     SET enable_seqscan=off; SET enable_bitmapscan=off; SET enable_mergejoin=off; SET enable_hashjoin=off; SET jit=off";

/// What only this engine has: room for updates in place, and indexes for the sweep that cost the writers nothing.
const ENGINE_DDL: &str = "ALTER TABLE mailbox_device SET (fillfactor = 50); \
     CREATE INDEX IF NOT EXISTS mailbox_envelope_expiry ON mailbox_envelope USING brin (expires_at_ms); \
     CREATE INDEX IF NOT EXISTS mailbox_submit_expiry ON mailbox_submit USING brin (expires_at_ms)";

/// [`MailboxStore`] on PostgreSQL.
pub struct PostgresStore {
    pool: Pool,
    writers: Vec<UnboundedSender<(Submit, Replies)>>,
    /// The only strong sender: its task ends with the store.
    lazy: UnboundedSender<batch::Lazy>,
    shared: Arc<Shared>,
}

/// What the writers have in common.
struct Shared {
    config: Config,
    bounds: Bounds,
    pseudonyms: Pseudonyms,
    hub: Arc<Hub>,
    memory: facts::Memory,
    last_accepted_ms: AtomicU64,
    lazy: WeakUnboundedSender<batch::Lazy>,
}

impl PostgresStore {
    /// Connects, migrates, and refuses a server that would lose what it acknowledged.
    pub async fn open(
        url: &str,
        bounds: Bounds,
        pseudonyms: Pseudonyms,
        hub: Arc<Hub>,
    ) -> Result<Self> {
        let config: Config = url.parse().map_err(|_| StoreError::Unavailable)?;
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let pool = Pool::builder(Manager::from_config(config.clone(), NoTls, recycling))
            .max_size(POOL_MAX)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .build()
            .map_err(|_| StoreError::Unavailable)?;
        let client = pool.get().await.map_err(|_| StoreError::Unavailable)?;
        check_settings(&client).await?;
        migrate_up(&client, &[MIGRATIONS]).await?;
        client.batch_execute(ENGINE_DDL).await.map_err(refused)?;
        drop(client);

        let (lazy, lazily) = unbounded_channel();
        let shared = Arc::new(Shared {
            config,
            bounds,
            pseudonyms,
            hub,
            memory: facts::Memory::default(),
            last_accepted_ms: AtomicU64::new(0),
            lazy: lazy.downgrade(),
        });
        let writers = (0..WRITERS)
            .map(|_| {
                // Bounded by what the sockets may leave unanswered.
                let (sender, submits) = unbounded_channel();
                tokio::spawn(batch::write(shared.clone(), submits));
                sender
            })
            .collect();
        tokio::spawn(batch::delete_acked(shared.clone(), lazily));
        Ok(Self {
            pool,
            writers,
            lazy,
            shared,
        })
    }

    async fn client(&self) -> Result<Object> {
        self.pool.get().await.map_err(|_| StoreError::Unavailable)
    }
}

/// A commit must be on the disk when it is answered.
async fn check_settings(client: &Client) -> Result<()> {
    let unsafe_settings = client
        .query(
            "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'",
            &[],
        )
        .await
        .map_err(refused)?;
    match unsafe_settings.first() {
        None => Ok(()),
        Some(row) => {
            let reason = format!("postgres setting {} is off", row.get::<_, String>(0));
            Err(StoreError::Bug(crate::platform::db::Error::Statement(
                reason,
            )))
        }
    }
}

/// A connection of its own with these settings; its driver ends with it.
async fn connect(config: &Config, settings: &str) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await.map_err(refused)?;
    tokio::spawn(async move {
        // The client sees the loss as an error of its next statement.
        let _ = connection.await;
    });
    client.batch_execute(settings).await.map_err(refused)?;
    Ok(client)
}

fn unsigned(row: &Row, at: usize) -> u64 {
    u64::try_from(row.get::<_, i64>(at)).unwrap_or(0)
}

/// 16 bytes of a column that only this room writes; anything else reads as an id that nothing has.
fn id(row: &Row, at: usize) -> [u8; 16] {
    row.get::<_, &[u8]>(at).try_into().unwrap_or([0; 16])
}

impl MailboxStore for PostgresStore {
    fn submit(&self, submit: Submit, replies: Replies) {
        let key = submit
            .destinations
            .first()
            .map_or(0, |to| usize::from(to.account_id.0[0]));
        // A writer never ends while the store lives.
        let _ = self.writers[key % WRITERS].send((submit, replies));
    }

    fn ack(&self, address: Address, seq: u64) {
        self.shared.memory.note_ack(address, seq);
        let _ = self.lazy.send(batch::Lazy::Acked(address.device_id, seq));
    }

    fn page(&self, device: DeviceId, after: u64, limit: PageLimit) -> BoxFuture<'_, Result<Page>> {
        Box::pin(async move {
            let client = self.client().await?;
            let statement = client
                .prepare_cached(
                    "SELECT seq, envelope_id, accepted_at_ms, sealing_key_number, ciphertext FROM mailbox_envelope \
                     WHERE device_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
                )
                .await
                .map_err(refused)?;
            let device_id = device.to_vec();
            let rows = client
                .query(
                    &statement,
                    &[&device_id, &(after as i64), &(limit.envelopes as i64)],
                )
                .await
                .map_err(refused)?;
            let is_short = rows.len() < limit.envelopes;
            let (mut deliveries, mut bytes) = (Vec::new(), 0);
            for row in &rows {
                let delivery = delivery(row);
                bytes += delivery.ciphertext.len();
                if bytes > limit.bytes && !deliveries.is_empty() {
                    return Ok(Page {
                        deliveries,
                        is_last: false,
                    });
                }
                deliveries.push(delivery);
            }
            Ok(Page {
                deliveries,
                is_last: is_short,
            })
        })
    }

    fn open(
        &self,
        address: Address,
        cursor: Option<Cursor>,
    ) -> BoxFuture<'_, Result<Option<Opened>>> {
        Box::pin(async move {
            let client = self.client().await?;
            let device = address.device_id.to_vec();
            let (seq, tag) = cursor.map_or((0, vec![]), |cursor| {
                (cursor.seq as i64, cursor.tag.to_vec())
            });
            let statement = client
                .prepare_cached(
                    "SELECT s.counter, s.counter_signature, EXISTS (SELECT 1 FROM mailbox_envelope e \
                     WHERE e.device_id = d.device_id AND e.seq = $3 AND substring(e.envelope_id FROM 1 FOR 8) = $4) \
                     FROM mailbox_device d LEFT JOIN LATERAL (SELECT counter, counter_signature FROM mailbox_submit \
                     WHERE device_id = d.device_id ORDER BY number DESC LIMIT 1) s ON true \
                     WHERE d.device_id = $1 AND d.account_id = $2",
                )
                .await
                .map_err(refused)?;
            let row = client
                .query_opt(
                    &statement,
                    &[&device, &address.account_id.to_vec(), &seq, &tag],
                )
                .await
                .map_err(refused)?;
            Ok(row.map(|row| Opened {
                after: if row.get(2) { seq as u64 } else { 0 },
                counter: row.get::<_, Option<Vec<u8>>>(0).unwrap_or_default(),
                counter_signature: row.get::<_, Option<Vec<u8>>>(1).unwrap_or_default(),
            }))
        })
    }

    fn register_device(&self, address: Address) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let client = self.client().await?;
            let (device, account) = (address.device_id.to_vec(), address.account_id.to_vec());
            client
                .execute(
                    "INSERT INTO mailbox_device (device_id, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    &[&device, &account],
                )
                .await
                .map_err(refused)?;
            let owner = client
                .query_opt(
                    "SELECT account_id FROM mailbox_device WHERE device_id = $1",
                    &[&device],
                )
                .await
                .map_err(refused)?;
            self.shared.memory.forget_account(address.account_id);
            match owner {
                Some(row) if row.get::<_, Vec<u8>>(0) == account => Ok(()),
                _ => Err(StoreError::Foreign),
            }
        })
    }

    fn remove_device(&self, address: Address) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let mut client = self.client().await?;
            let tx = client.transaction().await.map_err(refused)?;
            let (device, account) = (address.device_id.to_vec(), address.account_id.to_vec());
            let removed = tx
                .execute(
                    "DELETE FROM mailbox_device WHERE device_id = $1 AND account_id = $2",
                    &[&device, &account],
                )
                .await
                .map_err(refused)?;
            if removed > 0 {
                for table in ["mailbox_envelope", "mailbox_submit", "mailbox_held"] {
                    let sql = format!("DELETE FROM {table} WHERE device_id = $1");
                    tx.execute(&sql, &[&device]).await.map_err(refused)?;
                }
            }
            tx.commit().await.map_err(refused)?;
            self.shared.memory.forget_account(address.account_id);
            Ok(())
        })
    }

    fn set_sealing_floor(&self, address: Address, number: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let client = self.client().await?;
            client
                .execute(
                    "UPDATE mailbox_device SET sealing_floor = GREATEST(sealing_floor, $3) \
                     WHERE device_id = $1 AND account_id = $2",
                    &[
                        &address.device_id.to_vec(),
                        &address.account_id.to_vec(),
                        &i64::from(number),
                    ],
                )
                .await
                .map_err(refused)?;
            self.shared.memory.forget_account(address.account_id);
            Ok(())
        })
    }

    fn register_token(&self, account: AccountId, token: Token) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let client = self.client().await?;
            let (account_id, hash) = (account.to_vec(), token.hash.to_vec());
            let held = client
                .query_one(
                    "SELECT count(*) FROM mailbox_token WHERE account_id = $1 AND token_hash <> $2",
                    &[&account_id, &hash],
                )
                .await
                .map_err(refused)?;
            if unsigned(&held, 0) as usize >= DELIVERY_TOKENS_MAX {
                return Err(StoreError::TooManyTokens);
            }
            client
                .execute(
                    "INSERT INTO mailbox_token (account_id, token_hash, kind, uses_max, expires_at_ms) \
                     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, token_hash) DO UPDATE \
                     SET kind = excluded.kind, uses_max = excluded.uses_max, expires_at_ms = excluded.expires_at_ms",
                    &[
                        &account_id,
                        &hash,
                        &kind_number(token.kind),
                        &token.uses_max.map(i64::from),
                        &token.expires_at.map(|at| at.0 as i64),
                    ],
                )
                .await
                .map_err(refused)?;
            self.shared.memory.forget_token(account, token.hash);
            Ok(())
        })
    }

    fn delete_token(&self, account: AccountId, hash: TokenHash) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            let client = self.client().await?;
            let deleted = client
                .execute(
                    "DELETE FROM mailbox_token WHERE account_id = $1 AND token_hash = $2",
                    &[&account.to_vec(), &hash.to_vec()],
                )
                .await
                .map_err(refused)?;
            self.shared.memory.forget_token(account, hash);
            Ok(deleted > 0)
        })
    }

    fn tokens(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<TokenInfo>>> {
        Box::pin(async move {
            let client = self.client().await?;
            let rows = client
                .query(
                    "SELECT token_hash, kind, uses, uses_max, expires_at_ms FROM mailbox_token \
                     WHERE account_id = $1 ORDER BY token_hash",
                    &[&account.to_vec()],
                )
                .await
                .map_err(refused)?;
            Ok(rows
                .iter()
                .map(|row| TokenInfo {
                    token_hash: TokenHash(id(row, 0)),
                    kind: kind_of(row.get(1)),
                    uses: unsigned(row, 2) as u32,
                    uses_max: row.get::<_, Option<i64>>(3).map(|max| max as u32),
                    expires_at_ms: row
                        .get::<_, Option<i64>>(4)
                        .map(|at| Timestamp(at.max(0) as u64)),
                })
                .collect())
        })
    }

    fn expire(&self, now: Timestamp) -> BoxFuture<'_, Result<Swept>> {
        Box::pin(async move { sweep::sweep(&self.shared, &mut *self.client().await?, now).await })
    }

    fn forget(&self, account: AccountId) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let mut client = self.client().await?;
            let tx = client.transaction().await.map_err(refused)?;
            let account_id = account.to_vec();
            for table in ["mailbox_envelope", "mailbox_submit"] {
                let sql = format!(
                    "DELETE FROM {table} WHERE device_id IN (SELECT device_id FROM mailbox_device WHERE account_id = $1)"
                );
                tx.execute(&sql, &[&account_id]).await.map_err(refused)?;
            }
            for table in ["mailbox_held", "mailbox_token", "mailbox_device"] {
                tx.execute(
                    &format!("DELETE FROM {table} WHERE account_id = $1"),
                    &[&account_id],
                )
                .await
                .map_err(refused)?;
            }
            tx.commit().await.map_err(refused)?;
            self.shared.memory.clear();
            Ok(())
        })
    }
}

fn delivery(row: &Row) -> Delivery {
    let envelope_id = EnvelopeId(id(row, 1));
    Delivery {
        cursor: Some(Cursor::new(unsigned(row, 0), envelope_id)),
        accepted_at: Timestamp(unsigned(row, 2)),
        envelope_id,
        sealing_key_number: unsigned(row, 3) as u32,
        ciphertext: row.get::<_, Vec<u8>>(4).into(),
    }
}

impl Shared {
    /// The acceptance time of a batch, never before that of another writer of this relay.
    fn accept(&self, received_at: Timestamp) -> Timestamp {
        use std::sync::atomic::Ordering;
        let last = Timestamp(self.last_accepted_ms.load(Ordering::Acquire));
        let now = crate::mailbox::rules::acceptance_time(last, received_at);
        self.last_accepted_ms.store(now.0, Ordering::Release);
        now
    }

    /// Counts a submit whose answer is remembered.
    fn note_submit(&self, device: DeviceId) {
        if self.memory.note_submit(device)
            && let Some(lazy) = self.lazy.upgrade()
        {
            // Gone with the store; the next start counts anew.
            let _ = lazy.send(batch::Lazy::Trim(device));
        }
    }

    fn tell(&self, submit: &Submit, replies: &Replies, appended: Result<super::Appended>) {
        let result = appended.map(|appended| {
            self.memory.note_growth(submit, &appended.deliveries);
            super::count(&appended.accepted);
            self.hub.deliver(appended.deliveries);
            appended.accepted
        });
        replies.send(Answer {
            submit_id: submit.submit_id,
            result,
        });
    }
}

/// A lock whose holder panicked still holds sound data here: it is only a memory of rows.
fn relock<T>(lock: std::result::Result<T, PoisonError<T>>) -> T {
    lock.unwrap_or_else(PoisonError::into_inner)
}
