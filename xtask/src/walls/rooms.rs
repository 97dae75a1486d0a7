//! Rooms of the server: which other room each may name, by whatever way a name can be reached.

use super::tables;
use crate::rust::{self, Token, is_path, mark, name};
use crate::tree;
use anyhow::Result;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Room -> rooms it may use. `app` composes and may use all.
pub(super) const ROOMS: &[(&str, &[&str])] = &[
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

/// Macros of `platform`: a macro lives at the root of the crate.
const MACROS: [&str; 2] = ["migrations", "params"];

/// The library under its own name.
const OURSELVES: &str = "securechat_server";

/// Every use across a wall below `src`, and every room without a row.
pub fn faults(src: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for source in rust::sources(src)? {
        let relative = source.path.strip_prefix(src).unwrap_or(&source.path);
        let shown = relative.display();
        let room = room_of(relative);
        let found = match room.as_str() {
            "lib" => root_faults(&source.tokens),
            "main" => continue,
            room => file_faults(room, source.depth, &source.tokens),
        };
        faults.extend(found.into_iter().map(|f| format!("server/{shown}{f}")));
    }
    for path in tree::below(src, &["sql"])? {
        let relative = path.strip_prefix(src).unwrap_or(&path);
        let found = tables::of_file(&room_of(relative), &fs::read_to_string(&path)?);
        let shown = relative.display();
        faults.extend(found.into_iter().map(|f| format!("server/{shown}{f}")));
    }
    faults.sort();
    Ok(faults)
}

/// The first folder, or the file when it lies at the root.
fn room_of(relative: &Path) -> String {
    let first = relative.components().next();
    let first = first.map_or(relative, |first| Path::new(first.as_os_str()));
    first
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The library's head only lists its rooms: what it exported would be in reach of all of them.
fn root_faults(tokens: &[Token]) -> Vec<String> {
    let mut at = 0;
    while name(tokens, at) == Some("pub")
        && name(tokens, at + 1) == Some("mod")
        && name(tokens, at + 2).is_some()
        && mark(tokens, at + 3) == Some(';')
    {
        at += 4;
    }
    let left = tokens.get(at);
    left.map(|token| format!(":{}: the root of the library only lists rooms", token.line))
        .into_iter()
        .collect()
}

fn file_faults(room: &str, depth: usize, tokens: &[Token]) -> Vec<String> {
    let Some((_, may_use)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![format!(": `{room}` is not a room of the table")];
    };
    let mut faults = BTreeSet::new();
    if !may_use.contains(&"*") {
        for (line, reached) in reached(depth, tokens) {
            faults.extend(reached.fault(room, may_use).map(|fault| (line, fault)));
        }
        faults.extend(ways_round(room, tokens));
    }
    faults.extend(tables::of_code(room, tokens));
    faults
        .into_iter()
        .map(|(line, fault)| format!(":{line}: {fault}"))
        .collect()
}

/// What a path reaches directly below the root of the crate.
enum Reached {
    Name {
        name: String,
        is_exported: bool,
    },
    /// The root itself: under another name, or all that is in it.
    Root,
}

impl Reached {
    fn fault(&self, room: &str, may_use: &[&str]) -> Option<String> {
        match self {
            Self::Root => Some(format!(
                "{room} takes the root of the crate, and with it every room"
            )),
            Self::Name { name, .. } if name == room || MACROS.contains(&name.as_str()) => None,
            Self::Name { name, .. } if !may_use.contains(&name.as_str()) => {
                Some(format!("{room} may not use {name}"))
            }
            Self::Name { name, is_exported } => {
                is_exported.then(|| format!("{room} hands {name} on to whoever may use {room}"))
            }
        }
    }
}

/// Every path that starts at the root of the crate, or climbs up to it, with its line.
fn reached(depth: usize, tokens: &[Token]) -> Vec<(usize, Reached)> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        // Only the head of a path: what follows `::` was looked at with its head.
        let follows = at >= 2 && is_path(tokens, at - 2);
        // `$crate::` in a macro is `crate::` wherever it is used.
        let home = depth + tokens[at].modules;
        let height = match name(tokens, at) {
            Some("super") if !follows => home.saturating_sub(1),
            Some("self") if !follows && is_path(tokens, at + 1) => home,
            Some("crate") if !is_visibility(tokens, at) => 0,
            Some(OURSELVES) => 0,
            _ => continue,
        };
        let mut names = Vec::new();
        follow(tokens, at + 1, height, &mut names);
        let is_exported = is_exported(tokens, at);
        found.extend(names.into_iter().map(|name| {
            let reached = match name {
                Some(name) => Reached::Name { name, is_exported },
                None => Reached::Root,
            };
            (tokens[at].line, reached)
        }));
    }
    found
}

