//! Public keys on the wire: a type byte stands before every one, so no key can be taken for another.

use crate::ids::DeviceId;
use crate::signing::Primitives;

pub const ED25519_BYTES: usize = 32;
pub const X25519_BYTES: usize = 32;
pub const XWING_BYTES: usize = 1216;

/// The type byte before a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum KeyType {
    /// X25519 identity key of a device.
    Identity = 1,
    /// X25519 signed prekey.
    SignedPrekey = 2,
    /// X25519 ratchet key.
    Ratchet = 3,
    /// One-time X-Wing prekey.
    OneTime = 4,
    /// Last-resort X-Wing prekey.
    LastResort = 5,
    /// X-Wing sealing key.
    Sealing = 6,
    /// Ephemeral X-Wing key of linking.
    Link = 7,
    /// X-Wing archive key.
    Archive = 8,
}

impl KeyType {
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// The type a byte stands for.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Identity,
            2 => Self::SignedPrekey,
            3 => Self::Ratchet,
            4 => Self::OneTime,
            5 => Self::LastResort,
            6 => Self::Sealing,
            7 => Self::Link,
            8 => Self::Archive,
            _ => return None,
        })
    }
}

/// Device id: first 16 bytes of SHA-256(`SC1/device` || DSK[32] || 0x01 || IK[32]).
pub fn device_id(primitives: &impl Primitives, dsk: &[u8; 32], ik: &[u8; 32]) -> DeviceId {
    let mut input = Vec::with_capacity(75);
    input.extend_from_slice(b"SC1/device");
    input.extend_from_slice(dsk);
    input.push(KeyType::Identity.byte());
    input.extend_from_slice(ik);
    let hash = primitives.sha256(&input);
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    DeviceId(id)
}
