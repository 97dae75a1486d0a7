//! Text checks: paths of one machine, claims we do not make, unfinished marks, and names in the documents that do not
//! exist (`file::symbol` in the walkthrough and the checklists, links between documents).

use crate::tree;
use anyhow::Result;
use std::fs;
use std::path::Path;

/// Written in two halves, so that this file does not find itself.
const CLAIMS: [(&str, &str); 6] = [
    ("unhack", "able"),
    ("military-", "grade"),
    ("zero ", "metadata"),
    ("100% ", "secure"),
    ("absolute ", "privacy"),
    ("bank-", "grade"),
];
const MACHINE_PATHS: [(&str, &str); 4] = [
    ("/ro", "ot/"),
    ("/wo", "rk/"),
    ("/ho", "me/"),
    ("/Use", "rs/"),
];
const UNFINISHED: [(&str, &str); 3] = [("TO", "DO"), ("FIX", "ME"), ("lorem ", "ipsum")];

/// A text that says "never write X" has to write it.
const MAY_QUOTE_CLAIMS: [&str; 2] = ["docs/style.md", "CONTRIBUTING.md"];

/// Above this many lines a file has probably a second idea in it. Said, not refused.
const LINES_COMFORTABLE: usize = 600;

const WORDS_IN_TEN_MINUTES: usize = 2000;

/// Documents whose `file::symbol` names must exist.
const WITH_SYMBOLS: [&str; 3] = ["ARCHITECTURE.md", "SECURITY.md", "docs/threats.md"];

const TEXT: [&str; 20] = [
    "rs", "ts", "tsx", "js", "mjs", "css", "html", "md", "toml", "yaml", "yml", "json", "sh",
    "sql", "proto", "po", "conf", "example", "svg", "py",
];

pub fn run() -> Result<()> {
    let root = crate::root();
    let mut faults = Vec::new();
    for file in tree::files(&root)? {
        let shown = file.to_string_lossy().into_owned();
        let ending = file
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        let plain = ending.is_empty() || TEXT.contains(&ending);
        // Other people's files, taken as they are.
        let foreign =
            shown.ends_with("package-lock.json") || shown.starts_with("crates/server/assets/");
        if !plain || foreign {
            continue;
        }
        let Ok(text) = fs::read_to_string(root.join(&file)) else {
            continue;
        };
        faults.extend(word_faults(&shown, &text));
        if matches!(ending, "rs" | "ts" | "tsx") && !shown.contains("/generated/") {
            let lines = text.lines().count();
            if lines > LINES_COMFORTABLE {
                println!("{shown} has {lines} lines: look for the second idea in it");
            }
        }
        if ending == "md" {
            faults.extend(link_faults(&root, &shown, &text));
        }
        faults.extend(document_faults(&root, &shown, &text));
        if shown == "ARCHITECTURE.md" {
            faults.extend(length_faults(&shown, &text));
        }
        if WITH_SYMBOLS.contains(&shown.as_str()) {
            faults.extend(symbol_faults(&root, &shown, &text));
        }
    }
    faults.extend(setting_faults(&root)?);
    tree::verdict("text", faults)
}

/// Every environment variable the programs read stands in `.env.example`, and every one there in a document for operators.
fn setting_faults(root: &Path) -> Result<Vec<String>> {
    let mut read = Vec::new();
    for folder in ["crates/server/src", "crates/cli/src"] {
        for file in tree::below(&root.join(folder), &["rs"])? {
            read.extend(settings_read(&fs::read_to_string(file)?));
        }
    }
    let example = fs::read_to_string(root.join(".env.example"))?;
    let documents =
        ["README.md", "docs/operations.md"].map(|name| fs::read_to_string(root.join(name)));
    let documents = documents.into_iter().collect::<Result<String, _>>()?;
    Ok(unexplained(&read, &example, &documents))
}

/// Names in `env = "NAME"` of an argument, `environment.get("NAME")` and `env::var("NAME")`.
fn settings_read(source: &str) -> Vec<String> {
    let heads = ["env = \"", "get(\"", "env::var(\"", "env::var_os(\""];
    let quoted = heads.iter().flat_map(|head| {
        source
            .match_indices(head)
            .filter_map(|(at, _)| source[at + head.len()..].split_once('"'))
    });
    let names = quoted
        .map(|(name, _)| name.to_owned())
        .filter(|name| is_setting(name));
    // HOME is the system's, not ours.
    names.filter(|name| name != "HOME").collect()
}

