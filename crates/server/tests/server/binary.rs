//! The binary as an operator runs it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_securechat");

struct Running {
    child: Child,
    http: String,
    metrics: String,
}

/// Starts `serve` on free ports; standard output is the descriptor that gets the addresses.
fn serve(data: &Path) -> Running {
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
