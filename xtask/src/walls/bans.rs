//! Whether clippy bites on what a crate's `clippy.toml` bans: one planted use of each, read by clippy itself.

use super::sources::{WITH_BANS, paths};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Crates that are not ours to name in a planted source; their bans wait for the day somebody adds them.
const FOREIGN: &str = "rand::";

/// What clippy says of `source` under the bans of `crates/<name>`.
fn clippy(root: &Path, name: &str, source: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("planted.rs");
    fs::write(&file, source).expect("written");
    let output = Command::new("clippy-driver")
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "lib",
            "--emit",
            "metadata",
        ])
        .args(["-Dclippy::disallowed_methods", "-Dclippy::disallowed_types"])
        .arg("--out-dir")
        .arg(folder.path())
        .arg(&file)
        .env("CLIPPY_CONF_DIR", root.join("crates").join(name))
        .output()
        .expect("clippy");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A use of what stands at `path`, as a value or as a type.
fn planted(path: &str) -> String {
    let used = match path {
        "std::thread::spawn" => "let _ = std::thread::spawn::<fn(), ()>;".to_owned(),
        "std::env::var" => "let _ = std::env::var::<&str>;".to_owned(),
        path if path.ends_with("HashMap") => format!("let _: Option<{path}<u8, u8>> = None;"),
        path if path.ends_with("HashSet") => format!("let _: Option<{path}<u8>> = None;"),
        path => format!("let _ = {path};"),
    };
    format!("pub fn planted() {{\n    {used}\n}}\n")
}

#[test]
fn every_ban_bites() {
    let root = crate::root();
    for name in WITH_BANS {
        let file = root.join(format!("crates/{name}/clippy.toml"));
        let banned = paths(&fs::read_to_string(file).expect("the bans"));
        for path in banned.iter().filter(|path| !path.starts_with(FOREIGN)) {
            let said = clippy(&root, name, &planted(path));
            let is_found = said.contains(&format!("`{path}`")) && said.contains("disallowed");
            assert!(is_found, "{name} may use {path}: {said}");
        }
        let fine = clippy(&root, name, "pub fn fine() -> u8 {\n    7\n}\n");
        assert!(!fine.contains("error"), "{name}: {fine}");
    }
}

#[test]
fn the_pure_crates_ban_clock_threads_environment_and_unordered_maps() {
    let root = crate::root();
    for name in super::sources::PURE {
        for path in [
            "std::time::SystemTime::now",
            "std::time::Instant::now",
            "std::thread::spawn",
            "std::env::var",
            "std::collections::HashMap",
            "std::collections::HashSet",
        ] {
            let said = clippy(&root, name, &planted(path));
            assert!(said.contains("disallowed"), "{name} may use {path}");
        }
    }
}
