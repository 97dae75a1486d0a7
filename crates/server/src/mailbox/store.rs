//! Where mailboxes are kept: one contract, two backends (SQLite, PostgreSQL).
//!
//! The contract, proved by `tests/server/mailbox_contract.rs` on every backend:
//! - What was answered STORED or HELD is on the disk. The answer and the deliveries leave after the commit.
//! - A mailbox is a gap-free sequence of its own; an envelope id stands in it once.
//! - A repeated submit gets the answer of the first one; only destinations that were not taken are judged again.
//! - An ack is lazy: lost with the process it means one more delivery, never a lost envelope.

pub mod postgres;
pub mod sqlite;
mod writer;

pub use writer::SqliteStore;

use futures_util::future::BoxFuture;
use securechat_proto::api::{TokenInfo, TokenKind};
use securechat_proto::wire::socket::{Accepted, Outcome};
use securechat_proto::{AccountId, DeviceId, SubmitId, Timestamp, TokenHash};

use super::hub::Replies;
use super::submit::{Address, Cursor, Delivery, Submit};
use crate::migrations;
use crate::platform::Secrets;
use crate::platform::db::{self, RoomMigrations};

/// The room's tables, in mailbox.db, or in the same PostgreSQL database as the directory.
pub const MIGRATIONS: RoomMigrations = migrations!("mailbox", 1 => "0001_mailbox");

/// The tables of mailbox.db: on SQLite remembered submits gather in a table of their own before they are sorted.
/// A step of the same room, so that a former server, which knows nothing of that table, refuses the file.
pub const SQLITE_MIGRATIONS: &[RoomMigrations] =
    &[migrations!("mailbox", 1 => "0001_mailbox", 2 => "0002_recent_sqlite")];

/// What went wrong in storage; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Disk full, database away: the client tries again later.
    #[error("mailbox storage is away or full")]
    Unavailable,
    /// The device belongs to another account.
    #[error("device is registered for another account")]
    Foreign,
    /// A quota of the account is used up.
    #[error("too many delivery tokens")]
    TooManyTokens,
    /// Ours: a refused statement or a row of the wrong shape.
    #[error("mailbox statement failed: {0}")]
    Bug(db::Error),
}

pub type Result<T> = std::result::Result<T, StoreError>;

impl From<db::Error> for StoreError {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::Unavailable => Self::Unavailable,
            other => Self::Bug(other),
        }
    }
}

/// What a device learns about its mailbox when it connects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Where to go on reading: the sequence of its cursor if that names an envelope of this mailbox, else the start.
    pub after: u64,
    /// Counter record and signature of the newest submit that the relay took.
    pub counter: Vec<u8>,
    pub counter_signature: Vec<u8>,
}

/// A stretch of a mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub deliveries: Vec<Delivery>,
    /// Nothing was stored behind it when it was read.
    pub is_last: bool,
}

/// How much of a mailbox to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    pub envelopes: usize,
    /// At least one envelope comes, however large.
    pub bytes: usize,
}

/// A token as its owner registers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub hash: TokenHash,
    pub kind: TokenKind,
    pub uses_max: Option<u32>,
    pub expires_at: Option<Timestamp>,
}

/// What one sweep did, for the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub expired: u64,
    pub released: u64,
    /// Devices that got released requests.
    pub woken: Vec<DeviceId>,
}

/// What became of one submit.
#[derive(Clone, Debug)]
pub struct Appended {
    pub accepted: Accepted,
    /// For the devices that are connected; the durable ones are committed.
    pub deliveries: Vec<(DeviceId, Delivery)>,
}

/// The answer to a submit as it reaches the connection.
#[derive(Clone, Debug)]
pub struct Answer {
    pub submit_id: SubmitId,
    pub result: Result<Accepted>,
}

/// The mailboxes of one installation. `submit` and `ack` queue and return; everything else waits.
pub trait MailboxStore: Send + Sync + 'static {
    /// Queues a submit; answer and deliveries go out through the hub after the commit.
    fn submit(&self, submit: Submit, replies: Replies);

    /// Deletes the mailbox up to a sequence, some time soon. The caller has proved it: it was sent on this socket, or
    /// [`Self::open`] found the device's cursor in the mailbox.
    fn ack(&self, address: Address, seq: u64);

    /// The mailbox after sequence `after`, in order, without gaps among what is stored.
    fn page(&self, device: DeviceId, after: u64, limit: PageLimit) -> BoxFuture<'_, Result<Page>>;

    /// None when the device is not registered. `cursor` is the last one the device committed.
    fn open(
        &self,
        address: Address,
        cursor: Option<Cursor>,
    ) -> BoxFuture<'_, Result<Option<Opened>>>;

    /// Gives a device a mailbox. Again is fine.
    fn register_device(&self, address: Address) -> BoxFuture<'_, Result<()>>;

    /// Takes mailbox and memory of a device away. Again is fine.
    fn remove_device(&self, address: Address) -> BoxFuture<'_, Result<()>>;

    /// Envelopes sealed to a lower key number are reported stale from now on. A lower floor than set changes nothing.
    fn set_sealing_floor(&self, address: Address, number: u32) -> BoxFuture<'_, Result<()>>;

    /// Registers a token, or changes its bounds; its count of uses stays.
    fn register_token(&self, account: AccountId, token: Token) -> BoxFuture<'_, Result<()>>;

    /// Whether it was there.
    fn delete_token(&self, account: AccountId, hash: TokenHash) -> BoxFuture<'_, Result<bool>>;

    fn tokens(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<TokenInfo>>>;

    /// Deletes what ran out and releases held requests as far as today's budget goes. Called about once a minute.
    fn expire(&self, now: Timestamp) -> BoxFuture<'_, Result<Swept>>;

    /// Removes everything of an account.
    fn forget(&self, account: AccountId) -> BoxFuture<'_, Result<()>>;
}

/// Names in the budget table: only this server can make them, and they say nothing to whoever reads the table.
#[derive(Clone)]
pub struct Pseudonyms(pub Secrets);

impl Pseudonyms {
    fn make(&self, parts: &[&[u8]]) -> [u8; 16] {
        let full = self.0.pseudonym("mailbox-budget", parts);
        let mut short = [0; 16];
        short.copy_from_slice(&full[..16]);
        short
    }

    /// Requests of `from` to `to`; the same for the whole term of holding.
    pub fn pair(&self, from: AccountId, to: AccountId) -> [u8; 16] {
        self.make(&[b"pair", from.as_bytes(), to.as_bytes()])
    }

    pub fn sender(&self, from: AccountId) -> [u8; 16] {
        self.make(&[b"from", from.as_bytes()])
    }

    pub fn target(&self, to: AccountId) -> [u8; 16] {
        self.make(&[b"to", to.as_bytes()])
    }
}

/// Counts what became of a submit's destinations; sums only, never per account.
fn count(accepted: &Accepted) {
    for result in &accepted.results {
        let outcome = match result.outcome() {
            Outcome::Stored => "stored",
            Outcome::Held => "held",
            Outcome::MailboxFull => "mailbox_full",
            Outcome::TryLater => "try_later",
            Outcome::Refused | Outcome::Unspecified => "refused",
        };
        metrics::counter!("mailbox_destinations_total", "outcome" => outcome).increment(1);
    }
}

/// How a token kind is stored.
fn kind_number(kind: TokenKind) -> i64 {
    match kind {
        TokenKind::Contact => 0,
        TokenKind::Link => 1,
    }
}

fn kind_of(number: i64) -> TokenKind {
    if number == 0 {
        TokenKind::Contact
    } else {
        TokenKind::Link
    }
}
