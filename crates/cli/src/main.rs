//! `securechat-cli`: terminal client, bot interface and load generator over the engine.

mod arguments;
mod driver;
mod exit;
mod loadgen;
mod people;
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
                print::line(&exit::json(&error).to_string());
            } else {
                eprintln!("securechat-cli: {error:#}");
            }
            exit::code(&error)
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if let Task::Loadgen(task) = arguments.task {
        return loadgen::run(task, &transport::server_address(arguments.server)).await;
    }
    let server = transport::server_address(arguments.server);
    let folder = store::folder(arguments.store)?;
    let engine = store::open(&folder)?;
    let mut session = tasks::Session {
        driver: driver::Driver::new(engine, &server)?,
        server,
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
