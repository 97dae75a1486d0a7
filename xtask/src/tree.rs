//! The repository as text: which files are in it, and Rust sources without their comments.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every file below `root` that is in the repository or could be added to it, relative and sorted.
pub fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .current_dir(root)
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ])
        .output()
        .context("git does not start")?;
    if !output.status.success() {
        bail!(
            "git ls-files: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let listed = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    let mut files: Vec<_> = listed
        .split('\0')
        .filter(|name| !name.is_empty() && root.join(name).is_file())
        .map(PathBuf::from)
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// Every file below `folder` with one of the endings, sorted; nothing when the folder is missing.
pub fn below(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|e| endings.iter().any(|wanted| e == *wanted))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The source with line comments blanked, so that a link in a comment is not taken for a use. Lines keep their numbers.
pub fn without_comments(source: &str) -> String {
    let code = |line: &str| match line.find("//") {
        // `https://` inside a string is not a comment; the rest of such a line stays.
        Some(at) if !line[..at].ends_with(':') => line[..at].to_owned(),
        _ => line.to_owned(),
    };
    source.lines().map(code).collect::<Vec<_>>().join("\n")
}

/// The words (letters, digits, underscore) of a text with their byte offsets.
pub fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + text[rest..].find(is_word)?;
        let end = text[start..]
            .find(|c| !is_word(c))
            .map_or(text.len(), |n| start + n);
        rest = end;
        Some((start, &text[start..end]))
    })
}

/// The path as it is called in the repository.
pub fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

pub fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// Says every fault and fails, or says nothing.
pub fn verdict(what: &str, faults: Vec<String>) -> Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    for fault in &faults {
        eprintln!("{what}: {fault}");
    }
    bail!("{what}: {} found", faults.len());
}
