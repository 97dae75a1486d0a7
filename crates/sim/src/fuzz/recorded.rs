//! Two devices out of the frozen wire samples: Alice, whom the fuzzer plays, and Bob, who opens what she sends.
//!
//! Alice seals with the bytes of `docs/protocol/envelope.md` and `repair.md`, not with the library: she may lie.

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use securechat_crypto::identity::DeviceKeys;
use securechat_crypto::keys::{Secret, X25519Secret, XWingSecret};
use securechat_crypto::pqxdh::{Address, HandshakeHash, KemKeyId, KemKind};
use securechat_crypto::primitives::{Library, hkdf_sha256, hmac_sha256};
use securechat_crypto::seal::{EnvelopeHeader, ExpiryClass, OurDevice, PrekeyStore};
use securechat_proto::account_log::{Log, Verified, verify_chain};
use securechat_proto::limits::PADDING_BUCKETS;
use securechat_proto::{EnvelopeId, Fingerprint};
use serde_json::Value;
use std::convert::Infallible;

const TAG: std::ops::Range<usize> = 66..82;
const KEM_CIPHERTEXT_BYTES: usize = 1120;

/// One known-answer file of `docs/protocol/vectors`.
pub(super) fn vectors(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/protocol/vectors")
        .join(name);
    let text = std::fs::read_to_string(path).expect("the known-answer file exists");
    serde_json::from_str(&text).expect("the known-answer file is JSON")
}

pub(super) fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("a hex string");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits"))
        .collect()
}

pub(super) fn secret(value: &Value) -> Secret<32> {
    Secret::from_slice(&unhex(value)).expect("32 bytes")
}

/// A device as it was recorded.
pub(super) struct Device {
    pub keys: DeviceKeys,
    pub log: Verified<Log>,
    pub sealing: (u32, XWingSecret),
    signed_prekeys: Vec<(u64, X25519Secret)>,
    kems: Vec<(KemKind, XWingSecret)>,
    pub sessions: Option<Vec<u8>>,
}

impl Device {
    fn restore(recorded: &Value) -> Self {
        let byte = u8::try_from(recorded["seed_byte"].as_u64().expect("a byte")).expect("a byte");
        let seed = |byte: u8| Secret::take(&mut [byte; 32]);
        let sealing = &recorded["sealing_keys"][0];
        let number = u32::try_from(sealing["number"].as_u64().expect("a number")).expect("a u32");
        let list = |name: &str| recorded[name].as_array().cloned().unwrap_or_default();
        let kind = |value: &Value| match value["kind"].as_u64() {
            Some(4) => KemKind::OneTime,
            _ => KemKind::LastResort,
        };
        Self {
            keys: DeviceKeys::from_seeds(&seed(byte), seed(byte ^ 0x40), seed(byte ^ 0x20)),
            log: verify_chain(&[unhex(&recorded["genesis"])], &Library).expect("a log"),
            sealing: (number, XWingSecret::from_seed(secret(&sealing["secret"]))),
            signed_prekeys: list("signed_prekeys")
                .iter()
                .map(|key| {
                    let secret = X25519Secret::from_secret(secret(&key["secret"]));
                    (key["bundle"].as_u64().expect("a number"), secret)
                })
                .collect(),
            kems: list("kems")
                .iter()
                .map(|key| (kind(key), XWingSecret::from_seed(secret(&key["secret"]))))
                .collect(),
            sessions: recorded["sessions"]
                .as_str()
                .map(|_| unhex(&recorded["sessions"])),
        }
    }

    pub fn address(&self) -> Address {
        Address {
            fingerprint: self.log.fingerprint(),
            device: self.keys.id(),
        }
    }

    pub fn ours(&self) -> OurDevice<'_> {
        OurDevice {
            fingerprint: self.log.fingerprint(),
            keys: &self.keys,
        }
    }
}

impl PrekeyStore for Device {
    type Error = Infallible;

    fn signed_prekey(&self, bundle_number: u64) -> Result<Option<X25519Secret>, Infallible> {
        let found = self
            .signed_prekeys
            .iter()
            .find(|(number, _)| *number == bundle_number);
        Ok(found.map(|(_, key)| X25519Secret::from_secret(key.stored().duplicate())))
    }