/// `pub(crate)` and `pub(super)`.
fn is_visibility(tokens: &[Token], at: usize) -> bool {
    mark(tokens, at.wrapping_sub(1)) == Some('(') && mark(tokens, at + 1) == Some(')')
}

/// Follows a path whose head ends at `at`, `height` modules below the root; names found at the root go to `found`,
/// the root itself as nothing.
fn follow(tokens: &[Token], at: usize, height: usize, found: &mut Vec<Option<String>>) {
    if !is_path(tokens, at) {
        if height == 0 {
            found.push(None);
        }
        return;
    }
    step(tokens, at + 2, height, found);
}

fn step(tokens: &[Token], at: usize, height: usize, found: &mut Vec<Option<String>>) {
    match (name(tokens, at), mark(tokens, at)) {
        (Some("super"), _) => follow(tokens, at + 1, height.saturating_sub(1), found),
        (Some("self"), _) => follow(tokens, at + 1, height, found),
        (Some(name), _) if height == 0 => found.push(Some(name.to_owned())),
        (None, Some('{')) => {
            for part in rust::parts(tokens, at) {
                step(tokens, part, height, found);
            }
        }
        (None, _) if height == 0 => found.push(None),
        _ => {}
    }
}

/// Whether the path belongs to a `pub use`, of whatever reach.
fn is_exported(tokens: &[Token], at: usize) -> bool {
    let start = (0..at).rev().find(|at| {
        matches!(mark(tokens, *at), Some(';' | '}')) || name(tokens, *at) == Some("use")
    });
    let Some(start) = start.filter(|start| name(tokens, *start) == Some("use")) else {
        return false;
    };
    match mark(tokens, start.wrapping_sub(1)) {
        Some(')') => (0..start)
            .rev()
            .take(6)
            .any(|at| name(tokens, at) == Some("pub")),
        _ => name(tokens, start.wrapping_sub(1)) == Some("pub"),
    }
}

/// Code of another room under this room's roof.
fn ways_round(room: &str, tokens: &[Token]) -> Vec<(usize, String)> {
    let fault = |at: usize, fault: &str| (tokens[at].line, format!("{room} {fault}"));
    let elsewhere = rust::other_places(tokens);
    let mut found: Vec<_> = elsewhere
        .map(|at| fault(at, "takes a module from another place"))
        .collect();
    for at in 0..tokens.len() {
        let what = match name(tokens, at) {
            Some("include") if mark(tokens, at + 1) == Some('!') => "includes a file as code",
            Some("macro_export") if room != "platform" => "gives a macro to every room",
            None if climbs(&tokens[at]) => "names a file outside its folder",
            _ => continue,
        };
        found.push(fault(at, what));
    }
    found
}

