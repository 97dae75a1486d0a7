//! The binary as an operator runs it.

use crate::support::postgres::fresh_database;
use crate::support::socket::Client;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

const BINARY: &str = env!("CARGO_BIN_EXE_securechat");

struct Running {
    child: Child,
    http: String,
    metrics: String,
}

/// Starts `serve` on free ports; standard output is the descriptor that gets the addresses.
fn serve(data: &Path) -> Running {
    serve_with(data, &[])
}

fn serve_with(data: &Path, more: &[&str]) -> Running {
    let mut child = command(data).args(more).spawn().expect("the server");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output"))
        .read_line(&mut line)
        .expect("a line");
    let ready: serde_json::Value = serde_json::from_str(&line).expect("one JSON line");
    let address = |name: &str| {
        ready[name]
            .as_str()
            .expect("an address")
            .trim_start_matches("http://")
            .trim_start_matches("https://")
            .to_owned()
    };
    Running {
        http: address("http"),
        metrics: address("metrics"),
        child,
    }
}

/// With the umask of a careless operator.
fn command(data: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 0 && exec \"$0\" \"$@\"", BINARY])
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "127.0.0.1:0",
            "--ready-fd",
            "1",
            "--data",
        ])
        .arg(data)
        .env("LOG", "trace")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What it writes on standard error until it ends.
fn log_of(child: &mut Child) -> String {
    let mut log = String::new();
    let mut lines = child.stderr.take().expect("its log");
    lines.read_to_string(&mut log).expect("text");
    log
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Stops it as a service manager does; what it logged.
fn stop(mut running: Running) -> String {
    let id = running.child.id().to_string();
    Command::new("kill")
        .args(["-TERM", &id])
        .status()
        .expect("kill");
    let log = log_of(&mut running.child);
    assert!(running.child.wait().expect("an end").success(), "{log}");
    log
}

fn run(arguments: &[&str], data: &Path, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(BINARY);
    command
        .args(arguments)
        .arg("--data")
        .arg(data)
        .envs(variables.iter().copied());
    command.output().expect("the command")
}

#[test]
fn it_serves_says_where_counts_without_names_and_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let running = serve(&data);
    assert!(get(&running.http, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(get(&running.http, "/v1/handles/canaryhandle").starts_with("HTTP/1.1 401"));
    assert!(get(&running.http, "/canarypath.txt?canaryquery").starts_with("HTTP/1.1 404"));
    assert!(
        !get(&running.http, "/metrics").contains("http_requests_total"),
        "metrics are on their own listener"
    );
    let metrics = get(&running.metrics, "/metrics");
    assert!(metrics.contains("http_requests_total{route=\"/v1/handles/{handle}\""));
    let log = stop(running);
    assert!(
        log.contains("/v1/handles/{handle}"),
        "requests are logged by template"
    );
    assert!(
        !log.contains('\u{1b}'),
        "colours in a log that no terminal shows"
    );
    for text in [&metrics, &log] {
        assert!(!text.contains("canary"), "a path left the server");
    }
    // The same data again: the secret and the schema are there.
    let again = serve(&data);
    assert!(get(&again.http, "/v1/server").contains("\"knows\""));
    stop(again);
}

#[test]
fn check_and_migrate_say_what_they_find() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    for arguments in [["migrate", "up"], ["migrate", "down"], ["migrate", "up"]] {
        assert!(
            run(&arguments, &data, &[]).status.success(),
            "{arguments:?}"
        );
    }
    let fine = run(&["check"], &data, &[]);
    let text = String::from_utf8_lossy(&fine.stdout).into_owned();
    assert!(
        fine.status.success()
            && text
                .matches(
                    "journal_mode=wal, synchronous=2): what was acknowledged survives a power loss"
                )
                .count()
                == 2,
        "{text}"
    );
}

#[test]
fn check_tells_all_problems_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    assert!(run(&["migrate", "up"], &data, &[]).status.success());
    for name in ["directory.db", "mailbox.db"] {
        open_to_all(&data.join(name));
    }
    std::fs::write(data.join("secret.key"), "short").expect("a file");
    let settings = [
        ("SECRET_KEY_OLD", "short"),
        ("SIGN_UP", "maybe"),
        ("RETENTION_DAYS", "31"),
        ("TRUSTED_PROXIES", "many"),
        ("LOG", "nonsense"),
        ("LOG_FORMAT", "yes"),
    ];
    let wrong = run(&["check"], &data, &settings);
    let text = String::from_utf8_lossy(&wrong.stdout).into_owned();
    assert!(!wrong.status.success(), "{text}");
    for named in [
        "SECRET_KEY_OLD",
        "SIGN_UP",
        "RETENTION_DAYS",
        "TRUSTED_PROXIES",
        "LOG: levels",
        "LOG_FORMAT",
        "secret.key must",
        "directory.db can be read by others",
        "mailbox.db can be read by others",
    ] {
        assert!(text.contains(named), "{named} is missing: {text}");
    }
    // With a storage that cannot be read from the settings, the rest is told all the same.
    let wrong = run(
        &["check"],
        &data,
        &[("SECRET_KEY", "short"), ("DATABASE_URL", "mysql://x")],
    );
    let text = String::from_utf8_lossy(&wrong.stdout).into_owned();
    assert!(
        !wrong.status.success() && text.contains("SECRET_KEY") && text.contains("DATABASE_URL"),
        "{text}"
    );
}

