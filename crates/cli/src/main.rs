//! `securechat-cli`: terminal client, bot interface and load generator over the engine.

mod arguments;
mod driver;
mod exit;
mod loadgen;
mod print;
mod store;
mod tasks;
mod transport;

use arguments::{Arguments, Task};
use clap::Parser;
use std::process::ExitCode;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.json;
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if json {
                println!("{}", serde_json::json!({ "error": error.to_string() }));
            } else {
                eprintln!("securechat-cli: {error:#}");
            }
            exit::code(&error)
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if let Task::Loadgen(task) = arguments.task {
        return loadgen::run(task, &arguments.server).await;
    }
    let folder = store::folder(arguments.store)?;
    let engine = store::open(&folder)?;
    let mut session = tasks::Session {
        driver: driver::Driver::new(engine, &arguments.server)?,
        printer: print::Printer {
            json: arguments.json,
        },
        patience: Duration::from_secs(arguments.patience),
    };
    let result = session.run(arguments.task).await;
    if session.driver.erase_asked() {
        drop(session);
        store::erase(&folder)?;
    }
    result
}
