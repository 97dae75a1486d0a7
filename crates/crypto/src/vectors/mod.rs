//! Known-answer files: computed here step by step, compared with what the rooms compute and with what is on disk.
//!
//! `SECURECHAT_WRITE_VECTORS=1 cargo test -p securechat-crypto vectors` writes the files again after a change of the
//! protocol; without it a difference fails. The frozen wire samples are never written again: they must keep opening.

#![allow(clippy::disallowed_methods)] // Known answers are files.

mod handshake;
mod samples;
mod sealing;

use serde_json::Value;
use std::path::PathBuf;

pub(super) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/protocol/vectors")
        .join(name)
}

pub(super) fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(path(name)).expect("the known-answer file exists");
    serde_json::from_str(&text).expect("the known-answer file is JSON")
}

pub(super) fn write(name: &str, value: &Value) {
    let mut text = serde_json::to_string_pretty(value).unwrap();
    text.push('\n');
    std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
    std::fs::write(path(name), text).unwrap();
}

/// Compares with the file, or writes it when asked to.
pub(super) fn check(name: &str, computed: &Value) {
    if std::env::var_os("SECURECHAT_WRITE_VECTORS").is_some() {
        write(name, computed);
    }
    let stored = read(name);
    let (Value::Array(computed), Value::Array(stored)) = (&computed["cases"], &stored["cases"])
    else {
        panic!("{name}: no cases")
    };
    assert_eq!(computed.len(), stored.len(), "{name}");
    for (computed, stored) in computed.iter().zip(stored) {
        for (field, value) in computed.as_object().unwrap() {
            assert_eq!(value, &stored[field], "{name}: {} {field}", stored["name"]);
        }
    }
}

pub(super) fn hex(bytes: impl AsRef<[u8]>) -> Value {
    Value::String(
        bytes
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
}

pub(super) fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("a hex string");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
