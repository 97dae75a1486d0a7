//! Whose tables a room's SQL names. A table carries its room's name, so any word of SQL that begins like another room's
//! is a look through the wall, in whatever clause, case or quotes it stands; and nobody makes a table without a room.

use super::rooms::ROOMS;
use crate::rust::{Token, closing, mark, name, text};
use crate::tree;

/// Words after which SQL names a table.
const BEFORE_TABLE: [&str; 5] = ["from", "into", "update", "join", "table"];

/// Words between CREATE and the name of what is made.
const KINDS: [&str; 4] = ["table", "index", "view", "trigger"];
const BEFORE_NAME: [&str; 12] = [
    "temp",
    "temporary",
    "unlogged",
    "virtual",
    "unique",
    "materialized",
    "concurrently",
    "if",
    "not",
    "exists",
    "or",
    "replace",
];

/// SQL's own clock and dice. A relay's come from `platform`, an engine's from its shell.
const CLOCKS_AND_DICE: [&str; 14] = [
    "now",
    "random",
    "randomblob",
    "gen_random_uuid",
    "clock_timestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "timeofday",
    "unixepoch",
    "julianday",
    "strftime",
    "datetime",
    "setseed",
    "load_extension",
];
const CLOCK_WORDS: [&str; 3] = ["current_timestamp", "current_time", "current_date"];

/// Faults of a SQL file, with their lines.
pub fn of_file(room: &str, sql: &str) -> Vec<String> {
    let lines = sql
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default());
    let sql = lines.collect::<Vec<_>>().join("\n");
    let faults = faults(room, &sql).into_iter().chain(outside_facts(&sql));
    faults
        .map(|(at, fault)| format!(":{}: {fault}", tree::line_of(&sql, at)))
        .collect()
}

/// Faults of the texts in a Rust source, with their lines.
pub fn of_code(room: &str, tokens: &[Token]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, sql) in texts(tokens) {
        let all = faults(room, &sql).into_iter().chain(outside_facts(&sql));
        found.extend(all.map(|(_, fault)| (line, fault)));
    }
    found
}

/// Every text, and what `concat!` makes of several.
pub fn texts(tokens: &[Token]) -> Vec<(usize, String)> {
    let mut texts = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if let Some(text) = text(token) {
            texts.push((token.line, text.to_owned()));
        } else if name(tokens, at) == Some("concat") && mark(tokens, at + 1) == Some('!') {
            let joined = tokens[at..closing(tokens, at + 2).min(tokens.len())].iter();
            texts.push((token.line, joined.filter_map(text).collect()));
        }
    }
    texts
}

/// Time or chance that SQL would bring in by itself, with the place.
pub fn outside_facts(sql: &str) -> Vec<(usize, String)> {
    let lower = sql.to_ascii_lowercase();
    let found = tree::words(&lower).filter(|(at, word)| {
        let is_call = lower[at + word.len()..].starts_with('(');
        CLOCK_WORDS.contains(word) || (is_call && CLOCKS_AND_DICE.contains(word))
    });
    found
        .map(|(at, word)| (at, format!("`{word}` in SQL brings its own time or chance")))
        .collect()
}

fn faults(room: &str, sql: &str) -> Vec<(usize, String)> {
    let lower = sql.to_ascii_lowercase();
    let words: Vec<_> = tree::words(&lower).collect();
    let mut found = Vec::new();
    for (index, (at, word)) in words.iter().enumerate() {
        // `app` says in plain words what each room keeps; only where it would read does it cross a wall.
        let is_read = room != "app" || (index > 0 && BEFORE_TABLE.contains(&words[index - 1].1));
        if let Some(owner) = owner(word).filter(|owner| *owner != room && is_read) {
            found.push((*at, format!("{room} may not touch {owner}'s table {word}")));
        }
        if *word == "create" {
            let made = made(&words[index + 1..]);
            let made = made.filter(|made| owner(made) != Some(room));
            found.extend(made.map(|made| {
                (
                    *at,
                    format!("{room} may not make {made}: its tables carry its name"),
                )
            }));
        }
    }
    if lower.contains("}_") {
        found.push((0, format!("{room} puts the name of a table together")));
    }
    found
}

/// The room whose name begins `word`; `mailbox_` alone is the beginning of a name put together.
fn owner(word: &str) -> Option<&'static str> {
    let room = word.split_once('_')?.0;
    ROOMS
        .iter()
        .map(|(name, _)| *name)
        .find(|name| *name == room)
}

