//! Why a task did not work, in words for people and with a stable code for scripts.

use securechat_engine::api::{Refusal, RefusalCode};

/// What a task ended with, other than a store or an address that is none.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{} ({})", words(.0), name(.0))]
    Refused(Refusal),
    /// A refusal in words that say more than those of its code, which would contradict or repeat them.
    #[error("{words} ({})", name(.refusal))]
    Explained {
        refusal: Refusal,
        words: &'static str,
    },
    #[error("no answer from the server in time")]
    TimedOut,
    #[error("several people are called that: use the handle")]
    Ambiguous,
    #[error(
        "another copy of this store was used in the meantime, as after restoring a backup: nothing is sent from this one"
    )]
    StaleCopy,
    #[error("this is no order: {0}")]
    NotAnOrder(String),
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    pub fn refused(code: RefusalCode) -> Self {
        Self::Refused(Refusal {
            code,
            retry_after_s: None,
        })
    }

    pub fn explained(code: RefusalCode, words: &'static str) -> Self {
        let refusal = Refusal {
            code,
            retry_after_s: None,
        };
        Self::Explained { refusal, words }
    }

    /// Stable, for scripts.
    pub fn code(&self) -> String {
        match self {
            Self::Refused(refusal) | Self::Explained { refusal, .. } => name(refusal),
            Self::TimedOut => "timed_out".to_owned(),
            Self::Ambiguous => "ambiguous".to_owned(),
            Self::StaleCopy => "stale_copy".to_owned(),
            Self::NotAnOrder(_) => "invalid_order".to_owned(),
            Self::Usage(_) => "usage".to_owned(),
        }
    }
}

/// Nobody and nothing of that name is in this store.
pub fn not_found() -> anyhow::Error {
    Failure::refused(RefusalCode::NotFound).into()
}

/// Says what a general refusal means here.
pub fn explain(error: anyhow::Error, code: RefusalCode, words: &'static str) -> anyhow::Error {
    match error.downcast_ref() {
        Some(Failure::Refused(refusal)) if refusal.code == code => {
            Failure::explained(code, words).into()
        }
        _ => error,
    }
}

/// The refusal's code as the engine's views write it.
fn name(refusal: &Refusal) -> String {
    match serde_json::to_value(refusal.code) {
        Ok(serde_json::Value::String(name)) => name,
        _ => "failed".to_owned(),
    }
}

/// What a refusal means to somebody at a terminal.
pub fn words(refusal: &Refusal) -> String {
    let words = match refusal.code {
        RefusalCode::Invalid => "something in that is malformed, empty or not what was asked for",
        RefusalCode::HandleInvalid => {
            "a handle is 3 to 32 of a-z, 0-9, dot, dash and underscore, starting with a letter"
        }
        RefusalCode::PasswordTooShort => "a password has 8 to 256 characters",
        RefusalCode::HandleTaken => "this handle is taken",
        RefusalCode::WrongCredentials => "handle or password is wrong",
        RefusalCode::SignUpClosed => "this server takes no new accounts",
        RefusalCode::NoAccount => {
            "there is no account in this store yet: `signup HANDLE` makes one"
        }
        RefusalCode::AccountExists => "there is already an account in this store",
        RefusalCode::DeviceNotLinked => {
            "the account exists, but this store is not one of its devices"
        }
        RefusalCode::PasswordNeeded => "signed out: `login HANDLE` opens the session again",
        RefusalCode::NotFound => "nobody of that name is known here",
        RefusalCode::OwnAccount => "that is your own account",
        RefusalCode::Blocked => "you blocked this person: `contact unblock` takes it back",
        RefusalCode::NewIdentity => {
            "this person has another identity than before: compare safety numbers"
        }
        RefusalCode::Frozen => "contradicting key records were seen, so nothing is sent",
        RefusalCode::NotAuthor => "only the author can do that",
        RefusalCode::NotAccepted => "this person has not accepted the request yet",
        RefusalCode::TooLong => "the text is too long",
        RefusalCode::RateLimited => {
            let wait = refusal.retry_after_s.unwrap_or(60);
            return format!("too many tries: wait {wait} s");
        }
        RefusalCode::QuotaExceeded => "the limit of the server is reached",
        RefusalCode::Offline => "no connection to the server",
        RefusalCode::ServerFailed => "the server did not answer as expected",
        RefusalCode::StorageFull => "no room left for the store",
        RefusalCode::Internal => "something went wrong in this program",
    };
    words.to_owned()
}
