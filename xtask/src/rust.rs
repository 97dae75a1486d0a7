//! Rust sources as the compiler reads them: tokens without comments, how deep in modules each one stands, and whether
//! only tests are built from it. What merely looks like a test counts as product code.

use crate::tree;
use anyhow::Result;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Is {
    /// An identifier or keyword; a raw one without its `r#`.
    Name(String),
    /// The value of a string literal of any form.
    Text(String),
    /// One character of punctuation. Numbers, characters and lifetimes are `'0'`: no wall asks for them.
    Mark(char),
}

#[derive(Clone, Debug)]
pub struct Token {
    pub is: Is,
    pub line: usize,
    /// Inline modules around it.
    pub modules: usize,
    pub is_test: bool,
}

/// One file.
pub struct Source {
    pub path: PathBuf,
    /// Its module's distance from the root of the crate.
    pub depth: usize,
    pub tokens: Vec<Token>,
}

/// Every Rust file below `src`, the folder of a crate's root, in the order of their names.
pub fn sources(src: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    let (mut tests, mut product) = (BTreeSet::new(), BTreeSet::new());
    for path in tree::below(src, &["rs"])? {
        let tokens = tokens(&fs::read_to_string(&path)?);
        for (file, is_test) in declared(&path, &tokens) {
            let set = if is_test { &mut tests } else { &mut product };
            set.insert(file);
        }
        let depth = module_depth(path.strip_prefix(src).unwrap_or(&path));
        sources.push(Source {
            path,
            depth,
            tokens,
        });
    }
    for source in &mut sources {
        let module = source.path.with_extension("");
        // `tests.rs`, `tests/mod.rs` and everything below `tests/` belong to the module `tests`.
        let mut homes = module.ancestors().take_while(|home| *home != src);
        if homes.any(|home| tests.contains(home) && !product.contains(home)) {
            source
                .tokens
                .iter_mut()
                .for_each(|token| token.is_test = true);
        }
    }
    Ok(sources)
}

/// The tokens of one source, with what surrounds them.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader {
        chars: source.chars().collect(),
        at: 0,
        line: 1,
    };
    let mut tokens = Vec::new();
    while let Some((is, line)) = reader.next() {
        tokens.push(Token {
            is,
            line,
            modules: 0,
            is_test: false,
        });
    }
    count_modules(&mut tokens);
    mark_tests(&mut tokens);
    tokens
}

pub fn name(tokens: &[Token], at: usize) -> Option<&str> {
    match &tokens.get(at)?.is {
        Is::Name(name) => Some(name),
        _ => None,
    }
}

pub fn mark(tokens: &[Token], at: usize) -> Option<char> {
    match tokens.get(at)?.is {
        Is::Mark(mark) => Some(mark),
        _ => None,
    }
}

pub fn text(token: &Token) -> Option<&str> {
    match &token.is {
        Is::Text(text) => Some(text),
        _ => None,
    }
}

/// Whether `::` stands here.
pub fn is_path(tokens: &[Token], at: usize) -> bool {
    mark(tokens, at) == Some(':') && mark(tokens, at + 1) == Some(':')
}

