//! SQLite behind the store's contract. A file has one writer thread with natural batching and one reader thread;
//! in memory everything happens in place, without threads, so that a simulator stays deterministic.

use futures_util::future::BoxFuture;
use rusqlite::{Connection, OpenFlags};
use securechat_proto::api::TokenInfo;
use securechat_proto::{AccountId, DeviceId, Timestamp, TokenHash};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

use super::sqlite::{self, SqliteMailboxes};
use super::{
    Answer, Appended, MailboxStore, Opened, Page, PageLimit, Pseudonyms, Result, SQLITE_MIGRATIONS,
    StoreError, Swept, Token,
};
use crate::mailbox::hub::{Hub, Replies};
use crate::mailbox::rules::Bounds;
use crate::mailbox::submit::{Address, Cursor, Submit};
use crate::platform::clock::instant;
use crate::platform::db::sqlite::{migrate_up, open_file, refused};

/// Submits committed together at most: keeps a batch under about 10 ms.
const BATCH_MAX: usize = 512;
/// Prepared statements kept per connection.
const STATEMENTS: usize = 64;

/// [`MailboxStore`] on SQLite.
pub enum SqliteStore {
    InPlace {
        mailboxes: Box<Mutex<SqliteMailboxes>>,
        hub: Arc<Hub>,
    },
    Threads {
        writer: Sender<Work>,
        reader: Sender<Read>,
    },
}

/// What the writer thread is asked for.
pub enum Work {
    Submit(Box<Submit>, Replies),
    Ack(Address, u64),
    /// In order with everything that came before it.
    Run(Task),
    /// Between two transactions; commits nothing.
    Ask(Task),
}

type Task = Box<dyn FnOnce(&mut SqliteMailboxes) + Send>;

/// What the reader thread is asked for.
pub type Read = Box<dyn FnOnce(&Connection) + Send>;

impl SqliteStore {
    /// Mailboxes that live in memory; no threads.
    pub fn memory(bounds: Bounds, pseudonyms: Pseudonyms, hub: Arc<Hub>) -> Result<Self> {
        let mut connection = Connection::open_in_memory().map_err(refused)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        migrate_up(&mut connection, SQLITE_MIGRATIONS)?;
        Ok(Self::in_place(connection, bounds, pseudonyms, hub))
    }

    /// A connection used in place, whatever it is over; migrated by the caller.
    pub fn in_place(
        connection: Connection,
        bounds: Bounds,
        pseudonyms: Pseudonyms,
        hub: Arc<Hub>,
    ) -> Self {
        Self::InPlace {
            mailboxes: Box::new(Mutex::new(SqliteMailboxes::new(
                connection, bounds, pseudonyms,
            ))),
            hub,
        }
    }

    /// A file: WAL, synchronous=FULL, secure_delete. The threads end when the store is dropped.
    pub fn file(
        path: &Path,
        bounds: Bounds,
        pseudonyms: Pseudonyms,
        hub: Arc<Hub>,
    ) -> Result<Self> {
        let mut connection = open_file(path)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // The hot pages of many mailboxes; the directory's file needs far less. A page that is written again and again
        // is copied into the file once a checkpoint: at 64 MiB of log four times less often than the directory's.
        connection
            .execute_batch("PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=16000")
            .map_err(refused)?;
        migrate_up(&mut connection, SQLITE_MIGRATIONS)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reading = Connection::open_with_flags(path, flags).map_err(refused)?;
        reading
            .busy_timeout(Duration::from_secs(10))
            .map_err(refused)?;

        let (writer, work) = channel();
        let (reader, reads) = channel::<Read>();
        let mailboxes = SqliteMailboxes::new(connection, bounds, pseudonyms);
        spawn("mailbox-write", move || {
            Writer {
                mailboxes,
                hub,
                acks: BTreeMap::new(),
                acks_since: None,
                ack_delay: Duration::from_millis(bounds.ack_delay_ms),
            }
            .run(&work)
        })?;
        spawn("mailbox-read", move || {
            reads.into_iter().for_each(|read| read(&reading))
        })?;
        Ok(Self::Threads { writer, reader })
    }

