//! The simulator: many engines, the relay's rooms, a bad network and disk, one seed.
//!
//! Everything that happens follows from a u64 seed and the commit, so a failure replays.
//! Development only; may use every crate.

pub mod bonds;
pub mod check;
pub mod dice;
pub mod disk;
pub mod fuzz;
pub mod person;
pub mod plan;
pub mod randomness;
pub mod relay;
pub mod trace;
pub mod wire;
pub mod world;

use anyhow::{Result, anyhow};
use plan::Style;
use world::Outcome;

/// Runs one seed on a thread of its own, in a folder of its own; both are gone afterwards.
/// `told`: prints every event; after a failure the folder with all stores stays, and its path is printed.
pub fn run_seed(seed: u64, style: Style, told: bool) -> Result<Outcome> {
    let memory = std::path::Path::new("/dev/shm");
    let parent = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let folder = tempfile::Builder::new()
        .prefix("securechat-sim-")
        .tempdir_in(parent)?;
    let path = folder.path().to_owned();
    let world = std::thread::spawn(move || {
        randomness::seed(seed);
        world::run(seed, style, &path, told)
    });
    let outcome = world.join().map_err(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or(panic.downcast_ref::<&str>().copied());
        anyhow!("panic: {}", text.unwrap_or("without text"))
    })?;
    if told && outcome.is_err() {
        println!("stores: {}", folder.keep().display());
    }
    outcome
}
