//! Repository tasks. Run through `./dev`; `cargo xtask --help` lists them.

mod bench;
mod coverage;
mod generate;
mod pack;
mod policy;
mod prose;
mod rust;
mod tree;
mod types;
mod walls;
mod wasm;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

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
    /// Brings the TypeScript types of `engine::api` to `web/src/core/generated`; with --check only compares.
    Types {
        #[arg(long)]
        check: bool,
    },
    /// Builds the browser module into `target/web/wasm`; does nothing when it is fresh.
    Wasm,
    /// Packs `web/dist` into `target/web.pack`, the file the server embeds.
    Pack {
        /// Brotli quality, 0 to 11.
        #[arg(long, default_value_t = 9)]
        quality: u32,
    },
    /// Refuses forbidden crates and licences in the dependency graph.
    Policy,
    /// Refuses links and words that break a wall between our crates.
    Walls,
    /// Measures: relay, idle, engine, web. Run through `./dev bench NAME`.
    Bench(bench::Options),
    /// Line coverage of our crates; run by the steps of `./dev test`.
    #[command(subcommand)]
    Coverage(Coverage),
    /// Refuses machine paths, claims we do not make, and names in the documents that do not exist.
    Prose,
}

#[derive(Subcommand)]
enum Coverage {
    /// Runs all Rust tests with counters.
    Test,
    /// Prints the shares and fails when one is too low.
    Gate,
}

/// The repository's root, from this crate's place in it.
pub fn root() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path
}

/// Where cargo builds: `CARGO_TARGET_DIR` or `target`.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |dir| root().join(dir))
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Gen { check } => generate::protobuf(check),
        Task::Types { check } => types::run(check),
        Task::Wasm => wasm::build(),
        Task::Pack { quality } => pack::run(quality),
        Task::Policy => policy::run(),
        Task::Walls => walls::run(),
        Task::Coverage(Coverage::Test) => coverage::test(),
        Task::Coverage(Coverage::Gate) => coverage::gate(),
        Task::Bench(options) => bench::run(&options),
        Task::Prose => prose::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
