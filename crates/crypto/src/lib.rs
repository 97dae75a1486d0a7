//! The only crate that names crypto libraries of the client.
//!
//! Knows: keys, signatures, ciphertext and the rules that bind them to identities. Must never know: a network, a file,
//! a clock, a table, what a message says. Bytes: `docs/protocol/`; known answers: `docs/protocol/vectors/`.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod account_secret;
mod aead;
mod body;
pub mod bundle;
pub mod channel;
pub mod error;
pub mod identity;
pub mod keys;
pub mod opaque;
pub mod pqxdh;
pub mod primitives;
pub mod ratchet;
pub mod recovery;
mod repair;
pub mod safety_number;
pub mod seal;
pub mod vault_key;

#[cfg(test)]
mod vectors;