fn is_setting(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

fn unexplained(read: &[String], example: &str, documents: &str) -> Vec<String> {
    let lines = example
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once('='));
    let listed: Vec<_> = lines
        .map(|(name, _)| name)
        .filter(|name| is_setting(name))
        .collect();
    let missing = read.iter().filter(|name| !listed.contains(&name.as_str()));
    let missing = missing.map(|name| format!(".env.example does not list {name}, which is read"));
    let silent = listed
        .iter()
        .filter(|name| !documents.contains(&format!("`{name}`")));
    missing
        .chain(silent.map(|name| format!("README.md and docs/operations.md do not explain {name}")))
        .collect()
}

fn word_faults(shown: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let lower = line.to_lowercase();
        let mut say = |what: &str| faults.push(format!("{shown}:{}: {what}", number + 1));
        for (head, tail) in CLAIMS {
            if lower.contains(&format!("{head}{tail}")) && !MAY_QUOTE_CLAIMS.contains(&shown) {
                say("a claim nobody can test");
            }
        }
        for (head, tail) in MACHINE_PATHS {
            if names_machine_path(line, &format!("{head}{tail}")) {
                say("a path of one machine");
            }
        }
        for (head, tail) in UNFINISHED {
            if line.contains(&format!("{head}{tail}")) {
                say("an unfinished mark");
            }
        }
    }
    faults
}

/// The path begins there: not the middle of a longer one (`web/home/`) and not part of an address.
fn names_machine_path(line: &str, path: &str) -> bool {
    let starts = line
        .match_indices(path)
        .map(|(at, _)| line[..at].chars().next_back());
    starts.into_iter().any(|before| {
        before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '_' | '-' | '}' | '*'))
    })
}

/// Relative links of a document must lead somewhere.
fn link_faults(root: &Path, shown: &str, text: &str) -> Vec<String> {
    let folder = Path::new(shown).parent().unwrap_or(Path::new(""));
    let targets = text
        .match_indices("](")
        .filter_map(|(at, _)| text[at + 2..].split_once(')'));
    let targets = targets.map(|(target, _)| target.split('#').next().unwrap_or_default());
    let relative =
        targets.filter(|t| !t.is_empty() && !t.contains("://") && !t.starts_with("mailto:"));
    let broken = relative.filter(|target| !root.join(folder).join(target).exists());
    broken
        .map(|target| format!("{shown}: link to {target}, which does not exist"))
        .collect()
}

/// Documents that sources and texts name by their path are there.
fn document_faults(root: &Path, shown: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, _) in text.match_indices("docs/") {
        let is_start = text[..at]
            .chars()
            .next_back()
            .is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '/' | '_' | '-' | '.'));
        let name: String = text[at..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.'))
            .collect();
        let name = name.trim_end_matches('.');
        if is_start && name.ends_with(".md") && !name.contains("NNNN") && !root.join(name).exists()
        {
            faults.push(format!("{shown} names {name}, which does not exist"));
        }
    }
    faults
}

/// The walkthrough is followed in ten minutes: 200 words a minute, a name in code counting as one.
fn length_faults(shown: &str, text: &str) -> Option<String> {
    let words = text
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphanumeric));
    let count = words.count();
    (count > WORDS_IN_TEN_MINUTES)
        .then(|| format!("{shown} has {count} words: longer than ten minutes"))
}

/// Every `path/file.ext::symbol` in backticks names a file of the tree and something declared in it.
fn symbol_faults(root: &Path, shown: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for quoted in text.split('`').skip(1).step_by(2) {
        let Some((file, symbol)) = quoted.split_once("::") else {
            continue;
        };
        // `crate::thing` is a Rust path; only names of files are promises here.
        if !file.contains('.') || file.contains(char::is_whitespace) {
            continue;
        }
        let Ok(source) = fs::read_to_string(root.join(file)) else {
            faults.push(format!("{shown} names {file}, which does not exist"));
            continue;
        };
        let symbol = symbol.rsplit("::").next().unwrap_or_default();
        if !declares(&source, symbol) {
            faults.push(format!(
                "{shown} names {symbol} in {file}, which does not declare it"
            ));
        }
    }
    faults
}

