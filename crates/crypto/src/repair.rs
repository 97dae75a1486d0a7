//! The repair tag: proves to the recipient that a body it can not open comes from the device it names.
//!
//! Knows: the key two devices share through their identity keys, and the tag under it. Must never know: contents,
//! sessions. The tag lets a recipient ask for a repair without becoming an oracle for strangers; either of the two
//! devices could have made it, so it proves nothing to a third party. Bytes: `docs/protocol/repair.md`.

use crate::body::{TAG_BYTES, without_tag};
use crate::keys::{Secret, X25519Secret};
use crate::pqxdh::{Address, Party};
use crate::primitives::{equal, hkdf_sha256, hmac_sha256};
use securechat_proto::EnvelopeId;

const LABEL: &[u8] = b"SC1/repair";

/// The HMAC key two devices share for their whole life; derived when needed, never stored.
pub(crate) struct RepairKey(Secret<32>);

impl RepairKey {
    /// HKDF-SHA-256(salt empty, DH(IKa, IKb), `SC1/repair` || both (fingerprint, device id), lower first).
    /// `None` when the peer's identity key contributes nothing.
    pub fn derive(ours: &Address, our_ik: &X25519Secret, peer: &Party) -> Option<Self> {
        let theirs = peer.address();
        let (low, high) = if *ours <= theirs {
            (ours, &theirs)
        } else {
            (&theirs, ours)
        };
        let shared = our_ik.diffie_hellman(&peer.ik)?;
        let info = [
            LABEL,
            low.fingerprint.as_bytes(),
            low.device.as_bytes(),
            high.fingerprint.as_bytes(),
            high.device.as_bytes(),
        ];
        Some(Self(hkdf_sha256(&[], shared.expose(), &info)))
    }

    /// First 16 bytes of HMAC-SHA-256(key, envelope id || body with a zero tag field).
    pub fn tag(&self, envelope: &EnvelopeId, body: &[u8]) -> [u8; TAG_BYTES] {
        let mac = hmac_sha256(self.0.expose(), &[envelope.as_bytes(), &without_tag(body)]);
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&mac[..TAG_BYTES]);
        tag
    }

    pub fn verify(&self, envelope: &EnvelopeId, body: &[u8], tag: &[u8; TAG_BYTES]) -> bool {
        equal(&self.tag(envelope, body), tag)
    }

    #[cfg(test)]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}
