//! What may not be in the dependency graph: algorithms and licences (SECURITY.md lists the approved ones).

use crate::tree;
use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package};
use std::collections::{BTreeMap, BTreeSet};

/// Both machines we build for: the host and the browser.
pub const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "wasm32-unknown-unknown"];

/// A crate that brings a refused algorithm, and who may pull it in all the same, with the reason.
struct Refused {
    name: &'static str,
    except: &'static [(&'static str, &'static str)],
}

const REFUSED: &[Refused] = &[
    Refused {
        name: "sha1",
        except: &[
            (
                "axum",
                "RFC 6455 names SHA-1 for the WebSocket accept header",
            ),
            (
                "tungstenite",
                "RFC 6455 names SHA-1 for the WebSocket accept header",
            ),
        ],
    },
    Refused {
        name: "md-5",
        except: &[(
            "postgres-protocol",
            "PostgreSQL's old password method; servers of today ask for SCRAM",
        )],
    },
    Refused {
        name: "md5",
        except: &[],
    },
    Refused {
        name: "md4",
        except: &[],
    },
    Refused {
        name: "sha-1",
        except: &[],
    },
    Refused {
        name: "sha1_smol",
        except: &[],
    },
    Refused {
        name: "sha1-checked",
        except: &[],
    },
    Refused {
        name: "rsa",
        except: &[],
    },
    Refused {
        name: "ecb",
        except: &[],
    },
    Refused {
        name: "des",
        except: &[],
    },
    Refused {
        name: "rc4",
        except: &[],
    },
    Refused {
        name: "rc2",
        except: &[],
    },
    Refused {
        name: "blowfish",
        except: &[],
    },
    Refused {
        name: "bcrypt",
        except: &[],
    },
    Refused {
        name: "rust-crypto",
        except: &[],
    },
    Refused {
        name: "libsignal-protocol",
        except: &[],
    },
];

/// Licences anybody may ship under MIT with. One licence of an `OR` is enough; every part of an `AND` is needed.
const ALLOWED: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "CC0-1.0",
    "Unlicense",
    "Unicode-3.0",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    // SQLite and the public domain parts of sqlite3mc.
    "blessing",
    "WTFPL",
];

/// MPL-2.0 crates, unmodified, each by name; NOTICE lists them.
const MPL_BY_NAME: &[&str] = &[];

pub fn run() -> Result<()> {
    let mut faults = BTreeSet::new();
    for target in TARGETS {
        let metadata = metadata(target)?;
        let packages = used(&metadata)?;
        faults.extend(
            packages
                .values()
                .filter_map(|package| licence_fault(package)),
        );
        let users = users(&metadata)?;
        let names = |id: &str| {
            packages
                .get(id)
                .map(|p| p.name.to_string())
                .unwrap_or_default()
        };
        for (id, package) in &packages {
            let users: Vec<_> = users
                .get(id)
                .into_iter()
                .flatten()
                .map(|user| names(user))
                .collect();
            faults.extend(algorithm_faults(&package.name, &users));
        }
    }
    tree::verdict("dependencies", faults.into_iter().collect())
}

/// The whole graph with all features for one machine.
pub fn metadata(target: &str) -> Result<Metadata> {
    MetadataCommand::new()
        .manifest_path(crate::root().join("Cargo.toml"))
        .features(cargo_metadata::CargoOpt::AllFeatures)
        .other_options(vec![
            "--filter-platform".into(),
            target.into(),
            "--locked".into(),
        ])
        .exec()
        .context("cargo metadata")
}

fn used(metadata: &Metadata) -> Result<BTreeMap<String, &Package>> {
    let resolve = metadata.resolve.as_ref().context("no resolve graph")?;
    let ids: BTreeSet<_> = resolve
        .nodes
        .iter()
        .map(|node| node.id.repr.clone())
        .collect();
    let packages = metadata
        .packages
        .iter()
        .filter(|p| ids.contains(&p.id.repr));
    Ok(packages.map(|p| (p.id.repr.clone(), p)).collect())
}

