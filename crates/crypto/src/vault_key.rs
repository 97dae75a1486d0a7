//! Wrapping the key of the local database: a list of envelopes, each of which opens it by itself.
//!
//! Knows: the database key while it wraps or opens, the kinds of envelopes. Must never know: where the list is kept.
//! The key never derives from the log-in password. Bytes: docs/protocol/keys.md.

use crate::aead;
use crate::error::NoRandomness;
use crate::keys::Secret;
use crate::primitives::{hkdf_sha256, random};
use argon2::{Algorithm, Argon2, Params, Version};
use securechat_proto::codec::{Malformed, Reader};
use securechat_proto::{DeviceId, Fingerprint};

const VERSION: u8 = 1;
/// Envelopes in one list, and bytes of one envelope: more is not ours.
const ENVELOPES_MAX: usize = 8;
const ENVELOPE_BYTES_MAX: usize = 1024;
const PASSPHRASE_CHARS_MAX: usize = 256;
const WRAPPED: usize = 32 + aead::OVERHEAD;

/// Argon2id cost of a passphrase envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub memory_kib: u32,
    pub iterations: u32,
    pub parallelism: u32,
}

impl Cost {
    /// 64 MiB, 3 passes, 1 lane: about 0.2 s natively, 0.35 s in a browser.
    pub const STANDARD: Self = Self {
        memory_kib: 64 * 1024,
        iterations: 3,
        parallelism: 1,
    };
    const MEMORY_KIB_MIN: u32 = 8 * 1024;
    const MEMORY_KIB_MAX: u32 = 512 * 1024;

    fn is_acceptable(&self) -> bool {
        (Self::MEMORY_KIB_MIN..=Self::MEMORY_KIB_MAX).contains(&self.memory_kib)
            && (1..=16).contains(&self.iterations)
            && (1..=4).contains(&self.parallelism)
    }
}

/// The store a key belongs to; an envelope of another one does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreName {
    pub account: Fingerprint,
    pub device: DeviceId,
}

/// How an envelope is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeKind {
    Passphrase = 1,
    /// A key kept on this device without a secret of the person: weaker, and shown as such.
    Remember = 2,
    /// A passkey's PRF output.
    Prf = 3,
}

impl EnvelopeKind {
    const fn byte(self) -> u8 {
        self as u8
    }
}

/// The versioned list of envelopes. Kinds this version does not know are kept as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvelopeList(Vec<(u8, Vec<u8>)>);

/// Why the database key did not come out or an envelope was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("vault key: {}", self.code())]
pub enum VaultKeyError {
    Malformed,
    /// No envelope of this kind.
    NoEnvelope,
    /// Wrong passphrase or key, or an envelope of another store.
    DoesNotOpen,
    /// Empty or too long.
    PassphraseLength,
    /// Parameters outside the floor and ceiling.
    Cost,
    /// The list holds as many envelopes as it may.
    Full,
    NoRandomness,
}

impl VaultKeyError {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "vault_key_malformed",
            Self::NoEnvelope => "vault_key_no_envelope",
            Self::DoesNotOpen => "vault_key_does_not_open",
            Self::PassphraseLength => "vault_key_passphrase_length",
            Self::Cost => "vault_key_cost",
            Self::Full => "vault_key_full",
            Self::NoRandomness => "no_randomness",
        }
    }
}

impl From<NoRandomness> for VaultKeyError {
    fn from(NoRandomness: NoRandomness) -> Self {
        Self::NoRandomness
    }
}

