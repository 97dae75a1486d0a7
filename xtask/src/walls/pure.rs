//! What the pure crates (no IO, no clock, no randomness of their own) never contain, and who may lift a ban.
//! Clippy knows what a name means and finds it under any alias; this scan sees what clippy cannot be asked: which modules
//! of the standard library are named at all, SQL, code from elsewhere, and bans that are lifted.

use super::tables;
use crate::rust::{self, Source, Token, closing, is_path, mark, name};
use crate::tree;
use anyhow::Result;
use std::fs;
use std::path::Path;

/// Crates without IO, clock and randomness of their own.
pub(super) const PURE: [&str; 3] = ["proto", "crypto", "engine"];

/// Modules of the standard library that neither read nor change anything outside the program.
const STD: [&str; 27] = [
    "any",
    "array",
    "ascii",
    "borrow",
    "boxed",
    "cell",
    "char",
    "clone",
    "cmp",
    "collections",
    "convert",
    "default",
    "error",
    "fmt",
    "hash",
    "iter",
    "marker",
    "mem",
    "num",
    "ops",
    "option",
    "rc",
    "result",
    "slice",
    "str",
    "string",
    "vec",
];
/// Shared data is fine, waiting for another thread is not.
const SYNC: [&str; 8] = [
    "Arc",
    "Mutex",
    "MutexGuard",
    "OnceLock",
    "LazyLock",
    "PoisonError",
    "Weak",
    "atomic",
];

/// Keywords and macros without a place here.
const WORDS: [(&str, &str); 4] = [
    ("async", "a pure crate waits for nothing"),
    ("await", "a pure crate waits for nothing"),
    ("unsafe", "a pure crate needs no `unsafe`"),
    (
        "macro_export",
        "a macro is not seen by its crate's bans where it is used",
    ),
];
const MACROS: [&str; 7] = [
    "print",
    "println",
    "eprint",
    "eprintln",
    "dbg",
    "env",
    "option_env",
];

/// Lints that carry a wall, and the groups they are in.
const BANS: [&str; 12] = [
    "disallowed_methods",
    "disallowed_types",
    "disallowed_macros",
    "unwrap_used",
    "expect_used",
    "panic",
    "unsafe_code",
    "iter_over_hash_type",
    "all",
    "style",
    "restriction",
    "warnings",
];

/// Files of the relay that may lift a ban: the clock and the dice of everybody else.
const LIFTING: [(&str, &str); 2] = [
    ("crates/server/src/platform/clock.rs", "disallowed_methods"),
    ("crates/server/src/platform/rng.rs", "disallowed_methods"),
];

pub fn faults(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for crate_name in PURE {
        let src = root.join("crates").join(crate_name).join("src");
        for source in rust::sources(&src)? {
            let shown = tree::shown(root, &source.path);
            if source.path == src.join("lib.rs") {
                let missing = missing_lints(&source.tokens);
                faults.extend(missing.map(|lint| format!("{shown} does not deny {lint}")));
            }
            faults.extend(numbered(&shown, pure_faults(&source)));
        }
        for path in tree::below(&src, &["sql"])? {
            let sql = fs::read_to_string(&path)?;
            let shown = tree::shown(root, &path);
            let found = tables::outside_facts(&sql).into_iter();
            faults.extend(
                found.map(|(at, fault)| format!("{shown}:{}: {fault}", tree::line_of(&sql, at))),
            );
        }
    }
    for source in rust::sources(&root.join("crates/server/src"))? {
        let shown = tree::shown(root, &source.path);
        let mut lifted = lifted(&source.tokens);
        lifted.retain(|(_, lint)| !LIFTING.contains(&(shown.as_str(), lint.as_str())));
        // What a hash map delivers in any order is sent in any order, too; the other bans stand.
        lifted.retain(|(_, lint)| lint != "iter_over_hash_type");
        faults.extend(numbered(&shown, lifted.into_iter().map(lifts)));
    }
    Ok(faults)
}

fn numbered(
    shown: &str,
    faults: impl IntoIterator<Item = (usize, String)>,
) -> impl Iterator<Item = String> {
    let faults = faults.into_iter();
    faults.map(move |(line, fault)| format!("{shown}:{line}: {fault}"))
}

fn lifts((line, lint): (usize, String)) -> (usize, String) {
    (line, format!("lifts the ban `{lint}`"))
}

