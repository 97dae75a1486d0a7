//! The bytes of a handshake: the full transcript H, which is only hashed, and the compact form, which travels.

use crate::identity::DevicePublic;
use crate::keys::{Secret, SigningPublic, X25519Public, XWingPublic};
use crate::primitives::{hkdf_sha256, sha256};
use securechat_proto::account_log::State;
use securechat_proto::codec::{Malformed, Reader};
use securechat_proto::public_key::KeyType;
use securechat_proto::{DeviceId, Fingerprint};
use zeroize::Zeroizing;

/// First byte of H, of a sealed body and of the additional data of the outer seal.
pub(crate) const VERSION: u8 = 1;
/// X-Wing ciphertext.
pub const KEM_CIPHERTEXT_BYTES: usize = 1120;

const LABEL: &[u8] = b"SC1/pqxdh X25519 X-Wing SHA-256";
const TRANSCRIPT_BYTES: usize = 1 + 2 * 113 + 8 + 4 + 33 + 1217 + 32 + KEM_CIPHERTEXT_BYTES;

/// One device as a handshake names it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Party {
    pub fingerprint: Fingerprint,
    pub device: DeviceId,
    pub dsk: SigningPublic,
    pub ik: X25519Public,
}

impl Party {
    pub fn new(fingerprint: Fingerprint, keys: &DevicePublic) -> Self {
        Self {
            fingerprint,
            device: keys.id(),
            dsk: keys.dsk,
            ik: keys.ik,
        }
    }

    /// A device that is active now in its account's log.
    pub fn active(log: &State, device: &DeviceId) -> Option<Self> {
        let record = &log.device(device).filter(|_| !log.closed)?.keys;
        Some(Self {
            fingerprint: log.account,
            device: *device,
            dsk: SigningPublic(record.dsk),
            ik: X25519Public(record.ik),
        })
    }

    pub fn address(&self) -> Address {
        Address {
            fingerprint: self.fingerprint,
            device: self.device,
        }
    }
}

/// Names one device of one account: what sessions are kept under and what seals are bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    pub fingerprint: Fingerprint,
    pub device: DeviceId,
}

/// Which X-Wing prekey a handshake used; the value is the key's type byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KemKind {
    OneTime = 4,
    LastResort = 5,
}

impl KemKind {
    pub const fn key_type(self) -> KeyType {
        match self {
            Self::OneTime => KeyType::OneTime,
            Self::LastResort => KeyType::LastResort,
        }
    }

    pub const fn from_key_type(key_type: KeyType) -> Option<Self> {
        match key_type {
            KeyType::OneTime => Some(Self::OneTime),
            KeyType::LastResort => Some(Self::LastResort),
            _ => None,
        }
    }
}

/// SHA-256 of the full transcript; what is remembered of a handshake on a last-resort key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HandshakeHash(pub [u8; 32]);

/// First 16 bytes of SHA-256 over an X-Wing public key: how the compact form names a prekey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KemKeyId(pub [u8; 16]);

impl KemKeyId {
    pub fn of(public: &XWingPublic) -> Self {
        let digest = sha256(&[public.0.as_slice()]);
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }
}

/// Everything both sides must agree on (docs/protocol/pqxdh.md).
pub(crate) struct Transcript<'a> {
    pub initiator: &'a Party,
    pub responder: &'a Party,
    pub bundle_number: u64,
    pub generation: u32,
    pub signed_prekey: &'a X25519Public,
    pub kem_kind: KemKind,
    pub kem_public: &'a XWingPublic,
    pub ephemeral: &'a X25519Public,
    pub kem_ciphertext: &'a [u8; KEM_CIPHERTEXT_BYTES],
}