impl From<Malformed> for VaultKeyError {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

impl EnvelopeList {
    /// version || count u8 || (kind u8 || length u16 || body)*
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.0.len() as u8];
        for (kind, body) in &self.0 {
            bytes.push(*kind);
            bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
            bytes.extend_from_slice(body);
        }
        bytes
    }

    /// # Errors
    /// [`VaultKeyError::Malformed`]
    pub fn decode(bytes: &[u8]) -> Result<Self, VaultKeyError> {
        let mut reader = Reader::new(bytes);
        reader.expect(VERSION)?;
        let count = usize::from(reader.u8()?);
        if count > ENVELOPES_MAX {
            return Err(VaultKeyError::Malformed);
        }
        let mut envelopes: Vec<(u8, Vec<u8>)> = Vec::with_capacity(count);
        for _ in 0..count {
            let kind = reader.u8()?;
            let length = usize::from(reader.u16()?);
            let known_twice = envelopes.iter().any(|(earlier, _)| *earlier == kind);
            if length > ENVELOPE_BYTES_MAX || known_twice {
                return Err(VaultKeyError::Malformed);
            }
            envelopes.push((kind, reader.take(length)?.to_vec()));
        }
        reader.finish()?;
        Ok(Self(envelopes))
    }

    pub fn has(&self, kind: EnvelopeKind) -> bool {
        self.body(kind).is_ok()
    }

    pub fn remove(&mut self, kind: EnvelopeKind) {
        self.0.retain(|(other, _)| *other != kind.byte());
    }

    /// Wraps the database key under a passphrase; an earlier passphrase envelope is replaced.
    ///
    /// # Errors
    /// `PassphraseLength`, `Cost`, `Full`, `NoRandomness`
    pub fn wrap_with_passphrase(
        &mut self,
        store: &StoreName,
        passphrase: &str,
        cost: Cost,
        database_key: &Secret<32>,
    ) -> Result<(), VaultKeyError> {
        let salt: [u8; 16] = random()?;
        let key = stretch(passphrase, &salt, cost)?;
        let mut body = Vec::with_capacity(28 + WRAPPED);
        body.extend_from_slice(&cost.memory_kib.to_be_bytes());
        body.extend_from_slice(&cost.iterations.to_be_bytes());
        body.extend_from_slice(&cost.parallelism.to_be_bytes());
        body.extend_from_slice(&salt);
        let aad = aad(store, EnvelopeKind::Passphrase, &body);
        body.extend_from_slice(&aead::seal(&key, &aad, database_key.expose())?);
        self.put(EnvelopeKind::Passphrase, body)
    }

    /// Opens the passphrase envelope: memory u32 || iterations u32 || parallelism u32 || salt[16] || sealed key[60].
    ///
    /// # Errors
    /// `NoEnvelope`, `Malformed`, `Cost`, `PassphraseLength`, `DoesNotOpen`
    pub fn open_with_passphrase(
        &self,
        store: &StoreName,
        passphrase: &str,
    ) -> Result<Secret<32>, VaultKeyError> {
        let body = self.body(EnvelopeKind::Passphrase)?;
        let mut reader = Reader::new(body);
        let cost = Cost {
            memory_kib: reader.u32()?,
            iterations: reader.u32()?,
            parallelism: reader.u32()?,
        };
        let salt: [u8; 16] = reader.array()?;
        let sealed = reader.take(WRAPPED)?;
        reader.finish()?;
        let key = stretch(passphrase, &salt, cost)?;
        open(
            &key,
            &aad(store, EnvelopeKind::Passphrase, &body[..28]),
            sealed,
        )
    }

    /// Wraps the database key under a 32-byte key the shell keeps or gets from a passkey.
    ///
    /// # Errors
    /// `Full`, `NoRandomness`; `NoEnvelope` for the passphrase kind.
    pub fn wrap_with_key(
        &mut self,
        store: &StoreName,
        kind: EnvelopeKind,
        key: &Secret<32>,
        database_key: &Secret<32>,
    ) -> Result<(), VaultKeyError> {
        let body = aead::seal(
            &wrapping_key(kind, key)?,
            &aad(store, kind, b""),
            database_key.expose(),
        )?;
        self.put(kind, body)
    }

    /// # Errors
    /// `NoEnvelope`, `DoesNotOpen`
    pub fn open_with_key(
        &self,
        store: &StoreName,
        kind: EnvelopeKind,
        key: &Secret<32>,
    ) -> Result<Secret<32>, VaultKeyError> {
        open(
            &wrapping_key(kind, key)?,
            &aad(store, kind, b""),
            self.body(kind)?,
        )
    }

    fn body(&self, kind: EnvelopeKind) -> Result<&[u8], VaultKeyError> {
        let found = self.0.iter().find(|(other, _)| *other == kind.byte());
        found
            .map(|(_, body)| body.as_slice())
            .ok_or(VaultKeyError::NoEnvelope)
    }

    fn put(&mut self, kind: EnvelopeKind, body: Vec<u8>) -> Result<(), VaultKeyError> {
        if self.0.len() >= ENVELOPES_MAX && !self.has(kind) {
            return Err(VaultKeyError::Full);
        }
        self.remove(kind);
        self.0.push((kind.byte(), body));
        Ok(())
    }
}