/// Faults of the product code in one file of a pure crate, with their lines.
fn pure_faults(source: &Source) -> Vec<(usize, String)> {
    let tokens = product(&source.tokens);
    let is_generated = source
        .path
        .components()
        .any(|part| part.as_os_str() == "generated");
    let mut faults: Vec<_> = lifted(&tokens).into_iter().map(lifts).collect();
    for at in 0..tokens.len() {
        let mut fault = |what: String| faults.push((tokens[at].line, what));
        let Some(word) = name(&tokens, at) else {
            continue;
        };
        if let Some((_, why)) = WORDS.iter().find(|(banned, _)| *banned == word) {
            fault(format!("`{word}`: {why}"));
        }
        if mark(&tokens, at + 1) == Some('!') && MACROS.contains(&word) {
            fault(format!("`{word}!` reaches outside the program"));
        }
        match word {
            // Generated protobuf types name the standard library as `::core` and `::prost`.
            "std" if !is_generated => std_faults(&tokens, at, &mut fault),
            "extern" if name(&tokens, at + 1) == Some("crate") => fault("renames a crate".into()),
            "include" | "include_str" | "include_bytes" if mark(&tokens, at + 1) == Some('!') => {
                include_faults(&tokens, at, &mut fault);
            }
            _ => {}
        }
    }
    let elsewhere = rust::other_places(&tokens);
    faults
        .extend(elsewhere.map(|at| (tokens[at].line, "takes a module from another place".into())));
    for (line, text) in tables::texts(&tokens) {
        let found = tables::outside_facts(&text).into_iter();
        faults.extend(found.map(|(_, fault)| (line, fault)));
    }
    faults.sort();
    faults
}

fn product(tokens: &[Token]) -> Vec<Token> {
    let product = tokens.iter().filter(|token| !token.is_test);
    product.cloned().collect()
}

/// Everything named below `std`, also in groups; only the modules of the lists are pure.
fn std_faults(tokens: &[Token], at: usize, fault: &mut impl FnMut(String)) {
    if !is_path(tokens, at + 1) {
        return fault("`std` under another name".into());
    }
    let first = at + 3;
    let heads = match mark(tokens, first) {
        Some('{') => rust::parts(tokens, first),
        _ => vec![first],
    };
    for head in heads {
        match name(tokens, head) {
            Some("sync") => sync_faults(tokens, head + 1, fault),
            Some(module) if STD.contains(&module) => {}
            Some(module) => fault(format!("`std::{module}` in a pure crate")),
            None => fault("all of `std` in a pure crate".into()),
        }
    }
}

fn sync_faults(tokens: &[Token], at: usize, fault: &mut impl FnMut(String)) {
    let named = match mark(tokens, at + 2) {
        _ if !is_path(tokens, at) => Vec::new(),
        Some('{') => rust::parts(tokens, at + 2),
        _ => vec![at + 2],
    };
    if named.is_empty() {
        fault("`std::sync` under another name".into());
    }
    for at in named {
        match name(tokens, at) {
            Some(name) if SYNC.contains(&name) => {}
            other => fault(format!(
                "`std::sync::{}` in a pure crate",
                other.unwrap_or("*")
            )),
        }
    }
}

/// Only a plain name of a file below: what a build puts elsewhere is not in the repository, and nobody reads it.
fn include_faults(tokens: &[Token], at: usize, fault: &mut impl FnMut(String)) {
    let named = tokens.get(at + 3).and_then(rust::text);
    let is_plain = closing(tokens, at + 2) == at + 4;
    let is_code = name(tokens, at) == Some("include");
    match named {
        Some(file) if file.contains("..") || file.starts_with('/') => {
            fault("includes a file of another place".into());
        }
        Some(file) if is_plain && (!is_code || file.starts_with("generated/")) => {}
        _ => fault("includes what nobody reads".into()),
    }
}

/// Bans that product code lifts, with their lines.
fn lifted(tokens: &[Token]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for open in rust::attributes(tokens).filter(|open| !tokens[*open].is_test) {
        let inside = open..closing(tokens, open).min(tokens.len());
        let mut lifts = false;
        for at in inside {
            match name(tokens, at) {
                Some("allow" | "expect" | "warn") => lifts = true,
                Some("deny" | "forbid") => lifts = false,
                Some(lint) if lifts && BANS.contains(&lint) => {
                    found.push((tokens[at].line, lint.to_owned()));
                }
                _ => {}
            }
        }
    }
    found
}

/// Lints a pure crate denies in its head: remote input must not be able to stop it.
fn missing_lints(head: &[Token]) -> impl Iterator<Item = &'static str> {
    let denied = denied(head);
    ["unwrap_used", "expect_used", "panic"]
        .into_iter()
        .filter(move |lint| !denied.contains(&(*lint).to_owned()))
}

