//! The real relay in this process: its router and its socket loop, without TCP, on a clock moved by hand.

mod power;
mod socket;

pub use self::power::Struck;
use self::socket::{Socket, is_stored, submit_in};
use crate::dice::Dice;
use crate::disk::Disk;
use anyhow::{Context, Result, bail};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::extract::ws::Message as Frame;
use axum::http::Request;
use securechat_engine::shell::Method;
use securechat_proto::api::Stretching;
use securechat_proto::wire::socket::Submit;
use securechat_proto::{AccountId, Timestamp, limits};
use securechat_server::app::{self, App};
use securechat_server::mailbox::socket::serve;
use securechat_server::platform::config::Storage;
use securechat_server::platform::limits::Rates;
use securechat_server::platform::{Clock, Config, Rng, Secrets};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tower::ServiceExt;

/// Real time after which the relay counts as stuck.
const STUCK: Duration = Duration::from_secs(20);

/// Looks at the mailboxes, 120 ms apart, after which what lies there counts as not acknowledged.
const ACKED_AFTER: usize = 20;

/// Real time after which a delivery counts as held back.
const UNSENT: Duration = Duration::from_millis(200);

/// What a socket of a client gets.
#[derive(Debug)]
pub enum FromRelay {
    Frame(Vec<u8>),
    Closed(Option<u16>),
}

/// A relay over a folder; it can be stopped and started again on the same data.
pub struct Relay {
    folder: PathBuf,
    disk: Disk,
    clock: Clock,
    secret: [u8; 32],
    running: Option<Running>,
    /// Everything clients sent, for the search for plaintext.
    pub seen: Vec<u8>,
}

/// What the mailboxes know of the devices: each with its account and its lowest sealing key number.
#[derive(Default)]
pub struct Rights(Vec<(Vec<u8>, Vec<u8>, i64)>);

struct Running {
    // Sockets are dropped before the runtime that polls them.
    sockets: BTreeMap<u64, Socket>,
    app: App,
    runtime: tokio::runtime::Runtime,
}

