//! The command line of the server.

use super::config::{self, Environment};
use super::serve::serve;
use super::{DIRECTORY, open_directory};
use crate::mailbox;
use crate::platform::Rng;
use crate::platform::config::{Listen, Storage};
use crate::platform::db::{Directory, RoomMigrations};
use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The SecureChat relay: stores, orders and forwards what it cannot open.
#[derive(Parser)]
#[command(name = "securechat", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Web app, API, /ws, /docs, /redoc, /healthz; metrics on a port of their own.
    Serve(Serve),
    /// Brings the database schema up, or takes the newest step of each room back (its data is lost).
    Migrate {
        direction: Direction,
        /// Folder of the SQLite files and the secret.
        #[arg(long, default_value = "data")]
        data: PathBuf,
    },
    /// Prints configuration problems and what is durable; fails when something is wrong.
    Check {
        #[arg(long, default_value = "data")]
        data: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Direction {
    Up,
    Down,
}

#[derive(clap::Args)]
struct Serve {
    /// Folder of the SQLite files and the secret; made when missing.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Where people connect; port 0 takes a free one.
    #[arg(long, default_value = "0.0.0.0:8000")]
    listen: SocketAddr,
    /// Where the operator's metrics are.
    #[arg(long, default_value = "127.0.0.1:8001")]
    metrics_listen: SocketAddr,
    /// Folder with the built web app, instead of the one in this binary.
    #[arg(long)]
    web: Option<PathBuf>,
    /// Descriptor that gets one JSON line with the real addresses.
    #[arg(long)]
    ready_fd: Option<i32>,
    /// Certificate chain (PEM): https and wss instead of http and ws.
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key (PEM) of the certificate.
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

/// Runs the command of this process.
pub async fn run() -> Result<()> {
    let arguments = Arguments::parse();
    start_log(&Environment::read());
    match arguments.command {
        Command::Serve(options) => {
            let listen = Listen {
                http: options.listen,
                metrics: options.metrics_listen,
                web: options.web,
                tls: options.tls_cert.zip(options.tls_key),
                ready_fd: options.ready_fd,
            };
            serve(&options.data, listen).await
        }
        Command::Migrate { direction, data } => migrate(direction, &data).await,
        Command::Check { data } => check(&data).await,
    }
}

/// `LOG` is a filter as in `info,securechat_server=debug`; `LOG_FORMAT=json` writes one object a line.
fn start_log(environment: &Environment) {
    let filter = EnvFilter::try_new(environment.get("LOG").unwrap_or("info"))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let is_json = environment.get("LOG_FORMAT") == Some("json");
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(may_be_logged))
        .with(is_json.then(|| {
            tracing_subscriber::fmt::layer()
                .json()
                .with_writer(std::io::stderr)
        }))
        .with((!is_json).then_some(lines))
        .init();
}

/// Below `info` only our own words: libraries then write down whole frames and statements, and with them tokens.
fn may_be_logged(line: &tracing::Metadata<'_>) -> bool {
    *line.level() <= tracing::Level::INFO || line.target().starts_with("securechat")
}

async fn migrate(direction: Direction, data: &Path) -> Result<()> {
    let storage = config::storage(&Environment::read(), data)?;
    if let Storage::Files(folder) = &storage {
        config::make_data_folder(folder)?;
    }
    move_schema(direction, &open_directory(&storage).await?, DIRECTORY).await?;
    // The mailboxes have a file of their own on SQLite, and stand in the same database on PostgreSQL.
    let mailboxes = match &storage {
        Storage::Files(folder) => Directory::file(&folder.join("mailbox.db"))?,
        Storage::Memory | Storage::Postgres(_) => open_directory(&storage).await?,
    };
    move_schema(direction, &mailboxes, &[mailbox::MIGRATIONS]).await?;
    println!("schema: done");
    Ok(())
}

async fn move_schema(
    direction: Direction,
    database: &Directory,
    rooms: &[RoomMigrations],
) -> Result<()> {
    match direction {
        Direction::Up => database.migrate_up(rooms).await?,
        Direction::Down => database.migrate_down(rooms).await?,
    }
    Ok(())
}

async fn check(data: &Path) -> Result<()> {
    let environment = Environment::read();
    let mut problems: Vec<String> = Vec::new();
    match config::config(&environment, data) {
        Ok(settings) => match check_storage(&settings.storage).await {
            Ok(durable) => println!("{durable}"),
            Err(error) => problems.push(format!("{error:#}")),
        },
        Err(error) => problems.push(format!("{error:#}")),
    }
    problems.extend(config::secret_file_problem(&environment, data));
    let has_secret = environment.get("SECRET_KEY").is_some() || data.join("secret.key").exists();
    if !has_secret {
        println!("secret: made in {} at the first start", data.display());
    } else if let Err(error) = config::secrets(&environment, data, &Rng::system()) {
        problems.push(format!("{error:#}"));
    }
    for problem in &problems {
        println!("problem: {problem}");
    }
    if problems.is_empty() {
        println!("no problems found");
        return Ok(());
    }
    bail!("{} problem(s)", problems.len());
}

/// Says what survives a crash of the machine.
async fn check_storage(storage: &Storage) -> Result<String> {
    match storage {
        Storage::Memory => Ok("storage: memory; nothing survives a stop".into()),
        Storage::Files(folder) if !folder.exists() => Ok(format!(
            "storage: SQLite, made in {} at the first start",
            folder.display()
        )),
        Storage::Files(folder) => {
            let probe = folder.join(".write-check");
            std::fs::write(&probe, b"")
                .with_context(|| format!("{} cannot be written", folder.display()))?;
            std::fs::remove_file(&probe)?;
            Ok(format!(
                "storage: SQLite in {} (WAL, synchronous=FULL): what was acknowledged survives a power loss",
                folder.display()
            ))
        }
        Storage::Postgres(_) => {
            let directory = open_directory(storage).await?;
            if let Directory::Postgres(_) = &directory {
                directory.query("SELECT 1", vec![]).await?;
            }
            Ok("storage: PostgreSQL (fsync, synchronous_commit, full_page_writes on): what was acknowledged survives \
                a power loss"
                .into())
        }
    }
}
