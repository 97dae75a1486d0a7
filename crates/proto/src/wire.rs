//! Generated protobuf types. `cargo xtask gen` writes `generated/` from `schema/`; lint fails on a difference.

/// Frames of `/ws` (`schema/socket.proto`).
pub mod socket {
    #![allow(clippy::module_inception, missing_docs)]
    include!("generated/securechat.socket.v1.rs");
}

/// Contents inside encryption (`schema/content.proto`).
pub mod content {
    #![allow(clippy::module_inception, missing_docs)]
    include!("generated/securechat.content.v1.rs");
}

pub use prost::Message;
