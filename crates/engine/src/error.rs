//! What can go wrong at the engine's face, and inside it.

use crate::api::{Refusal, RefusalCode};

/// Why a store did not open. Nothing is ever wiped or replaced: the shell shows the reason and offers what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The key does not open this file (or the file is not a store at all).
    #[error("the key does not open this store")]
    WrongKey,
    /// Another tab or process holds the store.
    #[error("the store is in use elsewhere")]
    Locked,
    #[error("no room left on the disk")]
    Full,
    /// Pages fail their check.
    #[error("the store is damaged")]
    Corrupt,
    /// Written by a newer version of this software.
    #[error("the store was written by a newer version")]
    TooNew,
    #[error("the file cannot be opened")]
    Unreadable,
}

impl OpenError {
    /// Stable code for logs and screens.
    pub const fn code(self) -> &'static str {
        match self {
            Self::WrongKey => "wrong_key",
            Self::Locked => "locked",
            Self::Full => "full",
            Self::Corrupt => "corrupt",
            Self::TooNew => "too_new",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The engine cannot go on with this store as it is; the input was not carried out and nothing of it was kept.
/// The shell closes the engine and opens it again (everything open is emitted again), or shows the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    #[error("the store is damaged")]
    Corrupt,
    #[error("the store failed")]
    Storage,
    /// The operating system gave no randomness.
    #[error("no randomness")]
    NoRandomness,
    /// An invariant of ours does not hold; says which, and nothing of a person.
    #[error("a bug on this side: {0}")]
    Bug(&'static str),
}

impl Fatal {
    /// Stable code for logs and screens.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::Storage => "storage",
            Self::NoRandomness => "no_randomness",
            Self::Bug(_) => "bug",
        }
    }
}

/// Inside the engine: ends the transaction of the present input.
#[derive(Debug)]
pub(crate) enum Fault {
    Store(rusqlite::Error),
    /// The command is refused; nothing of it is kept.
    Refused(Refusal),
    NoRandomness,
    /// A row of ours does not read back, or an invariant is broken.
    Bug(&'static str),
}

impl Fault {
    pub fn refused(code: RefusalCode) -> Self {
        Self::Refused(Refusal {
            code,
            retry_after_s: None,
        })
    }

    /// The disk or quota is full: a state to wait in, not a failure.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Store(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull))
    }

    pub fn to_fatal(&self) -> Fatal {
        match self {
            Self::Store(error) => match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                    Fatal::Corrupt
                }
                _ => Fatal::Storage,
            },
            Self::NoRandomness => Fatal::NoRandomness,
            Self::Bug(what) => Fatal::Bug(what),
            Self::Refused(_) => Fatal::Bug("a refusal outside of a command"),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error)
    }
}

impl From<securechat_crypto::error::NoRandomness> for Fault {
    fn from(_: securechat_crypto::error::NoRandomness) -> Self {
        Self::NoRandomness
    }
}

pub(crate) type Outcome<T> = Result<T, Fault>;
