//! Line coverage of our own crates: the tests run with counters (`scripts/coverage-rustc`), LLVM's tools add up what
//! every process of every step left behind, and the gate refuses a crate below its share.

use anyhow::{Context, Result, bail};
use cargo_metadata::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Crates with a gate, and the least share of their lines that tests must run, in percent.
const GATES: [(&str, f64); 3] = [("crypto", 80.0), ("engine", 80.0), ("server", 80.0)];

const CARGO_TEST: [&str; 5] = [
    "test",
    "--workspace",
    "--locked",
    "--features",
    "securechat-server/embed-web",
];

/// Builds and runs every Rust test, and remembers which programs carry counters.
pub fn test() -> Result<()> {
    let folder = crate::root().join("target/coverage");
    fs::create_dir_all(folder.join("raw"))?;
    let programs = build()?;
    fs::write(folder.join("programs.json"), serde_json::to_vec(&programs)?)?;
    let status = Command::new("cargo")
        .current_dir(crate::root())
        .args(CARGO_TEST)
        .status()?;
    if !status.success() {
        bail!("tests failed");
    }
    Ok(())
}

/// Prints the share per crate and fails when one with a gate is below it.
pub fn gate() -> Result<()> {
    let covered = measure()?;
    let mut below = Vec::new();
    for (name, lines) in &covered {
        println!(
            "coverage: {name} {:.1} % of {} lines",
            lines.percent(),
            lines.all
        );
    }
    for (name, least) in GATES {
        let share = covered.get(name).map_or(0.0, Lines::percent);
        if share < least {
            below.push(format!("{name} {share:.1} % (at least {least:.0} %)"));
        }
    }
    if below.is_empty() {
        return Ok(());
    }
    bail!("coverage: too low: {}", below.join(", "));
}

fn build() -> Result<BTreeSet<PathBuf>> {
    let mut cargo = Command::new("cargo")
        .current_dir(crate::root())
        .args(CARGO_TEST)
        .args(["--no-run", "--message-format=json-render-diagnostics"])
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo does not start")?;
    let output = cargo.stdout.take().context("no output")?;
    let mut programs = BTreeSet::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        if let Message::CompilerArtifact(artifact) = message?
            && let Some(program) = artifact.executable
            // Build scripts are programs too, without counters.
            && !artifact.target.is_custom_build()
        {
            programs.insert(program.into_std_path_buf());
        }
    }
    if !cargo.wait()?.success() {
        bail!("the tests do not build");
    }
    Ok(programs)
}

#[derive(Default)]
struct Lines {
    all: u64,
    run: u64,
}

impl Lines {
    fn percent(&self) -> f64 {
        // Line counts are far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let share = self.run as f64 / (self.all.max(1)) as f64;
        share * 100.0
    }
}

/// Crate folder name -> its lines, over the sources in `crates/*/src` without generated ones.
fn measure() -> Result<BTreeMap<String, Lines>> {
    let folder = crate::root().join("target/coverage");
    let programs = fs::read(folder.join("programs.json")).context("no test ran with counters")?;
    let programs: Vec<PathBuf> = serde_json::from_slice(&programs)?;
    let merged = folder.join("merged.profdata");
    let raw = fs::read_dir(folder.join("raw"))?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()?;
    // A process killed on purpose leaves a half-written file; it is left out, the others count.
    let merge = tool("llvm-profdata")?
        .args(["merge", "--sparse", "--failure-mode=all", "--output"])
        .arg(&merged)
        .args(&raw)
        .output()?;
    if !merge.status.success() {
        bail!(
            "llvm-profdata: {}",
            String::from_utf8_lossy(&merge.stderr).trim()
        );
    }
    let mut export = tool("llvm-cov")?;
    export
        .args([
            "export",
            "--summary-only",
            "--skip-functions",
            "--instr-profile",
        ])
        .arg(&merged);
    for program in programs.iter().filter(|program| program.exists()) {
        export.arg("--object").arg(program);
    }
    let export = export.stderr(Stdio::inherit()).output()?;
    if !export.status.success() {
        bail!("llvm-cov cannot read the counters");
    }
    sum(
        &serde_json::from_slice(&export.stdout)?,
        &crate::root().join("crates"),
    )
}

fn sum(report: &serde_json::Value, crates: &Path) -> Result<BTreeMap<String, Lines>> {
    let files = report["data"][0]["files"]
        .as_array()
        .context("llvm-cov wrote another format")?;
    let mut covered = BTreeMap::<String, Lines>::new();
    for file in files {
        let name = Path::new(file["filename"].as_str().unwrap_or_default());
        let Ok(inside) = name.strip_prefix(crates) else {
            continue;
        };
        let mut parts = inside
            .components()
            .map(|part| part.as_os_str().to_string_lossy());
        let (Some(package), Some(src)) = (parts.next(), parts.next()) else {
            continue;
        };
        if src != "src" || parts.any(|part| part == "generated") {
            continue;
        }
        let lines = covered.entry(package.into_owned()).or_default();
        lines.all += file["summary"]["lines"]["count"].as_u64().unwrap_or(0);
        lines.run += file["summary"]["lines"]["covered"].as_u64().unwrap_or(0);
    }
    Ok(covered)
}

/// LLVM's tool of the compiler's own version: rustup's component, or Debian's package of the same major version.
fn tool(name: &str) -> Result<Command> {
    let libdir = Command::new("rustc")
        .args(["--print", "target-libdir"])
        .output()
        .context("rustc does not start")?;
    let beside = Path::new(String::from_utf8(libdir.stdout)?.trim())
        .join("../bin")
        .join(name);
    Ok(if beside.is_file() {
        Command::new(beside)
    } else {
        Command::new(format!("{name}-22"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_handwritten_sources_count() {
        let file = |name: &str, count: u64, covered: u64| serde_json::json!({"filename": name, "summary": {"lines": {"count": count, "covered": covered}}});
        let report = serde_json::json!({"data": [{"files": [
            file("/r/crates/engine/src/a.rs", 10, 9),
            file("/r/crates/engine/src/store/b.rs", 10, 5),
            file("/r/crates/engine/tests/all.rs", 100, 100),
            file("/r/crates/proto/src/generated/x.rs", 100, 0),
            file("/registry/serde/src/lib.rs", 100, 0),
        ]}]});
        let covered = sum(&report, Path::new("/r/crates")).expect("sums");
        assert_eq!(covered.len(), 1);
        let engine = &covered["engine"];
        assert_eq!((engine.all, engine.run), (20, 14));
        assert!((engine.percent() - 70.0).abs() < 1e-9);
    }
}
