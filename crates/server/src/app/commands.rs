//! The command line of the server.

use super::config::{self, Environment, Problems};
use super::data::{self, Lock};
use super::serve::serve;
use super::{DIRECTORY, open_directory};
use crate::mailbox;
use crate::platform::config::{Listen, Storage};
use crate::platform::db::sqlite::{durability, open_file, refusals};
use crate::platform::db::{Directory, RoomMigrations};
use anyhow::{Result, bail};
use clap::{Parser, Subcommand, ValueEnum};
use std::io::IsTerminal as _;
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
    start_log(&Environment::read()?);
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

/// Settings of the log that make no sense are told by `serve` and `check`, with all others.
fn start_log(environment: &Environment) {
    let filter = config::log_filter(environment).unwrap_or_else(|_| EnvFilter::new("info"));
    let is_json = config::log_is_json(environment).unwrap_or(false);
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(may_colour(environment, std::io::stderr().is_terminal()))
        .with_writer(std::io::stderr);
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

/// Colours are for eyes: a file or a pipe gets none, nor does anybody who set NO_COLOR (no-color.org).
fn may_colour(environment: &Environment, is_terminal: bool) -> bool {
    is_terminal && environment.get("NO_COLOR").is_none()
}

/// Below `info` only our own words: libraries then write down whole frames and statements, and with them tokens.
fn may_be_logged(line: &tracing::Metadata<'_>) -> bool {
    *line.level() <= tracing::Level::INFO || line.target().starts_with("securechat")
}

async fn migrate(direction: Direction, data: &Path) -> Result<()> {
    let storage = config::storage(&Environment::read()?, data)?;
    // A schema does not change under a running server.
    let _lock = match &storage {
        Storage::Files(folder) => {
            data::prepare(folder)?;
            Some(Lock::take(folder).await?)
        }
        Storage::Memory | Storage::Postgres(_) => None,
    };
    move_schema(direction, &open_directory(&storage).await?, DIRECTORY).await?;
    // The mailboxes have a file of their own on SQLite, and stand in the same database on PostgreSQL.
    let (mailboxes, rooms) = match &storage {
        Storage::Files(folder) => (
            Directory::file(&folder.join(data::MAILBOX_FILE))?,
            mailbox::SQLITE_MIGRATIONS,
        ),
        Storage::Memory | Storage::Postgres(_) => {
            (open_directory(&storage).await?, &[mailbox::MIGRATIONS][..])
        }
    };
    move_schema(direction, &mailboxes, rooms).await?;
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

/// Tells everything that is wrong at once, whatever was wrong before it.
async fn check(data: &Path) -> Result<()> {
    let environment = Environment::read()?;
    let Problems(mut problems) = config::config(&environment, data)
        .map(drop)
        .err()
        .unwrap_or_default();
    // A storage that cannot be read from the settings is among the problems already.
    match config::storage(&environment, data) {
        Ok(Storage::Memory) => println!("storage: memory; nothing survives a stop"),
        Ok(Storage::Files(folder)) => check_folder(&folder, &mut problems),
        Ok(storage @ Storage::Postgres(_)) => match check_postgres(&storage).await {
            Ok(refused) => problems.extend(refused),
            Err(error) => problems.push(format!("{error:#}")),
        },
        Err(_) => {}
    }
    for path in data::readable_by_others(data) {
        problems.push(format!(
            "{} can be read by others; make it mode 600, or let `serve` do it",
            path.display()
        ));
    }
    match config::given_secrets(&environment, data) {
        Ok(Some(_)) => {}
        Ok(None) => println!("secret: made in {} at the first start", data.display()),
        Err(Problems(wrong)) => problems.extend(wrong),
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

/// Whether the folder can be written, and what its databases promise when they are opened.
fn check_folder(folder: &Path, problems: &mut Vec<String>) {
    if !folder.exists() {
        println!(
            "storage: SQLite, made in {} at the first start",
            folder.display()
        );
        return;
    }
    let probe = folder.join(".write-check");
    let written = std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe));
    if let Err(error) = written {
        problems.push(format!("{} cannot be written: {error}", folder.display()));
    }
    for (name, rooms) in [
        (data::DIRECTORY_FILE, DIRECTORY),
        (data::MAILBOX_FILE, mailbox::SQLITE_MIGRATIONS),
    ] {
        let path = folder.join(name);
        if !path.exists() {
            println!("storage: SQLite, {name} is made at the first start");
            continue;
        }
        let looked = open_file(&path)
            .and_then(|opened| durability(&opened).map(|found| (found, refusals(&opened, rooms))));
        let wrong = match looked {
            Ok((found, wrong)) => {
                println!(
                    "storage: SQLite, {name} ({found}): what was acknowledged survives a power loss"
                );
                wrong
            }
            Err(error) => vec![error],
        };
        let told = |error| format!("{}: {error}", path.display());
        problems.extend(wrong.into_iter().map(told));
    }
    match data::is_in_use(folder) {
        Ok(true) => println!("server: one works on {}", folder.display()),
        Ok(false) => println!("server: none works on {}", folder.display()),
        Err(error) => problems.push(format!("{}: {error:#}", folder.display())),
    }
}

/// What the database promises, and why the server would refuse it all the same.
async fn check_postgres(storage: &Storage) -> Result<Vec<String>> {
    let directory = open_directory(storage).await?;
    directory.query("SELECT 1", vec![]).await?;
    println!(
        "storage: PostgreSQL (fsync, synchronous_commit, full_page_writes on): what was acknowledged survives a power loss"
    );
    let Directory::Postgres(database) = &directory else {
        return Ok(Vec::new());
    };
    let mut refused = database.refusals(DIRECTORY).await?;
    refused.extend(database.refusals(&[mailbox::MIGRATIONS]).await?);
    Ok(refused.iter().map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_whose_owner_wants_them() {
        let (plain, without) = (Environment::of(&[]), Environment::of(&[("NO_COLOR", "1")]));
        assert!(may_colour(&plain, true));
        assert!(!may_colour(&plain, false));
        assert!(!may_colour(&without, true));
    }
}
