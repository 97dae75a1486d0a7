//! Repository tasks. Run through `./dev`; `cargo xtask --help` lists them.

mod generate;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Writes the generated Rust sources (protobuf); with --check only compares.
    Gen {
        #[arg(long)]
        check: bool,
    },
}

/// The repository's root, from this crate's place in it.
pub fn root() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path
}

fn main() -> Result<()> {
    match Arguments::parse().task {
        Task::Gen { check } => generate::protobuf(check),
    }
}
