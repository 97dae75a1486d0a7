//! `web/dist` as one file for the server. The format is `docs/decisions/0001-web-pack.md`.

#[path = "../../crates/server/src/app/web/served.rs"]
mod served;

use anyhow::{Context, Result, bail};
use served::{content_type, is_hashed};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"SCWEBPK1";
const IMMUTABLE: u8 = 1;
const ENTRIES_MAX: usize = 4096;

/// Packs `web/dist` into `target/web.pack`, brotli at `quality` (0 to 11).
pub fn run(quality: u32) -> Result<()> {
    if quality > 11 {
        bail!("brotli knows qualities 0 to 11");
    }
    let dist = crate::root().join("web/dist");
    let mut files = Vec::new();
    collect(&dist, &dist, &mut files).context("web/dist is missing: build the web app first")?;
    files.sort();
    if !files.iter().any(|(name, _)| name == "/index.html") {
        bail!("web/dist has no index.html");
    }
    let entries = files
        .into_iter()
        .map(|(name, path)| Ok(Entry::new(name, fs::read(path)?, quality)))
        .collect::<Result<Vec<_>>>()?;
    let packed = encode(&entries)?;
    let out = crate::root().join("target/web.pack");
    fs::create_dir_all(out.parent().context("no parent")?)?;
    fs::write(&out, &packed)?;
    println!(
        "web pack: {} files, {} KiB",
        entries.len(),
        packed.len() / 1024
    );
    Ok(())
}

struct Entry {
    path: String,
    content_type: &'static str,
    immutable: bool,
    identity: Vec<u8>,
    /// Empty when brotli does not make it smaller.
    brotli: Vec<u8>,
}

impl Entry {
    fn new(path: String, identity: Vec<u8>, quality: u32) -> Self {
        let compressed = compress(&identity, quality);
        let brotli = if compressed.len() < identity.len() {
            compressed
        } else {
            Vec::new()
        };
        Self {
            content_type: content_type(&path),
            immutable: is_hashed(&path),
            path,
            identity,
            brotli,
        }
    }
}

fn encode(entries: &[Entry]) -> Result<Vec<u8>> {
    if entries.len() > ENTRIES_MAX {
        bail!("more than {ENTRIES_MAX} files");
    }
    let table: usize = entries
        .iter()
        .map(|e| 2 + e.path.len() + 2 + e.content_type.len() + 1 + 16 + 16)
        .sum();
    let mut offset = MAGIC.len() + 4 + table;
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&u32::try_from(entries.len())?.to_le_bytes());
    for entry in entries {
        for text in [entry.path.as_str(), entry.content_type] {
            out.extend_from_slice(&u16::try_from(text.len())?.to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out.push(if entry.immutable { IMMUTABLE } else { 0 });
        out.extend_from_slice(&sha256(&entry.identity)[..16]);
        for blob in [&entry.identity, &entry.brotli] {
            out.extend_from_slice(&u32::try_from(offset)?.to_le_bytes());
            out.extend_from_slice(&u32::try_from(blob.len())?.to_le_bytes());
            offset += blob.len();
        }
    }
    for entry in entries {
        out.extend_from_slice(&entry.identity);
        out.extend_from_slice(&entry.brotli);
    }
    if out.len() != offset {
        bail!("the table and the blobs disagree");
    }
    Ok(out)
}

fn collect(top: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(top, &path, files)?;
        } else {
            let name = path
                .strip_prefix(top)?
                .to_str()
                .context("a file name is not UTF-8")?;
            files.push((format!("/{}", name.replace('\\', "/")), path));
        }
    }
    Ok(())
}

fn compress(bytes: &[u8], quality: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut out, 1 << 16, quality, 22);
    let written = writer.write_all(bytes);
    drop(writer);
    // A vector takes everything; an empty result means "identity only", which is always right.
    if written.is_ok() { out } else { Vec::new() }
}

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_bytes_are_found_where_the_table_says() {
        let page = b"<!doctype html>".repeat(40);
        let entries = [
            Entry::new("/a.png".into(), vec![7], 9),
            Entry::new("/index.html".into(), page.clone(), 9),
        ];
        let out = encode(&entries).expect("encodes");
        assert_eq!(&out[..8], MAGIC);
        assert_eq!(out[8..12], 2u32.to_le_bytes());
        let number =
            |at: usize| u32::from_le_bytes(out[at..at + 4].try_into().expect("four")) as usize;
        // Entry 0: path, type, flags, etag, then the four numbers.
        let first = 12 + 2 + "/a.png".len() + 2 + "image/png".len() + 1 + 16;
        assert_eq!(&out[number(first)..number(first) + number(first + 4)], &[7]);
        assert_eq!(number(first + 12), 0, "one byte does not get smaller");
        let second =
            first + 16 + 2 + "/index.html".len() + 2 + "text/html; charset=utf-8".len() + 1 + 16;
        assert_eq!(
            &out[number(second)..number(second) + number(second + 4)],
            &page[..]
        );
        let packed = &out[number(second + 8)..number(second + 8) + number(second + 12)];
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut &packed[..], &mut unpacked).expect("brotli opens");
        assert_eq!(unpacked, page);
        assert_eq!(number(second + 8) + number(second + 12), out.len());
    }
}