/// Without the file that its owner meant, the server would run with other settings than were written.
#[test]
fn a_settings_file_that_leads_nowhere_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink("gone", folder.path().join(".env")).expect("a link");
    for arguments in [&["check"][..], &["migrate", "up"], &["serve"]] {
        let mut command = Command::new(BINARY);
        command.args(arguments).current_dir(folder.path());
        let refused = command.output().expect("the command");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success(), "{arguments:?}");
        assert!(said.contains(".env cannot be read"), "{said}");
    }
}

/// What a server of a later version notes in a database.
const NEWER: &str =
    "INSERT INTO platform_migrations (room, version) VALUES ('keys', 98), ('mailbox', 99)";

#[test]
fn check_tells_that_a_folder_was_written_by_a_newer_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    assert!(run(&["migrate", "up"], &data, &[]).status.success());
    let files = ["directory.db", "mailbox.db"].map(|name| data.join(name));
    for file in &files {
        let opened = rusqlite::Connection::open(file).expect("a database");
        opened.execute_batch(NEWER).expect("rows");
    }
    let bytes = || {
        files
            .each_ref()
            .map(|file| std::fs::read(file).expect("the file"))
    };
    let before = bytes();
    let wrong = run(&["check"], &data, &[("SIGN_UP", "maybe")]);
    let text = String::from_utf8_lossy(&wrong.stdout).into_owned();
    assert!(!wrong.status.success(), "{text}");
    for told in [
        "directory.db: migration keys 98",
        "mailbox.db: migration mailbox 99",
        "SIGN_UP",
    ] {
        assert!(text.contains(told), "{told} is missing: {text}");
    }
    assert_eq!(text.matches("newer version").count(), 2, "{text}");
    assert!(bytes() == before, "check wrote to a database");
}

/// A database without a schema is one before the first start.
#[test]
fn check_makes_no_schema() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mailbox.db");
    drop(securechat_server::platform::db::sqlite::open_file(&file).expect("a database"));
    let fine = run(&["check"], folder.path(), &[]);
    assert!(fine.status.success(), "{fine:?}");
    let opened = rusqlite::Connection::open(&file).expect("a database");
    let tables = opened.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0));
    assert_eq!(tables, Ok(0));
}

async fn postgres(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .expect("a connection");
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn check_tells_that_a_database_was_written_by_a_newer_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = fresh_database().await;
    let settings = [("DATABASE_URL", url.as_str())];
    let fresh = run(&["check"], folder.path(), &settings);
    assert!(fresh.status.success(), "{fresh:?}");
    assert!(
        run(&["migrate", "up"], folder.path(), &settings)
            .status
            .success()
    );
    assert!(run(&["check"], folder.path(), &settings).status.success());
    let database = postgres(&url).await;
    database.batch_execute(NEWER).await.expect("rows");
    let wrong = run(&["check"], folder.path(), &settings);
    let text = String::from_utf8_lossy(&wrong.stdout).into_owned();
    assert!(!wrong.status.success(), "{text}");
    for told in ["migration keys 98", "migration mailbox 99"] {
        assert!(text.contains(told), "{told} is missing: {text}");
    }
}

fn open_to_all(path: &Path) {
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(path, mode).expect("a mode");
}

