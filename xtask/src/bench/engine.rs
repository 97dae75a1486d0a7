//! `engine`: what one device costs, natively and in Chromium, and what the library below costs alone.
//! `web`: the app in real browsers against the release binary.

use super::Options;
use super::process::{Scratch, run};
use super::summary::Summary;
use super::table::{self, Goal};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

const ENGINE_SYSTEMS: [&str; 3] = ["native", "chromium", "vodozemac"];
const ENGINE_GOALS: [Goal; 6] = [
    ("send_ms", "Chromium <= 8, native <= 2"),
    ("backlog_1000_ms", "Chromium <= 2,500"),
    ("open_100k_ms", "Chromium <= 250"),
    ("page_ms", "Chromium <= 1"),
    ("search_ms", "Chromium <= 5"),
    ("flush_floor_ms", "4 KiB written and flushed, nothing else"),
];

const WEB_GOALS: [Goal; 6] = [
    ("shell_gzip_kb", "<= 200"),
    ("wasm_brotli_kb", "<= 1,000"),
    ("first_paint_ms", "<= 1,500"),
    ("sign_up_ms", "keys <= 1,000"),
    ("first_message_s", "<= 60"),
    ("send_to_rendered_p50_ms", "<= 60"),
];

/// `./dev bench engine`
pub fn engine(options: &Options) -> Result<()> {
    let binaries = build()?;
    let fixtures = crate::target().join("bench-fixtures");
    let mut summary = Summary::default();
    for round in 0..options.runs() {
        for system in ENGINE_SYSTEMS.iter().filter(|name| options.wants(name)) {
            eprintln!("engine: {system}, run {}", round + 1);
            let scratch = Scratch::on_disk(&format!("engine-{system}"))?;
            let mut command = Command::new(binaries.join("engine-bench"));
            command
                .args(["--systems", system])
                .arg("--folder")
                .arg(scratch.path())
                .arg("--fixtures")
                .arg(&fixtures)
                .arg("--module")
                .arg(crate::root().join("target/web/wasm"));
            if options.quick {
                command.arg("--quick");
                // Making the large store takes minutes: a quick run uses it only when it is there.
                let large = fixtures.join(format!("{system}-100000/complete"));
                command.args(["--thousands", if large.exists() { "100" } else { "5" }]);
            }
            summary.take(&mut command)?;
        }
    }
    table::print("engine", &summary, &ENGINE_SYSTEMS, &ENGINE_GOALS, options);
    Ok(())
}

/// `./dev bench web`
pub fn web(options: &Options) -> Result<()> {
    let binaries = build()?;
    let mut summary = Summary::default();
    for round in 0..options.runs() {
        eprintln!("web: run {}", round + 1);
        let scratch = Scratch::on_disk("web")?;
        let figures = scratch.path().join("figures");
        let mut command = Command::new("bash");
        command
            .args(["-c", "npm run --silent bench >&2 && cat \"$BENCH_OUT\""])
            .current_dir(crate::root().join("web"))
            .env("BENCH_OUT", figures)
            .env("SECURECHAT_BIN", binaries.join("securechat"))
            .env("SECURECHAT_WEB_DIR", "")
            // The profiles of the browsers belong on the disk that is measured.
            .env("TMPDIR", scratch.path())
            .env("BENCH_QUICK", if options.quick { "1" } else { "" });
        summary.take(&mut command)?;
    }
    table::print("web", &summary, &["chromium"], &WEB_GOALS, options);
    Ok(())
}

/// The server with the web app inside and the engine's benchmark, in one call: their dependencies are built once.
fn build() -> Result<PathBuf> {
    let packages = ["securechat-server", "securechat-cli", "securechat-sim"];
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    for binary in ["securechat", "engine-bench"] {
        cargo.args(["--bin", binary]);
    }
    run(cargo.args(["--features", "securechat-server/embed-web"]))?;
    Ok(crate::target().join("release"))
}
