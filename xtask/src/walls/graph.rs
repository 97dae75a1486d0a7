//! Who may use whom among our crates, and what each must never link, over `cargo metadata`.

use super::manifests;
use crate::policy;
use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// One row of the table in ARCHITECTURE.md.
struct Crate {
    /// Folder below `crates/`; the package is `securechat-<folder>`.
    folder: &'static str,
    may_use: &'static [&'static str],
    /// Packages that must not be in its normal dependencies, however deep. A final `*` stands for any ending.
    never: &'static [&'static str],
    /// For a crate that does not exist yet: the issue that brings it.
    brought_by: Option<&'static str>,
}

const CRYPTO_LIBRARIES: &[&str] = &[
    "vodozemac",
    "openmls*",
    "hpke*",
    "sframe",
    "ed25519-dalek",
    "x25519-dalek",
    "opaque-ke",
    "aes-gcm",
    "argon2",
    "hkdf",
    "hmac",
    "sha2",
    "ring",
    "aws-lc-*",
    "rustls",
    "openssl*",
];
const NETWORK: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "hyper",
    "axum",
    "reqwest",
    "tungstenite",
    "tokio-tungstenite",
];
const DECRYPTION: &[&str] = &[
    "securechat-crypto",
    "securechat-engine",
    "securechat-media-seal",
    "vodozemac",
    "openmls*",
    "hpke*",
    "sframe",
];

const CRATES: &[Crate] = &[
    Crate {
        folder: "proto",
        may_use: &[],
        never: &["rusqlite", "libsqlite3-sys"],
        brought_by: None,
    },
    Crate {
        folder: "crypto",
        may_use: &["proto"],
        never: &["rusqlite", "libsqlite3-sys"],
        brought_by: None,
    },
    Crate {
        folder: "media-seal",
        may_use: &[],
        never: &["tokio"],
        brought_by: Some("the issue of calls"),
    },
    Crate {
        folder: "engine",
        may_use: &["proto", "crypto"],
        never: &["chrono", "web-sys"],
        brought_by: None,
    },
    Crate {
        folder: "media-relay",
        may_use: &["proto"],
        never: DECRYPTION,
        brought_by: Some("the issue of calls"),
    },
    Crate {
        folder: "server",
        may_use: &["proto", "media-relay"],
        never: DECRYPTION,
        brought_by: None,
    },
    Crate {
        folder: "wasm",
        may_use: &["proto", "engine"],
        never: &["securechat-server"],
        brought_by: None,
    },
    Crate {
        folder: "cli",
        may_use: &["proto", "engine", "media-seal"],
        never: &["securechat-server"],
        brought_by: None,
    },
    Crate {
        folder: "sim",
        may_use: &[
            "proto",
            "crypto",
            "engine",
            "server",
            "media-seal",
            "media-relay",
        ],
        never: &[],
        brought_by: None,
    },
];

pub(super) fn has_row(folder: &str) -> bool {
    CRATES.iter().any(|row| row.folder == folder)
}

/// Crates without a row, and rows without a crate or an issue that brings it.
pub fn missing_or_unknown(crates: &Path) -> Result<Vec<String>> {
    let mut there = BTreeSet::new();
    for entry in fs::read_dir(crates)? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            there.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    let mut faults = Vec::new();
    for row in CRATES {
        if row.brought_by.is_none() && !there.remove(row.folder) {
            faults.push(format!(
                "crates/{} is missing and no issue brings it",
                row.folder
            ));
        } else if row.brought_by.is_some() && there.remove(row.folder) {
            faults.push(format!(
                "crates/{} exists: take `brought_by` out of its row",
                row.folder
            ));
        }
    }
    faults.extend(
        there
            .iter()
            .map(|folder| format!("crates/{folder} has no row in the table of walls")),
    );
    Ok(faults)
}

/// The real graph, on the host and in the browser, against the table.
pub fn links() -> Result<Vec<String>> {
    let mut faults = BTreeSet::new();
    for target in policy::TARGETS {
        let metadata = policy::metadata(target)?;
        for package in &metadata.packages {
            faults.extend(manifests::faults(package, &crate::root()));
        }
        let graph = Graph::of(&metadata)?;
        faults.extend(
            CRATES
                .iter()
                .flat_map(|row| row_faults(row, &graph))
                .map(|f| format!("{f} ({target})")),
        );
    }
    Ok(faults.into_iter().collect())
}

/// Package name -> names of its normal dependencies.
struct Graph(BTreeMap<String, BTreeSet<String>>);

