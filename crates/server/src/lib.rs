//! The blind relay: stores, orders and forwards what it cannot open.
//!
//! Rooms by capability; each one's head says what it knows and what it must never know. Only `app` sees all of them.

pub mod accounts;
pub mod app;
pub mod keys;
pub mod mailbox;
pub mod platform;
pub mod vault;
