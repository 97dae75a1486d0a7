//! What an error asks of its caller; every error enum of this crate answers `kind()` and a stable `code()`.

/// Whose fault it was, and so what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The other side broke the protocol: drop, count, go on.
    Misbehaved,
    /// Try again later.
    Transient,
    /// State diverged: start recovery.
    Resync,
    /// Ours: report it.
    Bug,
}

/// The system gave no randomness; nothing was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no randomness")]
pub struct NoRandomness;

impl NoRandomness {
    pub const fn code(self) -> &'static str {
        "no_randomness"
    }

    pub const fn kind(self) -> ErrorKind {
        ErrorKind::Transient
    }
}
