//! Configuration: what an operator may choose, with its defaults. Read from flags and environment by `app`.

use axum::http::HeaderValue;
use securechat_proto::api::Stretching;
use securechat_proto::limits::{DAY_MS, RETENTION_MS};
use std::net::SocketAddr;
use std::path::PathBuf;

use super::limits::Rates;

/// Everything the rooms need to know about this installation. No secrets stand in it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Shown name of this server.
    pub name: String,
    pub storage: Storage,
    /// Whether new accounts may be made.
    pub sign_up_open: bool,
    /// Origins other than our own that browsers may call from; none by default.
    pub cors_origins: Vec<HeaderValue>,
    /// Proxies in front that append to X-Forwarded-For; 0: the peer address counts.
    pub trusted_proxies: usize,
    /// Argon2id parameters given to devices for new OPAQUE records.
    pub stretching: Stretching,
    /// Days an undelivered envelope is kept: 1 to [`RETENTION_DAYS_MAX`].
    pub retention_days: u32,
    /// How long acknowledgements of deliveries may wait to be written together. The simulator has none: what a machine's
    /// clock decides cannot be replayed.
    pub ack_delay_ms: u64,
    /// On SQLite: remembered submits that gather before they are sorted. The simulator has few, so that it sorts often.
    pub recent_submits_max: usize,
    pub rates: Rates,
}

/// A tenth of a second: rows that were stored together are then deleted together.
const ACK_DELAY_MS: u64 = 100;

/// Of 1,000 busy devices 32 each, which then stand on a few pages of the index together; under 3 MB of memory.
pub const RECENT_SUBMITS_MAX: usize = 32_768;

/// What the protocol promises and devices count on: they erase the keys of older envelopes soon after (protocol.md
/// section 2), so keeping more would be of no use to anybody.
pub const RETENTION_DAYS_MAX: u32 = (RETENTION_MS / DAY_MS) as u32;

/// Where the directory and the mailboxes live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Two SQLite files in this folder: directory.db and mailbox.db.
    Files(PathBuf),
    /// Nothing survives the process: tests and simulator.
    Memory,
    /// A PostgreSQL URL (`postgres://...`).
    Postgres(String),
}

/// Listeners and files of `serve`.
#[derive(Clone, Debug)]
pub struct Listen {
    pub http: SocketAddr,
    pub metrics: SocketAddr,
    /// Folder with the built web app, instead of the embedded one.
    pub web: Option<PathBuf>,
    /// Certificate chain and private key, PEM.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// File descriptor that gets one JSON line with the real addresses.
    pub ready_fd: Option<i32>,
}

/// OPAQUE key stretching: Argon2id 64 MiB, 3 passes, 1 lane (protocol.md section 1).
pub const STRETCHING: Stretching = Stretching {
    version: 1,
    memory_kib: 64 * 1024,
    iterations: 3,
    parallelism: 1,
};

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "SecureChat".into(),
            storage: Storage::Memory,
            sign_up_open: true,
            cors_origins: Vec::new(),
            trusted_proxies: 0,
            stretching: STRETCHING,
            retention_days: RETENTION_DAYS_MAX,
            ack_delay_ms: ACK_DELAY_MS,
            recent_submits_max: RECENT_SUBMITS_MAX,
            rates: Rates::default(),
        }
    }
}
