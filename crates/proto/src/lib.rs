//! Words on the wire, shared by client and relay: ids, limits, REST bodies, socket frames, contents, account-log layout.
//!
//! Knows: shapes, sizes and codecs. Must never know: a key, a socket, a file, a clock.
//! The byte layouts are specified in `docs/protocol/`; the protobuf files in `schema/` are the published spec.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod account_log;
pub mod api;
pub mod b64;
pub mod bundle;
pub mod close_code;
pub mod codec;
pub mod handle;
pub mod ids;
pub mod limits;
pub mod opaque;
pub mod public_key;
pub mod signing;
pub mod wire;

pub use ids::{
    AccountId, ContentId, ConversationId, DeviceId, EnvelopeId, Fingerprint, RequestId, SessionId,
    SubmitId, Timestamp, TokenHash,
};
