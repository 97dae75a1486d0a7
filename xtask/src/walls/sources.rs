//! What the sources of some crates never contain, and the clippy bans every crate must keep.

use crate::tree;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Crates without IO, clock and randomness of their own.
const PURE: [&str; 3] = ["proto", "crypto", "engine"];

/// Crates with their own `clippy.toml`, which replaces the root's: each must repeat its entries.
const WITH_BANS: [&str; 4] = ["proto", "crypto", "engine", "server"];

pub fn faults(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for name in PURE {
        for file in tree::below(&root.join("crates").join(name).join("src"), &["rs"])? {
            let text = fs::read_to_string(&file)?;
            let shown = file
                .strip_prefix(root)
                .unwrap_or(&file)
                .display()
                .to_string();
            faults.extend(
                pure_faults(&text)
                    .into_iter()
                    .map(|fault| format!("{shown}{fault}")),
            );
        }
    }
    let shared = fs::read_to_string(root.join("clippy.toml")).context("clippy.toml")?;
    for name in WITH_BANS {
        let path = format!("crates/{name}/clippy.toml");
        let own = fs::read_to_string(root.join(&path)).unwrap_or_default();
        faults.extend(
            missing_bans(&shared, &own)
                .into_iter()
                .map(|ban| format!("{path} does not ban {ban}")),
        );
    }
    Ok(faults)
}

fn pure_faults(source: &str) -> Vec<String> {
    let code = tree::without_comments(source);
    let words: Vec<_> = tree::words(&code).collect();
    let asynchronous = words
        .iter()
        .filter(|(_, word)| matches!(*word, "async" | "await"));
    let faults = asynchronous.map(|(at, word)| (*at, format!("`{word}` in a pure crate")));
    let unsafe_code = words.iter().filter(|(_, word)| *word == "unsafe");
    let faults =
        faults.chain(unsafe_code.map(|(at, _)| (*at, "`unsafe` in a pure crate".to_owned())));
    faults
        .map(|(at, fault)| format!(":{}: {fault}", tree::line_of(&code, at)))
        .collect()
}

/// Paths the shared file bans and the crate's own does not.
fn missing_bans(shared: &str, own: &str) -> Vec<String> {
    let paths = |text: &str| -> Vec<String> {
        let entries = text
            .lines()
            .filter_map(|line| line.split_once("path = \"")?.1.split_once('"'));
        entries.map(|(path, _)| path.to_owned()).collect()
    };
    let held = paths(own);
    paths(shared)
        .into_iter()
        .filter(|path| !held.contains(path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_async_and_unsafe_are_found_and_comments_are_not() {
        assert_eq!(
            pure_faults("fn a() {}\npub async fn send() {}"),
            [":2: `async` in a pure crate"]
        );
        assert_eq!(
            pure_faults("let x = unsafe { y };"),
            [":1: `unsafe` in a pure crate"]
        );
        assert_eq!(
            pure_faults("// async is for shells\nlet asynchronous = 1;"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_crate_that_forgets_a_shared_ban_is_found() {
        let shared = "{ path = \"std::time::Instant::now\", reason = \"r\" },\n{ path = \"std::time::SystemTime::now\" },";
        let own = "{ path = \"std::time::Instant::now\", reason = \"other\" },";
        assert_eq!(missing_bans(shared, own), ["std::time::SystemTime::now"]);
        assert_eq!(missing_bans(shared, "").len(), 2);
        assert_eq!(missing_bans(shared, shared), Vec::<String>::new());
    }
}