/// What the attributes of the whole crate deny in product code.
fn denied(head: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    for open in rust::attributes(head).filter(|open| mark(head, open - 1) == Some('!')) {
        let inside: Vec<_> = (open..closing(head, open))
            .filter_map(|at| name(head, at))
            .collect();
        let named = match inside.as_slice() {
            ["deny" | "forbid", named @ ..] => named,
            ["cfg_attr", "not", "test", "deny" | "forbid", named @ ..] => named,
            _ => continue,
        };
        found.extend(named.iter().map(|lint| (*lint).to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<String> {
        let source = Source {
            path: "src/part.rs".into(),
            depth: 1,
            tokens: rust::tokens(source),
        };
        numbered("", pure_faults(&source)).collect()
    }

    #[test]
    fn planted_ways_out_of_a_pure_crate_are_found() {
        for (source, expected) in [
            (
                "fn a() {}\npub async fn send() {}",
                ":2: `async`: a pure crate waits for nothing",
            ),
            (
                "let x = unsafe { y };",
                ":1: `unsafe`: a pure crate needs no `unsafe`",
            ),
            ("use std::fs;", ":1: `std::fs` in a pure crate"),
            (
                "use std::{fmt, net::{TcpStream}};",
                ":1: `std::net` in a pure crate",
            ),
            (
                "fn f() { ::std::process::exit(1) }",
                ":1: `std::process` in a pure crate",
            ),
            (
                "fn f() { std :: r#thread :: yield_now() }",
                ":1: `std::thread` in a pure crate",
            ),
            (
                "use std::time::SystemTime as S;",
                ":1: `std::time` in a pure crate",
            ),
            (
                "use std::os::unix::net::UnixStream;",
                ":1: `std::os` in a pure crate",
            ),
            (
                "use std as s; fn f() { s::fs::read(\"\") }",
                ":1: `std` under another name",
            ),
            ("use std::*;", ":1: all of `std` in a pure crate"),
            ("use std::{self as s};", ":1: `std::self` in a pure crate"),
            (
                "use std::sync::mpsc::channel;",
                ":1: `std::sync::mpsc` in a pure crate",
            ),
            (
                "use std::sync::{Arc, Condvar};",
                ":1: `std::sync::Condvar` in a pure crate",
            ),
            ("extern crate std as s;", ":1: `std` under another name"),
            (
                "fn f() { println!(\"{x}\") }",
                ":1: `println!` reaches outside the program",
            ),
            (
                "const HOST: &str = env!(\"HOSTNAME\");",
                ":1: `env!` reaches outside the program",
            ),
            (
                "#[path = \"/etc/x.rs\"] mod x;",
                ":1: takes a module from another place",
            ),
            (
                "include!(\"../../server/src/x.rs\");",
                ":1: includes a file of another place",
            ),
            ("include!(\"tests.rs\");", ":1: includes what nobody reads"),
            (
                "include!(concat!(\"a\", \"b\"));",
                ":1: includes what nobody reads",
            ),
            (
                "#[allow(clippy::disallowed_methods)] fn f() {}",
                ":1: lifts the ban `disallowed_methods`",
            ),
            (
                "#![cfg_attr(all(), allow(clippy::style))]",
                ":1: lifts the ban `style`",
            ),
            (
                "#[expect(clippy::unwrap_used, reason = \"x\")] fn f() {}",
                ":1: lifts the ban `unwrap_used`",
            ),
            (
                "#[cfg(any(test, unix))] use std::fs;",
                ":1: `std::fs` in a pure crate",
            ),
            (
                "q(\"SELECT unixepoch('now')\");",
                ":1: `unixepoch` in SQL brings its own time or chance",
            ),
            (
                "q(\"insert into t values (RANDOM())\");",
                ":1: `random` in SQL brings its own time or chance",
            ),
        ] {
            assert!(
                found(source).contains(&expected.to_owned()),
                "{source}: {:?}",
                found(source)
            );
        }
    }

    #[test]
    fn pure_code_tests_and_comments_are_left_alone() {
        for source in [
            "// async is for shells, std::fs too\nlet asynchronous = \"unsafe async std::fs\";",
            "use std::{collections::BTreeMap, fmt, sync::{Arc, Mutex}};",
            "#[cfg(test)] mod tests { use std::fs; #[allow(clippy::disallowed_methods)] fn f() {} }",
            "include!(\"generated/words.rs\"); const S: &str = include_str!(\"schema/1.sql\");",
            "#[allow(clippy::too_many_arguments)] fn f() {}",
            "#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::panic))]",
        ] {
            assert_eq!(found(source), Vec::<String>::new(), "{source}");
        }
    }

    #[test]
    fn a_pure_crate_that_may_panic_is_found() {
        for (head, missing) in [
            (
                "#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::panic))]",
                vec!["expect_used"],
            ),
            (
                "// clippy::unwrap_used clippy::expect_used\n#![deny(clippy::panic)]",
                vec!["unwrap_used", "expect_used"],
            ),
            (
                "#![cfg_attr(test, deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]",
                vec!["unwrap_used", "expect_used", "panic"],
            ),
        ] {
            let found: Vec<_> = missing_lints(&rust::tokens(head)).collect();
            assert_eq!(found, missing, "{head}");
        }
    }
}
