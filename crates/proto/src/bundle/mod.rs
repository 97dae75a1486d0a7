//! The signed prekey bundle of a device and the Merkle tree over its one-time prekeys.
//!
//! Knows: the layout, so that the relay reads number, device and root. Must never know: a secret key.
//! Verification against an account log is the client's (`securechat-crypto::bundle`). Bytes: docs/protocol/bundle.md.

mod merkle;

pub use merkle::{MerkleTree, leaf_hash, verify_path};

use crate::account_log::LogHead;
use crate::codec::{Malformed, Reader};
use crate::ids::{DeviceId, Fingerprint, Timestamp};
use crate::public_key::{KeyType, XWING_BYTES};

pub const VERSION: u8 = 1;
/// Body without signature.
pub const BODY_BYTES: usize =
    1 + 32 + 16 + 8 + 8 + LogHead::BYTES + 33 + 2 * (1 + XWING_BYTES) + 4 + 2 + 32;
/// Body || Ed25519 signature[64] by the DSK, purpose `bundle`: the bytes sent.
pub const SIGNED_BYTES: usize = BODY_BYTES + 64;

/// What a device publishes, as read; nothing about it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    pub account: Fingerprint,
    pub device: DeviceId,
    /// Grows with every bundle of the device; the first is 1.
    pub number: u64,
    /// The device's clock; age is judged by it.
    pub created: Timestamp,
    /// The account log as the device knew it.
    pub log_head: LogHead,
    /// X25519.
    pub signed_prekey: [u8; 32],
    /// X-Wing.
    pub last_resort: Box<[u8; XWING_BYTES]>,
    /// Grows with every sealing key of the device; the first is 1.
    pub sealing_number: u32,
    /// X-Wing.
    pub sealing_key: Box<[u8; XWING_BYTES]>,
    /// How many one-time prekeys the root proves.
    pub one_time_count: u16,
    /// Root of the Merkle tree over them; zeros when there are none.
    pub one_time_root: [u8; 32],
}

/// A bundle as sent: read, with the bytes and the signature over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBundle {
    pub bundle: Bundle,
    body: Vec<u8>,
    pub signature: [u8; 64],
}

impl Bundle {
    /// The body: version || fp || device id || number u64 || created u64 || log head || 2, SPK || 5, last-resort ||
    /// sealing number u32 || 6, sealing key || one-time count u16 || root.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(SIGNED_BYTES);
        body.push(VERSION);
        body.extend_from_slice(self.account.as_bytes());
        body.extend_from_slice(self.device.as_bytes());
        body.extend_from_slice(&self.number.to_be_bytes());
        body.extend_from_slice(&self.created.0.to_be_bytes());
        body.extend_from_slice(&self.log_head.encode());
        body.push(KeyType::SignedPrekey.byte());
        body.extend_from_slice(&self.signed_prekey);
        body.push(KeyType::LastResort.byte());
        body.extend_from_slice(self.last_resort.as_slice());
        body.extend_from_slice(&self.sealing_number.to_be_bytes());
        body.push(KeyType::Sealing.byte());
        body.extend_from_slice(self.sealing_key.as_slice());
        body.extend_from_slice(&self.one_time_count.to_be_bytes());
        body.extend_from_slice(&self.one_time_root);
        body
    }

    fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        reader.expect(VERSION)?;
        let account = Fingerprint(reader.array()?);
        let device = DeviceId(reader.array()?);
        let number = reader.u64()?;
        let created = Timestamp(reader.u64()?);
        let log_head = LogHead::read(&mut reader)?;
        reader.expect(KeyType::SignedPrekey.byte())?;
        let signed_prekey = reader.array()?;
        reader.expect(KeyType::LastResort.byte())?;
        let last_resort = Box::new(reader.array()?);
        let sealing_number = reader.u32()?;
        reader.expect(KeyType::Sealing.byte())?;
        let sealing_key = Box::new(reader.array()?);
        let one_time_count = reader.u16()?;
        let one_time_root = reader.array()?;
        reader.finish()?;
        if number == 0 || usize::from(one_time_count) > merkle::LEAVES_MAX {
            return Err(Malformed);
        }
        Ok(Self {
            account,
            device,
            number,
            created,
            log_head,
            signed_prekey,
            last_resort,
            sealing_number,
            sealing_key,
            one_time_count,
            one_time_root,
        })
    }
}

impl SignedBundle {
    /// Joins a body and its signature.
    pub fn new(bundle: Bundle, signature: [u8; 64]) -> Self {
        let body = bundle.encode();
        Self {
            bundle,
            body,
            signature,
        }
    }

    /// Reads body || signature.
    ///
    /// # Errors
    /// [`Malformed`]: another length, version, key type or count.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let body = reader.take(BODY_BYTES)?.to_vec();
        let signature = reader.array()?;
        reader.finish()?;
        Ok(Self {
            bundle: Bundle::decode(&body)?,
            body,
            signature,
        })
    }

    /// The signed bytes.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Body || signature.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.body.clone();
        bytes.extend_from_slice(&self.signature);
        bytes
    }
}
