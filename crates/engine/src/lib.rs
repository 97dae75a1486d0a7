//! The client: `handle(input, now) -> outputs` over one local encrypted SQLite file; every rule of the product.

pub mod api;
pub mod shell;

#[cfg(test)]
mod export_bindings;
