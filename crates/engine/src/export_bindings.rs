//! Writes the TypeScript form of the engine's words, when asked (`cargo xtask types`); compares it otherwise.

#![allow(clippy::disallowed_methods)] // The generated types are files.

use crate::{api, shell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use ts_rs::{Config, TS};

/// With `TS_RS_EXPORT_DIR` set it writes there; without, the committed types must be what this would write.
#[test]
fn exports_typescript_types() {
    let asked = std::env::var_os("TS_RS_EXPORT_DIR").map(PathBuf::from);
    let scratch = tempfile::tempdir().unwrap();
    let target = asked
        .clone()
        .unwrap_or_else(|| scratch.path().to_path_buf());
    let config = Config::new().with_large_int("number").with_out_dir(&target);
    api::Query::export_all(&config).unwrap();
    api::View::export_all(&config).unwrap();
    shell::Input::export_all(&config).unwrap();
    shell::Output::export_all(&config).unwrap();
    if asked.is_none() {
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/src/core/generated");
        let (committed, made) = (read(&committed), read(&target));
        // Names alone: the texts would fill a screen.
        let stale: Vec<&String> = committed
            .keys()
            .chain(made.keys())
            .filter(|name| committed.get(*name) != made.get(*name))
            .collect();
        assert!(stale.is_empty(), "run `cargo xtask types`: {stale:?}");
    }
}

fn read(folder: &Path) -> BTreeMap<String, String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect()
}
