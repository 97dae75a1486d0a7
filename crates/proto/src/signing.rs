//! What a device signs: one message layout for every Ed25519 signature, shared by client and relay.
//!
//! Bytes: docs/protocol/keys.md. No signature is made or checked here; callers bring the library.

use crate::ids::{DeviceId, Fingerprint};

/// What a signature is for. A signature for one purpose is worthless for every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An account-log entry, by a device or by the recovery key.
    LogEntry,
    /// The same entry, by the device that it brings in.
    LogCountersign,
    /// A device's prekey bundle.
    Bundle,
    /// The public half of a password-derived archive key.
    ArchiveKey,
    /// A session with the relay: login, refresh, socket.
    Auth,
    /// The store counter on submits, appends and uploads.
    Counter,
}

impl Purpose {
    /// The text in the signed message.
    pub const fn label(self) -> &'static str {
        match self {
            Self::LogEntry => "log-entry",
            Self::LogCountersign => "log-countersign",
            Self::Bundle => "bundle",
            Self::ArchiveKey => "archive-key",
            Self::Auth => "auth",
            Self::Counter => "counter",
        }
    }
}

/// The device id in messages that the recovery key signs: it is no device.
pub const NO_DEVICE: DeviceId = DeviceId([0; 16]);
/// The fingerprint in the message that signs a Genesis: it exists only once the entry does.
pub const NO_FINGERPRINT: Fingerprint = Fingerprint([0; 32]);

/// Bytes that are signed: `SC1/` || purpose || 0x00 || fingerprint[32] || device id[16] || fields.
/// Every field has a fixed length, or is the one last field.
pub fn message(
    purpose: Purpose,
    account: &Fingerprint,
    device: &DeviceId,
    fields: &[&[u8]],
) -> Vec<u8> {
    let mut message =
        Vec::with_capacity(64 + fields.iter().map(|field| field.len()).sum::<usize>());
    message.extend_from_slice(b"SC1/");
    message.extend_from_slice(purpose.label().as_bytes());
    message.push(0);
    message.extend_from_slice(account.as_bytes());
    message.extend_from_slice(device.as_bytes());
    for field in fields {
        message.extend_from_slice(field);
    }
    message
}

/// The two operations of Ed25519 and SHA-256 that log and bundle rules need, brought by the caller:
/// this crate links no cryptography. The relay and the client each implement it over their own library.
pub trait Primitives {
    fn sha256(&self, bytes: &[u8]) -> [u8; 32];
    /// Strict verification (`verify_strict`): small-order keys and non-canonical encodings are refused.
    fn verify_ed25519(&self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool;
}
