//! The outer seal: HPKE base mode to the recipient's sealing key, so that the relay sees no sender, session or key.

use crate::error::NoRandomness;
use crate::keys::{XWingPublic, XWingSecret};
use crate::pqxdh::{Address, EncapsulationSeed, KEM_CIPHERTEXT_BYTES, VERSION};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use securechat_proto::EnvelopeId;
use securechat_proto::limits::PADDING_BUCKETS;

const INFO: &[u8] = b"SC1/seal";
const AEAD_TAG_BYTES: usize = 16;

/// What the relay sees of an envelope beside its ciphertext; the seal is bound to all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvelopeHeader {
    pub envelope: EnvelopeId,
    pub sealing_key_number: u32,
    pub expiry: ExpiryClass,
}

/// How long the relay keeps an envelope; the value on the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryClass {
    /// 30 days.
    Durable = 0,
    /// 60 seconds, only for connected devices.
    Ephemeral = 1,
}

impl ExpiryClass {
    pub const fn from_wire(value: u32) -> Option<Self> {
        match value {
            0 => Some(Self::Durable),
            1 => Some(Self::Ephemeral),
            _ => None,
        }
    }

    pub const fn to_wire(self) -> u32 {
        self as u32
    }
}

/// version || recipient fingerprint || device id || sealing-key number u32 || envelope id || expiry class u8.
pub(crate) fn additional_data(recipient: &Address, header: &EnvelopeHeader) -> Vec<u8> {
    let mut aad = Vec::with_capacity(70);
    aad.push(VERSION);
    aad.extend_from_slice(recipient.fingerprint.as_bytes());
    aad.extend_from_slice(recipient.device.as_bytes());
    aad.extend_from_slice(&header.sealing_key_number.to_be_bytes());
    aad.extend_from_slice(header.envelope.as_bytes());
    aad.push(header.expiry as u8);
    aad
}

/// Seals a padded body: HPKE enc[1120] || ciphertext || tag[16]. `None` for bytes that are no X-Wing key.
pub(crate) fn seal(
    key: &XWingPublic,
    recipient: &Address,
    header: &EnvelopeHeader,
    body: &[u8],
    mut seed: EncapsulationSeed,
) -> Option<Vec<u8>> {
    let (enc, ciphertext) = hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, XWing>(
        &OpModeS::Base,
        &key.library_key()?,
        INFO,
        body,
        &additional_data(recipient, header),
        &mut seed,
    )
    .ok()?;
    let mut sealed = enc.to_bytes().to_vec();
    sealed.extend_from_slice(&ciphertext);
    Some(sealed)
}

pub(crate) fn draw_seed() -> Result<EncapsulationSeed, NoRandomness> {
    EncapsulationSeed::draw()
}

/// Whether a ciphertext has the length of a sealed bucket.
pub(crate) fn has_sealed_length(sealed: &[u8]) -> bool {
    PADDING_BUCKETS
        .iter()
        .any(|bucket| sealed.len() == KEM_CIPHERTEXT_BYTES + bucket + AEAD_TAG_BYTES)
}

/// Opens what [`seal`] made. `None`: other key, other header, or changed bytes; HPKE does not say which.
pub(crate) fn open(
    key: &XWingSecret,
    recipient: &Address,
    header: &EnvelopeHeader,
    sealed: &[u8],
) -> Option<Vec<u8>> {
    let (enc, ciphertext) = sealed.split_at_checked(KEM_CIPHERTEXT_BYTES)?;
    hpke::single_shot_open::<AesGcm256, HkdfSha256, XWing>(
        &OpModeR::Base,
        &key.library_key()?,
        &<XWing as Kem>::EncappedKey::from_bytes(enc).ok()?,
        INFO,
        ciphertext,
        &additional_data(recipient, header),
    )
    .ok()
}
