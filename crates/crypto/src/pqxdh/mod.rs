//! PQXDH: two devices agree on the root of a session from one signed bundle, one message and an X-Wing prekey.
//!
//! Knows: the handshake's bytes and its key derivation (Signal's PQXDH, X25519 + X-Wing). Must never know: contents,
//! stored sessions, the network. Bytes: `docs/protocol/pqxdh.md`; known answers: `docs/protocol/vectors/pqxdh.json`.

mod transcript;

pub use transcript::{Address, HandshakeHash, KemKeyId, KemKind, Party, SessionName};
pub(crate) use transcript::{CompactHandshake, KEM_CIPHERTEXT_BYTES, Root, Transcript, VERSION};

use crate::bundle::HandshakeKeys;
use crate::error::NoRandomness;
use crate::keys::{Secret, X25519Secret, XWingSecret};
use crate::primitives::hkdf_sha256;
use crate::ratchet::{AwaitingFirst, Ratchet};
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, Serializable};

/// The info string of vodozemac's own root-key step, which the initiator performs once by hand.
/// A known-answer test fails if the library's constant moves.
const RATCHET_INFO: &[u8] = b"OLM_RATCHET";

/// Why a handshake could not be made or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("a key of the handshake is not usable")]
    BadKey,
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// The initiator's fresh values. Drawn once, so that a known-answer file can fix them.
pub(crate) struct Fresh {
    /// EKa, the base key.
    pub ephemeral: X25519Secret,
    /// a0, the first ratchet key.
    pub ratchet: X25519Secret,
    pub encapsulation: EncapsulationSeed,
}

impl Fresh {
    pub fn draw() -> Result<Self, NoRandomness> {
        Ok(Self {
            ephemeral: X25519Secret::generate()?,
            ratchet: X25519Secret::generate()?,
            encapsulation: EncapsulationSeed::draw()?,
        })
    }
}

/// The 64 bytes one X-Wing encapsulation consumes, in the form the library asks for.
pub(crate) struct EncapsulationSeed(Secret<64>);

impl EncapsulationSeed {
    pub fn draw() -> Result<Self, NoRandomness> {
        Secret::random().map(Self)
    }

    #[cfg(test)]
    pub fn fixed(mut bytes: [u8; 64]) -> Self {
        Self(Secret::take(&mut bytes))
    }
}

impl hpke::rand_core::TryRng for EncapsulationSeed {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    /// Gives the seed's bytes and replaces the seed by a hash of itself, so that no bytes are given twice.
    /// X-Wing asks once, for 64 bytes (pinned by the known-answer test of the seal).
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in out.chunks_mut(64) {
            chunk.copy_from_slice(&self.0.expose()[..chunk.len()]);
            let mut next = crate::primitives::sha512(&[self.0.expose()]);
            self.0 = Secret::take(&mut next);
        }
        Ok(())
    }
}

impl hpke::rand_core::TryCryptoRng for EncapsulationSeed {}

/// What the initiator holds after the handshake: a session that may encrypt, and the bytes to send along.
pub(crate) struct Initiated {
    pub sid: SessionName,
    pub ratchet: Ratchet,
    pub compact: CompactHandshake,
}

