//! Exit codes, for scripts. Listed in `docs/cli.md`; 2 is the argument parser's too.

use crate::driver::Failure;
use crate::store::StoreFailure;
use crate::transport::InvalidAddress;
use securechat_engine::Fatal;
use securechat_engine::api::RefusalCode;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Anything without a code of its own.
const FAILED: u8 = 1;
/// The arguments are wrong.
const ARGUMENTS: u8 = 2;
/// No account in this store, signed out, or the password is wrong.
const NOT_SIGNED_IN: u8 = 3;
/// The command was refused; the code is printed.
const REFUSED: u8 = 4;
/// The server was not reached, or did not answer in time.
const OFFLINE: u8 = 5;
/// The store could not be opened or failed: wrong key, in use, damaged, full.
const STORE: u8 = 6;
/// The contact's identity changed or is in dispute: look before you send.
const IDENTITY: u8 = 7;

/// The exit code of a failure, by its meaning.
pub fn code(error: &anyhow::Error) -> ExitCode {
    number(error).into()
}

fn number(error: &anyhow::Error) -> u8 {
    if error.is::<StoreFailure>() || error.is::<Fatal>() {
        return STORE;
    }
    if error.is::<InvalidAddress>() {
        return ARGUMENTS;
    }
    match error.downcast_ref::<Failure>() {
        Some(Failure::TimedOut) => OFFLINE,
        Some(Failure::Refused(refusal)) => refused(refusal.code),
        Some(Failure::Ambiguous) => REFUSED,
        None => FAILED,
    }
}

fn refused(code: RefusalCode) -> u8 {
    match code {
        RefusalCode::NoAccount
        | RefusalCode::DeviceNotLinked
        | RefusalCode::PasswordNeeded
        | RefusalCode::WrongCredentials => NOT_SIGNED_IN,
        RefusalCode::Offline | RefusalCode::ServerFailed => OFFLINE,
        RefusalCode::NewIdentity | RefusalCode::Frozen => IDENTITY,
        RefusalCode::StorageFull => STORE,
        RefusalCode::Internal => FAILED,
        _ => REFUSED,
    }
}

/// The failure as one object: a stable code to compare, and words to read.
pub fn json(error: &anyhow::Error) -> Value {
    let failure = error.downcast_ref::<Failure>();
    let retry_after_s = match failure {
        Some(Failure::Refused(refusal)) => refusal.retry_after_s,
        _ => None,
    };
    let code = match (failure, error.downcast_ref::<StoreFailure>()) {
        (Some(failure), _) => failure.code(),
        (None, Some(failure)) => failure.code().to_owned(),
        (None, None) if error.is::<InvalidAddress>() => "invalid_address".to_owned(),
        (None, None) => "failed".to_owned(),
    };
    json!({ "error": { "code": code, "message": format!("{error:#}"), "retry_after_s": retry_after_s } })
}
