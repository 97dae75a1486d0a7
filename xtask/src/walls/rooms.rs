//! Rooms of the server: which `crate::room` each may name, and whose tables its SQL may touch.

use crate::tree;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Room -> rooms it may use. `app` composes and may use all.
const ROOMS: &[(&str, &[&str])] = &[
    ("platform", &[]),
    ("accounts", &["platform"]),
    ("keys", &["platform", "accounts"]),
    ("vault", &["platform", "accounts"]),
    ("attachments", &["platform", "accounts"]),
    ("push", &["platform", "accounts"]),
    ("mailbox", &["platform", "accounts", "push"]),
    ("groups", &["platform", "accounts", "mailbox"]),
    ("calls", &["platform", "accounts", "mailbox", "groups"]),
    ("safety", &["platform", "accounts"]),
    ("app", &["*"]),
];

/// Words after which SQL names a table.
const BEFORE_TABLE: [&str; 6] = ["FROM", "INTO", "UPDATE", "JOIN", "TABLE", "EXISTS"];

/// Every use across a wall below `src`, and every room without a row.
pub fn faults(src: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for entry in fs::read_dir(src).with_context(|| format!("{}", src.display()))? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_file() && matches!(name.as_str(), "lib" | "main") {
            continue;
        }
        let Some((_, may_use)) = ROOMS.iter().find(|(room, _)| *room == name) else {
            faults.push(format!("server: `{name}` is not a room of the table"));
            continue;
        };
        if may_use.contains(&"*") {
            continue;
        }
        let files = if path.is_file() {
            vec![path]
        } else {
            tree::below(&path, &["rs", "sql"])?
        };
        for file in files {
            let text = fs::read_to_string(&file)?;
            let shown = file
                .strip_prefix(src)
                .unwrap_or(&file)
                .display()
                .to_string();
            faults.extend(
                file_faults(&name, may_use, &text)
                    .into_iter()
                    .map(|f| format!("server/{shown}{f}")),
            );
        }
    }
    faults.sort();
    Ok(faults)
}

fn file_faults(room: &str, may_use: &[&str], text: &str) -> Vec<String> {
    let code = tree::without_comments(text);
    let mut faults = BTreeSet::new();
    for (line, used) in rooms_named(&code) {
        if used != room && !may_use.contains(&used.as_str()) {
            faults.insert((line, format!("{room} may not use {used}")));
        }
    }
    for (line, table) in tables_named(&code) {
        let owner = ROOMS
            .iter()
            .map(|(name, _)| *name)
            .find(|name| table.starts_with(&format!("{name}_")));
        if let Some(owner) = owner.filter(|owner| *owner != room) {
            faults.insert((
                line,
                format!("{room} may not touch {owner}'s table {table}"),
            ));
        }
    }
    faults
        .into_iter()
        .map(|(line, fault)| format!(":{line}: {fault}"))
        .collect()
}

/// Rooms after `crate::` or `super::`, also inside `crate::{a::B, c}`.
fn rooms_named(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for head in ["crate::", "super::"] {
        for (at, _) in code.match_indices(head) {
            let rest = &code[at + head.len()..];
            let names = rest
                .strip_prefix('{')
                .map_or_else(|| vec![rest], top_level_parts);
            for name in names {
                let name: String = name
                    .trim_start()
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                // `super::` mostly stays inside the room; only a room's name leads out of it.
                if ROOMS.iter().any(|(room, _)| *room == name) {
                    found.push((tree::line_of(code, at), name));
                }
            }
        }
    }
    found
}

/// The parts of a use group between its commas, deeper groups left whole; the text starts after the first brace.
fn top_level_parts(group: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..at]);
                return parts;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

fn tables_named(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut before = "";
    for (at, word) in tree::words(code) {
        if BEFORE_TABLE.contains(&before) {
            found.push((tree::line_of(code, at), word.to_owned()));
        }
        before = word;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_uses_across_a_wall_are_found() {
        for (room, source, expected) in [
            (
                "accounts",
                "use crate::platform::db::Tx;\nuse crate::mailbox::Row;",
                ":2: accounts may not use mailbox",
            ),
            (
                "keys",
                "use crate::{platform::Error, vault::{self, Record}};",
                ":1: keys may not use vault",
            ),
            (
                "mailbox",
                "fn f() { crate::keys::bundle() }",
                ":1: mailbox may not use keys",
            ),
            (
                "platform",
                "use super::accounts::Session;",
                ":1: platform may not use accounts",
            ),
            (
                "vault",
                "let q = \"SELECT id FROM accounts_account\";",
                ":1: vault may not touch accounts's table accounts_account",
            ),
            (
                "keys",
                "\"INSERT INTO mailbox_row (a) VALUES ($1)\"",
                ":1: keys may not touch mailbox's table mailbox_row",
            ),
        ] {
            let may_use = ROOMS
                .iter()
                .find(|(name, _)| *name == room)
                .expect("a room")
                .1;
            assert_eq!(file_faults(room, may_use, source), [expected], "{source}");
        }
    }

    #[test]
    fn allowed_uses_and_comments_are_left_alone() {
        for (room, source) in [
            (
                "keys",
                "use crate::{accounts::Auth, platform::{db, clock}};\nuse super::rules;",
            ),
            (
                "mailbox",
                "//! Never reads crate::keys.\nlet q = \"DELETE FROM mailbox_row\"; // like crate::vault",
            ),
            ("accounts", "let mailboxes = crate::accounts::count();"),
        ] {
            let may_use = ROOMS
                .iter()
                .find(|(name, _)| *name == room)
                .expect("a room")
                .1;
            assert_eq!(
                file_faults(room, may_use, source),
                Vec::<String>::new(),
                "{source}"
            );
        }
    }

    #[test]
    fn a_folder_that_is_no_room_is_found() {
        let tree = tempfile::tempdir().expect("a folder");
        for (name, text) in [
            ("main.rs", ""),
            ("platform/mod.rs", ""),
            ("utils/mod.rs", ""),
            ("vault.rs", "use crate::keys;"),
        ] {
            let path = tree.path().join(name);
            fs::create_dir_all(path.parent().expect("parent")).expect("made");
            fs::write(path, text).expect("written");
        }
        let found = faults(tree.path()).expect("read");
        assert_eq!(
            found,
            [
                "server/vault.rs:1: vault may not use keys",
                "server: `utils` is not a room of the table"
            ]
        );
    }
}
