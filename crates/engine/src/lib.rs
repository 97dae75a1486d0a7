//! The client: `handle(input, now) -> outputs` over one local encrypted SQLite file; every rule of the product.
//!
//! Synchronous and without IO but its store: no clock, no network, no randomness of its own (the shell gives a seed;
//! keys come from the crypto crate). One input is one transaction; nothing leaves before the commit; tables are the
//! truth and outputs are hints, emitted again after a crash. The words are in [`api`] and [`shell`].

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod api;
pub mod shell;

mod account;
mod commands;
mod connection;
mod contacts;
mod context;
mod conversations;
mod engine;
mod error;
mod healing;
mod identities;
mod ids;
mod inbox;
mod messages;
mod outbox;
mod prekeys;
mod purpose;
mod receipts;
mod requests;
mod search;
mod server_info;
mod settings;
mod store;
mod typing;
mod vault;
mod views;

pub use engine::{Engine, Outputs};
pub use error::{Fatal, OpenError};
pub use securechat_crypto::keys::Secret;
pub use securechat_crypto::vault_key;
pub use store::{Key, Store};

#[cfg(test)]
mod export_bindings;
