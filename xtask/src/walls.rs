//! The walls of ARCHITECTURE.md as a check: which crate may use and link which, which room of the server knows which,
//! and what the pure crates never contain. Every rule is a plain function over a folder, tried on planted violations.

#[cfg(test)]
mod bans;
mod graph;
mod manifests;
mod pure;
mod rooms;
mod sources;
mod tables;

use crate::tree;
use anyhow::Result;
use std::path::Path;

pub fn run() -> Result<()> {
    tree::verdict("walls", faults(&crate::root())?)
}

fn faults(root: &Path) -> Result<Vec<String>> {
    let mut faults = graph::missing_or_unknown(&root.join("crates"))?;
    faults.extend(manifests::without_lints(root)?);
    faults.extend(graph::links()?);
    faults.extend(rooms::faults(&root.join("crates/server/src"))?);
    faults.extend(pure::faults(root)?);
    faults.extend(sources::faults(root)?);
    Ok(faults)
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_tree_holds_its_walls() {
        let faults = super::faults(&crate::root()).expect("the tree can be read");
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