    fn kem(&self, kind: KemKind, key: &KemKeyId) -> Result<Option<XWingSecret>, Infallible> {
        let found = self
            .kems
            .iter()
            .find(|(other, secret)| *other == kind && KemKeyId::of(&secret.public()) == *key);
        Ok(found.map(|(_, key)| XWingSecret::from_seed(key.stored().duplicate())))
    }

    fn was_answered(&self, _: &HandshakeHash) -> Result<bool, Infallible> {
        Ok(false)
    }
}

/// Alice and Bob, before Bob's first message or after their exchange.
pub(super) struct Pair {
    pub alice: Device,
    pub bob_before: Device,
    pub bob_after: Device,
}

impl Pair {
    pub fn load() -> Self {
        let recorded = vectors("wire-samples.json");
        Self {
            alice: Device::restore(&recorded["alice_before"]),
            bob_before: Device::restore(&recorded["bob_before"]),
            bob_after: Device::restore(&recorded["bob_after"]),
        }
    }

    /// Pads a body of Alice's, tags it truly and seals it for Bob.
    pub fn seal(&self, body: &[u8], header: &EnvelopeHeader) -> Vec<u8> {
        let last = PADDING_BUCKETS[PADDING_BUCKETS.len() - 1];
        let mut body = body[..body.len().min(last)].to_vec();
        let bucket = PADDING_BUCKETS.into_iter().find(|size| *size >= body.len());
        body.resize(bucket.unwrap_or(last), 0);
        body[TAG].fill(0);
        let tag = hmac_sha256(
            self.repair_key().expose(),
            &[header.envelope.as_bytes(), &body],
        );
        body[TAG].copy_from_slice(&tag[..16]);
        let key = self.bob_before.sealing.1.public();
        let key = key.library_key().expect("a sealing key");
        let (enc, ciphertext) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, XWing>(
            &OpModeS::Base,
            &key,
            b"SC1/seal",
            &body,
            &self.additional_data(header),
        )
        .expect("sealing with good keys");
        [enc.to_bytes().as_slice(), &ciphertext].concat()
    }

    /// The body in an envelope for Bob.
    pub fn body(&self, header: &EnvelopeHeader, ciphertext: &[u8]) -> Vec<u8> {
        let (enc, ciphertext) = ciphertext.split_at(KEM_CIPHERTEXT_BYTES);
        hpke::single_shot_open::<AesGcm256, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.bob_before.sealing.1.library_key().expect("a key"),
            &<XWing as Kem>::EncappedKey::from_bytes(enc).expect("an encapsulation"),
            b"SC1/seal",
            ciphertext,
            &self.additional_data(header),
        )
        .expect("a recorded envelope")
    }

    fn repair_key(&self) -> Secret<32> {
        let (alice, bob) = (self.alice.address(), self.bob_before.address());
        let (low, high) = if alice <= bob {
            (alice, bob)
        } else {
            (bob, alice)
        };
        let shared = self
            .alice_ik()
            .diffie_hellman(&self.bob_before.keys.public().ik);
        hkdf_sha256(
            &[],
            shared.expect("a key that contributes").expose(),
            &[
                b"SC1/repair",
                low.fingerprint.as_bytes(),
                low.device.as_bytes(),
                high.fingerprint.as_bytes(),
                high.device.as_bytes(),
            ],
        )
    }

    fn alice_ik(&self) -> X25519Secret {
        X25519Secret::from_secret(Secret::take(&mut [1 ^ 0x40; 32]))
    }

    fn additional_data(&self, header: &EnvelopeHeader) -> Vec<u8> {
        let bob = self.bob_before.address();
        [
            &[1],
            bob.fingerprint.as_bytes(),
            bob.device.as_bytes(),
            &header.sealing_key_number.to_be_bytes(),
            header.envelope.as_bytes(),
            &[header.expiry as u8],
        ]
        .concat()
    }
}

/// The header of a recorded envelope.
pub(super) fn header(recorded: &Value) -> EnvelopeHeader {
    let number = |name: &str| {
        u32::try_from(recorded[name].as_u64().expect("a number")).expect("a number of 32 bits")
    };
    EnvelopeHeader {
        envelope: EnvelopeId::from_slice(&unhex(&recorded["envelope_id"])).expect("an id"),
        sealing_key_number: number("sealing_key_number"),
        expiry: ExpiryClass::from_wire(number("expiry_class")).expect("a class"),
    }
}

/// An account that is in no log here.
pub(super) const STRANGER: Fingerprint = Fingerprint([0xee; 32]);