/// A declaration in Rust or TypeScript, a variant or field, a protobuf message, or a test title in quotes.
fn declares(source: &str, symbol: &str) -> bool {
    const KEYWORDS: [&str; 14] = [
        "fn",
        "struct",
        "enum",
        "trait",
        "type",
        "const",
        "static",
        "mod",
        "function",
        "class",
        "interface",
        "message",
        "let",
        "macro_rules",
    ];
    if symbol.contains(' ') {
        return source.contains(symbol);
    }
    let words: Vec<_> = tree::words(source).collect();
    let declared = words
        .windows(2)
        .any(|pair| KEYWORDS.contains(&pair[0].1) && pair[1].1 == symbol);
    let variant = || {
        source.lines().any(|line| {
            let line = line.trim_start();
            line.strip_prefix(symbol).is_some_and(|rest| {
                matches!(rest.chars().next(), Some(',' | ' ' | '{' | '(' | ':'))
            })
        })
    };
    declared || variant()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_words_are_found() {
        for line in [
            format!("This is {}{}!", "Unhack", "able"),
            format!("cp {}{}x y", "/ro", "ot/"),
            format!("\"{}{}me/x\"", "/ho", "me/"),
            format!("// {}{}: later", "TO", "DO"),
        ] {
            assert_eq!(word_faults("some.md", &line).len(), 1, "{line}");
        }
        for line in [
            "web/home/page.ts",
            "the relay sees who submits",
            "https://example.org/home/x",
        ] {
            assert_eq!(word_faults("some.md", line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn a_walkthrough_that_names_what_is_gone_is_found() {
        let tree = tempfile::tempdir().expect("a folder");
        fs::write(
            tree.path().join("a.rs"),
            "pub fn seal() {}\nenum Input {\n    Command(X),\n}\n",
        )
        .expect("written");
        let doc = "`a.rs::seal` then `a.rs::Input::Command`, `a.rs::open`, `b.rs::seal`, `crate::seal` and `x y.rs::z`";
        assert_eq!(
            symbol_faults(tree.path(), "D.md", doc),
            [
                "D.md names open in a.rs, which does not declare it",
                "D.md names b.rs, which does not exist"
            ]
        );
    }

    #[test]
    fn a_document_that_is_gone_and_a_walk_that_is_too_long_are_found() {
        let tree = tempfile::tempdir().expect("a folder");
        fs::create_dir(tree.path().join("docs")).expect("a folder");
        fs::write(tree.path().join("docs").join("there.md"), "").expect("written");
        let source = format!(
            "// {0}/there.md, {0}/gone.md. web/{0}/x.md and {0}/NNNN-title.md",
            "docs"
        );
        let expected = format!("a.rs names {}/gone.md, which does not exist", "docs");
        assert_eq!(document_faults(tree.path(), "a.rs", &source), [expected]);
        assert!(length_faults("A.md", &"word ".repeat(2001)).is_some());
        assert!(length_faults("A.md", &"word | ".repeat(2000)).is_none());
    }

    #[test]
    fn a_setting_nobody_explains_is_found() {
        let read = settings_read(
            "#[arg(env = \"DATABASE_URL\")]\nenvironment.get(\"NEW_ONE\"); map.get(\"key\")",
        );
        let example = "# Settings = names\n#DATABASE_URL=postgres://x\nOLD_ONE=\n";
        assert_eq!(
            unexplained(&read, example, "`DATABASE_URL` is"),
            [
                ".env.example does not list NEW_ONE, which is read",
                "README.md and docs/operations.md do not explain OLD_ONE"
            ]
        );
    }

    #[test]
    fn a_broken_link_is_found() {
        let tree = tempfile::tempdir().expect("a folder");
        fs::write(tree.path().join("there.md"), "").expect("written");
        let doc = "[a](there.md#part) [b](gone.md) [c](https://example.org) [d](#part)";
        assert_eq!(
            link_faults(tree.path(), "D.md", doc),
            ["D.md: link to gone.md, which does not exist"]
        );
    }
}