/// `SC1/vault-key` || version || kind || fp[32] || device id[16] || parameters
fn aad(store: &StoreName, kind: EnvelopeKind, parameters: &[u8]) -> Vec<u8> {
    let header = [VERSION, kind.byte()];
    [
        b"SC1/vault-key",
        header.as_slice(),
        store.account.as_bytes(),
        store.device.as_bytes(),
        parameters,
    ]
    .concat()
}

/// Only a key of full strength comes here: HKDF-SHA-256(salt empty, key, `SC1/vault-kek` || kind).
fn wrapping_key(kind: EnvelopeKind, key: &Secret<32>) -> Result<Secret<32>, VaultKeyError> {
    match kind {
        EnvelopeKind::Passphrase => Err(VaultKeyError::NoEnvelope),
        EnvelopeKind::Remember | EnvelopeKind::Prf => Ok(hkdf_sha256(
            b"",
            key.expose(),
            &[b"SC1/vault-kek", &[kind.byte()]],
        )),
    }
}

fn stretch(passphrase: &str, salt: &[u8; 16], cost: Cost) -> Result<Secret<32>, VaultKeyError> {
    if !(1..=PASSPHRASE_CHARS_MAX).contains(&passphrase.chars().count()) {
        return Err(VaultKeyError::PassphraseLength);
    }
    if !cost.is_acceptable() {
        return Err(VaultKeyError::Cost);
    }
    let parameters = Params::new(cost.memory_kib, cost.iterations, cost.parallelism, Some(32))
        .map_err(|_| VaultKeyError::Cost)?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(passphrase.as_bytes(), salt, &mut key)
        .map_err(|_| VaultKeyError::Cost)?;
    Ok(Secret::take(&mut key))
}

