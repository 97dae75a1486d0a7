//! Tests of the relay's rooms through their public faces, in one binary.

mod mailbox_connection;
mod mailbox_contract;
mod mailbox_socket;
mod mailbox_world;
