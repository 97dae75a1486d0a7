//! TypeScript types of `engine::api`: written by the engine's tests (ts-rs), committed for the web app, compared by lint.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Exports the types and copies them to `web/src/core/generated`, or with `check` compares.
pub fn run(check: bool) -> Result<()> {
    let scratch = crate::root().join("target/types");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    let status = Command::new("cargo")
        .current_dir(crate::root())
        .args(["test", "--quiet", "--workspace", "--lib", "export_bindings"])
        .env("TS_RS_EXPORT_DIR", &scratch)
        .stdout(std::process::Stdio::null())
        .status()
        .context("cargo does not start")?;
    if !status.success() {
        bail!(
            "the types cannot be exported: `cargo test --workspace --lib export_bindings` says why"
        );
    }
    let fresh = read(&scratch)?;
    if fresh.is_empty() {
        bail!("engine::api exports no type: is `#[ts(export)]` there?");
    }
    let generated = crate::root().join("web/src/core/generated");
    if check {
        return compare(&fresh, &read(&generated).unwrap_or_default());
    }
    if generated.exists() {
        fs::remove_dir_all(&generated)?;
    }
    for (name, text) in &fresh {
        let path = generated.join(name);
        fs::create_dir_all(path.parent().context("no parent")?)?;
        fs::write(path, text)?;
    }
    println!("{} types", fresh.len());
    Ok(())
}

fn compare(fresh: &BTreeMap<String, String>, held: &BTreeMap<String, String>) -> Result<()> {
    let names = fresh.keys().chain(held.keys());
    let mut stale: Vec<_> = names
        .filter(|name| fresh.get(*name) != held.get(*name))
        .collect();
    stale.sort();
    stale.dedup();
    if stale.is_empty() {
        return Ok(());
    }
    bail!("web/src/core/generated is out of date ({stale:?}): run `cargo xtask types`");
}

/// Every file below `top` by its relative name.
fn read(top: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![top.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(top)?.to_string_lossy().into_owned();
                found.insert(name, fs::read_to_string(&path)?);
            }
        }
    }
    Ok(found)
}
