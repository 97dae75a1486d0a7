//! Generated sources: committed, so that a build needs no generator; lint compares.

use anyhow::{Context, Result, bail};
use std::fs;

/// Compiles `crates/proto/schema/*.proto` to `crates/proto/src/generated/`.
pub fn protobuf(check: bool) -> Result<()> {
    let proto = crate::root().join("crates/proto");
    let schema = proto.join("schema");
    let generated = proto.join("src/generated");
    let files = ["socket.proto", "content.proto"].map(|name| schema.join(name));
    let descriptors = protox::compile(files, [&schema]).context("schema does not compile")?;
    let scratch = crate::root().join("target/generated");
    fs::create_dir_all(&scratch)?;
    let mut config = prost_build::Config::new();
    config.out_dir(&scratch);
    config.compile_fds(descriptors)?;
    fs::create_dir_all(&generated)?;
    for entry in fs::read_dir(&scratch)? {
        let entry = entry?;
        let fresh = fs::read_to_string(entry.path())?;
        let target = generated.join(entry.file_name());
        if check {
            let held = fs::read_to_string(&target).unwrap_or_default();
            if held != fresh {
                bail!("{} is out of date: run `cargo xtask gen`", target.display());
            }
        } else {
            fs::write(&target, fresh)?;
        }
    }
    Ok(())
}