fn open(key: &Secret<32>, aad: &[u8], sealed: &[u8]) -> Result<Secret<32>, VaultKeyError> {
    let opened = aead::open(key, aad, sealed).ok_or(VaultKeyError::DoesNotOpen)?;
    Secret::from_slice(&opened).ok_or(VaultKeyError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: StoreName = StoreName {
        account: Fingerprint([1; 32]),
        device: DeviceId([2; 16]),
    };
    const CHEAP: Cost = Cost {
        memory_kib: Cost::MEMORY_KIB_MIN,
        iterations: 1,
        parallelism: 1,
    };

    fn list() -> (EnvelopeList, Secret<32>) {
        let key = Secret::take(&mut [9; 32]);
        let mut list = EnvelopeList::default();
        list.wrap_with_passphrase(&STORE, "open sesame", CHEAP, &key)
            .unwrap();
        list.wrap_with_key(
            &STORE,
            EnvelopeKind::Remember,
            &Secret::take(&mut [5; 32]),
            &key,
        )
        .unwrap();
        (list, key)
    }

    #[test]
    fn every_envelope_opens_the_same_key() {
        let (list, key) = list();
        let list = EnvelopeList::decode(&list.encode()).unwrap();
        assert!(list.open_with_passphrase(&STORE, "open sesame").unwrap() == key);
        assert!(
            list.open_with_key(&STORE, EnvelopeKind::Remember, &Secret::take(&mut [5; 32]))
                .unwrap()
                == key
        );
    }

    #[test]
    fn wrong_secrets_stores_kinds_and_parameters_do_not_open() {
        let (list, _) = list();
        let refused = |result: Result<Secret<32>, VaultKeyError>| result.err();
        assert_eq!(
            refused(list.open_with_passphrase(&STORE, "open sesam")),
            Some(VaultKeyError::DoesNotOpen)
        );
        let other = StoreName {
            device: DeviceId([3; 16]),
            ..STORE
        };
        assert_eq!(
            refused(list.open_with_passphrase(&other, "open sesame")),
            Some(VaultKeyError::DoesNotOpen)
        );
        let other = StoreName {
            account: Fingerprint([3; 32]),
            ..STORE
        };
        assert_eq!(
            refused(list.open_with_passphrase(&other, "open sesame")),
            Some(VaultKeyError::DoesNotOpen)
        );
        let key = Secret::take(&mut [5; 32]);
        assert_eq!(
            refused(list.open_with_key(&STORE, EnvelopeKind::Prf, &key)),
            Some(VaultKeyError::NoEnvelope)
        );
        assert_eq!(
            refused(list.open_with_key(&STORE, EnvelopeKind::Passphrase, &key)),
            Some(VaultKeyError::NoEnvelope)
        );
        let mut moved = list.clone();
        let remembered = moved.0[1].1.clone();
        moved.0.push((EnvelopeKind::Prf.byte(), remembered));
        assert_eq!(
            refused(moved.open_with_key(&STORE, EnvelopeKind::Prf, &key)),
            Some(VaultKeyError::DoesNotOpen)
        );
        let mut costly = list.clone();
        costly.0[0].1[..4].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(
            refused(costly.open_with_passphrase(&STORE, "open sesame")),
            Some(VaultKeyError::Cost)
        );
        let mut cut = list;
        cut.0[0].1.pop();
        assert_eq!(
            refused(cut.open_with_passphrase(&STORE, "open sesame")),
            Some(VaultKeyError::Malformed)
        );
    }

    #[test]
    fn passphrases_can_be_changed_and_removed_and_are_bounded() {
        let (mut list, key) = list();
        list.wrap_with_passphrase(&STORE, "another one", CHEAP, &key)
            .unwrap();
        assert!(list.open_with_passphrase(&STORE, "open sesame").is_err());
        assert!(list.open_with_passphrase(&STORE, "another one").is_ok());
        list.remove(EnvelopeKind::Passphrase);
        assert!(!list.has(EnvelopeKind::Passphrase) && list.has(EnvelopeKind::Remember));
        for (bad, cost, error) in [
            ("", CHEAP, VaultKeyError::PassphraseLength),
            (&*"x".repeat(257), CHEAP, VaultKeyError::PassphraseLength),
            (
                "fine",
                Cost {
                    memory_kib: 1024,
                    ..CHEAP
                },
                VaultKeyError::Cost,
            ),
            (
                "fine",
                Cost {
                    iterations: 0,
                    ..CHEAP
                },
                VaultKeyError::Cost,
            ),
        ] {
            assert_eq!(
                list.wrap_with_passphrase(&STORE, bad, cost, &key),
                Err(error)
            );
        }
    }

    #[test]
    fn unknown_kinds_survive_and_bad_lists_are_refused() {
        let later = [1, 2, 200, 0, 1, 7, 1, 0, 0];
        assert_eq!(EnvelopeList::decode(&later).unwrap().encode(), later);
        for bad in [
            &[2, 0][..],
            &[1, 1],
            &[1, 9],
            &[1, 0, 0],
            &[1, 2, 5, 0, 0, 5, 0, 0],
            &[1, 1, 5, 255, 255],
        ] {
            assert_eq!(
                EnvelopeList::decode(bad),
                Err(VaultKeyError::Malformed),
                "{bad:?}"
            );
        }
        let mut full = EnvelopeList((10..18).map(|kind| (kind, Vec::new())).collect());
        let key = Secret::take(&mut [5; 32]);
        assert_eq!(
            full.wrap_with_key(&STORE, EnvelopeKind::Prf, &key, &key),
            Err(VaultKeyError::Full)
        );
    }
}
