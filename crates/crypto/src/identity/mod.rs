//! A device's own keys, and the account-log entries it signs.
//!
//! Knows: DSK, IK and archive key of this device. Must never know: a password, a peer's secret, the network.

mod device_keys;

pub use device_keys::{DeviceKeys, DevicePublic, device_id};
