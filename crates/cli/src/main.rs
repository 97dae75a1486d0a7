//! `securechat-cli`: terminal client, bot interface and load generator over the engine.

mod arguments;
mod driver;
mod exit;
mod failure;
mod loadgen;
mod password;
mod people;
mod print;
mod store;
mod tasks;
mod transport;

use arguments::{Arguments, Task};
use clap::Parser;
use failure::Failure;
use print::OutputFailure;
use securechat_engine::api::RefusalCode;
use std::process::ExitCode;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() && std::env::args_os().any(|word| word == "--json") => {
            return failed(&Failure::Usage(error.to_string()).into(), true);
        }
        Err(error) => error.exit(),
    };
    // A bot speaks nothing else.
    let json = arguments.json || matches!(arguments.task, Task::Bot);
    let shows_only = arguments.task.shows_only();
    match run(arguments, json).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if shows_only && is_reader_gone(&error) => ExitCode::SUCCESS,
        Err(error) => failed(&error, json),
    }
}

/// Whoever read is gone (`history bob | head`).
fn is_reader_gone(error: &anyhow::Error) -> bool {
    let failure = error.downcast_ref::<OutputFailure>();
    failure.is_some_and(OutputFailure::is_reader_gone)
}

fn failed(error: &anyhow::Error, json: bool) -> ExitCode {
    let told = exit::json(error).to_string();
    // What cannot be told on standard output is told on standard error, in the same form.
    if !json {
        print::remark(&format!("securechat-cli: {error:#}"));
    } else if error.is::<OutputFailure>() || print::line(&told).is_err() {
        print::remark(&told);
    }
    exit::code(error)
}

async fn run(arguments: Arguments, json: bool) -> anyhow::Result<()> {
    let server = transport::server_address(arguments.server);
    if let Task::Loadgen(task) = arguments.task {
        return loadgen::run(task, &server).await;
    }
    let folder = store::folder(arguments.store)?;
    let makes_a_store = matches!(arguments.task, Task::Signup(_) | Task::Login(_));
    if !makes_a_store && !store::exists(&folder) {
        return Err(Failure::refused(RefusalCode::NoAccount).into());
    }
    let engine = store::open(&folder)?;
    let mut session = tasks::Session {
        driver: driver::Driver::new(engine, &server)?,
        server,
        printer: print::Printer { json },
        patience: Duration::from_secs(arguments.patience),
    };
    let result = session.run(arguments.task).await;
    if session.driver.erase_asked() {
        drop(session);
        store::erase(&folder)?;
    }
    result
}
