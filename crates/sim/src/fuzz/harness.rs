//! Where corpora are, and how several byte strings share one sample.

use std::path::PathBuf;

/// `fuzz/corpus/TARGET` in this tree.
pub fn corpus_folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target)
}

/// The committed samples of a target by name, sorted, so that a run repeats.
///
/// # Errors
/// The folder or a file cannot be read.
pub fn read_corpus(target: &str) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(corpus_folder(target))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        samples.push((name, std::fs::read(entry.path())?));
    }
    samples.sort();
    Ok(samples)
}

/// Several byte strings in one: (length u16 || bytes)*.
pub(super) fn join<B: AsRef<[u8]>>(parts: &[B]) -> Vec<u8> {
    let mut joined = Vec::new();
    for part in parts.iter().map(AsRef::as_ref) {
        let length = u16::try_from(part.len()).expect("samples are small");
        joined.extend_from_slice(&length.to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

/// Reads [`join`]; a last part that is cut short is taken as it is.
pub(super) fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (part, rest) = rest.split_at(length);
        parts.push(part);
        bytes = rest;
    }
    parts
}
