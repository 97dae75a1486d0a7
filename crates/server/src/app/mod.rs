//! The whole relay: rooms put together, with everything around them that faces the outside.
//!
//! Knows: all rooms. Must never know: SQL of any of them.

pub mod commands;
mod config;
mod data;
mod devices;
mod docs;
mod guard;
mod headers;
mod knows;
mod listen;
mod metrics;
mod router;
mod serve;
mod sign_up;
mod web;

pub use router::PUBLIC_ROUTES;
pub use web::Assets;

use crate::accounts::{self, Accounts};
use crate::keys::{self, Keys};
use crate::mailbox::{self, Bounds, Mailbox, SUBMIT_RATE};
use crate::platform::config::Storage;
use crate::platform::db::{self, Directory, RoomMigrations};
use crate::platform::{ApiError, Clock, Config, Platform, Rng, Secrets};
use crate::vault::{self, Vault};
use securechat_proto::limits::DAY_MS;
use std::sync::Arc;
use std::time::Duration;

/// Schemas of the directory, in the order in which they are made.
pub const DIRECTORY: &[RoomMigrations] =
    &[accounts::MIGRATIONS, keys::MIGRATIONS, vault::MIGRATIONS];

/// The relay without sockets: a router to call, and the rooms for whoever runs it in process.
pub struct App {
    pub platform: Platform,
    pub accounts: Accounts,
    pub keys: Keys,
    pub vault: Vault,
    pub mailbox: Mailbox,
    /// All routes: REST, `/ws`, documents, web app.
    pub router: axum::Router,
}

/// What keeps a relay from starting.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("storage: {0}")]
    Storage(#[from] db::Error),
    #[error("the database would lose what it acknowledged: {0}")]
    Unsafe(String),
    #[error("start: {0:?}")]
    Room(ApiError),
    #[error("mailboxes: {0}")]
    Mailbox(#[from] mailbox::StoreError),
}

impl From<ApiError> for BuildError {
    fn from(error: ApiError) -> Self {
        Self::Room(error)
    }
}

/// Puts the relay together over its storage and brings the schema up to date. Opens no socket and starts no task.
pub async fn build(
    config: Config,
    clock: Clock,
    rng: Rng,
    secrets: Secrets,
    assets: Option<Assets>,
) -> Result<App, BuildError> {
    let directory = open_directory(&config.storage).await?;
    directory.migrate_up(DIRECTORY).await?;
    let platform = Platform::new(config, clock, rng, secrets, directory);
    let accounts = Accounts::open(platform.clone()).await?;
    let device_keys = Arc::new(devices::DeviceKeys(accounts.clone()));
    let submit_rate = platform
        .config
        .rates
        .submits_per_account
        .unwrap_or(SUBMIT_RATE);
    let bounds = Bounds {
        retention_ms: u64::from(platform.config.retention_days) * DAY_MS,
        ack_delay_ms: platform.config.ack_delay_ms,
        recent_submits_max: platform.config.recent_submits_max,
        ..Bounds::default()
    };
    let mailbox = Mailbox::open(platform.clone(), device_keys, bounds, submit_rate).await?;
    let keys = Keys::new(
        platform.clone(),
        accounts.clone(),
        devices::listener(mailbox.clone()),
    );
    let vault = Vault::new(platform.clone());
    let rooms = Rooms {
        platform,
        accounts,
        keys,
        vault,
        mailbox,
    };
    let router = router::router(&rooms, assets);
    let Rooms {
        platform,
        accounts,
        keys,
        vault,
        mailbox,
    } = rooms;
    Ok(App {
        platform,
        accounts,
        keys,
        vault,
        mailbox,
        router,
    })
}

/// The rooms, for composing routes.
struct Rooms {
    platform: Platform,
    accounts: Accounts,
    keys: Keys,
    vault: Vault,
    mailbox: Mailbox,
}

/// Opens the directory and refuses a PostgreSQL that answers before it has written.
async fn open_directory(storage: &Storage) -> Result<Directory, BuildError> {
    let directory = match storage {
        Storage::Memory => Directory::memory()?,
        Storage::Files(folder) => Directory::file(&folder.join(data::DIRECTORY_FILE))?,
        Storage::Postgres(url) => Directory::postgres(url)?,
    };
    if let Directory::Postgres(database) = &directory {
        let wrong = database.unsafe_settings().await?;
        if !wrong.is_empty() {
            return Err(BuildError::Unsafe(wrong.join(", ")));
        }
    }
    Ok(directory)
}

impl App {
    /// Housekeeping for as long as it is polled: revocations of other nodes every 2 s, mailboxes
    /// every 10 minutes, the rest once a minute.
    pub fn housekeeping(&self) -> impl Future<Output = ()> + Send + use<> {
        let (platform, accounts, keys) = (
            self.platform.clone(),
            self.accounts.clone(),
            self.keys.clone(),
        );
        let mailbox = self.mailbox.clone();
        async move {
            let mut tick = tokio::time::interval(Duration::from_secs(2));
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            for round in 0u64.. {
                tick.tick().await;
                log_failure("revocations", accounts.learn_revocations().await);
                if round % 30 == 0 {
                    platform.limits.sweep();
                    log_failure("accounts sweep", accounts.sweep().await);
                    log_failure("keys sweep", keys.sweep().await);
                }
                if round % 300 == 0 {
                    log_failure(
                        "mailbox sweep",
                        mailbox.sweep().await.map_err(ApiError::from),
                    );
                }
            }
        }
    }
}

fn log_failure(task: &'static str, outcome: Result<(), ApiError>) {
    if let Err(error) = outcome {
        tracing::warn!(task, code = ?error.code, "housekeeping failed, tried again later");
    }
}
