//! A throw-away PostgreSQL for this test process: its own folder, its own socket, no TCP; gone when the process ends.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_postgres::NoTls;

/// Makes a cluster, starts it, and stops it when standard input closes, which also happens when we are killed.
const SCRIPT: &str = r#"
set -e
folder=$(mktemp -d /tmp/securechat-pg-XXXXXX)
trap 'rm -rf "$folder"' EXIT
as_owner() { "$@"; }
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  as_owner() { runuser -u postgres -- "$@"; }
fi
cd "$folder"
as_owner "$0/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C >"$folder/initdb.log" 2>&1
as_owner "$0/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c max_connections=300 \
  -c shared_buffers=64MB $1 >"$folder/server.log" 2>&1 &
server=$!
for _ in $(seq 300); do
  if [ -S "$folder/.s.PGSQL.5432" ] && "$0/pg_isready" -q -h "$folder"; then break; fi
  sleep 0.1
done
echo "$folder"
cat >/dev/null || true
kill -QUIT "$(head -1 "$folder/data/postmaster.pid")" || true
wait "$server" || true
"#;

pub struct Server {
    folder: String,
    /// Its standard input is what keeps the server alive.
    _watched: Child,
}

static SERVER: OnceLock<Server> = OnceLock::new();
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The URL of an empty database of its own.
pub async fn fresh_database() -> String {
    let server = tokio::task::spawn_blocking(|| SERVER.get_or_init(|| start("")))
        .await
        .expect("PostgreSQL starts");
    database_on(server).await
}

/// A cluster of its own with more settings, as in `-c name=value`, and an empty database on it.
pub async fn fresh_cluster(settings: &'static str) -> (Server, String) {
    let server = tokio::task::spawn_blocking(move || start(settings))
        .await
        .expect("PostgreSQL starts");
    let url = database_on(&server).await;
    (server, url)
}

async fn database_on(server: &Server) -> String {
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let (client, connection) = tokio_postgres::connect(&url(&server.folder, "postgres"), NoTls)
        .await
        .expect("a connection");
    let connection = tokio::spawn(connection);
    client
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .await
        .expect("a database");
    drop(client);
    let _ = connection.await;
    url(&server.folder, &name)
}

fn url(folder: &str, database: &str) -> String {
    format!(
        "postgres://postgres@{}/{database}",
        folder.replace('/', "%2F")
    )
}

fn start(settings: &str) -> Server {
    let mut watched = Command::new("bash")
        .args(["-c", SCRIPT])
        .arg(programs())
        .arg(settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash");
    let mut folder = String::new();
    BufReader::new(watched.stdout.take().expect("its output"))
        .read_line(&mut folder)
        .expect("a line");
    let folder = folder.trim().to_owned();
    assert!(
        !folder.is_empty(),
        "PostgreSQL did not start; `./dev prepare test` installs it"
    );
    Server {
        folder,
        _watched: watched,
    }
}

/// Debian keeps the server programs out of PATH.
fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    found.sort();
    found
        .pop()
        .expect("PostgreSQL server programs; `./dev prepare test` installs them")
}
