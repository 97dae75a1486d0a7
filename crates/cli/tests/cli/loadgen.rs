//! The load generator of the benchmarks: small runs, every figure there and none of them nothing.

use crate::server::Server;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

fn run(server: &Server, load: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_securechat-cli"))
        .args(["--server", server.address(), "loadgen"])
        .args(load)
        .output()
        .expect("the program");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{load:?}: {words}");
    String::from_utf8(output.stdout).expect("text")
}

/// The figures of a run that measures the server.
fn figures(server: &Server, load: &[&str]) -> BTreeMap<String, f64> {
    let pid = server.pid().to_string();
    let load = [load, &["--name", "small", "--pids", &pid]].concat();
    let printed = run(server, &load);
    let lines = printed
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    lines
        .map(|line: Value| {
            assert_eq!(line["system"], "small");
            let metric = line["metric"].as_str().expect("a name").to_owned();
            (metric, line["value"].as_f64().expect("a number"))
        })
        .collect()
}

#[test]
fn a_small_load_measures_everything_a_large_one_does() {
    let server = Server::with(&[("RATE_LIMITS", "off")]);
    let disk = server.folder().to_string_lossy().into_owned();
    let relay = figures(
        &server,
        &[
            "relay",
            "--users",
            "4",
            "--in-flight",
            "4",
            "--seconds",
            "0.5",
            "--rate",
            "40",
            "--offline",
            "5",
            "--body-bytes",
            "200",
            "--disk",
            &disk,
        ],
    );
    for metric in [
        "msgs_per_s",
        "fdatasync_p99_ms",
        "p50_ms",
        "p99_ms",
        "store_per_s",
        "drain_per_s",
    ] {
        assert!(relay[metric] > 0.0, "{metric}: {relay:?}");
    }
    assert!(relay["p99_ms"] >= relay["p50_ms"]);
    assert!(relay.contains_key("cpu_us_per_msg") && relay.contains_key("rss_kb_per_conn"));

    let idle = figures(
        &server,
        &[
            "idle",
            "--users",
            "4",
            "--hold",
            "0.2",
            "--seconds",
            "0.5",
            "--rate",
            "40",
        ],
    );
    assert_eq!(idle["connections"], 4.0);
    assert!(idle["p50_ms"] > 0.0, "{idle:?}");
}

#[test]
fn real_engines_chat_and_count_every_message() {
    let server = Server::start();
    let folder = server.folder().join("pairs").to_string_lossy().into_owned();
    let printed = run(
        &server,
        &[
            "chat",
            "--pairs",
            "1",
            "--messages",
            "5",
            "--pause-ms",
            "5",
            "--folder",
            &folder,
        ],
    );
    assert_eq!(printed, "ready\n10 messages, each delivered exactly once\n");
}
