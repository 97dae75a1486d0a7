//! What mailbox tests stand on: every backend behind one face, and words for building submits.

use bytes::Bytes;
use securechat_proto::api::TokenKind;
use securechat_proto::wire::socket::{Accepted, Outcome};
use securechat_proto::{AccountId, DeviceId, EnvelopeId, SubmitId, Timestamp, TokenHash};
use securechat_server::mailbox::Bounds;
use securechat_server::mailbox::hub::{Event, Hub, Replies};
use securechat_server::mailbox::store::postgres::PostgresStore;
use securechat_server::mailbox::store::{
    Answer, MailboxStore, PageLimit, Pseudonyms, SqliteStore, StoreError, Token,
};
use securechat_server::mailbox::submit::{
    Address, Delivery, Destination, Envelope, ExpiryClass, Submit,
};
use securechat_server::platform::Secrets;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub const DAY_MS: u64 = securechat_proto::limits::DAY_MS;
pub const START: Timestamp = Timestamp(1_800_000_000_000);

pub fn account(n: u8) -> AccountId {
    AccountId([n; 16])
}

pub fn device(n: u8) -> DeviceId {
    DeviceId([n; 16])
}

/// Account `n` with device `n`.
pub fn address(n: u8) -> Address {
    Address {
        account_id: account(n),
        device_id: device(n),
    }
}

pub fn hash(n: u8) -> TokenHash {
    TokenHash([n; 16])
}

static SERIAL: AtomicU64 = AtomicU64::new(1);

/// An id that no other call gives.
pub fn fresh_id() -> [u8; 16] {
    let mut id = [0; 16];
    // The first half differs, too: cursors carry it.
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    id[..8].copy_from_slice(&serial);
    id[8..].copy_from_slice(&serial);
    id
}

pub fn envelope(to: DeviceId) -> Envelope {
    Envelope {
        envelope_id: EnvelopeId(fresh_id()),
        device_id: to,
        sealing_key_number: 7,
        ciphertext: Bytes::from(vec![0xC5; 64]),
    }
}

pub fn sized(to: DeviceId, size_bytes: usize) -> Envelope {
    Envelope {
        ciphertext: Bytes::from(vec![1; size_bytes]),
        ..envelope(to)
    }
}

pub fn to(
    account_id: AccountId,
    token: Option<TokenHash>,
    envelopes: Vec<Envelope>,
) -> Destination {
    Destination {
        account_id,
        token,
        envelopes,
    }
}

pub fn submit(from: Address, destinations: Vec<Destination>) -> Submit {
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let id = fresh_id();
    Submit {
        from,
        submit_id: SubmitId(id),
        digest: id,
        number: serial,
        received_at: START,
        class: ExpiryClass::Durable,
        counter: serial.to_be_bytes().to_vec(),
        counter_signature: vec![9; 64],
        destinations,
    }
}

pub fn at(submit: Submit, received_at: Timestamp) -> Submit {
    Submit {
        received_at,
        ..submit
    }
}

/// One backend with nothing in it.
pub struct World {
    pub name: &'static str,
    pub store: Arc<dyn MailboxStore>,
    pub hub: Arc<Hub>,
    pub bounds: Bounds,
    source: Source,
}

enum Source {
    Memory,
    File(tempfile::TempDir),
    Postgres(String),
}

/// Runs `test` on every backend this machine has. PostgreSQL needs TEST_DATABASE_URL (`scripts/with-postgres`).
pub async fn on_every_backend(bounds: Bounds, test: impl AsyncFn(&mut World)) {
    let postgres = match std::env::var("TEST_DATABASE_URL") {
        Ok(url) => Some(World::postgres(&url, bounds).await),
        Err(_) => None,
    };
    let worlds = [
        Some(World::memory(bounds)),
        Some(World::memory(sorted_often(bounds))),
        Some(World::file(bounds)),
        Some(World::file(sorted_often(bounds))),
        postgres,
    ];
    for mut world in worlds.into_iter().flatten() {
        test(&mut world).await;
    }
}

/// Remembered submits move after every few of them.
pub fn sorted_often(bounds: Bounds) -> Bounds {
    Bounds {
        recent_submits_max: 3,
        ..bounds
    }
}

/// A database of its own in the server behind `url`.
async fn fresh_database(url: &str) -> String {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .expect("connects");
    tokio::spawn(connection);
    let name = format!(
        "mailbox_{}_{}",
        std::process::id(),
        SERIAL.fetch_add(1, Ordering::Relaxed)
    );
    client
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .await
        .expect("a database");
    let (server, _) = url.rsplit_once('/').expect("a URL with a database");
    format!("{server}/{name}")
}

