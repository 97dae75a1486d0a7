//! One simulated user: a task with a socket that sends when told, acknowledges, and measures.

use super::account::Account;
use super::connection::{Codec, Event, System, clock};
use super::frame;
use anyhow::{Context, Result, bail};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;

/// What all users of a run count together.
#[derive(Default)]
pub struct Tally {
    pub sent: AtomicU64,
    pub received: AtomicU64,
    pub accepted: AtomicU64,
    /// Messages stamped before this are no part of the phase: not counted when they come again.
    pub since: AtomicU64,
    /// Latencies are recorded only while set.
    pub recording: AtomicBool,
    /// Each received message is answered by a new one: a closed loop.
    pub closed_loop: AtomicBool,
    latencies_us: Mutex<Vec<u32>>,
    failures: Mutex<Vec<String>>,
}

impl Tally {
    /// Takes the recorded latencies, sorted, microseconds.
    pub fn take_latencies(&self) -> Vec<u32> {
        let mut taken = std::mem::take(
            &mut *self
                .latencies_us
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        );
        taken.sort_unstable();
        taken
    }

    /// The first thing that went wrong, if any.
    pub fn check(&self) -> Result<()> {
        let failures = self
            .failures
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        match failures.first() {
            Some(first) => bail!("{} connections failed, the first: {first}", failures.len()),
            None => Ok(()),
        }
    }

    fn fail(&self, what: String) {
        self.failures
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .push(what);
    }

    fn latency(&self, at: u64) {
        let us = u32::try_from(clock().saturating_sub(at) / 1000).unwrap_or(u32::MAX);
        self.latencies_us
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .push(us);
    }
}

/// A running user. Dropping it closes the socket.
pub struct User {
    orders: mpsc::UnboundedSender<u64>,
}

impl User {
    /// Sends one message stamped `at`.
    pub fn send(&self, at: u64) {
        let _ = self.orders.send(at.max(1));
    }
}

/// An open, authenticated socket with what was read beyond the handshake.
pub struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// How long a socket is needed: the load generator does not renew tokens on open sockets.
#[derive(Clone, Copy)]
pub enum Stay {
    /// A minute at least.
    Short,
    /// Five minutes from the connection; costs a request.
    Long,
}

/// Opens and authenticates one socket; `account` is needed for this product only.
pub async fn connect(
    system: System,
    address: &str,
    index: usize,
    account: Option<&mut Account>,
    stay: Stay,
) -> Result<Socket> {
    let source = TcpSocket::new_v4()?;
    // One source address has about 28,000 ports; spread the users over several loopback addresses.
    source.bind(format!("127.0.0.{}:0", 2 + index / 12_000).parse()?)?;
    let stream = source.connect(address.parse()?).await?;
    stream.set_nodelay(true)?;
    let mut socket = Socket {
        stream,
        buffer: Vec::new(),
    };
    match (system, account) {
        (System::Securechat, Some(account)) => {
            socket.upgrade("/ws").await?;
            let (_, hello) = socket.next().await?;
            let mut out = Vec::new();
            let auth = match stay {
                Stay::Short => account.answer(&hello).await?,
                Stay::Long => account.answer_with_fresh_token(&hello).await?,
            };
            frame::write(frame::BINARY, &auth, &mut out);
            socket.stream.write_all(&out).await?;
            let (opcode, ready) = socket.next().await?;
            let code = ready.first_chunk::<2>();
            anyhow::ensure!(
                opcode == frame::BINARY,
                "not authenticated: closed with {:?}",
                code.map(|code| u16::from_be_bytes(*code))
            );
        }
        (System::SocketIo, _) => {
            socket
                .upgrade("/socket.io/?EIO=4&transport=websocket")
                .await?;
            socket.next().await?;
            let mut out = Vec::new();
            frame::write(
                frame::TEXT,
                format!("40{{\"u\":{index}}}").as_bytes(),
                &mut out,
            );
            socket.stream.write_all(&out).await?;
            socket.next().await?;
        }
        (System::Securechat, None) => bail!("an account is needed"),
    }
    Ok(socket)
}

impl Socket {
    async fn upgrade(&mut self, path: &str) -> Result<()> {
        self.stream
            .write_all(frame::upgrade(path).as_bytes())
            .await?;
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                anyhow::ensure!(self.buffer.starts_with(b"HTTP/1.1 101"), "no upgrade");
                self.buffer.drain(..end + 4);
                return Ok(());
            }
            self.fill().await?;
        }
    }

    async fn next(&mut self) -> Result<(u8, Vec<u8>)> {
        loop {
            if let Some((opcode, range, used)) = frame::read(&self.buffer) {
                let payload = self
                    .buffer
                    .get(range)
                    .context("range inside the buffer")?
                    .to_vec();
                self.buffer.drain(..used);
                return Ok((opcode, payload));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        anyhow::ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "closed");
        Ok(())
    }

    /// Hands the socket to a task.
    pub fn spawn(self, codec: Codec, tally: Arc<Tally>) -> User {
        let (orders, inbox) = mpsc::unbounded_channel();
        tokio::spawn(run(self, codec, tally, inbox));
        User { orders }
    }
}

async fn run(
    mut socket: Socket,
    mut codec: Codec,
    tally: Arc<Tally>,
    mut orders: mpsc::UnboundedReceiver<u64>,
) {
    let mut out = Vec::new();
    loop {
        let used = handle(&mut codec, &tally, &socket.buffer, &mut out);
        socket.buffer.drain(..used);
        if !out.is_empty() {
            if socket.stream.write_all(&out).await.is_err() {
                return tally.fail("write".into());
            }
            out.clear();
        }
        tokio::select! {
            read = socket.stream.read_buf(&mut socket.buffer) => if !matches!(read, Ok(1..)) {
                return tally.fail("closed by the server".into());
            },
            order = orders.recv() => match order {
                Some(at) => {
                    send(&mut codec, &tally, at, &mut out);
                    while let Ok(at) = orders.try_recv() {
                        send(&mut codec, &tally, at, &mut out);
                    }
                }
                None => return,
            },
        }
    }
}

fn send(codec: &mut Codec, tally: &Tally, at: u64, out: &mut Vec<u8>) {
    codec.message(at, out);
    tally.sent.fetch_add(1, Relaxed);
}

/// Works off all whole frames in `buffer`; returns how many bytes that was.
fn handle(codec: &mut Codec, tally: &Tally, buffer: &[u8], out: &mut Vec<u8>) -> usize {
    let mut used = 0;
    while let Some((opcode, range, length)) = buffer.get(used..).and_then(frame::read) {
        let payload = buffer
            .get(used + range.start..used + range.end)
            .unwrap_or_default();
        used += length;
        match codec.receive(opcode, payload, out) {
            Event::Received(at) if at < tally.since.load(Relaxed) => {}
            Event::Received(at) => {
                tally.received.fetch_add(1, Relaxed);
                if tally.recording.load(Relaxed) {
                    tally.latency(at);
                }
                if tally.closed_loop.load(Relaxed) {
                    send(codec, tally, clock(), out);
                }
            }
            Event::Accepted => {
                tally.accepted.fetch_add(1, Relaxed);
            }
            Event::Failed(what) => tally.fail(what),
            Event::Other => {}
        }
    }
    used
}
