//! What the manifests of our crates bring in beside the graph: code from elsewhere, programs that run while building,
//! dependencies on machines nobody looks at, and every new dependency of a pure crate.

use super::graph::has_row;
use crate::tree;
use anyhow::Result;
use cargo_metadata::{DependencyKind, Package, TargetKind};
use std::fs;
use std::path::Path;

/// All that a pure crate uses directly: a new one may bring files, sockets or a clock, so it is looked at first.
const PURE_USES: [(&str, &[&str]); 3] = [
    (
        "proto",
        &[
            "serde",
            "thiserror",
            "prost",
            "base64ct",
            "bytes",
            "utoipa",
            "ts-rs",
        ],
    ),
    (
        "crypto",
        &[
            "vodozemac",
            "rmp-serde",
            "hpke",
            "ed25519-dalek",
            "x25519-dalek",
            "hkdf",
            "hmac",
            "sha2",
            "aes-gcm",
            "argon2",
            "opaque-ke",
            "rand",
            "zeroize",
            "subtle",
            "thiserror",
            "serde",
            "prost",
            "getrandom",
        ],
    ),
    (
        "engine",
        &[
            "serde",
            "serde_json",
            "thiserror",
            "prost",
            "zeroize",
            "rusqlite",
            "sqlite-wasm-rs",
        ],
    ),
];

/// Crates that may run a program while they are built.
const BUILD_SCRIPTS: [&str; 1] = ["sim"];

/// The two machines the graph is looked at for; what a crate uses only on another one would not be seen.
const CONDITIONS: [&str; 2] = [
    "cfg(target_arch = \"wasm32\")",
    "cfg(not(target_arch = \"wasm32\"))",
];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What a manifest says beside the graph: where its code comes from, when it runs, on which machines it uses what.
pub fn faults(package: &Package, root: &Path) -> Vec<String> {
    let name = package.name.as_str();
    if let Some(source) = &package.source {
        let is_known = source.repr == CRATES_IO;
        let fault = (!is_known).then(|| format!("{name} comes from {}", source.repr));
        return fault.into_iter().collect();
    }
    let home = package
        .manifest_path
        .parent()
        .map_or(Path::new(""), |home| home.as_std_path());
    let folder = home
        .strip_prefix(root.join("crates"))
        .unwrap_or(Path::new(""))
        .display()
        .to_string();
    if name == "xtask" && home == root.join("xtask") {
        return Vec::new();
    }
    let mut faults = Vec::new();
    if name != format!("securechat-{folder}") || !has_row(&folder) {
        faults.push(format!(
            "{name} in `{}` has no row in the table of walls",
            tree::shown(root, home)
        ));
    }
    for target in &package.targets {
        if !target.src_path.as_std_path().starts_with(home) {
            faults.push(format!("{name} is built from a file outside its folder"));
        }
        if target.kind.contains(&TargetKind::CustomBuild)
            && !BUILD_SCRIPTS.contains(&folder.as_str())
        {
            faults.push(format!("{name} runs a program while it is built"));
        }
    }
    let uses = PURE_USES
        .iter()
        .find(|(pure, _)| *pure == folder)
        .map(|(_, uses)| *uses);
    for used in package
        .dependencies
        .iter()
        .filter(|used| used.kind != DependencyKind::Development)
    {
        if used.kind == DependencyKind::Build && !BUILD_SCRIPTS.contains(&folder.as_str()) {
            faults.push(format!("{name} uses {} while it is built", used.name));
        }
        if let Some(condition) = used.target.as_ref().map(ToString::to_string)
            && !CONDITIONS.contains(&condition.as_str())
        {
            faults.push(format!(
                "{name} uses {} where nobody looks: {condition}",
                used.name
            ));
        }
        let is_ours = used.name.starts_with("securechat-");
        if uses.is_some_and(|uses| !is_ours && !uses.contains(&used.name.as_str())) {
            faults.push(format!(
                "{name} is pure and {} is not on its list",
                used.name
            ));
        }
    }
    faults
}

