//! What the sources of some crates never contain, and the clippy bans every crate must keep.
//! Two promises of SECURITY.md's checklist are here as well: no phone number, no TURN credentials in the client.

use crate::tree;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Crates with their own `clippy.toml`, which replaces the root's: each must repeat its entries.
pub(super) const WITH_BANS: [&str; 4] = ["proto", "crypto", "engine", "server"];

pub fn faults(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for (folder, rule) in [
        ("crates/proto", phone_faults as fn(&str) -> Vec<String>),
        ("crates/server/src", phone_faults),
        ("crates/engine/src", turn_faults),
        ("crates/wasm/src", turn_faults),
        ("crates/cli/src", turn_faults),
        ("web/src", turn_faults),
        ("web/src", lifted_faults),
    ] {
        for file in tree::below(
            &root.join(folder),
            &["rs", "proto", "sql", "ts", "tsx", "json"],
        )? {
            let text = fs::read_to_string(&file)?;
            let shown = tree::shown(root, &file);
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

/// A comment that takes a wall of the web app away for its file or line. One rule may be argued with: it guards no wall.
fn lifted_faults(source: &str) -> Vec<String> {
    let lifts = |line: &str| {
        let lint = [
            "eslint-disable-next-line",
            "eslint-disable-line",
            "eslint-disable",
            "eslint ",
        ]
        .iter()
        .find_map(|head| line.split_once(head));
        let is_type = ["@ts-nocheck", "@ts-ignore"]
            .iter()
            .any(|head| line.contains(head));
        let is_comment = line.contains("//") || line.contains("/*");
        let is_argued =
            lint.is_some_and(|(_, rules)| rules.trim() == "react-hooks/exhaustive-deps");
        is_comment && (is_type || (lint.is_some() && !is_argued))
    };
    let found = source.lines().enumerate().filter(|(_, line)| lifts(line));
    found
        .map(|(number, _)| format!(":{}: a comment that takes a wall away", number + 1))
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
    fn a_comment_that_takes_a_wall_away_is_found() {
        for planted in [
            "// eslint-disable-next-line no-restricted-globals",
            "/* eslint-disable */",
            "/* eslint no-eval: off */",
            "// @ts-nocheck",
            "// eslint-disable-next-line react-hooks/exhaustive-deps, import-x/no-restricted-paths",
        ] {
            assert_eq!(
                lifted_faults(planted),
                [":1: a comment that takes a wall away"],
                "{planted}"
            );
        }
        let argued =
            "    // eslint-disable-next-line react-hooks/exhaustive-deps\nconst eslint = 1;";
        assert_eq!(lifted_faults(argued), Vec::<String>::new());
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