/// What `CREATE` makes, when the words after it are such a statement.
fn made<'a>(after: &[(usize, &'a str)]) -> Option<&'a str> {
    let mut words = after.iter().map(|(_, word)| *word);
    let kind = words.find(|word| !BEFORE_NAME.contains(word))?;
    if !KINDS.contains(&kind) {
        return None;
    }
    words.find(|word| !BEFORE_NAME.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rust;

    fn found(room: &str, source: &str) -> Vec<String> {
        let found = of_code(room, &rust::tokens(source)).into_iter();
        found.map(|(_, fault)| fault).collect()
    }

    #[test]
    fn another_rooms_table_is_found_in_every_clause() {
        for sql in [
            "SELECT id FROM accounts_accounts",
            "select id from accounts_accounts",
            "SELECT 1 FROM vault_records, accounts_accounts",
            "SELECT 1 FROM vault_records v LEFT JOIN accounts_accounts a ON a.id = v.id",
            "SELECT 1 FROM vault_records WHERE id IN (SELECT id FROM main.accounts_accounts)",
            "INSERT INTO vault_records SELECT * FROM Accounts_Accounts",
            "insert into accounts_accounts (a) values ($1)",
            "UPDATE vault_records SET a = b.a FROM accounts_accounts b",
            "UPDATE ONLY accounts_accounts SET a = 1",
            "DELETE FROM vault_records USING accounts_accounts",
            "WITH a AS (SELECT * FROM accounts_accounts) SELECT * FROM a",
            "TRUNCATE accounts_accounts",
            "SELECT 1\\n  FROM\\n  accounts_accounts",
            "SELECT 1 FROM accounts_\\\n    accounts",
            "SELECT 1 FROM \\\"accounts_accounts\\\"",
            "SELECT 1 FROM \\x61ccounts_accounts",
        ] {
            let expected = ["vault may not touch accounts's table accounts_accounts"];
            assert_eq!(
                found("vault", &format!("let q = \"{sql}\";")),
                expected,
                "{sql}"
            );
        }
        let raw = "let q = r#\"select 1\nfrom accounts_accounts\"#;";
        assert_eq!(found("vault", raw).len(), 1);
        let joined = "let q = concat!(\"SELECT 1 FROM acc\", \"ounts_accounts\");";
        assert_eq!(found("vault", joined).len(), 1);
        let written = "SELECT 1 -- accounts_accounts\nFROM vault_records JOIN accounts_accounts";
        let expected = ":2: vault may not touch accounts's table accounts_accounts";
        assert_eq!(of_file("vault", written), [expected]);
    }

    #[test]
    fn names_put_together_and_tables_without_a_room_are_found() {
        for (source, expected) in [
            (
                "format!(\"SELECT 1 FROM {room}_accounts\")",
                "vault puts the name of a table together",
            ),
            (
                "format!(\"SELECT 1 FROM {}{}\", \"accounts_\", rest)",
                "vault may not touch accounts's table accounts_",
            ),
            (
                "\"create table if not exists shared (a)\"",
                "vault may not make shared: its tables carry its name",
            ),
            (
                "\"CREATE UNIQUE INDEX CONCURRENTLY by_time ON vault_records (a)\"",
                "vault may not make by_time: its tables carry its name",
            ),
            (
                "\"SELECT 1 FROM vault_records WHERE at < now()\"",
                "`now` in SQL brings its own time or chance",
            ),
            (
                "\"INSERT INTO vault_records (at) VALUES (CURRENT_TIMESTAMP)\"",
                "`current_timestamp` in SQL brings its own time or chance",
            ),
        ] {
            assert_eq!(found("vault", source), [expected], "{source}");
        }
    }

    #[test]
    fn a_rooms_own_tables_and_plain_words_are_left_alone() {
        for (room, source) in [
            ("vault", "\"SELECT v.account_id FROM vault_records v\""),
            (
                "vault",
                "\"CREATE UNIQUE INDEX vault_by_time ON vault_records (a)\"",
            ),
            (
                "vault",
                "\"accounts are nobody's business; create one now\"",
            ),
            (
                "app",
                "\"accounts_accounts.handle: what people are called\"",
            ),
        ] {
            assert_eq!(found(room, source), Vec::<String>::new(), "{source}");
        }
        let read = found("app", "\"SELECT * FROM accounts_accounts\"");
        assert_eq!(
            read,
            ["app may not touch accounts's table accounts_accounts"]
        );
    }
}
