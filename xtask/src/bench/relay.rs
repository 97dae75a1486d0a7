//! `relay` and `idle`: this product on SQLite and PostgreSQL, and the Socket.IO peer, under one load generator.

use super::Options;
use super::postgres::Postgres;
use super::process::{Scratch, Server, run};
use super::summary::Summary;
use super::table::{self, Goal};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a system is started.
#[derive(Clone, Copy)]
enum Kind {
    Sqlite,
    Postgres,
    SocketIo,
}

const SYSTEMS: [(&str, Kind); 3] = [
    ("securechat-sqlite", Kind::Sqlite),
    ("securechat-postgres", Kind::Postgres),
    ("node", Kind::SocketIo),
];

/// The floors of `docs/benchmarks.md`.
const RELAY_GOALS: &[Goal] = &[
    (
        "msgs_per_s",
        ">= 30,000 (SQLite), >= 20,000 (PostgreSQL), >= 6 x node",
    ),
    (
        "cpu_us_per_msg",
        "<= 32 (SQLite), <= 55 (PostgreSQL), <= 0.12 x node",
    ),
    ("p99_ms", "<= 2 x fdatasync + 2 (SQLite)"),
    ("rss_kb_per_conn", "<= 8"),
];
const IDLE_GOALS: &[Goal] = &[("rss_kb_per_conn", "<= 8"), ("p99_ms", "< 1,000")];

/// `./dev bench relay`
pub fn relay(options: &Options) -> Result<()> {
    let (users, seconds, offline) = if options.quick {
        ("200", "2", "20")
    } else {
        ("1000", "5", "100")
    };
    let load = [
        "relay",
        "--users",
        users,
        "--seconds",
        seconds,
        "--offline",
        offline,
    ];
    alternate(options, "relay", &load, RELAY_GOALS, true, options.runs())
}

/// `./dev bench idle`
pub fn idle(options: &Options) -> Result<()> {
    let (users, hold) = if options.quick {
        ("500", "3")
    } else {
        ("10000", "60")
    };
    alternate(
        options,
        "idle",
        &["idle", "--users", users, "--hold", hold],
        IDLE_GOALS,
        false,
        // What an idle socket costs hardly changes from run to run, and signing up 10,000 users takes minutes.
        options.runs.unwrap_or(1),
    )
}

/// Runs every wanted system in turn, as often as asked.
fn alternate(
    options: &Options,
    bench: &str,
    load: &[&str],
    goals: &[Goal],
    probe_disk: bool,
    runs: usize,
) -> Result<()> {
    let binaries = build()?;
    let mut summary = Summary::default();
    for round in 0..runs {
        for (name, kind) in SYSTEMS.iter().filter(|(name, _)| options.wants(name)) {
            eprintln!("{bench}: {name}, run {}", round + 1);
            one(&binaries, name, *kind, load, probe_disk, &mut summary)
                .with_context(|| format!("{bench} on {name}"))?;
        }
    }
    let systems = SYSTEMS.map(|(name, _)| name);
    table::print(bench, &summary, &systems, goals, options);
    Ok(())
}

fn one(
    binaries: &Path,
    name: &str,
    kind: Kind,
    load: &[&str],
    probe_disk: bool,
    summary: &mut Summary,
) -> Result<()> {
    let scratch = Scratch::new(name)?;
    let postgres = match kind {
        Kind::Sqlite => None,
        Kind::Postgres | Kind::SocketIo => Some(Postgres::start(name)?),
    };
    let server = match kind {
        Kind::SocketIo => socket_io(&scratch, postgres.as_ref().context("database")?)?,
        Kind::Sqlite | Kind::Postgres => securechat(binaries, &scratch, postgres.as_ref())?,
    };
    let mut pids = vec![server.pid().to_string()];
    if let Some(postgres) = &postgres {
        pids.push(postgres.pid()?.to_string());
    }
    let mut command = Command::new(binaries.join("securechat-cli"));
    // Stretching a password takes 8 MiB for a moment. Without this the allocator of glibc keeps them on the heap, where
    // what every engine holds for good settles in between: 8 MiB a user instead of 1.
    command.env("MALLOC_MMAP_THRESHOLD_", "1048576");
    match kind {
        Kind::SocketIo => {
            let address = format!("127.0.0.1:{}", server.ready.get("port").context("port")?);
            command.args(["loadgen"]).args(load).args([
                "--system",
                "socket-io",
                "--address",
                &address,
            ]);
        }
        Kind::Sqlite | Kind::Postgres => {
            command
                .args(["--server", address(&server)?, "loadgen"])
                .args(load);
        }
    }
    command.args(["--name", name, "--pids", &pids.join(",")]);
    if probe_disk {
        command.arg("--disk").arg(scratch.path());
    }
    summary.take(&mut command)
}

/// Where a server of ours listens.
fn address(server: &Server) -> Result<&str> {
    server
        .ready
        .get("http")
        .and_then(|value| value.as_str())
        .context("address")
}

/// Release binaries of server and load generator.
fn build() -> Result<PathBuf> {
    run(Command::new("cargo").args([
        "build",
        "--release",
        "-p",
        "securechat-server",
        "-p",
        "securechat-cli",
    ]))?;
    Ok(crate::target().join("release"))
}

/// The real server with the limits that only a load run meets raised by configuration.
fn securechat(binaries: &Path, scratch: &Scratch, postgres: Option<&Postgres>) -> Result<Server> {
    let ready = scratch.path().join("ready");
    let mut command = Command::new("bash");
    command
        .arg("-c")
        .arg("exec \"$0\" serve --data \"$1\" --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 --ready-fd 3 3>\"$2\"")
        .arg(binaries.join("securechat"))
        .arg(scratch.path().join("data"))
        .arg(&ready)
        // In the scratch folder, so that no `.env` of the person who measures has a say.
        .current_dir(scratch.path())
        .env("RATE_LIMITS", "off")
        .env("OPAQUE_MEMORY_KIB", "8192")
        .env("LOG", "warn")
        .stdout(Stdio::null());
    match postgres {
        Some(postgres) => command.env("DATABASE_URL", postgres.url()?),
        None => command.env_remove("DATABASE_URL"),
    };
    Server::start(command, &ready)
}

fn socket_io(scratch: &Scratch, postgres: &Postgres) -> Result<Server> {
    let folder = crate::root().join("bench/peers/socket-io");
    if !folder.join("node_modules").exists() {
        run(Command::new("npm")
            .args([
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--silent",
            ])
            .current_dir(&folder))?;
    }
    let ready = scratch.path().join("ready");
    let mut command = Command::new("bash");
    command
        .arg("-c")
        .arg("exec node relay.js 0 \"$0\" \"$1\" >\"$2\"")
        .args([postgres.folder()?.to_owned(), postgres.port()?.to_string()])
        .arg(&ready)
        .current_dir(folder);
    Server::start(command, &ready)
}
