//! Tests of the relay's rooms through their public faces, in one binary.

mod accounts;
mod binary;
mod durability;
mod http;
mod keys;
mod mailbox_connection;
mod mailbox_contract;
mod mailbox_limits;
mod mailbox_remembered;
mod mailbox_shell;
mod mailbox_socket;
mod mailbox_tokens;
mod mailbox_world;
mod migrations;
mod revocation;
mod sessions;
mod support;
mod vault;
