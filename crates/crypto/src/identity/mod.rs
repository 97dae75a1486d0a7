//! A device's own keys, and the account-log entries it signs.
//!
//! Knows: DSK, IK and archive key of this device. Must never know: a password, a peer's secret, the network.
//! Reading and judging logs is `securechat_proto::account_log`, shared with the relay.

mod auth;
mod device_keys;
mod entries;

pub use auth::CounterRecord;
pub use device_keys::{DeviceKeys, DevicePublic, device_id};
pub use entries::SignedEntry;
