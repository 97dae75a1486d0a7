//! Exit codes, for scripts. Listed in `docs/cli.md`; a test compares.

use crate::failure::Failure;
use crate::print::OutputFailure;
use crate::store::StoreFailure;
use crate::transport::InvalidAddress;
use securechat_engine::Fatal;
use securechat_engine::api::RefusalCode;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Anything without a code of its own.
const FAILED: u8 = 1;
/// What was typed is wrong, whatever the state: arguments, texts, the server's address. Also the argument parser's.
const ARGUMENTS: u8 = 2;
/// No account in this store, signed out, or the password is wrong.
const NOT_SIGNED_IN: u8 = 3;
/// Understood, and refused; the code is printed.
const REFUSED: u8 = 4;
/// The server was not reached, or did not answer in time.
const OFFLINE: u8 = 5;
/// The store could not be opened or failed: key missing or wrong, in use, damaged, full, an old copy.
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
        Some(Failure::Refused(refusal) | Failure::Explained { refusal, .. }) => {
            refused(refusal.code)
        }
        Some(Failure::TimedOut) => OFFLINE,
        Some(Failure::Ambiguous) => REFUSED,
        Some(Failure::StaleCopy) => STORE,
        Some(Failure::NotAnOrder(_) | Failure::Usage(_)) => ARGUMENTS,
        None => FAILED,
    }
}

fn refused(code: RefusalCode) -> u8 {
    match code {
        RefusalCode::Invalid
        | RefusalCode::HandleInvalid
        | RefusalCode::PasswordTooShort
        | RefusalCode::TooLong => ARGUMENTS,
        RefusalCode::NoAccount
        | RefusalCode::DeviceNotLinked
        | RefusalCode::PasswordNeeded
        | RefusalCode::WrongCredentials => NOT_SIGNED_IN,
        RefusalCode::HandleTaken
        | RefusalCode::SignUpClosed
        | RefusalCode::AccountExists
        | RefusalCode::NotFound
        | RefusalCode::OwnAccount
        | RefusalCode::Blocked
        | RefusalCode::NotAuthor
        | RefusalCode::NotAccepted
        | RefusalCode::RateLimited
        | RefusalCode::QuotaExceeded => REFUSED,
        RefusalCode::Offline | RefusalCode::ServerFailed => OFFLINE,
        RefusalCode::StorageFull => STORE,
        RefusalCode::NewIdentity | RefusalCode::Frozen => IDENTITY,
        RefusalCode::Internal => FAILED,
    }
}

/// The failure as one object: a stable code to compare, and words to read.
pub fn json(error: &anyhow::Error) -> Value {
    let failure = error.downcast_ref::<Failure>();
    let retry_after_s = match failure {
        Some(Failure::Refused(refusal)) => refusal.retry_after_s,
        _ => None,
    };
    let code = if let Some(failure) = failure {
        failure.code()
    } else if let Some(failure) = error.downcast_ref::<StoreFailure>() {
        failure.code().to_owned()
    } else if let Some(fatal) = error.downcast_ref::<Fatal>() {
        fatal.code().to_owned()
    } else if error.is::<InvalidAddress>() {
        "invalid_address".to_owned()
    } else if error.is::<OutputFailure>() {
        "output".to_owned()
    } else {
        "failed".to_owned()
    };
    json!({ "error": { "code": code, "message": format!("{error:#}"), "retry_after_s": retry_after_s } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use securechat_engine::OpenError;
    use std::collections::BTreeMap;

    const ALL: [RefusalCode; 24] = [
        RefusalCode::Invalid,
        RefusalCode::HandleInvalid,
        RefusalCode::PasswordTooShort,
        RefusalCode::HandleTaken,
        RefusalCode::WrongCredentials,
        RefusalCode::SignUpClosed,
        RefusalCode::NoAccount,
        RefusalCode::AccountExists,
        RefusalCode::DeviceNotLinked,
        RefusalCode::PasswordNeeded,
        RefusalCode::NotFound,
        RefusalCode::OwnAccount,
        RefusalCode::Blocked,
        RefusalCode::NewIdentity,
        RefusalCode::Frozen,
        RefusalCode::NotAuthor,
        RefusalCode::NotAccepted,
        RefusalCode::TooLong,
        RefusalCode::RateLimited,
        RefusalCode::QuotaExceeded,
        RefusalCode::Offline,
        RefusalCode::ServerFailed,
        RefusalCode::StorageFull,
        RefusalCode::Internal,
    ];

    /// Every error there is, as it is thrown.
    fn errors() -> Vec<anyhow::Error> {
        let refused = ALL.map(|code| anyhow::Error::from(Failure::refused(code)));
        let open = [
            OpenError::WrongKey,
            OpenError::Locked,
            OpenError::Full,
            OpenError::Corrupt,
            OpenError::TooNew,
            OpenError::Unreadable,
        ];
        let open = open.map(|error| StoreFailure::Open(error).into());
        let fatal = [
            Fatal::Corrupt,
            Fatal::Storage,
            Fatal::NoRandomness,
            Fatal::Bug("planted"),
        ];
        let fatal = fatal.map(|fatal| anyhow::Error::from(fatal).context("the local store failed"));
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        let others = [
            Failure::TimedOut.into(),
            Failure::Ambiguous.into(),
            Failure::StaleCopy.into(),
            Failure::NotAnOrder("x".into()).into(),
            Failure::Usage("x".into()).into(),
            StoreFailure::Key.into(),
            StoreFailure::NoKey("store.key".into()).into(),
            StoreFailure::File(missing).into(),
            InvalidAddress.into(),
            OutputFailure::from(std::io::Error::from(std::io::ErrorKind::StorageFull)).into(),
            anyhow::anyhow!("anything else"),
        ];
        let all = refused.into_iter().chain(open).chain(fatal).chain(others);
        all.collect()
    }

    #[test]
    fn the_table_in_the_documentation_says_what_happens() {
        let page = include_str!("../../../docs/cli.md");
        let mut documented: BTreeMap<String, u8> = BTreeMap::new();
        for row in page.lines() {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            if let [_, number, _, codes, _] = cells[..]
                && let Ok(number) = number.parse()
            {
                for code in codes.split('`').skip(1).step_by(2) {
                    let twice = documented.insert(code.to_owned(), number);
                    assert_eq!(twice, None, "{code} stands in two rows");
                }
            }
        }
        let real: BTreeMap<String, u8> = errors()
            .iter()
            .map(|error| {
                let code = json(error)["error"]["code"].as_str().map(str::to_owned);
                (code.expect("a code"), number(error))
            })
            .collect();
        assert_eq!(documented, real);
    }

    #[test]
    fn a_failure_keeps_its_code_when_it_is_explained() {
        let plain = Failure::refused(RefusalCode::Invalid).into();
        let explained = crate::failure::explain(plain, RefusalCode::Invalid, "no safety code");
        assert_eq!(number(&explained), ARGUMENTS);
        assert_eq!(json(&explained)["error"]["code"], "invalid");
        assert_eq!(format!("{explained:#}"), "no safety code (invalid)");
    }
}