/// Starts a session with `responder`, whose bundle was verified by the caller.
pub(crate) fn initiate(
    ours: &Party,
    our_ik: &X25519Secret,
    responder: &Party,
    prekeys: &HandshakeKeys,
    generation: u32,
    fresh: Fresh,
) -> Result<Initiated, HandshakeError> {
    let Fresh {
        ephemeral,
        ratchet,
        mut encapsulation,
    } = fresh;
    let kem_kind = KemKind::from_key_type(prekeys.kem_type).ok_or(HandshakeError::BadKey)?;
    let kem_public = prekeys
        .kem_key
        .library_key()
        .ok_or(HandshakeError::BadKey)?;
    let (shared, encapped) = XWing::encap_with_rng(&kem_public, None, &mut encapsulation)
        .map_err(|_| HandshakeError::BadKey)?;
    let mut kem_ciphertext = Box::new([0; KEM_CIPHERTEXT_BYTES]);
    kem_ciphertext.copy_from_slice(&encapped.to_bytes());

    let base_key = ephemeral.public();
    let transcript = Transcript {
        initiator: ours,
        responder,
        bundle_number: prekeys.bundle_number,
        generation,
        signed_prekey: &prekeys.signed_prekey,
        kem_kind,
        kem_public: &prekeys.kem_key,
        ephemeral: &base_key,
        kem_ciphertext: &kem_ciphertext,
    };
    let agreements = [
        our_ik
            .diffie_hellman(&prekeys.signed_prekey)
            .ok_or(HandshakeError::BadKey)?,
        ephemeral
            .diffie_hellman(&responder.ik)
            .ok_or(HandshakeError::BadKey)?,
        ephemeral
            .diffie_hellman(&prekeys.signed_prekey)
            .ok_or(HandshakeError::BadKey)?,
        Secret::from_slice(&shared.0).ok_or(HandshakeError::BadKey)?,
    ];
    let root = Root::derive(&agreements, &transcript.hash());

    let step = ratchet
        .diffie_hellman(&prekeys.signed_prekey)
        .ok_or(HandshakeError::BadKey)?;
    let first: Secret<64> = hkdf_sha256(root.secret.expose(), step.expose(), &[RATCHET_INFO]);
    let names = [ours.ik, base_key, prekeys.signed_prekey];
    Ok(Initiated {
        sid: root.sid,
        ratchet: Ratchet::initiator(names, &first, &ratchet),
        compact: CompactHandshake {
            generation,
            bundle_number: prekeys.bundle_number,
            sender_dsk: ours.dsk,
            sender_ik: ours.ik,
            ephemeral: base_key,
            kem_kind,
            kem_key: KemKeyId::of(&prekeys.kem_key),
            kem_ciphertext,
        },
    })
}

/// What the responder holds: a session that can only decrypt until its first message has opened.
pub(crate) struct Responding {
    pub sid: SessionName,
    pub hash: HandshakeHash,
    pub awaiting: AwaitingFirst,
}

/// Answers `compact`, sent by `initiator` as its account's log names it.
pub(crate) fn respond(
    ours: &Party,
    our_ik: &X25519Secret,
    initiator: &Party,
    compact: &CompactHandshake,
    signed_prekey: &X25519Secret,
    kem: &XWingSecret,
) -> Result<Responding, HandshakeError> {
    let library_key = kem.library_key().ok_or(HandshakeError::BadKey)?;
    let encapped = <XWing as Kem>::EncappedKey::from_bytes(compact.kem_ciphertext.as_slice())
        .map_err(|_| HandshakeError::BadKey)?;
    let shared = XWing::decap(&library_key, None, &encapped).map_err(|_| HandshakeError::BadKey)?;

    let (spk, kem_public) = (signed_prekey.public(), kem.public());
    let hash = Transcript {
        initiator,
        responder: ours,
        bundle_number: compact.bundle_number,
        generation: compact.generation,
        signed_prekey: &spk,
        kem_kind: compact.kem_kind,
        kem_public: &kem_public,
        ephemeral: &compact.ephemeral,
        kem_ciphertext: &compact.kem_ciphertext,
    }
    .hash();
    let agreements = [
        signed_prekey
            .diffie_hellman(&initiator.ik)
            .ok_or(HandshakeError::BadKey)?,
        our_ik
            .diffie_hellman(&compact.ephemeral)
            .ok_or(HandshakeError::BadKey)?,
        signed_prekey
            .diffie_hellman(&compact.ephemeral)
            .ok_or(HandshakeError::BadKey)?,
        Secret::from_slice(&shared.0).ok_or(HandshakeError::BadKey)?,
    ];
    let root = Root::derive(&agreements, &hash);
    let names = [initiator.ik, compact.ephemeral, spk];
    Ok(Responding {
        sid: root.sid,
        hash,
        awaiting: AwaitingFirst::responder(names, &root.secret, signed_prekey)?,
    })
}