/// Where the bracket that opens at `open` closes; the end of the file when it does not.
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for at in open..tokens.len() {
        match mark(tokens, at) {
            Some('(' | '[' | '{') => depth += 1,
            Some(')' | ']' | '}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The parts between the commas of a group that opens at `open`, each as the place where it starts.
pub fn parts(tokens: &[Token], open: usize) -> Vec<usize> {
    let end = closing(tokens, open);
    let mut parts = Vec::new();
    let mut at = open + 1;
    while at < end {
        parts.push(at);
        while at < end && mark(tokens, at) != Some(',') {
            let opens = matches!(mark(tokens, at), Some('(' | '[' | '{'));
            at = if opens {
                closing(tokens, at) + 1
            } else {
                at + 1
            };
        }
        at += 1;
    }
    parts
}

/// Every attribute as the place of its `[`.
pub fn attributes(tokens: &[Token]) -> impl Iterator<Item = usize> {
    (0..tokens.len()).filter(|at| {
        let hash = match mark(tokens, at.wrapping_sub(1)) {
            Some('!') => at.wrapping_sub(2),
            _ => at.wrapping_sub(1),
        };
        mark(tokens, *at) == Some('[') && mark(tokens, hash) == Some('#')
    })
}

/// Every attribute that takes a module from another file, also under a condition.
pub fn other_places(tokens: &[Token]) -> impl Iterator<Item = usize> {
    attributes(tokens).filter(|open| match name(tokens, open + 1) {
        Some("path") => mark(tokens, open + 2) == Some('='),
        Some("cfg_attr") => (open + 1..closing(tokens, *open))
            .any(|at| name(tokens, at) == Some("path") && mark(tokens, at + 1) == Some('=')),
        _ => false,
    })
}

/// `src/room/mod.rs` is one module deep, `src/room/part.rs` two.
fn module_depth(relative: &Path) -> usize {
    let parts = relative.components().count();
    let stem = relative.file_stem().unwrap_or_default().to_string_lossy();
    match (parts, stem.as_ref()) {
        (1, "lib" | "main") => 0,
        (parts, "mod") => parts - 1,
        (parts, _) => parts,
    }
}

/// The modules that `path` keeps in files of their own (without ending), and whether only tests build them.
fn declared(path: &Path, tokens: &[Token]) -> Vec<(PathBuf, bool)> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let home = match stem.as_ref() {
        "mod" | "lib" | "main" => path.parent().unwrap_or(path).to_path_buf(),
        _ => path.with_extension(""),
    };
    let at_top = (0..tokens.len()).filter(|at| tokens[*at].modules == 0);
    let mods = at_top.filter(|at| name(tokens, *at) == Some("mod"));
    mods.filter(|at| mark(tokens, at + 2) == Some(';'))
        .filter_map(|at| {
            let module = name(tokens, at + 1)?;
            let file = match path_attribute(tokens, at) {
                Some(other) => path.with_file_name(other).with_extension(""),
                None => home.join(module),
            };
            Some((file, tokens[at].is_test))
        })
        .collect()
}

/// The file that `#[path = "..."]` right before a `mod` names.
fn path_attribute(tokens: &[Token], module: usize) -> Option<&str> {
    let before = module.checked_sub(5)?;
    let is_path = name(tokens, before + 1) == Some("path") && mark(tokens, before) == Some('[');
    is_path.then(|| text(&tokens[before + 3]))?
}

fn count_modules(tokens: &mut [Token]) {
    for at in 0..tokens.len() {
        let opens = name(tokens, at) == Some("mod")
            && name(tokens, at + 1).is_some()
            && mark(tokens, at + 2) == Some('{');
        if opens {
            let end = closing(tokens, at + 2);
            tokens[at + 3..end]
                .iter_mut()
                .for_each(|token| token.modules += 1);
        }
    }
}

/// Marks what stands under exactly `#[cfg(test)]`: up to the end of its item, or less where that is not sure.
fn mark_tests(tokens: &mut [Token]) {
    let places: Vec<_> = attributes(tokens).collect();
    for open in places {
        let is_outer = mark(tokens, open - 1) == Some('#');
        let is_test = name(tokens, open + 1) == Some("cfg")
            && mark(tokens, open + 2) == Some('(')
            && name(tokens, open + 3) == Some("test")
            && closing(tokens, open) == open + 5;
        if !is_outer || !is_test {
            continue;
        }
        let end = item_end(tokens, open + 6);
        tokens[open..end]
            .iter_mut()
            .for_each(|token| token.is_test = true);
    }
}

fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut at = start;
    while at < tokens.len() {
        match mark(tokens, at) {
            Some(';' | ',') => return at + 1,
            Some(')' | ']' | '}') => return at,
            Some('{') => return (closing(tokens, at) + 1).min(tokens.len()),
            Some('(' | '[') => at = closing(tokens, at) + 1,
            _ => at += 1,
        }
    }
    tokens.len()
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Reader {
    fn next(&mut self) -> Option<(Is, usize)> {
        self.skip_blank();
        let line = self.line;
        let first = *self.chars.get(self.at)?;
        if let Some((prefix, hashes)) = self.raw_text() {
            self.step(prefix + hashes + 1);
            return Some((Is::Text(self.rest_of_raw(hashes)), line));
        }
        if matches!(first, 'b' | 'c') && self.peek(1) == '"' {
            self.step(1);
        }
        if first == 'b' && self.peek(1) == '\'' {
            self.step(1);
        }
        let is = match self.peek(0) {
            '"' => {
                self.step(1);
                Is::Text(self.rest_of_text())
            }
            '\'' => {
                self.skip_character_or_lifetime();
                Is::Mark('0')
            }
            'r' if self.peek(1) == '#' && begins_name(self.peek(2)) => {
                self.step(2);
                Is::Name(self.word())
            }
            c if begins_name(c) => Is::Name(self.word()),
            c if c.is_ascii_digit() => {
                self.word();
                Is::Mark('0')
            }
            c => {
                self.step(1);
                Is::Mark(c)
            }
        };
        Some((is, line))
    }

    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn step(&mut self, count: usize) {
        let end = (self.at + count).min(self.chars.len());
        self.line += self.chars[self.at..end]
            .iter()
            .filter(|c| **c == '\n')
            .count();
        self.at = end;
    }

    fn skip_blank(&mut self) {
        loop {
            match (self.peek(0), self.peek(1)) {
                ('/', '/') => {
                    while self.at < self.chars.len() && self.peek(0) != '\n' {
                        self.step(1);
                    }
                }
                ('/', '*') => self.skip_block(),
                (c, _) if c.is_whitespace() => self.step(1),
                _ => return,
            }
        }
    }

    /// Block comments nest.
    fn skip_block(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    self.step(1);
                    continue;
                }
            }
            self.step(2);
            if depth == 0 {
                return;
            }
        }
    }

    /// The length of the prefix and the number of `#` when a raw string starts here.
    fn raw_text(&self) -> Option<(usize, usize)> {
        let prefix = match (self.peek(0), self.peek(1)) {
            ('r', _) => 1,
            ('b' | 'c', 'r') => 2,
            _ => return None,
        };
        let hashes = (0..).take_while(|n| self.peek(prefix + n) == '#').count();
        (self.peek(prefix + hashes) == '"').then_some((prefix, hashes))
    }

    fn rest_of_raw(&mut self, hashes: usize) -> String {
        let mut value = String::new();
        while self.at < self.chars.len() {
            let closes = self.peek(0) == '"' && (1..=hashes).all(|n| self.peek(n) == '#');
            if closes {
                self.step(hashes + 1);
                break;
            }
            value.push(self.peek(0));
            self.step(1);
        }
        value
    }

    /// Escapes are resolved: `\x6d` is a letter, and a backslash at the end of a line joins it with the next.
    fn rest_of_text(&mut self) -> String {
        let mut value = String::new();
        while self.at < self.chars.len() {
            let (c, next) = (self.peek(0), self.peek(1));
            self.step(1);
            match c {
                '"' => break,
                '\\' => {
                    self.step(1);
                    self.escape(next, &mut value);
                }
                c => value.push(c),
            }
        }
        value
    }

    fn escape(&mut self, kind: char, value: &mut String) {
        match kind {
            '\n' => {
                while self.peek(0).is_whitespace() {
                    self.step(1);
                }
            }
            'x' => {
                let digits: String = [self.peek(0), self.peek(1)].iter().collect();
                self.step(2);
                value.extend(u8::from_str_radix(&digits, 16).ok().map(char::from));
            }
            'u' => {
                let rest = &self.chars[self.at..];
                let digits: String = rest.iter().take_while(|c| **c != '}').collect();
                self.step(digits.chars().count() + 1);
                let digits = digits.replace(['{', '_'], "");
                let code = u32::from_str_radix(&digits, 16).ok();
                value.extend(code.and_then(char::from_u32));
            }
            'n' | 'r' | 't' | '0' => value.push(' '),
            other => value.push(other),
        }
    }

    fn skip_character_or_lifetime(&mut self) {
        self.step(1);
        if self.peek(0) == '\\' {
            self.step(2);
            while self.at < self.chars.len() && self.peek(0) != '\'' {
                self.step(1);
            }
            self.step(1);
        } else if self.peek(1) == '\'' {
            self.step(2);
        } else {
            self.word();
        }
    }

    fn word(&mut self) -> String {
        let rest = &self.chars[self.at..];
        let word: String = rest
            .iter()
            .take_while(|c| c.is_alphanumeric() || **c == '_')
            .collect();
        self.step(word.chars().count());
        word
    }
}

