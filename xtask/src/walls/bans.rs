//! Whether clippy bites on what a crate's `clippy.toml` bans: a planted use of everything, read by clippy itself.

use super::pure::PURE;
use super::sources::{WITH_BANS, paths};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Crates that a planted source cannot name; their bans wait for the day somebody adds them.
const FOREIGN: [&str; 2] = ["rand::", "tokio::"];

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
        .arg("-Dclippy::disallowed_macros")
        .arg("--out-dir")
        .arg(folder.path())
        .arg(&file)
        .env("CLIPPY_CONF_DIR", root.join("crates").join(name))
        .output()
        .expect("clippy");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Uses of everything in `banned`, as a value, a type or a macro.
fn planted<'a>(banned: impl Iterator<Item = &'a str>) -> String {
    let mut source = String::new();
    for (number, path) in banned.enumerate() {
        let last = path.rsplit("::").next().unwrap_or(path);
        let used = match path {
            "std::thread::spawn" => format!("let _ = {path}::<fn(), ()>;"),
            "std::thread::scope" => format!("{path}(|_| ());"),
            "std::net::ToSocketAddrs::to_socket_addrs" => {
                format!("let _ = <str as {}>::{last};", &path[..23])
            }
            "std::fs::write" | "std::fs::copy" | "std::fs::rename" | "std::fs::hard_link" => {
                format!("let _ = {path}::<&str, &str>;")
            }
            "std::env::var" | "std::env::var_os" | "std::env::set_current_dir" => {
                format!("let _ = {path}::<&str>;")
            }
            _ if path.ends_with("HashMap") => format!("let _: Option<{path}<u8, u8>> = None;"),
            _ if path.ends_with("HashSet") => format!("let _: Option<{path}<u8>> = None;"),
            _ if last.starts_with(char::is_uppercase) => format!("let _: Option<{path}> = None;"),
            _ if path.starts_with("std::fs::") => format!("let _ = {path}::<&str>;"),
            _ if path.matches("::").count() == 1 => format!("{path}!(\"\");"),
            _ => format!("let _ = {path};"),
        };
        writeln!(source, "pub fn planted_{number}() {{ {used} }}").expect("written");
    }
    source
}

/// Paths of `banned` that `said` does not name as disallowed.
fn missed<'a>(said: &str, banned: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let named = |path: &&str| {
        let named = said.lines().filter(|line| line.contains("disallowed"));
        !named
            .into_iter()
            .any(|line| line.contains(&format!("`{path}`")))
    };
    banned.filter(named).collect()
}

#[test]
fn every_ban_bites() {
    let root = crate::root();
    for name in WITH_BANS {
        let file = root.join(format!("crates/{name}/clippy.toml"));
        let banned = paths(&fs::read_to_string(file).expect("the bans"));
        let is_ours = |path: &&str| !FOREIGN.iter().any(|foreign| path.starts_with(foreign));
        let banned: Vec<_> = banned.iter().map(String::as_str).filter(is_ours).collect();
        let said = clippy(&root, name, &planted(banned.iter().copied()));
        let missed = missed(&said, banned.into_iter());
        assert!(missed.is_empty(), "{name} may use {missed:?}: {said}");
        let fine = clippy(&root, name, "pub fn fine() -> u8 {\n    7\n}\n");
        assert!(!fine.contains("error"), "{name}: {fine}");
    }
}

#[test]
fn the_pure_crates_ban_files_network_processes_threads_clocks_randomness_and_unordered_maps() {
    let root = crate::root();
    for name in PURE {
        let promised = [
            "std::fs::read_to_string",
            "std::fs::write",
            "std::fs::File",
            "std::path::Path::exists",
            "std::net::TcpStream",
            "std::net::UdpSocket",
            "std::process::Command",
            "std::process::exit",
            "std::thread::spawn",
            "std::thread::sleep",
            "std::time::SystemTime::now",
            "std::time::SystemTime::elapsed",
            "std::time::Instant::now",
            "std::env::var",
            "std::env::var_os",
            "std::hash::RandomState",
            "std::collections::HashMap",
            "std::collections::HashSet",
            "std::println",
        ];
        let said = clippy(&root, name, &planted(promised.into_iter()));
        assert_eq!(
            missed(&said, promised.into_iter()),
            Vec::<&str>::new(),
            "{name}: {said}"
        );
        let held =
            fs::read_to_string(root.join(format!("crates/{name}/clippy.toml"))).expect("the bans");
        for path in [
            "rand::rng",
            "rand::thread_rng",
            "rand::random",
            "rand::rngs::ThreadRng",
        ] {
            assert!(
                paths(&held).iter().any(|held| held == path),
                "{name} may use {path}"
            );
        }
    }
}

/// An alias or a glob does not hide from clippy what it stands for.
#[test]
fn a_ban_bites_under_another_name() {
    let root = crate::root();
    for (source, path) in [
        (
            "use std::time as t; pub fn f() { t::SystemTime::now(); }",
            "std::time::SystemTime::now",
        ),
        (
            "use std::fs::*; pub fn f() { let _ = read(\"\"); }",
            "std::fs::read",
        ),
        (
            "use std as s; pub fn f() { s::process::abort() }",
            "std::process::abort",
        ),
        (
            "use std::time::UNIX_EPOCH; pub fn f() { let _ = UNIX_EPOCH.elapsed(); }",
            "std::time::SystemTime::elapsed",
        ),
        (
            "pub fn f(p: &std::path::PathBuf) -> bool { p.exists() }",
            "std::path::Path::exists",
        ),
    ] {
        let said = clippy(&root, "engine", source);
        assert_eq!(
            missed(&said, [path].into_iter()),
            Vec::<&str>::new(),
            "{source}: {said}"
        );
    }
}
