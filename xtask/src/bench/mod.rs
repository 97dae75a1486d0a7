//! Benchmarks: start the systems, load them in turn, print figures. Method and goals: `docs/benchmarks.md`.
//!
//! Nothing here judges: a benchmark prints, a person writes the record.

mod engine;
mod postgres;
mod process;
mod relay;
mod summary;
mod table;

use anyhow::{Result, bail};
use clap::Args;

#[derive(Args)]
pub struct Options {
    /// relay, idle, engine or web
    pub name: String,
    /// One short run, within 50 s once built.
    #[arg(long)]
    pub quick: bool,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Only these systems.
    #[arg(long, value_delimiter = ',')]
    pub peers: Vec<String>,
    /// Runs of each system, alternating; the median is quoted.
    #[arg(long)]
    pub runs: Option<usize>,
}

impl Options {
    fn runs(&self) -> usize {
        self.runs.unwrap_or(if self.quick { 1 } else { 3 })
    }

    fn wants(&self, system: &str) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|peer| peer == system)
    }
}

/// Runs one benchmark by name.
pub fn run(options: &Options) -> Result<()> {
    match options.name.as_str() {
        "relay" => relay::relay(options),
        "idle" => relay::idle(options),
        "engine" => engine::engine(options),
        "web" => engine::web(options),
        other => bail!("no benchmark {other:?}: relay, idle, engine, web"),
    }
}
