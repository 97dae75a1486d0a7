//! A throw-away PostgreSQL cluster with the settings the figures are quoted for.

use super::process::{Scratch, Server};
use anyhow::{Context, Result};
use std::process::{Command, Stdio};

/// A running cluster; `scripts/with-postgres` stops and removes it when its command ends, which is when this drops.
pub struct Postgres {
    server: Server,
    _scratch: Scratch,
}

/// Durable commits, a cache that fits the machine (`docs/benchmarks.md`).
const SETTINGS: &str = "-c synchronous_commit=on -c fsync=on -c shared_buffers=512MB -c wal_compression=lz4 \
    -c max_wal_size=4GB";

/// Tells where the cluster is, then waits for the end of its input.
const HOLD: &str = r#"printf '{"socket":"%s","port":%s,"pid":%s}\n' \
    "$TEST_DATABASE_SOCKET" "$TEST_DATABASE_PORT" "$TEST_DATABASE_PID" >"$0"; cat"#;

impl Postgres {
    pub fn start(name: &str) -> Result<Self> {
        let scratch = Scratch::new(&format!("postgres-{name}"))?;
        let ready = scratch.path().join("ready");
        let mut command = Command::new(crate::root().join("scripts/with-postgres"));
        command
            .args(["bash", "-c", HOLD])
            .arg(&ready)
            .env("POSTGRES_SETTINGS", SETTINGS)
            .stdout(Stdio::null());
        let server = Server::start_until_input_ends(command, &ready)?;
        Ok(Self {
            server,
            _scratch: scratch,
        })
    }

    /// For `DATABASE_URL`: over the UNIX socket.
    pub fn url(&self) -> Result<String> {
        Ok(format!(
            "postgres://securechat@/postgres?host={}&port={}",
            self.folder()?,
            self.port()?
        ))
    }

    /// Folder of the UNIX socket.
    pub fn folder(&self) -> Result<&str> {
        self.server
            .ready
            .get("socket")
            .and_then(serde_json::Value::as_str)
            .context("socket")
    }

    pub fn port(&self) -> Result<u64> {
        self.server
            .ready
            .get("port")
            .and_then(serde_json::Value::as_u64)
            .context("port")
    }

    /// The process whose tree is measured.
    pub fn pid(&self) -> Result<u64> {
        self.server
            .ready
            .get("pid")
            .and_then(serde_json::Value::as_u64)
            .context("pid")
    }
}