impl Transcript<'_> {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(TRANSCRIPT_BYTES);
        bytes.push(VERSION);
        for party in [self.initiator, self.responder] {
            bytes.extend_from_slice(party.fingerprint.as_bytes());
            bytes.extend_from_slice(party.device.as_bytes());
            bytes.extend_from_slice(&party.dsk.0);
            bytes.extend_from_slice(&party.ik.typed(KeyType::Identity));
        }
        bytes.extend_from_slice(&self.bundle_number.to_be_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&self.signed_prekey.typed(KeyType::SignedPrekey));
        bytes.extend_from_slice(&self.kem_public.typed(self.kem_kind.key_type()));
        bytes.extend_from_slice(&self.ephemeral.0);
        bytes.extend_from_slice(self.kem_ciphertext);
        bytes
    }

    pub fn hash(&self) -> HandshakeHash {
        HandshakeHash(sha256(&[&self.to_bytes()]))
    }
}

/// What the handshake yields on both sides: the secret the ratchet starts from, and the session's public name.
pub(crate) struct Root {
    pub secret: Secret<32>,
    pub sid: SessionName,
}

/// Names a session inside sealed bodies; both sides derive it, it is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionName(pub [u8; 16]);

impl Root {
    /// SK || sid = HKDF-SHA-256(0^32, 0xFF^32 || DH1 || DH2 || DH3 || SS, label || SHA-256(H)).
    /// `agreements` = DH(IKa, SPKb), DH(EKa, IKb), DH(EKa, SPKb), KEM secret.
    pub fn derive(agreements: &[Secret<32>; 4], hash: &HandshakeHash) -> Self {
        let mut ikm = Zeroizing::new([0xff; 32 * 5]);
        for (slot, agreement) in ikm[32..].chunks_exact_mut(32).zip(agreements) {
            slot.copy_from_slice(agreement.expose());
        }
        let okm: Secret<48> = hkdf_sha256(&[0; 32], ikm.as_slice(), &[LABEL, &hash.0]);
        let (mut secret, mut sid) = ([0; 32], [0; 16]);
        secret.copy_from_slice(&okm.expose()[..32]);
        sid.copy_from_slice(&okm.expose()[32..]);
        Self {
            secret: Secret::take(&mut secret),
            sid: SessionName(sid),
        }
    }
}

/// What travels of H, in every message of the initiator until the first answer. The rest the responder knows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CompactHandshake {
    pub generation: u32,
    pub bundle_number: u64,
    pub sender_dsk: SigningPublic,
    pub sender_ik: X25519Public,
    pub ephemeral: X25519Public,
    pub kem_kind: KemKind,
    pub kem_key: KemKeyId,
    pub kem_ciphertext: Box<[u8; KEM_CIPHERTEXT_BYTES]>,
}

impl CompactHandshake {
    pub const BYTES: usize = 4 + 8 + 3 * 32 + 1 + 16 + KEM_CIPHERTEXT_BYTES;

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::BYTES);
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&self.bundle_number.to_be_bytes());
        bytes.extend_from_slice(&self.sender_dsk.0);
        bytes.extend_from_slice(&self.sender_ik.0);
        bytes.extend_from_slice(&self.ephemeral.0);
        bytes.push(self.kem_kind as u8);
        bytes.extend_from_slice(&self.kem_key.0);
        bytes.extend_from_slice(self.kem_ciphertext.as_slice());
        bytes
    }

    /// Reads exactly [`Self::BYTES`]; generation 0 and unknown key kinds are refused.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let compact = Self {
            generation: reader.u32()?,
            bundle_number: reader.u64()?,
            sender_dsk: SigningPublic(reader.array()?),
            sender_ik: X25519Public(reader.array()?),
            ephemeral: X25519Public(reader.array()?),
            kem_kind: KeyType::from_byte(reader.u8()?)
                .and_then(KemKind::from_key_type)
                .ok_or(Malformed)?,
            kem_key: KemKeyId(reader.array()?),
            kem_ciphertext: Box::new(reader.array()?),
        };
        if compact.generation == 0 {
            Err(Malformed)
        } else {
            Ok(compact)
        }
    }
}