impl Relay {
    pub fn new(folder: &Path, now: Timestamp, dice: &mut Dice) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut relay = Self {
            folder: folder.to_owned(),
            disk: Disk::under(folder)?,
            clock: Clock::manual(now),
            secret: dice.bytes(),
            running: None,
            seen: Vec::new(),
        };
        relay.start(dice)?;
        Ok(relay)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Starts over the same data; sockets of before are gone.
    pub fn start(&mut self, dice: &mut Dice) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let config = Config {
            storage: Storage::Files(self.folder.clone()),
            stretching: Stretching {
                version: 1,
                memory_kib: 8 * 1024,
                iterations: 1,
                parallelism: 1,
            },
            ack_delay_ms: 0,
            recent_submits_max: 4,
            rates: Rates::unlimited(),
            ..Config::default()
        };
        let built = app::build(
            config,
            self.clock.clone(),
            Rng::seeded(dice.next()),
            Secrets::new(self.secret, None),
            None,
        );
        let app = runtime
            .block_on(built)
            .context("the relay does not start")?;
        self.running = Some(Running {
            sockets: BTreeMap::new(),
            app,
            runtime,
        });
        Ok(())
    }

    /// Ends without a goodbye: queued work and sockets are lost.
    pub fn crash(&mut self) {
        if let Some(running) = self.running.take() {
            let Running {
                sockets,
                app,
                runtime,
            } = running;
            drop(sockets);
            runtime.shutdown_background();
            drop(app);
        }
    }

    pub fn set_time(&self, now: Timestamp) {
        self.clock.set(now);
    }

    /// What an operator's relay does every few minutes: what has run out is deleted.
    pub fn sweep(&mut self) -> Result<()> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        let app = &running.app;
        running.runtime.block_on(async {
            app.mailbox.sweep().await?;
            let rooms = async {
                app.accounts.sweep().await?;
                app.keys.sweep().await
            };
            rooms
                .await
                .map_err(|error| anyhow::anyhow!("sweep: {:?}", error.code))
        })
    }

    /// Hashes of the one-time prekeys of a device that nobody has claimed.
    pub fn stock(&self, account: &[u8], device: &[u8]) -> Result<Vec<Vec<u8>>> {
        let directory = self.database("directory.db")?;
        let mut stock = directory.prepare(
            "SELECT key_hash FROM keys_one_time_prekeys
             WHERE account_id = ?1 AND device_id = ?2 AND claimed_at_ms IS NULL",
        )?;
        let stock = stock.query_map([account, device], |row| row.get(0))?;
        Ok(stock.collect::<Result<_, _>>()?)
    }

    /// What a request may change in the mailboxes after it has changed the directory.
    pub fn rights(&self) -> Result<Rights> {
        let mailbox = self.database("mailbox.db")?;
        let mut query =
            mailbox.prepare("SELECT device_id, account_id, sealing_floor FROM mailbox_device")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(Rights(rows.collect::<Result<_, _>>()?))
    }

    /// The relay died between directory and mailboxes: these are as they were.
    pub fn take_back_to(&self, before: &Rights) -> Result<()> {
        let mailbox = self.database("mailbox.db")?;
        let known: Vec<&Vec<u8>> = before.0.iter().map(|(device, ..)| device).collect();
        let devices: Vec<Vec<u8>> = mailbox
            .prepare("SELECT device_id FROM mailbox_device")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for device in devices.iter().filter(|device| !known.contains(device)) {
            mailbox.execute("DELETE FROM mailbox_device WHERE device_id = ?1", [device])?;
        }
        for (device, _, floor) in &before.0 {
            mailbox.execute(
                "UPDATE mailbox_device SET sealing_floor = ?2 WHERE device_id = ?1",
                rusqlite::params![device, floor],
            )?;
        }
        Ok(())
    }

    /// The operator removes an account and everything of it, while the relay is down.
    pub fn forget(&self, account: AccountId) -> Result<()> {
        let mailbox = self.database("mailbox.db")?;
        let devices: Vec<Vec<u8>> = mailbox
            .prepare("SELECT device_id FROM mailbox_device WHERE account_id = ?1")?
            .query_map([account.as_bytes()], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for device in devices {
            for table in [
                "mailbox_envelope",
                "mailbox_submit",
                "mailbox_submit_recent",
                "mailbox_held",
            ] {
                let sql = format!("DELETE FROM {table} WHERE device_id = ?1");
                mailbox.execute(&sql, [&device])?;
            }
        }
        for file in ["mailbox.db", "directory.db"] {
            let database = self.database(file)?;
            database.pragma_update(None, "foreign_keys", false)?;
            let tables: Vec<String> = database
                .prepare(
                    "SELECT t.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
                     WHERE t.type = 'table' AND c.name = 'account_id'",
                )?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for table in tables {
                let sql = format!("DELETE FROM {table} WHERE account_id = ?1");
                database.execute(&sql, [account.as_bytes()])?;
            }
        }
        Ok(())
    }

    /// A file of the relay, beside the relay itself.
    fn database(&self, file: &str) -> Result<rusqlite::Connection> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
        let database = rusqlite::Connection::open_with_flags(self.folder.join(file), flags)?;
        database.busy_timeout(STUCK)?;
        Ok(database)
    }

    /// One REST request; none while the relay is down.
    pub fn request(
        &mut self,
        method: Method,
        path: &str,
        bearer: Option<&str>,
        body: &[u8],
    ) -> Result<Option<(u16, Vec<u8>)>> {
        self.seen.extend_from_slice(path.as_bytes());
        self.seen.extend_from_slice(body);
        let Some(running) = &mut self.running else {
            return Ok(None);
        };
        let method = match method {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "sim");
        if let Some(token) = bearer {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let mut request = request.body(Body::from(body.to_vec()))?;
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
        let router = running.app.router.clone();
        let answer = running.runtime.block_on(async {
            let response = tokio::time::timeout(STUCK, router.oneshot(request))
                .await
                .context("request stuck")?;
            let response = response.unwrap_or_else(|never| match never {});
            let status = response.status().as_u16();
            let body =
                axum::body::to_bytes(response.into_body(), 2 * limits::REST_BODY_BYTES_MAX).await?;
            anyhow::Ok((status, body.to_vec()))
        })?;
        Ok(Some(answer))
    }

    /// Opens a socket; false while the relay is down.
    pub fn open(&mut self, number: u64) -> bool {
        let Some(running) = &mut self.running else {
            return false;
        };
        let (socket, transport) = Socket::new();
        running
            .runtime
            .spawn(serve(running.app.mailbox.clone(), transport));
        running.sockets.insert(number, socket);
        true
    }

    /// The client's side is gone.
    pub fn close(&mut self, number: u64) {
        if let Some(running) = &mut self.running {
            running.sockets.remove(&number);
        }
    }

    /// One frame of a client, and everything that follows from it at the relay.
    pub fn frame(&mut self, number: u64, bytes: Vec<u8>) -> Result<()> {
        self.seen.extend_from_slice(&bytes);
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        let Some(socket) = running.sockets.get_mut(&number) else {
            return Ok(());
        };
        let awaited = socket.awaited(&bytes);
        let submit = submit_in(&bytes);
        if socket.to.send(Frame::Binary(bytes.into())).is_err() {
            return Ok(());
        }
        // Storage answers from its own thread: wait for the frame that proves it is done.
        let Some(awaited) = awaited else {
            return Ok(());
        };
        let waited = running
            .runtime
            .block_on(async { tokio::time::timeout(STUCK, socket.wait_for(awaited)).await });
        if waited.is_err() {
            bail!("the relay did not answer a frame");
        }
        if let Some(submit) = submit {
            self.await_deliveries(number, &submit);
        }
        Ok(())
    }

    /// A delivery is read from storage by another thread: whoever is online gets it now, in every run of a seed.
    fn await_deliveries(&mut self, from: u64, submit: &Submit) {
        let Some(running) = &mut self.running else {
            return;
        };
        let stored = running
            .sockets
            .get(&from)
            .is_some_and(|socket| socket.early.last().is_some_and(is_stored));
        if !stored {
            return;
        }
        for envelope in submit.destinations.iter().flat_map(|to| &to.envelopes) {
            let to = running.sockets.values_mut().find(|socket| {
                socket
                    .device
                    .is_some_and(|device| device.as_bytes() == envelope.device_id.as_slice())
            });
            if let Some(to) = to {
                let delivery = to.wait_for_delivery(&envelope.envelope_id);
                // Not sent: the receiver has too many that are not acknowledged.
                let _ = running
                    .runtime
                    .block_on(async { tokio::time::timeout(UNSENT, delivery).await });
            }
        }
    }

    /// Envelopes in all mailboxes; acknowledgements are lazy, so they are given a moment.
    pub fn waiting_envelopes(&mut self) -> Result<i64> {
        let sql = "SELECT count(*) FROM mailbox_envelope";
        let mut waiting = 0;
        for _ in 0..ACKED_AFTER {
            let Some(running) = &mut self.running else {
                bail!("the relay is down")
            };
            running
                .runtime
                .block_on(async { tokio::time::sleep(Duration::from_millis(120)).await });
            let mailbox = self.database("mailbox.db")?;
            waiting = mailbox.query_row(sql, [], |row| row.get(0))?;
            if waiting == 0 {
                break;
            }
        }
        Ok(waiting)
    }

    /// What the relay sent since the last call, by socket.
    pub fn take(&mut self) -> Vec<(u64, FromRelay)> {
        let Some(running) = &mut self.running else {
            return Vec::new();
        };
        // Deliveries were queued before the awaited answer; a few turns let the other sockets' tasks write them.
        running.runtime.block_on(async {
            for _ in 0..64 {
                tokio::task::yield_now().await;
            }
        });
        let mut taken = Vec::new();
        let mut ended = Vec::new();
        for (number, socket) in &mut running.sockets {
            for frame in socket.take() {
                match frame {
                    Frame::Binary(bytes) => taken.push((*number, FromRelay::Frame(bytes.to_vec()))),
                    Frame::Close(reason) => {
                        taken.push((*number, FromRelay::Closed(reason.map(|reason| reason.code))));
                        ended.push(*number);
                    }
                    _ => {}
                }
            }
        }
        for number in ended {
            running.sockets.remove(&number);
        }
        taken
    }
}