/// Tests may read files that lie elsewhere, as known answers do.
fn climbs(token: &Token) -> bool {
    !token.is_test && rust::text(token).is_some_and(|text| text.contains("../"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(room: &str, depth: usize, source: &str) -> Vec<String> {
        file_faults(room, depth, &rust::tokens(source))
    }

    #[test]
    fn planted_uses_across_a_wall_are_found() {
        for (room, depth, source, expected) in [
            (
                "accounts",
                2,
                "use crate::platform::db::Tx;\nuse crate::mailbox::Row;",
                ":2: accounts may not use mailbox",
            ),
            (
                "keys",
                2,
                "use crate::{platform::Error, vault::{self, Record}};",
                ":1: keys may not use vault",
            ),
            (
                "mailbox",
                1,
                "fn f() { crate::keys::bundle() }",
                ":1: mailbox may not use keys",
            ),
            (
                "mailbox",
                1,
                "fn f() { crate\n  :: r#keys :: bundle() }",
                ":1: mailbox may not use keys",
            ),
            (
                "platform",
                1,
                "use super::accounts::Session;",
                ":1: platform may not use accounts",
            ),
            (
                "platform",
                2,
                "use super::{clock, super::{accounts as a}};",
                ":1: platform may not use accounts",
            ),
            (
                "keys",
                3,
                "mod m { fn f() { self::super::super::super::super::vault::read() } }",
                ":1: keys may not use vault",
            ),
            (
                "vault",
                2,
                "macro_rules! m { () => { $crate::keys::bundle() } }",
                ":1: vault may not use keys",
            ),
            (
                "vault",
                2,
                "pub(in crate::keys) struct S;",
                ":1: vault may not use keys",
            ),
            (
                "vault",
                2,
                "fn f() { securechat_server::keys::bundle() }",
                ":1: vault may not use keys",
            ),
        ] {
            assert_eq!(found(room, depth, source), [expected], "{source}");
        }
    }

    #[test]
    fn the_root_under_another_name_is_found() {
        let taken = [":1: vault takes the root of the crate, and with it every room"];
        for (depth, source) in [
            (2, "extern crate self as all;"),
            (2, "use crate as all; fn f() { all::keys::bundle() }"),
            (2, "use crate::*; fn f() { keys::bundle() }"),
            (2, "use crate::{self as all};"),
            (2, "use super::super as all;"),
            (1, "use super::*;"),
            (1, "use super::{self as all};"),
            (2, "use super::{super::*};"),
            (1, "pub mod m { pub use super::super::*; }"),
        ] {
            assert_eq!(found("vault", depth, source), taken, "{source}");
        }
    }

    #[test]
    fn what_brings_a_rooms_code_in_by_another_door_is_found() {
        for (source, expected) in [
            (
                "pub use crate::platform::db;",
                "vault hands platform on to whoever may use vault",
            ),
            (
                "pub(crate) use crate::{platform::db};",
                "vault hands platform on to whoever may use vault",
            ),
            (
                "#[path = \"keys.rs\"] mod k;",
                "vault takes a module from another place",
            ),
            (
                "#[cfg_attr(unix, path = \"k.rs\")] mod k;",
                "vault takes a module from another place",
            ),
            ("include!(\"k.rs\");", "vault includes a file as code"),
            (
                "const S: &str = include_str!(\"../keys/s.sql\");",
                "vault names a file outside its folder",
            ),
            (
                "#[macro_export] macro_rules! m { () => {} }",
                "vault gives a macro to every room",
            ),
        ] {
            assert_eq!(
                found("vault", 2, source),
                [format!(":1: {expected}")],
                "{source}"
            );
        }
        let root = root_faults(&rust::tokens("pub mod keys;\npub use keys::store as db;"));
        assert_eq!(root, [":2: the root of the library only lists rooms"]);
        assert!(root_faults(&rust::tokens("//! Head.\npub mod keys;")).is_empty());
    }

    #[test]
    fn allowed_uses_and_comments_are_left_alone() {
        for (room, depth, source) in [
            (
                "keys",
                2,
                "use crate::{accounts::Auth, platform::{db, clock}};\nuse super::rules;",
            ),
            (
                "mailbox",
                2,
                "//! Never reads crate::keys.\nlet q = \"DELETE FROM mailbox_row\"; // like crate::vault",
            ),
            ("accounts", 1, "let mailboxes = crate::accounts::count();"),
            (
                "accounts",
                1,
                "#[cfg(test)] mod tests { use super::*; use super::super::platform; }",
            ),
            (
                "accounts",
                2,
                "pub(crate) fn f(self) {} pub(super) use self::g; use super::*;",
            ),
            (
                "accounts",
                2,
                "pub use crate::accounts::rules; crate::params![1]; let keys = 1;",
            ),
            (
                "accounts",
                2,
                "#[cfg(test)] const A: &str = \"/../../docs\"; fn path() {}",
            ),
            ("app", 1, "use super::*; use crate::keys::store as s;"),
        ] {
            assert_eq!(found(room, depth, source), Vec::<String>::new(), "{source}");
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
            ("keys/migrations/0001.up.sql", "create table shared (a);"),
        ] {
            let path = tree.path().join(name);
            fs::create_dir_all(path.parent().expect("parent")).expect("made");
            fs::write(path, text).expect("written");
        }
        let found = faults(tree.path()).expect("read");
        assert_eq!(
            found,
            [
                "server/keys/migrations/0001.up.sql:1: keys may not make shared: its tables carry its name",
                "server/utils/mod.rs: `utils` is not a room of the table",
                "server/vault.rs:1: vault may not use keys"
            ]
        );
    }
}