fn begins_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> Vec<String> {
        let tokens = tokens(source);
        let shown = tokens.iter().map(|token| match &token.is {
            Is::Name(name) => name.clone(),
            Is::Text(text) => format!("\"{text}\""),
            Is::Mark(mark) => mark.to_string(),
        });
        shown.collect()
    }

    #[test]
    fn comments_are_nothing_and_texts_are_their_values() {
        for (source, expected) in [
            ("a /* b /* c */ d */ e // f\ng", "a e g"),
            ("\"https://x\" b", "\"https://x\" b"),
            ("\"FROM mail\\\n    box_row\"", "\"FROM mailbox_row\""),
            ("\"\\x6d\\u{61}il\\\"s\"", "\"mail\"s\""),
            (
                "r#\"a\"b\"# br\"c\" b\"d\" c\"e\"",
                "\"a\"b\" \"c\" \"d\" \"e\"",
            ),
            ("r#mod 'a' '\\'' b'\"' 'life 1_000u8", "mod 0 0 0 0 0"),
        ] {
            assert_eq!(shown(source).join(" "), expected, "{source}");
        }
        let lines: Vec<_> = tokens("a\n\"b\nc\"\n/*\n*/ d")
            .iter()
            .map(|t| t.line)
            .collect();
        assert_eq!(lines, [1, 2, 5]);
    }

    #[test]
    fn only_what_cfg_test_covers_is_a_test() {
        for (source, expected) in [
            ("#[cfg(test)] mod tests { fn t() {} } fn p() {}", "p"),
            ("#[cfg(test)] #[path = \"x.rs\"] mod tests; fn p() {}", "p"),
            ("#[cfg(test)] use a::b; fn p() {}", "p"),
            ("#[cfg(any(test, not(test)))] fn p() {}", "p"),
            ("#[cfg(not(test))] fn p() {}", "p"),
            ("struct S { #[cfg(test)] t: u8, p: u8 }", "S p"),
            ("fn p() { #[cfg(test)] t() }", "p"),
        ] {
            let tokens = tokens(source);
            let left = tokens.iter().filter(|token| !token.is_test);
            let left: Vec<_> = left
                .filter_map(|token| match &token.is {
                    Is::Name(name) if name.len() == 1 => Some(name.as_str()),
                    _ => None,
                })
                .collect();
            assert_eq!(left.join(" "), expected, "{source}");
        }
    }

    #[test]
    fn a_file_is_a_test_only_when_no_product_code_declares_it() {
        let tree = tempfile::tempdir().expect("a folder");
        for (path, text) in [
            ("lib.rs", "#[cfg(test)] mod checks; mod room; mod both;"),
            ("checks.rs", "fn a() {}"),
            ("checks/deep.rs", "fn b() {}"),
            (
                "room.rs",
                "#[cfg(test)] #[path = \"room_tests.rs\"] mod tests;",
            ),
            ("room_tests.rs", "fn c() {}"),
            (
                "both.rs",
                "#[cfg(test)] mod twice; #[cfg(not(test))] mod twice;",
            ),
            ("both/twice.rs", "fn d() {}"),
        ] {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().expect("parent")).expect("made");
            fs::write(path, text).expect("written");
        }
        let sources = sources(tree.path()).expect("read");
        let tests: Vec<_> = sources
            .iter()
            .filter(|source| source.tokens.iter().all(|token| token.is_test))
            .map(|source| source.path.file_name().expect("a name").to_string_lossy())
            .collect();
        assert_eq!(tests, ["deep.rs", "checks.rs", "room_tests.rs"]);
        let depths: Vec<_> = sources.iter().map(|source| source.depth).collect();
        assert_eq!(depths, [2, 1, 2, 1, 0, 1, 1]);
    }
}