/// Crates that leave the lints of the workspace (`unsafe_code`, order of hash maps) behind.
pub fn without_lints(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for folder in fs::read_dir(root.join("crates"))? {
        let manifest = folder?.path().join("Cargo.toml");
        if manifest.is_file() && !has_lints(&fs::read_to_string(&manifest)?) {
            faults.push(format!(
                "{} leaves the lints of the workspace behind",
                tree::shown(root, &manifest)
            ));
        }
    }
    Ok(faults)
}

fn has_lints(manifest: &str) -> bool {
    let mut lines = manifest
        .lines()
        .skip_while(|line| line.trim() != "[lints]")
        .skip(1);
    lines
        .next()
        .is_some_and(|line| line.trim() == "workspace = true")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate of ours whose manifest is as planted.
    fn planted(folder: &str, dependencies: &str, targets: &str) -> Package {
        let text = format!(
            r#"{{"name":"securechat-{folder}","version":"0.1.0","id":"x","source":null,"features":{{}},"edition":"2024",
                "manifest_path":"/tree/crates/{folder}/Cargo.toml","dependencies":[{dependencies}],"targets":[{targets}]}}"#
        );
        serde_json::from_str(&text).expect("a package")
    }

    fn dependency(name: &str, kind: &str, target: &str) -> String {
        format!(
            r#"{{"name":"{name}","req":"1","kind":{kind},"target":{target},"optional":false,"rename":null,
                "uses_default_features":true,"features":[],"source":null,"registry":null,"path":null}}"#
        )
    }

    fn target(kind: &str, path: &str) -> String {
        format!(
            r#"{{"name":"t","kind":["{kind}"],"crate_types":["lib"],"src_path":"{path}","edition":"2024",
                "doctest":true,"test":true,"doc":true}}"#
        )
    }

    #[test]
    fn what_a_manifest_brings_in_beside_the_graph_is_found() {
        let tree = Path::new("/tree");
        let here = target("lib", "/tree/crates/engine/src/lib.rs");
        let wasm = r#""cfg(target_arch = \"wasm32\")""#;
        for (dependencies, targets, expected) in [
            (dependency("rusqlite", "null", wasm), here.clone(), None),
            (
                dependency("tempfile", r#""dev""#, "null"),
                here.clone(),
                None,
            ),
            (
                dependency("ureq", "null", "null"),
                here.clone(),
                Some("securechat-engine is pure and ureq is not on its list"),
            ),
            (
                dependency("prost", r#""build""#, "null"),
                here.clone(),
                Some("securechat-engine uses prost while it is built"),
            ),
            (
                dependency("securechat-crypto", "null", r#""cfg(windows)""#),
                here,
                Some("securechat-engine uses securechat-crypto where nobody looks: cfg(windows)"),
            ),
            (
                String::new(),
                target("lib", "/tree/crates/server/src/lib.rs"),
                Some("securechat-engine is built from a file outside its folder"),
            ),
            (
                String::new(),
                target("custom-build", "/tree/crates/engine/build.rs"),
                Some("securechat-engine runs a program while it is built"),
            ),
        ] {
            let found = faults(&planted("engine", &dependencies, &targets), tree);
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_crate_under_another_name_or_of_another_source_is_found() {
        let tree = Path::new("/tree");
        let mut hidden = planted("engine", "", "");
        hidden.manifest_path = "/tree/vendor/engine/Cargo.toml".into();
        let found = faults(&hidden, tree);
        assert_eq!(
            found,
            ["securechat-engine in `vendor/engine` has no row in the table of walls"]
        );
        hidden.source = Some(cargo_metadata::Source {
            repr: "git+https://example.org/x".into(),
        });
        let found = faults(&hidden, tree);
        assert_eq!(
            found,
            ["securechat-engine comes from git+https://example.org/x"]
        );
        assert!(has_lints("[package]\n[lints]\nworkspace = true\n"));
        assert!(!has_lints("[lints.rust]\nunsafe_code = \"allow\"\n"));
    }
}
