//! `engine-bench`: what one device costs, natively and in Chromium, over the relay's real rooms in this process.
//!
//! One round; prints one JSON object a line. `./dev bench engine` runs it; method and goals: `docs/benchmarks.md`.

mod baseline;
mod chromium;
mod device;
mod devices;
mod figures;
mod fixture;
mod stage;
mod tasks;
mod words;

use anyhow::Result;
use chromium::Chromium;
use clap::Parser;
use device::{Device, Native};
use std::path::PathBuf;
use tasks::Amounts;

#[derive(Parser)]
struct Arguments {
    /// native, chromium, vodozemac
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "native,chromium,vodozemac"
    )]
    systems: Vec<String>,
    /// Folder for the stores of this round, on the disk that is measured.
    #[arg(long)]
    folder: PathBuf,
    /// Folder of the large stores; they are made when missing.
    #[arg(long)]
    fixtures: PathBuf,
    /// Folder of the built browser module.
    #[arg(long)]
    module: PathBuf,
    /// Thousands of messages in the large stores.
    #[arg(long, default_value_t = 100)]
    thousands: usize,
    /// Messages that wait for a device that comes back.
    #[arg(long, default_value_t = 1000)]
    backlog: usize,
    /// Fewer messages, sessions and pages.
    #[arg(long)]
    quick: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let amounts = Amounts {
        messages: if arguments.quick { 40 } else { 200 },
        backlog: arguments.backlog,
        sessions: if arguments.quick { 3 } else { 8 },
        pages: if arguments.quick { 50 } else { 400 },
    };
    for system in &arguments.systems {
        eprintln!("engine: {system}");
        match system.as_str() {
            "native" => native(&arguments, &amounts)?,
            "chromium" => chromium(&arguments, &amounts)?,
            "vodozemac" => baseline::measure()?,
            other => anyhow::bail!("no system {other:?}: native, chromium, vodozemac"),
        }
    }
    Ok(())
}

fn native(arguments: &Arguments, amounts: &Amounts) -> Result<()> {
    let folder = arguments.folder.join("native");
    std::fs::create_dir_all(&folder)?;
    let device = Native::encrypted(folder.join("measured.db"));
    tasks::writing("native", &folder, Box::new(device), amounts)?;

    let large = fixture::native(&arguments.fixtures, arguments.thousands * 1000)?;
    let mut device = Native::encrypted(large.join(fixture::STORE));
    tasks::reading("native", arguments.thousands, &mut device, amounts)
}

fn chromium(arguments: &Arguments, amounts: &Amounts) -> Result<()> {
    let folder = arguments.folder.join("chromium");
    std::fs::create_dir_all(&folder)?;
    let device = Chromium::start(&arguments.module, &folder.join("profile"))?;
    tasks::writing("chromium", &folder, Box::new(device), amounts)?;

    let large = fixture::chromium(
        &arguments.fixtures,
        &arguments.module,
        arguments.thousands * 1000,
    )?;
    let profile = large.join(fixture::PROFILE);
    let mut device = Box::new(Chromium::start(&arguments.module, &profile)?);
    tasks::reading("chromium", arguments.thousands, device.as_mut(), amounts)?;
    device.end()
}