fn users(metadata: &Metadata) -> Result<BTreeMap<String, Vec<String>>> {
    let resolve = metadata.resolve.as_ref().context("no resolve graph")?;
    let mut users = BTreeMap::<String, Vec<String>>::new();
    for node in &resolve.nodes {
        for dependency in &node.deps {
            users
                .entry(dependency.pkg.repr.clone())
                .or_default()
                .push(node.id.repr.clone());
        }
    }
    Ok(users)
}

fn algorithm_faults(name: &str, users: &[String]) -> Vec<String> {
    let Some(refused) = REFUSED.iter().find(|refused| refused.name == name) else {
        return Vec::new();
    };
    let unexcused = users
        .iter()
        .filter(|user| !refused.except.iter().any(|(allowed, _)| allowed == user));
    unexcused
        .map(|user| format!("`{name}` is refused and `{user}` uses it"))
        .collect()
}

fn licence_fault(package: &Package) -> Option<String> {
    let expression = package.license.as_deref().unwrap_or_default();
    if licence_allowed(&package.name, expression) {
        return None;
    }
    Some(format!(
        "`{}` has licence `{expression}`, which is not on the list",
        package.name
    ))
}

/// SPDX expressions as they occur: `OR` of `AND`, with one level of brackets; the old `A/B` means OR.
fn licence_allowed(name: &str, expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let tokens = expression.replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<_> = tokens.split_whitespace().collect();
    let mut at = 0;
    let allowed = either(name, &tokens, &mut at);
    allowed && at == tokens.len()
}

fn either(name: &str, tokens: &[&str], at: &mut usize) -> bool {
    let mut allowed = both(name, tokens, at);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        // Evaluated always: the position must move past the right-hand side.
        let right = both(name, tokens, at);
        allowed = allowed || right;
    }
    allowed
}

fn both(name: &str, tokens: &[&str], at: &mut usize) -> bool {
    let mut allowed = single(name, tokens, at);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        let right = single(name, tokens, at);
        allowed = allowed && right;
    }
    allowed
}

fn single(name: &str, tokens: &[&str], at: &mut usize) -> bool {
    let Some(token) = tokens.get(*at) else {
        return false;
    };
    *at += 1;
    if *token == "(" {
        let allowed = either(name, tokens, at);
        let closed = tokens.get(*at) == Some(&")");
        *at += 1;
        return allowed && closed;
    }
    let mut licence = (*token).to_owned();
    if tokens.get(*at) == Some(&"WITH") {
        licence = format!("{token} WITH {}", tokens.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    ALLOWED.contains(&licence.as_str()) || (licence == "MPL-2.0" && MPL_BY_NAME.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_read_as_spdx() {
        for (expression, allowed) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0 OR MIT", true),
            ("(MIT OR GPL-2.0) AND Unicode-3.0", true),
            ("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true),
            ("GPL-3.0", false),
            ("AGPL-3.0-only", false),
            ("MIT AND AGPL-3.0-only", false),
            ("MPL-2.0", false),
            ("MIT AND (GPL-2.0 OR LGPL-3.0)", false),
            ("", false),
            ("MIT OR", true),
            ("(MIT", false),
        ] {
            assert_eq!(
                licence_allowed("some-crate", expression),
                allowed,
                "{expression}"
            );
        }
    }

    #[test]
    fn a_refused_algorithm_is_found_unless_its_user_is_excused() {
        assert_eq!(
            algorithm_faults("sha1", &["axum".into(), "tungstenite".into()]),
            Vec::<String>::new()
        );
        assert_eq!(
            algorithm_faults("sha1", &["securechat-server".into()]).len(),
            1
        );
        assert_eq!(algorithm_faults("rsa", &["jsonwebtoken".into()]).len(), 1);
        assert_eq!(
            algorithm_faults("sha2", &["anything".into()]),
            Vec::<String>::new()
        );
    }
}
