//! A submit as the rest of the room sees it: checked against every limit once, at the edge.

use bytes::Bytes;
use securechat_proto::limits::{COUNTER_BYTES_MAX, ENVELOPE_BYTES_MAX, ENVELOPES_PER_SUBMIT_MAX};
use securechat_proto::wire::socket as wire;
use securechat_proto::{AccountId, DeviceId, EnvelopeId, SubmitId, Timestamp, TokenHash};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// Where a device's mailbox is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    pub account_id: AccountId,
    pub device_id: DeviceId,
}

/// How long an envelope is kept for its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryClass {
    /// Stored until it is acked or the retention ends.
    Durable,
    /// Never stored: devices connected right now get it, for 60 seconds.
    Ephemeral,
}

impl ExpiryClass {
    /// The number on the wire.
    pub fn number(self) -> u32 {
        match self {
            Self::Durable => 0,
            Self::Ephemeral => 1,
        }
    }
}

/// One submit of an authenticated device.
#[derive(Clone, Debug)]
pub struct Submit {
    pub from: Address,
    pub submit_id: SubmitId,
    /// SHA-256 of the frame, first 16 bytes: tells a repeat from another submit under the same id.
    pub digest: [u8; 16],
    /// Grows with every submit of a device: microseconds since 1970, at least one above the last.
    pub number: u64,
    pub received_at: Timestamp,
    pub class: ExpiryClass,
    /// The store counter record and its signature, kept unread.
    pub counter: Vec<u8>,
    pub counter_signature: Vec<u8>,
    pub destinations: Vec<Destination>,
}

/// The envelopes for one account and the right under which they come.
#[derive(Clone, Debug)]
pub struct Destination {
    pub account_id: AccountId,
    /// None: own account or a message request.
    pub token: Option<TokenHash>,
    pub envelopes: Vec<Envelope>,
}

#[derive(Clone, Debug)]
pub struct Envelope {
    pub envelope_id: EnvelopeId,
    pub device_id: DeviceId,
    pub sealing_key_number: u32,
    pub ciphertext: Bytes,
}

/// The frame broke a limit or a shape; the socket is closed and nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("submit out of bounds")]
pub struct Malformed;

impl Submit {
    /// Checks every length and count of a decoded frame; `frame` is the bytes it came from.
    ///
    /// # Errors
    /// [`Malformed`]: an id of the wrong length, no or too many envelopes, a ciphertext that is empty or too large, an
    /// account named twice, an envelope id used twice for one device, an unknown expiry class.
    pub fn read(
        submit: wire::Submit,
        frame: &[u8],
        from: Address,
        number: u64,
        received_at: Timestamp,
    ) -> Result<Self, Malformed> {
        let class = match submit.expiry_class {
            0 => ExpiryClass::Durable,
            1 => ExpiryClass::Ephemeral,
            _ => return Err(Malformed),
        };
        let envelopes: usize = submit
            .destinations
            .iter()
            .map(|to| to.envelopes.len())
            .sum();
        if envelopes == 0 || envelopes > ENVELOPES_PER_SUBMIT_MAX {
            return Err(Malformed);
        }
        if submit.counter.len() > COUNTER_BYTES_MAX || submit.counter_signature.len() > 64 {
            return Err(Malformed);
        }
        let destinations = submit
            .destinations
            .into_iter()
            .map(Destination::read)
            .collect::<Result<Vec<_>, _>>()?;
        let accounts: BTreeSet<_> = destinations.iter().map(|to| to.account_id).collect();
        if accounts.len() != destinations.len() {
            return Err(Malformed);
        }
        Ok(Self {
            from,
            submit_id: SubmitId::from_slice(&submit.submit_id).ok_or(Malformed)?,
            digest: first_16(&Sha256::digest(frame)),
            number,
            received_at,
            class,
            counter: submit.counter,
            counter_signature: submit.counter_signature,
            destinations,
        })
    }
}

impl Destination {
    fn read(to: wire::Destination) -> Result<Self, Malformed> {
        let token = match to.token.len() {
            0 => None,
            16 => Some(token_hash(&to.token)),
            _ => return Err(Malformed),
        };
        if to.envelopes.is_empty() {
            return Err(Malformed);
        }
        let envelopes = to
            .envelopes
            .into_iter()
            .map(Envelope::read)
            .collect::<Result<Vec<_>, _>>()?;
        let distinct: BTreeSet<_> = envelopes
            .iter()
            .map(|e| (e.device_id, e.envelope_id))
            .collect();
        if distinct.len() != envelopes.len() {
            return Err(Malformed);
        }
        Ok(Self {
            account_id: AccountId::from_slice(&to.account_id).ok_or(Malformed)?,
            token,
            envelopes,
        })
    }
}

impl Envelope {
    fn read(envelope: wire::Envelope) -> Result<Self, Malformed> {
        if envelope.ciphertext.is_empty() || envelope.ciphertext.len() > ENVELOPE_BYTES_MAX {
            return Err(Malformed);
        }
        Ok(Self {
            envelope_id: EnvelopeId::from_slice(&envelope.envelope_id).ok_or(Malformed)?,
            device_id: DeviceId::from_slice(&envelope.device_id).ok_or(Malformed)?,
            sealing_key_number: envelope.sealing_key_number,
            ciphertext: envelope.ciphertext.into(),
        })
    }
}

/// All that is stored of a delivery token: SHA-256, first 16 bytes.
pub fn token_hash(token: &[u8]) -> TokenHash {
    TokenHash(first_16(&Sha256::digest(token)))
}

fn first_16(hash: &[u8]) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    first
}

/// Position of an envelope in its mailbox, as clients carry it: sequence (u64, big-endian) || first 8 bytes of the
/// envelope id. The id part makes a cursor worthless in another history: after a relay was restored from a backup
/// the same sequence names another envelope, and an old cursor must not delete it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub seq: u64,
    pub tag: [u8; 8],
}

impl Cursor {
    pub fn new(seq: u64, envelope_id: EnvelopeId) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = envelope_id.0;
        Self {
            seq,
            tag: [a, b, c, d, e, f, g, h],
        }
    }

    /// 16 bytes; anything else, and positions that no mailbox can have, are none.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let (seq, tag) = bytes.split_first_chunk::<8>()?;
        let seq = u64::from_be_bytes(*seq);
        let tag = tag.try_into().ok()?;
        (seq > 0 && i64::try_from(seq).is_ok()).then_some(Self { seq, tag })
    }

    pub fn to_vec(self) -> Vec<u8> {
        [self.seq.to_be_bytes(), self.tag].concat()
    }
}

/// An envelope on its way to its device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// None for ephemeral ones: there is nothing to ack.
    pub cursor: Option<Cursor>,
    pub accepted_at: Timestamp,
    pub envelope_id: EnvelopeId,
    pub sealing_key_number: u32,
    pub ciphertext: Bytes,
}

impl Delivery {
    pub fn to_wire(&self) -> wire::Delivery {
        let class = if self.cursor.is_some() {
            ExpiryClass::Durable
        } else {
            ExpiryClass::Ephemeral
        };
        wire::Delivery {
            cursor: self.cursor.map(Cursor::to_vec).unwrap_or_default(),
            accepted_at_ms: self.accepted_at.0,
            envelope_id: self.envelope_id.to_vec(),
            sealing_key_number: self.sealing_key_number,
            expiry_class: class.number(),
            ciphertext: self.ciphertext.to_vec(),
        }
    }
}
