//! Prekey bundles: what this device publishes, and what it accepts from others.
//!
//! Knows: public prekeys, the bundle numbers seen. Must never know: what is sent with them.
//! Bytes: docs/protocol/bundle.md. A [`PeerBundle`] exists only verified against its account's log.

mod own;
mod peer;

pub use own::{OwnBundle, PublishedBundle};
pub use peer::{AGE_WARNING_MS, BundleRefused, HandshakeKeys, PeerBundle, verify};