impl Graph {
    fn of(metadata: &Metadata) -> Result<Self> {
        let names: BTreeMap<_, _> = metadata
            .packages
            .iter()
            .map(|p| (&p.id, p.name.to_string()))
            .collect();
        let resolve = metadata.resolve.as_ref().context("no resolve graph")?;
        let mut graph = BTreeMap::<_, BTreeSet<_>>::new();
        for node in &resolve.nodes {
            let normal = node
                .deps
                .iter()
                .filter(|d| d.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal));
            let normal = normal.filter_map(|d| names.get(&d.pkg).cloned());
            // Two versions of a package are one name: their dependencies are joined, which can only find more.
            graph
                .entry(names[&node.id].clone())
                .or_default()
                .extend(normal);
        }
        Ok(Self(graph))
    }

    fn direct(&self, name: &str) -> impl Iterator<Item = &String> {
        self.0.get(name).into_iter().flatten()
    }

    fn closure(&self, name: &str) -> BTreeSet<&String> {
        let mut seen = BTreeSet::new();
        let mut next: Vec<_> = self.direct(name).collect();
        while let Some(name) = next.pop() {
            if seen.insert(name) {
                next.extend(self.direct(name));
            }
        }
        seen
    }
}

fn row_faults(row: &Crate, graph: &Graph) -> Vec<String> {
    let package = format!("securechat-{}", row.folder);
    let mut never = row.never.to_vec();
    match row.folder {
        "proto" => never.extend(CRYPTO_LIBRARIES.iter().chain(NETWORK)),
        "crypto" | "engine" => never.extend(NETWORK),
        _ => {}
    }
    let mut faults = Vec::new();
    for used in graph
        .direct(&package)
        .filter_map(|name| name.strip_prefix("securechat-"))
    {
        if !row.may_use.contains(&used) {
            faults.push(format!("{package} may not use securechat-{used}"));
        }
    }
    for linked in graph.closure(&package) {
        if never.iter().any(|pattern| matches(pattern, linked)) {
            faults.push(format!("{package} must never link {linked}"));
        }
    }
    faults
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == name, |prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> Graph {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Graph(
            edges
                .iter()
                .map(|(from, to)| ((*from).to_owned(), owned(to)))
                .collect(),
        )
    }

    fn row(folder: &str) -> &'static Crate {
        CRATES
            .iter()
            .find(|row| row.folder == folder)
            .expect("a row")
    }

    #[test]
    fn a_relay_that_could_decrypt_is_found_however_deep() {
        let edges: &[(&str, &[&str])] = &[
            ("securechat-server", &["helpful"]),
            ("helpful", &["hpke-rs"]),
        ];
        assert_eq!(
            row_faults(row("server"), &graph(edges)),
            ["securechat-server must never link hpke-rs"]
        );
        let edges: &[(&str, &[&str])] = &[("securechat-server", &["securechat-proto", "axum"])];
        assert!(row_faults(row("server"), &graph(edges)).is_empty());
    }

    #[test]
    fn a_crate_of_ours_outside_the_table_is_found() {
        let edges: &[(&str, &[&str])] = &[("securechat-wasm", &["securechat-crypto"])];
        assert_eq!(
            row_faults(row("wasm"), &graph(edges)),
            ["securechat-wasm may not use securechat-crypto"]
        );
        let edges: &[(&str, &[&str])] = &[("securechat-engine", &["tokio"])];
        assert_eq!(
            row_faults(row("engine"), &graph(edges)),
            ["securechat-engine must never link tokio"]
        );
        let edges: &[(&str, &[&str])] = &[("securechat-proto", &["sha2"])];
        assert_eq!(
            row_faults(row("proto"), &graph(edges)),
            ["securechat-proto must never link sha2"]
        );
    }

    #[test]
    fn a_missing_crate_must_name_its_issue_and_an_unknown_one_needs_a_row() {
        let tree = tempfile::tempdir().expect("a folder");
        for row in CRATES
            .iter()
            .filter(|row| row.brought_by.is_none() && row.folder != "sim")
        {
            std::fs::create_dir(tree.path().join(row.folder)).expect("made");
            std::fs::write(tree.path().join(row.folder).join("Cargo.toml"), "").expect("written");
        }
        let missing = missing_or_unknown(tree.path()).expect("read");
        assert_eq!(missing, ["crates/sim is missing and no issue brings it"]);
        for folder in ["sim", "media-seal", "telemetry"] {
            std::fs::create_dir(tree.path().join(folder)).expect("made");
            std::fs::write(tree.path().join(folder).join("Cargo.toml"), "").expect("written");
        }
        let unknown = missing_or_unknown(tree.path()).expect("read");
        assert_eq!(unknown.len(), 2, "{unknown:?}");
        assert!(
            unknown[0].contains("media-seal") && unknown[1].contains("telemetry"),
            "{unknown:?}"
        );
    }
}