impl World {
    pub fn memory(bounds: Bounds) -> Self {
        let hub = Arc::new(Hub::default());
        let store =
            SqliteStore::memory(bounds, pseudonyms(), hub.clone()).expect("a store in memory");
        Self {
            name: "memory",
            store: Arc::new(store),
            hub,
            bounds,
            source: Source::Memory,
        }
    }

    pub fn file(bounds: Bounds) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let hub = Arc::new(Hub::default());
        let store = SqliteStore::file(
            &folder.path().join("mailbox.db"),
            bounds,
            pseudonyms(),
            hub.clone(),
        );
        Self {
            name: "file",
            store: Arc::new(store.expect("a store in a file")),
            hub,
            bounds,
            source: Source::File(folder),
        }
    }

    pub async fn postgres(url: &str, bounds: Bounds) -> Self {
        let url = fresh_database(url).await;
        let hub = Arc::new(Hub::default());
        let store = PostgresStore::open(&url, bounds, pseudonyms(), hub.clone())
            .await
            .expect("a store in PostgreSQL");
        Self {
            name: "postgres",
            store: Arc::new(store),
            hub,
            bounds,
            source: Source::Postgres(url),
        }
    }

    /// The file behind the store.
    pub fn path(&self) -> Option<PathBuf> {
        match &self.source {
            Source::Memory | Source::Postgres(_) => None,
            Source::File(folder) => Some(folder.path().join("mailbox.db")),
        }
    }

    /// Opens the same storage again without closing the former store first, as after a kill. False in memory.
    pub async fn reopen(&mut self) -> bool {
        self.hub = Arc::new(Hub::default());
        self.store = match &self.source {
            Source::Memory => return false,
            Source::File(folder) => {
                let path = folder.path().join("mailbox.db");
                Arc::new(
                    SqliteStore::file(&path, self.bounds, pseudonyms(), self.hub.clone())
                        .expect("the same file"),
                )
            }
            Source::Postgres(url) => Arc::new(
                PostgresStore::open(url, self.bounds, pseudonyms(), self.hub.clone())
                    .await
                    .expect("the same database"),
            ),
        };
        true
    }

    /// Accounts 1..=n with one device each, every one with a contact token of every other.
    pub async fn people(&self, n: u8) {
        for one in 1..=n {
            self.store
                .register_device(address(one))
                .await
                .expect("registers");
            for other in 1..=n {
                self.contact_token(account(one), hash(other)).await;
            }
        }
    }

    pub async fn contact_token(&self, owner: AccountId, hash: TokenHash) {
        let token = Token {
            hash,
            kind: TokenKind::Contact,
            uses_max: None,
            expires_at: None,
        };
        self.store
            .register_token(owner, token)
            .await
            .expect("registers");
    }

    pub async fn try_submit(&self, submit: Submit) -> Result<Accepted, StoreError> {
        let (replies, mut events) = Replies::channel();
        self.store.submit(submit, replies);
        match events.recv().await {
            Some(Event::Answer(answer)) => {
                let Answer { result, .. } = *answer;
                result
            }
            other => panic!("{}: no answer but {other:?}", self.name),
        }
    }

    pub async fn submit(&self, submit: Submit) -> Accepted {
        self.try_submit(submit).await.expect("storage works")
    }

    /// Outcomes of a submit.
    pub async fn outcomes(&self, submit: Submit) -> Vec<Outcome> {
        self.submit(submit)
            .await
            .results
            .iter()
            .map(|result| result.outcome())
            .collect()
    }

    /// Everything that waits for a device.
    pub async fn mailbox(&self, device: DeviceId) -> Vec<Delivery> {
        let limit = PageLimit {
            envelopes: 100_000,
            bytes: usize::MAX,
        };
        self.store
            .page(device, 0, limit)
            .await
            .expect("a page")
            .deliveries
    }

    pub async fn sequences(&self, device: DeviceId) -> Vec<u64> {
        self.mailbox(device)
            .await
            .iter()
            .map(|d| d.cursor.expect("stored").seq)
            .collect()
    }

    /// Waits until a lazy ack left exactly `left` envelopes in the mailbox.
    pub async fn settles_at(&self, device: DeviceId, left: usize) {
        for _ in 0..400 {
            if self.mailbox(device).await.len() == left {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("{}: acks were not carried out", self.name);
    }
}

pub fn pseudonyms() -> Pseudonyms {
    Pseudonyms(Secrets::new([7; 32], None))
}
