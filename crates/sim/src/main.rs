//! `securechat-sim`: runs seeds; a failing one prints how to replay it.

use clap::Parser;
use std::process::ExitCode;

#[derive(Parser)]
struct Arguments {
    /// First seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many, one after the other.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Runs every seed twice and compares the traces.
    #[arg(long)]
    twice: bool,
    /// Prints every event, and keeps the stores of a failing seed.
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (mut passed, mut failed, mut messages, mut crashes) = (0u64, 0u64, 0usize, 0u32);
    for seed in arguments.seed..arguments.seed.saturating_add(arguments.seeds) {
        match run(seed, &arguments) {
            Ok((count, died)) => {
                passed += 1;
                messages += count;
                crashes += died;
            }
            Err(error) => {
                failed += 1;
                println!("seed {seed} failed: {error:#}");
                println!("  replay: cargo run -p securechat-sim -- --trace --seed {seed}");
            }
        }
    }
    println!("{messages} messages compared, {crashes} crashes survived");
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run(seed: u64, arguments: &Arguments) -> anyhow::Result<(usize, u32)> {
    let outcome = securechat_sim::run_seed(seed, arguments.trace)?;
    if arguments.twice {
        let again = securechat_sim::run_seed(seed, arguments.trace)?;
        let (first, second) = (outcome.trace.digest(), again.trace.digest());
        anyhow::ensure!(
            first == second,
            "the trace differs in a second run: {first} and {second}"
        );
    }
    Ok((outcome.messages, outcome.crashes))
}
