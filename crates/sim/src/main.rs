//! `securechat-sim`: runs seeds; a failing one prints how to replay it.

use clap::Parser;
use securechat_sim::plan::Style;
use securechat_sim::world::Outcome;
use std::process::ExitCode;

#[derive(Parser)]
struct Arguments {
    /// First seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many, one after the other.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The story of every world, instead of the one that belongs to the seed.
    #[arg(long, value_enum)]
    style: Option<Style>,
    /// Runs every seed twice and compares the traces.
    #[arg(long)]
    twice: bool,
    /// Prints every event, and keeps the stores of a failing seed.
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (mut passed, mut failed) = (0u64, 0u64);
    let mut sum = Sum::default();
    for seed in arguments.seed..arguments.seed.saturating_add(arguments.seeds) {
        let style = arguments.style.unwrap_or(Style::of(seed));
        match run(seed, style, &arguments) {
            Ok(outcome) => {
                passed += 1;
                sum.add(&outcome);
            }
            Err(error) => {
                failed += 1;
                println!("seed {seed} ({style:?}) failed: {error:#}");
                println!("  replay: {}", replay(seed, &arguments));
            }
        }
    }
    println!(
        "{} messages compared, {} crashes survived",
        sum.messages, sum.crashes
    );
    println!("{} envelopes, no message key used twice", sum.envelopes);
    println!(
        "settled at the latest {} s after the trouble",
        sum.settled_ms / 1000
    );
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[derive(Default)]
struct Sum {
    messages: usize,
    crashes: u32,
    envelopes: usize,
    settled_ms: u64,
}

impl Sum {
    fn add(&mut self, outcome: &Outcome) {
        self.messages += outcome.messages;
        self.crashes += outcome.crashes;
        self.envelopes += outcome.envelopes;
        self.settled_ms = self.settled_ms.max(outcome.settled_ms);
    }
}

fn replay(seed: u64, arguments: &Arguments) -> String {
    let style = match arguments.style {
        Some(style) => format!(" --style {}", format!("{style:?}").to_lowercase()),
        None => String::new(),
    };
    format!("cargo run -p securechat-sim -- --trace --seed {seed}{style}")
}

fn run(seed: u64, style: Style, arguments: &Arguments) -> anyhow::Result<Outcome> {
    let outcome = securechat_sim::run_seed(seed, style, arguments.trace)?;
    if arguments.twice {
        let again = securechat_sim::run_seed(seed, style, arguments.trace)?;
        let (first, second) = (outcome.trace.digest(), again.trace.digest());
        anyhow::ensure!(
            first == second,
            "the trace differs in a second run: {first} and {second}"
        );
    }
    Ok(outcome)
}
