//! The account log: an append-only, hash-chained list of entries that says which devices an account has.
//!
//! Knows: entry bytes, and the one state function that relay and client share. Must never know: a secret, a clock.
//! Hashing and verification come in through [`crate::signing::Primitives`]. Bytes and rules: docs/protocol/account-log.md.
//! Verbs: [`verify_chain`], [`Verified::append`], [`Verified::advance`], [`Log::freshness`], [`Log::acting_state`].

mod entry;
mod fork;
mod head;
mod log;
mod rate;
mod refused;
mod state;

pub use entry::{
    Announced, Body, DeviceRecord, Entry, Operation, Recover, RecoveryRecord, Signer, VERSION,
};
pub use fork::{Advance, Branch, ForkProof, Standing};
pub use head::LogHead;
pub use log::{Appended, Freshness, Log, Verified, verify_chain};
pub use rate::{AppendedAt, within_daily_rate};
pub use refused::Refused;
pub use state::{Announcement, Device, State, Term, WAIT_MS, WAIT_REMOVAL_MS};
