//! The binary as an operator runs it.

use crate::support::socket::Client;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
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
    let mut child = Command::new(BINARY)
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
        .args(more)
        .env("LOG", "trace")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server");
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
    let mut log = String::new();
    running
        .child
        .stderr
        .take()
        .expect("its log")
        .read_to_string(&mut log)
        .expect("text");
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
        fine.status.success() && text.contains("survives a power loss"),
        "{text}"
    );
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
