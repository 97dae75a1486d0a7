//! The client: `handle(input, now) -> outputs` over one local encrypted SQLite file; every rule of the product.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod api;
pub mod shell;

#[cfg(test)]
mod export_bindings;