    fn write<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteMailboxes) -> Result<R> + Send + 'static,
    ) -> BoxFuture<'_, Result<R>> {
        self.with_writer(Work::Run, work)
    }

    /// Has the writer do something: `kind` says when.
    fn with_writer<R: Send + 'static>(
        &self,
        kind: fn(Task) -> Work,
        work: impl FnOnce(&mut SqliteMailboxes) -> Result<R> + Send + 'static,
    ) -> BoxFuture<'_, Result<R>> {
        Box::pin(async move {
            match self {
                Self::InPlace { mailboxes, .. } => {
                    work(&mut mailboxes.lock().unwrap_or_else(PoisonError::into_inner))
                }
                Self::Threads { writer, .. } => {
                    let (answer, answered) = oneshot::channel();
                    let task = kind(Box::new(move |mailboxes| {
                        drop(answer.send(work(mailboxes)))
                    }));
                    writer.send(task).map_err(|_| StoreError::Unavailable)?;
                    answered.await.map_err(|_| StoreError::Unavailable)?
                }
            }
        })
    }

    fn read<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<R> + Send + 'static,
    ) -> BoxFuture<'_, Result<R>> {
        Box::pin(async move {
            match self {
                Self::InPlace { mailboxes, .. } => read(
                    mailboxes
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .connection(),
                ),
                Self::Threads { reader, .. } => {
                    let (answer, answered) = oneshot::channel();
                    let read: Read =
                        Box::new(move |connection| drop(answer.send(read(connection))));
                    reader.send(read).map_err(|_| StoreError::Unavailable)?;
                    answered.await.map_err(|_| StoreError::Unavailable)?
                }
            }
        })
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(body)
        .map(drop)
        .map_err(|_| StoreError::Unavailable)
}

/// The writer thread: takes what queued up while the last commit was flushed, and commits it together.
struct Writer {
    mailboxes: SqliteMailboxes,
    hub: Arc<Hub>,
    /// The furthest ack of each device.
    acks: BTreeMap<Address, u64>,
    /// When the oldest of `acks` came.
    acks_since: Option<Instant>,
    /// See [`Bounds::ack_delay_ms`].
    ack_delay: Duration,
}

impl Writer {
    fn run(&mut self, work: &Receiver<Work>) {
        while let Some(first) = self.wait(work) {
            let mut submits = Vec::new();
            let mut next = first;
            loop {
                match next {
                    Some(Work::Submit(submit, replies)) => submits.push((*submit, replies)),
                    Some(Work::Ack(address, seq)) => self.note_ack(address, seq),
                    Some(Work::Ask(ask)) => ask(&mut self.mailboxes),
                    Some(Work::Run(run)) => {
                        self.commit(std::mem::take(&mut submits));
                        run(&mut self.mailboxes);
                    }
                    None => break,
                }
                next = if submits.len() < BATCH_MAX {
                    work.try_recv().ok()
                } else {
                    None
                };
            }
            self.commit(submits);
        }
        // The store was dropped: nothing comes that the last acks could ride on.
        self.acks_since = None;
        let acks: Vec<_> = std::mem::take(&mut self.acks).into_iter().collect();
        let _ = commit(&mut self.mailboxes, &self.hub, Vec::new(), &acks);
    }

