//! What the sources of some crates never contain, and the clippy bans every crate must keep.
//! Two promises of SECURITY.md's checklist are here as well: no phone number, no TURN credentials in the client.

use crate::tree;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Crates without IO, clock and randomness of their own.
pub(super) const PURE: [&str; 3] = ["proto", "crypto", "engine"];

/// Crates with their own `clippy.toml`, which replaces the root's: each must repeat its entries.
pub(super) const WITH_BANS: [&str; 4] = ["proto", "crypto", "engine", "server"];

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
    for name in PURE {
        let head = fs::read_to_string(root.join(format!("crates/{name}/src/lib.rs")))?;
        faults.extend(
            missing_lints(&head)
                .map(|lint| format!("crates/{name}/src/lib.rs does not deny {lint}")),
        );
    }
    for (folder, rule) in [
        ("crates/proto", phone_faults as fn(&str) -> Vec<String>),
        ("crates/server/src", phone_faults),
        ("crates/engine/src", turn_faults),
        ("crates/wasm/src", turn_faults),
        ("crates/cli/src", turn_faults),
        ("web/src", turn_faults),
    ] {
        for file in tree::below(
            &root.join(folder),
            &["rs", "proto", "sql", "ts", "tsx", "json"],
        )? {
            let text = fs::read_to_string(&file)?;
            let shown = file
                .strip_prefix(root)
                .unwrap_or(&file)
                .display()
                .to_string();
            faults.extend(
                rule(&text)
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

/// Lints a pure crate denies in its head: remote input must not be able to stop it.
fn missing_lints(head: &str) -> impl Iterator<Item = &'static str> {
    let lints = [
        "clippy::unwrap_used",
        "clippy::expect_used",
        "clippy::panic",
    ];
    lints.into_iter().filter(move |lint| !head.contains(lint))
}

/// Nothing on the wire or in the relay's tables is a phone number. The issue that brings them brings their hashing.
fn phone_faults(source: &str) -> Vec<String> {
    let code = tree::without_comments(source).to_lowercase();
    let found = tree::words(&code).filter(|(_, word)| {
        word.split('_')
            .any(|part| part == "phone" || part == "msisdn")
    });
    found
        .map(|(at, word)| {
            format!(
                ":{}: `{word}` asks for a phone number",
                tree::line_of(&code, at)
            )
        })
        .collect()
}

/// A relay's address or password written into the client. Both come from the server, for an hour.
fn turn_faults(source: &str) -> Vec<String> {
    let numbered = source.lines().enumerate();
    let found = numbered.filter(|(_, line)| {
        [
            "\"turn:", "'turn:", "`turn:", "\"turns:", "'turns:", "`turns:",
        ]
        .iter()
        .any(|head| line.contains(head))
    });
    found
        .map(|(number, _)| format!(":{}: a TURN server written into the client", number + 1))
        .collect()
}

/// Paths that a `clippy.toml` bans.
pub(super) fn paths(text: &str) -> Vec<String> {
    let entries = text
        .lines()
        .filter_map(|line| line.split_once("path = \"")?.1.split_once('"'));
    entries.map(|(path, _)| path.to_owned()).collect()
}

/// Paths the shared file bans and the crate's own does not.
fn missing_bans(shared: &str, own: &str) -> Vec<String> {
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
    fn a_pure_crate_that_may_panic_is_found() {
        let head = "#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::panic))]";
        assert_eq!(
            missing_lints(head).collect::<Vec<_>>(),
            ["clippy::expect_used"]
        );
    }

    #[test]
    fn nothing_asks_for_a_phone_number() {
        assert_eq!(
            phone_faults("pub phone_number: String,"),
            [":1: `phone_number` asks for a phone number"]
        );
        assert_eq!(
            phone_faults("CREATE TABLE accounts_x (\n phone TEXT)").len(),
            1
        );
        assert_eq!(
            phone_faults("// no phone\nlet telephones = microphone;"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn planted_turn_credentials_are_found() {
        let planted =
            "const ice = [{ urls: 'turn:example.org:3478', username: 'u', credential: 'p' }];";
        assert_eq!(
            turn_faults(planted),
            [":1: a TURN server written into the client"]
        );
        assert_eq!(
            turn_faults("return: 'x'; // turn: later"),
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
