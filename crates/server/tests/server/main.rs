//! Tests of the relay's rooms through their public faces, in one binary.

mod accounts;
mod binary;
mod http;
mod keys;
mod mailbox_connection;
mod mailbox_contract;
mod mailbox_socket;
mod mailbox_world;
mod migrations;
mod support;
mod vault;