    /// Waits for work, or until the acks have waited long enough. None: the store was dropped.
    fn wait(&self, work: &Receiver<Work>) -> Option<Option<Work>> {
        let Some(since) = self.acks_since else {
            return work.recv().ok().map(Some);
        };
        match work.recv_timeout(self.ack_delay.saturating_sub(since.elapsed())) {
            Ok(work) => Some(Some(work)),
            Err(RecvTimeoutError::Timeout) => Some(None),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    fn note_ack(&mut self, address: Address, seq: u64) {
        let furthest = self.acks.entry(address).or_default();
        *furthest = seq.max(*furthest);
        self.acks_since.get_or_insert_with(instant);
    }

    /// Commits the submits, with the acks if they have waited long enough.
    fn commit(&mut self, submits: Vec<(Submit, Replies)>) {
        let are_due = |since: Instant| since.elapsed() >= self.ack_delay;
        if !self.acks_since.is_some_and(are_due) {
            let _ = commit(&mut self.mailboxes, &self.hub, submits, &[]);
            return;
        }
        self.acks_since = None;
        let acks: Vec<_> = std::mem::take(&mut self.acks).into_iter().collect();
        if commit(&mut self.mailboxes, &self.hub, submits, &acks) == Err(StoreError::Unavailable) {
            // A disk that is full now takes them with the next ack that comes.
            self.acks = acks.into_iter().collect();
        }
    }
}

/// Commits and tells; a batch that fails is tried one by one, so that only the guilty submit is refused.
///
/// # Errors
/// The acks were not carried out; the submits are answered either way.
fn commit(
    mailboxes: &mut SqliteMailboxes,
    hub: &Hub,
    submits: Vec<(Submit, Replies)>,
    acks: &[(Address, u64)],
) -> Result<()> {
    if submits.is_empty() && acks.is_empty() {
        return Ok(());
    }
    let (submits, replies): (Vec<_>, Vec<_>) = submits.into_iter().unzip();
    metrics::histogram!("mailbox_batch_submits").record(submits.len() as f64);
    match mailboxes.append_batch(&submits, acks) {
        Ok(appended) => {
            for ((submit, replies), appended) in submits.iter().zip(replies).zip(appended) {
                tell(hub, submit, &replies, Ok(appended));
            }
            Ok(())
        }
        Err(error) => {
            tracing::error!(%error, mailbox.submits = submits.len(), "mailbox batch failed");
            for (submit, replies) in submits.iter().zip(replies) {
                tell(hub, submit, &replies, mailboxes.append_alone(submit));
            }
            Err(error)
        }
    }
}

fn tell(hub: &Hub, submit: &Submit, replies: &Replies, appended: Result<Appended>) {
    let result = appended.map(|appended| {
        super::count(&appended.accepted);
        hub.deliver(appended.deliveries);
        appended.accepted
    });
    replies.send(Answer {
        submit_id: submit.submit_id,
        result,
    });
}

impl MailboxStore for SqliteStore {
    fn submit(&self, submit: Submit, replies: Replies) {
        match self {
            Self::InPlace { mailboxes, hub } => {
                let mut mailboxes = mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
                drop(commit(&mut mailboxes, hub, vec![(submit, replies)], &[]));
            }
            // A writer that is gone answers nobody; the connections close when the relay stops.
            Self::Threads { writer, .. } => {
                drop(writer.send(Work::Submit(Box::new(submit), replies)))
            }
        }
    }

    fn ack(&self, address: Address, seq: u64) {
        match self {
            Self::InPlace { mailboxes, hub } => {
                let mut mailboxes = mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
                drop(commit(&mut mailboxes, hub, Vec::new(), &[(address, seq)]));
            }
            Self::Threads { writer, .. } => drop(writer.send(Work::Ack(address, seq))),
        }
    }

    fn page(&self, device: DeviceId, after: u64, limit: PageLimit) -> BoxFuture<'_, Result<Page>> {
        self.read(move |db| sqlite::page(db, device, after, limit))
    }

    fn open(
        &self,
        address: Address,
        cursor: Option<Cursor>,
    ) -> BoxFuture<'_, Result<Option<Opened>>> {
        Box::pin(async move {
            // The writer alone knows what is not sorted yet. Asked first: what moves meanwhile is found by the reader.
            let device = address.device_id;
            let ask = move |mailboxes: &mut SqliteMailboxes| mailboxes.recent_counter(device);
            let recent = self.with_writer(Work::Ask, ask).await?;
            self.read(move |db| sqlite::open(db, address, cursor, recent))
                .await
        })
    }

    fn register_device(&self, address: Address) -> BoxFuture<'_, Result<()>> {
        self.write(move |mailboxes| mailboxes.register_device(address))
    }

    fn remove_device(&self, address: Address) -> BoxFuture<'_, Result<()>> {
        self.write(move |mailboxes| mailboxes.remove_device(address))
    }

    fn set_sealing_floor(&self, address: Address, number: u32) -> BoxFuture<'_, Result<()>> {
        self.write(move |mailboxes| mailboxes.set_sealing_floor(address, number))
    }

    fn register_token(&self, account: AccountId, token: Token) -> BoxFuture<'_, Result<()>> {
        self.write(move |mailboxes| mailboxes.register_token(account, token))
    }

    fn delete_token(&self, account: AccountId, hash: TokenHash) -> BoxFuture<'_, Result<bool>> {
        self.write(move |mailboxes| mailboxes.delete_token(account, hash))
    }

    fn tokens(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<TokenInfo>>> {
        self.read(move |db| sqlite::tokens(db, account))
    }

    fn expire(&self, now: Timestamp) -> BoxFuture<'_, Result<Swept>> {
        self.write(move |mailboxes| mailboxes.expire(now))
    }

    fn forget(&self, account: AccountId) -> BoxFuture<'_, Result<()>> {
        self.write(move |mailboxes| mailboxes.forget(account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Secrets;
    use crate::platform::db::sqlite::durability;

    /// Acknowledged means on the disk: with less than this a commit returns before its fsync.
    #[tokio::test]
    async fn the_connection_that_commits_waits_for_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::file(
            &folder.path().join("mailbox.db"),
            Bounds::default(),
            Pseudonyms(Secrets::new([7; 32], None)),
            Arc::new(Hub::default()),
        )
        .expect("a store");
        let settings = store.write(|mailboxes| Ok(durability(mailboxes.connection())?));
        let settings = settings.await.expect("settings");
        assert_eq!(settings, "journal_mode=wal, synchronous=2");
    }
}
