//! Exit codes, for scripts. Listed in `docs/cli.md`; 2 is the argument parser's.

use crate::driver::Failure;
use crate::store::StoreFailure;
use securechat_engine::api::RefusalCode;
use std::process::ExitCode;

/// Anything without a code of its own.
const FAILED: u8 = 1;
/// No account in this store, or signed out.
const NOT_SIGNED_IN: u8 = 3;
/// The command was refused; the code is printed.
const REFUSED: u8 = 4;
/// The server was not reached, or did not answer in time.
const OFFLINE: u8 = 5;
/// The store could not be opened: wrong passphrase, in use, damaged, full.
const STORE: u8 = 6;
/// The contact's identity changed or is in dispute: look before you send.
const IDENTITY: u8 = 7;

/// The exit code of a failure, by its meaning.
pub fn code(error: &anyhow::Error) -> ExitCode {
    if error.downcast_ref::<StoreFailure>().is_some() {
        return STORE.into();
    }
    match error.downcast_ref::<Failure>() {
        Some(Failure::TimedOut) => OFFLINE.into(),
        Some(Failure::Refused(refusal)) => refused(refusal.code).into(),
        None => FAILED.into(),
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