#[test]
fn a_folder_has_one_server_and_a_killed_one_leaves_it_free() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut first = serve(&data);
    let mut second = command(&data).spawn().expect("the server");
    let said = log_of(&mut second);
    assert!(!second.wait().expect("an end").success());
    assert!(
        said.contains("in use by another securechat")
            && said.contains(&first.child.id().to_string()),
        "{said}"
    );
    let moved = run(&["migrate", "down"], &data, &[]);
    assert!(!moved.status.success(), "a schema under a running server");
    let checked = run(&["check"], &data, &[]);
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        checked.status.success() && text.contains("server: one works on"),
        "{text}"
    );
    assert!(get(&first.http, "/healthz").starts_with("HTTP/1.1 200"));

    first.child.kill().expect("a kill");
    first.child.wait().expect("an end");
    let checked = run(&["check"], &data, &[]);
    assert!(String::from_utf8_lossy(&checked.stdout).contains("server: none works on"));
    stop(serve(&data));
}

#[test]
fn a_folder_is_locked_whatever_is_deleted_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let first = serve(&data);
    for file in std::fs::read_dir(&data).expect("the folder") {
        let path = file.expect("a file").path();
        if !path.to_string_lossy().contains(".db") {
            std::fs::remove_file(path).expect("deleted");
        }
    }
    let mut second = command(&data).spawn().expect("the server");
    let said = log_of(&mut second);
    assert!(!second.wait().expect("an end").success());
    assert!(said.contains("in use by another securechat"), "{said}");
    stop(first);
}

/// Files may not grow, as on a full disk: the write fails, or ends the process like a loss of power.
#[test]
fn a_start_without_room_for_the_secret_stops_no_later_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    for full in ["trap '' XFSZ", "ulimit -c 0"] {
        let mut start = Command::new("sh");
        start
            .args([
                "-c",
                &format!("{full}; exec prlimit --fsize=20 \"$0\" \"$@\""),
                BINARY,
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--metrics-listen",
                "127.0.0.1:0",
                "--data",
            ])
            .arg(&data);
        let ended = start.output().expect("a start");
        assert!(!ended.status.success(), "{full}");
        assert!(!data.join("secret.key").exists(), "{full}");
    }
    stop(serve(&data));
}

#[test]
fn only_the_owner_reads_what_it_keeps_in_a_folder_that_was_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    // As an older version left it.
    std::fs::write(data.join("mailbox.db"), b"").expect("a file");
    open_to_all(&data.join("mailbox.db"));
    let running = serve(data);
    let mut seen = Vec::new();
    for file in std::fs::read_dir(data).expect("the folder") {
        let file = file.expect("a file");
        let mode = file.metadata().expect("a file").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.file_name());
        seen.push(file.file_name());
    }
    for name in ["secret.key", "directory.db", "mailbox.db", "mailbox.db-wal"] {
        assert!(seen.contains(&name.into()), "{name} is not there");
    }
    stop(running);
}

/// A certificate for `localhost` as files, and what a client needs to trust it.
fn certificate(folder: &Path) -> (PathBuf, PathBuf, Arc<rustls::ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let trust = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (cert, key, Arc::new(trust))
}

#[tokio::test]
async fn with_a_certificate_it_speaks_https_and_wss_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cert, key, trust) = certificate(folder.path());
    let files = [cert.display().to_string(), key.display().to_string()];
    let running = serve_with(
        &folder.path().join("data"),
        &["--tls-cert", &files[0], "--tls-key", &files[1]],
    );
    let address = running.http.replace("127.0.0.1", "localhost");
    let client = |config: &rustls::ClientConfig| {
        reqwest::Client::builder()
            .no_proxy()
            .use_preconfigured_tls(config.clone())
            .build()
            .expect("a client")
    };
    let url = format!("https://{address}/healthz");
    let answer = client(&trust).get(&url).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.expect("text").contains("ok"));

    let (_socket, hello) = Client::dial_tls(&format!("wss://{address}/ws"), trust).await;
    assert_eq!((hello.protocol, hello.nonce.len()), (1, 32));

    let stranger = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    assert!(client(&stranger).get(&url).send().await.is_err());
    let plain = client(&stranger).get(format!("http://{address}/healthz"));
    assert!(
        plain.send().await.is_err(),
        "it answers without encryption, too"
    );
    stop(running);
}
